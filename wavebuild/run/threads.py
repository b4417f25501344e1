"""Calls functions of this very process in threads of it; all other jobs go to the pool.

It does not know what the functions are for. No thread can be killed: a function that runs too long, or is not wanted
any more, gets an exception at its next step. One that takes none runs on unheard, and that is told.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from wavebuild.run import call
from wavebuild.run.grip import GRACE
from wavebuild.run.job import Ended, Job, PythonCall
from wavebuild.run.patience import Workers

HERE = "(this process)"
"""Stands for a module in the calls of functions that are in no module that another process could import."""

SLICE = 0.05
"""Seconds between two looks, where another descriptor is waited for as well."""


PATIENCE = 2 * GRACE
"""Seconds that a function has to end, once it has been asked to."""

DEAF = "nothing could end the function: its thread runs on, and may still write to the files of the step"

_here = threading.local()

_asking = threading.Lock()
_asked: set[int] = set()
"""The threads of all builds in whose functions something was raised, and which are not through with it; under the lock.

While there are any, Python keeps a note that it has to look for what was raised. In Python 3.11 and 3.12 only who
meets such an exception takes that note away, not who takes the exception back: it would stay for ever. Every thread of
the program would be slowed by it, and in Python 3.11 whoever profiles, traces or debugs would come to stand still."""


class Stopped(BaseException):
    """Raised in a function that runs too long, or is not wanted any more."""


def of_this_step() -> Mapping[str, str]:
    """The variables of the step whose function is called in this thread; none elsewhere."""
    found: Mapping[str, str] = getattr(_here, "env", {})
    return found


class _Running(Struct, eq=False):
    """A job in a thread: until when it may run, and why it will have been ended then."""

    began: float
    until: float | None
    thread: int = 0  # its number while it is in the function
    why: str = ""  # timeout or interrupted, once it was asked to end


class Threads:
    """An executor around another; ``functions``: by the names under which jobs call them."""

    def __init__(self, workers: Workers, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._workers = workers
        self._functions = functions
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}
        self._ended: deque[Ended] = deque()
        self._wake, self._other_end = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._other_end, False)

    def submit(self, job: Job) -> None:
        if not _is_of_here(job):
            self._workers.submit(job)
            return
        now = time.monotonic()
        running = _Running(now, None if job.timeout is None else now + job.timeout)
        thread = threading.Thread(target=self._run, args=(job, running), name=f"wavebuild-{job.id}", daemon=True)
        with self._lock:
            self._running[job.id] = running
        try:
            thread.start()
        except RuntimeError as error:  # the system has no thread for it
            with self._lock:
                self._end(job.id, Ended(job.id, "start", detail=str(error)))

    def lay_ready(self, job: Job, behind: int, until: float) -> bool:
        """A thread takes nothing by itself: only workers do."""
        return not _is_of_here(job) and self._workers.lay_ready(job, behind, until)

    def take_back(self) -> list[int]:
        return self._workers.take_back()

    def wait(self, timeout: float | None, other: int = -1) -> Sequence[Ended]:
        found = list(self._workers.wait(self._slice(timeout, other), other if other >= 0 else self._wake))
        self._drain()
        self._end_overdue()
        with self._lock:
            while self._ended:
                found.append(self._ended.popleft())
        return found

    def _slice(self, timeout: float | None, other: int) -> float | None:
        """How long the pool may wait: no longer than until a function must have ended."""
        now = time.monotonic()
        with self._lock:
            if self._ended:
                return 0.0
            limits = [running.until - now for running in self._running.values() if running.until is not None]
        limits += [timeout] if timeout is not None else []
        limits += [SLICE] if other >= 0 else []
        return max(0.0, min(limits)) if limits else None

    def interrupt(self, at_once: bool = False) -> None:
        self._workers.interrupt(at_once)
        with self._lock:
            for job, running in list(self._running.items()):
                if at_once:
                    self._give_up(job, running, "interrupted")
                elif not running.why:
                    self._ask(running, "interrupted")

    def shrink(self, size: int) -> None:
        self._workers.shrink(size)

    def close(self) -> None:
        """What still runs is heard no more."""
        with self._lock:
            for running in self._running.values():
                self._ask(running, "interrupted")
            self._running.clear()
            for handle in (self._wake, self._other_end):
                os.close(handle)
            self._wake = self._other_end = -1

    def _run(self, job: Job, running: _Running) -> None:
        _here.env = dict(job.env)
        failure, code, detail, at = "", 0, "", 0
        while at < len(job.commands) and not (failure or code):
            command = job.commands[at]
            assert isinstance(command, PythonCall)
            failure, code, detail = self._made(job, command, running)
            at += 1
        with self._lock:
            is_heard = job.id in self._running
        if detail and is_heard:  # else the build is over, and its logs may be gone
            with contextlib.suppress(OSError):
                _note(job.log, detail)
        with self._lock:
            if job.id in self._running:
                seconds = time.monotonic() - running.began
                why = running.why or failure or ("exit" if code else "")
                left = code if why in ("", "exit") else None
                self._end(job.id, Ended(job.id, why, left, seconds=seconds, command=max(0, at - 1)))

    def _made(self, job: Job, command: PythonCall, running: _Running) -> tuple[str, int, str]:
        """Makes a call; failure, exit code and what is to be noted, as of a program that does nothing else."""
        try:
            with self._lock:
                if running.why:
                    return running.why, 0, ""
                running.thread = threading.get_ident()
            try:
                self._call(job, command)
            finally:
                self._be_deaf(running)
        except SystemExit as leave:
            if leave.code is None or isinstance(leave.code, int):
                return "", (leave.code or 0) & 0xFF, ""
            return "exit", 1, f"{leave.code}\n"
        except BaseException as error:
            return "exit", 1, _told(error)
        return "", 0, ""

    def _be_deaf(self, running: _Running) -> None:
        """From now on nobody raises anything in this thread; what is on its way is caught here."""
        while running.thread:
            with contextlib.suppress(Stopped), self._lock:
                if running.why:
                    _be_through(running.thread)
                running.thread = 0

    def _end_overdue(self) -> None:
        with self._lock:
            for job, running in list(self._running.items()):
                if running.until is None or time.monotonic() < running.until:
                    continue
                if running.why:
                    self._give_up(job, running, running.why)
                else:
                    self._ask(running, "timeout")

    def _ask(self, running: _Running, why: str) -> None:
        """Under the lock: asks a function to end."""
        running.why = why
        running.until = time.monotonic() + PATIENCE
        if running.thread:
            with _asking:
                _asked.add(running.thread)
                _raise_in(running.thread, Stopped)

    def _give_up(self, job: int, running: _Running, why: str) -> None:
        """Under the lock: goes on without a function that does not end."""
        _be_through(running.thread)
        seconds = time.monotonic() - running.began
        self._end(job, Ended(job, why, seconds=seconds, detail=DEAF))

    def _end(self, job: int, ended: Ended) -> None:
        """Under the lock."""
        self._running.pop(job, None)
        self._ended.append(ended)
        if self._other_end >= 0:
            with contextlib.suppress(OSError):
                os.write(self._other_end, b"!")

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)

    def _call(self, job: Job, command: PythonCall) -> None:
        env, lists = dict(job.env), dict(job.lists)

        def here(path: str) -> str:
            return os.path.join(job.cwd, path)

        offered: dict[str, Callable[[], object]] = {
            "inputs": lambda: [here(path) for path in command.inputs],
            "outputs": lambda: [here(path) for path in command.outputs],
            "mem": lambda: json.loads(lists.get("WAVEBUILD_MEM", b"{}")),
            "feedback": lambda: _json_in(env.get("WAVEBUILD_FEEDBACK")),
        }
        if "WAVEBUILD_PROMPT" in env:
            offered["prompt"] = lambda: _text_in(env["WAVEBUILD_PROMPT"])
        result = call.called(self._functions[command.function], json.loads(command.arguments), offered)
        if command.judges:
            call.refuse_no(result)
        if command.answer:
            _write(command.answer, json.dumps(result))
        elif command.writes:
            _write(env["WAVEBUILD_MEM_OUT"], call.memory_text(result, command.writes))


def _is_of_here(job: Job) -> bool:
    return all(isinstance(command, PythonCall) and command.module == HERE for command in job.commands)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raises in a thread, at its next step in Python; None: takes back what it has not met yet."""
    with contextlib.suppress(ImportError, AttributeError):
        import ctypes

        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error and ctypes.py_object(error))


def _be_through(thread: int) -> None:
    """What was raised in a thread matters no more; the last one takes Python's note away, by meeting one itself."""
    own = threading.get_ident()
    with _asking:
        _asked.discard(thread)
        if _asked and thread == own:
            _raise_in(own, None)
        elif not _asked:
            with contextlib.suppress(Stopped):
                _raise_in(own, Stopped)  # in the place of one that is still on its way: there is room for one
                for _ in range(100):  # it is met at the next step
                    pass


def _told(error: BaseException) -> str:
    """The traceback, from the first line that is not ours."""
    if isinstance(error, call.CallError):
        return f"{error}\n"
    trace = error.__traceback__
    while trace is not None and call.is_not_the_authors(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


def _note(log: str, text: str) -> None:
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def _json_in(path: str | None) -> object:
    return None if path is None else json.loads(_text_in(path))


def _text_in(path: str) -> str:
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
