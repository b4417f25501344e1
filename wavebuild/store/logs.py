"""Which logs are kept: the newest few of every step.

It does not know what is in them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from wavebuild import disk
from wavebuild.run.records import log_path
from wavebuild.store.state import State

BESIDE = ("~prompt.md", "~review.json")
"""What is kept with a log: what the agent was told, and what the advisor said of it."""


def prune_logs(state: State, home: str, run: str, steps: Iterable[str], keep: int) -> None:
    """Removes the older logs of these steps, which just ran, and the lists that only this run's steps were shown."""
    told = set()
    for path, entry in disk.walk(f"{home}/logs/{run}"):
        if path.endswith(BESIDE):
            told.add(_step_of(path))
        elif not path.endswith(".log"):
            disk.remove(entry.path)
    disk.remove_empty_folders(f"{home}/logs/{run}", home)
    root = os.path.dirname(home)
    gone = state.old_logs({*steps}, keep)
    for step, of, attempts, log in gone:
        for attempt in range(1, attempts + 1):
            path = os.path.join(root, log_path(of, step, attempt))
            for each in (path, *(path.removesuffix(".log") + ending for ending in BESIDE)):
                disk.remove(each)
        disk.remove_empty_folders(os.path.dirname(os.path.join(root, log)), home)
    if gone:
        state.forget_logs((step, of) for step, of, *_ in gone)
    if told:
        _prune_beside(home, told, keep)


def _prune_beside(home: str, steps: Collection[str], keep: int) -> None:
    """Also of steps that printed nothing, and so have no log: the newest few runs have theirs kept."""
    runs: dict[str, set[str]] = {step: set() for step in steps}
    for run in sorted((entry.name for entry in disk.entries(f"{home}/logs")), reverse=True):
        for path, entry in disk.walk(f"{home}/logs/{run}"):
            if path.endswith(BESIDE) and (of := runs.get(_step_of(path))) is not None:
                of.add(run)
                if len(of) > keep:
                    disk.remove(entry.path)
        disk.remove_empty_folders(f"{home}/logs/{run}", home)


def _step_of(path: str) -> str:
    """Whose it is that is kept beside a log: no name of a step holds a ``~``."""
    return path.partition("~")[0]
