"""Of very many steps each is made of its packed form as seldom as can be: a question asks all of it at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from tests.support.project import random_world
from wavebuild import engine
from wavebuild.declare.model import Artifact, Kind, Run, Step, Text, Wavefile
from wavebuild.engine import Request, lists, project, questions
from wavebuild.engine.project import Project, load
from wavebuild.errors import Place, WavebuildError
from wavebuild.graph import columns
from wavebuild.ui.answers import list_lines
from wavebuild.ui.records import listed_steps
from wavebuild.ui.sketch import sketch
from wavebuild.ui.style import Style

MANY = columns.MADE + 100
ACTION = Run((Text(("true",)),))


def of_many(root: Path, sources: Mapping[int, str] = {}) -> Request:
    """More steps than stay as objects, and one that waits for them all; ``sources``: what some of them read."""
    places = [Place("Wavefile", k + 1, 1) for k in range(MANY + 1)]
    made = tuple(Artifact(Kind.FILE, f"o/{k}", places[k]) for k in range(MANY))
    read = {k: (Artifact(Kind.FILE, path, places[k]),) for k, path in sources.items()}
    steps = [Step(f"s{k}", places[k], read.get(k, ()), (made[k],), action=ACTION) for k in range(MANY)]
    whole = Step("all", places[MANY], made, action=ACTION)
    request = Request(str(root), declared=Wavefile(str(root), "Wavefile", (*steps, whole)))
    return Request(str(root), loaded=load(request))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the steps that are made of their packed form, each as often as it is."""
    numbers: list[int] = []
    make = columns.Steps._make

    def counted(steps: columns.Steps, at: int) -> Step:
        numbers.append(at)
        return make(steps, at)

    monkeypatch.setattr(columns.Steps, "_make", counted)
    return numbers


@pytest.mark.long
def test_a_question_of_very_many_steps_makes_each_of_them_once(tmp_path: Path, made: list[int]) -> None:
    """A dry run with nothing on record, a list, a graph: no step is made, let go of, and made again."""
    request = of_many(tmp_path)
    graph = load(request).graph
    questions = {
        "plan": lambda: engine.plan(request),
        "status": lambda: engine.status(request),
        "list": lambda: list_lines(graph, Style()),
        "list --json": lambda: [*listed_steps(graph)],
        "graph": lambda: sketch(graph, instances=True),
    }
    found = {}
    for name, ask in questions.items():
        made.clear()
        ask()
        found[name] = len(made) / (MANY + 1)

    assert min(found.values()) >= 1.0
    assert max(found.values()) < 1.1, found


def test_all_sources_that_are_missing_are_told_at_once_of_very_many_steps(tmp_path: Path) -> None:
    """Steps are asked for their sources in parts; who lacks one in the first part hears of the last one, too."""
    (tmp_path / "there").touch()
    request = of_many(tmp_path, {3: "lost", 4: "there", MANY - 1: "gone", 5000: "away"})

    with pytest.raises(WavebuildError) as told:
        engine.plan(request)

    assert [problem.place.line for problem in told.value.problems if problem.place] == [4, 5001, MANY]


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_a_packed_project_is_planned_as_one_of_objects(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Titles, phases, estimates, what is asked for in parts: the answers are the same."""
    random_world(tmp_path, Random(seed))
    request = Request(str(tmp_path))
    expected = engine.plan(request), engine.status(request), engine.check(request)
    monkeypatch.setattr(lists, "MADE", 1)
    monkeypatch.setattr(columns, "MADE", 4)
    monkeypatch.setattr(questions, "TOGETHER", 2)

    assert isinstance(load(request).graph.wavefile.steps, columns.Steps)
    assert (engine.plan(request), engine.status(request), engine.check(request)) == expected


def test_titles_phases_and_estimates_are_in_the_plan_of_a_packed_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has none is not looked at; who has one of them is."""
    monkeypatch.setattr(lists, "MADE", 1)
    (tmp_path / "Wavefile").write_text(
        "steps:\n"
        "  plain: {outputs: a, run: 'true'}\n"
        "  titled: {outputs: b, title: A title, run: 'true'}\n"
        "  phased: {outputs: c, phase: last, run: 'true'}\n"
        "  long: {outputs: d, estimate: 5s, run: 'true'}\n"
    )

    (wave,) = engine.plan(Request(str(tmp_path))).waves

    assert [(step.title, step.phase, step.estimate and step.estimate.high) for step in wave.steps] == [
        (None, None, None),
        ("A title", None, None),
        (None, "last", None),
        (None, None, 5.0),
    ]


def test_who_shows_a_step_loads_the_wavefile_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the step stands is asked of the project that is there."""
    (tmp_path / "Wavefile").write_text("steps:\n  a: {outputs: a, run: 'true'}\n")
    loads: list[str] = []

    def counted(request: Request, path: str, present: bool) -> Project:
        loads.append(path)
        return lists.loaded(request, path, present)

    monkeypatch.setattr(project, "loaded", counted)

    portrait = engine.show(Request(str(tmp_path)), "a")

    assert portrait.status is not None
    assert len(loads) == 1
