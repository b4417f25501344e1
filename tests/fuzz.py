"""Trials of the oracle until the time is up: ``python -m tests.fuzz --minutes 10 --seed 1``.

It does not know what is tried; a failing trial is made as short as it can be and kept, with its seed and its story,
in a folder that is printed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.support.forks import Forks
from tests.support.oracle import Story, environ_of_trials, run_story, shrunk


def broken(story: Story, home: Path, forks: Forks) -> str:
    """What a trial broke; "" if nothing."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    try:
        run_story(story, home, forks)
    except AssertionError as wrong:
        return str(wrong)
    return ""


def attempt(story: Story, forks: Forks, tries: int) -> bool:
    """One trial; of one that fails the shortest story that still does is written beside its project."""
    home = Path(tempfile.mkdtemp(prefix=f"wave-fuzz-{story.seed}-"))
    wrong = broken(story, home, forks)
    if not wrong:
        shutil.rmtree(home)
        return True
    print(f"{wrong}\nmaking it shorter …", flush=True)
    left = [tries]
    last = [wrong]

    def still_fails(shorter: Story) -> bool:
        left[0] -= 1
        if left[0] < 0 or not (said := broken(shorter, home, forks)):
            return False
        last[0] = said
        return True

    story = shrunk(story, [f"{'stu'[number % 3]}{number}" for number in range(12)], still_fails)
    (home / "story").write_text(f"{story}\n{broken(story, home, forks) or last[0]}\n")
    print(f"{(home / 'story').read_text()}kept: {home}", flush=True)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description="Random pipelines, edits and accidents, held against a reference.")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="even: edits; odd: accidents")
    parser.add_argument("--edits", type=int, default=7)
    parser.add_argument("--trials", type=int, default=10**9)
    parser.add_argument("--tries", type=int, default=40, help="how often a failing trial is tried again to shorten it")
    asked = parser.parse_args()
    environ_of_trials()
    end = time.monotonic() + asked.minutes * 60
    tried = failed = 0
    with Forks() as forks:
        while time.monotonic() < end and tried < asked.trials:
            print(f"seed {asked.seed + tried}", flush=True)
            failed += not attempt(Story.of(asked.seed + tried, asked.edits), forks, asked.tries)
            tried += 1
    print(f"{tried} trials, {failed} failed, seeds {asked.seed} to {asked.seed + tried - 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
