"""Which step looks at which file, and the stamps of them; what a few steps looked at, laid over the evidence of all.

It does not know how evidence is written, nor how a build uses it.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from wavebuild.declare.model import Artifact, Digest, Kind, Step
from wavebuild.engine.few import Few
from wavebuild.engine.lists import Project
from wavebuild.graph import reads
from wavebuild.judge.trace import Trace, key
from wavebuild.store.settled import NOTHING, name_of

_READ_BY_NAME = (Digest.BYTES, Digest.STAT, Digest.JSON, Digest.YAML, Digest.CSV)

_WIDE = len(NOTHING)
_NOTHING = array("q", NOTHING).tobytes()


class Stamps(Mapping[str, bytes]):
    """Name → packed stamp, none of what is not there: in columns, as an object for each takes several times the room.

    ``places``: name → which of the stamps it has, as they came.
    """

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self._columns = array("q")

    def put(self, name: str, stamp: Sequence[int]) -> None:
        """``stamp``: five numbers, or none. Raises OverflowError for one that is too large."""
        column = array("q", stamp or NOTHING)
        assert len(column) == _WIDE, "what follows would be of others"
        place = self.places.setdefault(name, len(self.places))
        self._columns[place * _WIDE : (place + 1) * _WIDE] = column  # at the end it is added

    def put_packed(self, name: str, stamp: bytes) -> None:
        self.put(name, array("q", stamp))

    def __getitem__(self, name: str) -> bytes:
        place = self.places[name]
        found = self._columns[place * _WIDE : (place + 1) * _WIDE].tobytes()
        return found if found != _NOTHING else b""

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class Seeing:
    """Which steps look at what stands under a name, of those of which all looks are known.

    ``places``: the names, each with its place among them. ``broad``: the other steps: they look into folders, or at
    what no path says.
    """

    def __init__(self, project: Project, places: Mapping[str, int], traces: Callable[[str], Sequence[Trace]]) -> None:
        """``traces``: what is on record of what a step has read besides its inputs."""
        self.broad: set[int] = set()
        self._project = project
        self._traces = traces
        self._beyond = _looked_beyond(project)
        self._places = places
        # Of each name the last look, of each look who looks and which look was the one before: as lists they would
        # take more room than all that is written.
        self._last = array("q", [-1]) * len(places)
        self._who, self._before = array("q"), array("q")

    def add(self, name: str, number: int) -> None:
        """A step looks at a name; of one that has no place nothing need be known."""
        place = self._places.get(name)
        if place is not None:
            self._before.append(self._last[place])
            self._last[place] = len(self._who)
            self._who.append(number)

    def of(self, name: str) -> list[int]:
        found, look = [], self._last[self._places[name]]
        while look >= 0:
            found.append(self._who[look])
            look = self._before[look]
        return found

    def see(self, number: int, step: Step) -> None:
        """Takes in what a step looks at."""
        paths = _named(self._project, step)
        if paths is not None and step.depfile:
            paths.update(member for trace in self._traces(key(step)) for member in trace.discovered)
        if paths is None or (self._beyond and any(self._project.graph.owner(path) in self._beyond for path in paths)):
            self.broad.add(number)
            return
        root = self._project.wavefile.root
        for path in paths:
            self.add(name_of(path, root) if path.startswith("/") else path, number)


def _looked_beyond(project: Project) -> frozenset[int]:
    """The steps of whose outputs more counts, for all who read them, than what stands at their paths."""
    steps = project.wavefile.steps
    return frozenset(
        number
        for number in project.graph.owners.otherwise
        if any(output.digest not in _READ_BY_NAME for output in steps[number].outputs)
    )


def _named(project: Project, step: Step) -> set[str] | None:
    """The files that a step names, itself or by the steps that make them; None if it looks at more than these.

    A variable of the caller stands in the evidence itself; a key of the memory changes with the step that writes it.
    """
    if step.code or step.updates or step.expands or step.frozen or step.freshness != "hash":
        return None
    if step.has_calls:
        return None
    paths = set[str]()
    for artifact in (*reads(step), *step.outputs):
        if artifact.kind is Kind.STEP:
            for output in _outputs_of(project, artifact.path):
                if output.kind is not Kind.FILE or output.optional or output.digest not in _READ_BY_NAME:
                    return None  # which files there are is for the disk to say
                paths.add(output.path)
        elif artifact.kind is Kind.FILE and artifact.digest in _READ_BY_NAME:
            paths.add(artifact.path)
        elif artifact.kind is not Kind.ENV and artifact.kind is not Kind.MEM:
            return None
    return paths


def _outputs_of(project: Project, name: str) -> Iterator[Artifact]:
    """What the steps of a name make, with its members in place of a group."""
    graph, steps = project.graph, project.wavefile.steps
    for number in graph.names.find(name):
        for one in graph.upstream[number] if number in graph.traits.groups else (number,):
            yield from steps[one].outputs


def lay_over(few: Few, looked: Collection[int], rows: Stamps) -> set[int]:
    """Adds what the steps look at that were not judged to what those looked at that were.

    Gives those that were not judged though a file has changed for them since the first look.
    """
    former, known, missed = few.evidence, few.lookers, set[int]()
    for row, name in enumerate(_names(few)):
        stamp, those = former.packed(row), known.of(row)
        others = any(number not in looked for number in those)
        if name in rows or row in few.moved:
            if others and rows.get(name) != stamp:
                missed.update(number for number in those if number not in looked)
        elif others or not those:
            rows.put_packed(name, stamp)
    return missed


def see_as_before(few: Few, looked: Collection[int], seen: Seeing) -> set[str]:
    """Takes in what the steps look at that were not judged; the names of which every step must know."""
    known, names = few.lookers, _names(few)
    seen.broad |= known.broad.difference(looked)
    for row, name in enumerate(names):
        for number in known.of(row):
            if number not in looked:
                seen.add(name, number)
    return {names[row] for row in known.of_all}


def _names(few: Few) -> list[str]:
    names = few.evidence.names
    return os.fsdecode(b"\0".join(names)).split("\0") if names else []
