"""A terminal that a test types into and reads from, with a command in its foreground.

It does not know what the command is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.emulator import Emulator

LONGEST = 40.0


@dataclass
class Terminal:
    """``shown``: all that has been written to it so far, what is typed is echoed by it as by any other.

    ``screen``: what stands on it now.
    """

    process: int
    handle: int
    shown: str = ""
    code: int | None = None
    screen: Emulator = field(default_factory=Emulator)

    def type(self, text: str) -> None:
        os.write(self.handle, text.encode())

    def read(self, seconds: float = 0.0) -> bool:
        """Takes what is there; false when the last writer has gone."""
        if not select.select([self.handle], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.handle, 65536)
        except OSError:
            return False
        self.shown += data.decode(errors="replace")
        self.screen.feed(data)
        return bool(data)

    @property
    def rows(self) -> list[str]:
        return self.screen.rows

    def wait_until(self, what: Callable[[], object]) -> None:
        """Reads on until the screen is as it should be."""
        end = time.monotonic() + LONGEST
        while not what():
            assert self.read(0.05), "\n".join(self.rows)
            assert time.monotonic() < end, "\n".join(self.rows)

    def wait_for_row(self, text: str) -> None:
        self.wait_until(lambda: any(text in row for row in self.rows))

    def resize(self, columns: int, lines: int) -> None:
        """As when a person drags the corner of the window."""
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(columns, lines)

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + LONGEST
        while text not in self.shown:
            assert self.read(0.05), f"{text!r} never came: {self.shown}"
            assert time.monotonic() < end, f"{text!r} never came: {self.shown}"

    def finish(self) -> int:
        """Its exit code, when it has ended and all is read."""
        end = time.monotonic() + LONGEST
        while self.code is None:
            self.read(0.05)
            found, status = os.waitpid(self.process, os.WNOHANG)
            if found:
                self.code = os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, f"it never ended: {self.shown}"
        while self.read(0.0) and select.select([self.handle], [], [], 0)[0]:
            pass
        return self.code

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.handle)[3] & termios.ECHO)


@contextlib.contextmanager
def terminal(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], columns: int = 80, lines: int = 24
) -> Iterator[Terminal]:
    """A command in the foreground of a new terminal; ended with all its group when the test is over."""
    process, handle = pty.fork()
    if process == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.chdir(cwd)
            os.execve(argv[0], list(argv), dict(env))
        finally:
            os._exit(127)
    found = Terminal(process, handle, screen=Emulator(columns, lines))
    try:
        yield found
    finally:
        if found.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
        os.close(handle)
