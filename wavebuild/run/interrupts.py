"""Counts how often a person or the system asked this build to stop.

It does not know what stopping means. Outside the main thread, where signals cannot be taken,
it counts nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType, TracebackType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """While it is entered, the stopping signals are counted instead of ending the process.

    ``wake`` is a descriptor that becomes readable when one came. A signal that was ignored when
    we started (nohup) stays ignored.
    """

    def __init__(self) -> None:
        self.count = 0
        self.wake = -1
        self._first: signal.Signals | None = None
        self._before: dict[signal.Signals, signal.Handlers] = {}
        self._other_end = -1
        self._former_wake = -1

    @property
    def exit_code(self) -> int:
        """128 and the number of the first signal, as shells count; 0 if there was none."""
        return 128 + self._first if self._first is not None else 0

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self
        self.wake, self._other_end = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self._other_end, False)
        self._former_wake = signal.set_wakeup_fd(self._other_end, warn_on_full_buffer=False)
        for number in STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)  # type: ignore[assignment]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.wake >= 0:
            signal.set_wakeup_fd(self._former_wake)
            with contextlib.suppress(OSError):
                os.close(self.wake)
                os.close(self._other_end)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._first = self._first or signal.Signals(number)
        self.count += 1
