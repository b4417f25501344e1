"""How a build ended, for a program: values that can be asked for, and the JSON of ``build --json``.

It does not know how anything was built.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct, field

from wavebuild.engine.request import BuildResult
from wavebuild.run.events import Settled
from wavebuild.ui import words
from wavebuild.ui.records import build_record, review_record, settled_record

Executor = Literal["processes", "threads"]


LINES = 3
"""So many of the last lines of its log are shown of a step that failed."""


class BuildFailed(Exception):
    """A build did not come to a good end; ``result`` says how each step ended."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.summary())
        self.result = result


class StepResult(Struct, frozen=True):
    """How one step ended. Times are in seconds, ``started`` since the epoch, None where it did not run.

    ``outcome``: kept, restored, succeeded, failed, blocked, waiting, interrupted or not_started. ``score``: 0..1, what
    its advisor gave it last; ``review``: all that the advisor said. ``failure``: in a word why it failed; ``detail``:
    in lines, with the ways out; ``tail``: the last lines of its log, which lies at ``log``, relative to the root.
    ``executor``: where it was to run.
    """

    name: str
    outcome: str
    wave: int
    attempts: int
    seconds: float
    started: float | None
    score: float | None
    review: dict[str, Any] | None
    reasons: tuple[str, ...]
    failure: str
    detail: str
    tail: tuple[str, ...]
    blocked_by: tuple[str, ...]
    log: str | None
    executor: Executor

    @property
    def ok(self) -> bool:
        return self.outcome in ("kept", "restored", "succeeded")


class Result(Struct, frozen=True):
    """How a build ended; ``steps`` by name in the order of the plan, ``memory`` by key.

    ``started`` is in epoch seconds, ``seconds`` how long it took. ``ok``: whether the exit code of the command would
    be 0.
    """

    run: str
    ok: bool
    exit_code: int
    started: float
    seconds: float
    jobs: int
    schedule: str
    counts: dict[str, int]
    steps: dict[str, StepResult]
    memory: dict[str, Any]
    of: BuildResult = field(name="of")

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {number}" for name, number in self.counts.items())
        return f"Result(run={self.run!r}, ok={self.ok}, {counts})"

    def __getitem__(self, step: str) -> StepResult:
        return self.steps[step]

    def __iter__(self) -> Iterator[StepResult]:
        return iter(self.steps.values())

    def __len__(self) -> int:
        return len(self.steps)

    def __contains__(self, step: object) -> bool:
        return step in self.steps

    def to_json(self, indent: int | None = 2) -> str:
        """The text of ``build --json``, with the memory, and for each step where it ran."""
        record: dict[str, Any] = build_record(self.of)
        record["steps"] = {
            each.step: {**settled_record(each), "executor": self.steps[each.step].executor} for each in self.of.steps
        }
        return json.dumps({**record, "memory": self.memory}, indent=indent)

    def raise_if_failed(self) -> Result:
        """Itself, if all is well. Raises BuildFailed."""
        if not self.ok:
            raise BuildFailed(self)
        return self

    def summary(self) -> str:
        """The counts, and a few lines for each step that did not end well."""
        lines = [" · ".join(f"{name} {number}" for name, number in self.counts.items()) or "nothing to do"]
        for each in self.steps.values():
            if not each.ok:
                lines.append(f"{each.name}: {each.outcome}" + (f" ({each.failure})" if each.failure else ""))
                said = [line for line in each.tail if line.strip()][-LINES:]
                lines += [f"  {line}" for line in (*each.detail.splitlines(), *said)]
        return "\n".join(lines)


def in_python(detail: str) -> str:
    """The ways out of it as calls, where there is no Wavefile that a command could be given."""
    detail = re.sub(
        r"wavebuild accept (\S+)", lambda found: f"wavebuild.accept(steps, {_unquoted(found[1])!r})", detail
    )
    anew = r"wavebuild -B --only (\S+)"
    return re.sub(anew, lambda found: f"wavebuild.build(steps, {_unquoted(found[1])!r}, force=True, only=True)", detail)


def _unquoted(word: str) -> str:
    try:
        return "".join(shlex.split(word))
    except ValueError:
        return word


def result_of(
    built: BuildResult, memory: Mapping[str, Any], executors: Mapping[str, Executor], said: Callable[[str], str]
) -> Result:
    """``executors``: of the steps that do not run in processes; ``said``: the ways out as whoever builds knows them."""
    return Result(
        run=built.run,
        ok=built.ok,
        exit_code=built.exit_code,
        started=built.started,
        seconds=built.seconds,
        jobs=built.jobs,
        schedule=built.schedule,
        counts=dict(words.counts(built)),
        steps={each.step: _step(each, executors.get(each.step, "processes"), said) for each in built.steps},
        memory=dict(memory),
        of=built,
    )


def _step(settled: Settled, executor: Executor, said: Callable[[str], str]) -> StepResult:
    review = settled.review
    return StepResult(
        name=settled.step,
        outcome=settled.outcome.value,
        wave=settled.wave,
        attempts=settled.attempts,
        seconds=settled.seconds,
        started=settled.started,
        score=review.score if review else None,
        review=dict(review_record(review)) if review else None,
        reasons=tuple(words.reason_text(reason) for reason in settled.reasons),
        failure=settled.failure,
        detail=said(settled.detail),
        tail=settled.tail,
        blocked_by=settled.blocked_by,
        log=settled.log,
        executor=executor,
    )
