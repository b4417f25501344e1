"""Those who are due, in the order in which they come to their turn.

It does not know what a step takes, only who takes the same: while the first of those cannot start, none of them can.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
Place = tuple[int, int]
"""Where somebody stands in the order; no two have the same."""


class Lines(Generic[T]):
    """A line for each kind: to see who may be next costs as many looks as there are kinds, not as there are due."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, list[tuple[Place, T]]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __iter__(self) -> Iterator[T]:
        return (one for line in self._lines.values() for _, one in line)

    def add(self, place: Place, kind: Hashable, one: T) -> None:
        heapq.heappush(self._lines.setdefault(kind, []), (place, one))

    def length(self, kind: Hashable) -> int:
        return len(self._lines[kind])

    def take(self, kind: Hashable) -> None:
        """The first of this kind leaves."""
        line = self._lines[kind]
        heapq.heappop(line)
        if not line:
            del self._lines[kind]

    @property
    def first(self) -> Place:
        """Where the very first stands, of whom there must be one."""
        return min(line[0][0] for line in self._lines.values())

    def heads(self) -> list[tuple[Hashable, T]]:
        """The first of each kind, in their order."""
        found = sorted(((line[0][0], kind, line[0][1]) for kind, line in self._lines.items()), key=lambda head: head[0])
        return [(kind, one) for _, kind, one in found]

    def leave_only(self, wanted: Callable[[T], bool]) -> None:
        """All others leave."""
        left = {kind: [entry for entry in line if wanted(entry[1])] for kind, line in self._lines.items()}
        self._lines = {kind: line for kind, line in left.items() if line}
        for line in self._lines.values():
            heapq.heapify(line)
