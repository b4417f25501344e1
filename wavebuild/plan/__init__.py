"""VERDICTS → PLAN: the steps that are wanted, their waves, and how long they will take.

It does not know whether anybody runs the plan.
"""

from wavebuild.plan.build import make_plan, takes_time
from wavebuild.plan.model import Foreseen, Plan, PlannedStep, PlannedWave, PlanWord, Times
from wavebuild.plan.order import natural_key, remaining, waves
from wavebuild.plan.targets import Selection, downstream_of, select, upstream_of
from wavebuild.plan.times import Timing, measure

__all__ = [
    "Foreseen",
    "Plan",
    "PlanWord",
    "PlannedStep",
    "PlannedWave",
    "Selection",
    "Times",
    "Timing",
    "downstream_of",
    "make_plan",
    "measure",
    "natural_key",
    "remaining",
    "select",
    "takes_time",
    "upstream_of",
    "waves",
]
