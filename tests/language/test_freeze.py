"""`frozen: true`: a step that never runs, whose present outputs are its result."""

from __future__ import annotations

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError

TEXT = """
steps:
  first: {inputs: s, outputs: r, run: 'note first; cat s > r'}
  a: {inputs: r, outputs: o, FROZEN, run: 'note a; cat r > o'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
"""
FROZEN = TEXT.replace("FROZEN", "frozen: true")
THAWED = TEXT.replace("FROZEN", "frozen: false")


def test_a_frozen_step_is_kept_whatever_changes(shop: Workshop):
    """Neither its inputs, its definition nor -B make it run."""
    shop.wavefile(THAWED)
    shop.put("s", "one")
    shop.settle()
    shop.wavefile(FROZEN.replace("cat r > o", "tac r > o"))
    shop.put("s", "two")
    assert shop.plan() == {"first": "RUN", "a": "FROZEN", "b": "FRESH"}
    built = shop.build()

    assert (built.ran, built.outcomes["a"], shop.read("o")) == (["first"], "kept", "one")
    assert shop.build("a", force=True).ran == []
    shop.wavefile(THAWED.replace("cat r > o", "tac r > o"))
    assert shop.build().ran == ["a", "b"]


def test_its_readers_see_what_a_person_puts_there(shop: Workshop):
    """Changed bytes of its outputs are changes; the next build is idle."""
    shop.wavefile(FROZEN)
    shop.put("s", "one")
    shop.put("o", "mine")
    assert shop.settle().ran == ["first", "b"]
    shop.put("o", "mine again")

    assert (shop.stale(), shop.build().ran, shop.read("p")) == (True, ["b"], "mine again")
    assert (shop.stale(), shop.build().ran) == (False, [])


@pytest.mark.parametrize("read", ["d/*.txt", "step:a", "d/"])
def test_members_of_a_frozen_glob_are_read(shop: Workshop, read: str):
    """Though no step of ours ever made them."""
    shop.wavefile(f"""
steps:
  a: {{inputs: gone, outputs: 'd/*.txt', frozen: true, run: note a}}
  b: {{inputs: '{read}', outputs: p, run: 'note b; cat d/*.txt > p'}}
""")
    shop.put("d/x.txt", "x")
    shop.settle()
    shop.put("d/y.txt", "y")

    assert (shop.build().ran, shop.read("p")) == (["b"], "xy")


def test_a_missing_output_is_its_failure_and_says_the_way_out(shop: Workshop):
    """Its readers are blocked, other branches go on; the plan says the same."""
    shop.wavefile(FROZEN + "  c: {outputs: q, run: 'note c; echo > q'}\n")
    shop.put("s", "one")
    assert shop.plan() == {"first": "RUN", "a": "BLOCKED", "b": "BLOCKED", "c": "RUN"}
    built = shop.build(keep_going=True)

    assert built.outcomes == {"first": "succeeded", "a": "failed", "b": "blocked", "c": "succeeded"}
    assert (built.steps["a"].failure, "unfreeze a" in built.steps["a"].detail) == ("frozen", True)
    shop.put("o", "put there")
    assert shop.build().ran == ["b"]


def test_what_a_frozen_step_would_need_is_not_built_for_it(shop: Workshop):
    """And a failure there does not touch it."""
    shop.wavefile(FROZEN.replace("note first", "note first; false"))
    shop.put("s", "one")
    shop.put("o", "mine")

    assert shop.build("b").ran == ["b"]
    assert shop.build().outcomes == {"first": "failed", "a": "kept", "b": "kept"}


def test_a_manual_step_may_be_frozen(shop: Workshop):
    """What it would be renewed for no longer counts."""
    text = (
        "steps: {a: {inputs: s, outputs: o, FROZEN, manual: put it there}, b: {inputs: o, outputs: p, run: 'cp o p'}}"
    )
    shop.wavefile(text.replace("FROZEN, ", ""))
    shop.put("s", "one")
    shop.put("o", "mine")
    shop.settle()
    shop.put("s", "two")
    assert shop.plan()["a"] == "WAITING"
    shop.wavefile(text.replace("FROZEN", "frozen: true"))

    assert (shop.plan()["a"], shop.build().code) == ("FROZEN", 0)


class TestByHand:
    """`freeze` and `unfreeze`: a list of a person's, beside the Wavefile."""

    def frozen(self, shop: Workshop) -> str:
        path = shop.root / ".wavebuild/frozen"
        return path.read_text() if path.exists() else ""

    def test_a_step_is_frozen_and_runs_again(self, shop: Workshop):
        """What was changed meanwhile is not lost sight of."""
        shop.wavefile(THAWED)
        shop.put("s", "one")
        shop.settle()
        assert engine.freeze(shop.request(), ["a"]) == ("a: frozen",)
        shop.put("s", "two")
        assert (shop.plan()["a"], shop.build().ran, shop.stale()) == ("FROZEN", ["first"], False)
        engine.unfreeze(shop.request(), ["a"])

        assert (shop.stale(), shop.build().ran, self.frozen(shop)) == (True, ["a", "b"], "")

    def test_the_list_is_a_persons_too(self, shop: Workshop):
        """Comments stay, and a line that is written or removed by hand counts at the next build."""
        shop.wavefile(THAWED)
        shop.put("s", "one")
        shop.settle()
        shop.put(".wavebuild/frozen", "# costly\na   # until May\n\nno-more\n")
        shop.put("s", "two")
        assert shop.settle().ran == ["first"]
        engine.freeze(shop.request(), ["b", "a"])
        engine.unfreeze(shop.request(), ["no-more", "b"])
        assert self.frozen(shop) == "# costly\na   # until May\n\n"
        shop.put(".wavebuild/frozen", "# costly\n")

        assert (shop.stale(), shop.build().ran) == (True, ["a", "b"])

    def test_a_group_stands_for_its_members(self, shop: Workshop):
        """A group itself never runs."""
        shop.wavefile(THAWED + "  all: {needs: [a, b]}\n")
        shop.put("s", "one")
        engine.freeze(shop.request(), ["all"])

        assert self.frozen(shop).splitlines()[1:] == ["a", "b"]

    @pytest.mark.parametrize(
        ("text", "step", "said"),
        [(THAWED, "a", "not frozen"), (FROZEN, "a", "in the Wavefile"), (THAWED, "aa", "not a step")],
    )
    def test_what_cannot_be_unfrozen_is_said(self, shop: Workshop, text: str, step: str, said: str):
        """With where it is frozen."""
        shop.wavefile(text)
        with pytest.raises(WavebuildError) as caught:
            engine.unfreeze(shop.request(), [step])

        assert said in str(caught.value)

    def test_a_frozen_step_cannot_be_touched(self, shop: Workshop):
        """What stands is its result already; where all are meant it is left out."""
        shop.wavefile("steps: {a: {outputs: o, frozen: true, run: note a}, b: {outputs: p, run: 'note b; echo > p'}}")
        shop.put("o", "mine")
        shop.put("p", "mine")
        with pytest.raises(WavebuildError):
            engine.touch(shop.request("a"))

        assert engine.touch(shop.request()) == ("b",)
