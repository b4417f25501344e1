"""Takes what a person made, or says is right, as the result of a step, without running it.

It does not know how traces are kept: a trace in, a trace out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from wavebuild.declare.model import Kind, Step
from wavebuild.errors import mistake
from wavebuild.graph import covers
from wavebuild.judge.facts import Facts
from wavebuild.judge.freshness import Now
from wavebuild.judge.merging import stands as stands_in
from wavebuild.judge.shared import text_digest
from wavebuild.judge.trace import Made, Trace, key
from wavebuild.run.sharing import composed


def present(
    facts: Facts,
    number: int,
    known: Mapping[str, Made],
    run: str,
    began: float,
    chosen: Collection[str] = (),
    before: Sequence[Trace] = (),
) -> Trace:
    """A trace of what stands now, as if the step had just made it. Refuses missing outputs and inputs.

    Members that no run made, or that differ from what one made, are by hand: they are never
    overwritten without a copy. ``chosen``: of a glob's members that no run made, only these.
    ``before``: the kept traces; what the last of them discovered is taken for read again.
    """
    step = facts.graph.wavefile.steps[number]
    if step.frozen:
        remedy = f"to have it on record for later: wavebuild unfreeze {step.name}"
        raise mistake("frozen", f"step {step.name!r} is frozen: what stands is its result already", step.place, remedy)
    read = facts.read(number)
    if read.missing:
        names = ", ".join(artifact.text for artifact in read.missing)
        raise mistake("missing-input", f"step {step.name!r} reads {names}, which is not there", step.place)
    now = facts.now(number, read, before[:1], began, forced=False)
    outputs = stands(facts, step)
    if chosen:
        globs = [artifact for artifact in step.outputs if artifact.kind is Kind.GLOB]
        standing_by = [m for m in outputs if m not in known and m not in chosen and any(covers(g, m) for g in globs)]
        outputs = {member: digest for member, digest in outputs.items() if member not in standing_by}
    things = facts.things(step)
    for artifact in step.outputs:
        if artifact.optional or artifact.kind is Kind.PROBE or artifact.text in things:
            continue
        if not any(covers(artifact, member.rstrip("/")) for member in outputs):
            raise mistake(
                "missing-output",
                f"step {step.name!r} has no {artifact.text} to accept",
                artifact.place,
                "make it, or build the step",
            )
    return Trace(
        step=step.name,
        run=run,
        began=began,
        seconds=0.0,
        action=dict(now.action),
        gate=dict(now.gate),
        inputs=dict(now.inputs),
        gate_inputs=dict(now.gate_inputs),
        outputs=outputs | things,
        by_touch=True,
        by_hand=tuple(sorted(member for member in outputs if is_by_hand(facts, member, outputs[member], known))),
        raw=facts.raw_digests(step, outputs),
        discovered=dict(now.discovered),
        edits=facts.still_standing(step, before),
        keys=dict(now.keys),
    )


def is_by_hand(facts: Facts, member: str, digest: str, known: Mapping[str, Made]) -> bool:
    """Whether what stands at a member is a person's: made by no run, edited since, or accepted before."""
    made = known.get(member)
    if made is None or made.by_hand or made.digest != digest:
        return True
    return bool(made.raw) and facts.raw_digest(member) != made.raw


def stands(facts: Facts, step: Step) -> dict[str, str]:
    """The members that stand at a step's outputs, with their digests."""
    found = {}
    for member in facts.outputs(step):
        digest = facts.output_digest(step, member)
        if digest is not None:
            found[member] = digest
    return found


def with_accepted(facts: Facts, trace: Trace, step: Step, chosen: Mapping[str, str]) -> Trace:
    """The last trace with these members' digests in the place of those it had, and nothing else.

    What an advisor has said was of other bytes: nobody has judged these.
    """
    by_hand = tuple(sorted({*trace.by_hand, *chosen}))
    raw = trace.raw | facts.raw_digests(step, chosen)
    said = "" if chosen else trace.review
    return msgspec.structs.replace(trace, outputs={**trace.outputs, **chosen}, by_hand=by_hand, raw=raw, review=said)


def with_present_edits(facts: Facts, trace: Trace, step: Step, now: Now) -> Trace:
    """A trace whose edits of shared files somebody else has changed, taken as good for what is there now."""
    return msgspec.structs.replace(trace, edits=facts.still_standing(step, (trace,)), keys=dict(now.keys))


def with_resolved(
    facts: Facts, trace: Trace, step: Step, last: Trace | None, conflicts: Mapping[str, bytes]
) -> tuple[Trace, dict[str, bytes]]:
    """A trace whose step has done to each file what a person made of its conflict; and the texts of its edits.

    ``conflicts``: file → what stood there before the person put it right.
    """
    former = facts.shared.former(key(step), last)
    edits = dict(trace.edits)
    texts: dict[str, bytes] = {}
    for path in edits:
        now = facts.shared.text(path)
        if path in conflicts and now is not None:
            found = composed(former.get(path, ()), conflicts[path], now)
            edits[path] = tuple((text_digest(edit.before), text_digest(edit.after)) for edit in found)
            texts |= {text_digest(text): text for edit in found for text in edit}
    return msgspec.structs.replace(trace, edits=edits), texts


def with_resolution(
    facts: Facts, trace: Trace, step: Step, conflicts: Mapping[str, bytes]
) -> tuple[Trace, dict[str, bytes]] | None:
    """The last trace of another step whose edit a person has changed with the conflict; None if it still stands.

    Its edit is from now on what the person made of both.
    """
    former = facts.shared.former(key(step), trace)
    changed = {
        path: was
        for path, was in conflicts.items()
        if (now := facts.shared.text(path)) is not None
        and all(stands_in(edit, was) for edit in former.get(path, ()))
        and not all(stands_in(edit, now) for edit in former.get(path, ()))
    }
    keys = facts.shared.keys(step)
    if not changed and keys == trace.keys:
        return None
    resolved, texts = with_resolved(facts, trace, step, trace, changed)
    return msgspec.structs.replace(resolved, keys=keys), texts


def blessed(trace: Trace, inputs: Mapping[str, str], discovered: Mapping[str, str]) -> Trace:
    """A trace whose inputs moved while it ran, or whose step failed since, taken as good for what they are now."""
    now = {member: inputs[member] for member in trace.moved if member in inputs}
    found = {member: discovered[member] for member in trace.moved if member in trace.discovered}
    return msgspec.structs.replace(
        trace, inputs={**trace.inputs, **now}, discovered=trace.discovered | found, moved=(), void=False
    )
