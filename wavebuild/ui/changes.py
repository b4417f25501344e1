"""What changed inside an input or a definition: as lines of text, and as JSON.

It does not know how a change was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from wavebuild.declare.model import Json
from wavebuild.judge.difference import Cell, Change, KeyChange, Keys, Line, Lines, Marks, Mode, Row, Rows, Size
from wavebuild.judge.fingerprint import as_written
from wavebuild.judge.reasons import ActionChanged, GateChanged, Reason
from wavebuild.ui import words
from wavebuild.ui.escapes import escaped
from wavebuild.ui.style import Colour, Style
from wavebuild.ui.tables import columns, hanging

EMPTY = '""'
SHORT = 48
"""Characters up to which old and new stand beside each other in the line of the reason."""


def reason_lines(lead: str, reason: Reason, change: Change | None, style: Style) -> list[str]:
    """A reason, and below it what changed."""
    if change is None or _fits(reason, change):
        return hanging(lead, words.reason_in_full(reason), style.width)
    indent = " " * min(columns(lead) - len("because ") + 2, style.width // 3)
    if isinstance(change, Size):
        told = _size(change)
        below = [f"{indent}{told}"] if told else []
        return [*hanging(lead, words.reason_in_full(reason), style.width), *below]
    return [*hanging(lead, words.reason_text(reason), style.width), *_change_lines(change, indent, style)]


def _fits(reason: Reason, change: Change) -> bool:
    """Whether the line of the reason says it all."""
    was, now = (as_written(side or "") for side in words.reason_change(reason))
    short = max(len(was), len(now)) <= SHORT and "\n" not in was.rstrip("\n") + now.rstrip("\n")
    match change:
        case Keys((KeyChange(""),)):
            return short and was.startswith("=")
        case Lines():
            return short and isinstance(reason, ActionChanged | GateChanged) and "sha256:" not in was
    return False


def _change_lines(change: Change, indent: str, style: Style) -> list[str]:
    out: list[str] = []
    for lead, text, colour in _told(change):
        lines = hanging(f"{indent}{lead}", escaped(text), style.width)
        first = lines[0][len(indent) :]
        out.append(indent + style.paint(first, colour) if colour else lines[0])
        out += lines[1:]
    return out


Told = Iterator[tuple[str, str, Colour | None]]
"""What stands before a text, the text, and the colour of its first line."""


def _told(change: Change) -> Told:
    match change:
        case Lines(lines, more):
            for line in lines:
                yield from _line(line)
            yield from _rest(more, "line")
        case Rows(added, removed, rows, more):
            yield from (("+ column ", name, "green") for name in added)
            yield from (("- column ", name, "red") for name in removed)
            for row in rows:
                yield from _row(row)
            yield from _rest(more, "row")
        case Keys(keys, more):
            for key in keys:
                yield from _key(key)
            yield from _rest(more, "key")
        case Size():
            yield "", _size(change), None
        case Marks(what):
            yield "", f"only the {what} changed", None
        case Mode(executable):
            yield "", "it may be executed now" if executable else "it may not be executed any more", None
        case _:
            assert_never(change)


def _rest(more: int, noun: str) -> Told:
    if more:
        yield "… and ", words.counted(more, f"more {noun}"), None


def _line(line: Line) -> Told:
    lead = f"line {line.number}  "
    if line.was is not None:
        yield f"{lead}- ", line.was, "red"
    if line.now is not None:
        yield f"{lead if line.was is None else ' ' * len(lead)}+ ", line.now, "green"


def _row(row: Row) -> Told:
    match row.change:
        case "changed":
            yield f"  row {escaped(row.name)}: ", _cells(row), None
        case "added":
            yield f"+ row {escaped(row.name)}", f": {_cells(row)}" if row.cells else "", "green"
        case "removed":
            yield f"- row {escaped(row.name)}", f": {_cells(row)}" if row.cells else "", "red"
        case _:
            assert_never(row.change)


def _cells(row: Row) -> str:
    told = [_cell(cell) for cell in row.cells]
    if row.more:
        told.append(f"and {words.counted(row.more, 'more column')}")
    return ", ".join(told)


def _cell(cell: Cell) -> str:
    if cell.was is not None and cell.now is not None:
        return f"{cell.column} {cell.was or EMPTY} → {cell.now or EMPTY}"
    return f"{cell.column} {cell.now if cell.was is None else cell.was}"


def _key(key: KeyChange) -> Told:
    name = f"{escaped(key.key)}: " if key.key else ""
    if key.was is None:
        yield f"+ {name}", key.now or "", "green"
    elif key.now is None:
        yield f"- {name}", key.was, "red"
    else:
        yield f"  {name}", f"{key.was} → {key.now}", None


def _size(size: Size) -> str:
    if size.was is None or size.now is None:
        return ""
    if size.was == size.now:
        return f"of {words.counted(size.now, 'byte')} as before"
    return f"{words.counted(size.was, 'byte')} → {words.counted(size.now, 'byte')}"


# JSON


def change_record(change: Change) -> dict[str, Json]:
    """The shape that the reference promises."""
    match change:
        case Lines(lines, more):
            told: list[Json] = [{"line": line.number, "was": line.was, "now": line.now} for line in lines]
            return {"kind": "lines", "lines": told, "more": more}
        case Rows(added, removed, rows, more):
            names: Json = {"added": list(added), "removed": list(removed)}
            return {"kind": "rows", "columns": names, "rows": [_row_record(row) for row in rows], "more": more}
        case Keys(keys, more):
            found: list[Json] = [{"key": key.key, "was": key.was, "now": key.now} for key in keys]
            return {"kind": "keys", "keys": found, "more": more}
        case Size(was, now):
            return {"kind": "size", "was": was, "now": now}
        case Marks(what):
            return {"kind": "marks", "what": what}
        case Mode(executable):
            return {"kind": "mode", "executable": executable}
        case _:
            assert_never(change)


def _row_record(row: Row) -> Json:
    cells: list[Json] = [{"column": cell.column, "was": cell.was, "now": cell.now} for cell in row.cells]
    return {"row": row.name, "change": row.change, "cells": cells, "more": row.more}
