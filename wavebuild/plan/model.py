"""What a build will do, as frozen values: waves of steps, words, times.

It does not know how verdicts were reached, nor how a plan is drawn.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from wavebuild.declare.model import Range
from wavebuild.judge.reasons import Reason


class PlanWord(enum.Enum):
    """What will become of a step; the value is the word in JSON, its upper case the word in the plan."""

    RUN = "run"
    RECHECK = "recheck"
    MAYBE = "maybe"
    RESTORE = "restore"
    FRESH = "fresh"
    FROZEN = "frozen"
    HELD = "held"
    WAITING = "waiting"
    BLOCKED = "blocked"
    EXPANDS = "expands"


class Foreseen(Struct, frozen=True):
    """What the verdict on a step, and on what it waits for, lets one say before the build."""

    word: PlanWord
    reasons: tuple[Reason, ...] = ()
    after: tuple[str, ...] = ()


class PlannedStep(Struct, frozen=True):
    name: str
    wave: int  # from 1
    word: PlanWord
    reasons: tuple[Reason, ...] = ()
    after: tuple[str, ...] = ()  # of MAYBE and BLOCKED: the steps it depends on for that
    title: str | None = None
    phase: str | None = None
    estimate: Range | None = None  # measured (low == high) or declared
    slack: Range | None = None  # seconds it may be late without making the flow later


class PlannedWave(Struct, frozen=True):
    number: int
    steps: tuple[PlannedStep, ...]

    @property
    def gate(self) -> bool:
        """A wave of one: everything after it waits for it alone."""
        return len(self.steps) == 1


class Times(Struct, frozen=True):
    """Seconds. Serial: one after another; barrier and flow: unlimited slots; _j: with the jobs asked for."""

    serial: Range
    barrier: Range
    flow: Range
    barrier_j: Range
    flow_j: Range
    saved: Range  # fractions: 1 - flow/serial at each end


class Plan(Struct, frozen=True):
    waves: tuple[PlannedWave, ...]
    critical_path: tuple[str, ...]
    times: Times | None  # None: nothing is known of any step's duration
    jobs: int
