"""Takes what a person made, or says is right, as the result of a step, without running it.

It does not know how traces are kept: a trace in, a trace out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from wavebuild.declare.model import Step
from wavebuild.errors import mistake
from wavebuild.graph import covers
from wavebuild.judge.facts import Facts
from wavebuild.judge.trace import Trace


def present(facts: Facts, number: int, run: str, began: float) -> Trace:
    """A trace of what stands now, as if the step had just made it. Refuses missing outputs and inputs."""
    step = facts.graph.wavefile.steps[number]
    read = facts.read(number)
    if read.missing:
        names = ", ".join(artifact.text for artifact in read.missing)
        raise mistake("missing-input", f"step {step.name!r} reads {names}, which is not there", step.place)
    now = facts.now(number, read, (), began, forced=False)
    outputs = stands(facts, step)
    for artifact in step.outputs:
        if not artifact.optional and not any(covers(artifact, member.rstrip("/")) for member in outputs):
            raise mistake(
                "missing-output",
                f"step {step.name!r} has no {artifact.text} to accept",
                artifact.place,
                "make it, or build the step",
            )
    return Trace(
        step.name, run, began, 0.0, dict(now.action), dict(now.gate), dict(now.inputs), dict(now.gate_inputs), outputs,
        by_touch=True,
    )  # fmt: skip


def stands(facts: Facts, step: Step) -> dict[str, str]:
    """The members that stand at a step's outputs, with their digests."""
    found = {}
    for member in facts.outputs(step):
        digest = facts.output_digest(step, member)
        if digest is not None:
            found[member] = digest
    return found


def with_accepted(trace: Trace, outputs: dict[str, str], chosen: Collection[str]) -> Trace:
    """The last trace with the digests of these members replaced by those of what stands there, and nothing else."""
    digests = trace.outputs | {member: outputs[member] for member in chosen}
    by_hand = tuple(sorted({*trace.by_hand, *chosen}))
    return msgspec.structs.replace(trace, outputs=digests, by_hand=by_hand)


def blessed(trace: Trace, inputs: Mapping[str, str]) -> Trace:
    """A trace whose inputs moved while it ran, or whose step failed since, taken as good for what they are now."""
    now = {member: inputs[member] for member in trace.moved if member in inputs}
    return msgspec.structs.replace(trace, inputs=trace.inputs | now, moved=(), void=False)


def differing(trace: Trace, outputs: dict[str, str]) -> Sequence[str]:
    """The standing members that are not what the trace recorded."""
    return [member for member, digest in outputs.items() if trace.outputs.get(member) != digest]
