"""What the rows of a state say, as mappings: members with their makers, digests with their stamps, decoded traces.

It does not know when rows are read or written. Values are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import NoneType
from typing import TypeVar, overload

import msgspec

from wavebuild.judge.stamp import Stamp
from wavebuild.judge.trace import Made, Packed, Trace
from wavebuild.store.database import Cell, Row
from wavebuild.store.rows import NUMBER, Kinds, Numbered, Table
from wavebuild.store.text import has_stand_ins, is_sealed, restored, storable, unpacked, unsealed

T = TypeVar("T")

LONG = 1 << 14
"""Bytes of a trace from which on its inputs are not unpacked unless somebody asks for them."""

RESULT: Kinds = (str, str, str, float, float, int, NUMBER, str, (str, NoneType))
RESULT_COLUMNS = "step, run, outcome, began, seconds, attempts, exit_code, failure, log"

_TRACE = msgspec.msgpack.Decoder(Trace)
_PARTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_INPUTS = Trace.__struct_fields__.index("inputs")


class Members(Mapping[str, Made]):
    """Every member on record; ``assumed``: what is known of others from elsewhere."""

    def __init__(self, table: Table, assumed: Mapping[str, Made]) -> None:
        self._table = table
        self._assumed = assumed

    def assumed_of_others(self, keys: Collection[str], scope: str) -> dict[str, Made]:
        """What is known from elsewhere of the members of other steps, and of no step here."""
        others = {path: made for path, made in self._assumed.items() if made.key not in keys and made.scope == scope}
        return {path: made for path, made in others.items() if self._table.get(storable(path)) is None}

    def __getitem__(self, path: str) -> Made:
        row = self._table.get(storable(path))
        if row is not None:
            return made_of(row)
        return self._assumed[path]

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and (self._table.get(storable(path)) is not None or path in self._assumed)

    def __iter__(self) -> Iterator[str]:
        own = {path: None for row in self._table.rows() if (path := restored(row[0])) not in self._assumed}
        return iter((*self._assumed, *own))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Learned(Mapping[str, tuple[Stamp, str]]):
    """Digests that earlier builds learned, with the stamps they hold for; one that makes no sense is learned again."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @overload
    def get(self, name: str, /) -> tuple[Stamp, str] | None: ...

    @overload
    def get(self, name: str, default: tuple[Stamp, str] | T, /) -> tuple[Stamp, str] | T: ...

    def get(self, name: str, default: tuple[Stamp, str] | T | None = None, /) -> tuple[Stamp, str] | T | None:
        row = self._table.get(storable(name))
        return learned_of(row) if row is not None and type(row[7]) is str else default

    def __getitem__(self, name: str) -> tuple[Stamp, str]:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        rows = self._table.rows()
        return (restored(row[0]) for row in rows if type(row[0]) is str and type(row[7]) is str)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Traces(Sequence[Trace]):
    """The sound traces of one key, newest first, decoded as far as somebody looks."""

    def __init__(self, values: Numbered, assumed: Trace | None = None) -> None:
        self._left = list(reversed(values))
        self._assumed = assumed
        self._found: list[Trace] = []

    def _one_more(self) -> bool:
        while self._left:
            _, data = self._left.pop()
            if (trace := decoded(data)) is not None:
                self._found.append(trace)
                return True
        if self._assumed is not None:
            self._found.append(self._assumed)
            self._assumed = None
            return True
        return False

    def _all(self) -> list[Trace]:
        while self._one_more():
            pass
        return self._found

    @overload
    def __getitem__(self, at: int) -> Trace: ...

    @overload
    def __getitem__(self, at: slice) -> list[Trace]: ...

    def __getitem__(self, at: int | slice) -> Trace | list[Trace]:
        if isinstance(at, int) and at >= 0:
            while len(self._found) <= at and self._one_more():
                pass
            return self._found[at]
        return self._all()[at]

    def __iter__(self) -> Iterator[Trace]:
        at = 0
        while at < len(self._found) or self._one_more():
            yield self._found[at]
            at += 1

    def __bool__(self) -> bool:
        return bool(self._found) or self._one_more()

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all() == [*other]

    __hash__ = None  # type: ignore[assignment]


def decoded(data: bytes) -> Trace | None:
    """The trace; None if it is damaged."""
    try:
        if len(data) >= LONG and is_sealed(data) and not has_stand_ins(data):
            return _long(data)
        return unpacked(data, _TRACE)
    except msgspec.DecodeError:
        return None


def _long(data: bytes) -> Trace:
    """A trace whose inputs stay packed until somebody asks for one of them."""
    parts = _PARTS.decode(unsealed(data))
    packed = parts[_INPUTS]
    parts[_INPUTS] = msgspec.Raw(msgspec.msgpack.encode({}))
    return msgspec.structs.replace(_TRACE.decode(msgspec.msgpack.encode(parts)), inputs=Packed(packed, data))


def made_of(row: Row) -> Made:
    _, digest, key, scope, by_hand, raw = row
    return Made(digest, restored(key), scope, bool(by_hand), raw)


def member_row(path: str, made: Made) -> tuple[Cell, ...]:
    return (storable(path), made.digest, storable(made.key), made.scope, made.by_hand, made.raw)


def learned_of(row: Row) -> tuple[Stamp, str]:
    _, dev, ino, size, mtime, ctime, beyond, digest = row
    return ((dev, ino, size, mtime, ctime, *_more(beyond)) if beyond else (dev, ino, size, mtime, ctime)), digest


def digest_row(name: str, stamp: Stamp, digest: str) -> tuple[Cell, ...]:
    return (storable(name), *stamp[:5], msgspec.msgpack.encode(stamp[5:]) if stamp[5:] else None, digest)


def _more(beyond: bytes) -> tuple[int, ...]:
    """What a stamp says of the end of a link; nothing where that is damaged: the file is read again."""
    try:
        return msgspec.msgpack.decode(beyond, type=tuple[int, ...])
    except msgspec.MsgspecError:
        return ()
