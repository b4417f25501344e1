"""The cores this process may use: those it may run on, and of their time what its container is given.

It does not know what they are used for.
"""

from __future__ import annotations

import math
import os


def cores() -> int:
    """How many; a part of one counts as one."""
    try:
        there = len(os.sched_getaffinity(0))
    except AttributeError:
        there = os.cpu_count() or 1
    given = cores_given()
    return there if math.isinf(given) else max(1, min(there, math.ceil(given)))


def cores_given(of: str = "/proc/self/cgroup", mounted: str = "/sys/fs/cgroup") -> float:
    """The smallest share of all groups that we are in, in cores; endless where nothing is said."""
    try:
        with open(of) as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return math.inf
    found = [math.inf]
    for number, controllers, path in (line for line in lines if len(line) == 3):
        if number == "0":
            found += [_second_version(folder) for folder in _up(mounted, path)]
        elif "cpu" in controllers.split(","):
            found += [_first_version(folder) for folder in _up(f"{mounted}/cpu", path)]
    return min(found)


def _up(top: str, path: str) -> list[str]:
    """A group and those above it. In a container its own group may be what is mounted."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return [os.path.join(top, *parts[:size]) for size in range(len(parts), -1, -1)]


def _second_version(folder: str) -> float:
    quota, _, period = _text(f"{folder}/cpu.max").partition(" ")
    return _share(quota, period)


def _first_version(folder: str) -> float:
    return _share(_text(f"{folder}/cpu.cfs_quota_us"), _text(f"{folder}/cpu.cfs_period_us"))


def _share(quota: str, period: str) -> float:
    if not quota.isdecimal() or not period.isdecimal() or not int(quota) or not int(period):
        return math.inf  # "max", -1, or no such file
    return int(quota) / int(period)


def _text(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""
