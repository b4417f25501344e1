"""The places of steps in line, where one comes first and nobody asks for the others yet."""

from __future__ import annotations

import pytest

from wavebuild.run.course import Places


def test_the_first_has_its_place_and_the_others_are_found_once() -> None:
    """When the place of a second one is asked for."""
    found: list[int] = []

    def find() -> dict[int, int]:
        found.append(len(found))
        return {4: 0, 7: 2, 8: 1}

    places = Places(4, find)

    assert (places[4], found) == (0, [])
    assert (places[8], places[7], places[4], found) == (1, 2, 0, [0])
    places.find()
    assert found == [0]
    with pytest.raises(KeyError):
        places[9]


def test_what_could_not_be_found_is_sought_again() -> None:
    """The state that says how long steps take may be busy."""
    errors = [OSError("busy")]

    def find() -> dict[int, int]:
        if errors:
            raise errors.pop()
        return {1: 1}

    places = Places(0, find)
    with pytest.raises(OSError, match="busy"):
        places.find()

    assert places[1] == 1
