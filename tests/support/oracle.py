"""One random project through several edits and accidents, built by wavebuild and held against the reference runner.

It does not know how wavebuild is written; a broken promise is an AssertionError that names the seed and the story.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from tests.support.accidents import Aftermath, random_accident
from tests.support.command import Finished, Site, snapshot
from tests.support.edits import Edit, random_edit, remove_step
from tests.support.forks import ForkedSite, Forks
from tests.support.project import NOTES, World, random_world
from tests.support.reference import Reference, all_facts, clean_build, differences

Kind = Literal["edits", "accidents"]


@dataclass(frozen=True)
class Story:
    """What a trial does: chapters are numbers from which each edit or accident follows, whatever else is left out."""

    seed: int
    kind: Kind
    chapters: tuple[int, ...]
    without: frozenset[str] = frozenset()  # steps that the first project lacks

    @classmethod
    def of(cls, seed: int, edits: int) -> Story:
        return cls(seed, "accidents" if seed % 2 else "edits", tuple(range(edits)))


@dataclass
class Trial:
    """A project under test, with all that was done to it so far."""

    seed: int
    site: ForkedSite
    world: World
    reference: Reference = field(default_factory=lambda: Reference(by_lines=(NOTES,)))
    story: list[str] = field(default_factory=list)
    settled: dict[str, object] = field(default_factory=dict)  # the steps as they last were when all was

    def demand(self, holds: bool, text: str, build: Finished | None = None) -> None:
        if holds:
            return
        said = f"\n--- exit {build.code}\n{build.out}{build.err}" if build else ""
        raise AssertionError("\n".join([f"seed {self.seed}: {text}", *self.story, str(self.site.root)]) + said)

    def wavebuild(self, *arguments: str) -> Finished:
        """Now and then as a person would, with the time that takes."""
        if self.world.rng.random() < 0.05:
            return Site.wavebuild(self.site, *arguments)
        return self.site.wavebuild(*arguments)

    def clean_copy(self) -> Path:
        """What a build from nothing makes of the present sources."""
        clean = self.site.home / "clean"
        shutil.rmtree(clean, ignore_errors=True)
        clean.with_suffix(".memory").unlink(missing_ok=True)
        clean.mkdir()
        environ = self.site.environ | {"JOURNAL": "/dev/null", "HOOKS": "/nowhere"}
        clean_build(self.world.project(), self.site.root, clean, environ)
        return clean

    def flags(self) -> list[str]:
        rng = self.world.rng
        schedule = rng.choice(([], ["--barrier"], ["--schedule", "flow"]))
        return [f"-j{rng.randint(1, 4)}", *schedule, *(["-k"] if rng.random() < 0.3 else [])]

    def refused_until(self, undo: object) -> None:
        """A missing source stops everything before anything runs."""
        build = self.wavebuild(*self.flags())
        self.demand(build.code == 2, "a missing source is refused with exit 2", build)
        self.demand(self.site.ran() == [], "nothing runs while a source is missing", build)
        assert callable(undo)
        undo()

    def settle(self, edit: Edit) -> None:
        """Builds once and again, and asks every promise."""
        clean = self.clean_copy()
        self.remember()
        expected = sorted(self.reference.must_run(self.world.project(), self.site.root, clean))
        may = set(self.reference.may)
        if not (edit.gate or self.world.probes or may):
            self.questions(stale=bool(expected))
        foretold = self.foretold()
        build = self.wavebuild(*self.flags())
        ran = sorted(self.site.ran())
        self.came_true(foretold, ran, build)
        self.demand(build.code == 0, "the build succeeds", build)
        self.equals(clean, build)
        had_to = sorted(expected + [step for step in ran if step in may])
        self.demand(ran == had_to, f"ran {ran}, had to run {had_to}", build)
        self.is_idle()
        if self.world.rng.random() < 0.5 and not self.world.probes:
            self.questions(stale=False)
        self.settled = self.standing(clean)

    def recover(self, after: Aftermath, known: Path | None = None) -> None:
        """A plain build makes all good, and repeats nothing that was told as done. ``known``: a clean one."""
        if after.forgot:
            self.remove_members_of_globs()
            self.world.take_back(self.world.specs)
        clean = known or self.clean_copy()
        self.site.ran()
        now = self.standing(clean)
        kept = {name for name, facts in now.items() if self.settled.get(name) == facts}
        foretold = {} if after.forgot else self.foretold()
        build = self.wavebuild(*self.flags())
        if after.forgot and build.code == 1 and "was not made by this step" in build.err:
            build = self.wavebuild("-B", *self.flags())
        ran = self.site.ran()
        self.came_true(foretold, ran, build)
        self.demand(build.code == 0, "the build after it succeeds", build)
        self.equals(clean, build)
        if not after.forgot:
            again = after.told.intersection(ran)
            self.demand(not again, f"{sorted(again)} had been told as done, and ran again", build)
            spurious = kept.intersection(ran) - after.ran
            self.demand(not spurious, f"{sorted(spurious)} had nothing to do, and ran", build)
        self.is_idle()
        self.settled = self.standing(clean)

    def remove_members_of_globs(self) -> None:
        """Whose they are is not known any more: they would stay beside what is made, and a person takes them away."""
        parts = self.site.root / "parts"
        gone = [path.read_text() for path in parts.rglob("*") if path.is_file()]
        self.world.precious = [text for text in self.world.precious if text not in gone]
        shutil.rmtree(parts, ignore_errors=True)

    def equals(self, clean: Path, build: Finished) -> None:
        self.remember()
        wrong = differences(self.world.project(), self.site.root, clean)
        self.demand(not wrong, f"incremental equals clean, but for {wrong}", build)
        self.demand(self.site.nothing_alive(), f"no process is left, but {self.site.alive()}", build)
        lost = self.lost()
        self.demand(not lost, f"what a person wrote is lost: {lost}", build)

    def is_idle(self) -> None:
        second = self.wavebuild(*self.flags())
        self.demand(second.code == 0 and self.site.ran() == [], "a second build runs nothing", second)
        self.demand("nothing to do" in second.out + second.err, "it says: nothing to do", second)
        strays = stray_files(self.site.root)
        self.demand(not strays, f"nothing is left over, but {strays}", second)
        self.demand(is_sound(self.site.root), "the state is sound", second)

    def remember(self) -> None:
        """Puts what the shared memory of the project holds where the reference looks."""
        told = self.site.wavebuild("mem", "--json")
        self.demand(told.code == 0, "the shared memory is told", told)
        known = {one["key"]: one["value"] for one in told.json["memory"] if "value" in one}
        self.site.root.with_suffix(".memory").write_text(json.dumps(known))

    def lost(self) -> list[str]:
        """What a person wrote into outputs, and what is neither there nor set aside for them."""
        if not self.world.precious:
            return []
        there = set()
        for folder in ("out", "far", "parts", "db", "mix", ".wavebuild/displaced"):
            for path in (self.site.root / folder).rglob("*"):
                if path.is_file():
                    there.add(path.read_bytes())
        return [text for text in self.world.precious if text.encode() not in there]

    def standing(self, clean: Path) -> dict[str, object]:
        """Every step with its outputs as they stand, and its inputs as they will be when all is done."""
        steps = self.world.project()["steps"]
        return {
            step["name"]: (
                (step["command"], step["outputs"], step["env"]),
                all_facts(clean, step["inputs"], steps),
                all_facts(self.site.root, step["outputs"], steps),
            )
            for step in steps
        }

    def foretold(self) -> dict[str, str]:
        """The plan's word for every step, asked now and then; nothing changes by it."""
        if self.world.rng.random() < 0.6:
            return {}
        before = snapshot(self.site.root, folder_times=True)
        plan = self.wavebuild("plan", "--json")
        self.demand(plan.code == 0, "the plan is told", plan)
        self.demand(snapshot(self.site.root, folder_times=True) == before, "the plan changes nothing on disk")
        return {step["name"]: step["plan"] for wave in plan.json["waves"] for step in wave["steps"]}

    def came_true(self, foretold: dict[str, str], ran: Collection[str], build: Finished) -> None:
        for step, word in foretold.items():
            self.demand(word != "fresh" or step not in ran, f"{step} was said to be fresh, and ran", build)
            self.demand(word != "run" or step in ran, f"{step} was said to run, and did not", build)

    def questions(self, stale: bool) -> None:
        """``-q`` tells the truth; neither it nor ``-n`` changes anything."""
        before = snapshot(self.site.root, folder_times=True)
        question = self.wavebuild("-q")
        self.demand(question.code == int(stale), f"-q answers {int(stale)}", question)
        dry = self.wavebuild("-n")
        self.demand(dry.code == 0, "-n ends well", dry)
        self.demand(self.site.ran() == [], "questions run nothing")
        after = snapshot(self.site.root, folder_times=True)
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        self.demand(not changed, f"questions change nothing on disk: {changed}")


