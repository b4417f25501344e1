"""Edits of outputs: `on_edit`, what a person has accepted, and what becomes of the bytes that are overwritten."""

from __future__ import annotations

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError

TEXT = """
steps:
  a: {inputs: s, outputs: o, on_edit: adopt, run: 'note a; cat s > o'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
"""
CHECKED = TEXT.replace("o, on_edit", "o, checks: 'note check; grep -q good o', on_edit")


def by_hand(shop: Workshop, step: str = "a") -> tuple[str, ...]:
    return {line.step: line.by_hand for line in shop.status()}[step]


class TestAdopt:
    def test_an_edited_output_is_the_result_and_its_readers_run(self, shop: Workshop):
        """The step itself does not; the plan says so before."""
        shop.wavefile(TEXT)
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "mine")
        assert shop.plan() == {"a": "FRESH", "b": "RUN"}
        assert shop.reasons("a") == ["OutputEdited"]
        built = shop.build()

        assert (built.ran, built.outcomes) == (["b"], {"a": "kept", "b": "succeeded"})
        assert (shop.read("p"), by_hand(shop)) == ("mine", ("o",))
        assert shop.build().ran == []

    def test_it_stays_the_result_while_it_stands(self, shop: Workshop):
        """A step that becomes stale later is not run over the edit, and the new inputs are on record."""
        shop.wavefile(TEXT)
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "mine")
        shop.settle()
        shop.put("s", "two")
        shop.wavefile(TEXT.replace("cat s > o", "tac s > o"))
        built = shop.build()

        assert (built.ran, built.outcomes["a"], shop.read("o")) == ([], "kept", "mine")
        assert shop.plan() == {"a": "FRESH", "b": "FRESH"}
        assert shop.reasons("a") == []

    def test_deleting_it_has_it_made_again(self, shop: Workshop):
        """What is not there cannot be the result; afterwards nothing is by hand."""
        shop.wavefile(TEXT)
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "mine")
        shop.settle()
        (shop.root / "o").unlink()
        assert shop.build().ran == ["a", "b"]

        assert (shop.read("o"), by_hand(shop)) == ("one", ())
        shop.put("s", "two")
        assert shop.build().ran == ["a", "b"]

    def test_force_makes_it_again_and_keeps_the_edit(self, shop: Workshop):
        """-B says: anew."""
        shop.wavefile(TEXT)
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "mine")
        shop.settle()
        built = shop.build("a", force=True)

        assert (built.ran, shop.read("o"), shop.displaced("o")) == (["a"], "one", ["mine"])

    def test_its_checks_judge_it_first(self, shop: Workshop):
        """RECHECK: taken when they pass, failed when not, and then nothing is on record."""
        shop.wavefile(CHECKED)
        shop.put("s", "good")
        shop.settle()
        shop.put("o", "bad")
        assert shop.plan()["a"] == "RECHECK"
        refused = shop.build()
        shop.put("o", "good too")
        taken = shop.build()

        assert (refused.ran, refused.outcomes) == (["check"], {"a": "failed", "b": "blocked"})
        assert (taken.ran, taken.outcomes) == (["check", "b"], {"a": "kept", "b": "succeeded"})
        assert (shop.build().ran, by_hand(shop)) == ([], ("o",))

    def test_where_another_output_is_missing_the_person_decides(self, shop: Workshop):
        """Running would overwrite the edit, and it alone is not the whole result."""
        shop.wavefile("steps: {a: {outputs: [o, q], on_edit: adopt, run: 'note a; echo 1 | tee o > q'}}")
        shop.settle()
        shop.put("o", "mine")
        (shop.root / "q").unlink()
        built = shop.build()

        assert (built.ran, built.steps["a"].failure, shop.read("o")) == ([], "edited", "mine")

    def test_members_of_a_directory_are_taken_one_by_one(self, shop: Workshop):
        """Only the edited one is by hand; one that was deleted is no member any more."""
        shop.wavefile("steps: {a: {outputs: d/, on_edit: adopt, run: 'note a; echo 1 | tee d/x d/y > d/z'}}")
        shop.settle()
        shop.put("d/x", "mine")
        (shop.root / "d/z").unlink()

        assert (shop.build().ran, by_hand(shop), shop.build().ran) == ([], ("d/x",), [])


class TestOverwriteAndFail:
    def test_what_is_overwritten_is_kept_and_named(self, shop: Workshop):
        """`overwrite` is what holds when nothing is said."""
        shop.wavefile(TEXT.replace("on_edit: adopt, ", ""))
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "mine")
        built = shop.build()

        assert (built.ran, shop.read("o"), shop.displaced("o")) == (["a"], "one", ["mine"])
        assert [shop.read(path) for path in built.steps["a"].displaced] == ["mine"]

    def test_an_accepted_member_is_by_hand_until_it_is_remade(self, shop: Workshop):
        """And before that its bytes are kept again."""
        shop.wavefile(TEXT.replace("on_edit: adopt, ", ""))
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "mine")
        shop.accept("o")
        assert (shop.build().ran, by_hand(shop)) == (["b"], ("o",))
        shop.put("s", "two")
        built = shop.build()

        assert (built.ran, shop.displaced("o"), by_hand(shop)) == (["a", "b"], ["mine"], ())

    def test_fail_stops_before_what_was_accepted_by_the_step_as_well(self, shop: Workshop):
        """`accept STEP` takes all that differs; once stale the step would overwrite it, and stops."""
        shop.wavefile(TEXT.replace("adopt", "fail"))
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "mine")
        assert shop.build().steps["a"].failure == "edited"
        shop.accept("a")
        assert shop.build().ran == ["b"]
        shop.put("s", "two")
        built = shop.build()

        assert (built.ran, built.steps["a"].failure, shop.read("o")) == ([], "edited", "mine")
        assert "-B --only a" in built.steps["a"].detail


