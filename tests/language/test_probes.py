"""Probes: external things that steps read and make, asked as seldom as is right."""

from __future__ import annotations

import os
import signal
import sqlite3
import time

import pytest

from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError
from wavebuild.run.events import Outcome, StepStarted

SOURCE = """
probes:
  rows: {run: "echo asked >> asked; cat table-{{ arg }}"%s}
steps:
  report: {inputs: "probe:rows@sales", outputs: report, run: "note report; echo done > report"}
"""

OWNED = """
probes:
  rows: {run: "echo asked >> asked; cat table-{{ arg }}"%s}
steps:
  load: {inputs: sales.csv, outputs: "probe:rows@sales", run: "note load; cp sales.csv table-sales"}
  report: {inputs: "probe:rows@sales", outputs: report, run: "note report; echo done > report"}
"""


def asked(shop: Workshop) -> int:
    """How often the probe has been asked so far."""
    return (shop.root / "asked").read_text().count("asked") if (shop.root / "asked").exists() else 0


def refused(shop: Workshop, text: str) -> str:
    shop.wavefile(text)
    with pytest.raises(WavebuildError) as error:
        shop.build()
    return "\n".join(f"{problem.place}: {problem.message} {problem.remedy}" for problem in error.value.problems)


class TestASource:
    """A probe that no step makes."""

    def test_the_reader_runs_when_the_answer_is_another(self, shop: Workshop) -> None:
        """And not when it is the same, whatever happened to the thing."""
        shop.wavefile(SOURCE % "")
        shop.put("table-sales", "12\n")
        assert shop.build().ran == ["report"]
        shop.put("table-sales", "12\n")
        assert shop.build().ran == []
        shop.put("table-sales", "13\n")

        built = shop.build()

        assert built.ran == ["report"]
        (reason,) = built.steps["report"].reasons
        assert (reason.member, reason.was, reason.now) == ("probe:rows@sales", "=12", "=13")  # type: ignore[union-attr]

    def test_it_is_asked_once_a_build_whoever_reads_it(self, shop: Workshop) -> None:
        """Also when its readers are judged at the same time."""
        readers = [f"  r{n}: {{inputs: 'probe:slow', outputs: r{n}, run: 'touch r{n}'}}\n" for n in range(4)]
        shop.wavefile("probes: {slow: {run: 'echo asked >> asked; sleep 0.1; echo 1'}}\nsteps:\n" + "".join(readers))

        built = shop.build(jobs=4)

        assert (built.code, asked(shop)) == (0, 1)
        assert set(built.outcomes.values()) == {"succeeded"}
        assert shop.build(jobs=4).result.nothing_to_do
        assert asked(shop) == 2

    def test_a_question_starts_no_command_and_says_maybe(self, shop: Workshop) -> None:
        """Unless it may ask; of a step that never ran it is known anyway that it will."""
        shop.wavefile(SOURCE % "")
        shop.put("table-sales", "12\n")
        assert shop.plan() == {"report": "RUN"}
        assert asked(shop) == 0
        shop.build()
        before = asked(shop)

        assert shop.plan() == {"report": "MAYBE"}
        assert shop.reasons("report") == ["Unasked"]
        assert shop.stale()
        assert asked(shop) == before
        assert shop.plan(ask=True) == {"report": "FRESH"}
        shop.put("table-sales", "13\n")
        assert shop.plan(ask=True) == {"report": "RUN"}
        assert shop.build().ran == ["report"]

    def test_an_answer_holds_for_its_ttl(self, shop: Workshop) -> None:
        """No build and no question asks before; afterwards they do."""
        shop.wavefile(SOURCE % ", ttl: 1h")
        shop.put("table-sales", "12\n")
        shop.build()
        shop.put("table-sales", "13\n")

        assert shop.plan() == {"report": "FRESH"}
        assert not shop.stale()
        assert shop.build().ran == []
        assert asked(shop) == 1
        shop.wavefile(SOURCE % ", ttl: 1ms".replace("1ms", "0.001s"))
        time.sleep(0.01)
        assert shop.build().ran == ["report"]

    def test_an_answer_to_another_definition_does_not_count(self, shop: Workshop) -> None:
        """Within its ttl, too; and the reader runs only if the value is another."""
        shop.wavefile(SOURCE % ", ttl: 1h")
        shop.put("table-sales", "12\n")
        shop.build()
        shop.wavefile((SOURCE % ", ttl: 1h").replace("cat", "head -n 1"))

        assert shop.plan() == {"report": "MAYBE"}
        assert shop.build().ran == []
        assert asked(shop) == 2

    @pytest.mark.parametrize(
        ("on_error", "outcome"), [("fail", "failed"), ("changed", "succeeded"), ("unchanged", "kept")]
    )
    def test_a_command_that_fails_goes_by_on_error(self, shop: Workshop, on_error: str, outcome: str) -> None:
        """The reader fails, or runs, or is as fresh as with the last answer."""
        shop.wavefile(SOURCE % f", on_error: {on_error}")
        shop.put("table-sales", "12\n")
        shop.build()
        (shop.root / "table-sales").unlink()

        built = shop.build()

        assert built.outcomes == {"report": outcome}
        if on_error == "fail":
            assert "probe:rows@sales ended with exit code 1" in built.steps["report"].detail
            assert "No such file" in "\n".join(built.steps["report"].tail)
        shop.put("table-sales", "12\n")
        assert shop.build().code == 0
        assert shop.build().ran == []

    def test_without_an_answer_that_it_could_repeat_a_reader_runs(self, shop: Workshop) -> None:
        """`unchanged` has nothing to go by the first time, and is no reason afterwards."""
        shop.wavefile(SOURCE % ", on_error: unchanged")

        assert shop.build().ran == ["report"]
        assert shop.build().ran == []
        shop.put("table-sales", "12\n")
        assert shop.build().ran == ["report"]

    def test_a_failed_probe_fails_all_its_readers_and_nothing_else(self, shop: Workshop) -> None:
        """It is asked once; other branches go on."""
        shop.wavefile(
            "probes: {p: {run: 'echo asked >> asked; exit 3'}}\n"
            "steps:\n"
            "  a: {inputs: 'probe:p', outputs: a, run: 'touch a'}\n"
            "  b: {inputs: 'probe:p', outputs: b, run: 'touch b'}\n"
            "  c: {outputs: c, run: 'touch c'}\n"
            "  d: {inputs: a, outputs: d, run: 'touch d'}\n"
        )

        built = shop.build(keep_going=True)

        assert built.outcomes == {"a": "failed", "b": "failed", "c": "succeeded", "d": "blocked"}
        assert (built.code, asked(shop)) == (1, 1)
        assert built.steps["b"].detail == "probe:p ended with exit code 3"

    def test_only_whether_it_succeeds_counts_with_exists(self, shop: Workshop) -> None:
        """What it prints may be anything."""
        shop.wavefile(SOURCE % ", compare: exists")
        shop.put("table-sales", "12\n")
        shop.build()
        shop.put("table-sales", "13\n")
        assert shop.build().ran == []
        (shop.root / "table-sales").unlink()

        assert shop.build().outcomes == {"report": "failed"}

    def test_that_a_thing_is_not_there_is_a_fact_with_exists_and_changed(self, shop: Workshop) -> None:
        """The reader runs when it goes, and is what it was when it comes back."""
        shop.wavefile(SOURCE % ", compare: exists, on_error: changed")
        ran = []
        for there in (True, True, False, False, True):
            if there:
                shop.put("table-sales", "12\n")
            else:
                (shop.root / "table-sales").unlink(missing_ok=True)
            ran.append(shop.build().ran)

        assert ran == [["report"], [], ["report"], [], []]

    @pytest.mark.long
    def test_one_that_hangs_is_ended_with_all_it_started(self, shop: Workshop) -> None:
        """`timeout` kills the whole group."""
        shop.wavefile(
            "probes: {p: {run: 'sleep 60 & echo $! > pid; sleep 60', timeout: 3s}}\n"
            "steps: {a: {inputs: 'probe:p', outputs: a, run: 'touch a'}}\n"
        )
        began = time.monotonic()

        built = shop.build()

        assert built.steps["a"].detail == "probe:p gave no answer within 3 s"
        assert time.monotonic() - began < 50
        with pytest.raises(ProcessLookupError):
            os.kill(int(shop.read("pid")), 0)

    def test_ctrl_c_ends_a_probe_that_is_being_asked(self, shop: Workshop) -> None:
        """The step is interrupted before it was judged; the next build asks anew."""
        shop.wavefile(
            "probes: {p: {run: 'kill -INT $PPID_OF_BUILD; sleep 60'}}\n"
            "steps: {a: {inputs: 'probe:p', outputs: a, run: 'note a; touch a'}}\n"
        )
        shop.setenv(PPID_OF_BUILD=str(os.getpid()))
        former = signal.getsignal(signal.SIGINT)

        built = shop.build()

        assert signal.getsignal(signal.SIGINT) is former
        assert (built.outcomes, built.ran) == ({"a": "interrupted"}, [])
        assert built.code == 130
        shop.wavefile("probes: {p: {run: 'echo 1'}}\nsteps: {a: {inputs: 'probe:p', outputs: a, run: 'touch a'}}\n")
        assert shop.build().code == 0

    def test_it_sees_the_environment_and_the_shell_of_its_wavefile(self, shop: Workshop) -> None:
        """And runs at the root, with its argument in quotes."""
        shop.wavefile(
            "env: {TABLE: sales}\nsettings: {shell: [sh, -eu, -c]}\n"
            'probes: {p: {run: "pwd > where; echo $TABLE {{ arg }}"}}\n'
            "steps: {a: {inputs: \"probe:p@it's $HOME\", outputs: a, run: 'touch a'}}\n"
        )

        built = shop.build()

        assert built.code == 0
        assert shop.read("where").strip() == str(shop.root)
        shop.put("Wavefile", shop.read("Wavefile").replace("sales", "costs"))
        (reason,) = [r for r in shop.build().steps["a"].reasons if getattr(r, "member", "")]
        assert (reason.was, reason.now) == ("=sales it's $HOME", "=costs it's $HOME")  # type: ignore[union-attr]

    def test_a_secret_is_neither_kept_nor_logged(self, shop: Workshop) -> None:
        """An answer that would show it is known by its digest; what a probe complains of is masked."""
        shop.setenv(TOKEN="s3cr3t-token")
        shop.wavefile(
            "secrets: [TOKEN]\nprobes: {p: {run: 'echo $TOKEN; echo with $TOKEN >&2; test ! -e down'}}\n"
            "steps: {a: {inputs: 'probe:p', outputs: a, run: touch a}}\n"
        )
        assert shop.build().code == 0
        shop.put("down", "")

        failed = shop.build().steps["a"]

        assert failed.tail == ("with ***",)
        found = [path for path in shop.root.rglob("*") if path.is_file() and b"s3cr3t-token" in path.read_bytes()]
        assert found == []

    def test_a_long_answer_is_known_by_its_digest(self, shop: Workshop) -> None:
        """And so is one of several lines."""
        shop.wavefile(SOURCE % "")
        shop.put("table-sales", "x" * 300 + "\n")
        shop.build()
        shop.put("table-sales", "two\nlines\n")

        (reason,) = shop.build().steps["report"].reasons

        assert reason.was.startswith("probe:")  # type: ignore[union-attr]
        assert reason.now.startswith("probe:")  # type: ignore[union-attr]

    def test_an_argument_may_come_from_a_template(self, shop: Workshop) -> None:
        """As in any artifact."""
        shop.wavefile(
            (SOURCE % "").replace("@sales", "@{{ table }}").replace("probes:", "vars: {table: costs}\nprobes:")
        )
        shop.put("table-costs", "1\n")

        assert shop.build().ran == ["report"]

    def test_files_alone_stand_in_the_lists_of_inputs_and_outputs(self, shop: Workshop) -> None:
        """A probe has no path."""
        shop.wavefile(
            "probes: {p: {run: 'echo 1'}, q: {run: 'echo 2'}}\n"
            "steps:\n"
            "  a:\n"
            "    inputs: ['probe:p', f]\n"
            "    outputs: ['probe:q', a]\n"
            '    run: \'cat "$WAVEBUILD_INPUTS" "$WAVEBUILD_OUTPUTS" > a; echo {{ inputs }} {{ outputs }} >> a\'\n'
        )
        shop.put("f", "")
        shop.build()

        assert shop.read("a").split() == ["f", "a", "f", "a"]


