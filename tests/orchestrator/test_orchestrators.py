"""Agents and advisors as Python objects: what they are given, what they leave, when they are asked again.

The ids in the names of the classes are those of the second seed's statements.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from wavebuild import WavebuildError
from wavebuild.orchestrator import Orchestrator, OrchestratorParallel, PipelineStep, SharedMemory

DIAMOND = [
    PipelineStep("A", "w", "a"),
    PipelineStep("B", "w", "b", depends_on=["A"]),
    PipelineStep("C", "w", "c", depends_on=["A"]),
    PipelineStep("D", "w", "d", depends_on=["B", "C"]),
]
GOOD = {"score": 0.9, "approved": True, "critical_issues": [], "suggestions": [], "summary": ""}


class Studio:
    """Factories whose agents note what they are asked, and answer by name."""

    def __init__(self, answers: dict[str, Any] | None = None, reviews: dict[str, Any] | None = None) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.judged: list[tuple[str, Any]] = []
        self._answers = answers or {}
        self._reviews = reviews or {}

    def agents(self, name: str) -> Any:
        def agent(task: str, context: dict[str, Any]) -> Any:
            self.asked.append((name, task, context))
            answer = self._answers.get(name, f"{name} did {task}")
            return answer(task, context) if callable(answer) else answer

        return agent

    def advisors(self, name: str) -> Any:
        def advisor(output: Any, task: str, context: dict[str, Any]) -> Any:
            self.judged.append((task, output))
            review = self._reviews.get(name, GOOD)
            return review(output, task, context) if callable(review) else review

        return advisor

    def parallel(self, workers: int = 4, **more: Any) -> OrchestratorParallel:
        # The version stands for a source that does not change between the runs of a test.
        more = {"version": "1", **more}
        return OrchestratorParallel(self.agents, self.advisors, workers, **more)

    def sequential(self, **more: Any) -> Orchestrator:
        return Orchestrator(self.agents, self.advisors, version="1", **more)


class TestS2_01_OneAfterAnother:
    def test_steps_are_done_in_the_order_of_the_plan(self):
        studio = Studio()

        result = studio.sequential().run(reversed(DIAMOND))

        assert result.ok
        tasks = [task for _, task, _ in studio.asked]
        assert (tasks[0], tasks[-1]) == ("a", "d")
        assert result.jobs == 1


class TestS2_02_Waves:
    def test_a_diamond_has_waves_of_one_two_and_one(self):
        """S2-03, S2-04, S2-05, S2-12: B and C meet at a barrier, so they run at once; D sees both."""
        together = threading.Barrier(2, timeout=60)

        def meet(task: str, context: dict[str, Any]) -> str:
            if task in "bc":
                together.wait()
            return task

        studio = Studio({"w": meet})

        result = studio.parallel().run_waves(DIAMOND)

        assert result.ok, result.summary()
        assert [step.wave for step in result] == [1, 2, 2, 3]
        assert result.schedule == "barrier"
        seen = next(context for _, task, context in studio.asked if task == "d")
        assert [seen[f"{name}.content"] for name in "ABC"] == ["a", "b", "c"]

    def test_never_more_than_max_workers_work_at_once(self):
        """S2-09."""
        lock, now, most = threading.Lock(), 0, 0

        def work(task: str, context: dict[str, Any]) -> str:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.05)
            with lock:
                now -= 1
            return task

        studio = Studio({"w": work})

        studio.parallel(2).run_waves([PipelineStep(f"s{at}", "w", "t") for at in range(6)])

        assert most == 2


class TestS2_06_Memory:
    def test_every_step_has_a_private_copy(self):
        """S2-24, S2-25: what one does to it no other sees, and no later step either."""

        def spoil(task: str, context: dict[str, Any]) -> str:
            context["limits"]["rows"] += 1
            context["limits"]["list"].append(task)
            return json.dumps(context["limits"])

        studio = Studio({"w": spoil})

        result = studio.parallel(memory={"limits": {"rows": 1, "list": []}}).run_waves(DIAMOND)

        seen = [json.loads(result.memory[f"{step.name}.content"]) for step in result]
        assert [one["rows"] for one in seen] == [2, 2, 2, 2]
        assert [one["list"] for one in seen] == [["a"], ["b"], ["c"], ["d"]]
        assert result.memory["limits"] == {"rows": 1, "list": []}

    def test_two_hundred_steps_of_a_wave_leak_nothing_to_each_other(self):
        """Each mutates the nested value as wildly as it can; all see the same."""

        def spoil(task: str, context: dict[str, Any]) -> str:
            seen = json.dumps(context["shared"], sort_keys=True)
            context["shared"]["list"].append(task)
            context["shared"]["deep"]["er"] = task
            return seen

        studio = Studio({"w": spoil})
        steps = [PipelineStep(f"s{at}", "w", str(at)) for at in range(200)]

        result = studio.parallel(8, memory={"shared": {"list": [1], "deep": {"er": 0}}}).run_waves(steps)

        assert {result.memory[f"s{at}.content"] for at in range(200)} == {'{"deep": {"er": 0}, "list": [1]}'}

    def test_shared_memory_is_safe_under_threads_and_copies_both_ways(self):
        memory = SharedMemory({"count": 0})
        given = {"list": [1]}
        memory.set("mine", given)
        given["list"].append(2)
        memory.get("mine")["list"].append(3)

        def count(at: int) -> None:
            for one in range(200):
                memory.update({f"k{at}": one})

        threads = [threading.Thread(target=count, args=(at,)) for at in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            memory.to_dict()
        assert memory.get("mine") == {"list": [1]}
        assert [memory.get(f"k{at}") for at in range(8)] == [199] * 8
        assert memory.get("nothing", 5) == 5

    def test_the_memory_of_the_orchestrator_has_all_of_it_afterwards(self):
        memory = SharedMemory({"idea": "a lamp"})
        studio = Studio()

        studio.parallel(memory=memory).run_waves([PipelineStep("A", "w", "make {idea}, {nothing}")])

        assert memory.get("A.content") == "w did make a lamp, {nothing}"
        assert memory.get("idea") == "a lamp"

    def test_a_value_that_is_not_json_is_refused_with_its_key(self):
        with pytest.raises(WavebuildError, match="mem:odd is not JSON"):
            Studio().parallel(memory={"odd": {1, 2}}).run_waves(DIAMOND)

    def test_a_large_value_passes(self):
        """10 MB from one agent to the next."""
        big = "x" * 10_000_000
        studio = Studio({"big": big, "len": lambda task, context: str(len(context["A.content"]))})

        result = studio.parallel().run_waves(
            [PipelineStep("A", "big", "t"), PipelineStep("B", "len", "t", depends_on=["A"])]
        )

        assert result.memory["B.content"] == "10000000"

    def test_what_a_step_does_not_depend_on_neither_stops_it_nor_makes_it_anew(self):
        """Two chains side by side: one fails, and then its task changes; the other goes its way."""
        studio = Studio({"bad": lambda task, context: 1 / 0})

        def chains(agent: str, task: str) -> list[PipelineStep]:
            return [
                PipelineStep("A", "w", "a"),
                PipelineStep("B", "w", "b", depends_on=["A"]),
                PipelineStep("X", agent, task),
                PipelineStep("Y", "w", "y", depends_on=["X"]),
                PipelineStep("Z", "w", "z {X.content}", depends_on=["B"]),
            ]

        first = studio.parallel().run_waves(chains("bad", "x"))
        second = studio.parallel().run_waves(chains("w", "x"))
        third = studio.parallel().run_waves(chains("w", "another x"))

        told = [" ".join(each[name].outcome for name in "ABXYZ") for each in (first, second, third)]
        assert told == [
            "succeeded succeeded failed blocked blocked",
            "kept kept succeeded succeeded succeeded",
            "kept kept succeeded succeeded succeeded",
        ]
        seen = {task: set(context) for _, task, context in studio.asked}
        assert "X.content" not in seen["b"]
        assert {"A.content", "B.content", "X.content"} <= seen["z w did another x"]

    def test_the_review_in_memory_is_the_last_one(self):
        """Also where a changed threshold had what stood judged anew; and who has read the former is not done again."""
        scores = iter((0.7, 0.9))
        studio = Studio(reviews={"c": lambda output, task, context: {**GOOD, "score": next(scores)}})
        steps = [PipelineStep("A", "w", "a", advisor="c"), PipelineStep("B", "w", "b", depends_on=["A"])]
        studio.parallel(score_thresholds={"default": 0.6}).run_waves(steps)

        higher = studio.parallel(score_thresholds={"default": 0.8})
        result = higher.run_waves(steps)

        assert result["A"].score == result.memory["A.review"]["score"] == higher.memory.get("A.review")["score"] == 0.9
        assert result.counts == {"kept": 2}


class TestS2_08_Factories:
    def test_agents_and_advisors_may_be_coroutines(self):
        async def agent(task: str, context: dict[str, Any]) -> str:
            await asyncio.sleep(0)
            return f"did {task}"

        class Advisor:
            async def review(self, output: str, task: str, context: dict[str, Any]) -> dict[str, Any]:
                return {**GOOD, "approved": output == "did a"}

        result = Orchestrator(lambda name: agent, lambda name: Advisor()).run(
            [PipelineStep("A", "w", "a", advisor="c")]
        )

        assert result.ok, result.summary()
        assert result.memory["A.content"] == "did a"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"max_retries": -1},
            {"max_retries": "2"},
            {"max_retries": 1.5},
            {"max_retries": True},
            {"category": 3},
            {"advisor": 3},
            {"depends_on": [3]},
            {"name": ""},
            {"name": "../a b"},
            {"task": None},
        ],
    )
    def test_a_step_of_odd_parts_is_refused(self, wrong: dict[str, Any]):
        studio = Studio()

        with pytest.raises(WavebuildError):
            studio.parallel().run_waves([{"name": "A", "agent": "w", "task": "t", **wrong}])

        assert studio.asked == []

    def test_one_name_will_do_for_what_a_step_depends_on(self):
        result = Studio().parallel().run_waves([*DIAMOND, {"name": "E", "agent": "w", "task": "t", "depends_on": "A"}])

        assert result["E"].wave == 2

    @pytest.mark.parametrize(
        "wrong",
        [
            {"agent_factory": None},
            {"advisor_factory": "critic"},
            {"max_workers": "4"},
            {"max_workers": 0},
            {"score_thresholds": [0.5]},
            {"memory": ["idea"]},
            {"root": "/no/such/folder"},
            {"name": "../elsewhere"},
            {"executor": "gpu"},
            {"version": 3},
            {"on_event": 7},
        ],
    )
    def test_odd_arguments_are_refused_when_they_are_given(self, wrong: dict[str, Any]):
        with pytest.raises(WavebuildError):
            OrchestratorParallel(**{"agent_factory": lambda name: None, **wrong})

    @pytest.mark.parametrize("wrong", [DIAMOND[0], "pipeline.yaml", {"A": DIAMOND[0]}, 7])
    def test_what_is_no_list_of_steps_is_refused(self, wrong: Any):
        with pytest.raises(WavebuildError, match="no list of steps"):
            Studio().parallel().run_waves(wrong)

    def test_objects_with_methods_do_as_well_as_functions(self):
        class Agent:
            def process(self, task: str, context: dict[str, Any]) -> dict[str, Any]:
                return {"content": task.upper(), "artifacts": {"f": [1]}, "metadata": {"tokens": 3}}

        class Advisor:
            def review(self, output: Any, task: str, context: dict[str, Any]) -> dict[str, Any]:
                good = (
                    output["artifacts"] == {"f": [1]}
                    and output.content == "HI" == output
                    and output.metadata["tokens"] == 3
                )
                return {**GOOD, "approved": good, "severity": "none"}

        result = Orchestrator(lambda name: Agent(), lambda name: Advisor()).run(
            [PipelineStep("A", "w", "hi", advisor="c")]
        )

        assert result.ok, result.summary()
        assert result.memory["A.artifacts"] == {"f": [1]}
        assert result.memory["A.review"]["severity"] == "none"
        assert result["A"].score == 0.9

    @pytest.mark.parametrize("answer", [None, 7, {"artifacts": {}}, {"content": 3}])
    def test_what_is_no_output_fails_the_step_and_is_told(self, answer: object):
        result = Studio({"w": answer}).parallel().run_waves(DIAMOND)

        assert {step.name: step.outcome for step in result} == {
            "A": "failed",
            "B": "blocked",
            "C": "blocked",
            "D": "blocked",
        }
        assert result.exit_code == 1

    def test_an_exception_of_an_agent_is_in_its_log(self, here: Path):
        def broken(task: str, context: dict[str, Any]) -> str:
            raise LookupError("no such thing")

        result = Studio({"w": broken}).parallel().run_waves(DIAMOND[:1])

        assert result["A"].log is not None
        log = (here / result["A"].log).read_text()
        assert "LookupError: no such thing" in log
        assert "wavebuild/orchestrator" not in log  # it begins at the first line of the author

    def test_a_mapping_will_do_as_a_step(self):
        result = Studio().parallel().run_waves([{"name": "A", "agent": "w", "task": "t"}])

        assert result.ok


class TestS2_10_Gates:
    STEPS = (
        PipelineStep("A", "w", "a", category="code", advisor="c", max_retries=1),
        PipelineStep("B", "w", "b", advisor="c", depends_on=["A"]),
    )

    @pytest.mark.parametrize("how", ["sequential", "parallel", "flow"])
    def test_the_gate_is_the_same_in_every_order(self, how: str):
        """S2-20, S2-28: a category's threshold, then the default; the same scores and memory."""
        studio = Studio(reviews={"c": {**GOOD, "score": 0.7}})
        thresholds = {"default": 0.6, "code": 0.7}

        if how == "sequential":
            result = studio.sequential(score_thresholds=thresholds).run(self.STEPS)
        elif how == "parallel":
            result = studio.parallel(score_thresholds=thresholds).run_waves(self.STEPS)
        else:
            result = studio.parallel(score_thresholds=thresholds).run(self.STEPS)

        assert [(step.name, step.outcome, step.score, step.attempts) for step in result] == [
            ("A", "succeeded", 0.7, 1),
            ("B", "succeeded", 0.7, 1),
        ]
        assert result.memory["A.content"] == "w did a"

    def test_too_low_a_score_fails_and_blocks_and_the_review_is_there(self):
        studio = Studio(reviews={"c": {**GOOD, "score": 0.69, "summary": "meh"}})

        result = studio.parallel(score_thresholds={"default": 0.6, "code": 0.7}).run_waves(self.STEPS)

        assert [(step.outcome, step.failure) for step in result] == [("failed", "rejected"), ("blocked", "")]
        assert (result["A"].attempts, result["A"].score) == (2, 0.69)
        assert result["A"].review is not None
        assert result["A"].review["summary"] == "meh"
        assert "A.content" not in result.memory

    def test_a_changed_threshold_judges_again_and_runs_no_agent(self):
        studio = Studio(reviews={"c": {**GOOD, "score": 0.7}})
        studio.parallel(score_thresholds={"default": 0.6}).run_waves(self.STEPS)
        asked = len(studio.asked)

        lower = studio.parallel(score_thresholds={"default": 0.5}).run_waves(self.STEPS)
        higher = studio.parallel(score_thresholds={"default": 0.9}).run_waves(self.STEPS)

        assert (lower.ok, higher.ok, len(studio.asked)) == (True, False, asked)
        assert len(studio.judged) == 2 + 2 + 1

    @pytest.mark.parametrize("review", [None, "fine", {}, {**GOOD, "score": "high"}, {**GOOD, "score": 1.7}])
    def test_what_is_no_review_fails_the_step(self, review: object):
        result = Studio(reviews={"c": review}).parallel().run_waves(self.STEPS)

        assert result["A"].outcome == "failed"
        assert result["A"].attempts == 1

    @pytest.mark.parametrize("threshold", [1.5, -0.1, "high", True])
    def test_a_threshold_out_of_range_is_refused(self, threshold: Any):
        with pytest.raises(WavebuildError, match="threshold"):
            OrchestratorParallel(lambda name: None, None, 1, {"default": threshold})


