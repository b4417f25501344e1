"""A project as the deeds and questions share it: loaded, linked, its state open and repaired.

It does not know what it is wanted for.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from wavebuild import declare, disk
from wavebuild.declare.model import Kind, Range, Settings
from wavebuild.engine.idle import layout_of, refuse_inside_itself, run_identity
from wavebuild.engine.keeping import kept_project
from wavebuild.engine.lists import Project as Project
from wavebuild.engine.lists import linked, loaded
from wavebuild.engine.request import Request
from wavebuild.errors import Problem, WavebuildError, mistake
from wavebuild.graph import Graph, reads
from wavebuild.judge.asking import Answers
from wavebuild.judge.digest import Digests, Keep, Reading
from wavebuild.judge.facts import Facts, missing_sources
from wavebuild.judge.members import Folders, made_members
from wavebuild.judge.memory import Memory
from wavebuild.judge.trace import Made, key
from wavebuild.later import json
from wavebuild.plan import Selection, select, waves
from wavebuild.run.cores import cores
from wavebuild.run.jobs import Invocation
from wavebuild.run.masking import masked_text
from wavebuild.run.memory import MEMORY
from wavebuild.run.orphans import end_orphans
from wavebuild.run.records import SANDBOX, Attempt
from wavebuild.run.transaction import (
    ASIDE,
    DISPLACED,
    FAILED,
    conclude,
    covered,
    empty_folders,
    put_back,
    room_in,
)
from wavebuild.store import settled
from wavebuild.store.contents import Contents
from wavebuild.store.held import is_held
from wavebuild.store.layout import Layout, layout_in, refuse_unsafe, unwritable
from wavebuild.store.lock import Lock, take
from wavebuild.store.opening import nothing_remembered, open_journal, open_state, read_state
from wavebuild.store.state import State


def load(request: Request, present: bool = False) -> Project:
    """Reads and links the Wavefile. Raises WavebuildError with everything that is wrong with it.

    ``present``: lists that steps make are read as they stand; else they wait for the build.
    """
    if request.declared is not None:
        return linked(request, request.declared)
    if request.loaded is not None and (present or not request.loaded.graph.traits.growing):
        return request.loaded
    path = wavefile_of(request)
    return kept_project(request, path) or loaded(request, path, present)


def refuse_shadowed(bare: str | None, graph: Graph) -> None:
    """A word that is a command and a step too is never guessed."""
    if bare is not None and bare in graph.number:
        remedy = f"the step:    wavebuild build {bare}\nthe command: wavebuild {bare} --"
        raise mistake("ambiguous", f"{bare!r} is a command and a step", remedy=remedy)


def read_again(request: Request, project: Project, layout: Layout, present: bool = False) -> Project:
    """The project as it is when its lock is held: who waited for it may have read it long ago."""
    if not request.wait:
        return project
    now = load(request, present)
    return now if layout_of_project(request, now) == layout else project


def wavefile_of(request: Request) -> str:
    """The Wavefile that is meant: the one named, else the nearest, or the one further up that includes it."""
    if request.declared is not None:
        return os.path.join(request.declared.root, request.declared.file)
    found = declare.find(request.directory, request.file)
    return found if request.file is not None else declare.governing(found).path


def layout_of_project(request: Request, project: Project) -> Layout:
    wavefile = project.wavefile
    return layout_in(wavefile.root, wavefile.file, dict(request.environ), wavefile.settings.state)


def layout_of_request(request: Request) -> Layout:
    """Where the state lies; a Wavefile that cannot be loaded has a past too."""
    try:
        return layout_of_project(request, load(request))
    except WavebuildError:
        return layout_of(wavefile_of(request), dict(request.environ))


def select_steps(request: Request, project: Project) -> Selection:
    folder = os.path.relpath(request.directory, project.wavefile.root)
    return select(project.graph, request.targets, "" if folder == "." else folder, request.only, request.commands)


def sequence(project: Project, wanted: Collection[int]) -> list[int]:
    return [number for layer in waves(project.graph, wanted) for number in layer]


def forced_steps(request: Request, selection: Selection) -> frozenset[int]:
    if not request.force:
        return frozenset()
    return selection.named if request.only else selection.wanted


def invocation_of(request: Request, project: Project) -> Invocation:
    """What commands are told that run outside a build."""
    return Invocation(
        run_identity(request.clock()),
        project.wavefile.root,
        dict(request.environ),
        clean_env=project.wavefile.settings.clean_env,
    )


def jobs_of(request: Request, project: Project) -> int:
    asked = request.jobs if request.jobs is not None else project.wavefile.settings.jobs
    return asked if asked is not None else cores()


def durations_of(project: Project, state: State | None, wanted: Collection[int] | None = None) -> dict[int, Range]:
    """Per step the measured time where there is one, else the estimate, in seconds; ``wanted``: None is all steps."""
    names, estimated = project.graph.names.every, project.graph.traits.estimated
    numbers = range(len(names)) if wanted is None else wanted
    measured = state.durations(None if wanted is None else {names[number] for number in wanted}) if state else {}
    found = {}
    for number in numbers if measured else estimated.intersection(numbers):
        if names[number] in measured:
            found[number] = Range(measured[names[number]], measured[names[number]])
        elif number in estimated and (estimate := project.wavefile.steps[number].estimate) is not None:
            found[number] = estimate
    return found


def facts_of(
    project: Project,
    state: State | None,
    request: Request,
    attempts: Sequence[Attempt] | None = None,
    keep: Keep | None = None,
    vouch: Callable[[], int | None] = lambda: None,
    orphans: tuple[str, ...] | None = None,
) -> tuple[Facts, tuple[str, ...]]:
    """The facts, and the orphans. ``attempts``: those to see through, as if they had never begun; else the state's.

    ``keep``: told of every content that is read. ``vouch``: as of ``Digests``; a question tries nothing.
    ``orphans``: where they are known already.
    """
    wavefile = project.wavefile
    folders = Folders(wavefile.root, wavefile.settings.ignore)
    elsewhere = _elsewhere(folders, open_attempts(state) if attempts is None else attempts)
    known = state.digests() if state and not request.paranoid else {}
    digests = Digests(
        wavefile.root,
        known,
        elsewhere={member.rstrip("/"): there for member, there in elsewhere.items()},
        keep=keep,
        vouch=vouch,
    )
    made = state.made if state else dict
    former: Collection[str] = ()
    if orphans is None:
        gone = former_of(project, state, scope_of(request))
        former, orphans = tuple(gone), _standing(gone, digests)
    said = state.answers() if state else {}
    answers = Answers({probe.name: probe for probe in wavefile.probes}, said, request.clock)
    environ = dict(request.environ)
    facts = Facts(
        project.graph,
        digests,
        folders,
        environ,
        frozenset(orphans),
        made,
        elsewhere,
        project.assumed,
        answers,
        memory_of(project, state),
        state.texts if state else lambda of: {},
    )
    facts.former = former
    if state is not None and wavefile.settings.lock is not None:
        from wavebuild.engine.locking import assume_locked

        assume_locked(wavefile, state, facts, scope_of(request))
    return facts, orphans


def memory_of(project: Project, state: State | None) -> Memory:
    initial = {each.key: each.value for each in project.wavefile.mem}
    return Memory(initial, state.memory, state.remembered) if state else Memory(initial)


def secrets_of(request: Request, project: Project) -> dict[str, str | None]:
    """The caller's variables that some step declares as secret, with their values."""
    environ = dict(request.environ)
    return {name: environ.get(name) for name in project.graph.traits.secrets}


