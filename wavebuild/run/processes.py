"""What the system tells of processes and does for them: whose children they are, when they began, when they end.

It does not know what they are for. Whoever forks calls has this in memory, too, so it needs little.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

SCARCE = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
"""What the system says when it has no process, memory or descriptor to give, and may have one later."""

_START = 19  # of the facts of a process: when it began
_booted: list[str] = []


def prctl(option: int, value: int) -> bool:
    """One call of Linux's prctl; false where there is none."""
    if sys.platform != "linux":
        return False
    try:
        return bool(_called("prctl", option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def _called(name: str, *numbers: int) -> int:
    """A function of the C library; what ``ctypes`` is made of is there in a quarter of its time."""
    try:
        library = __import__("_ctypes")
        call, address = library.call_function, library.dlsym(library.dlopen(None, os.RTLD_NOW), name)
    except (ImportError, AttributeError):
        import ctypes

        return int(getattr(ctypes.CDLL(None), name)(*numbers))
    return int(call(address, numbers))


def children() -> list[int]:
    """The processes whose parent we are; none where the system does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def facts_of(process: int) -> list[str]:
    """What the system tells of a process, from its state on; nothing if there is none, or it does not tell."""
    try:
        handle = os.open(f"/proc/{process}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(handle, 4096)
        finally:
            os.close(handle)
    except OSError:
        return []
    words = text.rpartition(b")")[2].decode("ascii", "replace").split()
    return words if len(words) > _START else []


def start_time(process: int) -> str:
    """When a process began: with its id it names one process for ever. "0" if there is none."""
    words = facts_of(process)
    return start_told(words) if words else "0"


def start_told(words: list[str]) -> str:
    """As `start_time`, of these facts."""
    return f"{words[_START]}@{_boot()}"


class StartClock:
    """Tells when a process of ours began, mostly without asking: the system counts its starts by a clock we can read.

    To ask about a process that is being started costs the time that its start takes.
    """

    def __init__(self) -> None:
        self._ticks: int = os.sysconf("SC_CLK_TCK") if hasattr(time, "CLOCK_BOOTTIME") else 0
        self._agrees: bool | None = None  # with what the system tells; None: not compared yet

    def now(self) -> int:
        """The present tick; -1 where there is no such clock."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) * self._ticks // 10**9 if self._ticks else -1

    def began(self, process: int, before: int) -> str:
        """As `start_time`; ``before``: the tick just before it was started."""
        within_a_tick = 0 <= before == self.now()
        if within_a_tick and self._agrees:
            return f"{before}@{_boot()}"
        told = start_time(process)
        if within_a_tick and self._agrees is None and told != "0":
            self._agrees = told == f"{before}@{_boot()}"
        return told


def variables(process: int) -> list[bytes]:
    """The environment that a process was started with; nothing if that may not be known."""
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def descendants(process: int) -> list[int]:
    """A process's children, their children and so on; none where the system does not tell."""
    try:
        names = os.listdir(f"/proc/{process}/task")
    except OSError:
        return []
    found: list[int] = []
    for name in names:
        with contextlib.suppress(OSError), open(f"/proc/{process}/task/{name}/children") as file:
            found += [int(word) for word in file.read().split()]
    return found + [below for child in found for below in descendants(child)]


def send(process: int, how: signal.Signals) -> None:
    """Signals a process and its group: who forks and goes on as the child is met too. Our own group is left alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        group = os.getpgid(process)
        if group != os.getpgrp():
            os.killpg(group, how)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, how)


def _boot() -> str:
    """Which start of the system this is: after the next one ids and ticks begin anew."""
    if not _booted:
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:
                _booted.append(file.read(8))
        except OSError:
            _booted.append("")
    return _booted[0]


def watch(process: int) -> int:
    """A descriptor that becomes readable when the process ends; -1 where there is none."""
    try:
        return os.pidfd_open(process)
    except (AttributeError, OSError):
        return -1
