"""One try at a step: what is made ready for its job, taken in when that has ended, cleared away before another.

It does not know whether there will be another, nor what is recorded of the step.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Kind, Run, Step
from wavebuild.errors import WavebuildError
from wavebuild.judge.freshness import Now
from wavebuild.judge.shared import shared_files
from wavebuild.judge.stamp import stamp
from wavebuild.judge.trace import key
from wavebuild.later import Later
from wavebuild.plan.targets import upstream_of
from wavebuild.run import memory, sharing, transaction
from wavebuild.run.job import Job
from wavebuild.run.jobs import Try, job_of, shown
from wavebuild.run.life import Life
from wavebuild.run.records import Attempt
from wavebuild.run.site import Site

if TYPE_CHECKING:
    from wavebuild.run import discovery, sandbox, scratch
else:  # few steps need these
    discovery, scratch = Later("wavebuild.run.discovery"), Later("wavebuild.run.scratch")
    sandbox = Later("wavebuild.run.sandbox")


class Tries:
    """Those of one build."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._facts = site.facts
        self._records = site.records
        self._outputs = site.outputs
        self._root = site.root

    # Before the job

    def intend(self, step: Step, life: Life) -> None:
        """What the attempt is about to do to files goes into the group that is to be recorded."""
        sharing.refuse_unfit_files(self._facts, step)
        if step.updates:
            self._site.editing.end_conflict(step)
        life.attempt = self._attempt(step, life)
        for artifact in step.outputs:
            if artifact.kind is Kind.PROBE:
                self._facts.answers.forget(artifact)
        self._site.learn()
        self._records.begin(life.attempt)

    def _attempt(self, step: Step, life: Life) -> Attempt:
        forced = self._site.is_forced(life)
        if life.private:
            return self._site.apart.attempt(step, life, forced)
        return self._outputs.attempt(step, life.due, life.attempt.id, self._records.made(), forced)

    def clear_the_way(self, step: Step, life: Life) -> None:
        """Now that the intent is on record, nothing stands where the step is going to write."""
        if not life.private:
            transaction.set_aside(self._root, life.attempt)
            self._site.forget(life.attempt.aside)
            life.stood = self._outputs.stamps(life.attempt.bystanders)
        life.scratch = self._scratch(step, life.due.now)
        self._await_depfile(step, life)

    def _await_depfile(self, step: Step, life: Life) -> None:
        """Its folder exists when a try starts, and one that is there already is not taken for the try's."""
        if step.depfile and not life.private:
            path = self._facts.digests.absolute(step.depfile)
            disk.make_folder(os.path.dirname(path))
            life.depfile = stamp(path)

    def _scratch(self, step: Step, now: Now) -> str:
        """The scratch folder of a step, ready to be used; "" if it has none."""
        if not step.scratch:
            return ""
        kept = self._records.traces(key(step))
        folder = scratch.scratch_folder(self._site.graph.wavefile.file, key(step))
        scratch.prepare(
            self._root, folder, scratch.mark((now.action, now.inputs, now.discovered), kept[0].run if kept else "")
        )
        return folder

    # The job

    def job(self, life: Life) -> Job:
        """What a worker is to do next for the step. Raises OSError, WavebuildError."""
        due, site = life.due, self._site
        step = site.graph.wavefile.steps[due.number]
        if life.private:
            site.apart.make_ready(life)
        if life.private and step.updates and not life.housed:
            site.editing.lay_out(life.private, step, upstream_of(site.graph, [due.number]))
        values, out = self._memory(step, life)
        this = Try(
            due.number, step, due.read, due.reasons, life.tries, life.checking, life.scratch, values, out, life.private
        )
        if step.prompt is not None or step.review is not None:
            this = site.reviews.told(this, life)
        job = job_of(site.invocation, this)
        if life.private:
            job = site.apart.furnished(step, life, job, site.is_forced(life))
        if tracing := site.tracing(life):
            job = replace(job, tracing=tracing)
        # The action and its checks share the time of an attempt.
        if life.reviewing and step.review is not None and step.review.timeout is not None:
            return job
        return job if job.timeout is None else replace(job, timeout=max(0.01, job.timeout - life.of_this_try))

    def shown(self, life: Life, job: Job) -> str:
        return shown(job, life.private.root if life.private else self._root, self._site.secrets.values())

    def _memory(self, step: Step, life: Life) -> tuple[dict[str, str], str]:
        """The values that a job may read, and where it writes its own; checks may read what the action wrote."""
        found = {name: self._facts.memory.text(name) for name in memory.keys_read(step, life.checking)}
        written = memory.keys_written(step)
        if life.checking:
            found |= {name: life.remembered.get(name, self._facts.memory.text(name)) for name in written}
        out = self._memory_out(life) if written and not life.checking else ""
        if out:
            memory.make_ready(self._root, out)
        return {name: text for name, text in found.items() if text is not None}, out

    def _memory_out(self, life: Life) -> str:
        return life.private.memory if life.private else memory.file_of(self._site.run, life.due.number)

    # After the job

    def take_in(self, step: Step, life: Life) -> tuple[str, str] | None:
        """Takes in what the action has made and told; as what the step failed and why, if that is of no use."""
        if missing := self._outputs.missing(step, life):
            return "missing output", missing
        taking = "depfile"
        secrets = self._site.secrets.values()
        try:
            if step.depfile:
                life.discovered = discovery.take_in(
                    self._facts, life.due.number, life.due.read, life.depfile, life.private, secrets
                )
            taking = "memory"
            if keys := memory.keys_written(step):
                life.remembered = memory.take_in(self._root, self._memory_out(life), keys, secrets)
            taking = "outputs"
            if step.updates and not life.private:
                life.did = self._site.editing.what_it_did(step, life)
        except WavebuildError as error:
            return taking, discovery.said(error)
        return None

    def swap_in(self, step: Step, life: Life) -> None:
        """What a sandboxed step made takes the place of what it made before."""
        apart = self._site.apart
        made = apart.made(step, life)
        life.attempt = apart.entering(step, life, self._records.made(), self._site.is_forced(life))
        self._site.learn()
        self._records.begin(life.attempt)
        self._records.flush()
        life.stood = self._outputs.stamps(life.attempt.bystanders)
        transaction.swap_in(self._root, life.attempt, made)
        self._site.forget((*made, *life.attempt.aside))

    def copy_shared(self, step: Step, life: Life) -> None:
        """Before the edits of a sandboxed step come home: what stands in the files comes back if it fails yet."""
        life.attempt = self._outputs.with_shared(step, life)
        self._records.begin(life.attempt)
        self._records.flush()
        for path in shared_files(step):
            disk.copy(os.path.join(self._root, path), os.path.join(self._root, life.attempt.copied[path]))
        self._site.forget(shared_files(step))

    def leave(self, life: Life) -> None:
        """The step is over: its private folder goes."""
        if life.private:
            with contextlib.suppress(OSError):  # nothing in it is of use to anybody; the next build tries again
                sandbox.remove(life.private)

    # Before another try

    def clear_for_another(self, step: Step, life: Life) -> None:
        """All is as it was before the try that failed."""
        site = self._site
        if life.private:
            entered = life.attempt.enters
            left = transaction.put_back(self._facts.folders, life.attempt)
            site.forget((*left, *life.attempt.aside))
            life.housed = False
            if entered:
                life.attempt = self._attempt(step, life)
                self._records.begin(life.attempt)
                self._records.flush()
        else:
            left = transaction.move_partial(self._facts.folders, life.attempt)
            site.forget((*left, *life.attempt.copied))
            transaction.make_folders(self._root, step.outputs)
            life.stood = self._outputs.stamps(life.attempt.bystanders)
            self._await_depfile(step, life)
        if step.review is not None:
            life.draft = site.reviews.kept_draft(step, life, bool(left))


def is_simple(step: Step) -> bool:
    """Whether it runs commands alone, and makes files alone: nothing of it is to be looked at before it begins."""
    other = step.updates or step.sandbox or step.scratch or step.depfile or step.console
    return isinstance(step.action, Run) and not other and all(one.kind is Kind.FILE for one in step.outputs)
