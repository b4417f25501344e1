"""Writes docs/performance.md, and the table of README, from the figures alone.

It does not measure. Every sentence about a tool follows from the figures: what is not there is not said.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import phases as names
from benchmarks.floor import FORK_AND_FILE
from benchmarks.start import INTERPRETER, VERSION, no_op_of
from benchmarks.tools import CAP, KINDS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
WIDTH = 120
TIMES = "\N{MULTIPLICATION SIGN}"
MARKS = "<!-- figures -->", "<!-- /figures -->"
Data = dict[str, Any]

WORDS = {
    "wide": "N steps copy a file of 200 bytes each, one step reads all the copies",
    "layers": "ten layers; a step reads two or three outputs of the layer before, one last step reads the last layer",
    "chain": "each step copies what the one before made",
    "python": "as `wide`, by Python functions. make, ninja, tup, redo, go-task and DVC start an interpreter each",
    "foreach": "as `wide`, one repeated step for wavebuild; the others get every step by itself",
    "dirs": "N folders of 100 files; a step each reads a whole folder. For wavebuild and DVC the folder is the input, "
    "for go-task a glob; the others get all files by name, and would not see one that is added",
    "bigfile": "a file of N MiB is copied by one step, and its first line taken by another",
    "example": "the first step of the shipped example, a Python program",
}
# What is said of bars that are missed.
SMALL = (
    "A build with little to do: in a profile of one leaf changed in `wide` 10,000, of the CPU seconds 22 % are "
    "looks at files (20,000 before, 10,000 after the step that reads all copies), 29 % the two commands and the "
    "worker that starts them, 17 % imports, 12 % judging, 9 % the interpreter and the kept graph, 3 % records. Memory "
    "that is touched for the first time is an eighth of all: 14,500 pages, at 3 µs each on this machine. The "
    "interpreter, the looks and the command that ninja starts, too, are some 1.2 times what ninja takes: that is the "
    "floor. Imports, judging and records stand between it and what was found. They are the same whatever the size: of "
    "a cutoff in `layers` 1,000 they are nearly all, and in `layers` 10,000 it takes a tenth of the time of ninja. "
    "Of the instructions of such a cutoff, without those of the system, the interpreter takes 10 %, msgspec and what "
    "it needs 18 %, our 138 modules and what they need 47 %, to be read and to define what is in them; 25 % are left "
    "to look, judge, run, record and tell. Since the profile of the leaf, imports have become a sixth less: without "
    "`re`, ctypes, threading and others, and without a search for each of our modules."
)
STEP = (
    "A full build: what the child processes take is the same for both. Of each step wavebuild hashes what it reads and "
    "makes, puts former outputs out of the way, records the intent before and the success after it. The least program "
    "in Python that only looks, starts and waits takes 1.1 of the time of ninja."
)
CALL = (
    "Python steps: each call is a process of its own, forked from a worker that holds little, so that whatever state "
    "it leaves harms no other and a crash fails one step alone. In a profile of a full build 28 % of the CPU seconds "
    "are the forks of the calls and the page faults after them: 200 in the child, and 205 in its worker, of which "
    "every page is shared anew with each fork and copied as soon as something on it is counted. The least fork of "
    "Python that copies a file makes 145 and 20. 46 % are the build itself, nearly half of it before the first call "
    "begins, the rest judging each step, and a record before and after it; 13 % are what the workers do between two "
    "calls. From the first call to the last both cores are busy. doit and SCons call all functions in their own "
    "process, and promise none of this: to load and judge 200 steps before the first call begins takes two thirds of "
    "what doit takes for all."
)
COLD = (
    "Cold files: a build with nothing to do waits for the disk, which has to give the inode of every file. In a trial "
    "with 60,000 files the looks alone took 0.7 to 1.2 s, 0.5 s of them CPU, whether files were asked for by name, by "
    "inode or in the order of ninja."
)
LOAD = (
    "A cold load of 100,000: its dry run tells of every step. Of more than 16,384 steps only the last that were asked "
    "for stay as objects, as all of them would take ten times the room; the dry run makes each of them once of its "
    "packed form. Of its CPU seconds, measured part by part, a third goes into reading and checking the text, a tenth "
    "into joining and packing the steps, half into looking at files, hashing sources and judging. All of it grows with "
    "the steps; what is found in ten times the memory, and in folders with ten times the files, takes longer each."
)
GROWTH = (
    "What grows more than the steps do: folders with ten times the files, and ten times the files in the system's "
    "caches, which take the peers longer, too."
)
END = (
    "Memory: the peak of a full build comes at its end, when the evidence is written by which the next build can do "
    "without looking at steps. In a profile with 100,000 steps the build held 325 MiB before it, and 355 MiB at most; "
    "to load the Wavefile took 317 MiB."
)
GROWING = "growth"
SHOWN = {"go-task": "go-task", "scons": "SCons", "snakemake": "Snakemake", "dvc": "DVC", "make": "make -rR"}


def write(data: Data) -> None:
    PAGE.write_text("\n".join(performance(data)) + "\n")
    README.write_text(with_figures(README.read_text(), data))


def with_figures(text: str, data: Data) -> str:
    """README with the figures between its marks."""
    begin, end = MARKS
    block = "\n".join([begin, *readme(data), end])
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: block, text, flags=re.DOTALL)


# Figures


def entry(data: Data, title: str, phase: str, tool: str) -> Data | None:
    """The figures of a tool, if it was measured and came to an end."""
    found = data.get("works", {}).get(title, {}).get("phases", {}).get(phase, {}).get(tool)
    return found if found and "wall" in found else None


def middle(found: Data, measure: str) -> float:
    return float(median(found[measure]))


@dataclass(frozen=True, slots=True)
class Ratio:
    """How often the one goes into the other; ``apart``: they were not measured in one run."""

    value: float
    apart: bool = False


def ratio(data: Data, title: str, phase: str, tool: str, peer: str, measure: str) -> Ratio | None:
    ours, theirs = entry(data, title, phase, tool), entry(data, title, phase, peer)
    if ours is None or theirs is None:
        return None
    return Ratio(middle(ours, measure) / max(middle(theirs, measure), 1e-6), ours["run"] != theirs["run"])


def _of_start(measured: str) -> Callable[[Data, str], Ratio | None]:
    def found(data: Data, measure: str) -> Ratio | None:
        start = data.get("start", {})
        if measured not in start or INTERPRETER not in start:
            return None
        ours, theirs = start[measured], start[INTERPRETER]
        return Ratio(middle(ours, measure) / middle(theirs, measure), ours["run"] != theirs["run"])

    return found


def _of(title: str, phase: str, peer: str) -> Callable[[Data, str], Ratio | None]:
    return lambda data, measure: ratio(data, title, phase, "wavebuild", peer, measure)


def _ahead(title: str, phase: str, peer: str) -> Callable[[Data, str], Ratio | None]:
    return lambda data, measure: ratio(data, title, phase, peer, "wavebuild", measure)


def _growth(phase: str, tool: str = "wavebuild") -> Callable[[Data, str], Ratio | None]:
    def found(data: Data, measure: str) -> Ratio | None:
        small, large = (entry(data, f"wide {size}", phase, tool) for size in (10_000, 100_000))
        if small is None or large is None:
            return None
        return Ratio(middle(large, measure) / middle(small, measure), large["run"] != small["run"])

    return found


def _memory(title: str, phase: str) -> Callable[[Data, str], Ratio | None]:
    def found(data: Data, measure: str) -> Ratio | None:
        ours = entry(data, title, phase, "wavebuild")
        return Ratio(max(ours["mebibytes"])) if ours else None

    return found


def _seconds(title: str, phase: str) -> Callable[[Data, str], Ratio | None]:
    def found(data: Data, measure: str) -> Ratio | None:
        ours = entry(data, title, phase, "wavebuild")
        return Ratio(middle(ours, measure)) if ours else None

    return found


@dataclass(frozen=True, slots=True)
class Bar:
    """What wavebuild must reach. ``least``: the figure must not be below it; else it must not be above.

    ``by``: the measure that is judged; the other is shown beside it. ``why``: what is said where it is missed.
    """

    words: str
    bar: float
    find: Callable[[Data, str], Ratio | None]
    by: str = "wall"
    least: bool = False
    aim: float | None = None
    unit: str = TIMES
    why: str = ""

    def reached(self, value: float) -> bool:
        return value >= self.bar if self.least else value <= self.bar


def bars() -> Iterator[Bar]:
    wide, large = "wide 10000", "wide 100000"
    python = "the interpreter alone"
    yield Bar(f"`--version` against {python}", 8, _of_start(VERSION), aim=5)
    yield Bar(f"no-op of one step against {python}", 8, _of_start(no_op_of("wavebuild")), aim=5)
    yield Bar("no-op, `wide` 10,000, against ninja", 2, _of(wide, names.NO_OP, "ninja"), by="cpu", aim=1)
    yield Bar("no-op, `wide` 100,000, against ninja", 1.2, _of(large, names.NO_OP, "ninja"), by="cpu", aim=1)
    for title, tool, times in (
        (wide, "doit", 8), (wide, "go-task", 25), (wide, "scons", 40),
        ("wide 1000", "snakemake", 20), ("wide 1000", "dvc", 20), ("wide 1000", "pytask", 80),
    ):  # fmt: skip
        size = f"{int(title.split()[1]):,}"
        yield Bar(
            f"no-op, `wide` {size}: faster than {_shown(tool)}", times, _ahead(title, names.NO_OP, tool), least=True
        )
    yield Bar("one leaf changed, `wide` 10,000, against ninja", 2, _of(wide, names.CHANGED, "ninja"), why=SMALL)
    for work in ("wide", "layers"):
        words = f"full build, `{work}` 10,000, against ninja"
        yield Bar(words, 1.3, _of(f"{work} 10000", names.FULL, "ninja"), aim=1, why=STEP)
    yield Bar("cutoff, `layers` 1,000, against ninja", 0.2, _of("layers 1000", names.CUTOFF, "ninja"), why=SMALL)
    for tool in ("make", "ninja"):
        words = f"`python` 200, full build: faster than {tool} starting an interpreter each"
        yield Bar(words, 8, _ahead("python 200", names.FULL, tool), least=True, why=CALL)
    yield Bar("`python` 200, full build, against doit", 1, _of("python 200", names.FULL, "doit"), why=CALL)
    for phase in names.NAMES:
        if phase != names.CUTOFF:
            why = {names.COLD_NO_OP: COLD, names.COLD_LOAD: LOAD}.get(phase, GROWTH)
            yield Bar(f"{GROWING} from 10,000 to 100,000, `wide`: {phase}", 11, _growth(phase), why=why)
    yield Bar("cold load, `wide` 10,000", 2, _seconds(wide, names.COLD_LOAD), unit="s")
    yield Bar("memory of a full build, `wide` 100,000 (400 MB)", 381, _memory(large, names.FULL), unit="MiB", why=END)


def judged(data: Data) -> Iterator[tuple[Bar, Ratio | None, Ratio | None]]:
    """Each bar with what was found: by its own measure, and by the other."""
    for bar in bars():
        other = None if bar.unit != TIMES else bar.find(data, "cpu" if bar.by == "wall" else "wall")
        yield bar, bar.find(data, bar.by), other


# README


def readme(data: Data) -> Iterator[str]:
    shown = [
        ("wide 10000", "10,000 copies, and one step that reads all",
         (names.NO_OP, names.TOUCHED, names.CHANGED, names.FULL)),
        ("layers 1000", "1,000 steps in ten layers", (names.TOUCHED, names.CUTOFF, names.FULL)),
    ]  # fmt: skip
    columns = ("wavebuild", "make", "ninja", "doit", "go-task", "scons")
    tools = [
        tool
        for tool in columns
        if any(_readme_cell(data, title, phase, tool) for title, _, phases in shown for phase in phases)
    ]
    yield from _measured_with(data, tools)
    yield from _busy(data.get("machine", {}))
    yield ""
    yield f"| work | phase | {' | '.join(_shown(tool) for tool in tools)} |"
    yield "|---|---|" + "---|" * len(tools)
    for title, words, phases in shown:
        for phase in phases:
            cells = [_readme_cell(data, title, phase, tool) for tool in tools]
            if any(cells):
                yield f"| {words} | {phase} | {' | '.join(cell or '-' for cell in cells)} |"
                words = ""
    yield ""
    yield from _sentences(data)
    yield "All figures, the bars, and how to measure again: [Performance](docs/performance.md)."


def _measured_with(data: Data, tools: Sequence[str]) -> Iterator[str]:
    versions, machine = data.get("versions", {}), data.get("machine", {})
    named = ", ".join(f"{_shown(tool)} {versions[tool]}" for tool in tools if tool != "wavebuild")
    jobs = data.get("settings", {}).get("jobs", "?")
    yield from _paragraph(
        f"Measured with `python benchmarks/run.py` on {machine.get('cores', '?')} cores, Python ",
        f"{machine.get('python', '?')}, `-j{jobs}`, each tool in turn ({named}): wall seconds, medians; in ",
        "brackets how many outputs were made where that is not the least that any made.",
    )


def _readme_cell(data: Data, title: str, phase: str, tool: str) -> str:
    found, ours = entry(data, title, phase, tool), entry(data, title, phase, "wavebuild")
    if found is None or ours is None or found["run"] != ours["run"]:
        return ""  # times of another hour stand beside nothing
    made, least = max(found["made"]), _least_made(data, title, phase)
    return _seconds_text(middle(found, "wall")) + (f" ({made:,})" if made > least else "")


def _least_made(data: Data, title: str, phase: str) -> int:
    of_tools = data["works"][title]["phases"][phase]
    return min(int(max(found["made"])) for found in of_tools.values() if "made" in found)


def _sentences(data: Data) -> Iterator[str]:
    """What the figures say of wavebuild and the peers, in words."""
    for title, size in (("wide 10000", "10,000"), ("wide 1000", "1,000")):
        slower = [
            f"{_shown(tool)} {value.value:.0f}"
            for tool in KINDS
            if (value := ratio(data, title, names.NO_OP, tool, "wavebuild", "cpu"))
            and value.value >= 1.5
            and not value.apart
        ]
        if slower:
            factors = ", ".join(slower)
            yield from _paragraph(
                f"With nothing to do in {size} steps these take so many times the CPU seconds: {factors}."
            )
    for phase, words in ((names.NO_OP, "with nothing to do"), (names.FULL, "for a full build")):
        value = ratio(data, "wide 10000", phase, "wavebuild", "ninja", "cpu")
        if value and not value.apart:
            yield f"It takes {value.value:.2f} times the CPU seconds of ninja {words} in 10,000 steps."


# docs/performance.md


def performance(data: Data) -> Iterator[str]:
    yield "# Performance"
    yield ""
    yield from _introduction(data)
    yield ""
    yield "## How to measure"
    yield ""
    yield from _how(data)
    yield ""
    yield "## What it must reach"
    yield ""
    yield from _bars(data)
    yield ""
    yield "## Starting"
    yield ""
    yield from _start(data)
    yield ""
    yield from _floors(data)
    yield "## Proof that the work was done"
    yield ""
    yield from _proofs(data)
    for title, work in sorted(data.get("works", {}).items(), key=_rank):
        yield ""
        yield from _work(title, work)


def _rank(item: tuple[str, Any]) -> tuple[int, int]:
    name, _, size = item[0].partition(" ")
    return list(WORDS).index(name), int(size)


def _introduction(data: Data) -> Iterator[str]:
    machine, versions = data.get("machine", {}), data.get("versions", {})
    tools = ", ".join(f"{_shown(tool)} {version}" for tool, version in sorted(versions.items()))
    yield from _paragraph(
        f"Measured on {data.get('settings', {}).get('date', '?')}: {machine.get('system', '?')}, ",
        f"{machine.get('cores', '?')} cores ({machine.get('processor', '?')}), {machine.get('memory', '?')}, ",
        f"Python {machine.get('python', '?')}. {tools}.",
    )
    yield from _busy(machine)
    missing = [_shown(tool) for tool in KINDS if tool not in versions]
    if missing:
        yield f"Not there, and left out: {', '.join(missing)}."
    yield ""
    yield from _paragraph(
        "Every phase is run by each tool in turn. Times are medians with the least and the greatest. CPU is ",
        "the user and system time of the tool and of all processes it has waited for; memory is that of the ",
        "largest of them. `made` counts the outputs that are new after a phase: a tool that skips work is ",
        "refused. At the end of each repetition the outputs of all tools are compared, byte for byte.",
    )
    yield ""
    yield from _paragraph(
        "All tools start commands by `sh`. No tool watches the files between builds. Each is called in its ",
        "quickest way: make without its built-in rules, SCons with the decider `content-timestamp` and no ",
        "tools to look for, doit with threads in a full build and without them else, DVC without its cache ",
        "and without git. Snakemake, DVC, pytask and redo are run up to 1,000 steps, once, and a run of ",
        f"theirs is ended after {CAP:.0f} s; where that befell a full build, it was finished without being ",
        "timed (of DVC and Snakemake: the outputs made by hand and taken over), so that the other phases ",
        "could be measured. What a tool has no word for is left out: the dry run of DVC stops at the first ",
        "output that is not there yet, redo has none. Snakemake does not make again what was deleted where ",
        "all that is made of it is there.",
    )
    yield ""
    yield f'Of "{names.COLD_NO_OP}": {machine.get("cold", "?")} before the run.'
    yield ""
    yield from _paragraph(
        "`apart`: the two were measured in different runs, at an hour when the machine may have been busier, or with ",
        "another state of the code; only the orders of magnitude can be compared.",
    )


def _busy(machine: Data) -> Iterator[str]:
    """What a reader must know if others were at work on the machine."""
    load, cores = float(machine.get("load", 0)), float(machine.get("cores", 1))
    if load > cores / 2:
        yield ""
        yield from _paragraph(
            f"**The machine was busy with other work**: the load was {load:g} on {cores:g} cores when the last ",
            "measurement began. Wall times are several times those of an idle machine, and scatter; the figures ",
            "to go by are ratios, and of these those of CPU seconds.",
        )


def _how(data: Data) -> Iterator[str]:
    yield "```sh"
    yield "python benchmarks/peers.py /tmp/peers     # installs the peers, apart from everything else"
    yield "python benchmarks/run.py --peers /tmp/peers --wavebuild .venv/bin/wavebuild"
    yield "```"
    yield ""
    yield from _paragraph(
        "The second command takes an hour or more. `--work`, `--size`, `--only`, `--tool` and `--part` ",
        "measure less, and what was measured before stays in `benchmarks/results.json`; `--page` writes this ",
        "page and the table of README from there. `python benchmarks/generate.py wide 1000 FOLDER --tool ",
        "ninja` writes the work alone. `python benchmarks/latency.py FOLDER` tells how soon a watch of `wide` 10,000 ",
        "starts the step that reads a file which was saved.",
    )


def _bars(data: Data) -> Iterator[str]:
    yield "Ratios of medians, of wall seconds or of CPU seconds as the column says; the other stands beside it."
    yield ""
    yield "| | bar | found | judged by | by the other | |"
    yield "|---|---|---|---|---|---|"
    missed: list[str] = []
    whys: list[str] = []
    for bar, found, other in judged(data):
        bound = f"{'≥' if bar.least else '≤'} {bar.bar:g} {bar.unit}" + (f", aim {bar.aim:g}" if bar.aim else "")
        if found is None:
            yield f"| {bar.words} | {bound} | not measured | | | |"
            continue
        reached = bar.reached(found.value)
        if not reached:
            missed.append(bar.words)
            whys += [bar.why] if bar.why and bar.why not in whys else []
        apart = " (measured apart)" if found.apart else ""
        by = {"MiB": "memory"}.get(bar.unit, {"cpu": "CPU", "wall": "wall"}[bar.by])
        beside = f"{_number(other.value)} {TIMES}" if other else ""
        yield (
            f"| {bar.words} | {bound} | {_number(found.value)} {bar.unit}{apart} | {by} | {beside} "
            f"| {'reached' if reached else '**missed**'} |"
        )
    yield ""
    yield from _paragraph(f"Missed: {'; '.join(missed)}." if missed else "None of those measured is missed.")
    for why in whys:
        yield ""
        yield from _paragraph(why)
    if any(words.startswith(GROWING) for words in missed):
        yield ""
        yield from _paragraph(*_growth_of_peers(data))


def _growth_of_peers(data: Data) -> Iterator[str]:
    """What the same runs took of the peers: what grows for all of them is the machine's."""
    yield "How often what 10,000 took 100,000 took, in the same run:"
    told = []
    for phase in names.NAMES:
        grown = [(tool, _growth(phase, tool)(data, "wall")) for tool in ("wavebuild", "ninja", "make")]
        said = [f"{_shown(tool)} {_number(found.value)}" for tool, found in grown if found and not found.apart]
        if len(said) == len(grown):
            told.append(f" {phase} {', '.join(said)}")
    yield ";".join(told) + "."


