"""One SQLite file: opened, asked, written to; whether it is damaged, and whether it is still the one that was opened.

It does not know what the tables are for.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from typing import Any

from wavebuild import disk
from wavebuild.errors import Place, WavebuildError, mistake
from wavebuild.later import sqlite3
from wavebuild.store.layout import unwritable

VERSION = 4
LIBRARY = sqlite3.sqlite_version
"""The version of SQLite itself."""

OLDEST = 1
"""The version of a state that questions still read: later ones only have more tables."""

PATIENCE = 10.0
"""Seconds to wait while another program has the file locked."""

CACHE = 8192
"""KiB of its pages that SQLite holds, at most."""

LOG = 8192
"""Pages of its log after which SQLite takes them over into the file: that waits for the disk, and a build with it."""

SCHEMA = """
create table if not exists traces (key text, number integer, data blob, primary key (key, number)) without rowid;
create table if not exists made (
    path text primary key, digest text, key text, scope text, by_hand integer, raw text
) without rowid;
create table if not exists digests (
    name text primary key,
    dev integer, ino integer, size integer, mtime integer, ctime integer, beyond blob,
    digest text
) without rowid;
create table if not exists probes (member text primary key, definition text, digest text, asked real) without rowid;
create table if not exists memory (key text primary key, digest text, value text);
create table if not exists attempts (id text primary key, step text, done integer, data blob) without rowid;
create table if not exists runs (
    run text primary key, began real, seconds real, exit_code integer, jobs integer, schedule text, command text
) without rowid;
create table if not exists results (
    step text, run text, outcome text, began real, seconds real, attempts integer,
    exit_code integer, failure text, log text, primary key (step, run)
) without rowid;
create table if not exists reasons (step text primary key, run text, data blob) without rowid;
create table if not exists texts (key text, digest text, data blob, primary key (key, digest)) without rowid;
create table if not exists tallies (
    run text, outcome text, number integer, primary key (run, outcome)
) without rowid;
create table if not exists accounts (run text primary key, data blob) without rowid;
create table if not exists sizes (name text primary key, number integer) without rowid;
"""

_AGAIN = 0x57415600
"""What the version is added to where it is written again."""

_UNREADABLE = "Could not decode"
"""How Python begins to speak of a text that is none."""

Cell = None | bool | int | float | str | bytes
Row = tuple[Any, ...]
"""A row as the database gives it."""

Batch = list[tuple[str, Sequence[Sequence[Cell]]]]
"""Statements, each with the rows that it is carried out for; all of them may be carried out twice."""


class Database:
    """An open database; every deed of it is one transaction."""

    def __init__(self, handle: sqlite3.Connection, path: str) -> None:
        self._handle = handle
        self.path = path
        self._file, self._size = _identity(path)
        self._log, _ = _identity(f"{path}-wal")

    def ask(self, question: str, *values: Cell) -> list[Row]:
        with _reported():
            return self._handle.execute(question, values).fetchall()

    def has(self, table: str) -> bool:
        """Whether it has a table; one that an earlier wavebuild wrote, and that is only read, may lack it."""
        return bool(self.ask("select 1 from sqlite_master where type = 'table' and name = ?", table))

    def write(self, batch: Batch) -> None:
        with _reported(), self._handle:
            for statement, rows in batch:
                self._handle.executemany(statement, rows)
            disk.fault("before commit")
        disk.fault("after commit")

    def stands(self) -> bool:
        """Whether what was written stands where the next build will look: nobody removed, replaced or cut off the
        file."""
        file, size = _identity(self.path)
        log, _ = _identity(f"{self.path}-wal")
        self._log = self._log or log
        return file == self._file and size >= self._size and log == self._log

    def salvage(self, table: str, wide: int) -> Iterator[Row]:
        """The rows of a table with so many columns, as far as they can be read from its beginning, and from its end."""
        for order in ("", "order by 1 desc"):
            with contextlib.suppress(sqlite3.Error), _reported():
                for row in self._handle.execute(f"select * from {table} {order}"):
                    if len(row) == wide and isinstance(row[0], str):
                        yield row
                return

    def shrink(self) -> None:
        """Gives room back to the disk if much of the file is empty. Raises sqlite3.Error."""
        if self.ask("pragma freelist_count")[0][0] * 2 > self.pages():
            self._handle.execute("vacuum")
            self._size = 0
            self._handle.execute("pragma wal_checkpoint(truncate)")
            _, self._size = _identity(self.path)

    def pages(self) -> int:
        return int(self.ask("pragma page_count")[0][0])

    def close(self) -> None:
        self._handle.close()


def opened(path: str) -> Database:
    """A database to be written to, of the present version. Raises sqlite3.Error, or WavebuildError for a newer one."""
    handle = sqlite3.connect(path, isolation_level="DEFERRED", timeout=PATIENCE)
    try:
        version = version_of(handle)
        if version > VERSION:
            raise newer(path, version)
        with _reported():
            handle.execute("pragma journal_mode=wal")
            handle.execute("pragma synchronous=normal")
            handle.execute("pragma secure_delete=fast")  # room that is given up is not written over with nothing
            handle.execute(f"pragma cache_size=-{CACHE}")
            handle.execute(f"pragma wal_autocheckpoint={LOG}")
            if version < VERSION:
                migrate(handle)
    except BaseException:
        handle.close()
        raise
    return Database(handle, path)


def migrate(handle: sqlite3.Connection) -> None:
    """Makes an older database one of the present version, or leaves it as it was: all in one transaction."""
    handle.execute("begin immediate")
    with handle:
        for statement in filter(str.strip, SCHEMA.split(";")):
            handle.execute(statement)
        mark(handle, VERSION)


def set_aside(path: str) -> str:
    """Keeps a file that is of no use beside its place, for whoever wants to look at it; its new path."""
    number = 1
    while os.path.lexists(bad := f"{path}.bad-{number}"):
        number += 1
    if os.path.lexists(path):
        disk.move(path, bad)
    for suffix in ("-wal", "-shm"):
        disk.remove(path + suffix)
    return bad


def mark(handle: sqlite3.Connection, version: int) -> None:
    """Writes the version down, twice: one flipped bit must not look like a newer wavebuild."""
    handle.execute(f"pragma user_version={version}")
    handle.execute(f"pragma application_id={_AGAIN + version}")


def version_of(handle: sqlite3.Connection) -> int:
    """The version of a database; 0 for an empty one. Up to 2 it is written once. Raises sqlite3.Error."""
    with _reported():
        (version,), (again,) = (
            handle.execute(f"pragma {name}").fetchone() for name in ("user_version", "application_id")
        )
    if version > 2 and again != _AGAIN + version:
        raise sqlite3.DatabaseError(f"{_UNREADABLE} its version")
    return int(version)


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """Damage of which SQLite speaks in words that are no text themselves."""
    try:
        yield
    except UnicodeDecodeError:
        raise sqlite3.DatabaseError(f"{_UNREADABLE} what SQLite says of it") from None


def newer(path: str, version: int) -> WavebuildError:
    return mistake(
        "state-newer",
        f"the state was written by a newer wavebuild (version {version}, this one knows {VERSION})",
        Place(path),
        "use that wavebuild, or remove the file: all that is lost is what need not run again",
    )


def is_damage(error: sqlite3.Error) -> bool:
    """SQLITE_CORRUPT and SQLITE_NOTADB, a table that is gone, a text that is none; a full disk, a lock or a read-only
    file is not."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    said = str(error)
    return code in (11, 26) or said.startswith(("no such table", "no such column", _UNREADABLE, "table "))


