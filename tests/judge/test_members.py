"""Which files an artifact has on the disk."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.graph.declared import artifact
from tests.support.folders import written
from wavebuild import disk
from wavebuild.judge.members import Folders, members
from wavebuild.judge.stamp import TICK

LITTER = [
    ".wavebuild/x",
    ".git/config",
    "__pycache__/a.pyc",
    "a.pyc",
    ".DS_Store",
    ".ipynb_checkpoints/a",
    "a~",
    ".a.swp",
]


def of(
    root: Path,
    text: str,
    *exclude: str,
    ignore: tuple[str, ...] = (),
    other: Callable[[str], bool] = lambda path: False,
) -> list[str]:
    return members(Folders(str(root), ignore), artifact(text, *exclude), other)


class TestFiles:
    def test_a_file_is_its_own_member(self, tmp_path: Path):
        """If it is there."""
        written(tmp_path, {"a/b": "x"})

        assert of(tmp_path, "a/b") == ["a/b"]
        assert of(tmp_path, "a/c") == []

    def test_a_link_that_leads_nowhere_stands_there(self, tmp_path: Path):
        """Something must be moved out of the way."""
        (tmp_path / "a").symlink_to("nowhere")

        assert of(tmp_path, "a") == ["a"]


class TestDirectories:
    def test_hidden_files_and_empty_folders_are_members(self, tmp_path: Path):
        """A directory is everything in it."""
        written(tmp_path, {"d/a": "", "d/.hidden": "", "d/.deep/b": "", "d/empty/": "", "d/e/e/": "", "other": ""})

        assert of(tmp_path, "d/") == ["d/.deep/b", "d/.hidden", "d/a", "d/e/e/", "d/empty/"]

    def test_an_empty_or_absent_directory_has_no_members(self, tmp_path: Path):
        """Nothing was made in it."""
        (tmp_path / "d").mkdir()

        assert of(tmp_path, "d/") == of(tmp_path, "no/") == []

    def test_tools_litter_is_no_member(self, tmp_path: Path):
        """Editors, Python, git and we ourselves leave files everywhere."""
        written(
            tmp_path, {"d/a": "", **{f"d/{path}": "" for path in LITTER}, **{f"d/sub/{path}": "" for path in LITTER}}
        )

        assert of(tmp_path, "d/") == ["d/a", "d/sub/"]

    def test_the_same_file_by_two_links_is_two_members(self, tmp_path: Path):
        """Folders that links lead to are looked into."""
        written(tmp_path, {"far/x": "", "d/a": ""})
        (tmp_path / "d/link").symlink_to("../far")

        assert of(tmp_path, "d/") == ["d/a", "d/link/x"]

    @pytest.mark.scenario(id="F11")
    def test_links_in_a_circle_come_to_an_end(self, tmp_path: Path):
        """A link to the folder itself, or to one above, is not followed again."""
        written(tmp_path, {"d/a": "", "d/sub/b": ""})
        (tmp_path / "d/sub/up").symlink_to("..")
        (tmp_path / "d/self").symlink_to(".")

        assert of(tmp_path, "d/") == ["d/a", "d/sub/b"]

    @pytest.mark.parametrize("text", ["d/", "d/*", "d/**", "d/**/x"])
    def test_a_link_to_itself_is_no_crash(self, tmp_path: Path, text: str):
        """`ln -s loop loop` leads nowhere, like any dangling link."""
        written(tmp_path, {"d/x": ""})
        (tmp_path / "d/loop").symlink_to("loop")

        assert "d/x" in of(tmp_path, text)

    def test_a_link_that_leads_nowhere_is_a_member_of_a_directory(self, tmp_path: Path):
        """It stands there, though there is nothing to read."""
        written(tmp_path, {"d/x": ""})
        (tmp_path / "d/link").symlink_to("nowhere")

        assert of(tmp_path, "d/") == ["d/link", "d/x"]


class TestGlobs:
    FILES = ("a.csv", "b.txt", ".h.csv", "sub/c.csv", "sub/deep/d.csv", ".hid/e.csv", "sub/.hid/f.csv", "x.csv/in")

    @pytest.mark.parametrize(
        ("glob", "expected"),
        [
            ("r/*.csv", ["r/a.csv"]),
            ("r/.*.csv", ["r/.h.csv"]),
            ("r/**/*.csv", ["r/a.csv", "r/sub/c.csv", "r/sub/deep/d.csv"]),
            ("r/*/*.csv", ["r/sub/c.csv"]),
            ("r/sub/**", ["r/sub/c.csv", "r/sub/deep/d.csv"]),
            ("r/**/d.csv", ["r/sub/deep/d.csv"]),
            ("r/.hid/*", ["r/.hid/e.csv"]),
            ("r/[ab].*", ["r/a.csv", "r/b.txt"]),
            ("r/?.csv", ["r/a.csv"]),
            ("**/in", ["r/x.csv/in"]),
            ("r/no/*", []),
        ],
    )
    def test_a_glob_matches_files_and_hidden_ones_only_by_name(self, tmp_path: Path, glob: str, expected: list[str]):
        """Folders are never members of a glob, wherever `**` leads."""
        written(tmp_path, {f"r/{path}": "" for path in self.FILES})

        assert of(tmp_path, glob) == expected

    def test_links_in_a_circle_come_to_an_end(self, tmp_path: Path):
        """`**` does not go round for ever."""
        written(tmp_path, {"r/sub/a.csv": ""})
        (tmp_path / "r/sub/up").symlink_to("..")

        found = of(tmp_path, "r/**/*.csv")

        assert "r/sub/a.csv" in found
        assert len(found) < 4

    def test_litter_is_no_member_even_by_name(self, tmp_path: Path):
        """`d/.*` and `d/*` match names that are never members."""
        written(tmp_path, {f"d/{path}": "" for path in LITTER})

        assert of(tmp_path, "d/*") == of(tmp_path, "d/.*") == of(tmp_path, "d/**") == []
        assert of(tmp_path, "d/.git/config") == ["d/.git/config"], "a file that is named in full is meant"


class TestWhatIsLeftOut:
    def test_exclude_takes_files_and_whole_folders_away(self, tmp_path: Path):
        """By globs relative to the root."""
        written(tmp_path, {"d/a": "", "d/b.tmp": "", "d/sub/c.tmp": "", "d/sub/e": "", "d/old/x": ""})

        assert of(tmp_path, "d/", "d/**/*.tmp", "d/old/**") == ["d/a", "d/sub/e"]

    @pytest.mark.parametrize("pattern", ["*.bak", "**/*.bak"])
    def test_ignored_files_are_never_members(self, tmp_path: Path, pattern: str):
        """`settings.ignore` holds for every artifact."""
        written(tmp_path, {"d/a": "", "d/a.bak": "", "d/sub/b.bak": "", "d/sub/b": ""})

        assert of(tmp_path, "d/", ignore=(pattern,)) == ["d/a", "d/sub/b"]
        assert of(tmp_path, "d/**", ignore=(pattern,)) == ["d/a", "d/sub/b"]

    def test_the_caller_may_leave_out_more(self, tmp_path: Path):
        """Orphans, a step's own outputs."""
        written(tmp_path, {"d/a": "", "d/b": ""})

        assert of(tmp_path, "d/", other=lambda path: path == "d/a") == ["d/b"]


