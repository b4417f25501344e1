"""What a step says it has read besides its inputs: its depfile, taken in after its command has ended well.

It does not know how a depfile is written, nor what is recorded of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection

from wavebuild import disk
from wavebuild.declare.model import Step
from wavebuild.errors import WavebuildError, mistake
from wavebuild.graph import covers
from wavebuild.judge.depfile import prerequisites
from wavebuild.judge.digest import Reading
from wavebuild.judge.facts import Facts, Read
from wavebuild.judge.members import NEVER_NAMES
from wavebuild.judge.stamp import Stamp, stamp
from wavebuild.plan.targets import upstream_of
from wavebuild.run.masking import SHORTEST, holds
from wavebuild.run.sandbox import Private

LARGEST = 1 << 26
"""Bytes that a depfile may have."""


def take_in(
    facts: Facts,
    number: int,
    read: Read,
    before: Stamp,
    private: Private | None = None,
    secrets: Collection[str] = (),
) -> tuple[Reading, ...]:
    """The members that the step read and did not declare; its depfile is removed, unless it is an output.

    ``before``: the stamp of the depfile before the step ran; ``private``: where it ran, if apart; ``secrets``: texts
    that no name may hold, as names are kept. Raises WavebuildError where the depfile is missing or says what cannot be.
    """
    step = facts.graph.wavefile.steps[number]
    assert step.depfile is not None
    path = private.inside(step.depfile) if private else facts.digests.absolute(step.depfile)
    if stamp(path) in ((), before):
        raise mistake("depfile", f"it ended well but did not write its depfile {step.depfile}")
    named = prerequisites(_content(path, step.depfile), step.depfile)
    known = {*read.files, *(reading.path for reading in read.action)}
    found = {}
    for name in named:
        member = _member(facts.digests.root, private, step, name)
        if member not in known and member not in found and _counts(facts, step, member):
            _refuse_unordered(facts, number, member)
            if holds(os.fsencode(member), secrets, SHORTEST):
                let_go(facts.digests.root, step)
                raise mistake("depfile", "its depfile names a file whose path holds a secret, and paths are kept")
            found[member] = facts.discovered(member)
    if private is None:
        let_go(facts.digests.root, step)
    return tuple(found.values())


def let_go(root: str, step: Step) -> None:
    """Removes a depfile that is of no more use."""
    if step.depfile is not None and not any(covers(output, step.depfile) for output in step.outputs):
        disk.remove(os.path.join(root, step.depfile))


def _content(path: str, shown: str) -> bytes:
    try:
        return disk.read_regular(path, LARGEST)
    except (OSError, WavebuildError) as error:
        why = error.strerror if isinstance(error, OSError) else said(error)
        raise mistake("depfile", f"its depfile {shown} cannot be read: {why}") from None


def _member(root: str, private: Private | None, step: Step, name: str) -> str:
    """A name of a depfile, relative to the step's folder, as a path relative to the root where it lies in it."""
    written = os.path.join(private.root if private else root, step.cwd, name)
    path = os.path.normpath(written)
    if ".." in name.split("/") and not _is_one(written, path):
        path = disk.real(written)  # behind a link to a folder, `..` is not the way back
    if private:
        path = private.meant(path)
    return os.path.relpath(path, root) if path.startswith(root + os.sep) else path


def _is_one(one: str, other: str) -> bool:
    first, second = disk.look_through(one), disk.look_through(other)
    if first is None or second is None:
        return first is second
    return os.path.samestat(first, second)


def _counts(facts: Facts, step: Step, member: str) -> bool:
    """Whether a member is something that the step read: no output of its own, no tool's litter, no device."""
    if any(covers(output, member) for output in (*step.outputs, *step.updates)) or member == step.depfile:
        return False
    if facts.folders.never(member) or not NEVER_NAMES.isdisjoint(member.split("/")):
        return False
    status = disk.look_through(facts.digests.absolute(member))
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise mistake("depfile", f"its depfile names {member}, a directory: add `{member}/` to its inputs")
    return status is None or stat.S_ISREG(status.st_mode)


def _refuse_unordered(facts: Facts, number: int, member: str) -> None:
    """What another step makes may be read only by those that wait for it."""
    owner = facts.graph.owner(member)
    for maker in (owner,) if owner is not None else facts.graph.shared.updaters(member):
        if maker not in facts.graph.upstream[number] and maker not in upstream_of(facts.graph, [number]):
            name, how = facts.graph.wavefile.steps[maker].name, "made" if owner is not None else "edited"
            raise mistake("depfile", f"it reads {member}, {how} by {name}; add it to inputs")


def moved(
    facts: Facts, found: tuple[Reading, ...], known: frozenset[str], began: float, judged: float
) -> tuple[str, ...]:
    """The discovered members that may have changed while the step was reading them; ``judged``: by the monotonic clock.

    Those known before were seen before. Of the others nobody knows what they were: it is enough that one
    was changed after the step began.
    """
    seen = facts.digests.moved(found, judged)
    new = [reading for reading in found if reading.member not in known]
    late = [reading.member for reading in new if _changed_since(facts.digests.absolute(reading.path), began)]
    return tuple(dict.fromkeys((*seen, *late)))


def _changed_since(path: str, began: float) -> bool:
    status = disk.look_through(path)
    return status is not None and status.st_ctime_ns > began * 1e9


def said(error: WavebuildError) -> str:
    return " ".join(problem.message for problem in error.problems)
