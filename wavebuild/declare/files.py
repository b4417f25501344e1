"""The files that are read to load a Wavefile, each once: one that is loaded again means what it meant.

It does not know what is written in them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from wavebuild import disk


class Files(Struct):
    """Paths are absolute. A build grows by what its lists say, and must not mix two texts of one Wavefile."""

    _held: dict[str, bytes] = field(default_factory=dict)
    _sought: dict[str, None] = field(default_factory=dict)
    began: int = field(default_factory=time.time_ns)  # before any of them was read; ns of the system's clock

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file as they were when it was first read. Raises WavebuildError and OSError."""
        self._sought[path] = None
        if path not in self._held:
            self._held[path] = disk.read_regular(path, limit)
        return self._held[path]

    def hold(self, path: str, content: bytes) -> None:
        """Takes these bytes for what stands at a path."""
        self._sought[path] = None
        self._held[path] = content

    @property
    def sought(self) -> Sequence[str]:
        """Every path that was asked for, there or not, in the order of asking."""
        return tuple(self._sought)

    @property
    def held(self) -> Mapping[str, bytes]:
        """Every file that was read, with its bytes."""
        return self._held
