"""How much faster steps that wait for nobody are together than one after another, from the command and from Python.

It does not know other tools. `python benchmarks/speedup.py [--wavebuild COMMAND] [--seconds S]` prints a table.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

COMPUTE = """
import sys
until, total = int(sys.argv[1]), 0
for number in range(until):
    total += number * number % 7
"""
AGENTS = """
import time
def agents(name):
    def agent(task, context):
        time.sleep(float(task))
        return name
    return agent
"""
WANTED = {"2 waiting": 1.9, "4 waiting": 3.6, "2 computing": 1.7, "chain of 3": 0.9}
"""Work → the least that jobs at once must bring on two cores; a chain brings nothing, and costs little."""


def wavefile(count: int, command: str, chain: bool = False) -> str:
    needs = (f", needs: [s{at - 1}]" if chain and at else "" for at in range(count))
    return "settings: {shell: sh}\nsteps:\n" + "".join(
        f'  s{at}: {{run: "{command}", always: true{more}}}\n' for at, more in enumerate(needs)
    )


def timed(deed: Callable[[], object], times: int) -> float:
    """The median of the seconds that it takes."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        deed()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def by_command(wavebuild: str, folder: Path, text: str, times: int) -> tuple[float, float]:
    """Seconds with one job, and with four."""
    (folder / "Wavefile").write_text(text)

    environ = os.environ | {"PYTHONPATH": f"{Path(__file__).parents[1]}:{os.environ.get('PYTHONPATH', '')}"}

    def build(jobs: int) -> None:
        subprocess.run([*shlex.split(wavebuild), f"-j{jobs}", "--quiet"], cwd=folder, env=environ, check=True)

    return timed(lambda: build(1), times), timed(lambda: build(4), times)


def by_python(folder: Path, count: int, seconds: float, times: int) -> tuple[float, float]:
    """Seconds of an orchestrator with one agent at a time, and with four."""
    from wavebuild.orchestrator import Orchestrator, OrchestratorParallel, PipelineStep

    found: dict[str, object] = {}
    exec(AGENTS, found)
    steps = [PipelineStep(f"s{at}", "agent", str(seconds)) for at in range(count)]
    one = Orchestrator(found["agents"], root=folder)  # type: ignore[arg-type]
    four = OrchestratorParallel(found["agents"], max_workers=4, root=folder)  # type: ignore[arg-type]
    return timed(lambda: one.run(steps, force=True), times), timed(lambda: four.run_waves(steps, force=True), times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wavebuild", default=f"{shlex.quote(sys.executable)} -m wavebuild", help="the command")
    parser.add_argument("--seconds", type=float, default=2.0, help="that a waiting step waits")
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    wait = f"sleep {given.seconds}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "compute.py").write_text(COMPUTE)
        compute = f"{shlex.quote(sys.executable)} compute.py {int(given.seconds * 6_000_000)}"
        works = {
            "2 waiting": wavefile(2, wait),
            "4 waiting": wavefile(4, wait),
            "2 computing": wavefile(2, compute),
            "chain of 3": wavefile(3, wait, chain=True),
        }
        print("| steps | -j1, s | -j4, s | times faster | wanted |\n|---|---|---|---|---|")
        missed = 0
        for work, text in works.items():
            one, four = by_command(given.wavebuild, folder, text, given.repetitions)
            missed += one / four < WANTED[work]
            print(f"| {work} | {one:.2f} | {four:.2f} | {one / four:.2f} | {WANTED[work]} |", flush=True)
        for count in (2, 4):
            one, four = by_python(folder, count, given.seconds, given.repetitions)
            wanted = WANTED[f"{count} waiting"]
            missed += one / four < wanted
            print(
                f"| {count} waiting, agents in Python | {one:.2f} | {four:.2f} | {one / four:.2f} | {wanted} |",
                flush=True,
            )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
