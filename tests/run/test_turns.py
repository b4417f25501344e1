"""Steps that edit one file take turns, unless each has a copy of its own."""

from __future__ import annotations

import random

import pytest

from tests.graph.declared import place, step
from tests.support.stage import Stage
from wavebuild.declare.model import Artifact, Kind, Step
from wavebuild.run.turns import Firsts, are_rivals


def editing(name: str, path: str, sandbox: bool = False) -> Step:
    return step(name, updates=(Artifact(Kind.FILE, path, place()),), sandbox=sandbox)


@pytest.mark.parametrize(
    ("steps", "alone"),
    [
        ([editing("a", "f"), editing("b", "f")], True),
        ([editing("a", "f"), editing("b", "f", sandbox=True)], True),
        ([editing("a", "f", sandbox=True), editing("b", "f", sandbox=True)], False),
        ([editing("a", "f"), editing("b", "g")], False),
    ],
    ids=["one file", "one of them in a sandbox", "both in a sandbox", "two files"],
)
def test_two_have_a_file_in_hand_only_where_both_have_copies(steps: list[Step], alone: bool) -> None:
    """There are slots for both; the second begins when the first has settled, or at once."""
    stage = Stage(steps, jobs=4)
    stage.run()

    order = [word for word, _ in stage.book if word in ("begin", "end")]
    assert order == (["begin", "end"] * 2 if alone else ["begin", "begin", "end", "end"])


@pytest.mark.parametrize("seed", range(20))
def test_of_those_who_are_ready_the_first_of_the_plan_is_let_before_its_rivals(seed: int) -> None:
    """For all files at once, each looked at once: many steps may edit many files."""
    chance = random.Random(seed)
    ready = {
        (chance.randrange(3), number): editing(f"s{number}", f"f{chance.randrange(4)}", chance.random() < 0.5)
        for number in range(12)
    }
    firsts = Firsts(iter(ready.items()))

    for place_of_one, one in ready.items():
        rivals = [at for at, other in ready.items() if other is not one and are_rivals(one, other)]
        assert firsts.let(place_of_one, one) == all(place_of_one < at for at in rivals)
