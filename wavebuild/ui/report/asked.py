"""A report that is asked for, with a build or of a past run: refused before anything is done for it, then written.

It does not know what stands in it, nor what is said where it cannot be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavebuild.errors import WavebuildError
from wavebuild.ui.caller import Caller
from wavebuild.ui.report import writing

if TYPE_CHECKING:
    from wavebuild.engine import BuildResult, Request
    from wavebuild.ui.asking import Show


def refuse(caller: Caller, request: Request, flag: str, name: str, replaces: bool) -> None:
    """Refuses a file in which a report has no place, before anything is done for it."""
    if name == writing.STDOUT:
        return
    where = writing.place(flag, name, request.directory, replaces)
    try:
        wavefile = caller.engine().load(request)
    except WavebuildError:
        if flag == "--report":
            raise
        return  # a past run can be told of without it
    writing.refuse_inside(flag, where, wavefile.graph, wavefile.wavefile.files)


def refuse_files(caller: Caller, request: Request, show: Show) -> None:
    """Refuses files for lines and timelines where something else stands, or where they would be part of the project."""
    named = (("--events", show.events, b'{"event": "'), ("--timeline", show.timeline, b'{"traceEvents":'))
    wanted = [(flag, name, begins) for flag, name, begins in named if name not in (None, "", "-")]
    places = [
        (flag, writing.place_of_lines(flag, str(name), request.directory, begins)) for flag, name, begins in wanted
    ]
    if not places:
        return
    try:
        wavefile = caller.engine().load(request)
    except WavebuildError:
        return  # the build says what is wrong with it
    for flag, where in places:
        writing.refuse_inside(flag, where, wavefile.graph, wavefile.wavefile.files)


def write(
    caller: Caller,
    request: Request,
    flag: str,
    name: str,
    replaces: bool,
    run: str | None,
    result: BuildResult | None = None,
) -> None:
    """Raises OSError; WavebuildError where something else than a report has come to stand meanwhile."""
    from wavebuild.ui.report.page import page

    text = page(caller.engine().told(request, run, result))
    if name == writing.STDOUT:
        caller.put(text)
        return
    writing.write(writing.place(flag, name, request.directory, replaces), text)
