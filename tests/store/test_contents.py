"""Former contents: kept while there is room, never a secret, and never in anybody's way."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import pytest

from wavebuild.judge.digest import LARGEST_KEPT
from wavebuild.store import contents
from wavebuild.store.contents import Content, Contents, recalled


class Shelf:
    """Contents in a file, under a clock that a test sets."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "state" / "Wavefile.contents")
        self.now = 1000.0

    def taker(self, in_use: Collection[str] = (), **secrets: str | None) -> Contents:
        return Contents(self.path, secrets, lambda: in_use, lambda: self.now)

    def keep(self, *data: bytes, in_use: Collection[str] = (), **secrets: str | None) -> list[str]:
        taker = self.taker(in_use, **secrets)
        for each in data:
            taker.keep(name(each), each, len(each), each)
        taker.write()
        self.now += 1
        return [name(each) for each in data]

    def known(self, data: bytes) -> Content | None:
        return recalled(self.path, [name(data)]).get(name(data))


def name(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_a_content_is_found_again_by_its_digest(shelf: Shelf):
    """Whole."""
    shelf.keep(b"one\n", b"two\n")

    assert shelf.known(b"one\n") == Content(4, b"one\n")
    assert shelf.known(b"three\n") is None


def test_of_what_is_no_text_or_too_large_the_size_is_kept(shelf: Shelf):
    """That much can be told."""
    taker = shelf.taker()
    taker.keep("sha256:large", None, LARGEST_KEPT + 1, b"")
    taker.write()
    shelf.keep(b"\0\1\2")

    assert recalled(shelf.path, ["sha256:large"]) == {"sha256:large": Content(LARGEST_KEPT + 1, None)}
    assert shelf.known(b"\0\1\2") == Content(3, None)


@pytest.mark.parametrize("data", [b"token=s3cret\n", b"s3cret"])
def test_what_holds_a_secret_is_not_kept(data: bytes, shelf: Shelf):
    """Not a byte of it reaches the disk."""
    shelf.keep(data, b"harmless", TOKEN="s3cret", OTHER=None, EMPTY="")

    assert shelf.known(data) == Content(len(data), None)
    assert shelf.known(b"harmless") == Content(8, b"harmless")


def test_a_chosen_part_of_a_file_that_holds_a_secret_is_not_kept(shelf: Shelf):
    """The secret may stand in it in other signs than in the file."""
    taker = shelf.taker(TOKEN='a"b')
    taker.keep("value:x", b'"a\\"b"', 7, b"token: 'a\"b'")
    taker.write()

    assert recalled(shelf.path, ["value:x"]) == {"value:x": Content(7, None)}


def test_what_was_kept_before_a_name_became_secret_goes(shelf: Shelf):
    """It may hold what the name stood for then."""
    shelf.keep(b"token=old\n")
    shelf.keep(b"new\n", TOKEN="other")
    shelf.keep(b"newer\n", TOKEN="other")

    assert shelf.known(b"token=old\n") is None
    assert shelf.known(b"new\n") is not None


def test_the_file_stays_within_its_bound(shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    """What was read longest ago goes first, but for what a trace still names."""
    monkeypatch.setattr(contents, "LARGEST", 400_000)
    spared = noise(0)
    shelf.keep(spared)
    for number in range(1, 30):
        shelf.keep(noise(number), in_use={name(spared)})

    kept = [number for number in range(30) if shelf.known(noise(number))]
    assert kept[0] == 0
    assert kept[1:] == list(range(kept[1], 30))
    assert 5 < len(kept) < 25
    assert Path(shelf.path).stat().st_size < 500_000


def noise(number: int) -> bytes:
    """20 kB that cannot be packed."""
    return random.Random(number).randbytes(40_000).replace(b"\0", b"\1")[:20_000]


def test_what_is_read_again_counts_as_used(shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    """And is not written twice."""
    shelf.keep(b"a", b"b")
    shelf.keep(b"a")

    with closing(sqlite3.connect(shelf.path)) as handle:
        assert handle.execute("select used from contents order by used").fetchall() == [(1000.0,), (1001.0,)]


def test_what_waits_is_written_after_a_while_and_not_at_every_step(shelf: Shelf):
    """A thousand small steps cost a few writings."""
    taker = shelf.taker()
    taker.keep(name(b"a"), b"a", 1, b"a")
    taker.write_now_and_then()
    assert not Path(shelf.path).exists()

    shelf.now += 10
    taker.write_now_and_then()
    assert shelf.known(b"a") is not None


@pytest.mark.parametrize("damage", [b"no database at all", b"SQLite format 3\0" + b"\xff" * 5000])
def test_damage_is_no_trouble_and_heals(damage: bytes, shelf: Shelf):
    """What is not there cannot be explained, and that is all."""
    shelf.keep(b"a")
    Path(shelf.path).write_bytes(damage)
    assert shelf.known(b"a") is None

    shelf.keep(b"b")

    assert shelf.known(b"b") == Content(1, b"b")


def test_a_content_that_was_damaged_is_as_if_it_were_not_kept(shelf: Shelf):
    """It must be that of its digest."""
    (digest,) = shelf.keep(b"a")
    with closing(sqlite3.connect(shelf.path)) as handle, handle:
        handle.execute("update contents set data = x'00'")

    assert recalled(shelf.path, [digest]) == {digest: Content(1, None)}


def test_where_nothing_can_be_written_nothing_is_kept(shelf: Shelf, tmp_path: Path):
    """The build goes on."""
    (tmp_path / "state").write_text("a file stands where the folder should be")

    shelf.keep(b"a")

    assert shelf.known(b"a") is None