def _start(data: Data) -> Iterator[str]:
    yield "| | wall ms | CPU ms |"
    yield "|---|---|---|"
    measured = data.get("start", {})
    for name in (INTERPRETER, VERSION, *map(no_op_of, KINDS)):
        if name not in measured:
            continue
        found = measured[name]
        cells = [f"{median(found[measure]) * 1000:.1f}" for measure in ("wall", "cpu")]
        spread = f" ({min(found['wall']) * 1000:.1f}-{max(found['wall']) * 1000:.1f})"
        yield f"| {name} | {cells[0]}{spread} | {cells[1]} |"


def _floors(data: Data) -> Iterator[str]:
    """What the system takes for one of each, and what a Python step is above it; nothing where it was not measured."""
    floors = data.get("floors", {})
    if not floors:
        return
    yield "## Floors"
    yield ""
    yield from _paragraph(
        "What the system takes here for one of each thing that a build does, from Python, one after another: ",
        "`benchmarks/floor.py`. CPU is that of parent and child.",
    )
    yield ""
    yield "| | wall ms | CPU ms |"
    yield "|---|---|---|"
    for name, found in floors.items():
        wall, cpu = (found[measure] for measure in ("wall", "cpu"))
        spread = f"{median(wall) * 1000:.3f} ({min(wall) * 1000:.3f}-{max(wall) * 1000:.3f})"
        yield f"| {name} | {spread} | {median(cpu) * 1000:.3f} |"
    yield ""
    yield from _above_the_floor(data, floors)


