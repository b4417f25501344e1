"""`freshness: mtime`, and the times of what is made again with the same bytes."""

from __future__ import annotations

import os

import pytest

from tests.support.workshop import Workshop

TEXT = """
steps:
  a: {inputs: [s, 'x/*'], outputs: [o, q], freshness: mtime, run: 'note a; cat s x/* | tee o > q'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
"""
EARLY, LATER, LATEST = 1_000_000_000, 1_500_000_000, 1_600_000_000


def written(shop: Workshop, path: str, text: str, second: int) -> None:
    os.utime(shop.put(path, text), (second, second))


def when(shop: Workshop, path: str) -> int:
    return int((shop.root / path).stat().st_mtime)


def project(shop: Workshop, made: int = LATER) -> None:
    """Sources and outputs as another tool left them."""
    shop.wavefile(TEXT)
    written(shop, "s", "one", EARLY)
    written(shop, "x/1", "one", EARLY)
    for path in ("o", "q"):
        written(shop, path, "oneone", made)


class TestByTime:
    def test_later_outputs_of_another_tool_are_fresh(self, shop: Workshop):
        """The plan says so, and afterwards they are on record; readers run as ever."""
        project(shop)
        assert shop.plan() == {"a": "FRESH", "b": "RUN"}
        built = shop.build()

        assert (built.ran, built.outcomes) == (["b"], {"a": "kept", "b": "succeeded"})
        assert (shop.build().ran, when(shop, "o")) == ([], LATER)

    def test_equally_old_is_not_later(self, shop: Workshop):
        """As in make."""
        project(shop, made=EARLY)

        assert shop.plan()["a"] == "FRESH"

    def test_older_outputs_of_another_tool_are_in_the_way(self, shop: Workshop):
        """Stale, and not ours to overwrite."""
        project(shop)
        written(shop, "x/1", "two", LATEST)
        built = shop.build()

        assert (built.ran, built.steps["a"].failure) == ([], "unclaimed")

    def test_a_missing_output_is_made(self, shop: Workshop):
        """And with it the other; what stood there is kept."""
        project(shop)
        (shop.root / "o").unlink()
        (shop.root / "q").unlink()

        assert shop.build().ran == ["a", "b"]

    def test_what_another_tool_made_is_kept_when_it_is_first_remade(self, shop: Workshop):
        """Nobody knows whether a person had a hand in it."""
        project(shop)
        shop.settle()
        written(shop, "s", "two", LATEST)

        assert (shop.build().ran, shop.displaced("o"), shop.read("o")) == (["a", "b"], ["oneone"], "twoone")

    def test_the_checks_judge_what_another_tool_made(self, shop: Workshop):
        """It is no result before they have."""
        project(shop)
        shop.wavefile(TEXT.replace("freshness", "checks: 'note check; grep -q two o', freshness"))
        assert shop.plan()["a"] == "RECHECK"

        assert (shop.build().ran, shop.build().code) == (["check"], 1)

    def test_only_a_later_time_is_a_change(self, shop: Workshop):
        """Other bytes with an old time are none; a touch alone is one."""
        project(shop)
        shop.settle()
        written(shop, "s", "other", EARLY + 5)
        assert (shop.stale(), shop.build().ran) == (False, [])
        written(shop, "s", "other", LATEST)
        assert shop.planned()["a"] == ["RUN", "InputChanged"]

        assert shop.build().ran == ["a", "b"]
        assert shop.build().ran == []

    def test_a_step_whose_bytes_stay_is_fresh_though_its_outputs_are_older(self, shop: Workshop):
        """They keep their times, and the input is as the last success read it."""
        project(shop)
        shop.settle()
        written(shop, "s", "one", LATEST)

        assert shop.build().ran == ["a"]
        assert (when(shop, "o"), shop.build().ran, shop.stale()) == (LATER, [], False)

    def test_new_and_vanished_members_are_changes(self, shop: Workshop):
        """However old they are."""
        project(shop)
        shop.settle()
        written(shop, "x/2", "two", EARLY)
        assert shop.planned()["a"] == ["RUN", "InputAdded"]
        assert shop.build().ran == ["a", "b"]
        (shop.root / "x/1").unlink()

        assert shop.planned()["a"] == ["RUN", "InputRemoved"]

    def test_keys_and_commands_count_as_ever(self, shop: Workshop):
        """Only files are compared by time."""
        text = "steps: {a: {inputs: 'c.yaml#k', outputs: o, freshness: mtime, run: 'note a; cat c.yaml > o'}}"
        shop.wavefile(text)
        written(shop, "c.yaml", "k: 1\n", EARLY)
        shop.settle()
        written(shop, "c.yaml", "k: 1\nother: 2\n", LATEST)
        assert shop.build().ran == []
        written(shop, "c.yaml", "k: 2\n", EARLY)
        assert shop.build().ran == ["a"]
        shop.wavefile(text.replace("cat", "tac"))

        assert shop.build().ran == ["a"]

    def test_a_step_without_outputs_is_compared_by_content(self, shop: Workshop):
        """There is nothing to be later than."""
        shop.wavefile("steps: {a: {inputs: s, freshness: mtime, run: note a}}")
        written(shop, "s", "one", EARLY)
        shop.settle()
        written(shop, "s", "one", LATEST)
        assert shop.build().ran == []
        written(shop, "s", "two", EARLY)

        assert shop.build().ran == ["a"]

    def test_an_edited_output_is_an_edit(self, shop: Workshop):
        """Outputs are compared by their bytes, so no edit is lost."""
        project(shop)
        shop.settle()
        written(shop, "o", "mine", LATEST)

        assert (shop.build().ran, shop.displaced("o")) == (["a"], ["mine"])

    def test_from_hash_to_mtime_nothing_runs(self, shop: Workshop):
        """What was made by content is later than what it was made from."""
        shop.wavefile(TEXT.replace("freshness: mtime, ", ""))
        written(shop, "s", "one", EARLY)
        written(shop, "x/1", "one", EARLY)
        shop.settle()
        shop.wavefile(TEXT)

        assert shop.build().ran == []


