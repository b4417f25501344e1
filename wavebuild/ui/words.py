"""Every word and sentence a person reads about verdicts, outcomes, reasons and times.

It does not know on which screen they appear, nor in which colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from wavebuild.declare.model import Range
from wavebuild.figures import counted as counted
from wavebuild.figures import duration as duration
from wavebuild.figures import nothing_to_do as nothing_to_do
from wavebuild.judge.fingerprint import as_written
from wavebuild.judge.reasons import (
    ActionChanged,
    Always,
    BeforePeriod,
    EditLost,
    FailedBefore,
    Forced,
    GateChanged,
    HeldBack,
    InputAdded,
    InputChanged,
    InputRemoved,
    InputsMoved,
    ListRefused,
    NeverRan,
    OutputEdited,
    OutputMissing,
    Reason,
    TakenAsChanged,
    TooOld,
    Unasked,
    Unclaimed,
    Unreadable,
    Upstream,
)
from wavebuild.later import re
from wavebuild.regular import expression
from wavebuild.run.events import Outcome, Settled
from wavebuild.ui.escapes import escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wavebuild.engine.request import BuildResult
    from wavebuild.plan.model import PlannedWave, PlanWord

TO = "\N{EN DASH}"
_BYTES = expression("[\t\udc80-\udcff]+")
HEX = expression(r"[0-9a-f]{16,}")


def reason_kind(reason: Reason) -> str:
    """The name of a reason in JSON: its class, in kebab-case."""
    return kind_of(type(reason))


def kind_of(reasons: type) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", reasons.__name__).lower()


def reason_text(reason: Reason) -> str:
    """A reason as a clause that goes with the step's name."""
    match reason:
        case NeverRan():
            return "never succeeded"
        case Forced():
            return "forced by -B"
        case Always():
            return "always runs"
        case TooOld():
            return f"last success began {duration(reason.age)} ago, {duration(reason.allowed)} allowed"
        case BeforePeriod():
            return f"last success began before {'today' if reason.period == 'daily' else 'this Monday'}"
        case HeldBack():
            return f"held until {moment(reason.until)}"
        case TakenAsChanged():
            return f"{escaped(reason.member)} is taken as changed, by -W"
        case FailedBefore():
            return "failed last time"
        case InputsMoved():
            return f"{listed(reason.members)} changed while the last run was reading"
        case ActionChanged():
            return f"{escaped(reason.part)} changed"
        case GateChanged():
            return f"only the gate changed: {escaped(reason.part)}"
        case InputChanged():
            return f"{_read(reason)} changed{_made_by(reason.maker)}"
        case InputAdded():
            return f"{escaped(reason.member)} is new{_made_by(reason.maker)}"
        case InputRemoved():
            return f"{_read(reason)} is gone{_made_by(reason.maker)}"
        case OutputMissing():
            return f"output {escaped(reason.member)} is missing"
        case OutputEdited():
            return f"output {escaped(reason.member)} was edited"
        case EditLost():
            return f"its edit of {escaped(reason.member)} was lost"
        case Unclaimed():
            return f"{listed(reason.members)} in the way: no step made it"
        case Upstream():
            return f"depends on what {listed(reason.makers)} will make"
        case Unasked():
            return f"{listed(reason.members)} must be asked (--ask)"
        case ListRefused():
            return f"its list is of no use: {escaped(reason.said.splitlines()[0])}"
        case Unreadable():
            return f"cannot be read: {escaped(reason.said.splitlines()[0])}"
        case _:
            assert_never(reason)


def _read(reason: InputChanged | InputRemoved) -> str:
    return f"{escaped(reason.member)}{' (discovered)' if reason.discovered else ''}"


def _made_by(maker: str | None) -> str:
    return f" (made by {escaped(maker)})" if maker else ""


def reason_artifact(reason: Reason) -> str | None:
    """The member or the part of the definition that a reason is about."""
    match reason:
        case (
            InputChanged()
            | InputAdded()
            | InputRemoved()
            | OutputMissing()
            | OutputEdited()
            | EditLost()
            | TakenAsChanged()
        ):
            return reason.member
        case ActionChanged() | GateChanged():
            return reason.part
        case NeverRan() | Forced() | Always() | TooOld() | BeforePeriod() | HeldBack():
            return None
        case FailedBefore() | InputsMoved() | Unclaimed() | Upstream() | Unasked() | ListRefused() | Unreadable():
            return None
        case _:
            assert_never(reason)


def reason_makers(reason: Reason) -> tuple[str, ...]:
    """The steps that a reason names as its origin."""
    match reason:
        case InputChanged() | InputAdded() | InputRemoved():
            return (reason.maker,) if reason.maker else ()
        case Upstream():
            return reason.makers
        case (
            NeverRan()
            | Forced()
            | Always()
            | TooOld()
            | BeforePeriod()
            | HeldBack()
            | TakenAsChanged()
            | FailedBefore()
            | InputsMoved()
            | ActionChanged()
            | GateChanged()
            | OutputMissing()
            | OutputEdited()
            | EditLost()
            | Unclaimed()
            | Unasked()
            | ListRefused()
            | Unreadable()
        ):
            return ()
        case _:
            assert_never(reason)


