"""What commands share: the one subject, a word with two meanings, an answer as text or as a record.

It does not know which command it serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wavebuild.errors import WavebuildError, mistake
from wavebuild.ui.caller import Caller

if TYPE_CHECKING:
    from wavebuild.engine import Request
    from wavebuild.graph import Graph
    from wavebuild.ui.asking import Show
    from wavebuild.ui.records import Record
    from wavebuild.ui.style import Style


AT_ONCE = 1000
"""Records of a long list that are written together."""


def the_one(targets: Sequence[str], message: str) -> str:
    if len(targets) != 1:
        raise mistake("one-subject", message)
    return targets[0]


def refuse_ambiguous(caller: Caller, request: Request, bare: str | None) -> Request:
    """A bare word that is a command and a step too is never guessed. The request, with what was loaded to tell."""
    if bare is None:
        return request
    try:
        loaded = caller.engine().load(request)
    except WavebuildError:
        return request  # the command itself will say what is wrong
    refuse_shadowed_in(bare, loaded.graph)
    return replace(request, loaded=loaded)


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


def answer_records(caller: Caller, name: str, records: Iterable[Record]) -> None:
    """A record with a list of very many, which is written as it is found."""
    from wavebuild.ui.records import written_one_by_one

    pieces = written_one_by_one(name, records)
    while part := "".join(islice(pieces, AT_ONCE)):
        if not caller.put(part):
            return
    caller.put("\n")
