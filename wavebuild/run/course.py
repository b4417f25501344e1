"""What a scheduler is given: the course of the build, who knows the life of steps, and where jobs run.

It does not know in what order anything comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from wavebuild.declare.model import Schedule
from wavebuild.graph import Graph
from wavebuild.run.events import Event, Outcome, Settled
from wavebuild.run.job import Ended, Job
from wavebuild.run.life import Again, Asks, Behind, Due, Merges

STOPS_READERS = (Outcome.FAILED, Outcome.BLOCKED, Outcome.WAITING, Outcome.INTERRUPTED)

Considered = Settled | Due | Asks | Behind
"""How a step ended without running; that a job of it is due; or behind which step it is considered again."""


class Judge(Protocol):
    """Whoever knows a step's life; ``run.rebuilder.Rebuilder`` is the real one."""

    def consider(self, number: int) -> Considered: ...

    def begin(self, due: Due) -> Settled | None: ...

    def leaves_the_rest(self, settled: Mapping[int, Settled]) -> bool: ...

    def withdraw(self, due: Due) -> None: ...

    def is_last(self, number: int) -> bool: ...

    def job_ahead(self, due: Due) -> Job | None: ...

    def set_going(self, number: int, tell: Callable[[Event], None]) -> None: ...

    def start(self, due: Due | Asks, tell: Callable[[Event], None] | None = None) -> Job | Settled: ...

    def finish(self, ended: Ended) -> Again | Job | Merges | Considered: ...

    def merge(self, number: int) -> Settled: ...

    def retry(self, number: int) -> Job: ...

    def drop(self, number: int) -> Settled: ...

    def commit(self) -> None: ...


class Executor(Protocol):
    """Where jobs run; ``run.pool.Pool`` is the real one.

    What lies ready behind another job begins when that has ended well: ``then`` of its end says so. All that does not
    begin so comes back, as an end that is none (NOT_BEGUN) or at once when it is taken back.
    """

    def submit(self, job: Job) -> None: ...

    def lay_ready(self, job: Job, behind: int, until: float) -> bool: ...

    def take_back(self) -> Sequence[int]: ...

    def wait(self, timeout: float | None, other: int = -1) -> Sequence[Ended]: ...

    def interrupt(self, at_once: bool = False) -> None: ...


class Places(dict[int, int]):
    """The place of each step among ready ones, found out when that of a second one is wanted; ``only`` comes first."""

    def __init__(self, only: int, find: Callable[[], Mapping[int, int]]) -> None:
        super().__init__({only: 0})
        self._find: Callable[[], Mapping[int, int]] | None = find

    def __missing__(self, number: int) -> int:
        if self._find is None:
            raise KeyError(number)
        self.find()
        return self[number]

    def find(self) -> None:
        if self._find is not None:
            self.update(self._find())
            self._find = None


class Course(Struct, frozen=True):
    """How this build is to go. ``first``: the place of each step among ready ones, the smallest first."""

    wanted: frozenset[int]
    waves: Sequence[Sequence[int]]
    first: Mapping[int, int]
    jobs: int
    schedule: Schedule
    keep_going: bool
    capacities: Mapping[str, int]
    run: str


class Growth(Struct, frozen=True):
    """The graph and the course once more is known; ``refused``: step → why its list is of no use."""

    graph: Graph
    course: Course
    refused: Mapping[int, str]
