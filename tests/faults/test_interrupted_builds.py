"""What a killed build leaves behind, besides files."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.processes import eventually
from tests.support.workshop import Workshop
from wavebuild.run.processes import start_time

SLEEPER = "import time, sys; sys.stdout.write('x'); sys.stdout.flush(); time.sleep(60)"


@pytest.mark.scenario(id="K2")
@pytest.mark.scenario(id="K3")
@pytest.mark.timeout(100)
def test_what_a_killed_build_left_running_is_ended_before_the_next_begins(shop: Workshop) -> None:
    """A process of a step that outlived its worker: it could write into what the next build makes."""
    shop.put("s", "1")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}")
    shop.settle()
    shop.put("s", "2")
    environ = os.environ | {"WAVEBUILD_ROOT": str(shop.root), "WAVEBUILD_STEP": "a"}
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], env=environ, stdout=subprocess.PIPE, start_new_session=True
    ) as orphan:
        assert orphan.stdout is not None
        assert orphan.stdout.read(1) == b"x"
        (shop.root / ".wavebuild/groups").write_text(f"{orphan.pid} {start_time(orphan.pid)}\n")
        try:
            built = shop.build()
            ended = eventually(lambda: orphan.poll() is not None)
        finally:
            orphan.kill()

    assert built.ran == ["a"]
    assert ended
    assert "left running" in built.notices
