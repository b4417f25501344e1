"""Why a step will run, or ran: the chain to the root, and what changed inside what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.engine import Cause
from wavebuild.judge.difference import Cell, Change, KeyChange, Keys, Line, Lines, Mode, Row, Rows, Size
from wavebuild.run.events import Outcome

CHAIN = """
steps:
  a: {inputs: src/a.csv, outputs: a.out, run: 'tr a-z A-Z < src/a.csv > a.out'}
  b: {inputs: a.out, outputs: b.out, run: 'cat a.out > b.out'}
  c: {inputs: b.out, outputs: c.out, run: 'cat b.out > c.out'}
"""


@pytest.fixture
def chain(shop: Workshop) -> Workshop:
    """Three steps, all fresh."""
    shop.wavefile(CHAIN)
    shop.put("src/a.csv", "id,name\n1,ann\n2,bob\n")
    shop.settle()
    return shop


def causes(shop: Workshop, subject: str) -> dict[str, Cause]:
    return {cause.step: cause for cause in engine.explain(shop.request(), subject).chain}


def changes(shop: Workshop, step: str) -> tuple[Change | None, ...]:
    return causes(shop, step)[step].changes


class TestTheChain:
    def test_of_a_step_that_will_run_it_goes_to_the_edited_row(self, chain: Workshop):
        """Through all makers, which are undecided."""
        chain.put("src/a.csv", "id,name\n1,ann\n2,rob\n")
        found = causes(chain, "c")

        assert list(found) == ["c", "b", "a"]
        assert found["a"].changes == (Rows((), (), (Row("2", "changed", (Cell("name", "bob", "rob"),)),)),)

    def test_of_a_fresh_step_it_tells_the_last_run_to_the_edited_row(self, chain: Workshop):
        """The makers that ran in the same run for the same cause."""
        chain.put("src/a.csv", "id,name\n1,ann\n2,rob\n")
        run = chain.build().result.run
        found = causes(chain, "c")

        assert list(found) == ["c", "b", "a"]
        for name, change in {"c": Line(3, "2,BOB", "2,ROB"), "b": Line(3, "2,BOB", "2,ROB")}.items():
            last = found[name].last
            assert last is not None
            assert (last.run, last.outcome, last.changes) == (run, Outcome.SUCCEEDED, (Lines((change,)),))
        assert found["a"].last is not None
        assert found["a"].last.changes == (Rows((), (), (Row("2", "changed", (Cell("name", "bob", "rob"),)),)),)

    def test_a_first_run_is_its_own_cause(self, chain: Workshop):
        """Nothing behind it is told."""
        found = causes(chain, "c")

        assert list(found) == ["c"]
        assert found["c"].last is not None
        assert [type(reason).__name__ for reason in found["c"].last.reasons] == ["NeverRan"]

    def test_a_maker_that_ran_for_another_cause_is_none(self, chain: Workshop):
        """Only what ran in the same run belongs to the story of a run."""
        chain.put("src/a.csv", "id,name\n1,ann\n2,rob\n")
        chain.build("b")
        chain.wavefile(CHAIN.replace("cat b.out > c.out", "cat b.out b.out > c.out"))
        found = causes(chain, "c")

        assert [type(reason).__name__ for reason in found["c"].reasons] == ["ActionChanged", "InputChanged"]
        assert list(found) == ["c", "b", "a"], "b ran before, and is why c is stale"

    def test_a_step_that_runs_anyway_names_what_else_may_change(self, chain: Workshop):
        """The whole chain, though its own reason would do."""
        chain.wavefile(CHAIN.replace("cat b.out > c.out", "cat b.out b.out > c.out"))
        chain.put("src/a.csv", "id,name\n1,ann\n")
        found = causes(chain, "c")

        assert [type(reason).__name__ for reason in found["c"].reasons] == ["ActionChanged", "Upstream"]
        assert list(found) == ["c", "b", "a"]

    def test_what_was_touched_did_not_run(self, chain: Workshop):
        """Its last run says so."""
        chain.put("src/a.csv", "id,name\n1,ann\n")
        engine.touch(chain.request("a"))
        last = causes(chain, "a")["a"].last

        assert last is not None
        assert (last.outcome, last.reasons) == (None, ())
        chain.put("src/a.csv", "id,name\n1,zoe\n")
        assert changes(chain, "a") == (Rows((), (), (Row("1", "changed", (Cell("name", "ann", "zoe"),)),)),)

    def test_what_was_accepted_is_what_an_edit_is_compared_with(self, chain: Workshop):
        """Not what the step had made."""
        chain.put("a.out", "mine\n")
        chain.accept("a.out")
        chain.put("a.out", "mine\nagain\n")

        assert changes(chain, "a") == (Lines((Line(2, None, "again"),)),)

    def test_it_changes_nothing_and_the_plan_agrees(self, chain: Workshop):
        """A question."""
        chain.put("src/a.csv", "id,name\n1,ann\n2,rob\n")
        before = sorted((str(path), path.stat().st_mtime_ns) for path in chain.root.rglob("*"))
        found = causes(chain, "c")

        assert sorted((str(path), path.stat().st_mtime_ns) for path in chain.root.rglob("*")) == before
        assert {name: cause.word.name for name, cause in found.items()} == chain.plan()


class TestWhatChanged:
    def edited(self, shop: Workshop, path: str, was: str, now: str, inputs: str) -> Change | None:
        """What a step that reads this says after this edit."""
        shop.wavefile(f"steps: {{s: {{inputs: [{inputs}], outputs: o, run: 'echo x > o'}}}}")
        shop.put(path, was)
        shop.settle()
        shop.put(path, now)
        (change,) = changes(shop, "s")
        return change

    def test_of_a_text_the_lines(self, shop: Workshop):
        """By number."""
        assert self.edited(shop, "a.txt", "x\ny\n", "x\nz\n", "a.txt") == Lines((Line(2, "y", "z"),))

    def test_of_one_member_of_a_glob_the_lines(self, shop: Workshop):
        """Each member has its own."""
        assert self.edited(shop, "d/a.txt", "x\n", "z\n", "'d/*.txt'") == Lines((Line(1, "x", "z"),))

    def test_of_a_json_file_the_keys(self, shop: Workshop):
        """By name."""
        found = self.edited(shop, "a.json", '{"a": {"b": 1}}', '{"a": {"b": 2}}', "a.json")

        assert found == Keys((KeyChange("a.b", "1", "2"),))

    def test_of_a_file_compared_as_yaml_the_keys(self, shop: Workshop):
        """Also without an ending."""
        found = self.edited(shop, "conf", "a: 1\n", "a: 2\n", "{path: conf, digest: yaml}")

        assert found == Keys((KeyChange("a", "1", "2"),))

    @pytest.mark.parametrize("long", ["", "x" * 200])
    def test_of_a_key_its_values(self, long: str, shop: Workshop):
        """Short ones are their own digest, long ones are kept."""
        was, now = f"a: {{b: '1{long}', c: 1}}", f"a: {{b: '2{long}', c: 1}}"
        found = self.edited(shop, "c.yaml", was, now, "'c.yaml#a.b'")

        assert isinstance(found, Keys)
        assert [(key.key, (key.was or "")[:2], (key.now or "")[:2]) for key in found.keys] == [("", '"1', '"2')]

    def test_of_chosen_rows_and_columns_those_alone(self, shop: Workshop):
        """What is left out did not count, and is not told."""
        head, inputs = "t,c,n\n", "{path: f.csv, rows: {t: a}, columns: [c, n]}"
        found = self.edited(shop, "f.csv", f"{head}a,x,1\nb,y,2\n", f"{head}a,x,3\nb,y,4\n", inputs)

        assert found == Rows((), (), (Row("x", "changed", (Cell("n", "1", "3"),)),))

    def test_of_what_is_no_text_or_large_the_sizes(self, shop: Workshop):
        """Alone."""
        assert self.edited(shop, "a.bin", "\0a", "\0abc", "a.bin") == Size(2, 4)
        large = "x" * 300_000
        assert self.edited(shop, "b.txt", large, large + "y", "b.txt") == Size(300_000, 300_001)

    def test_of_a_mode_that_it_changed(self, shop: Workshop):
        """The bytes did not."""
        shop.wavefile("steps: {s: {inputs: tool, outputs: o, run: 'echo x > o'}}")
        path = shop.put("tool", "x\n")
        shop.settle()
        path.chmod(0o755)

        assert changes(shop, "s") == (Mode(True),)

    def test_of_an_edited_output_what_the_person_did(self, shop: Workshop):
        """Before it is overwritten."""
        shop.wavefile("steps: {s: {outputs: o, run: 'echo made > o'}}")
        shop.settle()
        shop.put("o", "made\nby hand\n")

        assert changes(shop, "s") == (Lines((Line(2, None, "by hand"),)),)

    def test_of_a_command_its_lines(self, shop: Workshop):
        """With its holes as they are written."""
        text = 'steps: {{s: {{inputs: i, outputs: o, env: {{V: "{env}"}}, run: "cat {{{{ inputs }}}} > o\\n{more}"}}}}'
        shop.put("i", "x")
        shop.wavefile(text.format(env=1, more="echo one >> o"))
        shop.settle()
        shop.wavefile(text.format(env=2, more="echo two >> o"))

        found = dict(zip([reason.part for reason in causes(shop, "s")["s"].reasons], changes(shop, "s"), strict=True))  # type: ignore[union-attr]
        assert found == {
            "command": Lines((Line(2, "echo one >> o", "echo two >> o"),)),
            "env V": Lines((Line(1, "1", "2"),)),
        }

    def test_of_a_check_its_lines_and_what_it_reads(self, shop: Workshop):
        """The gate's reasons too."""
        text = "steps: {s: {outputs: o, run: 'echo x > o', checks: {run: '%s', inputs: c.txt}}}"
        shop.put("c.txt", "1\n")
        shop.wavefile(text % "true")
        shop.settle()
        shop.put("c.txt", "2\n")
        shop.wavefile(text % "true true")

        assert changes(shop, "s") == (Lines((Line(1, "true", "true true"),)), Lines((Line(1, "1", "2"),)))

    def test_of_a_probe_what_it_said(self, shop: Workshop):
        """A file of the probe's name is another thing."""
        shop.wavefile("probes: {p: {run: 'cat table'}}\nsteps: {s: {inputs: 'probe:p', outputs: o, run: 'echo x > o'}}")
        shop.put("probe:p", "one\n")
        shop.put("table", "12\n")
        assert shop.build().code == 0
        shop.put("table", "13\n")

        (cause,) = engine.explain(shop.request(ask=True), "s").chain
        assert cause.changes == (Keys((KeyChange("", "12", "13"),)),)
        (cause,) = engine.explain(shop.request(), "s").chain
        assert (cause.word.name, cause.changes) == ("MAYBE", (None,))

    def test_of_a_value_of_the_memory_its_keys(self, shop: Workshop):
        """Also of a long one."""
        long = "x" * 100
        shop.wavefile(f"""
steps:
  a:
    inputs: s
    outputs: mem:k
    run: 'echo "{{\\"k\\": {{\\"v\\": $(cat s), \\"long\\": \\"{long}\\"}}}}" > $WAVEBUILD_MEM_OUT'
  b: {{inputs: mem:k, outputs: o, run: 'echo x > o'}}
""")
        shop.put("s", "1")
        shop.settle()
        shop.put("s", "2")
        assert shop.build().code == 0
        last = causes(shop, "b")["b"].last

        assert last is not None
        assert last.changes == (Keys((KeyChange("v", "1", "2"),)),)

    def test_an_edit_that_is_not_yet_built_and_edited_again_is_told_against_the_last_success(self, chain: Workshop):
        """What was read in between does not count."""
        chain.put("src/a.csv", "id,name\n1,ann\n2,rob\n")
        chain.stale()
        chain.put("src/a.csv", "id,name\n1,ann\n2,zoe\n")

        assert changes(chain, "a") == (Rows((), (), (Row("2", "changed", (Cell("name", "bob", "zoe"),)),)),)

    def test_without_the_former_content_only_the_digests_are_told(self, chain: Workshop):
        """It may be removed at any time."""
        contents = kept_file(chain)
        contents.unlink()
        chain.put("src/a.csv", "id\n")

        assert changes(chain, "a") == (Size(None, 3),)
        assert chain.build().code == 0
        assert contents.exists()

    def test_damaged_contents_stop_neither_question_nor_build(self, chain: Workshop):
        """They heal."""
        kept_file(chain).write_bytes(b"rubbish" * 999)
        chain.put("src/a.csv", "id,name\n1,ann\n2,rob\n")

        assert changes(chain, "a") == (Size(None, 20),)
        chain.settle()
        chain.put("src/a.csv", "id,name\n1,ann\n2,zoe\n")
        assert changes(chain, "a") == (Rows((), (), (Row("2", "changed", (Cell("name", "rob", "zoe"),)),)),)


