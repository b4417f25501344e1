"""What an edit makes run again, and what it does not."""

from __future__ import annotations

import os

import pytest

from tests.support.workshop import Workshop

CHAIN = """
vars: {word: one}
steps:
  a: {inputs: src/a.txt, outputs: a.out, run: 'note a; tr a-z A-Z < src/a.txt > a.out'}
  b: {inputs: a.out, outputs: b.out, env: {V: '1'}, run: 'note b; echo {{ word }} $V > b.out; cat a.out >> b.out'}
  c: {inputs: b.out, outputs: c.out, run: 'note c; cat b.out > c.out'}
"""


@pytest.fixture
def chain(shop: Workshop) -> Workshop:
    """Three steps, all fresh."""
    shop.wavefile(CHAIN)
    shop.put("src/a.txt", "hello\n")
    assert shop.settle().ran == ["a", "b", "c"]
    return shop


class TestNothingToDo:
    def test_the_second_build_has_nothing_to_do(self, chain: Workshop):
        """And says so."""
        again = chain.build()

        assert (again.ran, again.result.nothing_to_do, again.result.fresh) == ([], True, 3)
        assert not chain.stale()

    def test_touching_every_file_reruns_nothing(self, chain: Workshop):
        """Nothing is ever newer."""
        for path in chain.root.rglob("*"):
            if ".wavebuild" not in path.parts:
                os.utime(path)

        assert chain.plan() == dict.fromkeys("abc", "FRESH")
        assert chain.build().ran == []

    def test_a_file_written_again_with_the_same_bytes_reruns_nothing(self, chain: Workshop):
        """Digests decide."""
        chain.put("src/a.txt", "hello\n")

        assert chain.build().ran == []

    def test_without_the_evidence_nothing_runs_either(self, chain: Workshop):
        """It only saves time."""
        for path in chain.root.glob(".wavebuild/state/*.settled"):
            path.unlink()

        assert chain.build(full=True).outcomes == dict.fromkeys("abc", "kept")


