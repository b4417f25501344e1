"""No secret gets through, wherever the pieces of a stream are cut."""

from __future__ import annotations

import base64
import html
import json
import shlex
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavebuild.run.masking import Mask


def masked(secrets: list[str], pieces: list[bytes]) -> bytes:
    mask = Mask(secrets)
    return b"".join([*(mask.feed(piece) for piece in pieces), mask.end()])


SECRETS = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3)
PIECES = st.lists(st.text("abc", max_size=6).map(str.encode), max_size=5)


@given(SECRETS, PIECES)
def test_the_same_is_shown_however_the_stream_is_cut(secrets: list[str], pieces: list[bytes]) -> None:
    """A secret across the border of two pieces is masked as if it had come at once."""
    assert masked(secrets, pieces) == masked(secrets, [b"".join(pieces)])


@given(SECRETS, PIECES)
def test_no_secret_is_left(secrets: list[str], pieces: list[bytes]) -> None:
    """What is shown holds none of them."""
    shown = masked(secrets, pieces)

    assert not any(secret.encode() in shown for secret in secrets)


def test_all_else_stays_as_it_is() -> None:
    """Only the secret itself becomes ***; a piece without one is shown at once."""
    mask = Mask(["hunter2"])

    assert mask.feed(b"user: me\n") == b"user: me\n"
    assert mask.feed(b"password: hunt") == b"password: "
    assert mask.feed(b"er2, hunter") == b"***, "
    assert mask.end() == b"hunter"


def test_each_line_of_a_secret_of_several_lines_is_one() -> None:
    """A key that is printed line by line does not show either."""
    assert masked(["first line\nsecond line\n"], [b"> first line\n> second line\n"]) == b"> ***\n> ***\n"


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("secret", ["hunter2", "p@ss w0rd'\"&<é>/+", "abcd", "line one\nline two\n"])
def test_no_form_in_which_programs_write_a_secret_shows_it(secret: str, shift: int) -> None:
    """Quoted, escaped, encoded, and within what is encoded, whatever stands before and behind."""
    raw = secret.encode()
    inside = base64.b64encode(b"user:"[:shift] + raw + b"@host").decode()
    written = [
        json.dumps(secret), repr(secret), shlex.quote(secret), quote(secret, safe=""), quote_plus(secret),
        html.escape(secret),
        base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), raw.hex(), raw.hex().upper(),
    ]  # fmt: skip

    assert [form for form in written if "***" not in masked([secret], [form.encode()]).decode()] == []
    assert "***" in masked([secret], [inside.encode()]).decode()
    core = inside[4 + 4 * (shift > 2) : -8]
    assert len(core) < 4 or core.encode() not in masked([secret], [inside.encode()])


def test_a_secret_of_few_signs_is_masked_as_it_is_alone() -> None:
    """Its other forms stand in many a text by chance."""
    assert masked(["abc"], [b"abc 616263 YWJj"]) == b"*** 616263 YWJj"


def test_a_long_key_costs_little_time() -> None:
    """Thirty lines in twenty forms each, and a log that nearly holds them everywhere."""
    key = "\n".join(f"{number:02}" + "A/b+" * 15 for number in range(30))
    began = time.process_time()
    masked([key], [b"A/b+" * 16_000] * 8)

    assert time.process_time() - began < 5.0


@pytest.mark.parametrize("blank", ["", "\n", " ", "\t\n"])
def test_white_space_alone_is_no_secret(blank: str):
    """As a variable that was left empty: what is said stays readable."""
    assert Mask([blank]).whole(b"some words\tand\t\nlines\n") == b"some words\tand\t\nlines\n"
