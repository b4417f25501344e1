"""Where things lie in ``.wavebuild``, the folder of a root's state.

It does not know what is in them. All paths are absolute.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from wavebuild import disk
from wavebuild.errors import Place, WavebuildError, mistake


@dataclass(frozen=True, slots=True)
class Layout:
    """``root``: the folder of the Wavefile. ``file``: the Wavefile's name, which has a state of its own."""

    root: str
    file: str

    @property
    def home(self) -> str:
        return f"{self.root}/.wavebuild"

    @property
    def state(self) -> str:
        return f"{self.home}/state/{self._name}.db"

    def others(self) -> list[str]:
        """The states of the other Wavefiles of this root."""
        folder = f"{self.home}/state"
        names = [entry.name for entry in disk.entries(folder) if entry.name.endswith(".db")]
        return [path for name in names if (path := f"{folder}/{name}") != self.state]

    @property
    def settled(self) -> str:
        return f"{self.home}/state/{self._name}.settled"

    @property
    def contents(self) -> str:
        return f"{self.home}/state/{self._name}.contents"

    def remembered(self) -> tuple[str, ...]:
        """All files that hold what is remembered under this Wavefile."""
        return (self.state, f"{self.state}-wal", f"{self.state}-shm", self.settled, self.contents)

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
        return self.file.replace("/", "%")

    def prepare(self) -> None:
        """Makes the folder, which ignores itself in git."""
        disk.make_folder(self.home)
        ignore = f"{self.home}/.gitignore"
        if not os.path.exists(ignore):
            disk.write_atomic(ignore, b"*\n")


def unwritable(what: str, path: str, error: OSError) -> WavebuildError:
    """The message for a place of the state that the system does not let us use: whose it is, and what helps."""
    remedy = ""
    if error.errno in (errno.EACCES, errno.EPERM):
        there = _first_there(path)
        way_out = "take it over with `chown -R`"
        if not os.path.isdir(there):
            way_out = "take it over with `chown`, or, while nobody builds, remove it: at most, steps run again"
        remedy = f"{there} belongs to {_owner(there)}: {way_out}"
    return mistake("unwritable", f"{what}: {error.strerror}", Place(path), remedy, exit_code=1)


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
