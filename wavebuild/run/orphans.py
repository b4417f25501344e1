"""Ends what a killed build left running, before anything of the project is touched again.

It does not know what the processes were doing. A process counts as left behind if a worker
noted the first process of its group, and that one is the same still or the environment names
this root: a recycled process id is never enough.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from wavebuild.errors import WavebuildError, mistake
from wavebuild.run.groups import is_left_by_a_step, noted_groups

PATIENCE = 5.0
"""Seconds within which a killed process must be gone; one that waits for a disk or a device may need some."""

STILL_HELD = 3
"""The exit code, as of a project that another build holds."""


def end_orphans(groups: str, root: str, patience: float = PATIENCE) -> int:
    """Kills them and waits until they are gone; how many there were. ``groups``: the file of notes.

    Raises WavebuildError if one cannot be ended: it could write into what is built next.
    """
    noted = noted_groups(groups)
    if not noted.firsts:
        return 0
    until = time.monotonic() + patience
    count = 0
    while True:
        left = [process for process in _processes() if is_left_by_a_step(process, noted, root)]
        count = max(count, len(left))
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        if not left:
            return count
        if time.monotonic() > until:
            raise _refusal(left)
        time.sleep(0.01)


def left_running(groups: str, root: str) -> list[int]:
    """The processes that a killed build left running; nothing is done to them."""
    noted = noted_groups(groups)
    return [process for process in _processes() if is_left_by_a_step(process, noted, root)] if noted.firsts else []


def _refusal(left: list[int]) -> WavebuildError:
    shown = ", ".join(f"{process} ({_command(process)})" for process in left[:3])
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    message = f"what a killed build left running cannot be ended: {shown}{more}; it could still write into the project"
    remedy = "end it (it may belong to another user, or wait for a disk), and try again"
    return mistake("orphan", message, remedy=remedy, exit_code=STILL_HELD)


def _command(process: int) -> str:
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()[:60] or "?"
    except OSError:
        return "?"


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    except OSError:
        return []
