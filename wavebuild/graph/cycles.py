"""The order of a graph, and the loops of one that has no order.

It does not know what the numbers stand for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

Edges = Sequence[Sequence[int]]  # for every number, the numbers it waits for


def reverse(upstream: Edges) -> list[list[int]]:
    """For every number, the numbers that wait for it, ascending."""
    downstream: list[list[int]] = [[] for _ in upstream]
    for number, before in enumerate(upstream):
        for earlier in before:
            downstream[earlier].append(number)
    return downstream


def order(upstream: Edges, downstream: Edges) -> list[int]:
    """Every number after those it waits for; numbers in or behind a loop are left out."""
    missing = [len(before) for before in upstream]
    ready = [number for number, count in enumerate(missing) if count == 0]
    for number in ready:  # grows as it is walked
        for later in downstream[number]:
            missing[later] -= 1
            if missing[later] == 0:
                ready.append(later)
    return ready


def loops(upstream: Edges, among: set[int]) -> list[list[int]]:
    """One short loop for every set of numbers that wait for each other.

    Each number of a loop waits for the next, the last for the first.
    """
    knots = [sorted(knot) for knot in _knots(upstream, among) if len(knot) > 1]
    return [_loop_through(knot[0], set(knot), upstream) for knot in sorted(knots)]


def _loop_through(start: int, knot: set[int], upstream: Edges) -> list[int]:
    """The shortest loop through one number, found breadth first."""
    came_from = {start: start}
    waiting = deque([start])
    while waiting:
        number = waiting.popleft()
        for earlier in upstream[number]:
            if earlier == start:
                return _path(start, number, came_from)
            if earlier in knot and earlier not in came_from:
                came_from[earlier] = number
                waiting.append(earlier)
    raise AssertionError("a knot without a loop")


def _path(start: int, end: int, came_from: dict[int, int]) -> list[int]:
    path = [end]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[::-1]


def _knots(upstream: Edges, among: set[int]) -> Iterator[list[int]]:
    """The strongly connected components: Tarjan's, with a stack of its own, as chains are long."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    open_numbers: list[int] = []
    is_open: set[int] = set()
    for root in sorted(among):
        if root in index:
            continue
        walk: list[tuple[int, Iterator[int]]] = [(root, iter(upstream[root]))]
        index[root] = low[root] = len(index)
        open_numbers.append(root)
        is_open.add(root)
        while walk:
            number, rest = walk[-1]
            for earlier in rest:
                if earlier not in among:
                    continue
                if earlier not in index:
                    index[earlier] = low[earlier] = len(index)
                    open_numbers.append(earlier)
                    is_open.add(earlier)
                    walk.append((earlier, iter(upstream[earlier])))
                    break
                if earlier in is_open:
                    low[number] = min(low[number], index[earlier])
            else:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[number])
                if low[number] == index[number]:
                    yield _close(number, open_numbers, is_open)


def _close(number: int, open_numbers: list[int], is_open: set[int]) -> list[int]:
    knot: list[int] = []
    while not knot or knot[-1] != number:
        knot.append(open_numbers.pop())
        is_open.discard(knot[-1])
    return knot
