"""What GitHub Actions reads of a build: groups round the output of steps, annotations, the summary of a job.

It does not know the streams these lines go to. Whatever a step prints or is called, it cannot give commands to the
workflow: its output stands where commands are stopped, and in our own lines what looks like one is broken up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from wavebuild.errors import Place, Problem
from wavebuild.run.events import Outcome, Settled
from wavebuild.ui import words
from wavebuild.ui.escapes import escaped, sanitized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wavebuild.engine import BuildResult

MOST_ANNOTATIONS = 10
"""GitHub shows no more of one kind for one step of a job."""

LAST = 5
"""Lines of the log that stand in an annotation, where no cause is known."""

LONGEST_LAST = 500
MOST_ROWS = 200
MOST_SUMMARY = 900_000
"""Bytes that are added to a summary, which may have 1 MiB."""


def is_there(environ: Mapping[str, str]) -> bool:
    return environ.get("GITHUB_ACTIONS") == "true"


# Groups


class Frame(Struct, frozen=True):
    """What stands round the output of steps; ``token``: a word that no step can know."""

    token: str

    def opened(self, title: str) -> list[str]:
        return [f"::group::{_data(escaped(title))}", *self.stopped()]

    def closed(self) -> list[str]:
        return [*self.resumed(), "::endgroup::"]

    def stopped(self) -> list[str]:
        return [f"::stop-commands::{self.token}"]

    def resumed(self) -> list[str]:
        return [f"::{self.token}::"]


def new_frame() -> Frame:
    return Frame(os.urandom(16).hex())


def harmless(line: str) -> str:
    """One of our lines, in which names and logs may stand: no command for the workflow."""
    start = len(line) - len(line.lstrip())
    if line.startswith("::", start):
        line = f"{line[:start]}: :{line[start + 2 :]}"
    return line.replace("##[", "## [")


class Unmarked:
    """Step output, piece by piece, without the marks by which the page of a log is folded and painted."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        text = self._held + text
        kept = len(text.rstrip("#"))
        self._held = text[kept:][-2:]
        return text[: len(text) - len(self._held)].replace("##[", "## [")

    def rest(self) -> str:
        held, self._held = self._held, ""
        return held


# Annotations


def annotation(kind: str, message: str, title: str, file: str = "", line: int = 0, column: int = 0) -> str:
    """A workflow command that shows a message beside a line of a file."""
    facts = {"file": file, "line": str(line or ""), "col": str(column or ""), "title": title}
    said = ",".join(f"{name}={_property(escaped(value))}" for name, value in facts.items() if value)
    return f"::{kind} {said}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


class Paths(Struct, frozen=True):
    """From the files that places name to paths as the workflow knows them."""

    root: str  # of the project
    workspace: str  # of the workflow: "" if it does not say

    def shown(self, file: str) -> str:
        path = os.path.normpath(os.path.join(self.root, file))
        if not self.workspace:
            return path
        relative = os.path.relpath(path, self.workspace)
        return path if relative.startswith("..") else relative


def step_annotations(steps: Iterable[Settled], place: Callable[[str], Place | None], paths: Paths) -> list[str]:
    """An error for each step that failed, a warning for each that waits for a person, at its place in the Wavefile."""
    errors: list[str] = []
    warnings: list[str] = []
    for settled in steps:
        if settled.outcome is Outcome.FAILED:
            if len(errors) < MOST_ANNOTATIONS:
                errors.append(_of_step("error", settled, place(settled.step), paths))
        elif settled.outcome is Outcome.WAITING and len(warnings) < MOST_ANNOTATIONS:
            warnings.append(_of_step("warning", settled, place(settled.step), paths))
    return errors + warnings


def _of_step(kind: str, settled: Settled, place: Place | None, paths: Paths) -> str:
    from wavebuild.ui.causes import cause_of

    word = words.outcome_word(settled.outcome)
    facts = [words.failure_words(settled)] if settled.outcome is Outcome.FAILED else []
    cause = cause_of(settled)
    facts += [cause.in_words] if cause and cause.text not in settled.detail else []
    known = bool(cause or settled.detail)
    last = [] if known else [sanitized(line[-LONGEST_LAST:].rstrip(), colours=False) for line in settled.tail[-LAST:]]
    message = "\n".join([": ".join(facts), *settled.detail.splitlines(), *last]).strip("\n")
    title = f"{word}: {settled.step}"
    message = "\n".join(escaped(line) for line in message.split("\n")) or title
    if place is None:
        return annotation(kind, message, title)
    return annotation(kind, message, title, paths.shown(place.file), place.line, place.column)


