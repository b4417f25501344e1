"""The statements of the seed of agents, by their ids, as a person at the command line meets them.

The Python face has its own in ``tests/orchestrator``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap

import pytest

from tests.support.command import Site
from tests.support.processes import eventually, kill_marked

CREW = """
agents:
  writer: {run: "sh writer.sh {{ prompt_file }} {{ outputs }}"}
advisors:
  critic: {run: "sh critic.sh {{ outputs }}"}
"""
DIAMOND = (
    CREW
    + """
thresholds: {default: 0.5, code: 0.9}
steps:
  A: {agent: writer, prompt: {text: "a {{ mem.product_idea }}"}, inputs: "mem:product_idea", outputs: out/A}
  B: {agent: writer, prompt: {text: b}, inputs: out/A, outputs: out/B, review: {advisor: critic}}
  C:
    agent: writer
    prompt: {text: c}
    inputs: out/A
    outputs: out/C
    category: code
    review: {advisor: critic, retries: 2}
  D: {agent: writer, prompt: {text: d}, inputs: [out/B, out/C], outputs: out/D}
"""
)
WRITER = r"""
echo "begin $WAVEBUILD_STEP" >> "$JOURNAL"
if [ -e hold ] && [ "$WAVEBUILD_STEP" = C ]; then while [ -e hold ]; do sleep 0.05; done; fi
{ cat "$1"; echo; echo "try $WAVEBUILD_ATTEMPT"; } > "$2"
"""
CRITIC = r"""
echo "judge $WAVEBUILD_STEP" >> "$JOURNAL"
tries=$(tail -n 1 "$1"); score=0.6
if [ "$tries" = "try 2" ]; then score=0.9; fi
echo "{\"score\": $score, \"approved\": true, \"suggestions\": [\"again\"], \"summary\": \"$tries\"}"
"""


@pytest.fixture
def diamond(site: Site) -> Site:
    site.write("pipeline.yaml", DIAMOND)
    site.write("writer.sh", WRITER)
    site.write("critic.sh", CRITIC)
    return site


CALLED = ("--pipeline", "pipeline.yaml", "--mem", 'product_idea="Test"')


def facts(site: Site, *how: str) -> dict[str, object]:
    """What a build of all of it comes to, whatever its order."""
    told = site.build(*CALLED, *how, "-B", "--json").json
    steps = {
        name: (step["outcome"], step["wave"], step["score"], step["attempts"]) for name, step in told["steps"].items()
    }
    return {"steps": steps, "files": {name: site.read(f"out/{name}").splitlines()[0] for name in "ABCD"}}


def test_s2_01_to_05_and_13_to_16_the_same_in_every_order(diamond: Site) -> None:
    """S2-01 to 05, 09, 10, 12, 13, 15, 16, 20, 28: one after another, in waves, as it flows; by its own flags."""
    ways = [("--sequential",), ("--parallel", "--max-workers", "4", "--barrier"), ("-j4",)]

    one, *others = [facts(diamond, *how) for how in ways]

    assert others == [one, one]
    assert one["steps"] == {
        "A": ("succeeded", 1, None, 1),
        "B": ("succeeded", 2, 0.6, 1),
        "C": ("succeeded", 2, 0.9, 2),
        "D": ("succeeded", 3, None, 1),
    }
    assert one["files"] == {"A": "a Test", "B": "b", "C": "c", "D": "d"}


def test_s2_11_the_result_is_json_in_the_order_of_the_plan(diamond: Site) -> None:
    """Run id, outcome, score, attempts and duration of each step, and what the advisor said."""
    told = diamond.build(*CALLED, "-j4", "--json").json

    assert list(told["steps"]) == ["A", "B", "C", "D"]
    assert told["run"]
    assert told["steps"]["C"]["review"]["summary"] == "try 2"
    assert all(step["seconds"] > 0 for step in told["steps"].values())
    again = diamond.build(*CALLED, "-j4", "--json").json
    assert [step["score"] for step in again["steps"].values()] == [None, 0.6, 0.9, None]


def test_s2_21_two_writers_of_a_key_are_refused_before_anything_runs(site: Site) -> None:
    site.write("Wavefile", "steps:\n  a: {run: touch ran, outputs: 'mem:k'}\n  b: {run: touch ran, outputs: 'mem:k'}\n")

    refused = site.wavebuild()

    assert refused.code == 2
    assert "mem:k" in refused.err
    assert not (site.root / "ran").exists()


def test_s2_26_a_kill_in_the_middle_of_a_wave_loses_only_what_was_running(diamond: Site) -> None:
    """Outputs and reviews of what was finished stay, and no agent of it is asked again."""
    hold = diamond.write("hold", "")
    running = diamond.start(*CALLED, "-j4")
    assert eventually(lambda: "B" in settled(diamond))
    assert eventually(lambda: "begin C" in diamond.ran())
    os.killpg(running.pid, signal.SIGKILL)
    kill_marked(diamond.mark)
    running.communicate()
    hold.unlink()

    told = diamond.build(*CALLED, "-j4", "--json")

    assert {name: step["outcome"] for name, step in told.steps.items()} == {
        "A": "kept",
        "B": "kept",
        "C": "succeeded",
        "D": "succeeded",
    }
    assert (told.steps["B"]["score"], told.steps["C"]["attempts"]) == (0.6, 2)
    assert "begin A" not in diamond.ran()


def settled(site: Site) -> list[str]:
    """The steps whose success is on record."""
    told = site.wavebuild("status", *CALLED, "--json")
    if told.code:
        return []
    return [step["name"] for step in told.json["steps"] if (step["last"] or {}).get("outcome") == "succeeded"]


def test_s2_27_what_was_rejected_to_the_end_fails_blocks_and_ends_1(diamond: Site) -> None:
    diamond.write("pipeline.yaml", DIAMOND.replace("code: 0.9", "code: 0.95"))

    ended = diamond.wavebuild(*CALLED, "-j4")

    assert ended.code == 1
    assert "failed: C (rejected" in ended.err
    assert "score 0.6, at least 0.95 is wanted" in ended.err
    assert "blocked  D" in ended.err


def test_the_code_example_of_the_seed_runs_with_only_its_imports_changed(site: Site) -> None:
    """S2-07, S2-08, S2-11: the loader, the factories and the parallel orchestrator, as the guide shows them."""
    site.write(
        "factory.py",
        textwrap.dedent("""
        def agent_factory(name):
            class Agent:
                def process(self, task, context):
                    return {"content": f"{name}: {task}", "artifacts": {}, "metadata": {}}
            return Agent()

        def advisor_factory(name):
            class Advisor:
                def review(self, output, task, context):
                    return {"score": 0.9, "approved": True, "critical_issues": [], "suggestions": [],
                            "summary": name, "severity": "none"}
            return Advisor()
        """),
    )
    site.write(
        "pipeline/with_codegen.yaml",
        textwrap.dedent("""
        policy: {version: 1, score_thresholds: {default: 0.85, code: 0.9}}
        stages:
          - {name: requirements, category: docs, agent: analyst, advisor: critic,
             task: "requirements of {product_idea}"}
          - {name: code, category: code, agent: coder, advisor: critic, task: "code for {requirements.content}",
             max_retries: 2, depends_on: [requirements]}
        """),
    )
    site.write(
        "example.py",
        textwrap.dedent("""
        from wavebuild.orchestrator import OrchestratorParallel
        from factory import agent_factory, advisor_factory
        from wavebuild.orchestrator import YAMLPipelineLoaderStrict

        # Load pipeline
        loader = YAMLPipelineLoaderStrict()
        steps, score_thresholds = loader.load("pipeline/with_codegen.yaml")

        # Create parallel orchestrator
        orch = OrchestratorParallel(
            agent_factory=agent_factory,
            advisor_factory=advisor_factory,
            max_workers=4,  # Parallel workers per wave
            score_thresholds=score_thresholds,
        )

        # Run in waves
        result = orch.run_waves(steps)
        print(result.to_json())
        """),
    )
    site.argv = lambda *arguments: [sys.executable, *arguments]  # type: ignore[method-assign]

    told = json.loads(site.build("example.py").out)

    assert told["ok"]
    assert told["memory"]["code.content"] == "coder: code for analyst: requirements of {product_idea}"
    assert {name: (step["score"], step["executor"]) for name, step in told["steps"].items()} == {
        "requirements": (0.9, "processes"),
        "code": (0.9, "processes"),
    }


def test_what_is_told_of_a_kept_step_is_the_review_of_what_stands(site: Site) -> None:
    """Not of the run before it, whose result was taken back."""
    site.write(
        "Wavefile",
        """
advisors: {critic: {run: 'echo "{\\"score\\": $(cat o), \\"approved\\": true}"'}}
steps: {a: {inputs: i, outputs: o, run: cp i o, review: {advisor: critic, threshold: 0.1}}}
""",
    )
    for score in ("0.5", "0.7"):
        site.write("i", score + "\n")
        site.build()
    site.write("i", "0.5\n")
    site.write("o", "0.5\n")
    site.build()

    for _ in range(3):
        assert [step["score"] for step in site.build("--json").json["steps"].values()] == [0.5]