class TestRenamed:
    def test_a_renamed_step_keeps_its_traces(self, shop: Workshop):
        """Its outputs are what it is known by."""
        shop.wavefile(TEXT)
        shop.put("s", "one")
        shop.settle()
        shop.wavefile(TEXT.replace("  a:", "  other:"))

        assert shop.plan() == {"other": "FRESH", "b": "FRESH"}
        assert shop.build().ran == []


class TestForget:
    def test_a_forgotten_step_runs_next_and_its_outputs_are_its_own(self, shop: Workshop):
        """No file is touched; what stands is replaced without a word, and readers see the same bytes."""
        shop.wavefile(TEXT)
        shop.put("s", "one")
        shop.settle()
        assert engine.forget(shop.request("a")) == ("a",)
        assert (shop.read("o"), shop.planned()) == ("one", {"a": ["RUN", "NeverRan"], "b": ["MAYBE", "Upstream"]})
        built = shop.build()

        assert (built.ran, built.steps["a"].displaced) == (["a"], ())

    def test_what_it_no_longer_makes_is_still_removed(self, shop: Workshop):
        """The members of a directory stay known as the step's."""
        shop.wavefile("steps: {a: {inputs: s, outputs: d/, run: 'note a; for f in $(cat s); do echo > d/$f; done'}}")
        shop.put("s", "x y")
        shop.settle()
        engine.forget(shop.request("a"))
        shop.put("s", "x")
        shop.settle()
        shop.put("d/y", "mine")

        assert [path.name for path in (shop.root / "d").iterdir()] == ["x", "y"]
        assert shop.build().steps["a"].failure == "unclaimed"

    def test_an_edit_is_still_an_edit(self, shop: Workshop):
        """And what was accepted is still by hand."""
        shop.wavefile(TEXT.replace("adopt", "fail"))
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "mine")
        shop.accept("o")
        engine.forget(shop.request("a"))

        assert shop.build().steps["a"].failure == "edited"

    def test_a_forgotten_step_is_not_held_back(self, shop: Workshop):
        """Its last success is forgotten, too."""
        shop.wavefile(TEXT.replace("on_edit", "min_age: 1w, on_edit"))
        shop.put("s", "one")
        shop.settle()
        engine.forget(shop.request("a"))

        assert shop.build().ran == ["a"]

    def test_a_manual_step_is_taken_anew(self, shop: Workshop):
        """What a person placed is judged again."""
        shop.wavefile("steps: {a: {inputs: s, outputs: o, manual: put it there, checks: note check}}")
        shop.put("s", "one")
        shop.put("o", "mine")
        shop.settle()
        engine.forget(shop.request("a"))

        assert (shop.build().ran, shop.build().ran) == (["check"], [])


class TestTouch:
    def test_present_outputs_are_the_results_of_the_named_steps(self, shop: Workshop):
        """Nothing runs; status says so until the step runs again."""
        shop.wavefile(TEXT.replace("on_edit: adopt, ", ""))
        shop.put("s", "one")
        shop.settle()
        shop.put("s", "two")
        assert engine.touch(shop.request("a")) == ("a",)
        assert [line.by_touch for line in shop.status()] == [True, False]
        assert (shop.build().ran, shop.read("o")) == ([], "one")
        shop.put("s", "three")
        shop.build()

        assert [line.by_touch for line in shop.status()] == [False, False]

    def test_missing_outputs_are_refused_and_nothing_is_recorded(self, shop: Workshop):
        """Not even of the other steps named."""
        shop.wavefile(TEXT)
        shop.put("s", "one")
        shop.put("o", "mine")
        with pytest.raises(WavebuildError):
            engine.touch(shop.request("a", "b"))

        assert shop.plan()["a"] == "BLOCKED"


def test_explaining_what_is_by_hand_names_no_change_of_bytes(shop: Workshop):
    """An accepted edit stands in the way of a run; its bytes are the accepted ones."""
    shop.wavefile(TEXT.replace("adopt", "fail"))
    shop.put("s", "one")
    shop.settle()
    shop.put("o", "mine")
    shop.accept("o")
    shop.put("s", "two")
    cause = engine.explain(shop.request(), "a").chain[0]

    assert [type(reason).__name__ for reason in cause.reasons] == ["OutputEdited", "InputChanged"]
    assert cause.changes[0] is None
