"""Begins a worker that makes calls alone, as a new interpreter, and keeps hold of its process.

It does not know what it is told, nor what it does.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Sequence
from multiprocessing import spawn, util

import wavebuild
from wavebuild.run.grip import DROPPED, without_complaint


class Begun:
    """A process of ours. ``sentinel``: becomes readable when it ends."""

    def __init__(self, pid: int, sentinel: int) -> None:
        self.pid = pid
        self.sentinel = sentinel
        self.exitcode: int | None = None

    def is_alive(self) -> bool:
        if self.exitcode is None:
            self._look(os.WNOHANG)
        return self.exitcode is None

    def join(self, timeout: float | None = None) -> None:
        """Waits until it has ended, for so many seconds at most."""
        until = time.monotonic() + timeout if timeout is not None else None
        while self.is_alive():
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return
            poll = select.poll()
            poll.register(self.sentinel, select.POLLIN)
            if poll.poll(None if left is None else left * 1000 + 1):
                self._look(0)

    def kill(self) -> None:
        if self.is_alive():
            os.kill(self.pid, signal.SIGKILL)

    def _look(self, how: int) -> None:
        try:
            found, status = os.waitpid(self.pid, how)
        except ChildProcessError:  # somebody else has buried it
            found, status = self.pid, DROPPED << 8
        if found:
            self.exitcode = os.waitstatus_to_exitcode(status)

    def __del__(self) -> None:
        os.close(self.sentinel)


def begin(handle: int, handed: Sequence[int]) -> Begun:
    """The worker; ``handle``: its end of the line. ``handed``: descriptors that it gets besides, for its calls."""
    sentinel, its_own = os.pipe()
    place = os.path.dirname(os.path.dirname(os.path.abspath(wavebuild.__file__)))
    start = f"import sys; sys.path.append({place!a}); from wavebuild.run.caller import main"
    program = f"{start}; main({handle}, {its_own})"
    python = os.fsencode(spawn.get_executable())
    flags = util._args_from_interpreter_flags()  # type: ignore[attr-defined]
    words = [python, *map(os.fsencode, flags), b"-c", without_complaint(program, os.getpid()).encode()]
    try:
        pid = util.spawnv_passfds(python, words, (handle, its_own, *handed))
    except BaseException:
        os.close(sentinel)
        raise
    finally:
        os.close(its_own)
    return Begun(pid, sentinel)
