"""Trials of the oracle until the time is up: ``python -m tests.fuzz --minutes 10 --seed 1``.

It does not know what is tried; a failing trial is kept, with its seed and its story, in a folder that is printed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.support.oracle import run_trial


def attempt(seed: int, edits: int) -> bool:
    """One trial; what broke is written beside the project."""
    home = Path(tempfile.mkdtemp(prefix=f"wave-fuzz-{seed}-"))
    try:
        run_trial(seed, home, edits)
    except AssertionError as broken:
        (home / "story").write_text(f"{broken}\n")
        print(f"{broken}\nkept: {home}", flush=True)
        return False
    shutil.rmtree(home)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Random pipelines, random edits, held against a reference runner.")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--edits", type=int, default=7)
    parser.add_argument("--trials", type=int, default=10**9)
    asked = parser.parse_args()
    end = time.monotonic() + asked.minutes * 60
    tried = failed = 0
    while time.monotonic() < end and tried < asked.trials:
        print(f"seed {asked.seed + tried}", flush=True)
        failed += not attempt(asked.seed + tried, asked.edits)
        tried += 1
    print(f"{tried} trials, {failed} failed, seeds {asked.seed} to {asked.seed + tried - 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
