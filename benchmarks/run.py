"""Measures wavebuild beside its peers on the same work, keeps the figures, and writes the pages that show them.

It does not know how the tools work: it sees their processes, and which outputs are new.

Every phase is run by each tool in turn, so that a busy moment of the machine falls on all of them. Figures are kept in
a JSON file; what is measured again takes the place of what was there. ``--page`` writes the pages without measuring.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import floor, page, proof, start
from benchmarks.machine import describe, forget_files, recall_files
from benchmarks.phases import NAMES, Phase, phases
from benchmarks.tools import KINDS, Tool, find, interpreter
from benchmarks.trees import Cost, Failed, Tree, Wrong, differing
from benchmarks.works import WORKS, Work

RESULTS = Path(__file__).with_name("results.json")
PARTS = ("start", "floor", "measure", "prove")
# What is measured if nothing is said: the works, and their sizes.
ALL = (
    ("wide", 1), ("wide", 100), ("wide", 1_000), ("wide", 10_000), ("wide", 100_000),
    ("layers", 1_000), ("layers", 10_000), ("chain", 1_000), ("python", 200), ("foreach", 1_000), ("foreach", 10_000),
    ("dirs", 1_000), ("bigfile", 1_024), ("example", 1),
)  # fmt: skip
PROVED = (("wide", 100), ("wide", 1_000), ("layers", 1_000), ("dirs", 100), ("foreach", 1_000), ("chain", 100))
LARGE = 10_000  # steps: tools that go no further have one repetition of so many
LONG = 8.0  # seconds of one tool in the turns of a phase, after which it has no more
FINISH = 600.0  # seconds to end what was not timed


@dataclass(frozen=True, slots=True)
class Plan:
    """How often: the whole, and small phases within it. ``only``: phases; a full build is always run."""

    repetitions: int | None
    turns: int | None
    only: Sequence[str]
    run: str

    def times(self, work: Work) -> tuple[int, int]:
        inputs = len(work.sources) + len(work.steps)
        whole = 3 if inputs <= 5_000 else 2 if inputs <= 50_000 else 1
        small = 3 if work.name == "bigfile" or inputs > 50_000 else 5
        return self.repetitions or whole, self.turns or small


# One run


def sample(phase: Phase, tree: Tree, turn: int) -> tuple[Cost, int] | None:
    """What one run costs, and how many outputs are new; None where the tool has no such thing."""
    tool = tree.tool
    if phase.dry and tool.dry is None:
        return None
    phase.prepare(tree, turn)
    before = tree.stamps()
    if phase.cold:
        forget_files(tree.folder)
    full = not phase.small and not phase.idle
    command = tool.dry if phase.dry and tool.dry else tool.build if full else tool.again
    cost = tree.run(command)
    if cost.capped:
        return cost, 0
    after = tree.stamps()
    made = {output for output, stamp in after.items() if before.get(output) != stamp}
    judge(phase, tree, made, len(after))
    return cost, len(made)


def judge(phase: Phase, tree: Tree, made: set[str], there: int) -> None:
    """A tool that skips work is not measured; nor is wavebuild if it works for nothing."""
    who = f"{tree.tool.name}, {tree.work.title}, {phase.name}"
    if phase.dry:
        if made:
            raise Wrong(f"{who}: the dry run made {len(made)} outputs")
        return
    if there != len(tree.work.steps):
        raise Wrong(f"{who}: {there} of {len(tree.work.steps)} outputs are there")
    missed = phase.must_make(tree.work) - made
    if missed and (tree.tool.sees_commands or not phase.by_command):
        raise Wrong(f"{who}: {len(missed)} outputs were not made, {min(missed)} among them")
    if made and phase.idle and tree.tool.name == "wavebuild":
        raise Wrong(f"{who}: {len(made)} outputs were made, and there was nothing to do")


def measure(work: Work, trees: Sequence[Tree], plan: Plan, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Phase → tool → figures. Every phase of every repetition, each tool in turn."""
    figures: dict[str, dict[str, Any]] = {}
    repetitions, turns = plan.times(work)
    for repetition in range(repetitions):
        left: list[tuple[Tree, Phase, int]] = []
        for phase in phases(work):
            wanted = not plan.only or phase.name in plan.only
            if not wanted and (phase.small or phase.idle):
                continue
            for turn in range(turns if phase.small else 1):
                for tree in trees:
                    if _is_asked(tree, phase, repetition, turn, figures.get(phase.name, {})):
                        _turn(phase, tree, repetition * turns + turn, plan, figures, say)
                    elif turn:
                        left.append((tree, phase, repetition * turns + turn))
            if phase.cold and wanted:
                _warm_up(trees)
        _catch_up(left)
        for tool, output in differing(work, [tree for tree in trees if tree.given_up is None]).items():
            tree = next(tree for tree in trees if tree.tool.name == tool)
            for of_tools in figures.values():
                _give_up(tree, of_tools, plan, f"{output} is not what the others have made", say)
    return figures


