"""Tokens of GNU make's jobserver: taken, given back the same, made whole, and what MAKEFLAGS says of them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from wavebuild.run import jobserver
from wavebuild.run.jobserver import Above, Tokens, above, with_jobs
from wavebuild.run.room import SOON, Room


def in_pipe(handle: int) -> bytes:
    """What a pipe holds; it is taken out."""
    os.set_blocking(handle, False)
    try:
        return os.read(handle, 9999)
    except BlockingIOError:
        return b""
    finally:
        os.set_blocking(handle, True)


@pytest.fixture
def makes() -> Iterator[tuple[int, int]]:
    """The pipe of a make above us, with three tokens that tell who they are."""
    read, write = os.pipe()
    os.write(write, b"abc")
    yield read, write
    os.close(read)
    os.close(write)


def test_one_job_needs_no_token_and_every_further_one_has_its_own():
    """Of N jobs N - 1 have a token; what is taken is missing for the others."""
    tokens = jobserver.serve(4)
    ours, theirs = tokens.ours

    assert (tokens.take(2), tokens.take(2), tokens.held) == (2, 1, 3)
    assert in_pipe(ours) == b""
    tokens.keep(1)
    assert (tokens.held, len(in_pipe(ours))) == (1, 2)
    assert theirs >= jobserver.HIGH
    tokens.close()


def test_what_died_with_its_holders_comes_back():
    """A make that was killed took three tokens with it; another wrote one too many."""
    tokens = jobserver.serve(6)
    os.read(tokens.ours[0], 3)
    tokens.make_whole()

    assert tokens.take(9) == 5
    tokens.keep(0)
    os.write(tokens.ours[1], b"+")
    tokens.make_whole()
    assert tokens.take(9) == 5
    tokens.close()


def test_the_very_tokens_are_given_back(makes):
    """Some servers tell them apart."""
    tokens = jobserver.join(f"{makes[0]},{makes[1]}")
    assert tokens.take(2) == 2
    tokens.close()

    assert sorted(in_pipe(makes[0])) == sorted(b"abc")


def test_tokens_of_others_are_never_made_whole(makes):
    """Those that are missing are with other children of that make."""
    tokens = jobserver.join(f"{makes[0]},{makes[1]}")
    os.read(makes[0], 2)
    tokens.make_whole()
    tokens.close()

    assert in_pipe(makes[0]) == b"c"


def test_reading_without_waiting_is_ours_alone(makes):
    """The flag belongs to the open file: set on the shared end, it would break every make that waits there."""
    joined, served = jobserver.join(f"{makes[0]},{makes[1]}"), jobserver.serve(3)

    assert (joined.take(9), joined.take(9)) == (3, 0), "does not wait"
    for shared in (*makes, *served.ours):
        assert not fcntl.fcntl(shared, fcntl.F_GETFL) & os.O_NONBLOCK
    joined.close()
    served.close()


def test_a_fifo_is_shared_by_its_path(tmp_path: Path):
    """No descriptor need be inherited; it is gone afterwards, and one that a killed build left is no hindrance."""
    path = str(tmp_path / "jobs")
    os.mkfifo(path)
    served = jobserver.serve(3, path)
    joined = jobserver.join(served.auth)

    assert (served.auth, served.ours, joined.ours) == (f"fifo:{path}", (), ())
    assert (joined.take(1), served.take(9), joined.take(1)) == (1, 1, 0)
    joined.close()
    assert served.take(9) == 1
    served.close()
    assert not os.path.exists(path)


def test_a_fifo_whose_path_cannot_be_said_becomes_a_pipe(tmp_path: Path):
    """MAKEFLAGS is split at blanks."""
    folder = tmp_path / "a b"
    folder.mkdir()
    tokens = jobserver.serve(3, str(folder / "jobs"))

    assert not tokens.auth.startswith("fifo:")
    assert os.listdir(folder) == []
    tokens.close()


def test_whatever_is_no_jobserver_is_refused(makes, tmp_path: Path):
    """Closed descriptors, files, ends of two pipes, make's own word for "not for you", a fifo that is none."""
    other = os.pipe()
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    before = set(os.listdir("/proc/self/fd"))
    pairs = ["-2,-2", "", "x", "998,999", f"{2**31},{2**64}", f"{file},{file}", f"{makes[0]},{other[1]}"]
    for auth in (*pairs, f"fifo:{tmp_path}/file", f"fifo:{tmp_path}/none"):
        with pytest.raises(OSError, match=r"\w"):
            jobserver.join(auth)

    assert set(os.listdir("/proc/self/fd")) == before
    for handle in (*other, file):
        os.close(handle)


