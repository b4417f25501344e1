"""Stamps of many files are held in little room, and come back as they were put."""

from __future__ import annotations

import tracemalloc

import pytest

from wavebuild.engine.seeing import Stamps
from wavebuild.store.settled import NOTHING, Row, in_order, packed

MANY = 20_000


def stamp(number: int) -> Row:
    return (66, number, 200, 10**18 + number, 10**18)


def test_what_was_put_comes_back_packed():
    """None of what is not there; the later one of two; the names of what is there come first."""
    stamps = Stamps()
    stamps.put("b", stamp(1))
    stamps.put("a", stamp(2))
    stamps.put("gone", ())
    stamps.put("also gone", NOTHING)
    stamps.put_packed("c", packed(stamp(4)))
    stamps.put_packed("gone as before", b"")
    stamps.put("b", stamp(3))

    assert (stamps["a"], stamps["b"], stamps["c"]) == (packed(stamp(2)), packed(stamp(3)), packed(stamp(4)))
    assert (stamps["gone"], stamps["also gone"], stamps["gone as before"]) == (b"", b"", b"")
    assert in_order(stamps) == ["a", "b", "c", "also gone", "gone", "gone as before"]
    assert "d" not in stamps
    assert stamps.get("d") is None
    assert [stamps.places[name] for name in ("b", "a", "gone")] == [0, 1, 2]


def test_a_number_that_is_too_large_is_refused():
    """Whoever writes evidence then leaves it."""
    with pytest.raises(OverflowError):
        Stamps().put("a", (1, 1 << 63, 1, 1, 1))


def test_stamps_of_many_files_take_little_more_room_than_what_is_written():
    """Forty bytes are written of each; a dictionary of names is all that comes to it."""
    names = [f"o/{number:06}" for number in range(MANY)]
    tracemalloc.start()
    try:
        stamps = Stamps()
        for number, name in enumerate(names):
            stamps.put(name, stamp(number))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert stamps[names[-1]] == packed(stamp(MANY - 1))
    assert held < 150 * MANY
