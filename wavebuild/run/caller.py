"""A worker that makes calls alone: it has imported their module, and forks a child for each.

It does not know graphs, nor any other job. What it holds in memory each fork copies, and what it writes to between two
forks it copies, too: so it begins as a new interpreter, imports no more of us than it needs, does once what is the same
for all calls, and takes and tells plain values.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import os
import resource
import select
import signal
import sys
import time
from importlib.machinery import PathFinder

from wavebuild.run import call
from wavebuild.run.grip import DROPPED, NO_PROCESS, SHOWN_AFTER, WANT, Grip
from wavebuild.run.limits import perhaps_starved, times_out_of_memory
from wavebuild.run.line import Line
from wavebuild.run.processes import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, SCARCE, children, prctl, watch
from wavebuild.run.spool import ListFile, Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import FileFinder, ModuleSpec
    from typing import NoReturn

    Pairs = Sequence[tuple[str, str]]
    Called = tuple[str, str, Sequence[str], Sequence[str], Sequence[str], str, bool]
    CallJob = tuple[int, Sequence[Called], Pairs, str, float | None, Pairs, int | None]
    Imports = tuple[str, tuple[str, ...], str, str]
    Facts = tuple[int, str, dict[str, str], bool, str, tuple[int, ...], list[str], list[str], Imports]

_SCAN: Callable[[str, int], tuple[CallJob | bool, int]] = vars(json.JSONDecoder())["scan_once"]
"""Reads one value of JSON; what makes of it what ``json.loads`` does is not needed here, and touches more memory."""

_SET_SIGNAL: Callable[[int, object], object] = vars(sys.modules["_signal"])["signal"]
"""What is below ``signal.signal``, which makes names of numbers and numbers of names, and so touches more memory."""

_BY_DEFAULT = int(signal.SIG_DFL)
_TERMINATED, _HUNG_UP, _INTERRUPTED = int(signal.SIGTERM), int(signal.SIGHUP), int(signal.SIGINT)
_INTERRUPTS = signal.default_int_handler

_READABLE = int(select.POLLIN)

_MOST_HANDLES = 1 << 16

_OF_A_TRACKER = b"from multiprocessing.resource_tracker import main"


class Made:
    """One call, as `call.run` wants to know it."""

    __slots__ = (
        "answer", "arguments", "folders", "function", "inputs", "judges", "module", "outputs", "root", "writes"
    )  # fmt: skip

    def __init__(self, called: Called, module: str, folders: tuple[str, ...], root: str) -> None:
        self.function, self.arguments, self.inputs, self.outputs, self.writes, self.answer, self.judges = called
        self.module, self.folders, self.root = module, folders, root


def main(handle: int, sentinel: int) -> NoReturn:
    """The life of such a worker: facts, then jobs in, ends out, until the build is gone.

    ``handle``: the line. ``sentinel``: what tells by its end that we have ended.
    """
    for own in (handle, sentinel):
        os.set_inheritable(own, False)
    line = Line(handle)
    with contextlib.suppress(OSError):
        call.rehearse()
    try:
        messages = [json.loads(data) for data in line.receive_bytes()]
        while not messages:
            messages = [json.loads(data) for data in line.receive_bytes()]
    except (EOFError, OSError):
        os._exit(DROPPED)
    facts: Facts = messages.pop(0)
    parent, groups, environ, keeps_interrupt_ignored, run, handed, arguments, places, imports = facts
    for low, high in _between((2, handle, sentinel, *handed)):  # whatever the build was started with is not for us
        os.closerange(low, high)
    _become_nobody(arguments, places)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    for number in (signal.SIGINT, signal.SIGHUP):
        # What a terminal sends to all of us is for the build to answer: it tells us what to do.
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    adopts = prctl(PR_SET_CHILD_SUBREAPER, 1)
    # A crash leaves no image of its memory in the project, unless the step itself asks for one.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    caller = Caller(line, groups, run, adopts, keeps_interrupt_ignored, handed, imports)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGTERM, caller.drop_everything)
    if os.getppid() != parent:
        os._exit(DROPPED)
    caller.said = messages
    try:
        while not caller.worn_out:
            message = caller.next_message()
            if not isinstance(message, bool):
                line.send_bytes(caller.do(message))
    except (EOFError, BrokenPipeError, ConnectionError):
        pass
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    caller.end_for_good()
    # What a module registered for the end of the program was for the calls alone.
    os._exit(0)


def _become_nobody(arguments: list[str], places: list[str]) -> None:
    """As far as a call can tell: no main module, no input; whoever starts processes with Python gets new ones."""
    for handle in (0, 1, 2):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.close(null)
    sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)  # type: ignore[misc]
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    sys.argv[:] = arguments
    sys.path[:] = places
    sys.modules["__main__"] = type(sys)("__main__")
    sys.meta_path.insert(0, _StartsAnew())


class _StartsAnew:
    """multiprocessing, once it is imported, starts new interpreters where it is not told otherwise."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if name != "multiprocessing.context":
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _then_spawning(spec.loader.exec_module)  # type: ignore[method-assign]
        return spec


