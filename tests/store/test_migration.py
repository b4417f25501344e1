"""States that earlier versions wrote, as SQL text in ``states/``, and one that only a later version can read.

Each was written by the wavebuild of its version: three builds (of one, two, one), and then one that was killed.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command import Site, snapshot
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError
from wavebuild.store.database import VERSION, mark, migrate

STATES = Path(__file__).parent / "states"
VERSIONS = ("v1", "v2", "v3")
COPY = "cat in > out.txt"
SLOW = "echo half > out.txt; [ -e go ] || sleep 77; cat in > out.txt"
STEPS = """\
steps:
  copy: {inputs: in, outputs: out.txt, run: '%s'}
  split: {inputs: out.txt, outputs: parts/, run: 'cp out.txt parts/a; echo b > parts/b'}
  note: {needs: [split], inputs: in, run: 'true'}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


def database(shop: Workshop) -> Path:
    return shop.root / ".wavebuild/state/Wavefile.db"


def laid_out(shop: Workshop, state: str, command: str = COPY) -> None:
    """The project as that version left it."""
    shop.wavefile(STEPS % command)
    for path, text in {"in": "one\n", "out.txt": "one\n", "parts/a": "one\n", "parts/b": "b\n"}.items():
        shop.put(path, text)
    database(shop).parent.mkdir(parents=True)
    with closing(sqlite3.connect(database(shop))) as handle, handle:
        handle.executescript((STATES / f"{state}.sql").read_text())
        handle.execute("pragma journal_mode=wal")
    handle.close()


@pytest.mark.parametrize("version", VERSIONS)
class TestOlder:
    @pytest.mark.scenario(id="S4")
    def test_what_was_fresh_is_fresh_and_nothing_is_lost(self, shop: Workshop, version: str):
        """S4: a question reads it as it is, a build brings it to the present version; nothing runs."""
        laid_out(shop, version)
        before = database(shop).read_bytes()
        assert shop.plan() == {"copy": "FRESH", "split": "FRESH", "note": "FRESH"}
        assert database(shop).read_bytes() == before

        first, again = shop.build(), shop.build(full=True)

        assert (first.outcomes, first.notices) == ({"copy": "kept", "split": "kept", "note": "kept"}, "")
        assert set(again.outcomes.values()) == {"kept"}
        with closing(sqlite3.connect(database(shop))) as handle, handle:
            assert handle.execute("pragma user_version").fetchone() == (VERSION,)
        handle.close()
        past = engine.history(shop.request(), None, 10).runs
        assert len(past) == 5
        assert dict(past[-1].counts) | dict(past[0].counts)

    def test_its_last_run_can_be_told(self, shop: Workshop, version: str):
        """As far as it is on record: which steps ran; that there is no more is said. Nothing is written."""
        laid_out(shop, version)
        before = database(shop).read_bytes()

        story = engine.told(shop.request(), None)

        assert {each.name: each.lane for each in story.chapters} == {"copy": 0, "split": 0, "note": None}
        assert any("earlier version" in each for each in story.unknown)
        assert database(shop).read_bytes() == before

    def test_an_earlier_content_is_still_known(self, shop: Workshop, version: str):
        """Traces of all three builds were kept: what they made is ours, and displaced by nobody."""
        laid_out(shop, version)
        shop.put("in", "two\n")

        built = shop.build()

        assert (built.code, built.steps["copy"].outcome.value) == (0, "succeeded")
        assert shop.read("parts/a") == "two\n"
        assert not (shop.root / ".wavebuild/displaced").exists()

    def test_what_a_killed_build_of_it_left_is_repaired(self, shop: Workshop, version: str):
        """Its journal is read by the present version."""
        laid_out(shop, f"{version}-killed", SLOW)
        with closing(sqlite3.connect(database(shop))) as handle, handle:
            (attempt,) = handle.execute("select id from attempts").fetchone()
        handle.close()
        shop.put(f".wavebuild/aside/{attempt}/0", "one\n")
        shop.put("out.txt", "half\n")
        assert shop.plan()["copy"] == "FRESH"

        built = shop.build()

        assert "step copy was cut off" in built.notices
        assert (built.ran, shop.read("out.txt")) == ([], "one\n")
        assert set(built.outcomes.values()) == {"kept"}

    @pytest.mark.scenario(id="K10")
    @pytest.mark.scenario(id="S4")
    def test_a_migration_that_is_cut_off_has_not_begun(self, shop: Workshop, version: str):
        """All of it is one transaction: another program that reads the file sees the old one or the new one."""
        laid_out(shop, version)

        def refuses(action: int, name: str | None, value: str | None, *where: object) -> int:
            is_last = action == sqlite3.SQLITE_PRAGMA and name == "application_id" and value is not None
            return sqlite3.SQLITE_DENY if is_last else sqlite3.SQLITE_OK

        with closing(sqlite3.connect(database(shop))) as handle, handle:
            tables = handle.execute("select count(*) from sqlite_master").fetchone()
            handle.set_authorizer(refuses)
            with pytest.raises(sqlite3.DatabaseError):
                migrate(handle)
        handle.close()

        with closing(sqlite3.connect(database(shop))) as handle, handle:
            assert handle.execute("select count(*) from sqlite_master").fetchone() == tables
            assert handle.execute("pragma user_version").fetchone() == (int(version[1:]),)
        handle.close()
        assert set(shop.build().outcomes.values()) == {"kept"}


class TestNewer:
    def newer(self, shop: Workshop) -> None:
        laid_out(shop, "v2")
        shop.settle()
        with closing(sqlite3.connect(database(shop))) as handle, handle:
            mark(handle, VERSION + 1)
        handle.close()

    @pytest.mark.scenario(id="S4")
    def test_every_command_refuses_it_and_nothing_is_written(self, shop: Workshop):
        """S4: exit 2 and what to do, from builds, questions and hands; the file stays as it is."""
        self.newer(shop)
        (database(shop).with_name("Wavefile.settled")).unlink()
        site = Site(shop.home)
        before = snapshot(database(shop).parent)

        for command in ("", "plan", "status", "explain copy", "-n", "-q", "history", "forget copy"):
            done = site.wavebuild(*command.split())
            newer = f"a newer wavebuild (version {VERSION + 1}"
            assert (done.code, newer in done.err) == (2, True), (command, done.err)
            assert "Traceback" not in done.err
        assert snapshot(database(shop).parent) == before

    def test_removing_the_file_is_the_way_out_that_is_told(self, shop: Workshop):
        """All steps run again, over what they made."""
        self.newer(shop)
        with pytest.raises(WavebuildError, match="remove the file"):
            shop.build(full=True)
        shutil.rmtree(database(shop).parent)

        assert set(shop.build().outcomes.values()) == {"succeeded"}
