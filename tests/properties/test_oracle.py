"""Random pipelines, random edits and accidents: incremental equals clean, and only what had to ran.

It does not know how the pipelines look; `python -m tests.fuzz` runs the same trials for as long as one likes, and
`python -m tests.points` strikes at every point of a build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.support.edits import EDITS, Edit, tampered, touch_output
from tests.support.forks import Forks
from tests.support.oracle import Story, run_story, shrunk
from tests.support.points import Point, Range, all_points
from tests.support.project import SHAPES, World, random_world

SEEDS = range(2)
STRIKES = 5
NEED_A_BUILD = (tampered, touch_output)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as server:
        yield server


@pytest.mark.parametrize("seed", SEEDS)
def test_an_incremental_build_equals_a_clean_one_and_runs_only_what_had_to(
    seed: int, tmp_path: Path, forks: Forks
) -> None:
    """Holds promises 1 to 4 over edits (even seeds), and 5 to 11 over accidents (odd seeds)."""
    run_story(Story.of(seed, 4), tmp_path, forks)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100, 130))
def test_many_more_trials_go_as_well(seed: int, tmp_path: Path, forks: Forks) -> None:
    """As above, over more edits and accidents."""
    run_story(Story.of(seed, 7), tmp_path, forks)


def test_every_edit_is_made_to_some_project(tmp_path: Path) -> None:
    """An edit that applies to no project would try nothing."""
    worlds = []
    for seed in range(8):
        root = tmp_path / str(seed) / "root"
        root.mkdir(parents=True)
        worlds.append(random_world(root, Random(seed)))

    idle = [
        edit.__name__
        for edit in EDITS
        if edit not in NEED_A_BUILD and not any(applies(edit, world) for world in worlds)
    ]

    assert idle == []
    assert {spec.shape for world in worlds for spec in world.specs} == set(SHAPES)


def applies(edit: Callable[[World], Edit | None], world: World) -> bool:
    made = edit(world)
    if made is not None and made.undo is not None:
        made.undo()
    return made is not None


def test_a_story_that_fails_is_told_without_what_does_not_matter() -> None:
    """What is left out one by one and not missed stays out: chapters, and steps of the project."""
    story = Story(7, "accidents", tuple(range(6)))
    tried: list[Story] = []

    def still_fails(shorter: Story) -> bool:
        tried.append(shorter)
        return {1, 4} <= set(shorter.chapters) and "u2" not in shorter.without

    short = shrunk(story, ["s0", "t1", "u2"], still_fails)

    assert short == Story(7, "accidents", (1, 4), frozenset({"s0", "t1"}))
    assert len(tried) == 9


@pytest.fixture(scope="module")
def shooting(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    with closing(Range(tmp_path_factory.mktemp("range"), forks)) as made:
        yield made


@pytest.mark.scenario(id="D1")
@pytest.mark.scenario(id="K10")
def test_a_build_that_is_killed_or_fails_at_any_point_is_made_good_by_the_next(shooting: Range) -> None:
    """Points before and after every rename and commit, and before all else that changes the disk: a sample of them."""
    names = shooting.count()
    assert {"before rename", "after rename", "before write", "before commit", "after commit"} <= set(names)
    for how, at, undone in sample(all_points(len(names))):
        shooting.strike(how, at, undone)


def sample(points: list[Point]) -> list[Point]:
    return Random(len(points)).sample(points, STRIKES)


def test_a_struck_build_has_indeed_been_struck(shooting: Range) -> None:
    """A fault that never strikes would let every other test here pass."""
    killed, full = (shooting.strike(how, 30, undone=False) for how in ("kill", "full"))

    assert "kept" not in killed
    assert not any("succeeded" in line for line in killed.splitlines()[-1:])
    assert "disk is full" in full or "No space left" in full
