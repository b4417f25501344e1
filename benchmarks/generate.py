"""Writes the same work for wavebuild, GNU make and ninja.

It does not run anything and knows no times.

``wide``: N steps copy one file of 200 bytes each, one step reads all the copies.
``layers``: ten layers; the first takes the first line of a file each, every other step reads
two or three outputs of the layer before, one last step reads the last layer.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LAYERS = 10
SOURCE_SIZE = 200  # bytes, in two lines


@dataclass(frozen=True, slots=True)
class Step:
    """One command, the files it reads and the one it makes."""

    output: str
    inputs: tuple[str, ...]
    command: str


@dataclass(frozen=True, slots=True)
class Work:
    """A graph of steps, in an order in which they could run."""

    name: str
    sources: tuple[str, ...]
    steps: tuple[Step, ...]

    def downstream(self, source: str) -> set[str]:
        """The outputs that depend on a source."""
        reached = {source}
        for step in self.steps:
            if not reached.isdisjoint(step.inputs):
                reached.add(step.output)
        return reached - {source}


def wide(size: int) -> Work:
    sources = tuple(f"i/{k}" for k in range(size))
    copies = tuple(Step(f"o/{k}", (f"i/{k}",), f"cp i/{k} o/{k}") for k in range(size))
    # The shell lists the copies: their names in full would be too long for one argument.
    gather = Step("all", tuple(step.output for step in copies), "cat o/* > all")
    return Work("wide", sources, (*copies, gather))


def layers(size: int) -> Work:
    """Some ``size`` steps; which outputs a step reads is the same for the same size."""
    rows = max(1, size // LAYERS)
    choose = random.Random(size)
    sources = tuple(f"i/{k}" for k in range(rows))
    steps = [Step(f"o/0_{k}", (f"i/{k}",), f"head -n 1 i/{k} > o/0_{k}") for k in range(rows)]
    for layer in range(1, LAYERS):
        for k in range(rows):
            # Its own column among them: so every output is read, and no tool may leave one out.
            others = [j for j in range(rows) if j != k]
            picked = {k, *choose.sample(others, min(len(others), choose.choice((1, 2))))}
            inputs = tuple(f"o/{layer - 1}_{j}" for j in sorted(picked))
            steps.append(Step(f"o/{layer}_{k}", inputs, f"cksum {' '.join(inputs)} > o/{layer}_{k}"))
    last = tuple(f"o/{LAYERS - 1}_{k}" for k in range(rows))
    return Work("layers", sources, (*steps, Step("all", last, f"cat o/{LAYERS - 1}_* > all")))


WORKS: dict[str, Callable[[int], Work]] = {"wide": wide, "layers": layers}


def write_sources(work: Work, folder: Path) -> None:
    """The folders and the source files, each with bytes of its own."""
    (folder / "i").mkdir(parents=True)
    (folder / "o").mkdir()
    for number, source in enumerate(work.sources):
        first = f"source {number} ".ljust(SOURCE_SIZE // 2 - 1, ".") + "\n"
        (folder / source).write_text(first + "second line ".ljust(SOURCE_SIZE // 2 - 1, ".") + "\n")


def wavefile(work: Work) -> str:
    lines = ["wavefile: 1", "defaults:", "  shell: sh", "steps:"]
    for number, step in enumerate(work.steps):
        lines += [
            f"  s{number}:",
            f"    inputs: [{', '.join(step.inputs)}]",
            f"    outputs: {step.output}",
            f"    run: {step.command}",
        ]
    return "\n".join(lines) + "\n"


def makefile(work: Work) -> str:
    lines = ["all:"]
    for step in work.steps:
        lines += [f"{step.output}: {' '.join(step.inputs)}", f"\t{step.command}"]
    return "\n".join(lines) + "\n"


def ninja(work: Work) -> str:
    lines = ["rule sh", "  command = $cmd"]
    for step in work.steps:
        lines += [f"build {step.output}: sh {' '.join(step.inputs)}", f"  cmd = {step.command}"]
    return "\n".join([*lines, "default all"]) + "\n"


FILES: dict[str, tuple[str, Callable[[Work], str]]] = {
    "wavebuild": ("Wavefile", wavefile),
    "make": ("Makefile", makefile),
    "ninja": ("build.ninja", ninja),
}


def write(work: Work, tool: str, folder: Path) -> None:
    """A folder with all that a tool needs to do the work."""
    write_sources(work, folder)
    name, text = FILES[tool]
    (folder / name).write_text(text(work))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write the same work for wavebuild, GNU make and ninja.")
    parser.add_argument("work", choices=sorted(WORKS))
    parser.add_argument("size", type=int, help="how many steps")
    parser.add_argument("folder", type=Path, help="a new folder: one folder a tool is made in it")
    chosen = parser.parse_args(arguments)
    work = WORKS[chosen.work](chosen.size)
    for tool in FILES:
        write(work, tool, chosen.folder / tool)


if __name__ == "__main__":
    main()
