"""The signals that a watch hears: they wake it, and are taken when it is their turn.

It does not know what follows from one.
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType


class Signals:
    """The signals that a watch hears, as bytes of a pipe."""

    def __init__(self) -> None:
        self.reads, self._writes = os.pipe()
        os.set_blocking(self.reads, False)
        os.set_blocking(self._writes, False)
        self.came: list[signal.Signals] = []
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Signals:
        self._former = signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGTSTP, signal.SIGCONT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._former)
        self.forget()

    def taken(self) -> list[signal.Signals]:
        with contextlib.suppress(BlockingIOError):
            while os.read(self.reads, 256):
                pass
        came, self.came = self.came, []
        return came

    def forget(self) -> None:
        os.close(self.reads)
        os.close(self._writes)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came.append(signal.Signals(number))


def stands_in_foreground() -> bool:
    """Whether what is typed at our terminal reaches us, and all that is of our process group."""
    with contextlib.suppress(OSError):
        handle = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(handle) == os.getpgrp()
        finally:
            os.close(handle)
    return False
