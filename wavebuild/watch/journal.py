"""What is known of the rows of evidence while things change: which stand, which have moved, which must be looked at.

It does not know how a change is learnt of, nor what a row's stamp is; it touches no file.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import le

ROOT = b"."


class Journal:
    """``unsure``: rows of which nothing is known before somebody looks. ``moved``: those that are not as they were.

    ``blind``: those of which no change is told: they must be looked at whenever somebody asks. All others stand.
    """

    def __init__(self, names: Sequence[bytes], there: int) -> None:
        self.names = names
        self.unsure = set(range(len(names)))
        self.moved = set[int]()
        self.blind = set[int]()
        self._parts = [_Part(names, 0, there), _Part(names, there, len(names))]

    def touched(self, path: bytes) -> None:
        """Something happened at a path below the root: to what stands there, so also to the folder that it is in."""
        for part in self._parts:
            self.unsure.update(part.at(path))
            self.unsure.update(part.at(folder_of(path)))

    def touched_below(self, path: bytes) -> None:
        """Anything may have happened at a path and below it."""
        if path == ROOT:
            self.lost()
            return
        self.touched(path)
        for part in self._parts:
            self.unsure.update(part.below(path))

    def lost(self) -> None:
        """Nobody knows what has happened."""
        self.unsure.update(range(len(self.names)))

    def looked(self, row: int, stands: bool, is_told_of: bool) -> None:
        """Somebody has looked at a row; ``is_told_of``: whether a change from then on would be heard of."""
        self.unsure.discard(row)
        (self.moved.discard if stands else self.moved.add)(row)
        (self.blind.discard if is_told_of else self.blind.add)(row)

    def to_look_at(self) -> set[int]:
        """The rows that must be looked at before anything can be said."""
        return self.unsure | self.moved | self.blind

    def is_known(self, row: int) -> bool:
        """Whether a row stands, as far as anybody has been told."""
        return row not in self.unsure and row not in self.moved and row not in self.blind

    def carried(self, others: Iterable[int]) -> None:
        """The stamps of these rows are others in the evidence from now on."""
        self.unsure.update(others)


class _Part:
    """Some rows, in the order of their names."""

    def __init__(self, names: Sequence[bytes], start: int, stop: int) -> None:
        self._names = names
        self._start = start
        self._stop = stop
        self._rows: Sequence[int] | None = None
        if not all(map(le, islice(names, start, stop), islice(names, start + 1, stop))):
            self._rows = sorted(range(start, stop), key=names.__getitem__)
            self._names = [names[row] for row in self._rows]
            self._start, self._stop = 0, len(self._rows)

    def at(self, path: bytes) -> Iterator[int]:
        """The row of a path."""
        place = self._place(path)
        if place < self._stop and self._names[place] == path:
            yield self._row(place)

    def below(self, path: bytes) -> Iterator[int]:
        """The rows of all that lies in a folder."""
        first, last = self._place(path + b"/"), self._place(path + b"0")  # the character after the slash
        return map(self._row, range(first, last))

    def _place(self, path: bytes) -> int:
        return bisect_left(self._names, path, self._start, self._stop)

    def _row(self, place: int) -> int:
        return place if self._rows is None else self._rows[place]


def folder_of(path: bytes) -> bytes:
    """The folder that a path below the root lies in."""
    return path.rpartition(b"/")[0] or ROOT


def folders_above(path: bytes) -> Iterator[bytes]:
    """The folders on the way from the root to a path, the root first."""
    yield ROOT
    at = path.find(b"/")
    while at >= 0:
        yield path[:at]
        at = path.find(b"/", at + 1)