def test_nothing_stays_open(makes):
    """What others opened is left to them."""
    before = set(os.listdir("/proc/self/fd"))
    for tokens in (jobserver.serve(4), jobserver.join(f"{makes[0]},{makes[1]}")):
        tokens.take(1)
        tokens.close()

    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("flags", "said", "ours", "none"),
    [
        ("", Above(None, ""), "-j3 --jobserver-auth=R,W", ""),
        (" -j4 --jobserver-auth=3,4", Above(4, "3,4"), "-j3 --jobserver-auth=R,W", ""),
        ("-j4 --jobserver-fds=3,4 -j", Above(4, "3,4"), "-j3 --jobserver-auth=R,W", ""),
        ("--jobserver-auth=3,4 --jobserver-auth=fifo:/x", Above(None, "fifo:/x"), "-j3 --jobserver-auth=R,W", ""),
        ("ks -j8 -l2 -- A=b  c=-j3", Above(8, ""), "ks -j3 --jobserver-auth=R,W -l2 -- A=b  c=-j3",
         "ks -l2 -- A=b  c=-j3"),
        ("kj4", Above(None, ""), "k -j3 --jobserver-auth=R,W", "k"),
        ("-j 4 -k", Above(None, ""), "-j3 --jobserver-auth=R,W -k", "-k"),
        ("-- J=--jobserver-auth=3,4", Above(None, ""), "-j3 --jobserver-auth=R,W -- J=--jobserver-auth=3,4",
         "-- J=--jobserver-auth=3,4"),
        ("A=b", Above(None, ""), "-j3 --jobserver-auth=R,W A=b", "A=b"),
    ],
)  # fmt: skip
def test_makeflags_are_read_and_written_as_make_does(flags: str, said: Above, ours: str, none: str):
    """What is not about jobs stays as it was; values of variables are nobody's flags."""
    assert above(flags) == said
    assert with_jobs(flags, 3, "R,W") == ours
    assert with_jobs(flags, None) == none


class TestRoom:
    """How a build takes tokens for its slots."""

    @pytest.fixture
    def tokens(self) -> Iterator[Tokens]:
        tokens = jobserver.serve(4)
        yield tokens
        tokens.close()

    def test_every_slot_but_the_first_has_a_token(self, tokens: Tokens):
        """And gives it back, whichever of the jobs ends."""
        room = Room(tokens=tokens)

        assert [room.take(used, 1) for used in range(4)] == [True] * 4
        assert tokens.held == 3
        room.leave(2)
        assert tokens.held == 1
        room.leave(0)
        assert tokens.held == 0

    def test_without_a_token_it_waits_for_one_to_come(self, tokens: Tokens):
        """The descriptor that tells of it is handed out, and nothing else to wait for."""
        os.read(tokens.ours[0], 3)
        room = Room(tokens=tokens)

        assert (room.take(0, 1), room.take(1, 1)) == (True, False)
        assert room.awaited == (tokens.handle, None)
        os.write(tokens.ours[1], b"+")
        assert room.take(1, 1)

    def test_too_few_tokens_are_given_back_at_once(self, tokens: Tokens):
        """Who would hold them while it waits for more, could wait for one that holds the rest."""
        os.read(tokens.ours[0], 1)
        room = Room(tokens=tokens)
        room.take(0, 1)

        assert not room.take(1, 3)
        assert (tokens.held, room.awaited) == (0, (-1, SOON))

    def test_where_nothing_runs_a_wide_step_starts_with_what_there_is(self, tokens: Tokens):
        """One job always has room."""
        os.read(tokens.ours[0], 2)
        room = Room(tokens=tokens)

        assert room.take(0, 4)
        assert tokens.held == 1

    def test_when_nothing_runs_lost_tokens_come_back(self, tokens: Tokens):
        """Nobody can hold one then."""
        os.read(tokens.ours[0], 3)
        room = Room(tokens=tokens)
        room.take(0, 1)
        room.leave(0)

        assert room.take(0, 4)
        assert tokens.held == 3
