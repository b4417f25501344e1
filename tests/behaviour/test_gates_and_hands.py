"""Checks, gates, failures and retries; what people do by hand: accept, touch, clean, manual steps."""

from __future__ import annotations

import os

import pytest

from tests.support.folders import tree
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError
from wavebuild.run.events import StepStarted


class TestChecks:
    CHECKED = """
steps:
  a: {inputs: s, outputs: o, run: 'note a; cat s > o', checks: 'note check; grep -q good o'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
"""

    def test_checks_judge_the_new_outputs(self, shop: Workshop):
        """A failing one takes them back."""
        shop.wavefile(self.CHECKED)
        shop.put("s", "good one")
        assert shop.settle().ran == ["a", "check", "b"]
        shop.put("s", "bad")
        built = shop.build()

        assert built.ran == ["a", "check"]
        assert (built.steps["a"].failure, built.outcomes["b"]) == ("check", "blocked")
        assert shop.read("o") == "good one"
        assert shop.root.joinpath(".wavebuild/failed/a/o").read_text() == "bad"

    def test_a_changed_check_is_run_alone_on_the_present_outputs(self, shop: Workshop):
        """The action does not run; kept when it passes, failed when not."""
        shop.wavefile(self.CHECKED)
        shop.put("s", "good one")
        shop.settle()
        shop.wavefile(self.CHECKED.replace("-q good", "-q one"))
        assert shop.plan()["a"] == "RECHECK"
        passed = shop.build()
        shop.wavefile(self.CHECKED.replace("-q good", "-q other"))
        failed = shop.build()

        assert (passed.ran, passed.outcomes["a"]) == (["check"], "kept")
        assert (failed.ran, failed.outcomes["a"], failed.outcomes["b"]) == (["check"], "failed", "blocked")
        assert shop.read("o") == "good one"
        shop.wavefile(self.CHECKED)
        assert shop.build().code == 0

    def test_a_checks_own_input_is_the_gates(self, shop: Workshop):
        """Its change judges again and runs nothing else."""
        shop.wavefile("""
steps:
  a:
    outputs: o
    run: note a; echo 3 > o
    checks: {run: 'note check; [ $(cat o) -lt $(cat limit) ]', inputs: limit}
""")
        shop.put("limit", "5")
        shop.settle()
        shop.put("limit", "2")
        low = shop.build()
        shop.put("limit", "4")

        assert (low.ran, low.outcomes["a"]) == (["check"], "failed")
        assert (shop.build().ran, shop.build().ran) == (["check"], [])

    def test_a_check_step_gates_those_that_need_it(self, shop: Workshop):
        """And its rerun makes none of them stale."""
        shop.wavefile("""
steps:
  make: {inputs: s, outputs: o, run: 'note make; cut -c1 s > o'}
  gate: {inputs: [o, rules], checks: 'note gate; grep -q "$(cat rules)" o'}
  use: {inputs: o, outputs: p, needs: gate, run: 'note use; cat o > p'}
  last: {inputs: p, outputs: q, run: 'note last; cat p > q'}
""")
        shop.put("s", "abc")
        shop.put("rules", "[abc]")
        assert shop.settle().ran == ["make", "gate", "use", "last"]
        shop.put("rules", "[a]")
        gated = shop.build()
        shop.put("rules", "[z]")
        closed = shop.build()

        assert gated.ran == ["gate"]
        assert closed.outcomes == {"make": "kept", "gate": "failed", "use": "blocked", "last": "blocked"}
        assert closed.steps["use"].blocked_by == ("gate",)

    def test_adding_or_removing_needs_is_no_reason_to_run(self, shop: Workshop):
        """It is order and gate, no data; a group stands for its members."""
        text = """
steps:
  a: {outputs: o, run: 'note a; date > o'}
  all: {needs: a}
  b: {outputs: p, run: 'note b; date > p'}
"""
        shop.wavefile(text)
        shop.settle()
        shop.wavefile(text.replace("p, run", "p, needs: all, run"))
        assert shop.build().ran == []

        assert shop.build("b", force=True).ran == ["a", "b"]


