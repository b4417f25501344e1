"""Where a step stands: its verdict, and whether a person's file or a person's absence holds it up.

It knows no clock and no database; the disk it asks only through ``Facts``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.declare.model import Kind, Manual, Step
from wavebuild.graph import covers
from wavebuild.judge.ages import held_until
from wavebuild.judge.digest import UNASKED
from wavebuild.judge.facts import Facts, Read
from wavebuild.judge.freshness import Fresh, Now, Stale, Undecided, Verdict, judge, unasked
from wavebuild.judge.locked import LOCKED, opened
from wavebuild.judge.members import made_members
from wavebuild.judge.reasons import NeverRan, OutputEdited, OutputMissing, Reason, Unclaimed
from wavebuild.judge.trace import Made, Trace


class Keeps(Struct, frozen=True):
    """Fresh: nothing to do. ``adopt``: what stands is new, nothing checks it, and it is taken as the result.

    ``by_hand``: those of its members that a person made; ``reasons``: why it is taken anew.
    """

    adopt: Now | None = None
    by_hand: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    of: Trace | None = None  # the trace that says it is fresh

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be recorded either."""
        return self.adopt is None and not self.by_hand and not self.reasons


class Frozen(Struct, frozen=True):
    """It never runs: what stands is its result."""


class Held(Struct, frozen=True):
    """Not before ``until`` (epoch seconds): what stands is its result. No ``reasons``: it is fresh besides."""

    until: float
    reasons: tuple[Reason, ...] = ()


class Runs(Struct, frozen=True):
    """The action runs. ``displaced``: present members whose bytes a person may miss; ``former``: the kept traces.

    None of these says that it is fresh, but one may when what it reads has been remade.
    """

    now: Now
    reasons: tuple[Reason, ...]
    displaced: tuple[str, ...] = ()
    former: tuple[Trace, ...] = ()


class Rechecks(Struct, frozen=True):
    """Only the checks run: on the outputs of ``of``, or, None, on those that a person placed or edited."""

    now: Now
    reasons: tuple[Reason, ...]
    of: Trace | None
    by_hand: tuple[str, ...] = ()


class Stops(Struct, frozen=True):
    """It may not run: ``paths`` are others' ("unclaimed"), were edited ("edited"), or are not there ("frozen")."""

    why: str
    paths: tuple[str, ...]
    reasons: tuple[Reason, ...]


class Waits(Struct, frozen=True):
    """A person must place the outputs, or ``renew`` them since what they are made from has changed."""

    renew: bool


class Unsure(Struct, frozen=True):
    """Commands must be asked first: nothing that is known speaks for a run, and ``members`` may."""

    now: Now
    members: tuple[str, ...]


Standing = Keeps | Frozen | Held | Runs | Rechecks | Stops | Waits | Unsure


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
    if step.frozen:
        return _frozen(facts, step)
    now = facts.now(number, read, traces, clock, forced)
    traces = [opened(trace, now) for trace in traces]
    if isinstance(step.action, Manual):
        return _manual(facts, step, now, traces)
    verdict = judge(now, traces)
    if verdict == Fresh(None):
        return _found_fresh(facts, step, now, known)
    nothing = not isinstance(verdict, Fresh) and facts.nothing_stands(step)
    unclaimed = () if nothing else _unclaimed(facts, step, known)
    if unclaimed and not forced:
        return Stops("unclaimed", unclaimed, (Unclaimed(unclaimed), *_reasons(verdict)))
    until = None if forced else _held_until(facts, step, traces, clock)
    match verdict:
        case Fresh(trace):
            if until is not None:
                return Held(until)
            if trace is not None and trace.run == LOCKED:
                return Keeps(replace(now, outputs=trace.outputs), trace.by_hand, of=trace)
            return Keeps(of=trace)
        case Stale(reasons, gate_only):
            if gate_only is not None and not forced:
                return Rechecks(now, reasons, gate_only)
            if until is not None:
                return Held(until, reasons)
            edited = _NOTHING_EDITED if nothing else _edited(facts, step, traces, known)
            if edited.stops and not forced:
                if step.on_edit == "adopt":
                    return _adopted(facts, step, now, known, edited, reasons)
                if step.on_edit == "fail":
                    return Stops("edited", edited.stops, _both(edited.reasons, reasons))
            return Runs(now, reasons, (*edited.all, *unclaimed), tuple(traces))
        case Undecided(unasked=members):
            return Unsure(now, members) if until is None else Held(until, ())
        case _:
            assert_never(verdict)


def _found_fresh(facts: Facts, step: Step, now: Now, known: Mapping[str, Made]) -> Standing:
    """`freshness: mtime`, and nothing on record: what stands is the result, and a person's until it is remade."""
    outputs = {member: facts.output_digest(step, member) for member in facts.outputs(step)}
    placed, by_hand = replace(now, outputs=outputs), tuple(member for member in outputs if member not in known)
    if unknown := unasked(placed):
        return Unsure(placed, unknown)
    if step.judges:
        return Rechecks(placed, (NeverRan(),), None, by_hand)
    return Keeps(placed, by_hand)


