"""Rows that are held until they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wavebuild.store.rows import HELD, Table


class Counted(Table):
    """A table that counts how many rows it looked through to make room."""

    looked_through = 0

    def _unwritten(self) -> dict[str, tuple[Any, ...] | None]:
        self.looked_through += len(self.unwritten)
        return super()._unwritten()


def nothing(*asked: object) -> list[Any]:
    return []


def table(columns: Sequence[str] = ("key", "value")) -> Counted:
    return Counted(nothing, "things", columns, (str, int), is_large=False)


def test_many_rows_are_put_without_looking_through_them_for_each() -> None:
    """What cannot go yet is looked through a few times in all, however much of it there is."""
    found = table()

    for number in range(3 * HELD):
        found.put(str(number), (str(number), number))

    assert 0 < found.looked_through < 6 * HELD
    [(_, rows)] = found.taken()
    assert len(rows) == 3 * HELD


def test_what_is_written_goes_when_room_is_made() -> None:
    """After much was put and written, a table holds no more than one of its size may."""
    found = table()
    for number in range(2 * HELD):
        found.put(str(number), (str(number), number))
    found.taken()

    for number in range(5 * HELD):
        found.put(f"b{number}", (f"b{number}", number))
        if number % 100 == 0:
            found.taken()

    assert len(found._held) <= HELD