class TestOfAGate:
    """A probe that only a check reads."""

    WAVEFILE = """
probes: {limit: {run: cat limit}}
steps:
  a: {inputs: src, outputs: a, run: "note a; cp src a", checks: {run: "note check", inputs: "probe:limit"}}
"""

    def test_another_answer_judges_the_outputs_again(self, shop: Workshop) -> None:
        """The action does not run."""
        shop.wavefile(self.WAVEFILE)
        shop.write(src="1", limit="5\n")
        assert shop.build().ran == ["a", "check"]
        assert shop.build().ran == []
        shop.put("limit", "6\n")

        assert shop.plan() == {"a": "MAYBE"}
        assert shop.plan(ask=True) == {"a": "RECHECK"}
        built = shop.build()

        assert (built.ran, built.outcomes) == (["check"], {"a": "kept"})
        assert shop.build().ran == []

    def test_one_that_gives_no_answer_fails_the_step_before_anything_runs(self, shop: Workshop) -> None:
        """Though the action itself does not read it."""
        shop.wavefile(self.WAVEFILE)
        shop.write(src="1")

        assert shop.build().ran == []
        assert shop.build().steps["a"].detail == "probe:limit ended with exit code 1"


class TestAnOwner:
    """A step that makes the thing."""

    def test_it_is_asked_after_the_owner_and_stands_for_readers(self, shop: Workshop) -> None:
        """Once more in an idle build, when the owner is judged; within its ttl not even then."""
        shop.wavefile(OWNED % "")
        shop.put("sales.csv", "12\n")

        first = shop.build()

        assert first.ran == ["load", "report"]
        assert asked(shop) == 1, "what was never made need not be asked for"
        assert shop.build().ran == []
        assert asked(shop) == 2
        shop.put("sales.csv", "13\n")
        assert shop.build().ran == ["load", "report"]
        assert asked(shop) == 3

    def test_an_owner_that_makes_the_same_leaves_its_readers_fresh(self, shop: Workshop) -> None:
        """Cutoff, as with files."""
        shop.wavefile((OWNED % "").replace("cp sales.csv table-sales", "wc -l < sales.csv > table-sales"))
        shop.put("sales.csv", "a\n")
        shop.build()
        shop.put("sales.csv", "b\n")

        assert shop.build().ran == ["load"]

    @pytest.mark.parametrize("changed", ["dropped", "other"])
    def test_a_table_that_was_changed_outside_is_made_again(self, shop: Workshop, changed: str) -> None:
        """Dropped, or filled otherwise; its readers are cut off if it is what it was."""
        shop.wavefile(OWNED % "")
        shop.put("sales.csv", "12\n")
        shop.build()
        if changed == "dropped":
            (shop.root / "table-sales").unlink()
        else:
            shop.put("table-sales", "99\n")

        assert shop.plan() == {"load": "MAYBE", "report": "MAYBE"}
        assert shop.plan(ask=True)["load"] == "RUN"
        built = shop.build()

        assert built.ran == ["load"]
        kind = {"dropped": "OutputMissing", "other": "OutputEdited"}[changed]
        assert [type(reason).__name__ for reason in built.steps["load"].reasons] == [kind]
        assert shop.read("table-sales") == "12\n"
        assert shop.build().ran == []

    def test_an_answer_within_its_ttl_stands_for_the_owner(self, shop: Workshop) -> None:
        """Until it runs: then it is asked at once."""
        shop.wavefile(OWNED % ", ttl: 1h")
        shop.put("sales.csv", "12\n")
        shop.build()
        (shop.root / "table-sales").unlink()

        assert shop.build().ran == []
        assert asked(shop) == 1
        shop.put("sales.csv", "13\n")
        assert shop.build().ran == ["load", "report"]
        assert asked(shop) == 2
        assert not shop.stale()

    @pytest.mark.parametrize("on_error", ["fail", "changed", "unchanged"])
    def test_a_probe_that_fails_after_its_owner_fails_it(self, shop: Workshop, on_error: str) -> None:
        """Whatever `on_error` says: the step did not make what it promises."""
        shop.wavefile((OWNED % f", on_error: {on_error}").replace("cp sales.csv table-sales", "true"))
        shop.put("sales.csv", "12\n")

        built = shop.build()

        assert built.outcomes == {"load": "failed", "report": "blocked"}
        assert built.steps["load"].failure == "probe"
        assert built.steps["load"].detail == "probe:rows@sales ended with exit code 1"
        assert shop.build().ran == ["load"], "it stays stale"

    def test_unchanged_spares_the_owner_when_its_probe_cannot_answer(self, shop: Workshop) -> None:
        """A warehouse that is down for a minute is no reason to load it for three hours."""
        shop.wavefile(OWNED % ", on_error: unchanged")
        shop.put("sales.csv", "12\n")
        shop.build()
        (shop.root / "table-sales").unlink()

        assert shop.build().ran == []

    @pytest.mark.long
    def test_an_owner_is_not_run_because_of_a_probe_that_hangs(self, shop: Workshop) -> None:
        """Whether the thing is there is not known: the owner fails with the reason, and does not run."""
        shop.wavefile((OWNED % ", timeout: 3s").replace("cat", "test -e hang && sleep 60; cat"))
        shop.put("sales.csv", "12\n")
        shop.build()
        shop.put("hang", "")

        built = shop.build()

        assert (built.outcomes["load"], built.ran) == ("failed", [])
        assert built.steps["load"].detail == "probe:rows@sales gave no answer within 3 s"
        (shop.root / "hang").unlink()
        assert shop.build().ran == []

    def test_a_run_that_failed_leaves_no_old_answer_behind(self, shop: Workshop) -> None:
        """What it did outside cannot be rolled back: taking the edit back does not make it fresh unseen."""
        shop.wavefile((OWNED % ", ttl: 1h").replace('table-sales"', 'table-sales; ! grep bad sales.csv"'))
        shop.put("sales.csv", "12\n")
        assert shop.build().code == 0
        shop.put("sales.csv", "bad\n")
        assert shop.build().outcomes["load"] == "failed"
        shop.put("sales.csv", "12\n")

        built = shop.build()

        assert built.ran == ["load"]
        assert shop.read("table-sales") == "12\n"

    def test_a_failed_probe_puts_the_files_of_its_owner_back(self, shop: Workshop) -> None:
        """The attempt failed, files and all."""
        shop.wavefile(
            "probes: {p: {run: test ! -e broken}}\nsteps: {a: {inputs: f, outputs: ['probe:p', a], run: 'cp f a'}}\n"
        )
        shop.put("f", "one")
        shop.build()
        shop.put("f", "two")
        shop.put("broken", "")

        assert shop.build().outcomes == {"a": "failed"}
        assert shop.read("a") == "one"

    def test_a_further_try_is_asked_for_again(self, shop: Workshop) -> None:
        """A probe that fails is a failed attempt."""
        shop.wavefile(
            "probes: {p: {run: test -e twice}}\n"
            "steps: {a: {outputs: 'probe:p', retries: 1, run: 'note a; test -e once && touch twice; touch once'}}\n"
        )
        shop.wavefile(shop.read("Wavefile").replace("test -e once && touch twice", "! test -e once || touch twice"))

        built = shop.build()

        assert (built.outcomes, built.ran) == ({"a": "succeeded"}, ["a", "a"])

    def test_a_reader_alone_asks_for_itself(self, shop: Workshop) -> None:
        """With `--only` the owner is not judged; what there is counts."""
        shop.wavefile(OWNED % "")
        shop.put("sales.csv", "12\n")
        shop.build()
        shop.put("table-sales", "99\n")

        assert shop.build("report", only=True).ran == ["report"]

    def test_a_killed_run_leaves_no_old_answer_behind(self, shop: Workshop) -> None:
        """The void is on record before the action can do harm: a rerun is judged by what is there."""
        shop.wavefile((OWNED % ", ttl: 1h").replace('table-sales"', 'table-sales; kill -9 $PPID"'))
        shop.put("sales.csv", "12\n")
        assert shop.build().outcomes["load"] == "failed"
        state = sqlite3.connect(f"file:{shop.root}/.wavebuild/state/Wavefile.db?mode=ro", uri=True)

        assert state.execute("select member, digest, asked from probes").fetchall() == [("probe:rows@sales", None, 0.0)]
        state.close()

    def test_two_owners_of_one_thing_are_refused(self, shop: Workshop) -> None:
        """With both places."""
        said = refused(
            shop,
            "probes: {p: {run: 'echo {{ arg }}'}}\n"
            "steps:\n"
            "  a: {outputs: 'probe:p@x', run: 'true'}\n"
            "  b: {outputs: 'probe:p@x', run: 'true'}\n",
        )

        assert "probe:p@x is an output of two steps" in said

    def test_a_person_may_be_the_owner(self, shop: Workshop) -> None:
        """A manual step waits until the probe succeeds."""
        shop.wavefile(
            "probes: {space: {run: 'cat space', compare: exists}}\n"
            "steps:\n"
            "  space: {manual: Create the space by hand., outputs: 'probe:space'}\n"
            "  use: {inputs: 'probe:space', outputs: use, run: 'note use; touch use'}\n"
        )
        assert shop.build().outcomes == {"space": "waiting", "use": "blocked"}
        shop.put("space", "")

        assert shop.build().outcomes == {"space": "kept", "use": "succeeded"}
        assert shop.build().outcomes == {"space": "kept", "use": "kept"}
        (shop.root / "space").unlink()
        assert shop.build().outcomes["space"] == "waiting"


