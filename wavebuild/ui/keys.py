"""Single keys of the terminal that we stand in the foreground of: read without an Enter, and not shown.

It does not know what a key means.
"""

from __future__ import annotations

import contextlib
import os
import select
import termios

from wavebuild.run.terminal import Modes, restore


class Keys:
    """The keys of standard input, while they are ``taken``; ``give`` puts the terminal back as it was."""

    def __init__(self, handle: int, path: str) -> None:
        self._handle = handle
        self._path = path
        self._former: Modes | None = None

    def take(self) -> None:
        """From now on; nothing where we stand in the background, or it is no terminal any more."""
        if self._former is not None or not self._is_ours():
            return
        with contextlib.suppress(OSError, termios.error):
            former = termios.tcgetattr(self._handle)
            now = [each if not isinstance(each, list) else list(each) for each in former]
            assert isinstance(now[3], int)
            assert isinstance(now[6], list)
            now[3] &= ~(termios.ICANON | termios.ECHO)  # ISIG stays: Ctrl-C and Ctrl-Z are signals
            now[6][termios.VMIN], now[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._handle, termios.TCSADRAIN, now)
            self._former = former

    def give(self) -> None:
        if self._former is not None:
            former, self._former = self._former, None
            restore(self._path, former)

    def forget(self) -> None:
        """In a fork: the terminal is not ours to put back."""
        self._former = None

    @property
    def handle(self) -> int:
        """What becomes readable when one is pressed; -1 while they are not taken."""
        return self._handle if self._former is not None else -1

    def read(self) -> str:
        """Those that have been pressed; "" where the terminal has gone, which ends them all."""
        with contextlib.suppress(OSError):
            if not select.select([self._handle], [], [], 0)[0]:
                return ""
            data = os.read(self._handle, 256)
            if data:
                return data.decode("utf-8", "replace")
        self._former = None
        return ""

    def _is_ours(self) -> bool:
        try:
            return os.tcgetpgrp(self._handle) == os.getpgrp()
        except OSError:
            return False
