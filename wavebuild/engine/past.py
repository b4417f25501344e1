"""What was: the runs on record, and how one step ended in each. Nothing is locked and nothing written.

It does not know how an answer is shown.
"""

from __future__ import annotations

import os

from wavebuild.engine.project import layout_of_request, load
from wavebuild.engine.values import History, PastResult, Request, RunOnRecord
from wavebuild.errors import did_you_mean, mistake
from wavebuild.run.events import Outcome
from wavebuild.run.records import PastRun, Result
from wavebuild.store.held import is_held
from wavebuild.store.layout import Layout
from wavebuild.store.opening import read_state
from wavebuild.store.state import State


def history(request: Request, step: str | None, most: int) -> History:
    """The latest runs, or the latest results of a step and its instances, newest first."""
    layout = layout_of_request(request)
    held = is_held(layout.lock)
    state = read_state(layout.state, held)
    try:
        if step is None:
            return History(runs=_runs(state, most, held))
        results = tuple(_result(layout, each) for each in (state.history.results_of_all(step)[:most] if state else ()))
        if not results:
            _require_step(request, step)
        return History(step=step, results=results)
    finally:
        if state is not None:
            state.close()


def _runs(state: State | None, most: int, held: bool) -> tuple[RunOnRecord, ...]:
    found = state.history.runs(most) if state else []
    return tuple(_run(run, running=held and at == 0 and run.seconds is None) for at, run in enumerate(found))


def _run(run: PastRun, running: bool) -> RunOnRecord:
    counts = dict(run.counts)
    return RunOnRecord(
        run=run.run,
        began=run.began,
        seconds=run.seconds,
        exit_code=run.exit_code,
        running=running,
        jobs=run.jobs,
        schedule=run.schedule,
        command=run.command,
        counts=tuple((outcome, counts[outcome.value]) for outcome in Outcome if counts.get(outcome.value)),
    )


def _result(layout: Layout, result: Result) -> PastResult:
    there = result.log is not None and os.path.exists(os.path.join(layout.root, result.log))
    return PastResult(
        step=result.step,
        run=result.run,
        outcome=Outcome(result.outcome),
        began=result.began,
        seconds=result.seconds,
        attempts=result.attempts,
        exit_code=result.exit_code,
        failure=result.failure,
        log=result.log if there else None,
    )


def _require_step(request: Request, name: str) -> None:
    number = load(request).graph.number
    bases = {known.partition("@")[0] for known in number}
    if name not in number and name not in bases:
        raise mistake("unknown-step", f"there is no step {name!r}", remedy=did_you_mean(name, [*number, *bases]))
