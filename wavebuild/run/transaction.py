"""The files of one attempt: former outputs set aside, put back after a failure, let go after a success.

It does not know why the step runs, nor what is recorded; it may be killed between any two
lines, and ``put_back`` or ``conclude`` then finish what was begun.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Container, Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from wavebuild import disk
from wavebuild.declare.model import Artifact, Kind
from wavebuild.errors import Place
from wavebuild.graph import covers, excluded
from wavebuild.graph import fixed_folder as fixed_folder
from wavebuild.judge.members import Folders, made_members
from wavebuild.later import Later
from wavebuild.run.records import Attempt

if TYPE_CHECKING:
    from wavebuild.run import sandbox
else:
    sandbox = Later("wavebuild.run.sandbox")  # few steps run in one

ASIDE = ".wavebuild/aside"
FAILED = ".wavebuild/failed"
DISPLACED = ".wavebuild/displaced"
OUTSIDE = ".wavebuild/outside"
"""In a folder of `settings.outside`: where its members are set aside, on their own disk. Gone with the attempt."""

BESIDE = "~outside"
"""What the folders are called, beside those for the root's own, that keep what lay out of it: no run, no step is."""

FAILURES_KEPT = 4
"""How many earlier failures of a step have what they left kept beside that of the last, as STEP~1 …"""


class Room(Struct, frozen=True):
    """Where an attempt sets things aside: in the root, and in each folder out of it for what lies there."""

    root: str
    outside: tuple[str, ...]
    attempt: str

    def plan(self, paths: Collection[str], kind: str = "") -> dict[str, str]:
        """Where each member goes meanwhile, or its copy; ``kind``: a letter for each sort of things."""
        return {path: f"{self._of(path)}/{kind}{number}" for number, path in enumerate(paths)} if paths else {}

    def _of(self, path: str) -> str:
        top = top_of(path, self.root, self.outside)
        return f"{ASIDE}/{self.attempt}" if top == self.root else f"{room_in(top, self.root)}/{self.attempt}"


def top_of(path: str, root: str, outside: Iterable[str]) -> str:
    """The folder that a member belongs to: the root, or the outermost one of those out of it."""
    if not os.path.isabs(path):
        return root
    return min((folder for folder in outside if path.startswith(f"{folder}/")), key=len, default=root)


def room_in(folder: str, root: str) -> str:
    """Where the members of one root are set aside in a folder out of it."""
    return f"{folder}/{OUTSIDE}/{disk.name_of(root)}"


def folders_of(folders: Folders, artifact: Artifact) -> list[str]:
    """A directory output and the folders in it, as far as they may hold members."""
    if artifact.kind is not Kind.DIRECTORY or not os.path.isdir(_at(folders.root, artifact.path)):
        return []
    found = [artifact.path]
    for folder in found:  # it grows as we go
        for path, entry in folders.entries(folder):
            if entry.is_dir(follow_symlinks=False) and not excluded(artifact.exclude, f"{path}/any"):
                found.append(path)
    return found


def empty_folders(attempt: Attempt) -> dict[str, str]:
    """Those of the folders of what is edited in place that nothing was in, as members, and where their copies lie."""
    holding = {os.path.dirname(path) for path in (*attempt.copied, *attempt.bystanders, *attempt.folders)}
    empty = attempt.folders.keys() - holding - set(attempt.in_place)
    return {f"{folder}/": attempt.folders[folder] for folder in empty}


def plan_displaced(run: str, paths: Iterable[str]) -> dict[str, str]:
    return {path: _in(f"{DISPLACED}/{run}", path) for path in paths}


def _in(folder: str, path: str) -> str:
    """Where a file of a person is kept: under its path, apart from those of the root if it lies out of it."""
    return f"{folder}{BESIDE}{path}" if os.path.isabs(path) else f"{folder}/{path}"


def covered(attempt: Attempt) -> list[Artifact]:
    """The outputs that the attempt may have touched, as they were declared when it began."""
    return [] if attempt.sandbox and not attempt.enters else _declared(attempt)