def _then_spawning(plain: Callable[..., None]) -> Callable[..., None]:
    def execute(module: object) -> None:
        plain(module)
        module._default_context.set_start_method("spawn", force=True)  # type: ignore[attr-defined]

    return execute


class Caller(Grip):
    """What it does with one job. ``imports``: module, folders where it is looked for first, root, folder."""

    def __init__(
        self,
        line: Line,
        groups: str,
        run: str,
        adopts: bool,
        keeps_interrupt_ignored: bool,
        handed: tuple[int, ...],
        imports: Imports,
    ) -> None:
        super().__init__(line.handle, groups, run, adopts)
        self._line = line
        self._keeps_interrupt_ignored = keeps_interrupt_ignored
        self._module, self._folders, self._root, self._cwd = imports
        self._marks: call.Marks | None = None  # of what was imported
        self._lists: dict[str, ListFile] = {}
        self._told: set[str] = set()  # variables that tell of the attempt
        self._spool: Spool | None = None
        self._out_of_memory = times_out_of_memory()  # when last looked at
        self._closed = _between((2, *handed))  # in a call
        self.said: list[CallJob | bool] = []  # by the build, and not heard yet
        self._absent: list[str] = []  # files that would be another module of this name
        self._finders: list[FileFinder] = []
        self._leaves_nothing = False

    def next_message(self) -> CallJob | bool:
        """A job; or that it is to end, true: at once."""
        while not self.said:
            for data in self._line.receive_bytes():
                self.said.append(_SCAN(data.decode(), 0)[0])
        return self.said.pop(0)

    def is_spoken_to(self) -> bool:
        return bool(self.said) or self._line.has_news()

    def told_to_end(self) -> bool | None:
        message = self.next_message()
        return message if isinstance(message, bool) else None

    def goes_by_itself(self, process: int) -> bool:
        """The tracker of a call that used multiprocessing ends when the call has."""
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                words = file.read()
            return not words or _OF_A_TRACKER in words  # of one that has ended there are none
        except OSError:
            return False

    def do(self, job: CallJob) -> bytes:
        """Makes its calls, one after another up to the first failure: how it ended, as ``Ended`` or ``StaleWorker``."""
        number, calls, told, log, timeout, lists, memory = job
        started = time.monotonic()
        self._stood_still = 0.0
        until = started + timeout if timeout is not None else None
        spool = self._spool
        if spool is None:
            spool = self._spool = Spool(os.path.dirname(log))
        spool.begin(log)
        try:
            at = leftovers = 0
            ended: tuple[str, int | None, int | None, str] = ("", 0, None, "")
            for at, called in enumerate(calls):
                try:
                    os.chdir(self._cwd)
                    if at == 0:
                        if (refused := self._warm_up(spool.handle)) is not None:
                            self.worn_out = True
                            return json.dumps((number, refused)).encode()
                        self._tell_variables(told, lists)
                    process = self._fork(called, memory, spool.handle)
                except OSError as error:
                    ended = self._not_begun(error)
                    break
                status = self._wait_a_little(process, until)
                if status == 0:
                    leftovers += self.clear_up()
                    self._group = 0
                    continue
                failure, code, more = self.hold(process, until, spool, status=status, shown_after=0.0)
                ended = self._ended(failure, code, memory)
                if not failure:
                    leftovers += more
                if ended[0]:
                    break
            seconds = time.monotonic() - started
            if ended[0] or leftovers:
                failure, code_left, by, detail = ended
                return json.dumps((number, failure, code_left, by, seconds, at, detail, leftovers)).encode()
            return b'[%d,"",0,null,%f,%d,"",0]' % (number, seconds, at)
        finally:
            spool.end()

    def _wait_a_little(self, process: int, until: float | None) -> int | None:
        """The exit status of what ends before there is anything else to be done: most calls do. Else none."""
        ending = watch(process) if until is None or until - time.monotonic() > SHOWN_AFTER else -1
        if ending < 0:
            return None
        self._poll.register(ending, _READABLE)
        self._poll.poll(SHOWN_AFTER * 1000)
        self._poll.unregister(ending)
        os.close(ending)
        found, status = os.waitpid(process, os.WNOHANG)
        return status if found else None

    def _not_begun(self, error: OSError) -> tuple[str, int | None, int | None, str]:
        if error.errno in SCARCE:
            return NO_PROCESS, None, None, str(error.strerror)
        if not os.path.isdir(self._cwd):
            detail = f"its folder {self._cwd} does not exist"
        else:
            detail = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
        return "start", 127 if isinstance(error, FileNotFoundError) else 126, None, detail

    def _ended(self, failure: str, code: int, memory: int | None) -> tuple[str, int | None, int | None, str]:
        """Failure, exit code, signal, detail."""
        by = -code if code < 0 else None
        if failure:
            return failure, None, by, ""
        if code == 0:
            return "", 0, None, ""
        before, self._out_of_memory = self._out_of_memory, times_out_of_memory()
        detail = perhaps_starved(code, memory, self._out_of_memory > before)
        return ("exit", code, None, detail) if by is None else ("signal", None, by, detail)

    def _tell_variables(self, told: Pairs, lists: Pairs) -> None:
        """What tells of this attempt, and of no other; what importing has made of the step's own variables stays."""
        names = set()
        for name, value in told:
            names.add(name)
            if os.environ.get(name) != value:
                os.environ[name] = value
        for name, text in lists:
            names.add(name)
            if name not in self._lists:
                self._lists[name] = ListFile(name)
            path = self._lists[name].holding(text.encode("latin-1"))
            if os.environ.get(name) != path:
                os.environ[name] = path
        for name in self._told - names:
            os.environ.pop(name, None)
        self._told = names

    def _warm_up(self, log: int) -> bool | None:
        """Imports the module, so that each child has it for nothing; or says why the job must go elsewhere.

        False: to one that imports it anew; true: to one that does so for each call.
        """
        if self._marks is not None:
            for file, mark in self._marks.items():
                if call.mark(file) != mark:
                    return False
            for file in self._absent:
                if os.access(file, os.F_OK):
                    return False
            for finder in self._finders:  # modules may have come since the last call
                finder.invalidate_caches()
            return None
        before, said = _bearings(), os.fstat(log).st_size
        saved = os.dup(1), os.dup(2)
        try:
            os.dup2(log, 1)
            os.dup2(log, 2)
            self._marks = call.warm_up(self._module, self._folders, self._root)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            for number, handle in zip((1, 2), saved, strict=True):
                os.dup2(handle, number)
                os.close(handle)
        if self._marks is None or _bearings() != before:
            with contextlib.suppress(OSError):
                os.ftruncate(log, said)  # it will be said again
            return True
        self._absent = call.must_be_absent(self._marks, self._module, self._folders)
        self._finders = call.finders_below(self._root)
        self._leaves_nothing = call.leave_nothing(self._root)
        gc.collect()
        return None

    def _fork(self, called: Called, memory: int | None, log: int) -> int:
        """The child, alone in its session like any command. Where the system has none just now, it is asked again."""
        made = Made(called, self._module, self._folders, self._root)
        known = call.foreseen(made)
        until = 0.0
        gc.freeze()  # else a child that looks at what it made has all of this copied
        while True:
            before = self._clock.now()
            try:
                process = os.fork()
                break
            except OSError as error:
                until = until or time.monotonic() + WANT
                if error.errno not in SCARCE or time.monotonic() >= until or self.is_spoken_to():
                    raise
                time.sleep(0.05)
        if process == 0:
            code = 70
            try:
                self._become_a_call(memory, log)
                code = call.run(made, known, self._leaves_nothing)
            finally:
                os._exit(code)
        self.note(process, True, before)
        return process

    def _become_a_call(self, memory: int | None, log: int) -> None:
        os.setsid()
        _SET_SIGNAL(_TERMINATED, _BY_DEFAULT)
        _SET_SIGNAL(_HUNG_UP, _BY_DEFAULT)
        if not self._keeps_interrupt_ignored:
            _SET_SIGNAL(_INTERRUPTED, _INTERRUPTS)
        os.dup2(log, 1)
        os.dup2(log, 2)
        # The worker's pipes must not live on here: nobody would notice the worker's death.
        for low, high in self._closed:
            os.closerange(low, high)
        if memory is not None:
            from wavebuild.run.confined import limit_memory

            limit_memory(memory)


def _between(kept: Sequence[int]) -> list[tuple[int, int]]:
    """The ranges of descriptors that leave these open, and those below them all."""
    return [(low + 1, high) for low, high in itertools.pairwise((*sorted(set(kept)), _MOST_HANDLES))]


def _bearings() -> tuple[object, ...]:
    """What calls would share, or would not have, if importing a module had changed it in this process."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    return os.getcwd(), _open_handles(), children(), [signal.getsignal(number) for number in numbers]


def _open_handles() -> list[int]:
    return [handle for name in os.listdir("/dev/fd") if name.isdigit() and _is_open(handle := int(name))]


def _is_open(handle: int) -> bool:
    try:
        os.fstat(handle)
        return True
    except OSError:
        return False
