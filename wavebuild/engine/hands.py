"""What a person does by hand to results: touch, accept, clean. The project is held meanwhile.

It does not know how steps run.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Artifact, Kind, Manual, Step
from wavebuild.engine import questions
from wavebuild.engine.assumptions import spelled
from wavebuild.engine.idle import refuse_inside_itself, run_identity
from wavebuild.engine.leftovers import displace, may_move, top_in
from wavebuild.engine.project import (
    Project,
    contents_of,
    facts_of,
    holding,
    invocation_of,
    layout_of_request,
    load,
    open_repaired,
    scope_of,
    select_steps,
    sequence,
    state_to_read,
)
from wavebuild.engine.values import Cleaned, Request
from wavebuild.errors import did_you_mean, mistake
from wavebuild.graph import covers
from wavebuild.judge.facts import Facts
from wavebuild.judge.members import SIDECARS
from wavebuild.judge.trace import Made, Trace, key
from wavebuild.run.acceptance import (
    blessed,
    is_by_hand,
    present,
    stands,
    with_accepted,
    with_present_edits,
    with_resolution,
    with_resolved,
)
from wavebuild.run.asking import Asker
from wavebuild.run.merges import CONFLICTS, conflicting, end_conflict, worked_at
from wavebuild.run.transaction import FAILED, plan_displaced
from wavebuild.store.lock import take
from wavebuild.store.state import State


def touch(request: Request) -> tuple[str, ...]:
    """Takes the present outputs of the named steps as their results; the steps touched."""
    with holding(request) as (project, state):
        selection = select_steps(request, project)
        contents = contents_of(request, project, state)
        facts, _ = facts_of(project, state, request, keep=contents.keep)
        numbers = [
            n for n in sequence(project, selection.wanted) if n in selection.named and _may_touch(request, project, n)
        ]
        _refuse_unread(project, numbers)
        _refuse_reviewed(request, project, numbers)
        began = time.time()
        with Asker(facts, invocation_of(request, project)) as asker:
            for number in numbers:
                asker.know_inputs(number)
                asker.know_outputs(number)
        traces = [
            (
                number,
                present(
                    facts, number, state.made(), run_identity(began), began, before=_traces(project, state, number)
                ),
            )
            for number in numbers
        ]
        state.learn(facts.digests.take_learned())
        state.hear(facts.answers.take_learned())
        for number, trace in traces:
            step = project.wavefile.steps[number]
            state.record(key(step), trace, placed=isinstance(step.action, Manual))
        state.flush()
        contents.write()
        return tuple(project.wavefile.steps[number].name for number in numbers)


def accept(request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
    """Takes edited members, or all that stands in a step's way, as its result; a line for each."""
    with holding(request) as (project, state):
        contents = contents_of(request, project, state)
        facts, _ = facts_of(project, state, request, keep=contents.keep)
        said: list[str] = []
        with Asker(facts, invocation_of(request, project)) as asker:
            for subject in subjects:
                for number, path in _subjects(request, project, subject):
                    said += _accept(project, state, facts, asker, number, path)
        state.learn(facts.digests.take_learned())
        state.hear(facts.answers.take_learned())
        state.flush()
        contents.write()
        return tuple(said)


def forget(request: Request) -> tuple[str, ...]:
    """Drops what is remembered of the named steps, and touches no file: they run next. The steps forgotten."""
    with holding(request) as (project, state):
        facts_of(project, state, request)  # what a lock file says is to be forgotten, too
        named = select_steps(replace(request, only=True), project).named
        numbers = [number for number in sequence(project, named) if acts(project, number)]
        steps = [project.wavefile.steps[number] for number in numbers]
        _refuse_unread(project, [number for number in numbers if project.wavefile.steps[number].expands])
        for step in steps:
            state.forget_traces(key(step), placed=isinstance(step.action, Manual))
        return tuple(step.name for step in steps)