class TestInputs:
    def test_an_edit_goes_as_far_as_bytes_change(self, chain: Workshop):
        """All the way here."""
        chain.put("src/a.txt", "world\n")

        assert chain.build().ran == ["a", "b", "c"]
        assert chain.read("c.out") == "one 1\nWORLD\n"

    def test_an_unchanged_output_leaves_its_readers_fresh(self, chain: Workshop):
        """Cutoff: other bytes in, the same bytes out."""
        chain.put("src/a.txt", "HELLO\n")
        built = chain.build()

        assert built.ran == ["a"]
        assert built.outcomes == {"a": "succeeded", "b": "kept", "c": "kept"}

    @pytest.mark.scenario(id="F15")
    def test_there_and_back_again_runs_nothing(self, chain: Workshop):
        """A to B and back to A: outputs of A put back by hand are known, and so is the source."""
        outputs = {name: chain.read(name) for name in ("a.out", "b.out", "c.out")}
        chain.put("src/a.txt", "world\n")
        chain.build()
        for name, text in {**outputs, "src/a.txt": "hello\n"}.items():
            chain.put(name, text)

        assert chain.plan() == dict.fromkeys("abc", "FRESH")
        assert chain.build().ran == []

    def test_an_edit_that_failed_and_was_undone_runs_nothing(self, chain: Workshop):
        """The failure voids only traces of its own definition and inputs."""
        chain.wavefile(CHAIN.replace("note a;", "note a; grep -q hello src/a.txt;"))
        chain.build()
        chain.put("src/a.txt", "world\n")
        assert chain.build().outcomes["a"] == "failed"
        assert chain.read("a.out") == "HELLO\n", "the former output stands"
        chain.put("src/a.txt", "hello\n")

        assert chain.build().ran == []

    @pytest.mark.scenario(id="P13")
    def test_a_failure_is_tried_again_at_every_build(self, chain: Workshop):
        """As make does."""
        chain.wavefile(CHAIN.replace("note c;", "note c; false;"))

        assert (chain.build().ran, chain.build().ran) == (["c"], ["c"])
        assert chain.plan()["c"] == "RUN"

    @pytest.mark.scenario(id="F11")
    @pytest.mark.scenario(id="G11")
    def test_members_that_come_go_or_change_name_are_changes(self, shop: Workshop):
        """Of a glob, and of a directory with its hidden files."""
        shop.wavefile("""
steps:
  g: {inputs: 'in/*.txt', outputs: g.out, run: 'note g; cat in/*.txt > g.out'}
  d: {inputs: in/, outputs: d.out, run: 'note d; find in | sort > d.out'}
""")
        shop.put("in/a.txt", "a")
        shop.settle()
        seen = {}
        for what in ("add", "rename", "hidden", "empty folder", "remove"):
            match what:
                case "add":
                    shop.put("in/b.txt", "b")
                case "rename":
                    (shop.root / "in/b.txt").rename(shop.root / "in/c.txt")
                case "hidden":
                    shop.put("in/.h.txt", "h")
                case "empty folder":
                    shop.put("in/sub/", "")
                case "remove":
                    (shop.root / "in/c.txt").unlink()
            seen[what] = shop.build().ran

        assert seen == {
            "add": ["g", "d"], "rename": ["g", "d"], "hidden": ["d"], "empty folder": ["d"], "remove": ["g", "d"],
        }  # fmt: skip

    def test_a_member_deep_in_a_known_folder_is_noticed(self, shop: Workshop):
        """`in/*/x.txt`, where the folder was there before the file."""
        shop.wavefile("steps: {g: {inputs: 'in/*/x.txt', outputs: g.out, run: 'note g; cat in/*/x.txt > g.out'}}")
        shop.put("in/a/x.txt", "a")
        shop.put("in/b/other", "b")
        shop.settle()

        shop.put("in/b/x.txt", "b")

        assert shop.build().ran == ["g"]

    def test_a_reader_records_only_the_members_it_matched(self, shop: Workshop):
        """Of four manifests in one glob output, an edit of one reruns the reader of that one."""
        shop.wavefile("""
steps:
  plans: {inputs: src, outputs: 'm/*.yaml', run: 'note plans; for n in 1 2; do sed -n ${n}p src > m/$n.yaml; done'}
  one: {inputs: m/1.yaml, outputs: o1, run: 'note one; cat m/1.yaml > o1'}
  two: {inputs: m/2.yaml, outputs: o2, run: 'note two; cat m/2.yaml > o2'}
""")
        shop.put("src", "a\nb\n")
        shop.settle()
        shop.put("src", "a\nc\n")

        assert shop.build().ran == ["plans", "two"]

    def test_absence_of_an_optional_input_is_a_fact(self, shop: Workshop):
        """Its coming and its going are changes."""
        shop.wavefile("""
steps:
  a: {inputs: [{path: more.txt, optional: true}], outputs: o, run: 'note a; cat more.txt > o || true'}
""")
        shop.settle()
        shop.put("more.txt", "x")
        came = shop.build().ran
        shop.build()
        (shop.root / "more.txt").unlink()

        assert (came, shop.build().ran) == (["a"], ["a"])

    def test_a_variable_of_the_caller_is_an_input_if_it_is_listed(self, shop: Workshop):
        """Others are not tracked."""
        shop.setenv(MODE="one", OTHER="one")
        shop.wavefile("steps: {a: {inputs: 'env:MODE', outputs: o, run: 'note a; echo $MODE > o'}}")
        shop.settle()
        shop.setenv(OTHER="two")
        untracked = shop.build().ran
        shop.setenv(MODE="two")

        assert (untracked, shop.build().ran, shop.read("o")) == ([], ["a"], "two\n")


class TestDefinition:
    @pytest.mark.scenario(id="G10")
    @pytest.mark.parametrize(
        ("old", "new", "runs"),
        [
            ("note b;", "note b; :;", ["b"]),
            ("{V: '1'}", "{V: '2'}", ["b", "c"]),
            ("word: one", "word: two", ["b", "c"]),
            ("env: {V: '1'}, run", "env: {V: '1'}, shell: sh, run", ["b"]),
            ("env: {V: '1'}, run", "env: {V: '1'}, title: B, estimate: 2h, timeout: 9h, retries: 3, tags: x, run", []),
            ("inputs: b.out", "inputs: b.out, needs: a", []),
            ("steps:", "x-note: anything\nsteps:", []),
        ],
        ids=["command", "env", "var", "shell", "labels and limits", "needs", "x-"],
    )
    def test_what_counts_of_a_step(self, chain: Workshop, old: str, new: str, runs: list[str]):
        """What its outputs depend on, and nothing else."""
        chain.wavefile(CHAIN.replace(old, new))

        assert chain.build().ran == runs

    @pytest.mark.scenario(id="G9")
    def test_a_renamed_step_keeps_its_traces(self, chain: Workshop):
        """The name is a label."""
        chain.wavefile(CHAIN.replace("  b: {", "  better: {"))

        assert chain.plan()["better"] == "FRESH"
        assert chain.build().ran == []

    def test_a_comment_in_the_wavefile_reruns_nothing(self, chain: Workshop):
        """It is read again, that is all."""
        chain.wavefile("# why\n" + CHAIN)

        assert chain.build().ran == []

    def test_set_overrides_a_variable_for_one_build(self, chain: Workshop):
        """And the next without it goes back."""
        over = chain.build(overrides=(("word", "two"),))
        assert (over.ran, chain.read("c.out")[:3]) == (["b", "c"], "two")

        assert chain.build().ran == ["b", "c"]
        assert chain.read("c.out")[:3] == "one"


