"""Which changes reach steps that run.

It does not know what becomes of them, nor who has seen the change. Pure.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from wavebuild.declare.model import Artifact
from wavebuild.graph import Graph, covers, fixed_folder, reads
from wavebuild.plan.targets import downstream_of


def reaching(graph: Graph, paths: Sequence[str], running: Collection[str], seen: bool) -> Sequence[str]:
    """The sources among these paths, if a change of them makes stale what these steps do; what they make is no source.

    ``seen``: all of them are looked at by some step; else those that no step names may be anything.
    """
    root, steps = graph.wavefile.root, graph.wavefile.steps
    made_in = {os.path.dirname(output.path) for step in steps for output in step.outputs}
    sources = [path for path in paths if graph.owner(path) is None and path not in made_in]
    files = {os.path.relpath(path, root) for path in graph.wavefile.files}
    if not files.isdisjoint(sources):
        return sources
    seeing = {
        number
        for number, step in enumerate(steps)
        if (seen and (step.code or step.has_calls or step.depfile)) or any(_sees(each, sources) for each in reads(step))
    }
    stale = downstream_of(graph, seeing) if sources else ()
    return sources if any(graph.number.get(name) in stale for name in running) else ()


def _sees(artifact: Artifact, paths: Sequence[str]) -> bool:
    """Whether one of these paths lies in what is read, or is a folder that is looked into for it."""
    folder = fixed_folder(artifact)
    return any(covers(artifact, path) or (folder and f"{folder}/".startswith(f"{path}/")) for path in paths)
