"""Random builds in one process, one after the other, and what the process holds meanwhile.

It does not know what the builds do; that they are right is the oracle's to say.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.support.command import Site
from tests.support.edits import random_edit
from tests.support.processes import children
from tests.support.project import World, random_world
from wavebuild import engine
from wavebuild.engine import Request

EDITS = 20
"""Edits before another project is taken, so that none grows without end."""


@dataclass(frozen=True)
class Held:
    """What a process holds: bytes of memory, and how many descriptors, children, threads and temporary files."""

    memory: int
    descriptors: int
    children: int
    threads: int
    files: int

    @property
    def but_memory(self) -> tuple[int, int, int, int]:
        return self.descriptors, self.children, self.threads, self.files


def held(temporary: Path) -> Held:
    """What this process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Held(
        pages * os.sysconf("SC_PAGE_SIZE"),
        len(os.listdir("/proc/self/fd")),
        len(children(os.getpid())),
        threading.active_count(),
        len(list(temporary.iterdir())),
    )


@dataclass
class Soak:
    """``home``: an empty folder for projects and temporary files."""

    home: Path
    rng: Random
    builds: int = 0
    over_time: list[Held] = field(default_factory=list)
    site: Site = field(init=False)
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.temporary = self.home / "temporary"
        self.temporary.mkdir()
        self._move_on()

    def _move_on(self) -> None:
        place = self.home / "project"
        shutil.rmtree(place, ignore_errors=True)
        self.site = Site(place)
        self.world = random_world(self.site.root, self.rng)

    @property
    def _told(self) -> dict[str, str]:
        return {"TMPDIR": str(self.temporary), "JOURNAL": "/dev/null"}

    def go_on(self, seconds: float, every: int = 1, at_least: int = 0) -> None:
        """Builds after random edits; one in twenty by command. What is held is noted after every so many.

        ``at_least``: builds, however long they take.
        """
        former, tempfile.tempdir = tempfile.tempdir, str(self.temporary)
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until or self.builds < at_least:
                self._build()
                if self.builds % every == 0:
                    self.over_time.append(held(self.temporary))
        finally:
            tempfile.tempdir = former

    def _build(self) -> None:
        self.builds += 1
        if self.builds % EDITS == 0:
            self._move_on()
        edit = random_edit(self.world)
        if edit.undo is not None:
            edit.undo()
        if self.rng.random() < 0.05:
            self.site.build("-j2", **self._told)
            assert self.site.nothing_alive()
            return
        environ = self.site.environ | self._told
        request = Request(str(self.site.root), jobs=self.rng.randint(1, 3), environ=tuple(environ.items()))
        result = engine.build(request, lambda event: None)
        assert result.ok, (edit.text, result.steps)

    def complaints(self, allowance: int) -> list[str]:
        """What is held at the end and was not at first; ``allowance``: bytes by which memory may have grown."""
        at = len(self.over_time) // 3
        middle, end = self.over_time[at : 2 * at], self.over_time[2 * at :]
        found = []
        grown = min(one.memory for one in end) - min(one.memory for one in middle)
        if grown > allowance:
            found.append(f"memory has grown by {grown >> 10} KiB")
        if not {one.but_memory for one in end} <= {one.but_memory for one in middle}:
            found.append(
                f"descriptors, children, threads, temporary files: {middle[-1].but_memory}, {end[-1].but_memory}"
            )
        return found
