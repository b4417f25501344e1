"""Questions: what a build would do, what ran, why. Nothing is locked and nothing written.

It does not know how an answer is shown.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from wavebuild.declare.model import Artifact, Kind
from wavebuild.engine.changes import Changes
from wavebuild.engine.few import Few, few_of
from wavebuild.engine.idle import first_look
from wavebuild.engine.lists import grown_as_far, made_content, settled_lists
from wavebuild.engine.project import (
    Project,
    attempts_of_others,
    durations_of,
    facts_of,
    forced_steps,
    invocation_of,
    layout_of_project,
    load,
    memory_of,
    missing_of,
    open_attempts,
    refuse_shadowed,
    secrets_of,
    select_steps,
    sequence,
    state_to_read,
)
from wavebuild.engine.sharing import jobs_foreseen
from wavebuild.engine.values import Cause, Explanation, LastRun, LogFile, Remembered, Request, StatusLine
from wavebuild.errors import Place, Problem, WavebuildError, did_you_mean, mistake
from wavebuild.graph.advice import warnings
from wavebuild.judge.facts import Facts, refuse
from wavebuild.judge.freshness import Now
from wavebuild.judge.reasons import (
    EditLost,
    ListRefused,
    NeverRan,
    OutputEdited,
    OutputMissing,
    Unasked,
    Unclaimed,
    Unreadable,
    Upstream,
)
from wavebuild.judge.standing import Frozen, Keeps, Runs, Standing, Stops, stand
from wavebuild.judge.trace import Made, Trace, key
from wavebuild.plan import Foreseen, Plan, PlanWord, Selection, make_plan
from wavebuild.plan.foresee import SETTLED, UNSETTLED, foresee
from wavebuild.plan.targets import downstream_of
from wavebuild.run.asking import Asker
from wavebuild.run.events import Outcome
from wavebuild.run.records import log_path
from wavebuild.store import settled
from wavebuild.store.held import is_held
from wavebuild.store.opening import DAMAGE
from wavebuild.store.state import State

Answer = TypeVar("Answer")


def plan(request: Request) -> Plan:
    """What a build would do, nothing changed and no command started."""
    return _answered(request, partial(_plan, request))


def _plan(request: Request, view: _View) -> Plan:
    graph, wanted = view.project.graph, view.selection.wanted
    durations = durations_of(view.project, view.state, wanted)
    return make_plan(graph, wanted, view.foreseen, durations, jobs_foreseen(request, view.project))


def question(request: Request, strict: bool = False) -> bool:
    """Whether anything wanted is stale or may be; ``always`` steps count only if ``strict``."""
    return _answered(request, partial(_is_stale, strict))


def _is_stale(strict: bool, view: _View) -> bool:
    project = view.project
    due = {number: each for number, each in view.foreseen.items() if each.word not in NOTHING_TO_DO}
    if not due:
        return False
    lazy = set() if strict else {n for n, step in enumerate(project.wavefile.steps) if step.always}
    for number, foreseen in due.items():
        if number in lazy:
            continue
        names = {project.wavefile.steps[one].name for one in lazy}
        asks = any(isinstance(reason, Unasked) for reason in foreseen.reasons)
        if foreseen.after and not asks and all(name in names for name in foreseen.after):
            lazy.add(number)
            continue
        return True
    return False


def memory(request: Request, wanted: str | None) -> tuple[Remembered, ...]:
    """The shared memory as it is now: initial values, and the keys that steps write."""
    project = load(request, present=True)
    state = state_to_read(request, project)
    try:
        values = memory_of(project, state)
        writers = {
            artifact.path: step.name
            for step in project.wavefile.steps
            for artifact in step.outputs
            if artifact.kind is Kind.MEM and not step.expands
        }
        keys = sorted({*values.initial, *writers})
        if wanted is not None and wanted not in keys:
            near = did_you_mean(wanted, keys)
            raise mistake("unknown-memory", f"the shared memory has no key {wanted!r}", remedy=near)
        chosen = keys if wanted is None else [wanted]
        return tuple(Remembered(key, values.text(key), writers.get(key)) for key in chosen)
    finally:
        if state is not None:
            state.close()


def status(request: Request) -> tuple[StatusLine, ...]:
    """One line for every wanted step: its verdict now, and how it last ran."""
    return _answered(request, _status)


def _status(view: _View) -> tuple[StatusLine, ...]:
    project, selection = view.project, view.selection
    last = view.state.last_results() if view.state else {}
    names, lines = project.graph.names.every, []
    for number in sequence(project, selection.wanted):
        name, foreseen = names[number], view.foreseen[number]
        result = last.get(name)
        traces = view.state.traces(key(project.wavefile.steps[number])) if view.state else []
        lines.append(
            StatusLine(
                step=name,
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


def orphans(request: Request) -> tuple[str, ...]:
    """The standing outputs of steps that are no more."""
    project = load(request, present=True)
    if _few(request, project) is not None:
        return ()  # there were none when the evidence was written, and the steps are the same
    state = state_to_read(request, project)
    try:
        return _facts_to_read(request, project, state)[1]
    finally:
        if state is not None:
            state.close()


def explain(request: Request, subject: str) -> Explanation:
    """Why a step, or the step that makes a path, is stale: the chain of causes to the root."""
    asked = replace(request, targets=(subject,), only=False)
    return _answered(asked, partial(_explanation, request, subject))


def _explanation(request: Request, subject: str, view: _View) -> Explanation:
    project, selection = view.project, view.selection
    named = [number for number in sequence(project, selection.wanted) if number in selection.named]
    facts, _ = _facts_to_read(request, project, view.state, view.orphans)
    changes = Changes(facts, layout_of_project(request, project).contents, secrets_of(request, project))
    chain = _Chain(project, view, changes)
    return Explanation(subject, chain.up_from(named), request.clock())


class _Chain(Struct):
    """The causes of steps, and theirs, up to the root."""

    project: Project
    view: _View
    changes: Changes
    found: dict[int, Cause] = field(default_factory=dict)

    def up_from(self, named: Sequence[int]) -> tuple[Cause, ...]:
        # The run that a fresh step must have been made in to be a cause; None: in any.
        todo: list[tuple[int, str | None]] = [(number, None) for number in named]
        order = dict.fromkeys(named)
        while todo:
            number, run = todo.pop(0)
            if number not in self.found:
                cause = self._cause(number)
                if number not in order and run is not None and (cause.last is None or cause.last.run != run):
                    continue
                order[number] = None
                self.found[number] = cause
                todo += self._makers(number, cause)
        return tuple(self.found[number] for number in order)

    def _cause(self, number: int) -> Cause:
        name, foreseen = self.project.wavefile.steps[number].name, self.view.foreseen[number]
        reasons = (*foreseen.reasons, *self._open(number))
        last = self._last(number) if foreseen.word in NOTHING_TO_DO else None
        return Cause(name, foreseen.word, reasons, self.changes.of(number, reasons), last)

    def _open(self, number: int) -> tuple[Upstream, ...]:
        """What a step that runs anyway may have to run for besides: the plan does not need to know, the asker does."""
        if self.view.foreseen[number].word is not PlanWord.RUN:
            return ()
        steps, foreseen = self.project.wavefile.steps, self.view.foreseen
        makers = [up for up in self.project.graph.data_upstream[number] if up in foreseen]
        names = tuple(steps[up].name for up in makers if foreseen[up].word in UNSETTLED)
        return (Upstream(names),) if names else ()

    def _makers(self, number: int, cause: Cause) -> list[tuple[int, str | None]]:
        """The steps that this one is what it is for; a fresh one's makers only as of the same run."""
        foreseen = self.view.foreseen[number]
        reasons = cause.last.reasons if cause.last else cause.reasons
        run = cause.last.run if cause.last else None
        makers = [maker for reason in reasons if (maker := getattr(reason, "maker", None))]
        makers += [name for reason in reasons if isinstance(reason, Upstream) for name in reason.makers]
        numbers = [self.project.graph.number.get(name) for name in (*foreseen.after, *makers)]
        return [(maker, run) for maker in dict.fromkeys(numbers) if maker is not None and maker in self.view.foreseen]

    def _last(self, number: int) -> LastRun | None:
        """The run that a fresh step is the result of."""
        state, step = self.view.state, self.project.wavefile.steps[number]
        traces = state.traces(key(step)) if state else []
        if state is None or not traces:
            return None
        trace = traces[0]
        result = state.last_results().get(step.name)
        if trace.by_touch or result is None or result.run != trace.run:
            return LastRun(trace.run, trace.began, None)
        why = state.history.last_reasons(step.name)
        reasons = why[1] if why and why[0] == trace.run else ()
        return LastRun(trace.run, trace.began, Outcome(result.outcome), reasons, self.changes.of(number, reasons))