def _declared(attempt: Attempt) -> list[Artifact]:
    nowhere = Place(attempt.step)
    return [Artifact(Kind(kind), path, nowhere, exclude=exclude) for kind, path, exclude in attempt.covers]


def set_aside(root: str, attempt: Attempt) -> None:
    """Moves the former outputs out of the way, copies bystanders and what is edited in place, and makes the
    folders of the outputs."""
    outputs = covered(attempt)
    if attempt.holds_files:
        disk.make_folder(os.path.join(root, ASIDE, attempt.id))
    for path, copy in (attempt.bystanders | attempt.copied | attempt.folders).items():
        disk.copy(_at(root, path), _at(root, copy))
    for path, there in attempt.aside.items():
        disk.move(_at(root, path), _at(root, there))
    for artifact in outputs:
        if artifact.kind is Kind.DIRECTORY and artifact.path not in attempt.in_place:
            _remove_emptied(root, artifact)
    make_folders(root, outputs)


def swap_in(root: str, attempt: Attempt, made: Mapping[str, str]) -> None:
    """What a sandboxed step made takes the place of its former outputs; ``made``: member → where it lies."""
    set_aside(root, attempt)
    for path, there in made.items():
        if path.endswith("/"):
            disk.make_folder(_at(root, path))
        else:
            disk.move(there, _at(root, path))
    folders = {os.path.dirname(path.rstrip("/")): os.path.dirname(there) for path, there in made.items()}
    folders |= {path.rstrip("/"): there for path, there in made.items() if path.endswith("/")}
    for artifact in covered(attempt):
        if artifact.kind is Kind.DIRECTORY:
            for path, there in folders.items():
                if f"{path}/".startswith(f"{artifact.path}/"):
                    disk.take_mode(_at(root, path), there)


def make_folders(root: str, outputs: Iterable[Artifact]) -> None:
    """The folders of outputs exist when a step starts."""
    for artifact in outputs:
        if artifact.covers_files:
            disk.make_folder(_at(root, fixed_folder(artifact)))


def partial_outputs(folders: Folders, attempt: Attempt) -> list[str]:
    """What the attempt left at its outputs: everything there that was neither set aside nor stood by unchanged."""
    found = {path for artifact in covered(attempt) for path in made_members(folders, artifact)}
    left = []
    for path in sorted(found):
        if path in attempt.aside and not os.path.lexists(_at(folders.root, attempt.aside[path])):
            continue  # not moved yet, or back already: this is the former output itself
        if path in attempt.bystanders and not bystander_changed(folders.root, attempt, path):
            continue
        if path in attempt.copied and not _edited(folders.root, attempt, path):
            continue
        if path.rstrip("/") in attempt.folders:
            continue
        left.append(path)
    return left


def bystander_changed(root: str, attempt: Attempt, path: str) -> bool:
    """Whether a file that was only standing by is no longer what it was."""
    here, copy = _at(root, path), _at(root, attempt.bystanders[path])
    return os.path.lexists(copy) and not _says_the_same(here, copy)


def _edited(root: str, attempt: Attempt, path: str) -> bool:
    """Whether a member that is edited in place is no longer what it was, its times and mode included."""
    here, copy = _at(root, path), _at(root, attempt.copied[path])
    was, now = disk.look(copy), disk.look(here)
    if was is None:
        return False  # not copied yet, and so not touched; or back already
    if now is None or (was.st_mode, was.st_size, was.st_mtime_ns) != (now.st_mode, now.st_size, now.st_mtime_ns):
        return True
    return not _says_the_same(here, copy)


def _says_the_same(here: str, copy: str) -> bool:
    if os.path.islink(here) or os.path.islink(copy):
        return os.path.islink(here) and os.path.islink(copy) and disk.read_link(here) == disk.read_link(copy)
    return os.path.isfile(here) and disk.sha256(here)[0] == disk.sha256(copy)[0]


