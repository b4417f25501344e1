"""The picture that events fold into.

It does not know how the picture is shown.
"""

from __future__ import annotations

from tests.ui.samples import NOON, RUN, a_build_with_a_failure, build_settled, build_started, settled, started
from wavebuild.run.events import Event, Noticed, Outcome
from wavebuild.ui import view


def test_the_same_events_give_the_same_picture_in_one_go_or_in_two() -> None:
    events = a_build_with_a_failure()

    half = view.fold(events[:5])

    assert view.fold(events[5:], half) == view.fold(events)


def test_a_running_step_is_there_from_its_start_to_its_end() -> None:
    events: list[Event] = [build_started([["a", "b"]]), started("a", 1, 1.0), started("b", 1, 2.0)]

    during = view.fold(events)
    after = view.fold([settled("a", 1, Outcome.SUCCEEDED)], during)

    assert [each.step for each in during.running] == ["a", "b"]
    assert [each.step for each in after.running] == ["b"]


def test_a_retried_step_runs_once_with_its_newest_attempt() -> None:
    picture = view.fold([build_started([["a"]]), started("a", 1), started("a", 1, 5.0, attempt=2)])

    assert [(each.attempt, each.started) for each in picture.running] == [(2, NOON + 5)]


def test_counts_troubles_and_blocked_are_kept_for_the_end() -> None:
    picture = view.fold(a_build_with_a_failure())

    assert picture.counts == ((Outcome.SUCCEEDED, 2), (Outcome.FAILED, 1), (Outcome.BLOCKED, 1))
    assert [each.step for each in picture.troubles] == ["b"]
    assert view.stopped_by(picture.blocked)("b") == ("d",)
    assert picture.done == picture.steps == 4


def test_a_notice_before_the_build_is_not_forgotten() -> None:
    picture = view.fold([Noticed(RUN, NOON, "repaired"), build_started([["a"]])])

    assert picture.notices == ("repaired",)


def test_nothing_runs_any_more_once_the_build_has_settled() -> None:
    picture = view.fold([build_started([["a"]]), started("a", 1), build_settled(False, {"interrupted": 1})])

    assert picture.running == ()
    assert picture.settled is not None


def test_kept_and_blocked_steps_open_no_wave() -> None:
    picture = view.fold(
        [build_started([["a"], ["b"]]), settled("a", 1, Outcome.KEPT), settled("b", 2, Outcome.BLOCKED)]
    )

    assert picture.wave == 0
