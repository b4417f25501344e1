"""A build: what is wanted, considered, run and recorded.

It does not know how steps are judged or ordered: it puts those who do together.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from wavebuild import declare, disk
from wavebuild.declare.model import Artifact, Call, Run
from wavebuild.engine.evidence import goes_by_more, keep_evidence, renewed, seen_stamps
from wavebuild.engine.few import Vouched, few_of
from wavebuild.engine.idle import first_look, question_asked, refuse_inside_itself, run_identity
from wavebuild.engine.keeping import edited_since, keep_project
from wavebuild.engine.lists import grown_as_far, made_content, settled_lists
from wavebuild.engine.locking import locked_of, write_locked
from wavebuild.engine.project import (
    Project,
    command_shown,
    durations_of,
    facts_of,
    forced_steps,
    layout_of_project,
    load,
    missing_of,
    named_digests,
    open_repaired,
    orphans_of,
    prepare,
    read_again,
    scope_of,
    secrets_of,
    select_steps,
    wavefile_of,
)
from wavebuild.engine.sharing import Share, joined, shared
from wavebuild.engine.values import Addition, BuildResult, Request, Sight
from wavebuild.errors import WavebuildError, mistake
from wavebuild.judge.facts import Facts, refuse
from wavebuild.judge.trace import key
from wavebuild.plan import remaining, waves
from wavebuild.run.account import Account, Rare, account_of
from wavebuild.run.events import (
    BuildSettled,
    BuildStarted,
    Event,
    Noticed,
    Outcome,
    Outlook,
    Settled,
    StepRetried,
    StepReviewed,
    StepSettled,
    StepsFound,
    StepStarted,
)
from wavebuild.run.interrupts import Interrupts
from wavebuild.run.jobs import SOMETIMES, Invocation
from wavebuild.run.memory import MEMORY
from wavebuild.run.patience import Patient
from wavebuild.run.pool import Pool
from wavebuild.run.rebuilder import Rebuilder
from wavebuild.run.room import Room
from wavebuild.run.scheduler import STOPS_READERS, Course, Growth, Scheduler
from wavebuild.store import settled
from wavebuild.store.contents import Contents
from wavebuild.store.layout import Layout
from wavebuild.store.lock import Lock, take
from wavebuild.store.logs import prune_logs
from wavebuild.store.mounts import is_of_this_machine
from wavebuild.store.state import State


def build(request: Request, tell: Callable[[Event], None], began: float) -> BuildResult:
    """One build under the project's lock. ``began``: monotonic seconds."""
    started = time.time()
    root = os.path.dirname(wavefile_of(request))
    refuse_inside_itself(root, dict(request.environ))
    asked = question_asked(request, root)
    project = load(request)
    layout = layout_of_project(request, project)
    prepare(layout)
    with joined(request) as above, request.interrupts or Interrupts() as interrupts:
        lock = take(layout.lock, command_shown(request, project), request.wait, lambda: interrupts.count > 0)
        if lock is None:
            raise mistake("interrupted", "stopped while waiting for the project", exit_code=interrupts.exit_code)
        try:
            project = read_again(request, project, layout)
            if request.wait:  # what was seen at first may have changed meanwhile
                request = replace(request, glance=first_look(replace(request, glance=None)))
            with shared(request, project, layout, above) as share:
                return _build(request, project, layout, lock, tell, interrupts, share, asked, started, began)
        finally:
            lock.release()


