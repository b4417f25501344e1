"""A worker that is forked from the build is as one that began anew: it holds nothing of the build open."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crew import Crew
from tests.support.processes import alive, command_line, eventually
from wavebuild.run import forking

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked on Linux alone")


COLD = "# WAVEBUILD_ATTEMPT\n"
"""Whoever speaks of it is imported by each call for itself: not by a worker that begins as a new interpreter."""


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    place = Crew(tmp_path, alone=True)
    yield place
    place.pool.close()
    assert eventually(lambda: not alive(place.mark)), "a process outlived the pool"


def is_forked(crew: Crew) -> bool:
    (worker,) = crew.workers()
    return not any(name in command_line(worker) for name in ("spawn_main", "wavebuild.run.caller"))


def test_it_is_a_copy_of_the_build_where_that_may_be(crew: Crew):
    """It begins without a new interpreter."""
    assert crew.run("echo x").failure == ""

    assert is_forked(crew)


def test_it_holds_no_file_of_the_build_open(crew: Crew, tmp_path: Path):
    """A lock that only it would hold on to is free."""
    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        crew.run("true")
        (worker,) = crew.workers()
        held = [os.readlink(f"/proc/{worker}/fd/{name}") for name in os.listdir(f"/proc/{worker}/fd")]

    assert is_forked(crew)
    assert not [path for path in held if path.endswith("/lock")]
    with open(tmp_path / "lock") as again:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_whose_it_is_shows_in_its_environment(crew: Crew):
    """As it does for one that began anew: whoever looks for what a killed build left finds what its calls left."""
    crew.run("true", env={"WAVEBUILD_ROOT": "/the/root", "WAVEBUILD_RUN": "a-run"})
    (worker,) = crew.workers()

    shown = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")

    assert is_forked(crew)
    assert {b"WAVEBUILD_ROOT=/the/root", b"WAVEBUILD_RUN=a-run", b"WAVEBUILD_STEP="} <= set(shown)


def test_a_call_finds_its_own_modules_and_none_that_the_build_has_loaded(crew: Crew):
    """Neither those of packages that the build uses, nor those whose names the project has, too."""
    crew.write(
        "mine.py",
        COLD
        + "import sys\ndef f(): print('pytest' in sys.modules, sys.modules['__main__'].__dict__.get('__file__'))\n",
    )
    crew.call("mine:f")
    assert crew.log == "False None\n"
    assert is_forked(crew)


def test_a_project_whose_module_has_the_name_of_one_of_ours_gets_a_new_interpreter(crew: Crew):
    """Else it would find ours."""
    name = next(name for name in ("calendar", "csv", "difflib", "shlex", "pdb") if name in sys.modules)
    crew.write(f"{name}.py", COLD + "def f(): print('mine')\n")

    assert crew.call(f"{name}:f").failure == ""
    assert crew.log == "mine\n"
    assert not is_forked(crew)


def test_what_the_build_does_at_its_end_is_not_done_by_a_call(crew: Crew):
    """Its folders stay, and what it has not written yet is written once."""
    folder = tempfile.TemporaryDirectory()
    crew.write("mine.py", "import atexit, logging\natexit.register(print, 'mine')\ndef f(): print('called')\n")

    crew.call("mine:f")

    assert os.path.isdir(folder.name)
    assert crew.log == "called\nmine\n"
    folder.cleanup()


def test_beside_a_thread_of_the_callers_a_worker_begins_anew(crew: Crew):
    """What it may hold at that moment nobody knows."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="of-the-caller")
    thread.start()
    try:
        assert crew.run("true").failure == ""
        assert not is_forked(crew)
    finally:
        over.set()
        thread.join()


def test_beside_the_screen_that_only_looks_it_is_forked(crew: Crew):
    """The thread of the plain screen has begun when the first job is handed out."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="wavebuild-screen")
    thread.start()
    try:
        assert crew.run("true").failure == ""
        assert is_forked(crew)
    finally:
        over.set()
        thread.join()


def test_of_a_large_build_no_copy_is_made(crew: Crew, monkeypatch: pytest.MonkeyPatch):
    """Both would write to all of it."""
    monkeypatch.setattr(forking, "MOST_MEMORY", 1 << 20)

    assert crew.run("true").failure == ""
    assert not is_forked(crew)


def test_an_environment_without_room_for_what_must_show_gets_a_new_interpreter():
    """The block of variables that the system shows cannot grow."""
    assert forking.may_fork({"WAVEBUILD_ROOT": "/short"})
    assert not forking.may_fork({"WAVEBUILD_ROOT": "/" + "x" * 500_000})