class TestEvidence:
    def test_every_folder_that_was_looked_into_is_remembered(self, tmp_path: Path):
        """Whoever settles that nothing changed must look at them again."""
        written(tmp_path, {"d/a/x": "", "d/b/y": ""})
        folders = Folders(str(tmp_path))

        members(folders, artifact("d/"))
        members(folders, artifact("e/*.csv"))

        assert set(folders.visited) == {"d", "d/a", "d/b", "e"}
        assert folders.visited["e"] is None

    def test_a_folder_that_may_hold_a_named_member_is_remembered(self, tmp_path: Path):
        """`r/*/x.csv` looks into each folder for the one file: a file that appears there must be noticed."""
        written(tmp_path, {"r/a/x.csv": "", "r/b/other": ""})
        folders = Folders(str(tmp_path))

        members(folders, artifact("r/*/x.csv"))

        assert "r/b" in folders.visited or "r/b/x.csv" in folders.probed

    def test_a_folder_is_remembered_as_it_was_before_it_was_looked_into(self, tmp_path: Path):
        """What appears in it later must not pass for what was seen."""
        written(tmp_path, {"d/a": ""})
        folders = Folders(str(tmp_path))
        before = (tmp_path / "d").stat().st_mtime_ns
        members(folders, artifact("d/"))

        written(tmp_path, {"d/b": ""})
        members(folders, artifact("d/"))

        status = folders.visited["d"]
        assert status is not None
        assert status.st_mtime_ns == before


