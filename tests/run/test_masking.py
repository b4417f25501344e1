"""No secret gets through, wherever the pieces of a stream are cut."""

from __future__ import annotations

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
