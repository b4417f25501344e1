"""What the parent process does to files, where no build is needed to see it."""

from __future__ import annotations

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


def test_a_new_file_is_whole(tmp_path: Path) -> None:
    """It holds what was given, and it alone is there afterwards."""
    disk.write_new(str(tmp_path / "new"), b"text")

    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new").read_bytes() == b"text"
