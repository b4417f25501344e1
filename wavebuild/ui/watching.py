"""``wavebuild watch``: its flags, and what is begun and ended for it.

It does not know when something is to be built, nor what a person sees of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.errors import WavebuildError, mistake
from wavebuild.ui.asking import How, Show, Where, request_of
from wavebuild.ui.caller import Caller
from wavebuild.ui.hooks import Hook
from wavebuild.ui.watch_screen import WatchScreen
from wavebuild.watch import background
from wavebuild.watch.face import Asked
from wavebuild.watch.loop import Loop

if TYPE_CHECKING:
    from wavebuild.engine import Request
    from wavebuild.store.layout import Layout


class Watched(Struct, frozen=True):
    """The flags of a watch."""

    on_change: str = "queue"
    exec: str | None = None
    poll: bool = False
    daemon: bool = False
    stop: bool = False


def watch(
    caller: Caller, words: Sequence[str], where: Where, how: How, show: Show, watched: Watched, bare: str | None
) -> int:
    """The exit code of the whole watch: 0 when a person has ended it."""
    if watched.daemon or watched.stop:
        from wavebuild.ui import watchers

        if watched.exec or watched.poll or show.events is not None or show.json:
            raise mistake(
                "flags", "--daemon and --stop build nothing: --exec, --poll, --events and --json are for a watch"
            )
        return watchers.deed(caller, words, where, watched.stop, watched.daemon, show.quiet)
    if show.json:
        raise mistake("flags", "watch has no one result for --json", remedy="--events FILE tells all its builds")
    if show.verbose and show.quiet:
        raise mistake("flags", "-v and -s exclude each other")
    if show.quiet and show.output:
        raise mistake("flags", "-s shows failures alone: it does not go with --output")
    full = show.events is not None or show.verbose or show.explain
    request = replace(request_of(caller, where, words, how), full=full, bare=bare)
    if show.events not in (None, "-"):
        from wavebuild.ui.report import asked as reports

        reports.refuse_files(caller, request, show)
        _begin_events(os.path.join(request.directory, str(show.events)), str(show.events))
    asked, layout = _asked(request, watched)
    hook = Hook(watched.exec, asked.root, dict(caller.environ)) if watched.exec else None
    face = WatchScreen(caller, request, replace(show, watched=True), asked, hook)
    face.beside = answers = None if watched.poll else background.beside(layout)
    try:
        face.begin()
        return Loop(asked, face).run()
    finally:
        face.end()
        if answers is not None:
            answers.close()


def _begin_events(path: str, shown: str) -> None:
    """The file is begun once; each build adds to it."""
    try:
        with open(path, "w"):
            pass
    except OSError as error:
        raise mistake("events", f"--events {shown}: {error.strerror}") from error


def _asked(request: Request, watched: Watched) -> tuple[Asked, Layout]:
    from wavebuild.declare.finding import find
    from wavebuild.engine.idle import layout_of, question_asked, refuse_inside_itself
    from wavebuild.engine.project import wavefile_of

    environ = dict(request.environ)
    try:
        path = wavefile_of(request)
    except WavebuildError:
        path = find(request.directory, request.file)  # it is broken: that is for the first build to say
    root = os.path.dirname(path)
    refuse_inside_itself(root, environ)
    layout = layout_of(path, environ)
    question = question_asked(request, root)
    restart = watched.on_change == "restart"
    return Asked(root, layout.lock, layout.settled, question, environ, restart, watched.poll), layout
