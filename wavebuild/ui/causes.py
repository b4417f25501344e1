"""The likely cause of a failure, named from what is known of it: the same words in terminal, JSON and report.

It does not know more than the evidence: where there is none it says nothing, and what is only likely is called so.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from typing import assert_never

from msgspec import Struct

from wavebuild.regular import expression
from wavebuild.run.events import Clue, Outcome, Settled
from wavebuild.run.limits import KILLED_WITHIN, OF_THE_SYSTEM
from wavebuild.ui.escapes import escaped, sanitized

SIGNALS = {
    "SIGSEGV": "it touched memory that is not its own (segmentation fault)",
    "SIGBUS": "it touched memory that is not there (bus error): often a file that was cut while it was mapped",
    "SIGABRT": "it gave up by itself (abort): often a failed assertion",
    "SIGFPE": "it calculated what cannot be (such as a division by zero)",
    "SIGILL": "it ran an instruction that this machine does not have",
    "SIGPIPE": "it wrote to a reader that had gone, such as `head` in a pipe",
    "SIGTERM": "somebody asked it to end",
    "SIGKILL": "something killed it",
    "SIGINT": "it was interrupted, as by Ctrl-C",
    "SIGHUP": "its terminal went away, or somebody told it so",
    "SIGQUIT": "it was told to quit and leave a core dump",
    "SIGXCPU": "it took more processor time than it may have",
    "SIGXFSZ": "it wrote a larger file than it may",
    "SIGSYS": "it made a system call that it may not make",
    "SIGTRAP": "it stopped at a breakpoint that no debugger waited for",
    "SIGALRM": "an alarm that it had set, and not caught, ended it",
}
"""What the signals mean that end a program."""

_TOLD = (
    *("missing output", "missing input", "rejected", "output limit", "conflict", "unclaimed", "edited", "frozen"),
    *("input", "probe", "list", "inputs changed", "depfile", "memory"),
)
"""Failures that wavebuild itself has found: their cause is what it says of them."""

_OURS = ("start", "outputs", "review", "worker died")
"""Failures of which the log may say more than wavebuild can."""

_CLEAREST = ("no room", "no memory", "no interpreter", "no command", "no permission", "no folder", "no file", "killed")
_BY_CODE = {127: ("no interpreter", "no command"), 126: ("no permission", "no interpreter", "no command")}


BY_TIMEOUT = 124
"""The exit code by which the command ``timeout`` says that it ended another."""

_USES_TIMEOUT = expression(r"(?<![\w./-])(?:/usr/bin/)?timeout [\w.-]")


class Cause(Struct, frozen=True):
    """``kind``: a word of a closed list; ``certain``: it is known, and not only likely."""

    kind: str
    text: str
    certain: bool = True

    @property
    def in_words(self) -> str:
        return self.text if self.certain else f"probably {self.text}"


KINDS = (
    *("command not found", "interpreter not found", "file not found", "folder not found", "permission denied"),
    *("out of memory", "disk full", "timeout", "signal", "exception"),
    *_OURS,
    *_TOLD,
)


def cause_of(settled: Settled) -> Cause | None:
    """The likely cause of a failure; None where there is no failure, or no evidence of its cause."""
    if settled.outcome is not Outcome.FAILED:
        return None
    if settled.failure == "timeout":
        return Cause("timeout", "it was still at work when its `timeout` was over, and was ended")
    if settled.failure in _TOLD:
        return _told(settled)
    if "No space left on device" in settled.detail or "Disk quota exceeded" in settled.detail:
        return Cause("disk full", f"the disk is full: {_first_line(settled.detail)}")
    return _of_memory(settled) or _of_code(settled) or _of_signal(settled) or _of_the_end(settled) or _of_ours(settled)


def _told(settled: Settled) -> Cause | None:
    text = _first_line(settled.detail)
    made = next((clue for clue in settled.clues if clue.kind == "made instead"), None)
    if settled.failure == "missing output" and made is not None:
        text = f"it made {escaped(made.what)} instead: one of the two names may be a slip"
        return Cause("missing output", text, certain=False)
    if settled.failure == "rejected" and settled.review is not None:
        review = settled.review
        said = f"the advisor gave {review.score:.4g}, and {review.threshold:g} is wanted"
        if not review.approved:
            said += ", and did not approve"
        issues = [*review.critical_issues, *review.suggestions][:2]
        text = said + "".join(f"; {_one_line(issue)}" for issue in issues)
    return Cause(settled.failure, text) if text else None


def _of_memory(settled: Settled) -> Cause | None:
    clue = _last(settled.clues, "no memory")
    if clue and (clue.last or settled.signal or (settled.exit_code or 0) > 128):
        return Cause("out of memory", f"out of memory: {_said(clue)}", clue.last)
    killed = settled.signal == "SIGKILL" or settled.exit_code == 128 + signal.SIGKILL
    if killed and OF_THE_SYSTEM in settled.detail:
        return Cause("out of memory", "out of memory: the system killed a process for want of it meanwhile", False)
    if killed and "limits.memory" in settled.detail:
        return Cause("out of memory", "out of memory: it was killed, and limits.memory holds it", False)
    return None


def _of_code(settled: Settled) -> Cause | None:
    """What a shell says by its exit code 126 or 127, with the complaint that goes with it."""
    for kind in _BY_CODE.get(settled.exit_code or 0, ()):
        if clue := _last(settled.clues, kind):
            return _worded(clue, certain=True)
    return None


def _of_signal(settled: Settled) -> Cause | None:
    if settled.signal:
        return Cause("signal", SIGNALS[settled.signal]) if settled.signal in SIGNALS else None
    name = _signal_of(settled.exit_code or 0)
    exits = settled.failure in ("exit", "check")
    if exits and settled.exit_code == BY_TIMEOUT and _USES_TIMEOUT.search(settled.command):
        return Cause("timeout", "its command `timeout` ended it: it took longer than that allows", certain=False)
    if name and settled.failure in ("exit", "check", "review"):
        meaning = KILLED_WITHIN if name == "SIGKILL" else f"a command of it was killed by {name}: {SIGNALS[name]}"
        return Cause("signal", meaning, certain=name == "SIGKILL" and _last(settled.clues, "killed") is not None)
    return None


def _signal_of(code: int) -> str:
    """The signal that a shell tells of by this exit code."""
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return ""
    return name if name in SIGNALS else ""


def _of_the_end(settled: Settled) -> Cause | None:
    """What the last line complains of; failing that, the clearest complaint before it, as likely."""
    last = [clue for clue in settled.clues if clue.last]
    if last:
        return _worded(last[-1], certain=True)
    for kind in _CLEAREST:
        if clue := _last(settled.clues, kind):
            return _worded(clue, certain=False)
    clue = _last(settled.clues, "exception")
    return _worded(clue, certain=False) if clue else None


def _of_ours(settled: Settled) -> Cause | None:
    """What wavebuild says of a step that it could not begin, or lost."""
    text = _first_line(settled.detail)
    return Cause(settled.failure, text) if text and settled.failure in _OURS else None


def _worded(clue: Clue, certain: bool) -> Cause | None:
    what = _one_line(clue.what)
    match clue.kind:
        case "no command":
            hint = f": it is in the folder, so write {_one_line(clue.instead)}" if clue.instead else ""
            return Cause("command not found", f"the command {what} was not found{hint}", certain)
        case "no interpreter":
            return Cause("interpreter not found", _interpreter(clue), certain)
        case "no file":
            return Cause("file not found", _no_file(clue), certain)
        case "no folder":
            folder = _one_line(clue.instead or clue.what.rpartition("/")[0])
            return Cause("folder not found", f"{what} cannot be: there is no folder {folder}", certain)
        case "no permission":
            return Cause("permission denied", f"permission denied{f': {what}' if what else ''}", certain)
        case "no memory":
            return Cause("out of memory", f"out of memory: {_said(clue)}", certain)
        case "no room":
            return Cause("disk full", f"the disk is full: {_said(clue)}", certain)
        case "exception":
            return Cause("exception", f"{_said(clue)}, raised at {_one_line(clue.at)}", certain)
        case "killed":
            return Cause("signal", KILLED_WITHIN, certain=False)
        case "made instead":
            return None
        case _:
            assert_never(clue.kind)


def _interpreter(clue: Clue) -> str:
    what, missing = _one_line(clue.what), clue.instead
    if missing.endswith("\r"):
        return f"the first line of {what} ends in a carriage return, as on Windows: its interpreter is not found"
    if missing:
        return f"the interpreter of {what} is not there: {_one_line(missing)}"
    return f"the interpreter of {what} is not there"


def _no_file(clue: Clue) -> str:
    what = _one_line(clue.what)
    if not what:
        return f"a file was not found: {_said(clue)}"
    if clue.maker and not clue.declared:
        return f"{what} was not found: step {escaped(clue.maker)} makes it, and it is not among the inputs"
    if clue.is_there and not clue.declared:
        return f"{what} was not found: it is there, but not among the inputs"
    if clue.instead:
        return f"{what} was not found; there is {_one_line(clue.instead)}"
    return f"{what} was not found" + ("" if clue.declared else ", and is not declared")


def _last(clues: Iterable[Clue], kind: str) -> Clue | None:
    found = [clue for clue in clues if clue.kind == kind]
    return found[-1] if found else None


def _said(clue: Clue) -> str:
    return _one_line(clue.line)


def _first_line(text: str) -> str:
    return _one_line(text.splitlines()[0]) if text else ""


def _one_line(text: str, most: int = 200) -> str:
    """Text of others in one harmless line."""
    line = escaped(sanitized(text, colours=False).replace("\n", " ").strip())
    return line if len(line) <= most else f"{line[: most - 1]}…"
