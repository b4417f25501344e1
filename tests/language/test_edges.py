"""Every form of output against every form of input: the reader comes after the maker, and runs when it must alone.

A pair is a maker and a reader of its own. All readers of one form of output stand in one
Wavefile, so that each pair has its own edge and a build of four jobs has much to mix up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.workshop import Workshop


@dataclass(frozen=True)
class Source:
    """What a maker copies: as it is first, changed, and, where a reader takes a part alone, changed beside it."""

    ending: str
    first: str
    changed: str
    beside: str | None = None


TEXT = Source("txt", "one\n", "two\n")
TABLE = Source("csv", "k,v,w\na,1,x\nb,9,x\n", "k,v,w\na,2,x\nb,9,x\n", "k,v,w\nb,8,y\na,2,x\n")
COLUMN = Source("csv", "k,v\na,1\n", "k,v\na,2\n", 'k,v\n"a",2\n')
DATA = Source("yaml", "k: {l: 1}\nm: 1\n", "k: {l: 2}\nm: 1\n", "m: 7 # other\nk:\n  l: 2\n")
PROGRAM = Source("py", "V = 1\n", "V = 2\n", "V  =  2  # two\n")
LIST = Source("list", "src/one\n", "src/two\n")

# How a reader names what its maker made: ``@`` is the folder of the maker, ``%`` the maker.
INPUTS: dict[str, tuple[str, Source]] = {
    "a file": ("inputs: @/t.txt", TEXT),
    "a directory": ("inputs: @/", TEXT),
    "a directory with exclude": ("inputs: {path: @/, exclude: '@/*.none'}", TEXT),
    "a glob": ("inputs: '@/*.txt'", TEXT),
    "a deep glob": ("inputs: '**/@/*.txt'", TEXT),
    "a step": ("inputs: step:%", TEXT),
    "a named file": ("inputs: {it: @/t.txt}", TEXT),
    "a file that may be missing": ("inputs: {path: @/t.txt, optional: true}", TEXT),
    "rows": ("inputs: {path: @/t.csv, rows: {k: a}}", TABLE),
    "columns": ("inputs: {path: @/t.csv, columns: [k, v]}", COLUMN),
    "keys": ("inputs: '@/t.yaml#k.l'", DATA),
    "code": ("code: @/t.py", PROGRAM),
    "a list": ("inputs: {list: @/t.list}", LIST),
    "an input of a check": ("checks: {run: 'note read', inputs: @/t.txt}", TEXT),
}
OUTPUTS = {
    "a file": "@/t.&",
    "a named file": "{it: @/t.&}",
    "a file that may be missing": "{path: @/t.&, optional: true}",
    "a directory": "@/",
    "a glob": "'@/t.*'",
    "a deep glob": "'@/**/*.&'",
    "a directory edited in place": "{path: @/, in_place: true}",
    "files that are compared by size and time": "{path: @/t.&, digest: stat}",
}


@dataclass(frozen=True)
class Pair:
    number: int
    name: str
    reads: str
    source: Source

    @property
    def maker(self) -> str:
        return f"make{self.number}"

    @property
    def reader(self) -> str:
        return f"read{self.number}"

    @property
    def path(self) -> str:
        return f"src/{self.number}.{self.source.ending}"

    def steps(self, output: str) -> str:
        folder, ending = f"made{self.number}", self.source.ending
        made = output.replace("@", folder).replace("&", ending)
        reads = self.reads.replace("@", folder).replace("%", self.maker).replace("note read", f"note {self.reader}")
        acts = "" if "checks" in reads else f", run: 'test -e {folder}/t.{ending}; note {self.reader}'"
        make = f"note {self.maker}; mkdir -p {folder}; cat {self.path} > {folder}/t.{ending}"
        return (
            f"  {self.maker}: {{inputs: [{self.path}, src/noise], outputs: {made}, run: '{make}'}}\n"
            f"  {self.reader}: {{{reads}{acts}}}\n"
        )


def pairs(shop: Workshop) -> Iterator[Pair]:
    """One for each form of an input, with its sources on the disk."""
    for number, (name, (reads, source)) in enumerate(INPUTS.items()):
        pair = Pair(number, name, reads, source)
        for path in ("src/noise", "src/one", "src/two", pair.path):
            shop.put(path, source.first)
        yield pair


@pytest.mark.parametrize("form", OUTPUTS)
def test_a_reader_comes_after_its_maker_and_runs_when_what_it_reads_has_changed_and_not_else(form: str, shop: Workshop):
    """In a first build and in later ones; the plan agrees."""
    known = list(pairs(shop))
    shop.wavefile("steps:\n" + "".join(pair.steps(OUTPUTS[form]) for pair in known))
    edited_by_time = "digest: stat" in OUTPUTS[form]

    ran = shop.build(jobs=4).ran
    assert sorted(ran) == sorted(name for pair in known for name in (pair.maker, pair.reader))
    late = [pair.name for pair in known if ran.index(pair.maker) > ran.index(pair.reader)]
    assert late == []
    assert (shop.build(jobs=4).ran, shop.stale()) == ([], False)

    if not edited_by_time:
        shop.put("src/noise", "louder")
        assert sorted(shop.build(jobs=4).ran) == sorted(pair.maker for pair in known)

    for pair in known:
        shop.put(pair.path, pair.source.changed)
    assert set(shop.plan().values()) == {"RUN", "MAYBE"}
    ran = shop.build(jobs=4).ran
    kept = [pair.name for pair in known if pair.reader not in ran]
    late = [pair.name for pair in known if pair.reader in ran and ran.index(pair.maker) > ran.index(pair.reader)]
    assert (kept, late) == ([], [])

    parts = [pair for pair in known if pair.source.beside is not None]
    for pair in parts:
        shop.put(pair.path, pair.source.beside or "")
    if not edited_by_time:
        assert sorted(shop.build(jobs=4).ran) == sorted(pair.maker for pair in parts)


@pytest.mark.parametrize(
    ("top", "made", "make", "reads"),
    [
        ("mem: {other: 1}", "mem:k", 'echo "{\\"k\\": \\"$(cat src/v)\\"}" > $WAVEBUILD_MEM_OUT', "mem:k"),
        ("probes: {p: {run: 'cat ../{{ arg }}'}}", "probe:p@v", "cp src/v ../v", "probe:p@v"),
    ],
    ids=["memory", "a probe"],
)
def test_a_reader_of_what_is_no_file_comes_after_its_maker_too(
    top: str, made: str, make: str, reads: str, shop: Workshop
):
    """A value of the memory, and a thing outside that a probe asks."""
    steps = (
        f"  read: {{inputs: '{reads}', run: note read}}\n"
        f"  make:\n    inputs: [src/v, src/noise]\n    outputs: '{made}'\n    run: |\n      note make\n      {make}\n"
    )
    shop.wavefile(f"{top}\nsteps:\n{steps}")
    for path in ("src/v", "src/noise"):
        shop.put(path, "one")
    assert shop.build(jobs=4).ran == ["make", "read"]
    assert shop.build(jobs=4).ran == []
    shop.put("src/noise", "louder")
    assert shop.build(jobs=4).ran == ["make"]
    shop.put("src/v", "two")
    assert shop.build(jobs=4).ran == ["make", "read"]
    assert shop.build(jobs=4).ran == []
