"""A Wavefile as it was last loaded and linked, and what that was read from: one sealed file.

It does not know when it may be used again: that is for whoever compares what it was read from with what is there.
Only values are in it, so nothing that is read can run.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

import msgspec
from msgspec import Struct

from wavebuild import disk
from wavebuild.declare.model import Artifact
from wavebuild.graph.columns import Columns
from wavebuild.store.settled import Row

FORMAT = f"2 {sys.byteorder}"


class Origin(Struct, frozen=True, array_like=True):
    """What a Wavefile was read from: all that must be the same for it to be what it was."""

    question: str  # a digest of all that was asked of the loader
    env: dict[str, str | None]  # the caller's variables that were read, by digest
    frozen: tuple[str, ...]  # the steps that a person froze by hand
    files: dict[str, tuple[Row, str | None]]  # absolute path → stamp, digest; None: it was only asked for
    folders: dict[str, Row]  # those that were listed, relative to the root
    lists: list[tuple[Artifact, tuple[str, ...]]]  # globs, with the members that they had
    claimed: list[str]  # the folders that hold outputs, relative to the root
    roots: dict[str, str]  # those among them that lie in a root of their own


class Kept(Struct, frozen=True):
    """What is in the file; ``identity``: of the graph alone, and the same as long as that is."""

    origin: Origin
    columns: Columns
    identity: str


class _File(Struct, frozen=True, array_like=True):
    format: str
    identity: str  # of the columns: it is sealed with them, and not found out again
    origin: Origin
    columns: memoryview  # of what was read: it is not held twice


def save(path: str, origin: Origin, columns: Columns, secrets: Iterable[bytes] = ()) -> str:
    """Writes the file; the identity of the graph, "" if it was not written as it would hold one of the secrets.

    Raises OSError, and ValueError for what cannot be packed.
    """
    parts, forms = [*_parts(columns)], [*secrets]
    if any(form in data for data in (map(bytes, parts) if forms else ()) for form in forms):
        return ""
    identity = _identity(parts)
    _write(path, identity, origin, parts)
    return identity


def _parts(columns: Columns) -> Iterator[bytes | memoryview]:
    """The packed columns: what is bytes already is a part as it is, so the columns of a large graph are not copied."""
    fields = columns.__struct_fields__
    yield _ENCODER.encode([None] * len(fields))[: -len(fields)]
    for field in fields:
        value = getattr(columns, field)
        if type(value) is memoryview:
            yield _BYTES + len(value).to_bytes(4, "big")
            yield value
        else:
            yield _ENCODER.encode(value)


def renew(path: str, origin: Origin) -> None:
    """Writes another origin of the same graph, if that is still there. Raises OSError."""
    file = _read(path)
    if file is not None:
        _write(path, file.identity, origin, [file.columns])


def _write(path: str, identity: str, origin: Origin, columns: Sequence[bytes | memoryview]) -> None:
    nothing = _ENCODER.encode(b"")
    head = _ENCODER.encode(_File(FORMAT, identity, origin, memoryview(b"")))[: -len(nothing)]
    head += _BYTES + sum(map(len, columns)).to_bytes(4, "big")
    parts = [head, *columns]
    disk.write_atomic(path, *_joined([b"%08x\n" % _sum(parts), *parts]))


def _joined(parts: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The same bytes in few parts; what is large stays as it is."""
    small: list[bytes | memoryview] = []
    for part in parts:
        if len(part) < _LARGE:
            small.append(part)
        else:
            yield b"".join(small)
            yield part
            small = []
    yield b"".join(small)


def load(path: str, question: str) -> Kept | None:
    """What was kept for this question; None if there is nothing, or nothing of use."""
    file = _read(path)
    if file is None or file.origin.question != question:
        return None
    try:
        columns = _COLUMNS.decode(file.columns)
    except (msgspec.DecodeError, ValueError):
        return None
    return Kept(file.origin, columns, file.identity)


def last(path: str) -> Columns | None:
    """The columns that were kept last, for whatever question: what they say may be of another time."""
    file = _read(path)
    try:
        return None if file is None else _COLUMNS.decode(file.columns)
    except (msgspec.DecodeError, ValueError):
        return None


def _read(path: str) -> _File | None:
    try:
        with open(path, "rb", 0) as stream:
            data = stream.read()
        body = memoryview(data)[_SEAL:]
        if data[:_SEAL] != b"%08x\n" % crc32(body):
            return None
        file = _FILE.decode(body)
    except (OSError, msgspec.DecodeError, ValueError):
        return None
    return file if file.format == FORMAT else None


def _identity(packed: Sequence[bytes | memoryview]) -> str:
    return f"{sum(map(len, packed)):x}-{_sum(packed):08x}"


def _sum(parts: Iterable[bytes | memoryview]) -> int:
    found = 0
    for part in parts:
        found = crc32(part, found)
    return found


_SEAL = 9  # bytes: a checksum in hex, and the end of its line
_LARGE = 1 << 16  # bytes that are written by themselves

_BYTES = b"\xc6"
"""How MessagePack says that bytes follow, whose length is the next four."""

_ENCODER = msgspec.msgpack.Encoder()
_FILE = msgspec.msgpack.Decoder(_File)
_COLUMNS = msgspec.msgpack.Decoder(Columns)
