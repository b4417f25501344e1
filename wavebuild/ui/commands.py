"""Each command after its flags are read: one question or deed of the engine, and its answer on the right stream.

It does not know how the flags were spelled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from wavebuild.errors import Problem, WavebuildError, mistake
from wavebuild.ui.arguments import arranged, duration, is_command, meant
from wavebuild.ui.asking import How, Show, WantedLog, Where, mode_of, mode_under_make, request_of
from wavebuild.ui.caller import Caller
from wavebuild.ui.vocabulary import COMMANDS, LATER_COMMANDS

if TYPE_CHECKING:
    from wavebuild.engine import BuildResult, Cleaned, Explanation, LogFile, Request
    from wavebuild.engine.glance import Glance
    from wavebuild.errors import Place
    from wavebuild.graph import Graph
    from wavebuild.run.events import Event
    from wavebuild.run.gauge import Gauge
    from wavebuild.ui.drawing import Format
    from wavebuild.ui.plain import Manner, Screen
    from wavebuild.ui.records import Record
    from wavebuild.ui.style import Style

FOLLOW = 0.2  # seconds between two looks at a log that is followed


# build and its other modes


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
            return _answer_plan(caller, request, show)
        case "touch":
            return _touch(caller, request, show)
        case "build":
            return run_build(caller, request, show) if _confirmed(caller, request, show) else 1
        case _:
            assert_never(mode)


def run_build(caller: Caller, request: Request, show: Show) -> int:
    if show.report is not None:
        _refuse_report(caller, request, "--report", show.report, show.yes)
    from wavebuild.ui.event_lines import event_lines

    manner, screen, gauge = screen_of(caller, show)
    request = replace(request, gauge=gauge)
    ending: list[str] = []
    with (
        event_lines(show.events, request.directory, caller.stdout, caller.say, show.watched) as write_line,
        _drawn(caller, request, show) as draw,
    ):

        def tell(event: Event) -> None:
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
        from wavebuild.ui.records import build_record

        _answer_record(caller, build_record(result))
    if show.report is not None:
        from wavebuild.ui.escapes import escaped

        try:
            _write_report(caller, request, "--report", show.report, show.yes, None, result)
        except OSError as error:  # the build is none the worse for it
            caller.say([f"the report cannot be written: --report {escaped(show.report)}: {error.strerror}"])
        except WavebuildError as error:
            caller.say([f"the report cannot be written: {escaped(error.problems[0].message)}"])
    return result.exit_code


def screen_of(caller: Caller, show: Show) -> tuple[Manner, Screen, Gauge | None]:
    """What shows a build, in what manner; and where the build is to show what it waits for, if somebody looks."""
    from wavebuild.ui.plain import Manner, PlainScreen
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
    return manner, PlainScreen(caller.stderr, manner), None


def _say_to_the_job(caller: Caller, request: Request, result: BuildResult) -> None:
    """On GitHub Actions: annotations, and the summary of the job."""
    from wavebuild.run.events import Outcome, Settled
    from wavebuild.ui.excerpts import root_of
    from wavebuild.ui.github import said_to_the_job
    from wavebuild.ui.plain import Manner, trouble
    from wavebuild.ui.style import Style
    from wavebuild.ui.view import Picture

    picture = Picture(blocked=tuple(each for each in result.steps if each.outcome is Outcome.BLOCKED))

    def digest(settled: Settled) -> list[str]:
        return trouble(picture, settled, Manner(Style()))

    root = root_of(caller)
    caller.say([*said_to_the_job(result, caller.environ, root, lambda: _places(caller, request), digest)])


def _places(caller: Caller, request: Request) -> Callable[[str], Place | None]:
    """Where a step stands; nowhere if the Wavefile has become unreadable meanwhile."""
    try:
        whole = caller.engine().load(request).graph
    except WavebuildError:
        return lambda name: None
    return lambda name: whole.wavefile.steps[whole.number[name]].place if name in whole.number else None


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


def _refuse_report(caller: Caller, request: Request, flag: str, name: str, replaces: bool) -> None:
    """Refuses a file in which a report has no place, before anything is done for it."""
    from wavebuild.ui.report import writing

    if name == writing.STDOUT:
        return
    where = writing.place(flag, name, request.directory, replaces)
    try:
        wavefile = caller.engine().load(request)
    except WavebuildError:
        if flag == "--report":
            raise
        return  # a past run can be told of without it
    writing.refuse_inside(flag, where, wavefile.graph, wavefile.wavefile.files)


def _write_report(
    caller: Caller,
    request: Request,
    flag: str,
    name: str,
    replaces: bool,
    run: str | None,
    result: BuildResult | None = None,
) -> None:
    """Raises OSError; WavebuildError where something else than a report has come to stand meanwhile."""
    from wavebuild.ui.report import writing
    from wavebuild.ui.report.page import page

    text = page(caller.engine().told(request, run, result))
    if name == writing.STDOUT:
        caller.put(text)
        return
    writing.write(writing.place(flag, name, request.directory, replaces), text)


def _audit_lines(result: BuildResult, request: Request, manner: Manner) -> list[str]:
    """What an audit found; it stands before the last line of a build."""
    if not request.audit or manner.quiet:
        return []
    from wavebuild.ui.audits import audit_lines

    return [*audit_lines(result, manner.style, manner.verbose), ""]


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


def ending_lines(result: BuildResult, manner: Manner) -> list[str]:
    """The last line of a build, after what else is left to say."""
    from wavebuild.ui import words

    if manner.quiet and result.ok:
        return []
    out = []
    if result.orphans:
        out += orphan_lines(result.orphans)
    if result.nothing_to_do:
        return [*out, words.nothing_to_do(result.fresh, result.seconds)]
    counted = words.counts_line(words.counts(result)) or "nothing ran"
    return [*out, f"{counted} ({words.duration(result.seconds)})"]


def orphan_lines(orphans: Sequence[str]) -> list[str]:
    """What no step makes any more, and how it goes; nothing if there is none."""
    from wavebuild.ui import words

    if not orphans:
        return []
    left = words.counted(len(orphans), "former output")
    return [f"{left} that no step makes any more (wavebuild clean --orphans): {words.listed(orphans)}"]


def _touch(caller: Caller, request: Request, show: Show) -> int:
    from wavebuild.ui.escapes import escaped

    steps = caller.engine().touch(request)
    if show.json:
        _answer_record(caller, {"touched": list(steps)})
    elif not show.quiet:
        caller.say([f"accepted as its result, without a run: {escaped(step)}" for step in steps])
    return 0


def show_completion(caller: Caller, shell: str) -> None:
    from wavebuild.ui.shells import SCRIPTS, SHELLS

    if shell not in SHELLS:
        raise mistake("bad-shell", f"--show-completion is for {', '.join(SHELLS)}, not {shell!r}")
    caller.put(SCRIPTS[shell])


# questions


def plan(caller: Caller, words: Sequence[str], where: Where, how: How, show: Show, bare: str | None) -> int:
    request = replace(request_of(caller, where, words, how), bare=bare)
    return _answer_plan(caller, request, show)


def _answer_plan(caller: Caller, request: Request, show: Show) -> int:
    plan = caller.engine().plan(request)
    if show.json:
        from wavebuild.ui.records import plan_record

        _answer_record(caller, plan_record(plan))
    else:
        from wavebuild.ui.answers import plan_lines

        style = _stdout_style(caller, show)
        _answer_text(caller, plan_lines(plan, style, show.verbose or show.explain), style)
    return 0


def status(
    caller: Caller, words: Sequence[str], where: Where, how: How, show: Show, exit_code: bool, bare: str | None
) -> int:
    from wavebuild.plan.model import PlanWord

    request = caller.engine().glanced(replace(request_of(caller, where, words, how), bare=bare))
    orphans = caller.engine().orphans(request)
    lines = caller.engine().status(request)
    if show.json:
        from wavebuild.ui.records import status_record

        _answer_record(caller, status_record(lines, orphans))
    else:
        from wavebuild.ui.answers import status_lines

        style = _stdout_style(caller, show)
        _answer_text(caller, [*status_lines(lines, style), *orphan_lines(orphans)], style)
    settled = (PlanWord.FRESH, PlanWord.FROZEN, PlanWord.HELD)
    return 1 if exit_code and any(line.word not in settled for line in lines) else 0


def explain(caller: Caller, words: Sequence[str], where: Where, how: How, show: Show) -> int:
    request = request_of(caller, where, words, how)
    subject = _the_one(request.targets, "explain needs one STEP or PATH")
    explanation = caller.engine().explain(request, subject)
    if show.json:
        from wavebuild.ui.records import explain_record

        _answer_record(caller, explain_record(explanation))
    else:
        from wavebuild.ui.answers import explain_lines

        style = _stdout_style(caller, show)
        upstream = _upstream(caller, request, explanation)
        _answer_text(caller, explain_lines(explanation, style, upstream), style)
    return 0


def _upstream(caller: Caller, request: Request, explanation: Explanation) -> dict[str, list[str]]:
    """The steps before each blocked one of an explanation."""
    from wavebuild.plan.model import PlanWord

    blocked = [cause.step for cause in explanation.chain if cause.word is PlanWord.BLOCKED]
    if not blocked:
        return {}
    whole = caller.engine().load(request).graph
    steps = whole.wavefile.steps
    return {name: [steps[at].name for at in whole.upstream[whole.number[name]]] for name in blocked}


def graph(
    caller: Caller,
    where: Where,
    form: Format,
    part: tuple[Sequence[str], Sequence[str]],
    instances: bool,
    show: Show,
    bare: str | None,
) -> int:
    from wavebuild.ui.drawing import drawn
    from wavebuild.ui.sketch import gathered, sketch

    request = request_of(caller, where, ())
    whole = caller.engine().load(request).graph
    _refuse_shadowed(bare, whole)
    upstream, downstream = (_steps_of(whole, side, request) for side in part)
    style = _stdout_style(caller, show)
    picture = sketch(whole, upstream, downstream, instances or form == "json")
    if form == "svg" and not instances:
        boxes, picture = len(picture.boxes), gathered(picture)
        if len(picture.boxes) < boxes:
            said = f"{boxes} boxes drawn as {len(picture.boxes)}"
            caller.say([f"{said}: --instances draws each, --upstream and --downstream a part"])
    _answer_text(caller, drawn(picture, form, style), style)
    return 0


def _steps_of(graph: Graph, words: Sequence[str], request: Request) -> list[int]:
    """The steps that targets speak of; none for no words."""
    from wavebuild.plan.targets import select

    if not words:
        return []
    folder = os.path.relpath(request.directory, graph.wavefile.root)
    return sorted(select(graph, words, "" if folder == "." else folder, only=True).named)


def list_steps(caller: Caller, where: Where, instances: bool, show: Show, bare: str | None) -> int:
    whole = caller.engine().load(request_of(caller, where, ())).graph
    _refuse_shadowed(bare, whole)
    if show.json:
        from wavebuild.ui.records import list_record

        _answer_record(caller, list_record(whole))
    else:
        from wavebuild.ui.answers import list_lines

        style = _stdout_style(caller, show)
        _answer_text(caller, list_lines(whole, style, instances), style)
    return 0


def show(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    from wavebuild.ui.portraits import portrait_lines, portrait_record

    request = request_of(caller, where, words)
    found = caller.engine().show(request, _the_one(request.targets, "show needs one STEP"))
    if show.json:
        _answer_record(caller, portrait_record(found))
    else:
        style = _stdout_style(caller, show)
        _answer_text(caller, portrait_lines(found, style, show.verbose), style)
    return 0


def history(caller: Caller, words: Sequence[str], where: Where, last: int, show: Show, bare: str | None) -> int:
    from wavebuild.ui.past import history_lines, history_record

    request = request_of(caller, where, words)
    refuse_ambiguous(caller, request, bare)
    if last < 1:
        raise mistake("bad-number", f"-n needs a number from 1, not {last}")
    step = _the_one(request.targets, "history takes one STEP, or none") if request.targets else None
    found = caller.engine().history(request, step, last)
    if show.json:
        _answer_record(caller, history_record(found))
    else:
        style = _stdout_style(caller, show)
        _answer_text(caller, history_lines(found, style), style)
    return 0


def report(caller: Caller, words: Sequence[str], where: Where, name: str, show: Show, bare: str | None) -> int:
    from wavebuild.ui.escapes import escaped

    request = request_of(caller, where, ())
    refuse_ambiguous(caller, request, bare)
    run = _the_one(words, "report takes one RUN, or none") if words else None
    _refuse_report(caller, request, "-o", name, show.yes)
    try:
        _write_report(caller, request, "-o", name, show.yes, run)
    except OSError as error:
        raise mistake("report", f"the report cannot be written to {name}: {error.strerror}", exit_code=1) from None
    if name != "-":
        caller.answer([escaped(name)])
    return 0


def mem(caller: Caller, words: Sequence[str], where: Where, show: Show, bare: str | None) -> int:
    request = request_of(caller, where, ())
    refuse_ambiguous(caller, request, bare)
    key = _the_one(words, "mem takes one KEY, or none") if words else None
    found = caller.engine().memory(request, key)
    if show.json:
        from wavebuild.ui.records import memory_record

        _answer_record(caller, memory_record(found))
    elif key is not None:
        if found[0].value is None:
            raise mistake("no-value", f"mem:{key} has no value yet: step {found[0].writer!r} writes it", exit_code=1)
        from wavebuild.ui.answers import value_lines

        caller.answer(value_lines(found[0]))
    else:
        from wavebuild.ui.answers import memory_lines

        style = _stdout_style(caller, show)
        _answer_text(caller, memory_lines(found, style), style)
    return 0


def doctor(caller: Caller, where: Where, show: Show, bare: str | None) -> int:
    request = request_of(caller, where, ())
    refuse_ambiguous(caller, request, bare)
    findings = caller.engine().doctor(request)
    if show.json:
        from wavebuild.ui.doctor import doctor_record

        _answer_record(caller, doctor_record(findings))
    else:
        from wavebuild.ui.doctor import doctor_lines

        caller.answer(doctor_lines(findings))
    return int(any(finding.remedy for finding in findings))


def check(caller: Caller, where: Where, show: Show, bare: str | None) -> int:
    request = request_of(caller, where, ())
    refuse_ambiguous(caller, request, bare)
    problems, code = _problems(caller, replace(request, commands=(*COMMANDS, *LATER_COMMANDS)))
    if show.json:
        from wavebuild.ui.records import check_record

        _answer_record(caller, check_record(problems))
    else:
        from wavebuild.ui.answers import check_lines
        from wavebuild.ui.excerpts import located

        _answer_text(caller, check_lines(located(problems, caller)), _stdout_style(caller, show))
    if caller.environ.get("GITHUB_ACTIONS") == "true":
        from wavebuild.ui.ending import annotate

        annotate(caller, problems)
    return code


def trial(caller: Caller, where: Where, how: How, show: Show, step: str | None, race: bool, bare: str | None) -> int:
    """``check --race`` and ``check --twice``: what comes of running steps in a copy of the project."""
    from wavebuild.ui.trials import trial_lines, trial_record

    if race and step is not None:
        raise mistake("flags", "--race and --twice are two trials: one at a time")
    request = request_of(caller, where, (), how)
    refuse_ambiguous(caller, request, bare)

    def say(line: str) -> None:
        from wavebuild.ui.escapes import escaped

        caller.say([escaped(line)])

    if step is not None:
        found = caller.engine().twice(request, step, say)
    elif _race_confirmed(caller, request, show):
        found = caller.engine().race(request, say)
    else:
        return 1
    if show.json:
        _answer_record(caller, trial_record(found))
    else:
        from wavebuild.ui.excerpts import located

        located_now = replace(found, problems=located(found.problems, caller))
        _answer_text(caller, trial_lines(located_now, step), _stdout_style(caller, show))
    return int(any(each.severity == "error" for each in found.problems))


def _race_confirmed(caller: Caller, request: Request, show: Show) -> bool:
    """Whether the person wants all these builds: they take time, and perhaps money."""
    from wavebuild.ui.trials import undertaking_line

    if show.yes:
        return True
    times = caller.engine().plan(replace(request, force=True)).times
    said = undertaking_line(caller.engine().race_ahead(request), times.serial.high if times else None)
    if not caller.interactive:
        message = f"{said}: there is nobody to ask"
        raise mistake("not-asked", message, remedy="add --yes to do it all the same", exit_code=1)
    return caller.asks(f"{said}. Go on?")


def _problems(caller: Caller, request: Request) -> tuple[tuple[Problem, ...], int]:
    """A Wavefile that cannot be loaded is an answer here, not a refusal."""
    try:
        problems = caller.engine().check(request)
    except WavebuildError as error:
        return error.problems, error.exit_code
    return problems, 2 if any(each.severity == "error" for each in problems) else 0


def schema(caller: Caller, where: Where, events: bool, bare: str | None) -> int:
    """It needs no project; only where there is one, the bare word may be one of its steps."""
    refuse_ambiguous(caller, request_of(caller, where, ()), bare)
    if events:
        from wavebuild.ui.event_shapes import events_schema

        _answer_record(caller, events_schema())
    else:
        from wavebuild.declare.schema import json_schema

        _answer_record(caller, json_schema())
    return 0


def init(caller: Caller, words: Sequence[str], where: Where, show: Show, bare: str | None) -> int:
    from wavebuild.ui.escapes import escaped

    request = request_of(caller, where, words)
    if request.targets:
        raise mistake("no-words", "init takes no words", remedy="-f FILE names the file, -C DIR the folder")
    refuse_ambiguous(caller, request, bare)
    written = caller.engine().init(request)
    if show.json:
        _answer_record(caller, {"written": written})
    else:
        caller.answer([f"wrote {escaped(written)}: build it with wavebuild"])
    return 0


# logs


def log(caller: Caller, words: Sequence[str], where: Where, wanted: WantedLog, show: Show) -> int:
    request = request_of(caller, where, words)
    step = _the_one(request.targets, "log needs one STEP")
    logs = caller.engine().logs(request, step)
    if wanted.attempt is None and wanted.run is None and _printed_nothing(caller, request, step, logs):
        return _say_nothing(caller, step, logs, wanted)
    found = _chosen(logs, step, wanted)
    path = os.path.join(caller.engine().load(request).wavefile.root, found.path)
    if wanted.path:
        caller.answer([path])
        return 0
    style = _stdout_style(caller, show)
    _copy_log(caller, path, style.colours and style.terminal, wanted.follow)
    return 0


def _printed_nothing(caller: Caller, request: Request, step: str, logs: Sequence[LogFile]) -> bool:
    """Whether the step ran after the newest log was written: a run that prints nothing leaves none."""
    lines = caller.engine().status(replace(request, targets=(f"step:{step}",), only=True))
    last = max((line.last_started for line in lines if line.step == step and line.last_started), default=None)
    return last is not None and all(each.began < last for each in logs)


def _say_nothing(caller: Caller, step: str, logs: Sequence[LogFile], wanted: WantedLog) -> int:
    from wavebuild.ui.escapes import escaped

    said = f"the last run of {step!r} printed nothing"
    older = f"an older log: wavebuild log {escaped(step)} --run {logs[0].run}" if logs else ""
    if wanted.path:
        raise mistake("no-log", said, remedy=older)
    caller.say([line for line in (said, older) if line])
    return 0


def _chosen(logs: Sequence[LogFile], step: str, wanted: WantedLog) -> LogFile:
    """The newest that fits."""
    for each in logs:
        if wanted.attempt in (None, each.attempt) and wanted.run in (None, each.run):
            return each
    if not logs:
        raise mistake("no-log", f"there is no log of {step!r} yet")
    known = ", ".join(f"{each.run} try {each.attempt}" for each in logs)
    raise mistake("no-log", f"there is no such log of {step!r}", remedy=f"there are: {known}")


def _copy_log(caller: Caller, path: str, colours: bool, follow: bool) -> None:
    from wavebuild.ui.logs import LogReader

    reader = LogReader(path, colours)
    while True:
        piece = reader.read()
        if piece is not None:
            if piece and not caller.put(piece):
                return
        elif follow:
            time.sleep(FOLLOW)
        else:
            caller.put(reader.finish())
            return


# deeds


def accept(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    request = request_of(caller, where, words)
    if not request.targets:
        raise mistake("no-subject", "accept needs a PATH or a STEP")
    return _said(caller, caller.engine().accept(request, request.targets), show)


def freeze(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    request = _naming_steps(caller, words, where, "freeze")
    return _said(caller, caller.engine().freeze(request, request.targets), show)


def unfreeze(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    request = _naming_steps(caller, words, where, "unfreeze")
    return _said(caller, caller.engine().unfreeze(request, request.targets), show)


def forget(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    request = _naming_steps(caller, words, where, "forget")
    steps = caller.engine().forget(request)
    return _said(caller, [f"{step}: forgotten; it runs next" for step in steps], show)


def _naming_steps(caller: Caller, words: Sequence[str], where: Where, command: str) -> Request:
    request = request_of(caller, where, words)
    if not request.targets:
        raise mistake("no-subject", f"{command} needs a STEP")
    return request


def _said(caller: Caller, lines: Sequence[str], show: Show) -> int:
    from wavebuild.ui.escapes import escaped

    _answer_text(caller, [escaped(line) for line in lines], _stdout_style(caller, show))
    return 0


def clean(caller: Caller, words: Sequence[str], where: Where, show: Show, bare: str | None) -> int:
    from wavebuild.ui.answers import clean_lines
    from wavebuild.ui.records import clean_record

    request = request_of(caller, where, words)
    refuse_ambiguous(caller, request, bare)
    deed = _cleaning(caller, request, show)
    foreseen = deed(request, True)
    asks = bool(foreseen.removed) and not show.dry_run and not show.yes
    if asks and not caller.interactive:
        raise mistake("not-asked", "clean asks before it removes, and there is nobody to ask", remedy="add --yes or -n")
    if asks:
        caller.say(clean_lines(foreseen, done=False))
        if show.state:
            caller.say(["every step will run next, and files at its outputs will be in its way: see `wavebuild -t`"])
        if not caller.asks(f"remove {len(foreseen.removed)}?"):
            return 1
    done = bool(foreseen.removed) and not show.dry_run
    cleaned = deed(request, False) if done else foreseen
    if show.json:
        _answer_record(caller, clean_record(cleaned, done))
    else:
        _answer_text(caller, clean_lines(cleaned, done), _stdout_style(caller, show))
    return 0


def _cleaning(caller: Caller, request: Request, show: Show) -> Callable[[Request, bool], Cleaned]:
    """What is to be cleaned: outputs, orphans, or the state."""
    if show.orphans and show.state:
        raise mistake("flags", "--orphans and --state exclude each other")
    if (show.orphans or show.state) and request.targets:
        raise mistake("flags", "--orphans and --state are of the whole project: they go with no step")
    engine = caller.engine()
    return engine.clean_orphans if show.orphans else engine.clean_state if show.state else engine.clean


def import_file(caller: Caller, words: Sequence[str], output: str | None, where: Where, show: Show) -> int:
    from wavebuild.ui.escapes import escaped
    from wavebuild.ui.words import counted

    file = _the_one(words, "import needs one FILE")
    done = caller.engine().convert(request_of(caller, where, ()), file, output)
    caller.say(problem_lines(done.left, ()))
    if done.path is None:
        caller.put(done.text)
    else:
        left = f"; not carried over: {len(done.left)}, listed in its head" if done.left else ""
        caller.say([escaped(f"{done.path}: {counted(done.steps, 'step')} from {file}{left}")])
    return 0


# what they share


def _the_one(targets: Sequence[str], message: str) -> str:
    if len(targets) != 1:
        raise mistake("one-subject", message)
    return targets[0]


def refuse_ambiguous(caller: Caller, request: Request, bare: str | None) -> None:
    """A bare word that is a command and a step too is never guessed."""
    if bare is None:
        return
    try:
        whole = caller.engine().load(request).graph
    except WavebuildError:
        return  # the command itself will say what is wrong
    _refuse_shadowed(bare, whole)


def _refuse_shadowed(bare: str | None, graph: Graph) -> None:
    from wavebuild.engine.project import refuse_shadowed

    refuse_shadowed(bare, graph)


def _stdout_style(caller: Caller, show: Show) -> Style:
    from wavebuild.ui.style import style_of

    return style_of(caller.stdout, caller.environ, show.color)


def _answer_text(caller: Caller, lines: Sequence[str], style: Style) -> None:
    caller.answer([style.fit(line) for line in lines])


def _answer_record(caller: Caller, record: Record) -> None:
    from wavebuild.ui.records import written

    caller.answer([written(record)])


def problem_lines(problems: Sequence[Problem], argv: Sequence[str]) -> list[str]:
    """The problems as shown; an unknown target may have been meant as a command."""
    from wavebuild.ui.escapes import escaped

    out: list[str] = []
    for problem in problems:
        where = "" if problem.place else "wavebuild: "
        hints = _hints(problem, argv) if problem.code == "unknown-target" and not problem.place else []
        if hints:
            problem = replace(problem, remedy="\n".join(hints))
        lines = [escaped(line) for line in problem.lines()]
        out += [where + lines[0], *lines[1:]]
    return out


def _hints(problem: Problem, argv: Sequence[str]) -> list[str]:
    """What else a word that is no step may have meant; nothing if the problem's own remedy says more."""
    line = arranged(argv).line
    said = line[line.index("--") + 1 :] if "--" in line else ()
    named = line[0] if line[0] in argv else ""
    unknown = [word for word in said if f"'{word}'" in problem.message]
    return [hint for word in unknown if (hint := meant(word, named)) and (not problem.remedy or is_command(word))]
