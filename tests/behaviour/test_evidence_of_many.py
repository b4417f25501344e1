"""Of very many steps little is held: of what was learned, and while the evidence is written."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild.declare.model import Artifact, Kind, Run, Step, Text, Wavefile
from wavebuild.engine import Request, lists
from wavebuild.engine.evidence import keep_evidence
from wavebuild.engine.project import facts_of, load
from wavebuild.errors import Place
from wavebuild.graph import columns
from wavebuild.judge.digest import Reading
from wavebuild.judge.stamp import Stamp
from wavebuild.run import rebuilder
from wavebuild.store import lookers, settled
from wavebuild.store.layout import Layout
from wavebuild.store.opening import open_state
from wavebuild.store.state import State

FEW, MANY = 1_000, 4_000
ACTION = Run((Text(("cp",)),))

EACH = 880
"""Bytes that each step may take while the evidence of it and its two files is written; the last step reads all."""


def of_so_many(root: Path, number: int) -> Wavefile:
    place = Place("Wavefile", 1, 1)
    files = [(Artifact(Kind.FILE, f"i/{k}", place), Artifact(Kind.FILE, f"o/{k}", place)) for k in range(number)]
    steps = [Step(f"s{k}", place, (read,), (made,), action=ACTION) for k, (read, made) in enumerate(files)]
    steps.append(Step("all", place, tuple(made for _, made in files), action=ACTION))
    return Wavefile(str(root), "Wavefile", tuple(steps))


def room(root: Path, number: int) -> int:
    """Bytes that are held at once, at most, while the evidence of so many steps is written."""
    request = Request(str(root), declared=of_so_many(root, number))
    for path in (f"{folder}/{k}" for folder in "io" for k in range(number)):
        (root / path).parent.mkdir(exist_ok=True)
        if not (root / path).exists():
            os.link(root / "file", root / path)
    project = load(request)
    layout = Layout(str(root), "Wavefile")
    os.makedirs(os.path.dirname(layout.settled), exist_ok=True)
    state = open_state(layout.state, [])
    facts, _ = facts_of(project, state, request)
    for step in project.wavefile.steps:
        for each in (*step.inputs, *step.outputs):
            facts.digests.see(Reading(each.path, each.path))
    tracemalloc.start()
    try:
        keep_evidence(request, project, layout, facts, state, range(number + 1), (), "asked", "identity", None, {})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        state.close()

    found = settled.read(layout.settled, "asked", {})
    assert found is not None
    known = lookers.unpacked(found.more, found.names)
    assert known is not None
    assert (len(found.names), found.fresh, len(known.steps)) == (2 * number, number + 1, 3 * number)
    assert sorted(known.of(found.names.index(b"o/7"))) == [7, number]
    return peak


@pytest.mark.long
def test_the_room_that_evidence_takes_grows_little_with_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a build of 100,000 steps this is where most is held."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(columns, "MADE", 200)
    monkeypatch.setattr(lists, "MADE", 200)

    assert (room(tmp_path, MANY) - room(tmp_path, FEW)) / (MANY - FEW) < EACH


def test_what_is_learned_of_many_fresh_steps_goes_on_record_by_and_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that runs nothing, of files that are all read anew: what it learns is not held up to its end."""
    shop = Workshop(tmp_path, monkeypatch)
    numbers = range(12)
    files = {f"i{number}": f"{number}" for number in numbers}
    shop.write(**files)
    steps = [
        f"  s{number}: {{inputs: i{number}, outputs: o{number}, run: cp i{number} o{number}}}" for number in range(12)
    ]
    shop.wavefile("\n".join(["steps:", *steps]))
    shop.settle()
    for path in files:
        os.utime(shop.root / path, ns=(1, 10**18))
    learned: list[int] = []
    learn = State.learn

    def counted(state: State, new: Mapping[str, tuple[Stamp, str]]) -> None:
        learned.append(len(new))
        learn(state, new)

    monkeypatch.setattr(State, "learn", counted)
    monkeypatch.setattr(rebuilder, "MUCH", 4)

    assert set(shop.build().outcomes.values()) == {"kept"}
    assert max(learned) <= 5
    assert sum(learned) >= 12

    learned.clear()
    (tmp_path / "root/.wavebuild/state/Wavefile.settled").unlink()
    assert set(shop.build().outcomes.values()) == {"kept"}
    assert sum(learned) == 0, "all was on record"