def logs(request: Request, step: str) -> tuple[LogFile, ...]:
    """The logs of a step that are still kept, newest first."""
    project = load(request, present=True)
    _require_step(project, step)
    state = state_to_read(request, project)
    if state is None:
        return ()
    try:
        return tuple(
            LogFile(step, result.run, attempt, path, result.began)
            for result in state.history.results(step)
            for attempt in range(result.attempts, 0, -1)
            if os.path.exists(os.path.join(project.wavefile.root, path := log_path(result.run, step, attempt)))
        )
    finally:
        state.close()


def check(request: Request) -> tuple[Problem, ...]:
    """Every problem of the Wavefile and its sources, errors first; nothing runs.

    ``request.commands``: words that mean a command where a step is not named in full.
    """
    try:
        project = load(request, present=True)
        missing = _missing_sources(replace(request, targets=()), project)
    except WavebuildError as error:
        return error.problems
    root = project.wavefile.root
    advice = warnings(project.graph, lambda path: os.path.isfile(os.path.join(root, path)), request.commands)
    return (*missing, *_by_place((*project.wavefile.notes, *advice)))


def _missing_sources(request: Request, project: Project) -> tuple[Problem, ...]:
    """Every missing source of any step; those that evidence vouches for have theirs.

    Raises WavebuildError for `targets` that name nothing: they are a mistake of the file.
    """
    selection = select_steps(request, project)
    open_steps = frozenset(range(len(project.wavefile.steps)))
    if (found := _few(request, project)) is not None:
        open_steps = open_steps.difference(selection.wanted, project.graph.traits.groups) | found[1].seen
        if not open_steps:
            return ()
    facts, _ = facts_of(project, state_to_read(request, project), request)
    return missing_of(project, facts, open_steps)


