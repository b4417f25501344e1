"""Random repeated steps, random lists made in the build, random edits: incremental equals clean, and then idle."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.support.folders import written
from tests.support.lists import Lists
from tests.support.workshop import Workshop

SEEDS = range(1)
EDITS = 4


@pytest.mark.parametrize("seed", SEEDS)
def test_made_lists_leave_what_a_clean_build_makes(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every edit: the results are those of a clean build, but for orphans; the next is idle."""
    run_lists(seed, tmp_path, monkeypatch, EDITS)


def run_lists(seed: int, home: Path, monkeypatch: pytest.MonkeyPatch, edits: int) -> None:
    rng = Random(seed)
    for folder in ("one", "clean"):
        (home / folder).mkdir()
    shop = Workshop(home / "one", monkeypatch)
    lists = Lists.random(shop.root, rng)
    for number in range(edits + 1):
        facts = {"jobs": rng.choice([1, 3]), "schedule": rng.choice(["flow", "barrier"])}
        told = f"seed {seed}, after {lists.story}, {facts}"
        before = plan_of(shop)
        built = shop.build(**facts)  # type: ignore[arg-type]
        assert built.code == 0, (told, built.steps)
        for step, word in before.items():
            if word in ("FRESH",):
                assert step not in built.ran, (told, step)
        clean = clean_build(home / "clean", number, lists, monkeypatch)
        orphans = set(built.result.orphans)
        assert {path: text for path, text in lists.results().items() if path not in orphans} == clean, told
        shop.ran()
        again = shop.build()
        assert (again.code, again.ran) == (0, []), (told, again.ran)
        assert set(plan_of(shop).values()) == {"FRESH"}, told
        lists.edit()


def plan_of(shop: Workshop) -> dict[str, str]:
    """Words by what the step would note."""
    return {name.replace("@", "-"): word for name, word in shop.plan().items()}


def clean_build(home: Path, number: int, lists: Lists, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    place = home / str(number)
    place.mkdir()
    shop = Workshop(place, monkeypatch)
    written(shop.root, lists.sources())
    built = shop.build(jobs=2)
    assert built.code == 0, built.steps
    return Lists(shop.root, Random(0)).results()
