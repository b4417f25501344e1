"""The builds of a watch, each in a fork of it: what they need not import, as the watch has it already."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, sys
from wavebuild.ui import watching
from wavebuild.ui.front import main

class Ends(watching.WatchScreen):
    def idle(self, state):
        print(*sys.modules, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

watching.WatchScreen = Ends
sys.argv[1:] = ["watch", "--poll", "-C", sys.argv[1]]
main()
"""


def test_a_watch_of_what_is_all_built_is_ready_for_a_first_change(tmp_path: Path) -> None:
    """Its first build has found nothing to do; whatever the next one imports is there when it is idle."""
    (tmp_path / "Wavefile").write_text("steps: {s: {inputs: [a], outputs: [b], run: cp a b}}")
    (tmp_path / "a").write_text("1")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    build = [sys.executable, "-m", "wavebuild", "-C", str(tmp_path), "-s"]
    for _ in range(2):
        subprocess.run(build, check=True, env=environ)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], env=environ, capture_output=True, text=True, timeout=120
    )
    needed = {"wavebuild.engine.building", "wavebuild.run.worker", "wavebuild.run.pool"}
    assert needed <= set(done.stdout.split()), done.stderr