def _build(
    request: Request,
    project: Project,
    layout: Layout,
    lock: Lock,
    tell: Callable[[Event], None],
    interrupts: Interrupts,
    share: Share,
    asked: str,
    started: float,
    clock: float,
) -> BuildResult:
    run = run_identity(started)
    notices = [*_said_of_the_root(request, layout), *([share.notice] if share.notice else [])]
    state = open_repaired(layout, project, notices, scope_of(request), lock)
    try:
        graph = project.graph
        selection = select_steps(request, project)
        settings = project.wavefile.settings
        jobs = share.jobs
        schedule = request.schedule or settings.schedule
        contents = Contents(
            layout.contents, secrets_of(request, project), lambda: named_digests(growing.project, state)
        )
        edited = edited_since(request, project, layout) if project.reused is None else None
        if edited is not None:
            project = replace(project, columns=edited.columns)
        few = few_of(request, project, layout, selection.wanted, edited=edited)
        facts, orphans = facts_of(
            project,
            state,
            request,
            keep=contents.keep,
            vouch=lambda: _vouched(layout),
            orphans=None if few is None else (),
        )
        refuse(missing_of(project, facts, selection.wanted if few is None else few.seen))
        layers = waves(graph, selection.wanted, closed=not request.only)
        # Where every end is told, or waves follow one another, all go their way; who sees no change is not judged.
        all_go = few is None or request.full or schedule == "barrier"
        wanted = selection.wanted if few is None or all_go else few.reached
        count = sum(map(len, layers))
        lengths = (
            _lengths(project, state, wanted) if request.gauge is not None or (jobs > 1 and not request.order) else {}
        )
        behind = remaining(graph, wanted, lengths) if lengths else {}
        outlook = _outlook(request, project, wanted, lengths, behind) if request.gauge is not None else None
        tell(BuildStarted(run, started, layout.root, jobs, schedule, count, _names(project, layers), outlook))
        rare: list[Rare] = []

        def hear_rare(event: Rare) -> None:
            rare.append(event)
            tell(event)

        for notice in (*notices, *locked_of(project.wavefile).warnings):
            hear_rare(Noticed(run, time.time(), notice))
        state.say = lambda said: hear_rare(Noticed(run, time.time(), said))
        state.run_began(run, started, jobs, schedule, command_shown(request, project))
        forced = forced_steps(request, selection)
        invocation = Invocation(
            run,
            layout.root,
            dict(request.environ),
            forced,
            request.clock,
            request.terminal,
            settings.clean_env,
            share.makeflags,
        )
        began: list[str] = []

        def hear(event: Event) -> None:
            if isinstance(event, StepStarted) and not began:
                settled.forget(layout.settled)
                began.append(event.step)
            if isinstance(event, StepSettled):
                contents.write_now_and_then()
            elif isinstance(event, StepRetried | StepReviewed | Noticed):
                rare.append(event)
            tell(event)

        environ = {name: value for name, value in request.environ if name not in SOMETIMES}
        if share.makeflags is not None:
            environ["MAKEFLAGS"] = share.makeflags
        handed = share.tokens.ours if share.tokens else ()
        pool = Pool(jobs, layout.groups, environ, interrupts.wake, request.alone, handed)
        if request.audit:
            invocation = _audited(invocation, project, selection.wanted, layout, pool, interrupts, tell)
        rebuilder = Rebuilder(graph, facts, state, invocation, hear)
        judge = rebuilder if few is None else Vouched(rebuilder, project, few, facts, state.traces, request.full)
        course = Course(
            wanted=wanted,
            waves=layers if all_go else [[number for number in layer if number in wanted] for layer in layers],
            first=_priorities(project, state, wanted, layers, jobs, request.order, behind),
            jobs=jobs,
            schedule=schedule,
            keep_going=_keeps_going(request, project),
            capacities=dict(project.wavefile.resources),
            run=run,
        )
        growing = Growing(request, project, course, facts, state, rebuilder, hear, orphans)
        room = Room(request.load, tokens=share.tokens)
        workers = pool if request.around is None else request.around(pool)
        patient = Patient(workers, lambda said: hear(Noticed(run, time.time(), said)))
        # Who gives up wants all to end, as a person does who interrupts the build.
        scheduler = Scheduler(
            graph, course, judge, patient, hear, lambda: interrupts.count + bool(patient.gave_up), growing, room
        )
        scheduler.gauge = rebuilder.gauge = request.gauge
        try:
            ended = scheduler.run()
        finally:
            pool.close()
            with contextlib.suppress(OSError):  # what stays names nobody; the next build removes it
                disk.remove(layout.groups)
                disk.remove_tree(os.path.join(layout.root, MEMORY))
            contents.write()
        if isinstance(judge, Vouched):
            steps = judge.whole(ended, layers)
        else:
            steps = tuple(ended[number] for layer in scheduler.course.waves for number in layer)
        identity = _kept(request, project, layout)
        project, orphans = growing.project, growing.orphans
        judged = tuple(ended.values())  # all others are as they were
        code, counts = interrupts.exit_code or _exit_code(judged), _counts(steps)
        idle = code == 0 and not began
        if code == 0:
            _write_lock(request, project, rebuilder, bool(began), hear)
        former = disk.look(layout.settled) if request.sight is not None else None
        if code == 0 and orphans and settings.orphans == "remove":
            orphans = _without_orphans(project, layout, state, run, orphans, hear)
        elif not orphans and request.declared is None and not _is_left_to_repair(layout, state):
            looked = judge.looked if isinstance(judge, Vouched) else scheduler.course.wanted
            left = {number for number, each in ended.items() if not _is_well(each)}
            if few is not None:  # of whom nothing could reach it is vouched for, also where it was not started
                left.intersection_update(few.reached)
            with contextlib.suppress(WavebuildError, OSError):  # evidence spares work: nothing depends on it
                proven = rebuilder.proven
                if not (
                    few and isinstance(judge, Vouched) and renewed(project, layout, facts, few, judge, left, proven)
                ):
                    keep_evidence(request, project, layout, facts, state, looked, left, asked, identity, few, proven)
        if request.sight is not None:
            kept = _is_another(former, disk.look(layout.settled))
            stamps = partial(seen_stamps, growing.project, facts, few)
            is_open = not all(map(_is_well, judged)) or any(goes_by_more(project.wavefile.steps[n]) for n in ended)
            request.sight(Sight(layout.root, layout.settled, kept, is_open, settings.quiet, stamps))
        state.learn(facts.digests.take_learned())
        state.hear(facts.answers.take_learned())
        seconds = time.monotonic() - clock
        account = _account(request, layout, judged, rare)
        secrets = [value for value in secrets_of(request, project).values() if value]
        state.run_ended(run, seconds, code, counts, account, secrets)
        with contextlib.suppress(OSError):  # the next build lets go of them
            prune_logs(state, layout.home, run, [step.step for step in judged if step.log], settings.log_keep)
        if began and state.has_grown():
            with contextlib.suppress(OSError, WavebuildError):
                _prune(state, project, settings.log_keep, started)
        found = _additions(project, steps) if request.audit else ()
        tell(BuildSettled(run, time.time(), code == 0, seconds, counts, code))
        return BuildResult(
            run, code == 0, code, started, seconds, jobs, schedule, steps, idle, orphans, len(steps), found
        )
    finally:
        state.close()


