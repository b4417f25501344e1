"""Digests of members: read once per build, recalled while the stamp stands, never wrong about what was read."""

from __future__ import annotations

import errno
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.folders import aged
from wavebuild import disk
from wavebuild.declare.model import Artifact, Kind
from wavebuild.errors import Place, WavebuildError
from wavebuild.judge import ahead
from wavebuild.judge import digest as digest_module
from wavebuild.judge.digest import LARGE, Digests, Reading, env_digest
from wavebuild.judge.stamp import Stamp, stamp


def file(path: str) -> Reading:
    return Reading(path, path)


def digest(root: Path, path: str, how: str = "bytes", argument: str = "") -> str | None:
    return Digests(str(root), {}).see(Reading(path, path, how, argument)).digest


def known_of(root: Path, path: str, word: str) -> dict[str, tuple[Stamp, str]]:
    """What an earlier build may have learned: a recognisable word in the place of a digest."""
    return {path: (stamp(str(root / path)), word)}


class TestOncePerBuild:
    def test_a_member_is_read_once_per_build(self, tmp_path: Path):
        """All readers of one build see the same source, whatever happens to it meanwhile."""
        (tmp_path / "a").write_text("one")
        digests = Digests(str(tmp_path), {})
        first = digests.see(file("a"))

        (tmp_path / "a").write_text("two")

        assert digests.see(file("a")) == first

    def test_a_member_that_was_remade_is_read_again(self, tmp_path: Path):
        """What a step has just made is not what stood there before."""
        (tmp_path / "a").write_text("one")
        digests = Digests(str(tmp_path), {})
        first = digests.see(file("a")).digest

        (tmp_path / "a").write_text("two")
        digests.forget("a")

        assert digests.see(file("a")).digest != first

    def test_thousands_of_parts_of_one_file_are_one_parse(self, tmp_path: Path):
        """A table or a settings file that each instance reads its part of is parsed once, not once for each."""
        count = 3000
        aged(tmp_path / "t.csv", "k,v\n" + "".join(f"{n},{n * n}\n" for n in range(count)))
        aged(tmp_path / "c.json", json.dumps({f"k{n}": n for n in range(count)}))
        digests = Digests(str(tmp_path), {})
        spent = time.process_time()
        for n in range(count):
            part = Artifact(Kind.FILE, "t.csv", Place(""), rows=(("k", str(n)),))
            digests.see(Reading(f"t {n}", "t.csv", "rows", str(n), part))
            assert digests.see(Reading(f"c {n}", "c.json", "key", f"k{n}")).digest == f"={n}"

        assert time.process_time() - spent < 2

    def test_forgetting_a_member_forgets_every_way_it_was_read(self, tmp_path: Path):
        """A key of a remade file is read again too."""
        (tmp_path / "a.json").write_text('{"k": 1}')
        digests = Digests(str(tmp_path), {})
        reading = Reading("a.json#k", "a.json", "key", "k")
        assert digests.see(reading).digest == "=1"

        (tmp_path / "a.json").write_text('{"k": 2}')
        digests.forget("a.json")

        assert digests.see(reading).digest == "=2"


