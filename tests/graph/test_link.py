"""The edges that artifacts make, and the waves that follow.

It does not know of overlaps and cycles.
"""

from __future__ import annotations

import time

import pytest

from tests.graph.declared import artifact, graph, group, step, upstream, wavefile
from wavebuild.declare.model import Artifact, Step
from wavebuild.errors import WavebuildError
from wavebuild.graph import link, reads


@pytest.mark.parametrize(
    ("made", "read"),
    [
        ("a.csv", "a.csv"),
        ("a.yaml", "a.yaml#x.y"),
        ("d/a.csv", "d/"),
        ("d/a.csv", "d/*.csv"),
        ("d/", "d/a.csv"),
        ("d/", "d/"),
        ("d/", "d/e/"),
        ("d/e/", "d/"),
        ("d/", "d/**/*.csv"),
        ("d/*.csv", "d/"),
        ("d/*.csv", "d/a.csv"),
        ("d/*.csv", "d/a*"),
        ("d/*/a", "*/b/?"),
        ("a.csv", "./"),
        ("d/a.csv", "../"),
        ("d/a.csv", "/home/ada/*/d/*.csv"),
        ("a.csv", "step:make"),
    ],
)
def test_a_step_waits_for_what_may_make_its_input(made: str, read: str) -> None:
    linked = graph(step("use", [read]), step("make", makes=[made]))
    assert upstream(linked, "use") == ["make"]
    assert linked.data_upstream == ((1,), ())
    assert linked.downstream == ((), (0,))
    assert linked.wave == (2, 1)


@pytest.mark.parametrize(
    ("made", "read"),
    [
        ("a.csv", "b.csv"),
        ("d/.a.csv", "d/*"),
        ("d/a.csv", "d/*.txt"),
        ("d/", "e/d/"),
        ("d/e/f", "d/*"),
        ("HOME", "env:HOME"),
        ("a.csv", "../a.csv"),
        ("a.csv", "/home/ada/*.csv"),
    ],
)
def test_a_step_does_not_wait_for_what_cannot_make_its_input(made: str, read: str) -> None:
    linked = graph(step("use", [read]), step("make", makes=[made]))
    assert upstream(linked, "use") == []
    assert linked.wave == (1, 1)


def test_a_member_that_the_reader_excludes_makes_no_edge() -> None:
    linked = graph(
        step("old", makes=["d/old.csv"]),
        step("new", makes=["d/new.csv"]),
        step("use", [artifact("d/*.csv", "d/old*")]),
    )
    assert upstream(linked, "use") == ["new"]


def test_makers_stand_beside_what_a_step_reads() -> None:
    """Inputs, then code, then what the checks read."""
    reader = step("use", ["a", "env:HOME", "d/"], code=["lib.py"], check_reads=["limits.json"])
    linked = graph(
        step("limits", makes=["limits.json"]),
        step("library", makes=["lib.py"]),
        step("d1", makes=["d/1"]),
        step("d2", makes=["d/2"]),
        reader,
    )
    assert [read.text for read in reads(reader)] == ["a", "env:HOME", "d/", "lib.py", "limits.json"]
    assert linked.makers[4] == ((), (), (2, 3), (1,), (0,))


def test_needs_order_steps_without_data() -> None:
    linked = graph(step("gate"), step("use", needs=["gate"]))
    assert upstream(linked, "use") == ["gate"]
    assert linked.data_upstream == ((), ())


def test_own_outputs_within_an_own_folder_are_no_edge() -> None:
    linked = graph(step("grow", ["d/"], ["d/mine.csv"]), step("other", makes=["d/theirs.csv"]))
    assert upstream(linked, "grow") == ["other"]
    assert linked.makers[0] == ((1,),)


def test_a_check_may_read_what_its_step_has_made() -> None:
    linked = graph(step("make", makes=["a.csv"], check_reads=["a.csv"]))
    assert upstream(linked, "make") == []