def _is_another(before: os.stat_result | None, now: os.stat_result | None) -> bool:
    """Whether a file was written anew."""
    if before is None or now is None:
        return now is not None
    return (before.st_ino, before.st_mtime_ns) != (now.st_ino, now.st_mtime_ns)


def _audited(
    invocation: Invocation,
    project: Project,
    wanted: Collection[int],
    layout: Layout,
    pool: Pool,
    interrupts: Interrupts,
    tell: Callable[[Event], None],
) -> Invocation:
    from wavebuild.engine.auditing import traced

    try:
        invocation, notice = traced(invocation, project, wanted, layout, pool, interrupts)
    except BaseException:
        pool.close()
        disk.remove(layout.groups)
        raise
    if notice:
        tell(Noticed(invocation.run, time.time(), notice))
    return invocation


def _account(request: Request, layout: Layout, judged: Sequence[Settled], rare: Sequence[Rare]) -> Account:
    """What is told of this run when somebody asks later."""
    folder = os.path.relpath(request.directory, layout.root)
    return account_of(judged, rare, request.targets, request.only, "" if folder == "." else folder)


def _additions(project: Project, steps: Sequence[Settled]) -> tuple[Addition, ...]:
    from wavebuild.engine.auditing import additions

    return additions(project, steps)


def _kept(request: Request, project: Project, layout: Layout) -> str:
    """The identity of the project, which is kept as it was loaded; "" if it is not."""
    if request.declared is not None:
        return ""
    try:
        return keep_project(request, project, layout)
    except (OSError, WavebuildError):
        return ""  # it spares work, as evidence does: nothing depends on it


