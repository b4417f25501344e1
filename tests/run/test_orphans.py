"""What a killed build left running is ended; nobody else's process is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from wavebuild.run.orphans import end_orphans
from wavebuild.run.worker import start_time

Sleeper = subprocess.Popen[bytes]


@pytest.fixture
def sleepers() -> Iterator[list[Sleeper]]:
    """Processes that are ended after the test whatever happened."""
    started: list[Sleeper] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def sleeper(started: list[Sleeper], root: Path | str) -> Sleeper:
    """A process as a step of a build of this root would be: in a session of its own."""
    environ = os.environ | {"WAVEBUILD_ROOT": str(root)}
    process = subprocess.Popen(["sleep", "60"], start_new_session=True, env=environ)
    started.append(process)
    return process


def noted(folder: Path, *processes: Sleeper) -> str:
    path = folder / "groups"
    path.write_text("".join(f"{process.pid} {start_time(process.pid)}\n" for process in processes))
    return str(path)


def test_a_noted_process_of_this_root_is_ended(tmp_path: Path, sleepers: list[Sleeper]):
    """Before anything of the project is touched again."""
    left = sleeper(sleepers, tmp_path)

    assert end_orphans(noted(tmp_path, left), str(tmp_path)) == 1
    assert left.wait(5) == -9


def test_a_process_of_another_root_is_never_ended(tmp_path: Path, sleepers: list[Sleeper]):
    """A process id that was given out again proves nothing."""
    other = sleeper(sleepers, tmp_path / "other")

    assert end_orphans(noted(tmp_path, other), str(tmp_path)) == 0
    assert other.poll() is None


def test_a_process_that_was_not_noted_is_never_ended(tmp_path: Path, sleepers: list[Sleeper]):
    """A person's shell may have the variable in its environment."""
    mine = sleeper(sleepers, tmp_path)

    assert end_orphans(noted(tmp_path), str(tmp_path)) == 0
    assert mine.poll() is None


@pytest.mark.parametrize("text", ["", "\n \n", "999999999 0\n", "rubbish\nnot a number at all\n", "\xff\x00"])
def test_notes_that_say_nothing_end_nothing(tmp_path: Path, text: str):
    """Torn lines, ids of the dead, no file at all."""
    (tmp_path / "groups").write_text(text)

    assert end_orphans(str(tmp_path / "groups"), str(tmp_path)) == 0
    assert end_orphans(str(tmp_path / "none"), str(tmp_path)) == 0
