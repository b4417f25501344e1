"""Every point at which a build changes the disk, struck in every way: ``python -m tests.points``.

It does not know what happens at them. ``--how kill`` strikes in one way alone, ``--from 40`` begins at a point,
``--sample 100`` takes so many by chance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random

from tests.support.faults import HOWS
from tests.support.forks import Forks
from tests.support.oracle import environ_of_trials
from tests.support.points import Range, all_points


def main() -> int:
    parser = argparse.ArgumentParser(description="Kills and failing disks at every point of a build.")
    parser.add_argument("--how", choices=HOWS)
    parser.add_argument("--from", type=int, default=1, dest="first")
    parser.add_argument("--to", type=int, default=10**9)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    environ_of_trials()
    failed = 0
    with ExitStack() as stack:
        forks = stack.enter_context(Forks())
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="wave-points-"))
        shooting = stack.enter_context(closing(Range(Path(home), forks)))
        names = shooting.count()
        points = [point for point in all_points(len(names)) if asked.first <= point[1] <= asked.to]
        points = [point for point in points if asked.how in (None, point[0])]
        if asked.sample is not None:
            points = Random(asked.seed).sample(points, min(asked.sample, len(points)))
        for how, at, undone in points:
            try:
                shooting.strike(how, at, undone)
            except AssertionError as broken:
                failed += 1
                print(f"{how} at point {at} ({names[at - 1]}){', undone' if undone else ''}: {broken}", flush=True)
        print(f"{len(names)} points, {len(points)} strikes, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