def command_shown(request: Request, project: Project) -> str:
    """The command line as it may be kept: a person may have written a secret into it."""
    secrets = [value for value in secrets_of(request, project).values() if value]
    if not secrets:
        return request.command_line
    import shlex

    return shlex.join(masked_text(word, secrets) for word in shlex.split(request.command_line))


def contents_of(request: Request, project: Project, state: State) -> Contents:
    """Takes the contents that are read, for later explanations."""
    path = layout_of_project(request, project).contents
    return Contents(path, secrets_of(request, project), lambda: named_digests(project, state))


def named_digests(project: Project, state: State) -> frozenset[str]:
    """The digests of all that the newest traces of the present steps name."""
    traces = (traces[0] for step in project.wavefile.steps if (traces := state.traces(key(step))))
    found = (part.values() for trace in traces for part in (trace.inputs, trace.gate_inputs, trace.outputs))
    return frozenset(digest.removesuffix("+x") for digests in found for digest in digests)


def open_attempts(state: State | None) -> list[Attempt]:
    """The attempts that have not ended, or were cut off."""
    return [attempt for attempt, done in state.attempts() if not done] if state else []


def _elsewhere(folders: Folders, attempts: Iterable[Attempt]) -> dict[str, str | None]:
    """Where the members that these attempts moved lie meanwhile; None for what they have made so far."""
    found: dict[str, str | None] = {}
    moved: dict[str, str | None] = {}
    for attempt in attempts:
        former = attempt.aside | attempt.bystanders | attempt.copied | empty_folders(attempt)
        made = (path for artifact in covered(attempt) for path in made_members(folders, artifact))
        found |= {path: None for path in made if path not in former}
        moved |= {path: there for path, there in former.items() if os.path.lexists(os.path.join(folders.root, there))}
    return found | moved


