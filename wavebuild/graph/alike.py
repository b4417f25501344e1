"""Two packed graphs of one Wavefile, before and after an edit: which steps are others, if nothing else is (pure).

It does not know what was edited, nor what a step has made. Where it says something is written does not count.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from wavebuild.errors import Place
from wavebuild.graph.columns import Columns, step_of
from wavebuild.graph.link import reads

_OF_ALL = ("names", "data_upstream", "upstream", "downstream", "wave", "updates", "groups", "on_demand", "growing")
"""The columns that say how steps hang together, which of them are wanted, and what they share."""

_GIVEN = ("env", "cwd", "shell", "timeout", "retries", "resources", "limits", "estimate")
_WHEN = ("threshold", "always", "max_age", "min_age")
OWN = frozenset(("place", "title", "action", "checks", *_GIVEN, *_WHEN))
"""What of a step concerns the step alone: nobody else's inputs, owners or members depend on it."""


def other_steps(was: Columns, now: Columns) -> frozenset[int] | None:
    """The numbers of the steps that are others; None if more is than what concerns these alone."""
    if any(getattr(was, column) != getattr(now, column) for column in _OF_ALL):
        return None
    if was.secrets != now.secrets or was.reviewed != now.reviewed or now.growing:
        return None
    if was.outline.file_owner != now.outline.file_owner or not _alike(was.outline, now.outline, ("file_owner",)):
        return None
    if not _alike(was.wavefile, now.wavefile, ("steps", "files", "env_read")):
        return None
    found = set[int]()
    for number in _of_other_bytes(was, now):
        one, other = step_of(was, number), step_of(now, number)
        differ = [name for name in one.__struct_fields__ if not _alike(getattr(one, name), getattr(other, name))]
        if not OWN.issuperset(differ) or not _alike((*reads(one),), (*reads(other),)):
            return None
        if differ:
            found.add(number)
    return frozenset(found)


def _of_other_bytes(was: Columns, now: Columns) -> list[int]:
    first, second = was.step_ends.cast("q"), now.step_ends.cast("q")
    count = len(first) - 1
    return [
        number
        for number in range(count)
        if was.steps[first[number] : first[number + 1]] != now.steps[second[number] : second[number + 1]]
    ]


def _alike(one: object, other: object, but: tuple[str, ...] = ()) -> bool:
    """Whether two values say the same, wherever they are written; ``but``: fields that may differ."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Place):
        return True
    if isinstance(one, Struct):
        return all(
            _alike(getattr(one, name), getattr(other, name)) for name in one.__struct_fields__ if name not in but
        )
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(map(_alike, one.values(), other.values()))
    return one == other
