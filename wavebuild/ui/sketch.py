"""A small picture of the graph, or of a part of it: boxes in waves, and arrows.

It does not know how it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from wavebuild.graph import Graph, reads
from wavebuild.ui.escapes import escaped


@dataclass(frozen=True, slots=True)
class Box:
    name: str
    title: str | None
    wave: int


@dataclass(frozen=True, slots=True)
class Arrow:
    start: str
    end: str
    artifacts: tuple[str, ...]  # what the end reads of the start; empty: it only needs it


@dataclass(frozen=True, slots=True)
class Sketch:
    boxes: tuple[Box, ...]  # in file order
    arrows: tuple[Arrow, ...]

    def by_wave(self) -> list[tuple[int, list[Box]]]:
        waves: dict[int, list[Box]] = {}
        for box in self.boxes:
            waves.setdefault(box.wave, []).append(box)
        return sorted(waves.items(), key=lambda each: each[0])

    def before(self) -> dict[str, str]:
        """Per step, the names of the steps that it follows, as shown."""
        found: dict[str, list[str]] = {}
        for arrow in self.arrows:
            found.setdefault(arrow.end, []).append(escaped(arrow.start))
        return {end: ", ".join(starts) for end, starts in found.items()}


def sketch(graph: Graph, upstream: Sequence[int] = (), downstream: Sequence[int] = ()) -> Sketch:
    """The whole graph, or what lies upstream of some steps, downstream of others, or both."""
    steps = graph.wavefile.steps
    # A group stands for its members: the arrows already go to and from them.
    shown = [at for at in _around(graph, upstream, downstream) if not steps[at].is_group]
    boxes = tuple(Box(steps[at].name, steps[at].title, graph.wave[at]) for at in shown)
    kept = set(shown)
    arrows = tuple(arrow for at in shown for arrow in _arrows(graph, at, kept))
    return Sketch(boxes, arrows)


def _around(graph: Graph, upstream: Sequence[int], downstream: Sequence[int]) -> list[int]:
    if not upstream and not downstream:
        return list(range(len(graph.wavefile.steps)))
    found = _reached(upstream, lambda at: graph.upstream[at]) | _reached(downstream, lambda at: graph.downstream[at])
    return sorted(found)


def _reached(start: Iterable[int], following: Callable[[int], Iterable[int]]) -> set[int]:
    found = set(start)
    open_ends = list(found)
    while open_ends:
        new = [each for each in following(open_ends.pop()) if each not in found]
        found.update(new)
        open_ends += new
    return found


def _arrows(graph: Graph, at: int, kept: Collection[int]) -> list[Arrow]:
    steps = graph.wavefile.steps
    carried: dict[int, list[str]] = {maker: [] for maker in graph.upstream[at] if maker in kept}
    for artifact, makers in zip(reads(steps[at]), graph.makers[at], strict=True):
        for maker in makers:
            if maker in carried and artifact.text not in carried[maker]:
                carried[maker].append(artifact.text)
    return [Arrow(steps[maker].name, steps[at].name, tuple(texts)) for maker, texts in carried.items()]
