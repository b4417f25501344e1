"""What happened in a build, in the past tense: the only thing the screen is told.

It does not know who listens. Every event is a frozen value; instants are seconds since the
epoch (for people), durations come from the monotonic clock.
"""

import enum
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from wavebuild.judge.reasons import Reason
from wavebuild.run.audit import Audit


class Outcome(enum.Enum):
    """How a step ended in one run. The value is the word in JSON and on the screen."""

    KEPT = "kept"
    RESTORED = "restored"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    WAITING = "waiting"
    INTERRUPTED = "interrupted"
    NOT_STARTED = "not_started"


class Opinion(Struct, frozen=True):
    """What an advisor said of a step's outputs; scores are 0..1. ``threshold``: what score was wanted."""

    advisor: str
    score: float
    approved: bool
    threshold: float
    critical_issues: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    summary: str = ""
    severity: str = ""

    @property
    def passes(self) -> bool:
        return self.approved and self.score >= self.threshold


ClueKind = Literal[
    "no command",
    "no interpreter",
    "no file",
    "no folder",
    "no permission",
    "no memory",
    "no room",
    "killed",
    "exception",
    "made instead",
]


class Clue(Struct, frozen=True):
    """What the end of a failed step's log complains of; ``what``: the command, path or exception, if it names one."""

    kind: ClueKind
    what: str = ""
    line: str = ""  # the complaint itself
    last: bool = False  # nothing was said after it
    at: str = ""  # of an exception: where it was raised, as ``file:line``
    maker: str = ""  # the other step that makes the path that is not there
    declared: bool = False  # the path is one that the step declares
    is_there: bool = False  # the path exists
    instead: str = ""  # a path of nearly that name that is there; an interpreter or a folder that is not


class Settled(Struct, frozen=True, gc=False):
    """How one step ended, with all that a person or a program may ask about it."""

    step: str
    outcome: Outcome
    wave: int
    started: float | None = None  # epoch seconds; None: it did not run
    seconds: float = 0.0
    attempts: int = 0
    reasons: tuple[Reason, ...] = ()  # why it ran, or would have
    failure: str = (
        ""  # closed words: exit, signal, timeout, missing output, unclaimed, edited, check, call, worker died, disk
    )
    detail: str = ""  # one or more lines for a person: what failed and the ways out
    exit_code: int | None = None
    signal: str | None = None  # its name, SIGSEGV
    command: str = ""  # ready to paste
    log: str | None = None  # path relative to the root
    tail: tuple[str, ...] = ()  # last lines of the log
    blocked_by: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()  # inputs that changed while it ran
    undid: tuple[str, ...] = ()  # steps of this build whose edits of shared files it took back
    displaced: tuple[str, ...] = ()  # where overwritten edits went, relative to the root
    notes: tuple[str, ...] = ()  # other things to say (a daemon was left and ended, partial outputs kept in …)
    audit: Audit | None = None  # what it touched, where that was followed
    review: Opinion | None = None  # what its advisor said last
    clues: tuple[Clue, ...] = ()  # of a failure: what may have caused it
    action: str = ""  # what made the outputs, ready to paste; "": no other command was run after it
    read: tuple[tuple[str, str], ...] = ()  # of one that did not come to its end: members it read, with digests
    read_more: int = 0  # how many more of them there are


class Outlook(Struct, frozen=True):
    """What is known before the steps of a build are judged; told where somebody asks for it.

    Steps are their numbers; those without a length have nothing to run, or have never run.
    """

    number: Mapping[str, int]
    judged: frozenset[int]  # all others are known to be fresh: their ends are not told
    seconds: Mapping[int, float]  # how long each is expected to take
    behind: Mapping[int, float]  # from its start to the end of all that waits for it
    unknown: frozenset[int]  # those that would run something, and nobody knows for how long
    keep_going: bool  # after a failure, what does not depend on it is run


class BuildStarted(Struct, frozen=True):
    """What a build looks at is known; nothing was run yet."""

    run: str
    at: float
    root: str
    jobs: int
    schedule: str
    steps: int  # how many steps this build looks at
    waves: tuple[tuple[str, ...], ...]  # names by wave, in plan order
    outlook: Outlook | None = None


class WaveStarted(Struct, frozen=True):
    """Only under the barrier schedule."""

    run: str
    at: float
    wave: int


class StepStarted(Struct, frozen=True):
    """An attempt of a step has begun."""

    run: str
    at: float
    step: str
    wave: int
    attempt: int
    reasons: tuple[Reason, ...]
    command: str
    log: str
    console: bool = False  # it owns the terminal until it ends


class StepsFound(Struct, frozen=True):
    """A list that a step made was read: there are more steps than were known at the start."""

    run: str
    at: float
    repeated: tuple[str, ...]  # the steps whose instances are known now
    steps: int  # how many steps this build looks at now
    waves: tuple[tuple[str, ...], ...]  # names by wave, in plan order
    outlook: Outlook | None = None


class StepRetried(Struct, frozen=True):
    """An attempt has failed, and there will be another."""

    run: str
    at: float
    step: str
    attempt: int  # the one that failed
    failure: str
    delay: float


class StepReviewed(Struct, frozen=True):
    """An advisor has judged what an attempt made; rejected, it may be made anew."""

    run: str
    at: float
    step: str
    attempt: int
    review: Opinion


class StepSettled(Struct, frozen=True):
    """Sent after the commit that saved it."""

    run: str
    at: float
    settled: Settled


class BuildSettled(Struct, frozen=True):
    """The last event of a build: how it ended."""

    run: str
    at: float
    ok: bool
    seconds: float
    counts: tuple[tuple[str, int], ...]  # outcome word → number, zero left out
    exit_code: int


class Noticed(Struct, frozen=True):
    """Something a person should know that is not about one step (a repair, an orphan, damaged state)."""

    run: str
    at: float
    message: str


Event = (
    BuildStarted
    | WaveStarted
    | StepsFound
    | StepStarted
    | StepRetried
    | StepReviewed
    | StepSettled
    | BuildSettled
    | Noticed
)
