"""The closed list of reasons why a step is not fresh.

It does not know how they are found, nor how they are shown.
"""

from msgspec import Struct


class NeverRan(Struct, frozen=True):
    """No trace of an earlier success."""


class Forced(Struct, frozen=True):
    """The person asked for it with -B."""


class Always(Struct, frozen=True):
    """The step says ``always: true``."""


class TooOld(Struct, frozen=True):
    """The last success began longer ago than ``max_age`` allows (both in seconds)."""

    age: float
    allowed: float


class BeforePeriod(Struct, frozen=True):
    """The last success began (epoch seconds) before today, or before this Monday: ``max_age: daily`` or ``weekly``."""

    period: str
    began: float


class HeldBack(Struct, frozen=True):
    """It is stale, and ``min_age`` holds it back until this instant (epoch seconds)."""

    until: float


class TakenAsChanged(Struct, frozen=True):
    """The person said with -W that this member is to be taken as changed."""

    member: str


class FailedBefore(Struct, frozen=True):
    """With this very definition and these very inputs it failed last time."""


class InputsMoved(Struct, frozen=True):
    """An input changed while the last run was reading it."""

    members: tuple[str, ...]


class ActionChanged(Struct, frozen=True):
    """A part of the definition is other than the trace's: command, env, shell, outputs…"""

    part: str
    was: str
    now: str


class GateChanged(Struct, frozen=True):
    """Only what judges the outputs changed: checks, or what they read."""

    part: str
    was: str
    now: str


class InputChanged(Struct, frozen=True):
    """A member is read with other content. ``maker``: the step that owns it, if any."""

    member: str
    was: str
    now: str
    maker: str | None = None
    discovered: bool = False  # no declared input: the step's depfile named it


class InputAdded(Struct, frozen=True):
    member: str
    now: str
    maker: str | None = None


class InputRemoved(Struct, frozen=True):
    member: str
    was: str
    maker: str | None = None
    discovered: bool = False


class OutputMissing(Struct, frozen=True):
    member: str


class OutputEdited(Struct, frozen=True):
    member: str
    was: str
    now: str


class EditLost(Struct, frozen=True):
    """What the step did to a file that it shares, or to its keys of one, is not in it any more."""

    member: str


class Unclaimed(Struct, frozen=True):
    """Files stand in its outputs that no step made: it may not run."""

    members: tuple[str, ...]


class Upstream(Struct, frozen=True):
    """It is not known yet: something it reads may still be remade in this build (undecided)."""

    makers: tuple[str, ...]


class Unasked(Struct, frozen=True):
    """It is not known yet: a question starts no command, and only one can tell what these are (undecided)."""

    members: tuple[str, ...]


class ListRefused(Struct, frozen=True):
    """Its instances or inputs stand in a list that is of no use: it cannot run."""

    said: str


class Unreadable(Struct, frozen=True):
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
