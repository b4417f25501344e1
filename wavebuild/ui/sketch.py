"""A small picture of the graph, or of a part of it: boxes in waves, and arrows.

It does not know how it is drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.graph import Graph, reads
from wavebuild.regular import expression
from wavebuild.ui.escapes import escaped

MOST_BOXES = 500
"""Beyond this many a drawing of boxes is a wall, however large the page."""

MOST_GROUPS = 24  # of a wave
_DIGITS = expression(r"[-_.@:]?[0-9]")
_PARTS = expression(r"[-_.@:]")


class Box(Struct, frozen=True):
    name: str
    title: str | None
    wave: int
    instances: int = 1  # how many of a repeated step it stands for
    of_one: bool = True  # False: it stands for different steps

    @property
    def lines(self) -> list[str]:
        """What is written in the box below its name."""
        titles = [self.title] if self.title else []
        many = "instances" if self.of_one else "steps"
        return titles + ([f"{self.instances} {many}"] if self.instances > 1 else [])


class Arrow(Struct, frozen=True):
    start: str
    end: str
    artifacts: tuple[str, ...]  # what the end reads of the start; empty: it only needs it


class Sketch(Struct, frozen=True):
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


def sketch(
    graph: Graph,
    upstream: Sequence[int] = (),
    downstream: Sequence[int] = (),
    instances: bool = False,
    only: Container[int] | None = None,
    together: Mapping[int, str] | None = None,
) -> Sketch:
    """The whole graph, or what lies upstream of some steps, downstream of others, or both.

    A repeated step is one box, in the wave of its first instance, unless its ``instances`` are wanted. ``only``: these
    steps and no other. ``together``: in which boxes steps are shown, where that is said; those of one wave in one box.
    """
    steps, names, titled = graph.wavefile.steps, graph.names.every, graph.traits.titled
    # A group stands for its members: the arrows already go to and from them.
    around = _around(graph, upstream, downstream)
    shown = [at for at in around if at not in graph.traits.groups and (only is None or at in only)]
    base = {at: steps[at].base for at in shown if at in graph.traits.repeated}
    count = Counter(base.values())
    label = together or {
        at: base[at] if at in base and not instances and count[base[at]] > 1 else names[at] for at in shown
    }
    boxes: dict[str, Box] = {}
    for at in shown:
        one = boxes.get(label[at])
        if one is not None:
            boxes[label[at]] = replace(one, wave=min(one.wave, graph.wave[at]), instances=one.instances + 1)
        else:
            named = graph.number.get(label[at], None if together else at)
            title = steps[named].title if named in titled else None
            boxes[label[at]] = Box(label[at], title, graph.wave[at], of_one=label[at] in (base.get(at), names[at]))
    return Sketch(tuple(boxes.values()), tuple(_joined(graph, shown, label)))


def gathered(picture: Sketch) -> Sketch:
    """A picture of very many boxes with fewer: in each wave, steps whose names begin alike are one."""
    if len(picture.boxes) <= MOST_BOXES:
        return picture
    label: dict[str, str] = {}
    boxes: list[Box] = []
    for wave, members in picture.by_wave():
        for group in _alike(members):
            first, last = group[0], group[-1]
            if len(group) == 1:
                boxes.append(first)
            else:
                name = f"{first.name} … {last.name}"
                boxes.append(Box(name, None, wave, sum(box.instances for box in group), of_one=False))
            label.update((box.name, boxes[-1].name) for box in group)
    carried: dict[tuple[str, str], dict[str, None]] = {}
    for arrow in picture.arrows:
        start, end = label[arrow.start], label[arrow.end]
        if start != end:
            carried.setdefault((start, end), {}).update(dict.fromkeys(arrow.artifacts))
    arrows = (Arrow(start, end, tuple(artifacts)) for (start, end), artifacts in carried.items())
    return Sketch(tuple(boxes), tuple(arrows))


def _alike(members: Sequence[Box]) -> list[list[Box]]:
    """The boxes of a wave in groups by the beginning of their names: the longest that leaves few groups."""
    for stem in (_before_digits, _first_part, lambda name: ""):
        groups: dict[str, list[Box]] = {}
        for box in members:
            groups.setdefault(stem(box.name), []).append(box)
        if len(groups) <= MOST_GROUPS:
            break
    return list(groups.values())


def _before_digits(name: str) -> str:
    return _DIGITS.split(name, 1)[0]


def _first_part(name: str) -> str:
    return _PARTS.split(name, 1)[0]


def _joined(graph: Graph, shown: Sequence[int], label: Mapping[int, str]) -> Iterator[Arrow]:
    """The arrows between boxes, those of many instances as one."""
    carried: dict[tuple[str, str], dict[str, None]] = {}
    for at in shown:
        for maker, texts in _arrows(graph, at, label).items():
            if label[maker] != label[at]:
                carried.setdefault((label[maker], label[at]), {}).update(dict.fromkeys(texts))
    for (start, end), artifacts in carried.items():
        yield Arrow(start, end, tuple(artifacts))


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


def _arrows(graph: Graph, at: int, kept: Container[int]) -> dict[int, list[str]]:
    """What a step reads of each other one; nothing of those that it only needs."""
    steps = graph.wavefile.steps
    carried: dict[int, list[str]] = {maker: [] for maker in graph.upstream[at] if maker in kept}
    for artifact, makers in zip(reads(steps[at]), graph.makers[at], strict=True):
        for maker in makers:
            if maker in carried and artifact.text not in carried[maker]:
                carried[maker].append(artifact.text)
    return carried
