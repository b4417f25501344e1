"""`log`: which log is meant, and its text, also while it still grows.

It does not know what is in a log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wavebuild.errors import mistake
from wavebuild.ui.answering import stdout_style, the_one
from wavebuild.ui.asking import Show, WantedLog, Where, request_of
from wavebuild.ui.caller import Caller
from wavebuild.ui.escapes import escaped
from wavebuild.ui.logs import LogReader

if TYPE_CHECKING:
    from wavebuild.engine import LogFile, Request

FOLLOW = 0.2  # seconds between two looks at a log that is followed


def log(caller: Caller, words: Sequence[str], where: Where, wanted: WantedLog, show: Show) -> int:
    request = request_of(caller, where, words)
    step = the_one(request.targets, "log needs one STEP")
    logs = caller.engine().logs(request, step)
    if wanted.attempt is None and wanted.run is None and _printed_nothing(caller, request, step, logs):
        return _say_nothing(caller, step, logs, wanted)
    found = _chosen(logs, step, wanted)
    path = os.path.join(caller.engine().load(request).wavefile.root, found.path)
    if wanted.path:
        caller.answer([path])
        return 0
    style = stdout_style(caller, show)
    _copy_log(caller, path, style.colours and style.terminal, wanted.follow)
    return 0


def _printed_nothing(caller: Caller, request: Request, step: str, logs: Sequence[LogFile]) -> bool:
    """Whether the step ran after the newest log was written: a run that prints nothing leaves none."""
    lines = caller.engine().status(replace(request, targets=(f"step:{step}",), only=True))
    last = max((line.last_started for line in lines if line.step == step and line.last_started), default=None)
    return last is not None and all(each.began < last for each in logs)


def _say_nothing(caller: Caller, step: str, logs: Sequence[LogFile], wanted: WantedLog) -> int:
    said = f"the last run of {step!r} printed nothing"
    older = f"an older log: wavebuild log {escaped(step)} --run {logs[0].run}" if logs else ""
    if wanted.path:
        raise mistake("no-log", said, remedy=older)
    caller.say([line for line in (said, older) if line])
    return 0


def _chosen(logs: Sequence[LogFile], step: str, wanted: WantedLog) -> LogFile:
    """The newest that fits."""
    for each in logs:
        if wanted.attempt in (None, each.attempt) and wanted.run in (None, each.run):
            return each
    if not logs:
        raise mistake("no-log", f"there is no log of {step!r} yet")
    known = ", ".join(f"{each.run} try {each.attempt}" for each in logs)
    raise mistake("no-log", f"there is no such log of {step!r}", remedy=f"there are: {known}")


def _copy_log(caller: Caller, path: str, colours: bool, follow: bool) -> None:
    reader = LogReader(path, colours)
    while True:
        piece = reader.read()
        if piece is not None:
            if piece and not caller.put(piece):
                return
        elif follow:
            time.sleep(FOLLOW)
        else:
            caller.put(reader.finish())
            return
