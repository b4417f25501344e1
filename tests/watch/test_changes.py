"""What may have changed: how much of it is looked at, while all changes are told of and while they are not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from wavebuild.judge.stamp import stamp
from wavebuild.watch.changes import Changes
from wavebuild.watch.face import Asked
from wavebuild.watch.sight import Sight, Stamp

NAMES = ("a", "b", "c", "none")


class Counting(Sight):
    """``looks``: the names that were looked at, each time; None: all."""

    looks: list[set[str] | None]

    def moved(self, names: Sequence[str] | None = None) -> dict[str, Stamp]:
        self.looks.append(None if names is None else set(names))
        return super().moved(names)


class Project:
    """Files of which one has moved since the last build, though it was so before that."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.all_is_told = True
        for name in NAMES[:3]:
            (root / name).write_text(name)
        self.changes = Changes(Asked(str(root), "", str(root / "none"), "", {}), lambda: self.all_is_told)
        self.sight(*NAMES)

    def sight(self, *names: str) -> None:
        seen = {name: stamp(os.path.join(self.root, name)) for name in names}
        (self.root / "c").write_text("moved before")
        before = {"c": stamp(str(self.root / "c"))}
        self.changes.sight = self._sight = Counting(str(self.root), None, seen, before)
        self._sight.looks = []

    def edit(self, *names: str) -> None:
        """Changed, and told of."""
        for name in names:
            (self.root / name).write_text(f"{name} is another one")
        self.tell(*names)

    def tell(self, *names: str) -> None:
        self.changes.note(self.changes.relevant([str(self.root / name) for name in names]))
        self.changes.look_ahead()

    def decide(self) -> dict[str, Stamp]:
        """What is taken to have moved when all has come to rest."""
        return self.changes.moved_now(self.changes.taken())

    def looks(self) -> list[set[str] | None]:
        found, self._sight.looks = self._sight.looks, []
        return found

    def is_right(self, moved: dict[str, Stamp]) -> bool:
        return moved == Sight.moved(self._sight)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.changes.note(None)
    project.decide()
    assert project.looks() == [None]
    return project


def test_while_all_is_told_only_what_was_told_of_is_looked_at(project: Project) -> None:
    """What had moved at the last look at everything is known all the same."""
    project.edit("a")
    moved = project.decide()
    assert project.looks() == [{"a"}]
    assert set(moved) == {"a", "c"}
    assert project.is_right(moved)
    project.edit("b", "none")
    project.edit("c")
    project.tell("noise")
    (project.root / "none").unlink()
    moved = project.decide()
    assert set(moved) == {"a", "b", "c"}
    assert project.is_right(moved)
    assert None not in project.looks()


def test_a_file_in_a_folder_that_is_listed_is_looked_at_with_the_folder_alone(project: Project) -> None:
    """The folder is told of only where it is another one, so that it may be all below it."""
    project.sight(*NAMES, ".")
    project.changes.note(None)
    project.decide()
    project.looks()
    project.edit("a", "new")
    moved = project.decide()
    assert set(moved) == {"a", "c", "."}
    assert project.is_right(moved)
    assert project.looks() == [{"a", "."}]


@pytest.mark.scenario(id="V1")
def test_where_changes_may_have_been_lost_everything_is_looked_at(project: Project) -> None:
    """Once; from then on what is told of is enough."""
    (project.root / "b").write_text("nobody tells of it")
    project.changes.note(None)
    project.edit("a")
    moved = project.decide()
    assert None in project.looks()
    assert set(moved) == {"a", "b", "c"}
    project.edit("a")
    assert project.is_right(project.decide())
    assert None not in project.looks()


@pytest.mark.scenario(id="V2")
def test_while_not_all_is_watched_everything_is_looked_at_each_time(project: Project) -> None:
    """Also once again when all is watched: what changed before that was not told of."""
    project.all_is_told = False
    for _ in range(2):
        project.changes.note(None)
        project.decide()
        project.looks()
        project.edit("a")
        (project.root / "b").write_text("nobody tells of it")
        project.decide()
        assert None in project.looks()
    project.all_is_told = True
    project.edit("a")
    assert set(project.decide()) == {"a", "b", "c"}
    assert None in project.looks()


@pytest.mark.scenario(id="V10")
def test_a_build_leaves_nothing_known(project: Project) -> None:
    """All is looked at after it: so what nobody tells of is found then."""
    project.edit("a")
    project.changes.begin(project.decide())
    project.looks()
    (project.root / "b").write_text("nobody tells of it")
    project.edit("a")
    assert set(project.decide()) == {"a", "b", "c"}
    assert None in project.looks()


def test_what_lies_above_the_root_is_looked_at_each_time(project: Project) -> None:
    """No folder above it is watched: others live there."""
    above = str(project.root.parent / "Wavefile")
    project.sight(*NAMES, above)
    project.changes.note(None)
    project.decide()
    Path(above).write_text("includes this one")
    project.edit("a")
    moved = project.decide()
    assert set(moved) == {"a", "c", above}
    assert project.is_right(moved)
    Path(above).unlink()
    project.edit("b")
    assert set(project.decide()) == {"a", "b", "c"}


def test_what_a_link_leads_to_is_looked_at_each_time(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It may lie where nobody watches."""
    other = tmp_path_factory.mktemp("other") / "file"
    other.write_text("1")
    (project.root / "none").symlink_to(other)
    project.sight(*NAMES)
    project.changes.note(None)
    project.decide()
    other.write_text("22")
    project.edit("a")
    moved = project.decide()
    assert set(moved) == {"a", "c", "none"}
    assert project.is_right(moved)


def test_what_came_and_is_gone_again_is_not_told_to_have_changed(project: Project) -> None:
    """An editor wrote it, and then gave it the name of the file that was saved; what was there before is told."""
    root = project.root
    project.sight(".", *NAMES)
    (root / "new").write_text("came")
    (root / "b").unlink()
    project.changes.remember([str(root / name) for name in ("a", "b", "new", "sedO7Wybh")])
    assert project.changes.shown([str(root), str(root / "a")]) == ("a", "b", "new")
