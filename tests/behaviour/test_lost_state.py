"""The state is disposable: whatever becomes of it costs a rebuild at most, never a wrong one, never a person's work."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.workshop import Built, Workshop
from wavebuild.errors import WavebuildError
from wavebuild.run.events import Event, StepSettled

STEPS = """\
settings: {keep_going: true}
steps:
  a: {inputs: s, outputs: [one, d/], run: 'note a; cat s > one; cp s d/x; cp s d/$(cat s)'}
  b: {inputs: one, outputs: 'g/*.txt', run: 'note b; cp one g/1.txt; cp one g/$(cat one).txt'}
  c: {inputs: s, outputs: final, on_edit: fail, run: 'note c; cat s > final'}
"""
WIDE = int(os.environ.get("DAMAGES", "8"))
"""At how many places each kind of damage is tried: more than a few are for a quiet hour."""

MADE = {"one": "1", "d/x": "1", "d/1": "1", "g/1.txt": "1", "final": "1"}


def outputs(shop: Workshop) -> dict[str, str]:
    files = [path for path in sorted(shop.root.rglob("*")) if path.is_file()]
    found = {str(path.relative_to(shop.root)): path.read_text() for path in files if ".wavebuild" not in path.parts}
    return {name: text for name, text in found.items() if name not in ("s", "Wavefile")}


@pytest.fixture
def built(shop: Workshop) -> Workshop:
    """A project that is up to date."""
    shop.put("s", "1")
    shop.wavefile(STEPS)
    shop.settle()
    assert outputs(shop) == MADE
    return shop


def state_of(shop: Workshop) -> Path:
    return shop.root / ".wavebuild/state/Wavefile.db"


def is_right(shop: Workshop, first: Built) -> None:
    """What was built is right whatever had happened, nothing of ours counts as a person's, the next build is idle."""
    assert first.code == 0, (first.steps, first.notices)
    assert outputs(shop) == MADE
    assert not (shop.root / ".wavebuild/displaced").exists()
    again = shop.build()
    assert (again.code, again.ran) == (0, []), again.steps


class TestLost:
    @pytest.mark.scenario(id="S1")
    @pytest.mark.parametrize("what", ["state", "state/Wavefile.db"])
    def test_without_it_everything_runs_again_and_no_question_is_asked(self, built: Workshop, what: str):
        """S1: files that we made ourselves are no person's: the second record says so, and it is said once."""
        gone = built.root / ".wavebuild" / what
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        assert built.plan() == {"a": "RUN", "b": "RUN", "c": "RUN"}

        after = built.build()

        assert after.ran == ["a", "c", "b"]
        assert after.notices.count("state") == 1
        is_right(built, after)

    def test_what_a_person_wrote_meanwhile_is_kept(self, built: Workshop):
        """It is not what we made: `on_edit` decides, and what is overwritten is displaced."""
        state_of(built).unlink()
        built.put("one", "mine")
        built.put("final", "mine")

        after = built.build()

        assert built.displaced("one") == ["mine"]
        assert after.steps["c"].failure == "edited"
        assert built.read("final") == "mine"

    def test_former_members_go_with_the_next_run(self, built: Workshop):
        """A file of a glob or directory that the step makes no more is not left behind as somebody's."""
        state_of(built).unlink()
        built.put("s", "2")

        assert built.build().code == 0

        assert set(outputs(built)) == {"one", "d/x", "d/2", "g/1.txt", "g/2.txt", "final"}
        assert not (built.root / ".wavebuild/displaced").exists()

    def test_a_file_that_nobody_made_is_still_unclaimed(self, built: Workshop):
        """The second record says what we made, and nothing of the rest."""
        state_of(built).unlink()
        built.put("d/mine", "mine")

        assert built.build().steps["a"].failure == "unclaimed"
        assert built.read("d/mine") == "mine"

    def test_without_its_log_an_older_state_makes_nothing_of_ours_a_persons(self, shop: Workshop):
        """The -wal of a killed build is gone: what it had recorded last is known from the second record."""
        shop.put("s", "0")
        shop.wavefile(STEPS)
        shop.settle()
        older = state_of(shop).read_bytes()
        shop.put("s", "1")
        shop.settle()
        state_of(shop).write_bytes(older)
        assert shop.plan() == {"a": "RUN", "b": "RUN", "c": "RUN"}

        is_right(shop, shop.build())

    def test_a_lost_second_record_is_written_again(self, built: Workshop):
        """And costs nothing."""
        shutil.rmtree(built.root / ".wavebuild/claims")
        built.put("s", "2")
        assert built.build().code == 0
        built.put("s", "1")
        assert built.build().code == 0
        state_of(built).unlink()

        is_right(built, built.build())

    def test_the_whole_folder_gone_is_a_clone(self, built: Workshop):
        """Nothing is known then: files in the outputs may be anybody's."""
        shutil.rmtree(built.root / ".wavebuild")

        assert {settled.failure for settled in built.build().steps.values()} >= {"unclaimed"}
        assert outputs(built) == MADE

    def test_clean_state_drops_the_second_record_too(self, built: Workshop):
        """It was asked for."""
        from wavebuild import engine

        engine.clean_state(built.request(), dry=False)

        assert built.build().steps["a"].failure == "unclaimed"


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]


