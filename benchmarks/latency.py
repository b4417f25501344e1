"""Measures a watch: how long after a file was saved the step that reads it is started, and what the watch takes idle.

It does not know what a watch does in that time. Files of the work ``wide`` are changed one at a time, in a project that
is all built; the start of the step is read from the state. With ``--events`` the end of every step is told, also where
it was known before.

    python benchmarks/latency.py FOLDER [--steps 10000] [--edits 21] [--events] [--wavebuild COMMAND]
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.dialects import write
from benchmarks.tools import find
from benchmarks.works import WORKS

QUIET = 75
"""Milliseconds of the quiet period, where no Wavefile says others."""

STILL = 1.5
"""Seconds between the end of a build and the next edit: a person is slower."""

LONGEST = 60.0
IDLE = 10.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure how soon a watch starts the step that reads a saved file.")
    parser.add_argument("folder", type=Path, help="a project is made in it, or is there from the last time")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--edits", type=int, default=21)
    parser.add_argument("--events", action="store_true", help="the watch writes its events to a file")
    parser.add_argument("--wavebuild", help="how it is called, if not as the one beside this Python")
    chosen = parser.parse_args(arguments)
    (tool,) = find(["wavebuild"], 2, None, chosen.wavebuild)
    folder = chosen.folder / "wavebuild"
    if not folder.exists():
        write(WORKS["wide"](chosen.steps, sys.executable), "wavebuild", folder)
    program = tool.build[: tool.build.index("-j2")]
    subprocess.run((*program, "-j2", "--quiet"), cwd=folder, check=True)
    flags = ["--events", "../events.jsonl"] if chosen.events else []
    with watched((*program, "watch", "-j2", *flags), folder) as process:
        seconds = [until_started(folder, number) for number in range(chosen.edits)]
        before = cpu(process.pid)
        time.sleep(IDLE)
        idle = (cpu(process.pid) - before) / IDLE
    print(f"{chosen.edits} edits, from the write to the start of the step, in ms:")
    print(" ".join(f"{1000 * each:.0f}" for each in seconds))
    least, median, most = min(seconds), statistics.median(seconds), max(seconds)
    print(f"least {1000 * least:.0f}, median {1000 * median:.0f}, greatest {1000 * most:.0f}; quiet period {QUIET}")
    print(f"idle: {100 * idle:.2f} % of a core")


@contextmanager
def watched(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A watch of the project that has come to rest."""
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        while b"watching" not in (line := process.stderr.readline()):
            if not line:
                raise SystemExit("the watch has ended")
        time.sleep(2 * STILL)
        yield process
    finally:
        process.terminate()
        process.wait()


def until_started(folder: Path, number: int) -> float:
    """Seconds from an edit of a source to the start of its step."""
    path = folder / "i" / str(number)
    at = time.time()
    path.write_text(f"edited {at}\n")
    began = None
    while began is None:
        if time.time() - at > LONGEST:
            raise SystemExit(f"s{number} was not run")
        time.sleep(0.05)
        began = _start_of(folder, f"s{number}", at)
    time.sleep(STILL)
    return began - at


def _start_of(folder: Path, step: str, after: float) -> float | None:
    """When it was last started, once that build has ended."""
    path = folder / ".wavebuild" / "state" / "Wavefile.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as state:
        found = state.execute(
            "select results.began from results join runs using (run) "
            "where step = ? and results.began > ? and runs.seconds is not null",
            (step, after),
        ).fetchone()
    return None if found is None else float(found[0])


def cpu(process: int) -> float:
    """Seconds of a processor that a process and those below it have taken until now."""
    total = 0
    for each in _tree_of(process):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def _tree_of(process: int) -> list[int]:
    below = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(each for child in below for each in _tree_of(int(child)))]


if __name__ == "__main__":
    main()
