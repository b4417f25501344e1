"""Keeps what is remembered from growing: what nobody can ask for any more is let go, now and then.

It does not know why a step or a file is gone. What stands on the disk is never forgotten: an orphan stays ours, and
the steps of another profile stay fresh.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from msgspec import Struct

from wavebuild import disk
from wavebuild.judge.trace import Made, Trace
from wavebuild.run.records import log_path
from wavebuild.run.scratch import SCRATCH
from wavebuild.store.state import State

RUNS, RESULTS = 1000, 50
"""How many runs are kept, and how many results of each step."""

_NO_FILES = ("mem:", "probe:")

OLD = 90 * 24 * 3600.0
"""Seconds after which an answer of a probe, or the scratch folder of a step that is no more, is of no use."""


class Present(Struct, frozen=True):
    """The steps that there are, by their names and by the keys of their traces; the root, and what time it is."""

    root: str
    steps: Collection[str]
    keys: Collection[str]
    now: float
    log_keep: int


def prune(state: State, what_is: Callable[[], Present]) -> None:
    """Lets go of what is of no use, if the state has grown to twice of what it was when this was last done."""
    if not state.has_grown():
        return
    if len(state.history.runs(2)) < 2:
        state.note_pages()  # all that there is to remember is of this run
        return
    present = what_is()
    former = (key for key in state.known_keys() if key not in present.keys)
    keys = {key for key in former if (traces := state.traces(key)) and _left_nothing(present.root, traces[0])}
    members = [path for path, made in state.made().items() if _is_gone(present, keys, path, made)]
    digests = [name for name in state.digests() if not _stands(present.root, name.partition("\0")[0])]
    most = (RUNS, max(RESULTS, present.log_keep))
    results = state.let_go(keys, members, digests, present.steps, most, present.now - OLD)
    for step, run, attempts in results:
        for attempt in range(1, attempts + 1):
            disk.remove(os.path.join(present.root, log_path(run, step, attempt)))
        disk.remove_empty_folders(f"{present.root}/.wavebuild/logs/{run}", f"{present.root}/.wavebuild")
    _prune_scratch(present)


def _left_nothing(root: str, trace: Trace) -> bool:
    """Whether a step that is no more made files, and none of them stands."""
    files = [path for path in trace.outputs if not path.startswith(_NO_FILES)]
    return bool(files) and not any(_stands(root, path) for path in files)


def _is_gone(present: Present, keys: Collection[str], path: str, made: Made) -> bool:
    if made.key in present.keys or path.startswith(_NO_FILES):
        return made.key in keys
    return made.key in keys or not _stands(present.root, path)


def _stands(root: str, path: str) -> bool:
    return os.path.lexists(os.path.join(root, path.rstrip("/")))


def _prune_scratch(present: Present) -> None:
    """The scratch folders that nobody has used for long: whoever comes back to them begins anew."""
    top = os.path.join(present.root, SCRATCH)
    for entry in disk.entries(top):
        if entry.name.endswith(".mark") and entry.stat(follow_symlinks=False).st_mtime < present.now - OLD:
            disk.remove_tree(entry.path.removesuffix(".mark"))
            disk.remove(entry.path)
