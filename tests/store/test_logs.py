"""The newest few logs of each step are kept."""

from __future__ import annotations

import os
from pathlib import Path

from wavebuild.run.records import Result
from wavebuild.store.logs import prune_logs
from wavebuild.store.opening import open_state


def test_only_the_newest_logs_of_each_step_are_kept_and_empty_folders_go(tmp_path: Path):
    """All attempts of a run count as one; logs of other steps stay."""
    home = tmp_path / ".wavebuild"
    state = open_state(str(home / "state/Wavefile.db"), [])
    for number in range(1, 6):
        folder = home / f"logs/r{number}"
        folder.mkdir(parents=True)
        for name in ("s.log", "s~2.log"):
            (folder / name).write_text("x")
        log = f".wavebuild/logs/r{number}/s~2.log"
        state.fail("k", "none", Result("s", f"r{number}", "succeeded", float(number), 1.0, 2, 0, "", log), ())
    (home / "logs/r1/other.log").write_text("x")

    prune_logs(state, str(home), "r5", ["s"], keep=2)
    state.close()

    left = sorted(str(path.relative_to(home / "logs")) for path in home.glob("logs/**/*.log"))
    assert left == ["r1/other.log", "r4/s.log", "r4/s~2.log", "r5/s.log", "r5/s~2.log"]
    assert sorted(os.listdir(home / "logs")) == ["r1", "r4", "r5"]


def test_prompts_and_reviews_of_steps_that_print_nothing_are_pruned_too(tmp_path: Path):
    """They have no log to go with; other steps' stay."""
    home = tmp_path / ".wavebuild"
    state = open_state(str(home / "state/Wavefile.db"), [])
    for number in range(1, 5):
        folder = home / f"logs/r{number}"
        folder.mkdir(parents=True)
        for name in ("s~prompt.md", "s~2~prompt.md", "s~2~review.json"):
            (folder / name).write_text("x")
    (home / "logs/r1/s.t~prompt.md").write_text("x")

    prune_logs(state, str(home), "r4", [], keep=2)
    state.close()

    assert sorted(path.name for path in home.glob("logs/r1/*")) == ["s.t~prompt.md"]
    assert [len([*home.glob(f"logs/r{number}/*")]) for number in (2, 3, 4)] == [0, 3, 3]
