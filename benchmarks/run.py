"""Times wavebuild beside GNU make and ninja on the same work, and prints a Markdown table.

It does not know how the tools work: it sees their processes, and which outputs are new.

Every phase of every repetition is run by each tool in turn, so that a busy moment of the
machine falls on all of them. Wall and CPU are medians with the least and the greatest. CPU is
that of the tool and of all processes it has waited for; memory that of the largest of them, and
what is below some 10 MiB is the launcher's. ``made`` counts the outputs that are new after the
phase: a tool that skips work cannot look fast.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from generate import FILES, SOURCE_SIZE, WORKS, Work, write

LAUNCH = Path(__file__).with_name("launch.py")

Stamps = dict[str, tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool that is here, and the command that builds with it."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    """What is done to the tree before the tool is run, and which outputs must be new after it."""

    name: str
    prepare: Callable[[Work, Path, int], None]
    must_be_made: Callable[[Work], set[str]]


@dataclass(frozen=True, slots=True)
class Sample:
    wall: float
    cpu: float
    mebibytes: float
    made: int


@dataclass(frozen=True, slots=True)
class Tree:
    """The folder in which one tool does its work."""

    peer: Peer
    folder: Path
    samples: dict[str, list[Sample]] = field(default_factory=dict)


class Wrong(Exception):
    """A tool did not do the work."""


# The phases


def _nothing(work: Work, folder: Path, repetition: int) -> None:
    pass


def _start_afresh(work: Work, folder: Path, repetition: int) -> None:
    tool = folder.name
    shutil.rmtree(folder)
    write(work, tool, folder)


def _touch(work: Work, folder: Path, repetition: int) -> None:
    os.utime(folder / work.sources[0])


def _change(work: Work, folder: Path, repetition: int) -> None:
    _rewrite(folder / work.sources[0], 0, repetition)


def _change_in_vain(work: Work, folder: Path, repetition: int) -> None:
    """Another second line: the first step of `layers` makes the same of it."""
    _rewrite(folder / work.sources[0], 1, repetition)


def _rewrite(source: Path, line: int, repetition: int) -> None:
    lines = source.read_text().splitlines()
    lines[line] = f"changed in repetition {repetition} ".ljust(SOURCE_SIZE // 2 - 1, ".")
    source.write_text("\n".join(lines) + "\n")


def _every_output(work: Work) -> set[str]:
    return {step.output for step in work.steps}


def _downstream(work: Work) -> set[str]:
    return work.downstream(work.sources[0])


def _first_reader(work: Work) -> set[str]:
    return {step.output for step in work.steps if work.sources[0] in step.inputs}


def _none(work: Work) -> set[str]:
    return set()


def phases(work: Work) -> list[Phase]:
    found = [
        Phase("full build", _start_afresh, _every_output),
        Phase("no-op", _nothing, _none),
        Phase("one leaf touched", _touch, _none),
        Phase("one leaf changed", _change, _downstream),
    ]
    if work.name == "layers":
        found.append(Phase("changed, output the same", _change_in_vain, _first_reader))
    return found


# One run


def measure(peer: Peer, folder: Path) -> tuple[float, float, float]:
    """Wall and CPU seconds and peak MiB of one run; its output is shown if it fails."""
    result = folder.with_name(f"{folder.name}.cost")
    launch = (sys.executable, "-I", "-S", str(LAUNCH), str(result), *peer.command)
    with tempfile.TemporaryFile() as output:
        subprocess.run(launch, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True)
        cost: dict[str, float] = json.loads(result.read_text())
        if cost["code"] != 0:
            output.seek(0)
            tail = output.read()[-2000:].decode(errors="replace")
            raise Wrong(f"{peer.name} ended with {cost['code']} in {folder}:\n{tail}")
    return cost["wall"], cost["cpu"], cost["mebibytes"]


def stamps(work: Work, folder: Path) -> Stamps:
    """What tells an output that was made again from one that was left alone."""
    found: Stamps = {}
    for step in work.steps:
        try:
            facts = os.stat(folder / step.output)
        except FileNotFoundError:
            continue
        found[step.output] = (facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)
    return found


def sample(work: Work, phase: Phase, tree: Tree, repetition: int) -> Sample:
    phase.prepare(work, tree.folder, repetition)
    before = stamps(work, tree.folder)
    wall, cpu, mebibytes = measure(tree.peer, tree.folder)
    after = stamps(work, tree.folder)
    made = {output for output, stamp in after.items() if before.get(output) != stamp}
    if len(after) != len(work.steps):
        raise Wrong(f"{tree.peer.name}, {phase.name}: {len(after)} of {len(work.steps)} outputs are there")
    missed = phase.must_be_made(work) - made
    if missed:
        raise Wrong(f"{tree.peer.name}, {phase.name}: {len(missed)} outputs were not made, {min(missed)} among them")
    return Sample(wall, cpu, mebibytes, len(made))


def run(work: Work, trees: Sequence[Tree], repetitions: int) -> None:
    """Every phase, repetition by repetition, each tool in turn."""
    for repetition in range(repetitions):
        for phase in phases(work):
            for tree in trees:
                tree.samples.setdefault(phase.name, []).append(sample(work, phase, tree, repetition))
                print(f"{work.name} {len(work.steps)}: {phase.name}, {tree.peer.name}", file=sys.stderr)
        compare(work, trees)


def compare(work: Work, trees: Sequence[Tree]) -> None:
    """All tools must end with the same outputs."""
    for step in work.steps:
        if len({(tree.folder / step.output).read_bytes() for tree in trees}) > 1:
            raise Wrong(f"{step.output} differs between the tools")


# The table


def table(work: Work, trees: Sequence[Tree]) -> Iterator[str]:
    yield f"### `{work.name}`, {len(work.steps)} steps"
    yield ""
    yield "| phase | tool | wall s | CPU s | peak MiB | made |"
    yield "|---|---|---|---|---|---|"
    for phase in phases(work):
        for tree in trees:
            samples = tree.samples[phase.name]
            wall, cpu = _spread([one.wall for one in samples]), _spread([one.cpu for one in samples])
            peak = max(one.mebibytes for one in samples)
            made = "/".join(str(count) for count in sorted({one.made for one in samples}))
            yield f"| {phase.name} | {tree.peer.name} | {wall} | {cpu} | {peak:.0f} | {made} |"


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


# The tools


def find_peers(jobs: int, wavebuild: str | None) -> Iterator[Peer]:
    """The tools that are here; the others are named on standard error and left out."""
    beside = Path(sys.executable).with_name("wavebuild")
    own = shlex.split(wavebuild) if wavebuild else [str(beside) if beside.exists() else "wavebuild"]
    commands = {
        "wavebuild": (*own, f"-j{jobs}", "--quiet"),
        "make": ("make", "-rR", "-s", f"-j{jobs}", "all"),
        "ninja": ("ninja", "--quiet", f"-j{jobs}"),
    }
    for name, command in commands.items():
        program = shutil.which(command[0])
        if program:
            yield Peer(name, (program, *command[1:]))
        else:
            print(f"{name} is left out: there is no {command[0]} here", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Time wavebuild beside GNU make and ninja on the same work.")
    parser.add_argument("--work", choices=sorted(WORKS), action="append", help="default: all")
    parser.add_argument("--size", type=int, action="append", help="how many steps; default: 1000")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tool", choices=sorted(FILES), action="append", help="default: all that are here")
    parser.add_argument("--wavebuild", help="the command of wavebuild, if it is not on the path")
    chosen = parser.parse_args(arguments)
    peers = [peer for peer in find_peers(chosen.jobs, chosen.wavebuild) if peer.name in (chosen.tool or FILES)]
    works = [WORKS[name](size) for name in chosen.work or sorted(WORKS) for size in chosen.size or [1000]]
    try:
        for work in works:
            with tempfile.TemporaryDirectory(prefix="wavebuild-benchmark-") as folder:
                trees = [Tree(peer, Path(folder, peer.name)) for peer in peers]
                for tree in trees:
                    write(work, tree.peer.name, tree.folder)
                run(work, trees, chosen.repetitions)
                print("\n".join(table(work, trees)), end="\n\n", flush=True)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
