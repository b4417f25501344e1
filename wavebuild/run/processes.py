"""What the system tells of processes and does for them: whose children they are, when they began, when they end.

It does not know what they are for.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> bool:
    """One call of Linux's prctl; false where there is none."""
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def children() -> list[int]:
    """The processes whose parent we are; none where the system does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def start_time(process: int) -> str:
    """When a process began, in the kernel's ticks: with its id it names one process for ever."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return "0"


@contextlib.contextmanager
def watched(process: int) -> Iterator[int]:
    """A descriptor that becomes readable when the process ends; -1 where there is none."""
    try:
        handle = os.pidfd_open(process)
    except (AttributeError, OSError):
        yield -1
        return
    try:
        yield handle
    finally:
        os.close(handle)