def spots(size: int) -> list[int]:
    """Some places of a file: its head, the beginnings of its pages, and one in each stretch between."""
    step = max(1, size // WIDE)
    return sorted({0, 20, *(at + 37 * at // step % step for at in range(0, size - step, step))})


class TestDamage:
    """S1, S2: at every byte that is tried, the next build is right, with at most one full rebuild and one warning."""

    def tried(self, shop: Workshop, name: str, damage: Callable[[bytes, int], bytes]) -> None:
        folder, kept = shop.root / ".wavebuild", shop.home / "kept"
        shutil.copytree(folder, kept)
        data = (folder / name).read_bytes()
        for at in spots(len(data)):
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
            (folder / name).write_bytes(damage(data, at))
            (folder / "state/Wavefile.settled").unlink()
            after = shop.build()
            assert (after.code, after.notices.count("state was damaged") <= 1) == (0, True), (at, after.steps)
            assert (outputs(shop), shop.displaced("*")) == (MADE, []), at
            again = shop.build()
            assert (again.code, again.ran) == (0, []), (at, again.steps)

    @pytest.mark.scenario(id="S1")
    def test_cut_off_anywhere(self, built: Workshop):
        self.tried(built, "state/Wavefile.db", lambda data, at: data[:at])

    @pytest.mark.scenario(id="S1")
    def test_a_bit_flipped_anywhere(self, built: Workshop):
        self.tried(built, "state/Wavefile.db", lambda data, at: flipped(data, at, at % 8))

    def test_a_stretch_of_zeros_anywhere(self, built: Workshop):
        self.tried(
            built,
            "state/Wavefile.db",
            lambda data, at: data[:at] + bytes(len(data[at : at + 4096])) + data[at + 4096 :],
        )

    def test_the_second_record_damaged_anywhere_is_no_damage(self, built: Workshop):
        self.tried(built, "claims/Wavefile", lambda data, at: flipped(data, at, at % 8))

    @pytest.mark.parametrize(
        "table", ["traces", "made", "digests", "attempts", "results", "runs", "reasons", "tallies"]
    )
    def test_a_table_is_missing(self, built: Workshop, table: str):
        """One that is wanted is damage; the next build makes it again."""
        with closing(sqlite3.connect(state_of(built))) as handle, handle:
            handle.execute(f"drop table {table}")
        handle.close()
        (built.root / ".wavebuild/state/Wavefile.settled").unlink()
        built.plan()

        is_right(built, built.build())

    @pytest.mark.scenario(id="S2")
    @pytest.mark.parametrize("suffix", ["-wal", "-shm"])
    @pytest.mark.parametrize("bad", [b"", b"garbage" * 1000])
    def test_what_lies_beside_the_database_is_garbage(self, built: Workshop, suffix: str, bad: bytes):
        """SQLite's own files: what cannot be its log is thrown away."""
        state_of(built).with_name(f"Wavefile.db{suffix}").write_bytes(bad)
        (built.root / ".wavebuild/state/Wavefile.settled").unlink()
        assert built.plan() == {"a": "FRESH", "b": "FRESH", "c": "FRESH"}

        after = built.build()

        assert after.ran == []
        is_right(built, after)

    @pytest.mark.parametrize("name", ["frozen", "lock", "states", "state/Wavefile.contents"])
    def test_other_files_of_the_folder_hold_garbage(self, built: Workshop, name: str):
        """None of them says that something is fresh."""
        path = built.root / ".wavebuild" / name
        path.write_bytes(b"\x00\xff garbage\n" * 50)
        (built.root / ".wavebuild/state/Wavefile.settled").unlink()
        built.put("s", "2")
        built.build()
        built.put("s", "1")

        is_right(built, built.build())


def spoiled(path: Path) -> None:
    """The pages of a database that is open, all but the first."""
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


class TestUnderABuild:
    """S2, S6: what happens to the state while it is in use is made good from what the build knows."""

    def after_a(self, harm: Callable[[], object]) -> Callable[[Event], object]:
        def meanwhile(event: Event) -> None:
            if isinstance(event, StepSettled) and event.settled.step == "a":
                harm()

        return meanwhile

    @pytest.mark.scenario(id="S6")
    @pytest.mark.scenario(id="S2")
    @pytest.mark.parametrize("harm", ["spoil", "remove", "remove log", "replace", "empty", "drop"])
    def test_nothing_is_lost_and_it_is_said(self, built: Workshop, harm: str):
        """The build ends well, and the next has nothing to do."""
        path = state_of(built)
        log = path.with_name("Wavefile.db-wal")
        old = path.read_bytes()

        def replace() -> None:
            path.with_name("other").write_bytes(old)
            path.with_name("other").rename(path)

        def drop() -> None:
            with closing(sqlite3.connect(path)) as handle, handle:
                handle.execute("drop table made")
            handle.close()

        def spoil() -> None:
            with closing(sqlite3.connect(path)) as handle, handle:
                handle.execute("pragma wal_checkpoint(truncate)")
            handle.close()
            spoiled(path)

        harms = {
            "spoil": spoil,
            "remove": path.unlink,
            "remove log": log.unlink,
            "replace": replace,
            "empty": lambda: os.truncate(path, 0),
            "drop": drop,
        }
        built.put("s", "2")
        first = built.build(meanwhile=self.after_a(harms[harm]))

        assert (first.code, first.ran) == (0, ["a", "c", "b"]), (first.steps, first.notices)
        assert first.notices.count("written anew") <= 1
        again = built.build(full=True)
        assert (again.code, again.ran, again.notices) == (0, [], "")
        built.put("s", "1")
        is_right(built, built.build())

    @pytest.mark.scenario(id="S6")
    def test_when_the_whole_folder_goes_the_build_stops(self, built: Workshop):
        """Nobody holds the project any more: a second build may have begun."""
        built.put("s", "2")

        with pytest.raises(WavebuildError, match="removed or replaced during the build") as caught:
            built.build(meanwhile=self.after_a(lambda: shutil.rmtree(built.root / ".wavebuild")))

        assert caught.value.exit_code == 1
