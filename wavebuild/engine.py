"""One build, or one question, end to end: load, link, judge, plan, run, record.

It takes no decisions of its own and prints nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wavebuild import __version__, declare, disk
from wavebuild.declare.model import Kind, Manual, Range, Schedule, Step, Wavefile
from wavebuild.errors import Problem, WavebuildError, did_you_mean, mistake
from wavebuild.graph import Graph, link, reads
from wavebuild.judge.digest import Digests
from wavebuild.judge.facts import Facts, missing_sources, refuse
from wavebuild.judge.members import Folders
from wavebuild.judge.reasons import Reason
from wavebuild.judge.stamp import stamp_of, trusted
from wavebuild.judge.standing import Standing, stand
from wavebuild.judge.trace import Trace, key
from wavebuild.plan import Foreseen, Plan, PlanWord, Selection, make_plan, remaining, select, waves
from wavebuild.plan.foresee import foresee
from wavebuild.run.acceptance import blessed, differing, present, stands, with_accepted
from wavebuild.run.events import BuildSettled, BuildStarted, Event, Noticed, Outcome, Settled, StepStarted
from wavebuild.run.interrupts import Interrupts
from wavebuild.run.orphans import end_orphans
from wavebuild.run.pool import Pool
from wavebuild.run.rebuilder import Invocation, Rebuilder
from wavebuild.run.scheduler import Course, Scheduler
from wavebuild.run.transaction import ASIDE, FAILED, conclude, put_back
from wavebuild.store import settled
from wavebuild.store.layout import Layout
from wavebuild.store.lock import HELD, is_held, take
from wavebuild.store.logs import prune_logs
from wavebuild.store.state import State, open_state, read_state

EMPTY = Trace("", "", 0.0, 0.0, {}, {}, {}, {}, {})


@dataclass(frozen=True, slots=True)
class Request:
    """What the person asked for, already parsed; ``None`` = not said, the Wavefile decides."""

    directory: str  # absolute: where the command was started, after -C
    file: str | None = None  # -f
    targets: tuple[str, ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()  # --set NAME=VALUE
    environ: tuple[tuple[str, str], ...] = ()  # the caller's environment
    jobs: int | None = None  # None: not said; 0 or "-j" alone arrive as the number of cores
    schedule: Schedule | None = None
    keep_going: bool | None = None
    force: bool = False
    only: bool = False
    wait: float = 0.0  # seconds to wait for another build of this project
    full: bool = False  # every step's end is wanted, also of steps that are fresh
    commands: tuple[str, ...] = ()  # words that are commands, offered as spellings of an unknown target
    command_line: str = "wavebuild"  # named to whoever finds the project held


@dataclass(frozen=True, slots=True)
class Project:
    """A Wavefile, loaded and linked."""

    wavefile: Wavefile
    graph: Graph


@dataclass(frozen=True, slots=True)
class BuildResult:
    """How a build ended; ``steps`` in plan order, one entry for every step it looked at."""

    run: str
    ok: bool
    exit_code: int
    started: float  # epoch seconds
    seconds: float
    jobs: int
    schedule: str
    steps: tuple[Settled, ...]
    nothing_to_do: bool  # every step was fresh: nothing started
    orphans: tuple[str, ...] = ()
    fresh: int = 0  # how many steps were looked at, also where ``steps`` is empty as nothing had changed


@dataclass(frozen=True, slots=True)
class StatusLine:
    step: str
    word: PlanWord  # the verdict, in the plan's words
    reasons: tuple[Reason, ...]
    last_outcome: Outcome | None
    last_started: float | None  # epoch seconds
    last_seconds: float | None
    by_touch: bool = False
    by_hand: tuple[str, ...] = ()  # accepted members


@dataclass(frozen=True, slots=True)
class Cause:
    """One link of the chain: a step, and why it is stale (or will be, or ran last)."""

    step: str
    word: PlanWord
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a step is what it is: the step first, then what it waits on, up to the root."""

    subject: str
    chain: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class LogFile:
    step: str
    run: str
    attempt: int
    path: str  # relative to the root
    began: float  # epoch seconds


@dataclass(frozen=True, slots=True)
class Cleaned:
    removed: tuple[str, ...]  # members removed, or that would be
    kept: tuple[tuple[str, str], ...]  # member, why it stays


def load(request: Request) -> Project:
    """Reads and links the Wavefile. Raises WavebuildError with everything that is wrong with it."""
    wavefile = declare.load(declare.find(request.directory, request.file), request.overrides, dict(request.environ))
    return Project(wavefile, link(wavefile))