def _warm_up(trees: Sequence[Tree]) -> None:
    """After a phase with cold files: the next is measured with warm ones, those of the tool among them."""
    for tree in trees:
        if tree.given_up is None:
            recall_files(tree.folder)
            if not tree.tool.slow:
                with contextlib.suppress(Failed):  # whoever fails is refused in the next phase
                    tree.run(tree.tool.again)


def _catch_up(left: Sequence[tuple[Tree, Phase, int]]) -> None:
    """Who had fewer turns gets the edits of the others, untimed, before it is compared what they have made."""
    behind = dict[str, Tree]()
    for tree, phase, turn in left:
        if tree.given_up is None and not phase.idle and not phase.dry and phase.name not in tree.tool.without:
            phase.prepare(tree, turn)
            behind[tree.tool.name] = tree
    for tree in behind.values():
        tree.run(tree.tool.again)


def _is_asked(tree: Tree, phase: Phase, repetition: int, turn: int, figures: dict[str, Any]) -> bool:
    """Slow tools have one repetition; who has spent long in a phase has no third turn in it."""
    if tree.given_up is not None or phase.name in tree.tool.without:
        return False
    quick = tree.tool.largest > LARGE or (len(tree.work.steps) <= LARGE / 2 and not tree.tool.slow)
    if repetition > 0 and not quick:
        return False
    spent = sum(figures.get(tree.tool.name, {}).get("wall", ())[-turn:]) if turn else 0.0
    return turn < (1 if tree.tool.slow and not phase.idle else 2) or spent < LONG


def _turn(
    phase: Phase, tree: Tree, turn: int, plan: Plan, figures: dict[str, dict[str, Any]], say: Callable[[str], None]
) -> None:
    of_tools, name = figures.setdefault(phase.name, {}), tree.tool.name
    try:
        found = sample(phase, tree, turn)
        if phase.idle and not phase.cold and name == "wavebuild":
            proof.see_unseen_edit(tree)
    except (Failed, Wrong) as problem:
        _give_up(tree, of_tools, plan, str(problem), say)
        return
    if found is None:
        return
    cost, made = found
    say(f"{tree.work.title}: {phase.name}, {name}: {cost.wall:.3f} s, CPU {cost.cpu:.3f} s, {made} made")
    if cost.capped:
        of_tools[name] = {"capped": cost.wall, "run": plan.run}
        _finish(tree, say)
        return
    entry = of_tools.setdefault(name, {"wall": [], "cpu": [], "mebibytes": [], "made": [], "run": plan.run})
    for key, value in (("wall", cost.wall), ("cpu", cost.cpu), ("mebibytes", cost.mebibytes), ("made", made)):
        entry[key].append(round(value, 5))


def _give_up(tree: Tree, of_tools: dict[str, Any], plan: Plan, why: str, say: Callable[[str], None]) -> None:
    """A tool that fails, or skips work, is measured no more in this work; what it had is struck out."""
    tree.given_up = why
    of_tools[tree.tool.name] = {"failed": why.strip().splitlines()[-1][:200], "run": plan.run}
    say(f"REFUSED: {tree.work.title}, {tree.tool.name}: {why}")


def _finish(tree: Tree, say: Callable[[str], None]) -> None:
    """A full build that took too long is ended in another way, untimed, so that the other phases can be measured."""
    tree.given_up = "its full build takes too long"
    say(f"{tree.work.title}: the build of {tree.tool.name} is finished without being timed")
    words = {"dvc": "commit --force --quiet", "snakemake": "--touch --quiet all --cores 1"}.get(tree.tool.name)
    try:
        if words:
            tree.begin_afresh()
            proof.make_by_hand(tree.work, tree.folder)
        command = (tree.tool.build[0], *words.split()) if words else tree.tool.build
        if not tree.run(command, seconds=FINISH).capped:
            tree.given_up = None
    except Failed as failed:
        say(str(failed))


# What there is to measure