def move_partial(folders: Folders, attempt: Attempt) -> list[str]:
    """Moves what a failed attempt left to the failed folder, for a person to look at; what was moved.

    A file that it shares with others goes there, too: a person may have edited it meanwhile. What is edited in place
    is as it was before the attempt: for a further try, or for good.
    """
    edited = [path for path in attempt.copied if _edited(folders.root, attempt, path)]
    ours = covered(attempt)
    shared = [path for path in edited if not any(covers(artifact, path) for artifact in ours)]
    left = partial_outputs(folders, attempt)
    kept = {path: _at(folders.root, path) for path in (*left, *shared) if os.path.lexists(_at(folders.root, path))}
    keep_failed(folders.root, attempt.step, kept)
    for path, copy in attempt.bystanders.items():
        if bystander_changed(folders.root, attempt, path):
            _clear_way(folders.root, attempt, path)
            disk.copy(_at(folders.root, copy), _at(folders.root, path))
    for path in edited:
        _clear_way(folders.root, attempt, path)
        disk.copy(_at(folders.root, attempt.copied[path]), _at(folders.root, path))
    former = {
        _at(folders.root, path)
        for path, there in attempt.aside.items()
        if not os.path.lexists(_at(folders.root, there))  # not moved yet, or back already
    } | {_at(folders.root, path) for path in attempt.folders}
    for artifact in covered(attempt):
        if artifact.kind is Kind.DIRECTORY:
            _remove_emptied(folders.root, artifact, former)
    _restore_folders(folders.root, attempt)
    return [*left, *shared]


def _restore_folders(root: str, attempt: Attempt) -> None:
    """The folders of what is edited in place, with their modes and times, the deepest first."""
    for path, there in sorted(attempt.folders.items(), reverse=True):
        if os.path.isdir(_at(root, there)):
            if not os.path.isdir(_at(root, path)):
                _clear_way(root, attempt, path)
            disk.copy(_at(root, there), _at(root, path))


def put_back(folders: Folders, attempt: Attempt) -> list[str]:
    """After a failure, or a kill: the former outputs stand again, with their times; what partial ones were moved."""
    root = folders.root
    _require_rooms(attempt)
    if attempt.sandbox and not attempt.enters:
        return _leave_sandbox(folders, attempt)
    left = move_partial(folders, attempt)
    for path, there in attempt.aside.items():
        if os.path.lexists(_at(root, there)):
            _clear_way(root, attempt, path)
            disk.move(_at(root, there), _at(root, path))
    _leave_rooms(root, attempt)
    for artifact in covered(attempt):
        if artifact.kind is Kind.DIRECTORY and artifact.path not in attempt.folders:
            _remove_if_empty(_at(root, artifact.path))
    return left


def _leave_sandbox(folders: Folders, attempt: Attempt) -> list[str]:
    """A sandboxed step that has not come to its end has touched nothing; what it made so far is kept a while."""
    private = sandbox.known_folder(folders.root, attempt.sandbox)
    made = sandbox.made_in(private, _declared(attempt), folders.ignore)
    keep_failed(folders.root, attempt.step, made)
    sandbox.remove(private)
    return sorted(made)


def keep_failed(root: str, step: str, made: Mapping[str, str]) -> None:
    """What a failed attempt left goes to the failed folder; ``made``: member → where it lies, absolute."""
    keep = f"{FAILED}/{step}"
    if made:
        for folder in (keep, keep + BESIDE):
            _make_room(_at(root, folder))
        for path in sorted(made):
            disk.move(made[path], _at(root, _in(keep, path)))


