"""Lays text out in columns that fit a width: cells wrap, nothing is cut.

It does not know what the cells mean.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from operator import le

GAP = 2
NARROWEST = 9  # a column below this is a ladder of syllables


def table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A table with its header; when the width cannot hold it, one block of ``Name: value`` a row.

    A cell may hold several lines (``\\n``); each wraps by itself.
    """
    wanted = [_widest(column) for column in zip(header, *rows, strict=True)]
    widths = _shared(wanted, width - GAP * (len(header) - 1))
    if widths is None:
        return _blocks(header, rows, width)
    ruler = ["─" * each for each in widths]
    out = [*_row(header, widths), *_row(ruler, widths)]
    for row in rows:
        out += _row(row, widths)
    return out


def _shared(wanted: list[int], room: int) -> list[int] | None:
    """The room dealt out: narrow columns get what they want, the wide ones share the rest."""
    if room < sum(min(each, NARROWEST) for each in wanted):
        return None
    widths = [0] * len(wanted)
    left = sorted(range(len(wanted)), key=lambda column: wanted[column])
    while left:
        share = room // len(left)
        column = left.pop(0)
        widths[column] = min(wanted[column], share)
        room -= widths[column]
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    text = "".join(cells)
    if text.isascii() and "\n" not in text and all(map(le, map(len, cells), widths)):
        return [(" " * GAP).join(map(str.ljust, cells, widths)).rstrip()]
    wrapped = [_cell(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(len(each) for each in wrapped)
    out = []
    for line in range(height):
        parts = [each[line] if line < len(each) else "" for each in wrapped]
        padded = [part + " " * (width - columns(part)) for part, width in zip(parts, widths, strict=True)]
        out.append((" " * GAP).join(padded).rstrip())
    return out


def _blocks(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    out: list[str] = []
    for row in rows:
        for name, cell in zip(header, row, strict=True):
            if cell:
                out += hanging(f"{name}: ", cell.replace("\n", ", "), width)
        out.append("")
    return out[:-1]


def hanging(lead: str, text: str, width: int) -> list[str]:
    """A text wrapped with every further line indented under the first."""
    indent = min(columns(lead), width // 2)
    lines = wrapped(text, max(8, width - columns(lead)))
    return [(lead if not at else " " * indent) + line for at, line in enumerate(lines)]


def _cell(text: str, width: int) -> list[str]:
    return [line for part in text.split("\n") for line in wrapped(part, width)]


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines no wider than the width: broken at spaces, else after ``/``, else anywhere."""
    lines: list[str] = []
    while columns(text) > width:
        end = _fitting(text, width)
        cut = _break(text, end)
        lines.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*lines, text]


def _fitting(text: str, width: int) -> int:
    """How many characters fit; at least one, so that every pass makes way."""
    used = 0
    for at, char in enumerate(text):
        used += columns(char)
        if used > width:
            return max(1, at)
    return len(text)


def _break(text: str, end: int) -> int:
    if text[end : end + 1] == " ":
        return end
    for mark in (" ", "/"):
        at = text.rfind(mark, 1, end)
        if at > 0:
            return at + 1
    return end


def columns(text: str) -> int:
    """How many terminal columns the text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _widest(cells: Sequence[str]) -> int:
    text = "\n".join(cells)
    return max(map(len if text.isascii() else columns, text.split("\n")))
