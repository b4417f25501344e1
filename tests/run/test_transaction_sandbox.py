"""A sandboxed step: until its end nothing is touched; then all of the new takes the place of all of the old."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from tests.run.test_transaction import COVERS, project, restored
from tests.support.folders import aged, tree
from tests.support.kills import killed_after
from wavebuild.judge.members import Folders
from wavebuild.run.records import Attempt
from wavebuild.run.transaction import conclude, put_back, swap_in

INSIDE = ".wavebuild/sandbox/r.0/tree/root"
NEW = ("d/a", "d/new/deep", "d/void/", "o.txt", "out/x/y.txt", "parts/mine.txt", "parts/new.txt")


def made(root: Path) -> dict[str, str]:
    """What the step has made in its private folder."""
    found = {}
    for path in NEW:
        place = root / INSIDE / path
        if path.endswith("/"):
            place.mkdir(parents=True)
        else:
            aged(place, f"new {path}", seconds=99)
        found[path] = str(place)
    return found


def entering(root: Path) -> Attempt:
    return msgspec.structs.replace(project(root), sandbox=INSIDE, enters=True)


@pytest.mark.scenario(id="K10")
@settings(max_examples=40, deadline=None)
@given(first=some.integers(0, 60), second=some.none() | some.integers(0, 40))
@example(first=12, second=3)
@example(first=22, second=None)
def test_a_kill_while_outputs_enter_brings_all_of_the_old_back(first, second):
    """At any change of the disk, and again while it is repaired; nothing of the private folder is left."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        attempt = entering(root)
        before = tree(root)
        new = made(root)

        with killed_after(first):
            swap_in(str(root), attempt, new)
        for moment in (second, None):
            with killed_after(moment):
                put_back(Folders(str(root)), attempt)

        restored(before, root)
        assert not (root / ".wavebuild/sandbox").exists()


@settings(max_examples=15, deadline=None)
@given(moment=some.none() | some.integers(0, 40))
def test_a_kill_after_the_record_leaves_all_of_the_new(moment):
    """A person's file that was overwritten is kept."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        attempt = entering(root)
        swap_in(str(root), attempt, made(root))
        with killed_after(moment):
            conclude(str(root), attempt)
        conclude(str(root), attempt)

        assert {path: (root / path).read_text() for path in NEW if not path.endswith("/")} == {
            path: f"new {path}" for path in NEW if not path.endswith("/")
        }
        assert sorted(os.listdir(root / "d")) == ["a", "new", "void"]
        assert (root / "parts/yours.txt").read_text() == "former parts/yours.txt"
        assert (root / ".wavebuild/displaced/r/parts/mine.txt").read_text() == "former parts/mine.txt"
        assert not (root / ".wavebuild/sandbox").exists()


@settings(max_examples=15, deadline=None)
@given(moment=some.none() | some.integers(0, 30))
def test_before_its_end_nothing_of_the_project_is_touched(moment):
    """What it has made so far is kept to be looked at, whenever the repair is killed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        attempt = msgspec.structs.replace(project(root), aside={}, bystanders={}, covers=COVERS, sandbox=INSIDE)
        before = tree(root)
        made(root)
        with killed_after(moment):
            put_back(Folders(str(root)), attempt)
        put_back(Folders(str(root)), attempt)

        assert tree(root) == before
        kept = [tree(failed) for failed in root.glob(".wavebuild/failed/*")]
        assert {path for found in kept for path in found if not path.endswith("/")} == {
            path for path in NEW if not path.endswith("/")
        }
        assert not (root / ".wavebuild/sandbox").exists()
