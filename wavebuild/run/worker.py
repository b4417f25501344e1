"""A worker: one small process that runs one job at a time and takes its children with it when it ends.

It does not know what a job is for, nor who else works.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import resource
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.later import Later
from wavebuild.run import confined, forking
from wavebuild.run.environment import passed
from wavebuild.run.grip import NO_PROCESS, WANT, Grip
from wavebuild.run.job import (
    Ended,
    Furnished,
    Furniture,
    Interrupt,
    Job,
    PythonCall,
    Shell,
)
from wavebuild.run.limits import as_by_exit_code, perhaps_starved, said_too_much, times_out_of_memory
from wavebuild.run.processes import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    SCARCE,
    prctl,
)
from wavebuild.run.simple import File, Plain, are_usual, as_told, kind_of, plain_of
from wavebuild.run.spool import ListFile, Spool, Tap, taken
from wavebuild.run.wire import ToWorker, Wire, laid_at

if TYPE_CHECKING:
    from wavebuild.run import terminal
    from wavebuild.run.line import End
    from wavebuild.run.tracing import Trail
else:
    terminal = Later("wavebuild.run.terminal")  # few steps own it

Facts = tuple["End", int, int, str, dict[str, str], bool]
"""What every worker is told as it begins."""


class ParentGone(Exception):
    """The build that this worker works for is no more."""


def main(
    parent: End,
    shelf: int,
    parent_pid: int,
    groups: str,
    environ: dict[str, str],
    keep_interrupt_ignored: bool,
    handed: tuple[int, ...],
) -> None:
    """The life of a worker: jobs in, ends out, until the parent is gone.

    ``shelf``: a descriptor from which jobs that lie ready are taken; -1: there is none.
    ``handed``: the descriptors that commands get.

    ``groups`` is a file to which the id and start of every process group is appended before its
    command can do harm, so that whoever comes after a killed build can end what it left.
    """
    _keep_descriptors_to_ourselves()
    for handle in handed:
        os.set_inheritable(handle, True)
    run = os.environ.get("WAVEBUILD_RUN", "")
    os.environ.clear()
    os.environ.update(environ)
    for number in (signal.SIGINT, signal.SIGHUP):
        # What a terminal sends to all of us is for the build to answer: it tells us what to do.
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    adopts = prctl(PR_SET_CHILD_SUBREAPER, 1)
    # A crash leaves no image of its memory in the project, unless the step itself asks for one.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    hands = Hands(parent, shelf, groups, keep_interrupt_ignored, run, handed, adopts)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGTERM, hands.drop_everything)
    if os.getppid() != parent_pid:
        return
    try:
        while not hands.worn_out:
            message = hands.next_message()
            job = message if isinstance(message, Job) else None
            while job is not None:
                ended = hands.do(job)
                job = hands.next_laid(ended)
                hands.tell(ended if job is None else replace(ended, then=job.id))
    except (ParentGone, BrokenPipeError, ConnectionError):
        pass
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    hands.end_for_good()
    # What a module registered for the end of the program was for the calls alone.
    os._exit(0)


def main_of_a_copy(
    facts: Facts,
    handed: tuple[int, ...],
    shown: Mapping[str, str],
    handles: frozenset[int],
    sentinel: int,
) -> None:
    """The life of a worker that was forked: as that of any other. ``shown``: by what whoever it leaves is known.

    ``sentinel``: what is closed when it ends, and no earlier.
    """
    parent, shelf, _, _, environ, _ = facts
    tracker = _tracker()
    forking.forget(handles, (parent.fileno(), shelf, sentinel, *handed, *([tracker] if tracker is not None else [])))
    if multiprocessing := sys.modules.get("multiprocessing"):  # without it we get no calls
        multiprocessing.set_start_method("spawn", force=True)
    os.environ.clear()
    os.environ.update({**environ, **shown})
    forking.show(shown)
    main(*facts, handed)


def _tracker() -> int | None:
    """The descriptor by which calls reach the tracker of what they share, where there is one."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    return module._resource_tracker._fd if module is not None else None