class TestSecrets:
    @pytest.mark.parametrize("where", ["top", "step"])
    def test_what_holds_a_secret_is_neither_kept_nor_told(self, where: str, shop: Workshop):
        """Whether the file's or the step's: the sizes are all that is said."""
        top, key = ("secrets: [TOKEN]", "") if where == "top" else ("", "secrets: [TOKEN], ")
        shop.setenv(TOKEN="s3cret-of-mine")
        shop.wavefile(f"{top}\nsteps: {{s: {{{key}inputs: conf.yaml, outputs: o, run: 'echo x > o'}}}}")
        shop.put("conf.yaml", "token: s3cret-of-mine\nn: 1\n")
        shop.settle()
        shop.put("conf.yaml", "token: s3cret-of-mine\nn: 22\n")

        assert changes(shop, "s") == (Size(27, 28),)
        assert b"s3cret-of-mine" not in state_bytes(shop)

    def test_what_became_a_secret_later_is_not_told(self, shop: Workshop):
        """Though it was kept before."""
        text = "steps: {s: {KEY inputs: conf.yaml, outputs: o, run: 'echo x > o'}}"
        shop.setenv(TOKEN="s3cret-of-mine")
        shop.wavefile(text.replace("KEY ", ""))
        shop.put("conf.yaml", "token: s3cret-of-mine\n")
        shop.settle()
        shop.wavefile(text.replace("KEY", "secrets: [TOKEN],"))
        shop.put("conf.yaml", "token: none\n")

        assert changes(shop, "s") == (Size(22, 12),)

    def test_a_variable_of_the_caller_is_told_by_its_digest_alone(self, shop: Workshop):
        """Its value is kept nowhere."""
        shop.setenv(TOKEN="first-value")
        shop.wavefile("steps: {s: {inputs: 'env:TOKEN', outputs: o, run: 'echo x > o'}}")
        shop.settle()
        shop.setenv(TOKEN="second-value")

        assert changes(shop, "s") == (None,)
        assert b"first-value" not in state_bytes(shop)


def kept_file(shop: Workshop) -> Path:
    return next(shop.root.glob(".wavebuild/state/*.contents"))


def state_bytes(shop: Workshop) -> bytes:
    """All that is kept of one build for the next."""
    files = list(shop.root.glob(".wavebuild/state/*"))
    assert {".db", ".contents", ".settled"} <= {path.suffix for path in files}
    return b"".join(path.read_bytes() for path in files)


def test_why_a_step_failed_to_be_fresh_is_kept_for_the_last_run_alone(shop: Workshop):
    """The state does not grow with every run."""
    shop.wavefile("steps: {s: {inputs: i, outputs: o, run: 'cat i > o'}}")
    for number in range(4):
        shop.put("i", f"{number}\n")
        assert shop.build().code == 0
    last = causes(shop, "s")["s"].last

    assert last is not None
    assert last.changes == (Lines((Line(1, "2", "3"),)),)