class TestRecall:
    def test_a_digest_is_recalled_while_the_stamp_stands(self, tmp_path: Path):
        """Nothing is read that need not be."""
        (tmp_path / "a").write_text("one")
        digests = Digests(str(tmp_path), known_of(tmp_path, "a", "recalled"))

        assert digests.see(file("a")).digest == "recalled"

    def test_another_stamp_makes_it_read_again(self, tmp_path: Path):
        """A recalled digest holds for its stamp alone."""
        (tmp_path / "a").write_text("one")
        known = known_of(tmp_path, "a", "recalled")
        (tmp_path / "a").write_text("other")

        assert str(Digests(str(tmp_path), known).see(file("a")).digest).startswith("sha256:")

    def test_a_digest_read_too_soon_is_not_learned(self, tmp_path: Path):
        """Within a tick of the change the stamp proves nothing to later builds."""
        (tmp_path / "a").write_text("one")
        changed = (tmp_path / "a").stat().st_ctime_ns
        digests = Digests(str(tmp_path), {}, now=lambda: changed + 1)

        seen = digests.see(file("a"))

        assert (seen.sure, digests.take_learned()) == (False, {})

    def test_a_digest_of_an_old_file_is_learned_once(self, tmp_path: Path):
        """Later builds need not read it, and it is handed over one time."""
        (tmp_path / "a").write_text("one")
        changed = (tmp_path / "a").stat().st_ctime_ns
        digests = Digests(str(tmp_path), {}, now=lambda: changed + 3_000_000_000)

        seen = digests.see(file("a"))

        assert digests.take_learned() == {"a": (stamp(str(tmp_path / "a")), seen.digest)}
        assert digests.take_learned() == {}

    def test_absence_is_never_learned(self, tmp_path: Path):
        """There is no stamp that a file that is not there could keep."""
        digests = Digests(str(tmp_path), {}, now=lambda: time.time_ns() + 10**12)

        assert digests.see(file("a")).digest is None
        assert digests.take_learned() == {}

    def test_ways_of_reading_are_remembered_apart(self, tmp_path: Path):
        """The bytes of a file say nothing of its keys."""
        (tmp_path / "a.json").write_text('{"k": 1, "l": 2}')
        digests = Digests(str(tmp_path), {}, now=lambda: time.time_ns() + 10**12)
        readings = [file("a.json"), Reading("k", "a.json", "key", "k"), Reading("l", "a.json", "key", "l")]

        for reading in readings:
            digests.see(reading)

        assert len({found for _, found in digests.take_learned().values()}) == 3

    def test_stat_is_never_cached(self, tmp_path: Path):
        """It is its own evidence."""
        (tmp_path / "a").write_text("one")
        digests = Digests(str(tmp_path), {}, now=lambda: time.time_ns() + 10**12)

        assert str(digests.see(Reading("a", "a", "stat")).digest).startswith("stat:3:")
        assert digests.take_learned() == {}


class TestBytes:
    def test_the_digest_is_of_the_bytes_not_of_the_times(self, tmp_path: Path):
        """A touched file is the same file."""
        (tmp_path / "a").write_text("one")
        before = digest(tmp_path, "a")

        os.utime(tmp_path / "a", ns=(1, 1))

        assert digest(tmp_path, "a") == before

    def test_the_owners_right_to_execute_counts(self, tmp_path: Path):
        """A script that may be run is another thing than one that may not; other rights do not count."""
        (tmp_path / "a").write_text("one")
        (tmp_path / "a").chmod(0o644)
        plain = digest(tmp_path, "a")
        (tmp_path / "a").chmod(0o600)
        private = digest(tmp_path, "a")
        (tmp_path / "a").chmod(0o744)

        assert private == plain
        assert digest(tmp_path, "a") == f"{plain}+x"

    @pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 7])
    def test_every_byte_counts_whatever_the_size(self, tmp_path: Path, size: int):
        """Around the borders of the chunks that are read, the last byte counts too."""
        (tmp_path / "a").write_bytes(b"x" * size)
        (tmp_path / "b").write_bytes(b"x" * max(0, size - 1) + b"y")

        assert digest(tmp_path, "a") != digest(tmp_path, "b")


