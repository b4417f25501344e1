"""`-W` and `-o`: paths taken as changed, or as unchanged, for one build."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError

TEXT = """
steps:
  a: {inputs: s, outputs: o, run: 'note a; cat s > o'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
  c: {inputs: [d/, 'conf.yaml#k'], outputs: q, run: 'note c; cat d/* > q'}
"""


def settled(shop: Workshop) -> None:
    shop.wavefile(TEXT)
    for path in ("s", "d/x", "d/y"):
        shop.put(path, "one")
    shop.put("conf.yaml", "k: 1\n")
    shop.settle()


@pytest.mark.parametrize(
    ("paths", "plan", "ran"),
    [
        (["s"], {"a": ["RUN", "TakenAsChanged"], "b": ["MAYBE", "Upstream"], "c": ["FRESH"]}, ["a"]),
        (["o"], {"a": ["FRESH"], "b": ["RUN", "TakenAsChanged"], "c": ["FRESH"]}, ["b"]),
        (["d/x"], {"a": ["FRESH"], "b": ["FRESH"], "c": ["RUN", "TakenAsChanged"]}, ["c"]),
        (["d/"], {"a": ["FRESH"], "b": ["FRESH"], "c": ["RUN", "TakenAsChanged", "TakenAsChanged"]}, ["c"]),
        (["conf.yaml"], {"a": ["FRESH"], "b": ["FRESH"], "c": ["RUN", "TakenAsChanged"]}, ["c"]),
        (["./s", "o"], {"a": ["RUN", "TakenAsChanged"], "b": ["RUN", "TakenAsChanged"], "c": ["FRESH"]}, ["a", "b"]),
    ],
)
def test_what_reads_a_path_taken_as_changed_runs(
    shop: Workshop, paths: list[str], plan: dict[str, list[str]], ran: list[str]
):
    """For this build alone: what is recorded is true, so the next build is idle."""
    settled(shop)
    said: dict[str, Any] = {"changed": tuple(paths)}

    assert shop.planned(**said) == plan
    assert engine.question(shop.request(**said))
    assert shop.build(**said).ran == ran
    assert (shop.build().ran, shop.stale()) == ([], False)


def test_a_checks_own_input_taken_as_changed_runs_the_checks_alone(shop: Workshop):
    """Only the gate is judged again."""
    shop.wavefile("steps: {a: {outputs: o, run: 'note a; echo > o', checks: {run: note check, inputs: limit}}}")
    shop.put("limit", "5")
    shop.settle()

    assert shop.planned(changed=("limit",)) == {"a": ["RECHECK", "GateChanged"]}
    assert shop.build(changed=("limit",)).ran == ["check"]


def test_a_change_taken_as_none_leaves_its_readers_fresh(shop: Workshop):
    """For this build alone: the next one sees it."""
    settled(shop)
    shop.put("s", "two")
    shop.put("d/z", "new")
    said: dict[str, Any] = {"unchanged": ("s", "d")}

    assert shop.plan(**said) == {"a": "FRESH", "b": "FRESH", "c": "FRESH"}
    assert not engine.question(shop.request(**said))
    assert shop.build(**said).ran == []
    assert shop.build().ran == ["a", "c", "b"]


def test_the_owner_of_a_path_taken_as_unchanged_does_not_run(shop: Workshop):
    """Neither for its inputs nor for -B; what it needs is not built for it, and its readers see what stands."""
    settled(shop)
    shop.put("s", "two")

    assert shop.plan(unchanged=("o",)) == {"a": "FROZEN", "b": "FRESH", "c": "FRESH"}
    assert shop.build("b", unchanged=("o",), force=True).ran == ["b"]
    assert shop.build("b").ran == ["a", "b"]


def test_an_edited_output_taken_as_unchanged_does_not_reach_its_readers(shop: Workshop):
    """Its owner leaves it alone, too."""
    settled(shop)
    shop.put("o", "mine")

    assert (shop.build(unchanged=("o",)).ran, shop.read("o")) == ([], "mine")


def test_a_reader_that_runs_for_another_reason_records_what_it_read(shop: Workshop):
    """So afterwards it is fresh, and truly so."""
    settled(shop)
    shop.put("d/x", "two")
    shop.put("conf.yaml", "k: 2\n")

    assert shop.build(unchanged=("d/x",)).ran == ["c"]
    assert (shop.read("q"), shop.build().ran) == ("twoone", [])


def test_a_missing_source_taken_as_unchanged_does_not_stop_the_build(shop: Workshop):
    """It is as it was for whom nothing else has changed."""
    settled(shop)
    (shop.root / "s").unlink()

    assert shop.build(unchanged=("s",)).outcomes == {"a": "kept", "b": "kept", "c": "kept"}
    with pytest.raises(WavebuildError):
        shop.build()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"changed": ("sss",)}, "no step reads or makes it"),
        ({"unchanged": ("nowhere",)}, "no step reads or makes it"),
        ({"changed": ("s",), "unchanged": ("./s",)}, "both name s"),
    ],
)
def test_a_path_that_means_nothing_is_refused(shop: Workshop, said: dict[str, Any], message: str):
    """A slip of the pen is no silent nothing."""
    settled(shop)
    with pytest.raises(WavebuildError) as caught:
        shop.build(**said)

    assert message in str(caught.value)


def test_paths_are_relative_to_the_callers_folder(shop: Workshop):
    """As targets are."""
    settled(shop)

    assert shop.build(directory=str(shop.root / "d"), changed=("x",), file="../Wavefile").ran == ["c"]
