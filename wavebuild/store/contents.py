"""Former contents of small inputs and outputs, by their digests, so that ``explain`` can say what changed in them.

It does not know which step read them. Nothing depends on it: what is not there cannot be
explained, and that is all. So it is a file of its own, which may be removed at any time; a
question about the state never has to copy it, and damage to it is no damage to the state.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec import Struct

from wavebuild import disk
from wavebuild.judge.digest import LARGEST_KEPT
from wavebuild.later import sha256, sqlite3
from wavebuild.run.masking import forms_of

LARGEST = 64 << 20
"""Bytes of all contents together; what no kept trace names goes first, then what was read longest ago."""

ROOM = 8
"""When it is full, one part in so many is freed at once."""

PENDING = 8 << 20
"""Bytes that wait to be written, at most: what a kill loses is a few explanations."""

PATIENCE = 1.0  # seconds between two writings

SCHEMA = """
create table if not exists contents (digest text primary key, used real, size integer, data blob);
create index if not exists by_use on contents (used);
create table if not exists hidden (name text primary key) without rowid;
"""


class Content(Struct, frozen=True):
    """``data`` is None of what is too large, is no text, or holds a secret."""

    size: int
    data: bytes | None


def shown(data: bytes | None, beside: bytes, secrets: Collection[bytes]) -> bytes | None:
    """The content, if it is a text that may be shown: neither it nor the file it is of holds a secret."""
    if data is None or b"\0" in data or any(secret in data or secret in beside for secret in secrets):
        return None
    return data


AT_ONCE = 500
"""Contents of which it is asked at once whether they are kept."""


class Contents:
    """Takes contents as they are read, and writes them now and then.

    ``secrets``: values that no kept content may hold, by name. ``in_use``: digests to spare when room is short.
    """

    def __init__(
        self,
        path: str,
        secrets: Mapping[str, str | None],
        in_use: Callable[[], Collection[str]] = frozenset,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._names = sorted(secrets)
        self._secrets = secret_bytes(secrets)
        self._in_use = in_use
        self._clock = clock
        self._pending: dict[str, Content] = {}
        self._size = 0
        self._written = clock()

    def keep(self, digest: str, data: bytes | None, size: int, beside: bytes) -> None:
        """A content that was read: ``data`` is what the digest is of, ``beside`` the bytes of its file."""
        if digest not in self._pending:
            self._pending[digest] = Content(size, shown(data, beside, self._secrets))
            self._size += len(data or b"")
            if self._size > PENDING:
                self.write()

    def write_now_and_then(self) -> None:
        if self._pending and abs(self._clock() - self._written) > PATIENCE:
            self.write()

    def write(self) -> None:
        """Writes what waits; where that is not possible nothing is kept, and nobody is troubled."""
        pending, self._pending, self._size = self._pending, {}, 0
        self._written = self._clock()
        if not pending:
            return
        for _ in range(2):
            try:
                with contextlib.closing(_open(self._path)) as handle, handle:
                    self._hide(handle)
                    self._write(handle, pending)
                    self._make_room(handle)
                    disk.fault("before commit")
                disk.fault("after commit")
                return
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (11, 26):  # SQLITE_CORRUPT, SQLITE_NOTADB
                    return
                with contextlib.suppress(OSError):
                    disk.remove(self._path)
                    disk.remove(f"{self._path}-journal")
            except OSError:
                return

    def _hide(self, handle: sqlite3.Connection) -> None:
        """A name that is secret from now on may stand for what was kept before."""
        known = {name for (name,) in handle.execute("select name from hidden")}
        new = [(name,) for name in self._names if name not in known]
        if new:
            handle.execute("delete from contents")
            handle.executemany("insert into hidden values (?)", new)

    def _write(self, handle: sqlite3.Connection, pending: Mapping[str, Content]) -> None:
        now, digests = self._clock(), [*pending]
        known: set[str] = set()
        for at in range(0, len(digests), AT_ONCE):
            part = digests[at : at + AT_ONCE]
            question = f"select digest from contents where digest in ({', '.join('?' * len(part))})"
            known.update(digest for (digest,) in handle.execute(question, part))
        handle.executemany("update contents set used = ? where digest = ?", [(now, digest) for digest in known])
        rows = ((digest, now, one.size, _packed(one)) for digest, one in pending.items() if digest not in known)
        handle.executemany("insert into contents values (?, ?, ?, ?)", rows)

    def _make_room(self, handle: sqlite3.Connection) -> None:
        over = _taken(handle) - LARGEST
        if over <= 0:
            return
        spare = self._in_use()
        rows = handle.execute("select digest, length(data) from contents order by used").fetchall()
        freed = 0
        for digest, size in sorted(rows, key=lambda row: row[0] in spare):
            if freed > over + LARGEST // ROOM:
                break
            handle.execute("delete from contents where digest = ?", (digest,))
            freed += size or 0


def secret_bytes(secrets: Mapping[str, str | None]) -> tuple[bytes, ...]:
    """How they may be written in a content."""
    return tuple(forms_of(value for value in secrets.values() if value))


def recalled(path: str, digests: Iterable[str]) -> dict[str, Content]:
    """What is kept of these contents, for a question: nothing is written, and what is damaged is not there."""
    from urllib.parse import quote

    found: dict[str, Content] = {}
    if not os.path.exists(path):
        return found
    with contextlib.suppress(sqlite3.Error, OSError):
        handle = sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True, timeout=2)
        with contextlib.closing(handle):
            for digest in digests:
                row = handle.execute("select size, data from contents where digest = ?", (digest,)).fetchone()
                if row is not None:
                    found[digest] = Content(row[0], _unpacked(digest, row[1]))
    return found


def _packed(content: Content) -> bytes | None:
    return None if content.data is None else zlib.compress(content.data, 1)


def _unpacked(digest: str, packed: bytes | None) -> bytes | None:
    """The bytes, if they are those that the digest is of."""
    if packed is None:
        return None
    try:
        data = zlib.decompressobj().decompress(packed, LARGEST_KEPT + 1)
    except zlib.error:
        return None
    kind, _, value = digest.partition(":")
    return data if kind == "python" or sha256(data).hexdigest() == value else None


def _open(path: str) -> sqlite3.Connection:
    disk.make_folder(os.path.dirname(path))
    handle = sqlite3.connect(path, timeout=2)
    try:
        handle.execute("pragma synchronous=off")
        handle.executescript(SCHEMA)
    except BaseException:
        handle.close()
        raise
    return handle


def _taken(handle: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    size, pages, free = (
        handle.execute(f"pragma {what}").fetchone()[0] for what in ("page_size", "page_count", "freelist_count")
    )
    return int(size * (pages - free))
