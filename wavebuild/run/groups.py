"""The process groups that workers noted, and which processes are of them.

It does not know what the processes are doing. A process id alone is never enough: ids are used
again by processes that are nobody's business.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from wavebuild import disk
from wavebuild.run.processes import start_time

Noted = Mapping[int, frozenset[str]]
"""Process group → when its first process began, in the kernel's ticks."""


def noted_groups(path: str) -> Noted:
    """The groups in the file that workers append to."""
    found: dict[int, frozenset[str]] = {}
    for line in disk.tail(path, 1 << 20).decode("ascii", "replace").splitlines():
        words = line.split()
        if words and words[0].isdecimal():
            group = int(words[0])
            found[group] = found.get(group, frozenset()) | frozenset(words[1:2])
    return found


def is_of_a_step(process: int, noted: Noted) -> bool:
    """Whether a child of ours that is no worker is in a noted group or session, or was started in a step."""
    words = _status(process)
    if not words:
        return False
    return bool({int(words[2]), int(words[3])} & noted.keys()) or any(
        entry.startswith(b"WAVEBUILD_STEP=") for entry in _environ(process)
    )


def is_left_by_a_step(process: int, noted: Noted, root: str) -> bool:
    """Whether a living process, whoever's child, was left by a step of a build of ``root``.

    Its group's first process is the noted one: the same id and the same start. Where that one is
    gone, the environment that the process was started with must name the root.
    """
    words = _status(process)
    if not words or words[0] in (b"Z", b"X"):
        return False
    leaders = {int(words[2]), int(words[3])} & noted.keys()
    starts = {leader: start_time(leader) for leader in leaders}
    if any(start != "0" and start in noted[leader] for leader, start in starts.items()):
        return True
    return "0" in starts.values() and root in roots_of(_environ(process))


def roots_of(environ: Iterable[bytes]) -> list[str]:
    """The root that a step's environment names; of a step of an included file its own folder, and the first root."""
    named = (entry.partition(b"=") for entry in environ)
    return [os.fsdecode(value) for name, _, value in named if name in (b"WAVEBUILD_ROOT", b"WAVEBUILD_TOP")]


def _status(process: int) -> list[bytes]:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _environ(process: int) -> list[bytes]:
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
