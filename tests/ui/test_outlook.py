"""How far a build is and what is left of it, from its events and from history."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace

from tests.ui.samples import NOON, RUN, build_started, settled, started
from wavebuild.run.events import BuildStarted, Event, Outcome, Outlook, StepRetried, StepsFound
from wavebuild.ui import view
from wavebuild.ui.outlook import Estimate, Progress, Wave


def known(
    waves: Sequence[Sequence[str]],
    own: Mapping[str, float],
    behind: Mapping[str, float],
    *,
    fresh: Sequence[str] = (),
    keep_going: bool = False,
    jobs: int = 2,
    schedule: str = "flow",
) -> BuildStarted:
    names = [name for wave in waves for name in wave]
    number = {name: at for at, name in enumerate(names)}
    judged = frozenset(number[name] for name in names if name not in fresh)
    outlook = Outlook(
        number,
        judged,
        {number[name]: seconds for name, seconds in own.items()},
        {number[name]: behind.get(name, 0.0) for name in names if name not in fresh},
        frozenset(number[name] for name in names if name not in own and name not in fresh),
        keep_going,
    )
    return replace(build_started(waves, jobs=jobs), outlook=outlook, schedule=schedule)


CHAIN = known([["a", "b"], ["c"]], {"a": 10.0, "b": 4.0, "c": 5.0}, {"a": 15.0, "b": 4.0, "c": 5.0})


def estimate(*events: Event, now: float = 0.0) -> Estimate:
    progress = Progress()
    for event in events:
        progress.see(event)
    return progress.estimate(view.fold(events).running, NOON + now)


def test_without_history_nothing_is_said() -> None:
    assert estimate(build_started([["a"]]), started("a", 1), now=9) == Estimate()


def test_the_longest_chain_counts_and_what_has_run_of_it_does_not() -> None:
    assert estimate(CHAIN).seconds == 15
    assert estimate(CHAIN, started("a", 1), started("b", 1), now=3) == Estimate(12.0)
    assert estimate(CHAIN, settled("a", 1, Outcome.SUCCEEDED), settled("b", 1, Outcome.KEPT)).seconds == 5


def test_where_there_are_too_few_slots_the_work_counts() -> None:
    own = dict.fromkeys("abcdef", 10.0)
    wide = known([list("abcdef")], own, own, jobs=2)

    assert estimate(wide).seconds == 30
    assert estimate(wide, started("a", 1), started("b", 1), now=5).seconds == 25


def test_under_the_barrier_the_waves_add_up() -> None:
    own = {"a": 10.0, "b": 2.0, "c": 3.0}
    assert estimate(known([["a"], ["b", "c"]], own, own, schedule="barrier")).seconds == 13


def test_who_takes_longer_than_ever_is_overdue_and_counts_no_more() -> None:
    assert estimate(CHAIN, started("b", 1), settled("a", 1, Outcome.SUCCEEDED), now=7) == Estimate(5.0, overdue=True)


def test_who_waits_for_the_next_try_has_all_before_it() -> None:
    retried = StepRetried(RUN, NOON + 4, "a", 1, "exit 75", 8.0)

    assert estimate(CHAIN, started("a", 1), retried, now=5).seconds == 15


def test_steps_that_never_ran_are_counted_until_they_settle() -> None:
    build = known([["a", "b"]], {"a": 10.0}, {"a": 10.0})

    assert estimate(build) == Estimate(10.0, unknown=1)
    assert estimate(build, settled("b", 1, Outcome.SUCCEEDED)) == Estimate(10.0)


def test_after_a_failure_only_what_runs_is_left() -> None:
    failed = (CHAIN, started("b", 1), settled("a", 1, Outcome.FAILED))

    assert estimate(*failed, now=1) == Estimate(3.0, ending=True)
    outlook = CHAIN.outlook
    assert outlook is not None
    going_on = replace(CHAIN, outlook=replace(outlook, keep_going=True))
    assert estimate(going_on, *failed[1:], now=1).seconds == 5


def test_steps_known_to_be_fresh_are_done_from_the_start_and_no_work() -> None:
    progress = Progress()
    progress.see(known([["a", "b"], ["c"]], {"c": 5.0}, {"c": 5.0}, fresh=["a", "b"]))

    assert progress.waves == [Wave(2, 2), Wave(0, 1)]
    assert progress.fresh == 2
    assert progress.estimate((), NOON) == Estimate(5.0, most=True)


@pytest.mark.parametrize("outcome", [Outcome.KEPT, Outcome.RESTORED])
def test_where_steps_need_not_run_what_is_to_come_is_the_most_it_can_be(outcome: Outcome) -> None:
    """What a change reaches is judged when its inputs have settled: much of it is often fresh after all."""
    waves = (["a", "b"], ["c"])
    some = known(waves, {"a": 10.0, "b": 4.0, "c": 5.0}, {"a": 15.0, "b": 4.0, "c": 5.0})

    assert not estimate(some, started("a", 1), settled("b", 1, Outcome.SUCCEEDED), now=1).most
    assert estimate(some, started("a", 1), settled("b", 1, outcome), now=1) == Estimate(14.0, most=True)


def test_of_what_runs_it_is_known_that_it_runs() -> None:
    alone = known([["a", "b"], ["c"]], {"c": 5.0}, {"c": 5.0}, fresh=["a", "b"])

    assert estimate(alone, started("c", 2), now=1) == Estimate(4.0)


def test_when_a_list_grows_what_has_settled_stays_settled() -> None:
    progress = Progress()
    progress.see(known([["list"], ["work"]], {"list": 1.0}, {"list": 1.0}))
    progress.see(settled("list", 1, Outcome.SUCCEEDED))
    more = known([["list"], ["work@1", "work@2"]], {"list": 1.0, "work@1": 4.0}, {"list": 5.0, "work@1": 4.0})
    progress.see(StepsFound(RUN, NOON, ("work",), 3, more.waves, more.outlook))

    assert progress.waves == [Wave(1, 1), Wave(0, 2)]
    assert progress.estimate((), NOON) == Estimate(4.0, unknown=1)
    assert progress.expected("work@1") == 4
    assert progress.expected("work@2") is None


def test_an_end_that_is_told_twice_or_of_an_unknown_step_counts_once_or_not_at_all() -> None:
    progress = Progress()
    for event in (CHAIN, settled("a", 1, Outcome.KEPT), settled("a", 1, Outcome.KEPT), settled("?", 9, Outcome.KEPT)):
        progress.see(event)

    assert progress.waves == [Wave(1, 2), Wave(0, 1)]


@pytest.mark.parametrize("schedule", ["flow", "barrier"])
def test_the_estimate_is_what_counting_anew_says(schedule: str) -> None:
    """A hundred steps end in any order; after each, what is left is summed up from the beginning."""
    dice = random.Random(7)
    waves = [[f"{wave}.{at}" for at in range(25)] for wave in range(4)]
    own = {name: dice.uniform(1, 20) for wave in waves for name in wave}
    behind = {name: own[name] + dice.uniform(0, 30) for name in own}
    build = known(waves, own, behind, jobs=3, schedule=schedule)
    progress = Progress()
    progress.see(build)
    left = list(own)
    dice.shuffle(left)
    while left:
        chain = own if schedule == "barrier" else behind
        groups = [[n for n in wave if n in left] for wave in waves] if schedule == "barrier" else [left]
        expected = sum(
            max(max((chain[n] for n in group), default=0.0), sum(own[n] for n in group) / 3) for group in groups
        )
        assert progress.estimate((), NOON).seconds == pytest.approx(expected)
        progress.see(settled(left.pop(), 1, Outcome.SUCCEEDED))


def test_ten_thousand_waves_are_counted_without_copying_them_at_each_event() -> None:
    """A chain: were each event to copy what is known of all waves, it would take a minute."""
    waves = [[f"s{at}"] for at in range(10_000)]
    own = {name: 1.0 for wave in waves for name in wave}
    progress = Progress()
    progress.see(known(waves, own, {f"s{at}": 10_000.0 - at for at in range(10_000)}))
    begun = time.process_time()
    for at in range(10_000):
        progress.see(settled(f"s{at}", at + 1, Outcome.SUCCEEDED))
        if at % 100 == 0:
            assert progress.estimate((), NOON).seconds == pytest.approx(10_000 - at - 1)

    assert time.process_time() - begun < 20