class TestAHandThatChangesTheThing:
    """``on_edit`` and ``accept``, as for files."""

    @pytest.fixture
    def edited(self, shop: Workshop) -> Workshop:
        shop.wavefile((OWNED % "").replace('run: "note load', 'on_edit: fail, run: "note load'))
        shop.put("sales.csv", "12\n")
        shop.build()
        shop.put("table-sales", "99\n")
        return shop

    @pytest.mark.parametrize("stale", [False, True])
    def test_on_edit_fail_stops_with_the_ways_out(self, edited: Workshop, stale: bool) -> None:
        """Also where the step is stale for another reason: then its probe is asked before it runs."""
        if stale:
            edited.put("sales.csv", "13\n")

        built = edited.build()

        assert (built.outcomes, built.ran) == ({"load": "failed", "report": "blocked"}, [])
        assert built.steps["load"].failure == "edited"
        assert "wavebuild accept probe:rows@sales" in built.steps["load"].detail
        assert edited.read("table-sales") == "99\n"

    @pytest.mark.parametrize("subject", ["probe:rows@sales", "load"])
    def test_accept_takes_the_thing_as_it_is(self, edited: Workshop, subject: str) -> None:
        """Its readers run, once; made anew it is only when the step is stale again and a person says so."""
        assert edited.accept(subject) == ("probe:rows@sales: accepted as made by load",)
        assert edited.build().ran == ["report"]
        assert edited.build().ran == []
        edited.put("sales.csv", "13\n")
        assert edited.build().outcomes["load"] == "failed"

        assert edited.build("load", force=True, only=True).ran == ["load"]
        assert edited.read("table-sales") == "13\n"

    def test_on_edit_adopt_takes_it_without_a_word(self, edited: Workshop) -> None:
        """But not where it is gone: then it is made again, and the page of before is right again."""
        edited.wavefile(edited.read("Wavefile").replace("on_edit: fail", "on_edit: adopt"))
        assert edited.build().ran == ["report"]
        assert edited.read("table-sales") == "99\n"
        (edited.root / "table-sales").unlink()

        assert edited.build().ran == ["load"]

    def test_nothing_can_be_accepted_that_gives_no_answer(self, edited: Workshop) -> None:
        """The reason is said."""
        (edited.root / "table-sales").unlink()

        with pytest.raises(WavebuildError, match="probe:rows@sales ended with exit code 1"):
            edited.accept("load")


