"""Whose turn it is to edit a file that several steps edit: one at a time, unless each has a copy of its own.

It does not know when a step is ready, nor what it does to the files.
"""

from __future__ import annotations

from collections.abc import Iterable

from wavebuild.declare.model import Step
from wavebuild.judge.shared import shared_files

Place = tuple[int, int]
"""Where a step stands in the plan: its wave, its number."""


class Turns:
    """The steps that have shared files in their hands, from their begin until they have settled, tries included."""

    def __init__(self) -> None:
        self._held: dict[int, Step] = {}

    def may_begin(self, step: Step) -> bool:
        """Whether nobody has a file in hand that this step must have alone."""
        return not step.updates or not any(are_rivals(step, other) for other in self._held.values())

    def take(self, number: int, step: Step) -> None:
        if step.updates:
            self._held[number] = step

    def may_merge(self, step: Step) -> bool:
        """Whether nobody is editing one of the step's files itself."""
        return not any(not other.sandbox and share_a_file(step, other) for other in self._held.values())

    def give_back(self, number: int) -> None:
        self._held.pop(number, None)


class Firsts:
    """Of those who are ready to edit files the first of the plan, for each file: seen once, then asked for each."""

    def __init__(self, ready: Iterable[tuple[Place, Step]]) -> None:
        self._of_all: dict[str, Place] = {}
        self._of_those_in_place: dict[str, Place] = {}  # who edit the file itself, and no copy
        for place, step in ready:
            for path in shared_files(step):
                self._of_all[path] = min(place, self._of_all.get(path, place))
                if not step.sandbox:
                    self._of_those_in_place[path] = min(place, self._of_those_in_place.get(path, place))

    def let(self, place: Place, step: Step) -> bool:
        """Whether no rival of the step, which stands at this place of the plan, comes before it."""
        rivals = self._of_those_in_place if step.sandbox else self._of_all
        return all(rivals.get(path, place) >= place for path in shared_files(step))


def are_rivals(one: Step, other: Step) -> bool:
    """Whether two steps edit the same file in the same place: those in a sandbox edit copies, merged afterwards."""
    return not (one.sandbox and other.sandbox) and share_a_file(one, other)


def share_a_file(one: Step, other: Step) -> bool:
    if not one.updates or not other.updates:
        return False
    return not frozenset(shared_files(one)).isdisjoint(shared_files(other))
