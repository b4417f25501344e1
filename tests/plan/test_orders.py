"""Orders that show whether two steps depend on each other without saying so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wavebuild.plan.orders import orders


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """For each step those before it, all of smaller numbers."""
    size = draw(st.integers(0, 12))
    return [sorted(draw(st.sets(st.integers(0, number - 1), max_size=3))) if number else [] for number in range(size)]


def joined(upstream: list[list[int]]) -> set[tuple[int, int]]:
    """Every (before, after)."""
    found: set[tuple[int, int]] = set()
    for number, above in enumerate(upstream):
        for other in above:
            found |= {(other, number)} | {(first, number) for first, last in found if last == other}
    return found


@given(graphs())
def test_no_step_comes_before_what_it_needs_and_every_free_pair_comes_either_way(upstream: list[list[int]]):
    """With the usual order among them."""
    usual = list(range(len(upstream)))
    all_orders = [usual, *orders(upstream, usual, 1000)]
    must = joined(upstream)
    seen = {(first, last) for order in all_orders for at, first in enumerate(order) for last in order[at + 1 :]}

    assert all(sorted(order) == usual for order in all_orders)
    assert not {(last, first) for first, last in must} & seen
    assert len(seen) == len(usual) * (len(usual) - 1) - len(must)


def test_a_few_orders_are_enough_for_many_steps():
    """Thirty steps of three chains have 300 free pairs, and need three orders besides the usual one at most."""
    upstream = [[number - 3] if number >= 3 else [] for number in range(30)]

    assert 1 <= len(orders(upstream, range(30), 20)) <= 3


def test_a_large_pipeline_is_no_matter_of_minutes():
    """Of millions of pairs some are chosen; every order is right all the same."""
    upstream = [[number - 1] if number % 7 else [] for number in range(3000)]
    (order,) = orders(upstream, range(3000), 1)
    at = {number: place for place, number in enumerate(order)}

    assert sorted(order) == list(range(3000))
    assert all(at[other] < at[number] for number, above in enumerate(upstream) for other in above)


def test_there_are_never_more_than_wanted():
    """And none where every step waits for another."""
    assert len(orders([[]] * 12, range(12), 1)) == 1
    assert orders([[], [0], [1]], range(3), 20) == []


def test_a_step_that_needs_one_that_is_not_wanted_is_ordered_among_the_wanted():
    """Only some of the steps may be built."""
    assert orders([[], [0], []], [1, 2], 20) == [[2, 1]]
