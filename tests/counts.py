"""What builds cost, in numbers that no busy machine changes, held against a record: ``python -m tests.counts``.

It ends with 1 if something has grown: a call, an import, a look at a file for each step, more than its share with
twice as many steps. What got better is only said. ``--write`` puts the numbers of now on record: whoever reads the
change of ``tests/counts.toml`` judges it. ``--called full 200`` tells which functions are called most.

It does not know why a number is what it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.counting import PHASES, Counts, measured

RECORD = Path(__file__).with_suffix(".toml")
SIZES = (1, 200, 400)
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

Room = tuple[float, int, float]
"""What a number may be off by: a share of itself, a few at least, so much for each step."""

ROOMS: dict[str, Room] = {
    "commits": (0.0, 3, 0.0),
    "every": (0.0, 3, 0.0),
    "own calls": (0.05, 100, 0.0),
    "calls": (0.10, 100, 0.0),
    "worker": (0.15, 12, 0.5),  # how far it is behind the build is chance: one more call for each step is told
    "worker open": (0.15, 12, 1.0),  # whether it has a file of its own for what a step says is chance
    # With each group of records SQLite looks for its files; how many there are in a group is chance.
    "build stat of state": (0.15, 12, 1.5),
}
OF_FILES: Room = (0.02, 3, 0.0)
ELSEWHERE: Room = (0.15, 12, 0.0)  # imports and the state: other versions of what we depend on have a say

GROWTH = 0.10  # by how much the second half of the steps may cost more each than the first
GROWTH_OF_STATE = 0.30  # its tables are trees
GROWTH_BY_CHANCE = {"build stat of state": 1.0}  # what grows with the square costs three times as much
SLACK = 0.5
SLACK_OF_WORKER = 1.5  # how often it has to wait for a command is chance

Rows = dict[str, dict[int, int]]
"""Measure → number of steps → how often."""


@dataclass
class Phase:
    """The numbers of one phase, and the modules that it imports."""

    modules: frozenset[str] = frozenset()
    rows: Rows = field(default_factory=dict)

    def add(self, size: int, counts: Counts) -> None:
        self.modules |= counts.modules
        for measure, number in counts.numbers.items():
            self.rows.setdefault(measure, {})[size] = number

    def at(self, measure: str, size: int) -> int:
        return self.rows.get(measure, {}).get(size, 0)


Figures = Mapping[str, Phase]
"""Phase by name."""


def worse(record: Figures, now: Figures) -> Iterator[str]:
    """A line for each number that is more than on record, and for each module that is new."""
    for name, measure, size, was, found in _off(record, now):
        if found > was:
            each = f", {(found - was) / size:+.1f} for each step" if size > 1 else ""
            yield f"{name}, {size} steps: {measure}: {was} on record, {found} now{each}"
    for name, phase in now.items():
        for module in sorted(phase.modules - record[name].modules):
            yield f"{name}: imports {module}, which it did not"


def better(record: Figures, now: Figures) -> Iterator[str]:
    """A line for each number that is less, and for each module that is not imported any more."""
    for name, measure, size, was, found in _off(record, now):
        if found < was:
            yield f"{name}, {size} steps: {measure}: {was} on record, {found} now"
    for name, phase in now.items():
        if gone := sorted(record[name].modules - phase.modules):
            yield f"{name}: no longer imports {', '.join(gone)}"


def _off(record: Figures, now: Figures) -> Iterator[tuple[str, str, int, int, int]]:
    for name, phase in now.items():
        for measure in dict.fromkeys((*record[name].rows, *phase.rows)):
            for size in phase.rows.get(measure) or record[name].rows[measure]:
                was, found = record[name].at(measure, size), phase.at(measure, size)
                share, least, each = room(measure)
                if abs(found - was) > max(least, was * share, size * each):
                    yield name, measure, size, was, found


def room(measure: str) -> Room:
    if measure.endswith("of files"):
        return OF_FILES
    return ROOMS.get(measure) or ROOMS.get(measure.partition(" ")[0]) or ELSEWHERE


def grown(now: Figures) -> Iterator[str]:
    """A line for each number that grows faster than the number of steps."""
    for name, phase in now.items():
        for measure, row in phase.rows.items():
            sizes = sorted(row)
            if len(sizes) < 3:
                continue
            few, some, many = sizes[-3:]
            first, second = (row[some] - row[few]) / (some - few), (row[many] - row[some]) / (many - some)
            growth = GROWTH_BY_CHANCE.get(measure, GROWTH_OF_STATE if measure.endswith("of state") else GROWTH)
            slack = SLACK_OF_WORKER if measure.startswith("worker") else SLACK
            if second > first * (1 + growth) + slack:
                yield (
                    f"{name}: {measure}: {first:.2f} for each step from {few} to {some} steps, "
                    f"{second:.2f} from {some} to {many}"
                )


def gathered(found: Iterable[tuple[str, int, Counts]]) -> dict[str, Phase]:
    phases = {name: Phase() for name in PHASES}
    for name, size, counts in found:
        phases[name].add(size, counts)
    return phases


def kept(record: Path = RECORD, version: str = VERSION) -> dict[str, Phase] | None:
    """The figures on record for a version of Python; None if there are none."""
    written = tomllib.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    if version not in written:
        return None
    return {
        name: Phase(
            frozenset(phase["modules"]),
            {measure: dict(zip(phase["steps"], row, strict=True)) for measure, row in phase["counts"].items()},
        )
        for name, phase in written[version].items()
    }


def text_of(versions: Mapping[str, Figures]) -> str:
    lines = ["# What builds cost: see tests/counts.py. Written by `python -m tests.counts --write`."]
    for version, figures in sorted(versions.items()):
        for name, phase in figures.items():
            sizes = sorted({size for row in phase.rows.values() for size in row})
            lines += ["", f'["{version}".{name}]', f"steps = {list(sizes)}", "modules = ["]
            lines += [f'    "{module}",' for module in sorted(phase.modules)]
            lines += ["]", "", f'["{version}".{name}.counts]']
            lines += [f'"{one}" = {[phase.at(one, size) for size in sizes]}' for one in sorted(phase.rows)]
    return "\n".join(lines) + "\n"


def write(now: Figures, record: Path = RECORD) -> None:
    """Puts the figures of this Python on record; those of others stay."""
    others = tomllib.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    known = {version: figures for version in others if (figures := kept(record, version)) is not None}
    record.write_text(text_of({**known, VERSION: now}), encoding="utf-8")


def judged(record: Figures | None, now: Figures) -> int:
    """Says what there is to say; the exit code."""
    bad = list(grown(now))
    if record is None:
        print(f"no figures are on record for Python {VERSION}: `python -m tests.counts --write` records these")
    else:
        bad += worse(record, now)
        for line in better(record, now):
            print(f"better: {line}")
    for line in bad:
        print(f"WORSE: {line}")
    if record is not None and any(better(record, now)) and not bad:
        print("renew the record: python -m tests.counts --write")
    missing = record is None and bool(os.environ.get("NO_SKIPS"))
    print(f"{len(bad)} numbers are worse" if bad else "nothing is worse")
    return 1 if bad or missing else 0


def show_called(phase: str, size: int, home: Path) -> None:
    for name, _, counts in measured((size,), home, phases=PHASES[: PHASES.index(phase) + 1]):
        if name == phase:
            for function, number in counts.called.most_common(60):
                print(f"{number:8} {function}")


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Counts calls, imports and system calls of builds.")
    parser.add_argument("--write", action="store_true", help="put the numbers of now on record")
    parser.add_argument("--called", nargs=2, metavar=("PHASE", "STEPS"), help="the functions that are called most")
    asked = parser.parse_args(words)
    if shutil.which("strace") is None:
        print("strace is missing: apt-get install strace")
        return 1
    with tempfile.TemporaryDirectory(prefix="wavebuild-counts-") as folder:
        home = Path(folder).resolve()
        if asked.called:
            show_called(asked.called[0], int(asked.called[1]), home)
            return 0
        now = gathered(measured(SIZES, home))
    if asked.write:
        write(now)
        return 0
    return judged(kept(), now)


if __name__ == "__main__":
    sys.exit(main())
