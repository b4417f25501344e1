"""`build` and its other modes: whether it may begin, what shows it, and what is said when it is over.

It does not know how the flags were spelled, nor how anything is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from wavebuild.errors import WavebuildError, mistake
from wavebuild.ui.arguments import duration
from wavebuild.ui.asking import How, Show, Where, mode_of, mode_under_make, request_of
from wavebuild.ui.caller import Caller

if TYPE_CHECKING:
    from wavebuild.engine import BuildResult, Request
    from wavebuild.engine.glance import Glance
    from wavebuild.errors import Place
    from wavebuild.run.events import Event
    from wavebuild.run.gauge import Gauge
    from wavebuild.ui.manner import Manner, Screen


def build(caller: Caller, words: Sequence[str], where: Where, how: How, show: Show, seen: Glance | None = None) -> int:
    """``seen``: what a first look has found already."""
    mode = mode_of(show, how, words)
    if mode == "build":
        mode = mode_under_make(caller.environ)
    full = show.json or show.events is not None or show.timeline is not None or show.verbose or show.explain
    request = replace(request_of(caller, where, words, how), full=full, glance=seen)
    match mode:
        case "question":
            return 0 if not caller.engine().question(request, show.strict) else 1
        case "plan":
            from wavebuild.ui.questions import answer_plan

            return answer_plan(caller, request, show)
        case "touch":
            from wavebuild.ui.deeds import touch

            return touch(caller, request, show)
        case "build":
            return run_build(caller, request, show) if _confirmed(caller, request, show) else 1
        case _:
            assert_never(mode)


def run_build(caller: Caller, request: Request, show: Show) -> int:
    if show.report is not None:
        from wavebuild.ui.report import asked

        asked.refuse(caller, request, "--report", show.report, show.yes)
    if (show.events is not None or show.timeline is not None) and not show.watched:
        from wavebuild.ui.report import asked

        asked.refuse_files(caller, request, show)
    manner, screen, gauge = screen_of(caller, show)
    request = replace(request, gauge=gauge)
    ending: list[str] = []
    with (
        _written(caller, request, show) as write_line,
        _drawn(caller, request, show) as draw,
    ):

        def tell(event: Event) -> None:
            if write_line is not None:
                write_line(event)
            if draw is not None:
                draw(event)
            screen.tell(event)

        try:
            result = caller.engine().build(request, tell)
            if not (show.watched and result.nothing_to_do):
                ending = [*_audit_lines(result, request, manner), *ending_lines(result, manner)]
        finally:
            screen.close(ending)
    if manner.frame is not None:
        _say_to_the_job(caller, request, result)
    if show.json:
        from wavebuild.ui.answering import answer_record
        from wavebuild.ui.records import build_record

        answer_record(caller, build_record(result))
    if show.report is not None:
        from wavebuild.ui.escapes import escaped
        from wavebuild.ui.report import asked

        try:
            asked.write(caller, request, "--report", show.report, show.yes, None, result)
        except OSError as error:  # the build is none the worse for it
            caller.say([f"the report cannot be written: --report {escaped(show.report)}: {error.strerror}"])
        except WavebuildError as error:
            caller.say([f"the report cannot be written: {escaped(error.problems[0].message)}"])
    return result.exit_code


def screen_of(caller: Caller, show: Show) -> tuple[Manner, Screen, Gauge | None]:
    """What shows a build, in what manner; and where the build is to show what it waits for, if somebody looks."""
    from wavebuild.ui.manner import Manner
    from wavebuild.ui.style import style_of

    style = style_of(caller.stderr, caller.environ, show.color)
    manner = Manner(style, show.verbose, show.quiet, show.explain, show.output)
    if style.terminal:
        from wavebuild.ui.screens import live_screen

        if (live := live_screen(caller, show, manner)) is not None:
            return live
    if caller.environ.get("GITHUB_ACTIONS") == "true":
        from wavebuild.ui.github import new_frame

        manner = replace(manner, frame=new_frame())
    if manner.quiet:
        from wavebuild.ui.quiet import QuietScreen

        return manner, QuietScreen(caller.stderr, manner), None
    from wavebuild.ui.plain import PlainScreen

    return manner, PlainScreen(caller.stderr, manner), None


def _written(caller: Caller, request: Request, show: Show) -> AbstractContextManager[Callable[[Event], None] | None]:
    """What writes the events, if they are wanted."""
    if show.events is None:
        return nullcontext()
    from wavebuild.ui.event_lines import event_lines

    return event_lines(show.events, request.directory, caller.stdout, caller.say, show.watched)


def _drawn(caller: Caller, request: Request, show: Show) -> AbstractContextManager[Callable[[Event], None] | None]:
    """What draws the timeline, if one is wanted."""
    if show.timeline is None:
        return nullcontext()
    from wavebuild.ui.timeline import timeline

    return timeline(show.timeline, request.directory, lambda: _before_each(caller, request), caller.say)


def _before_each(caller: Caller, request: Request) -> dict[str, list[str]]:
    """Per step those that it directly follows; nothing if the Wavefile has become unreadable meanwhile."""
    try:
        whole = caller.engine().load(request).graph
    except WavebuildError:
        return {}
    steps = whole.wavefile.steps
    return {step.name: [steps[at].name for at in whole.upstream[number]] for number, step in enumerate(steps)}


def _say_to_the_job(caller: Caller, request: Request, result: BuildResult) -> None:
    """On GitHub Actions: annotations, and the summary of the job."""
    from wavebuild.run.events import Outcome, Settled
    from wavebuild.ui.excerpts import root_of
    from wavebuild.ui.github import said_to_the_job
    from wavebuild.ui.manner import Manner
    from wavebuild.ui.plain import trouble
    from wavebuild.ui.style import Style
    from wavebuild.ui.view import stopped_by

    stopped = stopped_by([each for each in result.steps if each.outcome is Outcome.BLOCKED])

    def digest(settled: Settled) -> list[str]:
        return trouble(settled, stopped(settled.step), Manner(Style()))

    root = root_of(caller)
    caller.say([*said_to_the_job(result, caller.environ, root, lambda: _places(caller, request), digest)])


def _places(caller: Caller, request: Request) -> Callable[[str], Place | None]:
    """Where a step stands; nowhere if the Wavefile has become unreadable meanwhile."""
    try:
        whole = caller.engine().load(request).graph
    except WavebuildError:
        return lambda name: None
    return lambda name: whole.wavefile.steps[whole.number[name]].place if name in whole.number else None


def _confirmed(caller: Caller, request: Request, show: Show) -> bool:
    """Whether it may begin: it is not estimated to take longer than the person wants to be asked about."""
    if show.confirm_over is None:
        return True
    from wavebuild.plan.build import takes_time
    from wavebuild.ui import words

    limit = duration("--confirm-over", show.confirm_over)
    if show.yes:
        return True
    plan = caller.engine().plan(request)
    times = plan.times
    expected = 0.0 if times is None else (times.barrier_j if request.schedule == "barrier" else times.flow_j).high
    if expected <= limit:
        return True
    due = [step for wave in plan.waves for step in wave.steps if takes_time(step.word)]
    unknown = sum(1 for step in due if step.estimate is None)
    unknowns = f", {unknown} of unknown length counted as nothing" if unknown else ""
    said = f"this may take {words.duration(expected)} ({words.counted(len(due), 'step')}{unknowns})"
    if not caller.interactive:
        message = f"{said}: more than --confirm-over {show.confirm_over}, and there is nobody to ask"
        raise mistake("not-asked", message, remedy="add --yes to run it all the same", exit_code=1)
    return caller.asks(f"{said}. Run it?")


def _audit_lines(result: BuildResult, request: Request, manner: Manner) -> list[str]:
    """What an audit found; it stands before the last line of a build."""
    if not request.audit or manner.quiet:
        return []
    from wavebuild.ui.audits import audit_lines

    return [*audit_lines(result, manner.style, manner.verbose), ""]


def ending_lines(result: BuildResult, manner: Manner) -> list[str]:
    """The last line of a build, after what else is left to say."""
    if manner.quiet and result.ok:
        return []
    from wavebuild.ui import words

    out = []
    if result.orphans:
        out += words.orphan_lines(result.orphans)
    if result.nothing_to_do:
        return [*out, words.nothing_to_do(result.fresh, result.seconds)]
    counted = words.counts_line(words.counts(result)) or "nothing ran"
    return [*out, f"{counted} ({words.duration(result.seconds)})"]