def _by_place(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.place or Place(""))


NOTHING_TO_DO = (PlanWord.FRESH, PlanWord.FROZEN, PlanWord.HELD)


class _View(Struct, frozen=True):
    """What a question sees: nothing is locked, nothing written. ``orphans``: where they are known."""

    project: Project
    selection: Selection
    foreseen: dict[int, Foreseen]
    state: State | None
    orphans: tuple[str, ...] | None = None


def _answered(request: Request, answer: Callable[[_View], Answer]) -> Answer:
    """The answer to a question: from a look at the steps that see what has moved since all was fresh, else at all.

    The first holds if nobody has built meanwhile; what cannot be answered is left to the second.
    """
    project = load(request)
    refuse_shadowed(request.bare, project.graph)
    view = None
    with contextlib.suppress(WavebuildError, *DAMAGE):
        few = _few(request, project)
        view = _view_of_few(request, project, *few) if few is not None else None
        if few is not None and view is not None:
            found = answer(view)
            if _is_at_rest(request, project, few[1]):
                return found
    return answer(_look(request, project))


def _few(request: Request, project: Project) -> tuple[Selection, Few] | None:
    """What is wanted, and what of it must be looked at, as in a build; None if that is everything."""
    selection = covered = select_steps(request, project)
    layout = layout_of_project(request, project)
    look = first_look(request)
    if look is None and request.targets and not request.only:
        whole = replace(request, targets=())
        look, covered = first_look(whole), select_steps(whole, project)
    if look is None or not selection.wanted <= covered.wanted:
        return None
    few = few_of(replace(request, glance=look), project, layout, selection.wanted, covered.wanted)
    return None if few is None or not _is_at_rest(request, project, few) else (selection, few)


