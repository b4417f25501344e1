"""Foreign build files → Wavefiles: each importer gives a model to write, and says what it could not carry.

It does not know whether what is written loads: the engine tries that before anything reaches the disk.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping

from msgspec import Struct

from wavebuild.declare.importers.writing import Writable
from wavebuild.errors import Place, Problem, mistake


class Imported(Struct, frozen=True):
    """What an importer made of a file.

    ``document`` goes to ``writing.written``; ``left`` is what cannot be carried, as warnings with the place
    in the file it was read from; ``files`` are all files that were read.
    """

    document: Mapping[str, Writable]
    left: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()


class Foreign(Struct, frozen=True):
    """A file to import: where it lies, how the person named it, and the folder of the Wavefile to be."""

    path: str  # absolute
    shown: str
    root: str  # absolute; the folder of the file, or one above it


def imported(foreign: Foreign) -> Imported:
    """What a foreign file becomes; which tool it belongs to is told by its name.

    Raises WavebuildError when it cannot be read as what it is, OSError when it cannot be read at all.
    """
    name = os.path.basename(foreign.path)
    if name.endswith(".ninja"):
        from wavebuild.declare.importers import ninja

        return ninja.imported(foreign)
    if name == "dvc.yaml":
        from wavebuild.declare.importers import dvc

        return dvc.imported(foreign)
    if name.endswith((".yaml", ".yml")) and _has_stages(foreign):
        from wavebuild.declare.importers import pipeline

        return pipeline.imported(foreign)
    remedy = "known are dvc.yaml, build.ninja, other names that end in .ninja, and YAML with `stages:`"
    raise mistake("not-importable", "whose file this is cannot be told from its name", Place(foreign.shown), remedy)


def _has_stages(foreign: Foreign) -> bool:
    from wavebuild import disk
    from wavebuild.declare import syntax
    from wavebuild.declare.source import Problems, Unreadable

    text = syntax.decoded(disk.read_regular(foreign.path, syntax.MAX_BYTES), foreign.shown)
    try:
        value = syntax.parse(text, Problems(foreign.shown, text))
    except Unreadable:
        return False
    return isinstance(value, syntax.Table) and "stages" in value.entries
