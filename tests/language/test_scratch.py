"""``scratch``: a folder that outlives failures, to resume long work; and the seed and the marks a step is told."""

from __future__ import annotations

import os

import pytest

from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError

COUNTING = """
steps:
  train:
    inputs: s
    outputs: o
    scratch: true
    run: |
      note train
      echo x >> $WAVEBUILD_SCRATCH/seen
      test -e ../go
      wc -l < $WAVEBUILD_SCRATCH/seen > o
"""


@pytest.fixture
def counting(shop: Workshop) -> Workshop:
    """A step that fails until there is a file ``go``, and counts its tries in its scratch folder."""
    shop.wavefile(COUNTING)
    shop.put("s", "1")
    return shop


def go(shop: Workshop) -> None:
    (shop.home / "go").write_text("")


def left(shop: Workshop) -> list[str]:
    folder = shop.root / ".wavebuild/scratch"
    return sorted(os.listdir(folder)) if folder.exists() else []


class TestScratch:
    def test_what_a_failed_run_left_there_is_found_by_the_next(self, counting: Workshop):
        """Two failures and a success are three lines."""
        assert [counting.build().code, counting.build().code] == [1, 1]
        go(counting)

        assert counting.build().code == 0
        assert counting.read("o").strip() == "3"

    def test_after_a_success_nothing_is_left_and_a_second_build_is_idle(self, counting: Workshop):
        """It is of use for unfinished work alone."""
        counting.build()
        go(counting)
        counting.settle()

        assert left(counting) == []

    def test_it_is_kept_over_the_tries_of_one_run(self, shop: Workshop):
        """A retry resumes, too."""
        shop.wavefile("""
steps:
  a:
    outputs: o
    scratch: true
    retries: 2
    run: echo x >> $WAVEBUILD_SCRATCH/n; test $(wc -l < $WAVEBUILD_SCRATCH/n) = 3; cp $WAVEBUILD_SCRATCH/n o
""")

        assert shop.build().steps["a"].attempts == 3
        assert shop.read("o") == "x\nx\nx\n"

    def test_another_input_starts_from_an_empty_folder(self, counting: Workshop):
        """Half of another result is of no use."""
        counting.build()
        counting.put("s", "2")
        go(counting)
        counting.build()

        assert counting.read("o").strip() == "1"

    def test_another_command_starts_from_an_empty_folder(self, counting: Workshop):
        """The definition counts as the inputs do."""
        counting.build()
        counting.wavefile(COUNTING.replace("note train", "note train; true"))
        go(counting)
        counting.build()

        assert counting.read("o").strip() == "1"

    def test_what_a_finished_run_left_behind_is_never_resumed(self, counting: Workshop):
        """As after a kill between the end of the run and the removal: the run is over."""
        counting.build()
        folder = next((counting.root / ".wavebuild/scratch").glob("*/"))
        mark = folder.with_name(folder.name + ".mark")
        kept = (folder / "seen").read_bytes(), mark.read_bytes()
        go(counting)
        counting.build()
        folder.mkdir(exist_ok=True)
        (folder / "seen").write_bytes(kept[0])
        mark.write_bytes(kept[1])
        (counting.root / "o").unlink()
        counting.build()

        assert counting.read("o").strip() == "1"

    def test_two_steps_have_two_folders(self, shop: Workshop):
        """By their outputs."""
        shop.wavefile("""
defaults: {scratch: true}
steps:
  a: {outputs: o, run: echo $WAVEBUILD_SCRATCH > o}
  b: {outputs: p, run: echo $WAVEBUILD_SCRATCH > p}
""")
        shop.build()

        assert shop.read("o") != shop.read("p")
        assert shop.read("o").startswith(f"{shop.root}/.wavebuild/scratch/")

    def test_asking_for_it_is_no_reason_to_run(self, shop: Workshop):
        """It says nothing about the result."""
        shop.wavefile("steps: {a: {outputs: o, run: 'note a; echo > o'}}")
        shop.settle()
        shop.wavefile("steps: {a: {outputs: o, scratch: true, run: 'note a; echo > o'}}")

        assert (shop.plan(), shop.build().ran) == ({"a": "FRESH"}, [])

    def test_a_step_that_runs_nothing_cannot_have_one(self, shop: Workshop):
        """Neither a person nor a check needs it."""
        shop.wavefile(
            "steps: {a: {manual: Place it., outputs: o, scratch: true}, b: {checks: 'true', needs: a, scratch: true}}"
        )
        with pytest.raises(WavebuildError) as refused:
            shop.build()

        assert [problem.place.line for problem in refused.value.problems if problem.place] == [1, 1]
        assert "no meaning without run or call" in str(refused.value)


class TestWhatAStepIsTold:
    def test_a_build_inside_a_step_does_not_hand_on_what_the_outer_step_was_told(self, shop: Workshop):
        """A scratch folder, and that all is forced, are facts about the outer step."""
        shop.setenv(WAVEBUILD_SCRATCH="/outer", WAVEBUILD_FULL="1")
        shop.wavefile("steps: {a: {outputs: o, run: 'echo ${WAVEBUILD_SCRATCH-none} ${WAVEBUILD_FULL-none} > o'}}")
        shop.build()

        assert shop.read("o") == "none none\n"

    def test_seeds_differ_between_steps_and_stay_the_same_from_run_to_run(self, shop: Workshop):
        """They come from what a step makes."""
        shop.wavefile("""
steps:
  a: {outputs: o, run: echo $WAVEBUILD_SEED > o}
  b: {outputs: p, run: echo $WAVEBUILD_SEED > p}
""")
        shop.build()
        first = shop.read("o"), shop.read("p")
        shop.build(force=True)

        assert first[0] != first[1]
        assert (shop.read("o"), shop.read("p")) == first
