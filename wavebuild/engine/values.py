"""What the engine is asked, and what it answers: frozen values.

It does not know how an answer is found or shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wavebuild.declare.model import Schedule
    from wavebuild.judge.difference import Change
    from wavebuild.judge.reasons import Reason
    from wavebuild.plan.model import PlanWord
    from wavebuild.run.events import Outcome, Settled


@dataclass(frozen=True, slots=True)
class Request:
    """What the person asked for, already parsed; ``None`` = not said, the Wavefile decides."""

    directory: str  # absolute: where the command was started, after -C
    file: str | None = None  # -f
    targets: tuple[str, ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()  # --set NAME=VALUE
    environ: tuple[tuple[str, str], ...] = ()  # the caller's environment
    jobs: int | None = None  # None: not said; 0 or "-j" alone arrive as the number of cores
    schedule: Schedule | None = None
    keep_going: bool | None = None
    force: bool = False
    only: bool = False
    changed: tuple[str, ...] = ()  # -W: paths as typed
    unchanged: tuple[str, ...] = ()  # -o
    wait: float = 0.0  # seconds to wait for another build of this project
    full: bool = False  # every step's end is wanted, also of steps that are fresh
    commands: tuple[str, ...] = ()  # words that are commands, offered as spellings of an unknown target
    clock: Callable[[], float] = time.time  # what time it is, in epoch seconds
    command_line: str = "wavebuild"  # named to whoever finds the project held


@dataclass(frozen=True, slots=True)
class BuildResult:
    """How a build ended; ``steps`` in plan order, one entry for every step it looked at."""

    run: str
    ok: bool
    exit_code: int
    started: float  # epoch seconds
    seconds: float
    jobs: int
    schedule: str
    steps: tuple[Settled, ...]
    nothing_to_do: bool  # every step was fresh: nothing started
    orphans: tuple[str, ...] = ()
    fresh: int = 0  # how many steps were looked at, also where ``steps`` is empty as nothing had changed


@dataclass(frozen=True, slots=True)
class StatusLine:
    step: str
    word: PlanWord  # the verdict, in the plan's words
    reasons: tuple[Reason, ...]
    last_outcome: Outcome | None
    last_started: float | None  # epoch seconds
    last_seconds: float | None
    by_touch: bool = False
    by_hand: tuple[str, ...] = ()  # accepted members


@dataclass(frozen=True, slots=True)
class Cause:
    """One link of the chain: a step, and why it is stale (or will be, or ran last)."""

    step: str
    word: PlanWord
    reasons: tuple[Reason, ...]
    changes: tuple[Change | None, ...] = ()  # one for each reason
    last: LastRun | None = None  # of a step that is fresh


@dataclass(frozen=True, slots=True)
class LastRun:
    """How a step that is fresh came to be so."""

    run: str
    began: float  # epoch seconds
    outcome: Outcome | None  # None: its result is not on record, or it did not run: it was touched or accepted
    reasons: tuple[Reason, ...] = ()
    changes: tuple[Change | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a step is what it is: the step first, then what it waits on, up to the root."""

    subject: str
    chain: tuple[Cause, ...]
    asked: float = 0.0  # epoch seconds


@dataclass(frozen=True, slots=True)
class LogFile:
    step: str
    run: str
    attempt: int
    path: str  # relative to the root
    began: float  # epoch seconds


@dataclass(frozen=True, slots=True)
class Cleaned:
    removed: tuple[str, ...]  # members removed, or that would be
    kept: tuple[tuple[str, str], ...]  # member, why it stays
