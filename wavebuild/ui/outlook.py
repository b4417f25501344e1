"""How far a build is, wave by wave, and how long it may still take, counted as its events come.

It does not know what time it is, nor how any of it is shown. It is no part of the picture, as it is changed in place: a
build of 10,000 waves must not be copied at each event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from msgspec import Struct

from wavebuild.run.events import BuildStarted, Event, Outcome, Outlook, StepSettled, StepsFound
from wavebuild.ui.view import Running


class Wave(Struct, frozen=True):
    """``done``: how many of its steps have settled, those that are known to be fresh among them."""

    done: int
    size: int
    failed: bool = False


class Estimate(Struct, frozen=True):
    """What is left, if every step that is not settled runs for as long as it did.

    ``unknown``: steps that would run something and of which nobody knows for how long; they count as nothing.
    ``overdue``: one that runs has taken longer than it did. ``ending``: a step has failed, and no other begins.
    ``most``: some steps of this build were fresh, and others that are yet to begin may be, too.
    """

    seconds: float = 0.0
    unknown: int = 0
    overdue: bool = False
    ending: bool = False
    most: bool = False


class Group:
    """Steps that follow no other group but the one before: how much work is left in it, and its longest chain."""

    def __init__(self, steps: Iterable[int], own: Mapping[int, float], chain: Mapping[int, float]) -> None:
        self._own = own
        self._chain = chain
        self._order = sorted((step for step in steps if step in chain), key=lambda step: -chain[step])
        self._at = 0
        self.work = sum(own.get(step, 0.0) for step in self._order)

    def end(self, step: int) -> None:
        self.work -= self._own.get(step, 0.0)

    def left(self, settled: Collection[int], running: Mapping[int, float], jobs: int) -> float:
        """``running``: step → how long it has been."""
        order = self._order
        while self._at < len(order) and order[self._at] in settled:
            self._at += 1
        longest, work = 0.0, self.work
        for step, elapsed in running.items():
            if step in self._chain:
                spent = min(elapsed, self._own.get(step, 0.0))
                longest, work = max(longest, self._chain[step] - spent), work - spent
        waits = (step for step in islice(order, self._at, None) if step not in settled and step not in running)
        for step in islice(waits, 1):
            longest = max(longest, self._chain[step])
        return max(longest, work / jobs, 0.0)


class Progress:
    """What the events so far say of waves and times."""

    def __init__(self) -> None:
        self._waves: list[Wave] = []
        self._wave_of: dict[str, int] = {}
        self._ended: set[str] = set()
        self._settled: set[int] = set()
        self._known: Outlook | None = None
        self._unknown: set[int] = set()
        self._groups: list[Group] = []
        self._group_of: dict[int, Group] = {}
        self._barrier = False
        self._jobs = 1
        self._failed: set[str] = set()
        self._spared = False  # a step that could have run did not
        self.fresh = 0

    def see(self, event: Event) -> None:
        match event:
            case BuildStarted():
                self._jobs = max(1, event.jobs)
                self._barrier = event.schedule == "barrier"
                self._begin(event.waves, event.outlook)
            case StepsFound():
                self._begin(event.waves, event.outlook)
            case StepSettled():
                if event.settled.outcome is Outcome.FAILED:
                    self._failed.add(event.settled.step)
                self._spared = self._spared or event.settled.outcome in (Outcome.KEPT, Outcome.RESTORED)
                self._end(event.settled.step)
            case _:
                pass

    @property
    def waves(self) -> Sequence[Wave]:
        """As of now; they change with the next event."""
        return self._waves

    def expected(self, step: str) -> float | None:
        """How long a step is expected to take."""
        return None if self._known is None else self._known.seconds.get(self._known.number.get(step, -1))

    def estimate(self, running: Sequence[Running], now: float) -> Estimate:
        known = self._known
        if known is None:
            return Estimate()
        since = {
            known.number[each.step]: max(0.0, now - each.started)
            for each in running
            if each.step in known.number and not each.failure
        }
        overdue = any(elapsed > known.seconds[step] for step, elapsed in since.items() if step in known.seconds)
        left = [known.seconds[step] - elapsed for step, elapsed in since.items() if step in known.seconds]
        begun = max(left, default=0.0)
        if self._failed and not known.keep_going:
            return Estimate(begun, len(self._unknown.intersection(since)), overdue, ending=True)
        seconds = sum(group.left(self._settled, since, self._jobs) for group in self._groups)
        most = (self._spared or self.fresh > 0) and seconds >= begun + 1
        return Estimate(seconds, len(self._unknown), overdue, most=most)

    def _begin(self, waves: Sequence[Sequence[str]], known: Outlook | None) -> None:
        """All that is counted is counted anew: there may be more steps than there were."""
        self._known = known
        self._waves = [Wave(0, len(wave)) for wave in waves]
        self._wave_of = {step: at for at, wave in enumerate(waves) for step in wave}
        self.fresh = 0
        if known is not None:
            self._foresee(waves, known)
        ended, self._ended, self._settled = self._ended, set(), set()
        for step in ended:
            self._end(step)

    def _foresee(self, waves: Sequence[Sequence[str]], known: Outlook) -> None:
        number, judged = known.number, known.judged
        self._unknown = set(known.unknown)
        if len(judged) < len(self._wave_of):
            self._waves = [Wave(sum(number[step] not in judged for step in wave), len(wave)) for wave in waves]
            self.fresh = sum(wave.done for wave in self._waves)
        if self._barrier:
            self._groups = [Group([number[step] for step in wave], known.seconds, known.seconds) for wave in waves]
            of_wave = zip(self._groups, waves, strict=True)
            self._group_of = {number[step]: group for group, wave in of_wave for step in wave}
        else:
            self._groups = [Group(judged, known.seconds, known.behind)]
            self._group_of = dict.fromkeys(judged, self._groups[0])

    def _end(self, step: str) -> None:
        if step in self._ended or step not in self._wave_of:
            return
        self._ended.add(step)
        at = self._wave_of[step]
        wave = self._waves[at]
        self._waves[at] = Wave(wave.done + 1, wave.size, wave.failed or step in self._failed)
        if self._known is not None and (number := self._known.number.get(step)) is not None:
            self._settled.add(number)
            self._unknown.discard(number)
            if group := self._group_of.get(number):
                group.end(number)
