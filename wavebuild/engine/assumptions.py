"""What a person wants assumed: steps frozen by hand, paths taken as changed or as unchanged in one build.

It does not know how steps are judged by it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from wavebuild.declare.model import Artifact, Wavefile
from wavebuild.engine.request import Request
from wavebuild.errors import Problem, WavebuildError, did_you_mean
from wavebuild.graph import Graph, covers, reads
from wavebuild.judge.facts import Assumed


def with_frozen(wavefile: Wavefile, names: Collection[str]) -> Wavefile:
    """The Wavefile with these steps frozen; the name of a repeated step freezes all its instances."""
    if not names:
        return wavefile
    steps = tuple(
        replace(step, frozen=True) if not step.is_group and (step.name in names or step.base in names) else step
        for step in wavefile.steps
    )
    return replace(wavefile, steps=steps)


def spelled(wavefile: Wavefile, path: str) -> str:
    """A path as members have it: relative to the root, absolute in a folder out of it where outputs may lie."""
    absolute = os.path.normpath(path)
    outside = any(f"{absolute}/".startswith(f"{folder}/") for folder in wavefile.settings.outside)
    return absolute if outside else os.path.relpath(absolute, wavefile.root)


def assumed_of(request: Request, wavefile: Wavefile) -> Assumed:
    """The paths of -W and -o, as members have them."""

    def inside(paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(spelled(wavefile, os.path.join(request.directory, path)) for path in paths))

    return Assumed(inside(request.changed), inside(request.unchanged))


def owners_of(graph: Graph, paths: Sequence[str]) -> list[str]:
    """The steps that make these paths, or something below them."""
    return [
        step.name
        for step in graph.wavefile.steps
        if any(_touches(output, path) for path in paths for output in step.outputs)
    ]


def refuse_unknown(graph: Graph, assumed: Assumed) -> None:
    """Raises for a path of -W or -o that is not there and that no step reads or makes, and for one of both."""
    problems = [*_unknown(graph, "-W", assumed.changed), *_unknown(graph, "-o", assumed.unchanged)]
    problems += [
        Problem("flags", f"-W and -o both name {path}: it cannot be taken as changed and as unchanged")
        for path in assumed.changed
        if path in assumed.unchanged
    ]
    if problems:
        raise WavebuildError(tuple(problems))


def _unknown(graph: Graph, flag: str, paths: Sequence[str]) -> Iterator[Problem]:
    if not paths:
        return
    artifacts = [artifact for step in graph.wavefile.steps for artifact in (*reads(step), *step.outputs)]
    for path in paths:
        # What is there may be read without being declared: a header that a compiler found.
        known = os.path.lexists(os.path.join(graph.wavefile.root, path))
        if not known and not any(_touches(artifact, path) for artifact in artifacts):
            near = did_you_mean(path, [artifact.path for artifact in artifacts if artifact.covers_files])
            yield Problem("unknown-path", f"{flag} {path}: no step reads or makes it, and it is not there", remedy=near)


def _touches(artifact: Artifact, path: str) -> bool:
    """Whether a path is, or may be, a member of an artifact, or a folder that holds it."""
    inside = artifact.path == path or artifact.path.startswith(f"{path}/")
    return artifact.covers_files and (inside or covers(artifact, path))
