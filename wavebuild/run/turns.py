"""Whose turn it is to edit a file that several steps edit: one at a time, unless each has a copy of its own.

It does not know when a step is ready, nor what it does to the files.
"""

from __future__ import annotations

from wavebuild.declare.model import Step
from wavebuild.judge.shared import shared_files


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


def are_rivals(one: Step, other: Step) -> bool:
    """Whether two steps edit the same file in the same place: those in a sandbox edit copies, merged afterwards."""
    return not (one.sandbox and other.sandbox) and share_a_file(one, other)


def share_a_file(one: Step, other: Step) -> bool:
    if not one.updates or not other.updates:
        return False
    return not frozenset(shared_files(one)).isdisjoint(shared_files(other))