class TestOutputs:
    def test_a_deleted_output_is_made_again_and_its_readers_kept(self, chain: Workshop):
        """The same bytes come back."""
        (chain.root / "a.out").unlink()

        assert chain.plan()["a"] == "RUN"
        assert chain.build().ran == ["a"]

    def test_an_edited_output_is_made_again_and_the_edit_kept(self, chain: Workshop):
        """In the displaced folder, which is told."""
        chain.put("b.out", "mine\n")
        built = chain.build()

        assert built.ran == ["b"]
        assert chain.displaced("b.out") == ["mine\n"]
        assert built.steps["b"].displaced[0].startswith(".wavebuild/displaced/")

    @pytest.mark.scenario(id="F3")
    def test_an_output_that_is_made_no_more_is_gone(self, shop: Workshop):
        """Of a directory: members that only the former run made."""
        shop.wavefile(
            "steps: {d: {inputs: names, outputs: d/, run: 'note d; for n in $(cat names); do echo $n > d/$n; done'}}"
        )
        shop.put("names", "a b c")
        shop.settle()
        shop.put("names", "b")
        shop.build()

        assert os.listdir(shop.root / "d") == ["b"]

    @pytest.mark.scenario(id="F1")
    def test_a_missing_output_fails_the_step(self, shop: Workshop):
        """Also of a directory that stays empty; an optional one may be missing."""
        shop.wavefile("""
steps:
  file: {outputs: f, run: 'true'}
  folder: {outputs: d/, run: 'mkdir -p d'}
  may: {outputs: [{path: m, optional: true}], run: 'true'}
""")
        built = shop.build(keep_going=True)

        assert built.outcomes == {"file": "failed", "folder": "failed", "may": "succeeded"}
        assert {built.steps[name].failure for name in ("file", "folder")} == {"missing output"}

    @pytest.mark.scenario(id="G5")
    def test_a_step_without_outputs_is_fresh_by_its_trace(self, shop: Workshop):
        """Like any other."""
        shop.wavefile("steps: {t: {inputs: src, run: note t}}")
        shop.put("src", "1")
        shop.settle()
        shop.put("src", "2")

        assert shop.build().ran == ["t"]


class TestWhenAlways:
    def test_an_always_step_runs_at_every_build_and_its_readers_do_not(self, shop: Workshop):
        """Cutoff holds behind it."""
        shop.wavefile("""
steps:
  a: {outputs: o, always: true, run: 'note a; echo same > o'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
""")
        assert shop.build().ran == ["a", "b"]

        assert shop.build().ran == ["a"]
        assert not shop.stale()

    def test_max_age_counts_from_the_begin_of_the_last_success(self, shop: Workshop):
        """A build that found all fresh does not make it younger."""
        shop.wavefile(
            "steps: {a: {outputs: o, max_age: 1s, run: 'note a; date > o'}, b: {inputs: s, outputs: p, run: 'cp s p'}}"
        )
        shop.put("s", "1")
        shop.now = began = 2_000_000_000.0
        assert shop.build().ran == ["a"]
        shop.put("s", "2")
        shop.now = began + 0.5
        assert shop.build().ran == []
        shop.now = began + 0.95
        assert shop.build().ran == []
        shop.now = began + 1.05

        assert shop.build().ran == ["a"]

    def test_on_demand_is_built_only_when_named_or_needed(self, shop: Workshop):
        """By a bare build neither."""
        shop.wavefile("""
steps:
  a: {outputs: o, on_demand: true, run: 'note a; echo > o'}
  b: {inputs: o, outputs: p, on_demand: true, run: 'note b; echo > p'}
  c: {outputs: q, run: 'note c; echo > q'}
""")
        assert shop.build().ran == ["c"]
        assert shop.build("b").ran == ["a", "b"]


class TestForce:
    def test_force_runs_the_targets_and_all_they_depend_on(self, chain: Workshop):
        """As make; with only, the targets alone."""
        assert chain.build("b", force=True).ran == ["a", "b"]
        assert chain.build("b", force=True, only=True).ran == ["b"]

    def test_only_leaves_out_what_is_upstream(self, chain: Workshop):
        """Though it is stale."""
        chain.put("src/a.txt", "world\n")

        assert chain.build("c", only=True).ran == []
        assert chain.build("c").ran == ["a", "b", "c"]
