"""VERDICTS → PLAN: the steps that are wanted, their waves, and how long they will take.

It does not know whether anybody runs the plan.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
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

# A build asks for the order and for what is wanted alone: the plan as values comes when a person wants to see it.
_HOMES = {
    **dict.fromkeys(("make_plan", "takes_time"), "build"),
    **dict.fromkeys(("Foreseen", "Plan", "PlanWord", "PlannedStep", "PlannedWave", "Times"), "model"),
    **dict.fromkeys(("natural_key", "remaining", "waves"), "order"),
    **dict.fromkeys(("Selection", "downstream_of", "select", "upstream_of"), "targets"),
    **dict.fromkeys(("Timing", "measure"), "times"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = f"{__name__}.{_HOMES[name]}"
    __import__(home)
    value: object = getattr(sys.modules[home], name)
    globals()[name] = value
    return value
