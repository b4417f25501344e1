"""Orders in which steps may run, chosen so that of any two that no path joins either comes first once.

It does not know what the steps are.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Collection, Mapping, Sequence

MOST_PAIRS = 20_000
MOST_WORK = 2_000_000
"""So many pairs, and pairs times steps, are looked after one by one; where there are more, some of them, by chance."""


def orders(upstream: Sequence[Sequence[int]], usual: Sequence[int], most: int, seed: int = 0) -> list[list[int]]:
    """At most so many orders, besides the usual one, in which no step comes before what it needs.

    ``upstream``: for each number those directly before it; ``usual``: numbers in the order of the plan.
    """
    before = _ancestors(upstream, usual)
    wanted = _turned_pairs(before, usual, seed)
    found: list[list[int]] = []
    while wanted and len(found) < most:
        order = _order(upstream, before, usual, wanted if found else [])
        at = {number: place for place, number in enumerate(order)}
        rest = [(first, last) for first, last in wanted if at[first] > at[last]]
        if len(rest) == len(wanted):
            # By its own nature this order takes in the first pair, at least.
            order = _order(upstream, before, usual, wanted)
            at = {number: place for place, number in enumerate(order)}
            rest = [(first, last) for first, last in wanted if at[first] > at[last]]
        found.append(order)
        wanted = rest
    return found


def _ancestors(upstream: Sequence[Sequence[int]], usual: Sequence[int]) -> dict[int, int]:
    """For each step a number with a bit for each step that must come before it."""
    before: dict[int, int] = {}
    for number in usual:
        found = 0
        for other in upstream[number]:
            if other in before:
                found |= before[other] | 1 << other
        before[number] = found
    return before


def _turned_pairs(before: Mapping[int, int], usual: Sequence[int], seed: int) -> list[tuple[int, int]]:
    """Pairs (first, last) that stand the other way round in the usual order, and may."""
    size = len(usual)
    most = min(MOST_PAIRS, MOST_WORK // max(1, size))
    if size * size > 8 * MOST_PAIRS:
        chance = random.Random(seed)
        drawn = (sorted(chance.sample(range(size), 2)) for _ in range(4 * most))
        places = list(dict.fromkeys((first, last) for first, last in drawn))
    else:
        places = [(first, last) for first in range(size) for last in reversed(range(first + 1, size))]
    pairs = [(usual[last], usual[first]) for first, last in places if not before[usual[last]] >> usual[first] & 1]
    return pairs if len(pairs) <= most else random.Random(seed).sample(pairs, most)


def _order(
    upstream: Sequence[Sequence[int]],
    before: Mapping[int, int],
    usual: Sequence[int],
    wanted: Sequence[tuple[int, int]],
) -> list[int]:
    """An order that takes in as many wanted pairs as fit together, one after another; else what comes last, first."""
    above = dict(before)
    edges = {number: {other for other in upstream[number] if other in before} for number in usual}
    for first, last in wanted:
        if above[last] >> first & 1 or above[first] >> last & 1:
            continue
        edges[last].add(first)
        more = above[first] | 1 << first
        for number in usual:
            if number == last or above[number] >> last & 1:
                above[number] |= more
    return _latest_first(edges, usual)


def _latest_first(edges: Mapping[int, Collection[int]], usual: Sequence[int]) -> list[int]:
    """The order in which always that comes which usually comes last, of those that need not wait."""
    below: dict[int, list[int]] = {}
    for number, others in edges.items():
        for other in others:
            below.setdefault(other, []).append(number)
    waits_for = {number: len(others) for number, others in edges.items()}
    place = {number: -at for at, number in enumerate(usual)}
    ready = [(place[number], number) for number in usual if not waits_for[number]]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        _, number = heapq.heappop(ready)
        order.append(number)
        for other in below.get(number, ()):
            waits_for[other] -= 1
            if not waits_for[other]:
                heapq.heappush(ready, (place[other], other))
    return order
