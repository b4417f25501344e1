"""Where things lie in ``.wavebuild``, the folder of a root's state; what is remembered may lie elsewhere.

It does not know what is in them. All paths are absolute.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping

from msgspec import Struct

from wavebuild import disk
from wavebuild.errors import Place, WavebuildError, mistake
from wavebuild.store.places import STATE_VARIABLE, chosen_in, home_of, of_root, state_folder, stem_of

_LONGEST_NOTE = 1 << 20


class Layout(Struct, frozen=True):
    """``root``: the folder of the Wavefile. ``file``: the Wavefile's name, which has a state of its own.

    ``chosen``: the folder that a person has chosen for the states of their projects; "" for ``.wavebuild``.
    ``network``: the kind of network file system that the root lies on, where nobody has chosen.
    """

    root: str
    file: str
    chosen: str = ""
    network: str = ""

    @property
    def home(self) -> str:
        return home_of(self.root)

    @property
    def folder(self) -> str:
        """Where what is remembered lies."""
        return state_folder(self.root, self.chosen)

    @property
    def _usual(self) -> str:
        return state_folder(self.root, "")

    @property
    def state(self) -> str:
        return f"{self.folder}/{self._name}.db"

    def said(self) -> str:
        """Where the state lies, for whoever begins one in no usual place; "" if there is nothing to say."""
        if not self.network:
            return f"state in {self.folder}" if self.chosen else ""
        if self.chosen:
            return f"state in {self.folder}: the project lies on a network file system ({self.network})"
        return (
            f"the project lies on a network file system ({self.network}), and so does its state: "
            f"{STATE_VARIABLE}=FOLDER keeps it on a disk of this machine"
        )

    def others(self) -> list[str]:
        """The other states in which attempts of this root may be on record: of its other Wavefiles, and where the
        state lay before."""
        folders = dict.fromkeys((self._usual, self.folder, *filter(self._is_ours, self._noted())))
        found = (f"{folder}/{entry.name}" for folder in folders for entry in disk.entries(folder))
        return [path for path in found if path.endswith(".db") and path != self.state]

    @property
    def settled(self) -> str:
        return f"{self.folder}/{self._name}.settled"

    @property
    def kept(self) -> str:
        """The Wavefile as it was last loaded and linked."""
        return f"{self.folder}/{self._name}.kept"

    @property
    def watcher(self) -> str:
        """Held by whoever watches the project."""
        return f"{self.folder}/{self._name}.watcher"

    @property
    def contents(self) -> str:
        return f"{self.folder}/{self._name}.contents"

    @property
    def _places(self) -> str:
        return f"{self.home}/states"

    def _noted(self) -> list[str]:
        """The folders out of ``.wavebuild`` in which something may have been begun for this root."""
        if disk.look(self._places) is None:
            return []
        return [place for place in os.fsdecode(disk.read_regular(self._places, _LONGEST_NOTE)).split("\0") if place]

    def note(self) -> None:
        """Notes where the state lies before anything is begun: whoever comes next finds what was cut off."""
        noted = self._noted()
        if self.chosen and self.folder not in noted:
            self._write_noted([*noted, self.folder])

    def let_go(self) -> None:
        """Nothing is open in any other place."""
        if self._noted() not in ([], [self.folder]):
            self._write_noted([self.folder] if self.chosen else [])

    def out_of_reach(self) -> str:
        """A place where something may be open that cannot be looked into; "" if there is none."""
        places = (place for place in self._noted() if place != self.folder)
        return next((place for place in places if not (self._is_ours(place) and os.path.isdir(place))), "")

    def _is_ours(self, place: str) -> bool:
        """Not so where the root was moved, or is a copy: what is open there may be the work of another root."""
        return place == of_root(os.path.dirname(place), self.root)

    def _write_noted(self, places: list[str]) -> None:
        disk.write_atomic(self._places, b"\0".join(map(os.fsencode, places)))

    def remembered(self) -> tuple[str, ...]:
        """All files that hold what is remembered under this Wavefile."""
        return (
            self.state,
            f"{self.state}-wal",
            f"{self.state}-shm",
            self.settled,
            self.kept,
            self.contents,
            self.claims,
        )

    @property
    def claims(self) -> str:
        """The second record of what was made: beside the Wavefile wherever the state lies, and in no folder with it."""
        return f"{self.home}/claims/{self._name}"

    @property
    def lock(self) -> str:
        return f"{self.home}/lock"

    @property
    def frozen(self) -> str:
        """The steps that a person froze by hand."""
        return f"{self.home}/frozen"

    @property
    def groups(self) -> str:
        return f"{self.home}/groups"

    def logs(self, run: str) -> str:
        return f"{self.home}/logs/{run}"

    @property
    def _name(self) -> str:
        return stem_of(self.file)

    def half_written(self) -> list[str]:
        """What a killed build was writing, of the files that are written whole or not at all."""
        folders = (self.home, self.folder, f"{self.home}/claims", f"{self.home}/scratch")
        return [entry.path for each in folders for entry in disk.entries(each) if entry.name.endswith(disk.PART)]

    def prepare(self) -> None:
        """Makes the folder, which ignores itself in git, and that of the state."""
        disk.make_folder(self.home)
        ignore = f"{self.home}/.gitignore"
        there = disk.look_through(ignore)
        if there is None or there.st_size == 0:  # the latter: whoever made it was killed before it was written
            disk.write(ignore, b"*\n")
        disk.make_folder(self.folder)


def layout_in(root: str, file: str, environ: Mapping[str, str], setting: str | None = None) -> Layout:
    """The layout of a Wavefile; where the state lies is said by the caller's environment, else by the setting.

    The state of a project on a network file system goes to the caller's own machine.
    """
    return Layout(root, file, *chosen_in(root, environ, setting))


def refuse_unsafe(layout: Layout) -> None:
    """What is in the state makes us move files. So nobody may change it who may not change the project itself.

    Raises WavebuildError for a link, for a folder of somebody else, and for one that everybody may write to.
    """
    root = disk.look_through(layout.root)
    for folder in dict.fromkeys((layout.home, layout.folder)):
        status = disk.look(folder)
        if status is None or root is None:
            continue
        if stat.S_ISLNK(status.st_mode):
            remedy = f"remove the link; {STATE_VARIABLE}=FOLDER or `settings.state` keep the state in another place"
            raise mistake("unsafe-state", "the folder of the state is a link", Place(folder), remedy, exit_code=1)
        if os.geteuid() and status.st_uid not in (os.geteuid(), 0, root.st_uid):
            message = f"the folder of the state belongs to {_owner(folder)}, who could have files moved in your name"
            remedy = f"take it over with `chown -R`, or keep a state of your own: {STATE_VARIABLE}=FOLDER"
            raise mistake("unsafe-state", message, Place(folder), remedy, exit_code=1)
        if status.st_mode & stat.S_IWOTH and not root.st_mode & stat.S_IWOTH:
            message = "everybody may write to the folder of the state, and so have files moved in your name"
            raise mistake("unsafe-state", message, Place(folder), f"chmod o-w {folder}", exit_code=1)


UNWRITABLE = "unwritable"
"""The code of that problem: nothing of the project has been touched yet."""


def unwritable(what: str, path: str, error: OSError) -> WavebuildError:
    """The message for a place of the state that the system does not let us use: whose it is, and what helps."""
    remedy = ""
    if error.errno in (errno.EACCES, errno.EPERM):
        there = _first_there(path)
        way_out = "take it over with `chown -R`"
        if not os.path.isdir(there):
            way_out = "take it over with `chown`, or, while nobody builds, remove it: at most, steps run again"
        remedy = f"{there} belongs to {_owner(there)}: {way_out}"
    return mistake(UNWRITABLE, f"{what}: {error.strerror}", Place(path), remedy, exit_code=1)


def _first_there(path: str) -> str:
    """The path, or the nearest folder above it that exists."""
    while not os.path.lexists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


def _owner(path: str) -> str:
    import pwd

    number = os.lstat(path).st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