class TestLargeFiles:
    """Those of which the reading is begun before the digest is asked for."""

    def large(self, path: Path, byte: bytes = b"x") -> Path:
        path.write_bytes(byte * (LARGE + 5))
        return path

    def meet(self, monkeypatch: pytest.MonkeyPatch, cores: int) -> threading.Barrier:
        """Whoever reads a file waits until another reads one, too."""
        barrier, read = threading.Barrier(2), disk.sha256

        def summed(path: str, small: int = 0, size: int | None = None) -> tuple[str, os.stat_result, bytes | None]:
            barrier.wait(timeout=60)
            return read(path, small, size)

        monkeypatch.setattr(ahead, "_cores", lambda: cores)
        monkeypatch.setattr(disk, "sha256", summed)
        return barrier

    def test_several_are_read_at_the_same_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """As many as there are cores; and each digest is that of its file."""
        readings = [file(self.large(tmp_path / name, name.encode()).name) for name in "abcd"]
        expected = [digest(tmp_path, reading.path) for reading in readings]
        digests = Digests(str(tmp_path), {})
        barrier = self.meet(monkeypatch, cores=2)

        digests.see_ahead(readings)

        assert [digests.see(reading).digest for reading in readings] == expected
        assert not barrier.broken

    def test_one_that_changes_after_its_reading_began_is_read_again(self, tmp_path: Path):
        """The digest is of the bytes that stand there when it is asked for."""
        large = self.large(tmp_path / "a")
        digests = Digests(str(tmp_path), {})
        digests.see_ahead([file("a")])
        self.large(large, b"y")

        assert digests.see(file("a")).digest == digest(tmp_path, "a")

    def test_one_that_goes_after_its_reading_began_is_absent(self, tmp_path: Path):
        """What was read of it is nobody's."""
        large = self.large(tmp_path / "a")
        digests = Digests(str(tmp_path), {})
        digests.see_ahead([file("a")])
        large.unlink()

        assert digests.see(file("a")).digest is None

    def test_one_that_cannot_be_read_is_told_when_it_is_asked_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """Not by a thread, where nobody hears it."""
        self.large(tmp_path / "a")

        def broken(path: str, small: int = 0, size: int | None = None) -> tuple[str, os.stat_result, bytes | None]:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

        monkeypatch.setattr(disk, "sha256", broken)
        digests = Digests(str(tmp_path), {})
        digests.see_ahead([file("a")])

        with pytest.raises(WavebuildError, match="cannot read a: Input/output error"):
            digests.see(file("a"))

    def test_one_that_is_known_is_not_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """Its stamp stands: what an earlier build learned holds."""
        self.large(tmp_path / "a")
        digests = Digests(str(tmp_path), known_of(tmp_path, "a", "sha256:known"))
        barrier = self.meet(monkeypatch, cores=2)

        digests.see_ahead([file("a")])

        assert digests.see(file("a")).digest == "sha256:known"
        assert barrier.n_waiting == 0

    def test_one_that_was_remade_is_read_again(self, tmp_path: Path):
        """A step has just written it: what was begun before is of no use."""
        large = self.large(tmp_path / "a")
        digests = Digests(str(tmp_path), {})
        digests.see_ahead([file("a")])
        digests.forget("a")
        self.large(large, b"z")

        assert digests.see(file("a")).digest == digest(tmp_path, "a")

    def test_memory_stays_flat(self, tmp_path: Path):
        """A file is read by way of one buffer, and its bytes are not kept."""
        with (tmp_path / "a").open("wb") as sparse:
            sparse.truncate(100 << 20)
        digests = Digests(str(tmp_path), {}, keep=lambda *content: None)
        tracemalloc.start()
        try:
            digests.see(file("a"))
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert most < 4 << 20


class TestBytesThatAreShared:
    """A file that is read in two ways in one build."""

    def test_other_bytes_under_another_stamp_are_read(self, tmp_path: Path):
        """What is held is of the stamp that it was read under."""
        aged(tmp_path / "a", '{"x": 1}')
        digests = Digests(str(tmp_path), {}, now=lambda: time.time_ns() + 10**12)
        digests.see(file("a"))
        (tmp_path / "a").write_text('{"x": 2}')

        assert digests.see(Reading("a (json)", "a", "json")).digest == digest(tmp_path, "a", "json")

    def test_what_was_read_too_soon_is_not_shared(self, tmp_path: Path):
        """It may be others by now under the same stamp."""
        (tmp_path / "a").write_text('{"x": 1}')
        digests = Digests(str(tmp_path), {})
        digests.see(file("a"))
        found = (tmp_path / "a").stat()
        with (tmp_path / "a").open("r+") as again:
            again.write('{"x": 2}')
        os.utime(tmp_path / "a", ns=(found.st_atime_ns, found.st_mtime_ns))

        assert digests.see(Reading("a (json)", "a", "json")).digest == digest(tmp_path, "a", "json")


