"""The last lines of a log, as a failure shows them."""

from __future__ import annotations

import pytest

from wavebuild.run.site import TAIL_LINES, last_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ()),
        ("\n", ("",)),
        ("a\n\nb\n", ("a", "", "b")),
        ("a\nno end", ("a", "no end")),
        ("of Windows\r\nx\r\n", ("of Windows", "x")),
        ("one\rtwo\rthree\n", ("one", "two", "three")),
        ("a\x0cb\x0b\n", ("a", "b")),
    ],
)
def test_a_log_ends_in_the_lines_it_has(text: str, lines: tuple[str, ...]) -> None:
    assert last_lines(text) == lines


def test_a_progress_bar_leaves_room_for_what_was_said_before_it() -> None:
    """Each of its states is no line of its own: of a thousand only the last three are shown."""
    bar = "".join(f"\r{number} of 1000" for number in range(1, 1001))

    assert last_lines(f"error: no luck{bar}\ngiving up\n")[-2:] == ("1000 of 1000", "giving up")
    assert last_lines(f"error: no luck\n{bar}\r") == ("error: no luck", "998 of 1000", "999 of 1000", "1000 of 1000")


def test_there_are_never_more_than_a_person_reads() -> None:
    assert last_lines("".join(f"{number}\n" for number in range(100))) == tuple(
        str(number) for number in range(100 - TAIL_LINES, 100)
    )
