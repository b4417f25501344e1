"""Where a step stands: its verdict, and whether a person's file or a person's absence holds it up.

It knows no clock and no database; the disk it asks only through ``Facts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from wavebuild.declare.model import Kind, Manual, Step
from wavebuild.graph import covers
from wavebuild.judge.facts import Facts, Read
from wavebuild.judge.freshness import Fresh, Now, Stale, Undecided, Verdict, edited, judge
from wavebuild.judge.members import members
from wavebuild.judge.reasons import Reason, Unclaimed
from wavebuild.judge.trace import Trace


@dataclass(frozen=True, slots=True)
class Keeps:
    """Fresh: nothing to do. ``adopt``: a manual step's outputs are new, nothing checks them, and they are taken."""

    adopt: Now | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """The action runs. ``displaced``: present members whose bytes a person may miss."""

    now: Now
    reasons: tuple[Reason, ...]
    displaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rechecks:
    """Only the checks run: on the outputs of ``of``, or, None, on those that a person placed."""

    now: Now
    reasons: tuple[Reason, ...]
    of: Trace | None


@dataclass(frozen=True, slots=True)
class Stops:
    """It may not run: ``paths`` were not made by it ("unclaimed") or edited since ("edited")."""

    why: str
    paths: tuple[str, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Waits:
    """A person must place the outputs, or ``renew`` them since what they are made from has changed."""

    renew: bool


Standing = Keeps | Runs | Rechecks | Stops | Waits


def stand(
    facts: Facts,
    number: int,
    read: Read,
    traces: Sequence[Trace],
    known: Mapping[str, object],
    clock: float,
    forced: bool,
) -> Standing:
    """Where the step of this number stands now. ``known``: every member on record as made by some step.

    Raises WavebuildError for what cannot be read.
    """
    step = facts.graph.wavefile.steps[number]
    if step.is_group:
        return Keeps()
    now = facts.now(number, read, traces, clock, forced)
    if isinstance(step.action, Manual):
        return _manual(facts, step, now, traces)
    verdict = judge(now, traces)
    unclaimed = _unclaimed(facts, step, traces, known)
    if unclaimed and not forced:
        return Stops("unclaimed", unclaimed, (Unclaimed(unclaimed), *_reasons(verdict)))
    match verdict:
        case Fresh():
            return Keeps()
        case Stale(reasons, gate_only):
            if gate_only is not None and not forced:
                return Rechecks(now, reasons, gate_only)
            touched = _edited(facts, now, traces)
            if touched and step.on_edit == "fail" and not forced:
                return Stops("edited", touched, reasons)
            return Runs(now, reasons, (*touched, *unclaimed))
        case Undecided():
            raise AssertionError("a judged step is decided")
        case _:
            assert_never(verdict)


def _manual(facts: Facts, step: Step, now: Now, traces: Sequence[Trace]) -> Standing:
    """The outputs are the person's: sources, judged by the checks alone."""
    stands = {
        member: digest for member in facts.outputs(step) if (digest := facts.output_digest(step, member)) is not None
    }
    for artifact in step.outputs:
        if not artifact.optional and not any(covers(artifact, member.rstrip("/")) for member in stands):
            return Waits(renew=False)
    last = traces[0] if traces else None
    if last is not None and last.outputs == stands:
        if last.inputs != now.inputs:
            return Waits(renew=True)
        if last.gate == now.gate and last.gate_inputs == now.gate_inputs:
            return Keeps()
    placed = replace(now, outputs=stands)
    return Rechecks(placed, _reasons(judge(now, traces)), None) if step.checks else Keeps(adopt=placed)


def _unclaimed(facts: Facts, step: Step, traces: Sequence[Trace], known: Mapping[str, object]) -> tuple[str, ...]:
    """Files in a file or directory output that nothing of ours made; a glob leaves its bystanders alone."""
    found = []
    for artifact in step.outputs:
        if artifact.kind in (Kind.FILE, Kind.DIRECTORY):
            for member in members(facts.folders, artifact):
                if not any(member in trace.outputs for trace in traces) and member not in known:
                    found.append(member)
    return tuple(found)


def _edited(facts: Facts, now: Now, traces: Sequence[Trace]) -> tuple[str, ...]:
    """The members whose bytes no trace knows, also when the Wavefile says since how else to compare them."""
    return tuple(
        member
        for member in edited(now, traces)
        if member in traces[0].by_hand or not any(_same(facts, member, trace) for trace in traces)
    )


def _same(facts: Facts, member: str, trace: Trace) -> bool:
    return member in trace.outputs and facts.is_as_recorded(member, trace.outputs[member])


def _reasons(verdict: Verdict) -> tuple[Reason, ...]:
    return verdict.reasons if isinstance(verdict, Stale) else ()
