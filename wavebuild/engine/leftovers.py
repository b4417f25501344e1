"""Outputs of steps that are no more: which of them may go by themselves, and how they go.

It does not know how they are found: see ``engine.project``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from wavebuild import disk
from wavebuild.engine.project import Project
from wavebuild.judge.trace import key
from wavebuild.run.transaction import BESIDE, DISPLACED, plan_displaced, top_of
from wavebuild.store.state import State


def removable(project: Project, state: State, orphans: Sequence[str]) -> tuple[str, ...]:
    """Those that may go unasked: never of over half of a step's instances at once, which is rather a mistake."""
    made = state.made()
    gone: dict[str, set[str]] = {}
    for orphan in orphans:
        gone.setdefault(_repeated(state, made[orphan].key), set()).add(made[orphan].key)
    too_many = {base for base, keys in gone.items() if base and len(keys) > _left(project, state, base)}
    going = (orphan for orphan in orphans if _repeated(state, made[orphan].key) not in too_many)
    return tuple(orphan for orphan in going if may_move(project, orphan))


def may_move(project: Project, path: str) -> bool:
    """Not what lies out of the root where outputs are no longer allowed."""
    return not os.path.isabs(path) or top_in(project, path) != project.wavefile.root


def top_in(project: Project, path: str) -> str:
    """The folder that a member belongs to: the root, or one out of it."""
    return top_of(path, project.wavefile.root, project.wavefile.settings.outside)


def _repeated(state: State, of: str) -> str:
    """The name of the repeated step whose instance made something; "" if it was no instance."""
    traces = state.traces(of)
    base, instance, _ = traces[0].step.partition("@") if traces else ("", "", "")
    return base if instance else ""


def _left(project: Project, state: State, base: str) -> int:
    """How many instances of a step are still declared, and have run."""
    return sum(step.base == base and bool(state.traces(key(step))) for step in project.wavefile.steps)


def displace(project: Project, state: State, run: str, orphans: Sequence[str]) -> str:
    """Moves them where a person finds them again; the folder that they are in now."""
    root, into = project.wavefile.root, plan_displaced(run, (path.rstrip("/") for path in orphans))
    for path in sorted(orphans, reverse=True):  # what is in a folder comes before the folder
        bare = path.rstrip("/")
        absolute = os.path.join(root, bare)
        if path.endswith("/"):
            disk.remove_empty_folders(absolute, top_in(project, path))
        else:
            disk.move(absolute, os.path.join(root, into[bare]))
            disk.remove_empty_folders(os.path.dirname(absolute), top_in(project, path))
    state.forget_members(orphans)
    return f"{DISPLACED}/{run}{BESIDE if all(map(os.path.isabs, orphans)) else ''}"
