"""Which steps a person's words ask for.

It does not know whether those steps are fresh.
"""

from __future__ import annotations

import pytest

from tests.graph.declared import artifact, graph, group, step
from wavebuild.errors import Problem, WavebuildError
from wavebuild.graph import Graph
from wavebuild.plan import select


def project(*targets: str) -> Graph:
    return graph(
        step("0-schema", [], ["context/schema.csv"], title="Place Schema CSV", phase="foundation"),
        step("bronze", ["context/schema.csv"], ["bronze/bronze.db"], tags=("nightly",), phase="foundation"),
        step("design", ["context/schema.csv", "config/*.yaml"], ["design/"], title="Gold Layer Design"),
        step("gold", ["design/", "bronze/bronze.db"], ["plans/*.yaml", "gold+.db"], tags=("nightly", "db")),
        step("report", ["gold+.db"], ["report.html"], phase="tail"),
        step("deploy", ["report.html"], on_demand=True, tags=("ship",)),
        step("announce", [], [], needs=["deploy"], on_demand=True),
        group("all-databases", "bronze", "gold"),
        targets=targets,
    )


def named(*words: str, folder: str = "", linked: Graph | None = None) -> list[str]:
    linked = linked or project()
    return [linked.wavefile.steps[k].name for k in sorted(select(linked, words, folder).named)]


def wanted(*words: str, only: bool = False, linked: Graph | None = None) -> list[str]:
    linked = linked or project()
    return [linked.wavefile.steps[k].name for k in sorted(select(linked, words, "", only).wanted)]


def refused(*words: str, folder: str = "", commands: tuple[str, ...] = ()) -> tuple[Problem, ...]:
    with pytest.raises(WavebuildError) as caught:
        select(project(), words, folder, commands=commands)
    assert caught.value.exit_code == 2
    assert {problem.code for problem in caught.value.problems} == {"unknown-target"}
    return caught.value.problems


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("tag:none", "no step has the tag 'none'"),
        ("phase:none+", "no step is of the phase 'none'"),
        ("step:none", "no step is called 'none'"),
        ("*zz", "no step and no output of this Wavefile matches '*zz'"),
        ("zz", "'zz' is not a step, an output or a title of this Wavefile"),
    ],
)
def test_a_word_that_finds_nothing_is_told_as_what_it_was_meant_to_be(word: str, message: str) -> None:
    assert [problem.message for problem in refused(word)] == [message]


def test_a_name_that_is_known_twice_is_asked_about_once() -> None:
    """A step and a command of that name are one word to a person."""
    (problem,) = refused("bronzee", commands=("bronze",))

    assert problem.remedy.count("'bronze'") == 1


@pytest.mark.parametrize(
    ("word", "steps"),
    [
        ("bronze", ["bronze"]),
        ("step:bronze", ["bronze"]),
        ("+bronze", ["bronze"]),
        ("Gold Layer Design", ["design"]),
        ("report.html", ["report"]),
        ("./report.html", ["report"]),
        ("design/yaml/a.yaml", ["design"]),
        ("design", ["design"]),
        ("design/", ["design"]),
        ("./design", ["design"]),
        ("plans/ml.yaml", ["gold"]),
        ("plans/*.yaml", ["gold"]),
        ("a/../report.html", ["report"]),
        ("/home/ada/work/report.html", ["report"]),
        ("gold+.db", ["gold"]),
        ("./gold+.db", ["gold"]),
        ("tag:nightly", ["bronze", "gold"]),
        ("tag:ship", ["deploy"]),
        ("phase:foundation", ["0-schema", "bronze"]),
        ("tag:*", ["bronze", "gold"]),
        ("*e*o*", ["report"]),
        ("?old", ["gold"]),
        ("step:b*", ["bronze"]),
        ("gold+", ["gold", "report"]),
        ("+gold+", ["gold", "report"]),
        ("bronze/bronze.db+", ["bronze", "gold", "report"]),
        ("tag:db+", ["gold", "report"]),
        ("all-databases", ["bronze", "gold"]),
        ("all-databases+", ["bronze", "gold", "report"]),
        ("deploy", ["deploy"]),
        ("deploy+", ["deploy"]),
    ],
)
def test_a_word_names_steps(word: str, steps: list[str]) -> None:
    assert named(word) == steps


