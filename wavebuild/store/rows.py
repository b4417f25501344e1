"""Tables by their keys: read row by row, in stretches or as a whole, and written in groups.

It does not know what the rows mean, nor when a group is written.
"""

from __future__ import annotations

import contextlib
import gc
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import NoneType
from typing import Generic, TypeVar

from wavebuild.store.database import Batch, Row

HELD = 1 << 15
"""Rows of one table that stay in memory; of a longer one only those that were asked for last."""

PART = 8
"""Of a longer one, so many times fewer."""

FEW = 48
"""Lookups after which a table is read as a whole."""

AHEAD = 1 << 10
"""Rows that are read at once, at most, where keys are asked for in their order."""

STRETCH = 1 << 12
"""Rows that are read at once where all are wanted, and they are too many to be held."""

Kinds = tuple[type | tuple[type, ...], ...]
"""Of what types the cells of a row are: SQLite keeps in any column whatever it is given, and damage gives anything."""

Ask = Callable[..., list[Row]]
"""Puts a question, with what its rows are made of and its values; gives rows that can have been written here."""

NUMBER = (int, NoneType)

Held = TypeVar("Held")


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Many rows are made: none of them is garbage."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def fits(row: Row, kinds: Kinds) -> bool:
    return all(map(isinstance, row, kinds))


