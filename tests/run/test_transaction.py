"""Former outputs come back byte for byte after a failure or a kill at any moment; nobody's file is lost."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from tests.support.folders import aged, tree
from tests.support.kills import killed_after
from wavebuild.judge.members import Folders
from wavebuild.run.records import Attempt
from wavebuild.run.transaction import (
    Room,
    bystander_changed,
    conclude,
    move_partial,
    partial_outputs,
    plan_displaced,
    put_back,
    set_aside,
)

ROOM = Room("/nowhere", (), "r.0")
MEMBERS = ("d/a", "d/sub/b", "d/.hidden", "o.txt", "out/x/y.txt", "parts/p.txt", "parts/q.txt")
EMPTY = "d/empty/"
BYSTANDERS = ("parts/mine.txt", "parts/yours.txt")
FOREIGN = ("src/a", "notes.md")
COVERS = (("directory", "d", ()), ("file", "o.txt", ()), ("file", "out/x/y.txt", ()), ("glob", "parts/*.txt", ()))


def project(root: Path, members: tuple[str, ...] = MEMBERS, bystanders: tuple[str, ...] = BYSTANDERS) -> Attempt:
    """A root with these former outputs, with files of other people, and the attempt that is about to begin."""
    for number, path in enumerate((*members, *bystanders, *FOREIGN)):
        if path.endswith("/"):
            (root / path).mkdir(parents=True)
        else:
            aged(root / path, f"former {path}", seconds=number)
    return Attempt(
        id="r.0",
        step="s",
        run="r",
        key="k",
        aside=ROOM.plan(members),
        bystanders={path: f".wavebuild/aside/r.0/b{number}" for number, path in enumerate(bystanders)},
        covers=COVERS,
    )


def restored(before: dict[str, tuple[str, int]], root: Path) -> None:
    """All is as it was; only the folders of outputs, made for the step, may be left empty outside ``d/``."""
    after = tree(root)
    new_folders = {path for path in after if path.endswith("/") and path not in before}

    assert {path: found for path, found in after.items() if path not in new_folders} == before
    assert {path for path in new_folders if path.startswith("d/")} <= {"d/"}
    assert not (root / ".wavebuild/aside/r.0").exists()


def files(found: dict[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
    """Without the empty folders."""
    return {path: facts for path, facts in found.items() if not path.endswith("/")}


Deed = tuple[str, str]

PATHS = (*MEMBERS, *BYSTANDERS, "d/new", "d/sub/new", "d/deep/er/new", "parts/new.txt", "d/empty/x")
deeds = some.lists(
    some.tuples(some.sampled_from(["write", "replace", "delete", "link"]), some.sampled_from(PATHS))
    | some.tuples(some.just("clear"), some.sampled_from(["d", "d/sub", "parts", "out/x", "out"])),
    max_size=8,
)
moments = some.none() | some.integers(0, 40)


def behave(root: Path, what: list[Deed]) -> None:
    """What a step may do before it fails."""
    for number, (deed, path) in enumerate(what):
        place = root / path
        if deed == "clear":
            shutil.rmtree(place, ignore_errors=True)
        elif deed == "delete":
            place.unlink(missing_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            if deed == "link" or place.is_symlink():
                place.unlink(missing_ok=True)
            if deed == "link":
                place.symlink_to("nowhere")
            elif deed == "replace":
                new = aged(root / ".wavebuild/of-the-step", f"new {number}")
                os.replace(new, place)
            else:
                place.write_text(f"new {number}")


@pytest.mark.scenario(id="K1")
@settings(max_examples=50, deadline=None)
@given(what=deeds, first=some.none() | some.integers(0, 30), second=moments, third=moments)
@example(what=[("clear", "d")], first=None, second=12, third=3)
def test_former_outputs_come_back_whatever_the_step_did_and_whenever_it_was_killed(what, first, second, third):
    """Killed while they were set aside, while the step ran, while they were put back, and again while repaired."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        attempt = project(root)
        before = tree(root)

        with killed_after(first):
            set_aside(str(root), attempt)
            behave(root, what)
        for moment in (second, third, None):
            with killed_after(moment):
                put_back(Folders(str(root)), attempt)

        restored(before, root)


