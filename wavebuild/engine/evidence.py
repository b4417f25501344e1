"""Keeps the evidence of what is fresh, after a build that found or made it so.

It does not know how it is checked later: see ``store.settled``.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import time
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from wavebuild import disk
from wavebuild.declare.model import Kind, Step
from wavebuild.engine.few import Few, Vouched
from wavebuild.engine.keeping import as_read, links_on_the_way, read_for
from wavebuild.engine.project import Project
from wavebuild.engine.request import Request
from wavebuild.graph import reads
from wavebuild.graph.columns import passing
from wavebuild.judge.facts import Facts
from wavebuild.judge.members import Folders
from wavebuild.judge.stamp import TICK, stamp, stamp_of, trusted
from wavebuild.judge.standing import Frozen, Keeps, Standing, stand
from wavebuild.judge.trace import key
from wavebuild.store import lookers, settled
from wavebuild.store.layout import Layout
from wavebuild.store.state import State

if TYPE_CHECKING:
    from wavebuild.engine.seeing import Stamps


def keep_evidence(
    request: Request,
    project: Project,
    layout: Layout,
    facts: Facts,
    state: State,
    looked: Collection[int],
    left: Collection[int],
    asked: str,
    identity: str,
    few: Few | None,
    proven: Mapping[int, str],
) -> None:
    """Writes down what was looked at, if all of it can be trusted; else the next build looks for itself.

    ``looked``: the steps that were judged: all, or with ``few`` those that saw a change. ``left``: those that did not
    end well, judged or not: they are looked at again. ``identity``: of the project as it is kept. ``proven``: of
    judged steps with many inputs the traces by which they are fresh.
    """
    from wavebuild.engine.seeing import Seeing, lay_over, see_as_before

    steps = project.wavefile.steps  # of many each is made when it is asked for: never all at once
    if request.changed or request.unchanged:
        return
    well = [number for number in looked if number not in left]
    if not facts.digests.make_sure() or not _edits_stand(request, project, facts, state, well):
        return
    tells = _Telling(facts, os.path.dirname(layout.lock))
    folders = _settled_folders(request, project, facts, state, well, tells)
    del well
    try:
        rows = _rows(project, facts, folders, tells) if folders is not None else None
    except OverflowError:
        return
    if rows is None:
        return
    environ, total, left = dict(request.environ), len(looked), set(left)
    env, every = dict(project.wavefile.env_read), set(map(facts.digests.named, facts.former))
    if few is not None:
        left |= lay_over(few, looked, rows)
        total = few.evidence.fresh + few.evidence.open
        env = {os.fsdecode(name): environ.get(os.fsdecode(name)) for name in few.evidence.env} | env
    seen = Seeing(project, rows.places, state.traces)
    for number, step in zip(looked, passing(steps, looked), strict=True):
        if goes_by_more(step):
            left.add(number)
        env |= {read.path: environ.get(read.path) for read in reads(step) if read.kind is Kind.ENV}
        seen.see(number, step)
    if few is not None:
        every = see_as_before(few, looked, seen)
    names, root = settled.in_order(rows), project.wavefile.root
    folders_listed = project.folders.visited if project.folders else ()
    read = {settled.name_of(path, root) for path in (*_read(project), *map(facts.digests.absolute, folders_listed))}
    loads = [row for row, name in enumerate(names) if name in read]
    of_all = [row for row, name in enumerate(names) if name in every] if every else ()
    known = {number: trace for number, trace in _proven(looked, few, proven).items() if number not in left}
    more = lookers.packed(identity, loads, seen.broad, left, of_all, map(seen.of, names), known)
    with contextlib.suppress(OSError):
        settled.save(layout.settled, settled.Head(asked, total - len(left), env, more, len(left)), rows, names)


def seen_stamps(project: Project, facts: Facts, few: Few | None) -> dict[str, tuple[int, ...]]:
    """Path → stamp of all that was looked at, evidence of it or not: where links are on the way, or clocks are odd.

    With ``few``: also of what is known to be looked at by the steps that were not judged.
    """
    found: dict[str, tuple[int, ...]] = {}
    if few is not None:
        names = os.fsdecode(b"\0".join(few.evidence.names)).split("\0") if few.evidence.names else []
        found = {name: few.evidence.stamp(row) if row < few.evidence.there else () for row, name in enumerate(names)}
    for path, held in _read(project).items():
        status = disk.look(path)
        as_it_was_read = _says_the_same(path, status, held, project)
        found[settled.name_of(path, project.wavefile.root)] = _full_stamp(path) if as_it_was_read else _OF_NOTHING
    listed = dict(facts.folders.visited) | (project.folders.visited if project.folders else {})
    for folder, status in listed.items():
        name = settled.name_of(facts.digests.absolute(folder), project.wavefile.root)
        found[name] = stamp_of(status) if status is not None else ()
    for probed in facts.folders.probed:
        found.setdefault(facts.digests.named(probed), _full_stamp(facts.digests.absolute(probed)))
    return found | dict(facts.digests.evidence())


_OF_NOTHING = (-1,)
"""A stamp that nothing has."""


def _full_stamp(path: str) -> tuple[int, ...]:
    try:
        return stamp(path)
    except OSError:
        return ()


def renewed(
    project: Project,
    layout: Layout,
    facts: Facts,
    few: Few,
    judge: Vouched,
    left: Collection[int],
    proven: Mapping[int, str],
) -> bool:
    """Whether the evidence is written again as it was, but for the stamps of what has moved or was made.

    That can be done where the judged steps look at what they looked at before: plain ones, without a depfile; and
    where none is ``left`` to be looked at again, nor was before.
    """
    steps, known = project.wavefile.steps, few.lookers
    if left or known.open or project.reused is None:
        return False
    if not known.broad.isdisjoint(judge.looked) or any(steps[number].depfile for number in judge.looked):
        return False
    if not facts.digests.make_sure():
        return False
    made = {os.fsencode(output.path) for number in judge.began for output in steps[number].outputs}
    made_rows = judge.rows_of(made)
    if len(made_rows) < len(made):
        return False
    stamps = {}
    for row in few.moved.union(made_rows):
        now = _stamp_of_load(project, few, row) if row in known.loads else _stamp_seen(facts, few, judge, row)
        if now is None or row >= few.evidence.there:
            return False
        stamps[row] = now
    if links_on_the_way(layout.root, (few.evidence.path(row, layout.root) for row in stamps)):
        return False
    more = lookers.packed_with(known, _proven(judge.looked, few, proven))
    settled.save_with(layout.settled, few.evidence, stamps, more)
    return True


def _proven(looked: Collection[int], few: Few | None, now: Mapping[int, str]) -> dict[int, str]:
    former = few.lookers.proven if few is not None else {}
    return {number: trace for number, trace in former.items() if number not in looked} | dict(now)


def _stamp_of_load(project: Project, few: Few, row: int) -> settled.Row | None:
    """The stamp of a file that is read to load the Wavefile, and by nobody else; None if that is not sure."""
    path = few.evidence.path(row, project.wavefile.root)
    status = disk.look(path)
    if status is None or project.reused is None or few.lookers.of(row) or not _is_old(path, status, (), time.time_ns()):
        return None
    return settled.row(status) if settled.row(status) == project.reused.rows.get(path) else None


def _stamp_seen(facts: Facts, few: Few, judge: Vouched, row: int) -> settled.Row | None:
    """The stamp under which all who look at a file have seen it in this build; None if some have not."""
    mark = facts.digests.mark_of(os.fsdecode(few.evidence.names[row]))
    if mark is None or len(mark) != 5 or not judge.looked.issuperset(few.lookers.of(row)):
        return None
    return mark[0], mark[1], mark[2], mark[3], mark[4]


def goes_by_more(step: Step) -> bool:
    """Whether more than files says if a step is fresh: the time, or an external thing."""
    if step.always or step.max_age is not None or step.min_age is not None:
        return True
    return any(artifact.kind is Kind.PROBE for artifact in (*reads(step), *step.outputs))


def _read(project: Project) -> Mapping[str, bytes | None]:
    return dict.fromkeys(project.reused.rows) if project.reused else read_for(project)


def _edits_stand(request: Request, project: Project, facts: Facts, state: State, wanted: Iterable[int]) -> bool:
    """Whether every step that edits a shared file is fresh now that the others have edited it, too."""
    if not project.graph.shared.updates:
        return True
    for number in wanted:
        step = project.wavefile.steps[number]
        if step.updates and not step.is_group and not goes_by_more(step):
            traces, known = state.traces(key(step)), state.made()
            standing = stand(facts, number, facts.read(number), traces, known, request.clock(), forced=False)
            if not _is_settled(standing):
                return False
    return True


def _is_settled(standing: Standing) -> bool:
    return isinstance(standing, Frozen) or (isinstance(standing, Keeps) and standing.is_settled)


def _settled_folders(
    request: Request, project: Project, facts: Facts, state: State, wanted: Iterable[int], tells: _Telling
) -> Folders | None:
    """The folders as they are now that nothing runs any more, if every step that lists one still has nothing to do."""
    if not facts.folders.visited:
        return facts.folders
    now = time.time_ns()
    if not all(trusted(stamp_of(status), now) or tells.every_change_of(status) for status in _now(facts.folders)):
        time.sleep(TICK / 1e9)
    again = facts.folders.anew()
    looks = facts.with_folders(again)
    for number in wanted:
        step = project.wavefile.steps[number]
        if goes_by_more(step) or not _looks_into_folders(step):
            continue
        if _looks_for_modules_alone(step) and facts.agrees(step, looks):
            continue
        known = state.made()
        standing = stand(
            looks, number, looks.read(number), state.traces(key(step)), known, request.clock(), forced=False
        )
        if not _is_settled(standing):
            return None
    return again


class _Telling:
    """Of which folders every change shows in their stamps, however soon it comes after a look.

    ``trial``: a folder of ours, where it is tried, once and only if somebody asks.
    """

    def __init__(self, facts: Facts, trial: str) -> None:
        self._facts = facts
        self._trial = trial
        self._tells: bool | None = None

    def every_change_of(self, status: os.stat_result) -> bool:
        if not self._facts.digests.vouches_for(stamp_of(status)):
            return False
        if self._tells is None:
            self._tells = disk.tells_changes_of_folders(self._trial)
        return self._tells


def _looks_into_folders(step: Step) -> bool:
    return step.frozen or bool(step.code) or step.has_calls or _lists(step)


def _looks_for_modules_alone(step: Step) -> bool:
    """Whether folders say nothing of it but which modules its calls find: most call what others call, too."""
    return not (step.frozen or step.code or _lists(step))


def _lists(step: Step) -> bool:
    kinds = {artifact.kind for artifact in (*reads(step), *step.outputs)}
    return not kinds.isdisjoint((Kind.DIRECTORY, Kind.GLOB, Kind.STEP))


def _now(folders: Folders) -> Iterable[os.stat_result]:
    paths = (os.path.join(folders.root, folder) if folder else folders.root for folder in folders.visited)
    return (status for path in paths if (status := disk.look(path)) is not None)


def _rows(project: Project, facts: Facts, folders: Folders, tells: _Telling) -> Stamps | None:
    """The stamps of everything; None if a clock cannot vouch for it, or links are on the way.

    A link may lead elsewhere tomorrow without a change of what stands at its own place: what lies
    behind one is left to the build that looks at everything.
    """
    from wavebuild.engine.seeing import Stamps

    rows = Stamps()
    for name, mark in facts.digests.evidence():
        if len(mark) > 5:
            return None
        rows.put(name, mark)
    now, root = time.time_ns(), project.wavefile.root
    listed = {facts.digests.absolute(folder): status for folder, status in folders.visited.items()}
    read = _read(project)
    for folder, status in project.folders.visited.items() if project.folders else ():
        before = listed.setdefault(facts.digests.absolute(folder), status)
        if settled.row(before) != settled.row(status):
            return None  # it has changed since instances were found in it
    asked_for = itertools.chain(facts.folders.probed, folders.probed)
    probed = {facts.digests.absolute(path) for path in asked_for if facts.digests.named(path) not in rows}
    later = _when_old((path for path in read if path not in listed and path not in probed), now)
    for path in (*listed, *probed, *read):
        status = listed[path] if path in listed else disk.look(path)
        if status is not None and stat.S_ISLNK(status.st_mode):
            return None
        is_sure = status is None or _is_old(path, status, probed, now if path in listed else later)
        if not is_sure and not (status is not None and path in listed and tells.every_change_of(status)):
            return None
        if path in read and not _says_the_same(path, status, read[path], project):
            return None
        rows.put(settled.name_of(path, root), settled.row(status))
    return None if links_on_the_way(root, (os.path.join(root, name) for name in rows)) else rows


def _when_old(paths: Iterable[str], now: int) -> int:
    """The time from which a clock vouches for these: a tick from now, if one of them was written just now."""
    looks = map(disk.look, paths)
    if all(status is None or trusted(stamp_of(status), now) for status in looks):
        return now
    time.sleep(TICK / 1e9)
    return time.time_ns()


def _says_the_same(path: str, status: os.stat_result | None, held: bytes | None, project: Project) -> bool:
    if project.reused is not None:
        return settled.row(status) == project.reused.rows[path]
    return as_read(path, status, held, project.files.began)


def _is_old(path: str, status: os.stat_result, probed: Collection[str], now: int) -> bool:
    """Of a file that was only asked for, its being there counts; anything else must be older than a tick."""
    return path in probed or trusted(stamp_of(status), now)
