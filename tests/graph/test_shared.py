"""Files that several steps edit: who waits for whom, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.graph.declared import artifact, graph, step
from wavebuild.declare.model import Step
from wavebuild.errors import Problem, WavebuildError
from wavebuild.graph import Graph


def editing(name: str, *updates: str, reads: Sequence[str] = (), makes: Sequence[str] = ()) -> Step:
    return step(name, reads, makes, updates=tuple(map(artifact, updates)))


def upstream(linked: Graph, name: str) -> list[str]:
    steps = linked.wavefile.steps
    return [steps[number].name for number in linked.upstream[linked.number[name]]]


def refused(*steps: Step) -> tuple[Problem, ...]:
    with pytest.raises(WavebuildError) as caught:
        graph(*steps)
    assert caught.value.exit_code == 2
    return caught.value.problems


@pytest.mark.parametrize("read", ["f.yml", "./f.yml#x".removeprefix("./"), "*.yml", "f.yml#a.b"])
def test_who_reads_a_shared_file_waits_for_all_who_edit_it(read: str):
    """Whatever part of it: while one writes, nobody reads."""
    linked = graph(editing("one", "f.yml#a"), editing("two", "f.yml"), step("reader", [read]))

    assert upstream(linked, "reader") == ["one", "two"]
    assert upstream(linked, "one") == upstream(linked, "two") == []


def test_a_directory_that_holds_a_shared_file_is_read_after_its_editors():
    """As any member that is made."""
    linked = graph(editing("one", "conf/f.yml"), step("reader", ["conf/"]))

    assert upstream(linked, "reader") == ["one"]


def test_editors_of_one_file_that_also_read_its_folder_do_not_wait_for_each_other():
    """The file is no member of what they read."""
    linked = graph(editing("one", "f.yml", reads=["*.yml"]), editing("two", "f.yml", reads=["*.yml"]))

    assert upstream(linked, "one") == upstream(linked, "two") == []


def test_an_editor_that_reads_keys_of_others_waits_for_their_owner_alone():
    """And for who may edit any line."""
    linked = graph(
        editing("a", "f.yml#jobs.a"),
        editing("b", "f.yml#jobs.b"),
        editing("c", "f.yml#jobs.c", reads=["f.yml#jobs.a"]),
    )

    assert upstream(linked, "c") == ["a"]


@pytest.mark.parametrize(
    ("steps", "code", "words"),
    [
        ([editing("one", "f"), step("two", makes=["f"])], "overlap", "step 'one' updates f, but step 'two' makes it"),
        ([editing("one", "d/f"), step("two", makes=["d/"])], "overlap", "step 'two' makes it"),
        ([editing("one", "f", makes=["f"])], "overlap", "which it makes itself"),
        ([editing("one", "f", "f")], "overlap", "updates f twice"),
        ([editing("one", "f.yml", "f.yml#a")], "overlap", "twice"),
        ([editing("one", "f.yml#a"), editing("two", "f.yml#a")], "overlap", "'two' owns a of f.yml, but step 'one'"),
        ([editing("one", "f.yml#a.b.c"), editing("two", "f.yml#a.b")], "overlap", "owns a.b.c"),
        ([editing("one", "f", reads=["f"])], "cycle", "reads f, which it updates itself"),
        ([editing("one", "f.yml#a", reads=["f.yml#a.b"])], "cycle", "reads f.yml#a.b, which it updates itself"),
        ([editing("one", "f.yml#a", reads=["f.yml"])], "cycle", "reads f.yml, which it updates itself"),
        (
            [editing("one", "f.yml#a", reads=["f.yml#b"]), editing("two", "f.yml#b", reads=["f.yml#a"])],
            "cycle",
            "a cycle of 2 steps",
        ),
    ],
)
def test_what_has_an_owner_or_would_never_be_fresh_is_refused(steps: list[Step], code: str, words: str):
    """With both places."""
    problems = refused(*steps)

    assert [problem.code for problem in problems] == [code]
    assert words in problems[0].message
    assert problems[0].also


def test_keys_of_instances_that_are_not_known_yet_may_be_those_of_another_step():
    """As with outputs: the pattern decides, not what the list will say."""
    unknown = step("each", updates=(replace(artifact("f.yml"), keys=("jobs.*",)),), expands=True)

    assert "owns jobs" in refused(unknown, editing("two", "f.yml#jobs.b"))[0].message
    assert graph(unknown, editing("two", "f.yml#apps.b"))


def test_keys_beside_each_other_have_each_their_owner():
    """Also where one name begins with another."""
    linked = graph(editing("one", "f.yml#jobs.a"), editing("two", "f.yml#jobs.ab"), editing("three", "g.yml#jobs.a"))

    assert linked.shared.paths == ("f.yml", "g.yml")
    assert linked.shared.updaters("f.yml") == (0, 1)


def test_many_editors_are_linked_without_comparing_all_with_all():
    """Two thousand steps with a key each, and one reader."""
    steps = [editing(f"s{number}", f"f.yml#jobs.s{number}") for number in range(2000)]
    linked = graph(*steps, step("reader", ["f.yml"]))

    assert len(upstream(linked, "reader")) == 2000
