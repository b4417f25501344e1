"""What all who see to a step have in common, and how the end of a step is told.

It does not know what becomes of a step, nor what is recorded of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Step
from wavebuild.graph import Graph
from wavebuild.judge.facts import Facts
from wavebuild.judge.reasons import Reason
from wavebuild.run.asking import secrets_of
from wavebuild.run.audit import Audit, Seen
from wavebuild.run.events import Clue, Event, Opinion, Outcome, Settled
from wavebuild.run.job import Ended, Tracing
from wavebuild.run.jobs import Invocation
from wavebuild.run.life import Life, first_read, why_failed
from wavebuild.run.masking import masked_text
from wavebuild.run.outputs import Outputs
from wavebuild.run.records import Records, Result, log_path

if TYPE_CHECKING:
    from wavebuild.run.apart import Apart
    from wavebuild.run.editing import Editing
    from wavebuild.run.gauge import Gauge
    from wavebuild.run.reviewing import Reviews

TAIL_LINES = 20
TAIL_BYTES = 64 << 10
LAST_STATES = 3
"""Of a line that is written over again and again, as progress bars are, so many of its states are lines."""


class Site:
    """The graph, the facts, the records and the invocation of one build; ``tell``: who hears of what happens."""

    def __init__(
        self, graph: Graph, facts: Facts, records: Records, invocation: Invocation, tell: Callable[[Event], None]
    ) -> None:
        self.graph = graph
        self.facts = facts
        self.records = records
        self.invocation = invocation
        self.tell = tell
        self.root = invocation.root
        self.run = invocation.run
        self.secrets = secrets_of(graph, invocation)
        self.outputs = Outputs(facts, self.root, self.run, graph.wavefile.settings.outside)
        self.gauge: Gauge | None = None  # somebody looks at what steps do that have made what they make
        self._reviewing: Reviews | None = None

    def relink(self, graph: Graph, forced: frozenset[int]) -> None:
        """The graph has grown; steps have kept their numbers."""
        self.graph = graph
        self.invocation = replace(self.invocation, forced=forced)
        self.secrets = secrets_of(graph, self.invocation)
        self._reviewing = None

    # What few steps need

    @property
    def reviews(self) -> Reviews:
        """Of steps with prompts or reviews."""
        if self._reviewing is None:
            from wavebuild.run.reviewing import Reviews

            self._reviewing = Reviews(self.invocation, self.secrets.values())
        return self._reviewing

    @cached_property
    def apart(self) -> Apart:
        """Of sandboxed steps."""
        from wavebuild.run.apart import Apart

        return Apart(self.facts, self.outputs, self.root, self.invocation.environ.get("PATH", os.defpath))

    @cached_property
    def editing(self) -> Editing:
        """Of steps that edit shared files."""
        from wavebuild.run.editing import Editing

        return Editing(self.facts, self.records, self.invocation, self.tell)

    # What is common

    def is_forced(self, life: Life) -> bool:
        return life.due.number in self.invocation.forced

    def learn(self) -> None:
        """What has been found out by the way goes on record."""
        if learned := self.facts.digests.take_learned():
            self.records.learn(learned)
        if answers := self.facts.answers.take_learned():
            self.records.hear(answers)

    def forget(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.facts.digests.forget(path.rstrip("/"))

    def tracing(self, life: Life) -> Tracing | None:
        """How the step is followed; a private folder stands for the root."""
        tracing = self.invocation.tracing
        if tracing is None or life.private is None:
            return tracing
        return replace(tracing, roots=(life.private.root, *tracing.roots))

    # How a step has ended

    def log(self, step: Step, attempt: int) -> str | None:
        """The log of an attempt, relative to the root; None if it has left none."""
        path = log_path(self.run, step.name, attempt)
        return path if os.access(os.path.join(self.root, path), os.F_OK) else None  # which raises nothing within

    def tail(self, log: str | None) -> tuple[str, ...]:
        tail = disk.tail(os.path.join(self.root, log), TAIL_BYTES) if log else b""
        return last_lines(tail.decode("utf-8", "replace"))

    def result(self, step: Step, life: Life, outcome: Outcome, ended: Ended | None) -> Result:
        """What the history keeps of it."""
        return Result(
            step=step.name,
            run=self.run,
            outcome=outcome.value,
            began=life.began,
            seconds=life.seconds,
            attempts=life.tries,
            exit_code=ended.exit_code if ended else 0,
            failure=why_failed(ended, life) if ended else "",
            log=self.log(step, life.tries),
            reasons=life.due.reasons,
        )

    def settled(
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
            wave=self.graph.wave[self.graph.number[step.name]],
            started=life.began if life else None,
            seconds=life.seconds if life else 0.0,
            attempts=life.tries if life else 0,
            reasons=life.due.reasons if life else reasons,
            failure=failure,
            detail=masked_text(detail, self.secrets.values()) if detail and self.secrets else detail,
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

    def _audit(self, life: Life, outcome: Outcome) -> Audit | None:
        """What the step touched, where that was followed."""
        tracing = self.tracing(life)
        if tracing is None or life.seen == Seen():
            return None
        chosen = self.invocation.environ.get("TMPDIR")
        free = (chosen.rstrip("/"), disk.real(chosen)) if chosen else ("/tmp", "/var/tmp")
        ended_well = outcome in (Outcome.SUCCEEDED, Outcome.KEPT)
        from wavebuild.run.undeclared import audited, masked

        found = audited(
            self.facts, life.due.number, life.due.read, life.discovered, life.seen, tracing.roots, free, ended_well
        )
        return masked(found, self.secrets.values())


def last_lines(text: str) -> tuple[str, ...]:
    """The last lines of a log: what stood there before a progress bar is not pushed out by all its states."""
    lines: list[str] = []
    for line in text.split("\n"):
        states = [state for state in line.split("\r") if state.strip()]
        for state in states[-LAST_STATES:] or [""]:
            lines += state.splitlines() or [""]
    if lines[-1] == "":
        lines.pop()
    return tuple(lines[-TAIL_LINES:])
