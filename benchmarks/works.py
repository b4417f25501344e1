"""The work that tools are measured by: graphs of steps, and the source files that these read.

It does not know any tool, and runs nothing.

``wide``: N steps copy one file of 200 bytes each, one step reads all the copies.
``layers``: ten layers; the first takes the first line of a file each, every other step reads two or three outputs of
the layer before, one last step reads the last layer.
``chain``: N steps, each copies what the one before made; the first takes the first line of a file.
``python``: as ``wide``, but the steps are Python functions.
``foreach``: as ``wide``, but written as one repeated step where a tool has such a thing.
``dirs``: N folders of 100 files; a step each reads a whole folder, one step reads what these made.
``bigfile``: one file of N MiB; one step copies it, one takes its first line.
``example``: the first step of the shipped example, a program of some 300 lines.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

LAYERS = 10
LINE = 100  # bytes of a line; a source file has two
FOLDER_FILES = 100
MEBIBYTE = 1 << 20
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "wanderbricks"

# What steps of ``python`` call, in process or in an interpreter of their own.
FUNCTIONS = """\
import glob
import sys


def copy(inputs, outputs):
    with open(inputs[0], "rb") as source, open(outputs[0], "wb") as target:
        target.write(source.read().upper())


def gather(inputs, outputs):
    with open(outputs[0], "wb") as target:
        for name in sorted(inputs):
            with open(name, "rb") as source:
                target.write(source.read())