def test_paths_are_relative_to_the_caller_s_folder() -> None:
    assert named("bronze.db", folder="bronze") == ["bronze"]
    assert named("../report.html", folder="bronze") == ["report"]
    assert named("bronze", folder="design") == ["bronze"]
    assert named("./bronze", folder="design") == ["design"]


def test_what_the_named_steps_need_is_wanted_too() -> None:
    assert wanted("gold") == ["0-schema", "bronze", "design", "gold"]
    assert wanted("+gold") == wanted("gold")


def test_a_trailing_plus_wants_what_the_dependents_need() -> None:
    assert wanted("bronze+") == ["0-schema", "bronze", "design", "gold", "report"]


def test_only_leaves_the_upstream_out() -> None:
    assert wanted("gold", only=True) == ["gold"]
    assert wanted("gold+", only=True) == ["gold", "report"]


def test_without_words_all_steps_are_wanted_that_are_not_on_demand() -> None:
    assert wanted() == ["0-schema", "bronze", "design", "gold", "report"]


def test_an_on_demand_step_is_built_when_a_wanted_step_needs_it() -> None:
    assert wanted("announce")[-2:] == ["deploy", "announce"]


def test_without_words_the_wavefile_s_targets_are_wanted() -> None:
    linked = project("bronze", "tag:ship")
    assert wanted(linked=linked)[-1] == "deploy"
    assert named(linked=linked) == ["bronze", "deploy"]
    assert named("design", linked=linked) == ["design"]


def test_targets_of_the_wavefile_are_paths_from_the_root_wherever_one_stands() -> None:
    assert named(folder="design", linked=project("report.html")) == ["report"]


def test_an_unknown_target_of_the_wavefile_is_told_with_its_place() -> None:
    linked = project("bronz")
    with pytest.raises(WavebuildError) as caught:
        select(linked, (), "")
    (problem,) = caught.value.problems
    assert problem.place == linked.wavefile.targets[0][1]
    assert problem.remedy.count("'bronze'") == 1


def test_all_unknown_words_are_told_at_once() -> None:
    assert len(refused("nothing", "bronze", "tag:none", "phase:none")) == 3


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("bronz", "bronze"),
        ("bronz+", "bronze"),
        ("reprt.html", "report.html"),
        ("Gold Layer Desing", "Gold Layer Design"),
        ("tag:nightli", "tag:nightly"),
        ("phase:fundation", "phase:foundation"),
        ("statsu", "status"),
    ],
)
def test_an_unknown_word_is_told_with_the_nearest_known(word: str, near: str) -> None:
    (problem,) = refused(word, commands=("status", "plan"))
    assert near in problem.remedy


def test_the_nearest_path_is_spelled_from_the_caller_s_folder() -> None:
    (problem,) = refused("bronze.bd", folder="bronze")
    assert "'bronze.db'" in problem.remedy


def test_a_source_is_told_to_be_one() -> None:
    (problem,) = refused("config/dq.yaml")
    assert problem.message == "config/dq.yaml may be a source of step 'design', but no step makes it"


def test_a_path_outside_the_root_is_told_to_be_outside() -> None:
    (problem,) = refused("../x")
    assert "outside the root" in problem.message


def test_a_wildcard_that_finds_only_on_demand_steps_says_so() -> None:
    (problem,) = refused("dep*")
    assert "on_demand" in problem.message


@pytest.mark.parametrize("word", ["", "+", "[b]ronze", "x*", "./bronzed", "step:", "step:no", "tag:"])
def test_a_word_that_names_nothing_is_refused(word: str) -> None:
    assert len(refused(word)) == 1


def test_an_excluded_path_is_not_made() -> None:
    linked = graph(step("make", makes=[artifact("d/", "d/not/")]))
    assert named("d/a", linked=linked) == ["make"]
    with pytest.raises(WavebuildError):
        select(linked, ["d/not/a"], "")
