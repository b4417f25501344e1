"""Which files an artifact has as members on the disk right now.

It does not know what is in them, nor which step reads them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator

from wavebuild import disk
from wavebuild.declare.model import Artifact, Digest, Kind
from wavebuild.errors import Place, mistake
from wavebuild.graph.patterns import excluded, is_wild, matches

NEVER_NAMES = frozenset({".wavebuild", ".git", "__pycache__", ".DS_Store", ".ipynb_checkpoints"})
SIDECARS = ("-wal", "-shm", "-journal")
_NEVER = re.compile(r".*\.pyc|.*~|\..*\.sw.")


class Folders:
    """Looks into folders below the root, and remembers which: they are evidence, as stamps of files are."""

    def __init__(self, root: str, ignore: tuple[str, ...] = ()) -> None:
        self.root = root
        self._top = f"{root.rstrip('/')}/"
        self.ignore = ignore
        self.visited: dict[str, os.stat_result | None] = {}  # what each folder was when it was first listed
        self.probed: set[str] = set()  # single files asked for

    def at(self, path: str) -> str:
        """Where a path is, absolute."""
        return path if path.startswith("/") else self._top + path if path else self.root

    def never(self, path: str) -> bool:
        """Whether a path is never a member: tools' own litter, and what ``settings.ignore`` names."""
        name = path.rsplit("/", 1)[-1]
        if name in NEVER_NAMES or _NEVER.fullmatch(name):
            return True
        return bool(self.ignore) and (excluded(self.ignore, path) or excluded(self.ignore, name))

    def note(self, folder: str) -> str:
        """Remembers what a folder is before it is looked into; its absolute path."""
        absolute = self.at(folder)
        if folder not in self.visited:
            self.visited[folder] = disk.look(absolute)
        return absolute

    def entries(self, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Path and entry of what lies in a folder (relative to the root), never-members left out."""
        try:
            found = disk.entries(self.note(folder))
        except OSError as error:
            shown = folder + "/" if folder else "the root"
            raise mistake("unreadable", f"cannot look into {shown}: {error.strerror}", Place(folder or ".")) from None
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not self.never(path):
                yield path, entry


def members(
    folders: Folders, artifact: Artifact, other: Callable[[str], bool] = lambda path: False, follow: bool = True
) -> list[str]:
    """The member paths of a file, directory or glob, by name; an empty folder ends in ``/``.

    ``other`` says which paths are no members for a reason of the caller's (orphans, own outputs).
    ``follow``: what lies behind a link to a folder is read; else the link itself is a member.
    """
    match artifact.kind:
        case Kind.FILE:
            folders.probed.add(artifact.path)
            found = [artifact.path] if os.path.lexists(folders.at(artifact.path)) else []
            if not found or not artifact.exclude:
                return found if found and not other(artifact.path) else []
        case Kind.DIRECTORY:
            found = list(_tree(folders, artifact.path, follow))
        case Kind.GLOB:
            found = list(_glob(folders, artifact.path, follow))
        case Kind.STEP | Kind.ENV | Kind.PROBE | Kind.MEM | Kind.LIST:
            return []
    beside = sidecars(found) if artifact.digest is Digest.SQLITE else ()
    return sorted(
        {
            path
            for path in found
            if path not in beside
            and not other(path)
            and not (artifact.exclude and excluded(artifact.exclude, path.rstrip("/")))
        }
    )


def sidecars(paths: Collection[str]) -> dict[str, str]:
    """Those that SQLite keeps beside a database while it is in use, and the database: part of it, and soon gone."""
    there = frozenset(paths)
    beside = (path for path in there if path.endswith(SIDECARS))
    return {path: base for path in beside if (base := path.rpartition("-")[0]) in there}


def made_members(folders: Folders, artifact: Artifact, other: Callable[[str], bool] = lambda path: False) -> list[str]:
    """The members of an output: what lies behind a link was not made here, the link was."""
    return members(folders, artifact, other, follow=False)


def _tree(folders: Folders, top: str, follow: bool) -> Iterator[str]:
    """Everything below a folder, hidden files and empty folders too; links are followed, but not in circles."""
    stack: list[tuple[str, tuple[tuple[int, int], ...]]] = [(top, (_identity(folders, top),))]
    while stack:
        folder, above = stack.pop()
        empty = True
        for path, entry in folders.entries(folder):
            empty = False
            if not _is_folder(entry, follow):
                yield path
                continue
            identity = _identity(folders, path)
            if identity not in above:
                stack.append((path, (*above, identity)))
        if empty and (folder != top) and os.path.isdir(os.path.join(folders.root, folder)):
            yield folder + "/"


def _is_folder(entry: os.DirEntry[str], follow: bool) -> bool:
    """Whether it is a folder or, if links are followed, leads to one; a link that leads to itself does not."""
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:
        return False


def _identity(folders: Folders, path: str) -> tuple[int, int]:
    status = disk.look_through(os.path.join(folders.root, path))
    return (status.st_dev, status.st_ino) if status else (0, 0)


def _glob(folders: Folders, pattern: str, follow: bool) -> Iterator[str]:
    parts = pattern.split("/")
    start = 1 if pattern.startswith("/") else 0
    yield from _below(folders, "/" if start else "", parts[start:], (), follow)


def _below(folders: Folders, folder: str, parts: list[str], above: tuple[str, ...], follow: bool) -> Iterator[str]:
    """Files below ``folder`` that match the parts; hidden ones only where a part names the dot."""
    first, rest = parts[0], parts[1:]
    if first == "**":
        if rest:
            yield from _below(folders, folder, rest, above, follow)
        for path, entry in list(folders.entries(folder)):
            if entry.name.startswith("."):
                continue
            if _is_folder(entry, follow):
                real = os.path.realpath(os.path.join(folders.root, path))
                if real not in above:
                    yield from _below(folders, path, parts, (*above, real), follow)
            elif not rest:
                yield path
        return
    if not is_wild(first):
        path = f"{folder.rstrip('/')}/{first}" if folder else first
        if rest:
            yield from _below(folders, path, rest, above, follow)
        else:
            folders.probed.add(path)
            absolute = os.path.join(folders.root, path)
            if (os.path.isfile(absolute) or (not follow and os.path.islink(absolute))) and not folders.never(path):
                yield path
        return
    for path, entry in list(folders.entries(folder)):
        if not matches(first, entry.name):
            continue
        if rest:
            if _is_folder(entry, follow):
                yield from _below(folders, path, rest, above, follow)
        elif not _is_folder(entry, follow):
            yield path
