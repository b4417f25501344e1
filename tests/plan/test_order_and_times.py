"""Waves, remaining paths and times of any graph.

It does not know of words and targets.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.declared import graph, step
from wavebuild.declare.model import Range
from wavebuild.graph import Graph
from wavebuild.plan import measure, natural_key, remaining, waves

Durations = dict[int, Range]


def test_names_sort_as_people_count() -> None:
    names = ["10", "6b", "4a", "6", "a10", "4", "a9", "6c", "b", "1"]
    assert sorted(names, key=natural_key) == ["1", "4", "4a", "6", "6b", "6c", "10", "a9", "a10", "b"]


def diamond() -> Graph:
    return graph(step("d", ["b", "c"], ["d"]), step("c", ["a"], ["c"]), step("b", ["a"], ["b"]), step("a", makes=["a"]))


def test_a_diamond_is_three_waves_each_in_the_order_of_the_file() -> None:
    assert waves(diamond(), range(4)) == ((3,), (1, 2), (0,))


def test_waves_count_depth_among_the_wanted_only() -> None:
    assert waves(diamond(), {0, 1}) == ((1,), (0,))
    assert waves(diamond(), {0, 3}) == ((0, 3),)
    assert waves(diamond(), ()) == ()


def test_the_remaining_path_of_a_step_includes_the_step() -> None:
    assert remaining(diamond(), range(4), {0: 1.0, 1: 5.0, 2: 2.0, 3: 1.0}) == {0: 1.0, 1: 6.0, 2: 3.0, 3: 7.0}
    assert remaining(diamond(), {1, 3}, {1: 5.0}) == {1: 5.0, 3: 5.0}


def test_of_equally_long_chains_the_critical_path_takes_the_earlier_in_the_file() -> None:
    linked = graph(
        step("late", ["x", "y"], ["z"]), step("x", makes=["x"]), step("y", makes=["y"]), step("too", makes=["w"])
    )
    timing = measure(linked, range(4), {0: Range(1, 1), 1: Range(2, 2), 2: Range(2, 2), 3: Range(3, 3)}, jobs=2)
    assert timing.critical_path == (1, 0)


def test_the_longest_remaining_path_starts_first() -> None:
    """Two slots; the chain of three must not wait for the two short steps that stand before it."""
    linked = graph(step("s1"), step("s2"), step("a", makes=["a"]), step("b", ["a"], ["b"]), step("c", ["b"], ["c"]))
    timing = measure(linked, range(5), {k: Range(1, 1) for k in range(5)}, jobs=2)
    assert timing.times.flow_j == Range(3, 3)


def test_a_step_that_takes_no_time_takes_no_slot() -> None:
    linked = graph(step("gate", makes=["g"]), step("long"), step("after", ["g"]))
    timing = measure(linked, range(3), {1: Range(3, 3), 2: Range(3, 3)}, jobs=2)
    assert timing.times.flow_j == Range(3, 3)


@pytest.mark.scenario(id="G6")
def test_ten_thousand_steps_in_a_chain_are_measured_in_time() -> None:
    linked = graph(*(step(f"s{k}", [f"o{k}"], [f"o{k + 1}"]) for k in range(10_000)))
    started = time.process_time()
    timing = measure(linked, range(10_000), {k: Range(1, 2) for k in range(10_000)}, jobs=4)
    assert time.process_time() - started < 5
    assert timing.times.flow == Range(10_000, 20_000)
    assert len(timing.critical_path) == 10_000


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Steps that read some of the outputs before them, in any order in the file."""
    size = draw(st.integers(1, 12))
    made = [f"o{k}" for k in range(size)]
    steps = [
        step(f"s{k}", draw(st.lists(st.sampled_from(made[:k]), unique=True, max_size=3)) if k else [], [made[k]])
        for k in range(size)
    ]
    return graph(*draw(st.permutations(steps)))


@st.composite
def works(draw: st.DrawFn) -> tuple[Graph, set[int], Durations, int]:
    """A graph, the wanted steps, whole-numbered durations for some, and a number of slots."""
    linked = draw(graphs())
    every = range(len(linked.wave))
    wanted = draw(st.sets(st.sampled_from(every)) | st.just(set(every)))
    durations = {}
    for number in every:
        low, more = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
        if low + more < 16:
            durations[number] = Range(low, low + more)
    return linked, wanted, durations, draw(st.integers(1, 4))


@given(works())
def test_every_wanted_step_stands_once_and_right_behind_what_it_waits_for(
    work: tuple[Graph, set[int], Durations, int],
) -> None:
    linked, wanted, _, _ = work
    found = waves(linked, wanted)
    place = {number: position for position, layer in enumerate(found) for number in layer}
    assert sorted(number for layer in found for number in layer) == sorted(wanted)
    for number in wanted:
        before = [place[other] for other in linked.upstream[number] if other in wanted]
        assert place[number] == max(before, default=-1) + 1


@given(works())
def test_times_stand_in_the_order_they_must(work: tuple[Graph, set[int], Durations, int]) -> None:
    linked, wanted, durations, jobs = work
    times = measure(linked, wanted, {k: known for k, known in durations.items() if k in wanted}, jobs).times
    for end in ("low", "high"):
        serial, barrier, flow, barrier_j, flow_j = (
            getattr(known, end) for known in (times.serial, times.barrier, times.flow, times.barrier_j, times.flow_j)
        )
        assert flow <= barrier <= barrier_j <= serial
        assert flow <= flow_j <= serial
        assert max(serial / jobs, flow) <= flow_j <= serial / jobs + flow * (1 - 1 / jobs) + 1e-9  # Graham's bound
        assert getattr(times.saved, end) == pytest.approx(1 - flow / serial if serial else 0)


@given(works())
def test_slack_is_never_negative_and_zero_all_along_the_critical_path(
    work: tuple[Graph, set[int], Durations, int],
) -> None:
    linked, wanted, durations, jobs = work
    timing = measure(linked, wanted, {k: known for k, known in durations.items() if k in wanted}, jobs)
    assert set(timing.slack) == wanted
    assert all(slack.low >= 0 and slack.high >= 0 for slack in timing.slack.values())
    assert all(timing.slack[number].high == 0 for number in timing.critical_path)
    length = sum(durations[k].high for k in timing.critical_path if k in durations)
    assert length == timing.times.flow.high
    for before, after in zip(timing.critical_path, timing.critical_path[1:], strict=False):
        assert before in linked.upstream[after]


@given(works(), st.integers(0, 11))
def test_a_step_later_by_its_slack_leaves_the_flow_and_by_more_does_not(
    work: tuple[Graph, set[int], Durations, int], chosen: int
) -> None:
    linked, wanted, durations, jobs = work
    known = {k: Range(length.high, length.high) for k, length in durations.items() if k in wanted}
    timing = measure(linked, wanted, known, jobs)
    for number in sorted(wanted)[chosen : chosen + 1]:
        own = known.get(number, Range(0, 0)).high + timing.slack[number].high
        later = measure(linked, wanted, {**known, number: Range(own, own)}, jobs).times
        latest = measure(linked, wanted, {**known, number: Range(own + 1, own + 1)}, jobs).times
        assert later.flow == timing.times.flow
        assert latest.flow.high == timing.times.flow.high + 1