def clean(request: Request, dry: bool) -> Cleaned:
    """Removes the recorded outputs of the wanted steps; never a manual or an edited one. ``dry``: only says which."""
    if dry:
        project = load(request, present=True)
        state = state_to_read(request, project)
        return _sorted_out(request, project, state) if state else Cleaned((), ())
    with holding(request) as (project, state):
        found = _sorted_out(request, project, state)
        values = _values(project, found.removed)
        state.forget_memory(values.values())
        for member in sorted({*found.removed} - values.keys(), reverse=True):
            absolute = os.path.join(project.wavefile.root, member.rstrip("/"))
            disk.remove(absolute)
            if state.made()[member].digest.startswith("sqlite:"):
                for beside in SIDECARS:  # left behind, they would be taken for those of the next database
                    disk.remove(absolute + beside)
            disk.remove_empty_folders(os.path.dirname(absolute), top_in(project, member))
        state.forget_members(found.removed)
        return found


def clean_orphans(request: Request, dry: bool) -> Cleaned:
    """Moves what steps made that are no more, as they made it, to the displaced files. ``dry``: only says which."""
    if dry:
        return Cleaned(questions.orphans(request), ())
    with holding(request) as (project, state):
        _, found = facts_of(project, state, request)
        ours = tuple(path for path in found if may_move(project, path))
        kept = tuple((path, "it lies outside, where no output is allowed now") for path in found if path not in ours)
        into = displace(project, state, run_identity(request.clock()), ours) if ours else ""
        return Cleaned(ours, kept, into)


def clean_state(request: Request, dry: bool) -> Cleaned:
    """Drops traces, results and all else that is remembered under this Wavefile; no output is touched."""
    layout = layout_of_request(request)
    refuse_inside_itself(layout.root, dict(request.environ))
    there = tuple(path for path in layout.remembered() if os.path.lexists(path))
    shown = tuple(_shown(path, layout.root) for path in there)
    if dry or not there:
        return Cleaned(shown, ())
    lock = take(layout.lock, request.command_line, request.wait, lambda: False)
    assert lock is not None
    try:
        # What a killed build has moved aside comes back first: nobody would know of it afterwards.
        open_repaired(layout, load(request), [], scope_of(request), lock).close()
        for path in there:
            disk.remove(path)
        return Cleaned(shown, ())
    finally:
        lock.release()


def _shown(path: str, root: str) -> str:
    inside = path.startswith(root.rstrip("/") + "/")
    return os.path.relpath(path, root) if inside else path


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


def _values(project: Project, members: Iterable[str]) -> dict[str, str]:
    """Those of the members that are values of the shared memory, with their keys."""
    outputs = (artifact for step in project.wavefile.steps for artifact in step.outputs)
    keys = {artifact.text: artifact.path for artifact in outputs if artifact.kind is Kind.MEM}
    return {member: keys[member] for member in members if member in keys}


def _may_touch(request: Request, project: Project, number: int) -> bool:
    """A frozen step is left out where all are meant: its result is what stands already."""
    return acts(project, number) and bool(request.targets or not project.wavefile.steps[number].frozen)


def _refuse_reviewed(request: Request, project: Project, numbers: Iterable[int]) -> None:
    """What an advisor is to judge passes by a touch only if that is meant."""
    steps = project.wavefile.steps
    names = [steps[number].name for number in numbers if steps[number].review is not None]
    if names and not request.force:
        message = f"{', '.join(names)}: an advisor judges what such a step makes, and a touch would pass it unjudged"
        raise mistake("reviewed", message, remedy="to pass it all the same: -t --force")


def _traces(project: Project, state: State, number: int) -> Sequence[Trace]:
    return state.traces(key(project.wavefile.steps[number]))


def acts(project: Project, number: int) -> bool:
    return not project.wavefile.steps[number].is_group


def _subjects(request: Request, project: Project, subject: str) -> list[tuple[int, str | None]]:
    """What is meant to be accepted: one step or member, or of a shared file all steps whose edits conflict in it."""
    path = spelled(project.wavefile, os.path.join(request.directory, subject))
    editors = project.graph.shared.updaters(path) if subject not in project.graph.number else ()
    if not editors:
        return [_subject(request, project, subject)]
    steps, root = project.wavefile.steps, project.wavefile.root
    found: list[tuple[int, str | None]] = [(n, None) for n in editors if path in conflicting(root, steps[n].name)]
    if not found:
        names = " ".join(steps[number].name for number in editors)
        message = f"{path} belongs to all who edit it, and no edit of it conflicts"
        raise mistake("nothing-to-accept", message, remedy=f"to accept what a step is to have done: {names}")
    return found


