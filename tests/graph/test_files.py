"""The inputs of a step that reads many single files: as good as a tuple, and only paths until one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest
from msgspec.structs import replace

from wavebuild.declare.model import Artifact, Digest, Kind, Run, Step, Wavefile
from wavebuild.errors import Place
from wavebuild.graph import Graph, files, link
from wavebuild.graph.columns import Columns, packed, step_of, unpacked
from wavebuild.graph.files import MANY, Files, are_packed
from wavebuild.judge import facts as facts_module
from wavebuild.judge.digest import Digests, Reading
from wavebuild.judge.facts import Facts, Read
from wavebuild.judge.freshness import Now
from wavebuild.judge.members import Folders
from wavebuild.judge.stamp import stamp
from wavebuild.judge.trace import Trace
from wavebuild.run.memory import keys_read

PLACE = Place("Wavefile", 1, 1)


def file(path: str, **fields: object) -> Artifact:
    plain = Artifact(Kind.FILE, path, PLACE)
    return replace(plain, **fields)


def reader(paths: list[str]) -> Step:
    return Step("all", PLACE, tuple(map(file, paths)), (file("all"),), action=Run(()))


def columns(graph: Graph) -> Columns:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(packed(graph)), type=Columns)


def again(graph: Graph) -> Graph:
    """The graph after a way through bytes."""
    return unpacked(columns(graph), (), ())


def of(root: Path, *steps: Step) -> Graph:
    return link(Wavefile(str(root), "Wavefile", steps))


def some(count: int = MANY) -> list[str]:
    return [f"src/{number}" for number in range(count)]


def test_many_files_are_the_tuple_that_they_were() -> None:
    """In all that is asked of a tuple."""
    graph = of(Path("/r"), reader(some()))
    was, now = graph.wavefile.steps[0].inputs, again(graph).wavefile.steps[0].inputs

    assert isinstance(now, Files)
    assert (len(now), now[3], now[-1], now[2:5], now[::-1]) == (len(was), was[3], was[-1], was[2:5], was[::-1])
    assert (*now,) == was == now
    assert [*reversed(now)] == [*reversed(was)]
    assert now == again(graph).wavefile.steps[0].inputs
    assert now != was[1:]
    assert was[5] in now
    assert file("other") not in now
    assert (now + was[:1], was[:1] + now) == ((*was, was[0]), (was[0], *was))
    assert (hash(now), repr(now)) == (hash(was), repr(was))
    assert now.index(was[9]) == 9
    with pytest.raises(IndexError):
        now[len(was)]


def test_a_graph_of_packed_steps_packs_to_the_same_bytes() -> None:
    """Who reads it back and writes it again finds it to be the same."""
    graph = of(Path("/r"), reader(some()), Step("b", PLACE, outputs=(file("b"),), action=Run(())))
    once = columns(graph)

    assert columns(unpacked(once, (), ())) == once
    assert step_of(once, 0) == graph.wavefile.steps[0]
    assert type(step_of(once, 0).inputs) is tuple


@pytest.mark.parametrize(
    "other",
    [
        {"name": "n"},
        {"optional": True},
        {"keys": ("a",)},
        {"digest": Digest.JSON},
        {"rows": ()},
        {"columns": ("a",)},
        {"kind": Kind.GLOB, "path": "g/*"},
        {"kind": Kind.ENV, "path": "HOME"},
    ],
    ids=str,
)
def test_what_is_more_than_single_files_is_not_packed_as_such(other: dict[str, object]) -> None:
    """One among many that is named, optional, read otherwise or no file is enough."""
    step = reader(some())
    step = replace(step, inputs=(*step.inputs, replace(file("x"), **other)))
    graph = of(Path("/r"), step)

    now = again(graph).wavefile.steps[0]

    assert not are_packed(now.inputs)
    assert now == step


def test_few_files_are_not_packed_as_many() -> None:
    """Apart they would be no sooner made."""
    assert not are_packed(again(of(Path("/r"), reader(some(MANY - 1)))).wavefile.steps[0].inputs)


NOT_MANY = 1 << 30

KINDS: dict[str, Callable[[Path, Random], list[str]]] = {
    "plain": lambda root, chance: some(),
    "twice": lambda root, chance: [*some(), *chance.sample(some(), 9)],
    "in no order": lambda root, chance: chance.sample(some(200), 100),
    "of other alphabets": lambda root, chance: [*some(), "src/ä", "src/\uffff", "src/\U0001f600"],
    "of no text": lambda root, chance: [*some(), "src/\udcff", "src/\udc80"],
    "absolute": lambda root, chance: [*some(), str(root / "beside"), "../root/src/1"],
}


FORMER: dict[str, Callable[[dict[str, str], Random], dict[str, str]]] = {
    "nothing": lambda inputs, chance: {},
    "all as it is": lambda inputs, chance: inputs,
    "few others": lambda inputs, chance: inputs | dict.fromkeys(chance.sample([*inputs], 5), "other"),
    "most others": lambda inputs, chance: inputs | dict.fromkeys(chance.sample([*inputs], len(inputs) - 5), "other"),
    "in another order": lambda inputs, chance: dict(sorted(inputs.items(), reverse=True)),
    "one less": lambda inputs, chance: dict([*inputs.items()][1:]),
    "one more": lambda inputs, chance: inputs | {"src/more": "other"},
    "one renamed": lambda inputs, chance: {
        ("src/former" if at == 7 else p): d for at, (p, d) in enumerate(inputs.items())
    },
}


@pytest.mark.parametrize("packs", [True, False], ids=["packed", "linked"])
@pytest.mark.parametrize("knows", ["most", "some", "none"])
@pytest.mark.parametrize("former", FORMER)
@pytest.mark.parametrize("kind", KINDS)
def test_many_files_are_read_as_each_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, former: str, knows: str, packs: bool
) -> None:
    """With links, and with those that are not there; whether or not some of them are known without a look, and
    whatever was on record of them."""
    root = tmp_path / "root"
    (root / "src").mkdir(parents=True)
    paths = KINDS[kind](root, Random(kind))
    for number, path in enumerate(dict.fromkeys(paths)):
        at = root / path
        if number % 7 == 3:
            at.symlink_to(root / "nowhere" if number % 2 else "../Wavefile")
        elif number % 11:
            at.write_text(f"{number}")
    (root / "Wavefile").touch()
    graph = of(root, reader(paths), Step("maker", PLACE, outputs=(file("src/2"),), action=Run(())))
    if packs and kind == "of no text":
        with pytest.raises(ValueError, match="surrogates"):
            packed(graph)
        return
    graph = again(graph) if packs else graph
    unknown = {"most": 9, "some": 2, "none": 1}[knows]
    plain = [path for at, path in enumerate(dict.fromkeys(paths)) if at % unknown and (root / path).is_file()]
    plain = [path for path in plain if not (root / path).is_symlink()]

    def told(traces: Sequence[Trace] = ()) -> tuple[Read, Now]:
        digests = Digests(str(root), {})
        if plain:
            stamps = [stamp(str(root / path)) for path in plain]
            digests.take_over(plain, stamps, [f"sha256:{number:064}" for number in range(len(plain))])
        facts = Facts(graph, digests, Folders(str(root)), {}, frozenset(), dict)
        read = facts.read(0)
        return read, facts.now(0, read, traces, 0.0, forced=False)

    with monkeypatch.context() as apart:
        apart.setattr(facts_module, "MANY", NOT_MANY)
        each, then = told()
    trace = Trace("all", "r", 0.0, 0.0, {}, {}, FORMER[former](dict(then.inputs), Random(former)), {}, {})
    together, now = told((trace,))

    assert together.many is not None
    readings = tuple(Reading(reading.member, reading.path, reading.how) for reading in each.action)
    assert replace(together, many=None) == replace(each, action=readings)
    assert (now.inputs, now.action) == (then.inputs, then.action)
    if plain:
        assert [*now.inputs] == [*dict.fromkeys(paths)]
        assert {*now.inputs}.difference(now.looked_at) <= {*plain}
        assert {path for path in now.inputs if path not in plain} <= {*now.looked_at}
    for member in (*paths, "src/2", "src/none", "src/2/in"):
        assert now.makers.get(member) == then.makers.get(member)
    assert now.makers.get("src/2") == "maker"


def test_what_a_step_reads_is_known_without_its_artifacts(tmp_path: Path) -> None:
    """Judged, run and recorded, many inputs are paths."""
    (tmp_path / "src").mkdir()
    for path in some():
        (tmp_path / path).touch()
    graph = again(of(tmp_path, reader(some())))
    step = graph.wavefile.steps[0]
    facts = Facts(graph, Digests(str(tmp_path), {}), Folders(str(tmp_path)), {}, frozenset(), dict)

    read = facts.read(0)
    facts.now(0, read, (), 0.0, forced=False)

    assert facts.came(step, read) == ()
    assert keys_read(step, checking=False) == ()
    inputs = step.inputs
    assert isinstance(inputs, Files)
    assert inputs._made is None
    assert sorted(files.paths_of(inputs)) == [*read.files]
    assert inputs._made is None
