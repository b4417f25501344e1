"""The life of one step: judged when its inputs have settled, begun, ended, recorded.

It does not know in what order steps come, nor where a job runs: that is the scheduler's and
the pool's. In the words of "Build Systems à la Carte" this is the rebuilder, with verifying
traces of depth one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, assert_never

from msgspec.structs import replace

from wavebuild.declare.model import Digest, Kind, Manual, Step
from wavebuild.errors import WavebuildError
from wavebuild.graph import Graph
from wavebuild.judge.facts import Facts
from wavebuild.judge.reasons import HeldBack
from wavebuild.judge.shared import shared_files
from wavebuild.judge.standing import Frozen, Held, Keeps, Rechecks, Runs, Stops, Unsure, Waits, stand
from wavebuild.judge.trace import key
from wavebuild.run.asking import to_be_asked
from wavebuild.run.events import Event, Outcome, Settled, StepStarted
from wavebuild.run.job import Ended, Job
from wavebuild.run.jobs import Invocation, shown
from wavebuild.run.life import Again, Asks, Behind, Due, Life, Merges, complaint, unlike, ways_out
from wavebuild.run.recording import Recording
from wavebuild.run.records import Attempt, Records, log_path
from wavebuild.run.site import Site
from wavebuild.run.tries import Tries, is_simple

if TYPE_CHECKING:
    from wavebuild.run.failing import Failing
    from wavebuild.run.inquiry import Inquiry

MUCH = 1 << 12
"""Digests that were found out by the way, from which on they go on record though no step runs."""

Ending = TypeVar("Ending", bound=Settled | Again)


class Rebuilder:
    """Answers whether a step must run, and carries one that must from its begin to its record."""

    def __init__(
        self, graph: Graph, facts: Facts, records: Records, invocation: Invocation, tell: Callable[[Event], None]
    ) -> None:
        self.site = Site(graph, facts, records, invocation, tell)
        self._facts = facts
        self._records = records
        self._root = invocation.root
        self.run = invocation.run
        self._tries = Tries(self.site)
        self._recording = Recording(self.site)
        self.in_force = self._recording.in_force
        self.proven = self._recording.proven
        self._lives: dict[int, Life] = {}
        self._asked: Inquiry | None = None  # most builds ask nothing

    def relink(self, graph: Graph, forced: frozenset[int]) -> None:
        """The graph has grown; steps have kept their numbers."""
        self.site.relink(graph, forced)

    @property
    def _inquiry(self) -> Inquiry:
        if self._asked is None:
            from wavebuild.run.inquiry import Inquiry

            self._asked = Inquiry(self.site)
        return self._asked

    @cached_property
    def _failing(self) -> Failing:
        from wavebuild.run.failing import Failing

        return Failing(self.site, self._tries)

    def _step(self, number: int) -> Step:
        return self.site.graph.wavefile.steps[number]

    # The verdict

    def consider(self, number: int) -> Settled | Due | Asks | Behind:
        """Judges a step whose upstream has settled: how it ended without running, or what is to be done for it."""
        step = self._step(number)
        if step.is_group:
            return self.site.settled(step, Outcome.KEPT)
        try:
            return self._consider(number, step)
        except WavebuildError as error:
            return self.site.settled(step, Outcome.FAILED, failure="input", detail=str(error))

    def _consider(self, number: int, step: Step) -> Settled | Due | Asks | Behind:
        site = self.site
        read = self._facts.read(number)
        if read.missing:
            names = ", ".join(artifact.text for artifact in read.missing)
            what = "updates" if all(artifact in step.updates for artifact in read.missing) else "reads"
            return site.settled(step, Outcome.FAILED, failure="missing input", detail=f"it {what} {names}: not there")
        if (other := self._editing(step)) is not None:
            return Behind(number, other)
        traces = self._records.traces(key(step))
        forced = number in site.invocation.forced
        clock = site.invocation.clock()
        standing = stand(self._facts, number, read, traces, self._records.made(), clock, forced)
        if wanted := to_be_asked(step, read, standing):
            return self._inquiry.ask(number, step, *wanted)
        match standing:
            case Keeps(adopt, by_hand, reasons, of):
                if adopt is not None:
                    self._recording.adopt(step, adopt, clock, by_hand, of)
                elif of is not None:
                    self._recording.put_in_force(step, of)
                if len(self._facts.digests.learned) >= MUCH:
                    site.learn()
                said = site.reviews.of(of) if of is not None and of.review else None
                return site.settled(step, Outcome.KEPT, reasons=reasons, review=said)
            case Frozen():
                return site.settled(step, Outcome.KEPT)
            case Held(until, reasons):
                why = (HeldBack(until), *reasons) if reasons else ()
                return site.settled(step, Outcome.KEPT, reasons=why)
            case Runs(now, reasons, displaced):
                return Due(number, reasons, read, now, displaced=displaced)
            case Rechecks(now, reasons, of, by_hand):
                return Due(number, reasons, read, now, gate_of=of, adopt=of is None, by_hand=by_hand)
            case Stops(why, paths, reasons):
                made = self._records.made()
                accepted = all(path in made and made[path].by_hand for path in paths)
                ways = ways_out(step, why, paths, accepted, reasons)
                return site.settled(step, Outcome.FAILED, failure=why, detail=ways, reasons=reasons)
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

    def _waiting(self, step: Step, renew: bool) -> Settled:
        text = step.action.text if isinstance(step.action, Manual) else ""
        if renew:
            text += f"\nwhat it is made from has changed: renew it, or `wavebuild accept {step.name}`"
        why = "inputs changed" if renew else "missing output"
        return self.site.settled(step, Outcome.WAITING, failure=why, detail=text)

    # The begin

    def begin(self, due: Due) -> Settled | None:
        """Puts the intent into the group that is to be recorded; how the step failed if it cannot begin."""
        step = self._step(due.number)
        began = self.site.invocation.clock()
        identity = f"{self.run}.{due.number}"
        life = Life(due, Attempt(identity, step.name, self.run, key(step), {}, {}, ()), began)
        life.checking = due.gate_of is not None or due.adopt or step.action is None
        life.reviewing = life.checking and not step.checks and step.review is not None
        try:
            if step.sandbox:
                life.private = self.site.apart.private_folder(step, life)
            if not life.checking:
                self._tries.intend(step, life)
        except (OSError, WavebuildError) as error:
            return self._give_up(step, life, Ended(due.number, "start", detail=complaint(error)))
        self._lives[due.number] = life
        return None

    def leaves_the_rest(self, settled: Mapping[int, Settled]) -> bool:
        return False

    def withdraw(self, due: Due) -> None:
        """A step that was to begin, and of which at most the intent is on record, will not.

        Whoever judges it again looks anew at what it reads and has made.
        """
        life = self._lives.pop(due.number, None)
        if life is not None:
            self._records.close_attempt(life.attempt.id)
        step = self._step(due.number)
        self._facts.digests.doubt((*due.read.action, *due.read.gate))
        self.site.forget((*due.now.outputs, *(artifact.path for artifact in step.file_outputs)))

    def commit(self) -> None:
        """All that was recorded is durable; what was set aside for those who have succeeded is let go."""
        self._recording.commit()

    def is_last(self, number: int) -> bool:
        """Whether the job that runs for a step is the last that is run for it, if it ends well."""
        life, step = self._lives.get(number), self._step(number)
        if life is None or life.private or life.asks or (step.judges and not life.checking) or step.review is not None:
            return False
        return not _is_asked_about(step)

    def job_ahead(self, due: Due) -> Job | None:
        """The job of a step that is to begin, to lie ready with a worker; None if more is to be done before it begins.

        Its intent is on record, and nothing stands at its outputs: all that is made for it here are folders.
        """
        life, step = self._lives[due.number], self._step(due.number)
        if life.checking or life.private or life.attempt.holds_files or not is_simple(step):
            return None
        try:
            self._tries.clear_the_way(step, life)
            job = self._tries.job(life)
        except (OSError, WavebuildError):
            return None  # it is told when the step begins
        life.action = life.command = self._tries.shown(life, job)
        return job

    def set_going(self, number: int, tell: Callable[[Event], None]) -> None:
        """The job of a step that lay ready has begun."""
        life = self._lives[number]
        life.began = self.site.invocation.clock()
        tell(self._started(self._step(number), life))

    def start(self, due: Due | Asks, tell: Callable[[Event], None] | None = None) -> Job | Settled:
        """Clears the way, now that the intent is on record, and gives the job; or how it failed before that.

        ``tell``: whom to tell that it has begun, if not everybody at once.
        """
        step = self._step(due.number)
        if isinstance(due, Asks):
            return self._inquiry.begin(step, due)
        life = self._lives[due.number]
        life.began = self.site.invocation.clock()
        try:
            if not life.checking:
                self._tries.clear_the_way(step, life)
            job = self._tries.job(life)
        except (OSError, WavebuildError) as error:
            return self._give_up(step, life, Ended(due.number, "start", detail=complaint(error)))
        self._tell_started(step, life, job, tell or self.site.tell)
        return job

    def retry(self, number: int) -> Job:
        """The job of the next try of a step."""
        life = self._lives[number]
        job = self._tries.job(life)
        self._tell_started(self._step(number), life, job, self.site.tell)
        return job

    def _tell_started(self, step: Step, life: Life, job: Job, tell: Callable[[Event], None]) -> None:
        life.command = self._tries.shown(life, job)
        life.action = "" if life.checking else life.command
        tell(self._started(step, life, bool(job.console)))

    def _started(self, step: Step, life: Life, console: bool = False) -> StepStarted:
        return StepStarted(
            self.run,
            self.site.invocation.clock(),
            step.name,
            self.site.graph.wave[life.due.number],
            life.tries,
            life.due.reasons,
            life.command,
            log_path(self.run, step.name, life.tries),
            console,
        )

    # The end

    def finish(self, ended: Ended) -> Settled | Again | Job | Due | Asks | Behind | Merges:
        """What becomes of a job that ended: the next job of the same step, a further try, or how it settled."""
        step = self._step(ended.id)
        if self._asked is not None and self._asked.is_for(ended.id):
            return self._asked.answered(step, ended) or self.consider(ended.id)
        life = self._lives[ended.id]
        life.seconds += ended.seconds
        life.of_this_try += ended.seconds
        if not life.asks:
            life.seen = life.seen.with_more(ended.touches, life.checking, life.reviewing)
        if ended.leftovers:
            life.notes.append(f"it left {ended.leftovers} process(es) running: they were ended")
        try:
            return self._ended(step, life, ended) or self._go_on(step, life, ended.id)
        except (OSError, WavebuildError) as error:
            return self._give_up(step, life, replace(ended, failure="outputs", detail=complaint(error)))

    def _ended(self, step: Step, life: Life, ended: Ended) -> Settled | Again | Job | None:
        """Takes in what the job has come to; None if the step can go on to what is left to do."""
        if life.asks:
            failed = self._inquiry.answered_after(life, ended)
            return self._failed(step, life, failed) if failed else None
        if ended.failure:
            return self._failed(step, life, ended)
        if not life.checking:
            if unfit := self._tries.take_in(step, life):
                failure, detail = unfit
                return self._failed(step, life, replace(ended, failure=failure, detail=detail))
            if step.checks:
                life.checking = True
                return self._next_job(life)
        elif life.reviewing:
            return self._reviewed(step, life, ended)
        return None

    def _reviewed(self, step: Step, life: Life, ended: Ended) -> Settled | Again | None:
        """The advisor has been asked; None if it lets the draft pass."""
        if wrong := self.site.reviews.take_in(step, life):
            return self._failed(step, life, replace(ended, failure="review", detail=wrong))
        if changed := self.site.outputs.changed_since(life.judged, step, life):
            life.opinion = None  # it is of what is no more
            return self._give_up(step, life, replace(ended, failure="review", detail=unlike(step, changed)))
        self.site.tell(self.site.reviews.reviewed(step, life))
        if life.opinion is not None and not life.opinion.passes:
            return self._left(life, self._failing.rejected(step, life, ended))
        life.reviewing = False
        return None

    def _go_on(self, step: Step, life: Life, number: int) -> Settled | Job | Merges:
        """All has gone well so far: the next job of the step, or its success."""
        only_judged = life.due.adopt or life.due.gate_of is not None
        if step.review is not None and life.opinion is None and life.asks is None:
            if not only_judged:
                life.judged = self.site.outputs.standing(step, life)
            life.checking = life.reviewing = True
            return self._next_job(life)
        if life.attempt.sandbox and not life.attempt.enters:
            self._tries.swap_in(step, life)
        if life.asks is None:
            asks = _is_asked_about(step) and not only_judged
            life.asks = list(self._inquiry.of_made(step, life)) if asks else []
        if life.asks:
            job = self._inquiry.job_after(step, life)
            life.command = shown(job, self._root, self.site.secrets.values())
            return job
        if life.attempt.enters and step.updates:
            life.moved = self._recording.moved(step, life.due)
            return Merges(number)
        return self._succeeded(step, life)

    def _next_job(self, life: Life) -> Job:
        """The next job of the same try."""
        if self.site.gauge is not None:
            self.site.gauge.phases[life.attempt.step] = "its checks" if not life.reviewing else "its review"
        job = self._tries.job(life)
        life.command = self._tries.shown(life, job)
        return job

    def merge(self, number: int) -> Settled:
        """The edits of a sandboxed step that has come to its end take their place in the files."""
        life, step, editing = self._lives[number], self._step(number), self.site.editing
        try:
            self._tries.copy_shared(step, life)
            found, conflict = editing.brought_home(step, life)
            if conflict:
                return self._give_up(step, life, Ended(number, "conflict", detail=conflict))
            settled = self._succeeded(step, life)
        except (OSError, WavebuildError) as error:
            return self._give_up(step, life, Ended(number, "outputs", detail=complaint(error)))
        editing.took_in(number, found)
        return settled

    def _succeeded(self, step: Step, life: Life) -> Settled:
        if life.due.adopt or life.due.gate_of is not None:
            settled = self._recording.rechecked(step, life)
        else:
            settled = self._recording.succeeded(step, life)
        self._tries.leave(life)
        return self._left(life, settled)

    def drop(self, number: int) -> Settled:
        """A step that waits for a further try will not get it: the build was interrupted."""
        return self._give_up(self._step(number), self._lives[number], Ended(number, "interrupted"))

    def _failed(self, step: Step, life: Life, ended: Ended) -> Settled | Again:
        return self._left(life, self._failing.failed(step, life, ended))

    def _give_up(self, step: Step, life: Life, ended: Ended) -> Settled:
        return self._left(life, self._failing.give_up(step, life, ended))

    def _left(self, life: Life, end: Ending) -> Ending:
        """Whoever is not tried again has come to the end of its life."""
        if isinstance(end, Settled):
            self._lives.pop(life.due.number, None)
        return end


def _is_asked_about(step: Step) -> bool:
    """Whether some of what it makes is known only when a command has been asked."""
    return any(one.kind is Kind.PROBE or one.digest is Digest.RUN for one in step.outputs)
