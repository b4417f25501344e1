"""Builds in one process for as long as one likes: ``python -m tests.soak --minutes 20``.

It does not know what is built. Ends with 1 if the process holds more at the end than it did at first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.support.oracle import environ_of_trials
from tests.support.soak import Soak

PAUSE = 30.0  # seconds between two lines
ALLOWANCE = 4 << 20


def main() -> int:
    parser = argparse.ArgumentParser(description="Memory, descriptors, processes and files over many builds.")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    environ_of_trials()
    until = time.monotonic() + asked.minutes * 60
    print(f"seed {asked.seed}")
    with tempfile.TemporaryDirectory(prefix="wave-soak-") as home:
        soak = Soak(Path(home), Random(asked.seed))
        while (left := until - time.monotonic()) > 0:
            soak.go_on(min(PAUSE, left), every=5)
            print(f"{soak.builds} builds: {soak.over_time[-1] if soak.over_time else ''}", flush=True)
        found = soak.complaints(ALLOWANCE)
    print("\n".join(found) or "nothing is held that was not at first")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