def build(request: Request, tell: Callable[[Event], None]) -> BuildResult:
    """Makes what is wanted up to date; every step's end is told after it is saved."""
    started, clock = time.time(), time.monotonic()
    path = declare.find(request.directory, request.file)
    layout = _layout(path)
    environ = dict(request.environ)
    _refuse_inside_itself(layout, environ)
    question_asked = _question_asked(request, layout)
    if not request.full and not request.force:
        fresh = settled.still_settled(layout.settled, question_asked, environ)
        if fresh is not None and not is_held(layout.lock):
            return _nothing_to_do(started, time.monotonic() - clock, fresh)
    project = load(request)
    layout.prepare()
    with Interrupts() as interrupts:
        lock = take(layout.lock, request.command_line, request.wait, lambda: interrupts.count > 0)
        try:
            return _build(request, project, layout, tell, interrupts, question_asked, started, clock)
        finally:
            lock.release()


def _build(
    request: Request,
    project: Project,
    layout: Layout,
    tell: Callable[[Event], None],
    interrupts: Interrupts,
    question_asked: str,
    started: float,
    clock: float,
) -> BuildResult:
    run = _run_identity(started)
    notices: list[str] = []
    state = _open_repaired(layout, project, notices)
    try:
        graph = project.graph
        selection = _select(request, project)
        settings = project.wavefile.settings
        jobs = _jobs(request, project)
        schedule = request.schedule or settings.schedule
        facts, orphans = _facts(project, state, request)
        refuse(missing_sources(graph, facts, selection.wanted))
        layers = waves(graph, selection.wanted)
        sequence = [number for layer in layers for number in layer]
        tell(BuildStarted(run, started, layout.root, jobs, schedule, len(sequence), _names(project, layers)))
        for notice in notices:
            tell(Noticed(run, time.time(), notice))
        state.run_began(run, started, jobs, schedule, request.command_line)
        forced = _forced(request, selection)
        invocation = Invocation(run, layout.root, dict(request.environ), forced)
        began: list[str] = []

        def hear(event: Event) -> None:
            if isinstance(event, StepStarted) and not began:
                settled.forget(layout.settled)
                began.append(event.step)
            tell(event)

        rebuilder = Rebuilder(graph, facts, state, invocation, hear)
        pool = Pool(jobs, layout.groups, interrupts.wake)
        course = Course(
            wanted=selection.wanted,
            waves=layers,
            first=_priorities(project, state, selection.wanted, sequence, jobs),
            jobs=jobs,
            schedule=schedule,
            keep_going=settings.keep_going if request.keep_going is None else request.keep_going,
            capacities=dict(project.wavefile.resources),
            run=run,
        )
        scheduler = Scheduler(graph, course, rebuilder, pool, hear, lambda: interrupts.count)
        try:
            ended = scheduler.run()
        finally:
            pool.close()
            disk.remove(layout.groups)
        steps = tuple(ended[number] for number in sequence)
        code = interrupts.exit_code or _exit_code(steps)
        idle = code == 0 and not began
        if code == 0:
            _save_settled(request, project, layout, facts, question_asked, len(steps))
        state.learn(facts.digests.take_learned())
        seconds = time.monotonic() - clock
        state.run_ended(run, seconds, code)
        prune_logs(state, layout.home, run, [step.step for step in steps if step.log], settings.log_keep)
        tell(BuildSettled(run, time.time(), code == 0, seconds, _counts(steps), code))
        return BuildResult(run, code == 0, code, started, seconds, jobs, schedule, steps, idle, orphans, len(steps))
    finally:
        state.close()


def plan(request: Request) -> Plan:
    """What a build would do, nothing changed and no command started."""
    project = load(request)
    selection = _select(request, project)
    view = _look(request, project, selection)
    return make_plan(
        project.graph, selection.wanted, view.foreseen, _durations(project, view.state), _jobs(request, project)
    )


def question(request: Request, strict: bool = False) -> bool:
    """Whether anything wanted is stale or may be; ``always`` steps count only if ``strict``."""
    layout = _layout(declare.find(request.directory, request.file))
    asked = _question_asked(request, layout)
    if not request.force and settled.still_settled(layout.settled, asked, dict(request.environ)) is not None:
        return False
    project = load(request)
    view = _look(request, project, _select(request, project))
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
    selection = _select(request, project)
    view = _look(request, project, selection)
    last = view.state.last_results() if view.state else {}
    lines = []
    for number in _sequence(project, selection.wanted):
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
    selection = _select(replace(request, targets=(subject,), only=False), project)
    view = _look(request, project, selection)
    number_of = project.graph.number
    named = [number for number in _sequence(project, selection.wanted) if number in selection.named]
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
    state = read_state(_layout_of(project).state)
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