@settings(max_examples=25, deadline=None)
@given(first=some.none() | some.integers(0, 12), second=some.none() | some.integers(0, 20))
@example(first=4, second=None)
def test_empty_folders_come_back_too_whenever_it_was_killed(first, second):
    """An empty folder is a member like any file: without it the step would be stale."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        attempt = project(root, ("d/a", EMPTY, "d/sub/b", "d/sub/void/"))
        before = tree(root)

        with killed_after(first):
            set_aside(str(root), attempt)
        for moment in (second, None):
            with killed_after(moment):
                put_back(Folders(str(root)), attempt)

        restored(before, root)


@settings(max_examples=40, deadline=None)
@given(what=deeds, again=deeds, first=some.none() | some.integers(0, 40), second=moments, third=moments)
@example(what=[("clear", "d")], again=[("delete", "d/a"), ("write", "d/sub/new")], first=None, second=5, third=9)
def test_what_is_edited_in_place_comes_back_too(what, again, first, second, third):
    """Whatever two tries did to it, and whenever they and the repair were killed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        attempt = edited_in_place(root)
        before, times = tree(root), folder_times(root)

        with killed_after(first):
            set_aside(str(root), attempt)
            behave(root, what)
            move_partial(Folders(str(root)), attempt)
            behave(root, again)
        for moment in (second, third, None):
            with killed_after(moment):
                put_back(Folders(str(root)), attempt)

        restored(before, root)
        assert folder_times(root) == times


@settings(max_examples=20, deadline=None)
@given(what=deeds)
def test_a_further_try_finds_what_is_edited_in_place_as_the_first_did(what):
    """All of it, and nothing that the first try left."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        attempt = edited_in_place(root)
        set_aside(str(root), attempt)
        before = {path: found for path, found in tree(root).items() if path.startswith("d/")}

        behave(root, what)
        move_partial(Folders(str(root)), attempt)

        assert {path: found for path, found in tree(root).items() if path.startswith("d/")} == before


def edited_in_place(root: Path) -> Attempt:
    """An attempt at the same outputs, of which the directory is edited rather than made anew."""
    attempt = project(root)
    held = [path for path in MEMBERS if path.startswith("d/")]
    copied, folders = ROOM.plan(held, "c"), ROOM.plan(["d", "d/sub"], "f")
    for number, path in enumerate(("d/sub", "d")):
        os.utime(root / path, ns=(10**18 + number, 10**18 + number))
    aside = ROOM.plan([path for path in MEMBERS if path not in held])
    return msgspec.structs.replace(attempt, aside=aside, in_place=("d",), copied=copied, folders=folders)


def folder_times(root: Path) -> dict[str, int]:
    return {path: (root / path).stat().st_mtime_ns for path in ("d", "d/sub")}


@pytest.mark.scenario(id="P13")
@settings(max_examples=25, deadline=None)
@given(what=deeds)
def test_what_a_failed_step_left_is_kept_for_a_look(what):
    """Partial outputs are in the failed folder, with their bytes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        attempt = project(root)
        before = tree(root)
        set_aside(str(root), attempt)
        behave(root, what)
        left_there = tree(root)

        left = put_back(Folders(str(root)), attempt)

        restored(before, root)
        for path in left:
            kept = root / ".wavebuild/failed/s" / path.rstrip("/")
            assert os.path.lexists(kept)
            if kept.is_file() and not kept.is_symlink():
                assert kept.read_text() == left_there[path][0]


