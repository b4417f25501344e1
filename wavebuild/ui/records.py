"""The JSON shapes of the manual: a plan, a build, a status, an event, as plain values.

It does not know to which stream or file they are written.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import assert_never

import msgspec

from wavebuild.declare.model import Json, Range
from wavebuild.engine import BuildResult, Cleaned, Explanation, LastRun, Remembered, StatusLine
from wavebuild.errors import Problem
from wavebuild.graph import Graph
from wavebuild.judge.difference import Change
from wavebuild.judge.reasons import Reason
from wavebuild.plan.model import Plan, PlannedStep, PlannedWave, Times
from wavebuild.run.events import (
    BuildSettled,
    BuildStarted,
    Event,
    Noticed,
    Opinion,
    Outcome,
    Settled,
    StepRetried,
    StepReviewed,
    StepSettled,
    StepsFound,
    StepStarted,
    WaveStarted,
)
from wavebuild.ui import words
from wavebuild.ui.audits import addition_record, audit_record
from wavebuild.ui.changes import change_record
from wavebuild.ui.escapes import sanitized
from wavebuild.ui.view import stopped_by

Record = dict[str, Json]


def written(record: Record, indent: int | None = 2) -> str:
    """The record as text in ASCII, so that no locale, terminal or stray surrogate can spoil it."""
    if indent is None:
        return json.dumps(record)
    with contextlib.suppress(msgspec.DecodeError, RecursionError):  # of what is no strict JSON: half a surrogate, NaN
        return msgspec.json.format(json.dumps(record), indent=indent)  # a quarter of the time, and of the room
    return json.dumps(record, indent=indent)


def written_one_by_one(name: str, items: Iterable[Record]) -> Iterator[str]:
    """The text of a record with nothing but a list, in pieces: its items are asked for as they are written."""
    between = ""
    yield f"{{\n  {json.dumps(name)}: ["
    for item in items:
        yield f"{between}\n{written(item)}".replace("\n", "\n    ")
        between = ","
    yield "\n  ]\n}" if between else "]\n}"


def instant(seconds: float) -> str:
    """RFC 3339, UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant_or_none(seconds: float | None) -> str | None:
    return None if seconds is None else instant(seconds)


def range_record(time: Range | None) -> Record | None:
    return None if time is None else {"low": time.low, "high": time.high}


def names(items: Iterable[str]) -> list[Json]:
    return list(items)


def reason_record(reason: Reason) -> Record:
    record: Record = {"kind": words.reason_kind(reason), "text": words.reason_text(reason)}
    artifact = words.reason_artifact(reason)
    was, now = words.reason_change(reason)
    if artifact is not None:
        record["artifact"] = artifact
    if was is not None:
        record["was"] = was
    if now is not None:
        record["now"] = now
    return record


def reason_records(reasons: Sequence[Reason]) -> list[Json]:
    return [reason_record(each) for each in reasons]


# plan


def plan_record(plan: Plan) -> Record:
    return {
        "waves": [_wave_record(wave) for wave in plan.waves],
        "critical_path": names(plan.critical_path),
        "time": _times_record(plan.times),
        "jobs": plan.jobs,
    }


def _wave_record(wave: PlannedWave) -> Record:
    return {"number": wave.number, "gate": wave.gate, "steps": [_planned_record(step) for step in wave.steps]}


def _planned_record(step: PlannedStep) -> Record:
    record: Record = {
        "name": step.name,
        "title": step.title,
        "phase": step.phase,
        "plan": step.word.value,
        "reasons": reason_records(step.reasons),
        "estimate": range_record(step.estimate),
        "slack": range_record(step.slack),
    }
    if step.after:
        record["after"] = names(step.after)
    return record


def _times_record(times: Times | None) -> Record | None:
    if times is None:
        return None
    return {
        "serial": range_record(times.serial),
        "barrier": range_record(times.barrier),
        "flow": range_record(times.flow),
        "barrier_j": range_record(times.barrier_j),
        "flow_j": range_record(times.flow_j),
        "saved": range_record(times.saved),
    }


# build


