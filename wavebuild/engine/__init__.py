"""One build, or one question, end to end: load, link, judge, plan, run, record.

It takes no decisions of its own and prints nothing. What a deed needs is imported when it is
called, so that a build with nothing to do costs what it looks at and no more.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wavebuild.engine.project import Project
    from wavebuild.engine.story import Story
    from wavebuild.engine.values import (
        Addition,
        BuildResult,
        Cause,
        Cleaned,
        Conversion,
        Explanation,
        Finding,
        History,
        LastRun,
        LogFile,
        Portrait,
        Remembered,
        Request,
        StatusLine,
        Trial,
        Undertaking,
    )
    from wavebuild.errors import Problem
    from wavebuild.plan.model import Plan
    from wavebuild.run.events import Event

__all__ = [
    "Addition",
    "BuildResult",
    "Cause",
    "Cleaned",
    "Conversion",
    "Explanation",
    "Finding",
    "History",
    "LastRun",
    "LogFile",
    "Portrait",
    "Remembered",
    "Request",
    "StatusLine",
    "Trial",
    "Undertaking",
    "accept",
    "build",
    "check",
    "clean",
    "clean_orphans",
    "clean_state",
    "convert",
    "doctor",
    "explain",
    "forget",
    "freeze",
    "glanced",
    "history",
    "init",
    "load",
    "logs",
    "memory",
    "orphans",
    "plan",
    "question",
    "race",
    "race_ahead",
    "show",
    "status",
    "told",
    "touch",
    "twice",
    "unfreeze",
]


def __getattr__(name: str) -> object:
    """The values that are asked and answered with, each when it is first named."""
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from wavebuild.engine import request

    found: object = request
    if not hasattr(request, name):
        from wavebuild.engine import values

        found = values
    value: object = getattr(found, name)
    globals()[name] = value
    return value


def load(request: Request) -> Project:
    """Reads and links the Wavefile; lists that steps make are read as they stand.

    Raises WavebuildError with everything that is wrong with it.
    """
    from wavebuild.engine import project

    return project.load(request, present=True)


def build(request: Request, tell: Callable[[Event], None]) -> BuildResult:
    """Makes what is wanted up to date; every step's end is told after it is saved."""
    from msgspec.structs import replace

    from wavebuild.engine.idle import first_look, idle_build

    began = time.monotonic()
    look = first_look(request)
    known = idle_build(request, look, began)
    if known is not None:
        return known
    request = replace(request, glance=look)
    from wavebuild.engine import building
    from wavebuild.errors import WavebuildError
    from wavebuild.store.layout import UNWRITABLE

    try:
        return building.build(request, tell, began)
    except WavebuildError as error:
        if all(problem.code != UNWRITABLE for problem in error.problems):
            raise
        from wavebuild.engine import untouched

        found = untouched.nothing_to_do(request, began)
        if found is None:
            raise
        return found


def glanced(request: Request) -> Request:
    """The request with what a first look has found and the project as it is, for several questions asked in a row."""
    from msgspec.structs import replace

    from wavebuild.engine import project
    from wavebuild.engine.idle import first_look

    look, loaded = first_look(request), project.load(request, present=True)
    project.refuse_shadowed(request.bare, loaded.graph)
    return replace(request, glance=look, loaded=loaded)


def plan(request: Request) -> Plan:
    """What a build would do, nothing changed and no command started."""
    from wavebuild.engine import questions

    return questions.plan(request)


def question(request: Request, strict: bool = False) -> bool:
    """Whether anything wanted is stale or may be; ``always`` steps count only if ``strict``."""
    from wavebuild.engine.idle import is_idle

    if is_idle(request):
        return False
    from wavebuild.engine import questions

    return questions.question(request, strict)


def memory(request: Request, key: str | None = None) -> tuple[Remembered, ...]:
    """The shared memory as it is now, or one key of it."""
    from wavebuild.engine import questions

    return questions.memory(request, key)


def status(request: Request) -> tuple[StatusLine, ...]:
    """One line for every wanted step: its verdict now, and how it last ran."""
    from wavebuild.engine import questions

    return questions.status(request)