class TestVouching:
    """Where every change shows in the stamp, what was read at once needs no second look."""

    def test_what_was_read_too_soon_elsewhere_is_sure(self, tmp_path: Path):
        """It is learned, and nothing is left to make sure of."""
        (tmp_path / "a").write_text("one")
        device = (tmp_path / "a").stat().st_dev
        digests = Digests(str(tmp_path), {}, vouch=lambda: device)

        assert digests.see(file("a")).sure
        assert list(digests.take_learned()) == ["a"]

    def test_another_device_is_not_vouched_for(self, tmp_path: Path):
        """Each file system has its own clock."""
        (tmp_path / "a").write_text("one")
        device = (tmp_path / "a").stat().st_dev + 1
        digests = Digests(str(tmp_path), {}, vouch=lambda: device)

        assert not digests.see(file("a")).sure
        assert digests.take_learned() == {}

    def test_a_time_in_the_future_is_not_vouched_for(self, tmp_path: Path):
        """The clock was put back since: times may come again."""
        (tmp_path / "a").write_text("one")
        found = (tmp_path / "a").stat()
        digests = Digests(str(tmp_path), {}, now=lambda: found.st_ctime_ns - 1, vouch=lambda: found.st_dev)

        assert not digests.see(file("a")).sure

    def test_nothing_is_tried_where_all_is_old(self, tmp_path: Path):
        """A build that reads nothing new writes nothing to find out."""
        aged(tmp_path / "a", "one")
        tried: list[str] = []
        digests = Digests(str(tmp_path), {}, now=lambda: time.time_ns() + 10**12, vouch=lambda: tried.append("tried"))

        assert digests.see(file("a")).sure
        assert tried == []


class TestLinks:
    def test_a_link_inside_the_root_counts_as_its_text_and_its_target(self, tmp_path: Path):
        """Turning the link to an equal file is a change, so is a change of the target."""
        for name in ("one", "same"):
            (tmp_path / name).write_text("x")
        (tmp_path / "link").symlink_to("one")
        first = digest(tmp_path, "link")
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to("same")
        turned = digest(tmp_path, "link")
        (tmp_path / "same").write_text("y")

        assert str(first).startswith("link:")
        assert len({first, turned, digest(tmp_path, "link"), digest(tmp_path, "one")}) == 4

    def test_a_link_that_leads_out_counts_as_what_it_leads_to(self, tmp_path: Path):
        """Where the person keeps the data is nobody's business: only the bytes count."""
        root = tmp_path / "root"
        root.mkdir()
        (tmp_path / "far").write_text("x")
        (root / "plain").write_text("x")
        (root / "link").symlink_to("../far")

        assert digest(root, "link") == digest(root, "plain")

    def test_a_link_that_leads_nowhere_is_absent(self, tmp_path: Path):
        """There are no bytes to read."""
        (tmp_path / "link").symlink_to("nowhere")

        assert digest(tmp_path, "link") is None

    def test_a_link_to_itself_is_absent(self, tmp_path: Path):
        """A circle has no end and no bytes; it is no bug of ours either."""
        (tmp_path / "link").symlink_to("link")

        assert digest(tmp_path, "link") is None


