"""Tells what has been known all along while jobs run, so that no job waits until it is told.

It does not know what it tells, nor what jobs are for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from wavebuild.run.course import Executor
from wavebuild.run.events import Event
from wavebuild.run.job import Ended, Job

SLICE = 0.004
"""Seconds for which it is told at a time: so long nobody is heard."""


class Meanwhile:
    """An executor around another: whoever waits for its jobs tells ``events`` first."""

    def __init__(self, executor: Executor, events: Iterator[Event], tell: Callable[[Event], None]) -> None:
        self._executor = executor
        self._events = events
        self._tell = tell

    def submit(self, job: Job) -> None:
        self._executor.submit(job)

    def lay_ready(self, job: Job, behind: int, until: float) -> bool:
        return self._executor.lay_ready(job, behind, until)

    def take_back(self) -> Sequence[int]:
        return self._executor.take_back()

    def wait(self, timeout: float | None, other: int = -1) -> Sequence[Ended]:
        if timeout != 0.0 and self._tell_until(time.monotonic() + SLICE):
            timeout = 0.0
        return self._executor.wait(timeout, other)

    def interrupt(self, at_once: bool = False) -> None:
        self._executor.interrupt(at_once)

    def tell_the_rest(self) -> None:
        self._tell_until(float("inf"))

    def _tell_until(self, end: float) -> bool:
        """Whether there is more to tell."""
        for event in self._events:
            self._tell(event)
            if time.monotonic() >= end:
                return True
        return False
