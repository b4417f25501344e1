"""What came of trying steps in a copy of the project, as text and as JSON.

It does not know how they were tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavebuild.figures import size
from wavebuild.ui import words
from wavebuild.ui.escapes import escaped
from wavebuild.ui.problems import problem_lines
from wavebuild.ui.records import Record, problem_record

if TYPE_CHECKING:
    from wavebuild.engine import Trial, Undertaking


def undertaking_line(ahead: Undertaking, serial: float | None) -> str:
    """What a person is asked to agree to; ``serial``: seconds of one build."""
    what = f"{words.counted(ahead.builds, 'build')} of {words.counted(ahead.steps, 'step')}, one after another"
    where = f"in a copy of {words.counted(ahead.files, 'file')} ({size(ahead.bytes)})"
    time = f", about {words.duration(serial * ahead.builds)} by the estimates" if serial else ""
    return f"{what}, {where}{time}"


def trial_lines(trial: Trial, step: str | None) -> list[str]:
    """``step``: the one that ran twice; None for a race."""
    found = [line for problem in trial.problems for line in problem_lines(problem)]
    if any(problem.severity == "error" for problem in trial.problems):
        return found
    took = words.duration(trial.seconds)
    if step is not None:
        return [*found, f"{escaped(step)} made the same twice ({took})"]
    turned = f": each of {words.counted(trial.pairs, 'pair')} of steps came first either way" if trial.pairs else ""
    many = f"{words.counted(trial.builds, 'build')} of {words.counted(trial.steps, 'step')}"
    return [*found, f"no race found in {many} ({took}){turned}"]


def trial_record(trial: Trial) -> Record:
    return {
        "problems": [problem_record(each) for each in trial.problems],
        "builds": trial.builds,
        "steps": trial.steps,
        "pairs": trial.pairs,
        "seconds": trial.seconds,
    }