@pytest.mark.scenario(id="K10")
@settings(max_examples=30, deadline=None)
@given(what=deeds, moment=moments, edited=some.sets(some.sampled_from(["o.txt", "d/a", "parts/p.txt"])))
def test_after_a_success_edits_are_displaced_however_often_it_is_cut_off(what, moment, edited):
    """Edited bytes lie in the displaced folder, the new outputs stand untouched, a deleted bystander is back."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        attempt = project(root)
        before = tree(root)
        attempt.displaced.update(plan_displaced("r", edited))
        set_aside(str(root), attempt)
        behave(root, what)
        made = tree(root)

        for each in (moment, None):
            with killed_after(each):
                conclude(str(root), attempt)

        came_back = {path: before[path] for path in BYSTANDERS if path not in made}
        assert files(tree(root)) == files(made) | came_back
        kept = {path: (root / ".wavebuild/displaced/r" / path).read_text() for path in edited}
        assert kept == {path: f"former {path}" for path in edited}
        assert not (root / ".wavebuild/aside/r.0").exists()


class TestSettingAside:
    def test_no_former_output_stands_in_the_way(self, tmp_path: Path):
        """A step starts from where it started the first time, its folders made."""
        attempt = project(tmp_path)
        set_aside(str(tmp_path), attempt)

        assert set(tree(tmp_path)) == {*BYSTANDERS, *FOREIGN, "d/", "out/x/"}

    def test_folders_of_outputs_are_made_up_to_the_first_wild_part(self, tmp_path: Path):
        """`reports/*/x.txt` can only have `reports`."""
        attempt = Attempt("r.0", "s", "r", "k", {}, {}, (("glob", "reports/*/x.txt", ()), ("glob", "*.txt", ())))
        set_aside(str(tmp_path), attempt)

        assert os.listdir(tmp_path) == ["reports"]

    def test_a_bystander_stays_where_it_is(self, tmp_path: Path):
        """Only a copy is kept of it."""
        attempt = project(tmp_path)
        identity = (tmp_path / "parts/mine.txt").stat().st_ino
        set_aside(str(tmp_path), attempt)

        assert (tmp_path / "parts/mine.txt").stat().st_ino == identity


class TestBystanders:
    def test_a_changed_bystander_is_noticed_and_an_unchanged_one_not(self, tmp_path: Path):
        """By its bytes: a touched file is the same."""
        attempt = project(tmp_path)
        set_aside(str(tmp_path), attempt)
        (tmp_path / "parts/mine.txt").write_text("changed")
        (tmp_path / "parts/yours.txt").touch()

        assert bystander_changed(str(tmp_path), attempt, "parts/mine.txt")
        assert not bystander_changed(str(tmp_path), attempt, "parts/yours.txt")
        assert partial_outputs(Folders(str(tmp_path)), attempt) == ["parts/mine.txt"]

    def test_a_deleted_bystander_comes_back_after_a_failure(self, tmp_path: Path):
        """It was never ours to delete."""
        attempt = project(tmp_path)
        before = tree(tmp_path)
        set_aside(str(tmp_path), attempt)
        (tmp_path / "parts/mine.txt").unlink()

        put_back(Folders(str(tmp_path)), attempt)

        restored(before, tmp_path)

    def test_a_bystander_that_a_successful_step_deleted_is_not_lost(self, tmp_path: Path):
        """`rm -f parts/*.txt` is how many a script begins: the person's file is somewhere after it."""
        attempt = project(tmp_path)
        set_aside(str(tmp_path), attempt)
        (tmp_path / "parts/mine.txt").unlink()

        conclude(str(tmp_path), attempt)

        texts = [path.read_text() for path in tmp_path.rglob("*.txt")]
        assert "former parts/mine.txt" in texts

    def test_a_bystander_that_a_failed_try_changed_survives_the_next_try(self, tmp_path: Path):
        """The first try writes to it and fails, the second does not touch it and succeeds."""
        attempt = project(tmp_path)
        set_aside(str(tmp_path), attempt)
        (tmp_path / "parts/mine.txt").write_text("spoilt")
        move_partial(Folders(str(tmp_path)), attempt)

        conclude(str(tmp_path), attempt)

        texts = [path.read_text() for path in tmp_path.rglob("*.txt")]
        assert "former parts/mine.txt" in texts


class TestWhatChangedItsKind:
    """A step that puts a folder where a file was, or a file where a folder was, and then fails."""

    def check(self, root: Path, attempt: Attempt, path: str, becomes: str) -> None:
        before = tree(root)
        set_aside(str(root), attempt)
        place = root / path
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        if becomes == "folder":
            (place / "in").mkdir(parents=True)
            (place / "in/side").write_text("new")
        elif becomes == "file":
            place.write_text("new")
        else:
            place.symlink_to("nowhere")

        put_back(Folders(str(root)), attempt)

        restored(before, root)

    @pytest.mark.parametrize("path", ["o.txt", "d/a", "parts/p.txt", "out/x/y.txt"])
    def test_a_folder_in_a_files_place_gives_way(self, tmp_path: Path, path: str):
        """The former file comes back."""
        self.check(tmp_path, project(tmp_path), path, "folder")

    @pytest.mark.parametrize("becomes", ["file", "link"])
    @pytest.mark.parametrize("path", ["d", "d/sub", "out", "out/x"])
    def test_a_file_in_a_folders_place_gives_way(self, tmp_path: Path, path: str, becomes: str):
        """The former files in it come back."""
        self.check(tmp_path, project(tmp_path), path, becomes)

    def test_a_folder_in_a_bystanders_place_gives_way(self, tmp_path: Path):
        """The person's file comes back."""
        self.check(tmp_path, project(tmp_path), "parts/mine.txt", "folder")
