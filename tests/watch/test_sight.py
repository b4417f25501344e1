"""What is news to a project, and which folders must be watched to hear of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wavebuild.judge.stamp import stamp
from wavebuild.watch.sight import Sight


def seen(root: Path, *names: str) -> dict[str, tuple[int, ...]]:
    return {name: stamp(os.path.join(root, name)) for name in names}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    for name in ("a", "src/b", "src/deep/c"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_the_folders_of_all_that_is_looked_at_are_watched_up_to_the_root(root):
    """Also of what is not there; not those above the root."""
    sight = Sight(str(root), None, seen(root, "src/deep/c", "gone/away/x", "src", str(root.parent / "Wavefile")))
    assert sight.folders == {str(root / each) for each in ("", "src", "src/deep", "gone", "gone/away")}


def test_folders_out_of_the_root_are_watched_too(root, tmp_path_factory):
    """Of one that is not there, the nearest above it that is."""
    other = tmp_path_factory.mktemp("other")
    sight = Sight(str(root), None, seen(root, str(other / "x"), str(other / "no" / "y")))
    assert sight.folders == {str(root), str(other), str(other / "no")}


def test_only_what_is_looked_at_is_touched(root):
    """A path speaks of itself, of the listed folder that it lies in, or, being a folder, of all below it."""
    sight = Sight(str(root), None, seen(root, "a", "src", "src/deep/c"))
    assert sight.touched([str(root / "noise"), str(root / "src" / "deep" / "noise")]) == []
    assert sight.touched([str(root / "a"), str(root / "noise")]) == ["a"]
    assert sight.touched([str(root / "src" / "new")]) == ["src"]
    assert sight.touched([str(root / "a"), str(root / "src" / "deep")]) is None


def test_news_is_what_neither_the_build_has_seen_nor_was_so_before_it(root):
    """A change that the build has begun with is no news, whatever it has recorded of it."""
    sight = Sight(str(root), None, seen(root, "a", "src/b", "none"))
    assert sight.news() == {}
    (root / "a").write_text("other")
    (root / "none").write_text("new")
    now = sight.moved()
    assert set(now) == {"a", "none"}
    again = Sight(str(root), None, seen(root, "src/b") | {"a": (1, 2, 3, 4, 5), "none": ()}, before=now)
    assert again.news() == {}
    (root / "a").unlink()
    assert again.news() == {"a": ()}
    assert again.news(["src/b"]) == {}


def test_what_a_link_leads_to_counts(root):
    """Its own stamp is the same whatever is done there."""
    (root / "link").symlink_to("src/b")
    sight = Sight(str(root), None, seen(root, "link"))
    assert sight.news() == {}
    (root / "src" / "b").write_text("another text")
    assert set(sight.news()) == {"link"}
