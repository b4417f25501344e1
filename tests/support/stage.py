"""A build without files or processes: a judge that knows each step's fate, an executor that ends jobs in any order.

The two keep the book of what ran when, so that a test can ask whether the order was right.
It does not know how the scheduler decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from tests.graph.declared import wavefile
from wavebuild.declare.model import Schedule, Step
from wavebuild.graph import Graph, link
from wavebuild.plan import waves
from wavebuild.run.course import Considered, Course
from wavebuild.run.events import Event, Outcome, Settled, StepSettled, StepStarted, WaveStarted
from wavebuild.run.gauge import Gauge
from wavebuild.run.job import NOT_BEGUN, Ended, Job
from wavebuild.run.life import Again, Asks, Behind, Due
from wavebuild.run.room import Room
from wavebuild.run.scheduler import Scheduler

Ran = Literal[
    "kept", "runs", "fails", "waits", "cannot begin", "cannot start", "checked", "fails once", "cannot be tried again"
]
Fate = Ran | Literal["asks", "asks in vain", "shares"]
"""Kept: fresh. Runs: due, succeeds. Checked: a second job follows the first. Fails once: succeeds when tried again.

Asks: a job comes before it is judged, then it is kept. In vain: by that it fails. Shares: it asks what all that share
ask, once, and then runs.
"""

OUTCOMES = tuple(outcome.value for outcome in Outcome)
LONGEST = 10_000  # calls after which a scheduler counts as going in circles
FAILS_ONCE = "exit"  # how a job fails that is to be tried again


@dataclass
class Stage:
    """One build of these steps. ``choose`` picks which of the running jobs ends next."""

    steps: Sequence[Step]
    fates: Mapping[str, Fate] = field(default_factory=dict)
    jobs: int = 2
    schedule: Schedule = "flow"
    keep_going: bool = True
    capacities: Mapping[str, int] = field(default_factory=dict)
    delay: float = 0.0
    choose: Callable[[Sequence[int]], int] = lambda running: running[0]
    interrupt_after: int | None = None  # ends, after which the person presses Ctrl-C
    interrupt_at: str = ""  # the step at whose consideration the person presses Ctrl-C
    dies_of_it: bool = False  # the signal reaches the workers too, and they die
    ends_anyway: bool = False  # a job that is interrupted had just failed by itself
    room: Room | None = None
    declines: Callable[[int], bool] = lambda number: False  # whether the worker does not take what lies ready for it
    bursts: bool = False  # what lay ready has ended, too, when its begin is heard of
    together: bool = False  # all that workers have been given has ended when the first end is heard of
    waits_in_vain: int = 0  # so often nothing has ended when the scheduler has waited
    timeouts: list[float | None] = field(default_factory=list)  # how long it waited, each time
    book: list[tuple[str, str]] = field(default_factory=list)  # ("begin" | "end" | "consider" | …, step)
    events: list[Event] = field(default_factory=list)
    gauge: Gauge | None = None  # somebody looks
    lacking: list[dict[str, int]] = field(default_factory=list)  # what was waited for, each time it waited
    running: list[int] = field(default_factory=list)
    idle_slots: list[tuple[int, frozenset[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.graph: Graph = link(wavefile(*self.steps))
        self._interrupted: list[int] = []
        self._tries: dict[int, int] = {}
        self._stage: dict[int, int] = {}
        self._calls = 0
        self._asking: set[int] = set()
        self._shared = "not asked"
        self._place: dict[int, int] = {}  # step → where it stands in the order
        self._waiting: set[int] = set()  # due, and not begun
        self._beginning: int | None = None
        self._unrecorded: list[int] = []  # has begun or settled since the last commit
        self._intended: list[int] = []  # it was their turn, and they have not started yet
        self._lines: dict[int, list[int]] = {}  # running job → those that lie ready behind it
        self._laid: set[int] = set()  # those whose job is made
        self.commits = 0
        self.ends = 0
        self.interrupts_told: list[bool] = []

    def run(self) -> dict[str, Settled]:
        """How every step ended, by name."""
        wanted = frozenset(n for n, step in enumerate(self.steps) if not step.is_group)
        layers = waves(self.graph, wanted)
        sequence = [number for layer in layers for number in layer]
        self._place = {number: at for at, number in enumerate(sequence)}
        course = Course(
            wanted=wanted,
            waves=layers,
            first=dict(self._place),
            jobs=self.jobs,
            schedule=self.schedule,
            keep_going=self.keep_going,
            capacities=dict(self.capacities),
            run="r",
        )
        scheduler = Scheduler(self.graph, course, self, self, self._hear, self._interrupts, room=self.room)
        scheduler.gauge = self.gauge
        return {self.name(number): settled for number, settled in scheduler.run().items()}

    def name(self, number: int) -> str:
        return self.steps[number].name

    def fate(self, number: int) -> Fate:
        return self.fates.get(self.name(number), "runs")

    def wrote(self, word: str) -> list[str]:
        """The steps of which the book says this word, in order."""
        return [name for what, name in self.book if what == word]

    def at(self, word: str, name: str) -> int:
        return self.book.index((word, name))

    def settled(self, number: int, outcome: Outcome) -> Settled:
        self.book.append((outcome.value, self.name(number)))
        self._unrecorded.append(number)
        return Settled(self.name(number), outcome, self.graph.wave[number])

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, StepSettled):
            assert self.graph.number[event.settled.step] not in self._unrecorded, "it is told, and not on record"
            self.book.append(("settled", event.settled.step))
        elif isinstance(event, StepStarted):
            assert ("settled", event.step) not in self.book, "its end is told before its begin"
            told = set(self.wrote("told")) - {*self.wrote("settled"), *self.wrote("again")}
            assert len(told) < self.jobs, "more are told to run than there are slots"
            self.book.append(("told", event.step))
        elif isinstance(event, WaveStarted):
            self.book.append(("wave", str(event.wave)))

    def _interrupts(self) -> int:
        considered = ("consider", self.interrupt_at) in self.book
        return int(considered or (self.interrupt_after is not None and self.ends >= self.interrupt_after))

    # The judge

    def consider(self, number: int) -> Considered:
        found = self._considered(number)
        if isinstance(found, Due | Asks):
            self._waiting.add(number)
        return found

    def _considered(self, number: int) -> Considered:
        self.book.append(("consider", self.name(number)))
        if self.fate(number) in ("asks", "asks in vain"):
            return Asks(number, None)  # type: ignore[arg-type]
        if self.fate(number) == "shares" and self._shared != "answered":
            if self._shared == "not asked":
                self._shared = self.name(number)
                return Asks(number, None)  # type: ignore[arg-type]
            return Behind(number, self.graph.number[self._shared])
        if self.fate(number) == "kept":
            return self.settled(number, Outcome.KEPT)
        if self.fate(number) == "waits":
            return self.settled(number, Outcome.WAITING)
        return Due(number, (), None, None)  # type: ignore[arg-type]

    def begin(self, due: Due) -> Settled | None:
        self._waiting.discard(due.number)
        if self.fate(due.number) == "cannot begin":
            return self.settled(due.number, Outcome.FAILED)
        self.book.append(("intend", self.name(due.number)))
        self._beginning = due.number
        self._check_turns(due.number)
        self._intended.append(due.number)
        self._unrecorded.append(due.number)
        return None

    def withdraw(self, due: Due) -> None:
        assert self.name(due.number) not in self.wrote("begin"), "it has begun"
        if due.number in self._intended:
            self._intended.remove(due.number)
        self.book.append(("withdraw", self.name(due.number)))

    def leaves_the_rest(self, settled: Mapping[int, Settled]) -> bool:
        return False

    def is_last(self, number: int) -> bool:
        return number not in self._asking and not (self.fate(number) == "checked" and not self._tries.get(number))

    def job_ahead(self, due: Due) -> Job | None:
        assert due.number in self._intended
        assert due.number not in self._unrecorded, "it is laid ready, and its intent is not on record"
        if self.fate(due.number) in ("cannot start", "checked"):
            return None
        self._laid.add(due.number)
        return self._job(due.number)

    def set_going(self, number: int, tell: Callable[[Event], None]) -> None:
        assert number in self._laid
        self._intended.remove(number)
        self.book.append(("begin", self.name(number)))
        tell(self._started(number))

    def _started(self, number: int) -> StepStarted:
        return StepStarted("r", 0.0, self.name(number), self.graph.wave[number], 1, (), "", "")

    def start(self, due: Due | Asks, tell: Callable[[Event], None] | None = None) -> Job | Settled:
        self._waiting.discard(due.number)
        assert due.number not in self._unrecorded, "it starts, and its intent is not on record"
        if due.number in self._intended:
            self._intended.remove(due.number)
        if isinstance(due, Asks):
            self._beginning = due.number
            self.book.append(("ask", self.name(due.number)))
            self._asking.add(due.number)
            return self._job(due.number)
        if self.fate(due.number) == "cannot start":
            return self.settled(due.number, Outcome.FAILED)
        self.book.append(("begin", self.name(due.number)))
        (tell or self._hear)(self._started(due.number))
        return self._job(due.number)

    def commit(self) -> None:
        self._unrecorded.clear()
        self.commits += 1

    def finish(self, ended: Ended) -> Again | Job | Considered:
        number = ended.id
        asked = number in self._asking
        self._asking.discard(number)
        if ended.failure == "interrupted":
            return self.settled(number, Outcome.INTERRUPTED)
        if asked:
            return self._answered(number)
        if ended.failure not in ("", FAILS_ONCE):
            return self.settled(number, Outcome.FAILED)
        tries = self._tries[number] = self._tries.get(number, 0) + 1
        match self.fate(number):
            case "fails":
                return self.settled(number, Outcome.FAILED)
            case "fails once" | "cannot be tried again" if tries == 1:
                assert ("told", self.name(number)) in self.book, "its next try is told before its begin"
                self.book.append(("again", self.name(number)))
                return Again(number, self.delay)
            case "checked" if tries == 1:
                return self._job(number)
            case _:
                return self.settled(number, Outcome.SUCCEEDED)

    def _answered(self, number: int) -> Considered:
        match self.fate(number):
            case "asks":
                return self.settled(number, Outcome.KEPT)
            case "shares":
                self._shared = "answered"
                return self.consider(number)
            case _:
                return self.settled(number, Outcome.FAILED)

    def retry(self, number: int) -> Job:
        if self.fate(number) == "cannot be tried again":
            raise OSError(28, "No space left on device")
        self.book.append(("retry", self.name(number)))
        if "failed" not in {word for word, _ in self.book} or self.keep_going:  # else those that are due never begin
            self._beginning = number
        return self._job(number)

    def merge(self, number: int) -> Settled:
        raise AssertionError("no step of this stage shares a file")

    def drop(self, number: int) -> Settled:
        return self.settled(number, Outcome.INTERRUPTED)

    def _job(self, number: int) -> Job:
        return Job(number, (), "/", (), "/log", None)

    # The executor

    def submit(self, job: Job) -> None:
        assert job.id not in self.running, "a step runs twice at once"
        if self.fate(job.id) == "checked" and self._tries.get(job.id):
            self.book.append(("check", self.name(job.id)))
        self._check_turns(job.id)
        self.running.append(job.id)
        self._check_limits()

    def lay_ready(self, job: Job, behind: int, until: float) -> bool:
        assert behind in self.running
        assert job.id not in self.running
        self._lines.setdefault(behind, []).append(job.id)
        self.book.append(("lay", self.name(job.id)))
        return True

    def take_back(self) -> Sequence[int]:
        found = [number for line in self._lines.values() for number in line]
        self._lines.clear()
        return found

    def _next_behind(self, ended: Ended) -> list[Ended]:
        """What becomes of those that lay ready behind a job: the first begins, or all come back."""
        line = self._lines.pop(ended.id, [])
        if not line or ended.failure or self._interrupts() or self.declines(ended.id):
            return [*(Ended(number, NOT_BEGUN) for number in line), ended]
        self.running.append(line[0])
        self._check_limits()
        self._lines[line[0]] = line[1:]
        return [replace(ended, then=line[0])]

    def wait(self, timeout: float | None, other: int = -1) -> Sequence[Ended]:
        self._calls += 1
        assert self._calls < LONGEST, "the scheduler goes in circles"
        if timeout == 0.0 or not self.running:
            time.sleep(timeout or 0.0)
            return []
        assert timeout is not None or self._interrupts() <= len(self.interrupts_told), "waits deaf to an interrupt"
        self.timeouts.append(timeout)
        if self.gauge is not None:
            self.lacking.append(dict(self.gauge.lacking))
        if self.waits_in_vain:
            self.waits_in_vain -= 1
            assert timeout is not None or other >= 0, "waits for nothing"
            return []
        self._look_for_idle_slots()
        if self._interrupted:
            stopped, self._interrupted = self._interrupted, []
            how = "" if self.ends_anyway else "worker died" if self.dies_of_it else "interrupted"
            self.ends += len(stopped)
            return [found for number in stopped for found in self._next_behind(self._end(number, how))]
        self.ends += 1
        found = self._next_behind(self._end(self.choose(tuple(self.running))))
        while self.together and self.running:
            self.ends += 1
            found += self._next_behind(self._end(self.running[0]))
        while self.bursts and found[-1].then is not None:
            self.ends += 1
            found += self._next_behind(self._end(found[-1].then))
        return found

    def interrupt(self, at_once: bool = False) -> None:
        self.interrupts_told.append(at_once)
        self._interrupted = list(self.running)

    def _end(self, number: int, failure: str = "") -> Ended:
        self.running.remove(number)
        self.book.append(("end", self.name(number)))
        fails = self.fate(number) in ("fails once", "cannot be tried again") and not self._tries.get(number)
        return Ended(number, failure or (FAILS_ONCE if fails and number not in self._asking else ""))

    # What must hold at every moment

    def needs(self, number: int) -> dict[str, int]:
        wanted = dict(self.steps[number].resources)
        return wanted | {"cpus": max(1, min(wanted.get("cpus", 1), self.jobs))}

    def _used(self, numbers: Sequence[int]) -> dict[str, int]:
        used: dict[str, int] = {}
        for number in numbers:
            for name, amount in self.needs(number).items():
                used[name] = used.get(name, 0) + amount
        return used

    def _check_limits(self) -> None:
        for name, amount in self._used(self.running).items():
            limit = self.jobs if name == "cpus" else self.capacities.get(name, 1)
            assert amount <= limit, f"{amount} of {name}, of which there are {limit}"

    def _check_turns(self, starting: int) -> None:
        """Nobody is passed by a later one that takes what it waits for: so nobody waits for ever."""
        if self._beginning != starting:
            return  # it has begun before: this is its next job
        self._beginning = None
        used = self._used((*self.running, *self._intended))
        taken: set[str] = set()  # what those wait for who come first
        for number in sorted(self._waiting, key=self._place.__getitem__):
            if self._place[number] > self._place[starting]:
                break
            named = {name: amount for name, amount in self.needs(number).items() if name != "cpus"}
            shared = named.keys() & self.needs(starting).keys()
            assert not shared, f"{self.name(starting)} takes {shared} before {self.name(number)}"
            there = all(used.get(name, 0) + amount <= self.capacities.get(name, 1) for name, amount in named.items())
            assert not there or named.keys() & taken, f"{self.name(starting)} takes a slot before {self.name(number)}"
            taken |= named.keys()

    def _look_for_idle_slots(self) -> None:
        """While all wait for a job to end: which steps without wishes could have been running in a free slot.

        Slots that a wide step waits for are not free.
        """
        sound = {*self.wrote("kept"), *self.wrote("succeeded")}
        over = {event.settled.step for event in self.events if isinstance(event, StepSettled)}
        began = {name for word, name in self.book if word in ("begin", "ask", *OUTCOMES)}
        ready = frozenset(
            number
            for number, step in enumerate(self.steps)
            if step.name not in over | began and all(self.name(up) in sound for up in self.graph.upstream[number])
        )
        if any(self.needs(number)["cpus"] > 1 for number in ready):
            return
        plain = frozenset(
            self.name(number) for number in ready if not self.steps[number].resources and self.fate(number) != "shares"
        )
        free = self.jobs - sum(self.needs(number)["cpus"] for number in self.running)
        self.idle_slots.append((free, plain))
