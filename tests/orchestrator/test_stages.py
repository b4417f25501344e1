"""The strict loader of pipelines with `stages:` (S2-07), and what becomes of them when they are imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import WavebuildError, engine
from wavebuild.orchestrator import PipelineStep, YAMLPipelineLoaderStrict

PIPELINE = """
policy:
  version: 1
  score_thresholds: {default: 0.8, code: 0.9}
stages:
  - {name: plan, agent: planner, task: "plan {idea}"}
  - name: code
    category: code
    agent: coder
    advisor: critic
    task: do {plan.content}
    max_retries: 2
    depends_on: [plan]
"""


def load(text: str, here: Path) -> tuple[list[PipelineStep], dict[str, float]]:
    (here / "p.yaml").write_text(text)
    return YAMLPipelineLoaderStrict().load("p.yaml")


def test_steps_and_thresholds_come_as_they_are_written(here: Path) -> None:
    steps, thresholds = load(PIPELINE, here)

    assert steps == [
        PipelineStep("plan", "planner", "plan {idea}"),
        PipelineStep("code", "coder", "do {plan.content}", "code", "critic", 2, ["plan"]),
    ]
    assert thresholds == {"default": 0.8, "code": 0.9}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "p.yaml:1:1", "empty"),
        ("stages: []", "p.yaml:1:9", "empty"),
        ("policy: {version: 1}", "p.yaml:1:1", "no stages"),
        ("stages: {a: 1}", "p.yaml:1:9", "a list of stages"),
        ("stages: [{name: a, agent: w}]", "p.yaml:1:10", "needs 'task'"),
        ("stages: [{name: a, agent: w, task: t, agnet: v}]", "p.yaml:1:39", "unknown key 'agnet'"),
        ("stagse: []", "p.yaml:1:1", "unknown key 'stagse'"),
        ("stages: [{name: a, agent: w, task: t, depends_on: [b]}]", "p.yaml:1:52", "depends on 'b'"),
        ("stages: [{name: a, agent: w, task: t}, {name: a, agent: w, task: t}]", "p.yaml:1:47", "exists already"),
        ("stages: [{name: a, agent: w, task: t, depends_on: a}]", "p.yaml:1:17", "a → a"),
        (
            "policy: {score_thresholds: {code: 1.2}}\nstages: [{name: a, agent: w, task: t}]",
            "p.yaml:1:35",
            "from 0 to 1",
        ),
        ("policy: {version: 2}\nstages: [{name: a, agent: w, task: t}]", "p.yaml:1:10", "version 1"),
        ("stages: [{name: a, agent: w, task: t, max_retries: -1}]", "p.yaml:1:52", "-1"),
        ("stages: [}", "p.yaml:1:10", ""),
    ],
)
def test_whatever_would_have_to_be_guessed_is_refused_with_its_place(
    text: str, place: str, message: str, here: Path
) -> None:
    with pytest.raises(WavebuildError) as caught:
        load(text, here)

    problem = caught.value.problems[0]
    assert str(problem.place) == place
    assert message in problem.message


def test_all_mistakes_are_told_at_once(here: Path) -> None:
    with pytest.raises(WavebuildError) as caught:
        load("stages: [{name: a, agent: w}, {nam: b, agent: w, task: t}]", here)

    assert len(caught.value.problems) >= 3


def test_a_file_that_is_not_there_is_told_by_its_name(here: Path) -> None:
    with pytest.raises(WavebuildError, match=r"cannot read no\.yaml"):
        YAMLPipelineLoaderStrict().load("no.yaml")


class TestImport:
    @pytest.fixture
    def shop(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
        return Workshop(tmp_path, monkeypatch)

    def test_a_pipeline_becomes_a_wavefile_that_builds(self, shop: Workshop):
        """Who the agents are a person says, in the Wavefile or by the variables that it names."""
        shop.put("p.yaml", PIPELINE.replace("depends_on", "temperature: 0.3\n    depends_on"))
        found = engine.convert(shop.request(), "p.yaml")
        shop.setenv(AGENT_PLANNER="cat", AGENT_CODER="cat", ADVISOR_CRITIC="sh critic.sh")
        shop.put("critic.sh", 'note judge; echo \'{"score": 0.9, "approved": true}\'')

        built = shop.settle(memory=(("idea", "a lamp"),))

        assert built.outcomes == {"plan": "succeeded", "code": "succeeded"}
        assert shop.read("work/plan.md") == "plan a lamp"
        assert shop.read("work/code.md") == "do (see work/plan.md)"
        review = built.steps["code"].review
        assert review is not None
        assert (review.threshold, review.score) == (0.9, 0.9)
        said = [(str(one.place), one.message) for one in found.left]
        assert ("p.yaml:13:5", "'temperature' in a stage means nothing here, and was ignored") in said

    def test_an_agent_without_a_command_says_what_is_missing(self, shop: Workshop):
        shop.put("p.yaml", PIPELINE)
        engine.convert(shop.request(), "p.yaml")

        built = shop.build(memory=(("idea", "a lamp"),))

        assert "write the command of planner into the Wavefile" in "".join(built.steps["plan"].tail)