def explain(request: Request, subject: str) -> Explanation:
    """Why a step, or the step that makes a path, is stale: the chain of causes to the root."""
    from wavebuild.engine import questions

    return questions.explain(request, subject)


def logs(request: Request, step: str) -> tuple[LogFile, ...]:
    """The logs of a step that are still kept, newest first."""
    from wavebuild.engine import questions

    return questions.logs(request, step)


def check(request: Request) -> tuple[Problem, ...]:
    """Every problem of the Wavefile and its sources; nothing runs."""
    from wavebuild.engine import questions

    return questions.check(request)


def race_ahead(request: Request) -> Undertaking:
    """What ``race`` is going to do; nothing runs."""
    from wavebuild.engine import races

    return races.undertaking(request)


def race(request: Request, say: Callable[[str], None]) -> Trial:
    """Builds copies of the project in different orders; what only one order lets pass."""
    from wavebuild.engine import races

    return races.race(request, say)


def twice(request: Request, step: str, say: Callable[[str], None]) -> Trial:
    """Runs a step twice in a copy of the project; how what it made differs."""
    from wavebuild.engine import repeating

    return repeating.twice(request, step, say)


def history(request: Request, step: str | None, most: int) -> History:
    """The latest runs, or the latest results of a step, newest first."""
    from wavebuild.engine import past

    return past.history(request, step, most)


def told(request: Request, run: str | None, result: BuildResult | None = None) -> Story:
    """The story of a run; ``result``: of the build that has just ended, which may not be on record."""
    from wavebuild.engine import reporting

    return reporting.story(request, run, result)


def show(request: Request, step: str) -> Portrait:
    """One step fully expanded."""
    from wavebuild.engine import portrait

    return portrait.show(request, step)


def doctor(request: Request) -> tuple[Finding, ...]:
    """What is well here and what is to be mended: environment, file systems, limits, the state. Nothing is written."""
    from wavebuild.engine import health

    return health.examine(request)


def init(request: Request) -> str:
    """Writes a starting Wavefile where there is none; its path."""
    from wavebuild.engine import beginning

    return beginning.init(request)


def touch(request: Request) -> tuple[str, ...]:
    """Takes the present outputs of the named steps as their results; the steps touched."""
    from wavebuild.engine import hands

    return hands.touch(request)


def accept(request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
    """Takes edited members, or all that stands in a step's way, as its result; a line for each."""
    from wavebuild.engine import hands

    return hands.accept(request, subjects)


def freeze(request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
    """From now on these steps never run; a line for each."""
    from wavebuild.engine import freezing

    return freezing.freeze(request, subjects)


def unfreeze(request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
    """These steps run again when they must; a line for each."""
    from wavebuild.engine import freezing

    return freezing.unfreeze(request, subjects)


def forget(request: Request) -> tuple[str, ...]:
    """Drops what is remembered of the named steps, and touches no file; the steps forgotten."""
    from wavebuild.engine import hands

    return hands.forget(request)


def clean(request: Request, dry: bool) -> Cleaned:
    """Removes the recorded outputs of the wanted steps; never a manual or an edited one."""
    from wavebuild.engine import hands

    return hands.clean(request, dry)


def clean_orphans(request: Request, dry: bool) -> Cleaned:
    """Moves away, untouched, what steps made that are no more."""
    from wavebuild.engine import hands

    return hands.clean_orphans(request, dry)


def clean_state(request: Request, dry: bool) -> Cleaned:
    """Drops what is remembered of the project under this Wavefile."""
    from wavebuild.engine import hands

    return hands.clean_state(request, dry)


def orphans(request: Request) -> tuple[str, ...]:
    """The standing outputs of steps that are no more."""
    from wavebuild.engine import questions

    return questions.orphans(request)


def convert(request: Request, file: str, output: str | None = None) -> Conversion:
    """Writes a Wavefile from a foreign build file, never over one; ``-`` writes none, the text is in the answer."""
    from wavebuild.engine import importing

    return importing.convert(request, file, output)
