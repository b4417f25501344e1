"""Which step looks at which file; and what a few steps looked at, laid over the evidence of all.

It does not know how evidence is written, nor how a build uses it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from wavebuild.declare.model import Artifact, Digest, Kind, Step
from wavebuild.engine.few import Few
from wavebuild.engine.lists import Project
from wavebuild.graph import reads
from wavebuild.judge.trace import Trace, key
from wavebuild.store.settled import name_of

_READ_BY_NAME = (Digest.BYTES, Digest.STAT, Digest.JSON, Digest.YAML, Digest.CSV)


class Seeing(Struct):
    """Which steps look at the row of a name, of those of which all looks are known.

    ``broad``: the others: they look into folders, or at what no path says. ``of_all``: the names of which every step
    must know when something comes or goes there: what stands there is nobody's member, or it is.
    """

    broad: set[int] = field(default_factory=set)
    of_all: set[str] = field(default_factory=set)
    _of: dict[str, int | list[int]] = field(default_factory=dict)  # most files are looked at by one step alone

    def add(self, name: str, number: int) -> None:
        before = self._of.get(name)
        if before is None:
            self._of[name] = number
        elif isinstance(before, int):
            self._of[name] = [before, number]
        else:
            before.append(number)

    def of(self, name: str) -> Sequence[int]:
        found = self._of.get(name, ())
        return (found,) if isinstance(found, int) else found


def seeing(project: Project, looked: Iterable[int], traces: Callable[[str], Sequence[Trace]]) -> Seeing:
    """What these steps look at; ``traces``: what is on record of what a step has read besides its inputs."""
    found, root, beyond = Seeing(), project.wavefile.root, _looked_beyond(project)
    for number in looked:
        step = project.wavefile.steps[number]
        paths = _named(project, step)
        if paths is None:
            found.broad.add(number)
            continue
        if step.depfile:
            paths.update(member for trace in traces(key(step)) for member in trace.discovered)
        if beyond and any(project.graph.owner(path) in beyond for path in paths):
            found.broad.add(number)
            continue
        for path in paths:
            found.add(name_of(path, root) if path.startswith("/") else path, number)
    return found


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


def laid_over(
    few: Few, looked: Collection[int], rows: Mapping[str, bytes], now: Seeing
) -> tuple[dict[str, bytes], set[int]]:
    """The evidence of all steps, where ``rows`` are what the steps that were judged looked at.

    With the steps that were not judged though a file has changed for them since the first look.
    """
    former, known, missed = few.evidence, few.lookers, set[int]()
    names = os.fsdecode(b"\0".join(former.names)).split("\0") if former.names else []
    all_rows = dict(rows)
    now.broad |= known.broad.difference(looked)
    now.of_all = {names[row] for row in known.of_all}
    for row, name in enumerate(names):
        stamp, those = former.packed(row), known.of(row)
        others = [number for number in those if number not in looked]
        if name in rows or row in few.moved:
            if others and rows.get(name) != stamp:
                missed.update(others)
        elif others or not those:
            all_rows[name] = stamp
        for number in others:
            now.add(name, number)
    return all_rows, missed
