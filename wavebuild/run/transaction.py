"""The files of one attempt: former outputs set aside, put back after a failure, let go after a success.

It does not know why the step runs, nor what is recorded; it may be killed between any two
lines, and ``put_back`` or ``conclude`` then finish what was begun.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable

from wavebuild import disk
from wavebuild.declare.model import Artifact, Kind
from wavebuild.errors import Place
from wavebuild.judge.members import Folders, members
from wavebuild.run.records import Attempt

ASIDE = ".wavebuild/aside"
FAILED = ".wavebuild/failed"
DISPLACED = ".wavebuild/displaced"


def plan_aside(attempt: str, paths: Iterable[str]) -> dict[str, str]:
    """Where each member goes meanwhile."""
    return {path: f"{ASIDE}/{attempt}/{number}" for number, path in enumerate(paths)}


def plan_displaced(run: str, paths: Iterable[str]) -> dict[str, str]:
    return {path: f"{DISPLACED}/{run}/{path}" for path in paths}


def covered(attempt: Attempt) -> list[Artifact]:
    """The outputs of the attempt's step, as they were when it began."""
    nowhere = Place(attempt.step)
    return [Artifact(Kind(kind), path, nowhere, exclude=exclude) for kind, path, exclude in attempt.covers]


def set_aside(root: str, attempt: Attempt) -> None:
    """Moves the former outputs out of the way, copies bystanders, and makes the folders of the outputs."""
    folder = os.path.join(root, ASIDE, attempt.id)
    if attempt.aside or attempt.bystanders:
        disk.make_folder(folder)
    for path, copy in attempt.bystanders.items():
        disk.copy(_at(root, path), _at(root, copy))
    for path, there in attempt.aside.items():
        disk.move(_at(root, path), _at(root, there))
    for artifact in covered(attempt):
        if artifact.kind is Kind.DIRECTORY:
            _remove_emptied(_at(root, artifact.path))
    make_folders(root, covered(attempt))


def make_folders(root: str, outputs: Iterable[Artifact]) -> None:
    """The folders of outputs exist when a step starts."""
    for artifact in outputs:
        match artifact.kind:
            case Kind.DIRECTORY:
                disk.make_folder(_at(root, artifact.path))
            case Kind.FILE:
                folder = os.path.dirname(artifact.path)
                if folder:
                    disk.make_folder(_at(root, folder))
            case Kind.GLOB:
                fixed = artifact.path.split("/")[:-1]
                wild = next((n for n, part in enumerate(fixed) if any(sign in part for sign in "*?[")), len(fixed))
                if wild:
                    disk.make_folder(_at(root, "/".join(fixed[:wild])))
            case Kind.STEP | Kind.ENV:
                pass


def partial_outputs(folders: Folders, attempt: Attempt) -> list[str]:
    """What the attempt left at its outputs: everything there that was neither set aside nor stood by unchanged."""
    found = {path for artifact in covered(attempt) for path in members(folders, artifact)}
    left = []
    for path in sorted(found):
        if path in attempt.aside and not os.path.lexists(_at(folders.root, attempt.aside[path])):
            continue  # not moved yet, or back already: this is the former output itself
        if path in attempt.bystanders and not bystander_changed(folders.root, attempt, path):
            continue
        left.append(path)
    return left


def bystander_changed(root: str, attempt: Attempt, path: str) -> bool:
    """Whether a file that was only standing by is no longer what it was."""
    here, copy = _at(root, path), _at(root, attempt.bystanders[path])
    if not os.path.lexists(copy):
        return False
    if not os.path.isfile(here) or os.path.islink(here) != os.path.islink(copy):
        return True
    return disk.sha256(here)[0] != disk.sha256(copy)[0]


def move_partial(folders: Folders, attempt: Attempt) -> list[str]:
    """Moves what a failed attempt left to the failed folder, for a person to look at; what was moved."""
    left = partial_outputs(folders, attempt)
    if left:
        keep = f"{FAILED}/{attempt.step}"
        disk.remove_tree(_at(folders.root, keep))
        for path in left:
            disk.move(_at(folders.root, path), _at(folders.root, f"{keep}/{path.rstrip('/')}"))
    for path, copy in attempt.bystanders.items():
        if bystander_changed(folders.root, attempt, path):
            _clear_way(folders.root, attempt, path)
            disk.copy(_at(folders.root, copy), _at(folders.root, path))
    former = {
        _at(folders.root, path)
        for path, there in attempt.aside.items()
        if not os.path.lexists(_at(folders.root, there))  # not moved yet, or back already
    }
    for artifact in covered(attempt):
        if artifact.kind is Kind.DIRECTORY:
            _remove_emptied(_at(folders.root, artifact.path), former)
    return left


def put_back(folders: Folders, attempt: Attempt) -> list[str]:
    """After a failure, or a kill: the former outputs stand again, with their times; what partial ones were moved."""
    root = folders.root
    left = move_partial(folders, attempt)
    for path, there in attempt.aside.items():
        if os.path.lexists(_at(root, there)):
            _clear_way(root, attempt, path)
            disk.move(_at(root, there), _at(root, path))
    disk.remove_tree(_at(root, f"{ASIDE}/{attempt.id}"))
    for artifact in covered(attempt):
        if artifact.kind is Kind.DIRECTORY:
            _remove_if_empty(_at(root, artifact.path))
    return left


def conclude(root: str, attempt: Attempt) -> None:
    """After a recorded success: edited bytes go to the displaced folder, all else that was set aside is let go."""
    for path, there in attempt.displaced.items():
        source = attempt.aside.get(path) or attempt.bystanders.get(path, "")
        if source and os.path.lexists(_at(root, source)):
            disk.move(_at(root, source), _at(root, there))
    for path, copy in attempt.bystanders.items():
        if not os.path.lexists(_at(root, path)) and os.path.lexists(_at(root, copy)):
            _clear_way(root, attempt, path)
            disk.move(_at(root, copy), _at(root, path))
        elif bystander_changed(root, attempt, path):
            disk.move(_at(root, copy), _at(root, f"{DISPLACED}/{attempt.run}/{path}"))
    disk.remove_tree(_at(root, f"{ASIDE}/{attempt.id}"))


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
            there = _at(root, f"{FAILED}/{attempt.step}/{above}")
            disk.remove_tree(there)
            disk.move(_at(root, above), there)
            return


def _at(root: str, path: str) -> str:
    return os.path.join(root, path.rstrip("/"))


def _remove_emptied(top: str, keep: Container[str] = ()) -> None:
    """Removes the empty folders below a folder, but those to keep; the folder itself stays."""
    if not os.path.isdir(top) or os.path.islink(top):
        return
    for entry in disk.entries(top):
        if entry.is_dir(follow_symlinks=False):
            _remove_emptied(entry.path, keep)
            if entry.path not in keep:
                _remove_if_empty(entry.path)


def _remove_if_empty(folder: str) -> None:
    if os.path.isdir(folder) and not os.path.islink(folder) and not disk.entries(folder):
        disk.remove(folder)
