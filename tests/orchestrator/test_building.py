"""Builds from Python: of Wavefiles, of steps that are functions; results and events as values."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wavebuild
from tests.docs.pages import fences
from tests.support.command import REPOSITORY
from wavebuild.run import threads
from wavebuild.run.events import BuildSettled, BuildStarted, StepSettled, StepStarted

WAVEFILE = """
steps:
  a: {inputs: i, outputs: o, run: cp i o}
  b: {inputs: o, outputs: "mem:n", run: 'printf "{\\"n\\": %s}" $(cat o) > $WAVEBUILD_MEM_OUT'}
"""


@pytest.fixture
def project(here: Path) -> Path:
    (here / "Wavefile").write_text(WAVEFILE)
    (here / "i").write_text("7")
    return here


def outcomes(result: wavebuild.Result) -> dict[str, str]:
    return {step.name: step.outcome for step in result}


class TestWavefiles:
    def test_a_build_is_a_value(self, project: Path):
        """And the second one is idle, with every step in its result all the same."""
        first = wavebuild.build(jobs=2)
        second = wavebuild.build(project / "Wavefile")

        assert outcomes(first) == {"a": "succeeded", "b": "succeeded"}
        assert outcomes(second) == {"a": "kept", "b": "kept"}
        assert first.memory == second.memory == {"n": 7}
        assert (first.ok, first.exit_code, first.jobs, len(first)) == (True, 0, 2, 2)
        told = json.loads(first.to_json())
        assert told["steps"]["a"]["executor"] == "processes"
        assert told["steps"]["a"]["reasons"][0]["kind"] == "never-ran"

    def test_a_failed_step_raises_nothing_until_it_is_asked(self, project: Path):
        (project / "Wavefile").write_text("steps: {a: {outputs: o, run: 'echo no >&2; exit 3'}}")

        result = wavebuild.build(project)

        assert (result.ok, result["a"].outcome, result["a"].failure) == (False, "failed", "exit")
        assert "a: failed (exit)" in result.summary()
        with pytest.raises(wavebuild.BuildFailed) as caught:
            result.raise_if_failed()
        assert caught.value.result is result

    def test_a_mistake_raises_with_its_place(self, project: Path):
        (project / "Wavefile").write_text("steps: {a: {outputs: o, rnu: x}}")

        for deed in (wavebuild.build, wavebuild.load):
            with pytest.raises(wavebuild.WavebuildError, match=r"Wavefile:1:25: unknown key 'rnu'"):
                deed(project)

    def test_what_is_loaded_can_be_planned_and_built(self, project: Path):
        pipeline = wavebuild.load(project)

        assert pipeline.steps == ("a", "b")
        assert [step["plan"] for wave in pipeline.plan()["waves"] for step in wave["steps"]] == ["run", "run"]
        assert outcomes(pipeline.build("a")) == {"a": "succeeded"}

    def test_variables_and_memory_are_given_as_values(self, here: Path):
        (here / "Wavefile").write_text(
            "vars: {v: {x: 1}}\nsteps: {a: {inputs: 'mem:k', outputs: o, run: 'echo {{ v.x }} {{ mem.k[0] }} > o'}}"
        )

        wavebuild.build(set={"v": {"x": 5}}, mem={"k": ["six"]}).raise_if_failed()

        assert (here / "o").read_text() == "5 six\n"

    def test_nothing_is_printed_and_no_signal_is_taken(self, project: Path, capfd: pytest.CaptureFixture[str]):
        import signal

        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        during: list[Any] = []

        wavebuild.build(on_event=lambda event: during.append(signal.getsignal(signal.SIGINT)))

        assert capfd.readouterr() == ("", "")
        assert set(during) == {before[0]}
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before

    @pytest.mark.parametrize(
        "wrong",
        [
            {"jobs": -1},
            {"jobs": "4"},
            {"jobs": 1.5},
            {"jobs": True},
            {"schedule": "brarier"},
            {"wait": -1},
            {"wait": "3s"},
            {"wait": float("nan")},
            {"on_event": 7},
            {"executor": "gpu"},
            {"executor": "threads"},
            {"set": {"v": {1}}},
            {"set": {7: 1}},
            {"set": ["v"]},
            {"mem": {7: 1}},
            {"targets": 7},
            {"targets": ["a", 7]},
            {"targets": b"a"},
        ],
    )
    def test_bad_arguments_are_told(self, project: Path, wrong: dict[str, Any]):
        """With a word that is wrong in it, and before anything runs."""
        with pytest.raises(wavebuild.WavebuildError):
            wavebuild.build(project, **wrong)

        assert not (project / "o").exists()

    @pytest.mark.parametrize(
        "wrong",
        [{"name": ""}, {"name": "../x"}, {"name": "Wavefile"}, {"set": {"v": 1}}, {"profile": "p"}, {"mem": {7: 1}}],
    )
    def test_what_only_a_wavefile_has_is_refused_for_steps(self, here: Path, wrong: dict[str, Any]):
        with pytest.raises(wavebuild.WavebuildError):
            wavebuild.build([wavebuild.Step("a", run="echo > o", produces="o")], **wrong)

        assert not (here / "o").exists()

    def test_a_result_is_short_to_look_at_and_its_summary_says_what_failed(self, project: Path):
        (project / "Wavefile").write_text("steps: {a: {outputs: o, run: 'echo one; echo the last word >&2; exit 3'}}")

        result = wavebuild.build(project)

        assert repr(result) == f"Result(run={result.run!r}, ok=False, failed 1)"
        assert result["a"].tail[-1] == "the last word"
        assert result.summary().splitlines()[-1] == "  the last word"

    def test_what_was_loaded_with_variables_is_built_with_them(self, here: Path):
        """And with others, if they are given."""
        (here / "Wavefile").write_text("vars: {v: 1}\nsteps: {a: {outputs: o, run: 'echo {{ v }} > o'}}")
        pipeline = wavebuild.load(set={"v": "two words"})

        pipeline.build().raise_if_failed()
        first = (here / "o").read_text()
        pipeline.build(set={"v": 3}).raise_if_failed()

        assert (first, (here / "o").read_text()) == ("two words\n", "3\n")


class TestInterruption:
    """What a handler of the caller's raises in the thread that waits, such as KeyboardInterrupt."""

    @pytest.fixture
    def ring(self) -> Iterator[Callable[[Callable[[], bool]], None]]:
        """Raises KeyboardInterrupt in the main thread when something holds, as a handler of the program's does."""

        def wake(number: int, frame: object) -> None:
            raise KeyboardInterrupt

        former = signal.signal(signal.SIGUSR2, wake)
        bells: list[threading.Thread] = []

        def ring(holds: Callable[[], bool]) -> None:
            def wait() -> None:
                until = time.monotonic() + 60
                while not holds() and time.monotonic() < until:
                    time.sleep(0.01)
                if holds():
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)

            bells.append(threading.Thread(target=wait))
            bells[-1].start()

        yield ring
        for bell in bells:
            bell.join()
        signal.signal(signal.SIGUSR2, former)

    def test_it_ends_the_build_and_is_raised_when_that_is_over(
        self, here: Path, ring: Callable[[Callable[[], bool]], None]
    ):
        """The project is free again."""
        (here / "Wavefile").write_text("steps: {a: {outputs: o, run: 'touch begun; test -e go || sleep 60; echo > o'}}")
        ring((here / "begun").exists)

        with pytest.raises(KeyboardInterrupt):
            wavebuild.build()

        (here / "go").write_text("")
        assert wavebuild.build().ok

    def test_a_second_one_ends_it_at_once(
        self, ring: Callable[[Callable[[], bool]], None], monkeypatch: pytest.MonkeyPatch
    ):
        """A function that nothing ends is not waited for then."""
        monkeypatch.setattr(threads, "PATIENCE", 1000)
        free, begun = threading.Event(), threading.Event()

        def deaf() -> None:
            begun.set()
            free.wait()

        one = wavebuild.Build([wavebuild.Step("s", deaf)])
        ring(begun.is_set)
        ring(lambda: one._interrupts.count == 1)
        with pytest.raises(KeyboardInterrupt):
            one.run()

        assert one.result["s"].outcome == "interrupted"
        free.set()

    def test_a_build_that_was_never_begun_says_so(self):
        one = wavebuild.Build([wavebuild.Step("s", run="true")])

        for wait in (one.join, lambda: one.result):
            with pytest.raises(wavebuild.WavebuildError, match="has not been started"):
                wait()
        assert one.run().ok
        with pytest.raises(wavebuild.WavebuildError, match="was started before"):
            one.start()