def _above_the_floor(data: Data, floors: Data) -> Iterator[str]:
    """Of Python steps: the rest of a full build, without what loading takes, against a fork for each."""
    title = "python 200"
    full, load = (entry(data, title, phase, "wavebuild") for phase in (names.FULL, names.COLD_LOAD))
    floor = floors.get(FORK_AND_FILE)
    if full is None or load is None or floor is None:
        return
    steps = data["works"][title]["steps"]
    each = (middle(full, "cpu") - middle(load, "cpu")) / steps * 1000
    least = median(floor["cpu"]) * 1000
    forked = least * steps / 1000
    apart = "" if full.get("run") == floor.get("run") else " (measured apart)"
    yield from _paragraph(
        f"`python` 200: the dry run takes wavebuild {middle(load, 'cpu'):.2f} s of CPU, the full build {each:.2f} ms ",
        f"more for each step. A fork that copies a file takes {least:.2f} ms of it{apart}: {forked:.2f} s ",
        f"for {steps} steps, below which nobody comes who calls each in a process of its own.",
    )
    yield ""


def _proofs(data: Data) -> Iterator[str]:
    yield from _paragraph(
        "Counted in runs of their own that were not timed. Started: programs in a full build, at least one a ",
        "step. Looked at: sources and outputs that were asked for by name in a build with nothing to do. ",
        "Unseen edit: other bytes of the same length, with the modification time put back. wavebuild must ",
        "pass all three, and see such an edit after each no-op that is timed, too; else its figures are ",
        "refused.",
    )
    yield ""
    yield "| work | tool | steps | started | files | looked at | unseen edit |"
    yield "|---|---|---|---|---|---|---|"
    for title, tools in sorted(data.get("proofs", {}).items(), key=_rank):
        for tool in sorted(tools, key=list(KINDS).index):
            found = tools[tool]
            if "failed" in found:
                yield f"| {title} | {_shown(tool)} | - | - | - | - | not counted |"
                continue
            seen = "seen" if found["sees_unseen_edit"] else "missed"
            counts = " | ".join(f"{found[key]:,}" for key in ("steps", "started", "files", "looked_at"))
            yield f"| {title} | {_shown(tool)} | {counts} | {seen} |"


