"""The slots of a build and what else is shared: what a step takes, what is left.

It does not know whose turn it is, nor whether the machine has room.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from wavebuild.declare.model import Step

_THE_TERMINAL = "the terminal"
"""A resource of which there is one; the blank keeps it apart from those of the Wavefile."""

ONE_SLOT = {"cpus": 1}
"""What a step takes that asks for nothing."""


class Slots:
    """``taken``: what each running step has. ``capacities``: of the named resources; of all others there is one."""

    def __init__(self, jobs: int, capacities: Mapping[str, int]) -> None:
        self._jobs = jobs
        self._capacities = capacities
        self.taken: dict[int, Mapping[str, int]] = {}
        self.used = 0
        self._used: dict[str, int] = {}

    @property
    def free(self) -> int:
        return self._jobs - self.used

    def wanted_by(self, step: Step) -> Mapping[str, int]:
        if not step.resources and not step.console:
            return ONE_SLOT
        wanted = dict(step.resources)
        if step.console:
            wanted[_THE_TERMINAL] = 1
        wanted["cpus"] = max(1, min(wanted.get("cpus", 1), self._jobs))
        return wanted

    def are_there(self, wanted: Mapping[str, int], reserved: Collection[str]) -> bool:
        """Whether the named resources are free, and no step that comes first waits for them."""
        return all(
            name == "cpus"
            or (name not in reserved and self._used.get(name, 0) + amount <= self._capacities.get(name, 1))
            for name, amount in wanted.items()
        )

    def take(self, number: int, wanted: Mapping[str, int]) -> None:
        self.taken[number] = wanted
        self.used += wanted["cpus"]
        for name, amount in wanted.items():
            self._used[name] = self._used.get(name, 0) + amount

    def hand_on(self, before: int, after: int) -> None:
        """What one had another has now."""
        self.taken[after] = self.taken.pop(before)

    def give_back(self, number: int) -> None:
        taken = self.taken.pop(number, None)
        if taken is None:
            return
        for name, amount in taken.items():
            self._used[name] -= amount
        self.used -= taken["cpus"]
