"""Hands jobs to a pool, and waits with those for which the system has no process now: that is no step's fault.

It does not know what jobs are for. Fewer run at once from then on; when the system has none even for a single
job, nothing more is tried.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from wavebuild.run.grip import NO_PROCESS
from wavebuild.run.job import NOT_BEGUN, Ended, Job
from wavebuild.run.processes import SCARCE

TRIES = 6
"""How often a single job is tried while nothing else runs."""

PAUSE = 0.2
"""Seconds before the first of these tries; it doubles."""


class Workers(Protocol):
    def submit(self, job: Job) -> None: ...

    def lay_ready(self, job: Job, behind: int, until: float) -> bool: ...

    def take_back(self) -> list[int]: ...

    def wait(self, timeout: float | None, handle: int = -1) -> Sequence[Ended]: ...

    def interrupt(self, at_once: bool = False) -> None: ...

    def shrink(self, size: int) -> None: ...


class Patient:
    """An executor around another.

    ``notice`` is told that fewer jobs run, or none, and why; ``gave_up``: why none does.
    """

    def __init__(self, workers: Workers, notice: Callable[[str], None], pause: float = PAUSE) -> None:
        self._workers = workers
        self._notice = notice
        self._pause = pause
        self._running: dict[int, Job] = {}
        self._laid: dict[int, Job] = {}  # ready for a worker, which has not begun it
        self._put_off: deque[Job] = deque()
        self._most: int | None = None  # jobs at once, since the system had no room for more
        self._tries = 0
        self._again = 0.0  # when the next is tried, while nothing runs
        self._ends: list[Ended] = []
        self.gave_up = ""

    def submit(self, job: Job) -> None:
        """Raises OSError for what no waiting mends."""
        if self._put_off or self._is_full:
            self._put_off.append(job)
        else:
            self._hand_over(job)

    def lay_ready(self, job: Job, behind: int, until: float) -> bool:
        """Whether the worker that runs another job has it now, to be begun after that."""
        if self._most is not None or not self._workers.lay_ready(job, behind, until):
            return False
        self._laid[job.id] = job
        return True

    def take_back(self) -> list[int]:
        """The jobs that lie ready, and that no worker has taken."""
        found = self._workers.take_back()
        for number in found:
            del self._laid[number]
        return found

    def wait(self, timeout: float | None, handle: int = -1) -> Sequence[Ended]:
        """The jobs that ended."""
        if self._ends:
            timeout = 0.0
        if self._put_off and not self._is_full:
            pause = max(0.0, self._again - time.monotonic())
            timeout = pause if timeout is None else min(timeout, pause)
        for ended in self._workers.wait(timeout, handle):
            self._take(ended)
        self._try_those_put_off()
        ended_now, self._ends = self._ends, []
        return ended_now

    def interrupt(self, at_once: bool = False) -> None:
        """What waits for a process will get none."""
        while self._put_off:
            self._ends.append(Ended(self._put_off.popleft().id, "interrupted"))
        self._workers.interrupt(at_once)

    @property
    def _is_full(self) -> bool:
        """Whether as many run as the system has room for: until one of them ends, nothing more can be done."""
        return self._most is not None and len(self._running) >= self._most

    def _take(self, ended: Ended) -> None:
        if ended.failure == NOT_BEGUN:
            del self._laid[ended.id]
            self._ends.append(ended)
            return
        job = self._running.pop(ended.id, None)
        if ended.then is not None:
            self._running[ended.then] = self._laid.pop(ended.then)
        if ended.failure != NO_PROCESS or job is None:
            self._tries = 0
            self._again = 0.0
            self._ends.append(ended)
        elif ended.command:
            self._give_up(ended.detail)  # what ran before it cannot be run a second time
            self._ends.append(Ended(ended.id, "interrupted", seconds=ended.seconds, detail=ended.detail))
        else:
            self._wait_with(job, ended.detail)

    def _hand_over(self, job: Job) -> None:
        try:
            self._workers.submit(job)
        except OSError as error:
            if error.errno not in SCARCE:
                raise
            self._wait_with(job, str(error.strerror))
        else:
            self._running[job.id] = job

    def _wait_with(self, job: Job, why: str) -> None:
        if self._most is None:
            self._notice(f"no process can be started ({why}): going on with fewer steps at once")
        self._most = max(1, len(self._running))
        self._workers.shrink(self._most)
        self._put_off.appendleft(job)
        if self._running:
            return  # the next is tried when one of them has ended
        self._again = time.monotonic() + self._pause * 2**self._tries
        self._tries += 1
        if self._tries > TRIES:
            self._give_up(why)

    def _give_up(self, why: str) -> None:
        if not self.gave_up:
            self._notice(f"no process can be started ({why}): the build stops, and no step has failed by that")
        self.gave_up = why
        while self._put_off:
            self._ends.append(Ended(self._put_off.popleft().id, "interrupted", detail=why))

    def _try_those_put_off(self) -> None:
        while self._put_off and not self._is_full and time.monotonic() >= self._again:
            job = self._put_off.popleft()
            try:
                self._hand_over(job)
            except OSError as error:
                self._ends.append(Ended(job.id, "start", detail=f"no process can be started: {error.strerror}"))
