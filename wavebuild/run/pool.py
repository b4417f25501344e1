"""A pool of worker processes that outlives the death of any of them.

It does not know what jobs are for, nor in what order they should run. ``multiprocessing.Pool``
is not used: it waits for ever when a worker is killed (cpython#96062).
"""

from __future__ import annotations

import _socket
import _thread
import contextlib
import os
import select
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from wavebuild.later import Later
from wavebuild.run import forking, worker
from wavebuild.run.begun import Begun
from wavebuild.run.environment import passed
from wavebuild.run.grip import DROPPED, GRACE, NO_PROCESS, without_complaint
from wavebuild.run.groups import NOTHING, Noted, is_of_a_step, noted_groups, standing
from wavebuild.run.job import NOT_BEGUN, Ended, Furnished, Interrupt, Job, Laid, PythonCall, StaleWorker, Warmth
from wavebuild.run.processes import PR_SET_CHILD_SUBREAPER, SCARCE, children, prctl, send
from wavebuild.run.spool import spool_path
from wavebuild.run.wire import CallWire, Shelf, ToBuild, Wire

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from wavebuild.run import terminal
    from wavebuild.run.line import End
else:
    terminal = Later("wavebuild.run.terminal")  # few steps own it

OVERDUE = 10.0
"""Seconds past a job's own timeout after which a worker that says nothing is taken for stuck and killed."""

LOOK = 2.0
"""Seconds after which the clock is looked at, while a worker's time is counted."""

beginning = _thread.allocate_lock()
"""Held while a process is begun that takes the environment, the main module and the modules of multiprocessing as it
finds them: builds in other threads, and whoever reads the environment for one, wait until all is as it was."""


def in_a_copy() -> None:
    """In a fork of somebody else's nobody holds what another thread held."""
    global beginning
    beginning = _thread.allocate_lock()


_SHOWN = ("WAVEBUILD_ROOT", "WAVEBUILD_STEP", "WAVEBUILD_RUN")
_NAME = "wavebuild-worker"

AT_ONCE = 0.5
"""Seconds that a worker has to end its job at once, before it is killed itself."""


class Hired(Struct):
    """A worker process as the pool sees it."""

    process: BaseProcess | Begun
    wire: Wire[Ended | Furnished | StaleWorker]
    shelf: Shelf | None = None
    forked: bool = False
    tracked: bool = True  # it has what calls that start processes of their own need
    job: Job | None = None
    laid: deque[Job] = field(default_factory=deque)  # ready for it on the shelf, or just taken from there
    since: float = 0.0
    asked: bool = field(default=False)  # it has been told to end its job
    until: float | None = None  # when it must have done so
    furnished: bool = True  # its job has all that it needs: the time of the job runs
    warmth: Warmth | None = None  # what it has imported

    @property
    def limit(self) -> float | None:
        """When it is taken for stuck."""
        if self.job is None:
            return None
        own = None
        if self.furnished and self.job.timeout is not None:
            own = self.since + self.job.timeout + OVERDUE
        return min((moment for moment in (own, self.until) if moment is not None), default=None)


class Early(Struct):
    """A worker that will make calls, and has not been told which. ``shown``: by what it is known."""

    process: Begun
    ours: End
    shown: dict[str, str]

    def let_go(self) -> None:
        """It holds nothing yet, and has begun nothing."""
        self.ours.close()
        self.process.kill()
        self.process.join()


