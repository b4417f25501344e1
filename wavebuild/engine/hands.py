"""What a person does by hand to results: touch, accept, clean. The project is held meanwhile.

It does not know how steps run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from wavebuild import disk
from wavebuild.declare.model import Manual, Step
from wavebuild.engine.idle import run_identity
from wavebuild.engine.project import Project, facts_of, holding, load, select_steps, sequence, state_to_read
from wavebuild.engine.values import Cleaned, Request
from wavebuild.errors import did_you_mean, mistake
from wavebuild.judge.facts import Facts
from wavebuild.judge.trace import key
from wavebuild.run.acceptance import blessed, differing, present, stands, with_accepted
from wavebuild.store.state import State


def touch(request: Request) -> tuple[str, ...]:
    """Takes the present outputs of the named steps as their results; the steps touched."""
    with holding(request) as (project, state):
        selection = select_steps(request, project)
        facts, _ = facts_of(project, state, request)
        numbers = [n for n in sequence(project, selection.wanted) if n in selection.named and acts(project, n)]
        began = time.time()
        traces = [(number, present(facts, number, run_identity(began), began)) for number in numbers]
        state.learn(facts.digests.take_learned())
        for number, trace in traces:
            state.record(key(project.wavefile.steps[number]), trace)
        return tuple(project.wavefile.steps[number].name for number in numbers)


def accept(request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
    """Takes edited members, or all that stands in a step's way, as its result; a line for each."""
    with holding(request) as (project, state):
        facts, _ = facts_of(project, state, request)
        said: list[str] = []
        for subject in subjects:
            number, member = _subject(request, project, subject)
            said += _accept(project, state, facts, number, member)
        state.learn(facts.digests.take_learned())
        state.flush()
        return tuple(said)


def clean(request: Request, dry: bool) -> Cleaned:
    """Removes the recorded outputs of the wanted steps; never a manual or an edited one. ``dry``: only says which."""
    if dry:
        project = load(request)
        state = state_to_read(project)
        return _sorted_out(request, project, state) if state else Cleaned((), ())
    with holding(request) as (project, state):
        found = _sorted_out(request, project, state)
        for member in sorted(found.removed, reverse=True):
            absolute = os.path.join(project.wavefile.root, member.rstrip("/"))
            disk.remove(absolute)
            disk.remove_empty_folders(os.path.dirname(absolute), project.wavefile.root)
        state.forget_members(found.removed)
        return found


def _sorted_out(request: Request, project: Project, state: State) -> Cleaned:
    """Which standing members may go, and which stay, with the reason."""
    selection = select_steps(replace(request, only=True), project)
    facts, _ = facts_of(project, state, request)
    removed: list[str] = []
    kept: list[tuple[str, str]] = []
    for number in sequence(project, selection.named):
        for member, why in _cleanable(facts, state, project.wavefile.steps[number]):
            if why:
                kept.append((member, why))
            else:
                removed.append(member)
    return Cleaned(tuple(removed), tuple(kept))


def acts(project: Project, number: int) -> bool:
    return not project.wavefile.steps[number].is_group


def _subject(request: Request, project: Project, subject: str) -> tuple[int, str | None]:
    """The step that is meant, and the member of it if a path is."""
    if subject in project.graph.number:
        return project.graph.number[subject], None
    path = os.path.relpath(os.path.join(request.directory, subject), project.wavefile.root)
    owner = project.graph.owner(path)
    if owner is None:
        known = [*project.graph.number, *(a.text for step in project.wavefile.steps for a in step.outputs)]
        raise mistake(
            "unknown-subject", f"{subject} is no step, and no step makes it", remedy=did_you_mean(subject, known)
        )
    return owner, path


def _accept(project: Project, state: State, facts: Facts, number: int, member: str | None) -> list[str]:
    """Accepts one member, or all that differs, moved inputs, and what has no trace yet."""
    step = project.wavefile.steps[number]
    if step.is_group:
        raise mistake("nothing-to-accept", f"{step.name!r} is a group: name one of its steps", step.place)
    traces = state.traces(key(step))
    outputs = stands(facts, step)
    if member is not None and member not in outputs:
        raise mistake("missing-output", f"{member} is not there", step.place)
    began = time.time()
    if not traces or isinstance(step.action, Manual):
        state.record(key(step), present(facts, number, run_identity(began), began))
        return [f"{step.name}: what stands is its result"]
    chosen = [member] if member is not None else differing(traces[0], outputs)
    last = with_accepted(traces[0], outputs, chosen)
    said = [f"{path}: accepted as made by {step.name}" for path in chosen]
    if member is None and (last.moved or last.void):
        last = blessed(last, facts.now(number, facts.read(number), traces, began, forced=False).inputs)
        said.append(f"{step.name}: its last run is taken as good")
    if not said:
        raise mistake("nothing-to-accept", f"nothing of {step.name!r} differs from what it made", step.place)
    state.replace_last(key(step), last)
    return said


def _cleanable(facts: Facts, state: State, step: Step) -> Iterator[tuple[str, str]]:
    """The standing members of a step, each with the reason why it must stay, or ""."""
    known = state.made()
    traces = state.traces(key(step))
    by_hand = traces[0].by_hand if traces else ()
    for member, digest in stands(facts, step).items():
        if isinstance(step.action, Manual):
            yield member, "a person places it"
        elif member not in known:
            yield member, "no step made it"
        elif known[member][0] != digest:
            yield member, "it was edited"
        elif member in by_hand:
            yield member, "a person made it"
        else:
            yield member, ""
