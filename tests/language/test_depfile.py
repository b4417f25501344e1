"""``depfile``: what a command says it has read becomes input, without being declared."""

from __future__ import annotations

import os

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError
from wavebuild.judge.reasons import InputChanged, InputRemoved

# A compiler of a kind: it copies what a.c includes, and lists it.
COMPILING = """
steps:
  cc:
    inputs: a.c
    outputs: out/a.o
    depfile: out/a.d
    run: |
      note cc
      cat $(cat a.c) > out/a.o
      echo "out/a.o: a.c $(cat a.c)" > out/a.d
  ld: {inputs: out/a.o, outputs: prog, run: note ld; cat out/a.o > prog}
"""


@pytest.fixture
def compiling(shop: Workshop) -> Workshop:
    shop.wavefile(COMPILING)
    shop.write(a__c="a.h b.h", a__h="a1", b__h="b1", c__h="c1")
    return shop


class TestDiscovered:
    def test_the_first_run_takes_it_in_and_the_second_is_idle(self, compiling: Workshop):
        """The depfile is gone; what it said is remembered."""
        assert compiling.settle().ran == ["cc", "ld"]
        assert not (compiling.root / "out/a.d").exists()
        assert compiling.plan() == {"cc": "FRESH", "ld": "FRESH"}
        assert not compiling.stale()

    def test_a_change_of_what_was_discovered_reruns_and_of_anything_else_does_not(self, compiling: Workshop):
        """It is an input from then on."""
        compiling.settle()
        compiling.write(c__h="c2")
        other = compiling.build().ran
        compiling.write(b__h="b2")
        planned, asked = compiling.plan(), compiling.stale()

        assert (other, planned, asked) == ([], {"cc": "RUN", "ld": "MAYBE"}, True)
        assert compiling.build().ran == ["cc", "ld"]
        assert compiling.read("prog") == "a1b2"
        assert compiling.build().ran == []

    def test_the_same_bytes_again_are_no_reason(self, compiling: Workshop):
        """Digests decide, here too."""
        compiling.settle()
        compiling.write(a__h="a1")

        assert compiling.build().ran == []

    def test_an_edit_that_is_undone_is_fresh_again(self, compiling: Workshop):
        """Each trace has discovered its own."""
        compiling.settle()
        compiling.write(a__h="broken")
        compiling.wavefile(COMPILING.replace("note cc", 'note cc; test -z "$(grep broken a.h)"'))
        compiling.build()
        compiling.write(a__h="a1")
        compiling.wavefile(COMPILING)

        assert compiling.build().ran == []

    def test_a_failure_on_a_broken_header_does_not_void_the_success_on_the_sound_one(self, compiling: Workshop):
        """The definition and the declared inputs are the same; what was discovered is not."""
        compiling.wavefile(COMPILING.replace("note cc", 'note cc; test -z "$(grep broken a.h)"'))
        compiling.settle()
        compiling.write(a__h="broken")
        failed = compiling.build().outcomes["cc"]
        compiling.write(a__h="a1")

        assert (failed, compiling.build().ran) == ("failed", [])

    @pytest.mark.scenario(id="G12")
    def test_one_that_vanished_makes_the_step_stale(self, compiling: Workshop):
        """And if it is read no more, the step is done with it."""
        compiling.settle()
        (compiling.root / "b.h").unlink()
        reasons = compiling.reasons("cc")
        failed = compiling.build().outcomes["cc"]
        compiling.write(a__c="a.h")

        assert (reasons, failed) == (["InputRemoved"], "failed")
        assert compiling.settle().outcomes["cc"] == "succeeded"

    def test_explain_names_it_as_discovered(self, compiling: Workshop):
        """A person did not write it in the Wavefile."""
        compiling.settle()
        compiling.write(a__h="a2")
        changed = engine.explain(compiling.request(), "cc").chain[0].reasons
        (compiling.root / "b.h").unlink()
        gone = engine.explain(compiling.request(), "cc").chain[0].reasons

        assert [(type(one), one.member, one.discovered) for one in changed if isinstance(one, InputChanged)] == [
            (InputChanged, "a.h", True)
        ]
        assert [one.member for one in gone if isinstance(one, InputRemoved) and one.discovered] == ["b.h"]

    def test_what_changed_is_told_to_the_step(self, compiling: Workshop):
        """WAVEBUILD_CHANGED names discovered inputs, WAVEBUILD_INPUTS the declared alone."""
        compiling.wavefile(
            COMPILING.replace(
                "note cc", "note cc; cat $WAVEBUILD_CHANGED > ../changed; cat $WAVEBUILD_INPUTS > ../inputs"
            )
        )
        compiling.settle()
        compiling.write(b__h="b2")
        compiling.build()

        assert (compiling.home / "changed").read_text() == "b.h\n"
        assert (compiling.home / "inputs").read_text() == "a.c\n"

    def test_declared_inputs_are_not_repeated(self, compiling: Workshop):
        """The author's word on what counts of a file holds: only a key of it, say."""
        compiling.put("conf.json", '{"used": 1, "other": 1}')
        compiling.wavefile(COMPILING.replace("inputs: a.c\n", "inputs: [a.c, conf.json#used]\n"))
        compiling.write(a__c="a.h conf.json")
        compiling.settle()
        compiling.put("conf.json", '{"used": 1, "other": 2}')

        assert compiling.build().ran == []

    def test_entries_are_relative_to_cwd_and_may_lie_outside_the_root(self, shop: Workshop):
        """As the compiler sees them."""
        outside = shop.home / "far.h"
        outside.write_text("1")
        shop.put("sub/a.h", "1")
        shop.wavefile(f"""
steps:
  cc:
    cwd: sub
    outputs: a.o
    depfile: a.d
    run: note cc; echo > ../a.o; echo "a.o:" ./a.h ../sub/../sub/a.h {outside} > ../a.d
""")
        shop.settle()
        shop.put("sub/a.h", "2")
        near = shop.build().ran
        outside.write_text("2")

        assert (near, shop.build().ran) == (["cc"], ["cc"])

    def test_behind_a_link_to_a_folder_the_way_back_is_the_systems(self, shop: Workshop):
        """`link/../x` is not `x`."""
        shop.put("deep/er/y", "")
        shop.put("deep/x.h", "1")
        os.symlink("deep/er", shop.root / "link")
        shop.wavefile(
            "steps: {a: {outputs: o, depfile: d, run: 'note a; cat link/../x.h > o; echo o: link/../x.h > d'}}"
        )
        shop.settle()
        shop.put("deep/x.h", "2")

        assert shop.build().ran == ["a"]

    def test_own_outputs_litter_and_devices_do_not_count(self, shop: Workshop):
        """Neither what the step makes nor what is never a member."""
        shop.put("lib/__pycache__/x.pyc", "1")
        shop.wavefile("""
steps:
  a: {outputs: [o, t/], depfile: d, run: "note a; echo 1 > t/x; echo > o; echo o: o t/x l*/*/x.pyc /dev/null > d"}
""")
        shop.settle()
        shop.put("lib/__pycache__/x.pyc", "2")

        assert shop.build().ran == []

    def test_what_was_not_there_when_the_step_ended_is_noticed_when_it_appears(self, shop: Workshop):
        """A temporary file is no reason to run for ever; a file that comes to be is one."""
        shop.wavefile("steps: {a: {outputs: o, depfile: d, run: 'note a; echo > o; echo o: later.h > d'}}")
        shop.settle()
        shop.write(later__h="1")

        assert shop.build().ran == ["a"]

    def test_a_depfile_that_is_an_output_stays(self, shop: Workshop):
        """What is declared is the author's."""
        shop.wavefile("steps: {a: {outputs: [o, d], depfile: d, run: 'note a; echo > o; echo o: a.h > d'}}")
        shop.write(a__h="1")
        shop.settle()
        kept = shop.read("d")
        shop.write(a__h="2")

        assert (kept, shop.build().ran) == ("o: a.h\n", ["a"])

    def test_a_touch_takes_what_was_discovered_as_it_is(self, compiling: Workshop):
        """-t says that the outputs are right for what stands."""
        compiling.settle()
        compiling.write(a__h="a2")
        engine.touch(compiling.request("cc"))
        touched = compiling.build().ran
        compiling.write(a__h="a3")

        assert (touched, compiling.build().ran) == ([], ["cc", "ld"])

    def test_declaring_a_depfile_is_a_reason_to_run(self, shop: Workshop):
        """What the former runs have read is not known."""
        command = "'note a; cat a.h > o; echo o: a.h > d'"
        shop.wavefile(f"steps: {{a: {{outputs: o, run: {command}}}}}")
        shop.write(a__h="1")
        shop.settle()
        shop.wavefile(f"steps: {{a: {{outputs: o, depfile: d, run: {command}}}}}")

        assert shop.build().ran == ["a"]

    def test_a_renamed_step_keeps_what_it_discovered(self, compiling: Workshop):
        """It takes over its traces whole."""
        compiling.settle()
        compiling.wavefile(COMPILING.replace("cc:", "compile:"))
        renamed = compiling.build().ran
        compiling.write(a__h="a2")

        assert (renamed, compiling.build().ran) == ([], ["cc", "ld"])


