"""What becomes of a try that failed: it is made anew, or the step has failed and all is as it was before.

It does not know who finds that a try has failed.
"""

from __future__ import annotations

from msgspec.structs import replace

from wavebuild.declare.model import Step
from wavebuild.judge.freshness import same_run
from wavebuild.judge.locked import opened
from wavebuild.judge.trace import key
from wavebuild.run import transaction
from wavebuild.run.audit import Seen
from wavebuild.run.clues import MOST_LOOKED, clues_of
from wavebuild.run.events import Clue, Outcome, Settled, StepRetried
from wavebuild.run.job import Ended
from wavebuild.run.life import Again, Life, complaint, signal_name, told, way_on, why_failed
from wavebuild.run.outputs import not_made
from wavebuild.run.site import Site
from wavebuild.run.tries import Tries


class Failing:
    """Those of one build."""

    def __init__(self, site: Site, tries: Tries) -> None:
        self._site = site
        self._tries = tries
        self._failures = 0

    # A further try

    def failed(self, step: Step, life: Life, ended: Ended) -> Settled | Again:
        if not _may_retry(step, life, ended):
            return self.give_up(step, life, ended)
        delay = step.retries.delay * (1 << (life.tries - life.rejected - 1))
        # Where the advisor failed, the draft is what it was: nobody makes it anew.
        return (self._again if life.reviewing else self._once_more)(step, life, ended, delay)

    def rejected(self, step: Step, life: Life, ended: Ended) -> Settled | Again:
        """The advisor has rejected the draft: it is made anew with the review at hand, or the step has failed."""
        assert step.review is not None
        again = life.rejected < step.review.retries and not _stands(life)
        life.rejected += 1
        detail = self._site.reviews.in_words(life) + (way_on(step) if _stands(life) else "")
        ended = replace(ended, failure="rejected", detail=detail)
        return self._once_more(step, life, ended, 0.0) if again else self.give_up(step, life, ended)

    def _once_more(self, step: Step, life: Life, ended: Ended, delay: float) -> Again:
        """A further try from its begin, after a delay in seconds."""
        if self._site.gauge is not None:
            self._site.gauge.phases.pop(step.name, None)
        self._tries.clear_for_another(step, life)
        again = self._again(step, life, ended, delay)
        life.seen = Seen()
        life.asks = None
        life.checking = step.action is None
        life.reviewing = False
        life.opinion = None
        return again

    def _again(self, step: Step, life: Life, ended: Ended, delay: float) -> Again:
        """A further try, of what is left to do."""
        now = self._site.invocation.clock()
        self._site.tell(StepRetried(self._site.run, now, step.name, life.tries, told(ended, life), delay))
        life.tries += 1
        life.of_this_try = 0.0
        return Again(life.due.number, delay)

    # The end

    def give_up(self, step: Step, life: Life, ended: Ended) -> Settled:
        """The former outputs back, the failure recorded."""
        if life.private and ended.failure in ("exit", "missing output") and self._site.invocation.tracing is None:
            life.notes.append("it ran in a sandbox, with its declared inputs alone: --audit names what it lacks")
        outcome = Outcome.INTERRUPTED if ended.failure == "interrupted" else Outcome.FAILED
        if self._put_back(step, life):
            self._record(step, life, ended, outcome)
        settled = self._settled(step, life, ended, outcome)
        self._tries.leave(life)
        return settled

    def _put_back(self, step: Step, life: Life) -> bool:
        """Whether what stood before the attempt stands there again. Else the attempt stays on record: the next build
        puts its files back."""
        site, attempt = self._site, life.attempt
        if _stands(life) or not (attempt.covers or attempt.copied or attempt.sandbox):
            return True
        try:
            left = transaction.put_back(site.facts.folders, attempt)
            site.forget((*left, *attempt.aside, *attempt.copied))
        except OSError as error:
            life.notes.append(f"its former outputs could not be put back yet: {complaint(error)}")
            return False
        if left:
            life.notes.append(f"what it left is in {transaction.FAILED}/{step.name}")
        return True

    def _record(self, step: Step, life: Life, ended: Ended, outcome: Outcome) -> None:
        now = life.due.now
        kept = [opened(trace, now) for trace in self._site.records.traces(key(step))]
        void = [] if outcome is Outcome.INTERRUPTED else [trace for trace in kept if same_run(now, trace)]
        if _stands(life):
            void = []
        self._site.learn()
        result = self._site.result(step, life, outcome, ended)
        self._site.records.fail(key(step), life.attempt.id, result, void)

    def _settled(self, step: Step, life: Life, ended: Ended, outcome: Outcome) -> Settled:
        log = self._site.log(step, life.tries)
        tail = self._site.tail(log)
        return self._site.settled(
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
        self._failures += 1
        number, graph = life.due.number, self._site.graph
        room = life.private.root if life.private else self._site.root
        missing = not_made(graph.wavefile.steps[number], ended.detail) if ended.failure == "missing output" else ()
        return clues_of(graph, number, room, tail, missing, life.began, self._failures <= MOST_LOOKED)


def _stands(life: Life) -> bool:
    """Whether only what stands was looked at: by its checks, or by an advisor."""
    return life.due.gate_of is not None or life.due.adopt


def _may_retry(step: Step, life: Life, ended: Ended) -> bool:
    tries = life.tries - life.rejected
    if ended.failure == "interrupted" or tries > step.retries.times:
        return False
    if not life.reviewing and _stands(life):
        return False
    on = step.retries.on
    return not on or (ended.failure == "timeout" and "timeout" in on) or ended.exit_code in on
