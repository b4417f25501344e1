"""Past runs and past results, as text and as JSON.

It does not know how they are found.
"""

from __future__ import annotations

from wavebuild.declare.model import Json
from wavebuild.engine.values import History, PastResult, RunOnRecord
from wavebuild.run.events import Outcome
from wavebuild.ui import words
from wavebuild.ui.escapes import escaped
from wavebuild.ui.records import Record, instant
from wavebuild.ui.style import Style
from wavebuild.ui.tables import table


def history_lines(history: History, style: Style) -> list[str]:
    """One row a run, or one row for every time that the step did not stay as it was."""
    if history.step is not None:
        if not history.results:
            return [f"{escaped(history.step)} has never run"]
        rows = [_result_row(each) for each in history.results]
        head = ("Run", "Step", "Began", "Took", "Tries", "Result")
        if {each.step for each in history.results} == {history.step}:
            return table(head[:1] + head[2:], [row[:1] + row[2:] for row in rows], style.width)
        return table(head, rows, style.width)
    if not history.runs:
        return ["no run is on record"]
    return table(
        ("Run", "Began", "Took", "Exit", "Jobs", "Steps", "Command"), [_run_row(r) for r in history.runs], style.width
    )


def _run_row(run: RunOnRecord) -> tuple[str, ...]:
    return (
        escaped(run.run),
        words.moment(run.began),
        words.duration(run.seconds) if run.seconds is not None else "",
        "running" if run.running else "cut off" if run.exit_code is None else str(run.exit_code),
        f"{run.jobs}" if run.schedule == "flow" else f"{run.jobs}, {run.schedule}",
        words.counts_line([(outcome.value, number) for outcome, number in run.counts]),
        escaped(run.command),
    )


def _result_row(result: PastResult) -> tuple[str, ...]:
    return (
        escaped(result.run),
        escaped(result.step),
        words.moment(result.began),
        words.duration(result.seconds),
        str(result.attempts),
        _ending(result),
    )


def _ending(result: PastResult) -> str:
    word = words.outcome_word(result.outcome)
    if result.outcome is not Outcome.FAILED:
        return word
    cause = f"exit {result.exit_code}" if result.failure == "exit" else escaped(result.failure)
    return f"{word}: {cause}" if cause else word


def history_record(history: History) -> Record:
    if history.step is None:
        return {"runs": [_run_record(run) for run in history.runs]}
    return {"step": history.step, "results": [_result_record(result) for result in history.results]}


def _run_record(run: RunOnRecord) -> Json:
    counts: Record = {outcome.value: number for outcome, number in run.counts}
    return {
        "run": run.run,
        "started": instant(run.began),
        "seconds": run.seconds,
        "exit_code": run.exit_code,
        "running": run.running,
        "jobs": run.jobs,
        "schedule": run.schedule,
        "command": run.command,
        "counts": counts,
    }


def _result_record(result: PastResult) -> Json:
    return {
        "step": result.step,
        "run": result.run,
        "outcome": result.outcome.value,
        "started": instant(result.began),
        "seconds": result.seconds,
        "attempts": result.attempts,
        "exit_code": result.exit_code,
        "failure": result.failure or None,
        "log": result.log,
    }
