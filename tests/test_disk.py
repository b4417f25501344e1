"""What the parent process does to files, where no build is needed to see it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wavebuild import disk


def test_a_new_file_never_comes_over_what_stands_there(tmp_path: Path) -> None:
    """A file, a link to nowhere: it stays, and nothing is left of the attempt."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")

    for name in ("mine", "link"):
        with pytest.raises(FileExistsError):
            disk.write_new(str(tmp_path / name), b"other")

    assert (tmp_path / "mine").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "mine"]


def test_where_every_change_is_told_it_is(tmp_path: Path) -> None:
    """A hundred changes, each right after a look: no two looks see the same time of change."""
    device = disk.tells_every_change(str(tmp_path))
    if device is None:
        pytest.skip("the clock of this file system stands still between ticks")
    times = set()
    for number in range(100):
        (tmp_path / "a").write_text(str(number))
        times.add((tmp_path / "a").stat().st_ctime_ns)

    assert device == tmp_path.stat().st_dev
    assert len(times) == 100
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_where_every_change_of_folders_is_told_it_is(tmp_path: Path) -> None:
    """A hundred changes, each right after a look; what a killed build left of its trial is no hindrance."""
    (tmp_path / ".trial").write_text("")
    disk.tells_changes_of_folders(str(tmp_path))
    assert not (tmp_path / ".trial").exists()
    if not disk.tells_changes_of_folders(str(tmp_path)):
        pytest.skip("the clock of this file system stands still between ticks")
    times = set()
    for number in range(100):
        (tmp_path / str(number)).write_text("")
        times.add(tmp_path.stat().st_mtime_ns)

    assert len(times) == 100
    assert not (tmp_path / ".trial").exists()


def test_what_cannot_be_tried_is_not_vouched_for(tmp_path: Path) -> None:
    """Neither a folder that is not there, nor one in which no file can be made."""
    assert disk.tells_every_change(str(tmp_path / "none")) is None
    assert disk.tells_every_change("/proc") is None
    assert not disk.tells_changes_of_folders(str(tmp_path / "none"))
    assert not disk.tells_changes_of_folders("/proc")


def test_a_file_that_seems_empty_is_read_to_its_end() -> None:
    """Files of the kernel say that they hold nothing."""
    path = "/proc/self/limits"

    assert disk.sha256(path)[0] == hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_new_file_is_whole(tmp_path: Path) -> None:
    """It holds what was given, and it alone is there afterwards."""
    disk.write_new(str(tmp_path / "new"), b"text")

    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new").read_bytes() == b"text"


WATCHES = """
import os, sys

def hook(event, arguments):
    if event == "shutil.copyfile" or event == "fcntl.ioctl":
        [part] = [name for name in os.listdir(".") if name.endswith(".part")]
        print(oct(os.stat(part).st_mode & 0o777))

os.umask(0)
sys.addaudithook(hook)
from wavebuild import disk
disk.copy(os.path.abspath("mine"), os.path.abspath("copy"))
print(oct(os.stat("copy").st_mode & 0o777))
"""


def test_a_copy_is_nobody_elses_while_it_is_made(tmp_path: Path) -> None:
    """A file that others may not read cannot be read in its copy for a moment either."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "mine").chmod(0o640)

    told = subprocess.run(
        [sys.executable, "-c", WATCHES],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(disk.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )

    *meanwhile, after = told.stdout.split()
    assert set(meanwhile) == {"0o600"}
    assert after == "0o640"


@pytest.mark.parametrize("held", ["nothing", "a file", "a folder", "no folder at all"])
def test_a_folder_goes_with_all_that_is_in_it(held: str, tmp_path: Path) -> None:
    """Empty or not, and also if it was never there."""
    folder = tmp_path / "ours"
    if held != "no folder at all":
        folder.mkdir()
    if held == "a file":
        (folder / "x").write_text("1")
    if held == "a folder":
        (folder / "x/y").mkdir(parents=True)
        (folder / "x/y/z").write_text("1")
        (tmp_path / "theirs").mkdir()
        (tmp_path / "theirs/x").write_text("1")
        (folder / "x/link").symlink_to(tmp_path / "theirs")

    disk.remove_tree(str(folder))

    assert not folder.exists()
    assert held != "a folder" or (tmp_path / "theirs/x").exists()


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    """A link in the place of a folder of ours is not followed."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/x").write_text("1")
    (tmp_path / "ours").symlink_to("theirs")

    with pytest.raises(OSError, match="ours"):
        disk.remove_tree(str(tmp_path / "ours"))

    assert (tmp_path / "theirs/x").exists()
