"""One build at a time works on a project, and a dead one never blocks a living one.

It does not know what the lock is made of.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.command import LONGEST, Site
from tests.support.processes import eventually, kill_marked

pytestmark = pytest.mark.long

WAIT = "until test -e go; do sleep 0.02; done"
SLOW = f"steps: {{slow: {{inputs: in, outputs: o.txt, run: 'echo slow >> $JOURNAL; {WAIT}; cat in > o.txt'}}}}\n"


def holding(site: Site) -> subprocess.Popen[str]:
    """A build in the midst of its slow step, which ends when there is a file `go`."""
    site.write("in", "one\n")
    site.write("Wavefile", SLOW)
    process = site.start("-j2")
    assert eventually(site.journal.exists)
    return process


def waits_for_the_lock(process: subprocess.Popen[str]) -> bool:
    """Whether it has come as far as to open the file."""
    with contextlib.suppress(OSError):
        return any(os.readlink(each).endswith("/.wavebuild/lock") for each in Path(f"/proc/{process.pid}/fd").iterdir())
    return False


def ends(site: Site, process: subprocess.Popen[str]) -> None:
    """The build that holds the project comes to its end, and only now."""
    assert process.poll() is None
    site.write("go", "")
    _, err = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, err


@pytest.mark.scenario(id="C1")
def test_a_second_build_is_refused_and_told_who_holds_the_project(site: Site) -> None:
    process = holding(site)

    second = site.wavebuild("-j3")

    assert second.code == 3
    assert str(process.pid) in second.err
    assert getpass.getuser() in second.err
    assert socket.gethostname() in second.err
    assert "wavebuild" in second.err
    assert "-j2" in second.err
    ends(site, process)
    assert site.ran() == ["slow"]


@pytest.mark.scenario(id="C1")
def test_a_build_that_waits_gets_its_turn(site: Site) -> None:
    process = holding(site)

    with site.start("--wait", "60s") as second:
        assert eventually(lambda: waits_for_the_lock(second))
        ends(site, process)
        out, err = second.communicate(timeout=LONGEST)

    assert second.returncode == 0, err
    assert site.ran() == ["slow"]
    assert "nothing to do" in out + err


def test_a_build_that_waited_in_vain_is_refused(site: Site) -> None:
    process = holding(site)
    began = time.monotonic()

    second = site.wavebuild("--wait", "1s")

    assert second.code == 3
    assert time.monotonic() - began >= 1
    ends(site, process)


@pytest.mark.scenario(id="C8")
def test_a_build_inside_a_step_of_the_same_root_is_refused_at_once(site: Site) -> None:
    """It could only wait for itself; so it does not, whatever --wait says."""
    inner = " ".join(site.argv("--wait", "1h"))
    site.write("in", "one\n")
    site.write(
        "Wavefile",
        f"steps: {{outer: {{inputs: in, outputs: code.txt, run: '{inner} 2> said.txt || echo $? > code.txt'}}}}\n",
    )

    site.build()

    assert site.read("code.txt") == "3\n"
    assert site.read("said.txt").strip()


def test_a_build_of_another_root_inside_a_step_is_allowed(site: Site) -> None:
    site.write("in", "one\n")
    site.write("other/in", "inner\n")
    site.write("other/Wavefile", "steps: {x: {inputs: in, outputs: o.txt, run: 'cat in > o.txt'}}\n")
    inner = " ".join(site.argv("-C", str(site.home / "elsewhere")))
    (site.root / "other").rename(site.home / "elsewhere")
    site.write("Wavefile", f"steps: {{outer: {{inputs: in, outputs: o.txt, run: '{inner}; cat in > o.txt'}}}}\n")

    site.build()

    assert (site.home / "elsewhere" / "o.txt").read_text() == "inner\n"


@pytest.mark.scenario(id="C2")
def test_a_killed_holder_frees_the_project(site: Site) -> None:
    process = holding(site)
    kill_marked(site.mark)
    process.communicate()

    site.write("go", "")
    site.build()

    assert site.read("o.txt") == "one\n"


@pytest.mark.scenario(id="C4")
def test_a_daemon_of_a_step_does_not_hold_the_project(site: Site) -> None:
    site.write("in", "one\n")
    site.write("Wavefile", "steps: {x: {inputs: in, outputs: o.txt, run: 'setsid sleep 100 & cat in > o.txt'}}\n")
    site.build()

    site.build()


@pytest.mark.scenario(id="C5")
def test_questions_are_answered_while_a_build_runs(site: Site) -> None:
    process = holding(site)

    answers = [site.wavebuild(*question).code for question in (["plan"], ["status"], ["list"], ["-n"])]

    assert answers == [0, 0, 0, 0]
    ends(site, process)
