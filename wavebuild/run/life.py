"""A step between its begin and its end: what is due, what has been done, how its failure is told.

It does not know who judges the step, nor where a job runs.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from wavebuild.declare.model import Manual, Step
from wavebuild.judge.asking import Asking
from wavebuild.judge.digest import Reading
from wavebuild.judge.facts import Read
from wavebuild.judge.freshness import Now
from wavebuild.judge.reasons import FailedBefore, OutputEdited, Reason
from wavebuild.judge.stamp import Stamp
from wavebuild.judge.trace import Trace
from wavebuild.later import quoted
from wavebuild.run import transaction
from wavebuild.run.audit import Seen
from wavebuild.run.events import Opinion
from wavebuild.run.job import Ended
from wavebuild.run.records import Attempt
from wavebuild.run.sharing import Did

if TYPE_CHECKING:
    from wavebuild.run.sandbox import Private

MOST_READ = 30
"""Members that are told of a step which did not come to its end."""


class Due(Struct, frozen=True):
    """A step that is to run: all of it, or its checks alone."""

    number: int
    reasons: tuple[Reason, ...]
    read: Read
    now: Now
    gate_of: Trace | None = None  # only the checks: on the outputs of this trace
    adopt: bool = False  # what stands is a person's: it is judged, and taken as the result
    by_hand: tuple[str, ...] = ()  # with ``adopt``: the members that a person edited
    displaced: tuple[str, ...] = ()  # present members whose bytes are to be kept elsewhere
    judged: float = field(default_factory=time.monotonic)


class Asks(Struct, frozen=True):
    """The step of this number can be judged only when a command has been asked."""

    number: int
    asking: Asking


class Behind(Struct, frozen=True):
    """The step of this number can be judged when what is asked for another step has been answered."""

    number: int
    other: int


class Again(Struct, frozen=True):
    """The step of this number is to be tried again, after a delay in seconds."""

    number: int
    delay: float


class Merges(Struct, frozen=True):
    """The step of this number has come to its end in its sandbox; its edits of shared files are to be merged."""

    number: int


class Life(Struct):
    """A step between its begin and its end."""

    due: Due
    attempt: Attempt
    began: float
    tries: int = 1
    checking: bool = False
    seconds: float = 0.0
    of_this_try: float = 0.0
    command: str = ""
    action: str = ""  # the command that makes the outputs; ``command`` may be of a check, an advisor, a probe
    asks: list[Asking] | None = None  # what is still to be asked of what it made; None: not known yet
    stood: dict[str, Stamp] = field(default_factory=dict)  # bystanders, as they were when the try began
    notes: list[str] = field(default_factory=list)
    scratch: str = ""  # its scratch folder, relative to the root
    private: Private | None = None  # the folder it runs in, if it is sandboxed
    housed: bool = False  # that folder is there for this try
    furnished: frozenset[str] = frozenset()  # what stood in there before this try began to work
    copies: dict[str, str] = field(default_factory=dict)  # of a file in there, where it was taken from
    cut: frozenset[str] = frozenset()  # those of them that are only some rows of a table
    depfile: Stamp = ()  # of the depfile, before the try began
    discovered: tuple[Reading, ...] = ()  # what the depfile of this try named
    remembered: dict[str, str] = field(default_factory=dict)  # what this try wrote to the shared memory, as JSON
    did: Did = field(default_factory=Did)  # to the files that it shares
    reviewing: bool = False  # the advisor is asked
    judged: dict[str, Stamp] | None = None  # what it is asked about: the draft as it stood then
    rejected: int = 0  # drafts that the advisor rejected
    opinion: Opinion | None = None  # what the advisor said last
    heard: Opinion | None = None  # the review by which the last draft was rejected
    rejected_values: dict[str, str] = field(default_factory=dict)  # what that draft wrote to the shared memory, as JSON
    draft: str = ""  # the folder of the draft that was rejected last, relative to the root
    undid: list[str] = field(default_factory=list)  # steps of this build whose edits of shared files it took back
    moved: tuple[str, ...] | None = None  # inputs that changed while it ran; None: not looked at yet
    seen: Seen = field(default_factory=Seen)  # what this try touched, where that is followed


def first_read(life: Life) -> tuple[tuple[tuple[str, str], ...], int]:
    """The first members that a step read, with their digests as it began, and how many more there are."""
    names = sorted(life.due.now.inputs)
    return tuple([(name, life.due.now.inputs[name]) for name in names[:MOST_READ]]), max(0, len(names) - MOST_READ)


def ways_out(step: Step, why: str, paths: Sequence[str], accepted: bool, reasons: Sequence[Reason]) -> str:
    """What a person can do when a file of theirs stands where the step would write, or a frozen one's is not there."""
    name = step.name
    few = paths[:5]
    shown = " ".join(quoted(path) for path in few)
    rest = f" … ({len(paths)} in all)" if len(paths) > len(few) else ""
    if why == "frozen":
        return (
            f"it is frozen, so it never runs, but {shown}{rest} is not there. The ways out:\n"
            f"  put it there\n"
            f"  let the step run again:  wavebuild unfreeze {name}\n"
            f"  or take `frozen: true` out of the Wavefile, or -o out of the command"
        )
    kept = "" if all(path.startswith("probe:") for path in paths) else f"(yours is kept in {transaction.DISPLACED})"
    anew = f"make it anew:           wavebuild -B --only {name}  {kept}"
    # Only that its last run failed speaks against the result: that run can be taken as good, and with it what stands.
    failed = FailedBefore() in reasons and all(isinstance(reason, FailedBefore | OutputEdited) for reason in reasons)
    if accepted and not failed:
        touch = "-t --force" if step.review is not None else "-t"
        return (
            f"{shown}{rest} was made by hand and accepted; now the step is stale again, and would overwrite it."
            f" The ways out:\n  keep it all the same:   wavebuild {touch} {name}\n  {anew}\n"
            f"  or take back what made the step stale: wavebuild explain {name}"
        )
    what = "was not made by this step" if why == "unclaimed" else "was edited by hand"
    keep = f"keep it as the result:  wavebuild accept {name if rest or failed else shown}"
    return f"{shown}{rest} {what}, and the step would overwrite it. The ways out:\n  {keep}\n  {anew}"


def way_on(step: Step) -> str:
    """What a person can do about a result that an advisor, asked anew, has rejected: it stays where it is."""
    if isinstance(step.action, Manual):
        return "\nIt is yours, and stays: change it, and build again"
    made_anew = f"  To have it made anew:  wavebuild -B --only {step.name}"
    return f"\nIt stays as it is.{made_anew}" if step.action is not None else ""


def unlike(step: Step, changed: Sequence[str]) -> str:
    """In words that outputs are not what an advisor has judged."""
    assert step.review is not None
    few = " ".join(map(quoted, changed[:5])) + (f" … ({len(changed)} in all)" if len(changed) > 5 else "")
    message = f"{few} changed while the advisor {step.review.advisor!r} judged: what it judged is no more"
    return f"{message}\nan advisor only reads the outputs: what it writes goes elsewhere"


def why_failed(ended: Ended, life: Life) -> str:
    if life.reviewing and ended.failure in ("exit", "signal", "start", "call", "timeout", "output limit"):
        return "review"
    return "check" if life.checking and ended.failure in ("exit", "signal", "start", "call") else ended.failure


def told(ended: Ended, life: Life) -> str:
    why = why_failed(ended, life)
    return f"{why} {ended.exit_code}" if ended.exit_code and why == "exit" else why


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def complaint(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)
