"""The pure parts of a watch: when changes have come to rest, and when builds cause one another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wavebuild.watch.guard import MOST, TRIES, Circle, Guard
from wavebuild.watch.quiet import CEILING, Quiet


def test_it_is_due_a_while_after_the_last_change():
    """One build for many changes."""
    quiet = Quiet(0.075)
    assert quiet.due is None
    quiet.change(10.0)
    quiet.change(10.05)
    assert quiet.due == 10.05 + 0.075
    quiet.forget()
    assert quiet.due is None


@given(st.lists(st.floats(0.0, 0.07), min_size=1, max_size=200))
def test_who_writes_all_the_time_keeps_nobody_from_building(pauses: list[float]):
    """It is due no later than a second after the first change, and never before the last one has rested."""
    quiet, now = Quiet(0.075), 100.0
    quiet.change(now)
    for pause in pauses:
        now += pause
        quiet.change(now)
    assert quiet.due is not None
    assert quiet.due == min(now + 0.075, 100.0 + CEILING)


def test_the_same_file_that_changes_whenever_a_step_runs_is_doubted_and_then_stopped():
    """After some rounds all is to be still first; if it happens again even so, it is a circle."""
    guard = Guard()
    verdicts = [guard.round(["log", f"other{number}"], ["gen", f"{number}"]) for number in range(MOST + TRIES)]
    assert verdicts == ["go"] * (MOST - 1) + ["rest"] * TRIES + ["stop"]
    assert guard.circle == Circle(("log",), ("gen",))


def test_a_change_that_comes_while_nothing_runs_begins_anew():
    """That is a person."""
    guard = Guard()
    for _ in range(3 * MOST):
        for _ in range(MOST - 1):
            assert guard.round(["a"], ["s"]) == "go"
        assert guard.round(["a"], []) == "go"


def test_other_files_or_other_steps_are_no_circle():
    """A long chain of builds may have a reason in each of them."""
    guard = Guard()
    assert {guard.round([f"{number}"], ["s"]) for number in range(50)} == {"go"}
    assert {guard.round(["a"], [f"{number}"]) for number in range(50)} == {"go"}
    assert {guard.round(["a"], []) for _ in range(50)} == {"go"}