def stray_files(root: Path) -> list[str]:
    """What a build has forgotten to take away."""
    found = [path for path in root.rglob("*") if path.name.endswith(".part") or path.name.startswith(".wavebuild-")]
    rooms = (root / ".wavebuild" / name for name in ("aside", "memory", "sandbox", "updates"))
    found += [path for room in rooms if room.is_dir() for path in room.iterdir()]
    found += [path for path in [root / ".wavebuild/groups"] if path.exists()]
    return sorted(str(path.relative_to(root)) for path in found)


def is_sound(root: Path) -> bool:
    """Whether the state can be read whole, and nothing is left open in it."""
    with closing(sqlite3.connect(f"file:{root}/.wavebuild/state/Wavefile.db?mode=ro&immutable=1", uri=True)) as handle:
        (said,) = handle.execute("pragma integrity_check").fetchone()
        (attempts,) = handle.execute("select count(*) from attempts").fetchone()
    return bool(said == "ok" and attempts == 0)


def run_story(story: Story, home: Path, forks: Forks) -> None:
    """A project from a seed: built, then edited or struck and built again, several times."""
    with closing(ForkedSite(home, forks=forks)) as site:
        world = random_world(site.root, Random(story.seed))
        for spec in [spec for spec in world.specs if spec.name in story.without]:
            remove_step(world, spec)
        world.write_wavefile()
        trial = Trial(story.seed, site, world, story=[f"first build of {len(world.specs)} steps"])
        trial.settle(Edit("first build"))
        for chapter in story.chapters:
            world.rng = Random(f"{story.seed}/{chapter}")
            if story.kind == "accidents":
                live_through(trial)
            else:
                edit_and_settle(trial)