def touch(request: Request) -> tuple[str, ...]:
    """Takes the present outputs of the named steps as their results; the steps touched."""
    with _holding(request) as (project, state):
        selection = _select(request, project)
        facts, _ = _facts(project, state, request)
        numbers = [n for n in _sequence(project, selection.wanted) if n in selection.named and _acts(project, n)]
        began = time.time()
        traces = [(number, present(facts, number, _run_identity(began), began)) for number in numbers]
        state.learn(facts.digests.take_learned())
        for number, trace in traces:
            state.record(key(project.wavefile.steps[number]), trace)
        return tuple(project.wavefile.steps[number].name for number in numbers)


def accept(request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
    """Takes edited members, or all that stands in a step's way, as its result; a line for each."""
    with _holding(request) as (project, state):
        facts, _ = _facts(project, state, request)
        said: list[str] = []
        for subject in subjects:
            number, member = _subject(request, project, subject)
            said += _accept(project, state, facts, number, member)
        state.learn(facts.digests.take_learned())
        state.flush()
        return tuple(said)


def clean(request: Request, dry: bool) -> Cleaned:
    """Removes the recorded outputs of the wanted steps; never a manual or an edited one."""
    with _holding(request) as (project, state):
        selection = _select(replace(request, only=True), project)
        facts, _ = _facts(project, state, request)
        removed: list[str] = []
        kept: list[tuple[str, str]] = []
        for number in _sequence(project, selection.named):
            step = project.wavefile.steps[number]
            for member, why in _cleanable(facts, state, step):
                if why:
                    kept.append((member, why))
                else:
                    removed.append(member)
        if not dry:
            settled.forget(_layout_of(project).settled)
            for member in sorted(removed, reverse=True):
                absolute = os.path.join(project.wavefile.root, member.rstrip("/"))
                disk.remove(absolute)
                disk.remove_empty_folders(os.path.dirname(absolute), project.wavefile.root)
            state.forget_members(removed)
        return Cleaned(tuple(removed), tuple(kept))


def check(request: Request) -> tuple[Problem, ...]:
    """Every problem of the Wavefile and its sources; nothing runs."""
    try:
        project = load(request)
        state = read_state(_layout_of(project).state)
        facts, _ = _facts(project, state, request)
        return missing_sources(project.graph, facts, range(len(project.wavefile.steps)))
    except WavebuildError as error:
        return error.problems


# What the deeds share


@dataclass(frozen=True, slots=True)
class _View:
    """What a question sees: nothing is locked, nothing written."""

    foreseen: dict[int, Foreseen]
    state: State | None


def _look(request: Request, project: Project, selection: Selection) -> _View:
    state = read_state(_layout_of(project).state)
    facts, _ = _facts(project, state, request)
    forced = _forced(request, selection)
    clock = time.time()

    def stands(number: int) -> Standing:
        traces = state.traces(key(project.wavefile.steps[number])) if state else ()
        known = state.made() if state else {}
        return stand(facts, number, facts.read(number), traces, known, clock, number in forced)

    return _View(foresee(project.graph, selection.wanted, stands), state)


def _layout(path: str) -> Layout:
    return Layout(os.path.dirname(path), os.path.basename(path))


def _layout_of(project: Project) -> Layout:
    return Layout(project.wavefile.root, project.wavefile.file)


def _question_asked(request: Request, layout: Layout) -> str:
    """What must be the same for an earlier answer to be this one's."""
    folder = os.path.relpath(request.directory, layout.root)
    return json.dumps([__version__, sys.version, layout.root, folder, request.targets, request.only, request.overrides])


def _refuse_inside_itself(layout: Layout, environ: Mapping[str, str]) -> None:
    if environ.get("WAVEBUILD_ROOT") == layout.root:
        step = environ.get("WAVEBUILD_STEP", "?")
        raise mistake(
            "inside-itself",
            f"this wavebuild was started inside step {step!r} of the same root, which another wavebuild holds",
            remedy="declare what the step needs as its inputs instead",
            exit_code=HELD,
        )


@contextlib.contextmanager
def _holding(request: Request) -> Iterator[tuple[Project, State]]:
    """A deed outside a build: the project loaded, held and repaired."""
    project = load(request)
    layout = _layout_of(project)
    _refuse_inside_itself(layout, dict(request.environ))
    layout.prepare()
    lock = take(layout.lock, request.command_line, request.wait)
    try:
        state = _open_repaired(layout, project, [])
        try:
            yield project, state
        finally:
            state.close()
    finally:
        lock.release()


def _open_repaired(layout: Layout, project: Project, notices: list[str]) -> State:
    """The state, after what a killed build left running is ended and what it left half done is undone."""
    left = end_orphans(layout.groups, layout.root)
    if left:
        notices.append(f"ended {left} process(es) that a killed build had left running")
    disk.remove(layout.groups)
    state = open_state(layout.state, notices)
    folders = Folders(layout.root, project.wavefile.settings.ignore)
    for attempt, done in state.attempts():
        settled.forget(layout.settled)
        if done:
            conclude(layout.root, attempt)
        else:
            partial = put_back(folders, attempt)
            where = f"; what it left is in {FAILED}/{attempt.step}" if partial else ""
            notices.append(f"step {attempt.step} was cut off: its former outputs are back{where}")
        state.close_attempt(attempt.id)
    disk.remove_tree(os.path.join(layout.root, ASIDE))
    return state


def _facts(project: Project, state: State | None, request: Request) -> tuple[Facts, tuple[str, ...]]:
    wavefile = project.wavefile
    orphans = _orphans(project, state)
    digests = Digests(wavefile.root, state.digests() if state else {})
    folders = Folders(wavefile.root, wavefile.settings.ignore)
    return Facts(project.graph, digests, folders, dict(request.environ), frozenset(orphans)), orphans


def _orphans(project: Project, state: State | None) -> tuple[str, ...]:
    """Recorded members of steps that are no more, and that no step's outputs cover."""
    if state is None:
        return ()
    keys = {key(step) for step in project.wavefile.steps}
    gone = [path for path, (_, owner) in state.made().items() if owner not in keys]
    return tuple(
        path
        for path in gone
        if project.graph.owner(path.rstrip("/")) is None and os.path.lexists(os.path.join(project.wavefile.root, path))
    )


def _select(request: Request, project: Project) -> Selection:
    folder = os.path.relpath(request.directory, project.wavefile.root)
    return select(project.graph, request.targets, "" if folder == "." else folder, request.only, request.commands)


def _sequence(project: Project, wanted: Collection[int]) -> list[int]:
    return [number for layer in waves(project.graph, wanted) for number in layer]


def _acts(project: Project, number: int) -> bool:
    return not project.wavefile.steps[number].is_group


def _forced(request: Request, selection: Selection) -> frozenset[int]:
    if not request.force:
        return frozenset()
    return selection.named if request.only else selection.wanted


def _jobs(request: Request, project: Project) -> int:
    asked = request.jobs if request.jobs is not None else project.wavefile.settings.jobs
    return asked if asked is not None else cores()


def cores() -> int:
    """The cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _names(project: Project, layers: Sequence[Sequence[int]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(project.wavefile.steps[number].name for number in layer) for layer in layers)


def _durations(project: Project, state: State | None) -> dict[int, Range]:
    """Per step the measured time where there is one, else the estimate, in seconds."""
    measured = state.durations() if state else {}
    found = {}
    for number, step in enumerate(project.wavefile.steps):
        if step.name in measured:
            found[number] = Range(measured[step.name], measured[step.name])
        elif step.estimate is not None:
            found[number] = step.estimate
    return found


def _priorities(
    project: Project, state: State, wanted: Collection[int], sequence: Sequence[int], jobs: int
) -> dict[int, tuple[float, ...]]:
    """What comes first among ready steps: under one job the plan's order; else what failed, then the longest path."""
    if jobs == 1:
        return {number: (float(at),) for at, number in enumerate(sequence)}
    failed = {name for name, result in state.last_results().items() if result.outcome == "failed"}
    expected = {number: (time.low + time.high) / 2 for number, time in _durations(project, state).items()}
    left = remaining(project.graph, wanted, expected)
    names = project.wavefile.steps
    return {
        number: (0.0 if names[number].name in failed else 1.0, -left[number], float(at))
        for at, number in enumerate(sequence)
    }


def _exit_code(steps: Sequence[Settled]) -> int:
    wrong = (Outcome.FAILED, Outcome.BLOCKED, Outcome.WAITING, Outcome.INTERRUPTED, Outcome.NOT_STARTED)
    return int(any(step.outcome in wrong or step.moved for step in steps))


def _counts(steps: Sequence[Settled]) -> tuple[tuple[str, int], ...]:
    found = Counter(step.outcome for step in steps)
    return tuple((outcome.value, found[outcome]) for outcome in Outcome if found[outcome])


def _run_identity(started: float) -> str:
    """Sorts by time, and two runs of one second differ."""
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(started))
    return f"{moment}-{int(started * 1000) % 1000:03d}-{os.getpid()}"


