"""Finds what a step touched and did not declare, and what it declared and did not touch.

It does not know how it was seen what a job touches, nor how a person is told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property

from msgspec.structs import replace

from wavebuild.declare.model import Artifact, Kind, Step
from wavebuild.graph import Graph, covers, fixed_folder
from wavebuild.judge.digest import Reading
from wavebuild.judge.facts import Facts, Read
from wavebuild.judge.members import NEVER_NAMES, SIDECARS
from wavebuild.run.audit import Audit, Seen, Touch
from wavebuild.run.job import Touches
from wavebuild.run.masking import masked_text


def audited(
    facts: Facts,
    number: int,
    read: Read,
    discovered: Sequence[Reading],
    seen: Seen,
    roots: Sequence[str],
    scratch_folders: Collection[str],
    ended_well: bool,
) -> Audit:
    """What is to be said of a step. ``roots``: the folders, absolute, that a path of the root may be named by.

    ``scratch_folders``: absolute folders out of the root that are anyone's to write to.
    """
    graph, step = facts.graph, facts.graph.wavefile.steps[number]
    everything = seen.all
    if not everything:
        return Audit()
    view = _View(facts, step, roots, read, discovered)
    complete = all(touches.complete for touches in everything)

    def named(paths: Iterable[str]) -> tuple[Touch, ...]:
        return tuple(Touch(path, _owner(graph, number, path)) for path in dict.fromkeys(paths))

    reads = [*view.reads(seen.action, gate=False), *view.reads(seen.gate, gate=True)]
    judging = [path for path in view.reads(seen.review, gate=True) if path not in reads]
    refused = list(view.refused(everything))
    written = [path for touches in everything for path in view.writes(touches.written, scratch_folders)]
    removed = [path for touches in everything for path in view.writes(touches.removed, scratch_folders)]
    return Audit(
        reads=named(path for path in reads if path not in refused),
        writes=named(written),
        removes=named(removed),
        lists=tuple(dict.fromkeys(view.lists(everything))),
        sought=_missed(named(view.sought(everything)), graph, number),
        refused=named(refused),
        unread=tuple(view.unread(seen)) if ended_well and complete and seen.action else (),
        complete=complete,
        judging=named(judging),
    )


def _owner(graph: Graph, number: int, path: str) -> str:
    owner = graph.owner(path)
    return graph.wavefile.steps[owner].name if owner is not None and owner != number else ""


def _missed(sought: Sequence[Touch], graph: Graph, number: int) -> tuple[Touch, ...]:
    """An owner counts only if this step does not wait for it: else it has been seen that it makes no such file."""
    before = {graph.wavefile.steps[at].name for at in _upstream(graph, number)}
    return tuple(replace(touch, owner="") if touch.owner in before else touch for touch in sought)


def _upstream(graph: Graph, number: int) -> set[int]:
    reached, waiting = {number}, [number]
    while waiting:
        for other in graph.upstream[waiting.pop()]:
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    return reached


class _View:
    """What a step has declared, as questions about paths."""

    def __init__(
        self, facts: Facts, step: Step, roots: Sequence[str], read: Read, discovered: Sequence[Reading]
    ) -> None:
        self._facts = facts
        self._step = step
        self._roots = roots
        self._root = facts.digests.root
        self._checked = step.gate_inputs
        self._known = {reading.path for reading in (*read.action, *discovered)} | {*read.files}
        self._known_to_gate = {reading.path for reading in read.gate}
        if step.depfile is not None:
            self._known.add(step.depfile)

    @cached_property
    def _named_otherwise(self) -> frozenset[str]:
        """What is declared through a link, as it lies in the root itself."""
        return self._real(self._known)

    @cached_property
    def _named_otherwise_to_gate(self) -> frozenset[str]:
        return self._real(self._known_to_gate)

    def _real(self, paths: Iterable[str]) -> frozenset[str]:
        absolute = (os.path.join(self._root, path) for path in paths)
        return frozenset(filter(None, (self._in_root(os.path.realpath(path)) for path in absolute)))

    def reads(self, touched: Iterable[Touches], gate: bool) -> Iterator[str]:
        for touches in touched:
            for path in self._relative(touches.read):
                if not self._is_declared(path, gate):
                    yield path

    def refused(self, touched: Iterable[Touches]) -> Iterator[str]:
        """What was not to be had, though it is there: a sandbox kept it away."""
        if not self._step.sandbox:
            return
        for touches in touched:
            for path in self._relative((*touches.refused, *touches.sought)):
                there = os.path.join(self._root, path)
                if os.path.lexists(there) and not os.path.isdir(there) and not self._is_declared(path, True):
                    yield path

    def sought(self, touched: Iterable[Touches]) -> Iterator[str]:
        for touches in touched:
            for path in self._relative(touches.sought):
                there = os.path.lexists(os.path.join(self._root, path))
                if not there and not self._is_declared(path, True):
                    yield path

    def writes(self, paths: Iterable[str], scratch_folders: Collection[str]) -> Iterator[str]:
        for path in paths:
            inside = self._in_root(path)
            if inside is None:
                free = any(f"{path}/".startswith(f"{folder}/") for folder in scratch_folders)
                if not free and not self._is_own(path):
                    yield path
            elif inside and not self._never(inside) and not self._is_own(inside):
                yield inside

    def lists(self, touched: Iterable[Touches]) -> Iterator[str]:
        """Folders whose names were listed, and where a new file would not be noticed."""
        wide = [a for a in (*self._step.inputs, *self._checked) if a.kind in (Kind.DIRECTORY, Kind.GLOB)]
        made = [fixed_folder(artifact) for artifact in self._step.file_outputs]
        for touches in touched:
            for folder in self._relative(touches.listed):
                if any(_covers_listing(artifact, folder) for artifact in wide):
                    continue
                if any(f"{own}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{own}/") for own in made):
                    continue
                yield folder

    def unread(self, seen: Seen) -> Iterator[str]:
        """The inputs of which nothing was opened."""
        every = [path for touches in seen.all for path in (*touches.read, *touches.listed)]
        opened = {*self._relative(every), *self._relative(map(os.path.realpath, every))}
        for artifact in self._step.inputs:
            if artifact.kind not in (Kind.FILE, Kind.DIRECTORY, Kind.GLOB, Kind.STEP) or artifact.optional:
                continue
            if self._step.prompt is not None and artifact.path == self._step.prompt.path:
                continue  # it is read for the step
            members = [path.rstrip("/") for path in self._facts.members(self._step, artifact)]
            if artifact.kind is Kind.DIRECTORY:
                members.append(artifact.path)
            if members and not any(self._is_opened(path, opened) for path in members):
                yield artifact.text

    def _is_opened(self, path: str, opened: Collection[str]) -> bool:
        if path in opened:
            return True
        real = self._in_root(os.path.realpath(os.path.join(self._root, path)))
        return real in opened

    def _is_declared(self, path: str, gate: bool) -> bool:
        if self._declares(path, gate):
            return True
        real = self._in_root(os.path.realpath(os.path.join(self._root, path)))
        if real is not None and real != path and self._declares(real, gate):
            return True
        return path in self._named_otherwise or (gate and path in self._named_otherwise_to_gate)

    def _declares(self, path: str, gate: bool) -> bool:
        if path in self._known or self._is_own(path) or (gate and path in self._known_to_gate):
            return True
        inputs = (*self._step.inputs, *self._checked) if gate else self._step.inputs
        if any(covers(artifact, path) for artifact in inputs):
            return True
        database = next((path.removesuffix(end) for end in SIDECARS if path.endswith(end)), "")
        return bool(database) and self._declares(database, gate)

    def _is_own(self, path: str) -> bool:
        step = self._step
        if path == step.depfile or any(covers(artifact, path) for artifact in (*step.outputs, *step.updates)):
            return True
        database = next((path.removesuffix(end) for end in SIDECARS if path.endswith(end)), "")
        return bool(database) and any(covers(artifact, database) for artifact in step.outputs)

    def _relative(self, paths: Iterable[str]) -> Iterator[str]:
        """Those in the root that count."""
        for path in paths:
            inside = self._in_root(path)
            if inside and not self._never(inside):
                yield inside

    def _in_root(self, path: str) -> str | None:
        for root in self._roots:
            if path == root:
                return ""
            if path.startswith(f"{root}/"):
                return path[len(root) + 1 :]
        return None

    def _never(self, path: str) -> bool:
        """Whether it is a tool's litter, or is to be ignored."""
        parts = path.split("/")
        if not NEVER_NAMES.isdisjoint(parts):
            return True
        never: Callable[[str], bool] = self._facts.folders.never
        return any(never("/".join(parts[: end + 1])) for end in range(len(parts)))


def _covers_listing(artifact: Artifact, folder: str) -> bool:
    """Whether a new name in the folder that matters would be noticed by this input."""
    top = fixed_folder(artifact)
    return not top or f"{folder}/".startswith(f"{top}/")


def masked(audit: Audit, secrets: Iterable[str]) -> Audit:
    """The same with no secret in any path."""
    values = tuple(secrets)
    if not any(values):
        return audit

    def hidden(text: str) -> str:
        return masked_text(text, values)

    def all_hidden(touches: Sequence[Touch]) -> tuple[Touch, ...]:
        return tuple(replace(touch, path=hidden(touch.path)) for touch in touches)

    return replace(
        audit,
        reads=all_hidden(audit.reads),
        writes=all_hidden(audit.writes),
        removes=all_hidden(audit.removes),
        lists=tuple(map(hidden, audit.lists)),
        sought=all_hidden(audit.sought),
        refused=all_hidden(audit.refused),
        judging=all_hidden(audit.judging),
    )