class TestSideBySide:
    def test_builds_of_several_projects_at_once_do_not_meet(self, here: Path):
        """They begin processes in one program: each has its own variables, and nobody else's main module."""
        built: dict[str, wavebuild.Result] = {}
        before = dict(os.environ)

        def build(name: str) -> None:
            built[name] = wavebuild.build(here / name)

        for name in "abc":
            (here / name).mkdir()
            (here / name / "m.py").write_text("def f(outputs): open(outputs[0], 'w').write('x')")
            (here / name / "Wavefile").write_text(
                "steps: {r: {outputs: o, run: 'printf %s $WAVEBUILD_ROOT > o'}, c: {outputs: p, call: 'm:f'}}"
            )
        threads = [threading.Thread(target=build, args=(name,)) for name in "abc"]
        former = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(former)

        assert {name: result.counts for name, result in built.items()} == {name: {"succeeded": 2} for name in "abc"}
        assert [(here / name / "o").read_text() for name in "abc"] == [str(here / name) for name in "abc"]
        assert dict(os.environ) == before


class TestEvents:
    def test_they_come_as_they_happen_and_then_the_result(self, project: Path):
        with wavebuild.events(project) as events:
            kinds = [type(event) for event in events]

        assert (kinds[0], kinds[-1]) == (BuildStarted, BuildSettled)
        assert kinds.count(StepSettled) == 2
        assert events.result.ok

    def test_who_leaves_early_stops_the_build(self, here: Path):
        """As a Ctrl-C does: what ran is ended, nothing else begins, the next build does it."""
        (here / "Wavefile").write_text(
            "steps:\n"
            "  a: {outputs: o, run: 'test -e go || sleep 60; echo > o'}\n"
            "  b: {inputs: o, outputs: p, run: cp o p}\n"
        )
        with wavebuild.events() as events:
            for event in events:
                if isinstance(event, StepStarted):
                    break
        (here / "go").write_text("")

        assert outcomes(events.result) == {"a": "interrupted", "b": "blocked"}
        assert events.result.seconds < 30
        assert wavebuild.build().ok

    def test_a_loop_that_is_left_without_a_word_stops_the_build_too(self, here: Path):
        """Nobody can hear it any more, and it would hold the project."""
        for event in wavebuild.events([wavebuild.Step("a", run="sleep 600; echo > o", produces="o")]):
            if isinstance(event, StepStarted):
                break

        again = [wavebuild.Step("a", run="echo > o", produces="o")]
        assert wavebuild.build(again, wait=60).counts == {"succeeded": 1}

    def test_whoever_is_told_an_event_cannot_wait_for_the_build(self, project: Path):
        """It would wait for itself; what it raises ends the build, and is raised."""
        told: list[wavebuild.Build] = []
        one = wavebuild.Build(project, on_event=lambda event: told[0].join())
        told.append(one)

        with pytest.raises(wavebuild.WavebuildError, match="wait for itself"):
            one.run()
        assert wavebuild.build(project).ok

    def test_a_mistake_is_raised_where_they_are_asked_for(self, here: Path):
        with pytest.raises(wavebuild.WavebuildError, match="no Wavefile"):
            list(wavebuild.events(here))


