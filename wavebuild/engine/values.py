"""What the engine is asked, and what it answers: frozen values.

It does not know how an answer is found or shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from wavebuild.declare.model import Schedule, Wavefile
    from wavebuild.declare.said import Said
    from wavebuild.engine.glance import Glance
    from wavebuild.engine.lists import Project
    from wavebuild.errors import Place, Problem
    from wavebuild.judge.difference import Change
    from wavebuild.judge.reasons import Reason
    from wavebuild.plan.model import PlanWord
    from wavebuild.run.events import Outcome, Settled
    from wavebuild.run.gauge import Gauge
    from wavebuild.run.interrupts import Interrupts
    from wavebuild.run.patience import Workers


class Request(Struct, frozen=True):
    """What the person asked for, already parsed; ``None`` = not said, the Wavefile decides."""

    directory: str  # absolute: where the command was started, after -C
    file: str | None = None  # -f
    targets: tuple[str, ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()  # --set NAME=VALUE
    profile: str | None = None  # --profile
    memory: tuple[tuple[str, str], ...] = ()  # --mem KEY=VALUE
    environ: tuple[tuple[str, str], ...] = ()  # the caller's environment
    jobs: int | None = None  # None: not said; 0 or "-j" alone arrive as the number of cores
    schedule: Schedule | None = None
    keep_going: bool | None = None
    force: bool = False
    only: bool = False
    changed: tuple[str, ...] = ()  # -W: paths as typed
    unchanged: tuple[str, ...] = ()  # -o
    wait: float = 0.0  # seconds to wait for another build of this project
    allow_outside: bool = False  # --allow-outside
    ask: bool = False  # a question may run probes
    paranoid: bool = False  # no stamp is trusted: every file is read again
    load: float | None = None  # -l: nothing starts while the load is over it
    order: tuple[str, ...] = ()  # the names of steps, those first that are to run first; (): as always
    audit: bool = False  # --audit: what steps touch is followed
    full: bool = False  # every step's end is wanted, also of steps that are fresh
    terminal: str = ""  # the path of the caller's terminal, if a step may own it
    alone: bool = False  # nobody else in this process starts processes: strange children are of steps
    commands: tuple[str, ...] = ()  # words that are commands, offered as spellings of an unknown target
    clock: Callable[[], float] = time.time  # what time it is, in epoch seconds
    command_line: str = "wavebuild"  # named to whoever finds the project held
    bare: str | None = None  # the command, where it stands alone: no step may be called so
    watcher: bool = True  # what a watcher of the project says is believed
    glance: Glance | None = None  # what the first look has found: that not all is as it was
    loaded: Project | None = None  # the project as it was loaded for the first of several questions
    declared: Wavefile | None = None  # what a program declares, in the place of a file
    around: Callable[[Workers], Workers] | None = None  # an executor around the pool, which takes some jobs itself
    gauge: Gauge | None = None  # somebody looks: there it is shown what the build waits for, and its outlook is told
    interrupts: Interrupts | None = None  # who counts that somebody asks to stop; None: the signals do
    sight: Callable[[Sight], None] | None = None  # is told, before a build ends, what it looked at


class Sight(Struct, frozen=True):
    """What a build looked at, for whoever waits until some of it changes.

    ``evidence``: the path where evidence lies, if it was ``kept``; while steps are ``open`` it has not all.
    ``stamps``: path, absolute or from the root, → the stamp under which it was seen, () for nothing; called while the
    build still holds the project.
    """

    root: str
    evidence: str
    kept: bool
    open: bool
    quiet: float
    stamps: Callable[[], dict[str, tuple[int, ...]]]


class Addition(Struct, frozen=True):
    """Lines to be added to one step, or to a repeated step for all its instances, ready to be pasted."""

    step: str
    place: Place
    lines: tuple[str, ...]
    present: tuple[str, ...]  # those of its keys that the step has already: what stands below them is added to those


class BuildResult(Struct, frozen=True):
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
    additions: tuple[Addition, ...] = ()  # what an audit would have added to the Wavefile


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
