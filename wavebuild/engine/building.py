"""A build: what is wanted, considered, run and recorded.

It does not know how steps are judged or ordered: it puts those who do together.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wavebuild import declare, disk
from wavebuild.declare.model import Artifact, Call, Run, Step
from wavebuild.engine.few import Vouched, few_of
from wavebuild.engine.idle import first_look, question_asked, refuse_inside_itself, run_identity
from wavebuild.engine.keeping import edited_since, keep_project
from wavebuild.engine.lists import grown_as_far, made_content, settled_lists
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
from wavebuild.engine.request import Addition, BuildResult, Request, Sight
from wavebuild.engine.sharing import Share, joined, shared
from wavebuild.errors import WavebuildError, mistake
from wavebuild.graph.files import MANY
from wavebuild.judge.facts import Facts, refuse
from wavebuild.judge.trace import key
from wavebuild.later import Later
from wavebuild.plan import remaining, waves
from wavebuild.run.course import STOPS_READERS, Course, Executor, Growth, Places
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
from wavebuild.run.meanwhile import Meanwhile
from wavebuild.run.memory import MEMORY
from wavebuild.run.patience import Patient
from wavebuild.run.pool import Pool
from wavebuild.run.rebuilder import Rebuilder
from wavebuild.run.room import Room
from wavebuild.run.scheduler import Scheduler
from wavebuild.store import settled
from wavebuild.store.contents import Contents
from wavebuild.store.layout import Layout
from wavebuild.store.lock import Lock, take
from wavebuild.store.logs import prune_logs
from wavebuild.store.mounts import is_of_this_machine
from wavebuild.store.state import State

if TYPE_CHECKING:
    from wavebuild.engine import evidence
    from wavebuild.run import account
    from wavebuild.run.account import Account, Rare
else:
    evidence, account = Later("wavebuild.engine.evidence"), Later("wavebuild.run.account")

AT_THE_END = ("wavebuild.engine.evidence", "wavebuild.run.account", "wavebuild.store.accounts")
"""What a build takes when all has ended; it comes while a job runs."""


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
                building = _Building(request, project, layout, tell, interrupts, share, asked, started, began)
                return building.build(lock)
        finally:
            lock.release()


class _Building:
    """The build of a project that is held: what it needs is found, what is wanted considered and run, and how that
    ended is told, recorded and left as evidence."""

    def __init__(
        self,
        request: Request,
        project: Project,
        layout: Layout,
        tell: Callable[[Event], None],
        interrupts: Interrupts,
        share: Share,
        asked: str,
        started: float,
        clock: float,
    ) -> None:
        self._request = request
        self._project = project
        self._layout = layout
        self._tell = tell
        self._interrupts = interrupts
        self._share = share
        self._asked = asked
        self._started = started
        self._clock = clock
        self._run = run_identity(started)
        self._settings = project.wavefile.settings
        self._schedule = request.schedule or self._settings.schedule
        self._rare: list[Rare] = []
        self._meanwhile: Meanwhile | None = None
        self._began: list[str] = []  # the first step that did

    def build(self, lock: Lock) -> BuildResult:
        request = self._request
        notices = [*_said_of_the_root(request, self._layout), *([self._share.notice] if self._share.notice else [])]
        self._state = open_repaired(self._layout, self._project, notices, scope_of(request), lock)
        try:
            self._open_pool()
            try:
                self._see()
                self._order()
                self._announce(notices)
                self._make_ready()
            except BaseException:
                self._pool.close()
                raise
            ended = self._work()
            return self._settle(ended)
        finally:
            self._state.close()

    # Before anything begins

    def _open_pool(self) -> None:
        request, share = self._request, self._share
        environ = {name: value for name, value in request.environ if name not in SOMETIMES}
        if share.makeflags is not None:
            environ["MAKEFLAGS"] = share.makeflags
        handed = share.tokens.ours if share.tokens else ()
        self._pool = Pool(share.jobs, self._layout.groups, environ, self._interrupts.wake, request.alone, handed)

    def _hire_early(self) -> None:
        """In a first build all that is wanted runs: those who make its calls may begin at once."""
        request, project = self._request, self._project
        if request.audit or request.around is not None or project.reused is not None:
            return
        few = itertools.islice(self._selection.wanted, MANY)
        calls = sum(1 for number in few if _is_made_warm(project.wavefile.steps[number]))
        if calls and self._state.is_empty():
            self._pool.hire_early(calls, self._layout.root, self._run)

    def _see(self) -> None:
        """What is wanted, which of it must be looked at, and whatever facts that takes. Missing sources are refused."""
        request, layout = self._request, self._layout
        self._selection = selection = select_steps(request, self._project)
        self._hire_early()
        self._contents = Contents(
            layout.contents,
            secrets_of(request, self._project),
            lambda: named_digests(self._growing.project, self._state),
        )
        edited = edited_since(request, self._project, layout) if self._project.reused is None else None
        if edited is not None:
            self._project = replace(self._project, columns=edited.columns)
        self._few = few = few_of(request, self._project, layout, selection.wanted, edited=edited)
        self._facts, self._orphans = facts_of(
            self._project,
            self._state,
            request,
            keep=self._contents.keep,
            vouch=lambda: _vouched(layout),
            orphans=None if few is None else (),
        )
        refuse(missing_of(self._project, self._facts, selection.wanted if few is None else few.seen))

    def _order(self) -> None:
        """The waves, which steps go through the scheduler, and what lies behind each of them."""
        request, project, few, wanted = self._request, self._project, self._few, self._selection.wanted
        self._layers = waves(project.graph, wanted, closed=not request.only)
        # Where waves follow one another, or all is told in the order of the plan, all go their way; who sees no change
        # is not judged.
        self._all_go = few is None or self._schedule == "barrier" or (request.full and self._share.jobs == 1)
        self._wanted = wanted
        if few is not None and not self._all_go:
            told_more = wanted & project.graph.traits.reviewed if request.full else frozenset[int]()
            self._wanted = few.reached | told_more
        counts = request.gauge is not None or (self._share.jobs > 1 and not request.order)
        # Where all that is wanted waits for one step, nobody asks who comes first before that has settled.
        alone = few is not None and not self._all_go and request.gauge is None and self._wanted == few.reached
        self._only = next(iter(few.seen)) if few is not None and alone and counts and len(few.seen) == 1 else None
        self._lengths = _lengths(project, self._state, self._wanted) if counts and self._only is None else {}
        self._behind = remaining(project.graph, self._wanted, self._lengths) if self._lengths else {}

    def _announce(self, notices: Sequence[str]) -> None:
        """Tells that the build begins, and what is to be said of it, and puts it on record."""
        request, project, share, run = self._request, self._project, self._share, self._run
        outlook = None
        if request.gauge is not None:
            told = self._selection.wanted if request.full else self._wanted
            outlook = _outlook(request, project, self._wanted, told, self._lengths, self._behind)
        count, names = sum(map(len, self._layers)), _names(project, self._layers)
        self._tell(
            BuildStarted(run, self._started, self._layout.root, share.jobs, self._schedule, count, names, outlook)
        )
        for notice in (*notices, *_said_of_the_lock(project)):
            self._say(notice)
        self._state.say = self._say
        self._state.run_began(run, self._started, share.jobs, self._schedule, command_shown(request, project))

    def _make_ready(self) -> None:
        """Those who work together: pool, rebuilder, judge, scheduler."""
        request, project, share, interrupts = self._request, self._project, self._share, self._interrupts
        self._rebuilder = Rebuilder(project.graph, self._facts, self._state, self._invocation(), self._hear)
        self._judge: Rebuilder | Vouched = self._rebuilder
        if self._few is not None:
            traces = self._state.traces
            self._judge = Vouched(self._rebuilder, project, self._few, self._facts, traces, request.full)
        course = self._course()
        self._growing = Growing(
            request, project, course, self._facts, self._state, self._rebuilder, self._hear, self._orphans
        )
        workers = self._pool if request.around is None else request.around(self._pool)
        patient = Patient(workers, lambda said: self._hear(self._noticed(said)))
        executor: Executor = Meanwhile(patient, self._in_advance())
        if isinstance(self._judge, Vouched) and request.full and not self._all_go:
            executor = self._meanwhile = Meanwhile(executor, self._known_ends(self._judge))
        self._scheduler = Scheduler(
            project.graph,
            course,
            self._judge,
            executor,
            self._hear,
            # Who gives up wants all to end, as a person does who interrupts the build.
            lambda: interrupts.count + bool(patient.gave_up),
            self._growing,
            Room(request.load, tokens=share.tokens),
        )
        self._scheduler.gauge = self._rebuilder.site.gauge = request.gauge

    def _invocation(self) -> Invocation:
        """What all jobs have in common."""
        request = self._request
        invocation = Invocation(
            self._run,
            self._layout.root,
            dict(request.environ),
            forced_steps(request, self._selection),
            request.clock,
            request.terminal,
            self._settings.clean_env,
            self._share.makeflags,
        )
        if not request.audit:
            return invocation
        wanted = self._selection.wanted
        return _audited(invocation, self._project, wanted, self._layout, self._pool, self._interrupts, self._tell)

    def _course(self) -> Course:
        request, project, wanted, jobs = self._request, self._project, self._wanted, self._share.jobs
        going: Sequence[Sequence[int]] = self._layers
        if not self._all_go:
            going = [[number for number in layer if number in wanted] for layer in going]
        return Course(
            wanted=wanted,
            waves=going,
            first=self._places(),
            jobs=jobs,
            schedule=self._schedule,
            keep_going=_keeps_going(request, project),
            capacities=dict(project.wavefile.resources),
            run=self._run,
        )

    def _places(self) -> Mapping[int, int]:
        """The place of each step among those that are ready."""
        project, state, wanted, jobs = self._project, self._state, self._wanted, self._share.jobs
        if self._only is None:
            return _priorities(project, state, wanted, self._layers, jobs, self._request.order, self._behind)

        def found() -> Mapping[int, int]:
            behind = remaining(project.graph, wanted, _lengths(project, state, wanted))
            return _priorities(project, state, wanted, self._layers, jobs, self._request.order, behind)

        return Places(self._only, found)

    # While it goes on

    def _in_advance(self) -> Iterator[bool]:
        """While jobs run, what will be asked for when they have ended, piece by piece."""
        first, judge = self._scheduler.course.first, self._judge
        if isinstance(first, Places):
            first.find()
            yield True
        pieces: Iterator[bool] = itertools.repeat(False)
        if isinstance(judge, Vouched) and not self._all_go and judge.takes_long:
            pieces = judge.in_advance(self._layers)
        at_the_end = iter(AT_THE_END)
        for was_one in pieces:
            yield was_one or _is_brought_in(next(at_the_end, None))

    def _work(self) -> dict[int, Settled]:
        """How the steps ended that went through the scheduler."""
        try:
            ended = self._scheduler.run()
            if self._meanwhile is not None:
                self._meanwhile.do_the_rest()
            return ended
        finally:
            self._pool.hang_up()
            try:
                self._contents.write()  # while the workers end
            finally:
                self._pool.close()
                with contextlib.suppress(OSError):  # what stays names nobody; the next build removes it
                    disk.remove(self._layout.groups)
                    disk.remove_tree(os.path.join(self._layout.root, MEMORY))

    def _known_ends(self, judge: Vouched) -> Iterator[bool]:
        """Tells of those whose end was known before anything was judged, one after another."""
        for number in (number for layer in self._layers for number in layer if number not in self._wanted):
            self._hear(StepSettled(self._run, time.time(), judge.kept(number)))
            yield True

    def _hear(self, event: Event) -> None:
        if isinstance(event, StepStarted) and not self._began:
            settled.forget(self._layout.settled)
            self._began.append(event.step)
        if isinstance(event, StepSettled):
            self._contents.write_now_and_then()
        elif isinstance(event, StepRetried | StepReviewed | Noticed):
            self._rare.append(event)
        self._tell(event)

    def _noticed(self, said: str) -> Noticed:
        return Noticed(self._run, time.time(), said)

    def _say(self, said: str) -> None:
        notice = self._noticed(said)
        self._rare.append(notice)
        self._tell(notice)

    # When all has ended

    def _settle(self, ended: dict[int, Settled]) -> BuildResult:
        """What was made of the project, as evidence and on record; what is to be told of it."""
        request, began = self._request, bool(self._began)
        steps = self._all_steps(ended)
        identity = _kept(request, self._project, self._layout)
        self._project, self._orphans = self._growing.project, self._growing.orphans
        judged = tuple(ended.values())  # all others are as they were
        code, counts = self._interrupts.exit_code or _exit_code(judged), _counts(steps)
        if code == 0:
            _write_lock(request, self._project, self._rebuilder, began, self._hear)
        former = disk.look(self._layout.settled) if request.sight is not None else None
        if code == 0 and self._orphans and self._settings.orphans == "remove":
            self._orphans = _without_orphans(
                self._project, self._layout, self._state, self._run, self._orphans, self._hear
            )
        else:
            self._leave_evidence(ended, identity)
        if request.sight is not None:
            request.sight(self._sight(ended, former))
        seconds = self._record(judged, code, counts)
        found = _additions(self._project, steps) if request.audit else ()
        self._tell(BuildSettled(self._run, time.time(), code == 0, seconds, counts, code))
        return BuildResult(
            self._run,
            code == 0,
            code,
            self._started,
            seconds,
            self._share.jobs,
            self._schedule,
            steps,
            code == 0 and not began,
            self._orphans,
            len(steps),
            found,
        )

    def _all_steps(self, ended: dict[int, Settled]) -> tuple[Settled, ...]:
        """How every wanted step ended, in the order of the plan."""
        if isinstance(self._judge, Vouched):
            return self._judge.whole(ended, self._layers)
        return tuple(ended[number] for layer in self._scheduler.course.waves for number in layer)

    def _leave_evidence(self, ended: Mapping[int, Settled], identity: str) -> None:
        """Writes down what was looked at, where that tells all there is to look at. It spares work: nothing depends on
        it."""
        request, layout, few, judge = self._request, self._layout, self._few, self._judge
        if self._orphans or request.declared is not None or _is_left_to_repair(layout, self._state):
            return
        looked = judge.looked if isinstance(judge, Vouched) else self._scheduler.course.wanted
        left = {number for number, each in ended.items() if not _is_well(each)}
        if few is not None:  # of whom nothing could reach it is vouched for, also where it was not started
            left.intersection_update(few.reached)
        project, facts, proven = self._project, self._facts, self._rebuilder.proven
        with contextlib.suppress(WavebuildError, OSError):
            if not (
                few
                and isinstance(judge, Vouched)
                and evidence.renewed(project, layout, facts, few, judge, left, proven)
            ):
                evidence.keep_evidence(
                    request, project, layout, facts, self._state, looked, left, self._asked, identity, few, proven
                )

    def _sight(self, ended: Mapping[int, Settled], former: os.stat_result | None) -> Sight:
        """What a watcher is told of what this build has looked at. ``former``: the evidence before it."""
        layout, project = self._layout, self._project
        kept = _is_another(former, disk.look(layout.settled))
        stamps = partial(evidence.seen_stamps, project, self._facts, self._few)
        steps = project.wavefile.steps
        is_open = not all(map(_is_well, ended.values())) or any(
            evidence.goes_by_more(steps[number]) for number in ended
        )
        return Sight(layout.root, layout.settled, kept, is_open, self._settings.quiet, stamps)

    def _record(self, judged: Sequence[Settled], code: int, counts: tuple[tuple[str, int], ...]) -> float:
        """Puts on record what was learned and how it ended, and lets go of what is too old; how long it took."""
        request, project, layout, state = self._request, self._project, self._layout, self._state
        state.learn(self._facts.digests.take_learned())
        state.hear(self._facts.answers.take_learned())
        seconds = time.monotonic() - self._clock
        told = _account(request, layout, judged, self._rare)
        secrets = [value for value in secrets_of(request, project).values() if value]
        state.run_ended(self._run, seconds, code, counts, told, secrets)
        with contextlib.suppress(OSError):  # the next build lets go of them
            logged = [step.step for step in judged if step.log]
            prune_logs(state, layout.home, self._run, logged, self._settings.log_keep)
        if self._began and state.has_grown():
            with contextlib.suppress(OSError, WavebuildError):
                _prune(state, project, self._settings.log_keep, self._started)
        return seconds


def _is_brought_in(name: str | None) -> bool:
    """Whether there was a module to be brought in; where that cannot be, whoever needs it says so."""
    with contextlib.suppress(ImportError, OSError):
        return name is not None and __import__(name) is not None
    return True


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
    return account.account_of(judged, rare, request.targets, request.only, "" if folder == "." else folder)


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

    def present() -> Present:
        steps = project.wavefile.steps
        return Present(project.wavefile.root, project.graph.number.keys(), {*map(key, steps)}, now, log_keep)

    prune(state, present)


def _said_of_the_lock(project: Project) -> Sequence[str]:
    """What is wrong with a lock file, if there is to be one."""
    if project.wavefile.settings.lock is None:
        return ()
    from wavebuild.engine.locking import locked_of

    return locked_of(project.wavefile).warnings


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
        from wavebuild.engine.locking import write_locked

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
        outlook = _outlook(request, project, wanted, wanted, lengths, behind) if request.gauge is not None else None
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


def _is_made_warm(step: Step) -> bool:
    """Whether it is a call for which a worker may keep what it imports."""
    apart = step.sandbox or step.console or step.secrets or step.limits.output is not None
    return isinstance(step.action, Call) and not (step.frozen or apart)


def _vouched(layout: Layout) -> int | None:
    """The device of the project if its stamps show every change; what servers say of times is not relied on."""
    folder = os.path.dirname(layout.lock)
    return disk.tells_every_change(folder) if is_of_this_machine(folder) else None


def _names(project: Project, layers: Sequence[Sequence[int]]) -> tuple[tuple[str, ...], ...]:
    names = tuple(project.graph.number)
    return tuple(tuple(map(names.__getitem__, layer)) for layer in layers)


def _lengths(project: Project, state: State, wanted: Collection[int]) -> dict[int, float]:
    """How long each step is expected to take, of those of which that is known."""
    return {number: (time.low + time.high) / 2 for number, time in durations_of(project, state, wanted).items()}


def _keeps_going(request: Request, project: Project) -> bool:
    return project.wavefile.settings.keep_going if request.keep_going is None else request.keep_going


def _outlook(
    request: Request,
    project: Project,
    wanted: frozenset[int],
    told: frozenset[int],
    lengths: Mapping[int, float],
    behind: Mapping[int, float],
) -> Outlook:
    """``told``: the steps of which the end is told, though of more than are ``wanted`` it is known."""
    steps = project.wavefile.steps
    unknown = frozenset(
        number for number in wanted if number not in lengths and isinstance(steps[number].action, Run | Call)
    )
    return Outlook(project.graph.number, told, lengths, behind, unknown, _keeps_going(request, project))


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
