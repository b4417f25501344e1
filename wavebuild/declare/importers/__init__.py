"""Foreign build files → Wavefiles: each importer gives a model to write, and says what it could not carry.

It does not know whether what is written loads: the engine tries that before anything reaches the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wavebuild.declare.importers.writing import Writable
from wavebuild.errors import Problem


@dataclass(frozen=True, slots=True)
class Imported:
    """What an importer made of a file.

    ``document`` goes to ``writing.written``; ``left`` is what cannot be carried, as warnings with the place
    in the file it was read from; ``files`` are all files that were read.
    """

    document: Mapping[str, Writable]
    left: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
