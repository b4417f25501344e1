"""Waves, plan words, and the questions: they tell what a build would do, and change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError
from wavebuild.run.events import BuildSettled, BuildStarted, StepSettled, StepStarted, WaveStarted

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

    def test_reasons_are_those_of_the_step(self, diamond: Workshop):
        """From the closed list."""
        diamond.put("s", "y")
        assert diamond.reasons("a") == ["InputChanged"]
        assert diamond.reasons("b") == ["Upstream"]

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
