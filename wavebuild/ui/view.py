"""The picture of a build, folded from its events.

It does not know who looks at it, what time it is, nor any stream: the same events give the same picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.judge.reasons import Reason
from wavebuild.run.events import (
    BuildSettled,
    BuildStarted,
    Event,
    Noticed,
    Outcome,
    Settled,
    StepRetried,
    StepReviewed,
    StepSettled,
    StepsFound,
    StepStarted,
    WaveStarted,
)


class Running(Struct, frozen=True):
    """A step that runs now, or waits between two tries."""

    step: str
    wave: int
    attempt: int
    started: float  # epoch seconds, of this attempt
    command: str
    log: str
    reasons: tuple[Reason, ...] = ()
    failure: str = ""  # of the try before, while it waits for the next one
    again: float = 0.0  # epoch seconds: when that may begin


class Picture(Struct, frozen=True):
    """What is known at one moment. Settled steps are counted; only those worth a word later are kept whole.

    So a fold over 10,000 steps copies little at each event; who wants every step (a timeline,
    a report) keeps the ``StepSettled`` events beside it.
    """

    run: str = ""
    root: str = ""
    started: float = 0.0
    at: float = 0.0  # of the last event
    jobs: int = 0
    schedule: str = ""
    steps: int = 0
    waves: tuple[tuple[str, ...], ...] = ()
    wave: int = 0  # the furthest wave in which something happened
    running: tuple[Running, ...] = ()
    counts: tuple[tuple[Outcome, int], ...] = ()
    troubles: tuple[Settled, ...] = ()  # failed and waiting
    blocked: tuple[Settled, ...] = ()
    remarks: tuple[Settled, ...] = ()  # ended well, but with something to say
    notices: tuple[str, ...] = ()
    settled: BuildSettled | None = None

    @property
    def done(self) -> int:
        return sum(number for _, number in self.counts)

    def ran(self, step: str) -> Running | None:
        for each in self.running:
            if each.step == step:
                return each
        return None


def stopped_by(blocked: Sequence[Settled]) -> Callable[[str], tuple[str, ...]]:
    """Of a step, those of the blocked ones that did not run because of it, those behind them included."""
    behind: dict[str, list[int]] = {}
    for number, settled in enumerate(blocked):
        for before in settled.blocked_by:
            behind.setdefault(before, []).append(number)

    def of(step: str) -> tuple[str, ...]:
        reached, ends = set[int](), [step]
        while ends:
            new = [number for number in behind.get(ends.pop(), ()) if number not in reached]
            reached.update(new)
            ends += [blocked[number].step for number in new]
        return tuple(blocked[number].step for number in sorted(reached))

    return of


EMPTY = Picture()


def fold(events: Iterable[Event], picture: Picture = EMPTY) -> Picture:
    for event in events:
        picture = seen(picture, event)
    return picture


def seen(picture: Picture, event: Event) -> Picture:
    """The picture after one more event."""
    match event:
        case BuildStarted():
            return Picture(
                run=event.run,
                root=event.root,
                started=event.at,
                at=event.at,
                jobs=event.jobs,
                schedule=event.schedule,
                steps=event.steps,
                waves=event.waves,
                notices=picture.notices,  # a repair is told before the build starts
            )
        case StepsFound():
            return replace(picture, at=event.at, steps=event.steps, waves=event.waves)
        case WaveStarted():
            return replace(picture, at=event.at)
        case StepStarted():
            return _started(picture, event)
        case StepRetried():
            waiting = tuple([_waiting(each, event) if each.step == event.step else each for each in picture.running])
            return replace(picture, at=event.at, running=waiting)
        case StepReviewed():
            return replace(picture, at=event.at)
        case StepSettled():
            return _settled(picture, event)
        case Noticed():
            return replace(picture, at=event.at, notices=(*picture.notices, event.message))
        case BuildSettled():
            return replace(picture, at=event.at, running=(), settled=event)
        case _:
            assert_never(event)


def _started(picture: Picture, event: StepStarted) -> Picture:
    others = tuple(each for each in picture.running if each.step != event.step)
    now = Running(event.step, event.wave, event.attempt, event.at, event.command, event.log, event.reasons)
    return replace(picture, at=event.at, running=(*others, now), wave=max(picture.wave, event.wave))


def _waiting(running: Running, event: StepRetried) -> Running:
    return replace(running, failure=event.failure, again=event.at + event.delay)


def _settled(picture: Picture, event: StepSettled) -> Picture:
    settled = event.settled
    changed = replace(
        picture,
        at=event.at,
        running=tuple([each for each in picture.running if each.step != settled.step]),
        counts=_counted(picture.counts, settled.outcome),
        wave=max(picture.wave, settled.wave) if is_seen(settled) else picture.wave,
    )
    return _kept_for_later(changed, settled)


def _kept_for_later(picture: Picture, settled: Settled) -> Picture:
    match settled.outcome:
        case Outcome.FAILED | Outcome.WAITING:
            return replace(picture, troubles=(*picture.troubles, settled))
        case Outcome.BLOCKED:
            return replace(picture, blocked=(*picture.blocked, settled))
        case Outcome.KEPT | Outcome.RESTORED | Outcome.SUCCEEDED | Outcome.INTERRUPTED | Outcome.NOT_STARTED:
            said = settled.moved or settled.displaced or settled.notes
            return replace(picture, remarks=(*picture.remarks, settled)) if said else picture
        case _:
            assert_never(settled.outcome)


def is_seen(settled: Settled) -> bool:
    """Whether this end is an occurrence in its wave; a kept or blocked step is only counted."""
    match settled.outcome:
        case Outcome.KEPT | Outcome.BLOCKED | Outcome.NOT_STARTED:
            return False
        case Outcome.RESTORED | Outcome.SUCCEEDED | Outcome.FAILED | Outcome.WAITING | Outcome.INTERRUPTED:
            return True
        case _:
            assert_never(settled.outcome)


def _counted(counts: tuple[tuple[Outcome, int], ...], outcome: Outcome) -> tuple[tuple[Outcome, int], ...]:
    if any(each is outcome for each, _ in counts):
        return tuple([(each, number + 1 if each is outcome else number) for each, number in counts])
    known = {**dict(counts), outcome: 1}
    return tuple((each, known[each]) for each in Outcome if each in known)