class TestOtherKinds:
    @pytest.mark.scenario(id="F7")
    @pytest.mark.timeout(60)
    @pytest.mark.parametrize("how", ["bytes", "json", "csv", "python", "sqlite", "stat", "key"])
    @pytest.mark.parametrize("through_a_link", [False, True])
    def test_a_fifo_is_refused_and_never_waited_for(self, tmp_path: Path, how: str, through_a_link: bool):
        """Opening a pipe without a writer would hang the build."""
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to("pipe")

        with pytest.raises(WavebuildError, match="FIFO"):
            digest(tmp_path, "link" if through_a_link else "pipe", how)

    def test_a_socket_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """It has no content."""
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind("door")
            with pytest.raises(WavebuildError, match="socket"):
                digest(tmp_path, "door")

    @pytest.mark.parametrize("how", ["bytes", "yaml", "rows", "python", "sqlite"])
    def test_a_directory_is_refused_with_the_right_spelling(self, tmp_path: Path, how: str):
        """Whoever forgot the slash is told to write it."""
        (tmp_path / "d").mkdir()

        with pytest.raises(WavebuildError, match="write `d/`"):
            digest(tmp_path, "d", how)

    @pytest.mark.scenario(id="D7")
    def test_a_file_that_may_not_be_read_is_the_worlds_fault(self, tmp_path: Path):
        """An error with a name, never a bare OSError."""
        (tmp_path / "a").write_text("x")
        long = "d/" * 3000 + "a"

        with pytest.raises(WavebuildError, match="cannot read"):
            digest(tmp_path, long)


class TestMoved:
    def test_what_stays_as_it_was_has_not_moved(self, tmp_path: Path):
        """Files, absent files and variables that nobody touched."""
        (tmp_path / "a").write_text("x")
        digests = Digests(str(tmp_path), {})
        readings = [file("a"), file("absent"), Reading("env:HOME", "HOME", "env")]
        for reading in readings[:2]:
            digests.see(reading)

        assert digests.moved(readings) == ()

    @pytest.mark.parametrize(
        "change",
        [
            lambda root: (root / "a").write_text("other"),
            lambda root: (root / "a").unlink(),
            lambda root: (root / "absent").write_text("x"),
        ],
        ids=["written", "removed", "appeared"],
    )
    def test_what_changed_since_it_was_read_has_moved(self, tmp_path: Path, change: Callable[[Path], object]):
        """A step may have read either state of it."""
        (tmp_path / "a").write_text("x")
        digests = Digests(str(tmp_path), {})
        readings = [file("a"), file("absent")]
        for reading in readings:
            digests.see(reading)

        change(tmp_path)

        assert len(digests.moved(readings)) == 1

    def test_a_folder_moves_only_when_it_goes(self, tmp_path: Path):
        """What is in it has members of its own."""
        (tmp_path / "d").mkdir()
        digests = Digests(str(tmp_path), {})
        folder = Reading("d/", "d", "folder")
        digests.see(folder)

        (tmp_path / "d/new").write_text("x")
        before = digests.moved([folder])
        (tmp_path / "d/new").unlink()
        (tmp_path / "d").rmdir()

        assert (before, digests.moved([folder])) == ((), ("d/",))

    def busy(self, folder: Path, times: int) -> Digests:
        """Digests of a file that is written to so many times, each between a look at its stamp and its reading.

        The clock is asked just there, so it is the clock that writes.
        """
        busy = folder / "busy"
        busy.write_text("begun")
        written: list[int] = []

        def clock() -> int:
            if len(written) < times:
                written.append(busy.write_text("x" * (10 + len(written))))
            return time.time_ns() + 10**12

        return Digests(str(folder), {}, clock)

    @pytest.mark.scenario(id="F8")
    def test_a_file_that_is_written_to_all_the_while_counts_as_moved(self, tmp_path: Path):
        """Its digest may be of bytes that never stood there together: whoever reads it is told."""
        digests = self.busy(tmp_path, times=100)

        assert not digests.see(file("busy")).sure
        assert digests.moved([file("busy")]) == ("busy",)
        assert digests.take_learned() == {}

    def test_a_file_that_was_written_to_once_is_read_again(self, tmp_path: Path):
        """The second reading is of bytes that stood still."""
        digests = self.busy(tmp_path, times=1)
        seen = digests.see(file("busy"))

        assert (seen.sure, digests.moved([file("busy")])) == (True, ())
        assert seen.digest == digest(tmp_path, "busy")