class TestS2_27_Feedback:
    def test_the_next_attempt_sees_the_review_and_the_output_and_the_same_task(self):
        def agent(task: str, context: dict[str, Any]) -> str:
            if "A.last_review" not in context:
                return "short"
            return f"longer than {context['A.last_output']}, as {context['A.last_review']['suggestions'][0]}"

        studio = Studio(
            {"w": agent},
            {"c": lambda output, task, context: {**GOOD, "score": min(1, len(output) / 20), "suggestions": ["told"]}},
        )

        result = studio.parallel().run_waves([PipelineStep("A", "w", "t", advisor="c", max_retries=2)])

        assert result.memory["A.content"] == "longer than short, as told"
        assert result["A"].attempts == 2
        assert [task for _, task, _ in studio.asked] == ["t", "t"]
        assert "A.last_review" not in result.memory


class TestS2_11_Results:
    def test_the_result_says_all_in_a_stable_order_and_as_json(self):
        studio = Studio()

        result = studio.parallel().run_waves([*reversed(DIAMOND)])

        told = json.loads(result.to_json())
        assert list(told["steps"]) == [step.name for step in result]
        assert (told["run"], told["ok"], told["memory"]) == (result.run, True, result.memory)
        assert {step.executor for step in result} == {"threads"}
        assert all(told["steps"][name]["attempts"] == 1 for name in "ABCD")


