"""A graph that was packed and read again is the graph that was linked, in all that can be asked of it."""

from __future__ import annotations

import re
import time
import tracemalloc
from pathlib import Path
from random import Random

import msgspec
import pytest
from msgspec.structs import replace

from tests.docs.pages import Fence, fences, pages
from tests.support.command import REPOSITORY
from tests.support.project import random_world
from wavebuild.declare import load
from wavebuild.declare.model import Argument, Artifact, Call, Kind, Run, Step, Text, Wavefile
from wavebuild.engine import lists
from wavebuild.engine.lists import loaded
from wavebuild.engine.values import Request
from wavebuild.errors import Place
from wavebuild.graph import Graph, columns, link, reads
from wavebuild.graph.columns import Columns, packed, unpacked
from wavebuild.judge.digest import Digests
from wavebuild.judge.facts import Facts, missing_sources
from wavebuild.judge.members import Folders

WAVEFILES = [fence for page in pages() for fence in fences(page) if fence.is_wavefile]


def again(graph: Graph) -> Graph:
    """The graph after a way through bytes."""
    data = msgspec.msgpack.encode(packed(graph))
    read = msgspec.msgpack.decode(data, type=Columns)
    return unpacked(read, graph.wavefile.files, graph.wavefile.env_read)


def all_of(graph: Graph) -> dict[str, object]:
    """All that can be asked of a graph; texts, so that 1 and 1.0 are not the same."""
    steps, owners = tuple(graph.wavefile.steps), graph.owners
    names = [name for step in steps for name in (step.name, step.base, f"{step.base}@*", *(n for n, _ in step.needs))]
    artifacts = [artifact for step in steps for artifact in (*reads(step), *step.awaits, *step.outputs, *step.updates)]
    paths = sorted({artifact.path for artifact in artifacts} | {f"{artifact.path}/x" for artifact in artifacts})
    return {
        "steps": repr(steps),
        "wavefile": repr(replace(graph.wavefile, steps=())),
        "number": list(graph.number.items()),
        "makers": [tuple(map(tuple, of_step)) for of_step in graph.makers],
        "edges": [list(each) for each in (graph.upstream, graph.downstream, graph.data_upstream)],
        "wave": list(graph.wave),
        "owner": [graph.owner(path) for path in paths],
        "makers of": [owners.makers(artifact) for artifact in artifacts],
        "outputs": repr((owners.files, owners.wide.outputs, owners.things)),
        "updates": (repr(graph.shared.updates), graph.shared.paths, [graph.shared.updaters(path) for path in paths]),
        "named": [graph.names.find(name) for name in names],
        "traits": graph.traits,
    }


@pytest.mark.parametrize("seed", range(12))
def test_a_random_project_reads_back_as_it_was_linked(seed: int, tmp_path: Path) -> None:
    """Steps of every shape, in every mixture: nothing is lost, and nothing is added."""
    random_world(tmp_path, Random(seed))
    graph = link(load(str(tmp_path / "Wavefile")))

    assert all_of(again(graph)) == all_of(graph)


@pytest.mark.parametrize("fence", WAVEFILES, ids=lambda fence: fence.where)
def test_a_wavefile_of_a_page_reads_back_as_it_was_linked(fence: Fence, tmp_path: Path) -> None:
    """Every key that a page shows is kept as it was read."""
    (tmp_path / "Wavefile").write_text(fence.text, encoding="utf-8")
    for included in re.findall(r"([\w/]+)/Wavefile", fence.text):
        (tmp_path / included).mkdir(parents=True)
        (tmp_path / included / "Wavefile").write_text("steps: {package: {outputs: package.tar, run: make}}\n")
    graph = link(load(str(tmp_path / "Wavefile"), allow_outside=True))

    assert all_of(again(graph)) == all_of(graph)


def test_the_tour_of_the_language_reads_back_as_it_was_linked(tmp_path: Path) -> None:
    """The file that shows nearly every key."""
    (tmp_path / "Wavefile").write_bytes((REPOSITORY / "Wavefile.example").read_bytes())
    graph = link(load(str(tmp_path / "Wavefile"), allow_outside=True))

    assert all_of(again(graph)) == all_of(graph)


