"""A build or question whose answer is known already: nothing that was looked at has changed.

It does not know steps: it reads neither the Wavefile nor the state.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from wavebuild.declare.finding import find
from wavebuild.engine.glance import Glance, looked, plain_question
from wavebuild.engine.request import BuildResult, Request
from wavebuild.errors import mistake
from wavebuild.store.held import is_held
from wavebuild.store.layout import Layout, layout_in
from wavebuild.store.lock import HELD


def idle_build(request: Request, look: Glance | None, began: float) -> BuildResult | None:
    """The result of a build with nothing to do; None if it takes more to know. ``began``: monotonic seconds."""
    if request.full or request.glance is not None or look is None or not look.is_idle:
        return None
    if is_held(_layout_of_nearest(request).lock):
        return None
    started = time.time()
    seconds = time.monotonic() - began
    return BuildResult(run_identity(started), True, 0, started, seconds, 0, "flow", (), True, (), look.fresh)


def is_idle(request: Request) -> bool:
    """Whether it is known already that nothing is stale."""
    look = first_look(request)
    return request.glance is None and look is not None and look.is_idle


def first_look(request: Request) -> Glance | None:
    """What has moved since all was known to be fresh; without the state it stems from, evidence is worth nothing."""
    if request.glance is not None:
        return request.glance
    if request.declared is not None:
        return None
    layout = _layout_of_nearest(request)
    if request.force or request.changed or request.unchanged or request.paranoid or not os.path.exists(layout.state):
        return None
    asked = question_asked(request, layout.root)
    return looked(layout.settled, asked, dict(request.environ), layout.root, request.watcher)


def _layout_of_nearest(request: Request) -> Layout:
    return layout_of(find(request.directory, request.file), dict(request.environ))


def layout_of(path: str, environ: Mapping[str, str]) -> Layout:
    """The layout of the Wavefile at an absolute path, as far as it is known without reading the file."""
    return layout_in(os.path.dirname(path), os.path.basename(path), environ)


def question_asked(request: Request, root: str) -> str:
    """What must be the same for an earlier answer to be this one's; of settings that were typed, their digest."""
    plain = plain_question(root, os.path.relpath(request.directory, root), request.file is not None, request.targets)
    more = (
        request.only,
        request.overrides,
        request.profile,
        request.memory,
        request.allow_outside,
    )
    if more == (False, (), None, (), False):
        return plain
    from wavebuild.later import blake2b

    return f"{plain} {blake2b(repr(more).encode())}"


def refuse_inside_itself(root: str, environ: Mapping[str, str]) -> None:
    if root in (environ.get(name) for name in ("WAVEBUILD_ROOT", "WAVEBUILD_TOP", "WAVEBUILD_PROJECT")):
        step = environ.get("WAVEBUILD_STEP", "?")
        raise mistake(
            "inside-itself",
            f"this wavebuild was started inside step {step!r} of the same root, which another wavebuild holds",
            remedy="declare what the step needs as its inputs instead",
            exit_code=HELD,
        )


def run_identity(started: float) -> str:
    """Sorts by time, and two runs of one second differ."""
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(started))
    return f"{moment}-{int(started * 1000) % 1000:03d}-{os.getpid()}"
