"""The life of one step: judged when its inputs have settled, begun, ended, recorded.

It does not know in what order steps come, nor where a job runs: that is the scheduler's and
the pool's. In the words of "Build Systems à la Carte" this is the rebuilder, with verifying
traces of depth one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Digest, Kind, Manual, Run, Step
from wavebuild.errors import WavebuildError
from wavebuild.graph import Graph
from wavebuild.judge.asking import Asking, Said, Why
from wavebuild.judge.digest import ABSENT, Reading, memo_name
from wavebuild.judge.facts import MANY, Facts, output_reading
from wavebuild.judge.freshness import Now, same_run
from wavebuild.judge.locked import LOCKED, opened
from wavebuild.judge.members import made_members
from wavebuild.judge.memory import value_digest
from wavebuild.judge.merging import Edit
from wavebuild.judge.reasons import HeldBack, Reason
from wavebuild.judge.shared import shared_files
from wavebuild.judge.stamp import stamp
from wavebuild.judge.standing import Frozen, Held, Keeps, Rechecks, Runs, Stops, Unsure, Waits, stand
from wavebuild.judge.trace import Trace, key
from wavebuild.later import Later
from wavebuild.plan.targets import upstream_of
from wavebuild.run import memory, sandbox, sharing, transaction
from wavebuild.run.asking import asking_job, said, secrets_of, to_be_asked
from wavebuild.run.audit import Audit, Seen, audited, masked
from wavebuild.run.events import Clue, Event, Noticed, Opinion, Outcome, Settled, StepRetried, StepStarted
from wavebuild.run.job import Ended, Job, Tracing
from wavebuild.run.jobs import Invocation, Try, job_of, shown
from wavebuild.run.life import (
    Again,
    Asks,
    Behind,
    Due,
    Life,
    Merges,
    complaint,
    first_read,
    signal_name,
    told,
    unlike,
    way_on,
    ways_out,
    why_failed,
)
from wavebuild.run.masking import masked_text
from wavebuild.run.outputs import Outputs, not_made
from wavebuild.run.records import Attempt, Records, Result, log_path

MOST_TOLD = 64
"""Steps that edit one file, up to which it is looked whose edits were undone."""

if TYPE_CHECKING:
    from wavebuild.run import discovery, merges, scratch
    from wavebuild.run.apart import Apart
    from wavebuild.run.gauge import Gauge
    from wavebuild.run.merges import Bases
    from wavebuild.run.reviewing import Reviews
else:  # few steps need these
    discovery, merges, scratch = map(Later, (f"wavebuild.run.{name}" for name in ("discovery", "merges", "scratch")))

TAIL_LINES = 20
TAIL_BYTES = 64 << 10


class Rebuilder:
    """Answers whether a step must run, and carries one that must from its begin to its record."""

    def __init__(
        self, graph: Graph, facts: Facts, records: Records, invocation: Invocation, tell: Callable[[Event], None]
    ) -> None:
        self._graph = graph
        self._facts = facts
        self._records = records
        self._invocation = invocation
        self._tell = tell
        self.run = invocation.run
        self._lives: dict[int, Life] = {}
        self._reviewing: Reviews | None = None  # asked for by steps with prompts or reviews alone
        self.in_force: dict[str, Trace] = {}  # by which traces steps are fresh, for the lock file if there is one
        self.proven: dict[int, str] = {}  # of steps with many inputs: the identity of the trace by which it is fresh
        self._holds_traces = graph.wavefile.settings.lock is not None
        self._judged: set[str] = set()  # of the steps that edit shared files, those that were judged
        self._asking: dict[int, Asking] = {}  # step → what is asked before it can be judged
        self._secrets = secrets_of(graph, invocation)
        self._succeeded_lately: list[Attempt] = []  # their former outputs are let go when they are on record
        self._asked_for: dict[str, int] = {}  # member of a probe that is being asked → the step
        self.gauge: Gauge | None = None  # somebody looks at what steps do that have made what they make
        self._failures = 0
        self._root = invocation.root
        outside = graph.wavefile.settings.outside
        self._outputs = Outputs(facts, invocation.root, invocation.run, outside)

    def relink(self, graph: Graph, forced: frozenset[int]) -> None:
        """The graph has grown; steps have kept their numbers."""
        self._graph = graph
        self._invocation = replace(self._invocation, forced=forced)
        self._secrets = secrets_of(graph, self._invocation)
        self._reviewing = None

    @cached_property
    def _apart(self) -> Apart:
        from wavebuild.run.apart import Apart

        path = self._invocation.environ.get("PATH", os.defpath)
        return Apart(self._facts, self._outputs, self._root, path)

    @cached_property
    def _bases(self) -> Bases:
        """What sandboxed steps begin with, of files that others edit, too."""
        return merges.Bases()

    @property
    def _reviews(self) -> Reviews:
        if self._reviewing is None:
            from wavebuild.run.reviewing import Reviews

            self._reviewing = Reviews(self._invocation, self._secrets.values())
        return self._reviewing

    def consider(self, number: int) -> Settled | Due | Asks | Behind:
        """Judges a step whose upstream has settled: how it ended without running, or what is to be done for it."""
        step = self._graph.wavefile.steps[number]
        if step.is_group:
            return self._settled(step, Outcome.KEPT)
        try:
            return self._consider(number, step)
        except WavebuildError as error:
            return self._settled(step, Outcome.FAILED, failure="input", detail=str(error))

    def _consider(self, number: int, step: Step) -> Settled | Due | Asks | Behind:
        read = self._facts.read(number)
        if read.missing:
            names = ", ".join(artifact.text for artifact in read.missing)
            what = "updates" if all(artifact in step.updates for artifact in read.missing) else "reads"
            return self._settled(step, Outcome.FAILED, failure="missing input", detail=f"it {what} {names}: not there")
        if (other := self._editing(step)) is not None:
            return Behind(number, other)
        traces = self._records.traces(key(step))
        forced = number in self._invocation.forced
        clock = self._invocation.clock()
        standing = stand(self._facts, number, read, traces, self._records.made(), clock, forced)
        if wanted := to_be_asked(step, read, standing):
            return self._ask(number, step, *wanted)
        match standing:
            case Keeps(adopt, by_hand, reasons, of):
                if adopt is not None:
                    self._take(step, self._adopted(step, adopt, clock, by_hand, of))
                elif of is not None:
                    self._put_in_force(step, of)
                said = self._reviews.of(of) if of is not None and of.review else None
                return self._settled(step, Outcome.KEPT, reasons=reasons, review=said)
            case Frozen():
                return self._settled(step, Outcome.KEPT)
            case Held(until, reasons):
                why = (HeldBack(until), *reasons) if reasons else ()
                return self._settled(step, Outcome.KEPT, reasons=why)
            case Runs(now, reasons, displaced):
                return Due(number, reasons, read, now, displaced=displaced)
            case Rechecks(now, reasons, of, by_hand):
                return Due(number, reasons, read, now, gate_of=of, adopt=of is None, by_hand=by_hand)
            case Stops(why, paths, reasons):
                made = self._records.made()
                accepted = all(path in made and made[path].by_hand for path in paths)
                ways = ways_out(step, why, paths, accepted, reasons)
                return self._settled(step, Outcome.FAILED, failure=why, detail=ways, reasons=reasons)
            case Waits(renew):
                return self._waiting(step, renew)
            case Unsure():
                raise AssertionError("what is not known is asked")
            case _:
                assert_never(standing)

    def _editing(self, step: Step) -> int | None:
        """A running step that has a file in its hands that this one edits, too: what it makes of it is waited for."""
        if not step.updates:
            return None
        files = frozenset(shared_files(step))
        for other, life in self._lives.items():
            if not files.isdisjoint(life.attempt.copied):
                return other
        return None

    # What must be asked before a step is judged

    def _ask(self, number: int, step: Step, reading: Reading, why: Why) -> Settled | Asks | Behind:
        """Has a probe or a file's digest asked; once a build, whoever reads it."""
        failure = self._facts.answers.failures.get(reading.member)
        if failure is not None:
            return self._settled(step, Outcome.FAILED, failure="probe", detail=failure)
        name = memo_name(reading)
        if name in self._asked_for:
            return Behind(number, self._asked_for[name])
        self._asked_for[name] = number
        return Asks(number, self._facts.asking(reading, why))

    def _answered(self, ended: Ended) -> Settled | Due | Asks | Behind:
        """The command that a step waited for has ended: it is judged with what is known now."""
        step, asking = self._graph.wavefile.steps[ended.id], self._asking.pop(ended.id)
        self._asked_for.pop(memo_name(asking.reading), None)
        answer = self._said(asking, ended)
        if ended.failure == "interrupted":
            return self._settled(step, Outcome.INTERRUPTED, failure="interrupted")
        if failure := self._facts.hear(asking, answer):
            return self._unanswered(step, ended, failure)
        disk.remove(self._beside_log(ended.id, "trouble"))
        self._learn()
        return self.consider(ended.id)

    def _unanswered(self, step: Step, ended: Ended, detail: str) -> Settled:
        """A step that fails as what it must know is not to be had; what the command complained of is its log."""
        trouble = self._beside_log(ended.id, "trouble")
        if os.path.exists(trouble):
            disk.move(trouble, os.path.join(self._root, log_path(self._invocation.run, step.name, 1)))
        log = self._log_of(step, 1)
        began, seconds = self._invocation.clock() - ended.seconds, ended.seconds
        failed = Outcome.FAILED.value
        result = Result(step.name, self._invocation.run, failed, began, seconds, 1, ended.exit_code, "probe", log)
        self._records.fail(key(step), "", result, ())
        return self._settled(
            step,
            Outcome.FAILED,
            failure="probe",
            detail=detail,
            exit_code=ended.exit_code,
            signal=signal_name(ended.signal) if ended.signal else None,
            tail=self._tail(log),
            log=log,
        )

    def _said(self, asking: Asking, ended: Ended) -> Said:
        output = self._beside_log(ended.id, "answer")
        return said(asking, ended, output, self._secrets)

    def _asking_job(self, number: int, asking: Asking, log: str) -> Job:
        step = self._graph.wavefile.steps[number].name
        if asking.reading.how == "run":
            self._facts.digests.about_to_ask(asking.reading)
        output = self._beside_log(number, "answer")
        return asking_job(self._invocation, number, step, asking, log, output, self._secrets)

    def _beside_log(self, number: int, what: str) -> str:
        """A file of this run alone, gone when it ends."""
        step = self._graph.wavefile.steps[number].name
        return os.path.join(self._root, log_path(self._invocation.run, step, 1).removesuffix(".log") + f"~{what}")

    def _learn(self) -> None:
        if learned := self._facts.digests.take_learned():
            self._records.learn(learned)
        if answers := self._facts.answers.take_learned():
            self._records.hear(answers)

    def _waiting(self, step: Step, renew: bool) -> Settled:
        text = step.action.text if isinstance(step.action, Manual) else ""
        if renew:
            text += f"\nwhat it is made from has changed: renew it, or `wavebuild accept {step.name}`"
        why = "inputs changed" if renew else "missing output"
        return self._settled(step, Outcome.WAITING, failure=why, detail=text)

    def _take(self, step: Step, trace: Trace) -> None:
        """Records what a person placed or edited as the result."""
        self._learn()
        self._records.record(key(step), trace, placed=isinstance(step.action, Manual))
        self._put_in_force(step, trace)

    def _put_in_force(self, step: Step, trace: Trace) -> None:
        """A trace is as large as all else that is known of a step: it is held where it is asked for."""
        if len(step.inputs) >= MANY and trace.run != LOCKED:
            self.proven[self._graph.number[step.name]] = trace.identity
        if self._holds_traces:
            self.in_force[key(step)] = trace
        if step.updates:
            self._judged.add(key(step))

    def _adopted(
        self, step: Step, now: Now, began: float, by_hand: tuple[str, ...], of: Trace | None = None, review: str = ""
    ) -> Trace:
        outputs = {member: digest for member, digest in now.outputs.items() if digest is not None}
        kept = [of] if of is not None else self._records.traces(key(step))
        discovered = {member: now.discovered.get(member, ABSENT) for member in (kept[0].discovered if kept else ())}
        return Trace(
            step.name, self._invocation.run, began, 0.0, dict(now.action), dict(now.gate), dict(now.inputs),
            dict(now.gate_inputs), outputs, by_hand=by_hand, raw=self._facts.raw_digests(step, outputs),
            discovered=discovered, keys=dict(now.keys),
            edits=self._facts.still_standing(step, self._records.traces(key(step))),
            review=review or (of.review if of is not None else ""),
        )  # fmt: skip

    # Begin

    def begin(self, due: Due) -> Settled | None:
        """Puts the intent into the group that is to be recorded; how the step failed if it cannot begin."""
        step = self._graph.wavefile.steps[due.number]
        began = self._invocation.clock()
        identity = f"{self._invocation.run}.{due.number}"
        life = Life(due, Attempt(identity, step.name, self._invocation.run, key(step), {}, {}, ()), began)
        life.checking = due.gate_of is not None or due.adopt or step.action is None
        life.reviewing = life.checking and not step.checks and step.review is not None
        try:
            if step.sandbox:
                life.private = self._apart.private_folder(step, life)
            if not life.checking:
                self._intend(step, life)
        except (OSError, WavebuildError) as error:
            return self._give_up(step, life, Ended(due.number, "start", detail=complaint(error)))
        self._lives[due.number] = life
        return None

    def _intend(self, step: Step, life: Life) -> None:
        sharing.refuse_unfit_files(self._facts, step)
        if step.updates:
            self._end_conflict(step)
        life.attempt = self._attempt(step, life)
        for artifact in step.outputs:
            if artifact.kind is Kind.PROBE:
                self._facts.answers.forget(artifact)
        self._learn()
        self._records.begin(life.attempt)

    def withdraw(self, due: Due) -> None:
        """A step that was to begin, and of which at most the intent is on record, will not.

        Whoever judges it again looks anew at what it reads and has made.
        """
        life = self._lives.pop(due.number, None)
        if life is not None:
            self._records.close_attempt(life.attempt.id)
        step = self._graph.wavefile.steps[due.number]
        self._facts.digests.doubt((*due.read.action, *due.read.gate))
        self._forget((*due.now.outputs, *(artifact.path for artifact in step.file_outputs)))

    def is_last(self, number: int) -> bool:
        """Whether the job that runs for a step is the last that is run for it, if it ends well."""
        life, step = self._lives.get(number), self._graph.wavefile.steps[number]
        if life is None or life.private or life.asks or (step.judges and not life.checking) or step.review is not None:
            return False
        return not any(one.kind is Kind.PROBE or one.digest is Digest.RUN for one in step.outputs)

    def job_ahead(self, due: Due) -> Job | None:
        """The job of a step that is to begin, to lie ready with a worker; None if more is to be done before it begins.

        Its intent is on record, and nothing stands at its outputs: all that is made for it here are folders.
        """
        life, step = self._lives[due.number], self._graph.wavefile.steps[due.number]
        if life.checking or life.private or life.attempt.holds_files or not _is_simple(step):
            return None
        try:
            self._clear_the_way(step, life)
            job = self._job(life)
        except (OSError, WavebuildError):
            return None  # it is told when the step begins
        life.action = life.command = self._shown(life, job)
        return job

    def set_going(self, number: int, tell: Callable[[Event], None]) -> None:
        """The job of a step that lay ready has begun."""
        life = self._lives[number]
        life.began = self._invocation.clock()
        tell(self._started(self._graph.wavefile.steps[number], life))

    def start(self, due: Due | Asks, tell: Callable[[Event], None] | None = None) -> Job | Settled:
        """Clears the way, now that the intent is on record, and gives the job; or how it failed before that.

        ``tell``: whom to tell that it has begun, if not everybody at once.
        """
        step = self._graph.wavefile.steps[due.number]
        if isinstance(due, Asks):
            return self._begin_asking(step, due)
        life = self._lives[due.number]
        life.began = self._invocation.clock()
        try:
            if not life.checking:
                self._clear_the_way(step, life)
            job = self._job(life)
        except (OSError, WavebuildError) as error:
            return self._give_up(step, life, Ended(due.number, "start", detail=complaint(error)))
        self._tell_started(step, life, job, tell or self._tell)
        return job

    def _clear_the_way(self, step: Step, life: Life) -> None:
        if not life.private:
            transaction.set_aside(self._root, life.attempt)
            self._forget(life.attempt.aside)
            life.stood = self._outputs.stamps(life.attempt.bystanders)
        life.scratch = self._scratch(step, life.due.now)
        self._await_depfile(step, life)

    def commit(self) -> None:
        """All that was recorded is durable; what was set aside for those who have succeeded is let go."""
        self._records.flush()
        ended, self._succeeded_lately = self._succeeded_lately, []
        for attempt in ended:
            if left := self._concluded(attempt):
                self._tell(Noticed(self._invocation.run, time.time(), f"{attempt.step}: {left}"))

    def _end_conflict(self, step: Step) -> None:
        for path in merges.end_conflict(self._root, step.name, self._invocation.run):
            message = f"{step.name}: what you made of its conflict is kept in {path}"
            self._tell(Noticed(self._invocation.run, time.time(), message))

    def _attempt(self, step: Step, life: Life) -> Attempt:
        if life.private:
            return self._apart.attempt(step, life, self._is_forced(life))
        return self._outputs.attempt(step, life.due, life.attempt.id, self._records.made(), self._is_forced(life))

    def _is_forced(self, life: Life) -> bool:
        return life.due.number in self._invocation.forced

    def _begin_asking(self, step: Step, due: Asks) -> Job | Settled:
        try:
            job = self._asking_job(due.number, due.asking, self._beside_log(due.number, "trouble"))
        except (OSError, WavebuildError) as error:
            self._asked_for.pop(memo_name(due.asking.reading), None)
            return self._settled(step, Outcome.FAILED, failure="probe", detail=complaint(error))
        self._asking[due.number] = due.asking
        return job

    def _await_depfile(self, step: Step, life: Life) -> None:
        """Its folder exists when a try starts, and one that is there already is not taken for the try's."""
        if step.depfile and not life.private:
            path = self._facts.digests.absolute(step.depfile)
            disk.make_folder(os.path.dirname(path))
            life.depfile = stamp(path)

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
        return life.private.memory if life.private else memory.file_of(self._invocation.run, life.due.number)

    def _scratch(self, step: Step, now: Now) -> str:
        """The scratch folder of a step, ready to be used; "" if it has none."""
        if not step.scratch:
            return ""
        kept = self._records.traces(key(step))
        folder = scratch.scratch_folder(self._graph.wavefile.file, key(step))
        scratch.prepare(
            self._root, folder, scratch.mark((now.action, now.inputs, now.discovered), kept[0].run if kept else "")
        )
        return folder

    def _tell_started(self, step: Step, life: Life, job: Job, tell: Callable[[Event], None]) -> None:
        life.command = self._shown(life, job)
        life.action = "" if life.checking else life.command
        tell(self._started(step, life, bool(job.console)))

    def _started(self, step: Step, life: Life, console: bool = False) -> StepStarted:
        return StepStarted(
            self._invocation.run,
            self._invocation.clock(),
            step.name,
            self._graph.wave[life.due.number],
            life.tries,
            life.due.reasons,
            life.command,
            log_path(self._invocation.run, step.name, life.tries),
            console,
        )

    def _shown(self, life: Life, job: Job) -> str:
        return shown(job, life.private.root if life.private else self._root)

    def _job(self, life: Life) -> Job:
        due = life.due
        step = self._graph.wavefile.steps[due.number]
        if life.private:
            self._apart.make_ready(life)
        if life.private and step.updates and not life.housed:
            before = upstream_of(self._graph, [due.number])
            merges.lay_out(self._facts.shared, life.private, step, self._bases, before)
        values, out = self._memory(step, life)
        this = Try(
            due.number, step, due.read, due.reasons, life.tries, life.checking, life.scratch, values, out, life.private
        )
        if step.prompt is not None or step.review is not None:
            this = self._reviews.told(this, life)
        job = job_of(self._invocation, this)
        if life.private:
            job = self._apart.furnished(step, life, job, self._is_forced(life))
        if tracing := self._tracing(life):
            job = replace(job, tracing=tracing)
        # The action and its checks share the time of an attempt.
        if life.reviewing and step.review is not None and step.review.timeout is not None:
            return job
        return job if job.timeout is None else replace(job, timeout=max(0.01, job.timeout - life.of_this_try))

    # The end

    def finish(self, ended: Ended) -> Settled | Again | Job | Due | Asks | Behind | Merges:
        """What becomes of a job that ended: the next job of the same step, a further try, or how it settled."""
        if ended.id in self._asking:
            return self._answered(ended)
        life = self._lives[ended.id]
        step = self._graph.wavefile.steps[ended.id]
        life.seconds += ended.seconds
        life.of_this_try += ended.seconds
        if not life.asks:
            life.seen = life.seen.with_more(ended.touches, life.checking, life.reviewing)
        if ended.leftovers:
            life.notes.append(f"it left {ended.leftovers} process(es) running: they were ended")
        try:
            if life.asks:
                if failed := self._answered_after(life, ended):
                    return self._failed(step, life, failed)
            elif ended.failure:
                return self._failed(step, life, ended)
            elif not life.checking:
                if unfit := self._take_in(step, life):
                    failure, detail = unfit
                    return self._failed(step, life, replace(ended, failure=failure, detail=detail))
                if step.checks:
                    life.checking = True
                    return self._next_job(life)
            elif life.reviewing:
                if wrong := self._reviews.take_in(step, life):
                    return self._failed(step, life, replace(ended, failure="review", detail=wrong))
                if changed := self._outputs.changed_since(life.judged, step, life):
                    life.opinion = None  # it is of what is no more
                    return self._give_up(step, life, replace(ended, failure="review", detail=unlike(step, changed)))
                self._tell(self._reviews.reviewed(step, life))
                if life.opinion is not None and not life.opinion.passes:
                    return self._rejected(step, life, ended)
                life.reviewing = False
            if step.review is not None and life.opinion is None and life.asks is None:
                if not life.due.adopt and life.due.gate_of is None:
                    life.judged = self._outputs.standing(step, life)
                life.checking = life.reviewing = True
                return self._next_job(life)
            if life.attempt.sandbox and not life.attempt.enters:
                self._swap_in(step, life)
            if life.asks is None:
                life.asks = list(self._asks_after(step, life))
            if life.asks:
                log = os.path.join(self._root, log_path(self._invocation.run, step.name, life.tries))
                job = self._asking_job(life.due.number, life.asks[0], log)
                life.command = shown(job, self._root)
                return job
            if life.attempt.enters and step.updates:
                life.moved = self._moved(step, life.due)
                return Merges(ended.id)
            settled = self._succeeded(step, life)
            self._leave_sandbox(life)
        except (OSError, WavebuildError) as error:
            return self._give_up(step, life, replace(ended, failure="outputs", detail=complaint(error)))
        del self._lives[ended.id]
        return settled

    def _next_job(self, life: Life) -> Job:
        """The next job of the same try."""
        if self.gauge is not None:
            self.gauge.phases[life.attempt.step] = "its checks" if not life.reviewing else "its review"
        job = self._job(life)
        life.command = self._shown(life, job)
        return job

    def _rejected(self, step: Step, life: Life, ended: Ended) -> Settled | Again:
        """The advisor has rejected the draft: it is made anew with the review at hand, or the step has failed."""
        assert step.review is not None
        stands = life.due.gate_of is not None or life.due.adopt
        again = life.rejected < step.review.retries and not stands
        life.rejected += 1
        detail = self._reviews.in_words(life) + (way_on(step) if stands else "")
        ended = replace(ended, failure="rejected", detail=detail)
        return self._once_more(step, life, ended, 0.0) if again else self._give_up(step, life, ended)

    def _take_in(self, step: Step, life: Life) -> tuple[str, str] | None:
        """Takes in what the action has made and told; as what the step failed and why, if that is of no use."""
        if missing := self._outputs.missing(step, life):
            return "missing output", missing
        taking = "depfile"
        try:
            if step.depfile:
                life.discovered = discovery.take_in(
                    self._facts, life.due.number, life.due.read, life.depfile, life.private, self._secrets.values()
                )
            taking = "memory"
            if keys := memory.keys_written(step):
                out = self._memory_out(life)
                life.remembered = memory.take_in(self._root, out, keys, self._secrets.values())
            taking = "outputs"
            if step.updates and not life.private:
                life.did = self._what_it_did(step, life)
        except WavebuildError as error:
            return taking, discovery.said(error)
        return None

    def _swap_in(self, step: Step, life: Life) -> None:
        """What a sandboxed step made takes the place of what it made before."""
        made = self._apart.made(step, life)
        life.attempt = self._apart.entering(step, life, self._records.made(), self._is_forced(life))
        self._learn()
        self._records.begin(life.attempt)
        self._records.flush()
        life.stood = self._outputs.stamps(life.attempt.bystanders)
        transaction.swap_in(self._root, life.attempt, made)
        self._forget((*made, *life.attempt.aside))

    def _leave_sandbox(self, life: Life) -> None:
        if life.private:
            with contextlib.suppress(OSError):  # nothing in it is of use to anybody; the next build tries again
                sandbox.remove(life.private)

    def merge(self, number: int) -> Settled:
        """The edits of a sandboxed step that has come to its end take their place in the files."""
        life, step = self._lives[number], self._graph.wavefile.steps[number]
        assert life.private is not None
        try:
            self._copy_shared(step, life)
            found = merges.brought_home(self._facts.shared, life.private, step)
            if any(both.text is None for both in found):
                told = merges.keep_both(self._root, step.name, found)
                return self._give_up(step, life, Ended(number, "conflict", detail=told))
            for both in found:
                if both.text is not None and both.text != both.ours:
                    disk.write(os.path.join(self._root, both.path), both.text)
            life.did = self._what_it_did(step, life)
            settled = self._succeeded(step, life)
            self._leave_sandbox(life)
        except (OSError, WavebuildError) as error:
            return self._give_up(step, life, Ended(number, "outputs", detail=complaint(error)))
        for both in found:
            self._bases.took_in(number, both.path, Edit(both.base, both.theirs))
        del self._lives[number]
        return settled

    def _copy_shared(self, step: Step, life: Life) -> None:
        """What stands in the files comes back if the step fails yet."""
        life.attempt = self._outputs.with_shared(step, life)
        self._records.begin(life.attempt)
        self._records.flush()
        for path in shared_files(step):
            disk.copy(os.path.join(self._root, path), os.path.join(self._root, life.attempt.copied[path]))
        self._forget(shared_files(step))

    def _what_it_did(self, step: Step, life: Life) -> sharing.Did:
        traces = self._records.traces(key(step))
        before = {path: os.path.join(self._root, life.attempt.copied[path]) for path in shared_files(step)}
        return sharing.what_it_did(self._facts, step, before, traces[0] if traces else None)

    def _asks_after(self, step: Step, life: Life) -> Iterator[Asking]:
        """What must be asked of what the step has just made: its probes, and files by the digest it declares."""
        if life.due.adopt or life.due.gate_of is not None:
            return
        for artifact in step.outputs:
            if artifact.kind is Kind.PROBE:
                yield self._facts.asking(output_reading(step, artifact.text), Why.MADE)
            elif artifact.digest is Digest.RUN:
                for path in made_members(self._facts.folders, artifact):
                    reading = output_reading(step, path)
                    if reading.how == "run" and not self._outputs.only_stands_by(life, path):
                        self._facts.digests.forget(path)
                        self._outputs.keep_times(step, life, path)
                        yield self._facts.asking(reading, Why.MADE)

    def _answered_after(self, life: Life, ended: Ended) -> Ended | None:
        """Takes what was said of something the step has made; how the step failed, if it did by that."""
        assert life.asks
        asking = life.asks.pop(0)
        answer = self._said(asking, ended)
        if ended.failure == "interrupted":
            return ended
        failure = self._facts.hear(asking, answer)
        return replace(ended, failure="probe", detail=failure) if failure else None

    def retry(self, number: int) -> Job:
        """The job of the next try of a step."""
        life = self._lives[number]
        step = self._graph.wavefile.steps[number]
        job = self._job(life)
        self._tell_started(step, life, job, self._tell)
        return job

    def drop(self, number: int) -> Settled:
        """A step that waits for a further try will not get it: the build was interrupted."""
        step = self._graph.wavefile.steps[number]
        return self._give_up(step, self._lives[number], Ended(number, "interrupted"))

    def _succeeded(self, step: Step, life: Life) -> Settled:
        due = life.due
        if due.adopt or due.gate_of is not None:
            return self._rechecked(step, life)
        outputs = self._outputs.made(step, life)
        if step.review is not None and step.review.key and life.opinion is not None:
            life.remembered[step.review.key] = self._reviews.as_value(life.opinion)
        values = {name: (value_digest(text), text) for name, text in life.remembered.items()}
        for digest, text in values.values():
            if not digest.startswith("="):
                self._facts.digests.hand_on(digest, text.encode("utf-8", "surrogatepass"), b"")
        outputs |= {f"mem:{name}": digest for name, (digest, _) in values.items()}
        moved = self._moved(step, due) if life.moved is None else life.moved
        if life.discovered:
            moved += discovery.moved(
                self._facts, life.discovered, frozenset(due.now.discovered), life.began, due.judged
            )
        trace = Trace(
            step=step.name,
            run=self._invocation.run,
            began=life.began,
            seconds=life.seconds,
            action=dict(due.now.action),
            gate=dict(due.now.gate),
            inputs=dict(due.now.inputs),
            gate_inputs=dict(due.now.gate_inputs),
            outputs=outputs,
            moved=moved,
            raw=self._facts.raw_digests(step, outputs),
            discovered={
                reading.member: self._facts.digests.see(reading).digest or ABSENT for reading in life.discovered
            },
            edits=life.did.edits,
            keys=life.did.keys,
            review=self._reviews.recorded(life) if life.opinion is not None else "",
        )
        life.notes += life.did.notes
        attempt = self._outputs.with_changed_bystanders(life.attempt, outputs)
        self._learn()
        result = self._result(step, life, Outcome.SUCCEEDED, None)
        self._records.succeed(attempt.key, trace, attempt, result, values, life.did.texts)
        self._put_in_force(step, trace)
        if self._may_wait(step, attempt):
            if attempt.holds_files:
                self._succeeded_lately.append(attempt)
        else:
            self._records.flush()
            self._have_edited(step, life)
            if attempt.holds_files and (left := self._concluded(attempt)):
                life.notes.append(left)
        if life.scratch:
            with contextlib.suppress(OSError):  # what is left is of a run that is over: it is never used again
                scratch.clear(self._root, life.scratch)
        displaced = tuple(sorted(attempt.displaced.values()))
        return self._settled(step, Outcome.SUCCEEDED, life, moved=moved, displaced=displaced, log=result.log)

    def _have_edited(self, step: Step, life: Life) -> None:
        """The step has edited shared files: what that means for those who edit them, too."""
        if not step.updates:
            return
        for path in shared_files(step):
            if not step.sandbox:
                self._bases.forget(path)
            for other in self._undone(step, path, os.path.join(self._root, life.attempt.copied[path])):
                life.notes.append(f"it undid what {other.name} had written in {path}: let one of them own it")
                if key(other) in self._judged:  # else it is judged yet, or not in this build
                    life.undid.append(other.name)
        self._end_conflict(step)

    def _undone(self, step: Step, path: str, before: str) -> Iterator[Step]:
        """Who will have to edit a file again, as the step has taken back what they wrote."""
        editors = self._graph.shared.updaters(path)
        if len(editors) > MOST_TOLD:
            return
        for number in editors:
            other = self._graph.wavefile.steps[number]
            traces = self._records.traces(key(other))
            if other.name != step.name and traces and sharing.is_undone(self._facts, other, traces[0], path, before):
                yield other

    def _may_wait(self, step: Step, attempt: Attempt) -> bool:
        """Whether all that is left to do is to let go of former outputs: that can be done when others are on record,
        too."""
        others = attempt.bystanders or attempt.copied or attempt.folders or attempt.displaced or attempt.sandbox
        return not (others or step.updates or step.scratch)

    def _concluded(self, attempt: Attempt) -> str:
        """What was set aside is let go. The success is on record: where this cannot be done, the next build does it.

        What is left then, in words.
        """
        try:
            transaction.conclude(self._root, attempt)
        except (OSError, WavebuildError) as error:
            return f"its former outputs are still in {transaction.ASIDE}, until the next build: {complaint(error)}"
        self._records.close_attempt(attempt.id)
        return ""

    def _moved(self, step: Step, due: Due) -> tuple[str, ...]:
        """The inputs that changed or came while it ran; of files that it edits itself, the keys that it reads count.

        What comes to the project meanwhile is not in a private folder.
        """
        readings = (*due.read.action, *due.read.gate)
        if not step.updates:
            moved = self._facts.digests.moved(readings, due.judged)
            return moved if step.sandbox else moved + self._facts.came(step, due.read)
        own = frozenset(shared_files(step))
        moved = self._facts.digests.moved([reading for reading in readings if reading.path not in own], due.judged)
        was = {**due.now.gate_inputs, **due.now.inputs}
        keys = (reading for reading in readings if reading.of_file and reading.path in own)
        moved += tuple(r.member for r in keys if (self._facts.value(r) or ABSENT) != was.get(r.member))
        return moved if step.sandbox else moved + self._facts.came(step, due.read)

    def _rechecked(self, step: Step, life: Life) -> Settled:
        """The checks alone have passed. If what they judged or read moved meanwhile, nobody knows what they saw."""
        due = life.due
        judged = [output_reading(step, member) for member, digest in due.now.outputs.items() if digest is not None]
        if moved := self._facts.digests.moved((*due.read.gate, *judged), due.judged):
            self._learn()
            return self._settled(step, Outcome.KEPT, life, moved=moved)
        if due.gate_of is None:
            said = self._reviews.recorded(life) if life.opinion is not None else ""
            self._take(step, self._adopted(step, due.now, life.began, due.by_hand, review=said))
            return self._settled(step, Outcome.KEPT, life)
        self._learn()
        gate = {
            "gate": dict(due.now.gate),
            "gate_inputs": dict(due.now.gate_inputs),
            "review": self._reviews.recorded(life) if life.opinion is not None else "",
        }
        here = {"run": self._invocation.run, "began": life.began} if due.gate_of.run == LOCKED else {}
        again = Trace(**{name: getattr(due.gate_of, name) for name in Trace.__struct_fields__} | gate | here)
        self._records.record(key(step), again)
        self._put_in_force(step, again)
        return self._settled(step, Outcome.KEPT, life)

    def _failed(self, step: Step, life: Life, ended: Ended) -> Settled | Again:
        if self._may_retry(step, life, ended):
            delay = step.retries.delay * (1 << (life.tries - life.rejected - 1))
            # Where the advisor failed, the draft is what it was: nobody makes it anew.
            return (self._again if life.reviewing else self._once_more)(step, life, ended, delay)
        return self._give_up(step, life, ended)

    def _once_more(self, step: Step, life: Life, ended: Ended, delay: float) -> Again:
        """A further try from its begin, after a delay in seconds."""
        if self.gauge is not None:
            self.gauge.phases.pop(step.name, None)
        self._clear_for_another_try(step, life)
        again = self._again(step, life, ended, delay)
        life.seen = Seen()
        life.asks = None
        life.checking = step.action is None
        life.reviewing = False
        life.opinion = None
        return again

    def _again(self, step: Step, life: Life, ended: Ended, delay: float) -> Again:
        """A further try, of what is left to do."""
        self._tell(
            StepRetried(self._invocation.run, self._invocation.clock(), step.name, life.tries, told(ended, life), delay)
        )
        life.tries += 1
        life.of_this_try = 0.0
        return Again(life.due.number, delay)

    def _clear_for_another_try(self, step: Step, life: Life) -> None:
        """All is as it was before the try that failed."""
        if life.private:
            entered = life.attempt.enters
            left = transaction.put_back(self._facts.folders, life.attempt)
            self._forget((*left, *life.attempt.aside))
            life.housed = False
            if entered:
                life.attempt = self._attempt(step, life)
                self._records.begin(life.attempt)
                self._records.flush()
        else:
            left = transaction.move_partial(self._facts.folders, life.attempt)
            self._forget((*left, *life.attempt.copied))
            transaction.make_folders(self._root, step.outputs)
            life.stood = self._outputs.stamps(life.attempt.bystanders)
            self._await_depfile(step, life)
        if step.review is not None:
            life.draft = self._reviews.kept_draft(step, life, bool(left))

    def _may_retry(self, step: Step, life: Life, ended: Ended) -> bool:
        tries = life.tries - life.rejected
        if ended.failure == "interrupted" or tries > step.retries.times:
            return False
        if not life.reviewing and (life.due.gate_of is not None or life.due.adopt):
            return False
        on = step.retries.on
        return not on or (ended.failure == "timeout" and "timeout" in on) or ended.exit_code in on

    def _give_up(self, step: Step, life: Life, ended: Ended) -> Settled:
        """The former outputs back, the failure recorded."""
        if life.private and ended.failure in ("exit", "missing output") and self._invocation.tracing is None:
            life.notes.append("it ran in a sandbox, with its declared inputs alone: --audit names what it lacks")
        settled = self._given_up(step, life, ended)
        self._leave_sandbox(life)
        return settled

    def _given_up(self, step: Step, life: Life, ended: Ended) -> Settled:
        interrupted = ended.failure == "interrupted"
        outcome = Outcome.INTERRUPTED if interrupted else Outcome.FAILED
        if (
            not life.due.adopt
            and life.due.gate_of is None
            and (life.attempt.covers or life.attempt.copied or life.attempt.sandbox)
        ):
            try:
                left = transaction.put_back(self._facts.folders, life.attempt)
                self._forget((*left, *life.attempt.aside, *life.attempt.copied))
                if left:
                    life.notes.append(f"what it left is in {transaction.FAILED}/{step.name}")
            except OSError as error:
                # The attempt stays on record: the next build puts its files back.
                life.notes.append(f"its former outputs could not be put back yet: {complaint(error)}")
                self._lives.pop(life.due.number, None)
                return self._end_of_failure(step, life, ended, outcome)
        now = life.due.now
        kept = [opened(trace, now) for trace in self._records.traces(key(step))]
        void = [] if interrupted else [trace for trace in kept if same_run(now, trace)]
        if life.due.gate_of is not None or life.due.adopt:
            void = []
        self._learn()
        result = self._result(step, life, outcome, ended)
        self._records.fail(key(step), life.attempt.id, result, void)
        self._lives.pop(life.due.number, None)
        return self._end_of_failure(step, life, ended, outcome)

    def _forget(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._facts.digests.forget(path.rstrip("/"))

    def _end_of_failure(self, step: Step, life: Life, ended: Ended, outcome: Outcome) -> Settled:
        log = self._log(step, life)
        tail = self._tail(log)
        return self._settled(
            step,
            outcome,
            life,
            failure=why_failed(ended, life),
            detail=ended.detail,
            exit_code=ended.exit_code,
            signal=signal_name(ended.signal) if ended.signal else None,
            tail=tail,
            log=log,
            clues=self._clues(life, ended, tail) if outcome is Outcome.FAILED else (),
        )

    def _clues(self, life: Life, ended: Ended, tail: tuple[str, ...]) -> tuple[Clue, ...]:
        from wavebuild.run.clues import MOST_LOOKED, clues_of

        self._failures += 1
        number = life.due.number
        room = life.private.root if life.private else self._root
        step = self._graph.wavefile.steps[number]
        missing = not_made(step, ended.detail) if ended.failure == "missing output" else ()
        return clues_of(self._graph, number, room, tail, missing, life.began, self._failures <= MOST_LOOKED)

    def _tail(self, log: str | None) -> tuple[str, ...]:
        tail = disk.tail(os.path.join(self._root, log), TAIL_BYTES) if log else b""
        return tuple(tail.decode("utf-8", "replace").splitlines()[-TAIL_LINES:])

    def _log(self, step: Step, life: Life) -> str | None:
        return self._log_of(step, life.tries)

    def _log_of(self, step: Step, attempt: int) -> str | None:
        path = log_path(self._invocation.run, step.name, attempt)
        return path if os.access(os.path.join(self._root, path), os.F_OK) else None  # which raises nothing within

    def _result(self, step: Step, life: Life, outcome: Outcome, ended: Ended | None) -> Result:
        return Result(
            step=step.name,
            run=self._invocation.run,
            outcome=outcome.value,
            began=life.began,
            seconds=life.seconds,
            attempts=life.tries,
            exit_code=ended.exit_code if ended else 0,
            failure=why_failed(ended, life) if ended else "",
            log=self._log(step, life),
            reasons=life.due.reasons,
        )

    def _tracing(self, life: Life) -> Tracing | None:
        """How the step is followed; a private folder stands for the root."""
        tracing = self._invocation.tracing
        if tracing is None or life.private is None:
            return tracing
        return replace(tracing, roots=(life.private.root, *tracing.roots))

    def _audit(self, life: Life, outcome: Outcome) -> Audit | None:
        """What the step touched, where that was followed."""
        tracing = self._tracing(life)
        if tracing is None or life.seen == Seen():
            return None
        chosen = self._invocation.environ.get("TMPDIR")
        free = (chosen.rstrip("/"), disk.real(chosen)) if chosen else ("/tmp", "/var/tmp")
        ended_well = outcome in (Outcome.SUCCEEDED, Outcome.KEPT)
        found = audited(
            self._facts, life.due.number, life.due.read, life.discovered, life.seen, tracing.roots, free, ended_well
        )
        return masked(found, self._secrets.values())

    def _settled(
        self,
        step: Step,
        outcome: Outcome,
        life: Life | None = None,
        *,
        failure: str = "",
        detail: str = "",
        reasons: tuple[Reason, ...] = (),
        exit_code: int | None = None,
        signal: str | None = None,
        tail: tuple[str, ...] = (),
        log: str | None = None,
        moved: tuple[str, ...] = (),
        displaced: tuple[str, ...] = (),
        review: Opinion | None = None,
        clues: tuple[Clue, ...] = (),
    ) -> Settled:
        ended = life is None or outcome in (Outcome.SUCCEEDED, Outcome.KEPT)
        read, more = first_read(life) if life and not ended else ((), 0)
        return Settled(
            step=step.name,
            outcome=outcome,
            wave=self._graph.wave[self._graph.number[step.name]],
            started=life.began if life else None,
            seconds=life.seconds if life else 0.0,
            attempts=life.tries if life else 0,
            reasons=life.due.reasons if life else reasons,
            failure=failure,
            detail=masked_text(detail, self._secrets.values()) if detail and self._secrets else detail,
            exit_code=exit_code,
            signal=signal,
            command=life.command if life else "",
            log=log,
            tail=tail,
            moved=moved,
            undid=tuple(dict.fromkeys(life.undid)) if life else (),
            displaced=displaced,
            notes=tuple(life.notes) if life else (),
            audit=self._audit(life, outcome) if life else None,
            review=life.opinion if life else review,
            clues=clues,
            action=life.action if life and life.action != life.command else "",
            read=read,
            read_more=more,
        )


def _is_simple(step: Step) -> bool:
    """Whether it runs commands alone, and makes files alone: nothing of it is to be looked at before it begins."""
    other = step.updates or step.sandbox or step.scratch or step.depfile or step.console
    return isinstance(step.action, Run) and not other and all(one.kind is Kind.FILE for one in step.outputs)
