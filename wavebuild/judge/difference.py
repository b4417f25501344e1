"""What changed between two contents: lines, rows of a table, keys of a data file, or their sizes alone.

It does not know where contents are kept, nor how a change is shown: bytes in, a short answer out,
in a time that their size bounds. Nothing that stands in a file makes it raise.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from wavebuild.declare.model import Json
from wavebuild.errors import WavebuildError
from wavebuild.judge.content import canonical, data_kind

T = TypeVar("T")

MOST = 6
"""Lines, rows or keys that are told; of the others, how many they are."""

MOST_CELLS = 4
WIDEST = 160
"""Characters of a line, a cell or a value that are told."""

LEAD = 40
"""Characters before the first difference of two long lines that are told with it."""

MOST_EDITS = 200
"""Lines taken out and put in up to which the shortest way from one text to the other is looked for."""

DEEPEST = 50
KEY_COLUMNS = 4

Form = Literal["bytes", "rows", "value", "text"]
"""bytes: a file as it is; rows: header and rows as canonical JSON; value: canonical JSON; text: of a definition."""


class Line(Struct, frozen=True):
    """``number``: the line it is now, or, where it is gone, the line it was."""

    number: int
    was: str | None
    now: str | None


class Lines(Struct, frozen=True):
    lines: tuple[Line, ...]
    more: int = 0


class Cell(Struct, frozen=True):
    column: str
    was: str | None
    now: str | None


class Row(Struct, frozen=True):
    """``name``: the values that tell it from all others, or its number."""

    name: str
    change: Literal["added", "removed", "changed"]
    cells: tuple[Cell, ...]
    more: int = 0  # cells not told


class Rows(Struct, frozen=True):
    added: tuple[str, ...]  # columns
    removed: tuple[str, ...]
    rows: tuple[Row, ...]
    more: int = 0


class KeyChange(Struct, frozen=True):
    """``key``: its parts with dots between, "" for the whole value; ``was`` and ``now`` as JSON."""

    key: str
    was: str | None
    now: str | None


class Keys(Struct, frozen=True):
    keys: tuple[KeyChange, ...]
    more: int = 0


class Size(Struct, frozen=True):
    """In bytes, as far as known: of what is no text, or too large, nothing else is told."""

    was: int | None
    now: int | None


class Marks(Struct, frozen=True):
    """The same text with other marks around it: ``line ends``, ``last line end``, ``byte order mark``."""

    what: str


class Mode(Struct, frozen=True):
    """The same bytes, that may now be executed, or no more."""

    executable: bool


Change = Lines | Rows | Keys | Size | Marks | Mode


def difference(path: str, form: Form, was: bytes, now: bytes) -> Change:
    """What changed from one content to the other; ``path`` says by its ending what a file holds."""
    import csv

    try:
        found = _structured(path, form, was, now)
    except (WavebuildError, ValueError, RecursionError, csv.Error, msgspec.MsgspecError):
        found = None
    if found is not None:
        return found
    if b"\0" in was or b"\0" in now:
        return Size(len(was), len(now))
    return _lines(was.decode("utf-8", "surrogateescape"), now.decode("utf-8", "surrogateescape"))


def value_changed(was: str, now: str) -> Keys:
    """A value that is its own digest, as JSON."""
    return Keys((KeyChange("", *_cut(was, now)),))


def _structured(path: str, form: Form, was: bytes, now: bytes) -> Change | None:
    """By rows or keys; None where there are none, or where they are the same."""
    from wavebuild.declare import read_data

    ending = path.lower().rpartition(".")[2]
    if form == "rows":
        return _rows(_listed(was), _listed(now))
    if form == "value":
        return _keys(json.loads(was), json.loads(now))
    if form == "bytes" and ending in ("csv", "tsv"):
        sign = _delimiter(ending, was, now)
        return _rows(_table(was, sign), _table(now, sign))
    if form == "bytes" and ending in ("yaml", "yml", "json", "toml"):
        kind = data_kind(path.lower())
        return _keys(read_data(was, path, kind), read_data(now, path, kind))
    return None


# Keys


def _keys(was: Json, now: Json) -> Keys | None:
    found = [KeyChange(".".join(path), *_cut(old, new)) for path, old, new in _changed_keys((), was, now)]
    return Keys(tuple(found[:MOST]), max(0, len(found) - MOST)) if found else None


def _changed_keys(
    path: tuple[str, ...], was: Json, now: Json
) -> Iterator[tuple[tuple[str, ...], str | None, str | None]]:
    """The deepest keys whose values differ, each with both as JSON."""
    if len(path) < DEEPEST and isinstance(was, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*now, *was)):
            below = (*path, _part(key))
            if key not in was:
                yield below, None, canonical(now[key])
            elif key not in now:
                yield below, canonical(was[key]), None
            else:
                yield from _changed_keys(below, was[key], now[key])
    elif len(path) < DEEPEST and isinstance(was, list) and isinstance(now, list):
        yield from _changed_items(path, was, now)
    elif (old := canonical(was)) != (new := canonical(now)):
        yield path, old, new


def _changed_items(
    path: tuple[str, ...], was: list[Json], now: list[Json]
) -> Iterator[tuple[tuple[str, ...], str | None, str | None]]:
    old, new = [canonical(item) for item in was], [canonical(item) for item in now]
    for at, to in _pairs(old, new):
        if at is None:
            assert to is not None
            yield (*path, str(to)), None, new[to]
        elif to is None:
            yield (*path, str(at)), old[at], None
        else:
            yield from _changed_keys((*path, str(to)), was[at], now[to])


def _part(key: str) -> str:
    return key if key and "." not in key else json.dumps(key, ensure_ascii=False)


# Rows

Table = tuple[list[str], list[list[str]]]
_TABLE = msgspec.json.Decoder(Table)


def _listed(data: bytes) -> Table:
    table: Table = _TABLE.decode(data)
    return table


def _table(data: bytes, sign: str) -> Table:
    import csv

    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=sign, strict=True)
    table = [row for row in reader if row]
    return (table[0], table[1:]) if table else ([], [])


def _delimiter(ending: str, was: bytes, now: bytes) -> str:
    if ending == "tsv":
        return "\t"
    headers = [data.split(b"\n", 1)[0] for data in (was, now)]
    return ";" if all(b";" in header and b"," not in header for header in headers) else ","


def _rows(was: Table, now: Table) -> Rows | None:
    """By the columns that tell rows apart, else by position; None for what is no table or has not changed."""
    for header, rows in (was, now):
        if not header or len(set(header)) != len(header) or any(len(row) != len(header) for row in rows):
            return None
    added = tuple(name for name in now[0] if name not in was[0])
    removed = tuple(name for name in was[0] if name not in now[0])
    shared = [name for name in now[0] if name in was[0]]
    old, new = _chosen(was, shared), _chosen(now, shared)
    named = _names(shared, old, new)
    found = list(_by_position(shared, old, new) if named is None else _by_name(shared, old, new, named))
    if not (added or removed or found):
        return None
    return Rows(added, removed, tuple(found[:MOST]), max(0, len(found) - MOST))


def _chosen(table: Table, columns: Sequence[str]) -> list[tuple[str, ...]]:
    at = [table[0].index(name) for name in columns]
    return [tuple(row[position] for position in at) for row in table[1]]


def _names(
    columns: Sequence[str], old: Sequence[tuple[str, ...]], new: Sequence[tuple[str, ...]]
) -> tuple[int, ...] | None:
    """The positions of the columns whose values tell rows apart: the first few, else some one; None if none do."""
    for width in range(1, min(KEY_COLUMNS, len(columns)) + 1):
        if _tell_apart(range(width), old) and _tell_apart(range(width), new):
            telling = [at for at in range(width) if len({row[at] for row in (*old, *new)}) > 1]
            return tuple(telling) if _tell_apart(telling, old) and _tell_apart(telling, new) else tuple(range(width))
    for at in range(len(columns)):
        if _tell_apart((at,), old) and _tell_apart((at,), new):
            return (at,)
    return None


def _tell_apart(positions: Sequence[int], rows: Sequence[tuple[str, ...]]) -> bool:
    return bool(positions) and len({tuple(row[at] for at in positions) for row in rows}) == len(rows)


def _by_name(
    columns: Sequence[str], old: Sequence[tuple[str, ...]], new: Sequence[tuple[str, ...]], named: Sequence[int]
) -> Iterator[Row]:
    def name(row: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(row[at] for at in named)

    before, after = {name(row): row for row in old}, {name(row): row for row in new}
    for key, row in after.items():
        if before.get(key) != row:
            yield _row(_clip(", ".join(key)), columns, before.get(key), row, named)
    for key, row in before.items():
        if key not in after:
            yield _row(_clip(", ".join(key)), columns, row, None, named)


def _by_position(
    columns: Sequence[str], old: Sequence[tuple[str, ...]], new: Sequence[tuple[str, ...]]
) -> Iterator[Row]:
    for at, to in _pairs(old, new):
        was, now = old[at] if at is not None else None, new[to] if to is not None else None
        number = to if to is not None else at
        assert number is not None
        yield _row(str(number + 1), columns, was, now, ())


def _row(
    name: str,
    columns: Sequence[str],
    was: tuple[str, ...] | None,
    now: tuple[str, ...] | None,
    named: Sequence[int],
) -> Row:
    if was is not None and now is not None:
        changed = [at for at in range(len(columns)) if was[at] != now[at]]
    else:
        whole = now if was is None else was
        assert whole is not None
        changed = [at for at in range(len(columns)) if whole[at] and at not in named]
    cells = [
        Cell(_clip(columns[at]), *_cut(was[at] if was else None, now[at] if now else None))
        for at in changed[:MOST_CELLS]
    ]
    change: Literal["added", "removed", "changed"] = "added" if was is None else "removed" if now is None else "changed"
    return Row(name, change, tuple(cells), max(0, len(changed) - MOST_CELLS))


# Lines


def _lines(was: str, now: str) -> Lines | Marks:
    bare_was, bare_now = was.removeprefix("\ufeff"), now.removeprefix("\ufeff")
    old, new = _split(bare_was), _split(bare_now)
    if old == new:
        return Marks("byte order mark" if bare_was == bare_now else "last line end")
    if [line.removesuffix("\r") for line in old] == [line.removesuffix("\r") for line in new]:
        return Marks("line ends")
    found = []
    for at, to in _pairs(old, new):
        was_line, now_line = old[at] if at is not None else None, new[to] if to is not None else None
        number = to if to is not None else at
        assert number is not None
        found.append((number + 1, was_line, now_line))
    told = tuple(Line(number, *_cut(before, after)) for number, before, after in found[:MOST])
    return Lines(told, max(0, len(found) - MOST))


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _cut(was: str | None, now: str | None) -> tuple[str | None, str | None]:
    """Both short enough to be told; of two long ones, the part where they begin to differ."""
    if was is None or now is None or max(len(was), len(now)) <= WIDEST:
        return _clip_or_none(was), _clip_or_none(now)
    first = next((at for at, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    begin = max(0, first - LEAD)
    return _clip(was, begin), _clip(now, begin)


def _clip_or_none(text: str | None) -> str | None:
    return None if text is None else _clip(text)


def _clip(text: str, begin: int = 0) -> str:
    end = begin + WIDEST
    return ("…" if begin else "") + text[begin:end] + ("…" if len(text) > end else "")


# The way from one sequence to another


def _pairs(old: Sequence[T], new: Sequence[T]) -> Iterator[tuple[int | None, int | None]]:
    """Positions of items that differ: (was, is), (was, None) for one taken out, (None, is) for one put in."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    old_end, new_end = len(old), len(new)
    while old_end > start and new_end > start and old[old_end - 1] == new[new_end - 1]:
        old_end, new_end = old_end - 1, new_end - 1
    middle = _shortest(old[start:old_end], new[start:new_end])
    for old_from, old_to, new_from, new_to in middle:
        both = min(old_to - old_from, new_to - new_from)
        for step in range(both):
            at, to = start + old_from + step, start + new_from + step
            if old[at] != new[to]:
                yield at, to
        yield from ((start + at, None) for at in range(old_from + both, old_to))
        yield from ((None, start + to) for to in range(new_from + both, new_to))