def _end_conflict(project: Project, state: State, facts: Facts, number: int, began: float) -> list[str]:
    """A person has put right what a step's edit conflicted with: what stands is the result, of the others there too."""
    step, root = project.wavefile.steps[number], project.wavefile.root
    run, traces = run_identity(began), state.traces(key(step))
    conflicts, known = conflicting(root, step.name), state.made()
    _refuse_unused(facts, step)
    made, kept = _brought_back(facts, step, known, run)
    for path in made:
        facts.digests.forget(path)
    trace = present(facts, number, known, run, began, made, before=traces)
    trace, texts = with_resolved(facts, trace, step, traces[0] if traces else None, conflicts)
    state.record(key(step), trace, texts=texts)
    for other in {n for path in conflicts for n in project.graph.shared.updaters(path)} - {number}:
        one = project.wavefile.steps[other]
        of_other = state.traces(key(one))
        if of_other and (changed := with_resolution(facts, of_other[0], one, conflicts)):
            state.replace_last(key(one), *changed)
    state.flush()
    end_conflict(root, step.name, run)
    return [*(f"{step.name}: your edit is kept in {path}" for path in kept), f"{step.name}: what stands is its result"]


def _refuse_unused(facts: Facts, step: Step) -> None:
    """A person may put it right between the marks, and forget that the file itself is what counts."""
    root = facts.digests.root
    for path in worked_at(root, step.name):
        there = f"{CONFLICTS}/{step.name}/{path}"
        if not disk.same_bytes(os.path.join(root, there), os.path.join(root, path)):
            message = f"{there} was edited, and {path} says something else: it is the file itself that is accepted"
            remedy = f"{shlex.join(['cp', there, path])}\nor, if it is of no use: {shlex.join(['rm', there])}"
            raise mistake("unused-resolution", message, step.place, remedy)


def _brought_back(facts: Facts, step: Step, known: Mapping[str, Made], run: str) -> tuple[list[str], list[str]]:
    """The outputs that the step had made when its edit conflicted, now in their places, and where a person's are kept.

    What only stands by in a glob stays.
    """
    root = facts.digests.root
    left = os.path.join(root, FAILED, step.name)
    made = sorted(path for path, _ in disk.walk(left) if any(covers(artifact, path) for artifact in step.file_outputs))
    if not made:
        return [], []
    globs = [artifact for artifact in step.outputs if artifact.kind is Kind.GLOB]
    former = stands(facts, step)
    away = [path for path in former if path in known or path in made or not _in_any(globs, path)]
    edited = [path for path in away if is_by_hand(facts, path, former[path], known)]
    into = plan_displaced(run, away)
    for path, there in into.items():
        disk.move(os.path.join(root, path.rstrip("/")), os.path.join(root, there.rstrip("/")))
        facts.digests.forget(path.rstrip("/"))
    for path in made:
        disk.move(os.path.join(left, path), os.path.join(root, path))
    return made, [into[path] for path in edited]


def _subject(request: Request, project: Project, subject: str) -> tuple[int, str | None]:
    """The step that is meant, and the member of it if a path is."""
    if subject in project.graph.number:
        return project.graph.number[subject], None
    for number, step in enumerate(project.wavefile.steps):
        if any(not artifact.covers_files and artifact.text == subject for artifact in step.outputs):
            return number, subject
    path = spelled(project.wavefile, os.path.join(request.directory, subject))
    if subject.endswith("/"):
        inside = [n for n, step in enumerate(project.wavefile.steps) if any(a.path == path for a in step.file_outputs)]
        if inside:
            return inside[0], path + "/"
    owner = project.graph.owner(path)
    if owner is None:
        known = [*project.graph.number, *(a.text for step in project.wavefile.steps for a in step.outputs)]
        near = did_you_mean(subject, [name for name in known if name != subject])
        raise mistake("unknown-subject", f"{subject} is no step, and no step makes it", remedy=near)
    return owner, path


