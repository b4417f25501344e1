"""Evidence of what is fresh: the stamps of everything a build looked at, in columns.

It does not know steps or digests. While every stamp is as it was, the same question has the
same answer, and a build with nothing to do needs neither the Wavefile nor the state. Reading it
imports next to nothing and makes no object per file but what the system returns.
"""

from __future__ import annotations

import os
import sys
from _operator import attrgetter, ne  # `operator` is written in Python, and takes its time
from itertools import compress

TYPE_CHECKING = False  # the module typing is not imported for it
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FORMAT = b"4 " + sys.byteorder.encode()
SEAL = 9  # bytes: a checksum in hex, and the end of its line
CHUNK = 1024
"""So many rows are looked at in one go: their numbers are made into objects no earlier."""

Row = tuple[int, int, int, int, int]
NOTHING: Row = (0, 0, 0, 0, 0)

_UNSET = b"-"
_COLUMNS = 5
_stamp = attrgetter("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")


class Head:
    """What evidence says besides its rows: the question, how many steps were fresh, and the caller's
    variables that were read.

    ``more``: whatever else is to be found again with it; it is sealed with the rest. ``open``: how many steps
    nobody vouches for, whatever the stamps say.
    """

    __slots__ = ("env", "fresh", "more", "open", "question")

    def __init__(
        self, question: str, fresh: int, env: Mapping[str, str | None], more: bytes = b"", open: int = 0
    ) -> None:
        self.question = question
        self.fresh = fresh
        self.open = open
        self.env = env
        self.more = more


class Evidence:
    """What was read back. ``names``: paths as bytes, those below the root relative to it, row after row.

    The rows of what is there come first, ``there`` of them; then those of what is not. ``env``: the names of
    the variables; ``data``: all that was read, in which the columns begin at ``at``. ``fresh`` and ``open``: how many
    steps it vouches for, and how many must be looked at whatever has moved.
    """

    __slots__ = ("at", "columns", "data", "env", "fresh", "more", "names", "open", "there")

    def __init__(
        self,
        fresh: int,
        names: list[bytes],
        there: int,
        columns: memoryview,
        more: bytes,
        env: Sequence[bytes] = (),
        data: bytes = b"",
        at: int = 0,
        open: int = 0,
    ) -> None:
        self.env = env
        self.data = data
        self.at = at
        self.fresh = fresh
        self.open = open
        self.names = names
        self.there = there
        self.columns = columns
        self.more = more

    def path(self, row: int, root: str) -> str:
        """The absolute path of a row."""
        name = os.fsdecode(self.names[row])
        return root if name == "." else os.path.join(root, name)

    def rows(self, start: int, stop: int) -> Iterator[Row]:
        """The stamps of some rows that are there."""
        each = iter(self.columns[start * _COLUMNS : stop * _COLUMNS].tolist())
        return zip(each, each, each, each, each, strict=True)

    def stamps(self, rows: Sequence[int]) -> list[Row]:
        """The stamps of these rows, which are there; quick where they lie close together."""
        if not rows:
            return []
        first, last = min(rows), max(rows)
        if last - first > 4 * len(rows):
            return [self.stamp(row) for row in rows]
        stretch = list(self.rows(first, last + 1))
        return [stretch[row - first] for row in rows]

    def stamp(self, row: int) -> Row:
        return next(self.rows(row, row + 1)) if row < self.there else NOTHING

    def packed(self, row: int) -> bytes:
        """The stamp of a row as it is written; none of what is not there."""
        return self.columns[row * _COLUMNS : (row + 1) * _COLUMNS].tobytes() if row < self.there else b""


def packed(row: Row) -> bytes:
    """A stamp as it is written. Raises OverflowError for a number that is too large."""
    from array import array

    return array("q", row).tobytes() if row != NOTHING else b""


def in_order(stamps: Mapping[str, bytes]) -> list[str]:
    """The names as their rows are written: those of what is there first."""
    there, gone = list[str](), list[str]()
    for name, stamp in stamps.items():
        (there if stamp else gone).append(name)
    there.sort()
    there += sorted(gone)
    return there


def save(path: str, settled: Head, stamps: Mapping[str, bytes], names: Sequence[str]) -> None:
    """Writes the evidence; ``stamps``: name → packed stamp, and ``names`` in their order.

    Of many files nothing is held twice.
    """
    from wavebuild import disk

    env = [part for name, value in settled.env.items() for part in (os.fsencode(name), _kept(value))]
    head = b"\0".join([encoded(settled.question), *env])
    named = os.fsencode("\0".join(names))
    columns = bytearray()
    for name in names:
        columns += stamps[name]
    there = len(columns) // (_COLUMNS * 8)
    sizes = (settled.fresh, settled.open, there, len(head), len(named), len(columns), len(settled.more))
    parts = FORMAT + b" %d %d %d %d %d %d %d\n" % sizes + head, named, columns, settled.more
    disk.write_atomic(path, _seal(*parts), *parts)


def read(path: str, question: str, environ: Mapping[str, str]) -> Evidence | None:
    """The evidence, if it is whole and answers this question for whoever has these variables."""
    try:
        with open(path, "rb", 0) as file:
            found = Sealed(file.read())
    except OSError:
        return None
    if not found.is_whole or found.question != encoded(question) or not agrees(found.env, environ):
        return None
    return found.evidence()