def unusable(path: str, error: sqlite3.Error) -> WavebuildError:
    """What is said of a state that cannot be opened and is not damaged."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (3, 8) or (code == 14 and not _may_be_written(path)):  # SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN
        return unwritable("the state cannot be used", path, PermissionError(errno.EACCES, str(error)))
    return mistake("state-unusable", f"the state cannot be used: {error}", Place(path), remedy(error), exit_code=1)


def remedy(error: sqlite3.Error) -> str:
    """What helps when the state could not be written."""
    if is_damage(error):
        return "the state is damaged: it is set aside by the next build"
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case 5 | 6:  # SQLITE_BUSY, SQLITE_LOCKED
            return "another program has the state open and is writing to it: close that, and build again"
        case 10 | 13:  # SQLITE_IOERR, SQLITE_FULL
            return (
                "make room on the disk and build again: nothing that was told as done is lost;\n"
                "what failed steps left is in .wavebuild/failed and may be removed"
            )
        case 14:  # SQLITE_CANTOPEN
            return "its file may be written: perhaps no more files may be open at once (`ulimit -n`)"
        case _:
            return ""


def _may_be_written(path: str) -> bool:
    """Whether the file is there and the system lets us write to it and make others beside it."""
    return os.path.isfile(path) and os.access(path, os.R_OK | os.W_OK) and os.access(os.path.dirname(path), os.W_OK)


def _identity(path: str) -> tuple[tuple[int, int] | None, int]:
    """Which file stands at a path, and its size."""
    status = disk.look_through(path)
    return ((status.st_dev, status.st_ino), status.st_size) if status is not None else (None, 0)
