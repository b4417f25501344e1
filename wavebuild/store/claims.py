"""Which files are ours: a second record of every member that was made, beside the state and without it.

It does not know what a member was made from. A state that is lost costs time: steps run again. They may do so
without a question only where it is known that what they overwrite is no person's file, and that is what this
record says. A line of it that is damaged is as if it were not there.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterable, Mapping

import msgspec

from wavebuild import disk
from wavebuild.judge.trace import Made

ROOM = 1 << 16
"""Bytes by which a record may grow, beyond twice of what it was, before it is written anew."""


class Claims:
    """The record while it is added to. What cannot be written is left out: nothing depends on it but comfort."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._handle = -1
        self._planned = b""
        self._size = -1  # as we have written it

    def begin(self, made: Mapping[str, Made]) -> int:
        """Brings the record in line with the state, where there is none yet, or it has grown too long; its size."""
        size = size_of(self._path)
        if (not size and made) or size > 2 * _base(self._path) + ROOM:
            with contextlib.suppress(OSError):
                data = b"".join(_line(path, one) for path, one in made.items())
                disk.write_atomic(self._path, _sealed(b"[%d]" % len(data)) + data)
        return size_of(self._path)

    def plan(self, changed: Iterable[tuple[str, Made | None]]) -> None:
        """Members that were made just now, None of such as are nobody's any more."""
        self._planned += b"".join([_line(path, made) for path, made in changed])

    @property
    def has_planned(self) -> bool:
        return bool(self._planned)

    @property
    def size(self) -> int:
        """How long the record is with what is planned."""
        if self._size < 0:
            self._size = size_of(self._path)
        return self._size + len(self._planned)

    def claimed(self) -> dict[str, Made]:
        """What the record says."""
        return claimed(self._path)

    def write(self) -> None:
        """Adds what was planned, once the state knows it."""
        view, self._planned = memoryview(self._planned), b""
        self._size += len(view)
        with contextlib.suppress(OSError):
            if view and self._handle < 0:
                disk.make_folder(os.path.dirname(self._path))
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._handle = os.open(self._path, flags, 0o666)
            while view:
                view = view[os.write(self._handle, view) :]

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def size_of(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.lstat(path).st_size
    return 0


def claimed(path: str) -> dict[str, Made]:
    """What the record says; nothing of what cannot be read."""
    found: dict[str, Made] = {}
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return found
    for line in data.split(b"\n"):
        match _unsealed(line):
            case [str(member)]:
                found.pop(member, None)
            case [str(member), str(digest), str(key), str(scope), bool(by_hand), str(raw)]:
                found[member] = Made(digest, key, scope, by_hand, raw)
    return found


def _line(path: str, made: Made | None) -> bytes:
    said = (path,) if made is None else (path, *made)
    try:
        return _sealed(msgspec.json.encode(said))
    except UnicodeEncodeError:  # a name that is no UTF-8
        import json

        return _sealed(json.dumps(said, separators=(",", ":")).encode())


def _sealed(data: bytes) -> bytes:
    """A line begins itself: one that was cut short before it does not take it along."""
    return b"\n%08x %s" % (zlib.crc32(data), data)


def _unsealed(line: bytes) -> object:
    seal, _, data = line.partition(b" ")
    try:
        return _decoded(data) if int(seal, 16) == zlib.crc32(data) else None
    except (ValueError, RecursionError):
        return None


def _decoded(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:  # such as a name that is no UTF-8
        import json

        return json.loads(data)


def _base(path: str) -> int:
    """How long the record was when it was last written as a whole."""
    try:
        with open(path, "rb") as file:
            head = file.read(64).split(b"\n")
    except OSError:
        return 0
    match _unsealed(head[1]) if len(head) > 1 else None:
        case [int(size)]:
            return size
    return 0
