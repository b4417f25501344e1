"""Functions that are called in threads of the caller's process: nothing of theirs may hold up or outlive a build."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wavebuild
from tests.support.command import REPOSITORY
from tests.support.processes import SOON
from wavebuild.run import threads
from wavebuild.run.events import StepStarted


def build(function: Callable[..., Any], produces: str = "", **keys: Any) -> wavebuild.StepResult:
    return wavebuild.build([wavebuild.Step("s", function, produces=produces or (), version="1", **keys)])["s"]


def spin() -> None:
    while True:
        time.sleep(0.001)


def wait_whatever_comes(free: threading.Event) -> None:
    while not free.is_set():
        with contextlib.suppress(BaseException):
            free.wait()


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def of_builds() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("wavebuild")]


class TestEnding:
    def test_a_function_that_runs_too_long_is_ended(self, here: Path):
        """It gets an exception, so its thread is gone too; the log tells; its files are as before."""
        (here / "o").write_text("before")
        wavebuild.build([wavebuild.Step("s", run="printf first > o", produces="o")], force=True)

        def forever(outputs: list[str]) -> None:
            Path(outputs[0]).write_text("half")
            spin()

        result = build(forever, "o", timeout="1s")

        assert (result.outcome, result.failure) == ("failed", "timeout")
        assert (here / "o").read_text() == "first"
        assert result.log is not None
        assert "Stopped" in (here / result.log).read_text()
        wait_until(lambda: not of_builds())

    def test_one_that_cannot_be_ended_is_left_behind_and_told(self, monkeypatch: pytest.MonkeyPatch):
        """The build ends all the same, and what the function does later counts for nothing."""
        monkeypatch.setattr(threads, "PATIENCE", 0.1)
        free = threading.Event()

        result = build(lambda: wait_whatever_comes(free), timeout="1s")

        assert (result.outcome, result.failure) == ("failed", "timeout")
        assert "its thread runs on" in result.detail
        free.set()
        wait_until(lambda: not of_builds())

    def test_who_leaves_the_events_early_waits_for_no_function(self):
        with wavebuild.events([wavebuild.Step("s", spin)]) as events:
            for event in events:
                if isinstance(event, StepStarted):
                    break

        assert events.result["s"].outcome == "interrupted"
        wait_until(lambda: not of_builds())

    def test_a_function_that_takes_no_exception_is_left_when_asked_twice(self, here: Path):
        free, begun = threading.Event(), threading.Event()

        def deaf() -> None:
            begun.set()
            wait_whatever_comes(free)

        one = wavebuild.Build([wavebuild.Step("s", deaf)])
        one.start()
        assert begun.wait(60)
        one.stop()
        one.stop()

        assert one.result["s"].outcome == "interrupted"
        free.set()
        wait_until(lambda: not of_builds())
        assert not [*here.glob(".wavebuild/logs/*/s*")]  # what is not heard any more writes nothing either

    def test_a_try_that_met_its_timeout_is_followed_by_the_next(self):
        tries: list[int] = []

        def second_is_quick() -> None:
            tries.append(1)
            if len(tries) == 1:
                spin()

        result = build(second_is_quick, timeout="1s", retries=3)

        assert result.outcome == "succeeded"
        assert len(tries) > 1


PROFILED = """
import cProfile, contextlib, threading, time
import wavebuild
from wavebuild.run import threads
threads.PATIENCE = 0.1
free = threading.Event()

def ends(): pass
def spins():
    while True: time.sleep(0.001)
def deaf():
    while not free.is_set():
        with contextlib.suppress(BaseException): free.wait()
def build(*functions, **keys):
    steps = [wavebuild.Step(f"s{at}", each, version="1", **keys) for at, each in enumerate(functions)]
    return [step.outcome for step in wavebuild.build(steps, jobs=9, keep_going=True, force=True)]

def profiled():
    profile = cProfile.Profile()
    profile.enable()
    ends()
    profile.disable()

