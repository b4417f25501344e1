"""One step fully expanded: what holds for each key, what it reads and makes now, its commands, its last result.

It does not know how an answer is shown. Nothing is locked and nothing written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from msgspec.structs import replace

from wavebuild.declare.model import Artifact, Kind, Step
from wavebuild.declare.said import said
from wavebuild.engine import questions
from wavebuild.engine.project import Project, facts_of, load, state_to_read
from wavebuild.engine.values import Portrait, Request, Shown, StatusLine
from wavebuild.errors import Problem, WavebuildError, mistake
from wavebuild.graph import reads
from wavebuild.graph.owners import Owners
from wavebuild.judge.facts import Facts, Read
from wavebuild.judge.members import made_members
from wavebuild.run.jobs import Invocation, foreseen


def show(request: Request, step: str) -> Portrait:
    """The portrait of a step, of an instance, or of a step that is repeated."""
    project = load(request)
    number = _number(project, step)
    one = project.wavefile.steps[number]
    state = state_to_read(request, project)
    try:
        facts, _ = facts_of(project, state, request)
        known = request if project.graph.traits.growing else replace(request, loaded=project)
        status, unknown = _status(known, one)
        instances = tuple(_instances(project, one.name))
        commands, checks = _commands(request, project, facts, number)
        return Portrait(
            step=one.name,
            place=one.place,
            group=one.is_group,
            instances=instances,
            said=said(project.wavefile, one, repeated=bool(instances)),
            reads=tuple(_reads(project, facts, number)),
            makes=tuple(_makes(project, facts, number)),
            shares=tuple(_shares(project, facts, number)),
            commands=commands,
            checks=checks,
            upstream=_names(project, project.graph.upstream[number]),
            downstream=_names(project, project.graph.downstream[number]),
            status=status,
            unknown=unknown,
        )
    finally:
        if state is not None:
            state.close()


def _instances(project: Project, name: str) -> Iterator[str]:
    steps = project.wavefile.steps
    return (steps[one].name for one in sorted(project.graph.traits.repeated) if steps[one].base == name)


def _number(project: Project, name: str) -> int:
    """The step of a name, or the one instance that a part of its values selects."""
    number = project.graph.number
    if name in number:
        return number[name]
    found = project.graph.names.find(name)
    if len(found) == 1:
        return found[0]
    if not found:
        raise mistake("unknown-step", f"there is no step {name!r}", remedy=project.graph.names.remedy(name))
    names = ", ".join(project.wavefile.steps[one].name for one in found[:6]) + (" …" if len(found) > 6 else "")
    raise mistake("one-subject", f"{name!r} is {len(found)} instances", remedy=f"show one of them: {names}")


def _names(project: Project, numbers: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(project.graph.names.every[number] for number in numbers)


def _status(request: Request, step: Step) -> tuple[StatusLine | None, tuple[Problem, ...]]:
    """Where the step stands; what hinders to know it, as a missing source, is said instead."""
    if step.is_group:
        return None, ()
    try:
        lines = questions.status(replace(request, targets=(f"step:{step.name}",), only=False))
    except WavebuildError as error:
        return None, error.problems
    return next((line for line in lines if line.step == step.name), None), ()


def _commands(request: Request, project: Project, facts: Facts, number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    step = project.wavefile.steps[number]
    try:
        read = facts.read(number)
    except WavebuildError:
        read = Read((), (), (), (), ())
    invocation = Invocation("", project.wavefile.root, dict(request.environ))
    return foreseen(invocation, step, read)


def _reads(project: Project, facts: Facts, number: int) -> list[Shown]:
    graph, step = project.graph, project.wavefile.steps[number]
    return [
        Shown(artifact.text, _names(project, makers), _there(facts, step, artifact), _has_files(artifact))
        for artifact, makers in zip(reads(step), graph.makers[number], strict=True)
    ]


def _makes(project: Project, facts: Facts, number: int) -> list[Shown]:
    found = []
    for output in project.wavefile.steps[number].outputs:
        members = tuple(made_members(facts.folders, output)) if output.covers_files else ()
        readers = _names(project, tuple(_readers(project, number, output)))
        found.append(Shown(output.text, readers, members, output.covers_files))
    return found


def _shares(project: Project, facts: Facts, number: int) -> list[Shown]:
    found = []
    for update in project.wavefile.steps[number].updates:
        others = tuple(one for one in project.graph.shared.updaters(update.path) if one != number)
        there = (update.path,) if os.path.lexists(facts.digests.absolute(update.path)) else ()
        found.append(Shown(update.text, _names(project, others), there, True))
    return found


def _readers(project: Project, number: int, output: Artifact) -> Iterator[int]:
    """The steps that read of this very output; others may read another one of the same step."""
    graph, steps = project.graph, project.wavefile.steps
    owner = Owners((replace(steps[number], outputs=(output,)),), project.wavefile.root)
    for reader in graph.downstream[number]:
        for artifact, makers in zip(reads(steps[reader]), graph.makers[reader], strict=True):
            if number in makers and (artifact.kind is Kind.STEP or owner.makers(artifact)):
                yield reader
                break


def _has_files(artifact: Artifact) -> bool:
    return artifact.covers_files or artifact.kind is Kind.STEP


def _there(facts: Facts, step: Step, artifact: Artifact) -> tuple[str, ...]:
    try:
        return facts.members(step, artifact) if _has_files(artifact) else ()
    except WavebuildError:
        return ()