def test_arguments_of_calls_keep_their_forms() -> None:
    """Texts, lists and tables in each other, whole numbers and others, true and 1 are told apart."""
    given: tuple[tuple[str, Argument], ...] = (
        ("text", Text(("a", "b"))),
        ("deep", {"": (Text(("x",)), {"0": (1, 1.0, True, None)}, ()), "1": {}}),
        ("list", ((0, Text(("no head",))), 2)),
    )
    call = Call("module", "function", given)
    graph = link(Wavefile("/root", "Wavefile", (Step("s", Place("Wavefile", 1, 1), action=call),)))

    read = again(graph).wavefile.steps[0].action

    assert repr(read) == repr(call)


def test_steps_are_found_from_either_end_and_in_slices(tmp_path: Path) -> None:
    """What is made when it is asked for is a sequence like any other."""
    random_world(tmp_path, Random(3))
    graph = link(load(str(tmp_path / "Wavefile")))
    steps, edges = again(graph).wavefile.steps, again(graph).upstream

    assert steps[-1] == graph.wavefile.steps[-1]
    assert steps[1:3] == graph.wavefile.steps[1:3]
    assert edges[-1] == graph.upstream[-1]
    assert edges[1:] == graph.upstream[1:]
    with pytest.raises(IndexError):
        steps[len(steps)]
    with pytest.raises(IndexError):
        edges[-len(edges) - 1]


def test_of_many_steps_few_are_objects_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever walks over all of them, forth and back, does not make all of them stay, and finds them the same."""
    monkeypatch.setattr(columns, "MADE", 3)
    random_world(tmp_path, Random(3))
    graph = link(load(str(tmp_path / "Wavefile")))
    steps = again(graph).wavefile.steps
    assert isinstance(steps, columns.Steps)

    found = [(each, len(steps._made)) for each in (*steps, *reversed(steps))]

    assert [step for step, _ in found] == [*graph.wavefile.steps, *reversed(graph.wavefile.steps)]
    assert len(found) > 2 * 3
    assert max(held for _, held in found) <= 3


def test_a_project_of_many_steps_is_held_in_columns_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the project that was linked, and what is kept of it is what is held."""
    random_world(tmp_path, Random(3))
    request, path = Request(str(tmp_path)), str(tmp_path / "Wavefile")
    small = loaded(request, path, present=False)
    monkeypatch.setattr(lists, "MADE", 3)

    large = loaded(request, path, present=False)

    assert small.columns is None
    assert large.columns == packed(small.graph)
    assert isinstance(large.graph.wavefile.steps, columns.Steps)
    assert all_of(large.graph) == all_of(small.graph)


@pytest.mark.timeout(100)
def test_what_misses_all_that_it_reads_asks_for_its_makers_once(tmp_path: Path) -> None:
    """One by one it would be six thousand times six thousand."""
    made = tuple(Artifact(Kind.FILE, f"o/{k}", Place("Wavefile", 1, k)) for k in range(6_000))
    steps = tuple(Step(f"s{k}", one.place, outputs=(one,), action=Run(())) for k, one in enumerate(made))
    whole = Step("all", Place("Wavefile", 2, 1), inputs=made, action=Run(()))
    graph = again(link(Wavefile(str(tmp_path), "Wavefile", (*steps, whole))))
    facts = Facts(graph, Digests(str(tmp_path), {}), Folders(str(tmp_path)), {}, frozenset(), dict)
    started = time.process_time()

    problems = missing_sources(graph, facts, (6_000,))

    assert problems == ()
    assert time.process_time() - started < 2


def test_the_numbers_of_a_packed_graph_are_not_held_twice(tmp_path: Path) -> None:
    """What is made of columns that are held anyway takes little room beside them, and so does to pack them."""
    lines = (f"  s{k}: {{inputs: i/{k}, outputs: o/{k}, run: cp i/{k} o/{k}}}\n" for k in range(3000))
    (tmp_path / "Wavefile").write_text("steps:\n" + "".join(lines))
    graph = link(load(str(tmp_path / "Wavefile")))
    tracemalloc.start()
    try:
        held = packed(graph)
        size, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        found = unpacked(held, (), ())
        made = tracemalloc.get_traced_memory()[0] - size
    finally:
        tracemalloc.stop()

    assert len(found.wavefile.steps) == 3000
    assert peak < 1.4 * size
    assert made < 0.4 * size
