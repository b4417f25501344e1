"""The lock file in a build: what it says is known like what was done here, and what a build did is written to it.

It does not know how the file is laid out, nor when what it says matches.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from wavebuild.declare.model import Wavefile
from wavebuild.errors import WavebuildError
from wavebuild.judge.facts import Facts
from wavebuild.judge.locked import is_known_here, may_be_locked, sealed
from wavebuild.judge.trace import Made, Trace, key
from wavebuild.later import sha256
from wavebuild.store.lockfile import Locked, Name, read_lock, write_lock
from wavebuild.store.state import State


def locked_of(wavefile: Wavefile) -> Locked:
    """What the project's lock file says."""
    lock = wavefile.settings.lock
    return read_lock(os.path.join(wavefile.root, lock), lock) if lock is not None else Locked()


def assume_locked(wavefile: Wavefile, state: State, facts: Facts, scope: str) -> None:
    """Has the state know, beside what was done here, what the lock file says.

    A member counts as made where its bytes are those that the file tells.
    """
    if wavefile.settings.lock is None:
        return
    traces: dict[str, Trace] = {}
    made: dict[str, Made] = {}
    for (of, where), trace in locked_of(wavefile).entries.items():
        if where != _short(scope):
            continue
        if not is_known_here(trace, state.traces(of)):
            traces[of] = trace
        for member, digest in trace.outputs.items():
            if member not in state.made() and _stands(facts, member, digest):
                made[member] = Made(digest, of, scope, member in trace.by_hand, trace.raw.get(member, ""))
    state.assume(traces, made)


def write_locked(wavefile: Wavefile, scope: str, in_force: Mapping[str, Trace]) -> None:
    """Writes what is in force after a build; of steps that the build did not look at the entries stay."""
    lock = wavefile.settings.lock
    if lock is None:
        return
    steps = {key(step): step for step in wavefile.steps}
    entries: dict[Name, Trace] = {
        (of, where): trace
        for (of, where), trace in locked_of(wavefile).entries.items()
        if where != _short(scope) or (of in steps and of not in in_force)
    }
    for of, trace in in_force.items():
        if of in steps and may_be_locked(steps[of], trace):
            entries[of, _short(scope)] = sealed(trace)
    write_lock(os.path.join(wavefile.root, lock), entries)


def _stands(facts: Facts, member: str, digest: str) -> bool:
    if member.endswith("/"):
        return os.path.isdir(facts.digests.absolute(member.rstrip("/")))
    try:
        return facts.is_as_recorded(member, digest)
    except WavebuildError:
        return False


def _short(scope: str) -> str:
    """A scope without its values, which may be a person's own."""
    return sha256(scope.encode("utf-8", "surrogatepass")).hexdigest()[:16] if scope else ""