class TestFunctions:
    def test_steps_need_no_file(self, here: Path):
        """Edges come from what they read and produce; the second build is idle; an edit reaches what it must."""
        (here / "raw").write_text("b\na\n")
        ran: list[str] = []

        def clean(inputs: list[str], outputs: list[str]) -> None:
            ran.append("clean")
            Path(outputs[0]).write_text("".join(sorted(Path(inputs[0]).read_text().splitlines(True))))

        def count(inputs: list[str]) -> int:
            ran.append("count")
            return len(Path(inputs[0]).read_text())

        steps = [
            wavebuild.Step("count", count, "sorted", "mem:n", version="1"),
            wavebuild.Step("clean", clean, "raw", "sorted", checks=["test -s sorted"], version="1"),
        ]
        first, second = wavebuild.build(steps), wavebuild.build(steps)
        (here / "raw").write_text("a\nb\n")
        third = wavebuild.build(steps)

        assert outcomes(first) == {"clean": "succeeded", "count": "succeeded"}
        assert outcomes(second) == {"clean": "kept", "count": "kept"}
        assert outcomes(third) == {"clean": "succeeded", "count": "kept"}
        assert (ran, third.memory) == (["clean", "count", "clean"], {"n": 4})
        assert {step.executor for step in first} == {"threads"}

    def test_a_decorated_function_is_still_a_function(self, here: Path):
        @wavebuild.step(produces="o", title="Make it", tags=["x"])
        def make_it(outputs: list[str]) -> None:
            Path(outputs[0]).write_text("made")

        make_it([str(here / "by-hand")])
        result = wavebuild.build([make_it])

        assert outcomes(result) == {"make-it": "succeeded"}
        assert (here / "o").read_text() == (here / "by-hand").read_text() == "made"

    def test_another_source_another_value_around_it_makes_it_stale(self, here: Path):
        """What a function takes from around it counts as its text does."""

        def made(word: str) -> wavebuild.Step:
            return wavebuild.Step("s", lambda outputs: Path(outputs[0]).write_text(word) and None, produces="o")

        first, same, other = (wavebuild.build([made(word)]) for word in ("a", "a", "b"))

        assert [outcomes(each)["s"] for each in (first, same, other)] == ["succeeded", "kept", "succeeded"]
        assert (here / "o").read_text() == "b"

    def test_what_nobody_can_compare_runs_every_time_unless_it_has_a_version(self, here: Path):
        connection = threading.Lock()

        def ask(outputs: list[str]) -> None:
            with connection:
                Path(outputs[0]).write_text("x")

        free, held = wavebuild.Step("s", ask, produces="o"), wavebuild.Step("s", ask, produces="o", version="1")

        assert [outcomes(wavebuild.build([free]))["s"] for _ in "12"] == ["succeeded"] * 2
        assert [outcomes(wavebuild.build([held]))["s"] for _ in "12"] == ["succeeded", "kept"]

    def test_functions_of_modules_run_in_processes_and_their_code_is_an_input(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.syspath_prepend(str(here))
        file = here / "work_of_test.py"
        file.write_text(
            "import os\ndef make(outputs, word):\n    open(outputs[0], 'w').write(f'{word} {os.getpid()}')\n"
        )
        import work_of_test  # type: ignore[import-not-found]

        step = wavebuild.Step("s", work_of_test.make, produces="o", args={"word": "hi"})
        first = wavebuild.build([step], executor="processes")
        kept = wavebuild.build([step])
        file.write_text(file.read_text().replace("{word} ", "{word}! "))
        again = wavebuild.build([step])

        assert [outcomes(each)["s"] for each in (first, kept, again)] == ["succeeded", "kept", "succeeded"]
        assert (here / "o").read_text().startswith("hi! ")
        assert first["s"].executor == "processes"

    def test_a_failing_function_leaves_the_former_file_and_its_traceback(self, here: Path):
        bad = False

        def make(outputs: list[str]) -> None:
            Path(outputs[0]).write_text("half")
            if bad:
                raise RuntimeError("no more")
            Path(outputs[0]).write_text("whole")

        wavebuild.build([wavebuild.Step("s", make, produces="o", version="1")])
        bad = True
        result = wavebuild.build([wavebuild.Step("s", make, produces="o", version="2")])

        assert (result["s"].outcome, (here / "o").read_text()) == ("failed", "whole")
        assert result["s"].log is not None
        assert "RuntimeError: no more" in (here / result["s"].log).read_text()

    def test_mistakes_in_steps_are_told_with_the_place_of_the_function(self, here: Path):
        def nothing() -> None: ...

        wrong: list[tuple[list[Any], str]] = [
            ([], "no steps"),
            ([wavebuild.Step("a b", nothing)], "not the name of a step"),
            ([wavebuild.Step("a", nothing, produces="o", retires=2)], "unknown key 'retires'"),
            ([wavebuild.Step("a", nothing, produces="o"), wavebuild.Step("b", nothing, produces="o")], "o"),
            ([wavebuild.Step("a", nothing), wavebuild.Step("a", nothing)], "exists already"),
            (
                [
                    wavebuild.Step("a", nothing, reads="x", produces="y"),
                    wavebuild.Step("b", nothing, reads="y", produces="x"),
                ],
                "loop|cycle|each other",
            ),
            ([wavebuild.Step("a", nothing, reads=object())], "reads: .*not JSON"),
            ([wavebuild.Step("a", nothing, produces=b"x")], "produces: .*not JSON"),
            ([wavebuild.Step("a", nothing, reads="absent")], "absent, which is not there"),
        ]
        for steps, message in wrong:
            with pytest.raises(wavebuild.WavebuildError, match=message):
                wavebuild.build(steps)

    def test_the_ways_out_can_be_gone_from_python(self, here: Path):
        """A file that was there before is in the way: what the message says to call is what there is."""
        (here / "o").write_text("mine")
        steps = [wavebuild.Step("a", run="echo made > o", produces="o")]

        told = wavebuild.build(steps)["a"]
        ways = [line.partition(":")[2].partition("  (")[0].strip() for line in told.detail.splitlines()[1:]]
        assert (told.failure, len(ways)) == ("unclaimed", 2)

        exec(ways[0], {"wavebuild": wavebuild, "steps": steps})
        assert (outcomes(wavebuild.build(steps)), (here / "o").read_text()) == ({"a": "kept"}, "mine")
        exec(ways[1], {"wavebuild": wavebuild, "steps": steps})
        assert (outcomes(wavebuild.build(steps)), (here / "o").read_text()) == ({"a": "kept"}, "made\n")
        assert wavebuild.forget(steps, "a") == ("a",)
        assert outcomes(wavebuild.build(steps)) == {"a": "succeeded"}

    def test_hands_are_there_for_wavefiles_too(self, project: Path):
        (project / "o").write_text("mine")

        assert wavebuild.build(project)["a"].failure == "unclaimed"
        wavebuild.accept(project, "a")
        assert outcomes(wavebuild.build(project))["a"] == "kept"
        with pytest.raises(wavebuild.WavebuildError):
            wavebuild.accept(project, "nothing")

    def test_what_a_program_says_otherwise_is_told(self):
        """Nothing that is written is left out in silence."""
        for key in ("inputs", "outputs", "with", "foreach", "exclude", "when"):
            keys: dict[str, Any] = {"run": "true", key: "x"}
            with pytest.raises(wavebuild.WavebuildError, match=f"'{key}' is a key of Wavefiles"):
                wavebuild.Step("a", **keys)
        with pytest.raises(wavebuild.WavebuildError, match="keep one"):
            wavebuild.Step("a", lambda: None, call="module:function")
        for name in (7, lambda: None, None):
            with pytest.raises(wavebuild.WavebuildError, match="the name of a step is a text"):
                wavebuild.Step(name)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "keys",
        [
            {"env": {"A": "1"}},
            {"secrets": ["A"]},
            {"limits": {"memory": "1G"}},
            {"console": True},
            {"cwd": "."},
            {"scratch": True},
            {"sandbox": True},
        ],
    )
    def test_what_a_thread_cannot_have_is_refused_there(self, keys: dict[str, Any]):
        with pytest.raises(wavebuild.WavebuildError, match=f"'{next(iter(keys))}' has no effect"):
            wavebuild.build([wavebuild.Step("a", lambda: None, **keys)])

        assert wavebuild.build([wavebuild.Step("a", run="true", **keys)]).ok or "console" in keys

    def test_a_mistake_in_a_command_has_the_place_where_the_step_is_written(self, here: Path):
        with pytest.raises(wavebuild.WavebuildError, match=r"test_building\.py:\d+:1: unknown key 'retires'"):
            wavebuild.build([wavebuild.Step("a", run="true", retires=2)])

    def test_steps_can_be_named_by_themselves(self, here: Path):
        """In reads, in needs, as targets; and one alone is a pipeline of one."""
        first = wavebuild.Step("first", run="echo 1 > {{ outputs }}", produces="a")
        second = wavebuild.Step("second", run="cat {{ inputs }} > b; test -s b", reads=first, produces="b")
        third = wavebuild.Step("third", run="true", needs=[second])

        assert outcomes(wavebuild.build([third, second, first], targets=second)) == {
            "first": "succeeded",
            "second": "succeeded",
        }
        assert [step.name for step in wavebuild.build([third, second, first])] == ["first", "second", "third"]
        assert (here / "b").read_text() == "1\n"
        assert wavebuild.build(first).ok

    def test_what_another_set_of_steps_has_made_is_not_taken_for_missing(self, here: Path):
        """A pattern matches nothing of a step that is no more, and says so; a name is a name."""
        wavebuild.build(wavebuild.Step("clean", run="echo 1 > a.csv", produces="a.csv"))
        by_pattern = wavebuild.Step("use", run="cat {{ inputs }} > u", reads="*.csv", produces="u")

        with pytest.raises(wavebuild.WavebuildError, match=r"reads \*\.csv: a\.csv was made by a step that is no more"):
            wavebuild.build(by_pattern)
        assert wavebuild.build(wavebuild.Step("use", run="cp a.csv u", reads="a.csv", produces="u")).ok

    def test_arguments_come_as_they_are_given(self, here: Path):
        """Also those that would mean something else in a Wavefile: braces, nothing, an empty list."""
        given: dict[str, Any] = {
            "a": None,
            "b": [],
            "c": "{{ d }}",
            "d": "yes",
            "e": {"x": None, "y": 1.0},
            "f": 10**30,
            "g": False,
        }
        got: list[dict[str, Any]] = []

        def take(**more: Any) -> None:
            got.append(more)

        wavebuild.build(wavebuild.Step("s", take, args=given, version="1")).raise_if_failed()

        assert [{name: repr(value) for name, value in each.items()} for each in got] == [
            {name: repr(value) for name, value in given.items()}
        ]

    def test_what_would_do_nothing_is_no_step(self, here: Path):
        """A coroutine that nobody awaits, a generator that nobody runs, a text: none of them is a success."""

        async def later(outputs: list[str]) -> None: ...

        def bit_by_bit() -> Iterator[int]:
            yield 1

        for wrong in (later, bit_by_bit, "Wavefile", 7):
            with pytest.raises(wavebuild.WavebuildError, match="step"):
                wavebuild.build([wrong])  # type: ignore[list-item]
        with pytest.raises(wavebuild.WavebuildError, match="no folder"):
            wavebuild.build([wavebuild.Step("a", run="true")], root=here / "absent")

    def test_an_event_of_many_functions_at_once(self, here: Path):
        """As many as there are jobs run at once, in threads too."""
        meet = threading.Barrier(3, timeout=60)
        steps = [wavebuild.Step(f"s{at}", lambda: meet.wait() and None, always=True, version="1") for at in range(3)]

        assert wavebuild.build(steps, jobs=3).ok


