"""What ``Records`` promises, of the state on disk and of the memory that tests use in its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.remembered import Remembered
from wavebuild.judge.trace import KEPT, Trace
from wavebuild.run.records import Attempt, Records, Result
from wavebuild.store.opening import open_state


@pytest.fixture(params=["on disk", "remembered"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    if request.param == "remembered":
        yield Remembered()
        return
    state = open_state(str(tmp_path / "state.db"), [])
    yield state
    state.close()


def trace(number: int, **facts: object) -> Trace:
    plain = Trace(
        "s", f"r{number}", float(number), 1.0, {"command": "x"}, {}, {"i": f"{number}"}, {}, {"o": f"{number}"}
    )
    return msgspec.structs.replace(plain, **facts)


def succeed(records: Records, number: int, **facts: object) -> Trace:
    """One whole life of an attempt that moved no file."""
    attempt = Attempt(f"r{number}.0", "s", f"r{number}", "k", {}, {}, ())
    made = trace(number, **facts)
    records.begin(attempt)
    records.succeed("k", made, attempt, Result("s", f"r{number}", "succeeded", float(number), 1.0))
    return made


def failed(number: int) -> Result:
    return Result("s", f"r{number}", "failed", float(number), 1.0, 1, 1, "exit")


def test_nothing_is_known_at_first(records: Records):
    """Of any key."""
    assert list(records.traces("k")) == []
    assert dict(records.made()) == {}


def test_traces_come_newest_first_and_the_oldest_go(records: Records):
    """Eight are kept."""
    made = [succeed(records, number) for number in range(KEPT + 2)]

    assert list(records.traces("k")) == made[:1:-1]


def test_traces_of_other_steps_are_others(records: Records):
    """By key."""
    succeed(records, 1)

    assert list(records.traces("other")) == []


def test_members_are_those_of_the_last_success(records: Records):
    """What it made no more is not on record."""
    succeed(records, 1, outputs={"o": "1", "p": "1"})
    succeed(records, 2, outputs={"o": "2", "q": "2"})

    assert {path: facts[:2] for path, facts in records.made().items()} == {"o": ("2", "k"), "q": ("2", "k")}


def test_a_failure_voids_what_it_names_and_nothing_else(records: Records):
    """The bytes stay known."""
    old, new = succeed(records, 1), succeed(records, 2)
    records.begin(Attempt("r3.0", "s", "r3", "k", {}, {}, ()))
    records.fail("k", "r3.0", failed(3), [old])

    assert list(records.traces("k")) == [new, msgspec.structs.replace(old, void=True)]


def test_a_failure_may_void_nothing(records: Records):
    """An interrupted step has proved nothing."""
    made = succeed(records, 1)
    records.fail("k", "r2.0", failed(2), [])

    assert list(records.traces("k")) == [made]


def test_a_trace_may_be_recorded_without_an_attempt(records: Records):
    """A gate judged again, a touch."""
    first = succeed(records, 1)
    records.record("k", trace(2, by_touch=True))

    assert list(records.traces("k")) == [trace(2, by_touch=True), first]
    assert records.made()["o"][0] == "2"


def test_closing_what_is_closed_is_well(records: Records):
    """A repair may come twice."""
    records.close_attempt("never begun")
    succeed(records, 1)
    records.close_attempt("r1.0")

    assert len(list(records.traces("k"))) == 1
