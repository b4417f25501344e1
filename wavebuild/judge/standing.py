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
from wavebuild.judge.freshness import Fresh, Now, Stale, Undecided, Verdict, judge
from wavebuild.judge.members import made_members
from wavebuild.judge.reasons import OutputEdited, Reason, Unclaimed
from wavebuild.judge.trace import Made, Trace


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
    known: Mapping[str, Made],
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
    unclaimed = _unclaimed(facts, step, known)
    if unclaimed and not forced:
        return Stops("unclaimed", unclaimed, (Unclaimed(unclaimed), *_reasons(verdict)))
    match verdict:
        case Fresh():
            return Keeps()
        case Stale(reasons, gate_only):
            if gate_only is not None and not forced:
                return Rechecks(now, reasons, gate_only)
            edited = _edited(facts, step, traces, known)
            if edited.stops and step.on_edit == "fail" and not forced:
                return Stops("edited", edited.stops, tuple(dict.fromkeys((*edited.reasons, *reasons))))
            return Runs(now, reasons, (*edited.all, *unclaimed))
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
        if last.inputs != now.inputs and last.action == now.action:
            return Waits(renew=True)
        if last.gate == now.gate and last.gate_inputs == now.gate_inputs:
            return Keeps()
    placed = replace(now, outputs=stands)
    return Rechecks(placed, _reasons(judge(now, traces)), None) if step.checks else Keeps(adopt=placed)


def _unclaimed(facts: Facts, step: Step, known: Mapping[str, Made]) -> tuple[str, ...]:
    """Files in a file or directory output that nothing of ours made; a glob leaves its bystanders alone."""
    return tuple(
        member
        for artifact in step.outputs
        if artifact.kind in (Kind.FILE, Kind.DIRECTORY)
        for member in made_members(facts.folders, artifact)
        if member not in known
    )


@dataclass(frozen=True, slots=True)
class _Edited:
    """The standing members whose bytes no run made, or that a person had accepted.

    ``stops``: those for which ``on_edit: fail`` stops; of a database whose rows are what they
    were, the bytes may have changed by being read.
    """

    all: tuple[str, ...]
    stops: tuple[str, ...]
    reasons: tuple[Reason, ...]


def _edited(facts: Facts, step: Step, traces: Sequence[Trace], known: Mapping[str, Made]) -> _Edited:
    found: list[str] = []
    stops: list[str] = []
    reasons: list[Reason] = []
    for member in facts.outputs(step):
        made = known.get(member)
        digest = facts.output_digest(step, member) if made is not None else None
        if made is None or digest is None or _is_as_made(facts, step, member, digest, made, traces):
            continue
        found.append(member)
        if made.by_hand or facts.how_compared(step, member) != "sqlite" or digest != made.digest:
            stops.append(member)
            reasons.append(OutputEdited(member, made.digest, digest))
    return _Edited(tuple(found), tuple(stops), tuple(reasons))


def _is_as_made(facts: Facts, step: Step, member: str, digest: str, made: Made, traces: Sequence[Trace]) -> bool:
    """Whether its bytes are in the record of some run, also if the Wavefile says since how else to compare them."""
    if made.by_hand:
        return False
    recorded = [made.digest, *(trace.outputs[member] for trace in traces if member in trace.outputs)]
    if digest in recorded:
        if facts.how_compared(step, member) in ("made", "folder", "stat"):
            return True
        raws = {made.raw, *(trace.raw.get(member, "") for trace in traces)} - {""}
        return not raws or facts.raw_digest(member) in raws
    return any(facts.is_as_recorded(member, before) for before in recorded)


def _reasons(verdict: Verdict) -> tuple[Reason, ...]:
    return verdict.reasons if isinstance(verdict, Stale) else ()
