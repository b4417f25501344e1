"""A process of ours that has begun: whether it lives, what it ended with.

It does not know how it was started, nor what it does.
"""

from __future__ import annotations

import os
import select
import signal
import time

from wavebuild.run.grip import DROPPED


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
