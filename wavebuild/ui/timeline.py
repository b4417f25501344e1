"""``--timeline``: what ran when, as a Chrome trace that Perfetto opens: a lane a slot, and the critical path.

It does not know the graph but by who stands before whom, nor what the steps do. Instants are microseconds since the
build began.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Json
from wavebuild.errors import mistake
from wavebuild.run.events import (
    BuildSettled,
    BuildStarted,
    Event,
    Outcome,
    Settled,
    StepRetried,
    StepReviewed,
    StepSettled,
    StepsFound,
    StepStarted,
    WaveStarted,
)
from wavebuild.ui import words
from wavebuild.ui.escapes import escaped

PROCESS = 1
CONTROL = 0  # the lane of what is of no slot
CLOCKS = 0.002  # seconds by which two clocks may tell of one moment
SLIP = 0.25  # seconds by which the begin of one is told before the end of that whose slot it takes

Upstream = Mapping[str, Sequence[str]]
"""Per step the names of those it directly follows."""


class Ran(Struct, frozen=True):
    """One attempt at one step, from its begin to its end; seconds since the epoch."""

    start: StepStarted
    end: float
    settled: Settled | None = None  # of the last attempt
    retried: StepRetried | None = None  # of one that was not the last
    reviews: tuple[StepReviewed, ...] = ()
    slot: int = 1


class Run(Struct):
    """A build as far as it has told of itself. What did not run is counted, and else leaves nothing here."""

    began: BuildStarted | None = None
    waves: tuple[tuple[str, ...], ...] = ()
    ran: list[Ran] = []
    barriers: list[WaveStarted] = []
    counts: dict[Outcome, int] = {}
    settled: BuildSettled | None = None
    at: float = 0.0
    going: dict[str, Ran] = {}

    def tell(self, event: Event) -> None:
        self.at = max(self.at, event.at)
        match event:
            case BuildStarted():
                self.began, self.waves = event, event.waves
            case StepsFound():
                self.waves = event.waves
            case WaveStarted():
                self.barriers.append(event)
            case StepStarted():
                self._close(event.step, event.at)  # a second job of the same attempt has no begin of its own
                self.going[event.step] = Ran(event, event.at)
            case StepReviewed(step=step) if step in self.going:
                self.going[step] = replace(self.going[step], reviews=(*self.going[step].reviews, event))
            case StepRetried(step=step):
                self._close(step, event.at, retried=event)
            case StepSettled(settled=settled):
                self.counts[settled.outcome] = self.counts.get(settled.outcome, 0) + 1
                self._close(settled.step, event.at, settled)
            case BuildSettled():
                self.settled = event
            case _:
                pass

    def _close(self, step: str, at: float, settled: Settled | None = None, retried: StepRetried | None = None) -> None:
        one = self.going.pop(step, None)
        if one is None:
            return
        # What is committed is told a moment after it ended: of a single attempt the time is known.
        known = settled is not None and settled.attempts == 1 and settled.seconds > 0
        end = min(at, one.start.at + settled.seconds) if known and settled else at
        self.ran.append(replace(one, end=max(end, one.start.at), settled=settled, retried=retried))

    def whole(self) -> list[Ran]:
        """All that ran, by its begin; what has not told of its end ended when the build was last heard of."""
        return [*self.ran, *(replace(one, end=self.at) for one in self.going.values())]


def in_slots(ran: Sequence[Ran], jobs: int) -> list[Ran]:
    """Each in the first slot that was free when it began; none overlaps another in its slot.

    Where more would have run than there are jobs, one lay ready for the worker that was the first to be free.
    """
    placed: list[Ran] = []
    last: list[int] = []  # per slot the place of its last one
    for one in sorted(ran, key=lambda each: each.start.at):
        free = (at for at, place in enumerate(last) if placed[place].end <= one.start.at + CLOCKS)
        slot = next(free, len(last))
        if slot == len(last) >= jobs > 0:
            first = min(range(len(last)), key=lambda at: placed[last[at]].end)
            late = placed[last[first]].end - one.start.at
            if late <= SLIP:
                slot = first
                one = replace(one, start=replace(one.start, at=one.start.at + late), end=one.end + late)
        if slot == len(last):
            last.append(0)
        else:
            before = placed[last[slot]]
            placed[last[slot]] = replace(before, end=max(before.start.at, min(before.end, one.start.at)))
        last[slot] = len(placed)
        placed.append(replace(one, slot=slot + 1))
    return placed


def critical_path(ran: Sequence[Ran], waves: Sequence[Sequence[str]], upstream: Upstream) -> list[str]:
    """The chain of steps, each behind the one before, that took longest together, the pauses between tries as well."""
    took: dict[str, float] = {}
    for one in ran:
        pause = one.retried.delay if one.retried else 0.0
        took[one.start.step] = took.get(one.start.step, 0.0) + one.end - one.start.at + pause
    best: dict[str, float] = {}
    via: dict[str, str] = {}
    for name in (name for wave in waves for name in wave):
        before = max((each for each in upstream.get(name, ()) if each in best), key=best.__getitem__, default=None)
        best[name] = took.get(name, 0.0) + (best[before] if before is not None else 0.0)
        if before is not None:
            via[name] = before
    at = max(took.keys() & best.keys(), key=lambda name: (best[name], name), default=None)
    path: list[str] = []
    while at is not None:
        path.append(at)
        at = via.get(at)
    return [name for name in reversed(path) if name in took]


def trace(run: Run, upstream: Upstream) -> dict[str, Json]:
    """The whole file: the object form of the Trace Event Format."""
    began = run.began.at if run.began else run.at
    path = critical_path(run.whole(), run.waves, upstream)
    ran = in_slots(run.whole(), run.began.jobs if run.began else 0)
    critical = frozenset(path)
    out: list[Json] = [*_names(run, ran)]
    out += [_slice(one, began, one.start.step in critical) for one in ran]
    out += [_review(review, one, began) for one in ran for review in one.reviews]
    out += [_barrier(event, began) for event in run.barriers]
    out += _arrows(ran, path, began)
    return {"traceEvents": out, "displayTimeUnit": "ms", "otherData": _about(run, path)}


def _names(run: Run, ran: Sequence[Ran]) -> Iterator[Json]:
    name = f"wavebuild {run.began.run}" if run.began else "wavebuild"
    yield _meta("process_name", CONTROL, {"name": name})
    lanes = {CONTROL: "waves and reviews"} | {slot: f"slot {slot}" for slot in sorted({one.slot for one in ran})}
    for lane, text in lanes.items():
        yield _meta("thread_name", lane, {"name": text})
        yield _meta("thread_sort_index", lane, {"sort_index": lane})


def _meta(name: str, lane: int, facts: dict[str, Json]) -> Json:
    return {"ph": "M", "name": name, "pid": PROCESS, "tid": lane, "ts": 0, "args": facts}


def _slice(one: Ran, began: float, critical: bool) -> Json:
    start = _micro(one.start.at - began)
    kind = "retried" if one.retried else one.settled.outcome.value if one.settled else "unfinished"
    return {
        "ph": "X",
        "name": escaped(one.start.step),
        "cat": f"{kind},critical" if critical else kind,
        "pid": PROCESS,
        "tid": one.slot,
        "ts": start,
        "dur": max(0, _micro(one.end - began) - start),
        "args": _args(one, kind, critical),
    }


def _args(one: Ran, kind: str, critical: bool) -> dict[str, Json]:
    from wavebuild.ui.causes import cause_of

    start, settled = one.start, one.settled
    args: dict[str, Json] = {
        "step": escaped(start.step),
        "outcome": kind,
        "wave": start.wave,
        "attempt": start.attempt,
        "critical": critical,
        "reasons": [words.reason_text(reason) for reason in start.reasons],
        "command": words.pasteable(start.command),
        "log": escaped(start.log),
    }
    if one.retried is not None:
        args |= {"failure": escaped(one.retried.failure), "again_after": one.retried.delay}
    if settled is not None:
        args |= {"attempts": settled.attempts, "exit_code": settled.exit_code, "signal": settled.signal}
        if settled.outcome is Outcome.FAILED:
            cause = cause_of(settled)
            args |= {"failure": words.failure_words(settled), "cause": cause.in_words if cause else None}
        if settled.review is not None:
            args["score"] = settled.review.score
    return args


def _review(event: StepReviewed, one: Ran, began: float) -> Json:
    said = event.review
    verdict = "approved" if said.passes else "rejected"
    return {
        "ph": "i",
        "s": "t",
        "name": f"review: {escaped(event.step)} {verdict}",
        "cat": "review",
        "pid": PROCESS,
        "tid": one.slot,
        "ts": _micro(event.at - began),
        "args": {"advisor": escaped(said.advisor), "score": said.score, "threshold": said.threshold},
    }


def _barrier(event: WaveStarted, began: float) -> Json:
    head: dict[str, Json] = {"ph": "i", "s": "p", "name": f"wave {event.wave}", "cat": "wave"}
    return head | {"pid": PROCESS, "tid": CONTROL, "ts": _micro(event.at - began), "args": {"wave": event.wave}}


def _arrows(ran: Sequence[Ran], path: Sequence[str], began: float) -> Iterator[Json]:
    """An arrow from the end of each step of the path to the begin of the next."""
    first: dict[str, Ran] = {}
    last: dict[str, Ran] = {}
    for one in ran:
        first.setdefault(one.start.step, one)
        last[one.start.step] = one
    for number, (before, after) in enumerate(pairwise(path), start=1):
        start, end = last[before], first[after]
        head: dict[str, Json] = {"name": "critical path", "cat": "critical", "id": number, "pid": PROCESS}
        leaves, comes = _micro(start.start.at - began), _micro(end.start.at - began)
        if comes < leaves:  # a clock was put back meanwhile
            continue
        leaves = min(comes, max(leaves, _micro(start.end - began) - 1))  # in the slice that it leaves
        yield head | {"ph": "s", "tid": start.slot, "ts": leaves}
        yield head | {"ph": "f", "bp": "e", "tid": end.slot, "ts": comes}


def _about(run: Run, path: Sequence[str]) -> dict[str, Json]:
    from wavebuild.ui.records import instant_or_none

    began, settled = run.began, run.settled
    return {
        "run": began.run if began else None,
        "started": instant_or_none(began.at if began else None),
        "jobs": began.jobs if began else None,
        "schedule": began.schedule if began else None,
        "ok": settled.ok if settled else None,
        "exit_code": settled.exit_code if settled else None,
        "counts": {outcome.value: run.counts[outcome] for outcome in Outcome if outcome in run.counts},
        "critical_path": [escaped(name) for name in path],
    }


def _micro(seconds: float) -> int:
    return max(0, round(seconds * 1e6))


# The file


@contextmanager
def timeline(
    file: str, folder: str, upstream: Callable[[], Upstream], say: Callable[[Sequence[str]], None]
) -> Iterator[Callable[[Event], None]]:
    """What to call with each event; at the end, however it comes, the file stands whole. It is relative to the folder.

    ``upstream`` is asked at the end. ``say`` is told if the file cannot be written: the build is none the worse for it.
    """
    path = _fit(os.path.join(folder, file), file)
    run = Run()
    try:
        yield run.tell
    except BaseException:
        if run.began is not None:  # else no build has begun, and there is nothing to draw
            _write(path, file, run, upstream, say)
        raise
    _write(path, file, run, upstream, say)


def _fit(path: str, shown: str) -> str:
    """A path at which a file can be put in one piece; said before the build begins what could not be after it."""
    status = disk.look_through(path)
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise mistake("timeline", f"--timeline {escaped(shown)}: this is no plain file")
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise mistake("timeline", f"--timeline {escaped(shown)}: there is no folder {escaped(os.path.dirname(shown))}")
    return disk.real(path)  # what a link names is replaced, and not the link


def _write(
    path: str, shown: str, run: Run, upstream: Callable[[], Upstream], say: Callable[[Sequence[str]], None]
) -> None:
    import json

    text = json.dumps(trace(run, upstream() if run.ran else {}), separators=(",", ":"))
    try:
        disk.write_atomic(path, text.encode("ascii"))
    except OSError as error:
        say([f"--timeline {escaped(shown)}: it cannot be written: {error.strerror}"])