def edit_and_settle(trial: Trial) -> None:
    """An edit, and all that is promised of the next builds."""
    edit = random_edit(trial.world)
    trial.story.append(edit.text)
    if edit.undo:
        trial.refused_until(edit.undo)
    trial.settle(edit)


def live_through(trial: Trial) -> None:
    """Perhaps an edit, then a build that meets with an accident, then a plain one."""
    if trial.world.rng.random() < 0.8:
        edit = random_edit(trial.world)
        trial.story.append(edit.text)
        if edit.undo:
            edit.undo()
    trial.site.ran()
    after = random_accident(trial.site, trial.world)
    trial.story.append(after.text)
    trial.demand(not after.complaint, after.complaint)
    trial.recover(after)


def shrunk(story: Story, names: Collection[str], still_fails: object) -> Story:
    """The story with every chapter and step left out without which it still fails."""
    assert callable(still_fails)
    for chapter in reversed(story.chapters):
        shorter = Story(story.seed, story.kind, tuple(c for c in story.chapters if c != chapter), story.without)
        story = shorter if still_fails(shorter) else story
    for name in sorted(names, reverse=True):
        smaller = Story(story.seed, story.kind, story.chapters, story.without | {name})
        story = smaller if still_fails(smaller) else story
    return story


def environ_of_trials() -> None:
    """Nothing of where the tests run gets into the builds."""
    for name in [name for name in os.environ if name.startswith(("WAVEBUILD_", "GITHUB_"))]:
        del os.environ[name]
