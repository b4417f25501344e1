"""Lines of those who are due: the first of each kind, in order, whatever came and went before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from wavebuild.run.due import Lines

ENTRIES = some.lists(some.tuples(some.integers(0, 3), some.sampled_from("abc")), max_size=20)


def lines(entries: list[tuple[int, str]]) -> Lines[int]:
    """Each stands where its number says, and those of one number in the order in which they came."""
    found: Lines[int] = Lines()
    for number, (first, kind) in enumerate(entries):
        found.add((first, number), kind, number)
    return found


@given(ENTRIES)
def test_heads_are_the_first_of_each_kind_in_the_order_of_all(entries: list[tuple[int, str]]):
    """Taking heads, always the first, gives all of them in that order."""
    standing = lines(entries)
    order = sorted(range(len(entries)), key=lambda number: (entries[number][0], number))

    taken = []
    while standing:
        left = [number for number in order if number not in taken]
        kinds = dict.fromkeys(entries[number][1] for number in left)
        assert [kind for kind, _ in standing.heads()] == list(kinds)
        assert sorted(standing) == sorted(left)
        kind, number = standing.heads()[0]
        assert standing.first == (entries[number][0], number)
        standing.take(kind)
        taken.append(number)
    assert taken == order


@given(ENTRIES)
def test_those_who_may_stay_keep_their_order(entries: list[tuple[int, str]]):
    """The others leave, and empty lines with them."""
    standing = lines(entries)
    standing.leave_only(lambda number: number % 2 == 0)

    assert sorted(standing) == [number for number in range(len(entries)) if number % 2 == 0]
    assert bool(standing) == bool(list(standing))
    assert standing.heads() == lines_of_even(entries).heads()


def lines_of_even(entries: list[tuple[int, str]]) -> Lines[int]:
    found: Lines[int] = Lines()
    for number, (first, kind) in enumerate(entries):
        if number % 2 == 0:
            found.add((first, number), kind, number)
    return found


def test_many_of_one_kind_cost_one_look():
    """A thousand tables that wait for one warehouse do not slow down those who start."""
    standing = lines([(0, "warehouse")] * 1000 + [(0, "none")])

    assert standing.heads() == [("warehouse", 0), ("none", 1000)]
