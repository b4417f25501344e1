"""The terminal that a step may own: opened, and put back into the modes that it had.

It does not know which step owns it, nor what it is asked there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import termios
from collections.abc import Iterator

Modes = list[int | list[bytes | int]]


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of the terminal that nobody inherits."""
    handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def modes(path: str) -> Modes | None:
    """How it answers keys and shows text now; None if it does not tell."""
    with contextlib.suppress(OSError, termios.error), opened(path) as handle:
        return termios.tcgetattr(handle)
    return None


def restore(path: str, former: Modes) -> None:
    """Puts the former modes back, also when we are in the background by now."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with contextlib.suppress(OSError, termios.error), opened(path) as handle:
            termios.tcsetattr(handle, termios.TCSADRAIN, former)
    finally:
        signal.signal(signal.SIGTTOU, before)
