"""The steps of a run as a picture of the graph: a box a step, or where they are many, a box for what goes together.

It does not know how a picture is laid out, nor which page it stands on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from wavebuild.engine.story import Chapter, Story
from wavebuild.graph import Graph
from wavebuild.run.events import Outcome
from wavebuild.ui import words
from wavebuild.ui.report.looks import ORDER, SIGNS, Known, kind
from wavebuild.ui.sketch import sketch
from wavebuild.ui.svg import Drawing, Dress, drawn

EACH = 120
"""Boxes up to which every instance of a repeated step has its own."""
MOST = 800
"""Boxes up to which every step has its own; beyond, a wave is one, but for what matters."""
ALONE = 150
"""Steps that stand by themselves where waves are boxes."""

WAVES = 120
"""Boxes of waves, at most."""

_TROUBLE = (Outcome.FAILED, Outcome.WAITING, Outcome.INTERRUPTED)


class Cluster(Struct, frozen=True):
    """Several steps that are one box."""

    id: str
    name: str
    members: tuple[Chapter, ...]


class Picture(Struct, frozen=True):
    drawing: Drawing
    clusters: tuple[Cluster, ...]
    is_folded: bool  # whole waves are boxes


def picture(story: Story, ids: Mapping[str, str]) -> Picture | None:
    """``ids``: where on the page each step is told of. None: there is no graph."""
    graph = story.graph
    if graph is None:
        return None
    chapters = {graph.number[each.name]: each for each in story.chapters if each.name in graph.number}
    steps = graph.wavefile.steps
    shown = [number for number in sorted(chapters) if not steps[number].is_group]
    label = _labels(story, graph, shown, chapters)
    members: dict[str, list[Chapter]] = {}
    for number in shown:
        members.setdefault(label[number], []).append(chapters[number])
    clusters = [
        Cluster(f"g{at}", name, tuple(those))
        for at, (name, those) in enumerate(members.items())
        if len(those) > 1 or those[0].name != name
    ]
    dressed = {name: _of_one(those[0], ids) for name, those in members.items()}
    dressed |= {one.name: _of_many(one) for one in clusters}
    marked = _marked(story.critical_path, {steps[number].name: label[number] for number in shown})
    drawing = drawn(sketch(graph, only=chapters, together=label), "no steps", dressed, marked)
    return Picture(drawing, tuple(clusters), any(one.name.startswith(_REST) for one in clusters))


_REST = "all else of "


def _labels(story: Story, graph: Graph, shown: Sequence[int], chapters: Mapping[int, Chapter]) -> dict[int, str]:
    """The box that each step is shown in."""
    steps = graph.wavefile.steps
    if len(shown) <= EACH:
        return {number: steps[number].name for number in shown}
    many = Counter(steps[number].base for number in shown)
    label = {
        number: steps[number].base if steps[number].base and many[steps[number].base] > 1 else steps[number].name
        for number in shown
    }
    if len(set(label.values())) <= MOST:
        return label
    alone = _alone(shown, chapters)
    band = _bands(sorted({graph.wave[number] for number in shown}))
    return {number: steps[number].name if number in alone else band[graph.wave[number]] for number in shown}


def _alone(shown: Sequence[int], chapters: Mapping[int, Chapter]) -> set[int]:
    """What stands by itself among boxes of many steps: what went wrong, and the critical path if it is no crowd."""
    told = [number for number in shown if not chapters[number].is_brief]
    wrong = [number for number in told if chapters[number].outcome in _TROUBLE][:ALONE]
    critical = [number for number in told if chapters[number].is_critical]
    return {*wrong, *(critical if len(critical) + len(wrong) <= ALONE else ())}


def _bands(waves: Sequence[int]) -> dict[int, str]:
    """The box of each wave; of very many waves, those that follow one another share one."""
    size = -(-len(waves) // WAVES)
    found = {}
    for at in range(0, len(waves), size):
        those = waves[at : at + size]
        which = f"wave {those[0]}" if len(those) == 1 else f"waves {those[0]} to {those[-1]}"
        found.update(dict.fromkeys(those, _REST + which))
    return found


def _of_one(chapter: Chapter, ids: Mapping[str, str]) -> Dress:
    took = ""
    if chapter.settled is not None and chapter.settled.started is not None:
        took = f" {words.duration(chapter.settled.seconds)}"
    note = f"{SIGNS[chapter.outcome]} {words.outcome_word(chapter.outcome) if chapter.outcome else 'not known'}{took}"
    critical = " critical" if chapter.is_critical else ""
    return Dress(kind(chapter.outcome) + critical, f"#{ids[chapter.name]}" if chapter.name in ids else "", note)


def _of_many(cluster: Cluster) -> Dress:
    counts = tally(cluster.members)
    note = " ".join(f"{SIGNS[outcome]} {number}" for outcome, number in counts)
    critical = " critical" if any(each.is_critical for each in cluster.members) else ""
    return Dress(f"{kind(counts[0][0])} many{critical}", f"#{cluster.id}", note)


def tally(chapters: Iterable[Chapter]) -> list[tuple[Known, int]]:
    """How often each outcome, what matters first."""
    counted = Counter(each.outcome for each in chapters)
    return [(outcome, counted[outcome]) for outcome in ORDER if counted[outcome]]


def _marked(critical: Sequence[str], label: Mapping[str, str]) -> Collection[tuple[str, str]]:
    """The arrows along the critical path."""
    path = [label[name] for name in critical if name in label]
    return {(before, after) for before, after in pairwise(path) if before != after}