def _nothing_to_do(started: float, seconds: float, fresh: int) -> BuildResult:
    return BuildResult(_run_identity(started), True, 0, started, seconds, 0, "flow", (), True, (), fresh)


def _save_settled(
    request: Request, project: Project, layout: Layout, facts: Facts, question_asked: str, fresh: int
) -> None:
    """Keeps the evidence for the next build, if all of it can be trusted."""
    wavefile = project.wavefile
    if any(step.always for step in wavefile.steps) or facts.folders.changed or not facts.digests.make_sure():
        return
    rows: dict[str, settled.Row] = {}
    now = time.time_ns()
    for path, mark in facts.digests.evidence():
        if len(mark) > 5:
            return
        rows[path] = (mark[0], mark[1], mark[2], mark[3], mark[4]) if mark else settled.NOTHING
    for folder, status in facts.folders.visited.items():
        if status is not None and not trusted(stamp_of(status), now):
            return
        rows[facts.digests.absolute(folder)] = settled.row(status)
    for path in facts.folders.probed:
        absolute = facts.digests.absolute(path)
        rows.setdefault(absolute, settled.row(disk.look(absolute)))
    for file in wavefile.files:
        status = disk.look(file)
        if status is None or not trusted(stamp_of(status), now):
            return
        rows[file] = settled.row(status)
    environ = dict(request.environ)
    env = dict(wavefile.env_read) | {
        artifact.path: environ.get(artifact.path)
        for step in wavefile.steps
        for artifact in reads(step)
        if artifact.kind is Kind.ENV
    }
    limits = [step.max_age for step in wavefile.steps if step.max_age is not None]
    until = time.time() + min(limits) if limits else None
    with contextlib.suppress(OSError, OverflowError):
        settled.save(layout.settled, settled.Settled(question_asked, fresh, until, env), rows.items())


