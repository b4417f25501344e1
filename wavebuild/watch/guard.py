"""Notices that builds cause one another: a step runs again and again, as what it reads changes whenever it runs.

It does not know what a build is, nor the time: it is told of rounds. A person who edits while it builds is no such
cause: before it gives up it has builds made after all has been still.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec import Struct

MOST = 5
"""Rounds in a row after which it is doubted that a person makes the changes."""

TRIES = 2
"""Builds after a rest that show whether it happens even so."""

Verdict = Literal["go", "rest", "stop"]
"""Build; build when all has been still for a while; build no more."""


class Circle(Struct, frozen=True):
    """What goes round: the files that change whenever these steps run."""

    files: tuple[str, ...]
    steps: tuple[str, ...]


class Guard:
    """``round`` is told of each change that is about to be built, and of the steps while which all of it changed."""

    def __init__(self) -> None:
        self._rounds = 0
        self._files: set[str] = set()
        self._steps: set[str] = set()

    def round(self, changed: Collection[str], ran: Collection[str]) -> Verdict:
        """``ran``: the steps of the build before that ran when all this changed; none: nothing did."""
        if not changed or not ran:
            self.forget()
            return "go"
        if self._rounds:
            self._files &= set(changed)
            self._steps &= set(ran)
        if not (self._rounds and self._files and self._steps):
            self._rounds, self._files, self._steps = 0, set(changed), set(ran)
        self._rounds += 1
        if self._rounds < MOST:
            return "go"
        return "rest" if self._rounds < MOST + TRIES else "stop"

    def forget(self) -> None:
        self._rounds, self._files, self._steps = 0, set(), set()

    @property
    def circle(self) -> Circle:
        return Circle(tuple(sorted(self._files)), tuple(sorted(self._steps)))
