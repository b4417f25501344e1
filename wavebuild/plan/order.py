"""The waves of the wanted steps, and what still lies behind each of them.

It does not know why a step is wanted, nor whether it will run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from wavebuild.graph import Graph
from wavebuild.regular import expression

NaturalKey = tuple[tuple[bool, int, str], ...]
_RUN_OF_DIGITS = expression(r"(?a)(\d+)")


def natural_key(name: str) -> NaturalKey:
    """Sorts names as people count: 4, 4a, 6, 6b, 10."""
    pieces = [piece for piece in _RUN_OF_DIGITS.split(name) if piece]
    return tuple((not piece[0].isdecimal(), int(piece) if piece[0].isdecimal() else 0, piece) for piece in pieces)


def sequence(graph: Graph, wanted: Collection[int]) -> list[int]:
    """The wanted steps, each after all it waits for; by depth, then as in the file."""
    return sorted(wanted, key=lambda step: (graph.wave[step], step))


def waves(graph: Graph, wanted: Collection[int], closed: bool = False) -> tuple[tuple[int, ...], ...]:
    """The wanted steps by their depth among the wanted; in a wave as in the file.

    ``closed``: all that they wait for is wanted, too.
    """
    if closed or len(wanted) + len(graph.traits.groups) == len(graph.wave):
        ordered = sorted(wanted)
        depths = [*map(graph.wave.__getitem__, ordered)]
        deep: list[list[int]] = [[] for _ in range(max(depths, default=0))]
        for step, wave in zip(ordered, depths, strict=True):
            deep[wave - 1].append(step)
        return tuple(map(tuple, deep))
    depth: dict[int, int] = {}
    layers: list[list[int]] = []
    for step in sequence(graph, wanted):
        depth[step] = max((depth[before] + 1 for before in graph.upstream[step] if before in depth), default=0)
        if depth[step] == len(layers):
            layers.append([])
        layers[depth[step]].append(step)
    return tuple(tuple(sorted(layer)) for layer in layers)


def remaining(graph: Graph, wanted: Collection[int], durations: Mapping[int, float]) -> dict[int, float]:
    """For every wanted step the longest time from its start to the end of what waits for it.

    A step without a duration counts as nothing.
    """
    longest: dict[int, float] = {}
    for step in reversed(sequence(graph, wanted)):
        after = max((longest[later] for later in graph.downstream[step] if later in longest), default=0.0)
        longest[step] = durations.get(step, 0.0) + after
    return longest
