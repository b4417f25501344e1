"""Each question after its flags are read: asked of the engine, answered on the right stream. Nothing is written.

It does not know how the flags were spelled, nor how an answer is put into words.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wavebuild.errors import Problem, WavebuildError, mistake
from wavebuild.ui.answering import (
    answer_record,
    answer_records,
    answer_text,
    refuse_ambiguous,
    refuse_shadowed_in,
    stdout_style,
    the_one,
)
from wavebuild.ui.asking import How, Show, Where, request_of
from wavebuild.ui.caller import Caller
from wavebuild.ui.vocabulary import COMMANDS, LATER_COMMANDS

if TYPE_CHECKING:
    from wavebuild.engine import Explanation, Request
    from wavebuild.graph import Graph
    from wavebuild.ui.drawing import Format


def plan(caller: Caller, words: Sequence[str], where: Where, how: How, show: Show, bare: str | None) -> int:
    request = replace(request_of(caller, where, words, how), bare=bare)
    return answer_plan(caller, request, show)


def answer_plan(caller: Caller, request: Request, show: Show) -> int:
    plan = caller.engine().plan(request)
    if show.json:
        from wavebuild.ui.records import plan_record

        answer_record(caller, plan_record(plan))
    else:
        from wavebuild.ui.answers import plan_lines

        style = stdout_style(caller, show)
        answer_text(caller, plan_lines(plan, style, show.verbose or show.explain), style)
    return 0


def status(
    caller: Caller, words: Sequence[str], where: Where, how: How, show: Show, exit_code: bool, bare: str | None
) -> int:
    from wavebuild.plan.model import PlanWord
    from wavebuild.ui.words import orphan_lines

    request = caller.engine().glanced(replace(request_of(caller, where, words, how), bare=bare))
    orphans = caller.engine().orphans(request)
    lines = caller.engine().status(request)
    if show.json:
        from wavebuild.ui.records import status_record

        answer_record(caller, status_record(lines, orphans))
    else:
        from wavebuild.ui.answers import status_lines

        style = stdout_style(caller, show)
        answer_text(caller, [*status_lines(lines, style), *orphan_lines(orphans)], style)
    settled = (PlanWord.FRESH, PlanWord.FROZEN, PlanWord.HELD)
    return 1 if exit_code and any(line.word not in settled for line in lines) else 0


def explain(caller: Caller, words: Sequence[str], where: Where, how: How, show: Show) -> int:
    request = request_of(caller, where, words, how)
    subject = the_one(request.targets, "explain needs one STEP or PATH")
    explanation = caller.engine().explain(request, subject)
    if show.json:
        from wavebuild.ui.records import explain_record

        answer_record(caller, explain_record(explanation))
    else:
        from wavebuild.ui.answers import explain_lines

        style = stdout_style(caller, show)
        upstream = _upstream(caller, request, explanation)
        answer_text(caller, explain_lines(explanation, style, upstream), style)
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
    refuse_shadowed_in(bare, whole)
    upstream, downstream = (_steps_of(whole, side, request) for side in part)
    style = stdout_style(caller, show)
    picture = sketch(whole, upstream, downstream, instances or form == "json")
    if form == "svg" and not instances:
        boxes, picture = len(picture.boxes), gathered(picture)
        if len(picture.boxes) < boxes:
            said = f"{boxes} boxes drawn as {len(picture.boxes)}"
            caller.say([f"{said}: --instances draws each, --upstream and --downstream a part"])
    answer_text(caller, drawn(picture, form, style), style)
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
    refuse_shadowed_in(bare, whole)
    if show.json:
        from wavebuild.ui.records import listed_steps

        answer_records(caller, "steps", listed_steps(whole))
    else:
        from wavebuild.ui.answers import list_lines

        style = stdout_style(caller, show)
        answer_text(caller, list_lines(whole, style, instances), style)
    return 0


def show(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    from wavebuild.ui.portraits import portrait_lines, portrait_record

    request = request_of(caller, where, words)
    found = caller.engine().show(request, the_one(request.targets, "show needs one STEP"))
    if show.json:
        answer_record(caller, portrait_record(found))
    else:
        style = stdout_style(caller, show)
        answer_text(caller, portrait_lines(found, style, show.verbose), style)
    return 0


def history(caller: Caller, words: Sequence[str], where: Where, last: int, show: Show, bare: str | None) -> int:
    from wavebuild.ui.past import history_lines, history_record

    request = request_of(caller, where, words)
    refuse_ambiguous(caller, request, bare)
    if last < 1:
        raise mistake("bad-number", f"-n needs a number from 1, not {last}")
    step = the_one(request.targets, "history takes one STEP, or none") if request.targets else None
    found = caller.engine().history(request, step, last)
    if show.json:
        answer_record(caller, history_record(found))
    else:
        style = stdout_style(caller, show)
        answer_text(caller, history_lines(found, style), style)
    return 0


def report(caller: Caller, words: Sequence[str], where: Where, name: str, show: Show, bare: str | None) -> int:
    from wavebuild.ui.escapes import escaped
    from wavebuild.ui.report import asked

    request = request_of(caller, where, ())
    refuse_ambiguous(caller, request, bare)
    run = the_one(words, "report takes one RUN, or none") if words else None
    asked.refuse(caller, request, "-o", name, show.yes)
    try:
        asked.write(caller, request, "-o", name, show.yes, run)
    except OSError as error:
        raise mistake("report", f"the report cannot be written to {name}: {error.strerror}", exit_code=1) from None
    if name != "-":
        caller.answer([escaped(name)])
    return 0


def mem(caller: Caller, words: Sequence[str], where: Where, show: Show, bare: str | None) -> int:
    request = refuse_ambiguous(caller, request_of(caller, where, ()), bare)
    key = the_one(words, "mem takes one KEY, or none") if words else None
    found = caller.engine().memory(request, key)
    if show.json:
        from wavebuild.ui.records import memory_record

        answer_record(caller, memory_record(found))
    elif key is not None:
        if found[0].value is None:
            raise mistake("no-value", f"mem:{key} has no value yet: step {found[0].writer!r} writes it", exit_code=1)
        from wavebuild.ui.answers import value_lines

        caller.answer(value_lines(found[0]))
    else:
        from wavebuild.ui.answers import memory_lines

        style = stdout_style(caller, show)
        answer_text(caller, memory_lines(found, style), style)
    return 0


def doctor(caller: Caller, where: Where, show: Show, bare: str | None) -> int:
    request = refuse_ambiguous(caller, request_of(caller, where, ()), bare)
    findings = caller.engine().doctor(request)
    if show.json:
        from wavebuild.ui.doctor import doctor_record

        answer_record(caller, doctor_record(findings))
    else:
        from wavebuild.ui.doctor import doctor_lines

        caller.answer(doctor_lines(findings))
    return int(any(finding.remedy for finding in findings))


def check(caller: Caller, where: Where, show: Show, bare: str | None) -> int:
    request = refuse_ambiguous(caller, request_of(caller, where, ()), bare)
    problems, code = _problems(caller, replace(request, commands=(*COMMANDS, *LATER_COMMANDS)))
    if show.json:
        from wavebuild.ui.records import check_record

        answer_record(caller, check_record(problems))
    else:
        from wavebuild.ui.answers import check_lines
        from wavebuild.ui.excerpts import located

        answer_text(caller, check_lines(located(problems, caller)), stdout_style(caller, show))
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
        answer_record(caller, trial_record(found))
    else:
        from wavebuild.ui.excerpts import located

        located_now = replace(found, problems=located(found.problems, caller))
        answer_text(caller, trial_lines(located_now, step), stdout_style(caller, show))
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

        answer_record(caller, events_schema())
    else:
        from wavebuild.declare.schema import json_schema

        answer_record(caller, json_schema())
    return 0


def show_completion(caller: Caller, shell: str) -> None:
    from wavebuild.ui.shells import SCRIPTS, SHELLS

    if shell not in SHELLS:
        raise mistake("bad-shell", f"--show-completion is for {', '.join(SHELLS)}, not {shell!r}")
    caller.put(SCRIPTS[shell])