def missing_of(project: Project, facts: Facts, wanted: Iterable[int]) -> tuple[Problem, ...]:
    """Every missing source of these steps; a step whose inputs cannot be read is left to be judged alone."""
    problems: list[Problem] = []
    for number in sorted(wanted):
        if number in project.graph.traits.growing:
            continue  # what it reads is not known yet
        with contextlib.suppress(WavebuildError):
            problems += missing_sources(project.graph, facts, (number,))
    return tuple(problems)


def scope_of(request: Request) -> str:
    """Under what values the steps are what they are: others have outputs of their own."""
    profile = [request.profile] if request.profile not in (None, "default") else []
    given = [*profile, *sorted(request.overrides)]
    return json.dumps(given) if given else ""


def orphans_of(project: Project, state: State | None, digests: Digests, scope: str) -> tuple[str, ...]:
    """Members recorded in this scope, of steps that are no more, that no step's outputs cover.

    What stands there with other bytes is somebody's new file.
    """
    return _standing(former_of(project, state, scope), digests)


def former_of(project: Project, state: State | None, scope: str) -> dict[str, Made]:
    """The members on record in this scope that are orphans wherever they stand as they were made.

    What the Wavefile names, to be read or edited, is a source now.
    """
    if state is None:
        return {}
    keys = {key(step) for step in project.wavefile.steps}
    gone = state.made_by_others(keys, scope)
    named = _named_files(project) if gone else frozenset()
    return {
        path: made for path, made in gone.items() if path not in named and project.graph.owner(path.rstrip("/")) is None
    }


def _standing(former: Mapping[str, Made], digests: Digests) -> tuple[str, ...]:
    return tuple(path for path, made in former.items() if _stands_as_made(digests, path, made))


def _named_files(project: Project) -> frozenset[str]:
    """The files that a step reads or edits by their own names, and those that say what the steps are."""
    wavefile = project.wavefile
    named = {
        artifact.path
        for step in wavefile.steps
        for artifact in (*reads(step), *step.updates, *step.awaits)
        if artifact.kind in (Kind.FILE, Kind.LIST)
    }
    return frozenset(named.union(os.path.relpath(path, wavefile.root) for path in wavefile.files))


def _stands_as_made(digests: Digests, path: str, made: Made) -> bool:
    how = "folder" if path.endswith("/") else "made"
    try:
        digest = digests.see(Reading(path, path.rstrip("/"), how)).digest
    except WavebuildError:
        return False
    return digest is not None and digest in (made.raw or made.digest, made.digest)


def prepare(layout: Layout) -> None:
    """Makes the folder of the state. Raises WavebuildError where nothing can be written, or others could write."""
    try:
        refuse_unsafe(layout)
        layout.prepare()
    except OSError as error:
        raise unwritable("the state cannot be written", _path_of(error) or layout.home, error) from None


def state_to_read(request: Request, project: Project, whole: bool = True) -> State | None:
    """The state for a question: nothing is locked or written; None if there is none yet.

    Not ``whole``: rows are read as they are asked for, and what another build writes meanwhile may be seen.
    """
    layout = layout_of_project(request, project)
    state = read_state(layout.state, is_held(layout.lock), layout.claims, whole)
    if state is None and project.wavefile.settings.lock is not None:
        return nothing_remembered(layout.state)
    return state


def attempts_of_others(layout: Layout) -> list[Attempt]:
    """The open attempts of the root's other Wavefiles, as far as their states can be read."""
    found: list[Attempt] = []
    for path in layout.others():
        with contextlib.suppress(WavebuildError):
            state = read_state(path, is_held(layout.lock))
            found += open_attempts(state)
            if state is not None:
                state.close()
    return found


