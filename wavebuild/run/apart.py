"""A sandboxed step: what it is given in its private folder, and how what it made there comes home.

It does not know why the step runs, nor when what is planned here is recorded and done.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from wavebuild.declare.model import Step
from wavebuild.judge.digest import ABSENT, Reading
from wavebuild.judge.facts import Facts
from wavebuild.judge.trace import Made
from wavebuild.run import sandbox
from wavebuild.run.job import Job
from wavebuild.run.life import Life
from wavebuild.run.outputs import Outputs
from wavebuild.run.records import Attempt

NAMED = 5
"""Undeclared files that a note names."""


class Apart:
    """``path``: the caller's PATH, for steps that do not set their own."""

    def __init__(self, facts: Facts, outputs: Outputs, root: str, path: str) -> None:
        self._facts = facts
        self._outputs = outputs
        self._root = root
        self._path = path

    def attempt(self, step: Step, life: Life, forced: bool) -> Attempt:
        """The intent of a step that touches nothing of the project before it has come to its end.

        Raises WavebuildError where an output lies behind a link that leads out of the root.
        """
        plan = self._outputs.attempt(step, life.due, life.attempt.id, (), forced)
        life.stood = self._outputs.stamps(self._facts.outputs(step))
        assert life.private is not None
        inside = os.path.relpath(life.private.root, self._root)
        return msgspec.structs.replace(life.attempt, covers=plan.covers, sandbox=inside)

    def private_folder(self, step: Step, life: Life) -> sandbox.Private:
        read = life.due.read
        return sandbox.private_folder(self._root, step, (*read.action, *read.gate))

    def make_ready(self, life: Life) -> None:
        """The folder is there and empty before the first job of a try."""
        if life.private and not life.housed:
            sandbox.make(life.private)
            life.furnished, life.copies, life.cut = frozenset(), {}, frozenset()

    def furnished(self, step: Step, life: Life, job: Job, forced: bool) -> Job:
        """The job with what it finds in its folder; what only checks read is not there before them."""
        private = life.private
        assert private is not None
        readings = (*life.due.read.action, *self._discovered(life))
        if life.checking:
            readings = (*readings, *life.due.read.gate)
        tools = sandbox.tools_in(self._root, step.cwd, dict(step.env).get("PATH", self._path))
        own = () if life.housed else self._own(step, life, forced)
        given = sandbox.furniture(private, step, readings, own, tools, life.furnished - life.cut)
        life.housed = True
        life.furnished |= given.paths
        life.copies |= {target: source for source, target in given.copies}
        life.cut = frozenset(excerpt.target for excerpt in given.excerpts)
        walls = sandbox.confines(private, tools, life.scratch)
        if job.confines is not None:
            walls = replace(walls, memory=job.confines.memory)
        return replace(job, furniture=given, confines=walls, cold=True)

    def _discovered(self, life: Life) -> list[Reading]:
        """What the last runs found that they read."""
        found = life.due.now.discovered
        return [self._facts.discovered(member) for member, digest in found.items() if digest != ABSENT]

    def _own(self, step: Step, life: Life, forced: bool) -> list[str]:
        """Members of its own that it finds: those it edits in place; of checks alone, all."""
        if life.attempt.sandbox:
            step = replace(step, outputs=tuple(one for one in step.outputs if one.in_place and not forced))
        return [*self._facts.outputs(step), *self._facts.sidecars(step)]

    def entering(self, step: Step, life: Life, made: Mapping[str, Made], forced: bool) -> Attempt:
        """What is about to happen to the project's files; what a person has edited meanwhile is kept."""
        before = life.stood
        edited = [
            path
            for path, stamp in self._outputs.stamps(self._facts.outputs(step)).items()
            if path in made and before.get(path) != stamp and not self._is_as_made(path, made[path])
        ]
        due = replace(life.due, displaced=tuple(dict.fromkeys((*life.due.displaced, *edited))))
        apart = tuple(replace(artifact, in_place=False) for artifact in step.outputs)
        plan = self._outputs.attempt(replace(step, outputs=apart), due, life.attempt.id, made, forced)
        return msgspec.structs.replace(plan, sandbox=life.attempt.sandbox, enters=True)

    def _is_as_made(self, path: str, made: Made) -> bool:
        self._facts.digests.forget(path.rstrip("/"))
        return self._facts.raw_digest(path) == (made.raw or made.digest)

    def made(self, step: Step, life: Life) -> dict[str, str]:
        """The members that the step has made, and where they lie; what it wrote besides is noted."""
        private = life.private
        assert private is not None
        made = sandbox.made_in(private, step.outputs, self._facts.folders.ignore)
        if database := sandbox.unfinished_log(made):
            why = f"it left {database}-wal beside the database {database}: close the database, or declare its folder"
            raise OSError(None, why)
        sandbox.point_home(private, made)
        if lost := sandbox.undeclared(private, life.furnished, made, step):
            count = "an undeclared file" if len(lost) == 1 else f"{len(lost)} undeclared files"
            life.notes.append(f"it wrote {count}, gone with its sandbox: {_few(lost)}")
        if changed := sandbox.changed_inputs(private, life.copies, step):
            count = "an input" if len(changed) == 1 else f"{len(changed)} inputs"
            life.notes.append(f"it changed its copy of {count}, gone with its sandbox: {_few(changed)}")
        return made


def _few(paths: Sequence[str]) -> str:
    return " ".join(paths[:NAMED]) + (f" … ({len(paths)} in all)" if len(paths) > NAMED else "")