def _require_step(project: Project, name: str) -> None:
    if name not in project.graph.number:
        raise mistake("unknown-step", f"there is no step {name!r}", remedy=did_you_mean(name, project.graph.number))


def _subject(request: Request, project: Project, subject: str) -> tuple[int, str | None]:
    """The step that is meant, and the member of it if a path is."""
    if subject in project.graph.number:
        return project.graph.number[subject], None
    path = os.path.relpath(os.path.join(request.directory, subject), project.wavefile.root)
    owner = project.graph.owner(path)
    if owner is None:
        known = [*project.graph.number, *(a.text for step in project.wavefile.steps for a in step.outputs)]
        raise mistake("unknown-subject", f"{subject} is no step, and no step makes it", remedy=did_you_mean(subject, known))
    return owner, path


def _accept(project: Project, state: State, facts: Facts, number: int, member: str | None) -> list[str]:
    """Accepts one member, or all that differs, moved inputs, and what has no trace yet."""
    step = project.wavefile.steps[number]
    if step.is_group:
        raise mistake("nothing-to-accept", f"{step.name!r} is a group: name one of its steps", step.place)
    traces = state.traces(key(step))
    outputs = stands(facts, step)
    if member is not None and member not in outputs:
        raise mistake("missing-output", f"{member} is not there", step.place)
    began = time.time()
    if not traces or isinstance(step.action, Manual):
        state.record(key(step), present(facts, number, _run_identity(began), began))
        return [f"{step.name}: what stands is its result"]
    chosen = [member] if member is not None else differing(traces[0], outputs)
    last = with_accepted(traces[0], outputs, chosen)
    said = [f"{path}: accepted as made by {step.name}" for path in chosen]
    if member is None and (last.moved or last.void):
        last = blessed(last)
        said.append(f"{step.name}: its last run is taken as good")
    if not said:
        raise mistake("nothing-to-accept", f"nothing of {step.name!r} differs from what it made", step.place)
    state.replace_last(key(step), last)
    return said


def _cleanable(facts: Facts, state: State, step: Step) -> Iterator[tuple[str, str]]:
    """The standing members of a step, each with the reason why it must stay, or ""."""
    known = state.made()
    for member, digest in stands(facts, step).items():
        if isinstance(step.action, Manual):
            yield member, "a person places it"
        elif member not in known:
            yield member, "no step made it"
        elif known[member][0] != digest:
            yield member, "it was edited"
        elif member in (state.traces(key(step)) or [EMPTY])[0].by_hand:
            yield member, "a person made it"
        else:
            yield member, ""
