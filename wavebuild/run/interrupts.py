"""Counts how often a person or the system asked this build to stop.

It does not know what stopping means. Outside the main thread, where signals cannot be taken,
it counts nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType, TracebackType

from wavebuild.later import on_main_thread

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """While it is entered, the stopping signals are counted instead of ending the process, if they are ``taken``.

    A program can ask by ``stop``, from any thread.

    ``wake`` is a descriptor that becomes readable when one came. A signal that was ignored when
    we started (nohup) stays ignored.
    """

    def __init__(self, taken: bool = True) -> None:
        self.count = 0
        self._taken = taken
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
        on_main = on_main_thread()
        if self._taken and not on_main:
            return self
        self.wake, self._other_end = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self._other_end, False)
        if not self._taken:
            return self
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
            if self._taken:
                signal.set_wakeup_fd(self._former_wake)
            with contextlib.suppress(OSError):
                os.close(self.wake)
                os.close(self._other_end)
            self._other_end = -1

    @property
    def wakes(self) -> bool:
        """Whether somebody is woken when it is asked: it is entered, and not left yet."""
        return self._other_end >= 0

    def stop(self) -> None:
        """Asks once more, as a person does by Ctrl-C."""
        self._first = self._first or signal.SIGINT
        self.count += 1
        with contextlib.suppress(OSError):
            os.write(self._other_end, b"!")

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._first = self._first or signal.Signals(number)
        self.count += 1
