"""The example `shared-file`: many steps write into one file, in turns, merged, decided by a person, or in fragments."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.support.command import REPOSITORY
from tests.support.workshop import Workshop
from wavebuild import engine

EXAMPLE = REPOSITORY / "examples/shared-file"
JOBS = ("bronze", "silver", "gold")


@pytest.fixture
def example(shop: Workshop) -> Workshop:
    shutil.copytree(EXAMPLE, shop.root, dirs_exist_ok=True)
    return shop


def succeeded(shop: Workshop, **facts: Any) -> set[str]:
    """The steps that a build runs, and that it ends well."""
    built = shop.build(jobs=4, **facts)
    assert built.code == 0, built.steps
    return {name for name, outcome in built.outcomes.items() if outcome == "succeeded"}


@pytest.mark.parametrize(
    ("file", "made", "step"), [(None, "deployed.yml", "{}"), ("Wavefile.merge", "merged.yml", "jobs@{}")]
)
def test_in_turns_or_merged_every_job_is_in_the_file(example: Workshop, file: str | None, made: str, step: str):
    """An edit of one job's settings concerns this job; a person's edit beside it none of them."""
    everything = {step.format(job) for job in JOBS} | {"deploy"}
    first, again = succeeded(example, file=file), succeeded(example, file=file)
    text = example.read("databricks.yml")
    assert (first, again, example.read(made)) == (everything, set(), text)
    assert all(f"      {line}\n" in text for job in JOBS for line in example.read(f"conf/{job}.txt").splitlines())
    assert "# the heart of it" in text

    example.put("databricks.yml", text.replace("default: true", "default: false"))
    assert succeeded(example, file=file) == {"deploy"}

    example.put("conf/silver.txt", "cluster: huge\nspot: true\n")
    assert succeeded(example, file=file) == {step.format("silver"), "deploy"}
    assert "    silver:\n      cluster: huge\n      spot: true\n" in example.read(made)

    example.put("databricks.yml", example.read("databricks.yml").replace("schedule: daily", "schedule: weekly"))
    assert succeeded(example, file=file) == {step.format("gold")}
    assert "schedule: daily" in example.read("databricks.yml")
    assert succeeded(example, file=file) == set()


def test_turns_and_merges_make_the_same_file(example: Workshop):
    """Of the same settings."""
    succeeded(example)
    in_turns = example.read("databricks.yml")
    shutil.copy(EXAMPLE / "databricks.yml", example.root / "databricks.yml")
    succeeded(example, file="Wavefile.merge")

    assert example.read("databricks.yml") == in_turns


def test_a_person_decides_before_anything_is_deployed(example: Workshop):
    """The build stops with both sides, and goes on after `accept`."""
    file = "Wavefile.person"
    built = example.build(jobs=4, file=file)
    assert built.outcomes == {"sales": "succeeded", "travel": "failed", "deploy": "blocked"}
    assert "name: sales" in example.read("databricks.yml")
    assert "name: travel" in example.read(".wavebuild/conflicts/travel/databricks.yml")

    example.put("databricks.yml", example.read("databricks.yml").replace("name: sales", "name: sales-and-travel"))
    assert engine.accept(example.request(file=file), ("databricks.yml",)) == ("travel: what stands is its result",)

    assert succeeded(example, file=file) == {"deploy"}
    assert "name: sales-and-travel" in example.read("decided.yml")
    assert succeeded(example, file=file) == set()


def test_fragments_are_joined_by_a_step(example: Workshop):
    """Nothing is shared, so nothing takes turns."""
    file = "Wavefile.fragments"
    assert succeeded(example, file=file) == {f"fragment@{job}" for job in JOBS} | {"join"}

    example.put("conf/gold.txt", "cluster: huge\n")

    assert succeeded(example, file=file) == {"fragment@gold", "join"}
    assert "    gold:\n      cluster: huge\n" in example.read("joined.yml")
    assert succeeded(example, file=file) == set()
