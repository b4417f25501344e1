"""What the engine is asked, and what it answers: frozen values.

It does not know how an answer is found or shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from wavebuild.engine.request import Addition as Addition
from wavebuild.engine.request import BuildResult as BuildResult
from wavebuild.engine.request import Request as Request
from wavebuild.engine.request import Sight as Sight

if TYPE_CHECKING:
    from wavebuild.declare.said import Said
    from wavebuild.errors import Place, Problem
    from wavebuild.judge.difference import Change
    from wavebuild.judge.reasons import Reason
    from wavebuild.plan.model import PlanWord
    from wavebuild.run.events import Outcome


class Undertaking(Struct, frozen=True):
    """What a trial is going to do: so many builds of so many steps, in a copy of so many files."""

    builds: int
    steps: int
    files: int
    bytes: int


class Trial(Struct, frozen=True):
    """What came of trying steps in a copy; no problems: all was well. ``pairs``: steps that either way came first."""

    problems: tuple[Problem, ...]
    builds: int
    steps: int
    pairs: int
    seconds: float


class StatusLine(Struct, frozen=True):
    step: str
    word: PlanWord  # the verdict, in the plan's words
    reasons: tuple[Reason, ...]
    last_outcome: Outcome | None
    last_started: float | None  # epoch seconds
    last_seconds: float | None
    by_touch: bool = False
    by_hand: tuple[str, ...] = ()  # accepted members


class Cause(Struct, frozen=True):
    """One link of the chain: a step, and why it is stale (or will be, or ran last)."""

    step: str
    word: PlanWord
    reasons: tuple[Reason, ...]
    changes: tuple[Change | None, ...] = ()  # one for each reason
    last: LastRun | None = None  # of a step that is fresh


class LastRun(Struct, frozen=True):
    """How a step that is fresh came to be so."""

    run: str
    began: float  # epoch seconds
    outcome: Outcome | None  # None: its result is not on record, or it did not run: it was touched or accepted
    reasons: tuple[Reason, ...] = ()
    changes: tuple[Change | None, ...] = ()


class Explanation(Struct, frozen=True):
    """Why a step is what it is: the step first, then what it waits on, up to the root."""

    subject: str
    chain: tuple[Cause, ...]
    asked: float = 0.0  # epoch seconds


class Remembered(Struct, frozen=True):
    """A key of the shared memory; ``value``: JSON, None if there is none yet; ``writer``: None for initial values."""

    key: str
    value: str | None
    writer: str | None


class LogFile(Struct, frozen=True):
    step: str
    run: str
    attempt: int
    path: str  # relative to the root
    began: float  # epoch seconds


class Conversion(Struct, frozen=True):
    """A foreign build file as a Wavefile."""

    text: str
    path: str | None  # where it was written, as seen from the caller's folder
    steps: int
    left: tuple[Problem, ...]  # what could not be carried over


class Cleaned(Struct, frozen=True):
    removed: tuple[str, ...]  # members removed, or that would be
    kept: tuple[tuple[str, str], ...]  # member, why it stays
    into: str = ""  # where what was removed is now, relative to the root; "" where it is gone


class RunOnRecord(Struct, frozen=True):
    """One past run; ``seconds`` and ``exit_code`` are None while it runs, and for ever if it was cut off."""

    run: str
    began: float  # epoch seconds
    seconds: float | None
    exit_code: int | None
    running: bool
    jobs: int
    schedule: str
    command: str
    counts: tuple[tuple[Outcome, int], ...]


class PastResult(Struct, frozen=True):
    """How a step ended in a past run in which it did not stay as it was."""

    step: str
    run: str
    outcome: Outcome
    began: float  # epoch seconds
    seconds: float
    attempts: int
    exit_code: int | None
    failure: str
    log: str | None  # relative to the root, while it is kept


class History(Struct, frozen=True):
    """Past runs, or with ``step`` the past results of it and its instances; newest first."""

    step: str | None = None
    runs: tuple[RunOnRecord, ...] = ()
    results: tuple[PastResult, ...] = ()


class Shown(Struct, frozen=True):
    """An artifact of a step: who else has to do with it, and which members it has now."""

    text: str
    others: tuple[str, ...]  # of an input the steps that make it, of an output those that read it
    members: tuple[str, ...]
    files: bool  # whether its members are files: else nobody can count them


class Portrait(Struct, frozen=True):
    """One step fully expanded."""

    step: str
    place: Place
    group: bool
    instances: tuple[str, ...]  # of a repeated step
    said: tuple[Said, ...]
    reads: tuple[Shown, ...]
    makes: tuple[Shown, ...]
    shares: tuple[Shown, ...]  # what it edits of files that others may edit, too
    commands: tuple[str, ...]  # as they would run now
    checks: tuple[str, ...]
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    status: StatusLine | None  # None for a group, and where ``unknown`` says why
    unknown: tuple[Problem, ...] = ()


class Finding(Struct, frozen=True):
    """One fact about the place where builds run; with a ``remedy`` it is something to mend."""

    topic: str
    name: str
    value: str
    remedy: str = ""