def _is_at_rest(request: Request, project: Project, few: Few) -> bool:
    """Whether nobody has built since the evidence was written, nor does so now."""
    layout = layout_of_project(request, project)
    return not is_held(layout.lock) and settled.stands(layout.settled, few.evidence)


def _view_of_few(request: Request, project: Project, selection: Selection, few: Few) -> _View | None:
    """What is wanted where all but a few steps are vouched for; None where something is to be repaired first."""
    state = state_to_read(request, project, whole=False)
    if state is None or state.attempts() or attempts_of_others(layout_of_project(request, project)):
        return None
    steps = project.wavefile.steps
    frozen = {number for number in few.lookers.broad if steps[number].frozen}
    fresh = Foreseen(PlanWord.FRESH)
    known = dict.fromkeys(selection.wanted, fresh) | dict.fromkeys(frozen & selection.wanted, Foreseen(PlanWord.FROZEN))
    if not few.reached:
        return _View(project, selection, known, state, ())
    looked = replace(selection, wanted=few.seen)
    standings = _standings(request, project, looked, state, few.seen, ())

    def stands(number: int) -> Standing:
        return standings[number] if number in standings else Frozen() if number in frozen else Keeps()

    discovered = _discovered_makers(project, selection, state)
    reached = few.reached
    while more := {number for number, makers in discovered.items() if number not in reached and makers & reached}:
        reached = reached.union(downstream_of(project.graph, more) & selection.wanted)
    for number in reached:
        del known[number]
    foreseen = foresee(project.graph, reached, stands, discovered, known=known)
    return _View(project, selection, foreseen, state, ())


def _look(request: Request, project: Project) -> _View:
    """What is wanted, as it is now; lists whose makers have nothing to do are read."""
    refused = dict[Artifact, str]()
    known = frozenset(range(len(project.wavefile.steps))) - project.graph.traits.growing
    while True:
        view = _look_at(request, project, select_steps(request, project), refused, known)
        settled = {number for number, foreseen in view.foreseen.items() if foreseen.word in SETTLED}
        lists = [
            one for one in settled_lists(project, view.selection.wanted, settled.__contains__) if one not in refused
        ]
        if not lists:
            return view
        facts, _ = _facts_to_read(request, project, view.state)
        project = grown_as_far(request, project, lists, partial(made_content, facts), refused)
        if view.state is not None:
            view.state.close()


def _facts_to_read(
    request: Request, project: Project, state: State | None, orphans: tuple[str, ...] | None = None
) -> tuple[Facts, tuple[str, ...]]:
    others = attempts_of_others(layout_of_project(request, project))
    return facts_of(project, state, request, [*open_attempts(state), *others], orphans=orphans)


def _look_at(
    request: Request,
    project: Project,
    selection: Selection,
    refused: Mapping[Artifact, str],
    known_before: frozenset[int],
) -> _View:
    """What is wanted, as it is now; what a running or killed build has half done is seen as before it began.

    ``refused``: lists that are of no use, and why.
    """
    lock = layout_of_project(request, project).lock
    held = is_held(lock)
    state = state_to_read(request, project)
    standings = _standings(request, project, selection, state, known_before)
    running = _running(request, project, state) if held or is_held(lock) else frozenset()

    def stands(number: int) -> Standing:
        standing = standings[number]
        return Runs(_UNSEEN, getattr(standing, "reasons", ())) if number in running else standing

    discovered = _discovered_makers(project, selection, state)
    foreseen = foresee(project.graph, selection.wanted, stands, discovered, refused)
    for number in running & foreseen.keys():
        reasons = tuple(reason for reason in foreseen[number].reasons if not isinstance(reason, _OF_THE_MOMENT))
        foreseen[number] = Foreseen(PlanWord.RUN, reasons)
    return _View(project, selection, foreseen, state)