def build_record(result: BuildResult) -> Record:
    return {
        "run": result.run,
        "ok": result.ok,
        "started": instant(result.started),
        "seconds": result.seconds,
        "jobs": result.jobs,
        "schedule": result.schedule,
        "counts": dict(words.counts(result)),
        "steps": _steps_record(result.steps),
        "additions": [addition_record(each) for each in result.additions],
    }


def _steps_record(steps: Sequence[Settled]) -> Record:
    """The steps by name; of one that failed or waits, also those that did not run because of it."""
    stopped = stopped_by([each for each in steps if each.outcome is Outcome.BLOCKED])
    return {
        each.step: settled_record(each) | {"blocked": names(stopped(each.step) if _is_trouble(each) else ())}
        for each in steps
    }


def _command(settled: Settled) -> str | None:
    """What it ran, ready to paste."""
    return "\n".join(map(words.pasteable, settled.command.splitlines())) or None


def _is_trouble(settled: Settled) -> bool:
    return settled.outcome in (Outcome.FAILED, Outcome.WAITING)


def review_record(review: Opinion) -> Record:
    return {
        "advisor": review.advisor,
        "score": review.score,
        "approved": review.approved,
        "threshold": review.threshold,
        "critical_issues": names(review.critical_issues),
        "suggestions": names(review.suggestions),
        "summary": review.summary,
        "severity": review.severity or None,
    }


def cause_record(settled: Settled) -> Json:
    """What most likely made a step fail; null where nothing is known of that."""
    from wavebuild.ui.causes import cause_of

    cause = cause_of(settled)
    return None if cause is None else {"kind": cause.kind, "text": cause.text, "certain": cause.certain}


def settled_record(settled: Settled) -> Record:
    return {
        "outcome": settled.outcome.value,
        "wave": settled.wave,
        "started": instant_or_none(settled.started),
        "seconds": settled.seconds,
        "attempts": settled.attempts,
        "score": settled.review.score if settled.review else None,
        "review": review_record(settled.review) if settled.review else None,
        "reasons": reason_records(settled.reasons),
        "failure": settled.failure or None,
        "cause": cause_record(settled),
        "detail": sanitized(settled.detail, colours=False) or None,
        "exit_code": settled.exit_code,
        "signal": settled.signal,
        "command": _command(settled) if _is_trouble(settled) else None,
        "tail": names(sanitized(line.rstrip("\r\n"), colours=False) for line in settled.tail),
        "log": settled.log,
        "blocked_by": names(settled.blocked_by),
        "moved": names(settled.moved),
        "undid": names(settled.undid),
        "displaced": names(settled.displaced),
        "notes": names(sanitized(note, colours=False) for note in settled.notes),
        "audit": audit_record(settled.audit),
    }


# status, list, explain, check, clean


def status_record(status: Sequence[StatusLine], orphans: Sequence[str] = ()) -> Record:
    return {"steps": [_status_step(each) for each in status], "orphans": names(orphans)}


def _status_step(line: StatusLine) -> Record:
    ran = line.last_started is not None or line.last_outcome is not None
    last: Record = {
        "outcome": line.last_outcome.value if line.last_outcome else None,
        "started": instant_or_none(line.last_started),
        "seconds": line.last_seconds,
    }
    return {
        "name": line.step,
        "plan": line.word.value,
        "reasons": reason_records(line.reasons),
        "last": last if ran else None,
        "by_touch": line.by_touch,
        "by_hand": names(line.by_hand),
    }


def memory_record(found: Sequence[Remembered]) -> Record:
    """The shared memory; a key without a value yet has no `value`."""
    return {
        "memory": [
            {"key": one.key, "written_by": one.writer} | ({} if one.value is None else {"value": json.loads(one.value)})
            for one in found
        ]
    }


def listed_steps(graph: Graph) -> Iterator[Record]:
    return (_listed_step(graph, at) for at in range(len(graph.wavefile.steps)))


