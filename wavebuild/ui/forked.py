"""One build of a watch, in a process of its own: made as any other, and what the watch must know of it is told.

It does not know when something is to be built, nor what a watch shows between its builds.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from wavebuild.errors import WavebuildError
from wavebuild.run.events import Event, Noticed, Outcome, Settled, StepRetried, StepSettled, StepStarted
from wavebuild.ui import words
from wavebuild.ui.asking import Show
from wavebuild.ui.caller import Caller, Deeds
from wavebuild.ui.escapes import escaped
from wavebuild.watch.running import AT_LEAST, COARSE, Built, Knows, Looked, Mouth, Owned, Ran, Refused, Runs

if TYPE_CHECKING:
    from wavebuild.engine import BuildResult, Request
    from wavebuild.engine.request import Sight as Looks
    from wavebuild.run.interrupts import Interrupts

MOST_TOLD = 200
"""Steps of a build of which is told why they ran, and what became of them."""

_OURS = ("wavebuild", "msgspec", "yaml", "jinja2", "markupsafe", "rich")
"""Packages that a build may have imported and the next one is spared; beside the standard library."""

NEEDED = ("wavebuild.engine.building", "wavebuild.store.accounts")
"""What a build imports that has something to do, with all that this brings in: so the first one is spared it, too."""

_RAN = (Outcome.SUCCEEDED, Outcome.RESTORED, Outcome.FAILED, Outcome.WAITING, Outcome.INTERRUPTED)


def build(caller: Caller, request: Request, show: Show, mouth: Mouth, heading: str, first: bool, each: bool) -> int:
    """The exit code. ``heading``: why it builds; ``first``: of the watch; ``each``: every begin and end is told."""
    from wavebuild.ui.ending import ended

    known = set(sys.modules)
    request = replace(request, interrupts=_counting())

    def deed(caller: Caller) -> int:
        telling = Telling(caller.engine(), mouth, heading, each)
        return _built(caller, replace(caller, engine=lambda: cast("Deeds", telling)), request, show, mouth, first)

    code = ended(caller, deed)
    imported = (name for name in [*sys.modules] if name not in known and _may_be_ahead(name))
    mouth.tell(Knows((*imported, *NEEDED)))
    return code


def _built(caller: Caller, heard: Caller, request: Request, show: Show, mouth: Mouth, first: bool) -> int:
    """``heard``: the caller, of whose builds the watch hears."""
    from wavebuild.ui.answering import refuse_ambiguous
    from wavebuild.ui.builds import run_build
    from wavebuild.ui.excerpts import located
    from wavebuild.ui.problems import refusal_lines

    try:
        if first:
            refuse_ambiguous(caller, request, request.bare)
        try:
            return run_build(heard, request, show)
        except WavebuildError as error:
            if all(problem.code != "held" for problem in error.problems):
                raise
            caller.say([f"{escaped(error.problems[0].message)}: waiting for it"])
            return run_build(heard, replace(request, wait=float("inf"), glance=None), show)
    except WavebuildError as error:
        lines = refusal_lines(located(error.problems, caller), caller.argv)
        of_the_call = all(problem.place is None for problem in error.problems)
        mouth.tell(Refused(tuple(lines), error.exit_code, of_the_call))
        return error.exit_code


class Telling:
    """The deeds of an engine; of a build the watch is told what it must know."""

    def __init__(self, engine: Deeds, mouth: Mouth, heading: str, each: bool) -> None:
        self._engine = engine
        self._mouth = mouth
        self._heading = heading
        self._each = each  # every beginning and end is told
        self._ran: list[Ran] = []
        self._owner = ""

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def build(self, request: Request, tell: Callable[[Event], None]) -> BuildResult:
        def hear(event: Event) -> None:
            if self._heading and _is_seen(event):
                heading, self._heading = self._heading, ""
                tell(Noticed(event.run, event.at, heading))
            tell(event)
            self._pass_on(event)

        result = self._engine.build(replace(request, sight=self._look), hear)
        counts = tuple((word, number) for word, number in words.counts(result) if number)
        ran = tuple(self._ran[:MOST_TOLD])
        moved = tuple((path, step.step) for step in result.steps for path in step.moved)
        self._mouth.tell(
            Built(result.run, result.ok, result.seconds, counts, result.nothing_to_do, result.fresh, ran, moved)
        )
        return result

    def _pass_on(self, event: Event) -> None:
        match event:
            case StepStarted():
                if self._each:
                    self._mouth.tell(Runs(event.step, True, event.at))
                if event.console:
                    self._owner = event.step
                    self._mouth.ask_for_terminal()
            case StepSettled(settled=settled, at=at):
                self._give_back(settled.step)
                if self._each:
                    self._mouth.tell(Runs(settled.step, False, at))
                if settled.outcome in _RAN and len(self._ran) < MOST_TOLD:
                    self._ran.append(_ran(settled, at))
            case StepRetried(step=step):
                self._give_back(step)
            case _:
                pass

    def _give_back(self, step: str) -> None:
        if step == self._owner:
            self._owner = ""
            self._mouth.tell(Owned(False))

    def _look(self, looks: Looks) -> None:
        stamps = looks.stamps() if looks.open or not looks.kept else None
        self._mouth.tell(Looked(looks.root, looks.evidence, looks.kept, looks.quiet, stamps))


def _is_seen(event: Event) -> bool:
    return isinstance(event, StepStarted) or (isinstance(event, StepSettled) and event.settled.outcome in _RAN)


def _ran(settled: Settled, ended: float) -> Ran:
    reasons = tuple(words.reason_in_full(each) for each in settled.reasons)
    window = (int((settled.started or ended) * 1e9) - COARSE, int(ended * 1e9))
    return Ran(settled.step, settled.outcome.value, reasons, settled.log, window)


def _counting() -> Interrupts:
    """Who counts how often the build is to stop: the signals do, and it is never less than the watch has heard."""
    from wavebuild.run.interrupts import Interrupts

    interrupts, heard = Interrupts(), 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard += 1
        if not interrupts.wakes:  # no build to stop yet, or none any more
            raise KeyboardInterrupt
        while interrupts.count < heard:
            interrupts.stop()

    signal.signal(AT_LEAST, hear)
    return interrupts


def _may_be_ahead(name: str) -> bool:
    top = name.partition(".")[0]
    return top in _OURS or top in sys.stdlib_module_names