class TestListings:
    """Folders are listed once, and again when something came or went."""

    @pytest.fixture
    def listed(self, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
        """How often each folder was listed, by its name."""
        counts: Counter[str] = Counter()
        true = disk.unsorted_entries

        def counted(folder: str) -> list[os.DirEntry[str]]:
            counts[os.path.basename(folder)] += 1
            return true(folder)

        monkeypatch.setattr(disk, "unsorted_entries", counted)
        return counts

    def settled(self, root: Path) -> Folders:
        """Folders whose stamps are old enough to be believed."""
        time.sleep(2 * TICK / 1e9)
        return Folders(str(root))

    def test_a_folder_is_listed_once_for_all_who_read_it(self, tmp_path: Path, listed: Counter[str]):
        """As a directory, by several patterns, before and after a run."""
        written(tmp_path, {"d/a.csv": "", "d/b.txt": "", "d/e/c.csv": ""})
        folders = self.settled(tmp_path)

        for text in ("d/", "d/*.csv", "d/*.txt", "d/**/*.csv", "d/"):
            members(folders, artifact(text))

        assert listed == {"d": 1, "e": 1}

    def test_what_comes_and_what_goes_is_seen(self, tmp_path: Path):
        """The folder is another by its stamp."""
        written(tmp_path, {"d/a": "", "d/e/b": ""})
        folders = self.settled(tmp_path)
        before = members(folders, artifact("d/"))

        (tmp_path / "d/e/c").write_text("")
        (tmp_path / "d/a").unlink()

        assert before == ["d/a", "d/e/b"]
        assert members(folders, artifact("d/")) == ["d/e/b", "d/e/c"]
        assert members(folders.anew(), artifact("d/")) == ["d/e/b", "d/e/c"]

    def test_what_comes_within_a_tick_is_seen(self, tmp_path: Path):
        """A folder whose stamp is too young is not believed, it is listed."""
        written(tmp_path, {"d/a": ""})
        folders = Folders(str(tmp_path))
        found = []
        for number in range(20):
            (tmp_path / f"d/{number}").write_text("")
            found.append(len(members(folders, artifact("d/"))))

        assert found == list(range(2, 22))

    def test_where_a_link_leads_is_asked_each_time(self, tmp_path: Path):
        """What it leads to becomes a folder, and the folder with the link is what it was."""
        written(tmp_path, {"d/a": "", "e/b": "", "f": ""})
        (tmp_path / "d/link").symlink_to("../to")
        (tmp_path / "to").symlink_to("f")
        folders = self.settled(tmp_path)
        before = members(folders, artifact("d/"))

        (tmp_path / "to").unlink()
        (tmp_path / "to").symlink_to("e")

        assert (before, members(folders, artifact("d/"))) == (["d/a", "d/link"], ["d/a", "d/link/b"])

    def test_a_folder_that_is_a_link_is_listed_each_time(self, tmp_path: Path):
        """The stamp of a link tells nothing of what lies in the folder that it leads to."""
        written(tmp_path, {"e/b": ""})
        (tmp_path / "d").symlink_to("e")
        folders = self.settled(tmp_path)
        before = members(folders, artifact("d/"))

        (tmp_path / "e/c").write_text("")

        assert (before, members(folders, artifact("d/"))) == (["d/b"], ["d/b", "d/c"])