class TestFailures:
    THREE = """
steps:
  bad: {outputs: x, run: 'note bad; echo half > x; exit 3'}
  after: {inputs: x, outputs: y, run: 'note after; cat x > y'}
  free: {outputs: z, run: 'note free; echo > z'}
"""

    @pytest.mark.scenario(id="P13")
    def test_nothing_new_starts_after_a_failure(self, shop: Workshop):
        """The rest is blocked, or was not started."""
        shop.wavefile(self.THREE)
        built = shop.build()

        assert built.outcomes == {"bad": "failed", "after": "blocked", "free": "not_started"}
        assert (built.code, built.steps["bad"].exit_code, built.ran) == (1, 3, ["bad"])
        assert not (shop.root / "x").exists()

    @pytest.mark.scenario(id="P13")
    def test_keep_going_runs_what_does_not_depend_on_it(self, shop: Workshop):
        """By flag or by settings."""
        shop.wavefile(self.THREE)
        assert shop.build(keep_going=True).ran == ["bad", "free"]
        shop.wavefile("settings: {keep_going: true}\n" + self.THREE.replace("note free", "note again"))
        assert shop.build().ran == ["bad", "again"]

    def test_retries_try_again_with_the_former_attempt_cleared(self, shop: Workshop):
        """Each attempt is told its number and has a log of its own."""
        shop.wavefile("""
steps:
  a:
    outputs: o
    retries: 2
    run: |
      note try $WAVEBUILD_ATTEMPT
      test ! -e o
      echo $WAVEBUILD_ATTEMPT | tee o
      [ $WAVEBUILD_ATTEMPT = 3 ]
""")
        built = shop.build()

        assert built.ran == ["try 1", "try 2", "try 3"]
        assert (built.outcomes["a"], built.steps["a"].attempts, shop.read("o")) == ("succeeded", 3, "3\n")
        assert len(list(shop.root.glob(".wavebuild/logs/*/a*.log"))) == 3

    @pytest.mark.parametrize(("on", "tries"), [("75", 3), ("74", 1), ("timeout", 1), ("[timeout, 75]", 3)])
    def test_retries_may_be_for_some_failures_alone(self, shop: Workshop, on: str, tries: int):
        """Exit codes, or timeouts."""
        shop.wavefile(f"steps: {{a: {{retries: {{times: 2, delay: 0s, on: {on}}}, run: 'note a; exit 75'}}}}")

        assert shop.build().ran == ["a"] * tries

    def test_a_timeout_ends_the_step_and_is_told(self, shop: Workshop):
        """With what it started."""
        shop.wavefile("steps: {a: {outputs: o, timeout: 0.3s, run: 'echo half > o; sleep 60'}}")
        built = shop.build()

        assert (built.steps["a"].failure, (shop.root / "o").exists()) == ("timeout", False)

    def test_the_tail_of_the_log_is_told(self, shop: Workshop):
        """The last twenty lines, and where the rest is."""
        shop.wavefile("steps: {a: {run: 'seq 1 100; false'}}")
        settled = shop.build().steps["a"]

        assert settled.tail == tuple(map(str, range(81, 101)))
        assert settled.log is not None
        assert len(shop.read(settled.log).splitlines()) == 100

    @pytest.mark.scenario(id="G4")
    def test_a_source_that_is_missing_stops_everything_before_it_begins(self, shop: Workshop):
        """All of them in one report."""
        shop.wavefile(
            "steps: {a: {inputs: [no1, 'no/*.x'], run: note a}, b: {inputs: no2/, run: note b}, c: {run: note c}}"
        )
        with pytest.raises(WavebuildError) as caught:
            shop.build()

        assert len(caught.value.problems) == 3
        assert shop.ran() == []