if __name__ == "__main__":
    if sys.argv[1] == "copy":
        copy([sys.argv[3]], [sys.argv[2]])
    else:
        gather(glob.glob("o/*[0-9]"), [sys.argv[2]])
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One command, the files it reads and the one it makes.

    ``template`` is the command with ``$out`` for the output: some tools give another name meanwhile. ``folder``: the
    inputs are all files in it. ``call``: the function of ``FUNCTIONS`` that does the same as the command.
    """

    output: str
    inputs: tuple[str, ...]
    template: str
    folder: str | None = None
    call: str | None = None

    @property
    def command(self) -> str:
        return self.template.replace("$out", self.output)


@dataclass(frozen=True, slots=True)
class Work:
    """A graph of steps, in an order in which they could run; the last one is the goal.

    ``edited``: the step whose command the phase of that name changes.
    """

    name: str
    size: int
    sources: tuple[str, ...]
    steps: tuple[Step, ...]
    edited: int = 0

    @property
    def goal(self) -> str:
        return self.steps[-1].output

    @property
    def title(self) -> str:
        return f"{self.name} {self.size}"

    @property
    def folders(self) -> set[str]:
        return {path.rpartition("/")[0] for path in (*self.sources, *(step.output for step in self.steps))} - {""}

    def downstream(self, source: str) -> set[str]:
        """The outputs that depend on a source."""
        reached = {source}
        for step in self.steps:
            if not reached.isdisjoint(step.inputs):
                reached.add(step.output)
        return reached - {source}

    def with_edit(self, number: int) -> Work:
        """The same work; one command is written otherwise, as never before, and does the same."""
        step = self.steps[self.edited]
        steps = list(self.steps)
        steps[self.edited] = replace(step, template=f"true {number} && {step.template}")
        return replace(self, steps=tuple(steps))


def _copies(size: int) -> tuple[tuple[str, ...], tuple[Step, ...]]:
    sources = tuple(f"i/{k}" for k in range(size))
    return sources, tuple(Step(f"o/{k}", (f"i/{k}",), f"cp i/{k} $out") for k in range(size))


def _gather(steps: Iterable[Step]) -> Step:
    # The shell lists the outputs: their names in full would be too long for one argument.
    return Step("all", tuple(step.output for step in steps), "cat o/*[0-9] > $out")


def wide(size: int, python: str) -> Work:
    sources, copies = _copies(size)
    return Work("wide", size, sources, (*copies, _gather(copies)))


def foreach(size: int, python: str) -> Work:
    sources, copies = _copies(size)
    return Work("foreach", size, sources, (*copies, _gather(copies)), edited=size)


def layers(size: int, python: str) -> Work:
    """Some ``size`` steps; which outputs a step reads is the same for the same size."""
    rows = max(1, size // LAYERS)
    choose = random.Random(size)
    sources = tuple(f"i/{k}" for k in range(rows))
    steps = [Step(f"o/0_{k}", (f"i/{k}",), f"head -n 1 i/{k} > $out") for k in range(rows)]
    for layer in range(1, LAYERS):
        for k in range(rows):
            # Its own column among them: so every output is read, and no tool may leave one out.
            others = [j for j in range(rows) if j != k] if rows < LAYERS else _others(choose, rows, k)
            picked = {k, *choose.sample(others, min(len(others), choose.choice((1, 2))))}
            inputs = tuple(f"o/{layer - 1}_{j}" for j in sorted(picked))
            steps.append(Step(f"o/{layer}_{k}", inputs, f"cksum {' '.join(inputs)} > $out"))
    last = tuple(f"o/{LAYERS - 1}_{k}" for k in range(rows))
    goal = Step("all", last, f"cat o/{LAYERS - 1}_*[0-9] > $out")
    return Work("layers", size, sources, (*steps, goal))


def _others(choose: random.Random, rows: int, k: int) -> list[int]:
    """Two columns that are not ``k``, without a look at all of them."""
    found: list[int] = []
    while len(found) < 2:
        column = choose.randrange(rows)
        if column != k and column not in found:
            found.append(column)
    return found


def chain(size: int, python: str) -> Work:
    steps = [Step("o/0", ("i/0",), "head -n 1 i/0 > $out")]
    steps += [Step(f"o/{k}", (f"o/{k - 1}",), f"cp o/{k - 1} $out") for k in range(1, size)]
    return Work("chain", size, ("i/0",), tuple(steps))


def python_calls(size: int, python: str) -> Work:
    sources = tuple(f"i/{k}" for k in range(size))
    start = f"{python} -I steps.py"
    copies = tuple(Step(f"o/{k}", (f"i/{k}",), f"{start} copy $out i/{k}", call="copy") for k in range(size))
    outputs = tuple(step.output for step in copies)
    return Work("python", size, sources, (*copies, Step("all", outputs, f"{start} gather $out", call="gather")))


def dirs(size: int, python: str) -> Work:
    members = [tuple(f"i/{k}/{j}" for j in range(FOLDER_FILES)) for k in range(size)]
    steps = tuple(Step(f"o/{k}", files, f"cat i/{k}/* > $out", folder=f"i/{k}") for k, files in enumerate(members))
    return Work("dirs", size, tuple(path for files in members for path in files), (*steps, _gather(steps)))


def bigfile(size: int, python: str) -> Work:
    steps = (Step("o/0", ("i/0",), "cp i/0 $out"), Step("o/1", ("i/0",), "head -n 1 i/0 > $out"))
    return Work("bigfile", size, ("i/0",), (*steps, Step("all", ("o/0", "o/1"), "wc -c o/0 o/1 > $out")))


def example(size: int, python: str) -> Work:
    program = sorted(f"pipeline/{path.name}" for path in (EXAMPLE / "pipeline").glob("*.py"))
    read = ("context/Wanderbricks_Schema.csv", "config/pipeline.yaml")
    sources = ("pipeline/names.py", *(path for path in program if path != "pipeline/names.py"), *read)
    step = Step("gold_layer_design/erd_master.md", sources, f"{python} -m pipeline.gold_design")
    return Work("example", size, sources, (step,))


WORKS: dict[str, Callable[[int, str], Work]] = {
    "wide": wide,
    "layers": layers,
    "chain": chain,
    "python": python_calls,
    "foreach": foreach,
    "dirs": dirs,
    "bigfile": bigfile,
    "example": example,
}


# The source files


def write_sources(work: Work, folder: Path) -> None:
    """The folders and the source files, each with bytes of its own."""
    for name in sorted(work.folders):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(len(work.sources)):
        write_source(work, number, folder)


def write_source(work: Work, number: int, folder: Path) -> None:
    path = folder / work.sources[number]
    if work.name == "example":
        shutil.copyfile(EXAMPLE / work.sources[number], path)
    elif work.name == "bigfile":
        with open(path, "wb") as file:
            for block in range(work.size):
                file.write((_line(f"source, block {block} ") * (MEBIBYTE // LINE + 1))[:MEBIBYTE])
    else:
        path.write_bytes(_line(f"source {number} ") + _line("second line "))


def edit_source(work: Work, folder: Path, line: int, text: str) -> None:
    """Another first or second line, of the same length; what a program reads gets a comment at its end."""
    path = folder / work.sources[0]
    if work.name == "example":
        with open(path, "a") as file:
            file.write(f"# {text}\n")
        return
    with open(path, "r+b") as file:
        file.seek(line * LINE)
        file.write(_line(text))


def _line(text: str) -> bytes:
    return text.ljust(LINE - 1, ".").encode() + b"\n"