def problem_annotations(problems: Sequence[Problem], paths: Callable[[], Paths]) -> list[str]:
    """The mistakes of a Wavefile at their places; the root is looked for only if one has a place."""
    out: list[str] = []
    for kind in ("error", "warning"):
        for problem in [each for each in problems if each.severity == kind][:MOST_ANNOTATIONS]:
            message = "\n".join(escaped(line) for line in (problem.message, *problem.remedy.splitlines()))
            place = problem.place
            if place is None:
                out.append(annotation(kind, message, f"wavebuild: {problem.code}"))
            else:
                where = (paths().shown(place.file), place.line, place.column)
                out.append(annotation(kind, message, f"wavebuild: {problem.code}", *where))
    return out


# The summary


def summary(result: BuildResult, digest: Callable[[Settled], Sequence[str]]) -> str:
    """What ran, as a table in Markdown; below it the digest of each failure, folded."""
    counted = words.counts_line(words.counts(result)) or "nothing ran"
    out = [f"### wavebuild: {_text(counted)} ({words.duration(result.seconds)})", ""]
    shown = sorted((each for each in result.steps if _is_shown(each)), key=_worst_first)
    if shown:
        out += ["| step | outcome | wave | time | |", "|---|---|---|---|---|"]
        out += [_row(each) for each in shown[:MOST_ROWS]]
        out += [""]
    if len(shown) > MOST_ROWS:
        out += [f"and {len(shown) - MOST_ROWS} more", ""]
    room = MOST_SUMMARY - sum(len(line.encode()) + 1 for line in out)
    for settled in shown:
        if settled.outcome in (Outcome.FAILED, Outcome.WAITING):
            block = _folded(settled, digest(settled))
            room -= len(block.encode()) + 2
            if room < 0:
                out.append("more failures are in the log of the job")
                break
            out += [block, ""]
    return "\n".join(out) + "\n"


_WORST = (Outcome.FAILED, Outcome.WAITING, Outcome.INTERRUPTED, Outcome.BLOCKED, Outcome.NOT_STARTED)


def _is_shown(settled: Settled) -> bool:
    return settled.outcome is not Outcome.KEPT


def _worst_first(settled: Settled) -> int:
    return _WORST.index(settled.outcome) if settled.outcome in _WORST else len(_WORST)


def _row(settled: Settled) -> str:
    ran = settled.attempts > 0
    cells = [
        _code(settled.step),
        words.outcome_word(settled.outcome),
        str(settled.wave),
        words.duration(settled.seconds) if ran else "",
        _text(_why(settled)),
    ]
    return f"| {' | '.join(cells)} |"


def _why(settled: Settled) -> str:
    match settled.outcome:
        case Outcome.FAILED | Outcome.WAITING:
            from wavebuild.ui.causes import cause_of

            cause = cause_of(settled)
            return ": ".join([words.failure_words(settled), *([cause.in_words] if cause else [])])
        case Outcome.BLOCKED:
            return f"by {words.listed(settled.blocked_by)}"
        case _:
            return words.reason_text(settled.reasons[0]) if settled.reasons else ""


def _folded(settled: Settled, digest: Sequence[str]) -> str:
    head = f"{words.outcome_word(settled.outcome)}: {settled.step}"
    lines = "\n".join(_markup(line) for line in digest)
    return f"<details><summary>{_markup(escaped(head))}</summary>\n\n<pre>\n{lines}\n</pre>\n</details>"


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    """Text that is no Markdown, whatever stands in it: each sign that could mean something, as its number."""
    plain = escaped(" ".join(text.split()))
    return "".join(each if each.isalnum() or each in " ()-" else f"&#{ord(each)};" for each in plain)


def _markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def said_to_the_job(
    result: BuildResult,
    environ: Mapping[str, str],
    root: str,
    place: Callable[[], Callable[[str], Place | None]],
    digest: Callable[[Settled], Sequence[str]],
) -> Iterator[str]:
    """The annotations of a build that has ended; its summary is added to the job's. ``place``: asked if one failed."""
    paths = Paths(root, environ.get("GITHUB_WORKSPACE", ""))
    if any(each.outcome in (Outcome.FAILED, Outcome.WAITING) for each in result.steps):
        yield from step_annotations(result.steps, place(), paths)
    file = environ.get("GITHUB_STEP_SUMMARY")
    if file and not result.nothing_to_do:
        try:
            with open(file, "a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(summary(result, digest))
        except OSError as error:
            yield annotation("warning", f"{error.strerror}: {escaped(file)}", "wavebuild: no summary")
