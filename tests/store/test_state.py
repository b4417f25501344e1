"""What is remembered: every deed is there for the next build, whatever happens to the file in between."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from wavebuild import disk
from wavebuild.errors import WavebuildError
from wavebuild.judge.asking import Answer
from wavebuild.judge.trace import KEPT, MOST_KEPT, Made, Trace
from wavebuild.run.records import Attempt, Result
from wavebuild.store import rows as state_rows
from wavebuild.store import state as state_module
from wavebuild.store import views
from wavebuild.store.claims import claimed
from wavebuild.store.database import mark, unusable
from wavebuild.store.opening import open_state, read_state
from wavebuild.store.state import State
from wavebuild.store.text import packed, unpacked


def trace(number: int = 1, **facts: object) -> Trace:
    plain = Trace(
        "s", f"r{number}", float(number), 1.0, {"command": "x"}, {}, {"i": f"{number}"}, {}, {"o": f"d{number}"}
    )
    return msgspec.structs.replace(plain, **facts)


def attempt(number: int = 1, **facts: object) -> Attempt:
    return msgspec.structs.replace(
        Attempt(f"r{number}.0", "s", f"r{number}", "k", {}, {}, (("file", "o", ()),)), **facts
    )


def result(number: int = 1, outcome: str = "succeeded", step: str = "s", seconds: float = 1.0) -> Result:
    return Result(step, f"r{number}", outcome, float(number), seconds, 1, 0, "", f"logs/r{number}/s.log")


class Memory:
    """A state file that is opened anew for every look, as the next build would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notices: list[str] = []
        self._open: list[State] = []

    def open(self, scope: str = "") -> State:
        self.close()
        self._open.append(open_state(str(self.path), self.notices, scope))
        return self._open[0]

    def now_and_later(self) -> Iterator[State]:
        """The state that is open, then the same as the next build opens it."""
        yield self._open[0]
        yield self.open()

    def close(self) -> None:
        while self._open:
            self._open.pop().close()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    found = Memory(tmp_path / "state" / "Wavefile.db")
    yield found
    found.close()


