"""Steps that edit one file take turns, unless each has a copy of its own."""

from __future__ import annotations

import pytest

from tests.graph.declared import place, step
from tests.support.stage import Stage
from wavebuild.declare.model import Artifact, Kind, Step


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
