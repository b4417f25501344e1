"""Orders in which steps may run, chosen so that of any two that no path joins either comes first once.

It does not know what the steps are.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

LARGEST_SAMPLE = 20_000
"""So many pairs are looked after one by one; where there are more, some of them, chosen by chance."""


def orders(upstream: Sequence[Sequence[int]], usual: Sequence[int], most: int, seed: int = 0) -> list[list[int]]:
    """At most so many orders, besides the usual one, in which no step comes before what it needs.

    ``upstream``: for each number those directly before it; ``usual``: numbers in the order of the plan.
    """
    before = _ancestors(upstream, usual)
    wanted = _turned_pairs(before, usual, seed)
    found: list[list[int]] = []
    while wanted and len(found) < most:
        order = _order(before, usual, wanted if found else [])
        at = {number: place for place, number in enumerate(order)}
        rest = [(first, last) for first, last in wanted if at[first] > at[last]]
        if len(rest) == len(wanted):
            # By its own nature this order takes in the first pair, at least.
            order = _order(before, usual, wanted)
            at = {number: place for place, number in enumerate(order)}
            rest = [(first, last) for first, last in wanted if at[first] > at[last]]
        found.append(order)
        wanted = rest
    return found


def unordered_pairs(upstream: Sequence[Sequence[int]], usual: Sequence[int]) -> int:
    """How many pairs of steps no path joins."""
    before = _ancestors(upstream, usual)
    joined = sum(before[number].bit_count() for number in usual)
    return len(usual) * (len(usual) - 1) // 2 - joined


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


def _turned_pairs(before: dict[int, int], usual: Sequence[int], seed: int) -> list[tuple[int, int]]:
    """Pairs (first, last) that stand the other way round in the usual order, and may."""
    pairs = [
        (last, first)
        for place, first in enumerate(usual)
        for last in reversed(usual[place + 1 :])
        if not before[last] >> first & 1
    ]
    if len(pairs) > LARGEST_SAMPLE:
        pairs = random.Random(seed).sample(pairs, LARGEST_SAMPLE)
    return pairs


def _order(before: dict[int, int], usual: Sequence[int], wanted: Sequence[tuple[int, int]]) -> list[int]:
    """An order that takes in as many wanted pairs as fit together, one after another; else what comes last, first."""
    above = dict(before)
    for first, last in wanted:
        if above[last] >> first & 1 or above[first] >> last & 1:
            continue
        more = above[first] | 1 << first
        for number in usual:
            if number == last or above[number] >> last & 1:
                above[number] |= more
    order: list[int] = []
    done = 0
    left = list(reversed(usual))
    while left:
        number = next(number for number in left if not above[number] & ~done)
        left.remove(number)
        order.append(number)
        done |= 1 << number
    return order