class TestFormerOutputs:
    """What stood there before a failing step stands there after it, whatever the step did."""

    @pytest.mark.parametrize(
        "deed",
        [
            "rm -rf d",
            "rm -rf d; echo > d",
            "rm -rf d; ln -s /nowhere d",
            "echo x > d/sub/b; exit 3",
            "rm -rf d; mkdir -p d/a",
        ],
    )
    def test_a_directory_comes_back(self, shop: Workshop, deed: str):
        """Byte for byte with its times, and the next build is not held up by it."""
        good = "mkdir -p d/sub; echo 1 > d/a; echo 2 > d/sub/b"
        shop.wavefile(f"steps: {{s: {{outputs: d/, run: '{good}'}}}}")
        shop.settle()
        before = tree(shop.root / "d")
        shop.wavefile(f"steps: {{s: {{outputs: d/, run: '{deed}; exit 1'}}}}")

        assert shop.build().outcomes == {"s": "failed"}
        assert tree(shop.root / "d") == before
        shop.wavefile(f"steps: {{s: {{outputs: d/, run: '{good}'}}}}")
        assert shop.build(full=True).outcomes == {"s": "kept"}

    def test_a_persons_file_beside_a_globs_members_survives_a_step_that_deletes_it(self, shop: Workshop):
        """`rm -f parts/*.txt` is how many a script begins."""
        shop.wavefile("steps: {s: {inputs: i, outputs: 'parts/*.txt', run: 'rm -f parts/*.txt; cat i > parts/a.txt'}}")
        shop.put("i", "1")
        shop.settle()
        shop.put("parts/mine.txt", "mine")
        shop.put("i", "2")
        shop.build()

        everywhere = [path.read_text() for path in shop.root.rglob("*mine.txt")]
        assert everywhere == ["mine"]

    def test_a_persons_file_beside_a_globs_members_survives_a_retry(self, shop: Workshop):
        """The first try spoils it and fails, the second does not touch it."""
        script = "[ $WAVEBUILD_ATTEMPT = 2 ] || { echo spoilt > parts/mine.txt; exit 1; }; cat i > parts/a.txt"
        shop.wavefile(f"steps: {{s: {{inputs: i, outputs: 'parts/*.txt', retries: 1, run: '{script}'}}}}")
        shop.put("i", "1")
        shop.put("parts/mine.txt", "mine")
        assert shop.build().outcomes == {"s": "succeeded"}

        assert "mine" in [path.read_text() for path in shop.root.rglob("*mine.txt")]


