"""Looks for a wrong answer of the watcher: ``python -m tests.watched [SECONDS] [SEED]``.

Each seed is a project of its own, with edits of all kinds before and within answers. It ends with 1 at the first answer
that is not what a look at every file says, and names the seed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from tests.support.watching import Contest, Site

ROUNDS = 150


def main() -> int:
    seconds, seed = (*map(int, sys.argv[1:]), *(60, 0)[len(sys.argv) - 1 :])
    until, counted = time.monotonic() + seconds, Counter[str]()
    while time.monotonic() < until:
        with tempfile.TemporaryDirectory() as folder:
            site = Site(Path(folder))
            contest = Contest(site, Random(seed))
            try:
                contest.run(ROUNDS)
            except AssertionError as error:
                print(f"seed {seed}: {error}")
                return 1
            finally:
                site.close()
            counted.update(contest.counted)
        seed += 1
    print(f"up to seed {seed - 1}: " + ", ".join(f"{what} {count}" for what, count in sorted(counted.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