class TestMakingSure:
    def test_what_was_read_too_soon_is_read_again_a_tick_later(self, tmp_path: Path):
        """After that the next build may believe its stamp."""
        (tmp_path / "a").write_text("one")
        digests = Digests(str(tmp_path), {})
        digests.see(file("a"))

        assert digests.make_sure()
        assert list(digests.take_learned()) == ["a"]

    @pytest.mark.scenario(id="M5")
    def test_a_change_within_the_tick_is_found(self, tmp_path: Path):
        """The bytes that were read first are not what stands there: nothing may be settled on them."""
        (tmp_path / "a").write_text("one")
        digests = Digests(str(tmp_path), {})
        digests.see(file("a"))
        (tmp_path / "a").write_text("two")

        assert not digests.make_sure()

    def test_nothing_to_make_sure_of_takes_no_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """Old files are believed at once."""
        aged(tmp_path / "a", "one")
        digests = Digests(str(tmp_path), {}, now=lambda: time.time_ns() + 10**12)
        digests.see(file("a"))
        monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits"))

        assert all(digests.make_sure() for _ in range(50))

    def test_a_time_in_the_future_is_left_to_the_next_build(self, tmp_path: Path):
        """Waiting would not make it older."""
        (tmp_path / "a").write_text("one")
        changed = (tmp_path / "a").stat().st_ctime_ns
        digests = Digests(str(tmp_path), {}, now=lambda: changed - 10**12)
        digests.see(file("a"))

        assert not digests.make_sure()


class TestVariables:
    def test_unset_and_empty_are_different(self):
        """A shell can tell them apart, so can we."""
        assert len({env_digest(None), env_digest(""), env_digest("a"), env_digest("b")}) == 4

    def test_the_value_itself_is_never_kept(self):
        """Variables hold passwords."""
        assert "secret" not in env_digest("secret")


class TestDatabases:
    def test_a_database_is_not_written_to_by_being_read(self, tmp_path: Path):
        """Reading it must not change its stamp, nor leave files beside it."""
        with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
            database.execute("create table t (x)")
        database.close()
        before = stamp(str(tmp_path / "a.db"))

        digest(tmp_path, "a.db", "sqlite")

        assert stamp(str(tmp_path / "a.db")) == before
        assert os.listdir(tmp_path) == ["a.db"]

    def test_a_name_with_signs_of_an_address_is_still_a_name(self, tmp_path: Path):
        """`?`, `#` and `%` in a file's name are not parts of a URI."""
        with closing(sqlite3.connect(tmp_path / "plain")) as database, database:
            database.execute("create table t (x)")
        database.close()
        (tmp_path / "plain").rename(tmp_path / "a?mode=rwc#b%20.db")

        assert str(digest(tmp_path, "a?mode=rwc#b%20.db", "sqlite")).startswith("sqlite:")

    def test_what_is_no_database_is_refused(self, tmp_path: Path):
        """With the file's name, not with a traceback."""
        (tmp_path / "a.db").write_text("not a database at all, but long enough to look at" * 20)

        with pytest.raises(WavebuildError, match=r"a\.db cannot be read as an SQLite database"):
            digest(tmp_path, "a.db", "sqlite")


