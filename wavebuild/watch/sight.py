"""What a project looks at: which changes of the disk are news to it, and which folders must be watched to hear of them.

It does not know how changes are heard of, nor what follows from one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence

from wavebuild.store import settled
from wavebuild.store.settled import Evidence

Stamp = tuple[int, ...]

UNKNOWN: Stamp = (-1,)
"""What nobody may look at."""

LONE = 5
"""Numbers in the stamp of what is no link; that of a link is longer."""


class Sight:
    """The paths that a build looked at, each with the stamp under which it was seen.

    They are those of its evidence, and what it told itself besides, where it could keep none or not of all steps.
    ``before``: what the changed ones were just before that build began: it has taken these changes into account,
    whatever it recorded. ``unheard``: names of which nobody tells who watches ``folders``.
    """

    def __init__(
        self,
        root: str,
        evidence: Evidence | None,
        told: Mapping[str, Stamp] | None = None,
        before: Mapping[str, Stamp] | None = None,
        former: Sight | None = None,
    ) -> None:
        """``former``: one that may have been of the same paths."""
        self.root = root
        self.evidence = evidence
        self.before = dict(before or {})
        self._row: dict[str, int]
        self._told: dict[str, Stamp]
        self._names: list[str]
        self.folders: frozenset[str]
        self.unheard: tuple[str, ...]
        if former is not None and evidence is not None and not told and former._is_of(root, evidence):
            self._row, self._told, self._names = former._row, former._told, former._names
            self.folders, self.unheard = former.folders, former.unheard
            return
        names = [os.fsdecode(name) for name in evidence.names] if evidence else []
        self._row = {name: row for row, name in enumerate(names)}
        self._told = {name: stamp for name, stamp in (told or {}).items() if name not in self._row}
        self._names = [*names, *self._told]
        self.folders, unheard = self._folders()
        links = (name for name, stamp in self._told.items() if len(stamp) > LONE)
        self.unheard = tuple({**dict.fromkeys(unheard), **dict.fromkeys(links)})

    def _is_of(self, root: str, evidence: Evidence) -> bool:
        """Whether it is of the same paths, and none of them has become a folder or ceased to be one."""
        own = self.evidence
        if own is None or self._told or root != self.root:
            return False
        return own.there == evidence.there and own.names == evidence.names and not self._turned(evidence)

    def _turned(self, evidence: Evidence) -> bool:
        """Whether what has another inode now is a folder, or was one."""
        own = self.evidence
        assert own is not None
        if own.columns == evidence.columns:
            return False
        rows = zip(self._names, own.rows(0, own.there), evidence.rows(0, evidence.there), strict=False)
        others = [self.path(name) for name, was, now in rows if was[1] != now[1]]
        return any(path in self.folders or _is_folder(path) for path in others)

    def counted(self) -> tuple[int, int]:
        """How many files and folders of the project are looked at."""
        there = self._names[: self.evidence.there] if self.evidence else []
        there += [name for name, stamp in self._told.items() if stamp]
        files = sum(name[0] != "/" and self.path(name) not in self.folders for name in there)
        inside = self.root.rstrip("/") + "/"
        return files, sum(f"{folder}/".startswith(inside) for folder in self.folders)

    def path(self, name: str) -> str:
        return self.root if name == "." else os.path.join(self.root, name)

    def names(self, name: str) -> bool:
        return name in self._row or name in self._told

    def touched(self, paths: Iterable[str]) -> list[str] | None:
        """Which of its names these paths speak of; None: of folders, so that it may be many."""
        found: dict[str, None] = {}
        for path in paths:
            if path in self.folders:
                return None
            # What comes or goes in a folder that is listed is a change of that folder.
            for each in (path, os.path.dirname(path)):
                name = settled.name_of(each, self.root)
                if self.names(name):
                    found[name] = None
        return list(found)

    def news(self, names: Sequence[str] | None = None) -> dict[str, Stamp]:
        """What is other than the build has seen it, and than it was before that build: name → stamp.

        ``names``: only these are looked at; None: all of them.
        """
        return self.of_them_news(self.moved(names))

    def of_them_news(self, moved: Mapping[str, Stamp]) -> dict[str, Stamp]:
        """Of what has moved, what has not been so before the last build began."""
        return {name: stamp for name, stamp in moved.items() if self.before.get(name) != stamp}

    def moved(self, names: Sequence[str] | None = None) -> dict[str, Stamp]:
        """What is other than the build has seen it: name → stamp."""
        found = {}
        if names is None:
            rows = _moved_from(self.root, self.evidence) if self.evidence else []
            found = {self._names[row]: stamp_now(self.path(self._names[row])) for row in rows}
            names = [*self._told]
        for name in names:
            now = stamp_now(self.path(name))
            if now != self._stamp(name):
                found[name] = now
        return found

    def rows(self, names: Iterable[str]) -> list[int]:
        """Their rows in the evidence, as far as they have one."""
        return [self._row[name] for name in names if name in self._row]

    def _stamp(self, name: str) -> Stamp:
        if self.evidence is None or name not in self._row:
            return self._told[name]
        row = self.evidence.stamp(self._row[name])
        return () if row == settled.NOTHING else row

    def _folders(self) -> tuple[frozenset[str], list[str]]:
        """All folders in which something may come, go or change that is looked at; those below the root up to it.

        Not those above the root, where a Wavefile might come that includes this one: there others live, and write
        much. What lies there comes second.
        """
        found, above = {self.root}, []
        for name in self._names:
            path = self.path(name)
            if self.root.startswith(os.path.dirname(path).rstrip("/") + "/"):
                above.append(name)
                continue
            if path not in found and _is_folder(path):
                found.add(path)
            found.update(_above(path, self.root, found))
        return frozenset(found), above


def _moved_from(root: str, evidence: Evidence) -> list[int]:
    """The rows that have moved; from the root as current folder paths are short, and each is found the sooner."""
    try:
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return settled.moved(evidence, root)
    try:
        os.chdir(root)
        return settled.moved(evidence)
    except OSError:
        return settled.moved(evidence, root)
    finally:
        os.fchdir(here)
        os.close(here)


def _above(path: str, root: str, known: set[str]) -> Iterator[str]:
    """The folders above a path, up to the root; out of the root up to the first that is there."""
    inside = path.startswith(root.rstrip("/") + "/")
    while (folder := os.path.dirname(path)) != path and folder not in known:
        yield folder
        if not inside and os.path.isdir(folder):
            return
        path = folder


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def stamp_now(path: str) -> Stamp:
    """As a build takes it: of a link also of what it leads to."""
    from wavebuild.judge.stamp import stamp

    try:
        return stamp(path)
    except OSError:
        return UNKNOWN
