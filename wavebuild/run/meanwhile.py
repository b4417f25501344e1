"""Does while jobs run what is to be done in any case, so that no job waits until it is done.

It does not know what that is, nor what jobs are for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from wavebuild.run.course import Executor
from wavebuild.run.job import Ended, Job

SLICE = 0.004
"""Seconds for which it is done at a time: so long nobody is heard."""


class Meanwhile:
    """An executor around another: whoever waits for its jobs takes ``pieces`` first.

    To take one is to do it. Each says whether it was one: if not, there is nothing to do at the moment.
    """

    def __init__(self, executor: Executor, pieces: Iterator[bool]) -> None:
        self._executor = executor
        self._pieces = pieces

    def submit(self, job: Job) -> None:
        self._executor.submit(job)

    def lay_ready(self, job: Job, behind: int, until: float) -> bool:
        return self._executor.lay_ready(job, behind, until)

    def take_back(self) -> Sequence[int]:
        return self._executor.take_back()

    def wait(self, timeout: float | None, other: int = -1) -> Sequence[Ended]:
        if timeout != 0.0 and self._do_until(time.monotonic() + SLICE):
            timeout = 0.0
        return self._executor.wait(timeout, other)

    def interrupt(self, at_once: bool = False) -> None:
        self._executor.interrupt(at_once)

    def do_the_rest(self) -> None:
        self._do_until(float("inf"))

    def _do_until(self, end: float) -> bool:
        """Whether there is more to do."""
        for was_one in self._pieces:
            if not was_one or time.monotonic() >= end:
                return was_one
        return False
