"""What a person made, or what lies behind a link, survives whatever steps, accepts and renamings do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError


def everywhere(shop: Workshop, text: str) -> list[Path]:
    """The regular files below the root, those set aside included, that hold this text."""
    files = (path for path in shop.root.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in files if path.suffix not in (".db", ".settled") and path.read_bytes() == text.encode()]


class TestLinksInOutputs:
    @pytest.mark.scenario(id="F4")
    def test_what_lies_behind_a_link_that_a_step_made_is_not_the_steps(self, shop: Workshop):
        """A directory output with a link to a folder of sources, built twice, then cleaned."""
        shop.put("src/f.txt", "precious\n")
        shop.put("in", "1\n")
        shop.wavefile("steps: {g: {inputs: in, outputs: out/, run: 'cat in > out/x; ln -s ../src out/src'}}")
        shop.settle()
        shop.put("in", "2\n")
        shop.settle()
        engine.clean(shop.request(), dry=False)

        assert shop.read("src/f.txt") == "precious\n"
        assert not os.path.lexists(shop.root / "out/src")

    @pytest.mark.scenario(id="F4")
    def test_a_link_that_leads_out_of_the_root_is_refused(self, shop: Workshop):
        """And what it leads to is left alone."""
        outside = shop.home / "ext"
        outside.mkdir()
        (outside / "f.txt").write_text("precious\n")
        shop.wavefile("steps: {g: {outputs: out/, run: 'echo 1 > out/x; ln -s ../../ext out/data'}}")
        built = shop.build()

        assert built.code == 1
        assert "leads out of the root" in built.steps["g"].detail
        assert (outside / "f.txt").read_text() == "precious\n"

    def test_a_link_to_the_newest_of_several_folders_comes_and_goes_with_them(self, shop: Workshop):
        """`current -> v2`: built again, the old folder is gone and the link is a link."""
        shop.put("in", "1\n")
        run = "mkdir out/v$(cat in); cat in > out/v$(cat in)/x; ln -s v$(cat in) out/current"
        shop.wavefile(f"steps: {{g: {{inputs: in, outputs: out/, run: '{run}'}}}}")
        shop.settle()
        shop.put("in", "2\n")
        shop.settle()

        assert sorted(os.listdir(shop.root / "out")) == ["current", "v2"]
        assert os.readlink(shop.root / "out/current") == "v2"

    @pytest.mark.scenario(id="F4")
    def test_a_dangling_link_is_a_result_like_any(self, shop: Workshop):
        """It is on record, and the next build has nothing to do."""
        shop.wavefile("steps: {g: {outputs: out/, run: 'echo 1 > out/x; ln -s nowhere out/l'}}")

        shop.settle()


class TestAPersonsFile:
    def test_a_file_placed_by_hand_stops_the_step_that_its_manual_step_became(self, shop: Workshop):
        """It was never ours, whatever the record of the manual step says."""
        shop.put("data.csv", "mine\n")
        shop.wavefile("steps: {g: {manual: place it, outputs: data.csv}}")
        shop.settle()
        shop.wavefile("steps: {g: {run: 'echo new > data.csv', outputs: data.csv}}")
        built = shop.build()

        assert built.steps["g"].failure == "unclaimed"
        assert shop.read("data.csv") == "mine\n"

    def test_a_touch_does_not_make_a_placed_file_ours(self, shop: Workshop):
        """`-t` of a manual step, which then becomes one that runs."""
        shop.put("data.csv", "mine\n")
        shop.wavefile("steps: {g: {manual: place it, outputs: data.csv}}")
        engine.touch(shop.request("g"))
        shop.wavefile("steps: {g: {run: 'echo new > data.csv', outputs: data.csv}}")

        assert shop.build().steps["g"].failure == "unclaimed"
        assert shop.read("data.csv") == "mine\n"

    def test_a_file_placed_by_hand_stops_another_steps_directory_too(self, shop: Workshop):
        """`outputs: d/` over a place that was a manual step's."""
        shop.put("d/data.csv", "mine\n")
        shop.wavefile("steps: {g: {manual: place it, outputs: d/data.csv}}")
        shop.settle()
        shop.wavefile("steps: {h: {run: 'echo new > d/data.csv', outputs: d/}}")

        assert shop.build().steps["h"].failure == "unclaimed"

    def test_an_accepted_file_of_ones_own_is_kept_aside_when_it_is_remade(self, shop: Workshop):
        """Accepting it made it the result, not ours."""
        shop.put("in", "1\n")
        shop.put("x", "mine\n")
        shop.wavefile("steps: {g: {inputs: in, outputs: x, run: cat in > x}}")
        engine.accept(shop.request(), ["x"])
        assert shop.build().ran == []
        kept = engine.clean(shop.request(), dry=True).kept
        shop.put("in", "2\n")
        shop.settle()

        assert kept == (("x", "a person made it"),)
        assert everywhere(shop, "mine\n")

    def test_accepting_one_file_of_a_glob_takes_no_other(self, shop: Workshop):
        """`accept o/r.txt` says nothing of o/notes.txt."""
        shop.put("in", "1\n")
        shop.put("o/r.txt", "1\n")
        shop.put("o/notes.txt", "notes\n")
        shop.wavefile("steps: {g: {inputs: in, outputs: 'o/*.txt', run: cat in > o/r.txt}}")
        engine.accept(shop.request(), ["o/r.txt"])
        shop.put("in", "2\n")
        shop.settle()

        assert shop.read("o/notes.txt") == "notes\n"

    @pytest.mark.parametrize(
        "then",
        [
            "steps: {g: {inputs: in, outputs: [x, y], run: cat in > x; cp x y}}",
            "steps: {h: {inputs: in, outputs: x, run: cat in > x; true}}",
            "steps: {h: {inputs: in, outputs: [x, z], run: cp in x; cp in z}}",
        ],
    )
    def test_an_accepted_edit_stays_by_hand_whatever_step_owns_it(self, shop: Workshop, then: str):
        """Outputs added, steps renamed or moved: the edit is kept aside."""
        shop.put("in", "1\n")
        shop.wavefile("steps: {g: {inputs: in, outputs: x, run: cat in > x}}")
        shop.settle()
        shop.put("x", "edited\n")
        engine.accept(shop.request(), ["x"])
        shop.wavefile(then)
        shop.put("in", "2\n")
        shop.build()

        assert everywhere(shop, "edited\n")

    def test_an_edit_stops_a_step_whose_outputs_have_changed(self, shop: Workshop):
        """on_edit: fail holds though the traces of the old outputs are no more."""
        shop.put("in", "1\n")
        shop.wavefile("steps: {g: {inputs: in, outputs: x, on_edit: fail, run: cat in > x}}")
        shop.settle()
        shop.put("x", "edited\n")
        shop.wavefile("steps: {g: {inputs: in, outputs: [x, y], on_edit: fail, run: cat in > x; cp x y}}")

        assert shop.build().steps["g"].failure == "edited"
        assert shop.read("x") == "edited\n"

    def test_a_touch_after_an_edit_keeps_it_by_hand(self, shop: Workshop):
        """`-t` says it is the result; it does not say we made it."""
        shop.put("in", "1\n")
        shop.wavefile("steps: {g: {inputs: in, outputs: x, run: cat in > x}}")
        shop.settle()
        shop.put("x", "edited\n")
        engine.touch(shop.request("g"))
        shop.put("in", "2\n")
        shop.settle()

        assert everywhere(shop, "edited\n")

    def test_a_step_that_would_overwrite_what_was_accepted_names_a_way_that_works(self, shop: Workshop):
        """Accepting once more would change nothing."""
        shop.wavefile("steps: {g: {outputs: [x, y], on_edit: fail, run: echo 1 > x; echo 1 > y}}")
        shop.settle()
        shop.put("x", "edited\n")
        engine.accept(shop.request(), ["x"])
        (shop.root / "y").unlink()
        built = shop.build()

        assert built.steps["g"].failure == "edited"
        assert "accept x" not in built.steps["g"].detail
        assert shop.build("g", force=True, only=True).code == 0
        assert everywhere(shop, "edited\n")

    def test_accepting_what_nobody_edited_says_so(self, shop: Workshop):
        """It must not become a person's by that."""
        shop.wavefile("steps: {g: {outputs: x, run: echo 1 > x}}")
        shop.settle()

        with pytest.raises(WavebuildError, match="nothing x differs"):
            engine.accept(shop.request(), ["x"])

    def test_comments_in_an_output_that_is_compared_as_yaml_are_an_edit(self, shop: Workshop):
        """Its bytes are in no trace, though it says the same."""
        shop.put("in", "1\n")
        shop.wavefile(
            "steps: {g: {inputs: in, outputs: {path: x.yaml, digest: yaml}, on_edit: fail, run: 'echo a: 1 > x.yaml'}}"
        )
        shop.settle()
        shop.put("x.yaml", "# mine\na: 1\n")
        assert shop.build().ran == []
        shop.put("in", "2\n")

        assert shop.build().steps["g"].failure == "edited"
        assert shop.read("x.yaml") == "# mine\na: 1\n"

    def test_what_an_earlier_failure_left_is_still_there_after_the_next(self, shop: Workshop):
        """A person's file may have got among it."""
        shop.put("in", "1\n")
        shop.wavefile("steps: {g: {inputs: in, outputs: x, run: 'cat in > x; exit 1'}}")
        shop.build()
        shop.put("in", "2\n")
        shop.build()

        assert everywhere(shop, "1\n")
        assert shop.read(".wavebuild/failed/g/x") == "2\n"

    def test_a_file_that_comes_back_where_a_step_once_wrote_is_a_persons(self, shop: Workshop):
        """The last run made no d/x: whoever writes one is not us."""
        shop.put("in", "x\n")
        shop.wavefile("steps: {g: {inputs: in, outputs: d/, run: 'echo 1 > d/$(cat in)'}}")
        shop.settle()
        shop.put("in", "y\n")
        shop.settle()
        shop.put("d/x", "1\n")

        assert shop.build().steps["g"].failure == "unclaimed"

    def test_bytes_that_wavebuild_made_are_no_edit_after_the_output_went_and_came_back(self, shop: Workshop):
        """x is made by g, then by h, then by g again."""
        shop.put("in", "1\n")
        g = "steps: {g: {inputs: in, outputs: x, on_edit: fail, run: cat in > x}}"
        shop.wavefile(g)
        shop.settle()
        shop.wavefile("steps: {g: {inputs: in, outputs: [x, w], run: 'echo other > x; cp x w'}}")
        shop.settle()
        shop.wavefile(g)

        assert shop.settle().ran == []
        assert shop.read("x") == "1\n"


class TestFoldersOfOthers:
    def test_an_excluded_folder_is_left_alone(self, shop: Workshop):
        """Empty or not, it is not of the output."""
        (shop.root / "out/b").mkdir(parents=True)
        shop.put("in", "1\n")
        shop.wavefile("steps: {a: {inputs: in, outputs: {path: out/, exclude: [out/b/]}, run: cat in > out/x}}")
        shop.settle()
        shop.put("in", "2\n")
        shop.settle()

        assert (shop.root / "out/b").is_dir()

    def test_a_glob_output_that_stands_already_is_taken_over_when_the_step_writes_it(self, shop: Workshop):
        """A clone, or a lost state: the same bytes written again are made."""
        shop.put("g/r.txt", "1\n")
        shop.wavefile("steps: {a: {outputs: 'g/*.txt', run: echo 1 > g/r.txt}}")

        shop.settle()