def _keep_descriptors_to_ourselves() -> None:
    """What multiprocessing handed us must not reach the commands: a pipe they hold open hides our death."""
    for handle in forking.open_handles():
        if handle > 2:
            with contextlib.suppress(OSError):  # the one by which they were listed
                os.set_inheritable(handle, False)


class Hands(Grip):
    """What a worker does with one job: starts it, waits for it, ends it, leaves nothing of it behind."""

    def __init__(
        self,
        parent: End,
        shelf: int,
        groups: str,
        keep_interrupt_ignored: bool,
        run: str,
        handed: tuple[int, ...],
        adopts: bool = False,
    ) -> None:
        super().__init__(parent.fileno(), groups, run, adopts)
        self._parent = Wire(parent, ToWorker)
        self._shelf = shelf
        self._said: deque[Job | Interrupt] = deque()  # by the parent, and not heard yet
        self._handed = handed
        self._defaults = [signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ]
        self._keep_interrupt_ignored = keep_interrupt_ignored
        if not keep_interrupt_ignored:
            self._defaults.append(signal.SIGINT)
        self._tracker = _tracker()
        self._null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._passed: dict[tuple[str, ...] | None, dict[str, str]] = {}  # of the caller's variables, by patterns
        self._lists: dict[str, ListFile] = {}
        self._spool: Spool | None = None
        self._taps: list[Tap] = []  # of a job with secrets, or with a limit to what it says
        self._out_of_memory = times_out_of_memory()  # when last looked at
        self._trail: Trail | None = None  # of a job that is traced
        self._frozen = False
        self._spared: Plain | None = None  # what runs is this command itself, in the place of its shell

    def next_message(self) -> Job | Interrupt:
        """What the parent says next."""
        try:
            while not self._said:
                self._said.extend(self._parent.receive())
        except EOFError:
            raise ParentGone from None
        return self._said.popleft()

    def next_laid(self, ended: Ended) -> Job | None:
        """The job that lies ready, to be begun at once; none after one that failed, nor one that has lain too long."""
        if self._shelf < 0 or ended.failure or self.worn_out:
            return None
        laid = laid_at(self._shelf)
        return laid.job if laid is not None and time.monotonic() < laid.until else None

    def tell(self, message: Ended | Furnished) -> None:
        self._parent.send(message)

    def is_spoken_to(self) -> bool:
        return bool(self._said) or self._parent.has_news()

    def told_to_end(self) -> bool | None:
        message = self.next_message()
        return message.at_once if isinstance(message, Interrupt) else None

    def goes_by_itself(self, process: int) -> bool:
        if self._trail is None:
            return False
        from wavebuild.run.tracing import is_tracer

        return is_tracer(process)

    def pump(self) -> None:
        for tap in self._taps:
            tap.pump()

    def overflows(self) -> bool:
        return any(tap.overflowed for tap in self._taps)

    def do(self, job: Job) -> Ended:
        """Runs a job to its end."""
        if job.furniture is not None and (refused := self._furnish(job, job.furniture)):
            return refused
        started = time.monotonic()
        self._stood_still = 0.0
        until = started + job.timeout if job.timeout is not None else None
        if self._spool is None:
            self._spool = Spool(os.path.dirname(job.log))
        self._spool.begin(job.log)
        if job.is_tapped:
            self._taps.append(Tap(self._spool.handle, job.secrets, job.most_output))
        if job.tracing is not None:
            from wavebuild.run.tracing import Trail

            self._trail = Trail(job.tracing, os.path.dirname(job.log), job.cwd)
        try:
            return self._do(job, started, until, self._spool)
        finally:
            for tap in self._taps:
                tap.close()
            self._taps.clear()
            if self._trail is not None:
                self._trail.close()
                self._trail = None
            self._spool.end()

    def _do(self, job: Job, started: float, until: float | None, spool: Spool) -> Ended:
        leftovers = 0
        env = dict(job.env) | {name: self._list_file(name, text, job.furniture) for name, text in job.lists}
        ended = Ended(job.id)
        log = self._taps[0].handle if self._taps else spool.handle
        for number, command in enumerate(job.commands):
            try:
                process = self._begin(command, job, env, log)
            except OSError as error:
                code, detail = _like_a_shell(error), _start(error, job)
                if _is_for_want(error, job):
                    ended = Ended(job.id, NO_PROCESS, command=number, detail=str(error.strerror))
                else:
                    ended = Ended(job.id, "start", exit_code=code, command=number, detail=detail)
                break
            ended, more = self._wait(job, process, until, number, spool)
            leftovers += more
            if ended.signal is not None and ended.failure == "signal" and self._spared is not None:
                ended = self._as_the_shell_says(ended, job, env, log, spool, self._spared)
            if ended.failure:
                break
        seconds = time.monotonic() - started
        touches = self._trail.touches() if self._trail is not None else None
        return Ended(
            ended.id, ended.failure, ended.exit_code, ended.signal, seconds, ended.command,
            ended.detail, leftovers, touches,
        )  # fmt: skip

    def _begin(self, command: Shell | PythonCall, job: Job, env: dict[str, str], log: int) -> int:
        """The first process of a command. Where the system has none just now, it is asked again for a while."""
        until = time.monotonic() + WANT
        while True:
            try:
                if isinstance(command, PythonCall):
                    os.chdir(job.cwd)
                    return self._fork(command, job, env, log)
                return self._spawn(*self._traced(command, job, env), env, log)
            except OSError as error:
                if not _is_for_want(error, job) or time.monotonic() >= until or self.is_spoken_to():
                    raise
                time.sleep(0.05)

    def _as_the_shell_says(
        self, ended: Ended, job: Job, env: dict[str, str], log: int, spool: Spool, spared: Plain
    ) -> Ended:
        """How a command ended that a signal killed, as the shell that was spared tells it, and in its words."""
        command = job.commands[ended.command]
        assert isinstance(command, Shell)
        victim = f"'sh' -c 'kill -{ended.signal} $$'"
        if spared.files:
            victim += " > /dev/null"  # what runs redirected is not what bash itself becomes
        again = replace(command, argv=(*command.argv[:-1], victim))
        said = os.memfd_create("said", os.MFD_CLOEXEC)
        try:
            process = self._begin(again, job, env, said)
            told, _ = self._wait(job, process, None, ended.command, spool)
            text = os.pread(said, 1 << 16, 0).replace(victim.encode(), spared.line.encode())
        except OSError:
            return ended
        finally:
            os.close(said)
        with contextlib.suppress(OSError):
            # A dash is redirected itself, a bash only the copy of it that becomes the command.
            path = spared.errors if kind_of(command.argv[0], self._environ(job.passes) | env) == "dash" else None
            handle = os.open(os.path.join(job.cwd, path), os.O_WRONLY | os.O_APPEND) if path is not None else log
            try:
                os.write(handle, text)
            finally:
                if handle != log:
                    os.close(handle)
        detail = as_by_exit_code(ended.detail) if told.exit_code else ended.detail
        return replace(told, detail=detail or told.detail)

    def _furnish(self, job: Job, furniture: Furniture) -> Ended | None:
        """Makes a private folder ready, which is no part of the job's time; or how the job ends before it began."""
        from wavebuild.run.furnishing import furnish

        try:
            furnish(furniture, self._go_on)
            for name, text in job.lists:
                disk.write(f"{furniture.lists}/{name}", text)
        except InterruptedError:
            return Ended(job.id, "interrupted")
        except OSError as error:
            what = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
            return Ended(job.id, "start", detail=f"its private folder cannot be furnished: {what}")
        self.tell(Furnished(job.id))
        return None

    def _go_on(self) -> None:
        """Raises InterruptedError if the parent wants no more of this job."""
        if self.is_spoken_to() and isinstance(self.next_message(), Interrupt):
            raise InterruptedError

    def _list_file(self, name: str, text: bytes, furniture: Furniture | None) -> str:
        if furniture is not None:
            return f"{furniture.lists}/{name}"  # what is in memory alone is not seen from behind walls
        if name not in self._lists:
            self._lists[name] = ListFile(name)
        return self._lists[name].holding(text)

    def _traced(self, command: Shell, job: Job, given: dict[str, str]) -> tuple[Shell, Job]:
        """The command with its tracer, where there is one; what it may write to has room for what that writes."""
        if self._trail is None:
            return command, job
        path = (self._environ(job.passes) | given).get("PATH", os.defpath)
        _find(command.argv[0], path, job.cwd)  # that it is not there is for us to say
        command = replace(command, argv=self._trail.around(command.argv))
        if job.confines is not None and job.confines.walls and self._trail.file:
            room = replace(job.confines, writable=(*job.confines.writable, self._trail.file))
            job = replace(job, confines=room)
        return command, job

    def _spawn(self, command: Shell, job: Job, given: dict[str, str], log: int) -> int:
        env = self._environ(job.passes) | given
        os.chdir(job.cwd)
        before = self._clock.now()
        if job.console or command.stdout:
            with self._streams(command, job, log) as handles:
                process = self._spawn_with(command, job, env, handles)
        else:
            process = self._spawn_with(command, job, env, (self._null, log, log))
        self.note(process, not job.console, before)
        return process

    def _spawn_with(self, command: Shell, job: Job, env: dict[str, str], handles: tuple[int, int, int]) -> int:
        own = not job.console
        self._spared = None
        if job.confines is not None:
            executable = _find(command.argv[0], env.get("PATH", os.defpath), job.cwd)
            return confined.start(executable, command.argv, env, handles, self._defaults, job.confines, own)
        if own and self._trail is None and (process := self._spawn_simple(command, env, handles)):
            return process
        return self._start(command.argv, env, handles, own, job.cwd)

    def _spawn_simple(self, command: Shell, env: dict[str, str], handles: tuple[int, int, int]) -> int:
        """Starts a command that needs no shell, as the shell would; 0 if the shell has to do it, or to complain."""
        plain = plain_of(command.argv)
        kind = kind_of(command.argv[0], env) if plain else None
        if plain is None or kind is None or (plain.files and not are_usual(plain.files)):
            return 0
        try:
            executable = _find(plain.words[0], env["PATH"], "") if kind == "bash" else ""
            told = as_told(kind, env, executable, bool(plain.files))
            process = 0 if told is None else self._start(plain.words, told, handles, True, "", plain.files)
        except OSError as error:
            if error.errno in SCARCE:
                raise
            return 0  # what was opened before the trouble came is opened by the shell once more
        self._spared = plain if process else None
        return process

    def _start(
        self,
        argv: tuple[str, ...],
        env: dict[str, str],
        handles: tuple[int, int, int],
        own: bool,
        cwd: str,
        files: tuple[File, ...] = (),
    ) -> int:
        """Starts a command, in a session of its own if it is to have one; ``files``: its redirections."""
        path = env.get("PATH", os.defpath)
        same = path == os.environ.get("PATH")  # then the system looks for the file, and does it faster
        start = os.posix_spawnp if same else os.posix_spawn
        try:
            return start(
                argv[0] if same else _find(argv[0], path, cwd),
                argv,
                env,
                file_actions=[
                    *((os.POSIX_SPAWN_DUP2, handle, at) for at, handle in enumerate(handles)),
                    *(file.action for file in files),
                ],
                setsid=own,
                setsigmask=[],
                setsigdef=self._defaults,
            )
        except (FileNotFoundError, PermissionError):
            _find(argv[0], path, cwd)  # whoever is not there at all is said not to be there
            raise

    def _environ(self, patterns: tuple[str, ...] | None) -> dict[str, str]:
        """What a command gets of the caller's variables."""
        if patterns not in self._passed:
            self._passed[patterns] = dict(passed(os.environ, patterns))
        return self._passed[patterns]

    @contextlib.contextmanager
    def _streams(self, command: Shell | PythonCall, job: Job, log: int) -> Iterator[tuple[int, int, int]]:
        """Standard input, output and error: nothing and the log, or the terminal for who owns it."""
        if job.console:
            with terminal.opened(job.console) as handle:
                yield handle, handle, handle
        elif isinstance(command, Shell):
            with taken(command.stdout, log) as output:
                if command.stdout and job.secrets:
                    self._taps.append(Tap(os.dup(output), job.secrets, None, is_ours=True))
                    yield self._null, self._taps[-1].handle, log
                else:
                    yield self._null, output, log
        else:
            yield self._null, log, log

    def _fork(self, command: PythonCall, job: Job, given: dict[str, str], log: int) -> int:
        """A child of this process, which imports the module for itself; alone in its session like any command."""
        if self._trail is not None:
            self._trail.before_fork()
        self._spared = None
        before = self._clock.now()
        if not self._frozen:
            gc.freeze()  # else a child that collects what it made has all of this copied
            self._frozen = True
        with self._streams(command, job, log) as handles:
            process = os.fork()
            if process == 0:
                self._be_the_call(command, job, given, handles)
        self.note(process, not job.console, before)
        if self._trail is not None:
            try:
                self._trail.after_fork(process)
            except OSError:
                self.forget_group()
                raise
        return process

    def _be_the_call(self, command: PythonCall, job: Job, given: dict[str, str], handles: tuple[int, int, int]) -> None:
        """In the forked child: becomes the call, and never returns."""
        code = 70
        try:
            if not job.console:
                os.setsid()
            if self._trail is not None:
                self._trail.wait_in_the_call()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            if not self._keep_interrupt_ignored:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            for own, handle in enumerate(handles):
                os.dup2(handle, own)
            # The worker's pipes must not live on here: nobody would notice the worker's death.
            for handle in set(forking.open_handles()) - {0, 1, 2, self._tracker, *self._handed}:
                with contextlib.suppress(OSError):
                    os.close(handle)
            if self._trail is not None:
                self._trail.record_in_the_call()
            sys.stdin = os.fdopen(0, closefd=False)
            # A call may start processes of its own.
            import multiprocessing

            multiprocessing.current_process().daemon = False
            _leave_only(job.passes)
            os.environ.update(given)
            time.tzset()
            from wavebuild.run import call

            if job.confines is not None:
                confined.confine(job.confines)
            code = call.run(command)
        finally:
            os._exit(code)

    def _wait(self, job: Job, process: int, until: float | None, number: int, spool: Spool) -> tuple[Ended, int]:
        """How a command ended, and how many processes it left."""
        sources = [tap.source for tap in self._taps]
        failure, code, leftovers = self.hold(process, until, spool, sources, bool(job.console))
        if failure:
            detail = said_too_much(job) if failure == "output limit" else ""
            return Ended(job.id, failure, signal=-code if code < 0 else None, command=number, detail=detail), 0
        memory = job.confines.memory if job.confines is not None else None
        detail = perhaps_starved(code, memory, self._memory_ran_out()) if code else ""
        if code < 0:
            return Ended(job.id, "signal", signal=-code, command=number, detail=detail), leftovers
        return Ended(job.id, "exit" if code else "", exit_code=code, command=number, detail=detail), leftovers

    def _memory_ran_out(self) -> bool:
        before, self._out_of_memory = self._out_of_memory, times_out_of_memory()
        return self._out_of_memory > before


def _leave_only(patterns: tuple[str, ...] | None) -> None:
    """Of this process's variables those that match."""
    kept = passed(os.environ, patterns)
    for name in [name for name in os.environ if name not in kept]:
        del os.environ[name]


def _find(name: str, path: str, cwd: str) -> str:
    """The file of a command as a shell would find it."""
    if "/" in name:
        return os.path.join(cwd, name)
    for folder in path.split(os.pathsep):
        candidate = os.path.join(cwd, folder, name)
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    raise FileNotFoundError(errno.ENOENT, "command not found", name)


def _is_for_want(error: OSError, job: Job) -> bool:
    """Whether the system has no room for a process now. Of little memory a step may have been given too little."""
    limited = job.confines is not None and job.confines.memory is not None
    return error.errno in SCARCE and not (limited and error.errno == errno.ENOMEM)


def _like_a_shell(error: OSError) -> int:
    return 127 if error.errno == errno.ENOENT else 126


def _start(error: OSError, job: Job) -> str:
    if error.errno == errno.E2BIG:
        return "the command is too long for this system: write the list of files to a file, as $WAVEBUILD_INPUTS is"
    if not os.path.isdir(job.cwd):
        return f"its folder {job.cwd} does not exist"
    return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
