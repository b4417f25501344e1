"""What may have changed since the last build began, and what of that has; what the project looks at, as builds tell it.

It does not know when something is built, nor how changes are heard of. Everything is looked at after each build, and
whenever it is not sure that all changes were told of since. After such a look only what was told of is looked at.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Sequence

from msgspec.structs import replace

from wavebuild.store import settled
from wavebuild.store.settled import Evidence
from wavebuild.watch.face import Asked
from wavebuild.watch.running import Looked
from wavebuild.watch.sight import Sight, Stamp

MOST_HEARD = 100
"""Paths of which changes were told that are remembered for people."""

UNHEARD = (".wavebuild", ".git")
"""Folders of the root of which nothing is news where nobody has said what matters."""


class Changes:
    """``sight``: what the last build looked at. ``refused``: it could not load the project, so anything may matter."""

    def __init__(self, asked: Asked, all_is_told: Callable[[], bool]) -> None:
        """``all_is_told``: whether at this moment all is watched that a build looks at, and nothing was lost."""
        self.sight: Sight | None = None
        self.refused = False
        self.looked = time.monotonic()  # when everything was last looked at
        self.cost = 0.0  # what a look at everything takes
        self._asked = asked
        self._kept: object = None  # which evidence the sight is of
        self._paths: set[str] | None = set()  # what may have changed; None: anything
        self._all_is_told = all_is_told
        self._known: dict[str, Stamp] | None = None  # all that has moved, but for what was told of since
        self._before: dict[str, Stamp] = {}  # what had moved when the last build began
        self._began = 0  # when the last build did (ns)
        self._heard: dict[str, None] = {}  # paths that changes were told of, for people

    @property
    def is_known(self) -> bool:
        """Whether it is known which paths matter."""
        return self.sight is not None and not self.refused

    # what is told

    def remember(self, paths: Sequence[str]) -> None:
        """Changes of these were told of."""
        for path in paths[:MOST_HEARD]:
            if len(self._heard) < MOST_HEARD:
                self._heard[path] = None

    def relevant(self, paths: Sequence[str]) -> Sequence[str] | None:
        """Those that may be news; None: it may be anything."""
        if self.sight is None or self.refused:
            unheard = tuple(f"{self._asked.root.rstrip('/')}/{name}" for name in UNHEARD)
            return [path for path in paths if not f"{path}/".startswith(tuple(f"{each}/" for each in unheard))]
        found = []
        for path in paths:
            names = self.sight.touched([path])
            if names is None:
                return None
            if names:
                found.append(path)
        return found

    def note(self, paths: Iterable[str] | None) -> None:
        """These may have changed; None: anything may."""
        if paths is None or self._paths is None:
            self._paths = self._known = None
        else:
            self._paths.update(paths)

    def taken(self) -> set[str] | None:
        """What has been noted since the last time; None: anything."""
        paths, self._paths = self._paths, set()
        return paths

    # what is looked at

    def look(self) -> dict[str, Stamp]:
        """All that has moved, by a look at everything."""
        assert self.sight is not None
        began, is_told = time.monotonic(), self._all_is_told()
        moved = self.sight.moved()
        self.looked = time.monotonic()
        self.cost = self.looked - began
        self._known = moved if is_told else None
        return moved

    def look_ahead(self) -> None:
        """While all comes to rest everything is looked at, if that is needed; what changes later is looked at again."""
        sight = self.sight
        if sight is None or self.refused or self._known is not None:
            return
        if self._paths is not None and not (self._paths and sight.news(sight.touched(self._paths) or [])):
            return
        self._paths = set()
        self._known = self.look()

    def moved_now(self, paths: Collection[str] | None) -> dict[str, Stamp]:
        """All that has moved, if something has among what these paths speak of."""
        assert self.sight is not None
        names = None if paths is None else self.sight.touched(paths)
        if names is None:
            return self.look()
        moved = self.sight.moved([*names, *self.sight.unheard])
        if self._known is None:
            return self.look() if self.sight.of_them_news(moved) else moved
        looked = {*names, *self.sight.unheard}
        known = {name: stamp for name, stamp in self._known.items() if name not in looked} | moved
        self._known = known if self._all_is_told() else None
        return known

    def moved_meanwhile(self, paths: Collection[str] | None) -> list[str]:
        """Which of these are other than they were when the build began that runs; of what no build has looked at yet,
        which files were written since."""
        if self.sight is None:
            return [settled.name_of(path, self.root) for path in paths or () if _is_file_since(path, self._began)]
        names = None if paths is None else self.sight.touched(paths)
        if names is None:
            self.looked = time.monotonic()
        return [name for name, now in self.sight.moved(names).items() if self._before.get(name) != now]

    # builds

    def begin(self, moved: dict[str, Stamp] | None) -> dict[str, Stamp]:
        """A build begins: what has moved, which it takes into account. ``moved``: if that is known."""
        self._paths = set()
        self._known = None
        self._heard.clear()
        if moved is None and self.sight is not None:
            moved = self.look()
        self._before = moved or {}
        self._began = time.time_ns()
        self._kept = _identity(self._asked.evidence)
        return self._before

    def take(self, looked: Looked | None) -> None:
        """A build has ended, and this is what it looked at."""
        if looked is not None:
            self._asked = replace(self._asked, root=looked.root, evidence=looked.evidence)
        found = _identity(self._asked.evidence)
        if looked is not None and looked.stamps is not None:
            self._known = None
            evidence = self._evidence() if looked.kept else None
            self.sight, self._kept = Sight(looked.root, evidence, looked.stamps, self._before), found
        elif found is not None and (found != self._kept or self.sight is None):
            self._read(found)
        elif self.sight is not None:
            self.sight.before = self._before

    def renew(self) -> bool:
        """Takes up what somebody has built meanwhile by hand: what they have seen is no news. Whether they have."""
        found = _identity(self._asked.evidence)
        if found is None or found == self._kept:
            return False
        self._read(found)
        return True

    def _read(self, found: object) -> None:
        evidence = self._evidence()
        if evidence is not None:
            self.sight = Sight(self._asked.root, evidence, None, self._before, self.sight)
            if self._known is not None:
                self._known, self._paths = None, None
        self._kept = found

    def _evidence(self) -> Evidence | None:
        return settled.read(self._asked.evidence, self._asked.question, self._asked.environ)

    # for people

    @property
    def root(self) -> str:
        return self._asked.root

    def shown(self, paths: Iterable[str]) -> tuple[str, ...]:
        """What has changed, from the root; of a folder, what has come or gone in it where that was heard.

        Not what has come and is gone again: there an editor has written what it then gave another name.
        """
        found = set()
        for path in paths:
            inside = [each for each in self._heard if os.path.dirname(each) == path and self._is_or_was(each)]
            found.update(inside or [path])
        return tuple(sorted(settled.name_of(path, self._asked.root) for path in found))

    def _is_or_was(self, path: str) -> bool:
        """Whether it is there, or the last build has looked at it."""
        seen = self.sight is not None and self.sight.names(settled.name_of(path, self._asked.root))
        return seen or os.path.lexists(path)


def _is_file_since(path: str, moment: int) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_ctime_ns >= moment


def _identity(path: str) -> object:
    """Which file stands at a path; None if there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
