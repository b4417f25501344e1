"""The text of one file, and the problems found in it.

It does not know what the text means.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from wavebuild.errors import Place, Problem, WavebuildError
from wavebuild.regular import expression

# The line breaks that YAML 1.1 counts, so that our line numbers are the parser's.
_BREAKS = expression("\r\n|[\r\n\x85\u2028\u2029]")


class Spot(Protocol):
    """Anything with a line and a column, both from 1."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


class Unreadable(Exception):
    """A value that cannot be used; the problem is already recorded."""


class Problems:
    """Everything wrong with one file, each finding once."""

    def __init__(self, file: str, text: str = "") -> None:
        self.file = file
        self.text = text
        self._found: dict[tuple[str, Place | None, str], Problem] = {}

    @cached_property
    def _lines(self) -> list[str]:
        """Asked for by problems alone: most texts have none."""
        return _BREAKS.split(self.text)

    def line(self, number: int) -> str:
        """A source line as it may be shown: nothing in it moves the cursor."""
        if not 1 <= number <= len(self._lines):
            return ""
        return "".join(char if char.isprintable() else " " for char in self._lines[number - 1])

    def is_end(self, spot: Spot) -> bool:
        """Whether nothing is written from here on."""
        rest = self._lines[spot.line - 1 :]
        return not rest or not (rest[0][spot.column - 1 :] + "".join(rest[1:])).strip()

    def has_tab(self, spot: Spot) -> bool:
        """Whether a tab stands at this very place."""
        return (
            self._lines[spot.line - 1 : spot.line] != [] and self._lines[spot.line - 1][spot.column - 1 :][:1] == "\t"
        )

    def place(self, spot: Spot) -> Place:
        return Place(self.file, spot.line, spot.column)

    def add(
        self, code: str, spot: Spot | None, message: str, remedy: str = "", also: tuple[Place, ...] = ()
    ) -> Unreadable:
        """Records a problem; the answer may be raised to leave the value unread."""
        place = self.place(spot) if spot else Place(self.file)
        excerpt = self.line(place.line)
        self.record(Problem(code, message, place, remedy, excerpt, also))
        return Unreadable()

    def record(self, problem: Problem) -> None:
        self._found.setdefault((problem.code, problem.place, problem.message), problem)

    def sought(self, snippet: str, spot: Spot, lines: int) -> Spot:
        """Where a snippet of a text stands in the file; the text's own place if it is not found as written."""
        first_line = snippet.split("\n", 1)[0]
        for number in range(spot.line, min(spot.line + lines, len(self._lines)) + 1):
            start = spot.column - 1 if number == spot.line else 0
            found = self._lines[number - 1].find(first_line, start)
            if found >= 0:
                return Place(self.file, number, found + 1)
        return spot

    def __len__(self) -> int:
        return len(self._found)

    def found(self) -> list[Problem]:
        """The problems by their places."""
        return sorted(self._found.values(), key=lambda problem: problem.place or Place(self.file))

    def raise_if_any(self) -> None:
        if self._found:
            raise WavebuildError(tuple(self.found()))


def word(text: str) -> str:
    """A text of the author's as a message may quote it."""
    return repr(text if len(text) <= 60 else text[:57] + "…")
