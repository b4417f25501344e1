"""Commands that are asked: which come first, the job that runs one, and what it said.

It does not know what an answer means for the verdict on a step.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Step
from wavebuild.declare.templates import render
from wavebuild.errors import mistake
from wavebuild.graph import Graph
from wavebuild.judge.asking import Asking, Said, Why
from wavebuild.judge.digest import UNASKED, Reading
from wavebuild.judge.facts import Facts, Read, output_reading
from wavebuild.judge.freshness import is_anything_unasked, unasked
from wavebuild.judge.reasons import Forced, Unreadable
from wavebuild.judge.standing import Frozen, Held, Keeps, Rechecks, Runs, Standing, Stops, Unsure, Waits
from wavebuild.run.environment import exactly, passed
from wavebuild.run.job import Ended, Job
from wavebuild.run.jobs import Invocation, shell_command, shell_start
from wavebuild.run.masking import holds

if TYPE_CHECKING:
    import tempfile

    from wavebuild.run.pool import Pool

LONGEST_SHOWN = 200
"""Characters up to which an answer is its own digest, so that a reason can show it."""


def to_be_asked(step: Step, read: Read, standing: Standing) -> tuple[Reading, Why] | None:
    """The first of what must be asked before a step can be left alone, or run: its trace holds what it reads."""
    if isinstance(standing, Keeps) and standing.adopt is None:
        return None
    if isinstance(standing, Runs) and not is_anything_unasked(standing.now):
        return None
    match standing:
        case Keeps(adopt=now) if now is not None:
            members = unasked(now)
        case Runs(now=now, reasons=reasons):
            edit_matters = step.on_edit != "overwrite" and Forced() not in reasons
            members = unasked(now if edit_matters else replace(now, outputs={}))
        case Rechecks(now=now, of=of):
            members = unasked(now, of)
        case Unsure(members=members):
            pass
        case Keeps() | Frozen() | Held() | Stops() | Waits():
            return None
        case _:
            assert_never(standing)
    for reading in (*read.action, *read.gate):
        if reading.member in members:
            return reading, Why.READER
    return (output_reading(step, members[0]), Why.JUDGED) if members else None


def asking_job(
    invocation: Invocation, number: int, step: str, asking: Asking, log: str, output: str, secrets: Mapping[str, str]
) -> Job:
    """The job that asks, for a step; what it prints goes to ``output``. Raises OSError, WavebuildError.

    ``secrets``: the caller's secret variables with their values.
    """
    root = invocation.root
    disk.make_folder(os.path.dirname(output))
    disk.make_folder(os.path.dirname(log))
    holes = {**dict(asking.holes), "root": root, "python": sys.executable}
    passes = None if invocation.clean_env is None else (*invocation.clean_env, *exactly(sorted(secrets)))
    start = shell_start(asking.shell, dict(asking.env), passed(invocation.environ, passes))
    command = shell_command(start, render(asking.command, holes), log, output)
    told = {"PYTHONUNBUFFERED": "1", "WAVEBUILD_ROOT": root, "WAVEBUILD_RUN": invocation.run, "WAVEBUILD_STEP": step}
    env = tuple((told | dict(asking.env)).items())
    cwd = os.path.join(root, asking.folder).rstrip("/")
    return Job(
        number, (command,), cwd, env, log, asking.timeout, secrets=tuple(sorted(secrets.values())), passes=passes
    )


def said(asking: Asking, ended: Ended, output: str, secrets: Mapping[str, str]) -> Said:
    """What the command said in its file, which is removed; ``secrets``: variables whose values no answer may show."""
    try:
        if ended.failure:
            return Said("", ended.failure, f"{asking.reading.member} {_how_it_failed(asking, ended)}")
        if asking.reading.how == "run":
            return Said(f"run:{disk.sha256(output)[0]}")
        return Said(_answer(output, secrets.values()))
    except OSError as error:
        return Said("", "start", f"{asking.reading.member}: its answer cannot be read: {error.strerror}")
    finally:
        with contextlib.suppress(OSError):  # it lies among the logs, and goes with them
            disk.remove(output)


def secrets_of(graph: Graph, invocation: Invocation) -> dict[str, str]:
    """The caller's secret variables that hold something: no answer that shows it is kept."""
    return {name: value for name in graph.traits.secrets if (value := invocation.environ.get(name))}


