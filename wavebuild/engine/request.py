"""What a build is asked for, and what came of it: frozen values.

It does not know how it is built, nor what else the engine may be asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from wavebuild.declare.model import Schedule, Wavefile
    from wavebuild.engine.glance import Glance
    from wavebuild.engine.lists import Project
    from wavebuild.errors import Place
    from wavebuild.run.events import Settled
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
