"""What is recorded of a step that has ended well, and by which traces steps are fresh.

It does not know when a step has ended well, nor how its failure is recorded.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from wavebuild.declare.model import Manual, Step
from wavebuild.errors import WavebuildError
from wavebuild.graph.files import MANY
from wavebuild.judge.digest import ABSENT
from wavebuild.judge.facts import output_reading
from wavebuild.judge.freshness import Now
from wavebuild.judge.locked import LOCKED
from wavebuild.judge.memory import value_digest
from wavebuild.judge.shared import shared_files
from wavebuild.judge.trace import Trace, key
from wavebuild.later import Later
from wavebuild.run import transaction
from wavebuild.run.events import Noticed, Outcome, Settled
from wavebuild.run.life import Due, Life, complaint
from wavebuild.run.records import Attempt
from wavebuild.run.site import Site

if TYPE_CHECKING:
    from wavebuild.run import discovery, scratch
else:  # few steps need these
    discovery, scratch = Later("wavebuild.run.discovery"), Later("wavebuild.run.scratch")


class Recording:
    """Of one build."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._facts = site.facts
        self._records = site.records
        self.in_force: dict[str, Trace] = {}  # by which traces steps are fresh, for the lock file if there is one
        self.proven: dict[int, str] = {}  # of steps with many inputs: the identity of the trace by which it is fresh
        self._holds_traces = site.graph.wavefile.settings.lock is not None
        self._succeeded_lately: list[Attempt] = []  # their former outputs are let go when they are on record

    def put_in_force(self, step: Step, trace: Trace) -> None:
        """A trace is as large as all else that is known of a step: it is held where it is asked for."""
        if len(step.inputs) >= MANY and trace.run != LOCKED:
            self.proven[self._site.graph.number[step.name]] = trace.identity
        if self._holds_traces:
            self.in_force[key(step)] = trace
        if step.updates:
            self._site.editing.judged.add(key(step))

    def adopt(
        self, step: Step, now: Now, began: float, by_hand: tuple[str, ...], of: Trace | None = None, review: str = ""
    ) -> None:
        """Records what a person placed or edited as the result."""
        trace = self._adopted(step, now, began, by_hand, of, review)
        self._site.learn()
        self._records.record(key(step), trace, placed=isinstance(step.action, Manual))
        self.put_in_force(step, trace)

    def _adopted(
        self, step: Step, now: Now, began: float, by_hand: tuple[str, ...], of: Trace | None, review: str
    ) -> Trace:
        outputs = {member: digest for member, digest in now.outputs.items() if digest is not None}
        kept = [of] if of is not None else self._records.traces(key(step))
        discovered = {member: now.discovered.get(member, ABSENT) for member in (kept[0].discovered if kept else ())}
        return Trace(
            step.name, self._site.run, began, 0.0, dict(now.action), dict(now.gate), dict(now.inputs),
            dict(now.gate_inputs), outputs, by_hand=by_hand, raw=self._facts.raw_digests(step, outputs),
            discovered=discovered, keys=dict(now.keys),
            edits=self._facts.still_standing(step, self._records.traces(key(step))),
            review=review or (of.review if of is not None else ""),
        )  # fmt: skip

    def rechecked(self, step: Step, life: Life) -> Settled:
        """The checks alone have passed. If what they judged or read moved meanwhile, nobody knows what they saw."""
        due, site = life.due, self._site
        judged = [output_reading(step, member) for member, digest in due.now.outputs.items() if digest is not None]
        if moved := self._facts.digests.moved((*due.read.gate, *judged), due.judged):
            site.learn()
            return site.settled(step, Outcome.KEPT, life, moved=moved)
        said = site.reviews.recorded(life) if life.opinion is not None else ""
        if due.gate_of is None:
            self.adopt(step, due.now, life.began, due.by_hand, review=said)
            return site.settled(step, Outcome.KEPT, life)
        site.learn()
        gate = {"gate": dict(due.now.gate), "gate_inputs": dict(due.now.gate_inputs), "review": said}
        here = {"run": site.run, "began": life.began} if due.gate_of.run == LOCKED else {}
        again = Trace(**{name: getattr(due.gate_of, name) for name in Trace.__struct_fields__} | gate | here)
        self._records.record(key(step), again)
        self.put_in_force(step, again)
        return site.settled(step, Outcome.KEPT, life)

    def succeeded(self, step: Step, life: Life) -> Settled:
        due, site = life.due, self._site
        outputs = site.outputs.made(step, life)
        if step.review is not None and step.review.key and life.opinion is not None:
            life.remembered[step.review.key] = site.reviews.as_value(life.opinion)
        values = {name: (value_digest(text), text) for name, text in life.remembered.items()}
        for digest, text in values.values():
            if not digest.startswith("="):
                self._facts.digests.hand_on(digest, text.encode("utf-8", "surrogatepass"), b"")
        outputs |= {f"mem:{name}": digest for name, (digest, _) in values.items()}
        moved = self.moved(step, due) if life.moved is None else life.moved
        if life.discovered:
            moved += discovery.moved(
                self._facts, life.discovered, frozenset(due.now.discovered), life.began, due.judged
            )
        trace = self._made(step, life, outputs, moved)
        life.notes += life.did.notes
        attempt = site.outputs.with_changed_bystanders(life.attempt, outputs)
        site.learn()
        result = site.result(step, life, Outcome.SUCCEEDED, None)
        self._records.succeed(attempt.key, trace, attempt, result, values, life.did.texts)
        self.put_in_force(step, trace)
        self._conclude(step, life, attempt)
        displaced = tuple(sorted(attempt.displaced.values()))
        return site.settled(step, Outcome.SUCCEEDED, life, moved=moved, displaced=displaced, log=result.log)

    def _made(self, step: Step, life: Life, outputs: dict[str, str], moved: tuple[str, ...]) -> Trace:
        now = life.due.now
        return Trace(
            step=step.name,
            run=self._site.run,
            began=life.began,
            seconds=life.seconds,
            action=dict(now.action),
            gate=dict(now.gate),
            inputs=dict(now.inputs),
            gate_inputs=dict(now.gate_inputs),
            outputs=outputs,
            moved=moved,
            raw=self._facts.raw_digests(step, outputs),
            discovered={
                reading.member: self._facts.digests.see(reading).digest or ABSENT for reading in life.discovered
            },
            edits=life.did.edits,
            keys=life.did.keys,
            review=self._site.reviews.recorded(life) if life.opinion is not None else "",
        )

    def moved(self, step: Step, due: Due) -> tuple[str, ...]:
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

    # What was set aside for the attempt

    def _conclude(self, step: Step, life: Life, attempt: Attempt) -> None:
        if _may_wait(step, attempt):
            if attempt.holds_files:
                self._succeeded_lately.append(attempt)
        else:
            self._records.flush()
            if step.updates:
                self._site.editing.have_edited(step, life)
            if attempt.holds_files and (left := self._let_go(attempt)):
                life.notes.append(left)
        if life.scratch:
            with contextlib.suppress(OSError):  # what is left is of a run that is over: it is never used again
                scratch.clear(self._site.root, life.scratch)

    def commit(self) -> None:
        """All that was recorded is durable; what was set aside for those who have succeeded is let go."""
        self._records.flush()
        ended, self._succeeded_lately = self._succeeded_lately, []
        for attempt in ended:
            if left := self._let_go(attempt):
                self._site.tell(Noticed(self._site.run, time.time(), f"{attempt.step}: {left}"))

    def _let_go(self, attempt: Attempt) -> str:
        """What was set aside is let go. The success is on record: where this cannot be done, the next build does it.

        What is left then, in words.
        """
        try:
            transaction.conclude(self._site.root, attempt)
        except (OSError, WavebuildError) as error:
            return f"its former outputs are still in {transaction.ASIDE}, until the next build: {complaint(error)}"
        self._records.close_attempt(attempt.id)
        return ""


def _may_wait(step: Step, attempt: Attempt) -> bool:
    """Whether all that is left to do is to let go of former outputs: that can be done when others are on record,
    too."""
    others = attempt.bystanders or attempt.copied or attempt.folders or attempt.displaced or attempt.sandbox
    return not (others or step.updates or step.scratch)
