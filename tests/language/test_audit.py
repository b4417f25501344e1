"""``--audit``: what steps touch and do not declare is found, and the lines to add are ready to be pasted."""

from __future__ import annotations

import os
import shutil

import pytest
import yaml

from tests.support.workshop import Built, Workshop
from wavebuild.errors import WavebuildError
from wavebuild.run.audit import Audit

pytestmark = pytest.mark.long

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None and not os.environ.get("NO_SKIPS"), reason="strace is not here"
)


def audit_of(built: Built, step: str) -> Audit:
    found = built.steps[step].audit
    assert found is not None
    return found


def paths(touches: tuple[object, ...]) -> list[str]:
    return [touch.path for touch in touches]  # type: ignore[attr-defined]


def without_strace(shop: Workshop) -> None:
    """Every tool of the machine but strace."""
    tools = shop.home / "tools"
    tools.mkdir()
    for folder in reversed(os.environ["PATH"].split(os.pathsep)):
        for tool in os.listdir(folder) if os.path.isdir(folder) else ():
            if tool != "strace" and not os.path.lexists(tools / tool):
                (tools / tool).symlink_to(os.path.join(folder, tool))
    shop.setenv(PATH=str(tools))


@needs_strace
class TestUndeclared:
    def test_a_step_that_declares_all_it_touches_has_no_findings(self, shop: Workshop):
        """Not its inputs, outputs, shell, temporary files, nor what it makes and removes again."""
        shop.write(a="1")
        shop.wavefile("""
            steps:
              s: {inputs: a, outputs: [o, d/], run: "cp a part; mv part o; mktemp > /dev/null; cat o > d/x; ls d > d/y"}
        """)
        built = shop.build(audit=True)

        assert (built.code, audit_of(built, "s"), built.result.additions) == (0, Audit(), ())

    @pytest.mark.scenario(id="F2")
    def test_reads_and_writes_are_found_and_the_lines_to_add_are_right(self, shop: Workshop):
        """Pasted into the Wavefile they leave nothing to be found, and what was missed reruns the step."""
        shop.write(a="1", b="2", **{"c c": "3"})
        text = 'steps:\n  s:\n    run: cat a "c c" > o; echo 1 > n\n    outputs: o\n'
        shop.wavefile(text)
        first = shop.build(audit=True)
        shop.write(a="changed")
        missed = shop.build().ran, shop.stale()
        found = audit_of(first, "s")
        (addition,) = first.result.additions

        assert (paths(found.reads), paths(found.writes)) == (["a", "c c"], ["n"])
        assert missed == ([], False)
        assert yaml.safe_load("\n".join(addition.lines)) == {"inputs": ["a", "c c"], "outputs": ["n"]}
        assert (addition.step, addition.place.line, addition.present) == ("s", 2, ("outputs",))

        added = "\n".join(addition.lines).replace("outputs:", "outputs:\n  - o")
        shop.wavefile(text.replace("    outputs: o\n", "".join(f"    {line}\n" for line in added.splitlines())))
        os.unlink(shop.root / "n")
        again = shop.build(audit=True)

        assert (again.code, audit_of(again, "s")) == (0, Audit())
        shop.write(a="again")
        assert shop.stale()

    def test_what_an_advisor_reads_is_no_input_of_the_step(self, shop: Workshop):
        """Declared where it belongs, it is judged again when it changes, and no agent runs."""
        shop.write(guide="strict", brief="b", review='{"score": 1, "approved": true}')
        text = """
            agents: {writer: {run: "note write; cat brief > o"}}
            advisors: {critic: {run: "note judge; cat guide > /dev/null; cat review"}}
            steps: {s: {agent: writer, prompt: {text: go}, outputs: o, review: {advisor: critic}}}
        """
        shop.wavefile(text)
        first = shop.build(audit=True)
        found = audit_of(first, "s")
        (addition,) = first.result.additions

        assert (paths(found.judging), paths(found.reads)) == (["guide", "review"], ["brief"])
        assert yaml.safe_load("\n".join(addition.lines)) == {"inputs": ["brief"]}

        declared = text.replace("critic: {", "critic: {inputs: [guide, review], ")
        shop.wavefile(declared.replace("prompt:", "inputs: brief, prompt:"))
        second = shop.build(audit=True)
        shop.write(guide="lax")

        assert audit_of(second, "s") == Audit()
        assert shop.build().ran == ["judge"]

    def test_what_another_step_makes_is_named_with_that_step(self, shop: Workshop):
        """Whether it was there, as the order was lucky, or was not."""
        shop.wavefile("""
            steps:
              late: {outputs: l, run: "cat made/x || cat made/y || : > l"}
              maker: {outputs: made/, run: "echo 1 > made/x; echo 1 > made/z"}
              lucky: {outputs: k, run: "cat made/x made/z > k"}
        """)
        built = shop.build(audit=True)
        late, lucky = audit_of(built, "late"), audit_of(built, "lucky")

        assert [(touch.path, touch.owner) for touch in late.sought_of_others] == [
            ("made/x", "maker"),
            ("made/y", "maker"),
        ]
        assert [(touch.path, touch.owner) for touch in lucky.reads] == [("made/x", "maker"), ("made/z", "maker")]
        lines = {one.step: one.lines for one in built.result.additions}
        assert lines["lucky"] == ("inputs:", "  - made/")

    def test_many_files_of_a_folder_are_named_by_one_pattern_if_it_names_no_other(self, shop: Workshop):
        """A folder that is listed needs the pattern: a new file in it would not be noticed else."""
        for n in range(5):
            shop.put(f"raw/{n}.csv", "x")
            shop.put(f"some/{n}.csv", "x")
        shop.put("some/other.csv", "x")
        shop.put("two/a.sql", "x")
        shop.wavefile("""
            steps:
              all: {outputs: a, run: "cat raw/0.csv raw/1.csv raw/2.csv raw/3.csv raw/4.csv > a"}
              not_all: {outputs: b, run: "cat some/0.csv some/1.csv some/2.csv some/3.csv > b"}
              listed: {outputs: c, run: "cat two/*.sql > c"}
        """)
        built = shop.build(audit=True)
        lines = {one.step: one.lines[1:] for one in built.result.additions}

        assert [line.strip(' -"') for line in lines["all"]] == ["raw/*.csv"]
        assert len(lines["not_all"]) == 4
        assert [line.strip(' -"') for line in lines["listed"]] == ["two/*.sql"]
        assert audit_of(built, "listed").lists == ("two",)

    def test_what_is_read_and_written_becomes_an_output_edited_in_place_and_what_two_write_no_line(
        self, shop: Workshop
    ):
        """The same path as input and output is a cycle, and two owners of a path are refused."""
        shop.wavefile("""
            steps:
              db: {outputs: a, run: "sqlite3 own.db 'create table t(x)'; echo > a"}
              one: {outputs: b, run: "echo > b; echo >> both"}
              two: {outputs: c, run: "cat own.db both > c; echo >> both"}
        """)
        lines = {one.step: one.lines for one in shop.build(audit=True).result.additions}

        assert lines == {
            "db": ("outputs:", "  - {path: own.db, in_place: true}"),
            "two": ("inputs:", "  - own.db"),
        }

    def test_the_instances_of_a_repeated_step_share_one_line(self, shop: Workshop):
        """Where the value stands in a path, the variable is put in its place."""
        shop.write(raw_a="1", raw_b="2")
        shop.wavefile("""
            steps:
              s: {foreach: {t: [a, b]}, outputs: "o/{{ t }}", run: "cp raw_{{ t }} o/{{ t }}"}
        """)
        (addition,) = shop.build(audit=True).result.additions

        assert (addition.step, yaml.safe_load("\n".join(addition.lines))) == ("s", {"inputs": ["raw_{{ t }}"]})

    def test_python_files_are_proposed_as_code_and_looking_for_modules_is_no_listing(self, shop: Workshop):
        """The import closure is then followed by wavebuild itself."""
        shop.put("p.py", "import m\nopen('o', 'w').write(m.x)\n")
        shop.put("m.py", "x = '1'\n")
        shop.wavefile('steps: {s: {outputs: o, run: "{{ python }} p.py"}}')
        built = shop.build(audit=True)
        (addition,) = built.result.additions

        assert yaml.safe_load("\n".join(addition.lines)) == {"code": ["m.py", "p.py"]}
        assert audit_of(built, "s").lists == ()
        shop.wavefile('steps: {s: {outputs: o, run: "{{ python }} p.py", code: p.py}}')
        assert audit_of(shop.build(audit=True), "s") == Audit()

    def test_a_file_removed_that_was_not_made_and_one_written_outside_are_told(self, shop: Workshop):
        """Nothing undeclared outside of the project either; only the folders for temporary files are free."""
        shop.write(theirs="1")
        outside = shop.home / "outside"
        shop.setenv(TMPDIR=str(shop.home / "tmp"))
        (shop.home / "tmp").mkdir()
        shop.setenv(OUT=str(outside), HOME=str(shop.home))
        shop.wavefile("steps: {s: {outputs: o, run: 'rm theirs; echo > $OUT; echo > $TMPDIR/x; echo > o'}}")
        found = audit_of(shop.build(audit=True), "s")

        assert paths(found.removes) == ["theirs"]
        assert paths(found.writes) == [str(outside)]

    def test_an_input_that_is_never_opened_is_told(self, shop: Workshop):
        """It may be one too many; that is no error."""
        shop.write(a="1", b="2", c="3")
        shop.put("d/x", "1")
        shop.wavefile("steps: {s: {inputs: [a, b, 'c*', d/], outputs: o, run: 'cat a d/x > o'}}")
        built = shop.build(audit=True)

        assert (audit_of(built, "s").unread, built.result.additions) == (("b", "c*"), ())

    def test_checks_are_followed_and_may_read_what_is_theirs(self, shop: Workshop):
        """What only a check declares the action may not read."""
        shop.write(a="1", b="2")
        shop.wavefile("""
            steps:
              good: {outputs: o, run: "echo > o", checks: {run: "cat a o", inputs: a}}
              bad: {outputs: p, run: "cat a > p", checks: [{run: "cat a p", inputs: a}, "cat b"]}
        """)
        built = shop.build(audit=True)

        assert audit_of(built, "good") == Audit()
        assert paths(audit_of(built, "bad").reads) == ["a", "b"]

    def test_a_step_that_fails_is_followed_too(self, shop: Workshop):
        """Each try by itself: the last one is told."""
        shop.write(a="1")
        shop.wavefile("steps: {s: {outputs: o, retries: 1, run: 'cat a nothing > o'}}")
        built = shop.build(audit=True)

        assert (built.code, paths(audit_of(built, "s").reads)) == (1, ["a"])
        assert paths(audit_of(built, "s").sought) == ["nothing"]

    def test_links_count_by_either_name(self, shop: Workshop):
        """What is declared by its own name may be read through a link, and the other way round."""
        shop.put("real/x", "1")
        (shop.root / "link").symlink_to("real")
        shop.wavefile("""
            steps:
              through: {inputs: real/x, outputs: a, run: "cat link/x > a"}
              direct: {inputs: link/x, outputs: b, run: "cat real/x > b"}
        """)
        built = shop.build(audit=True)

        assert [audit_of(built, step) for step in ("through", "direct")] == [Audit(), Audit()]

    def test_what_a_daemon_of_the_step_does_does_not_delay_its_end(self, shop: Workshop):
        """The tracer stands beside; what is left running is ended and counted as ever."""
        shop.wavefile("steps: {s: {outputs: o, run: 'sleep 60 & echo > o'}}")
        built = shop.build(audit=True)

        assert (built.code, built.result.seconds < 30) == (0, True)
        assert built.steps["s"].notes == ("it left 1 process(es) running: they were ended",)

    def test_exit_codes_and_signals_are_those_of_the_step(self, shop: Workshop):
        """As without a tracer."""
        shop.wavefile("steps: {a: {run: 'exit 7'}, b: {run: 'kill -9 $$'}, c: {shell: [nosuchshell], run: x}}")
        built = shop.build(audit=True, keep_going=True)

        assert [built.steps[name].exit_code for name in "abc"] == [7, None, 127]
        assert built.steps["b"].signal == "SIGKILL"

    def test_a_secret_is_in_no_finding_and_no_trail_is_left(self, shop: Workshop):
        """Nor is any argument of a program written down."""
        shop.setenv(TOKEN="hunter2hunter2")
        shop.wavefile("steps: {s: {secrets: [TOKEN], outputs: o, run: 'touch x-$TOKEN; echo $TOKEN; echo > o'}}")
        built = shop.build(audit=True)
        left = [name for _, _, files in os.walk(shop.root / ".wavebuild/logs") for name in files if "trail" in name]

        assert (paths(audit_of(built, "s").writes), left) == (["x-***"], [])

    def test_freshness_is_the_same_with_an_audit_and_without(self, shop: Workshop):
        """No trace knows of it; where nothing runs, nothing is followed."""
        shop.write(a="1")
        shop.wavefile("steps: {s: {inputs: a, outputs: o, run: 'note s; cat a > o'}}")
        first, plain = shop.build(audit=True), shop.build()
        idle, forced = shop.build(audit=True), shop.build(audit=True, force=True)

        assert [built.ran for built in (first, plain, idle, forced)] == [["s"], [], [], ["s"]]
        assert [step.audit for step in idle.result.steps] in ([], [None])

    def test_of_a_sandboxed_step_it_is_told_what_was_kept_from_it(self, shop: Workshop):
        """By either way: in its private folder it is not there, in the project it may not be read."""
        shop.write(a="1", b="2", c="3")
        shop.wavefile(f"""
            steps:
              s:
                {{sandbox: true, inputs: a, outputs: o, run: "cat a > o; cat b || cat {shop.root}/c || echo > n"}}
        """)
        found = audit_of(shop.build(audit=True), "s")

        assert (paths(found.refused), paths(found.reads), paths(found.writes)) == (["c", "b"], [], ["n"])

    def test_with_limits_and_several_at_once(self, shop: Workshop):
        """Each job has a tracer of its own, within the limits of its step."""
        for n in range(6):
            shop.put(f"in{n}", "1")
        steps = "".join(
            f"  s{n}: {{outputs: o{n}, limits: {{memory: 2G}}, run: 'sleep 0.05; cat in{n} > o{n}'}}\n"
            for n in range(6)
        )
        shop.wavefile("steps:\n" + steps)
        built = shop.build(audit=True, jobs=3)

        assert [paths(audit_of(built, f"s{n}").reads) for n in range(6)] == [[f"in{n}"] for n in range(6)]