class TestRaces:
    def test_a_known_one_that_changes_while_the_step_runs_is_told(self, compiling: Workshop):
        """The outputs stay, the trace is never fresh."""
        compiling.settle()
        compiling.wavefile(COMPILING.replace("note cc", "note cc; test ! -e ../edit || echo late > b.h"))
        (compiling.home / "edit").write_text("")
        compiling.write(a__h="a2")
        built = compiling.build()
        (compiling.home / "edit").unlink()

        assert (built.code, built.steps["cc"].moved) == (1, ("b.h",))
        assert compiling.build().ran == ["cc"]

    def test_a_new_one_that_changes_while_the_step_runs_is_told(self, compiling: Workshop):
        """Nobody saw what it was, but that it was changed since the step began is known."""
        compiling.wavefile(COMPILING.replace("note cc", "note cc; sleep 0.05; test ! -e ../edit || echo late > b.h"))
        (compiling.home / "edit").write_text("")
        built = compiling.build()

        assert (built.code, built.steps["cc"].moved) == (1, ("b.h",))


GENERATED = """
steps:
  gen: {inputs: s, outputs: gen.h, run: note gen; cat s > gen.h}
  cc:
    inputs: a.c
    HOW
    outputs: a.o
    depfile: a.d
    run: 'note cc; cat gen.h > a.o; echo a.o: a.c gen.h > a.d'
"""


