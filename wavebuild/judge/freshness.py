"""The verdict on one step: does anything it read, made or is differ from what a success recorded?

It knows no file, clock or database: facts in, answer out. The decision and its explanation are
one walk: ``reasons`` is lazy, a build stops at the first, ``explain`` reads on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from operator import ne
from typing import Protocol

from msgspec import Struct, field

from wavebuild.declare.model import Age, Calendar
from wavebuild.judge.ages import is_too_old
from wavebuild.judge.digest import UNASKED
from wavebuild.judge.reasons import (
    ActionChanged,
    Always,
    BeforePeriod,
    EditLost,
    FailedBefore,
    Forced,
    GateChanged,
    InputAdded,
    InputChanged,
    InputRemoved,
    InputsMoved,
    NeverRan,
    OutputEdited,
    OutputMissing,
    Reason,
    TakenAsChanged,
    TooOld,
)
from wavebuild.judge.trace import ABSENT, Packed, Trace, plain

WRITTEN = "mtime:"
"""How the digest of a file begins that is compared by when it was written, in ns."""


class MakerOf(Protocol):
    def get(self, member: str, /) -> str | None: ...


class Now(Struct, frozen=True):
    """The facts about a step as they are now: its definition, what it reads, what stands where it writes.

    ``inputs`` and ``gate_inputs``: member → digest. ``outputs``: digest of every member that a
    kept trace names, None where nothing stands. ``makers``: gives the step that makes a member, if any does.
    In place of a digest stands UNASKED where a command must be asked first. Times in epoch seconds.
    """

    action: Mapping[str, str]
    gate: Mapping[str, str]
    inputs: Mapping[str, str]
    gate_inputs: Mapping[str, str]
    outputs: Mapping[str, str | None]
    makers: MakerOf
    always: bool = False
    max_age: Age | None = None
    zone: str | None = None  # the time zone that days are counted in; None: the system's
    clock: float = 0.0
    forced: bool = False
    latest_input: int | None = None  # with `freshness: mtime`: when the latest file it reads was written, in ns
    oldest_output: int | None = None  # and the oldest that it made; None: an output is not there
    taken_as_changed: tuple[str, ...] = ()  # paths of which the person said so, for this build
    taken_as_unchanged: tuple[str, ...] = ()
    discovered: Mapping[str, str] = field(default_factory=dict)  # of all members that a kept trace discovered
    edits: Mapping[str, tuple[tuple[str, str], ...]] = field(
        default_factory=dict
    )  # of shared files: the newest trace's
    lost: frozenset[str] = frozenset()  # the files in which these edits are no more
    keys: Mapping[str, str] = field(default_factory=dict)  # of shared files: key → digest
    shares: bool = False  # it edits files that others may edit, too
    looked_at: tuple[str, ...] = ()  # of many inputs those of which not all was known before: some may have changed


class Fresh(Struct, frozen=True):
    """Some kept trace says all is as it was; None: there is nothing that could be stale."""

    trace: Trace | None


class Stale(Struct, frozen=True):
    """It must run; ``gate_only``: the action need not, its outputs are to be judged again."""

    reasons: tuple[Reason, ...]
    gate_only: Trace | None = None


class Undecided(Struct, frozen=True):
    """Something it reads may still be remade in this build, or must be ``unasked`` no more."""

    makers: tuple[str, ...]
    unasked: tuple[str, ...] = ()


Verdict = Fresh | Stale | Undecided


def judge(now: Now, traces: Sequence[Trace]) -> Verdict:
    """Fresh if a kept trace (newest first) matches in everything, else Stale with all its reasons.

    Undecided if one matches in everything that is known.
    """
    gate_only, undecided = None, None
    for trace in traces:
        if _surely_differs(now, trace):
            continue
        differences = reasons(now, trace)
        first = next(differences, None)
        if first is None:
            unknown = unasked(now, trace)
            if not unknown:
                return Fresh(trace)
            undecided = undecided or Undecided((), unknown)
            continue
        if gate_only is None and isinstance(first, GateChanged) and _only_gate(differences):
            gate_only = trace
    if undecided is not None:
        return undecided
    if not traces and not any(_standing(now)) and _stands_later(now):
        return Fresh(None)
    nearest = nearest_trace(now, traces)
    found = tuple(reasons(now, nearest)) if nearest else (*_standing(now), NeverRan())
    return Stale(found, gate_only)


def _surely_differs(now: Now, trace: Trace) -> bool:
    """Whether one of the inputs that were looked at is not what the trace has; it is not unpacked for that."""
    inputs = trace.inputs
    return isinstance(inputs, Packed) and any(inputs.lack(member, now.inputs[member]) for member in now.looked_at)


def unasked(now: Now, trace: Trace | None = None) -> tuple[str, ...]:
    """The members whose values must be asked for; ``trace``: of the outputs those that it names."""
    if not is_anything_unasked(now):
        return ()
    outputs = now.outputs if trace is None else {member: now.outputs.get(member) for member in trace.outputs}
    given: tuple[Mapping[str, str | None], ...] = (now.inputs, now.gate_inputs, outputs)
    return tuple(dict.fromkeys(member for of in given for member, digest in of.items() if digest == UNASKED))


def is_anything_unasked(now: Now) -> bool:
    return (
        UNASKED in now.inputs.values()
        or UNASKED in now.outputs.values()
        or (bool(now.gate_inputs) and UNASKED in now.gate_inputs.values())
    )


def nearest_trace(now: Now, traces: Sequence[Trace]) -> Trace | None:
    """The trace to explain by: the newest, unless it is void for another definition or other inputs."""
    sound = [trace for trace in traces if not trace.void or same_run(now, trace)]
    return sound[0] if sound else None


def same_run(now: Now, trace: Trace) -> bool:
    """Whether a run now would repeat that of the trace: same definition, same inputs."""
    return (
        trace.action == now.action
        and trace.inputs == now.inputs
        and all(now.discovered.get(member, ABSENT) == digest for member, digest in trace.discovered.items())
    )


def reasons(now: Now, trace: Trace) -> Iterator[Reason]:
    """Every difference between now and a trace; those of the gate last, and nothing if it is fresh."""
    yield from _standing(now)
    if now.max_age is not None and is_too_old(now.max_age, trace.began, now.clock, now.zone):
        yield _age_reason(now.max_age, trace.began, now.clock)
    for part, was, value in _changes(trace.action, now.action):
        yield ActionChanged(part, was or "", value or "")
    for member, was, value in _changes(plain(trace.inputs), now.inputs):
        by_time = was is not None and value is not None and value.startswith(WRITTEN)
        if by_time and not is_later(int(str(value).removeprefix(WRITTEN)), now.oldest_output):
            continue
        if not is_of(member, now.taken_as_unchanged):
            yield _input_reason(member, was, value, now.makers.get(member))
    for member, was in trace.discovered.items():
        if is_of(member, now.taken_as_changed):
            yield TakenAsChanged(member)
        found = now.discovered.get(member, ABSENT)
        if found != was and not is_of(member, now.taken_as_unchanged):
            yield _discovered_reason(member, was, found, now.makers.get(member))
    if trace.moved:
        yield InputsMoved(trace.moved)
    for member, was in trace.outputs.items():
        stands = now.outputs.get(member)
        if stands is None:
            yield OutputMissing(member)
        elif stands not in (was, UNASKED):
            yield OutputEdited(member, was, stands)
    yield from _lost_edits(now, trace)
    if trace.void:
        yield FailedBefore()
    for part, was, value in _changes(trace.gate, now.gate):
        yield GateChanged(part, was or "", value or "")
    for member, was, value in _changes(trace.gate_inputs, now.gate_inputs):
        if not is_of(member, now.taken_as_unchanged):
            yield GateChanged(member, was or "", value or "")
    for member in now.gate_inputs if now.taken_as_changed else ():
        if is_of(member, now.taken_as_changed):
            yield GateChanged(member, "", "")


def _standing(now: Now) -> Iterator[Reason]:
    if now.forced:
        yield Forced()
    if now.always:
        yield Always()
    for member in now.inputs if now.taken_as_changed else ():
        if is_of(member, now.taken_as_changed):
            yield TakenAsChanged(member)


def _lost_edits(now: Now, trace: Trace) -> Iterator[Reason]:
    """What the trace did to shared files and is in them no more; an older trace's edit gave way to the newest's."""
    for path, edits in trace.edits.items():
        if (path in now.lost or now.edits.get(path) != edits) and not is_of(path, now.taken_as_unchanged):
            yield EditLost(path)
    for member, was in trace.keys.items():
        if now.keys.get(member, ABSENT) != was and not is_of(member, now.taken_as_unchanged):
            yield EditLost(member)


def is_later(written: int, oldest_output: int | None) -> bool:
    """`freshness: mtime`: what was written later than the oldest output counts as changed.

    The one place where times are compared. That a file is as the last success read it is known besides.
    """
    return oldest_output is None or written > oldest_output


def _stands_later(now: Now) -> bool:
    """`freshness: mtime`, and no trace: outputs no older than what they are made from are fresh."""
    if now.oldest_output is None or now.max_age is not None or now.shares:  # nobody knows when what made them began
        return False
    return now.latest_input is None or not is_later(now.latest_input, now.oldest_output)


def is_of(member: str, paths: Sequence[str]) -> bool:
    """Whether a member is one of these paths, below one of them, or a part of one: ``conf.yaml#a.b``."""
    return any(member == path or member.startswith((f"{path}/", f"{path}#", f"{path} (")) for path in paths)


def _age_reason(age: Age, began: float, clock: float) -> Reason:
    return BeforePeriod(age.value, began) if isinstance(age, Calendar) else TooOld(clock - began, age)


def _only_gate(differences: Iterator[Reason]) -> bool:
    return all(isinstance(reason, GateChanged) for reason in differences)


def _changes(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    if was == now:
        return
    came = 0
    for name, value in compress(now.items(), map(ne, now.values(), map(was.get, now))):
        came += name not in was
        if not (value == UNASKED and name in was):
            yield name, was.get(name), value
    if len(was) + came != len(now):
        for name, value in was.items():
            if name not in now:
                yield name, value, None


def _discovered_reason(member: str, was: str, now: str, maker: str | None) -> Reason:
    if now == ABSENT:
        return InputRemoved(member, was, maker, discovered=True)
    return InputChanged(member, was, now, maker, discovered=True)


def _input_reason(member: str, was: str | None, now: str | None, maker: str | None) -> Reason:
    if was is None:
        return InputAdded(member, now or "", maker)
    if now is None:
        return InputRemoved(member, was, maker)
    return InputChanged(member, was, now, maker)
