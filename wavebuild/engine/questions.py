"""Questions: what a build would do, what ran, why. Nothing is locked and nothing written.

It does not know how an answer is shown.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from wavebuild.engine.project import (
    Project,
    attempts_of_others,
    durations_of,
    facts_of,
    forced_steps,
    jobs_of,
    layout_of_project,
    load,
    missing_of,
    open_attempts,
    select_steps,
    sequence,
    state_to_read,
)
from wavebuild.engine.values import Cause, Explanation, LogFile, Request, StatusLine
from wavebuild.errors import Problem, WavebuildError, did_you_mean, mistake
from wavebuild.judge.facts import Facts, refuse
from wavebuild.judge.freshness import Now
from wavebuild.judge.reasons import OutputEdited, OutputMissing, Unclaimed, Upstream
from wavebuild.judge.standing import Runs, Standing, Stops, stand
from wavebuild.judge.trace import Made, key
from wavebuild.plan import Foreseen, Plan, PlanWord, Selection, make_plan
from wavebuild.plan.foresee import foresee
from wavebuild.run.events import Outcome
from wavebuild.run.records import log_path
from wavebuild.store.lock import is_held
from wavebuild.store.state import State


def plan(request: Request) -> Plan:
    """What a build would do, nothing changed and no command started."""
    project = load(request)
    selection = select_steps(request, project)
    view = _look(request, project, selection)
    return make_plan(
        project.graph, selection.wanted, view.foreseen, durations_of(project, view.state), jobs_of(request, project)
    )


def question(request: Request, strict: bool = False) -> bool:
    """Whether anything wanted is stale or may be; ``always`` steps count only if ``strict``."""
    project = load(request)
    view = _look(request, project, select_steps(request, project))
    lazy = set() if strict else {n for n, step in enumerate(project.wavefile.steps) if step.always}
    for number, foreseen in view.foreseen.items():
        if foreseen.word in (PlanWord.FRESH, PlanWord.FROZEN, PlanWord.HELD) or number in lazy:
            continue
        names = {project.wavefile.steps[one].name for one in lazy}
        if foreseen.after and all(name in names for name in foreseen.after):
            lazy.add(number)
            continue
        return True
    return False


def status(request: Request) -> tuple[StatusLine, ...]:
    """One line for every wanted step: its verdict now, and how it last ran."""
    project = load(request)
    selection = select_steps(request, project)
    view = _look(request, project, selection)
    last = view.state.last_results() if view.state else {}
    lines = []
    for number in sequence(project, selection.wanted):
        step, foreseen = project.wavefile.steps[number], view.foreseen[number]
        result = last.get(step.name)
        traces = view.state.traces(key(step)) if view.state else []
        lines.append(
            StatusLine(
                step=step.name,
                word=foreseen.word,
                reasons=foreseen.reasons,
                last_outcome=Outcome(result.outcome) if result else None,
                last_started=result.began if result else None,
                last_seconds=result.seconds if result else None,
                by_touch=bool(traces) and traces[0].by_touch,
                by_hand=traces[0].by_hand if traces else (),
            )
        )
    return tuple(lines)


def explain(request: Request, subject: str) -> Explanation:
    """Why a step, or the step that makes a path, is stale: the chain of causes to the root."""
    project = load(request)
    selection = select_steps(replace(request, targets=(subject,), only=False), project)
    view = _look(request, project, selection)
    number_of = project.graph.number
    named = [number for number in sequence(project, selection.wanted) if number in selection.named]
    todo, chain = list(named), dict.fromkeys(named)
    while todo:
        foreseen = view.foreseen[todo.pop(0)]
        makers = [getattr(reason, "maker", None) for reason in foreseen.reasons]
        for name in (*foreseen.after, *(maker for maker in makers if maker)):
            number = number_of[name]
            if number not in chain and view.foreseen[number].word is not PlanWord.FRESH:
                chain[number] = None
                todo.append(number)
    causes = tuple(
        Cause(project.wavefile.steps[n].name, view.foreseen[n].word, view.foreseen[n].reasons) for n in chain
    )
    return Explanation(subject, causes)


def logs(request: Request, step: str) -> tuple[LogFile, ...]:
    """The logs of a step that are still kept, newest first."""
    project = load(request)
    _require_step(project, step)
    state = state_to_read(project)
    if state is None:
        return ()
    try:
        return tuple(
            LogFile(step, result.run, attempt, path, result.began)
            for result in state.results(step)
            for attempt in range(result.attempts, 0, -1)
            if os.path.exists(os.path.join(project.wavefile.root, path := log_path(result.run, step, attempt)))
        )
    finally:
        state.close()


def check(request: Request) -> tuple[Problem, ...]:
    """Every problem of the Wavefile and its sources; nothing runs."""
    try:
        project = load(request)
        state = state_to_read(project)
        facts, _ = facts_of(project, state, request)
        return missing_of(project, facts, range(len(project.wavefile.steps)))
    except WavebuildError as error:
        return error.problems


@dataclass(frozen=True, slots=True)
class _View:
    """What a question sees: nothing is locked, nothing written."""

    foreseen: dict[int, Foreseen]
    state: State | None


def _look(request: Request, project: Project, selection: Selection) -> _View:
    """What is wanted, as it is now; what a running or killed build has half done is seen as before it began."""
    lock = layout_of_project(project).lock
    held = is_held(lock)
    state = state_to_read(project)
    standings = _standings(request, project, selection, state)
    running = _running(project, state) if held or is_held(lock) else frozenset()

    def stands(number: int) -> Standing:
        standing = standings[number]
        return Runs(_UNSEEN, getattr(standing, "reasons", ())) if number in running else standing

    foreseen = foresee(project.graph, selection.wanted, stands)
    for number in running & foreseen.keys():
        reasons = tuple(reason for reason in foreseen[number].reasons if not isinstance(reason, _OF_THE_MOMENT))
        foreseen[number] = Foreseen(PlanWord.RUN, reasons)
    return _View(foreseen, state)


_UNSEEN = Now({}, {}, {}, {}, {}, {})
_OF_THE_MOMENT = (OutputEdited, OutputMissing, Unclaimed, Upstream)
"""Reasons that a running step may seem to have only because its outputs are half made."""


def _standings(request: Request, project: Project, selection: Selection, state: State | None) -> dict[int, Standing]:
    """Where every wanted step stands; as in a build, what cannot be read stops its readers alone."""
    others = attempts_of_others(layout_of_project(project))
    facts, _ = facts_of(project, state, request, [*open_attempts(state), *others])
    refuse(missing_of(project, facts, selection.wanted))
    known = _known(facts, state)
    forced = forced_steps(request, selection)
    clock = request.clock()
    found: dict[int, Standing] = {}
    for number in selection.wanted:
        traces = state.traces(key(project.wavefile.steps[number])) if state else ()
        try:
            found[number] = stand(facts, number, facts.read(number), traces, known, clock, number in forced)
        except WavebuildError:
            found[number] = Stops("input", (), ())
    return found


def _running(project: Project, before: State | None) -> frozenset[int]:
    """The steps that a build had in hand since the state was read: their files may have changed under our eyes."""
    after = state_to_read(project)
    keys = {attempt.key for state in (before, after) for attempt in open_attempts(state)}
    then = before.last_results() if before else {}
    now = after.last_results() if after else {}
    if after is not None:
        after.close()
    return frozenset(
        number
        for number, step in enumerate(project.wavefile.steps)
        if key(step) in keys or then.get(step.name) != now.get(step.name)
    )


def _known(facts: Facts, state: State | None) -> dict[str, Made]:
    """Every member on record, and what attempts that have not ended made so far: nobody's file, but no stranger's."""
    half_made = {path: Made("", "", "", False, "") for path, there in facts.elsewhere.items() if there is None}
    return half_made | (dict(state.made()) if state else {})


def _require_step(project: Project, name: str) -> None:
    if name not in project.graph.number:
        raise mistake("unknown-step", f"there is no step {name!r}", remedy=did_you_mean(name, project.graph.number))
