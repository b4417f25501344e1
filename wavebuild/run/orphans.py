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

from wavebuild.run.groups import is_left_by_a_step, noted_groups
from wavebuild.run.worker import GRACE


def end_orphans(groups: str, root: str) -> int:
    """Kills them and waits until they are gone; how many there were. ``groups``: the file of notes."""
    noted = noted_groups(groups)
    if not noted:
        return 0
    until = time.monotonic() + GRACE
    count = 0
    while True:
        left = [process for process in _processes() if is_left_by_a_step(process, noted, root)]
        count = max(count, len(left))
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        if not left or time.monotonic() > until:
            return count
        time.sleep(0.01)


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    except OSError:
        return []
