"""One random project through several edits, built by wavebuild and held against the reference runner.

It does not know how wavebuild is written; a broken promise is an AssertionError that names the seed and the edits.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.support.command import Finished, Site, snapshot
from tests.support.edits import random_edit
from tests.support.project import World, random_world
from tests.support.reference import Reference, clean_build, differences


@dataclass
class Trial:
    """A project under test, with all that was done to it so far."""

    seed: int
    site: Site
    world: World
    reference: Reference = field(default_factory=Reference)
    story: list[str] = field(default_factory=list)

    def demand(self, holds: bool, text: str, build: Finished | None = None) -> None:
        if holds:
            return
        said = f"\n--- exit {build.code}\n{build.out}{build.err}" if build else ""
        raise AssertionError("\n".join([f"seed {self.seed}: {text}", *self.story, str(self.site.root)]) + said)

    def clean_copy(self) -> Path:
        """What a build from nothing makes of the present sources."""
        clean = self.site.home / "clean"
        shutil.rmtree(clean, ignore_errors=True)
        clean.mkdir()
        clean_build(self.world.project(), self.site.root, clean, self.site.environ | {"JOURNAL": "/dev/null"})
        return clean

    def flags(self) -> list[str]:
        rng = self.world.rng
        schedule = rng.choice(([], ["--barrier"], ["--schedule", "flow"]))
        return [f"-j{rng.randint(1, 4)}", *schedule, *(["-k"] if rng.random() < 0.3 else [])]

    def refused_until(self, undo: object) -> None:
        """A missing source stops everything before anything runs."""
        build = self.site.wavebuild(*self.flags())
        self.demand(build.code == 2, "a missing source is refused with exit 2", build)
        self.demand(self.site.ran() == [], "nothing runs while a source is missing", build)
        assert callable(undo)
        undo()

    def settle(self) -> None:
        """Builds once and again, and asks every promise."""
        clean = self.clean_copy()
        expected = sorted(self.reference.must_run(self.world.project(), self.site.root, clean))
        self.questions(stale=bool(expected))
        build = self.site.wavebuild(*self.flags())
        ran = sorted(self.site.ran())
        self.demand(build.code == 0, "the build succeeds", build)
        wrong = differences(self.world.project(), self.site.root, clean)
        self.demand(not wrong, f"incremental equals clean, but for {wrong}", build)
        self.demand(ran == expected, f"ran {ran}, had to run {expected}", build)
        self.demand(self.site.nothing_alive(), "no process is left", build)
        if self.world.rng.random() < 0.5:
            self.questions(stale=False)
        second = self.site.wavebuild(*self.flags())
        self.demand(second.code == 0 and self.site.ran() == [], "a second build runs nothing", second)
        self.demand("nothing to do" in second.out + second.err, "it says: nothing to do", second)

    def questions(self, stale: bool) -> None:
        """``-q`` tells the truth; neither it nor ``-n`` changes anything."""
        before = snapshot(self.site.root, folder_times=True)
        question = self.site.wavebuild("-q")
        self.demand(question.code == int(stale), f"-q answers {int(stale)}", question)
        dry = self.site.wavebuild("-n")
        self.demand(dry.code == 0, "-n ends well", dry)
        self.demand(self.site.ran() == [], "questions run nothing")
        after = snapshot(self.site.root, folder_times=True)
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        self.demand(not changed, f"questions change nothing on disk: {changed}")


def run_trial(seed: int, home: Path, edits: int) -> None:
    """A project from a seed: built, then edited and built again, several times."""
    rng = Random(seed)
    site = Site(home)
    trial = Trial(seed, site, random_world(site.root, rng))
    trial.story.append("first build")
    trial.settle()
    for _ in range(edits):
        edit = random_edit(trial.world)
        trial.story.append(edit.text)
        if edit.undo:
            trial.refused_until(edit.undo)
        trial.settle()
