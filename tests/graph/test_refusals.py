"""What forbids a graph: two owners, a file in a folder's place, cycles; told with all places.

It does not know of edges that are right.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.declared import artifact, graph, group, step
from wavebuild.declare.model import Step
from wavebuild.errors import Problem, WavebuildError
from wavebuild.graph.cycles import loops, order, reverse


def refused(*steps: Step) -> tuple[Problem, ...]:
    with pytest.raises(WavebuildError) as caught:
        graph(*steps)
    assert caught.value.exit_code == 2
    return caught.value.problems


@pytest.mark.scenario(id="G2")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.csv", "a.csv"),
        ("d/", "d/a.csv"),
        ("d/", "d/e/"),
        ("d/", "d/"),
        ("d/", "d/*.csv"),
        ("d/", "**/a"),
        ("d/*.csv", "d/a.csv"),
        ("d/*.csv", "d/a*"),
        ("./", "a"),
    ],
)
def test_two_owners_of_a_path_are_refused_with_both_places(one: str, other: str) -> None:
    first, second = step("first", makes=[one]), step("second", makes=[other])
    for steps in ((first, second), (second, first)):
        (problem,) = refused(*steps)
        assert problem.code == "overlap"
        assert problem.place == second.outputs[0].place
        assert problem.also == (first.outputs[0].place,)
        assert str(first.outputs[0].place) in problem.message
        assert "'first'" in problem.message
        assert "'second'" in problem.message


@pytest.mark.parametrize(
    ("exclusion", "other"),
    [("x/*.csv", "x/*.csv"), ("x/*.csv", "x/a.csv"), ("x/tmp", "x/tmp/"), ("x/**/*.csv", "x/a/*.csv")],
)
def test_an_owner_that_excludes_the_other_s_output_is_not_refused(exclusion: str, other: str) -> None:
    linked = graph(step("first", makes=[artifact("x/", exclusion)]), step("second", makes=[other]))
    assert linked.owner("x/b.txt") == 0


def test_outputs_that_cannot_meet_are_not_refused() -> None:
    outputs = ["d/*.csv", "d/*.txt", "d/.hidden.csv", "e/", "eh", "d/f/a.csv", "*.md"]
    linked = graph(*(step(f"s{k}", makes=[output]) for k, output in enumerate(outputs)))
    assert len(linked.wave) == len(outputs)


def test_one_step_may_own_a_directory_and_a_file_in_it() -> None:
    assert graph(step("make", makes=["d/", "d/a.csv"])).owner("d/a.csv") == 0


@pytest.mark.parametrize("output", ["a.csv", "d/", "d/*.csv"])
def test_the_same_output_twice_in_one_step_is_refused(output: str) -> None:
    (problem,) = refused(step("make", makes=[output, output]))
    assert problem.code == "duplicate-output"
    assert len(problem.also) == 1


@pytest.mark.scenario(id="G3")
@pytest.mark.parametrize("other", ["a/b", "a/b/c", "a/", "a/b/", "a/*.csv", "a/*/x"])
def test_a_file_where_another_output_needs_a_folder_is_refused(other: str) -> None:
    file = step("file", makes=["a"])
    for steps in ((file, step("folder", makes=[other])), (step("folder", makes=[other]), file)):
        (problem,) = refused(*steps)
        assert problem.code == "file-and-folder"
        assert problem.also == (file.outputs[0].place,)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    problems = refused(
        step("a", ["b"], ["a", "same"], needs=["nobody"]),
        step("b", ["a"], ["b", "same"]),
        step("c", ["c"], ["c"]),
        step("d", ["e"], ["d"]),
        step("e", ["d"], ["e"]),
    )
    assert sorted(problem.code for problem in problems) == ["cycle", "cycle", "cycle", "overlap", "unknown-step"]


def test_a_cycle_is_told_link_by_link_with_the_line_of_each() -> None:
    first = step("first", ["c.csv"], ["a.csv"])
    second = step("second", ["a.*"], ["b.csv"])
    third = step("third", [], ["c.csv"], needs=["second"])
    (problem,) = refused(first, second, third)
    assert problem.message == (
        f"a cycle of 3 steps: 'first' reads c.csv of 'third' ({first.inputs[0].place}), "
        f"'third' needs 'second' ({third.needs[0][1]}), 'second' reads a.* of 'first' ({second.inputs[0].place})"
    )
    assert problem.place == first.inputs[0].place
    assert problem.also == (third.needs[0][1], second.inputs[0].place)


def test_a_cycle_through_a_group_names_the_group() -> None:
    (problem,) = refused(step("a", makes=["a"], needs=["all"]), group("all", "a"))
    assert "'a' needs 'all'" in problem.message
    assert "'all' needs 'a'" in problem.message


@pytest.mark.scenario(id="G1")
@pytest.mark.parametrize(
    "own",
    [
        step("a", ["x"], ["x"]),
        step("a", ["d/x"], ["d/"]),
        step("a", ["d/"], ["d/"]),
        step("a", ["d/*"], ["d/*"]),
        step("a", ["step:a"], ["x"]),
        step("a", needs=["a"]),
        step("a", makes=["x.py"], code=["x.py"]),
    ],
    ids=lambda own: (own.inputs or own.code or own.outputs or own.needs)[0],
)
def test_a_step_that_waits_for_itself_is_a_cycle(own: Step) -> None:
    (problem,) = refused(own)
    assert problem.code == "cycle"
    assert problem.place is not None


@pytest.mark.scenario(id="G1")
def test_a_cycle_of_ten_thousand_steps_is_told_whole() -> None:
    ring = [step(f"s{k}", [f"o{k}"], [f"o{(k + 1) % 10_000}"]) for k in range(10_000)]
    started = time.process_time()
    (problem,) = refused(*ring)
    assert time.process_time() - started < 5
    assert problem.message.count("reads") == 10_000


@pytest.mark.parametrize("output", ["same", "same/", "same/*", "same/*x{}x*"])
def test_ten_thousand_owners_of_one_path_are_refused_without_comparing_all_pairs(output: str) -> None:
    started = time.process_time()
    problems = refused(*(step(f"s{k}", makes=[output.format(k)]) for k in range(10_000)))
    assert time.process_time() - started < 5
    assert len(problems) == 100


_EDGES = st.integers(1, 9).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, size - 1), max_size=3, unique=True), min_size=size, max_size=size)
)


@pytest.mark.scenario(id="G1")
@given(_EDGES)
def test_either_all_is_ordered_or_every_knot_shows_a_real_loop(upstream: list[list[int]]) -> None:
    upstream = [[before for before in edges if before != number] for number, edges in enumerate(upstream)]
    ordered = order(upstream, reverse(upstream))
    assert all(set(upstream[number]) <= set(ordered[:position]) for position, number in enumerate(ordered))
    found = loops(upstream, set(range(len(upstream))) - set(ordered))
    assert bool(found) == (len(ordered) < len(upstream))
    for loop in found:
        assert len(set(loop)) == len(loop) > 1
        assert all(after in upstream[number] for number, after in zip(loop, [*loop[1:], loop[0]], strict=True))
    assert {number for loop in found for number in loop} <= _in_loops(upstream)
    assert len(found) == len(_knots(upstream))


def _reach(upstream: list[list[int]], start: int) -> set[int]:
    reached: set[int] = set()
    waiting = [start]
    while waiting:
        for before in upstream[waiting.pop()]:
            if before not in reached:
                reached.add(before)
                waiting.append(before)
    return reached


def _in_loops(upstream: list[list[int]]) -> set[int]:
    return {number for number in range(len(upstream)) if number in _reach(upstream, number)}


def _knots(upstream: list[list[int]]) -> set[frozenset[int]]:
    return {
        frozenset(other for other in _reach(upstream, number) if number in _reach(upstream, other))
        for number in _in_loops(upstream)
    }
