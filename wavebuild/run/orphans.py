"""Ends what a killed build left running, before anything of the project is touched again.

It does not know what the processes were doing. A process counts as left behind if a worker
noted its group and its environment names this root: a recycled process id is never enough.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from wavebuild import disk
from wavebuild.run.worker import GRACE


def end_orphans(groups: str, root: str) -> int:
    """Kills them and waits until they are gone; how many there were. ``groups``: the file of notes."""
    noted = {line.split()[0] for line in disk.tail(groups, 1 << 20).decode("ascii", "replace").splitlines() if line}
    if not noted:
        return 0
    until = time.monotonic() + GRACE
    count = 0
    while True:
        left = [process for process in _processes() if _left_behind(process, noted, root)]
        count = max(count, len(left))
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(process), signal.SIGKILL)
        if not left or time.monotonic() > until:
            return count
        time.sleep(0.01)


def _processes() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    except OSError:
        return []


def _left_behind(process: str, noted: set[str], root: str) -> bool:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
        state, group, session = words[0], words[2].decode(), words[3].decode()
        if state in (b"Z", b"X") or (group not in noted and session not in noted):
            return False
        with open(f"/proc/{process}/environ", "rb") as file:
            return f"WAVEBUILD_ROOT={root}".encode() in file.read().split(b"\0")
    except OSError:
        return False