class TestS2_21_OneWriter:
    def test_two_steps_of_a_name_are_refused(self):
        with pytest.raises(WavebuildError, match="'A' exists already"):
            Studio().parallel().run_waves([PipelineStep("A", "w", "t"), PipelineStep("A", "w", "u")])

    def test_unknown_names_loops_and_no_steps_are_refused_before_anything_runs(self):
        studio = Studio()
        wrong = [
            [PipelineStep("A", "w", "t", depends_on=["B"])],
            [PipelineStep("A", "w", "t", depends_on=["B"]), PipelineStep("B", "w", "t", depends_on=["A"])],
            [],
            [PipelineStep("A", "", "t")],
        ]
        for steps in wrong:
            with pytest.raises(WavebuildError):
                studio.parallel().run_waves(steps)
        assert studio.asked == []


class TestS2_26_Resume:
    def test_what_succeeded_is_kept_with_memory_and_review_and_only_the_rest_runs_again(self):
        """As after a kill: each success was saved when it happened."""
        broken = True

        def agent(task: str, context: dict[str, Any]) -> str:
            if task == "c" and broken:
                raise OSError("gone")
            return task

        studio = Studio({"w": agent})
        steps = [PipelineStep(step.name, "w", step.task, advisor="c", depends_on=step.depends_on) for step in DIAMOND]
        first = studio.parallel().run_waves(steps)
        broken = False
        asked = len(studio.asked)

        second = studio.parallel().run_waves(steps)

        assert {step.name: step.outcome for step in first} == {
            "A": "succeeded",
            "B": "succeeded",
            "C": "failed",
            "D": "blocked",
        }
        assert {step.name: step.outcome for step in second} == {
            "A": "kept",
            "B": "kept",
            "C": "succeeded",
            "D": "succeeded",
        }
        assert [task for _, task, _ in studio.asked[asked:]] == ["c", "d"]
        assert (second["A"].score, second.memory["A.review"]["score"]) == (0.9, 0.9)

    def test_a_third_run_has_nothing_to_do_and_force_does_all_again(self):
        studio = Studio()
        studio.parallel().run_waves(DIAMOND)

        kept = studio.parallel().run_waves(DIAMOND)
        forced = studio.parallel().run_waves(DIAMOND, force=True)

        assert (kept.counts, forced.counts) == ({"kept": 4}, {"succeeded": 4})

    def test_another_task_is_done_again_and_what_reads_it(self):
        studio = Studio()
        studio.parallel().run_waves(DIAMOND)
        changed = [
            PipelineStep(s.name, s.agent, "new" if s.name == "B" else s.task, depends_on=s.depends_on) for s in DIAMOND
        ]

        result = studio.parallel().run_waves(changed)

        assert {step.name: step.outcome for step in result} == {
            "A": "kept",
            "B": "succeeded",
            "C": "kept",
            "D": "succeeded",
        }


class TestProcesses:
    def test_factories_that_others_can_import_work_in_processes(self, here: Path, monkeypatch: pytest.MonkeyPatch):
        """Each attempt is a child of a worker; the result is the same."""
        (here / "crew_of_test.py").write_text(
            "import os\n"
            "def agents(name):\n    return lambda task, context: f'{name} {task} {os.getpid()}'\n"
            "def advisors(name):\n"
            "    return lambda output, task, context: {'score': 1, 'approved': output.startswith('w')}\n"
        )
        monkeypatch.syspath_prepend(str(here))
        import crew_of_test  # type: ignore[import-not-found]

        made = OrchestratorParallel(crew_of_test.agents, crew_of_test.advisors, 2)
        result = made.run_waves([PipelineStep("A", "w", "a", advisor="c"), PipelineStep("B", "w", "b", advisor="c")])

        assert result.ok, result.summary()
        assert {step.executor for step in result} == {"processes"}
        assert len({result.memory[f"{name}.content"].split()[2] for name in "AB"}) == 2

    def test_processes_that_cannot_be_are_refused(self):
        with pytest.raises(WavebuildError, match="import the factories"):
            Studio().parallel(executor="processes").run_waves(DIAMOND)