def _accept(project: Project, state: State, facts: Facts, asker: Asker, number: int, path: str | None) -> list[str]:
    """Accepts a member, or those below a folder; without a path all that differs, and moved inputs."""
    step = project.wavefile.steps[number]
    if step.is_group:
        raise mistake("nothing-to-accept", f"{step.name!r} is a group: name one of its steps", step.place)
    if path is None and conflicting(project.wavefile.root, step.name):
        asker.know_inputs(number)
        return _end_conflict(project, state, facts, number, time.time())
    known, traces = state.made(), state.traces(key(step))
    if step.expands or not traces:
        _refuse_unread(project, [number])
    asker.know_outputs(number, things=path is None or path in facts.things(step))
    if not traces or isinstance(step.action, Manual) or path is None:
        asker.know_inputs(number)
    outputs = stands(facts, step) | facts.things(step)
    if path is not None and not any(_is_meant(path, member) for member in outputs):
        raise mistake("missing-output", f"{path} is not there", step.place)
    began = time.time()
    if isinstance(step.action, Manual):
        state.record(key(step), present(facts, number, known, run_identity(began), began), placed=True)
        return [f"{step.name}: what stands is its result"]
    if not traces:
        trace = present(facts, number, known, run_identity(began), began, (path,) if path else (), before=traces)
        state.record(key(step), trace)
        return [f"{step.name}: what stands is its result"]
    globs = [artifact for artifact in step.outputs if artifact.kind is Kind.GLOB]
    chosen = {
        member: digest
        for member, digest in outputs.items()
        if (_is_meant(path, member) if path is not None else member in known or not _in_any(globs, member))
        and (traces[0].outputs.get(member) != digest or is_by_hand(facts, member, digest, known))
        and not (member in traces[0].by_hand and traces[0].outputs.get(member) == digest)
    }
    last = with_accepted(facts, traces[0], step, chosen)
    said = [f"{member}: accepted as made by {step.name}" for member in chosen]
    if path is None and step.updates:
        now = facts.now(number, facts.read(number), traces, began, forced=False)
        if now.lost or any(now.keys.get(member) != digest for member, digest in last.keys.items()):
            last = with_present_edits(facts, last, step, now)
            said.append(f"{step.name}: what the files that it shares say now is its result")
    if path is None and (last.moved or last.void):
        now = facts.now(number, facts.read(number), traces, began, forced=False)
        last = blessed(last, now.inputs, now.discovered)
        said.append(f"{step.name}: its last run is taken as good")
    if not said:
        what = path if path is not None else f"of {step.name!r}"
        raise mistake("nothing-to-accept", f"nothing {what} differs from what is on record", step.place)
    state.replace_last(key(step), last)
    return said


def _refuse_unread(project: Project, numbers: Iterable[int]) -> None:
    """Nobody knows yet what the instances are, or what the step reads: nothing can be said of its results."""
    for number in numbers:
        step = project.wavefile.steps[number]
        if step.unread:
            lists = ", ".join(dict.fromkeys(artifact.path for artifact in step.unread))
            what = "its instances" if step.expands else "some of its inputs"
            message = f"{what} are not known: {lists} is not there, or of no use"
            makers = dict.fromkeys(maker for one in step.unread for maker in project.graph.owners.makers(one))
            names = " ".join(project.wavefile.steps[maker].name for maker in makers)
            raise mistake("list-unknown", f"step {step.name!r}: {message}", step.place, f"wavebuild {names}")


def _is_meant(path: str, member: str) -> bool:
    return member == path or (path.endswith("/") and member.startswith(path))


def _in_any(artifacts: Sequence[Artifact], member: str) -> bool:
    return any(covers(artifact, member.rstrip("/")) for artifact in artifacts)


def _cleanable(facts: Facts, state: State, step: Step) -> Iterator[tuple[str, str]]:
    """The standing members of a step, each with the reason why it must stay, or ""."""
    known = state.made()
    for artifact in step.outputs:
        if artifact.kind is Kind.MEM and facts.memory.digest(artifact.path) is not None:
            yield artifact.text, ""
    for member, digest in stands(facts, step).items():
        if isinstance(step.action, Manual):
            yield member, "a person places it"
        elif member not in known:
            yield member, "no step made it"
        elif known[member].by_hand:
            yield member, "a person made it"
        elif is_by_hand(facts, member, digest, known):
            yield member, "it was edited"
        else:
            yield member, ""
