"""What is wrong with the initial values of the shared memory: of a key that a step writes, or that nobody reads.

It does not know the values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wavebuild.declare.model import Artifact, Initial, Kind, Step
from wavebuild.errors import Problem, did_you_mean
from wavebuild.graph.owners import Owners
from wavebuild.graph.patterns import names_meet


def memory_problems(
    reads: Sequence[Sequence[Artifact]], initial: Sequence[Initial], steps: Sequence[Step], owners: Owners
) -> Iterator[Problem]:
    """``reads``: per step all artifacts that it reads."""
    if not initial:
        return
    read = {artifact.path for of_step in reads for artifact in of_step if artifact.kind is Kind.MEM}
    for each in initial:
        makers = owners.makers(Artifact(Kind.MEM, each.key, each.place))
        if makers:
            writer = steps[makers[0]]
            message = f"mem:{each.key} is written by step '{writer.name}': it has no initial value"
            remedy = "remove the value, or let the step write another key"
            yield Problem("memory-written", message, each.place, remedy, also=(writer.place,))
        elif each.given and not each.known and not any(names_meet(each.key, path) for path in read):
            yield Problem("unknown-memory", f"no step reads mem:{each.key}", each.place, did_you_mean(each.key, read))