class TestDeeds:
    def test_a_success_is_remembered_whole(self, memory: Memory):
        """Trace, members, result; the attempt that had no files to move is closed."""
        state = memory.open()
        state.begin(attempt())
        state.succeed("k", trace(), attempt(), result())

        for known in memory.now_and_later():
            assert known.traces("k") == [trace()]
            assert dict(known.made()) == {"o": Made("d1", "k", "", False, "")}
            assert known.last_results() == {"s": result()}
            assert known.attempts() == []

    def test_results_of_many_steps_are_not_held(self, memory: Memory, monkeypatch: pytest.MonkeyPatch):
        """They are told all the same, those of this build too, and the newest of each step."""
        monkeypatch.setattr(state_module, "HELD", 3)
        state = memory.open()
        assert state.last_results() == {}
        told = []
        for number in range(1, 9):
            state.succeed("k", trace(number), attempt(number), result(number, step=f"s{number % 6}"))
            told.append(len(state._last or ()))

        newest = {f"s{number % 6}": result(number, step=f"s{number % 6}") for number in range(1, 9)}
        assert max(told) <= 3
        for known in memory.now_and_later():
            assert known.last_results() == newest

    def test_a_trace_that_was_asked_for_is_not_decoded_again(self, memory: Memory, monkeypatch: pytest.MonkeyPatch):
        """Who records the next one wants to know what the former edited."""
        memory.open().record("k", trace(1))
        state = memory.open()
        assert state.traces("k")[0] == trace(1)
        with monkeypatch.context() as counted:
            counted.setattr(views, "decoded", lambda data: pytest.fail("it is decoded already"))
            state.succeed("k", trace(2), attempt(), result())

        for known in memory.now_and_later():
            assert known.traces("k") == [trace(2), trace(1)]

    def test_a_long_trace_that_gives_way_is_not_written_over(self, memory: Memory):
        """Its room is given up as it is: what is written for a long trace is that trace, and little else."""
        state = memory.open()
        log = Path(f"{memory.path}-wal")
        for number in range(1, 7):
            inputs = {f"src/{each}": f"sha256:{number * each:064}" for each in range(MOST_KEPT // 160)}
            before = log.stat().st_size
            state.record("k", trace(number, inputs=inputs))
            state.flush()

        assert log.stat().st_size - before < 1.3 * len(packed(state.traces("k")[0]))

    def test_of_long_traces_fewer_are_kept(self, memory: Memory):
        """Two at least: who takes an edit back finds the former state; but not eight times thousands of inputs."""
        state = memory.open()
        many = {f"src/{number}": f"sha256:{number:064}" for number in range(MOST_KEPT // 80)}
        for number in range(1, 6):
            state.record("k", trace(number, inputs={**many, "i": str(number)}))
            state.record("short", trace(number))

        for known in memory.now_and_later():
            assert [one.run for one in known.traces("k")] == ["r5", "r4"]
            assert len(known.traces("short")) == 5

    def test_an_attempt_is_on_record_until_it_is_closed(self, memory: Memory):
        """With whether its success was recorded: that decides what a repair does."""
        moving = attempt(aside={"o": "aside/0"}, displaced={"o": "displaced/o"})
        memory.open().begin(moving)
        assert memory.open().attempts() == [(moving, False)]

        memory.open().succeed("k", trace(), moving, result())
        assert memory.open().attempts() == [(moving, True)]

        memory.open().close_attempt(moving.id)
        assert memory.open().attempts() == []

    def test_a_failure_voids_traces_and_keeps_their_bytes_known(self, memory: Memory):
        """Only those that are named."""
        state = memory.open()
        state.succeed("k", trace(1), attempt(1), result(1))
        state.succeed("k", trace(2), attempt(2), result(2))
        state.begin(attempt(3))
        state.fail("k", "r3.0", result(3, "failed"), [state.traces("k")[1]])

        for known in memory.now_and_later():
            assert known.traces("k") == [trace(2), trace(1, void=True)]
            assert known.last_results()["s"].outcome == "failed"
            assert known.attempts() == []

    def test_the_last_eight_traces_are_kept(self, memory: Memory):
        """Newest first."""
        state = memory.open()
        for number in range(1, KEPT + 4):
            state.succeed("k", trace(number), attempt(number), result(number))

        expected = [trace(number) for number in range(KEPT + 3, 3, -1)]
        assert state.traces("k") == expected
        assert memory.open().traces("k") == expected
        assert len(expected) == 8

    def test_a_member_that_is_made_no_more_is_forgotten(self, memory: Memory):
        """It is no orphan: the step itself removed it."""
        state = memory.open()
        state.succeed("k", trace(1, outputs={"o": "1", "p": "1"}), attempt(1), result(1))
        state.succeed("k", trace(2, outputs={"o": "1"}), attempt(2), result(2))

        assert list(state.made()) == ["o"]
        assert list(memory.open().made()) == ["o"]

    def test_recording_a_trace_without_a_run(self, memory: Memory):
        """A touch, a gate judged again, a manual output."""
        state = memory.open()
        state.record("k", trace(by_touch=True))

        assert state.traces("k")[0].by_touch
        assert memory.open().traces("k") == [trace(by_touch=True)]
        assert list(memory.open().made()) == ["o"]
        assert memory.open().last_results() == {}

    def test_replacing_the_last_trace_leaves_the_others(self, memory: Memory):
        """An accepted edit."""
        state = memory.open()
        for number in (1, 2):
            state.succeed("k", trace(number), attempt(number), result(number))
        state.replace_last("k", trace(2, outputs={"o": "mine"}, by_hand=("o",)))

        for known in memory.now_and_later():
            assert [each.outputs for each in known.traces("k")] == [{"o": "mine"}, {"o": "d1"}]
            assert known.made()["o"][0] == "mine"

    def test_learned_digests_are_written_with_the_next_deed(self, memory: Memory):
        """Stamps of links are longer, and times may be before 1970."""
        state = memory.open()
        learned = {
            "a": ((1, 2, 3, 4, 5), "d"),
            "l": ((1, 2, 3, -4, 5, 6, 7, 8, 9, 10), "e"),
            "b\0json\0": ((1, 2, 3, 4, 5), "j"),
        }
        state.learn(learned)
        assert memory.open().digests() == {}
        state = memory.open()
        state.learn(learned)
        state.flush()

        assert memory.open().digests() == learned

    def test_paths_of_any_bytes_are_remembered(self, memory: Memory):
        """Linux allows all but NUL and the slash."""
        odd = os.fsdecode(b"\xff\n\xe4 'o")
        memory.open().succeed("k", trace(outputs={odd: "1"}), attempt(aside={odd: "aside/0"}), result())

        assert list(memory.open().made()) == [odd]
        assert memory.open().traces("k")[0].outputs == {odd: "1"}
        assert memory.open().attempts()[0][0].aside == {odd: "aside/0"}

    def test_durations_are_the_median_of_the_last_five_successes(self, memory: Memory):
        """Failures and older ones do not count."""
        state = memory.open()
        for number, seconds in enumerate([900.0, 5.0, 1.0, 4.0, 2.0, 3.0], 1):
            state.fail("k", "none", result(number, seconds=seconds), ())
        state.fail("k", "none", result(7, "failed", seconds=700.0), ())

        assert memory.open().durations() == {"s": 3.0}

    def test_results_are_told_newest_first(self, memory: Memory):
        """Of one step."""
        state = memory.open()
        for number in (1, 3, 2):
            state.fail("k", "none", result(number), ())
        state.fail("k", "none", result(9, step="other"), ())

        assert [each.run for each in memory.open().history.results("s")] == ["r3", "r2", "r1"]

    def test_forgotten_members_are_no_longer_ours(self, memory: Memory):
        """After clean."""
        state = memory.open()
        state.succeed("k", trace(outputs={"o": "1", "p": "1"}), attempt(), result())
        state.forget_members(["o"])

        assert list(state.made()) == list(memory.open().made()) == ["p"]

    def test_members_carry_the_scope_they_were_made_in(self, memory: Memory):
        """Those of another --set are not orphans of this one."""
        memory.open("one").succeed("k", trace(), attempt(), result())

        assert memory.open("two").made()["o"] == Made("d1", "k", "one", False, "")


class TestGroups:
    def killed(self, memory: Memory, folder: Path) -> State:
        """The state as the next build finds it, were this one killed now."""
        folder.mkdir(parents=True)
        for path in memory.path.parent.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        return open_state(str(folder / memory.path.name), [])

    def test_a_kill_takes_all_of_a_group_or_nothing(self, memory: Memory, tmp_path: Path):
        """What was put is known at once, and kept by the next flush; a deed is never kept by halves."""
        state = memory.open()
        state.begin(attempt(1))
        state.begin(attempt(2))
        state.flush()
        state.succeed("k", trace(1), attempt(1), result(1))
        state.succeed("l", trace(2, outputs={"p": "1"}), attempt(2), result(2))

        before = self.killed(memory, tmp_path / "before")
        state.flush()
        after = self.killed(memory, tmp_path / "after")

        assert [each.id for each, _ in before.attempts()] == ["r1.0", "r2.0"]
        assert (list(before.traces("k")), dict(before.made()), before.last_results()) == ([], {}, {})
        assert [list(after.traces(key)) for key in "kl"] == [[trace(1)], [trace(2, outputs={"p": "1"})]]
        assert (set(after.made()), after.attempts()) == ({"o", "p"}, [])
        before.close()
        after.close()

    def test_what_only_spares_work_waits_while_groups_follow_one_another(
        self, memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """A kill may take digests that were learned just before it, and never a trace; what ends well keeps all."""
        monkeypatch.setattr(state_module, "LATER", 60.0)
        record = str(tmp_path / "claims")
        state = open_state(str(memory.path), [], claims=record)
        for number in (1, 2, 3):
            state.learn({f"i{number}": ((1, 2, 3, 4, 5), "d")})
            state.succeed(f"k{number}", trace(number, outputs={f"o{number}": "1"}), attempt(number), result(number))
            state.flush()
        killed = self.killed(memory, tmp_path / "killed")
        known = set(claimed(record))

        state.close()

        assert (set(killed.made()), set(killed.digests()), known) == ({"o1", "o2", "o3"}, {"i1"}, {"o1"})
        assert [bool(killed.traces(f"k{number}")) for number in (1, 2, 3)] == [True] * 3
        after = open_state(str(memory.path), memory.notices, claims=record)
        assert (set(after.digests()), set(claimed(record))) == ({"i1", "i2", "i3"}, {"o1", "o2", "o3"})
        assert memory.notices == []
        killed.close()
        after.close()

    def test_after_a_group_that_could_not_be_written_nothing_more_is(
        self, memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """The files of the step were put back: its success, or the loss of a member, must not come on record later."""
        state = memory.open()
        state.succeed("k", trace(1, outputs={"o": "1", "p": "1"}), attempt(1), result(1))
        state.begin(attempt(2, aside={"o": "x"}))
        state.flush()
        state.succeed("k", trace(2, outputs={"o": "2"}), attempt(2), result(2))
        with monkeypatch.context() as patched:
            patched.setattr(disk, "fault", self.full)
            with pytest.raises(OSError, match="No space left"):
                state.flush()
        state.fail("k", "r2.0", result(2, "failed"), ())
        with pytest.raises(OSError, match="No space left"):
            state.flush()

        again = memory.open()
        assert {path: one.digest for path, one in again.made().items()} == {"o": "1", "p": "1"}
        assert ([one.run for one in again.traces("k")], len(again.attempts())) == (["r1"], 1)

    def full(self, point: str) -> None:
        if point == "before commit":
            raise OSError(28, "No space left on device")

    def test_what_was_put_last_of_one_thing_is_what_is_kept(self, memory: Memory):
        """In one group: a member that changes hands, and one that goes and comes again."""
        state = memory.open()
        state.succeed("k", trace(1, outputs={"o": "1", "p": "1"}), attempt(1), result(1))
        state.succeed("l", trace(2, outputs={"p": "2"}), attempt(2), result(2, step="t"))
        state.succeed("k", trace(3, outputs={"o": "3"}), attempt(3), result(3))
        state.record("m", trace(4, outputs={"q": "4"}))
        state.record("m", trace(5, outputs={"q": "5"}), placed=True)

        for known in memory.now_and_later():
            made = {path: (one.digest, one.key) for path, one in known.made().items()}
            assert made == {"o": ("3", "k"), "p": ("2", "l")}
            assert [one.run for one in known.traces("m")] == ["r5", "r4"]

    def test_what_a_question_asks_is_of_all_that_was_put(self, memory: Memory):
        """Also what is not held in memory."""
        state = memory.open()
        state.succeed("k", trace(), attempt(), result(), {"m": ("=1", "1")})

        assert state.history.results("s") == [result()]
        assert state.remembered("m") == "1"
        assert state.durations() == {"s": 1.0}


class TestLarge:
    """A state that is read as far as it is asked."""

    KEYS = 400

    def filled(self, memory: Memory) -> State:
        state = memory.open()
        for number in range(self.KEYS):
            name = f"{number:04}"
            state.learn({name: ((1, 2, 3, 4, number), f"d{number}")})
            for run in range(1 + number % 3):
                made = trace(run, step=name, outputs={f"o{name}": f"{run}"})
                state.succeed(f"k{name}", made, attempt(run), result(run, step=name))
        return memory.open()

    def questions(self, state: State) -> list[str]:
        asked: list[str] = []
        state._database._handle.set_trace_callback(asked.append)
        return asked

    @pytest.mark.parametrize("held", [state_rows.HELD, 100, 3])
    @pytest.mark.parametrize("order", ["forward", "back", "odd"])
    def test_whatever_the_order_and_however_much_is_held_it_says_the_same(
        self, memory: Memory, monkeypatch: pytest.MonkeyPatch, held: int, order: str
    ):
        """Rows that are there and rows that are not, read one by one, ahead, or as a whole; changed in between."""
        monkeypatch.setattr(state_rows, "HELD", held)
        monkeypatch.setattr(state_rows, "STRETCH", 64)
        monkeypatch.setattr(state_module, "SMALL", 0)
        state = self.filled(memory)
        numbers = list(range(self.KEYS + 5))
        numbers = {"forward": numbers, "back": numbers[::-1], "odd": sorted(numbers, key=lambda n: n * 7919 % 613)}[
            order
        ]
        for at, number in enumerate(numbers):
            name, there = f"{number:04}", number < self.KEYS
            traces, made = state.traces(f"k{name}"), state.made()
            assert [one.run for one in traces] == [f"r{run}" for run in reversed(range(1 + number % 3))] * there
            assert (f"o{name}" in made, name in state.digests()) == (there, there)
            if there and at % 5 == 0:
                state.succeed(f"k{name}", trace(9, outputs={f"p{name}": "9"}), attempt(9), result(9, step=name))
                assert (state.traces(f"k{name}")[0].run, f"o{name}" in made) == ("r9", False)
                if at % 2:
                    state.flush()
            if there and at % 5 == 1:
                state.forget_traces(f"k{name}", placed=True)
        changed = {f"{number:04}" for number in numbers[::5] if number < self.KEYS}
        gone = {f"k{number:04}" for number in numbers[1::5] if number < self.KEYS}
        expected = {f"o{number:04}" for number in range(self.KEYS) if f"{number:04}" not in changed}
        expected |= {f"p{name}" for name in changed}

        for known in memory.now_and_later():
            assert set(known.made()) == expected
            assert len(known.made()) == self.KEYS
            assert set(known.known_keys()) == {f"k{number:04}" for number in range(self.KEYS)} - gone
            assert set(known.digests()) == {f"{number:04}" for number in range(self.KEYS)}

    def test_two_steps_of_many_ask_for_their_own_rows_alone(self, memory: Memory, monkeypatch: pytest.MonkeyPatch):
        """A small change in a large project reads a few rows."""
        monkeypatch.setattr(state_module, "SMALL", 0)
        state = self.filled(memory)
        asked = self.questions(state)
        for name in ("0300", "0007"):
            assert state.traces(f"k{name}")
            assert state.made()[f"o{name}"].key == f"k{name}"
            assert state.digests()[name][1] == f"d{int(name)}"

        assert len(asked) == 6
        assert not any("limit 32" in question for question in asked)

    @pytest.mark.parametrize("held", [state_rows.HELD, 100])
    def test_all_steps_in_their_order_ask_few_questions(
        self, memory: Memory, monkeypatch: pytest.MonkeyPatch, held: int
    ):
        """As a whole, or ahead where that is too much."""
        monkeypatch.setattr(state_rows, "HELD", held)
        monkeypatch.setattr(state_rows, "AHEAD", 8)
        monkeypatch.setattr(state_module, "SMALL", 0)
        state = self.filled(memory)
        asked = self.questions(state)
        for number in range(self.KEYS):
            state.traces(f"k{number:04}")

        assert len(asked) < state_rows.FEW + 60

    def test_damage_that_shows_late_is_healed_with_what_can_be_read(
        self, memory: Memory, monkeypatch: pytest.MonkeyPatch
    ):
        """What is lost runs again; it is said, the bad file is kept, and the next build finds a sound one."""
        monkeypatch.setattr(state_module, "SMALL", 0)
        state = self.filled(memory)
        memory.close()
        data = bytearray(memory.path.read_bytes())
        page = data.index(b"o0200") // 4096 * 4096
        data[page : page + 4096] = b"\xa5" * 4096
        memory.path.write_bytes(data)
        state = memory.open()
        for number in range(self.KEYS):
            state.traces(f"k{number:04}")
            state.made().get(f"o{number:04}")
        state.succeed("new", trace(outputs={"x": "1"}), attempt(), result())

        again = memory.open()
        assert len(memory.notices) == 1
        assert "written anew" in memory.notices[0]
        assert len(list(memory.path.parent.glob("*.bad-*"))) == 1
        assert (again.traces("new")[0].run, "x" in again.made()) == ("r1", True)
        assert len(again.known_keys()) > self.KEYS // 2


@pytest.mark.parametrize("few", [0, 64])
class TestOfSome:
    """What is asked of a few steps is what is asked of all, seen at these."""

    @pytest.fixture(autouse=True)
    def limits(self, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(state_module, "FEW", few)

    def test_durations_and_failures(self, memory: Memory):
        """The median of five successes; a failure counts as long as it is the latest."""
        state = memory.open()
        for number in range(1, 8):
            state.fail("k", "none", result(number, step="a", seconds=float(number)), ())
            state.fail("l", "none", result(number, "failed" if number in (3, 7) else "succeeded", step="b"), ())
            state.fail("m", "none", result(number, "failed" if number < 7 else "succeeded", step="c"), ())

        assert state.durations() == {"a": 5.0, "b": 1.0, "c": 1.0}
        assert state.durations({"a", "never"}).get("a") == 5.0
        assert state.failed({"a", "b", "c", "never"}) == {"b"}
        assert state.failed({"c"}) == set()

    def test_logs_that_are_old_are_told_once(self, memory: Memory):
        """Those of other steps are left alone, and so are the newest."""
        state = memory.open()
        for number in range(1, 6):
            for step in ("a", "b"):
                state.fail("k", "none", result(number, step=step), ())
        old = state.old_logs({"a"}, 2)
        state.forget_logs((step, run) for step, run, *_ in old)

        assert sorted(old) == [("a", f"r{number}", 1, f"logs/r{number}/s.log") for number in (1, 2, 3)]
        assert state.old_logs({"a"}, 2) == []
        assert [one.log is None for one in state.history.results("a")] == [False, False, True, True, True]

    def test_members_that_others_have_made(self, memory: Memory):
        """In this scope; what is known from elsewhere counts as well."""
        state = memory.open("one")
        state.record("k", trace(1, outputs={"o": "1"}))
        state.record("gone", trace(2, outputs={"p": "2"}))
        state.flush()
        memory.close()
        state = memory.open("two")
        state.record("gone too", trace(3, outputs={"q": "3"}))
        state.assume({}, {"r": Made("4", "gone", "one", False, ""), "o": Made("5", "gone", "one", False, "")})

        assert {path: one.digest for path, one in state.made_by_others({"k"}, "one").items()} == {"p": "2", "r": "4"}
        assert set(state.made_by_others({"k"}, "two")) == {"q"}


class TestDamage:
    def filled(self, memory: Memory) -> bytes:
        """The bytes of a state with several pages in each table."""
        state = memory.open()
        state.learn({f"file{number}": ((1, 2, 3, 4, number), "d" * 60) for number in range(300)})
        for number in range(1, 40):
            key = f"k{number % 7}"
            outputs = {f"o{number}-{each}": "d" * 60 for each in range(5)}
            state.succeed(key, trace(number, outputs=outputs), attempt(number, aside={"o": "x"}), result(number))
        memory.close()
        return memory.path.read_bytes()

    def use(self, memory: Memory) -> None:
        """Everything a build asks and does."""
        state = memory.open()
        for number in range(7):
            state.traces(f"k{number}")
        state.made()
        state.digests()
        state.attempts()
        state.last_results()
        state.durations()
        state.succeed("k1", trace(99), attempt(99), result(99))
        state.close_attempt("r1.0")

    @pytest.mark.scenario(id="S1")
    @pytest.mark.parametrize("bad", [b"", b"no database at all, but as long as one" * 200])
    def test_what_is_no_database_is_set_aside_and_said(self, memory: Memory, bad: bytes):
        """An empty file is an empty state."""
        memory.path.parent.mkdir()
        memory.path.write_bytes(bad)
        self.use(memory)

        assert len(memory.notices) == (1 if bad else 0)
        assert [path.read_bytes() for path in memory.path.parent.glob("*.bad-*")] == ([bad] if bad else [])

    def test_a_second_damage_does_not_overwrite_the_first(self, memory: Memory):
        """Whoever wants to look at them can."""
        memory.path.parent.mkdir()
        for text in (b"one" * 500, b"two" * 500):
            memory.close()
            memory.path.write_bytes(text)
            memory.open()

        assert len(list(memory.path.parent.glob("*.bad-*"))) == 2

    @pytest.mark.scenario(id="S1")
    def test_damage_anywhere_never_crashes_a_build(self, memory: Memory):
        """Each page spoilt in turn: the state is used, or set aside and said; nothing else."""
        data = self.filled(memory)
        page = 4096
        crashes = {}
        for number in range(len(data) // page):
            for leftover in memory.path.parent.iterdir():
                leftover.unlink()
            start = number * page + (100 if number == 0 else 0)
            memory.path.write_bytes(data[:start] + b"\xa5" * (page - 100) + data[start + page - 100 :])
            try:
                self.use(memory)
            except WavebuildError:
                pass
            except Exception as error:
                crashes[number] = repr(error)
            memory.close()

        assert crashes == {}

    def test_no_flipped_bit_makes_a_trace_that_was_never_recorded(self, memory: Memory):
        """S1: what is read after it is what was written, or nothing: a failure never turns into a success."""
        state = memory.open()
        for number in range(1, 9):
            state.succeed("k", trace(number), attempt(number), result(number))
        state.fail("k", "x", result(9, "failed"), state.traces("k")[1:])
        recorded = {msgspec.json.encode(one) for one in state.traces("k")}
        memory.close()
        data = memory.path.read_bytes()
        wrong = []
        for at in range(0, len(data), 97):
            for leftover in memory.path.parent.iterdir():
                leftover.unlink()
            memory.path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
            found = {msgspec.json.encode(one) for one in memory.open().traces("k")}
            if not found <= recorded:
                wrong.append(at)

        assert wrong == []

    def test_a_damaged_trace_is_as_if_it_had_never_been(self, memory: Memory):
        """The others stay, and more can be added."""
        state = memory.open()
        for number in (1, 2, 3):
            state.succeed("k", trace(number), attempt(number), result(number))
        memory.close()
        with closing(sqlite3.connect(memory.path)) as database, database:
            database.execute("update traces set data = x'ff00' where number = 2")
        database.close()

        state = memory.open()
        assert state.traces("k") == [trace(3), trace(1)]
        state.fail("k", "x", result(4, "failed"), [state.traces("k")[1]])
        state.succeed("k", trace(5), attempt(5), result(5))

        assert memory.open().traces("k") == [trace(5), trace(3), trace(1, void=True)]

    def test_a_damaged_attempt_does_not_stop_every_build(self, memory: Memory):
        """It is said, not thrown."""
        memory.open().begin(attempt())
        memory.close()
        with closing(sqlite3.connect(memory.path)) as database, database:
            database.execute("update attempts set data = x'ff00'")
        database.close()

        assert memory.open().attempts() == []

    @pytest.mark.scenario(id="S4")
    def test_a_newer_version_is_refused_and_left_as_it_is(self, memory: Memory):
        """Its remedy: the newer wavebuild, or a new start."""
        memory.open()
        memory.close()
        with closing(sqlite3.connect(memory.path)) as database, database:
            mark(database, 99)
        database.close()

        with pytest.raises(WavebuildError, match="newer wavebuild"):
            memory.open()
        assert not list(memory.path.parent.glob("*.bad-*"))


class TestReading:
    def test_there_is_nothing_to_read_before_the_first_build(self, tmp_path: Path):
        """And reading makes nothing."""
        assert read_state(str(tmp_path / "no.db"), held=False) is None
        assert os.listdir(tmp_path) == []

    @pytest.mark.scenario(id="C5")
    def test_a_reader_sees_what_was_recorded_while_the_writer_works(self, memory: Memory):
        """Questions need not wait for a build."""
        state = memory.open()
        state.succeed("k", trace(1), attempt(1), result(1))
        state.flush()
        reader = read_state(str(memory.path), held=True)
        assert reader is not None
        state.succeed("k", trace(2), attempt(2), result(2))
        state.flush()
        later = read_state(str(memory.path), held=True)
        assert later is not None

        assert (len(reader.traces("k")), len(later.traces("k"))) == (1, 2)
        reader.close()
        later.close()

    def test_reading_leaves_the_folder_as_it_is(self, memory: Memory):
        """A question changes nothing, not even by the database's own side files."""
        memory.open().succeed("k", trace(), attempt(), result())
        memory.close()
        before = {path.name: path.read_bytes() for path in memory.path.parent.iterdir()}
        reader = read_state(str(memory.path), held=False)
        assert reader is not None
        assert reader.traces("k") == [trace()]
        reader.close()

        assert {path.name: path.read_bytes() for path in memory.path.parent.iterdir()} == before

    def test_what_a_killed_writer_left_is_read_too(self, memory: Memory, tmp_path: Path):
        """The log beside the database holds the last successes."""
        state = memory.open()
        state.succeed("k", trace(), attempt(), result())
        state.flush()
        copy = tmp_path / "copy"
        copy.mkdir()
        for path in memory.path.parent.iterdir():
            (copy / path.name).write_bytes(path.read_bytes())

        reader = read_state(str(copy / memory.path.name), held=False)
        assert reader is not None
        found = reader.traces("k")
        reader.close()

        assert found == [trace()]

    def test_a_log_that_another_program_takes_in_meanwhile_is_no_damage(
        self, memory: Memory, monkeypatch: pytest.MonkeyPatch
    ):
        """It has the state open when it is looked at, and closes it before the log is copied: then there is none."""
        memory.open().succeed("k", trace(), attempt(), result())
        memory.close()
        other = sqlite3.connect(memory.path, isolation_level=None)
        version = other.execute("pragma user_version").fetchone()[0]
        other.execute(f"pragma user_version = {version}")  # begins a log
        copy = disk.copy

        def late(old: str, new: str) -> None:
            if old.endswith("-wal"):
                other.close()
            copy(old, new)

        monkeypatch.setattr(disk, "copy", late)
        assert Path(f"{memory.path}-wal").exists()

        reader = read_state(str(memory.path), held=False)

        assert not Path(f"{memory.path}-wal").exists()
        assert reader is not None
        assert reader.traces("k") == [trace()]
        reader.close()

    def test_the_state_of_a_newer_version_is_not_read_as_nothing(self, memory: Memory):
        """As a build, a question says who wrote it."""
        memory.open()
        memory.close()
        with closing(sqlite3.connect(memory.path)) as database, database:
            mark(database, 99)
        database.close()

        with pytest.raises(WavebuildError, match="newer wavebuild"):
            read_state(str(memory.path), held=False)

    def test_what_is_no_file_cannot_be_read_and_says_so(self, memory: Memory):
        """Exit 1."""
        memory.path.mkdir(parents=True)
        with pytest.raises(WavebuildError, match="the state cannot be read") as caught:
            read_state(str(memory.path), held=False)

        assert caught.value.exit_code == 1

    def test_damage_reads_as_nothing(self, memory: Memory):
        """A question must not repair."""
        memory.path.parent.mkdir()
        memory.path.write_bytes(b"rubbish" * 1000)

        assert read_state(str(memory.path), held=False) is None
        assert memory.path.read_bytes() == b"rubbish" * 1000


def test_answers_of_probes_are_written_with_the_next_deed(memory: Memory) -> None:
    """One that is forgotten, too: before the attempt that made it false is on record."""
    state = memory.open()
    state.hear({"probe:p@x": Answer("d", "=12", 3.5), "probe:q": Answer("e", None, 4.0)})
    state.begin(attempt())
    assert memory.open().answers() == {"probe:p@x": Answer("d", "=12", 3.5), "probe:q": Answer("e", None, 4.0)}

    state = memory.open()
    state.hear({"probe:q": Answer("", None, 0.0)})
    state.flush()

    assert memory.open().answers()["probe:q"] == Answer("", None, 0.0)


@pytest.mark.scenario(id="S4")
def test_a_state_of_the_first_version_has_no_answers_yet(memory: Memory) -> None:
    """A question reads it as it is; a build makes room."""
    state = memory.open()
    memory.close()
    with closing(sqlite3.connect(memory.path)) as handle, handle:
        handle.execute("drop table probes")
        handle.execute("pragma user_version=1")
    handle.close()

    read = read_state(str(memory.path), held=False)

    assert read is not None
    assert read.answers() == {}
    read.close()
    state = memory.open()
    state.hear({"probe:q": Answer("e", None, 4.0)})
    state.flush()
    assert len(memory.open().answers()) == 1


def test_a_name_that_is_no_text_any_more_is_damage(tmp_path: Path) -> None:
    """Found by flipping a byte: SQLite hands out whatever the damaged record says."""
    path = tmp_path / "s.db"
    open_state(str(path), []).close()
    with contextlib.closing(sqlite3.connect(path)) as handle, handle:
        handle.execute("insert into traces values (x'00ff', 1, x'00')")

    notice: list[str] = []
    open_state(str(path), notice).close()

    assert len(notice) == 1
    assert "the state was damaged" in notice[0]


def test_a_record_whose_text_is_no_utf_8_any_more_is_as_if_it_had_never_been() -> None:
    """Found by flipping a byte in the midst of a record."""
    good = packed(Attempt("1.0", "step", "1", "key", {}, {}, ()))[5:]  # as before values were sealed

    with pytest.raises(msgspec.DecodeError):
        unpacked(good.replace(b"step", b"st\xb5p"), msgspec.msgpack.Decoder(Attempt))


def test_a_database_that_cannot_be_opened_though_it_is_ours_is_nobodys_to_take_over(tmp_path: Path):
    """As where no more files may be open: SQLite does not say why."""
    path = tmp_path / "Wavefile.db"
    path.touch()
    with pytest.raises(sqlite3.OperationalError, match="unable to open") as error:
        sqlite3.connect(tmp_path / "none" / "x.db")

    (problem,) = unusable(str(path), error.value).problems

    assert "ulimit -n" in problem.remedy
    assert "chown" not in problem.remedy