def reason_change(reason: Reason) -> tuple[str | None, str | None]:
    """What was, and what is now; ``None`` where a reason has no such side."""
    match reason:
        case InputChanged() | OutputEdited() | ActionChanged() | GateChanged():
            return reason.was, reason.now
        case InputAdded():
            return None, reason.now
        case InputRemoved():
            return reason.was, None
        case (
            NeverRan()
            | Forced()
            | Always()
            | TooOld()
            | BeforePeriod()
            | HeldBack()
            | TakenAsChanged()
            | FailedBefore()
            | InputsMoved()
            | OutputMissing()
            | EditLost()
            | Unclaimed()
            | Upstream()
            | Unasked()
            | ListRefused()
            | Unreadable()
        ):
            return None, None
        case _:
            assert_never(reason)


def reason_in_full(reason: Reason) -> str:
    """The clause with old and new, for those who ask why."""
    was, now = reason_change(reason)
    if not was and not now:
        return reason_text(reason)
    if isinstance(reason, ActionChanged | GateChanged):
        was, now = as_written(was or ""), as_written(now or "")
    return f"{reason_text(reason)}: {shortened(was)} → {shortened(now)}"


def shortened(value: str | None, width: int = 48) -> str:
    """A digest by its first eight digits, any other text cut to a readable length."""
    if not value:
        return "nothing"
    prefix, colon, rest = value.rpartition(":")
    if HEX.fullmatch(rest):
        return f"{escaped(prefix)}{colon}{rest[:8]}…"
    text = escaped(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def pasteable(command: str) -> str:
    """A command as it may be shown, such that a shell reads it back: bytes that are no text stand as ``$'\\xff'``.

    So do tabs, by which a shell at a terminal completes. They stand within single quotes, as shlex puts them there.
    """
    return escaped(
        _BYTES.sub(lambda run: "'$'" + "".join(f"\\x{ord(each) & 0xFF:02x}" for each in run[0]) + "''", command)
    )


def script_lines(command: str) -> list[str]:
    """The lines of a command as they are to be pasted; an empty one may be part of a text in it."""
    return [pasteable(line) for line in command.strip("\n").split("\n")] if command.strip() else []


def outcome_word(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def plan_word(word: PlanWord) -> str:
    """The verdict as the plan prints it; ``expands`` alone is not a shout."""
    text: str = word.value
    return text if word.name == "EXPANDS" else text.upper()


def counts(result: BuildResult) -> list[tuple[str, int]]:
    """How often each outcome; when no step was looked at one by one, all that are fresh are kept."""
    if not result.steps:
        return [(Outcome.KEPT.value, result.fresh)] if result.fresh else []
    outcomes = [each.outcome for each in result.steps]
    return [(each.value, outcomes.count(each)) for each in Outcome if each in outcomes]


def counts_line(counts: Sequence[tuple[str, int]]) -> str:
    """``kept 41 · succeeded 2``: outcomes in their fixed order, those that did not happen left out."""
    known = dict(counts)
    return " · ".join(f"{outcome_word(each)} {known[each.value]}" for each in Outcome if known.get(each.value))


def failure_words(settled: Settled) -> str:
    """Why a step failed, in two or three words: ``exit 3``, ``SIGSEGV``, ``timeout``."""
    if settled.signal:
        return f"killed by {settled.signal}" if settled.failure in ("signal", "") else settled.failure
    if settled.exit_code is not None and settled.failure in ("exit", ""):
        return f"exit {settled.exit_code}"
    return _IN_WORDS.get(settled.failure) or escaped(settled.failure) or outcome_word(settled.outcome)


_IN_WORDS = {"start": "could not start"}  # where the word of the closed list says too little to a person


def wave_words(wave: PlannedWave) -> str:
    """What a wave is by its size: a gate that all wait for, or a group that may run together."""
    return group_words(len(wave.steps))


def group_words(size: int) -> str:
    return "serial gate" if size == 1 else f"parallel group of {size}"


def listed(names: Iterable[str], most: int = 6) -> str:
    """Names separated by commas, the many cut short with how many are left."""
    all_names = [escaped(name) for name in names]
    if len(all_names) <= most:
        return ", ".join(all_names)
    return ", ".join(all_names[:most]) + f" and {len(all_names) - most} more"


def orphan_lines(orphans: Sequence[str]) -> list[str]:
    """What no step makes any more, and how it goes; nothing if there is none."""
    if not orphans:
        return []
    left = counted(len(orphans), "former output")
    return [f"{left} that no step makes any more (wavebuild clean --orphans): {listed(orphans)}"]


def moment(instant: float) -> str:
    """An instant on the clock of whoever reads it."""
    from datetime import datetime

    return datetime.fromtimestamp(instant).strftime("%Y-%m-%d %H:%M:%S")


def span(time: Range) -> str:
    """An estimated time: from low to high in one unit, or one figure where both ends read the same."""
    unit, length = _unit(time.high)
    low, high = _figure(time.low / length), _figure(time.high / length)
    return f"{high} {unit}" if low == high else f"{low}{TO}{high} {unit}"


def _unit(seconds: float) -> tuple[str, float]:
    if seconds >= 3600:
        return "h", 3600.0
    return ("min", 60.0) if seconds >= 60 else ("s", 1.0)


def _figure(number: float) -> str:
    whole = round(number)
    if number >= 10 or abs(number - whole) < 0.05:
        return str(whole)
    return f"{number:.1f}"


def percentage(fractions: Range) -> str:
    """A saving; its two ends need not come in order."""
    low, high = sorted((round(100 * fractions.low), round(100 * fractions.high)))
    return f"{high} %" if low == high else f"{low}{TO}{high} %"