Block = tuple[int, int, int, int]


def _shortest(old: Sequence[T], new: Sequence[T]) -> list[Block]:
    """The blocks to replace, by E. W. Myers, "An O(ND) Difference Algorithm" (1986); all as one if that is far."""
    if not old or not new:
        return [(0, len(old), 0, len(new))] if old or new else []
    reached: list[dict[int, int]] = []
    furthest = {1: 0}
    for edits in range(min(len(old) + len(new), MOST_EDITS) + 1):
        reached.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            x = _step(furthest, diagonal, edits)
            y = x - diagonal
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x >= len(old) and y >= len(new):
                return _blocks(reached, len(old), len(new))
    return [(0, len(old), 0, len(new))]


def _step(furthest: dict[int, int], diagonal: int, edits: int) -> int:
    """Where this diagonal begins after one more edit."""
    return furthest[diagonal + 1] if _comes_down(furthest, diagonal, edits) else furthest[diagonal - 1] + 1


def _comes_down(furthest: dict[int, int], diagonal: int, edits: int) -> bool:
    """Whether the further way to this diagonal puts an item in rather than takes one out."""
    return diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])


def _blocks(reached: list[dict[int, int]], x: int, y: int) -> list[Block]:
    """The way back from the end, each run of edits as one block, in order."""
    edits: list[tuple[int, int, int, int]] = []
    for count in range(len(reached) - 1, 0, -1):
        furthest = reached[count]
        diagonal = x - y
        came_down = _comes_down(furthest, diagonal, count)
        before = diagonal + 1 if came_down else diagonal - 1
        old_x = furthest[before]
        old_y = old_x - before
        edits.append((old_x, old_x, old_y, old_y + 1) if came_down else (old_x, old_x + 1, old_y, old_y))
        x, y = old_x, old_y
    return _joined(list(reversed(edits)))


def _joined(edits: list[Block]) -> list[Block]:
    blocks: list[Block] = []
    for edit in edits:
        if blocks and blocks[-1][1] == edit[0] and blocks[-1][3] == edit[2]:
            blocks[-1] = (blocks[-1][0], edit[1], blocks[-1][2], edit[3])
        else:
            blocks.append(edit)
    return blocks
