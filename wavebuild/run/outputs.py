"""The outputs of a step that runs: what stood there before, what the step made, what it may not touch.

It does not know why the step runs, nor how it is recorded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Iterator, Mapping

import msgspec

from wavebuild import disk
from wavebuild.declare.model import Artifact, Kind, Step
from wavebuild.errors import mistake
from wavebuild.graph import covers
from wavebuild.judge.digest import Reading
from wavebuild.judge.facts import Facts, output_reading
from wavebuild.judge.members import SIDECARS, made_members
from wavebuild.judge.reasons import EditLost
from wavebuild.judge.shared import shared_files
from wavebuild.judge.stamp import Stamp, stamp
from wavebuild.judge.trace import key
from wavebuild.run import transaction
from wavebuild.run.life import Due, Life
from wavebuild.run.records import Attempt


class Outputs:
    """``run``: of this build; ``outside``: the folders out of the root that outputs may lie in, absolute."""

    def __init__(self, facts: Facts, root: str, run: str, outside: tuple[str, ...]) -> None:
        self._facts = facts
        self._root = root
        self._run = run
        self._outside = outside
        self._safe_folders: set[str] = set()

    def attempt(self, step: Step, due: Due, identity: str, known: Container[str], forced: bool) -> Attempt:
        """What an attempt at the step moves and copies first; ``known``: members that some trace knows.

        Raises WavebuildError where an output lies behind a link that leads out of the root.
        """
        self._refuse_led_astray(step)
        databases = self._facts.sidecars(step)
        displaced = frozenset(due.displaced)
        displaced |= {path for path, database in databases.items() if database in displaced}
        covered = [*self._facts.outputs(step), *databases]
        covers_these = tuple((one.kind.value, one.path, one.exclude) for one in step.file_outputs)
        if not (covered or step.updates or displaced or any(one.in_place for one in step.outputs)):
            return Attempt(identity, step.name, self._run, key(step), {}, {}, covers_these)  # as most first runs
        ours = [path for path in covered if databases.get(path, path) in known or path in displaced]
        others = sorted({*covered}.difference(ours)) if len(ours) < len(covered) else []
        # Under -B all starts from nothing.
        in_place = [artifact for artifact in step.outputs if artifact.in_place and not forced]
        kept = dict.fromkeys(path for path in ours if any(covers(one, path.rstrip("/")) for one in in_place))
        room = transaction.Room(self._root, self._outside, identity)
        shared = () if step.sandbox else shared_files(step)
        if shared:
            displaced |= _lost(due).intersection(shared)  # where it wrote, somebody else has written since
        edited = [folder for artifact in in_place for folder in transaction.folders_of(self._facts.folders, artifact)]
        return Attempt(
            id=identity,
            step=step.name,
            run=self._run,
            key=key(step),
            aside=room.plan([path for path in ours if path not in kept]),
            bystanders=room.plan(others, "b"),
            covers=covers_these,
            displaced=transaction.plan_displaced(self._run, sorted(displaced)),
            in_place=tuple(artifact.path for artifact in in_place),
            copied=room.plan([path for path in kept if not path.endswith("/")], "c") | room.plan(shared, "u"),
            folders=room.plan(edited, "f"),
        )

    def with_shared(self, step: Step, life: Life) -> Attempt:
        """The attempt of a sandboxed step whose edits of shared files are about to be merged into them."""
        shared = shared_files(step)
        copied = transaction.Room(self._root, self._outside, life.attempt.id).plan(shared, "u")
        lost = sorted(_lost(life.due).intersection(shared))
        displaced = life.attempt.displaced | transaction.plan_displaced(self._run, lost)
        return msgspec.structs.replace(life.attempt, copied=life.attempt.copied | copied, displaced=displaced)

    def _refuse_led_astray(self, step: Step) -> None:
        """An output below a link that leads out of the root, or into a folder of tools, is not ours to touch."""
        places = [(transaction.fixed_folder(one), one.text, one.place) for one in step.outputs if one.covers_files]
        places += [(os.path.dirname(artifact.path), artifact.path, artifact.place) for artifact in step.updates]
        if step.depfile:
            places.append((os.path.dirname(step.depfile), step.depfile, step.place))
        for folder, shown_as, place in places:
            if folder in self._safe_folders:
                continue
            real, top = disk.real(self._facts.digests.absolute(folder)), self._top_of(folder)
            if not _lies_in(real, top) or {".git", ".wavebuild"} & set(os.path.relpath(real, top).split(os.sep)):
                raise mistake("outside", f"{shown_as} lies behind a link that leads to {real}", place)
            self._safe_folders.add(folder)

    def missing(self, step: Step, life: Life) -> str:
        """What it should have made and did not, as a sentence; "" if all is there."""
        for artifact in step.file_outputs:
            if artifact.optional:
                continue
            if artifact.kind is Kind.FILE and life.private is None:
                if said := self._unlike_a_file(life, artifact):
                    return said
                continue
            found = self._found(life, artifact)
            if not found:
                if artifact.kind is Kind.DIRECTORY:
                    return f"it ended well but made nothing in {artifact.text}"
                return _not_made(artifact)
            if artifact.kind is Kind.FILE and life.private and os.path.isdir(life.private.inside(artifact.path)):
                return _a_folder(artifact)
        return ""

    def _unlike_a_file(self, life: Life, artifact: Artifact) -> str:
        at = self._facts.digests.absolute(artifact.path)
        status = disk.look(at)
        if status is None or self.only_stands_by(life, artifact.path):
            return _not_made(artifact)
        if stat.S_ISDIR(status.st_mode) or (stat.S_ISLNK(status.st_mode) and os.path.isdir(at)):
            return _a_folder(artifact)
        return ""

    def _found(self, life: Life, artifact: Artifact) -> list[str]:
        """The members that an output has where the step worked."""
        if life.private:
            from wavebuild.run.sandbox import made_in

            return list(made_in(life.private, (artifact,), self._facts.folders.ignore))
        there = made_members(self._facts.folders, artifact)
        return [path for path in there if not self.only_stands_by(life, path)]

    def only_stands_by(self, life: Life, path: str) -> bool:
        """Whether a file was there before and the step has not so much as written the same bytes to it."""
        return path in life.stood and life.stood[path] == stamp(self._facts.digests.absolute(path))

    def standing(self, step: Step, life: Life) -> dict[str, Stamp]:
        """What the step has made, as it stands where it worked: a stamp of each member, but for when it was touched.

        Whoever reads a database may write to it, and beside it: databases are left out.
        """
        found: dict[str, Stamp] = {}
        for artifact in step.file_outputs:
            for path in self._found(life, artifact):
                if path.endswith("/"):
                    found[path] = ()
                elif not path.endswith(SIDECARS) and output_reading(step, path).how != "sqlite":
                    at = life.private.inside(path) if life.private else self._facts.digests.absolute(path)
                    found[path] = tuple(part for number, part in enumerate(stamp(at)) if number % 5 != 4)
        return found

    def changed_since(self, before: Mapping[str, Stamp] | None, step: Step, life: Life) -> list[str]:
        """The members that came, went or changed since they were looked at, if they were."""
        if before is None:
            return []
        now = self.standing(step, life)
        return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))

    def stamps(self, paths: Iterable[str]) -> dict[str, Stamp]:
        return {path: stamp(self._facts.digests.absolute(path)) for path in paths}

    def made(self, step: Step, life: Life) -> dict[str, str]:
        """The members the step made, with their digests."""
        readings: dict[str, Reading] = {}
        looked: dict[str, os.stat_result] = {}
        for artifact in step.outputs:
            for path, status in self._standing(artifact):
                if path in readings or self.only_stands_by(life, path):
                    continue
                if status is not None:
                    looked[path] = status
                else:
                    self._refuse_outside(path)
                readings[path] = output_reading(step, path)
                if readings[path].how != "run":  # else it has been asked since it was made
                    self._facts.digests.forget(path.rstrip("/"))
        if len(readings) > 1:
            self._facts.digests.see_ahead(readings.values())
        outputs = {}
        for path, reading in readings.items():
            if reading.how != "run":
                self.keep_times(step, life, path)
            digest = self._facts.digests.see(reading, looked.get(path)).digest
            if digest is not None:
                outputs[path] = digest
        return outputs | self._facts.things(step)

    def _standing(self, artifact: Artifact) -> Iterator[tuple[str, os.stat_result | None]]:
        """The members that an output has now; with a plain file what was seen of it."""
        if artifact.kind is not Kind.FILE:
            yield from ((path, None) for path in made_members(self._facts.folders, artifact))
            return
        self._facts.folders.probed.add(artifact.path)
        status = disk.look(self._facts.digests.absolute(artifact.path))
        if status is not None:
            yield artifact.path, status if stat.S_ISREG(status.st_mode) else None

    def keep_times(self, step: Step, life: Life, path: str) -> None:
        """A member remade with the same bytes keeps its former times: who goes by them sees no change."""
        there = life.attempt.aside.get(path)
        if there is None or path.endswith("/"):
            return
        reading, former = output_reading(step, path), os.path.join(self._root, there)
        if reading.how == "made":
            same = self._facts.digests.see(reading).digest == life.due.now.outputs.get(path)
        else:
            same = disk.same_bytes(self._facts.digests.absolute(path), former)
        if same:
            disk.take_times(self._facts.digests.absolute(path), former)
            self._facts.digests.restamped(path)

    def _refuse_outside(self, path: str) -> None:
        absolute = self._facts.digests.absolute(path.rstrip("/"))
        if os.path.islink(absolute) and not _lies_in(disk.real(absolute), self._top_of(path)):
            where = "its folder of settings.outside" if os.path.isabs(path) else "the root"
            raise OSError(None, f"the output {path} is a link that leads out of {where}")

    def _top_of(self, path: str) -> str:
        """The folder, without links, that an output must not leave: the root, or the one out of it."""
        return disk.real(transaction.top_of(f"{path}/", self._root, self._outside))

    def with_changed_bystanders(self, attempt: Attempt, outputs: Mapping[str, str]) -> Attempt:
        """Whoever's file the step changed: its former bytes are kept."""
        if not attempt.bystanders:
            return attempt
        changed = [
            path
            for path in attempt.bystanders
            if path in outputs and transaction.bystander_changed(self._root, attempt, path)
        ]
        if not changed:
            return attempt
        displaced = attempt.displaced | transaction.plan_displaced(attempt.run, changed)
        return msgspec.structs.replace(attempt, displaced=displaced)


def _not_made(artifact: Artifact) -> str:
    return f"it ended well but did not make {artifact.text}"


def not_made(step: Step, said: str) -> tuple[str, ...]:
    """The plain file of which it was said that the step did not make it, if it was one."""
    return tuple(one.path for one in step.file_outputs if one.kind is Kind.FILE and _not_made(one) == said)


def _a_folder(artifact: Artifact) -> str:
    return f"{artifact.path} is a directory: write `{artifact.path}/` in its outputs"


def _lost(due: Due) -> set[str]:
    """The shared files in which the step's former edit is no more."""
    return {reason.member.partition("#")[0] for reason in due.reasons if isinstance(reason, EditLost)}


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)
