"""Random pipelines and random edits: incremental equals clean, and only what had to ran.

It does not know how the pipelines look; `python -m tests.fuzz` runs the same trials for as long as one likes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.oracle import run_trial

SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_incremental_build_equals_a_clean_one_and_runs_only_what_had_to(seed: int, tmp_path: Path) -> None:
    """Holds promises 1 to 4 over a first build and four edits."""
    run_trial(seed, tmp_path, edits=4)