def _answer(output: str, secrets: Collection[str]) -> str:
    """The digest of what a probe printed: itself, if it is short and may be shown."""
    printed = disk.tail(output, 4 * LONGEST_SHOWN + 2)
    text = printed.decode("utf-8", "replace").removesuffix("\n")
    whole = (text + "\n").encode() == printed
    if whole and len(text) <= LONGEST_SHOWN and text.isprintable() and not holds(printed, secrets):
        return f"={text}"
    return f"probe:{disk.sha256(output)[0]}"


def _how_it_failed(asking: Asking, ended: Ended) -> str:
    match ended.failure:
        case "exit":
            return f"ended with exit code {ended.exit_code}"
        case "timeout":
            return f"gave no answer within {asking.timeout:g} s"
        case "signal":
            return f"was killed by signal {ended.signal}"
        case "start":
            return f"cannot be asked: {ended.detail}"
        case _:
            return f"gave no answer: {ended.failure}"


class Asker:
    """Asks outside a build, one command after another: for questions, and for what a person does by hand.

    Nothing of it is written below the root.
    """

    def __init__(self, facts: Facts, invocation: Invocation) -> None:
        self._facts = facts
        self._invocation = invocation
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._pool: Pool | None = None

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.close()
        if self._folder is not None:
            self._folder.cleanup()

    def decided(self, number: int, stands: Callable[[], Standing]) -> Standing:
        """Where a step stands when all that this depends on has been asked."""
        step = self._facts.graph.wavefile.steps[number]
        while isinstance(standing := stands(), Unsure):
            wanted = to_be_asked(step, self._facts.read(number), standing)
            assert wanted is not None
            known = self._facts.answers.failures.get(wanted[0].member)
            if failed := known or self.ask(step, *wanted):
                return Stops("probe", (), (Unreadable(failed),))
        return standing

    def ask(self, step: Step, reading: Reading, why: Why) -> str:
        """Has one reading known; why whoever asked fails, "" if not."""
        asking = self._facts.asking(reading, why)
        if reading.how == "run":
            self._facts.digests.about_to_ask(reading)
        try:
            answer = self._said(step, asking)
        except OSError as error:
            answer = Said("", "start", f"{reading.member} cannot be asked: {error.strerror}")
        return self._facts.hear(asking, answer)

    def _said(self, step: Step, asking: Asking) -> Said:
        import tempfile

        if self._folder is None or self._pool is None:
            from wavebuild.run.pool import Pool  # most questions ask nothing

            self._folder = tempfile.TemporaryDirectory(prefix="wavebuild-")
            self._pool = Pool(1, os.path.join(self._folder.name, "groups"), self._invocation.environ)
        log, output = (os.path.join(self._folder.name, name) for name in ("log", "answer"))
        secrets = secrets_of(self._facts.graph, self._invocation)
        self._pool.submit(asking_job(self._invocation, 0, step.name, asking, log, output, secrets))
        while not (ends := self._pool.wait(None)):
            pass
        return said(asking, ends[0], output, secrets)

    def know_inputs(self, number: int) -> None:
        """Asks for what a record of the step's inputs holds. Raises WavebuildError for what gives no answer."""
        read = self._facts.read(number)
        self._know(number, (*read.action, *read.gate), Why.READER)

    def know_outputs(self, number: int, things: bool = True) -> None:
        """Asks for what a record of the step's outputs holds. Raises WavebuildError for what gives no answer.

        ``things``: of what is no file, too.
        """
        step = self._facts.graph.wavefile.steps[number]
        members = [*self._facts.outputs(step), *(self._facts.things(step) if things else ())]
        self._know(number, [output_reading(step, member) for member in members], Why.MADE)

    def _know(self, number: int, readings: Collection[Reading], why: Why) -> None:
        step = self._facts.graph.wavefile.steps[number]
        for reading in readings:
            if self._facts.value(reading) == UNASKED and (failure := self.ask(step, reading, why)):
                raise mistake("unanswered", f"step {step.name!r}: {failure}", step.place, exit_code=1)
