"""Pipelines of stages from YAML: strict, so that what the author meant is what runs.

It does not know who the agents are.
"""

from __future__ import annotations

import os

from msgspec import Struct

from wavebuild import disk
from wavebuild.declare import syntax
from wavebuild.declare.importers.stages import read_stages
from wavebuild.errors import Place, mistake


class PipelineStep(Struct):
    """One stage: ``agent`` does the ``task``, ``advisor`` judges what came of it, up to ``max_retries`` times anew."""

    name: str
    agent: str
    task: str
    category: str | None = None
    advisor: str | None = None
    max_retries: int = 0
    depends_on: list[str] = []


class YAMLPipelineLoaderStrict:
    """Reads files of the form ``stages:``, and refuses whatever it would have to guess or to ignore."""

    def load(self, path: str | os.PathLike[str]) -> tuple[list[PipelineStep], dict[str, float]]:
        """The steps in file order, and the scores that are enough by category.

        Raises WavebuildError with every problem of the file, its name, line and column: unknown keys, missing ones,
        unknown dependencies, loops, thresholds that are not from 0 to 1, an empty file or list.
        """
        shown = os.fspath(path)
        try:
            data = disk.read_regular(os.path.abspath(shown), syntax.MAX_BYTES)
        except OSError as error:
            raise mistake("unreadable", f"cannot read {shown}: {error.strerror}", Place(shown)) from None
        found = read_stages(syntax.decoded(data, shown), shown)
        steps = [
            PipelineStep(
                stage.name,
                stage.agent,
                stage.task,
                stage.category,
                stage.advisor,
                stage.retries,
                [name for name, _ in stage.after],
            )
            for stage in found.stages
        ]
        return steps, dict(found.thresholds)
