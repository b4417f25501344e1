"""The story of one run, as a report tells it: frozen values.

It does not know how it is found out, nor how it is shown.
"""

from __future__ import annotations

from msgspec import Struct

from wavebuild.graph import Graph
from wavebuild.plan.model import Times
from wavebuild.run.events import Outcome, Settled, StepRetried, StepReviewed


class Piece(Struct, frozen=True):
    """A member that a step read or made; ``digest``: "" where it is not on record."""

    member: str
    digest: str = ""


class Pieces(Struct, frozen=True):
    """The first members of one side of a step, and how many more there are."""

    shown: tuple[Piece, ...] = ()
    more: int = 0
    is_known: bool = True  # False: not what was read or made, but what is declared


class Former(Struct, frozen=True):
    """The latest success of a step before this run."""

    run: str
    seconds: float


class Chapter(Struct, frozen=True):
    """One step in one run. ``outcome``: None where it is not known what became of it."""

    name: str
    wave: int
    outcome: Outcome | None
    settled: Settled | None = None  # None: there is no more to say than how it ended
    title: str | None = None
    base: str = ""  # of an instance: the step that is repeated
    place: str = ""  # where it is declared
    agent: str = ""
    phase: str = ""
    tags: tuple[str, ...] = ()
    command: str = ""
    is_declared: bool = False  # the command is that of the Wavefile, not one that ran
    gate: str = ""  # the command that judged the outputs last, a check or an advisor
    reads: Pieces = Pieces()
    makes: Pieces = Pieces()
    upstream: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    retried: tuple[StepRetried, ...] = ()
    reviewed: tuple[StepReviewed, ...] = ()
    former: Former | None = None
    lane: int | None = None  # in which row of the timeline it ran
    start: float = 0.0  # epoch seconds, as drawn: when the row was free
    end: float = 0.0
    is_critical: bool = False
    is_gone: bool = False  # the Wavefile has no such step now
    is_brief: bool = False  # of too many to tell of each: it only counts


class FormerRun(Struct, frozen=True):
    """The run before this one in which something ran; ``only_then``: what ran in it and not in this one."""

    run: str
    began: float
    seconds: float | None
    exit_code: int | None
    counts: tuple[tuple[str, int], ...]
    only_then: tuple[tuple[str, float], ...]


class Story(Struct, frozen=True):
    """A run from its begin to its end; ``chapters`` by waves, as in the plan."""

    run: str
    project: str
    wavefile: str
    began: float
    seconds: float | None  # None: it was cut off, or runs
    exit_code: int | None
    is_running: bool
    jobs: int
    schedule: str
    command: str
    counts: tuple[tuple[str, int], ...]
    chapters: tuple[Chapter, ...]
    lanes: int = 0
    times: Times | None = None  # from measured times; None: nothing ran
    critical_path: tuple[str, ...] = ()
    former: FormerRun | None = None
    notices: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()  # what a report of this run cannot tell, in sentences
    graph: Graph | None = None  # as the Wavefile is now; None: it cannot be loaded
    wanted: frozenset[int] = frozenset()
