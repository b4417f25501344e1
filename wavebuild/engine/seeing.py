"""Which step looks at which file; and what a few steps looked at, laid over the evidence of all.

It does not know how evidence is written, nor how a build uses it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct, field

from wavebuild.declare.model import Call, Digest, Kind, Step
from wavebuild.engine.few import Few
from wavebuild.engine.lists import Project
from wavebuild.graph import reads
from wavebuild.judge.trace import Trace, key
from wavebuild.store.settled import NOTHING, Row

_READ_BY_NAME = (Digest.BYTES, Digest.STAT, Digest.JSON, Digest.YAML, Digest.CSV)


class Seeing(Struct):
    """``of``: absolute path → the steps that look at it, of those of which all looks are known.

    ``broad``: the others: they look into folders, or at what no path says. ``of_all``: the paths of which every step
    must know when something comes or goes there: what stands there is nobody's member, or it is.
    """

    of: dict[str, list[int]] = field(default_factory=dict)
    broad: set[int] = field(default_factory=set)
    of_all: set[str] = field(default_factory=set)


def seeing(project: Project, looked: Iterable[int], traces: Callable[[str], Sequence[Trace]]) -> Seeing:
    """What these steps look at; ``traces``: what is on record of what a step has read besides its inputs."""
    found, root, beyond = Seeing(), project.wavefile.root, _looked_beyond(project)
    for number in looked:
        step = project.wavefile.steps[number]
        if not _is_plain(step):
            found.broad.add(number)
            continue
        paths = {artifact.path for artifact in (*reads(step), *step.outputs) if artifact.kind is Kind.FILE}
        if step.depfile:
            paths.update(member for trace in traces(key(step)) for member in trace.discovered)
        if beyond and any(project.graph.owner(path) in beyond for path in paths):
            found.broad.add(number)
            continue
        for path in paths:
            found.of.setdefault(os.path.join(root, path), []).append(number)
    return found


def _looked_beyond(project: Project) -> frozenset[int]:
    """The steps of whose outputs more counts, for all who read them, than what stands at their paths."""
    steps = project.wavefile.steps
    return frozenset(
        number
        for number in project.graph.owners.otherwise
        if any(output.digest not in _READ_BY_NAME for output in steps[number].outputs)
    )


def _is_plain(step: Step) -> bool:
    """Whether a step looks at nothing but files that it names, and those that its depfile has named."""
    if step.code or step.updates or step.expands or step.frozen or step.freshness != "hash":
        return False
    if isinstance(step.action, Call) or any(isinstance(check.action, Call) for check in step.checks):
        return False
    return all(
        artifact.kind is Kind.ENV or (artifact.kind is Kind.FILE and artifact.digest in _READ_BY_NAME)
        for artifact in (*reads(step), *step.outputs)
    )


def laid_over(
    project: Project, few: Few, looked: Collection[int], rows: Mapping[str, Row], now: Seeing
) -> tuple[dict[str, Row], Seeing] | None:
    """The evidence of all steps, where ``rows`` are what the steps that were judged looked at.

    None where a file has changed since the first look for a step that was not judged: the next build looks for itself.
    """
    root, former, known = project.wavefile.root, few.evidence, few.lookers
    stamps = [*former.rows(0, former.there), *[NOTHING] * (len(former.names) - former.there)]
    broad, of_all = {*known.broad.difference(looked), *now.broad}, {former.path(row, root) for row in known.of_all}
    all_rows, found = dict(rows), Seeing(now.of, broad, of_all)
    for row, stamp in enumerate(stamps):
        path, those = former.path(row, root), known.of(row)
        others = [number for number in those if number not in looked]
        if path in rows or row in few.moved:
            if others and rows.get(path) != stamp:
                return None
        elif others or not those:
            all_rows[path] = stamp
        if others:
            found.of.setdefault(path, []).extend(others)
    return all_rows, found
