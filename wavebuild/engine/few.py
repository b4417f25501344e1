"""A build of which is known what has moved since steps were fresh: it looks at those that see that, and what follows.

It does not know how a step is judged or run: whoever does is asked only for those steps.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import repeat
from operator import methodcaller
from typing import cast

from msgspec import Struct

from wavebuild.declare.model import Kind
from wavebuild.disk import CHUNK
from wavebuild.engine.keeping import Edited
from wavebuild.engine.lists import Project
from wavebuild.engine.request import Request
from wavebuild.judge.facts import Facts
from wavebuild.judge.stamp import LARGEST_INODE, NOWHERE, Stamp
from wavebuild.judge.trace import Trace, key, plain
from wavebuild.later import sha256_of_much
from wavebuild.plan.targets import downstream_of
from wavebuild.run.events import Event, Outcome, Settled
from wavebuild.run.job import Ended, Job
from wavebuild.run.life import Again, Asks, Behind, Due, Merges
from wavebuild.run.rebuilder import Rebuilder
from wavebuild.store import lookers, settled
from wavebuild.store.layout import Layout
from wavebuild.store.lookers import Lookers
from wavebuild.store.settled import Evidence

_ENCODED = methodcaller("encode", sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())


MANY_STEPS = 1 << 12
"""Steps of which it is worth to say while jobs run how they end."""

AT_ONCE = 1 << 10
"""Of them so many at a time."""

Known = tuple[Mapping[str, str], list[str], list[settled.Row]]
"""Digests by path; and paths with their stamps, of what is there."""


class Few(Struct, frozen=True):
    """``seen``: the steps that look at what has moved; ``reached``: those, and all that depend on them."""

    seen: frozenset[int]
    reached: frozenset[int]
    moved: frozenset[int]  # rows of the evidence
    evidence: Evidence
    lookers: Lookers


def few_of(
    request: Request,
    project: Project,
    layout: Layout,
    wanted: Collection[int],
    known_of: Collection[int] | None = None,
    edited: Edited | None = None,
) -> Few | None:
    """What a build must look at, from the first look that was taken; None if that is everything.

    It is asked when the project is held and repaired: the evidence must still be the one that was looked at.
    ``known_of``: the steps that the evidence is of, where they are more than are wanted. ``edited``: what is other
    than it was, of a Wavefile that was loaded anew.
    """
    look = request.glance
    moved = look.moved if look is not None else []  # in any case: a second process may still tell some of it
    if look is None or not _may_be_few(request, project):
        return None
    if project.reused is not None:
        identity, other = project.reused.identity, frozenset[int]()
    elif edited is not None and edited.other is not None:
        identity, other = edited.identity, edited.other
    else:
        return None
    known = lookers.unpacked(look.evidence.more, look.evidence.names)
    known_of = wanted if known_of is None else known_of
    if known is None or known.identity != identity:
        return None
    if look.evidence.fresh + look.evidence.open != len(known_of) or look.evidence.open != len(known.open):
        return None
    if not settled.stands(layout.settled, look.evidence):
        return None
    seen = {*known.open, *other, *(known.broad if moved or other else ())}
    for row in moved:
        those = known.of(row)
        if row in known.of_all or not (those or known.broad or row in known.loads):
            return None  # it may concern anybody
        seen.update(those)
    if not seen.issubset(known_of):
        return None
    seen.intersection_update(wanted)
    reached = downstream_of(project.graph, seen).intersection(wanted)
    return Few(frozenset(seen), frozenset(reached), frozenset(moved), look.evidence, known)


def _may_be_few(request: Request, project: Project) -> bool:
    """Whether steps that see no change need no look: none is to run all the same, none shares a file."""
    if request.force or request.changed or request.unchanged or request.paranoid or request.audit:
        return False
    return project.wavefile.settings.lock is None and not project.graph.shared.updates and not request.order


class Vouched:
    """Judges the steps that see a change; any other is as it was unless a step before it runs.

    ``looked``: those that were judged. ``full``: of every step all is told, also what its advisor said of it.
    """

    def __init__(
        self,
        rebuilder: Rebuilder,
        project: Project,
        few: Few,
        facts: Facts,
        traces: Callable[[str], Sequence[Trace]],
        full: bool,
    ) -> None:
        self._full = full
        self._rebuilder = rebuilder
        self._facts = facts
        self._traces = traces
        self._graph = project.graph
        self._names = list(project.graph.number)
        self._seen = few.seen
        self._few = few
        self._row_of: dict[bytes, int] = {}
        self._coming: list[int] = []  # steps with many inputs, behind one that has begun
        self._whole: dict[int, Settled] = {}  # how all end if nobody is looked at: as far as it was done in advance
        self._laid_out: dict[int, Known | None] = {}  # of a step that is looked at later, what was done in advance
        self._remade: set[str] | None = set()  # outputs of steps that have begun; None: nobody knows them all
        self._to_look = set(few.seen)  # those that are judged, but for some that have settled since
        self.began: set[int] = set()
        self.looked: set[int] = set()
        facts.digests.stood = self._stood

    def consider(self, number: int) -> Settled | Due | Asks | Behind:
        as_it_was = number not in self._seen and self.began.isdisjoint(self._graph.upstream[number])
        if as_it_was and not (self._full and number in self._graph.traits.reviewed):
            return self.kept(number)
        self.looked.add(number)
        if number in self._few.lookers.proven:
            self._take_over(number)
        return self._rebuilder.consider(number)

    def kept(self, number: int) -> Settled:
        """How a step ends that nobody needs to look at."""
        return Settled(self._names[number], Outcome.KEPT, self._graph.wave[number])

    def begin(self, due: Due) -> Settled | None:
        self.began.add(due.number)
        coming = self._few.reached.intersection(self._graph.downstream[due.number])
        self._to_look.update(coming)
        self._coming += coming.intersection(self._few.lookers.proven)
        outputs = self._graph.wavefile.steps[due.number].outputs
        if any(output.kind is not Kind.FILE for output in outputs):
            self._remade = None
        elif self._remade is not None:
            self._remade.update(output.path for output in outputs)
        return self._rebuilder.begin(due)

    def leaves_the_rest(self, settled: Mapping[int, Settled]) -> bool:
        """Whether none of those that have not settled needs a look: while nothing begins, they are as they were."""
        if self._full:
            return False
        while self._to_look:
            number = next(iter(self._to_look))
            if number not in settled:
                return False
            self._to_look.discard(number)
        return True

    def withdraw(self, due: Due) -> None:
        self._rebuilder.withdraw(due)

    def is_last(self, number: int) -> bool:
        return self._rebuilder.is_last(number)

    def job_ahead(self, due: Due) -> Job | None:
        return self._rebuilder.job_ahead(due)

    def set_going(self, number: int, tell: Callable[[Event], None]) -> None:
        self._rebuilder.set_going(number, tell)

    def start(self, due: Due | Asks, tell: Callable[[Event], None] | None = None) -> Job | Settled:
        return self._rebuilder.start(due, tell)

    def finish(self, ended: Ended) -> Again | Job | Merges | Settled | Due | Asks | Behind:
        return self._rebuilder.finish(ended)

    def merge(self, number: int) -> Settled:
        return self._rebuilder.merge(number)

    def retry(self, number: int) -> Job:
        return self._rebuilder.retry(number)

    def drop(self, number: int) -> Settled:
        return self._rebuilder.drop(number)

    def commit(self) -> None:
        self._rebuilder.commit()

    def _stood(self, path: str) -> Stamp:
        """The stamp that the first look has found at an output of a step that is not judged, if it is as it was.

        A step that is judged may be about to run: what stands there now may be the work of a person.
        """
        owner = self._graph.owners.file_owner.get(path)
        if owner is None or owner in self.looked:
            return NOWHERE
        evidence = self._few.evidence
        try:
            row = self._rows().get(_ENCODED(path))
        except UnicodeEncodeError:  # a name that no file has
            return NOWHERE
        if row is None or row in self._few.moved:
            return NOWHERE
        device, inode, *rest = evidence.columns[5 * row : 5 * row + 5].tolist()
        return (device, inode & LARGEST_INODE, *rest)

    def rows_of(self, names: Collection[bytes]) -> list[int]:
        """The rows of those of these files that are there."""
        rows = self._rows() if names else {}
        return [rows[name] for name in names if name in rows]

    def _rows(self) -> dict[bytes, int]:
        """The rows of what is there, by name."""
        if not self._row_of:
            evidence = self._few.evidence
            self._row_of = dict(zip(evidence.names, range(evidence.there), strict=False))
        return self._row_of

    # What is done while jobs run

    @property
    def takes_long(self) -> bool:
        """Whether it is worth to do something in advance."""
        return len(self._names) >= MANY_STEPS or not self._few.reached.isdisjoint(self._few.lookers.proven)

    def in_advance(self, waves: Sequence[Sequence[int]]) -> Iterator[bool]:
        """Piece by piece: lays out what is known of a step with many inputs that comes next; says how those end that
        are kept. False if there is nothing to do at the moment."""
        order = [number for wave in waves for number in wave]
        while True:
            if self._coming:
                number = self._coming.pop()
                if number not in self.looked:
                    self._facts.many_files(number)
                    yield True
                    self._laid_out = {} if number in self.looked else {number: self._known(number)}
                    yield True
                if self._made_much(number):
                    sha256_of_much(b"")  # what sums much of it quickly takes its time to come
                    yield True
            elif len(self._whole) < len(order):
                self._say_kept(order)
                yield True
            else:
                yield False

    def _made_much(self, number: int) -> bool:
        """Whether something that the step made is so large that it takes long to sum."""
        outputs = (output.path for output in self._graph.wavefile.steps[number].outputs if output.kind is Kind.FILE)
        rows = self.rows_of([*map(os.fsencode, outputs)])
        return any(size >= CHUNK for _, _, size, _, _ in self._few.evidence.stamps(rows))

    def _known(self, number: int) -> Known | None:
        """What is known of a step with many inputs: what its trace says of them, and the stamps they had as it was
        written."""
        many = self._facts.many_files(number)
        traces = self._traces(key(self._graph.wavefile.steps[number])) if many else ()
        if not many or not traces or traces[0].identity != self._few.lookers.proven[number]:
            return None
        return plain(traces[0].inputs), *self._stamps_of(many.in_order)

    def _take_over(self, number: int) -> None:
        """Of a step with many inputs: what its trace says of those that are as they were is taken as seen, all at once.

        The evidence was written when the files had the digests of that trace, and the stamps that they still have.
        """
        known = self._laid_out.pop(number) if number in self._laid_out else self._known(number)
        if known is None or self._remade is None:
            return
        evidence, (inputs, files, stamps) = self._few.evidence, known
        other = {*self._remade, *(os.fsdecode(evidence.names[row]) for row in self._few.moved)}
        left = [at for path in other if (at := bisect_left(files, path)) < len(files) and files[at] == path]
        if left:
            files = files.copy()
            for at in sorted(left, reverse=True):
                del files[at], stamps[at]
        digests = [*map(inputs.get, files)]
        if None not in digests:
            self._facts.digests.take_over(files, stamps, cast(list[str], digests))

    def _stamps_of(self, files: list[str]) -> tuple[list[str], list[settled.Row]]:
        """Of these files, which are sorted, those that are there, with their stamps.

        Where nothing else lies between them in the evidence, they lie there row after row.
        """
        evidence, there = self._few.evidence, self._few.evidence.there
        first = bisect_left(evidence.names, _ENCODED(files[0]), hi=there)
        last = first + len(files)
        if last <= there and b"\0".join(evidence.names[first:last]) == _ENCODED("\0".join(files)):
            return files, [*evidence.rows(first, last)]
        found = zip(files, map(self._rows().get, map(_ENCODED, files)), strict=True)
        rows = {path: row for path, row in found if row is not None}
        return [*rows], evidence.stamps([*rows.values()])

    def whole(self, ended: dict[int, Settled], waves: Sequence[Sequence[int]]) -> tuple[Settled, ...]:
        """How every wanted step ended, in the order of the plan."""
        order = [number for wave in waves for number in wave]
        while len(self._whole) < len(order):
            self._say_kept(order)
        return tuple((self._whole | ended).values())

    def _say_kept(self, order: Sequence[int]) -> None:
        """Of the next of them how they end if nobody looks at them."""
        said, names, wave = len(self._whole), self._names, self._graph.wave
        some = order[said : said + AT_ONCE]
        kept = map(Settled, [names[n] for n in some], repeat(Outcome.KEPT), [wave[n] for n in some])
        self._whole.update(zip(some, kept, strict=True))
