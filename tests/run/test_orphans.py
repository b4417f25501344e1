"""What a killed build left running is ended; nobody else's process is."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import command_line
from wavebuild.errors import WavebuildError
from wavebuild.run.orphans import end_orphans
from wavebuild.run.processes import start_time

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


def outliving(started: list[Sleeper], root: Path) -> int:
    """A process whose group's first process has ended."""
    environ = os.environ | {"WAVEBUILD_ROOT": str(root)}
    shell = subprocess.Popen(
        ["sh", "-c", "sleep 60 >/dev/null & echo $!"], start_new_session=True, env=environ, stdout=subprocess.PIPE
    )
    started.append(shell)
    said, _ = shell.communicate()
    return int(said)


def noted_before(folder: Path, process: Sleeper) -> str:
    """As if the id had been another process's, that began earlier."""
    path = folder / "groups"
    path.write_text(f"{process.pid} 1{start_time(process.pid)}\n")
    return str(path)


def noted(folder: Path, *processes: Sleeper) -> str:
    path = folder / "groups"
    path.write_text("".join(f"{process.pid} {start_time(process.pid)}\n" for process in processes))
    return str(path)


@pytest.mark.scenario(id="K3")
def test_a_noted_process_of_this_root_is_ended(tmp_path: Path, sleepers: list[Sleeper]):
    """Before anything of the project is touched again."""
    left = sleeper(sleepers, tmp_path)

    assert end_orphans(noted(tmp_path, left), str(tmp_path)) == 1
    assert left.wait(60) == -9


def test_a_process_that_shows_nothing_of_the_root_is_ended_too(tmp_path: Path, sleepers: list[Sleeper]):
    """A call is a fork: it shows the environment of its worker. The same id and the same start are enough."""
    left = sleeper(sleepers, "")

    assert end_orphans(noted(tmp_path, left), str(tmp_path)) == 1
    assert left.wait(60) == -9


@pytest.mark.scenario(id="C3")
@pytest.mark.parametrize("root", ["", "other"])
def test_an_id_that_was_given_out_again_is_nobody_s_business(tmp_path: Path, sleepers: list[Sleeper], root: str):
    """It began at another time: no environment makes it ours."""
    other = sleeper(sleepers, tmp_path / root)

    assert end_orphans(noted_before(tmp_path, other), str(tmp_path)) == 0
    assert other.poll() is None


def test_who_outlived_the_first_of_its_group_is_told_by_its_root(tmp_path: Path, sleepers: list[Sleeper]):
    """A command in the background, whose shell is gone."""
    ours, theirs = (outliving(sleepers, root) for root in (tmp_path, tmp_path / "other"))
    (tmp_path / "groups").write_text(f"{os.getpgid(ours)} 1\n{os.getpgid(theirs)} 1\n")

    try:
        assert end_orphans(str(tmp_path / "groups"), str(tmp_path)) == 1
        assert (command_line(ours), command_line(theirs)) == ("", "sleep 60 ")
    finally:
        os.kill(theirs, signal.SIGKILL)


def test_a_process_that_was_not_noted_is_never_ended(tmp_path: Path, sleepers: list[Sleeper]):
    """A person's shell may have the variable in its environment."""
    mine = sleeper(sleepers, tmp_path)

    assert end_orphans(noted(tmp_path), str(tmp_path)) == 0
    assert mine.poll() is None


def test_who_cannot_be_ended_in_time_is_named_and_nothing_is_built(tmp_path: Path, sleepers: list[Sleeper]):
    """It could still write: the command that found it stops with the number, as if another build held the project."""
    left = sleeper(sleepers, tmp_path)

    with pytest.raises(WavebuildError, match=f"cannot be ended: {left.pid} ") as raised:
        end_orphans(noted(tmp_path, left), str(tmp_path), patience=-1.0)

    assert raised.value.exit_code == 3


def test_who_went_into_a_session_of_its_own_is_told_by_its_run(tmp_path: Path, sleepers: list[Sleeper]):
    """A daemon: neither its group nor its session was noted. Another run's is none of ours."""
    noted_one = sleeper(sleepers, tmp_path)
    path = tmp_path / "groups"
    path.write_text(f"{noted_one.pid} {start_time(noted_one.pid)} run-1\n")
    daemons = []
    for run in ("run-1", "run-2"):
        environ = os.environ | {"WAVEBUILD_ROOT": str(tmp_path), "WAVEBUILD_RUN": run}
        daemons.append(subprocess.Popen(["sleep", "60"], start_new_session=True, env=environ))
    sleepers += daemons

    assert end_orphans(str(path), str(tmp_path)) == 2
    assert (daemons[0].wait(60), daemons[1].poll()) == (-9, None)


@pytest.mark.parametrize("text", ["", "\n \n", "999999999 0\n", "rubbish\nnot a number at all\n", "\xff\x00"])
def test_notes_that_say_nothing_end_nothing(tmp_path: Path, text: str):
    """Torn lines, ids of the dead, no file at all."""
    (tmp_path / "groups").write_text(text)

    assert end_orphans(str(tmp_path / "groups"), str(tmp_path)) == 0
    assert end_orphans(str(tmp_path / "none"), str(tmp_path)) == 0
