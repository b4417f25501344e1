"""Calls functions of this very process in threads of it; all other jobs go to the pool.

It does not know what the functions are for. Nothing ends a thread: what runs too long, or is not wanted any more,
runs on unheard.
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

from wavebuild.run import call
from wavebuild.run.job import Ended, Job, PythonCall
from wavebuild.run.patience import Workers

HERE = "(this process)"
"""Stands for a module in the calls of functions that are in no module that another process could import."""

SLICE = 0.05
"""Seconds between two looks, where another descriptor is waited for as well."""


class Threads:
    """An executor around another; ``functions``: by the names under which jobs call them."""

    def __init__(self, workers: Workers, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._workers = workers
        self._functions = functions
        self._lock = threading.Lock()
        self._running: dict[int, float] = {}  # job → when it began
        self._ended: deque[Ended] = deque()
        self._wake, self._other_end = os.pipe()
        os.set_blocking(self._wake, False)

    def submit(self, job: Job) -> None:
        if not _is_of_here(job):
            self._workers.submit(job)
            return
        with self._lock:
            self._running[job.id] = time.monotonic()
        threading.Thread(target=self._run, args=(job,), name=f"wavebuild-{job.id}", daemon=True).start()

    def lay_ready(self, job: Job, behind: int, until: float) -> bool:
        """A thread takes nothing by itself: only workers do."""
        return not _is_of_here(job) and self._workers.lay_ready(job, behind, until)

    def take_back(self) -> list[int]:
        return self._workers.take_back()

    def wait(self, timeout: float | None, other: int = -1) -> Sequence[Ended]:
        if self._ended:
            timeout = 0.0
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            found = list(self._workers.wait(self._slice(until, other), other if other >= 0 else self._wake))
            self._drain()
            with self._lock:
                while self._ended:
                    found.append(self._ended.popleft())
            if found or other < 0 or (until is not None and time.monotonic() >= until):
                return found

    def _slice(self, until: float | None, other: int) -> float | None:
        left = None if until is None else max(0.0, until - time.monotonic())
        if other < 0:
            return left
        return SLICE if left is None else min(SLICE, left)

    def interrupt(self, at_once: bool = False) -> None:
        self._workers.interrupt(at_once)
        with self._lock:
            running = dict(self._running) if at_once else {}
            for job, began in running.items():
                self._end(Ended(job, "interrupted", seconds=time.monotonic() - began))

    def shrink(self, size: int) -> None:
        self._workers.shrink(size)

    def close(self) -> None:
        """What still runs is heard no more."""
        with self._lock:
            self._running.clear()
            for handle in (self._wake, self._other_end):
                os.close(handle)
            self._wake = self._other_end = -1

    def _run(self, job: Job) -> None:
        began = time.monotonic()
        failure, detail, at = "", "", 0
        try:
            while at < len(job.commands):
                command = job.commands[at]
                assert isinstance(command, PythonCall)
                self._call(job, command)
                at += 1
        except BaseException as error:
            failure, detail = "exit", _told(error)
        seconds = time.monotonic() - began
        if failure:
            with contextlib.suppress(OSError):
                _note(job.log, detail)
        if job.timeout is not None and seconds > job.timeout:
            failure = "timeout"
        code = 1 if failure == "exit" else None if failure else 0
        with self._lock:
            if job.id in self._running:
                self._end(Ended(job.id, failure, code, seconds=seconds, command=min(at, max(0, len(job.commands) - 1))))

    def _end(self, ended: Ended) -> None:
        """Under the lock."""
        self._running.pop(ended.id, None)
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
        if command.answer:
            _write(command.answer, json.dumps(result))
        elif command.writes:
            _write(env["WAVEBUILD_MEM_OUT"], call.memory_text(result, command.writes))


def _is_of_here(job: Job) -> bool:
    return all(isinstance(command, PythonCall) and command.module == HERE for command in job.commands)


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
