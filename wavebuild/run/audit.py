"""What a step touched and did not declare, and what it declared and did not touch, as values.

It does not know how that is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from wavebuild.run.job import Touches


class Touch(Struct, frozen=True):
    """One path, relative to the root where it lies in it; ``owner``: the step that makes it, "" if none does."""

    path: str
    owner: str = ""


class Audit(Struct, frozen=True):
    """What was found about one step. ``complete``: whether all it did was seen, or only its Python calls."""

    reads: tuple[Touch, ...] = ()  # not declared
    writes: tuple[Touch, ...] = ()  # not declared
    removes: tuple[Touch, ...] = ()  # what it did not make itself
    lists: tuple[str, ...] = ()  # folders whose names it listed and that no input covers
    sought: tuple[Touch, ...] = ()  # opened, not declared, and not there
    refused: tuple[Touch, ...] = ()  # not declared, there, and kept from it by its sandbox
    unread: tuple[str, ...] = ()  # inputs of which it opened nothing
    complete: bool = True
    judging: tuple[Touch, ...] = ()  # not declared, and read by its advisor alone

    @property
    def findings(self) -> bool:
        """Whether there is something to be put right: what was merely sought is not."""
        return bool(self.undeclared or self.unread or self.lists)

    @property
    def undeclared(self) -> bool:
        """Whether the step reads or changes what it does not declare."""
        touched = self.reads or self.writes or self.removes or self.refused or self.judging
        return bool(touched or self.sought_of_others)

    @property
    def sought_of_others(self) -> tuple[Touch, ...]:
        """What was not there, and is made by a step that this one does not wait for."""
        return tuple(touch for touch in self.sought if touch.owner)


class Seen(Struct, frozen=True):
    """What the jobs of one step touched: its action, its checks, its advisor."""

    action: tuple[Touches, ...] = ()
    gate: tuple[Touches, ...] = ()
    review: tuple[Touches, ...] = ()

    @property
    def all(self) -> tuple[Touches, ...]:
        return (*self.action, *self.gate, *self.review)

    def with_more(self, touches: Touches | None, checking: bool, reviewing: bool) -> Seen:
        if touches is None:
            return self
        if reviewing:
            return replace(self, review=(*self.review, touches))
        if checking:
            return replace(self, gate=(*self.gate, touches))
        return replace(self, action=(*self.action, touches))