class Sealed:
    """What lies in a file of evidence. ``env``: names of variables and what is kept of them, by turns."""

    __slots__ = ("_at", "_data", "_numbers", "_parts", "env", "is_whole", "question")

    def __init__(self, data: bytes) -> None:
        body = memoryview(data)[SEAL:]
        end = data.find(b"\n", SEAL)
        self._data = data
        self.is_whole = data[:SEAL] == _seal(body) and data.startswith(FORMAT + b" ", SEAL)
        if not self.is_whole:
            return
        *self._numbers, head, names, columns, more = map(int, data[SEAL + len(FORMAT) : end].split())
        self._at = end + 1 + head + names
        ends = end + 1, end + 1 + head, self._at, self._at + columns, self._at + columns + more
        self._parts = ends[1:3], ends[2:4], ends[3:5]
        self.question, *self.env = data[ends[0] : ends[1]].split(b"\0")

    def evidence(self) -> Evidence:
        data = self._data
        (names, columns, more), (fresh, left, there) = self._parts, self._numbers
        paths = data[slice(*names)].split(b"\0") if names[0] < names[1] else []
        stamps = memoryview(data)[slice(*columns)].cast("q")
        return Evidence(fresh, paths, there, stamps, data[slice(*more)], self.env[::2], data, self._at, left)


def agrees(env: Sequence[bytes], environ: Mapping[str, str]) -> bool:
    """Whether the caller's variables are what they were; ``env``: their names and what is kept of them, by turns."""
    return all(_kept(environ.get(os.fsdecode(name))) == kept for name, kept in zip(env[::2], env[1::2], strict=True))


def save_with(path: str, evidence: Evidence, stamps: Mapping[int, Row], more: bytes) -> None:
    """Writes evidence again with other stamps in some of the rows that are there, and something else with it."""
    from array import array

    from wavebuild import disk

    data = evidence.data
    end = data.index(b"\n", SEAL)
    *numbers, _ = data[SEAL:end].split(b" ")
    parts: list[bytes | memoryview] = [b" ".join([*numbers, b"%d" % len(more)])]
    with memoryview(data) as view:  # what stays as it is is not copied
        at = end
        for row, stamp in sorted(stamps.items()):
            packed = array("q", stamp).tobytes()
            start = evidence.at + row * len(packed)
            parts += (view[at:start], packed)
            at = start + len(packed)
        parts += (view[at : len(data) - len(evidence.more)], more)
        disk.write_atomic(path, _seal(*parts), *parts)
        for part in parts:
            if isinstance(part, memoryview):
                part.release()


def stands(path: str, evidence: Evidence) -> bool:
    """Whether it is still this evidence that lies at a path."""
    try:
        with open(path, "rb", 0) as file:
            return file.read(SEAL) == evidence.data[:SEAL]
    except OSError:
        return False


def moved(evidence: Evidence, root: str = "", begin: int = 0, end: int | None = None) -> list[int]:
    """The rows, of all or from one to another, whose stamps are other than they were.

    ``root``: "" if it is the current folder.
    """
    end = len(evidence.names) if end is None else end
    look, prefix = os.lstat, os.fsencode(root.rstrip("/") + "/") if root else b""
    found: list[int] = []
    names: Sequence[bytes]
    there = min(end, evidence.there)
    for start in range(begin, there, CHUNK):
        stop = min(start + CHUNK, there)
        names = evidence.names[start:stop]
        if root:
            names = [name if name.startswith(b"/") else prefix + name for name in names]
        try:
            changed = [*map(ne, map(_stamp, map(look, names)), evidence.rows(start, stop))]
        except OSError:
            changed = [*map(ne, map(_now, names), evidence.rows(start, stop))]
        found += compress(range(start, stop), changed)
    for row in range(max(begin, evidence.there), end):
        if _now(os.path.join(prefix, evidence.names[row])) != NOTHING:
            found.append(row)
    return found


def forget(path: str) -> None:
    """What was settled is so no more."""
    from wavebuild import disk

    try:
        disk.remove(path)
    except OSError:
        return


def name_of(path: str, root: str) -> str:
    """What a row is named: an absolute path, relative to the root if it is below that."""
    if path == root:
        return "."
    inside = root.rstrip("/") + "/"
    return path[len(inside) :] if path.startswith(inside) else path


def row(status: os.stat_result | None) -> Row:
    if status is None:
        return NOTHING
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _now(path: bytes) -> Row | None:
    """What stands at a path; None: nobody can tell."""
    try:
        return row(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    except OSError:
        return None


def _seal(*parts: bytes | bytearray | memoryview) -> bytes:
    """Any flipped bit makes another; nobody is kept from making one on purpose, who could as well write the state."""
    from zlib import crc32

    found = 0
    for part in parts:
        found = crc32(part, found)
    return b"%08x\n" % found


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _kept(value: str | None) -> bytes:
    """What is kept of a variable: it is the caller's own, and may be a secret."""
    if value is None:
        return _UNSET
    from wavebuild.later import blake2b

    return blake2b(encoded(value)).encode()
