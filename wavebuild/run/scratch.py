"""The scratch folder of a step: kept over failures and kills until success, or until it would be another run.

It does not know what a step keeps there, nor whether it may still use it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from wavebuild import disk
from wavebuild.later import json, sha256

SCRATCH = ".wavebuild/scratch"


def scratch_folder(file: str, key: str) -> str:
    """The folder of a step, relative to the root; ``file``: the Wavefile, ``key``: what the step's traces belong to."""
    return f"{SCRATCH}/{sha256(json.dumps([file, key]).encode()).hexdigest()[:16]}"


def mark(parts: Sequence[Mapping[str, str]], last_success: str) -> str:
    """What a run is: its definition and inputs, and after which success it comes.

    The success is part of it so that what a finished run left can never be taken for that of an unfinished one.
    """
    return sha256(json.dumps([*parts, last_success], sort_keys=True).encode()).hexdigest()


def prepare(root: str, folder: str, marked: str) -> None:
    """The folder is there: as an unfinished run with this mark left it, else empty."""
    path = os.path.join(root, folder)
    note = f"{path}.mark"
    if disk.tail(note, 64) != marked.encode() or not os.path.isdir(path) or os.path.islink(path):
        disk.remove(note)
        clear(root, folder)
        disk.make_folder(path)
        disk.write_atomic(note, marked.encode())


def clear(root: str, folder: str) -> None:
    """Removes the folder and all that is in it."""
    path = os.path.join(root, folder)
    if os.path.islink(path) or os.path.isfile(path):
        disk.remove(path)
    disk.remove_tree(path)
    disk.remove(f"{path}.mark")
