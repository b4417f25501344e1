"""A project with a step of every sort, and a build of it that is struck at one of the points where it changes the disk.

It does not know how many points there are before it has counted them, nor what happens at them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from tests.support.accidents import Aftermath
from tests.support.command import succeeded
from tests.support.edits import Edit
from tests.support.faults import HOWS, How
from tests.support.forks import Fault, ForkedSite, Forks
from tests.support.oracle import Trial
from tests.support.project import FILES, NAMES, NOTES, SHARED, whole_world

Point = tuple[How, int, bool]
"""How it is struck, where, and whether the edit that was being built is then undone."""


class Range:
    """The project, built once and then edited, so that each strike finds the same work to do."""

    def __init__(self, home: Path, forks: Forks) -> None:
        self.site = ForkedSite(home, forks=forks)
        self.world = whole_world(self.site.root, Random(1))
        self.trial = Trial(0, self.site, self.world)
        self.trial.settle(Edit("first build"))
        shutil.copy2(self.site.root.with_suffix(".memory"), home / "memory")
        self.before = self._kept("before")
        self._edit()
        self.edited = self._kept("edited")
        self.clean = {undone: self._clean_of(undone) for undone in (True, False)}

    def close(self) -> None:
        self.site.close()

    def _edit(self) -> None:
        """Nearly every step is stale; an instance comes and one goes; a person has written into outputs."""
        root = self.site.root
        for path in FILES[:2]:
            (root / path).write_text("edited\n")
        (root / NAMES).write_text("bob\nzoe\n")
        self.world.write_wavefile()
        written = [next((root / folder).iterdir()) for folder in ("out/s3", "parts", "db/s5")]
        for output in (root / "out/s2.txt", *written, root / "out/s8/bob.txt"):
            text = f"written by a person into {output.name}\n"
            output.write_text(text)
            self.world.precious.append(text)

    def _kept(self, name: str) -> Path:
        kept = self.site.home / name
        shutil.copytree(self.site.root, kept, symlinks=True)
        return kept

    def _put(self, kept: Path) -> None:
        shutil.rmtree(self.site.root)
        shutil.copytree(kept, self.site.root, symlinks=True)

    def _clean_of(self, undone: bool) -> Path:
        self._put(self.before if undone else self.edited)
        into = self.site.home / f"clean-{undone}"
        clean = self.trial.clean_copy()
        clean.rename(into)
        clean.with_suffix(".memory").rename(into.with_suffix(".memory"))
        return into

    def count(self) -> list[str]:
        """The names of all points that a build passes, in order."""
        self._put(self.edited)
        self.site.ran()
        counted = self.site.struck(Fault(0, "count"), "-j1", "--events", str(self._log))
        assert counted.code == 0, counted.err
        names = counted.out.split("\n")[:-1]
        assert len(names) > 100, "a build changes the disk at many points"
        return names

    @property
    def _log(self) -> Path:
        return self.site.home / "events"

    def strike(self, how: How, at: int, undone: bool) -> str:
        """The build is struck; the next must be right. What the struck one said."""
        self._put(self.edited)
        self._log.unlink(missing_ok=True)
        self.site.ran()
        struck = self.site.struck(Fault(at, how), "-j1", "--events", str(self._log))
        told = frozenset() if undone else frozenset(succeeded(self._log))
        self.trial.story = [f"{how} at point {at}: exit {struck.code}", *(["the edit is undone"] if undone else [])]
        self.trial.demand(struck.code in ((0, -9) if how == "kill" else (0, 1, 2)), "it ends as it should", struck)
        if undone:
            for path in (*FILES[:2], NAMES, SHARED, NOTES, "Wavefile"):
                shutil.copy2(self.before / path, self.site.root / path)
        self.trial.settled = {}
        self.trial.recover(Aftermath("", told), self.clean[undone])
        return struck.err


def all_points(number: int) -> list[Point]:
    return [(how, at, undone) for how in HOWS for at in range(1, number + 1) for undone in (False, True)]