def _listed_step(graph: Graph, at: int) -> Record:
    step = graph.wavefile.steps[at]
    return {
        "name": step.name,
        "base": step.base or None,
        "instance": dict(step.instance) if step.base else None,
        "expands": step.expands,
        "group": step.is_group,
        "title": step.title,
        "phase": step.phase,
        "tags": names(step.tags),
        "reads": names(each.text for each in step.inputs),
        "produces": names(each.text for each in step.outputs),
        "updates": names(each.text for each in step.updates),
        "depends_on": names(graph.names.every[maker] for maker in graph.upstream[at]),
        "needs": names(name for name, _ in step.needs),
        "on_demand": step.on_demand,
    }


def explain_record(explanation: Explanation) -> Record:
    chain: list[Json] = [
        {
            "step": each.step,
            "plan": each.word.value,
            "reasons": _explained(each.reasons, each.changes),
            "last": _last_record(each.last),
        }
        for each in explanation.chain
    ]
    return {"subject": explanation.subject, "chain": chain}


def _explained(reasons: Sequence[Reason], changes: Sequence[Change | None]) -> list[Json]:
    """Reasons, each with what changed where that is known."""
    return [
        reason_record(reason) | ({} if change is None else {"change": change_record(change)})
        for reason, change in zip_longest(reasons, changes[: len(reasons)])
    ]


def _last_record(last: LastRun | None) -> Json:
    if last is None:
        return None
    return {
        "run": last.run,
        "started": instant(last.began),
        "outcome": last.outcome.value if last.outcome else None,
        "reasons": _explained(last.reasons, last.changes),
    }


def check_record(problems: Sequence[Problem]) -> Record:
    return {"problems": [problem_record(each) for each in problems]}


def problem_record(problem: Problem) -> Record:
    place = problem.place
    return {
        "severity": problem.severity,
        "code": problem.code,
        "file": place.file if place else None,
        "line": place.line if place and place.line else None,
        "column": place.column if place and place.column else None,
        "message": problem.message,
        "remedy": problem.remedy or None,
    }


def clean_record(cleaned: Cleaned, done: bool) -> Record:
    return {
        "done": done,
        "removed": names(cleaned.removed),
        "into": cleaned.into or None,
        "kept": [{"path": member, "why": why} for member, why in cleaned.kept],
    }


# events


def event_record(event: Event) -> Record:
    """One line of ``--events``."""
    record: Record = {"event": _event_name(event), "at": instant(event.at), "run": event.run}
    record.update(_event_facts(event))
    return record


def _event_name(event: Event) -> str:
    match event:
        case BuildStarted():
            return "build_started"
        case WaveStarted():
            return "wave_started"
        case StepsFound():
            return "steps_found"
        case StepStarted():
            return "step_started"
        case StepRetried():
            return "step_retried"
        case StepReviewed():
            return "step_reviewed"
        case StepSettled():
            return "step_settled"
        case BuildSettled():
            return "build_settled"
        case Noticed():
            return "noticed"
        case _:
            assert_never(event)


def _event_facts(event: Event) -> Record:
    match event:
        case BuildStarted():
            waves: list[Json] = [names(wave) for wave in event.waves]
            return {"jobs": event.jobs, "schedule": event.schedule, "steps": event.steps, "waves": waves}
        case WaveStarted():
            return {"wave": event.wave}
        case StepsFound():
            now: list[Json] = [names(wave) for wave in event.waves]
            return {"repeated": names(event.repeated), "steps": event.steps, "waves": now}
        case StepStarted():
            return _start_facts(event)
        case StepRetried():
            return {"step": event.step, "attempt": event.attempt, "failure": event.failure, "delay": event.delay}
        case StepReviewed():
            return {"step": event.step, "attempt": event.attempt, "review": review_record(event.review)}
        case StepSettled():
            return {"step": event.settled.step, **settled_record(event.settled)}
        case BuildSettled():
            counted: Record = dict(event.counts)
            return {"ok": event.ok, "seconds": event.seconds, "counts": counted, "exit_code": event.exit_code}
        case Noticed():
            return {"message": event.message}
        case _:
            assert_never(event)


def _start_facts(event: StepStarted) -> Record:
    return {
        "step": event.step,
        "wave": event.wave,
        "attempt": event.attempt,
        "reasons": reason_records(event.reasons),
        "command": event.command,
        "log": event.log,
    }
