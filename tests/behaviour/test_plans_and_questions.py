"""Waves, plan words, and the questions: they tell what a build would do, and change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError
from wavebuild.run.events import BuildSettled, BuildStarted, StepSettled, StepStarted, WaveStarted
from wavebuild.ui.words import reason_text

DIAMOND = """
settings: {log_keep: 2}
steps:
  a: {inputs: s, outputs: a.o, run: 'note a; cut -c1 s > a.o; echo said'}
  b: {inputs: a.o, outputs: b.o, run: 'note b; cat a.o > b.o'}
  c: {inputs: a.o, outputs: c.o, run: 'note c; cat a.o > c.o'}
  d: {inputs: [b.o, c.o], outputs: d.o, run: 'note d; cat b.o c.o > d.o'}
"""


@pytest.fixture
def diamond(shop: Workshop) -> Workshop:
    shop.wavefile(DIAMOND)
    shop.put("s", "x1")
    shop.settle()
    return shop


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time, those of the state too."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


class TestPlan:
    def test_a_diamond_has_three_waves(self, diamond: Workshop):
        """Of one, two and one steps; the ones of one are gates."""
        waves = engine.plan(diamond.request()).waves

        assert [[step.name for step in wave.steps] for wave in waves] == [["a"], ["b", "c"], ["d"]]
        assert [wave.gate for wave in waves] == [True, False, True]

    def test_what_is_stale_runs_and_what_reads_it_may(self, diamond: Workshop):
        """Before the build nobody knows whether the bytes will be the same."""
        diamond.put("s", "x2")

        assert diamond.plan() == {"a": "RUN", "b": "MAYBE", "c": "MAYBE", "d": "MAYBE"}
        assert diamond.build().ran == ["a"]

    def test_what_is_stale_for_itself_runs_whatever_comes_from_above(self, diamond: Workshop):
        """Its own reason lasts."""
        diamond.put("s", "y")
        (diamond.root / "d.o").unlink()

        assert diamond.plan()["d"] == "RUN"

    @pytest.mark.parametrize("outputs", ["o/a", "o/*"])
    def test_a_member_that_its_owner_makes_again_is_not_gone_for_its_reader(self, shop: Workshop, outputs: str):
        """What reads it through a glob may find the same bytes: nobody knows before the build."""
        shop.wavefile(
            f"steps: {{a: {{outputs: {outputs}, run: 'note a; echo > o/a'}}, b: {{inputs: 'o/*', run: note b}}}}"
        )
        shop.settle()
        (shop.root / "o/a").unlink()

        assert shop.planned() == {"a": ["RUN", "OutputMissing"], "b": ["MAYBE", "Upstream"]}
        assert shop.build().ran == ["a"]

    def test_reasons_are_those_of_the_step(self, diamond: Workshop):
        """From the closed list."""
        diamond.put("s", "y")
        assert diamond.reasons("a") == ["InputChanged"]
        assert diamond.reasons("b") == ["Upstream"]

    def test_what_cannot_be_read_is_said_with_its_place(self, shop: Workshop):
        """Of an input and of a shared file; whoever asks need not build to see what is wrong."""
        shop.wavefile(
            "steps:\n"
            "  reads: {inputs: 'a.yaml#k', outputs: o, run: cp a.yaml o}\n"
            "  edits: {updates: 'b.yaml#k', run: 'true'}\n"
        )
        shop.write(a__yaml="k: 1\nk: 2\n", b__yaml="[\n")

        steps = {step.name: step for wave in engine.plan(shop.request()).waves for step in wave.steps}

        assert {step.word.name for step in steps.values()} == {"BLOCKED"}
        said = {name: [reason_text(reason) for reason in step.reasons] for name, step in steps.items()}
        assert {name: texts[0][:26] for name, texts in said.items()} == {
            "reads": "cannot be read: a.yaml:2:1",
            "edits": "cannot be read: b.yaml:1:1",
        }

    def test_an_edit_that_stops_a_step_is_foreseen(self, diamond: Workshop):
        """Blocked in the plan, as what reads it."""
        diamond.wavefile(DIAMOND.replace("outputs: b.o,", "outputs: b.o, on_edit: fail,"))
        diamond.put("b.o", "mine")

        assert diamond.plan() == {"a": "FRESH", "b": "BLOCKED", "c": "FRESH", "d": "BLOCKED"}
        assert diamond.build().outcomes == {"a": "kept", "b": "failed", "c": "not_started", "d": "blocked"}

    def test_measured_times_replace_estimates(self, diamond: Workshop):
        """After the first success."""
        waves = engine.plan(diamond.request()).waves

        assert all(step.estimate is not None and step.estimate.high < 60 for wave in waves for step in wave.steps)

    def test_what_the_plan_says_is_what_happens(self, diamond: Workshop):
        """RUN runs, FRESH is kept, MAYBE is one of the two."""
        diamond.put("c.o", "edited")
        words = diamond.plan()
        outcomes = diamond.build().outcomes

        assert words == {"a": "FRESH", "b": "FRESH", "c": "RUN", "d": "MAYBE"}
        assert outcomes == {"a": "kept", "b": "kept", "c": "succeeded", "d": "kept"}

    def test_a_step_that_may_be_as_it_once_was_is_not_said_to_run(self, shop: Workshop):
        """What it was once built from is back, or will be when what it reads is made again."""
        shop.wavefile("""
        steps:
          a: {inputs: s, outputs: o, run: note a; cp s o}
          b: {inputs: [s, o], run: note b}
        """)
        for text in ("one", "two"):
            shop.write(s=text)
            shop.settle()

        shop.write(s="one")
        back = shop.plan()
        shop.write(s="three")

        assert back == {"a": "RUN", "b": "MAYBE"}
        assert shop.plan() == {"a": "RUN", "b": "RUN"}
        shop.write(s="one")
        assert shop.build().ran == ["a"]


class TestQuestions:
    def test_they_change_nothing(self, diamond: Workshop):
        """Neither the files nor the state, stale or fresh, before the first build or after."""
        for text in ("x1", "y"):
            diamond.put("s", text)
            before = everything(diamond.root)
            diamond.plan()
            diamond.stale()
            diamond.words()
            engine.explain(diamond.request(), "d")
            engine.logs(diamond.request(), "a")
            engine.check(diamond.request())

            assert everything(diamond.root) == before
            assert diamond.ran() == []

    def test_before_the_first_build_they_make_no_state(self, shop: Workshop):
        """Looking at a fresh clone leaves it clean."""
        shop.wavefile(DIAMOND)
        shop.put("s", "x")

        assert shop.plan()["a"] == "RUN"
        assert shop.stale()
        assert not (shop.root / ".wavebuild").exists()

    def test_is_anything_stale(self, diamond: Workshop):
        """The answer of -q."""
        assert not diamond.stale()
        diamond.put("s", "y")
        assert diamond.stale()

    def test_status_tells_how_each_step_last_ran(self, diamond: Workshop):
        """Verdict now, outcome and time then."""
        diamond.put("s", "y")
        lines = engine.status(diamond.request())

        assert [(line.step, line.word.name) for line in lines] == [
            ("a", "RUN"),
            ("b", "MAYBE"),
            ("c", "MAYBE"),
            ("d", "MAYBE"),
        ]
        assert all(line.last_outcome is not None and line.last_outcome.value == "succeeded" for line in lines)
        assert all(line.last_seconds is not None and line.last_seconds >= 0 for line in lines)

    def test_explain_goes_up_to_the_root(self, diamond: Workshop):
        """From the step that is asked about to the source that changed."""
        diamond.put("s", "y")
        chain = engine.explain(diamond.request(), "d").chain

        assert [cause.step for cause in chain] == ["d", "b", "c", "a"]
        assert [type(reason).__name__ for reason in chain[-1].reasons] == ["InputChanged"]

    def test_explain_takes_a_path(self, diamond: Workshop):
        """That of an output; of a fresh step it says only that."""
        chain = engine.explain(diamond.request(), "d.o").chain

        assert [(cause.step, cause.word.name) for cause in chain] == [("d", "FRESH")]

    def test_check_tells_every_problem_and_raises_none(self, shop: Workshop):
        """Of the text and of the sources."""
        shop.wavefile("steps: {a: {inputs: no, run: x}, b: {outptus: o, run: y}}")

        assert engine.check(shop.request()) != ()

    def test_an_unknown_target_is_refused_with_near_words(self, diamond: Workshop):
        """Before anything runs."""
        with pytest.raises(WavebuildError, match="did you mean"):
            diamond.build("aa.o")


class TestBadInputs:
    @pytest.mark.scenario(id="G4")
    def test_every_missing_source_is_told_as_by_a_build(self, shop: Workshop):
        """All in one report, whoever asks."""
        shop.wavefile("steps: {a: {inputs: [s, t], outputs: a.o, run: x}, b: {inputs: u, outputs: b.o, run: x}}")
        with pytest.raises(WavebuildError) as built:
            shop.build()

        for question in (shop.plan, shop.words, shop.stale):
            with pytest.raises(WavebuildError) as asked:
                question()
            assert (str(asked.value), asked.value.exit_code) == (str(built.value), 2)
        with pytest.raises(WavebuildError, match="reads s,"):
            engine.explain(shop.request(), "a")
        assert [problem.code for problem in built.value.problems] == ["missing-source"] * 3

    def test_a_missing_source_of_an_unwanted_step_is_no_matter(self, diamond: Workshop):
        """Only what is asked about."""
        diamond.wavefile(DIAMOND + "  e: {inputs: nowhere, outputs: e.o, run: x}\n")

        assert diamond.plan("d") == {"a": "FRESH", "b": "FRESH", "c": "FRESH", "d": "FRESH"}

    def test_an_input_that_cannot_be_read_blocks_its_readers_alone(self, diamond: Workshop):
        """Foreseen as it happens: a key of a file that is none, and a folder where a file is declared."""
        more = "  e: {inputs: odd.json#k, outputs: e.o, run: x}\n  f: {inputs: odd, outputs: f.o, run: x}\n"
        diamond.wavefile(DIAMOND + more)
        (diamond.root / "odd.json").mkdir()
        (diamond.root / "odd").mkdir()

        words, outcomes = diamond.plan(), diamond.build(keep_going=True).outcomes

        assert (words["e"], words["f"], words["d"]) == ("BLOCKED", "BLOCKED", "FRESH")
        assert (outcomes["e"], outcomes["f"], outcomes["d"]) == ("failed", "failed", "kept")
        assert {problem.code for problem in engine.check(diamond.request())} <= {"unreadable", "directory-as-file"}


class TestHalfDone:
    def cut_off(self, shop: Workshop, step: str) -> None:
        """As if the build were killed when this step began."""

        def cut(event: object) -> None:
            if isinstance(event, StepStarted) and event.step == step:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            shop.build(meanwhile=cut)
        shop.ran()

    def test_a_step_that_runs_at_this_moment_is_shown_as_running(self, diamond: Workshop):
        """With the reason why it was begun, and not what it has half done."""
        seen: list[tuple[str, str, list[str]]] = []

        def ask(event: object) -> None:
            if isinstance(event, StepStarted):
                diamond.put(f"{event.step}.o", "half")
                words = diamond.plan()
                seen.append((event.step, words[event.step], diamond.reasons(event.step)))

        diamond.put("s", "y")
        diamond.build(meanwhile=ask)

        assert [(step, word) for step, word, _ in seen] == [(name, "RUN") for name in "abcd"]
        assert all(set(reasons) == {"InputChanged"} for _, _, reasons in seen)

    def test_a_step_that_runs_for_the_first_time_has_no_strangers_in_its_way(self, shop: Workshop):
        """What it has made so far is its own."""
        seen: list[tuple[str, list[str]]] = []

        def ask(event: object) -> None:
            if isinstance(event, StepStarted) and event.step == "a":
                shop.put("a.o", "half")
                seen.append((shop.plan()["a"], shop.reasons("a")))

        shop.wavefile(DIAMOND)
        shop.put("s", "x1")
        shop.build(meanwhile=ask)

        assert seen == [("RUN", ["NeverRan"])]

    @pytest.mark.scenario(id="K9")
    def test_after_a_cut_off_an_edit_that_is_undone_leaves_all_fresh(self, diamond: Workshop):
        """What was set aside counts as standing, what was half made as not there; the next build says the same."""
        diamond.put("s", "y")
        self.cut_off(diamond, "a")
        diamond.put("a.o", "half")
        diamond.put("s", "x1")

        words = diamond.plan()
        fresh = not diamond.stale()

        assert words == dict.fromkeys("abcd", "FRESH")
        assert fresh
        assert diamond.build().ran == []

    def test_after_a_cut_off_of_a_folder_its_members_are_the_former(self, shop: Workshop):
        """Those half made are none, for the step as for who reads the folder."""
        shop.wavefile(
            "steps:\n"
            "  a: {inputs: s, outputs: out/, run: 'note a; cp s out/one; mkdir -p out/empty'}\n"
            "  b: {inputs: out/, outputs: b.o, run: 'note b; ls out > b.o'}\n"
            "  c: {inputs: 'out/*', outputs: c.o, run: 'note c; ls out > c.o'}\n"
        )
        shop.put("s", "x1")
        shop.settle()
        shop.put("s", "y")
        self.cut_off(shop, "a")
        shop.put("out/two", "half")
        shop.put("s", "x1")

        assert shop.plan() == dict.fromkeys("abc", "FRESH")
        assert shop.build().ran == []

    def test_what_another_wavefile_has_half_done_is_seen_through_too(self, diamond: Workshop):
        """A question about one reads what the other set aside."""
        diamond.put("Wavefile.ci", "steps: {x: {inputs: d.o, outputs: x.o, run: 'note x; cp d.o x.o'}}")
        diamond.settle(file="Wavefile.ci")
        (diamond.root / "d.o").unlink()
        diamond.build()
        (diamond.root / "c.o").unlink()
        diamond.put("s", "y")

        def cut(event: object) -> None:
            if isinstance(event, StepStarted) and event.step == "d":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            diamond.build(meanwhile=cut)
        diamond.ran()

        assert diamond.plan(file="Wavefile.ci") == {"x": "FRESH"}
        assert diamond.build(file="Wavefile.ci").ran == []
        assert diamond.read("d.o") == "x\nx\n"


class TestWithoutState:
    def test_the_evidence_is_worth_nothing_without_the_state_it_stems_from(self, diamond: Workshop):
        """Whoever removed the state wants it anew."""
        (diamond.root / ".wavebuild/state/Wavefile.db").unlink()

        assert diamond.stale()


class TestLogs:
    def test_logs_are_kept_for_the_last_runs(self, diamond: Workshop):
        """As many as settings.log_keep, newest first."""
        for text in ("y", "z"):
            diamond.put("s", text)
            diamond.build()
        found = engine.logs(diamond.request(), "a")

        assert len(found) == 2
        assert [(diamond.root / log.path).read_text() for log in found] == ["said\n", "said\n"]
        assert found[0].began > found[1].began


class TestEvents:
    def test_a_build_is_told_from_begin_to_end(self, diamond: Workshop):
        """Every step's end after its start; counts at the end."""
        diamond.put("s", "y")
        events = diamond.build().events

        assert isinstance(events[0], BuildStarted)
        assert events[0].waves == (("a",), ("b", "c"), ("d",))
        assert isinstance(events[-1], BuildSettled)
        assert (events[-1].counts, events[-1].ok) == ((("succeeded", 4),), True)
        kinds = [type(event) for event in events if isinstance(event, StepStarted | StepSettled)]
        assert kinds == [StepStarted, StepSettled] * 4

    def test_a_steps_end_is_told_after_it_is_saved(self, diamond: Workshop):
        """Whoever hears of it may kill the build: it does not run again."""
        diamond.put("s", "y")

        def cut_off(event: object) -> None:
            if isinstance(event, StepSettled) and event.settled.step == "a":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            diamond.build(meanwhile=cut_off)
        assert diamond.ran() == ["a"]

        assert diamond.build().ran == ["b", "c", "d"]

    def test_under_barrier_each_wave_is_told_once(self, diamond: Workshop):
        """In order."""
        built = diamond.build(force=True, schedule="barrier")

        assert [event.wave for event in built.events if isinstance(event, WaveStarted)] == [1, 2, 3]

    def test_the_caller_may_build_from_a_folder_below(self, diamond: Workshop):
        """Targets are paths from there; the root is where the Wavefile is."""
        (diamond.root / "sub").mkdir()
        diamond.put("s", "y")

        assert diamond.build("../b.o", directory=str(diamond.root / "sub")).ran == ["a", "b"]


class TestOneAtATime:
    def test_a_build_inside_a_step_of_the_same_root_is_refused_at_once(self, diamond: Workshop):
        """It would wait for itself for ever."""
        diamond.put("s", "y")
        diamond.setenv(WAVEBUILD_ROOT=str(diamond.root), WAVEBUILD_STEP="a")
        with pytest.raises(WavebuildError) as caught:
            diamond.build()

        assert (caught.value.exit_code, "inside step 'a'" in str(caught.value)) == (3, True)

    def test_each_wavefile_of_a_folder_has_a_state_of_its_own(self, diamond: Workshop):
        """-f Wavefile.ci."""
        diamond.put("Wavefile.ci", "steps: {x: {outputs: x.o, run: 'note x; echo > x.o'}}")
        first = diamond.build(file="Wavefile.ci")

        assert (first.ran, diamond.build(file="Wavefile.ci").ran, diamond.build().ran) == (["x"], [], [])
