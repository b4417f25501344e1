"""Finds and ends processes by a mark in their environment, which children inherit whatever else they do.

It does not know what the processes are for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

SOON = 40.0
"""Seconds that a busy machine may take for what is soon done; less than steps of tests sleep for."""


def alive(mark: str) -> list[int]:
    """The processes whose environment holds the mark, zombies left out."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
    return found


def children(pid: int, ended: bool = False) -> list[int]:
    """``ended``: those that have, and nobody has waited for."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid and (fields[0] == "Z") == ended:
                    found.append(int(folder.name))
    return found


def descendants(pid: int) -> list[int]:
    below = children(pid)
    return below + [each for child in below for each in descendants(child)]


def command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def is_worker(pid: int) -> bool:
    """Whether it is a worker of a build: a new interpreter, or a copy of the build, its parent."""
    line = command_line(pid)
    if "spawn_main" in line or "wavebuild.run.caller" in line:
        return True
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return False
    return bool(line) and line == command_line(parent)


def peak_memory(pid: int) -> int:
    """The most resident memory a living process has had, in bytes; 0 if it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def kill_marked(mark: str) -> None:
    """kill -9 of all at once, until none is left."""
    while pids := alive(mark):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def eventually(condition: Callable[[], object], seconds: float = SOON) -> bool:
    """Whether the condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


def namespace() -> list[str] | None:
    """How a command gets mounts of its own here; None where the system allows none."""
    for words in (["unshare", "-m"], ["unshare", "-r", "-m"], ["sudo", "-n", "unshare", "-m"]):
        try:
            tried = subprocess.run([*words, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, timeout=20)
        except FileNotFoundError:
            continue
        if tried.returncode == 0:
            return words
    return None