class TestOfMany:
    """What was not seen lately takes less room, and says the same."""

    def ground(self, root: Path) -> list[Reading]:
        for number in range(12):
            aged(root / f"f{number}", f'{{"{number}": 1}}')
            (root / f"f{number}").chmod(0o755 if number % 3 == 0 else 0o644)
        time.sleep(0.03)
        (root / "link").symlink_to("f1")
        (root / "folder").mkdir()
        made = [Reading(f"f{number}", f"f{number}", "made") for number in range(0, 12, 5)]
        others = [Reading("f2", "f2", "json"), Reading("f3", "f3", "key", "3"), Reading("folder/", "folder", "folder")]
        return [*(file(f"f{number}") for number in range(12)), *made, file("link"), file("absent"), *others]

    @pytest.fixture(params=[2, 1 << 15])
    def most(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
        most: int = request.param
        monkeypatch.setattr(digest_module, "MOST_SEEN", most)
        return most

    def test_all_that_was_seen_is_seen_again_as_it_was(self, tmp_path: Path, most: int):
        """Whatever has become of it; only what was forgotten is read again. Who has moved is told."""
        readings = self.ground(tmp_path)
        digests = Digests(str(tmp_path), {})
        first = [digests.see(reading) for reading in readings]
        plain = {reading.path: seen for reading, seen in zip(readings, first, strict=True) if reading.how == "bytes"}

        for number in (1, 4):
            (tmp_path / f"f{number}").write_text("other")
        again = [digests.see(reading) for reading in readings]
        moved = digests.moved(readings)
        marks = {path: digests.mark_of(path) for path in plain}
        evidence = dict(digests.evidence())
        digests.forget("f4")

        assert again == first
        assert sorted(moved) == ["f1", "f4", "link"]
        assert marks == {path: seen.stamp for path, seen in plain.items()}
        assert evidence == marks
        assert digests.see(file("f4")).digest != plain["f4"].digest
        assert digests.see(file("f0")).digest == plain["f0"].digest

    def test_a_file_that_takes_little_room_may_be_given_other_times(self, tmp_path: Path, most: int):
        """Its digest holds, and its stamp is the new one."""
        readings = self.ground(tmp_path)
        digests = Digests(str(tmp_path), {})
        before = [digests.see(reading) for reading in readings][6]

        os.utime(tmp_path / "f6", (1e9, 1e9))
        digests.restamped("f6")

        assert digests.see(file("f6")).digest == before.digest
        assert digests.see(file("f6")).stamp == stamp(str(tmp_path / "f6"))
        assert not digests.moved([file("f6")])

    def test_of_many_most_take_a_third_of_the_room(self, tmp_path: Path):
        """So a build of many steps can hold what it has seen until its end."""
        readings = [file(f"f{number}") for number in range(600)]
        for reading in readings:
            aged(tmp_path / reading.path, reading.path)
        time.sleep(0.03)

        assert room(tmp_path, 2) < room(tmp_path, 1 << 15) * 0.65


ROOM = """
import sys, tracemalloc
from wavebuild.judge import digest
from wavebuild.judge.digest import Digests, Reading

digest.MOST_SEEN = int(sys.argv[2])
readings = [Reading(f"f{number}", f"f{number}") for number in range(600)]
digests = Digests(sys.argv[1], {})
Digests(sys.argv[1], {}).see(readings[0])
tracemalloc.start()
for reading in readings:
    digests.see(reading)
digests.take_learned()
print(tracemalloc.get_traced_memory()[0])
"""


def room(root: Path, most: int) -> int:
    """The bytes that 600 digests take in an interpreter that has done nothing else."""
    arguments = [sys.executable, "-c", ROOM, str(root), str(most)]
    return int(subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60).stdout)


def test_who_was_told_before_an_input_changed_has_seen_it_move(tmp_path: Path) -> None:
    """Also if it says again what it had said: meanwhile it said something else."""
    (tmp_path / "f").write_text("1")
    digests = Digests(str(tmp_path), {})
    reading = Reading("f", "f")
    first = digests.see(reading).digest
    asked = time.monotonic()
    (tmp_path / "f").write_text("2")
    (tmp_path / "f").write_text("1")

    digests.doubt([reading])

    assert digests.see(reading).digest == first
    assert digests.moved([reading], asked) == ("f",)
    assert digests.moved([reading]) == ()
    assert dict(digests.evidence())["f"][4] == -1


def test_what_is_not_there_is_not_looked_at_again_after_it_was_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step may read very many files that are not made yet: one look for its kind, one for its stamp, and no third."""
    (tmp_path / "there").write_text("1")
    digests, looks = Digests(str(tmp_path), {}), list[str]()
    look = disk.look

    def noted(path: str) -> os.stat_result | None:
        looks.append(os.path.basename(path))
        return look(path)

    monkeypatch.setattr(disk, "look", noted)
    found = [digests.see(Reading(name, name)).digest for name in ("there", "absent")]

    assert found[0] is not None
    assert found[1] is None
    assert looks == ["there", "absent", "absent"]
