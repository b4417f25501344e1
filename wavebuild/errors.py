"""The shape of every message a person is shown: headline, place, remedy.

It does not know who finds a problem, nor how a terminal draws it.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Severity = Literal["error", "warning"]


class Place(Struct, frozen=True, order=True, array_like=True, gc=False):
    """Where something is written: a file as the person knows it, a line and a column from 1."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Problem(Struct, frozen=True):
    """One finding: a stable code, one sentence, where it is, and what to do about it.

    ``code`` is kebab-case and part of the JSON of ``check``; ``excerpt`` is the source line
    that the caret points into; ``also`` are further places the sentence speaks of.
    """

    code: str
    message: str
    place: Place | None = None
    remedy: str = ""
    excerpt: str = ""
    also: tuple[Place, ...] = ()
    severity: Severity = "error"

    def lines(self) -> list[str]:
        """The problem as plain lines, with its source line and a caret."""
        where = f"{self.place}: " if self.place else ""
        kind = "warning: " if self.severity == "warning" else ""
        out = [f"{where}{kind}{self.message}"]
        if self.excerpt and self.place and self.place.column:
            shown, shift = clipped(self.excerpt, self.place.column)
            out += [f"    {shown}", f"    {' ' * _cells(shown[: self.place.column - 1 - shift])}^"]
        out += [f"    {remedy}" for remedy in self.remedy.splitlines()]
        return out


class WavebuildError(Exception):
    """The author's mistake, or a world that does not allow the build: exit 2 unless told otherwise."""

    def __init__(self, problems: tuple[Problem, ...], exit_code: int = 2) -> None:
        super().__init__(problems, exit_code)
        self.problems = problems
        self.exit_code = exit_code

    def __str__(self) -> str:
        return "\n".join(line for problem in self.problems for line in problem.lines())


def mistake(
    code: str, message: str, place: Place | None = None, remedy: str = "", exit_code: int = 2
) -> WavebuildError:
    """The error of one problem."""
    return WavebuildError((Problem(code, message, place, remedy),), exit_code)


def with_excerpts(problems: Iterable[Problem], line: Callable[[Place], str]) -> tuple[Problem, ...]:
    """The same problems, each that has a place in a text with its source line; ``line`` finds it, or gives nothing."""
    return tuple(
        problem
        if problem.excerpt or problem.place is None or not problem.place.line
        else replace(problem, excerpt=line(problem.place))
        for problem in problems
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy that names the nearest known words, or nothing if none is near."""
    import difflib

    near = difflib.get_close_matches(word, list(dict.fromkeys(known)), n=2, cutoff=0.6)
    return "did you mean " + " or ".join(repr(name) for name in near) + "?" if near else ""


def clipped(line: str, column: int, width: int = 76) -> tuple[str, int]:
    """The part of a long line around a column, and how many characters were cut before it.

    ``width``: so much has room beside its indent in a terminal of 80 columns, and the caret stands where it points.
    """
    if len(line) <= width:
        return line, 0
    start = max(0, min(column - width // 2, len(line) - width))
    return line[start : start + width], start


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    marks, wide = ("Mn", "Me", "Cf"), ("W", "F")
    return sum(
        0 if unicodedata.category(char) in marks else 2 if unicodedata.east_asian_width(char) in wide else 1
        for char in text
    )
