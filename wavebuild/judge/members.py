"""Which files an artifact has as members on the disk right now.

It does not know what is in them, nor which step reads them.
"""

from __future__ import annotations

import os
import stat as st
import time
from collections.abc import Callable, Collection, Iterator

from msgspec import Struct

from wavebuild import disk
from wavebuild.declare.model import Artifact, Digest, Kind
from wavebuild.errors import Place, mistake
from wavebuild.graph.patterns import excluded, is_wild, matches
from wavebuild.judge.stamp import Stamp, stamp_of, trusted
from wavebuild.regular import expression

NEVER_NAMES = frozenset({".wavebuild", ".git", "__pycache__", ".DS_Store", ".ipynb_checkpoints"})
SIDECARS = ("-wal", "-shm", "-journal")
_NEVER = expression(r".*\.pyc|.*~|\..*\.sw.")


class Listing(Struct, frozen=True):
    """The paths of what lies in a folder, relative to the root; where a link leads is asked when it matters."""

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


NOTHING_THERE = Listing()


class Folders:
    """Looks into folders below the root, and remembers which: they are evidence, as stamps of files are.

    ``listed``: what was found in folders whose stamps prove that nothing came or went since.
    """

    def __init__(
        self, root: str, ignore: tuple[str, ...] = (), listed: dict[str, tuple[Stamp, Listing]] | None = None
    ) -> None:
        self.root = root
        self._top = f"{root.rstrip('/')}/"
        self.ignore = ignore
        self.visited: dict[str, os.stat_result | None] = {}  # what each folder was when it was first listed
        self.probed: set[str] = set()  # single files asked for
        self._listed: dict[str, tuple[Stamp, Listing]] = {} if listed is None else listed

    def at(self, path: str) -> str:
        """Where a path is, absolute."""
        return path if path.startswith("/") else self._top + path if path else self.root

    def anew(self) -> Folders:
        """The same folders, none of them visited yet: each will be looked at, and listed if it has changed."""
        return Folders(self.root, self.ignore, self._listed)

    def never(self, path: str) -> bool:
        """Whether a path is never a member: tools' own litter, and what ``settings.ignore`` names."""
        name = path.rsplit("/", 1)[-1]
        if name in NEVER_NAMES or (name[-1:] in "~c" and _NEVER.fullmatch(name)):
            return True
        if name.startswith(".") and _NEVER.fullmatch(name):
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
            raise _unreadable(folder, error) from None
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not self.never(path):
                yield path, entry

    def listing(self, folder: str) -> Listing:
        """What lies in a folder (relative to the root), never-members left out; listed again only if it changed."""
        absolute = self.at(folder)
        try:
            status = disk.look(absolute)
            self.visited.setdefault(folder, status)
            if status is None:
                return NOTHING_THERE
            if not st.S_ISDIR(status.st_mode):
                return self._sorted_out(folder, absolute)
            mark = stamp_of(status)
            held = self._listed.get(folder)
            if held is not None and held[0] == mark:
                return held[1]
            began = time.time_ns()
            found = self._sorted_out(folder, absolute)
        except OSError as error:
            raise _unreadable(folder, error) from None
        if trusted(mark, began):
            self._listed[folder] = mark, found
        return found

    def _sorted_out(self, folder: str, absolute: str) -> Listing:
        files: list[str] = []
        folders: list[str] = []
        links: list[str] = []
        before = f"{folder}/" if folder else ""
        for entry in disk.unsorted_entries(absolute):
            path = before + entry.name
            if not self.never(path):
                (links if entry.is_symlink() else folders if _is_folder(entry) else files).append(path)
        return Listing(tuple(files), tuple(folders), tuple(links))


def _unreadable(folder: str, error: OSError) -> Exception:
    shown = folder + "/" if folder else "the root"
    return mistake("unreadable", f"cannot look into {shown}: {error.strerror}", Place(folder or "."))


def nobody_else(path: str) -> bool:
    """No path is left out for a reason of the caller's."""
    return False


def members(
    folders: Folders, artifact: Artifact, other: Callable[[str], bool] = nobody_else, follow: bool = True
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
    if other is nobody_else and not beside and not artifact.exclude:
        return sorted(set(found))
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


def made_members(folders: Folders, artifact: Artifact, other: Callable[[str], bool] = nobody_else) -> list[str]:
    """The members of an output: what lies behind a link was not made here, the link was."""
    return members(folders, artifact, other, follow=False)


def _tree(folders: Folders, top: str, follow: bool) -> Iterator[str]:
    """Everything below a folder, hidden files and empty folders too; links are followed, but not in circles."""
    stack: list[tuple[str, tuple[tuple[int, int], ...]]] = [(top, ())]
    while stack:
        folder, above = stack.pop()
        listing = folders.listing(folder)
        yield from listing.files
        below = listing.folders
        if listing.links:
            leading = {path for path in listing.links if follow and _leads_to_folder(folders, path)}
            yield from (path for path in listing.links if path not in leading)
            below += tuple(leading)
        if below:
            above = above or (_identity(folders, folder),)
            for path in below:
                identity = _identity(folders, path)
                if identity not in above:
                    stack.append((path, (*above, identity)))
        elif listing == NOTHING_THERE and folder != top and os.path.isdir(folders.at(folder)):
            yield folder + "/"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _leads_to_folder(folders: Folders, link: str) -> bool:
    """Whether a link leads to a folder; one that leads to itself does not."""
    return os.path.isdir(folders.at(link))


def _identity(folders: Folders, path: str) -> tuple[int, int]:
    status = disk.look_through(folders.at(path))
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
        for path, is_folder in _kinds(folders, folder, follow):
            if _name(path).startswith("."):
                continue
            if is_folder:
                real = os.path.realpath(folders.at(path))
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
            absolute = folders.at(path)
            if (os.path.isfile(absolute) or (not follow and os.path.islink(absolute))) and not folders.never(path):
                yield path
        return
    for path, is_folder in _kinds(folders, folder, follow):
        if is_folder == bool(rest) and matches(first, _name(path)):
            if rest:
                yield from _below(folders, path, rest, above, follow)
            else:
                yield path


def _kinds(folders: Folders, folder: str, follow: bool) -> Iterator[tuple[str, bool]]:
    """What lies in a folder, and whether it is a folder itself or, if links are followed, leads to one."""
    listing = folders.listing(folder)
    yield from ((path, False) for path in listing.files)
    yield from ((path, True) for path in listing.folders)
    yield from ((path, follow and _leads_to_folder(folders, path)) for path in listing.links)


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
