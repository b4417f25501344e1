"""What a build must ask a command before a step can be judged, and of what a step has made before it is recorded.

It does not know where the commands run, nor what an answer means for the verdict on a step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Digest, Kind, Step
from wavebuild.errors import WavebuildError
from wavebuild.judge.asking import Asking, Said, Why
from wavebuild.judge.digest import Reading, memo_name
from wavebuild.judge.facts import output_reading
from wavebuild.judge.members import made_members
from wavebuild.judge.trace import key
from wavebuild.run.asking import asking_job, said
from wavebuild.run.events import Outcome, Settled
from wavebuild.run.job import Ended, Job
from wavebuild.run.life import Asks, Behind, Life, complaint, signal_name
from wavebuild.run.records import Result, log_path
from wavebuild.run.site import Site


class Inquiry:
    """All that one build asks, each thing once, whoever reads it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._facts = site.facts
        self._asking: dict[int, Asking] = {}  # step → what is asked before it can be judged
        self._asked_for: dict[str, int] = {}  # member of a probe that is being asked → the step

    def is_for(self, number: int) -> bool:
        """Whether the job that runs for a step asks what must be known before it is judged."""
        return number in self._asking

    # Before a step is judged

    def ask(self, number: int, step: Step, reading: Reading, why: Why) -> Settled | Asks | Behind:
        """Has a probe or a file's digest asked."""
        failure = self._facts.answers.failures.get(reading.member)
        if failure is not None:
            return self._site.settled(step, Outcome.FAILED, failure="probe", detail=failure)
        name = memo_name(reading)
        if name in self._asked_for:
            return Behind(number, self._asked_for[name])
        self._asked_for[name] = number
        return Asks(number, self._facts.asking(reading, why))

    def begin(self, step: Step, due: Asks) -> Job | Settled:
        try:
            job = self._job(due.number, due.asking, self._beside_log(due.number, "trouble"))
        except (OSError, WavebuildError) as error:
            self._asked_for.pop(memo_name(due.asking.reading), None)
            return self._site.settled(step, Outcome.FAILED, failure="probe", detail=complaint(error))
        self._asking[due.number] = due.asking
        return job

    def answered(self, step: Step, ended: Ended) -> Settled | None:
        """The command that a step waited for has ended; how the step failed, None if it can be judged now."""
        asking = self._asking.pop(ended.id)
        self._asked_for.pop(memo_name(asking.reading), None)
        answer = self._said(asking, ended)
        if ended.failure == "interrupted":
            return self._site.settled(step, Outcome.INTERRUPTED, failure="interrupted")
        if failure := self._facts.hear(asking, answer):
            return self._unanswered(step, ended, failure)
        disk.remove(self._beside_log(ended.id, "trouble"))
        self._site.learn()
        return None

    def _unanswered(self, step: Step, ended: Ended, detail: str) -> Settled:
        """A step that fails as what it must know is not to be had; what the command complained of is its log."""
        site = self._site
        trouble = self._beside_log(ended.id, "trouble")
        if os.path.exists(trouble):
            disk.move(trouble, os.path.join(site.root, log_path(site.run, step.name, 1)))
        log = site.log(step, 1)
        began, seconds = site.invocation.clock() - ended.seconds, ended.seconds
        failed = Outcome.FAILED.value
        result = Result(step.name, site.run, failed, began, seconds, 1, ended.exit_code, "probe", log)
        site.records.fail(key(step), "", result, ())
        return site.settled(
            step,
            Outcome.FAILED,
            failure="probe",
            detail=detail,
            exit_code=ended.exit_code,
            signal=signal_name(ended.signal) if ended.signal else None,
            tail=site.tail(log),
            log=log,
        )

    # Of what a step has made

    def of_made(self, step: Step, life: Life) -> Iterator[Asking]:
        """What must be asked of what the step has just made: its probes, and files by the digest it declares."""
        for artifact in step.outputs:
            if artifact.kind is Kind.PROBE:
                yield self._facts.asking(output_reading(step, artifact.text), Why.MADE)
            elif artifact.digest is Digest.RUN:
                for path in made_members(self._facts.folders, artifact):
                    reading = output_reading(step, path)
                    if reading.how == "run" and not self._site.outputs.only_stands_by(life, path):
                        self._facts.digests.forget(path)
                        self._site.outputs.keep_times(step, life, path)
                        yield self._facts.asking(reading, Why.MADE)

    def job_after(self, step: Step, life: Life) -> Job:
        """The job that asks the next of these."""
        assert life.asks
        log = os.path.join(self._site.root, log_path(self._site.run, step.name, life.tries))
        return self._job(life.due.number, life.asks[0], log)

    def answered_after(self, life: Life, ended: Ended) -> Ended | None:
        """Takes what was said of something the step has made; how the step failed, if it did by that."""
        assert life.asks
        asking = life.asks.pop(0)
        answer = self._said(asking, ended)
        if ended.failure == "interrupted":
            return ended
        failure = self._facts.hear(asking, answer)
        return replace(ended, failure="probe", detail=failure) if failure else None

    def _job(self, number: int, asking: Asking, log: str) -> Job:
        site = self._site
        if asking.reading.how == "run":
            self._facts.digests.about_to_ask(asking.reading)
        step = site.graph.wavefile.steps[number].name
        return asking_job(site.invocation, number, step, asking, log, self._beside_log(number, "answer"), site.secrets)

    def _said(self, asking: Asking, ended: Ended) -> Said:
        return said(asking, ended, self._beside_log(ended.id, "answer"), self._site.secrets)

    def _beside_log(self, number: int, what: str) -> str:
        """A file of this run alone, gone when it ends."""
        step = self._site.graph.wavefile.steps[number].name
        return os.path.join(self._site.root, log_path(self._site.run, step, 1).removesuffix(".log") + f"~{what}")