class _Kept(ABC, Generic[Held]):
    """What is held of a table: by key, what was read or put; None for what is known not to be there."""

    def __init__(self, is_large: bool) -> None:
        self._held: dict[str, Held | None] = {}
        self._is_whole = False
        self._is_large = is_large
        self._lookups = 0
        self._ahead, self._last_miss = 1, 0
        self._roomy = 0

    @property
    def is_whole(self) -> bool:
        """Whether all rows are held."""
        return self._is_whole

    def get(self, key: str) -> Held | None:
        self._lookups += 1
        held = self._held
        if key in held:
            return held[key]
        if self._is_whole:
            return None
        if self._lookups > FEW and not self._is_large:
            self.read_whole(HELD)
            if self._is_whole:
                return self._held.get(key)
        most = self._how_far_ahead() if self._is_large else 1
        self._make_room(most)
        self._read_from(key, most)
        return self._held.setdefault(key, None)

    def _how_far_ahead(self) -> int:
        """As long as enough of what was read ahead is asked for, more and more is; else less."""
        used, self._last_miss = self._lookups - self._last_miss, self._lookups
        self._ahead = min(AHEAD, 2 * self._ahead) if used * 4 >= self._ahead else max(1, self._ahead // 2)
        return self._ahead

    @abstractmethod
    def read_whole(self, at_most: int) -> None:
        """Reads all that is there, unless it is too much to be held."""

    @abstractmethod
    def _read_from(self, key: str, most: int) -> None:
        """Reads this key's row or rows, and those that come next."""

    @abstractmethod
    def _unwritten(self) -> dict[str, Held | None]:
        """What stays held in any case."""

    def _make_room(self, rows: int = 0) -> None:
        most = HELD // PART if self._is_large else HELD
        # What is not written yet cannot go: it is not looked through again until there is as much again.
        if len(self._held) + rows > max(most, self._roomy):
            self._held = self._unwritten()
            self._roomy = 2 * len(self._held)
            self._is_large, self._is_whole = True, False


class Table(_Kept[Row]):
    """A table with one column as its key, the first one."""

    def __init__(self, ask: Ask, name: str, columns: Sequence[str], kinds: Kinds, is_large: bool) -> None:
        super().__init__(is_large)
        self._ask = ask
        self._kinds = kinds
        self.name, self.wide = name, len(columns)
        key, all_of = columns[0], ", ".join(columns)
        self._one = f"select {all_of} from {name} where {key} = ?"
        self._next = f"select {all_of} from {name} where {key} >= ? order by {key} limit ?"
        self._after = f"select {all_of} from {name} where {key} > ? order by {key} limit ?"
        self._some = f"select {all_of} from {name} limit ?"
        self.insert = f"insert or replace into {name} values ({', '.join('?' * len(columns))})"
        self._delete = f"delete from {name} where {key} = ?"
        self.unwritten: dict[str, Row | None] = {}

    def put(self, key: str, row: Row | None) -> None:
        """Puts a row in the place of the one of this key; None takes it away."""
        self._held[key] = self.unwritten[key] = row
        self._make_room()

    def taken(self) -> Batch:
        """What is to be written; it counts as written from now on."""
        put, self.unwritten = self.unwritten, {}
        rows = [row for row in put.values() if row is not None]
        gone = [(key,) for key, row in put.items() if row is None]
        return [(statement, all_of) for statement, all_of in ((self.insert, rows), (self._delete, gone)) if all_of]

    def rows(self) -> Iterator[Row]:
        """Every row; those of a table too long to be held come in stretches."""
        if not self._is_whole and not self._is_large:
            self.read_whole(HELD)
        if self._is_whole:
            yield from [row for row in self._held.values() if row is not None]
            return
        yield from [row for row in self.unwritten.values() if row is not None]
        last = ""
        while found := self._ask(self._kinds, self._after, last, STRETCH):
            yield from (row for row in found if row[0] not in self.unwritten)
            last = found[-1][0]

    def is_sound(self, row: Row) -> bool:
        return len(row) == self.wide and fits(row, self._kinds)

    def restore(self) -> Batch:
        """What is held, to be written over what could be read of a file that is of no use any more."""
        gone = [(key,) for key, row in self._held.items() if row is None]
        return [(self._delete, gone), (self.insert, [row for row in self._held.values() if row is not None])]

    def read_whole(self, at_most: int) -> None:
        with uncollected():
            rows = self._ask(self._kinds, self._some, at_most + 1)
            self._is_large = len(rows) > at_most
            if not self._is_large:
                self._held = {row[0]: row for row in rows}
                self._held.update(self.unwritten)
                self._is_whole = True

    def _read_from(self, key: str, most: int) -> None:
        one = (self._kinds, self._one, key)
        rows = self._ask(*one) if most == 1 else self._ask(self._kinds, self._next, key, most)
        for row in rows:
            self._held.setdefault(row[0], row)

    def _unwritten(self) -> dict[str, Row | None]:
        return dict(self.unwritten)


Numbered = tuple[tuple[int, bytes], ...]
"""Values of one key with their numbers, the highest first."""

_SERIES: Kinds = (str, int, bytes)

_AT_ONCE = 2
"""Values that one key has, where many are read ahead: usually."""


class Series(_Kept[Numbered]):
    """A table of several values a key, each with a number: ``(key, number, data)``."""

    def __init__(self, ask: Ask, name: str, is_large: bool) -> None:
        super().__init__(is_large)
        self._ask = ask
        self._one = f"select key, number, data from {name} where key = ? order by number desc"
        self._next = f"select key, number, data from {name} where key >= ? order by key, number limit ?"
        self._some = f"select key, number, data from {name} order by key desc, number desc limit ?"
        self._names = f"select distinct key from {name} where key > ? order by key limit ?"
        self.insert = f"insert or replace into {name} values (?, ?, ?)"
        self._cut = f"delete from {name} where key = ? and number <= ?"
        self._delete = f"delete from {name} where key = ?"
        self._put: dict[tuple[str, int], bytes] = {}
        self._cuts: dict[str, int] = {}
        self._gone: dict[str, None] = {}

    def of(self, key: str) -> Numbered:
        return self.get(key) or ()

    def add(self, key: str, data: bytes, most: int) -> None:
        """A newest value; of the older ones so many stay that there are no more than ``most``."""
        before = self.of(key)
        number = before[0][0] + 1 if before else 1
        self._held[key] = ((number, data), *before)[:most]
        self._put[key, number] = data
        if len(before) >= most:
            self._cuts[key] = number - most
        self._make_room()

    def change(self, key: str, number: int, data: bytes) -> None:
        """Other bytes in the place of a value's."""
        self._held[key] = tuple((each, data if each == number else was) for each, was in self.of(key))
        self._put[key, number] = data

    def remove(self, key: str) -> None:
        self._put = {of: data for of, data in self._put.items() if of[0] != key}
        self._cuts.pop(key, None)
        self._held[key] = None
        self._gone[key] = None

    def taken(self) -> Batch:
        """What is to be written; it counts as written from now on."""
        put, self._put = self._put, {}
        cuts, self._cuts = self._cuts, {}
        gone, self._gone = self._gone, {}
        return [
            (statement, rows)
            for statement, rows in (
                (self._delete, [(key,) for key in gone]),
                (self.insert, [(key, number, data) for (key, number), data in put.items()]),
                (self._cut, [*cuts.items()]),
            )
            if rows
        ]

    def names(self) -> Iterator[str]:
        """Every key, in no order."""
        if not self._is_whole and not self._is_large:
            self.read_whole(HELD)
        if self._is_whole:
            yield from [key for key, values in self._held.items() if values]
            return
        new = {key for key, _ in self._put}
        yield from new
        last = ""
        while found := self._ask((str,), self._names, last, STRETCH):
            yield from (key for (key,) in found if key not in new and key not in self._gone)
            last = found[-1][0]

    def restore(self) -> Batch:
        """What is held, to be written over what could be read of a file that is of no use any more."""
        held = [(key, number, data) for key, values in self._held.items() for number, data in values or ()]
        return [(self._delete, [(key,) for key in self._held]), (self.insert, held)]

    def read_whole(self, at_most: int) -> None:
        with uncollected():
            rows = self._ask(_SERIES, self._some, at_most + 1)
            self._is_large = len(rows) > at_most
            if not self._is_large:
                self._held = _grouped(rows) | self._unwritten()
                self._is_whole = True

    def _read_from(self, key: str, most: int) -> None:
        rows: list[Row] = []
        if most > 1:
            rows = self._ask(_SERIES, self._next, key, most * _AT_ONCE)
            if len(rows) == most * _AT_ONCE:  # the last one may have more
                rows = [row for row in rows if row[0] != rows[-1][0]]
            rows.reverse()
        found = _grouped(rows or self._ask(_SERIES, self._one, key))
        for each, values in found.items():
            self._held.setdefault(each, values)

    def _unwritten(self) -> dict[str, Numbered | None]:
        changed = {*self._cuts, *self._gone, *(key for key, _ in self._put)}
        return {key: self._held[key] for key in changed}


def _grouped(rows: Iterable[Row]) -> dict[str, Numbered | None]:
    """By key, of rows whose highest numbers come first."""
    found: dict[str, list[tuple[int, bytes]]] = {}
    for key, number, data in rows:
        found.setdefault(key, []).append((number, data))
    return {key: tuple(values) for key, values in found.items()}
