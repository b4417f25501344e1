"""Whoever is killed, what a step started is ended: it writes nothing into what is built next.

It does not know how it is found: the processes here hide in all the ways that a program has.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import Site
from tests.support.processes import SOON, children, eventually, is_worker

pytestmark = pytest.mark.long

LATE = 1.0  # seconds after which the process that hides writes, if it is told no other time
HIDE = """
import os, signal, sys, time
how, out, told, late = sys.argv[1].split("+"), sys.argv[2], sys.argv[3], sys.argv[4]
if "double fork" in how and os.fork():
    time.sleep(60)
if "session" in how:
    os.setsid()
    if os.fork():
        os._exit(0)
if "deaf" in how:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
if "bare" in how:
    os.closerange(0, 256)
    rest = "+".join(word for word in how if word in ("stopped", "deaf")) or "plain"
    os.chdir("/")
    os.execve(sys.executable, ["innocent", __file__, rest, out, told, late], {})
with open(told + "~", "w") as file:
    file.write(str(os.getpid()))
os.rename(told + "~", told)
if "stopped" in how:
    os.kill(os.getpid(), signal.SIGSTOP)
end = time.time() + float(late)
while time.time() < end:
    time.sleep(0.02)
with open(out, "w") as file:
    file.write("late")
time.sleep(60)
"""


class Hidden:
    """A build whose only step has started the process that hides."""

    def __init__(self, site: Site, how: str, *arguments: str) -> None:
        self._site = site
        site.write("hide.py", HIDE)
        site.write("in", "hide")
        told = site.home / "pid"
        hide = f"{sys.executable} {site.root}/hide.py '{how}' $PWD/out {told} {LATE}"
        command = f"if grep -q hide in; then {hide}; sleep 60; fi"
        site.write("Wavefile", f'steps: {{a: {{inputs: in, outputs: out, run: "{command}; cp in out"}}}}\n')
        self.build = site.start(*arguments)
        assert eventually(told.exists)
        self.pid = int(told.read_text())
        (self.worker,) = [pid for pid in children(self.build.pid) if is_worker(pid)]

    def ended(self) -> bool:
        """Whether the process is gone."""
        return eventually(lambda: not _lives(self.pid))

    def finish(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.build.communicate()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


FOUND_BY_NOTES = ["deaf", "stopped", "double fork", "session+stopped+deaf"]
FOUND_AS_CHILDREN = ["plain", "stopped", "session+bare", "double fork+session+bare+stopped+deaf"]


def next_build_is_right(site: Site, hidden: Hidden) -> None:
    """An edit, a build, and the time at which the orphan would have written."""
    began = time.monotonic()
    site.write("in", "second")
    site.build()
    assert hidden.ended()
    time.sleep(max(0.0, LATE + 0.3 - (time.monotonic() - began)))
    assert site.read("out") == "second", "an orphan wrote after the build"
    assert site.wavebuild("-q").code == 0


@pytest.mark.scenario(id="K2")
@pytest.mark.parametrize("how", FOUND_AS_CHILDREN)
def test_after_a_kill_of_the_parent_alone(how: str, site: Site) -> None:
    """The worker notices, and takes all it has started along."""
    hidden = Hidden(site, how)
    try:
        hidden.build.kill()
        hidden.build.wait()
        next_build_is_right(site, hidden)
    finally:
        hidden.finish()


@pytest.mark.parametrize("how", FOUND_AS_CHILDREN)
def test_after_a_kill_of_the_worker_alone(how: str, site: Site) -> None:
    """The step has failed, the build goes on, and nothing of the step is left."""
    hidden = Hidden(site, how)
    try:
        os.kill(hidden.worker, signal.SIGKILL)
        _, err = hidden.build.communicate(timeout=SOON)
        assert (hidden.build.returncode, "worker" in err, "Traceback" in err) == (1, True, False), err
        assert not _lives(hidden.pid)
        next_build_is_right(site, hidden)
    finally:
        hidden.finish()


@pytest.mark.scenario(id="K2")
@pytest.mark.parametrize("how", FOUND_BY_NOTES)
def test_after_a_kill_of_parent_and_worker_the_next_build_ends_what_is_left(how: str, site: Site) -> None:
    """Before it judges anything; who has left the session of the step is known by what its environment names."""
    hidden = Hidden(site, how)
    try:
        os.kill(hidden.build.pid, signal.SIGSTOP)  # it must not clear up after its worker
        os.kill(hidden.worker, signal.SIGKILL)
        hidden.build.kill()
        hidden.build.wait()
        assert _lives(hidden.pid)
        next_build_is_right(site, hidden)
    finally:
        hidden.finish()


def test_a_worker_that_sleeps_through_the_death_of_its_parent_is_ended_by_the_next_build(site: Site) -> None:
    """Stopped, it hears no signal but one; awake again, it would go on with its job."""
    hidden = Hidden(site, "plain")
    try:
        os.kill(hidden.worker, signal.SIGSTOP)
        hidden.build.kill()
        hidden.build.wait()
        next_build_is_right(site, hidden)
        assert not _lives(hidden.worker)
    finally:
        hidden.finish()


@pytest.mark.scenario(id="P4")
@pytest.mark.parametrize("how", ["session+bare", "double fork+session+bare+deaf"])
def test_what_a_step_leaves_is_ended_however_it_hides(how: str, site: Site) -> None:
    """Also without a kill of anybody: it is no child of the step any more, and shows nothing of where it came from.

    However long that takes on a busy machine, it has not come to write by then.
    """
    told = site.home / "pid"
    site.write("hide.py", HIDE)
    leave = f"{sys.executable} hide.py {how.replace('double fork+', '')} out {told} 50"
    site.write(
        "Wavefile", f"steps: {{a: {{outputs: made, run: '{leave}; until test -e {told}; do :; done; touch made'}}}}\n"
    )

    build = site.build()

    assert "1 process" in build.err
    assert not _lives(int(told.read_text()))
    assert not (site.root / "out").exists()


@pytest.mark.scenario(id="C3")
def test_a_process_with_the_number_of_one_that_is_gone_is_left_alone(site: Site) -> None:
    """Numbers are given out again: whoever has one now began at another time, or shows another root."""
    site.write("Wavefile", "steps: {a: {outputs: a, run: touch a}}\n")
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        try:
            site.write(".wavebuild/groups", f"{stranger.pid} 1@x r\n{stranger.pid} 0 r\n")
            build = site.build()
            survived = stranger.poll() is None
        finally:
            stranger.kill()

    assert survived
    assert "killed build" not in build.err