class TestGenerated:
    @pytest.mark.parametrize("how", ["", "needs: other"])
    def test_what_a_step_makes_that_does_not_come_before_is_refused(self, shop: Workshop, how: str):
        """The order of the two would be chance."""
        shop.wavefile(GENERATED.replace("HOW", how) + "  other: {run: 'true'}\n")
        shop.write(s="1", a__c="")
        failed = shop.build().steps["cc"]

        assert failed.failure == "depfile"
        assert "reads gen.h, made by gen; add it to inputs" in failed.detail

    @pytest.mark.parametrize("how", ["needs: gen", "needs: all"])
    def test_order_alone_is_enough_and_the_plan_knows(self, shop: Workshop, how: str):
        """As with ninja's order-only inputs: it comes first, and the depfile says who reads it."""
        shop.wavefile(GENERATED.replace("HOW", how) + "  all: {needs: [gen]}\n")
        shop.write(s="1", a__c="")
        shop.settle()
        shop.write(s="2")

        assert shop.plan() == {"gen": "RUN", "cc": "MAYBE"}
        assert shop.build().ran == ["gen", "cc"]
        assert shop.read("a.o") == "2"

    def test_an_unchanged_one_cuts_off(self, shop: Workshop):
        """As any input does."""
        shop.wavefile(GENERATED.replace("HOW", "needs: gen").replace("cat s", "head -1 s"))
        shop.write(s="1\n1\n", a__c="")
        shop.settle()
        shop.write(s="1\n2\n")

        assert shop.build().ran == ["gen"]


class TestRefused:
    @pytest.mark.scenario(id="G12")
    @pytest.mark.parametrize(
        ("command", "said"),
        [
            ("true", "did not write its depfile d"),
            ("echo o a.h > d", "is no list of make's rules"),
            ("mkdir -p x; echo o: x > d", "x, a directory: add `x/` to its inputs"),
            ("mkdir d", "cannot be read: this is a directory"),
        ],
    )
    def test_a_depfile_that_cannot_be_taken_in_fails_the_step(self, shop: Workshop, command: str, said: str):
        """What it read is not known: to go on would be a wrong skip later."""
        shop.wavefile(f"steps: {{a: {{outputs: o, depfile: d, run: 'echo > o; {command}'}}}}")
        failed = shop.build().steps["a"]

        assert (failed.outcome.value, failed.failure) == ("failed", "depfile")
        assert said in failed.detail
        assert not (shop.root / "o").exists()

    def test_one_of_an_earlier_run_is_not_taken_for_this_ones(self, shop: Workshop):
        """It must have been written by the run that ends."""
        shop.put("d", "o: a.h\n")
        shop.wavefile("steps: {a: {outputs: o, depfile: d, run: 'echo > o'}}")

        assert "did not write" in shop.build().steps["a"].detail
        assert shop.read("d") == "o: a.h\n"

    def test_each_try_writes_its_own(self, shop: Workshop):
        """What the first try left is not taken for the second's."""
        shop.wavefile("""
steps:
  a: {outputs: o, depfile: d, retries: 1, run: 'echo > o; test $WAVEBUILD_ATTEMPT = 2 || { echo o: > d; exit 1; }'}
""")

        assert shop.build().steps["a"].failure == "depfile"

    @pytest.mark.parametrize(
        ("steps", "said"),
        [
            ("{a: {manual: Place it., outputs: o, depfile: d}}", "no meaning without run or call"),
            ("{a: {run: x, depfile: d/}}", "is a folder"),
            ("{a: {run: x, depfile: ../d}}", "outside the root"),
            ("{a: {run: x, depfile: .wavebuild/d}}", "no output may lie in .wavebuild/"),
            ("{a: {run: x, depfile: d}, b: {run: x, depfile: d}}", "is one of step 'a', too"),
            ("{a: {run: x, depfile: d}, b: {run: x, outputs: d}}", "is one of step 'b', too"),
            ("{a: {run: x, depfile: d, inputs: d}}", "is one of its inputs"),
        ],
    )
    def test_what_makes_no_sense_is_refused_before_anything_runs(self, shop: Workshop, steps: str, said: str):
        """With the place."""
        shop.wavefile(f"steps: {steps}")
        with pytest.raises(WavebuildError) as refused:
            engine.load(shop.request())

        assert said in str(refused.value)
        assert all(problem.place for problem in refused.value.problems)
