"""What a step reads that reads many single files, packed: the paths are at hand, artifacts are made when asked for.

It does not know where the bytes are kept, nor what a file holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import attrgetter, ne
from typing import cast, overload

import msgspec

from wavebuild.declare.model import Artifact, Digest, Kind

MANY = 64
"""Single files that a step reads from which on they are looked at together."""

_FORM = attrgetter("kind", "digest", "keys", "optional", "rows", "columns")
_WHOLE_FILE = (Kind.FILE, Digest.BYTES, (), False, None, None)
_NAME, _PATH = attrgetter("name"), attrgetter("path")


def is_whole_file(artifact: Artifact) -> bool:
    """Whether it is one file, compared by all its bytes, that must be there: as most inputs are."""
    return bool(_FORM(artifact) == _WHOLE_FILE)


def are_whole_files(artifacts: Sequence[Artifact]) -> bool:
    """Whether each of them is one."""
    return isinstance(artifacts, Files) or not any(map(ne, map(_FORM, artifacts), repeat(_WHOLE_FILE)))


def are_many(artifacts: Sequence[Artifact]) -> bool:
    """Whether they are many single files, each compared by all its bytes, and none has a name."""
    return len(artifacts) >= MANY and are_whole_files(artifacts) and not any(map(_NAME, artifacts))


def are_packed(artifacts: Sequence[Artifact]) -> bool:
    """Whether they were packed as many single files: nothing else is among them."""
    return isinstance(artifacts, Files)


def paths_of(artifacts: Sequence[Artifact]) -> tuple[str, ...]:
    """The path of each."""
    return artifacts.paths if isinstance(artifacts, Files) else tuple(map(_PATH, artifacts))


def has_names(artifacts: Sequence[Artifact]) -> bool:
    """Whether one of them has a name of its own."""
    return not isinstance(artifacts, Files) and any(map(_NAME, artifacts))


class Files(Sequence[Artifact]):
    """Many single files as a step's inputs: equal to the tuple that was packed, and made all at once.

    ``paths``: of each in turn.
    """

    __slots__ = ("_data", "_made", "paths")

    def __init__(self, paths: tuple[str, ...], data: memoryview) -> None:
        self.paths = paths
        self._data = data
        self._made: tuple[Artifact, ...] | None = None

    @property
    def whole(self) -> tuple[Artifact, ...]:
        if self._made is None:
            self._made = _ARTIFACTS.decode(self._data)
        return self._made

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, at: int) -> Artifact: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Artifact, ...]: ...
    def __getitem__(self, at: int | slice) -> Artifact | tuple[Artifact, ...]:
        return self.whole[at]

    def __iter__(self) -> Iterator[Artifact]:
        return iter(self.whole)

    def __contains__(self, artifact: object) -> bool:
        return artifact in self.whole

    def __add__(self, others: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
        return (*self.whole, *others)

    def __radd__(self, others: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
        return (*others, *self.whole)

    def __eq__(self, other: object) -> bool:
        return self.whole == (other.whole if isinstance(other, Files) else other)

    def __hash__(self) -> int:
        return hash(self.whole)

    def __repr__(self) -> str:
        return repr(self.whole)


def packed(artifacts: Sequence[Artifact]) -> tuple[bytes, bytes]:
    """Many files as bytes: their paths, and all of them."""
    whole = (*artifacts,)
    return _ENCODER.encode(paths_of(whole)), _ENCODER.encode(whole)


def unpacked(paths: memoryview, data: memoryview) -> tuple[Artifact, ...]:
    """What was packed, as good as a tuple."""
    return cast(tuple[Artifact, ...], Files(_PATHS.decode(paths), data))


_ENCODER = msgspec.msgpack.Encoder()
_PATHS = msgspec.msgpack.Decoder(tuple[str, ...])
_ARTIFACTS = msgspec.msgpack.Decoder(tuple[Artifact, ...])