def _both(first: Sequence[Reason], second: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _frozen(facts: Facts, step: Step) -> Standing:
    missing = _missing(step, facts.outputs(step))
    if not missing:
        return Frozen()
    return Stops("frozen", missing, tuple(OutputMissing(path) for path in missing))


def _missing(step: Step, stands: Iterable[str]) -> tuple[str, ...]:
    """The outputs that have to be there and have no member among these."""
    members = [member.rstrip("/") for member in stands]
    return tuple(
        artifact.text
        for artifact in step.outputs
        if artifact.covers_files and not artifact.optional and not any(covers(artifact, member) for member in members)
    )


def _held_until(facts: Facts, step: Step, traces: Sequence[Trace], clock: float) -> float | None:
    """Until when ``min_age`` holds the step back; None: it does not. What never succeeded, or is gone, is not held."""
    if step.min_age is None or _missing(step, facts.outputs(step)):
        return None
    began = max((trace.began for trace in traces if not trace.forgotten), default=None)
    if began is None:
        return None
    until = held_until(step.min_age, began, facts.graph.wavefile.settings.timezone)
    return until if clock < until else None


def _adopted(
    facts: Facts, step: Step, now: Now, known: Mapping[str, Made], edited: _Edited, reasons: tuple[Reason, ...]
) -> Standing:
    """``on_edit: adopt``: what stands is the result. Where an output is missing as well, the person decides."""
    files = {member: facts.output_digest(step, member) for member in facts.outputs(step) if member in known}
    outputs = files | facts.things(step)
    why = _both(edited.reasons, reasons)
    if _missing(step, outputs) or any(not a.covers_files and a.text not in outputs for a in step.outputs):
        return Stops("edited", edited.stops, why)
    placed = replace(now, outputs=outputs)
    if step.judges:
        return Rechecks(placed, why, None, edited.stops)
    return Keeps(placed, edited.stops, why)


def _manual(facts: Facts, step: Step, now: Now, traces: Sequence[Trace]) -> Standing:
    """The outputs are the person's: sources, judged by the checks alone."""
    stands = facts.things(step) | {
        member: digest for member in facts.outputs(step) if (digest := facts.output_digest(step, member)) is not None
    }
    for artifact in step.file_outputs:
        if not artifact.optional and not any(covers(artifact, member.rstrip("/")) for member in stands):
            return Waits(renew=False)
    if members := unasked(replace(now, outputs=stands)):
        return Unsure(now, members)
    if any(not artifact.covers_files and artifact.text not in stands for artifact in step.outputs):
        return Waits(renew=False)
    last = traces[0] if traces else None
    if last is not None and last.outputs == stands:
        if last.inputs != now.inputs and last.action == now.action:
            return Waits(renew=True)
        if last.gate == now.gate and last.gate_inputs == now.gate_inputs:
            return Keeps(replace(now, outputs=stands) if last.run == LOCKED else None, of=last)
    placed = replace(now, outputs=stands)
    return Rechecks(placed, _reasons(judge(now, traces)), None) if step.judges else Keeps(adopt=placed)


def _unclaimed(facts: Facts, step: Step, known: Mapping[str, Made]) -> tuple[str, ...]:
    """Files in a file or directory output that nothing of ours made; a glob leaves its bystanders alone."""
    found: list[str] = []
    for artifact in step.outputs:
        if artifact.kind is Kind.FILE and artifact.path in known:
            facts.folders.probed.add(artifact.path)
        elif artifact.kind in (Kind.FILE, Kind.DIRECTORY):
            found += [member for member in made_members(facts.folders, artifact) if member not in known]
    return tuple(found)


class _Edited(Struct, frozen=True):
    """The standing members whose bytes no run made, or that a person had accepted.

    ``stops``: those for which ``on_edit: fail`` stops; of a database whose rows are what they
    were, the bytes may have changed by being read.
    """

    all: tuple[str, ...]
    stops: tuple[str, ...]
    reasons: tuple[Reason, ...]


_NOTHING_EDITED = _Edited((), (), ())


def _edited(facts: Facts, step: Step, traces: Sequence[Trace], known: Mapping[str, Made]) -> _Edited:
    found: list[str] = []
    stops: list[str] = []
    reasons: list[Reason] = []
    for member in facts.outputs(step):
        made = known.get(member)
        digest = facts.output_digest(step, member) if made is not None else None
        if made is None or digest is None or _is_as_made(facts, step, member, digest, made, traces):
            continue
        only_read = facts.how_compared(step, member) == "sqlite" and digest == made.digest and not made.by_hand
        if only_read and any(artifact.in_place and covers(artifact, member) for artifact in step.outputs):
            continue  # nothing of it is overwritten: the step goes on from it
        found.append(member)
        if not only_read:
            stops.append(member)
            reasons.append(OutputEdited(member, made.digest, digest))
    for member, digest in facts.things(step).items():
        made = known.get(member)
        if made is None or digest == UNASKED:
            continue
        if made.by_hand or digest not in (made.digest, *(trace.outputs.get(member) for trace in traces)):
            stops.append(member)
            reasons.append(OutputEdited(member, made.digest, digest))
    return _Edited(tuple(found), tuple(stops), tuple(reasons))


def _is_as_made(facts: Facts, step: Step, member: str, digest: str, made: Made, traces: Sequence[Trace]) -> bool:
    """Whether its bytes are in the record of some run, also if the Wavefile says since how else to compare them."""
    if made.by_hand:
        return False
    raws = {made.raw, *(trace.raw.get(member, "") for trace in traces)} - {""}
    recorded = [made.digest, *(trace.outputs[member] for trace in traces if member in trace.outputs)]
    how = facts.how_compared(step, member)
    # An edit of a database may stand in the log beside it alone.
    if raws and facts.raw_digest(member) in raws and (how != "sqlite" or digest in recorded):
        return True
    if digest in recorded:
        return not raws or how in ("made", "folder", "stat")
    return any(facts.is_as_recorded(member, before) for before in recorded)


def _reasons(verdict: Verdict) -> tuple[Reason, ...]:
    return verdict.reasons if isinstance(verdict, Stale) else ()
