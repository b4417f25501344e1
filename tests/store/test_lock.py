"""One build at a time per project, by a lock that the kernel gives back when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command import REPOSITORY
from tests.support.processes import eventually
from wavebuild.errors import WavebuildError
from wavebuild.store.held import is_held
from wavebuild.store.lock import HELD, take

HOLD = """
import sys, time
from wavebuild.store.lock import take
lock = take(sys.argv[1], "wavebuild -j4", 0.0, lambda: False)
print("held", flush=True)
time.sleep(60)
"""


HOLD_ON_A_FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))" + HOLD


def never() -> bool:
    return False


@contextmanager
def holder(path: Path, program: str = HOLD) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it dies."""
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True, env=environ
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            yield other
        finally:
            other.kill()


def test_who_comes_second_is_told_who_came_first(tmp_path: Path):
    """Exit code 3; pid, user, host and command are named."""
    path = tmp_path / "lock"
    with holder(path) as other, pytest.raises(WavebuildError) as caught:
        take(str(path), "wavebuild", 0.0, never)

    assert caught.value.exit_code == HELD == 3
    assert f"pid {other.pid}" in str(caught.value)
    assert os.uname().nodename in str(caught.value)
    assert "wavebuild -j4" in str(caught.value)


@pytest.mark.scenario(id="C2")
def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path):
    """kill -9 leaves a file behind, but no lock: nothing has to be cleaned by hand."""
    path = tmp_path / "lock"
    with holder(path) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

    lock = take(str(path), "wavebuild", 0.0, never)
    assert lock is not None
    lock.release()


def test_waiting_takes_the_lock_as_soon_as_it_is_free(tmp_path: Path):
    """--wait."""
    path = tmp_path / "lock"
    with holder(path) as other:
        os.kill(other.pid, signal.SIGKILL)
        lock = take(str(path), "wavebuild", 3600.0, never)

    assert lock is not None
    lock.release()


@pytest.mark.scenario(id="C1")
def test_waiting_ends_when_the_time_is_over(tmp_path: Path):
    """And then the holder is named."""
    path = tmp_path / "lock"
    with holder(path):
        began = time.monotonic()
        with pytest.raises(WavebuildError, match="holds this project"):
            take(str(path), "wavebuild", 0.2, never)

    assert time.monotonic() - began >= 0.2


def test_waiting_ends_when_the_person_stops_it(tmp_path: Path):
    """Ctrl-C while waiting takes no lock."""
    path = tmp_path / "lock"
    with holder(path):
        assert take(str(path), "wavebuild", 60.0, lambda: True) is None


def test_a_released_lock_is_free_and_says_nothing(tmp_path: Path):
    """Releasing twice is releasing once."""
    path = tmp_path / "deep" / "lock"
    lock = take(str(path), "wavebuild", 0.0, never)
    assert lock is not None
    assert is_held(str(path))

    lock.release()
    lock.release()

    assert not is_held(str(path))
    assert path.read_text() == ""


def test_asking_whether_it_is_held_takes_nothing(tmp_path: Path):
    """Questions never stand in a build's way, also where there is no lock yet."""
    path = tmp_path / "lock"
    assert not is_held(str(path))
    assert not path.exists()
    with holder(path):
        assert is_held(str(path))
    assert eventually(lambda: not is_held(str(path)))


@pytest.mark.scenario(id="C4")
def test_the_lock_is_not_inherited_by_commands(tmp_path: Path):
    """A daemon that a step left would hold the project for ever."""
    path = tmp_path / "lock"
    lock = take(str(path), "wavebuild", 0.0, never)
    assert lock is not None
    with subprocess.Popen(["sleep", "60"], close_fds=False) as command:
        lock.release()
        held = is_held(str(path))
        command.kill()

    assert not held


def test_a_full_disk_takes_the_name_of_the_holder_but_not_the_lock(tmp_path: Path):
    """The text only informs: a limit on the size of files stands for the full disk."""
    path = tmp_path / "lock"
    with holder(path, HOLD_ON_A_FULL_DISK), pytest.raises(WavebuildError, match="another process") as caught:
        take(str(path), "wavebuild", 0.0, never)

    assert caught.value.exit_code == HELD


def test_a_command_of_any_bytes_can_hold_the_project(tmp_path: Path):
    """A shell passes names of files in whatever encoding they are."""
    path = tmp_path / "lock"
    lock = take(str(path), os.fsdecode(b"wavebuild m/\xff"), 0.0, never)
    assert lock is not None
    said = path.read_bytes()
    lock.release()

    assert said.endswith(b"wavebuild m/\xff\n")


def test_a_lock_that_cannot_be_opened_is_refused_with_its_path(tmp_path: Path):
    """Exit 1, and not the traceback of a bug."""
    path = tmp_path / "lock"
    path.mkdir()
    with pytest.raises(WavebuildError, match="the project cannot be held: Is a directory") as caught:
        take(str(path), "wavebuild", 0.0, never)

    assert caught.value.exit_code == 1
    assert str(path) in str(caught.value)


def test_who_only_looks_whether_it_is_held_hinders_nobody(tmp_path: Path):
    """A look takes hold of it for a moment, on a busy machine for longer; a build that begins then is not refused."""
    path = tmp_path / "lock"
    path.touch()
    looker = os.open(path, os.O_RDONLY)
    fcntl.flock(looker, fcntl.LOCK_SH)  # as ``is_held`` has it
    began = time.monotonic()

    def go_on() -> bool:
        if time.monotonic() - began > 0.5:
            with contextlib.suppress(OSError):
                os.close(looker)
        return False

    lock = take(str(path), "wavebuild", 0.0, go_on)

    assert lock is not None
    lock.release()