CALLED = """
import os, sqlite3, subprocess
def make(outputs):
    with open("conf") as conf, open(outputs[0], "w") as out:
        out.write(conf.read())
    open("extra", "w").close()
    os.listdir("folder")
    os.rename("extra", "extra2")
    try:
        open("made")
    except FileNotFoundError:
        pass
"""


class TestCalls:
    @pytest.fixture
    def calling(self, shop: Workshop) -> Workshop:
        shop.put("m.py", CALLED)
        shop.put("conf", "1")
        shop.put("folder/x", "1")
        shop.wavefile("steps: {s: {call: 'm:make', outputs: o}, t: {outputs: made, run: 'echo > made'}}")
        return shop

    @needs_strace
    def test_a_call_is_followed_by_strace(self, calling: Workshop):
        """Its own module is followed without being declared."""
        found = audit_of(calling.build("s", audit=True), "s")

        assert (paths(found.reads), paths(found.writes), found.lists) == (["conf"], ["extra2"], ("folder",))
        assert [touch.owner for touch in found.sought] == ["t"]
        assert found.complete

    def test_without_strace_python_tells_of_its_calls(self, calling: Workshop):
        """It is said that this is not all."""
        without_strace(calling)
        built = calling.build(audit=True)
        found = audit_of(built, "s")

        assert (paths(found.reads), paths(found.writes), found.lists) == (["conf"], ["extra2"], ("folder",))
        assert not found.complete
        assert audit_of(built, "t") == Audit(complete=False)
        assert "strace is not here" in built.notices

    def test_without_strace_and_calls_it_is_refused_before_anything_runs(self, shop: Workshop):
        """The package is named."""
        without_strace(shop)
        shop.wavefile("steps: {s: {outputs: o, run: 'note s; echo > o'}}")
        with pytest.raises(WavebuildError) as refused:
            shop.build(audit=True)

        assert (shop.ran(), refused.value.exit_code) == ([], 2)
        assert "install the package strace" in str(refused.value)

    def test_a_strace_that_may_not_trace_is_refused_with_what_it_said(self, shop: Workshop):
        """As in a container without the right to."""
        without_strace(shop)
        fake = shop.home / "tools/strace"
        fake.write_text("#!/bin/sh\necho 'PTRACE_TRACEME: Operation not permitted' >&2\nexit 1\n")
        fake.chmod(0o755)
        shop.wavefile("steps: {s: {outputs: o, run: 'note s; echo > o'}}")
        with pytest.raises(WavebuildError, match="may not trace here: PTRACE_TRACEME: Operation not permitted"):
            shop.build(audit=True)

        assert shop.ran() == []