class TestMovedInputs:
    @pytest.mark.scenario(id="F6")
    def test_a_step_that_edits_its_input_is_told_of_and_runs_again(self, shop: Workshop):
        """Outputs stay, readers run, exit 1, never fresh; accept blesses it."""
        shop.wavefile("""
steps:
  a: {inputs: s, outputs: o, run: 'note a; cat s > o; echo more >> s'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
""")
        shop.put("s", "one\n")
        first = shop.build()

        assert (first.code, first.ran, first.steps["a"].moved) == (1, ["a", "b"], ("s",))
        assert first.outcomes == {"a": "succeeded", "b": "succeeded"}
        second = shop.build()
        assert (second.code, second.ran) == (1, ["a", "b"])
        shop.put("s", "one\nmore\n")
        assert engine.accept(shop.request(), ["a"]) != ()
        assert shop.build().code == 0

    @pytest.mark.scenario(id="M6")
    def test_an_edit_by_a_person_while_the_step_runs_is_noticed(self, shop: Workshop):
        """The step may have read either text."""
        shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}")
        shop.put("s", "one")
        built = shop.build(meanwhile=lambda event: shop.put("s", "two") if isinstance(event, StepStarted) else None)

        assert (built.code, built.steps["a"].moved) == (1, ("s",))
        assert shop.build().ran == ["a"]
        assert shop.read("o") == "two"

    @pytest.mark.parametrize("pattern", ["d/", "d/*"])
    def test_a_file_that_comes_while_the_step_runs_is_noticed(self, shop: Workshop, pattern: str):
        """The step may have read it: it is not taken for fresh when the file has gone again."""
        shop.wavefile(f"steps: {{a: {{inputs: ['{pattern}'], outputs: o, run: 'note a; cat d/* > o'}}}}")
        shop.put("d/s", "one")

        built = shop.build(meanwhile=lambda event: shop.put("d/t", "two") if isinstance(event, StepStarted) else None)
        (shop.root / "d/t").unlink()

        assert (built.code, built.steps["a"].moved) == (1, ("d/t",))
        assert shop.build().ran == ["a"]
        assert shop.read("o") == "one"

    def test_a_file_that_came_while_the_step_ran_can_be_accepted(self, shop: Workshop):
        """It is then one of the inputs."""
        shop.wavefile("steps: {a: {inputs: d/, outputs: o, run: 'note a; cat d/* > o'}}")
        shop.put("d/s", "one")
        shop.build(meanwhile=lambda event: shop.put("d/t", "two") if isinstance(event, StepStarted) else None)

        shop.accept("a")

        assert shop.build().ran == []
        (shop.root / "d/t").unlink()
        assert shop.build().ran == ["a"]


class TestAccept:
    PAIR = """
steps:
  a: {inputs: s, outputs: o, on_edit: fail, run: 'note a; cat s > o'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
"""

    def test_an_edit_stops_the_step_until_it_is_accepted(self, shop: Workshop):
        """Then its readers run, and it alone stays by hand."""
        shop.wavefile(self.PAIR)
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "better")
        stopped = shop.build()
        assert (stopped.steps["a"].failure, stopped.outcomes["b"], stopped.ran) == ("edited", "blocked", [])
        assert "accept" in stopped.steps["a"].detail

        engine.accept(shop.request(), ["o"])

        assert shop.build().ran == ["b"]
        assert shop.read("p") == "better"
        by_hand = {line.step: line.by_hand for line in engine.status(shop.request())}
        assert by_hand == {"a": ("o",), "b": ()}
        shop.put("s", "two")
        assert shop.build().steps["a"].failure == "edited"
        assert shop.build("a", force=True).ran == ["a"]
        assert shop.displaced("o") == ["better"]

    def test_undoing_an_edit_is_as_good_as_accepting(self, shop: Workshop):
        """Its bytes are ours again."""
        shop.wavefile(self.PAIR)
        shop.put("s", "one")
        shop.settle()
        shop.put("o", "better")
        shop.build()
        shop.put("o", "one")

        assert shop.build().ran == []

    def test_an_existing_file_stops_the_step_until_it_is_accepted(self, shop: Workshop):
        """Unclaimed: an existing project is taken over step by step."""
        shop.wavefile(self.PAIR)
        shop.put("s", "one")
        shop.put("o", "mine")
        stopped = shop.build()
        assert (stopped.steps["a"].failure, stopped.ran, shop.read("o")) == ("unclaimed", [], "mine")

        engine.accept(shop.request(), ["a"])

        assert shop.build().ran == ["b"]

    def test_touch_takes_what_stands_as_the_results(self, shop: Workshop):
        """Runs nothing; missing outputs are refused."""
        shop.wavefile(self.PAIR)
        for path in ("s", "o"):
            shop.put(path, "one")
        with pytest.raises(WavebuildError, match="has no p"):
            engine.touch(shop.request("a", "b"))
        assert engine.touch(shop.request("a")) == ("a",)

        assert shop.build().ran == ["b"]
        assert engine.status(shop.request())[0].by_touch

    def test_what_does_not_differ_cannot_be_accepted(self, shop: Workshop):
        """A typing error is told, not swallowed."""
        shop.wavefile(self.PAIR)
        shop.put("s", "one")
        shop.settle()
        for subject in ("a", "nothing-like-it"):
            with pytest.raises(WavebuildError):
                engine.accept(shop.request(), [subject])

    def test_clean_removes_what_was_made_and_nothing_else(self, shop: Workshop):
        """Edited files, manual ones and sources stay."""
        shop.wavefile(
            self.PAIR
            + "  m: {outputs: placed, manual: put it}\n  d: {outputs: far/off/d/, run: 'echo > far/off/d/x'}\n"
        )
        for path in ("s", "placed"):
            shop.put(path, "one")
        shop.settle()
        shop.put("p", "edited")
        dry = engine.clean(shop.request(), dry=True)
        assert (shop.root / "o").exists()
        done = engine.clean(shop.request(), dry=False)

        assert set(dry.removed) == set(done.removed) == {"o", "far/off/d/x"}
        assert {path for path, _ in done.kept} == {"p", "placed"}
        assert set(tree(shop.root)) == {"Wavefile", "s", "p", "placed"}