def test_a_process_of_somebodys_pool_builds_as_well(here: Path) -> None:
    """Such a process is refused children by multiprocessing: our workers end by themselves."""
    (here / "work_of_pool.py").write_text(
        "import wavebuild\n"
        "def make(outputs): open(outputs[0], 'w').write('made')\n"
        "def build(name):\n"
        "    a = wavebuild.Step('a', run='echo > {{ outputs }}', produces=name)\n"
        "    steps = [a, wavebuild.Step('b', make, produces='m')]\n"
        "    return {step.name: (step.outcome, step.executor) for step in wavebuild.build(steps)}\n"
    )
    (here / "program.py").write_text(
        "import multiprocessing, sys\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "import work_of_pool\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(work_of_pool.build, ('o',)))\n"
    )

    done = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, timeout=120)

    assert done.stdout.strip() == "{'a': ('succeeded', 'processes'), 'b': ('succeeded', 'processes')}", done.stderr


def test_the_programs_of_the_page_run_as_they_stand(here: Path) -> None:
    """A reader can copy them; what they read is there."""
    page = REPOSITORY / "docs/how-to/python.md"
    (here / "Wavefile").write_text("steps: {a: {outputs: o, run: echo > o}}")
    (here / "raw.csv").write_text("b\na\n")
    (here / "pipeline.yaml").write_text(next(each.text for each in fences(page) if each.language == "yaml"))
    programs = [each.text for each in fences(page) if each.language == "python"]

    for program in programs:
        exec(compile(program, "page", "exec"), {"__name__": "__main__"})

    assert len(programs) == 4
    assert (here / "clean.csv").read_text() == "a\nb\n"
