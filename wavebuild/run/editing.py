"""A step that edits shared files: what it did to them, what of others it undid, how it comes home from a sandbox.

It does not know whose turn it is to edit a file, nor how the step is recorded.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator

from wavebuild import disk
from wavebuild.declare.model import Step
from wavebuild.judge.facts import Facts
from wavebuild.judge.merging import Edit
from wavebuild.judge.shared import shared_files
from wavebuild.judge.trace import key
from wavebuild.run import merges, sharing
from wavebuild.run.events import Event, Noticed
from wavebuild.run.jobs import Invocation
from wavebuild.run.life import Life
from wavebuild.run.records import Records
from wavebuild.run.sandbox import Private

MOST_TOLD = 64
"""Steps that edit one file, up to which it is looked whose edits were undone."""


class Editing:
    """``judged``: the keys of the steps that edit shared files, as far as they were judged in this build."""

    def __init__(self, facts: Facts, records: Records, invocation: Invocation, tell: Callable[[Event], None]) -> None:
        self._facts = facts
        self._records = records
        self._root = invocation.root
        self._run = invocation.run
        self._tell = tell
        self.judged: set[str] = set()
        self._bases = merges.Bases()

    def lay_out(self, private: Private, step: Step, upstream: Collection[int]) -> None:
        """What a sandboxed step begins with, of files that others edit, too."""
        merges.lay_out(self._facts.shared, private, step, self._bases, upstream)

    def end_conflict(self, step: Step) -> None:
        for path in merges.end_conflict(self._root, step.name, self._run):
            message = f"{step.name}: what you made of its conflict is kept in {path}"
            self._tell(Noticed(self._run, time.time(), message))

    def what_it_did(self, step: Step, life: Life) -> sharing.Did:
        traces = self._records.traces(key(step))
        before = {path: os.path.join(self._root, life.attempt.copied[path]) for path in shared_files(step)}
        return sharing.what_it_did(self._facts, step, before, traces[0] if traces else None)

    def brought_home(self, step: Step, life: Life) -> tuple[list[merges.Both], str]:
        """Brings the edits of a sandboxed step into the files; in words what is to be done if they conflict."""
        assert life.private is not None
        found = merges.brought_home(self._facts.shared, life.private, step)
        if any(both.text is None for both in found):
            return found, merges.keep_both(self._root, step.name, found)
        for both in found:
            if both.text is not None and both.text != both.ours:
                disk.write(os.path.join(self._root, both.path), both.text)
        life.did = self.what_it_did(step, life)
        return found, ""

    def took_in(self, number: int, found: Collection[merges.Both]) -> None:
        """These edits of a step stand in the files: who waits for it begins with them."""
        for both in found:
            self._bases.took_in(number, both.path, Edit(both.base, both.theirs))

    def have_edited(self, step: Step, life: Life) -> None:
        """The step has edited shared files: what that means for those who edit them, too."""
        for path in shared_files(step):
            if not step.sandbox:
                self._bases.forget(path)
            for other in self._undone(step, path, os.path.join(self._root, life.attempt.copied[path])):
                life.notes.append(f"it undid what {other.name} had written in {path}: let one of them own it")
                if key(other) in self.judged:  # else it is judged yet, or not in this build
                    life.undid.append(other.name)
        self.end_conflict(step)

    def _undone(self, step: Step, path: str, before: str) -> Iterator[Step]:
        """Who will have to edit a file again, as the step has taken back what they wrote."""
        graph = self._facts.graph
        editors = graph.shared.updaters(path)
        if len(editors) > MOST_TOLD:
            return
        for number in editors:
            other = graph.wavefile.steps[number]
            traces = self._records.traces(key(other))
            if other.name != step.name and traces and sharing.is_undone(self._facts, other, traces[0], path, before):
                yield other
