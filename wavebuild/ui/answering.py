"""What commands share: the one subject, a word with two meanings, an answer as text or as a record.

It does not know which command it serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wavebuild.errors import WavebuildError, mistake
from wavebuild.ui.caller import Caller

if TYPE_CHECKING:
    from wavebuild.engine import Request
    from wavebuild.graph import Graph
    from wavebuild.ui.asking import Show
    from wavebuild.ui.records import Record
    from wavebuild.ui.style import Style


def the_one(targets: Sequence[str], message: str) -> str:
    if len(targets) != 1:
        raise mistake("one-subject", message)
    return targets[0]


def refuse_ambiguous(caller: Caller, request: Request, bare: str | None) -> None:
    """A bare word that is a command and a step too is never guessed."""
    if bare is None:
        return
    try:
        whole = caller.engine().load(request).graph
    except WavebuildError:
        return  # the command itself will say what is wrong
    refuse_shadowed_in(bare, whole)


def refuse_shadowed_in(bare: str | None, graph: Graph) -> None:
    from wavebuild.engine.project import refuse_shadowed

    refuse_shadowed(bare, graph)


def stdout_style(caller: Caller, show: Show) -> Style:
    from wavebuild.ui.style import style_of

    return style_of(caller.stdout, caller.environ, show.color)


def answer_text(caller: Caller, lines: Sequence[str], style: Style) -> None:
    caller.answer([style.fit(line) for line in lines])


def answer_record(caller: Caller, record: Record) -> None:
    from wavebuild.ui.records import written

    caller.answer([written(record)])