def _paragraph(*parts: str) -> list[str]:
    return textwrap.wrap("".join(parts), WIDTH, break_long_words=False, break_on_hyphens=False)


def _work(title: str, work: Data) -> Iterator[str]:
    name, _, size = title.partition(" ")
    yield f"## `{name}`, {int(size):,}"
    yield ""
    yield f"{WORDS[name][0].upper()}{WORDS[name][1:]}. {work['steps']:,} steps, {work['sources']:,} sources."
    yield ""
    yield "| phase | tool | wall s | CPU s | peak MiB | made |"
    yield "|---|---|---|---|---|---|"
    for phase in names.NAMES:
        of_tools = work["phases"].get(phase, {})
        for tool in sorted(of_tools, key=list(KINDS).index):
            apart = ", apart" if _is_apart(of_tools, tool) else ""
            yield f"| {phase} | {_shown(tool)}{apart} | {_row(of_tools[tool])} |"


def _is_apart(of_tools: Data, tool: str) -> bool:
    """Whether a tool was measured in another run than wavebuild."""
    return "wavebuild" in of_tools and bool(of_tools[tool]["run"] != of_tools["wavebuild"]["run"])


def _row(found: Data) -> str:
    if "capped" in found:
        return f"> {CAP:.0f} | - | - | -"
    if "failed" in found:
        return "failed | - | - | -"
    made = "/".join(f"{count:,}" for count in sorted(set(found["made"])))
    peak = max(found["mebibytes"])
    return f"{_spread(found['wall'])} | {_spread(found['cpu'])} | {peak:.0f} | {made}"


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _seconds_text(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def _shown(tool: str) -> str:
    return SHOWN.get(tool, tool)