class TestManual:
    TEXT = """
steps:
  place: {outputs: data.csv, manual: export it, checks: 'note check; grep -q id data.csv'}
  read: {inputs: data.csv, outputs: o, run: 'note read; cat data.csv > o'}
  other: {outputs: p, run: 'note other; echo > p'}
"""

    def test_it_waits_with_its_text_and_others_go_on(self, shop: Workshop):
        """Readers are blocked, exit 1."""
        shop.wavefile(self.TEXT)
        assert shop.plan() == {"place": "WAITING", "read": "BLOCKED", "other": "RUN"}
        built = shop.build()

        assert built.outcomes == {"place": "waiting", "read": "blocked", "other": "succeeded"}
        assert (built.code, "export it" in built.steps["place"].detail) == (1, True)

    def test_what_was_placed_is_checked_when_it_changes(self, shop: Workshop):
        """Kept when it passes; never taken away when not."""
        shop.wavefile(self.TEXT)
        shop.put("data.csv", "id\n1\n")
        assert shop.settle().ran == ["check", "other", "read"]
        shop.put("data.csv", "rubbish\n")
        bad = shop.build()

        assert (bad.ran, bad.outcomes["place"], bad.outcomes["read"]) == (["check"], "failed", "blocked")
        assert shop.read("data.csv") == "rubbish\n"
        shop.put("data.csv", "id\n2\n")
        assert shop.build().ran == ["check", "read"]

    def test_inputs_that_changed_make_it_wait_until_renewed_or_accepted(self, shop: Workshop):
        """The person decides whether it must be made anew."""
        shop.wavefile("steps: {m: {inputs: s, outputs: o, manual: draw it}}")
        shop.put("s", "1")
        shop.put("o", "drawing")
        shop.settle()
        shop.put("s", "2")
        assert shop.build().outcomes == {"m": "waiting"}
        engine.accept(shop.request(), ["m"])

        assert shop.build().code == 0


class TestOrphans:
    def test_outputs_of_a_step_that_is_gone_are_reported_and_not_read(self, shop: Workshop):
        """By no glob and no directory; they stay where they are."""
        one = "steps:\n  a: {outputs: d/a.txt, run: 'echo a > d/a.txt'}\n"
        more = "  b: {outputs: d/b.txt, run: 'echo b > d/b.txt'}\n"
        reader = "  r: {inputs: 'd/*.txt', outputs: o, run: 'note r; cat {{ inputs }} > o'}\n"
        shop.wavefile(one + more + reader)
        shop.settle()
        shop.wavefile(one + reader)
        built = shop.build()

        assert (built.ran, shop.read("o"), built.result.orphans) == (["r"], "a\n", ("d/b.txt",))
        assert shop.build().result.orphans == ("d/b.txt",), "they are reported until they are gone"
        assert os.path.exists(shop.root / "d/b.txt")
