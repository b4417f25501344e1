"""The plan of the design-first pipeline, in the hours its guide states.

It does not know of other graphs.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.graph.declared import hours
from tests.plan.pipeline import AFTER_6B, pipeline
from wavebuild.declare.model import Range
from wavebuild.graph import Graph
from wavebuild.judge.reasons import NeverRan
from wavebuild.plan import Foreseen, Plan, PlanWord, make_plan

RUN = Foreseen(PlanWord.RUN, (NeverRan(),))


def estimates(linked: Graph) -> dict[int, Range]:
    return {k: step.estimate for k, step in enumerate(linked.wavefile.steps) if step.estimate}


def plan(linked: Graph, words: Mapping[str, PlanWord] | None = None, jobs: int = 4) -> Plan:
    """The plan of all steps, which run unless another word is given."""
    every = range(len(linked.wavefile.steps))
    other = {linked.number[name]: Foreseen(word) for name, word in (words or {}).items()}
    return make_plan(linked, every, {k: other.get(k, RUN) for k in every}, estimates(linked), jobs)


def test_the_waves_are_the_groups_and_gates_of_the_guide() -> None:
    planned = plan(pipeline())
    assert [[step.name for step in wave.steps] for wave in planned.waves] == [
        ["0"],
        ["1", "2"],
        ["3"],
        ["4"],
        ["4a"],
        ["5"],
        ["6", "7", "8"],
        ["6c", "7c"],
        ["6b", "9"],
    ]
    assert [wave.number for wave in planned.waves if wave.gate] == [1, 3, 4, 5, 6]


def test_the_flow_saves_39_per_cent() -> None:
    times = plan(pipeline()).times
    assert times is not None
    assert times.serial == hours(33, 59)
    assert times.flow == hours(20, 36)
    assert times.barrier == hours(23, 43)
    assert (round(times.saved.low, 2), round(times.saved.high, 2)) == (0.39, 0.39)


def test_with_the_agents_after_6b_the_flow_saves_a_third() -> None:
    times = plan(pipeline(AFTER_6B)).times
    assert times is not None
    assert times.serial == hours(33, 59)
    assert times.flow == hours(22, 39)
    assert times.barrier == hours(25, 46)
    assert (round(times.saved.low, 2), round(times.saved.high, 2)) == (0.33, 0.34)


@pytest.mark.parametrize(
    ("spaces", "path"),
    [("semantic/genie_spaces.json", "0 2 3 4 5 6 9"), (AFTER_6B, "0 2 3 4 5 6 6b 9")],
)
def test_the_critical_path_is_that_of_the_guide(spaces: str, path: str) -> None:
    planned = plan(pipeline(spaces))
    assert planned.critical_path == tuple(path.split())
    slack = {step.name: step.slack for wave in planned.waves for step in wave.steps}
    assert all(slack[name] == Range(0, 0) for name in planned.critical_path)
    late = {name for name, known in slack.items() if known is not None and known.low > 0 and known.high > 0}
    assert {"1", "7", "7c", "8"} <= late


def test_slack_is_the_time_a_step_may_be_late() -> None:
    """Step 8 ends 5 to 9 hours before the agents do."""
    slack = {step.name: step.slack for wave in plan(pipeline()).waves for step in wave.steps}
    assert slack["8"] == hours(5, 9)


def test_three_jobs_are_enough_and_one_job_is_serial() -> None:
    three, one = plan(pipeline(), jobs=3).times, plan(pipeline(), jobs=1).times
    assert three is not None
    assert one is not None
    assert three.flow_j == three.flow
    assert three.barrier_j == three.barrier
    assert one.flow_j == one.barrier_j == one.serial


def test_fresh_steps_stay_in_the_plan_and_take_no_time() -> None:
    fresh = dict.fromkeys(["0", "1", "2", "3", "4", "4a"], PlanWord.FRESH)
    planned = plan(pipeline(), {**fresh, "5": PlanWord.RUN, "9": PlanWord.MAYBE})
    assert sum(len(wave.steps) for wave in planned.waves) == 14
    assert planned.times is not None
    assert planned.times.serial == hours(24, 45)
    assert planned.times.flow == hours(13, 25)
    assert planned.critical_path == ("5", "6", "9")
    step = planned.waves[1].steps[0]
    assert (step.name, step.word, step.slack, step.estimate) == ("1", PlanWord.FRESH, None, hours(2, 3))
    assert step.title == "Gold Layer Design"


def test_when_all_is_fresh_nothing_takes_time() -> None:
    linked = pipeline()
    planned = plan(linked, dict.fromkeys(linked.number, PlanWord.FRESH))
    assert planned.critical_path == ()
    assert planned.times is not None
    assert planned.times.serial == planned.times.flow == planned.times.saved == Range(0, 0)


def test_without_any_known_duration_there_are_no_times() -> None:
    linked = pipeline()
    planned = make_plan(linked, [0, 1], {0: RUN, 1: RUN}, {}, jobs=2)
    assert planned.times is None
    assert planned.critical_path == ()
    assert [[step.slack for step in wave.steps] for wave in planned.waves] == [[None], [None]]


def test_what_was_foreseen_stands_in_the_plan() -> None:
    linked = pipeline()
    foreseen = {0: Foreseen(PlanWord.WAITING), 1: Foreseen(PlanWord.BLOCKED, after=("0",))}
    planned = make_plan(linked, {1, 0}, foreseen, estimates(linked), jobs=2)
    first, second = planned.waves[0].steps[0], planned.waves[1].steps[0]
    assert (first.word, second.word, second.after, second.wave) == (PlanWord.WAITING, PlanWord.BLOCKED, ("0",), 2)
    assert planned.critical_path == ("0", "1")