def _prune(state: State, project: Project, log_keep: int, now: float) -> None:
    from wavebuild.store.pruning import Present, prune

    steps, root = project.wavefile.steps, project.wavefile.root
    prune(state, Present(root, {step.name for step in steps}, {key(step) for step in steps}, now, log_keep))


def _write_lock(
    request: Request, project: Project, rebuilder: Rebuilder, ran: bool, tell: Callable[[Event], None]
) -> None:
    """The lock file after a good build that ran or recorded something, or where it is not there yet."""
    wavefile, run = project.wavefile, rebuilder.run
    if wavefile.settings.lock is None or request.unchanged:
        return
    recorded = any(trace.run == run for trace in rebuilder.in_force.values())
    if not (ran or recorded or not os.path.lexists(os.path.join(wavefile.root, wavefile.settings.lock))):
        return
    try:
        write_locked(wavefile, scope_of(request), rebuilder.in_force)
    except (OSError, WavebuildError) as error:
        tell(Noticed(run, time.time(), f"{wavefile.settings.lock} cannot be written: {error}"))


def _is_left_to_repair(layout: Layout, state: State) -> bool:
    """Whether a disk that failed has left something to the next build, which must then look."""
    return bool(state.attempts()) or os.path.lexists(layout.groups)


def _without_orphans(
    project: Project,
    layout: Layout,
    state: State,
    run: str,
    orphans: tuple[str, ...],
    tell: Callable[[Event], None],
) -> tuple[str, ...]:
    """Moves away what no step makes any more, as `settings.orphans: remove` says; what stays."""
    from wavebuild.engine.leftovers import displace, removable

    going = removable(project, state, orphans)
    if going:
        settled.forget(layout.settled)
        there = displace(project, state, run, going)
        tell(Noticed(run, time.time(), f"{len(going)} former output(s) that no step makes any more are now in {there}"))
    return tuple(orphan for orphan in orphans if orphan not in going)


class Growing:
    """Takes in what lists say once their makers have settled; ``project`` and ``orphans`` are as of now."""

    def __init__(
        self,
        request: Request,
        project: Project,
        course: Course,
        facts: Facts,
        state: State,
        rebuilder: Rebuilder,
        tell: Callable[[Event], None],
        orphans: tuple[str, ...],
    ) -> None:
        self.project = project
        self.orphans = orphans
        self._request = request
        self._course = course
        self._facts = facts
        self._state = state
        self._rebuilder = rebuilder
        self._tell = tell
        self._refused: dict[Artifact, str] = {}

    def __call__(self, ended: Mapping[int, Settled]) -> Growth | None:
        """The larger graph, or None while no list has come."""
        done = {number for number, settled in ended.items() if settled.outcome not in STOPS_READERS}
        lists = settled_lists(self.project, self._course.wanted, done.__contains__)
        new = [one for one in lists if one not in self._refused]
        if not new:
            return None
        before = self.project
        refused = self._take(new)
        steps = self.project.wavefile.steps
        failed = {
            number: "\n".join(self._refused[one] for one in steps[number].unread if one in refused)
            for number in self._course.wanted
            if number < len(before.wavefile.steps) and refused.intersection(steps[number].unread)
        }
        if self.project is not before:
            self._relink(before)
        return Growth(self.project.graph, self._course, failed)

    def _take(self, new: Sequence[Artifact]) -> set[Artifact]:
        """Reads lists; those of no use."""
        request = self._request
        self.project = grown_as_far(
            request,
            self.project,
            new,
            lambda one: made_content(self._facts, one),
            self._refused,
            # An instance that was asked for may turn out not to be there.
            lambda project: select_steps(request, project),
        )
        return self._refused.keys() & set(new)

    def _relink(self, before: Project) -> None:
        """What is wanted, and in what order, in the graph as it is now."""
        request, project = self._request, self.project
        selection = select_steps(request, project)
        wanted, jobs = selection.wanted, self._course.jobs
        layers = waves(project.graph, wanted)
        lengths = _lengths(project, self._state, wanted)
        behind = remaining(project.graph, wanted, lengths)
        self._course = replace(
            self._course,
            wanted=wanted,
            waves=layers,
            first=_priorities(project, self._state, wanted, layers, jobs, request.order, behind),
        )
        self.orphans = orphans_of(project, self._state, self._facts.digests, scope_of(request))
        self._facts.relink(project.graph, frozenset(self.orphans))
        self._rebuilder.relink(project.graph, forced_steps(request, selection))
        found = tuple(
            step.name
            for step, now in zip(before.wavefile.steps, project.wavefile.steps, strict=False)
            if step.expands and not now.expands
        )
        count = sum(map(len, layers))
        outlook = _outlook(request, project, wanted, lengths, behind) if request.gauge is not None else None
        self._tell(StepsFound(self._course.run, time.time(), found, count, _names(project, layers), outlook))