@contextlib.contextmanager
def holding(request: Request) -> Iterator[tuple[Project, State]]:
    """A deed outside a build: the project loaded, held and repaired."""
    project = load(request, present=True)
    layout = layout_of_project(request, project)
    refuse_inside_itself(layout.root, dict(request.environ))
    prepare(layout)
    lock = take(layout.lock, command_shown(request, project), request.wait, lambda: False)
    assert lock is not None
    try:
        project = read_again(request, project, layout, present=True)
        state = open_repaired(layout, project, [], scope_of(request), lock)
        settled.forget(layout.settled)
        try:
            yield project, state
        finally:
            state.close()
    finally:
        lock.release()


def open_repaired(layout: Layout, project: Project, notices: list[str], scope: str, lock: Lock) -> State:
    """The state, after what a killed build left running is ended and what it left half done is undone.

    The root's other Wavefiles share the lock: what a build of theirs left half done is undone first.
    """
    try:
        return _open_repaired(layout, project.wavefile.settings, notices, scope, lock)
    except OSError as error:
        raise unwritable("the state cannot be used", _path_of(error) or layout.home, error) from None


def _open_repaired(layout: Layout, settings: Settings, notices: list[str], scope: str, lock: Lock) -> State:
    folders = Folders(layout.root, settings.ignore)
    left = end_orphans(layout.groups, layout.root)
    if left:
        notices.append(f"ended {left} process(es) that a killed build had left running")
    disk.remove(layout.groups)
    disk.remove_tree(os.path.join(layout.root, MEMORY))
    for path in layout.half_written():
        disk.remove(path)
    layout.note()
    away = layout.out_of_reach()
    all_known = not away
    for path in layout.others():
        try:
            other = open_journal(path)
        except WavebuildError:
            all_known = False
            continue
        if other is not None:
            with contextlib.closing(other):
                _repair(folders, other, path.removesuffix(".db") + ".settled", notices)
    said = len(notices)
    begun = not os.path.exists(layout.state)
    state = open_state(layout.state, notices, scope, layout.claims, lock.is_ours)
    fresh_start = all_known if begun else len(notices) > said
    if begun or len(notices) > said:
        settled.forget(layout.settled)  # what it stems from is not remembered any more
    if begun and (where := layout.said()):
        notices.append(where)
    _repair(folders, state, layout.settled, notices)
    disk.remove_all(os.path.join(layout.root, SANDBOX))
    if fresh_start or all_known:
        _rescue(layout.root, settings.outside, notices)
    aside = os.path.join(layout.root, ASIDE)
    if fresh_start and disk.entries(aside):
        # Nobody knows any more whose these former outputs are: a person may want them.
        rescued = f"{DISPLACED}/rescued-{int(time.time())}"
        disk.move(aside, os.path.join(layout.root, rescued))
        notices.append(f"former outputs that were set aside are kept in {rescued}")
    elif all_known:
        disk.remove_tree(aside)
        layout.let_go()
    elif disk.entries(aside):
        what = f"the state in {away} is out of reach" if away else "the state of another Wavefile cannot be read"
        notices.append(f"{what}: what may be its former outputs stays in {ASIDE}")
    return state


def _rescue(root: str, outside: Iterable[str], notices: list[str]) -> None:
    """Former outputs that are still set aside out of the root are nobody's: a person may want them."""
    for number, folder in enumerate(outside):
        room = room_in(folder, root)
        if disk.entries(room):
            rescued = f"{DISPLACED}/rescued-{int(time.time())}-{number}"
            for path, entry in disk.walk(room):
                disk.move(entry.path, os.path.join(root, rescued, path))
            disk.remove_tree(room)
            disk.remove_empty_folders(os.path.dirname(room), folder)
            notices.append(f"former outputs that were set aside in {folder} are kept in {rescued}")


def _repair(folders: Folders, state: State, evidence: str, notices: list[str]) -> None:
    """Ends what is open in a state: former outputs stand again, or a recorded success is brought to its end."""
    for attempt, done in state.attempts():
        settled.forget(evidence)
        try:
            if done:
                conclude(folders.root, attempt)
            else:
                partial = put_back(folders, attempt)
                where = f"; what it left is in {FAILED}/{attempt.step}" if partial else ""
                notices.append(f"step {attempt.step} was cut off: its former outputs are back{where}")
        except OSError as error:
            what = f"step {attempt.step} was cut off, and its files cannot be put right yet"
            raise unwritable(what, _path_of(error) or folders.root, error) from None
        state.close_attempt(attempt.id)
        state.flush()


def _path_of(error: OSError) -> str:
    return error.filename if isinstance(error.filename, str) else ""
