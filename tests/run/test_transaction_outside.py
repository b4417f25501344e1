"""Members out of the root, and on another disk, are set aside and put back whenever it is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.folders import aged, tree
from tests.support.kills import killed_after
from wavebuild.judge.members import Folders
from wavebuild.run.records import Attempt
from wavebuild.run.transaction import Room, conclude, plan_displaced, put_back, set_aside

MEMBERS = ("d/a", "d/sub/b", "d/void/", "one", "g/p.txt")
MOST = 60  # more changes of the disk than any of these deeds makes


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("there is no other device")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def begun(root: Path, far: Path, mounted: Path | None = None) -> Attempt:
    """Former outputs in a folder out of the root; ``mounted``: where they go, if that is another disk."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for folder in (far, mounted or far):
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for number, path in enumerate((*MEMBERS, "g/mine.txt", "notes.md")):
        if path.endswith("/"):
            (far / path).mkdir(parents=True)
        else:
            aged(far / path, f"former {path}", seconds=number)
    # Where a disk is mounted somewhere in the folder, what lies on it is set aside on another one.
    room = Room(str(root), (str(far),), "r.0")
    members = [f"{far}/{path}" for path in MEMBERS]
    aside = room.plan(members)
    if mounted is not None:
        aside = {path: there.replace(str(far), str(mounted), 1) for path, there in aside.items()}
    return Attempt(
        id="r.0",
        step="s",
        run="r",
        key="k",
        aside=aside,
        bystanders=room.plan([f"{far}/g/mine.txt"], "b"),
        covers=(
            ("directory", f"{far}/d", ()),
            ("file", f"{far}/one", ()),
            ("glob", f"{far}/g/*.txt", ()),
        ),
        displaced=plan_displaced("r", [f"{far}/one"]),
    )


def behave(far: Path) -> None:
    """What a step does before it fails."""
    shutil.rmtree(far / "d")
    (far / "d/sub").mkdir(parents=True)
    for path in ("d/sub/b", "d/new", "one", "g/p.txt", "g/mine.txt"):
        (far / path).write_text("new")
    os.mkfifo(far / "d/pipe")


Where = Callable[[Path, Path], tuple[Path, Path | None]]
PLACES: dict[str, Where] = {
    "beside the root": lambda here, there: (here / "far", None),
    "on another disk": lambda here, there: (there, None),
    "on a disk in the folder": lambda here, there: (here / "far", there),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("moment", ["setting aside", "putting back"])
def test_former_members_come_back_whenever_it_was_killed(
    place: str, moment: str, tmp_path: Path, other_disk: Path
) -> None:
    """At each change of the disk in turn, and at two of the repair; nothing of ours stays there."""
    (tmp_path / "far").mkdir()
    root = tmp_path / "root"
    far, mounted = PLACES[place](tmp_path, other_disk)
    for changes in range(0, MOST, 3):
        attempt = begun(root, far, mounted)
        before = tree(far)
        folders = Folders(str(root))

        with killed_after(changes if moment == "setting aside" else None):
            set_aside(str(root), attempt)
            behave(far)
        for kill in (changes if moment == "putting back" else 11, 5, None):
            with killed_after(kill):
                put_back(folders, attempt)

        assert tree(far) == before, changes
        assert mounted is None or not list(mounted.iterdir())


@pytest.mark.parametrize("place", PLACES)
def test_a_success_is_concluded_whenever_it_was_killed(place: str, tmp_path: Path, other_disk: Path) -> None:
    """What the step made stands, the edited bytes are kept in the root, and a bystander's former ones too."""
    (tmp_path / "far").mkdir()
    root = tmp_path / "root"
    far, mounted = PLACES[place](tmp_path, other_disk)
    for changes in range(0, MOST, 5):
        attempt = begun(root, far, mounted)
        set_aside(str(root), attempt)
        behave(far)
        (far / "d/pipe").unlink()
        made = tree(far)

        for kill in (changes, 4, None):
            with killed_after(kill):
                conclude(str(root), attempt)

        kept = root / f".wavebuild/displaced/r~outside{far}"
        assert {path: found for path, found in made.items() if ".wavebuild" not in path} == tree(far), changes
        assert [(kept / path).read_text() for path in ("one", "g/mine.txt")] == ["former one", "former g/mine.txt"]


@pytest.mark.scenario(id="F13")
def test_what_is_carried_to_another_disk_is_whole_whenever_it_was_killed(tmp_path: Path, other_disk: Path) -> None:
    """A folder with all that is in it, too: each file is at one place or at both, and done again it is there."""
    from wavebuild import disk

    for changes in range(0, 30, 2):
        old, new = tmp_path / "old", other_disk / "new"
        for folder in (old, new):
            shutil.rmtree(folder, ignore_errors=True)
        for path in ("a", "sub/b", "sub/c"):
            aged(old / path, path, seconds=7)
        before = tree(old)

        with killed_after(changes):
            disk.move(str(old), str(new))
        for path in ("a", "sub/b", "sub/c"):
            assert any((top / path).exists() and (top / path).read_text() == path for top in (old, new)), changes
        if old.exists():
            disk.move(str(old), str(new))

        assert tree(new) == before
        assert not old.exists()
