"""Puts the waves, what each step will do and the times together: the plan.

It does not know how it was found out what a step will do, nor how a plan is drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import assert_never

from wavebuild.declare.model import Range
from wavebuild.graph import Graph
from wavebuild.plan.model import Foreseen, Plan, PlannedStep, PlannedWave, PlanWord, Times
from wavebuild.plan.order import waves
from wavebuild.plan.times import Timing, measure


def make_plan(
    graph: Graph,
    wanted: Collection[int],
    foreseen: Mapping[int, Foreseen],
    durations: Mapping[int, Range],
    jobs: int,
) -> Plan:
    """The plan of the wanted steps. Fresh steps are in it and take no time."""
    counted = {step for step in wanted if takes_time(foreseen[step].word)}
    timing = _timing(graph, wanted, counted, durations, jobs)
    slack = {step: timing.slack[step] for step in counted} if timing else {}
    planned_waves = tuple(
        PlannedWave(
            number,
            tuple(
                _planned(graph, step, number, foreseen[step], durations.get(step), slack.get(step)) for step in layer
            ),
        )
        for number, layer in enumerate(waves(graph, wanted), start=1)
    )
    critical = [step for step in timing.critical_path if step in counted] if timing else []
    names = tuple(graph.names.every[step] for step in critical)
    return Plan(planned_waves, names, timing.times if timing else None, jobs)


def takes_time(word: PlanWord) -> bool:
    """Whether a step with this word counts in the times of a plan."""
    match word:
        case PlanWord.RUN | PlanWord.MAYBE | PlanWord.RECHECK | PlanWord.WAITING | PlanWord.BLOCKED | PlanWord.EXPANDS:
            return True
        case PlanWord.FRESH | PlanWord.RESTORE | PlanWord.FROZEN | PlanWord.HELD:
            return False
        case _:
            assert_never(word)


def _timing(
    graph: Graph, wanted: Collection[int], counted: Collection[int], durations: Mapping[int, Range], jobs: int
) -> Timing | None:
    """The times, unless nothing is known of any wanted step."""
    if not any(step in durations for step in wanted):
        return None
    if not counted:
        nothing = Range(0.0, 0.0)
        return Timing(Times(nothing, nothing, nothing, nothing, nothing, nothing), (), {})
    return measure(graph, wanted, {step: durations[step] for step in counted if step in durations}, jobs)


def _planned(
    graph: Graph, number: int, wave: int, foreseen: Foreseen, estimate: Range | None, slack: Range | None
) -> PlannedStep:
    step = graph.wavefile.steps[number] if number in graph.traits.titled else None
    return PlannedStep(
        name=graph.names.every[number],
        wave=wave,
        word=foreseen.word,
        reasons=foreseen.reasons,
        after=foreseen.after,
        title=step.title if step else None,
        phase=step.phase if step else None,
        estimate=estimate,
        slack=slack,
    )
