"""The closed list of reasons why a step is not fresh.

It does not know how they are found, nor how they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NeverRan:
    """No trace of an earlier success."""


@dataclass(frozen=True, slots=True)
class Forced:
    """The person asked for it with -B."""


@dataclass(frozen=True, slots=True)
class Always:
    """The step says ``always: true``."""


@dataclass(frozen=True, slots=True)
class TooOld:
    """The last success began longer ago than ``max_age`` allows (both in seconds)."""

    age: float
    allowed: float


@dataclass(frozen=True, slots=True)
class BeforePeriod:
    """The last success began (epoch seconds) before today, or before this Monday: ``max_age: daily`` or ``weekly``."""

    period: str
    began: float


@dataclass(frozen=True, slots=True)
class HeldBack:
    """It is stale, and ``min_age`` holds it back until this instant (epoch seconds)."""

    until: float


@dataclass(frozen=True, slots=True)
class TakenAsChanged:
    """The person said with -W that this member is to be taken as changed."""

    member: str


@dataclass(frozen=True, slots=True)
class FailedBefore:
    """With this very definition and these very inputs it failed last time."""


@dataclass(frozen=True, slots=True)
class InputsMoved:
    """An input changed while the last run was reading it."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ActionChanged:
    """A part of the definition is other than the trace's: command, env, shell, outputs…"""

    part: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class GateChanged:
    """Only what judges the outputs changed: checks, or what they read."""

    part: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class InputChanged:
    """A member is read with other content. ``maker``: the step that owns it, if any."""

    member: str
    was: str
    now: str
    maker: str | None = None
    discovered: bool = False  # no declared input: the step's depfile named it


@dataclass(frozen=True, slots=True)
class InputAdded:
    member: str
    now: str
    maker: str | None = None


@dataclass(frozen=True, slots=True)
class InputRemoved:
    member: str
    was: str
    maker: str | None = None
    discovered: bool = False


@dataclass(frozen=True, slots=True)
class OutputMissing:
    member: str


@dataclass(frozen=True, slots=True)
class OutputEdited:
    member: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class EditLost:
    """What the step did to a file that it shares, or to its keys of one, is not in it any more."""

    member: str


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Files stand in its outputs that no step made: it may not run."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Upstream:
    """It is not known yet: something it reads may still be remade in this build (undecided)."""

    makers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unasked:
    """It is not known yet: a question starts no command, and only one can tell what these are (undecided)."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListRefused:
    """Its instances or inputs stand in a list that is of no use: it cannot run."""

    said: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that it reads or edits cannot be read as declared: it cannot run."""

    said: str


Reason = (
    NeverRan
    | Forced
    | Always
    | TooOld
    | BeforePeriod
    | HeldBack
    | TakenAsChanged
    | FailedBefore
    | InputsMoved
    | ActionChanged
    | GateChanged
    | InputChanged
    | InputAdded
    | InputRemoved
    | OutputMissing
    | OutputEdited
    | EditLost
    | Unclaimed
    | Upstream
    | Unasked
    | ListRefused
    | Unreadable
)
