"""A build of a project that may not be written to: if nothing is to be done, that can be said all the same.

It does not know why the project may not be written to.
"""

from __future__ import annotations

import time

from wavebuild.engine import questions
from wavebuild.engine.idle import run_identity
from wavebuild.engine.project import attempts_of_others, layout_of_project, load, state_to_read
from wavebuild.engine.request import BuildResult, Request
from wavebuild.errors import WavebuildError
from wavebuild.plan.model import PlanWord

NOTHING_TO_DO = (PlanWord.FRESH, PlanWord.FROZEN, PlanWord.HELD)


def nothing_to_do(request: Request, began: float) -> BuildResult | None:
    """The result, if every wanted step is as it should be; None if something would be written. ``began``: monotonic."""
    started = time.time()
    try:
        if _is_half_done(request):
            return None
        words = [step.word for wave in questions.plan(request).waves for step in wave.steps]
    except (OSError, WavebuildError):
        return None  # what hinders the build is told already
    if any(word not in NOTHING_TO_DO for word in words):
        return None
    seconds = time.monotonic() - began
    return BuildResult(run_identity(started), True, 0, started, seconds, 0, "flow", (), True, (), len(words))


def _is_half_done(request: Request) -> bool:
    """Whether a killed build has left files that the next build puts back."""
    project = load(request)
    if attempts_of_others(layout_of_project(request, project)):
        return True
    state = state_to_read(request, project)
    if state is None:
        return False
    try:
        return bool(state.attempts())
    finally:
        state.close()