def test_a_group_stands_for_its_members() -> None:
    """Nobody waits for the group itself, and it takes no wave of its own."""
    linked = graph(
        step("after", needs=["all"]),
        step("reader", ["step:all"]),
        group("all", "some", "c"),
        group("some", "a", "b"),
        step("a", makes=["a"]),
        step("b", ["a"], makes=["b"]),
        step("c", makes=["c"]),
    )
    assert upstream(linked, "after") == ["a", "b", "c"]
    assert linked.makers[1] == ((4, 5, 6),)
    assert upstream(linked, "all") == ["a", "b", "c"]
    assert linked.downstream[6] == (0, 1)
    assert linked.wave == (3, 3, 2, 2, 1, 2, 1)


def test_the_order_in_the_file_means_nothing_for_edges() -> None:
    steps = [step("c", ["b"], ["c"]), step("a", makes=["a"]), step("b", ["a"], ["b"])]
    forward, backward = graph(*steps), graph(*reversed(steps))
    assert [upstream(forward, name) for name in "abc"] == [upstream(backward, name) for name in "abc"]


@pytest.mark.parametrize(
    ("path", "owner"),
    [("a.csv", 0), ("d/x/.y", 1), ("g/a.yaml", 2), ("d", None), ("g/a.csv", None), ("d/not/a", None), ("", None)],
)
def test_the_owner_of_a_path_is_the_step_whose_output_covers_it(path: str, owner: int | None) -> None:
    linked = graph(
        step("file", makes=["a.csv"]),
        step("folder", makes=[artifact("d/", "d/not/")]),
        step("glob", makes=["g/*.yaml"]),
    )
    assert linked.owner(path) == owner


def test_unknown_steps_are_told_all_at_once_with_the_nearest_name() -> None:
    with pytest.raises(WavebuildError) as caught:
        graph(step("bronze"), step("use", ["step:brnze"], needs=["silver"]))
    problems = caught.value.problems
    assert [problem.code for problem in problems] == ["unknown-step", "unknown-step"]
    assert problems[0].message == "step 'use' needs 'silver', but there is no such step"
    assert problems[1].remedy == "did you mean 'bronze'?"


@pytest.mark.parametrize(
    ("made", "read", "code", "remedy"),
    [("d/", "d", "input-is-directory", "Write `d/`."), ("d", "d/", "input-is-file", "Write `d`.")],
)
def test_a_file_read_as_a_directory_or_the_reverse_is_told(made: str, read: str, code: str, remedy: str) -> None:
    with pytest.raises(WavebuildError) as caught:
        graph(step("make", makes=[made]), step("use", [read]))
    (problem,) = caught.value.problems
    assert (problem.code, problem.remedy) == (code, remedy)


def _chain(read: str, made: str) -> list[Step]:
    return [step(f"s{k}", [read.format(k)], [made.format(k + 1)]) for k in range(10_000)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("read", "made"),
    [
        ("out/{}", "out/{}"),
        ("d{}/*.csv", "d{}/*.csv"),
        ("d{}/**", "d{}/a/*.csv"),
        ("d/*-{}.csv", "d/*-{}.csv"),
        ("d/{}-*.csv", "d/{}-*.csv"),
        ("d/{}/", "d/{}/"),
        ("d/{}/a", "d/{}/"),
    ],
)
def test_ten_thousand_steps_link_without_comparing_all_pairs(read: str, made: str) -> None:
    """Pair by pair it would be a hundred million comparisons: a minute or more."""
    declared = wavefile(*_chain(read, made))
    started = time.process_time()
    linked = link(declared)
    assert time.process_time() - started < 5
    assert linked.wave == tuple(range(1, 10_001))


@pytest.mark.scenario(id="G6")
@pytest.mark.long
def test_a_fan_of_fifty_thousand_joins_in_time() -> None:
    fan = [step(f"s{k}", makes=[f"o/{k}.csv"]) for k in range(50_000)]
    gather: list[str | Artifact] = [f"o/{k}.csv" for k in range(50_000)]
    declared = wavefile(*fan, step("by-glob", ["o/*.csv"]), step("by-name", gather))
    started = time.process_time()
    linked = link(declared)
    assert time.process_time() - started < 8
    assert len(linked.upstream[-1]) == 50_000
    assert linked.upstream[-2] == linked.upstream[-1]
