"""Questions: what a build would do, what ran, why. Nothing is locked and nothing written.

It does not know how an answer is shown.
"""

from __future__ import annotations

import os
import time
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
from wavebuild.judge.reasons import Unclaimed, Upstream
from wavebuild.judge.standing import Runs, Standing, Stops, stand
from wavebuild.judge.trace import Made, key
from wavebuild.plan import Foreseen, Plan, PlanWord, Selection, make_plan
from wavebuild.plan.foresee import foresee
from wavebuild.run.events import Outcome
from wavebuild.store.lock import is_held
from wavebuild.store.state import State

LOOKS = 3
"""How often a question looks at a project that a build is changing, to see it at one moment."""


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
            LogFile(step, result.run, result.attempts, result.log, result.began)
            for result in state.results(step)
            if result.log and os.path.exists(os.path.join(project.wavefile.root, result.log))
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
    layout = layout_of_project(project)
    for left in range(LOOKS, 0, -1):
        held = is_held(layout.lock)
        state = state_to_read(project)
        now = state.version() if state else 0
        view = _View(_foreseen(request, project, selection, state, held), state)
        if state is None or not held or left == 1 or state.version() == now:
            return view
        state.close()
    raise AssertionError("the last look is the answer")


def _foreseen(
    request: Request, project: Project, selection: Selection, state: State | None, held: bool
) -> dict[int, Foreseen]:
    """A word for every wanted step. ``held``: steps with an open attempt are running now."""
    own = open_attempts(state)
    facts, _ = facts_of(project, state, request, [*own, *attempts_of_others(layout_of_project(project))])
    refuse(missing_of(project, facts, selection.wanted))
    known = _known(facts, state)
    forced = forced_steps(request, selection)
    running = {attempt.key for attempt in own} if held else set()
    clock = time.time()

    def runs(number: int) -> bool:
        return key(project.wavefile.steps[number]) in running

    def stands(number: int) -> Standing:
        traces = state.traces(key(project.wavefile.steps[number])) if state else ()
        try:
            read = facts.read(number)
            standing = stand(facts, number, read, traces, known, clock, number in forced)
            if not runs(number):
                return standing
            reasons = getattr(standing, "reasons", ())
            return Runs(facts.now(number, read, traces, clock, number in forced), reasons)
        except WavebuildError:
            return Stops("input", (), ())  # as in a build: what cannot be read stops its readers alone

    found = foresee(project.graph, selection.wanted, stands)
    for number in filter(runs, found):
        reasons = tuple(r for r in found[number].reasons if not isinstance(r, Unclaimed | Upstream))
        found[number] = Foreseen(PlanWord.RUN, reasons)
    return found


def _known(facts: Facts, state: State | None) -> dict[str, Made]:
    """Every member on record, and what attempts that have not ended made so far: nobody's file, but no stranger's."""
    half_made = {path: Made("", "", "", False, "") for path, there in facts.elsewhere.items() if there is None}
    return half_made | (dict(state.made()) if state else {})


def _require_step(project: Project, name: str) -> None:
    if name not in project.graph.number:
        raise mistake("unknown-step", f"there is no step {name!r}", remedy=did_you_mean(name, project.graph.number))
