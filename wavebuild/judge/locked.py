"""What a lock file says of a step, as a trace: parts of the definition stand there as fingerprints alone.

It does not know how the file is written. A trace out of it was made elsewhere, nobody knows when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from wavebuild.declare.model import Artifact, Kind, Step
from wavebuild.graph import reads
from wavebuild.judge.freshness import WRITTEN, Now
from wavebuild.judge.trace import Trace
from wavebuild.later import sha256

LOCKED = "lock"
"""In the place of the run of a trace that a lock file gave."""

_OF_HERE = (Kind.PROBE, Kind.MEM)
_HERE_ALONE = ("stat:", WRITTEN)


def sealed(trace: Trace) -> Trace:
    """The trace as a lock file tells it: without times, its definition by fingerprints."""
    return Trace(
        step=trace.step,
        run=LOCKED,
        began=0.0,
        seconds=0.0,
        action=_fingerprints(trace.action),
        gate=_fingerprints(trace.gate),
        inputs=trace.inputs,
        gate_inputs=trace.gate_inputs,
        outputs=trace.outputs,
        by_hand=trace.by_hand,
        raw=trace.raw,
        discovered=trace.discovered,
    )


def opened(trace: Trace, now: Now) -> Trace:
    """A trace out of a lock file, its definition spelled out where it is the present one; any other as it is."""
    if trace.run != LOCKED:
        return trace
    action, gate = _spelled_out(trace.action, now.action), _spelled_out(trace.gate, now.gate)
    return msgspec.structs.replace(trace, action=action, gate=gate)


def may_be_locked(step: Step, trace: Trace) -> bool:
    """Whether what a step did means the same elsewhere: nothing of it hangs on times, places, or things outside."""
    if trace.void or trace.moved or step.always or step.max_age is not None or step.frozen or step.updates:
        return False
    if any(artifact.kind in _OF_HERE for artifact in _artifacts(step)):
        return False
    parts = (trace.inputs, trace.gate_inputs, trace.outputs, trace.discovered)
    return not any(
        member.startswith(("/", "../")) or digest.startswith(_HERE_ALONE)
        for part in parts
        for member, digest in part.items()
    )


def is_known_here(trace: Trace, kept: Sequence[Trace]) -> bool:
    """Whether a run with what the lock file says was made here as well, or the step was to forget: we know better."""
    if kept and kept[0].forgotten:
        return True
    return any(one.inputs == trace.inputs and _fingerprints(one.action) == trace.action for one in kept)


def _artifacts(step: Step) -> tuple[Artifact, ...]:
    return (*reads(step), *step.outputs)


def _fingerprints(parts: Mapping[str, str]) -> dict[str, str]:
    return {name: _fingerprint(value) for name, value in parts.items()}


def _fingerprint(value: str) -> str:
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _spelled_out(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Parts that are what they were are given as they are now."""
    return {name: now[name] if name in now and _fingerprint(now[name]) == mark else mark for name, mark in was.items()}
