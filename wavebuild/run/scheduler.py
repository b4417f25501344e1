"""In what order steps are considered and run: by waves, as slots and shared resources allow.

It does not know whether a step must run, nor where a job runs. Flow: a step is considered as
soon as its own upstream has settled. Barrier: when the whole wave before it has.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from wavebuild.declare.model import Kind, Step
from wavebuild.errors import WavebuildError
from wavebuild.graph import Graph
from wavebuild.run.course import STOPS_READERS, Considered, Course, Executor, Growth, Judge
from wavebuild.run.due import Lines
from wavebuild.run.events import Event, Outcome, Settled, StepSettled, StepStarted, WaveStarted
from wavebuild.run.job import NOT_BEGUN, Ended, Job
from wavebuild.run.life import Again, Asks, Behind, Due, Merges
from wavebuild.run.room import Room
from wavebuild.run.slots import ONE_SLOT, Slots
from wavebuild.run.turns import Firsts, Place, Turns, share_a_file

if TYPE_CHECKING:
    from wavebuild.run.gauge import Gauge

AHEAD = 4
"""Steps for each slot whose intents are on record while all slots are taken."""

MOST_AHEAD = 64
"""So many at most, however many slots there are."""

LAID = 2
"""Of these, jobs that lie ready with each worker, which begins them without asking."""

YOUNG = 0.05
"""Seconds for which a job has run at most if another is to lie ready behind it: behind a long one it would get old."""

STILL_TRUE = 0.5
"""Seconds for which what was judged of them is gone by."""

STILL_TRUE_IN_LINE = 0.5
"""Seconds for which what was judged of those that wait for a slot is gone by."""

GROUP = 0.008
"""Seconds that what is to begin or has ended waits, at most, for others to be put on record together with it."""

LOOK = 0.002
"""Seconds between two looks for ends while steps are considered, and each worker has what to go on with."""


class Ready(Struct):
    """A step that may begin: its intent is on record."""

    since: float
    due: Due
    job: Job | None = None  # made already: nothing is to be done before it begins


class Host(Struct):
    """A job that runs, and the steps that lie ready behind it with its worker."""

    since: float
    line: list[int] = field(default_factory=list)


class Scheduler:
    """Works through the wanted steps; ``interrupts`` tells how often the person asked to stop.

    ``grow`` is asked, when steps have settled, what is known now of steps whose instances or inputs
    were not known; it gives None while there is nothing new. Numbers of steps stay what they were.
    """

    def __init__(
        self,
        graph: Graph,
        course: Course,
        judge: Judge,
        executor: Executor,
        tell: Callable[[Event], None],
        interrupts: Callable[[], int],
        grow: Callable[[Mapping[int, Settled]], Growth | None] = lambda settled: None,
        room: Room | None = None,
    ) -> None:
        self._graph = graph
        self.course = course
        self._judge = judge
        self._executor = executor
        self._tell = tell
        self._interrupts = interrupts
        self._grow = grow
        self._room = room or Room()
        self._crowded = False  # a step that is due could start, were there room for it
        self._has_lists = self._may_grow = not graph.traits.growing.isdisjoint(course.wanted)
        self._heard = 0
        self._waiting_for = {n: sum(1 for up in graph.upstream[n] if up in course.wanted) for n in course.wanted}
        self._wave_of = {number: at for at, wave in enumerate(course.waves) for number in wave}
        self._left_in_wave = [len(wave) for wave in course.waves]
        self._open_wave = 0
        self._to_consider: list[tuple[int, int]] = []
        self._held_back: list[int] = []  # their upstream has settled, their wave has not begun
        self._due: Lines[Due | Asks | Again] = Lines()
        self._behind: dict[int, list[int]] = {}  # step → those that are considered again when a job of it has ended
        self._later: list[tuple[float, int]] = []  # further tries: when, which
        self._slots = Slots(course.jobs, course.capacities)
        self._running = self._slots.taken
        self._turns = Turns()
        self._unmerged: list[int] = []  # sandboxed steps that ended well, and whose edits wait for those before them
        self._stopped = False
        self._stops_readers = False  # somebody has settled so that those behind it are blocked
        self._begun: list[Due] = []  # their intents are not on record yet
        self._intended: list[Due] = []  # nor are theirs, who begin when a slot is free
        self._ready: deque[Ready] = deque()  # they begin when a job ends
        self._laid: dict[int, Ready] = {}  # those whose job lies with a worker, which may have begun it
        self._hosts: dict[int, Host] = {}  # jobs that run, behind which others may lie ready
        self._looked = 0.0  # when it was last looked whether jobs have ended
        self._untold: list[Event] = []  # nor is what these tell
        self._to_be_said: list[Event] = []
        self._first_of_group = 0.0
        self.settled: dict[int, Settled] = {}
        self.gauge: Gauge | None = None  # somebody looks at what is waited for

    def run(self) -> dict[int, Settled]:
        """Every wanted step settled, by number; those are left out that their judge leaves as they were."""
        self._start_wave()
        for number in sorted(self.course.wanted):
            if not self._waiting_for[number]:
                self._reach(number)
        while len(self.settled) < len(self.course.wanted) and not self._is_done():
            self._listen()
            self._merge()
            self._advance()
            self._listen()  # what came meanwhile has woken whoever looked for ends, and wakes nobody again
            if self._running or self._later:
                self._collect()
            elif not self._to_consider and not self._due and not self._merge(at_once=True):
                self._leave_the_rest()
        self._commit()
        self._judge.commit()  # what was let go when the last had ended
        self._waiting_for, self._wave_of = {}, {}  # of very many steps that is room for what is written now
        return self.settled

    def _is_done(self) -> bool:
        """Whether nothing is in hand, nothing holds anybody up, and nobody else needs a look."""
        if self._running or self._due or self._begun or self._stops_readers or self._stopped or self._has_lists:
            return False
        if self._later or self._behind or self._unmerged or self._ready or self._laid or self._intended:
            return False
        return self.course.schedule == "flow" and self._judge.leaves_the_rest(self.settled)

    def _advance(self) -> None:
        """Considers and starts what can be now, and puts it on record together with what has ended."""
        self._crowded = False
        self._begin_what_can_be()
        while not self._may_gather() and self._commit():
            self._begin_what_can_be()

    def _may_gather(self) -> bool:
        """Whether nobody waits for what is to be put on record: then more is put there together with it."""
        if self._begun or self._stopped or not self._running:
            return False
        if self._intended and len(self._ready) + len(self._laid) < self.course.jobs:
            return False
        return self.course.jobs > 1 and time.monotonic() - self._first_of_group < GROUP

    def _begin_what_can_be(self) -> None:
        """Whatever comes first is considered before another begins."""
        while self._interrupts() <= self._heard:
            if self._stopped:
                self._leave_what_is_new()
                if self._start_one_due():
                    continue
                return
            if self._may_grow and not self._to_consider:
                self._commit()
                if self._take_growth():
                    continue
            ahead = bool(self._to_consider) and (not self._due or self._to_consider[0] < self._due.first)
            if not (ahead and self._slots.free > 0) and self._start_one_due():
                continue
            if self._make_one_ready():
                continue
            if not self._to_consider or (self._due and self._slots.free <= 0) or self._is_done():
                return
            if (self._begun or self._untold) and time.monotonic() - self._first_of_group > GROUP:
                self._commit()
            _, number = heapq.heappop(self._to_consider)
            self._consider(number)
            if self._running and (len(self._laid) < len(self._running) or time.monotonic() - self._looked > LOOK):
                self._take_news()

    def _commit(self) -> bool:
        """Puts on record what has begun and what has ended, in one group; then those start, and these are told.

        Whether more can begin: one of them could not start, and its slot is for others; or those who are ready now
        find a slot free, as all jobs have ended meanwhile.
        """
        settled, intended = len(self.settled), len(self._intended)
        while self._begun or self._untold or self._intended:
            self._judge.commit()
            now = time.monotonic() if self._intended else 0.0
            self._ready.extend(Ready(now, due) for due in self._intended)
            self._intended.clear()
            told, self._untold = self._untold, []
            for event in told:
                self._tell(event)
            while self._begun:
                self._set_off(self._begun.pop(0))
            self._lay_ready()
        return len(self.settled) > settled or (intended > 0 and self._slots.free > 0)

    # No worker waits for what is done about the job that it has ended

    def _make_one_ready(self) -> bool:
        """Puts the intent of the first in line on record while all slots are taken, if it asks for nothing but one.

        Where one job runs at a time, nothing begins before all is known of the one before it.
        """
        most = min(AHEAD * self.course.jobs, MOST_AHEAD) if self.course.jobs > 1 and self._room.has_no_limit else 0
        if len(self._ready) + len(self._laid) + len(self._intended) >= most or self._slots.free > 0 or not self._due:
            return False
        kind, due = self._due.heads()[0]
        step = self._graph.wavefile.steps[due.number]
        if not isinstance(due, Due) or self._slots.wanted_by(step) is not ONE_SLOT or not _is_plain(step):
            return False
        self._due.take(kind)
        if _is_long_ago(due):
            self._consider_again(due)
            return True
        failed = self._judge.begin(due)
        if failed is not None:
            self._settle(due.number, failed)
        else:
            self._open_group()
            self._intended.append(due)
        return True

    def _lay_ready(self) -> None:
        """Workers get the jobs of those who are ready while they run others: then they wait for nobody."""
        if not self._ready or self._stopped or self._slots.free > 0:
            return
        young = time.monotonic() - YOUNG
        hosts = [(number, host) for number, host in self._hosts.items() if host.since > young]
        for count in range(1, LAID + 1):
            for number, host in hosts:
                if len(host.line) < count and not self._lay_behind(number, host):
                    return

    def _lay_behind(self, number: int, host: Host) -> bool:
        """False if no other need be tried."""
        ready = self._first_ready()
        if ready is None:
            return False
        last = host.line[-1] if host.line else number
        if not self._judge.is_last(last):
            return True
        if ready.job is None:
            ready.job = self._judge.job_ahead(ready.due)
        if ready.job is None or not self._executor.lay_ready(ready.job, number, ready.since + STILL_TRUE):
            return False
        self._ready.popleft()
        self._laid[ready.due.number] = ready
        host.line.append(ready.due.number)
        return True

    def _take_back(self) -> None:
        """Nothing that lies ready begins by itself any more, but what a worker has just taken."""
        if self._laid:
            self._have_back(self._executor.take_back())

    def _have_back(self, numbers: Sequence[int]) -> None:
        """Those who lay ready and have not begun are as they were before."""
        back = {number: self._laid.pop(number) for number in numbers}
        for host in self._hosts.values():
            host.line = [number for number in host.line if number not in back]
        self._ready = deque(sorted((*back.values(), *self._ready), key=lambda ready: self._place_in_line(ready.due)))

    def _place_in_line(self, due: Due | Asks | Again) -> tuple[int, int]:
        return self.course.first[due.number], due.number

    def _go_on(self, ended: int, then: int) -> None:
        """A worker has ended a job, and has begun the one that lay ready behind it: that has its slot now."""
        self._slots.hand_on(ended, then)
        del self._laid[then]
        host = self._hosts.pop(ended)
        self._hosts[then] = Host(time.monotonic(), host.line[1:])
        self._judge.set_going(then, self._to_be_said.append)

    def _first_ready(self) -> Ready | None:
        """The first whose intent is on record, if nobody who has come since comes before it."""
        ready = self._next_ready()
        passed = ready is not None and self._due and self._due.first < self._place_in_line(ready.due)
        return None if passed else ready

    def _next_ready(self) -> Ready | None:
        """The first whose intent is on record."""
        while self._ready and time.monotonic() - self._ready[0].since > STILL_TRUE:
            self._consider_again(self._ready.popleft().due)
        return self._ready[0] if self._ready else None

    def _consider_again(self, due: Due) -> None:
        """Of what a person has done to its outputs since it was judged nothing is known yet."""
        self._judge.withdraw(due)
        heapq.heappush(self._to_consider, (self.course.first[due.number], due.number))

    def _hand_on(self, ended: Ended) -> None:
        """Gives the slot of a job that ended well to one that is ready, before anything else is done."""
        if not self._ready or ended.failure or self._stopped or self._interrupts() > self._heard:
            return
        if self._running.get(ended.id) is not ONE_SLOT or not self._judge.is_last(ended.id):
            return
        if (ready := self._first_ready()) is not None:
            self._ready.popleft()
            self._slots.hand_on(ended.id, ready.due.number)
            self._set_off(ready.due, self._to_be_said.append, ready.job)

    def _withdraw_those_ready(self) -> None:
        """What has not begun will not: it is as if it had never been meant to."""
        self._take_back()
        for due in (*(ready.due for ready in self._ready), *self._intended):
            self._judge.withdraw(due)
        self._ready.clear()
        self._intended.clear()

    def _in_readiness(self) -> list[Due]:
        return [*(ready.due for ready in (*self._laid.values(), *self._ready)), *self._intended]

    def _say(self, event: Event) -> None:
        """Tells what has happened once it is on record."""
        self._open_group()
        self._untold.append(event)

    def _open_group(self) -> None:
        if not self._begun and not self._untold and not self._intended:
            self._first_of_group = time.monotonic()

    def _take_news(self) -> None:
        """Ends are taken in between, so that no slot stays empty while many steps are considered."""
        self._take_ends(self._executor.wait(0.0))

    def _take_ends(self, ends: Sequence[Ended]) -> None:
        self._looked = time.monotonic()
        if back := [ended.id for ended in ends if ended.failure == NOT_BEGUN]:
            self._have_back(back)
            ends = [ended for ended in ends if ended.failure != NOT_BEGUN]
        begun: list[list[Event]] = []
        for ended in ends:
            if ended.then is not None:
                self._go_on(ended.id, ended.then)
            else:
                self._hosts.pop(ended.id, None)
                self._hand_on(ended)
            begun.append(self._to_be_said)
            self._to_be_said = []
        self._lay_ready()
        for ended, events in zip(ends, begun, strict=True):
            self._end(ended)
            for event in events:
                self._say(event)  # who took the place of another is told after it has gone

    def _consider(self, number: int) -> None:
        culprits = self._culprits(number)
        if culprits:
            self._block(number, culprits)
            return
        self._take_up(number, self._judge.consider(number))

    def _take_up(self, number: int, found: Considered) -> None:
        match found:
            case Settled():
                self._settle(number, found)
            case Due() | Asks():
                self._stand_in_line(found)
            case Behind(other=other):
                self._behind.setdefault(other, []).append(number)
            case _:
                assert_never(found)

    def _stand_in_line(self, due: Due | Asks | Again) -> None:
        step = self._graph.wavefile.steps[due.number]
        kind = (tuple(self._slots.wanted_by(step).items()), due.number if step.updates else None)
        place = self._place_in_line(due)
        if self._laid and any(place < self._place_in_line(ready.due) for ready in self._laid.values()):
            self._take_back()
        self._due.add(place, kind, due)

    def _free_those_behind(self, number: int) -> None:
        for other in self._behind.pop(number, ()):
            heapq.heappush(self._to_consider, (self.course.first[other], other))

    def _culprits(self, number: int) -> tuple[str, ...]:
        """The upstream steps that stop this one: all that must hold before it does not."""
        return tuple(
            self.settled[up].step
            for up in self._graph.upstream[number]
            if up in self.settled and self.settled[up].outcome in STOPS_READERS
        )

    def _start_one_due(self) -> bool:
        """Starts the first due step that fits; what a step before it waits for is not taken from it."""
        free = self._slots.free
        if free <= 0:
            return False
        self._take_back()  # no worker waits for its turn behind another while a slot is free
        ready = self._next_ready()
        reserved: set[str] = set()
        firsts: Firsts | None = None
        for kind, due in self._due.heads():
            if ready is not None and self._place_in_line(ready.due) < self._place_in_line(due):
                break
            step = self._graph.wavefile.steps[due.number]
            wanted = self._slots.wanted_by(step)
            if isinstance(due, Due) and step.updates:
                firsts = firsts or self._firsts()
                if not (self._turns.may_begin(step) and firsts.let(self._place(due.number), step)):
                    continue
            if not self._slots.are_there(wanted, reserved):
                reserved |= set(wanted)
                continue
            if wanted["cpus"] > free:
                return False  # a wide step waits for slots: thin ones behind it must not take them one by one
            if not self._room.take(self._slots.used, wanted["cpus"]):
                self._crowded = True
                return False
            self._due.take(kind)
            self._start(due, wanted)
            return True
        return ready is not None and self._start_ready(ready)

    def _start_ready(self, ready: Ready) -> bool:
        if not self._room.take(self._slots.used, 1):
            self._crowded = True
            return False
        self._ready.popleft()
        self._slots.take(ready.due.number, ONE_SLOT)
        self._set_off(ready.due, self._say, ready.job)  # told after the end of whoever had the slot
        return True

    def _start(self, due: Due | Asks | Again, wanted: Mapping[str, int]) -> None:
        if isinstance(due, Again):
            self._try_again(due.number, wanted)
            return
        if isinstance(due, Asks):
            self._slots.take(due.number, wanted)
            self._set_off(due)  # it touches nothing, so nothing need be on record before
            return
        if _is_long_ago(due):
            self._room.leave(self._slots.used)
            self._consider_again(due)
            return
        failed = self._judge.begin(due)
        if failed is not None:
            self._room.leave(self._slots.used)
            self._settle(due.number, failed)
            return
        self._turns.take(due.number, self._graph.wavefile.steps[due.number])
        self._slots.take(due.number, wanted)
        self._open_group()
        self._begun.append(due)

    def _set_off(self, due: Due | Asks, tell: Callable[[Event], None] | None = None, made: Job | None = None) -> None:
        """``made``: its job, if nothing is to be done before that begins."""
        if made is not None:
            self._judge.set_going(due.number, tell or self._tell)
        job = made or self._judge.start(due, tell)
        if isinstance(job, Job):
            if isinstance(due, Due) and self._running[due.number] is ONE_SLOT:
                self._hosts[due.number] = Host(time.monotonic())
            self._submit(job)
        else:
            self._give_back(due.number)
            self._settle(due.number, job)

    def _firsts(self) -> Firsts:
        """Of the steps that are ready those that may edit the files that they share."""
        steps = self._graph.wavefile.steps
        ready = (*(due.number for due in self._due), *(entry[1] for entry in self._to_consider))
        return Firsts((self._place(number), steps[number]) for number in ready if steps[number].updates)

    def _place(self, number: int) -> Place:
        return self._wave_of[number], number

    def _try_again(self, number: int, wanted: Mapping[str, int]) -> None:
        try:
            job = self._judge.retry(number)
        except (OSError, WavebuildError) as error:
            self._end(Ended(number, "start", detail=str(error)))
        else:
            self._slots.take(number, wanted)
            self._submit(job)

    def _submit(self, job: Job) -> None:
        try:
            self._executor.submit(job)
        except OSError as error:
            self._end(Ended(job.id, "start", detail=f"no process can be started: {error.strerror}"))

    def _collect(self) -> None:
        """Waits for a job to end, a further try to be due or a signal, and takes what came."""
        if self.gauge is not None:
            self.gauge.lacking = self._lacking()
        timeout = max(0.0, self._later[0][0] - time.monotonic()) if self._later else None
        if self._untold or self._intended:
            left = max(0.0, self._first_of_group + GROUP - time.monotonic())
            timeout = left if timeout is None else min(timeout, left)
        handle = -1
        if self._crowded:
            handle, again = self._room.awaited
            timeout = min((seconds for seconds in (timeout, again) if seconds is not None), default=None)
        self._take_ends(self._executor.wait(timeout, handle))
        now = time.monotonic()
        while self._later and self._later[0][0] <= now and self._interrupts() <= self._heard:
            _, number = heapq.heappop(self._later)
            self._stand_in_line(Again(number, 0.0))

    def _lacking(self) -> dict[str, int]:
        """How many steps wait for each resource, though there are slots."""
        free = self._slots.free
        if free <= 0 or not self._due:
            return {}
        found: dict[str, int] = {}
        reserved: set[str] = set()
        for kind, due in self._due.heads():
            wanted = self._slots.wanted_by(self._graph.wavefile.steps[due.number])
            short = [name for name in wanted if not self._slots.are_there({name: wanted[name]}, reserved)]
            if not short and wanted["cpus"] > free:
                short = ["cpus"]
            for name in short[:1]:
                found[name] = found.get(name, 0) + self._due.length(kind)
            reserved |= set(wanted) if short else set()
        return found

    def _end(self, ended: Ended) -> None:
        if self._interrupts() and self._may_have_met_the_signal(ended):
            ended = replace(ended, failure="interrupted")
        if self._untold and (ended.failure or self._graph.wavefile.steps[ended.id].review is not None):
            self._tell_begin(ended.id)
        after = self._judge.finish(ended)
        if self._interrupts() and isinstance(after, Job | Again):
            after = self._judge.drop(ended.id)  # no further try, no checks: the build is being stopped
        match after:
            case Job():
                self._submit(after)
            case Again(number, delay):
                # While it waits, what it had is for others; when its time has come it takes its turn.
                self._give_back(ended.id)
                heapq.heappush(self._later, (time.monotonic() + delay, number))
            case Merges(number):
                self._give_back(ended.id)
                self._turns.give_back(number)
                self._unmerged.append(number)
            case Settled() | Due() | Asks() | Behind():
                self._give_back(ended.id)
                self._free_those_behind(ended.id)
                self._take_up(ended.id, after)
            case _:
                assert_never(after)

    def _tell_begin(self, number: int) -> None:
        """Of a further try, or a review, everybody is told at once: not before it is told that the step has begun."""
        step = self._graph.wavefile.steps[number].name
        if any(isinstance(event, StepStarted) and event.step == step for event in self._untold):
            self._judge.commit()
            told, self._untold = self._untold, []
            for event in told:
                self._tell(event)

    def _may_have_met_the_signal(self, ended: Ended) -> bool:
        """Whether the signal that stops us, sent to all of us, may have ended it before we could."""
        owns_terminal = self._graph.wavefile.steps[ended.id].console
        return ended.failure == "worker died" or (owns_terminal and ended.failure in ("exit", "signal"))

    def _merge(self, at_once: bool = False) -> bool:
        """Merges the edits of those whose turn it is, the first of the plan first; whether there were any.

        ``at_once``: nothing runs, and nothing more will: the first is not waited for by anybody.
        """
        merged = False
        for number in sorted(self._unmerged, key=self._place):
            if at_once or self._may_merge(number):
                self._unmerged.remove(number)
                self._settle(number, self._judge.merge(number))
                merged, at_once = True, False
        return merged

    def _may_merge(self, number: int) -> bool:
        """Whether all that come before it in the plan and edit copies of the same files have settled, and nobody has
        one of the files itself in hand."""
        steps, place = self._graph.wavefile.steps, self._place(number)
        if not self._turns.may_merge(steps[number]):
            return False
        open_before = (
            other
            for other in self.course.wanted
            if steps[other].sandbox and other not in self.settled and self._place(other) < place
        )
        return not any(share_a_file(steps[number], steps[other]) for other in open_before)

    # More becomes known

    def _take_growth(self) -> bool:
        """Goes on with the larger graph, if more is known of it than before."""
        growth = self._grow(self.settled)
        if growth is None:
            self._may_grow = False  # until another step has settled
            return False
        open_wave = self._open_wave
        self._graph, self.course = growth.graph, growth.course
        steps = self._graph.wavefile.steps
        self._has_lists = not self._graph.traits.growing.isdisjoint(self.course.wanted)
        self._wave_of = {number: at for at, wave in enumerate(self.course.waves) for number in wave}
        self._left_in_wave = [sum(1 for number in wave if number not in self.settled) for wave in self.course.waves]
        self._open_wave = next((at for at, left in enumerate(self._left_in_wave) if left), len(self._left_in_wave) - 1)
        if self._open_wave > open_wave:
            self._start_wave()
        in_hand = {*self._running, *(due.number for due in self._due), *(entry[1] for entry in self._later)}
        in_hand |= {*self._unmerged, *(due.number for due in self._in_readiness())}
        in_hand |= {number for behind in self._behind.values() for number in behind}
        self._to_consider, self._held_back = [], []
        open_steps = [number for number in sorted(self.course.wanted) if number not in self.settled]
        self._waiting_for = {
            number: sum(1 for up in self._graph.upstream[number] if up in self.course.wanted and up not in self.settled)
            for number in open_steps
        }
        for number in open_steps:
            if not self._waiting_for[number] and number not in in_hand:
                self._reach(number)
        for number, why in growth.refused.items():
            settled = Settled(steps[number].name, Outcome.FAILED, self._graph.wave[number], failure="list", detail=why)
            self._settle(number, settled)
        return True

    def _give_back(self, number: int) -> None:
        """The slot of a step, and what else it had, is for others."""
        self._hosts.pop(number, None)
        self._slots.give_back(number)
        self._room.leave(self._slots.used)

    # How a step settles, and whom that concerns

    def _settle(self, number: int, settled: Settled) -> None:
        stops = settled.outcome is Outcome.FAILED and not self.course.keep_going
        if stops:
            self._commit()  # what had begun before starts; from now on nothing does
        self.settled[number] = settled
        self._stops_readers = self._stops_readers or settled.outcome in STOPS_READERS
        self._turns.give_back(number)
        self._free_those_behind(number)
        self._may_grow = self._has_lists
        self._say(StepSettled(self.course.run, time.time(), settled))
        if stops:
            self._stopped = True
        for down in self._graph.downstream[number]:
            if down in self._waiting_for:
                self._waiting_for[down] -= 1
                if not self._waiting_for[down] and down not in self.settled:
                    self._reach(down)
        at = self._wave_of[number]
        self._left_in_wave[at] -= 1
        if self.course.schedule == "barrier" and at == self._open_wave and not self._left_in_wave[at]:
            self._next_wave()

    def _reach(self, number: int) -> None:
        """All upstream of a step has settled."""
        if number in self._graph.traits.growing and not self._culprits(number):
            return  # what its lists say is taken in with the next growth
        if self.course.schedule == "barrier" and self._wave_of[number] > self._open_wave:
            self._held_back.append(number)
        else:
            heapq.heappush(self._to_consider, (self.course.first[number], number))

    def _next_wave(self) -> None:
        if self._open_wave == len(self._left_in_wave) - 1:
            return
        while self._open_wave < len(self._left_in_wave) - 1 and not self._left_in_wave[self._open_wave]:
            self._open_wave += 1
        self._start_wave()
        held, self._held_back = self._held_back, []
        for number in held:
            self._reach(number)

    def _start_wave(self) -> None:
        if self.course.schedule == "barrier" and self.course.waves and not self._stopped:
            self._say(WaveStarted(self.course.run, time.time(), self._open_wave + 1))

    def _block(self, number: int, culprits: tuple[str, ...]) -> None:
        step = self._graph.wavefile.steps[number]
        self._settle(
            number, Settled(step.name, Outcome.BLOCKED, self._graph.wave[number], blocked_by=culprits)
        )  # fmt: skip

    def _leave_the_rest(self) -> None:
        """Nothing runs and nothing more will: what has not settled is blocked or was not started."""
        for wave in self.course.waves:
            for number in wave:
                if number in self.settled:
                    continue
                culprits = self._culprits(number)
                outcome = Outcome.BLOCKED if culprits else Outcome.NOT_STARTED
                step = self._graph.wavefile.steps[number]
                settled = Settled(step.name, outcome, self._graph.wave[number], blocked_by=culprits)
                self.settled[number] = settled
                self._say(StepSettled(self.course.run, time.time(), settled))

    # Interruption

    def _listen(self) -> None:
        count = self._interrupts()
        if count > self._heard:
            self._heard = count
            self._stopped = True
            if self.gauge is not None:
                self.gauge.stopping = True
            self._leave_what_is_new()
            self._executor.interrupt(at_once=count > 1)
            further = [number for _, number in self._later] + [due.number for due in self._due]
            self._later, self._due = [], Lines()
            for number in further:
                self._settle(number, self._judge.drop(number))
        if self._stopped:
            self._leave_what_is_new()

    def _leave_what_is_new(self) -> None:
        """No step begins any more; the further tries of those that have begun belong to them."""
        self._to_consider.clear()
        self._withdraw_those_ready()
        self._due.leave_only(lambda due: isinstance(due, Again))


def _is_long_ago(due: Due) -> bool:
    """Whether a person may have been at the outputs of a step since it was judged."""
    return time.monotonic() - due.judged > STILL_TRUE_IN_LINE


def _is_plain(step: Step) -> bool:
    """Whether nothing but its files is touched before it begins, and none of them before its intent is on record."""
    return not (step.updates or step.sandbox or step.scratch) and all(
        one.kind is not Kind.PROBE for one in step.outputs
    )