def _discovered_makers(project: Project, selection: Selection, state: State | None) -> dict[int, set[int]]:
    """Of steps with a depfile: those that make what was discovered."""
    found: dict[int, set[int]] = {}
    if state is None:
        return found
    for number in project.graph.traits.discovering & selection.wanted:
        traces = state.traces(key(project.wavefile.steps[number]))
        owners = {project.graph.owner(member) for trace in traces for member in trace.discovered}
        found[number] = {owner for owner in owners if owner is not None and owner != number}
    return found


_UNSEEN = Now({}, {}, {}, {}, {}, {})
_FIRST_RUN = Runs(_UNSEEN, (NeverRan(),))
_OF_THE_MOMENT = (EditLost, OutputEdited, OutputMissing, Unclaimed, Upstream)
"""Reasons that a running step may seem to have only because its outputs are half made."""


def _standings(
    request: Request,
    project: Project,
    selection: Selection,
    state: State | None,
    known_before: frozenset[int],
    orphans: tuple[str, ...] | None = None,
) -> dict[int, Standing]:
    """Where every wanted step stands; as in a build, what cannot be read stops its readers alone.

    ``known_before``: the steps whose inputs were known from the start; a source that only a list names, and
    that is not there, stops its readers alone, too.
    """
    facts, _ = _facts_to_read(request, project, state, orphans)
    known = _known(facts, state)
    forced = forced_steps(request, selection)
    clock = request.clock()
    growing = project.graph.traits.growing
    found: dict[int, Standing] = {}
    with Asker(facts, invocation_of(request, project)) as asker:
        for some in _parts(request, project, selection):
            if missing_of(project, facts, known_before.intersection(some)):
                refuse(missing_of(project, facts, selection.wanted & known_before))
            for number in some:
                if number in growing:
                    continue  # what it reads is not known yet
                if number not in known_before and (missing := missing_of(project, facts, (number,))):
                    found[number] = Stops("input", (), tuple(ListRefused(problem.message) for problem in missing))
                    continue
                traces = state.traces(key(project.wavefile.steps[number])) if state else ()

                def stands(number: int = number, traces: Sequence[Trace] = traces) -> Standing:
                    return stand(facts, number, facts.read(number), traces, known, clock, number in forced)

                try:
                    found[number] = _lean(asker.decided(number, stands) if request.ask else stands())
                except WavebuildError as error:
                    found[number] = Stops("input", (), tuple(Unreadable(_located(each)) for each in error.problems))
    return found


TOGETHER = 1 << 8
"""So many steps are asked for their sources and then judged: few enough that each is still there as an object."""


def _parts(request: Request, project: Project, selection: Selection) -> Iterator[Sequence[int]]:
    """The wanted steps in their order; all at once where commands are asked, which is not to begin in vain."""
    ordered = sequence(project, selection.wanted)
    size = max(len(ordered), 1) if request.ask else TOGETHER
    yield from (ordered[start : start + size] for start in range(0, len(ordered), size))


def _lean(standing: Standing) -> Standing:
    """The standing without the facts that no plan asks for: those of a step with nothing to compare them with."""
    if not isinstance(standing, Runs) or standing.former:
        return standing
    return _FIRST_RUN if standing.reasons == _FIRST_RUN.reasons else Runs(_UNSEEN, standing.reasons)


def _located(problem: Problem) -> str:
    return f"{problem.place}: {problem.message}" if problem.place else problem.message


def _running(request: Request, project: Project, before: State | None) -> frozenset[int]:
    """The steps that a build had in hand since the state was read: their files may have changed under our eyes."""
    after = state_to_read(request, project)
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


def _known(facts: Facts, state: State | None) -> Mapping[str, Made]:
    """Every member on record, and what attempts that have not ended made so far: nobody's file, but no stranger's."""
    half_made = {path: Made("", "", "", False, "") for path, there in facts.elsewhere.items() if there is None}
    made = state.made() if state else {}
    return half_made | dict(made) if half_made else made


def _require_step(project: Project, name: str) -> None:
    if name not in project.graph.number:
        raise mistake("unknown-step", f"there is no step {name!r}", remedy=did_you_mean(name, project.graph.number))
