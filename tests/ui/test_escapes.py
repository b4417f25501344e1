"""No name and no step output can move, hide or forge what the screen says.

It does not know which screen.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavebuild.ui.escapes import Sanitizer, escaped, sanitized

RED, RESET = "\x1b[31m", "\x1b[0m"


@pytest.mark.scenario(id="X20")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("silver@bookings", "silver@bookings"),
        ("Größe/数据.csv", "Größe/数据.csv"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\tc\rd\0", "a\\x0ab\\x09c\\x0dd\\x00"),
        ("a\x7fb\x9bc\x85", "a\\x7fb\\x9bc\\x85"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("a\u202eb\u2066c\u2069\u200f", "a\\u202eb\\u2066c\\u2069\\u200f"),
        ("bad\udcffbyte", "bad\\udcffbyte"),
    ],
)
def test_a_name_is_shown_with_its_controls_spelled_out(name: str, shown: str) -> None:
    assert escaped(name) == shown


SEQUENCES = [
    ("plain\ttext\n", "plain\ttext\n"),
    ("\x1b[?1049hx", "x"),
    ("\x1b[2J\x1b[Hx", "x"),
    ("\x1b[10;20Hx", "x"),
    ("\x1b]0;title\x07x", "x"),
    ("\x1b]52;c;aGVsbG8=\x07x", "x"),
    ("\x1b]52;c;aGVsbG8=\x1b\\x", "x"),
    ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\x", "linkx"),
    ("\x1bPq payload \x07 still payload\x1b\\x", "x"),
    ("\x1b_application\x1b\\x", "x"),
    ("\x1b^private\x1b\\x", "x"),
    ("\x1bXstring\x1b\\x", "x"),
    ("\x9b2Jx", "x"),
    ("\x9d0;title\x9cx", "x"),
    ("\x90payload\x9cx", "x"),
    ("\x1b]never closed", ""),
    ("\x1b]cancelled\x18x", "x"),
    ("\x1b]broken off\x1b[2Jx", "x"),
    ("\x1b(Bx\x1b)0y", "xy"),
    ("\x1bcx\x1b7y\x1b8", "xy"),
    ("a\x08\x07\x0bb", "ab"),
    ("10%\r20%\r\ndone\r", "10%\n20%\ndone\n"),
    ("\x1b[38;5;1\nx", "\nx"),
    ("\x1b[>4mx\x1b[?1mx", "xx"),
    ("\x1b\x1b[2Jx", "x"),
    ("a\u202eb\u2028c", "a\\u202eb\\u2028c"),
]


@pytest.mark.scenario(id="X20")
@pytest.mark.parametrize(("output", "shown"), SEQUENCES)
def test_no_sequence_but_a_colour_passes_with_or_without_its_payload(output: str, shown: str) -> None:
    assert sanitized(output, colours=False) == shown
    assert sanitized(output, colours=True) == shown


@pytest.mark.scenario(id="X20")
@pytest.mark.parametrize(("output", "shown"), [*SEQUENCES, (f"{RED}x{RESET}", "x")])
def test_a_sequence_split_over_reads_is_removed_alike(output: str, shown: str) -> None:
    sanitizer = Sanitizer(colours=False)

    assert "".join(sanitizer.feed(char) for char in output) + sanitizer.finish() == shown


def test_colours_pass_to_a_terminal_and_are_put_back_at_the_end() -> None:
    assert sanitized(f"{RED}red{RESET} plain", colours=True) == f"{RED}red{RESET} plain"
    assert sanitized("\x1b[1;38:5:2mopen", colours=True) == f"\x1b[1;38:5:2mopen{RESET}"
    assert sanitized("\x9b31mred", colours=True) == f"{RED}red{RESET}"


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("8", ""),
        ("05", ""),
        ("1;8;31", "1;31"),
        ("38;5;8", "38;5;8"),
        ("38;5;8;8", "38;5;8"),
        ("48;2;5;6;8;6", "48;2;5;6;8"),
        ("38:5:8", "38:5:8"),
        ("58;8", "58"),
        ("85;36", "85;36"),
        ("0", "0"),
    ],
)
def test_of_colours_none_makes_text_blink_or_vanish(code: str, left: str) -> None:
    """Whoever reads a log sees all of it; the same numbers name colours, where they stand behind 38 and 48."""
    shown = sanitized(f"\x1b[{code}mx", colours=True).removesuffix(RESET if left != "0" else "")

    assert shown == (f"\x1b[{left}mx" if left else "x")


def test_colours_are_removed_where_they_are_not_wanted() -> None:
    assert sanitized(f"{RED}red{RESET}", colours=False) == "red"


@given(st.lists(st.text(alphabet="\x1b\x9b\x9d\x90\x9c\x07\r\n[]P\\m0;?ab ", max_size=12)), st.booleans())
def test_whatever_comes_in_whatever_pieces_only_colours_come_out(pieces: list[str], colours: bool) -> None:
    sanitizer = Sanitizer(colours)

    shown = "".join(sanitizer.feed(piece) for piece in pieces) + sanitizer.finish()

    rest = shown
    while "\x1b[" in rest:
        before, _, after = rest.partition("\x1b[")
        parameters, m, following = after.partition("m")
        assert colours
        assert m
        assert set(parameters) <= set("0123456789;:")
        rest = before + following
    assert not set(rest) & set("\x1b\x9b\x9d\x90\x9c\x07\r")
    assert shown == sanitized("".join(pieces), colours)
