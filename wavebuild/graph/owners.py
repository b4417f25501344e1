"""Which step owns a path, found through indexes and never by asking every step.

It does not know what the steps read, nor what lies on the disk.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, chain

from msgspec import Struct

from wavebuild.declare.model import Artifact, Digest, Kind, Step
from wavebuild.graph.patterns import Pattern, covers, ends_fit, inside, is_wild, meet, names_meet, pattern

_LAST_CHARACTER = "\U0010ffff"


class Output(Struct, frozen=True, gc=False, array_like=True):
    """One declared output."""

    step: int
    artifact: Artifact


class Beginnings:
    """Finds, for a text, the texts that begin with it and those it begins with."""

    __slots__ = ("_lengths", "_places", "_sorted", "_totals")

    def __init__(self, texts: Sequence[str]) -> None:
        self._places: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            self._places.setdefault(text, []).append(place)
        self._sorted = sorted(self._places)
        self._totals = [0, *accumulate(len(self._places[text]) for text in self._sorted)]
        self._lengths = sorted({len(text) for text in self._sorted})

    def count(self, text: str) -> int:
        """How many places ``near`` would give."""
        first, end = self._range(text)
        return self._totals[end] - self._totals[first] + sum(len(places) for places in self._shorter(text))

    def near(self, text: str) -> Iterator[int]:
        first, end = self._range(text)
        longer = (self._places[self._sorted[k]] for k in range(first, end))
        return chain.from_iterable(chain(self._shorter(text), longer))

    def _range(self, text: str) -> tuple[int, int]:
        return bisect_left(self._sorted, text), bisect_left(self._sorted, text + _LAST_CHARACTER)

    def _shorter(self, text: str) -> Iterator[list[int]]:
        for length in self._lengths:
            if length >= len(text):
                return
            if places := self._places.get(text[:length]):
                yield places


class Shelf:
    """Outputs found by the fixed ends of their patterns: the nearer end, whichever leaves fewer."""

    __slots__ = ("_by_prefix", "_by_suffix", "outputs", "patterns")

    def __init__(self, outputs: Sequence[Output]) -> None:
        self.outputs = outputs
        self.patterns = [pattern(output.artifact) for output in outputs]
        self._by_prefix = Beginnings([held.prefix for held in self.patterns])
        self._by_suffix = Beginnings([held.suffix[::-1] for held in self.patterns])

    def near(self, wanted: Pattern) -> Iterator[int]:
        """The places of all outputs that a path of this pattern could lie in, and few others."""
        if not self.outputs:
            return
        backward = wanted.suffix[::-1]
        by_prefix = self._by_prefix.count(wanted.prefix) <= self._by_suffix.count(backward)
        places = self._by_prefix.near(wanted.prefix) if by_prefix else self._by_suffix.near(backward)
        for place in places:
            if ends_fit(self.patterns[place], wanted):
                yield place


class Outline(Struct, frozen=True):
    """What is to be known of all outputs so that those of a path are found; enough without the steps."""

    file_owner: dict[str, int]  # path → the step that makes it: of two the first
    wide: list[Output]  # directories and globs
    things: list[Output]  # probes and memory: no paths
    otherwise: list[int]  # the steps with an output of which not just the bytes count


def outlined(steps: Sequence[Step]) -> Outline:
    """The outline of these steps."""
    file_owner: dict[str, int] = {}
    wide: list[Output] = []
    things: list[Output] = []
    otherwise: dict[int, None] = {}
    for number, step in enumerate(steps):
        for artifact in step.outputs:
            if artifact.digest is not Digest.BYTES:
                otherwise[number] = None
            if not artifact.covers_files:
                things.append(Output(number, artifact))
            elif artifact.kind is Kind.FILE:
                # Of two owners the first: the graph is refused, but all that is wrong is told at once.
                file_owner.setdefault(artifact.path, number)
            else:
                wide.append(Output(number, artifact))
    return Outline(file_owner, wide, things, list(otherwise))


class Owners:
    """The outputs of all steps: files by their path, directories and globs on a shelf.

    ``outline``: that of these steps, where it is known already.
    """

    def __init__(self, steps: Sequence[Step], root: str, outline: Outline | None = None) -> None:
        self._root = root
        self._steps = steps
        self.outline = outline or outlined(steps)
        self.file_owner = self.outline.file_owner
        self.things = self.outline.things
        self.otherwise = frozenset(self.outline.otherwise)
        self.wide = Shelf(self.outline.wide)
        self._exact_things = {_thing(output.artifact): output.step for output in reversed(self.things)}
        self._wild_things = [output for output in self.things if is_wild(output.artifact.text)]
        self._known: dict[tuple[Kind, str, tuple[str, ...]], tuple[int, ...]] = {}

    @cached_property
    def files(self) -> list[Output]:
        """The outputs that are files."""
        return [
            Output(number, artifact)
            for number, step in enumerate(self._steps)
            for artifact in step.outputs
            if artifact.kind is Kind.FILE
        ]

    @cached_property
    def shelved_files(self) -> Shelf:
        """The files, found by a beginning or an end; most Wavefiles never ask."""
        return Shelf(self.files)

    def owner(self, path: str) -> int | None:
        """The step one of whose outputs covers this path."""
        found = self.file_owner.get(path)
        if found is not None or not self.wide.outputs:
            return found
        near = (self.wide.outputs[place] for place in self.wide.near(Pattern((), path, path)))
        return next((output.step for output in near if covers(output.artifact, path)), None)

    def makers(self, artifact: Artifact) -> tuple[int, ...]:
        """The steps whose outputs may be members of an artifact; sorted."""
        if artifact.kind in (Kind.PROBE, Kind.MEM):
            return tuple(sorted(self._makers_of_thing(artifact)))
        if artifact.kind in (Kind.FILE, Kind.LIST):
            found = self.owner(artifact.path)
            return () if found is None else (found,)
        key = (artifact.kind, artifact.path, artifact.exclude)
        known = self._known.get(key)
        if known is None:
            # Many steps often read the same folder: they share one answer.
            known = self._known[key] = tuple(sorted(self._meeting(artifact)))
        return known

    def _makers_of_thing(self, artifact: Artifact) -> set[int]:
        exact = self._exact_things.get(_thing(artifact))
        found = {exact} if exact is not None else set()
        wanted = self.things if is_wild(artifact.text) else self._wild_things
        return found | {output.step for output in wanted if may_be_one(output.artifact, artifact)}

    def _meeting(self, artifact: Artifact) -> set[int]:
        found: set[int] = set()
        written_outside = artifact.path.startswith(("/", ".."))
        for wanted in inside(artifact, self._root):
            for place in self.shelved_files.near(wanted):
                output = self.files[place]
                if written_outside:
                    fits = meet(wanted, self.shelved_files.patterns[place])
                else:
                    fits = covers(artifact, output.artifact.path)
                if fits:
                    found.add(output.step)
            for place in self.wide.near(wanted):
                if meet(wanted, self.wide.patterns[place]):
                    found.add(self.wide.outputs[place].step)
        return found


def _thing(artifact: Artifact) -> tuple[Kind, str, str]:
    return artifact.kind, artifact.path, artifact.argument


def may_be_one(one: Artifact, other: Artifact) -> bool:
    """Whether two probes, or two keys of the memory, may be the same once every ``*`` in them is known."""
    return one.kind is other.kind and names_meet(one.path, other.path) and names_meet(one.argument, other.argument)