class Pool:
    """Runs jobs, at most one a worker, and hands back how they ended.

    ``groups``: the file in which workers note the process groups they start. ``environ``: the
    environment that jobs add to. ``wake``: a descriptor that becomes readable when a signal came,
    so that waiting ends at once. ``alone``: nobody else in this process starts any of its own.
    ``handed``: descriptors that every command gets, by the same numbers.
    """

    def __init__(
        self,
        size: int,
        groups: str,
        environ: Mapping[str, str],
        wake: int = -1,
        alone: bool = False,
        handed: tuple[int, ...] = (),
    ) -> None:
        self.size = size
        self._alone = alone
        self._groups = groups
        self._environ = dict(environ)
        self._wake = wake
        self._handed = _Handed(handed)
        self._workers: list[Hired] = []
        self._early: list[Early] = []
        self._by_handle: dict[int, Hired] = {}
        self._poll = select.poll()
        if wake >= 0:
            self._poll.register(wake, select.POLLIN)
        self._ready: list[Ended] = []
        self._modes: terminal.Modes | None = None  # of the terminal, before a job owned it
        self._cold: set[Warmth] = set()  # what cannot be kept in memory for several calls
        prctl(PR_SET_CHILD_SUBREAPER, 1)

    def hire_early(self, count: int, root: str, run: str) -> None:
        """Begins workers for calls that are to be expected: they come while the build sees what is to be done.

        Whoever is not needed is let go with the others. Where no process can be had, that is said when one is needed.
        """
        shown = dict(zip(_SHOWN, (root, "", run), strict=True))
        with contextlib.suppress(OSError):
            for _ in range(min(count, self.size)):
                ours, theirs = _line(spawned=False)
                try:
                    with _later_interrupts(), beginning:
                        process = self._begin_interpreter(theirs, shown)
                except BaseException:
                    ours.close()
                    raise
                finally:
                    theirs.close()
                self._early.append(Early(process, ours, shown))

    def submit(self, job: Job) -> None:
        """Hands a job to an idle worker, or to a new one. Raises OSError if no process can be had.

        One that has imported a module works only for jobs that want just that.
        """
        warmth = job.warmth
        if warmth is not None and warmth in self._cold:
            job, warmth = replace(job, cold=True), None
        while True:
            hired = self._idle(job, warmth) or self._hire(job, warmth)
            hired.job, hired.since, hired.asked, hired.until = job, time.monotonic(), False, None
            hired.warmth, hired.furnished = warmth, job.furniture is None
            if job.console and self._modes is None:
                self._modes = terminal.modes(job.console)
            try:
                hired.wire.send(job)
                return
            except OSError:
                hired.job = None
                self._bury(hired)

    def lay_ready(self, job: Job, behind: int, until: float) -> bool:
        """Gives a job to the worker that runs another, to be begun when that has ended well; false if it cannot be.

        ``until``: when it may begin at the latest. With the end of the other it is said what has become of it.
        """
        hired = next((hired for hired in self._workers if hired.job is not None and hired.job.id == behind), None)
        if hired is None or hired.job is None or hired.shelf is None or hired.asked:
            return False
        if not (_is_plain(hired.job) and _is_plain(job)) or not hired.shelf.lay(Laid(until, job)):
            return False
        hired.laid.append(job)
        return True

    def take_back(self) -> list[int]:
        """The jobs that lie ready and that no worker has taken; none of them begins."""
        found: list[int] = []
        for hired in self._workers:
            back = _cleared(hired.shelf) if hired.laid and hired.shelf is not None else ()
            if back:
                hired.laid = deque(job for job in hired.laid if job.id not in back)
                found += back
        return found

    def wait(self, timeout: float | None, other: int = -1) -> list[Ended]:
        """The jobs that ended, after waiting up to ``timeout`` seconds for the first, or for a signal.

        ``other``: a descriptor of the caller's that ends the waiting, too, when it becomes readable.
        """
        if self._ready:
            timeout = 0.0
        timed = self._next_overdue(timeout)
        began = time.monotonic()
        if other >= 0:
            self._poll.register(other, select.POLLIN)
        found = self._poll.poll(None if timed is None else max(0.0, timed) * 1000)
        if other >= 0:
            self._poll.unregister(other)
        for handle, _ in found:
            if handle == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            elif (hired := self._by_handle.get(handle)) is not None:  # one that was buried just now is heard no more
                self._hear(hired, handle == hired.process.sentinel)
        if any(hired.limit is not None for hired in self._workers):
            self._forgive(time.monotonic() - began - LOOK)
            self._end_overdue()
        ended, self._ready = self._ready, []
        return ended

    def shrink(self, size: int) -> None:
        """Lets idle workers go, until there are no more than so many: each of them is a process."""
        self.size = min(self.size, size)
        for hired in [hired for hired in self._workers if hired.job is None][: max(0, len(self._workers) - size)]:
            self._bury(hired)

    def interrupt(self, at_once: bool = False) -> None:
        """Tells every worker to end what it runs: politely and ever harder, or at once. Who is deaf is killed."""
        for hired in self._workers:
            if hired.job is not None and (at_once or not hired.asked):
                hired.asked = True
                until = time.monotonic() + (AT_ONCE if at_once else 3 * GRACE)
                hired.until = until if hired.until is None else min(until, hired.until)
                with contextlib.suppress(OSError):
                    hired.wire.send(Interrupt(at_once))

    def hang_up(self) -> None:
        """Lets all workers go: one that hears no more of us kills what it runs, and ends. Nobody waits for it yet."""
        for hired in self._workers:
            self._hang_up(hired)
        for early in self._early:
            early.let_go()
        self._early.clear()

    def close(self) -> None:
        """Ends the workers, and whatever they have left."""
        self.hang_up()
        until = time.monotonic() + 2 * GRACE
        for hired in self._workers:
            if hired.shelf is not None:
                hired.shelf.close()
            hired.process.join(max(0.0, until - time.monotonic()))
            if hired.process.is_alive():
                hired.process.kill()
                hired.process.join()
        self._workers.clear()
        self._end_strays()
        prctl(PR_SET_CHILD_SUBREAPER, 0)

    def _idle(self, job: Job, warmth: Warmth | None) -> Hired | None:
        """A worker that has imported just what the job wants, or else one that has imported nothing."""
        idle = [hired for hired in self._workers if hired.job is None]
        if warmth is None and job.has_calls:
            spawned = any(hired.forked for hired in idle) and _is_better_spawned(job)
            idle = [hired for hired in idle if hired.tracked and not (spawned and hired.forked)]
        same = next((hired for hired in idle if hired.warmth == warmth), None)
        return same or next((hired for hired in idle if hired.warmth is None), None)

    def _hire(self, job: Job, warmth: Warmth | None) -> Hired:
        """A new worker, in the place of an idle one if there are enough."""
        idle = next((hired for hired in self._workers if hired.job is None), None)
        if idle is not None and len(self._workers) >= self.size:
            self._bury(idle)
        told = dict(job.env)
        shown = dict(zip(_SHOWN, (_root_told(told), "", told.get("WAVEBUILD_RUN", "")), strict=True))
        if warmth is not None and (early := self._hire_one_of_the_early(warmth, shown)) is not None:
            return self._listen_to(early)
        forked = warmth is None and self._alone and not _is_better_spawned(job) and forking.may_fork(shown)
        ours, theirs = _line(spawned=warmth is None and not forked)
        hired = None
        # Until the worker has said what it does with them, the terminal's signals wait; in a copy of us all do.
        mask = signal.pthread_sigmask(
            signal.SIG_BLOCK, signal.valid_signals() if forked else (signal.SIGINT, signal.SIGHUP)
        )
        try:
            if forked:  # no other thread is there, and a copy of us must not find it held
                hired = self._begin_worker(job, shown, ours, theirs, forked)
            else:
                with beginning:
                    if warmth is not None:
                        hired = self._begin_caller(warmth, shown, ours, theirs)
                    else:
                        hired = self._begin_worker(job, shown, ours, theirs, forked)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
            if hired is None:
                ours.close()
        return self._listen_to(hired)

    def _listen_to(self, hired: Hired) -> Hired:
        self._workers.append(hired)
        for handle in (hired.wire.handle, hired.process.sentinel):
            self._by_handle[handle] = hired
            self._poll.register(handle, select.POLLIN)
        return hired

    def _begin_worker(self, job: Job, shown: Mapping[str, str], ours: End, theirs: End, forked: bool) -> Hired:
        shelf = Shelf() if forked else None
        laid = shelf.theirs if shelf is not None else -1
        facts = (theirs, laid, os.getpid(), self._groups, self._environ, _is_interrupt_ignored())
        tracked = job.has_calls or not forked
        if tracked:
            from multiprocessing import resource_tracker

            with _without_the_current_folder():
                resource_tracker.ensure_running()
        try:
            process = self._fork(facts, shown) if forked else self._spawn(facts, shown)
        except BaseException:
            if shelf is not None:
                shelf.close()
            raise
        return Hired(process, Wire(ours, ToBuild), shelf, forked, tracked)

    def _begin_caller(self, warmth: Warmth, shown: Mapping[str, str], ours: End, theirs: End) -> Hired:
        """A worker that makes calls alone: a new interpreter that holds little."""
        process = self._begin_interpreter(theirs, shown)
        return self._told(warmth, shown, process, ours)

    def _begin_interpreter(self, theirs: End, shown: Mapping[str, str]) -> Begun:
        from wavebuild.run.hiring import begin

        return begin(theirs.fileno(), self._handed.handles, {**os.environ, **shown})

    def _told(self, warmth: Warmth, shown: Mapping[str, str], process: Begun, ours: End) -> Hired:
        """What such a worker needs to know before its first job. Raises OSError if nobody hears it."""
        wire = CallWire(ours)
        environ = dict(passed(self._environ, warmth.passes)) | dict(warmth.env)
        imports = (warmth.module, warmth.folders, warmth.root, warmth.cwd)
        places = [place for place in sys.path if isinstance(place, str)]
        run, handed = shown["WAVEBUILD_RUN"], self._handed.handles
        ignored = _is_interrupt_ignored()
        wire.send_facts((os.getpid(), self._groups, environ, ignored, run, handed, sys.argv, places, imports))
        return Hired(process, wire)

    def _hire_one_of_the_early(self, warmth: Warmth, shown: Mapping[str, str]) -> Hired | None:
        """One that lives still, and is known by just this."""
        for early in [early for early in self._early if early.shown == shown]:
            self._early.remove(early)
            with contextlib.suppress(OSError):
                return self._told(warmth, shown, early.process, early.ours)
            early.let_go()
        return None

    def _spawn(self, facts: worker.Facts, shown: Mapping[str, str]) -> BaseProcess:
        """A worker that begins as a new interpreter."""
        import multiprocessing

        process = multiprocessing.get_context("spawn").Process(
            target=worker.main, args=(*facts, self._handed), name=_NAME, daemon=True
        )
        with _without_main(), _without_the_current_folder(), _quiet_without_parent(), _known_by(shown), _as_a_parent():
            process.start()
        return process

    def _fork(self, facts: worker.Facts, shown: Mapping[str, str]) -> Begun:
        """A worker that begins as a copy of this process."""
        handles, handed = frozenset(forking.open_handles()), self._handed.handles
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):
                stream.flush()  # or what is still to be written would be written twice
        sentinel, its_own = os.pipe()
        try:
            with warnings.catch_warnings():
                # Newer Pythons warn of threads at a fork: ours are looked at before.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
        except BaseException:
            os.close(sentinel)
            os.close(its_own)
            raise
        if pid == 0:
            os.close(sentinel)
            forking.become(lambda: worker.main_of_a_copy(facts, handed, shown, handles, its_own))
        os.close(its_own)
        return Begun(pid, sentinel)

    def _hear(self, hired: Hired, is_gone: bool) -> None:
        """Takes what a worker says; ``is_gone``: it will say no more than it has said."""
        stale = None
        try:
            while stale is None and (not is_gone or hired.wire.has_news()):
                for message in hired.wire.receive():
                    match message:
                        case StaleWorker():
                            stale = message
                        case Furnished():
                            hired.since, hired.furnished = time.monotonic(), True
                        case Ended():
                            self._take_back_terminal(hired)
                            self._go_on(hired, message)
                        case _:
                            assert_never(message)
                if not is_gone:
                    break
        except (EOFError, OSError):
            is_gone = True
        if stale is not None:
            self._replace(hired, stale.cold)
        elif is_gone:
            self._bury(hired)

    def _go_on(self, hired: Hired, ended: Ended) -> None:
        """A job has ended, and its worker has begun the one that lay ready, or waits for us."""
        if ended.then is None:
            hired.job = None
            self._clear_shelf(hired)
        else:
            hired.job, hired.since = hired.laid.popleft(), time.monotonic()
        self._ready.append(ended)

    def _clear_shelf(self, hired: Hired) -> None:
        """What lay ready for a worker that begins none of it comes back."""
        if hired.laid and hired.shelf is not None:
            _cleared(hired.shelf)
            self._ready += [Ended(job.id, NOT_BEGUN) for job in hired.laid]
            hired.laid.clear()

    def _replace(self, hired: Hired, cold: bool) -> None:
        """A worker cannot do its job and ends: another gets it."""
        job, asked = hired.job, hired.asked
        hired.job = None
        if cold and hired.warmth is not None:
            self._cold.add(hired.warmth)
        self._bury(hired)
        if job is None:
            return
        if asked:
            self._ready.append(Ended(job.id, "interrupted", seconds=time.monotonic() - hired.since))
            return
        try:
            self.submit(job)
        except OSError as error:
            failure = NO_PROCESS if error.errno in SCARCE else "start"
            self._ready.append(Ended(job.id, failure, detail=str(error.strerror)))

    def _bury(self, hired: Hired, failure: str = "") -> None:
        """A worker is gone: its job has failed, and what it ran is ended by us."""
        if hired not in self._workers:
            return
        self._workers.remove(hired)
        self._hang_up(hired)
        hired.process.join(GRACE)
        if hired.process.is_alive():
            hired.process.kill()
            hired.process.join()
        code = hired.process.exitcode
        self._end_strays()
        self._take_back_terminal(hired)
        self._clear_shelf(hired)
        if hired.shelf is not None:
            hired.shelf.close()
        if hired.job is not None:
            _save_log(hired)
            number = -code if code is not None and code < 0 else signal.SIGTERM if code == DROPPED else None
            how = f"signal {signal.Signals(number).name}" if number else f"exit code {code}"
            seconds = time.monotonic() - hired.since
            failure = failure or ("interrupted" if hired.asked else "worker died")
            detail = f"the worker process died ({how})" if failure == "worker died" else ""
            self._ready.append(Ended(hired.job.id, failure, signal=number, seconds=seconds, detail=detail))

    def _hang_up(self, hired: Hired) -> None:
        """A worker that hears no more of us ends; nothing that it says is heard any more."""
        for handle in (hired.wire.handle, hired.process.sentinel):
            if self._by_handle.pop(handle, None) is not None:
                self._poll.unregister(handle)
        hired.wire.close()

    def _take_back_terminal(self, hired: Hired) -> None:
        """Whatever the job that owned the terminal has made of its modes."""
        if hired.job is not None and hired.job.console and self._modes is not None:
            terminal.restore(hired.job.console, self._modes)
            self._modes = None

    def _end_strays(self) -> None:
        """Kills the steps' processes that became our children when a worker died, and buries them."""
        until = time.monotonic() + GRACE
        try:
            noted = noted_groups(self._groups)
        except OSError:
            noted = NOTHING  # what steps have in their environment still tells
        while time.monotonic() < until:
            ours = {hired.process.pid for hired in self._workers} | {early.process.pid for early in self._early}
            strays = [child for child in children() if child not in ours and self._is_stray(child, noted)]
            if not strays:
                return
            for stray in strays:
                send(stray, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(stray, os.WNOHANG)
            time.sleep(0.005)

    def _is_stray(self, child: int, noted: Noted) -> bool:
        """Who hides all that it got from a step is in a session of its own at least, as nothing of ours is."""
        if is_of_a_step(child, noted):
            return True
        now = standing(child)
        return self._alone and now is not None and now.session != os.getsid(0)

    def _next_overdue(self, timeout: float | None) -> float | None:
        now = time.monotonic()
        limits = [hired.limit - now for hired in self._workers if hired.limit is not None]
        look = [LOOK] if limits else []
        return min([*limits, *look, *([timeout] if timeout is not None else [])], default=None)

    def _forgive(self, stood_still: float) -> None:
        """Time in which all of us were stopped is not a worker's: it may have been stopped, too.

        While nobody's time is counted, nobody looks at the clock: to wait long is no standstill then.
        """
        if stood_still > LOOK:
            for hired in (hired for hired in self._workers if hired.limit is not None):
                hired.since += stood_still
                hired.until = hired.until + stood_still if hired.until is not None else None

    def _end_overdue(self) -> None:
        for hired in list(self._workers):
            if hired.limit is not None and time.monotonic() >= hired.limit:
                hired.process.kill()
                self._bury(hired, "interrupted" if hired.asked else "timeout")


@contextlib.contextmanager
def _later_interrupts() -> Iterator[None]:
    """The terminal's signals wait, in who is begun meanwhile until it has said what it does with them."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _cleared(shelf: Shelf) -> list[int]:
    """The jobs that lay there still. A worker that takes from it meanwhile has one that came behind some of them."""
    return list(iter(shelf.take_back, None))


def _line(spawned: bool) -> tuple[End, End]:
    """The two ends of a line; ``spawned``: one of them is handed over by multiprocessing."""
    if not spawned:
        return _socket.socketpair()
    import multiprocessing

    return multiprocessing.Pipe()


class _Handed:
    """Descriptors that a new worker gets, of which it sees the numbers."""

    def __init__(self, handles: tuple[int, ...]) -> None:
        self.handles = handles

    def __reduce__(self) -> tuple[type, tuple[tuple[int, ...]]]:
        from multiprocessing.context import get_spawning_popen

        spawning = get_spawning_popen()
        assert spawning is not None
        return tuple, (tuple(spawning.duplicate_for_child(handle) for handle in self.handles),)


def _save_log(hired: Hired) -> None:
    """What the job of a dead worker had said."""
    if hired.job is None or hired.process.pid is None:
        return
    spool = spool_path(os.path.dirname(hired.job.log), hired.process.pid)
    with contextlib.suppress(OSError):
        if os.path.getsize(spool):
            os.rename(spool, hired.job.log)
        else:
            os.unlink(spool)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Spawned children would load the caller's main module again; ours needs nothing of it."""
    main = sys.modules["__main__"]
    hidden: tuple[str, ...] = ("__file__", "__spec__")
    saved = {name: main.__dict__.pop(name) for name in hidden if name in main.__dict__}
    main.__dict__["__spec__"] = None
    try:
        yield
    finally:
        del main.__dict__["__spec__"]
        main.__dict__.update(saved)


@contextlib.contextmanager
def _without_the_current_folder() -> Iterator[None]:
    """A new interpreter would take modules of its own from the current folder: the project may have a ``signal.py``."""
    from multiprocessing import util

    usual = util._args_from_interpreter_flags  # type: ignore[attr-defined]
    util._args_from_interpreter_flags = lambda: [*usual(), "-P"]  # type: ignore[attr-defined]
    try:
        yield
    finally:
        util._args_from_interpreter_flags = usual  # type: ignore[attr-defined]


def _root_told(env: Mapping[str, str]) -> str:
    """The project's root, as a job is told it."""
    names = ("WAVEBUILD_PROJECT", "WAVEBUILD_TOP", "WAVEBUILD_ROOT")
    return next((env[name] for name in names if name in env), "")


@contextlib.contextmanager
def _quiet_without_parent() -> Iterator[None]:
    """A worker whose parent is killed while it starts ends without a word; any other trouble it tells."""
    from multiprocessing import spawn

    usual = spawn.get_command_line

    def command_line(**handles: int) -> list[str]:
        return guarded(usual(**handles), os.getpid())

    spawn.get_command_line = command_line
    try:
        yield
    finally:
        spawn.get_command_line = usual


def guarded(command_line: Sequence[str], parent: int) -> list[str]:
    """The command of a spawned process, which complains of nothing once its parent is gone."""
    *words, program, mark = command_line
    return [*words, without_complaint(program, parent), mark]


def _is_interrupt_ignored() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@contextlib.contextmanager
def _known_by(shown: Mapping[str, str]) -> Iterator[None]:
    """A process shows the environment it was started with: forks of a worker must be found if it is killed."""
    former = {name: os.environ[name] for name in shown if name in os.environ}
    os.environ.update(shown)
    try:
        yield
    finally:
        for name in shown:
            del os.environ[name]
        os.environ.update(former)


@contextlib.contextmanager
def _as_a_parent() -> Iterator[None]:
    """In a process of somebody's pool, too: such are refused children, which nobody would end. Ours end with us."""
    from multiprocessing import process

    config = process.current_process()._config  # type: ignore[attr-defined]
    former = {name: config.pop(name) for name in ("daemon",) if name in config}
    try:
        yield
    finally:
        config.update(former)


def _is_plain(job: Job) -> bool:
    """Whether any worker that runs commands can run it, with nothing to be done before."""
    return not (job.has_calls or job.console or job.furniture or job.tracing)


def _is_better_spawned(job: Job) -> bool:
    """Whether a call of the job would find in a copy of us what it finds in no new interpreter.

    What it leaves while it owns the terminal is known by its environment alone.
    """
    calls = [command for command in job.commands if isinstance(command, PythonCall)]
    return bool(calls) and (bool(job.console) or any(forking.is_hidden_by_ours(call.folders) for call in calls))