def _said_of_the_root(request: Request, layout: Layout) -> list[str]:
    """That another Wavefile is built than the one that is nearest."""
    if request.declared is not None:
        return []
    nearest = declare.find(request.directory, request.file)
    upper = os.path.join(layout.root, layout.file)
    return (
        [] if nearest == upper else [f"{os.path.relpath(nearest, layout.root)} is included in {upper}: this is built"]
    )


def _vouched(layout: Layout) -> int | None:
    """The device of the project if its stamps show every change; what servers say of times is not relied on."""
    folder = os.path.dirname(layout.lock)
    return disk.tells_every_change(folder) if is_of_this_machine(folder) else None


def _names(project: Project, layers: Sequence[Sequence[int]]) -> tuple[tuple[str, ...], ...]:
    names = tuple(project.graph.number)
    return tuple(tuple(names[number] for number in layer) for layer in layers)


def _lengths(project: Project, state: State, wanted: Collection[int]) -> dict[int, float]:
    """How long each step is expected to take, of those of which that is known."""
    return {number: (time.low + time.high) / 2 for number, time in durations_of(project, state, wanted).items()}


def _keeps_going(request: Request, project: Project) -> bool:
    return project.wavefile.settings.keep_going if request.keep_going is None else request.keep_going


def _outlook(
    request: Request,
    project: Project,
    wanted: frozenset[int],
    lengths: Mapping[int, float],
    behind: Mapping[int, float],
) -> Outlook:
    steps = project.wavefile.steps
    unknown = frozenset(
        number for number in wanted if number not in lengths and isinstance(steps[number].action, Run | Call)
    )
    return Outlook(project.graph.number, wanted, lengths, behind, unknown, _keeps_going(request, project))


def _priorities(
    project: Project,
    state: State,
    wanted: Collection[int],
    layers: Sequence[Sequence[int]],
    jobs: int,
    order: Sequence[str],
    behind: Mapping[int, float],
) -> dict[int, int]:
    """Each step's place among ready ones: under one job the plan's order; else what failed, then the longest path.

    ``order``: names of steps that come in just this order, before any other. ``behind``: how long that path is.
    """
    sequence = [number for layer in layers for number in layer if number in wanted]
    if order:
        rank = {name: at for at, name in enumerate(order)}
        steps = project.wavefile.steps
        return _places(sorted(sequence, key=lambda number: rank.get(steps[number].name, len(rank))))
    if jobs == 1:
        return _places(sequence)
    names = list(project.graph.number)
    failed = state.failed({names[number] for number in sequence})
    sequence.sort(key=lambda number: -behind.get(number, 0.0))
    if failed:
        sequence.sort(key=lambda number: names[number] not in failed)
    return _places(sequence)


def _places(sequence: Sequence[int]) -> dict[int, int]:
    return {number: at for at, number in enumerate(sequence)}


def _exit_code(steps: Sequence[Settled]) -> int:
    return int(not all(map(_is_well, steps)))


def _is_well(step: Settled) -> bool:
    """Whether nothing is left to do of a step."""
    wrong = (Outcome.FAILED, Outcome.BLOCKED, Outcome.WAITING, Outcome.INTERRUPTED, Outcome.NOT_STARTED)
    return not (step.outcome in wrong or step.moved or step.undid)


def _counts(steps: Sequence[Settled]) -> tuple[tuple[str, int], ...]:
    ended = [step.outcome for step in steps]  # of a few kinds: to count each is quicker than to ask each for its hash
    return tuple((outcome.value, number) for outcome in Outcome if (number := ended.count(outcome)))