class TestFormerTimes:
    @pytest.mark.parametrize(
        ("output", "member"),
        [("o", "o"), ("d/", "d/o"), ("g/*.txt", "g/o.txt"), ("{path: o.json, digest: json}", "o.json")],
    )
    def test_a_member_made_again_with_the_same_bytes_keeps_its_times(self, shop: Workshop, output: str, member: str):
        """With another way of comparing, too; other bytes have the time when they were made."""
        shop.wavefile(f"steps: {{a: {{inputs: s, outputs: {output}, run: 'note a; cut -c1 s > {member}'}}}}")
        shop.put("s", "1")
        shop.settle()
        os.utime(shop.root / member, (EARLY, EARLY))
        shop.put("s", "12")
        assert (shop.build().ran, when(shop, member), shop.build().ran) == (["a"], EARLY, [])
        shop.put("s", "2")

        assert (shop.build().ran, when(shop, member) > LATEST) == (["a"], True)

    def test_the_bytes_of_an_edit_do_not_lend_their_times(self, shop: Workshop):
        """Only what it replaces counts."""
        shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}")
        shop.put("s", "1")
        shop.settle()
        written(shop, "o", "2", EARLY)

        assert (shop.build().ran, when(shop, "o") > LATEST, shop.build().ran) == (["a"], True, [])

    def test_another_mode_is_another_member(self, shop: Workshop):
        """Whether it may be executed counts as its bytes do."""
        shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; echo > o; chmod $(cat s) o'}}")
        shop.put("s", "644")
        shop.settle()
        os.utime(shop.root / "o", (EARLY, EARLY))
        shop.put("s", "755")

        assert (shop.build().ran, when(shop, "o") > LATEST) == (["a"], True)