print(build(ends))
profiled()
print(build(spins, spins, spins, timeout="1s"))
profiled()
print(build(deaf, spins, deaf, timeout="1s"))
profiled()
free.set()
while any(each.name.startswith("wavebuild") for each in threading.enumerate()): time.sleep(0.01)
profiled()
"""


@pytest.mark.long
def test_after_functions_have_run_the_program_can_be_profiled(here: Path):
    """However they ended, and while one that takes no exception still runs: some Pythons come to stand still there."""
    program = [sys.executable, "-c", PROFILED]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    done = subprocess.run(program, cwd=here, env=environ, capture_output=True, text=True, timeout=SOON)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["['succeeded']", *2 * ["['failed', 'failed', 'failed']"]]


class TestReturning:
    def test_what_is_still_to_be_run_is_no_success(self, here: Path):
        """Whatever it is wrapped in: a coroutine that nobody awaits has done nothing."""

        async def coroutine() -> None: ...

        async def items() -> AsyncIterator[int]:
            yield 1

        def numbers() -> Iterator[int]:
            yield 1

        class Later:
            async def __call__(self) -> None: ...

        for function in (lambda: coroutine(), lambda: items(), lambda: numbers(), Later()):
            result = build(function)
            assert result.outcome == "failed", function
            assert result.log is not None
            assert "of which nothing has run" in (here / result.log).read_text()

    def test_it_is_none_in_a_process_either(self, here: Path, monkeypatch: pytest.MonkeyPatch):
        (here / "later_of_test.py").write_text(
            "async def later(): pass\ndef call(): return later()\ndef many(): return (i for i in ())\n"
        )
        monkeypatch.syspath_prepend(str(here))
        import later_of_test  # type: ignore[import-not-found]

        for function in (later_of_test.call, later_of_test.many):
            result = build(function, executor=None)
            assert (result.outcome, result.executor) == ("failed", "processes")
            assert result.log is not None
            assert "of which nothing has run" in (here / result.log).read_text()

    @pytest.mark.parametrize(("code", "succeeds"), [(None, True), (0, True), (3, False), ("no", False)])
    def test_who_leaves_by_exit_ends_with_its_code(self, here: Path, code: Any, succeeds: bool):
        """As in a process of its own."""

        def leave(outputs: list[str]) -> None:
            Path(outputs[0]).write_text("x")
            sys.exit(code)

        result = build(leave, "o")

        assert (result.ok, (here / "o").exists()) == (succeeds, succeeds)
        if code == "no":
            assert result.log is not None
            assert (here / result.log).read_text() == "no\n"


@pytest.mark.parametrize("where", ["threads", "processes"])
def test_a_check_that_returns_false_has_failed(here: Path, monkeypatch: pytest.MonkeyPatch, where: Any) -> None:
    """As who writes it means it; None, True, and what an action returns say nothing."""
    module = f"checks_of_{where}"
    (here / f"{module}.py").write_text(
        "import pathlib\n"
        "def make(outputs): pathlib.Path(outputs[0]).write_text('x'); return False\n"
        "def good(): return True\n"
        "def silent(outputs): pass\n"
        "def bad(outputs): return len(pathlib.Path(outputs[0]).read_text()) > 1\n"
    )
    monkeypatch.syspath_prepend(str(here))
    own = __import__(module)

    good = wavebuild.build(wavebuild.Step("s", own.make, produces="o", checks=[own.good, own.silent]), executor=where)
    bad = wavebuild.build(wavebuild.Step("s", own.make, produces="o", checks=[own.good, own.bad]), executor=where)

    assert (good["s"].outcome, good["s"].executor, bad["s"].failure) == ("succeeded", where, "check")
    assert "the check returned False" in bad["s"].tail


def test_a_build_of_the_same_project_inside_a_step_is_refused_at_once(here: Path) -> None:
    """It would wait for itself."""
    caught: list[wavebuild.WavebuildError] = []

    def inner() -> None:
        try:
            wavebuild.build([wavebuild.Step("t", run="true")], wait=100)
        except wavebuild.WavebuildError as error:
            caught.append(error)
        other = here / "other"
        other.mkdir()
        wavebuild.build([wavebuild.Step("t", run="true")], root=other).raise_if_failed()

    assert build(inner).outcome == "succeeded"
    assert "inside step 's'" in str(caught[0])
    assert caught[0].exit_code == 3