def chosen_works(
    names: Sequence[str], sizes: Sequence[int], default: Sequence[tuple[str, int]]
) -> list[tuple[str, int]]:
    """The works that were asked for; each in its own sizes if none was given."""
    if not sizes:
        return [(name, size) for name, size in default if not names or name in names]
    return [(name, size) for name in names or list(WORKS) for size in sizes]


def trees_of(work: Work, tools: Sequence[Tool], folder: Path, traced: bool) -> Iterator[Tree]:
    """A tree for each tool that goes so far; where it is traced, slow ones go less far."""
    inputs = len(work.sources)
    for tool in tools:
        steps = len(work.steps) - (len(work.steps) > 1)
        if (
            steps > (100 if traced and tool.slow else tool.largest)
            or (tool.slow and inputs > 5 * tool.largest)
            or work.name in tool.without
        ):
            continue
        tree = Tree(tool, work, folder / tool.name)
        tree.begin()
        yield tree


class Results:
    """The figures of all that was ever measured, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def keep(self, part: str, found: dict[str, Any]) -> None:
        merge(self.data.setdefault(part, {}), found)
        self.path.write_text(json.dumps(self.data, indent=1, sort_keys=True) + "\n")


def merge(old: dict[str, Any], new: dict[str, Any]) -> None:
    """New figures take the place of old ones; what was not measured again stays."""
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict) and "run" not in value:
            merge(old[key], value)
        else:
            old[key] = value


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def run(chosen: argparse.Namespace, results: Results) -> bool:
    """Whether wavebuild did all that it was asked for."""
    well = True
    tools = list(find(chosen.tool or list(KINDS), chosen.jobs, chosen.peers, chosen.wavebuild))
    python = interpreter(chosen.wavebuild)
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    plan = Plan(chosen.repetitions, chosen.turns, chosen.only or (), began)
    results.keep("machine", describe(python))
    results.keep("versions", {tool.name: tool.version for tool in tools})
    results.keep("settings", {"jobs": chosen.jobs, "date": began[:10]})
    parts = chosen.part or PARTS
    with tempfile.TemporaryDirectory(prefix="wavebuild-benchmark-", dir=chosen.folder) as folder:
        if "start" in parts:
            results.keep("start", start.measure(tools, python, Path(folder), began))
        if "floor" in parts:
            results.keep("floors", floor.measure(python, Path(folder, "floor"), began))
        for part, default in (("prove", PROVED), ("measure", ALL)):
            for name, size in chosen_works(chosen.work or [], chosen.size or [], default) if part in parts else ():
                work = WORKS[name](size, python)
                place = Path(folder, f"{part}-{name}-{size}")
                trees = list(trees_of(work, tools, place, part == "prove"))
                if part == "prove":
                    proofs = proof.prove(trees, began, _say)
                    results.keep("proofs", {work.title: proofs})
                    well = well and "failed" not in proofs.get("wavebuild", {})
                else:
                    phased = measure(work, trees, plan, _say)
                    counts = {"steps": len(work.steps), "sources": len(work.sources)}
                    results.keep("works", {work.title: {**counts, "phases": phased}})
                well = well and all(tree.given_up is None for tree in trees if tree.tool.name == "wavebuild")
                shutil.rmtree(place)
    return well


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Measure wavebuild beside its peers, and write the pages that show it."
    )
    parser.add_argument("--work", choices=sorted(WORKS), action="append", help="default: all")
    parser.add_argument("--size", type=int, action="append", help="how many steps; default: those of the page")
    parser.add_argument("--only", choices=NAMES, action="append", help="these phases, and full builds; default: all")
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--repetitions", type=int, help="of the whole; default: 1 to 3, by the size")
    parser.add_argument("--turns", type=int, help="of each small phase in a repetition; default: 3 or 5")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tool", choices=list(KINDS), action="append", help="default: all that are here")
    parser.add_argument("--peers", type=Path, help="the folder in which peers.py installed them")
    parser.add_argument("--wavebuild", help="the command of wavebuild, if it is not on the path")
    parser.add_argument("--folder", help="where to work; default: the folder for temporary files")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file of the figures")
    parser.add_argument("--page", action="store_true", help="measure nothing; write the pages from the figures")
    chosen = parser.parse_args(arguments)
    results = Results(chosen.results)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    try:
        well = chosen.page or run(chosen, results)
    except (Failed, Wrong) as problem:
        print(problem, file=sys.stderr)
        return 1
    if chosen.page or chosen.results == RESULTS:
        page.write(results.data)
    print("\n".join(page.readme(results.data)))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