class TestWhatIsRefused:
    """Before anything runs, all at once, with place and remedy."""

    def test_a_probe_that_is_not_declared(self, shop: Workshop) -> None:
        """Did you mean."""
        said = refused(
            shop,
            "probes: {rows: {run: 'echo {{ arg }}'}}\n"
            "steps: {a: {inputs: ['probe:row@x', 'probe:rows'], checks: {run: ls, inputs: 'probe:p'}, run: ls}}\n",
        )

        assert "Wavefile:2:22: no probe is called 'row' did you mean 'rows'?" in said
        assert "the probe 'rows' needs an argument: its command uses {{ arg }} write probe:rows@ARGUMENT" in said
        assert "no probe is called 'p'" in said

    @pytest.mark.parametrize(
        ("probes", "named", "message"),
        [
            ("p: {run: echo}", "probe:p@x", "the probe 'p' takes no argument"),
            ("p: {run: echo}", "probe:", "names no probe"),
            ("p: {run: echo}", "probe:p@", "names no probe"),
            ("p: {ttl: 5m}", "probe:p", "the probe 'p' needs 'run'"),
            ("p: {run: echo, ttl: 5}", "probe:p", "expected a duration"),
            ("p: {run: echo, on_error: ignore}", "probe:p", "expected fail or changed or unchanged"),
            ("p: {run: echo, compare: exist}", "probe:p", "did you mean 'exists'?"),
            ("p: {run: echo, retries: 3}", "probe:p", "unknown key 'retries' in a probe"),
            ("p: {run: 'echo {{ inputs }}'}", "probe:p", "'inputs' is known in commands only"),
            ("p: echo", "probe:p", "expected the keys of a probe"),
            ("'a b': {run: echo}", "probe:p", "'a b' is not the name of a probe"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_with_a_probe(self, shop: Workshop, probes: str, named: str, message: str) -> None:
        """One problem each, with its place."""
        said = refused(shop, f"probes: {{{probes}}}\nsteps: {{a: {{inputs: '{named}', run: 'true'}}}}\n")

        assert message in said
        assert said.startswith("Wavefile:")

    def test_arg_is_known_to_probes_alone(self, shop: Workshop) -> None:
        """And the message says where."""
        said = refused(shop, "steps: {a: {run: 'echo {{ arg }}'}}\n")

        assert "'arg' is known in the command of a probe only" in said


def test_a_probe_is_asked_in_a_slot_like_any_job(shop: Workshop) -> None:
    """With one slot nothing runs beside it, and no step is told as started before it is."""
    shop.wavefile(SOURCE % "")
    shop.put("table-sales", "1\n")
    shop.build()

    built = shop.build()

    assert [event for event in built.events if isinstance(event, StepStarted)] == []
    assert built.result.nothing_to_do


def test_a_step_with_a_probe_is_looked_at_in_every_build(shop: Workshop) -> None:
    """No evidence of files can say what a probe would: the quick look leaves it alone, and those beside it in peace."""
    shop.wavefile(SOURCE % "" + "  other: {inputs: s, outputs: o, run: note other; cp s o}\n")
    shop.write(s="1\n")
    shop.put("table-sales", "1\n")
    shop.build()

    assert shop.build().told == ["report"]
    shop.put("table-sales", "2\n")
    built = shop.build()
    assert (built.ran, built.told) == (["report"], ["report"])


def test_a_touch_asks_for_what_it_records(shop: Workshop) -> None:
    """Afterwards the step is fresh, for the same answers."""
    shop.wavefile(SOURCE % "")
    shop.put("table-sales", "12\n")
    shop.put("report", "by hand")
    shop.touch("report")

    assert shop.build().ran == []
    shop.put("table-sales", "13\n")
    assert shop.build().ran == ["report"]


def test_what_a_probe_complains_of_is_the_log_of_the_reader_that_fails_by_it(shop: Workshop) -> None:
    """And of nobody else: an owner that runs as its table is gone keeps its own log clean."""
    shop.wavefile(OWNED % "" + "  other: {inputs: 'probe:rows@nowhere', outputs: other, run: 'touch other'}\n")
    shop.put("sales.csv", "12\n")
    shop.build(keep_going=True)
    (shop.root / "table-sales").unlink()

    built = shop.build(keep_going=True)

    assert built.outcomes == {"load": "succeeded", "report": "kept", "other": "failed"}
    assert built.steps["load"].log is None
    assert "table-nowhere: No such file" in shop.read(built.steps["other"].log or "")
    assert [line.last_outcome for line in shop.status() if line.step == "other"] == [Outcome.FAILED]
    assert not list(shop.root.glob(".wavebuild/logs/*/*~*")), "nothing is left beside the logs"


class TestInAnIncludedFile:
    """Its probes are its own; it sees those of the file around it where it lacks a name."""

    def test_each_file_asks_its_own_probe_of_one_name(self, shop: Workshop) -> None:
        """In its own folder, with its own environment; what it lacks is that of the file around it."""
        shop.put(
            "sub/Wavefile",
            "env: {WHO: sub}\nprobes: {p: {run: 'echo $WHO $PWD'}}\n"
            "steps: {b: {inputs: ['probe:p', 'probe:outer'], outputs: b, run: touch b}}\n",
        )
        shop.wavefile(
            "include: {path: sub/Wavefile, as: s}\nenv: {WHO: top}\n"
            "probes: {p: {run: 'echo $WHO $PWD'}, outer: {run: 'echo $WHO $PWD'}}\n"
            "steps: {a: {inputs: ['probe:p', sub/b], outputs: a, run: touch a}}\n"
        )
        shop.build()
        state = sqlite3.connect(f"file:{shop.root}/.wavebuild/state/Wavefile.db?mode=ro", uri=True)
        said = {digest for (digest,) in state.execute("select digest from probes")}
        state.close()

        assert said == {f"=sub {shop.root}/sub", f"=top {shop.root}"}
        assert shop.build().result.nothing_to_do


class TestInListsMadeInTheBuild:
    """Probes are named by instances and by lists like any artifact."""

    LISTED = """
probes:
  rows: {run: "cat table-{{ arg }}"}
steps:
  find: {inputs: wanted, outputs: list.txt, run: "note find; sed s/^/probe:/ wanted > list.txt"}
  use: {inputs: {list: list.txt}, outputs: used, run: "note use; touch used"}
  load: {foreach: {t: [a, b]}, inputs: "{{ t }}.csv", outputs: "probe:rows@{{ t }}",
    run: "note load-{{ t }}; cp {{ inputs }} table-{{ t }}"}
"""

    def test_an_owner_of_a_listed_probe_is_waited_for(self, shop: Workshop) -> None:
        """The edge is known when the list is; what it does not name does not count."""
        shop.wavefile(self.LISTED)
        shop.write(wanted="rows@b\n", a__csv="1\n", b__csv="1\n")
        first = shop.build(jobs=2)
        assert sorted(first.ran) == ["find", "load-a", "load-b", "use"]
        assert first.ran.index("use") > first.ran.index("load-b")
        assert shop.build().ran == []
        shop.put("a.csv", "2\n")
        assert shop.build().ran == ["load-a"]
        shop.put("b.csv", "2\n")
        assert shop.build().ran == ["load-b", "use"]

    @pytest.mark.parametrize(
        ("line", "message"), [("row@b", "no probe is called 'row'"), ("rows", "the probe 'rows' needs an argument")]
    )
    def test_a_line_that_names_a_probe_badly_fails_its_reader(self, shop: Workshop, line: str, message: str) -> None:
        """Nothing else."""
        shop.wavefile(self.LISTED)
        shop.write(wanted=line + "\n", a__csv="1\n", b__csv="1\n")

        built = shop.build(keep_going=True)

        assert (built.outcomes["use"], built.outcomes["load@a"]) == ("failed", "succeeded")
        assert message in built.steps["use"].detail

    def test_a_probe_whose_name_comes_from_a_made_list_is_looked_at_then(self, shop: Workshop) -> None:
        """Until then it may be any."""
        shop.wavefile(
            "probes: {p: {run: 'echo 1'}}\n"
            "steps:\n"
            "  names: {inputs: wanted, outputs: names.csv, run: 'cp wanted names.csv'}\n"
            "  use: {foreach: {n: {path: names.csv, column: n}}, inputs: 'probe:{{ n }}', outputs: 'u-{{ n }}',"
            " run: 'touch u-{{ n }}'}\n"
        )
        shop.put("wanted", "n\np\nq\n")
        bad = shop.build(keep_going=True)
        assert bad.outcomes == {"names": "succeeded", "use": "failed"}
        assert "no probe is called 'q'" in bad.steps["use"].detail
        shop.put("wanted", "n\np\n")

        assert shop.build().outcomes["use@p"] == "succeeded"
