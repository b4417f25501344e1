"""Finds steps by what people call them: a name, an instance of a repeated step, or a part of one.

It does not know what the steps read or make.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from wavebuild.declare.model import Step
from wavebuild.errors import did_you_mean

SHOWN = 8
"""Instances that a message names."""


class Names:
    """The names of all steps; ``silver`` of a repeated step is the group of its instances.

    ``names``: those of these steps, in their order, where they are known already.
    """

    def __init__(self, steps: Sequence[Step], names: Iterable[str] | None = None) -> None:
        self._steps = steps
        self.number = {name: k for k, name in enumerate(names or (step.name for step in steps))}

    @cached_property
    def every(self) -> tuple[str, ...]:
        """The name of each step, by its number."""
        return tuple(self.number)

    @cached_property
    def _instances(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for k, step in enumerate(self._steps):
            if step.base:
                found.setdefault(step.base, []).append(k)
        return found

    def find(self, name: str) -> tuple[int, ...]:
        """The steps of a name: one, or all instances that it fits (``train@lr=0.1``, ``silver@*``).

        A repeated step whose instances are not known yet stands for any of them.
        """
        known = self.number.get(name)
        if known is not None:
            return (known,)
        base, at, values = name.partition("@")
        if not at or base not in self.number:
            return ()
        if self._steps[self.number[base]].expands:
            return (self.number[base],)
        wanted = values.split("@")
        return tuple(k for k in self._instances.get(base, ()) if _fits(self._steps[k].instance, wanted))

    def remedy(self, name: str) -> str:
        """What may have been meant by a name that finds nothing."""
        base, at, _ = name.partition("@")
        if at and base in self._instances:
            names = [self.every[k] for k in self._instances[base]]
            near = did_you_mean(name, names)
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            return near or f"the instances of '{base}' are: {', '.join(names[:SHOWN])}{more}"
        if at and base in self.number:
            return f"'{base}' has no instances: it has no foreach, or foreach has no values"
        return did_you_mean(name, self.number)


def _fits(instance: Sequence[tuple[str, str]], wanted: Sequence[str]) -> bool:
    return all(any(_is_value(part, name, value) for name, value in instance) for part in wanted)


def _is_value(part: str, name: str, value: str) -> bool:
    """Whether ``lr=0.1``, or ``0.1`` alone, is this variable's value; ``*`` is any."""
    wanted_name, equals, wanted = part.partition("=")
    if not equals:
        return part == "*" or _unquoted(part) == value
    return wanted_name == name and (wanted == "*" or _unquoted(wanted) == value)


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)