def conclude(root: str, attempt: Attempt) -> None:
    """After a recorded success: edited bytes go to the displaced folder, all else that was set aside is let go."""
    _require_rooms(attempt)
    for path, there in attempt.displaced.items():
        source = attempt.aside.get(path) or attempt.copied.get(path) or attempt.bystanders.get(path, "")
        if source and os.path.lexists(_at(root, source)):
            disk.move(_at(root, source), _at(root, there))
    for path, copy in attempt.bystanders.items():
        if not os.path.lexists(_at(root, path)) and os.path.lexists(_at(root, copy)):
            _clear_way(root, attempt, path)
            disk.move(_at(root, copy), _at(root, path))
        elif bystander_changed(root, attempt, path):
            disk.move(_at(root, copy), _at(root, _in(f"{DISPLACED}/{attempt.run}", path)))
    _leave_rooms(root, attempt)


def _rooms(attempt: Attempt) -> set[str]:
    """The folders out of the root in which an attempt has set things aside."""
    planned = (attempt.aside, attempt.bystanders, attempt.copied, attempt.folders)
    return {os.path.dirname(there) for paths in planned for there in paths.values() if os.path.isabs(there)}


def _top_of_room(room: str) -> str:
    return room.rpartition(f"/{OUTSIDE}/")[0]


def _require_rooms(attempt: Attempt) -> None:
    """A disk that is away for the moment: nothing of it is given up."""
    for room in sorted(_rooms(attempt)):
        if not os.path.isdir(top := _top_of_room(room)):
            raise OSError(errno.ENOENT, "it is not there; if it is gone for good, make an empty folder", top)


def _leave_rooms(root: str, attempt: Attempt) -> None:
    if attempt.sandbox:
        sandbox.remove(sandbox.known_folder(root, attempt.sandbox))
    disk.remove_tree(_at(root, f"{ASIDE}/{attempt.id}"))
    for room in _rooms(attempt):
        disk.remove_tree(room)
        disk.remove_empty_folders(os.path.dirname(room), _top_of_room(room))


def _clear_way(root: str, attempt: Attempt, path: str) -> None:
    """What a step left where a former file must stand again goes to the failed folder: a folder in a file's
    place, or a file where there was a folder."""
    parts = path.rstrip("/").split("/")
    for end in range(1, len(parts) + 1):
        above = "/".join(parts[:end])
        status = disk.look(_at(root, above))
        if status is None:
            return
        if end == len(parts) or not os.path.isdir(_at(root, above)):
            there = _at(root, _in(f"{FAILED}/{attempt.step}", above))
            disk.remove_tree(there)
            disk.move(_at(root, above), there)
            return


def _at(root: str, path: str) -> str:
    return os.path.join(root, path.rstrip("/")) if path else root


def _make_room(keep: str) -> None:
    """What earlier failures left is kept a while: a person's file may have got among it."""
    disk.remove_tree(f"{keep}~{FAILURES_KEPT}")
    for number in range(FAILURES_KEPT - 1, -1, -1):
        older = f"{keep}~{number}" if number else keep
        if os.path.lexists(older):
            disk.move(older, f"{keep}~{number + 1}")


def one_older(keep: str) -> str:
    """Where a folder of the failed one goes when a later failure leaves something; "" if it goes for good."""
    newest, _, number = keep.partition("~")
    return f"{newest}~{int(number or 0) + 1}" if int(number or 0) < FAILURES_KEPT else ""


def _remove_emptied(root: str, artifact: Artifact, keep: Container[str] = ()) -> None:
    """Removes the empty folders below an output directory, but those to keep and those that are not of it."""
    top = _at(root, artifact.path)

    def empty(folder: str) -> None:
        if not os.path.isdir(folder) or os.path.islink(folder):
            return
        for entry in disk.entries(folder):
            below = artifact.path + entry.path[len(top) :]
            if entry.is_dir(follow_symlinks=False) and not excluded(artifact.exclude, f"{below}/any"):
                empty(entry.path)
                if entry.path not in keep:
                    _remove_if_empty(entry.path)

    empty(top)


def _remove_if_empty(folder: str) -> None:
    if os.path.isdir(folder) and not os.path.islink(folder) and not disk.entries(folder):
        disk.remove(folder)
