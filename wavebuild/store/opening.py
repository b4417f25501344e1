"""Finds and opens a state: to be written to, to be read by a question, or to end what a killed build left open.

It does not know what is done with it. A state that is of no use is set aside and said; what it takes for steps to
run again without a question is known from the second record of what was made.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec
from msgspec import Struct

from wavebuild import disk
from wavebuild.errors import Place, mistake
from wavebuild.judge.trace import Made
from wavebuild.later import sqlite3
from wavebuild.store.claims import Claims, claimed, size_of
from wavebuild.store.database import (
    OLDEST,
    SCHEMA,
    VERSION,
    Database,
    is_damage,
    newer,
    opened,
    set_aside,
    unusable,
    version_of,
)
from wavebuild.store.layout import unwritable
from wavebuild.store.state import CLAIMS, State
from wavebuild.store.text import restored

_SOUND = "ok"
"""What SQLite's own check says where it finds nothing."""

_TRIES = 20
"""Looks at a state whose log comes and goes, before it is said that it cannot be read."""

DAMAGE = (sqlite3.Error, msgspec.DecodeError)
"""What is raised by rows that cannot be read, or are not what was written."""


def open_state(
    path: str,
    notices: list[str],
    scope: str = "",
    claims: str = "",
    is_ours: Callable[[], bool] = lambda: True,
) -> State:
    """The state, to be written to; a damaged one is set aside and said in ``notices``, and an empty one begun.

    ``claims``: the second record of what was made. ``is_ours``: whether the project is still held by whoever opened it.
    """
    disk.make_folder(os.path.dirname(path))
    record = Claims(claims) if claims else None

    def reopen() -> tuple[Database, str]:
        disk.make_folder(os.path.dirname(path))
        there = os.path.lexists(path)
        bad = os.path.basename(set_aside(path))
        return opened(path), bad if there else ""

    def begin() -> State:
        return _first_read(
            opened(path), lambda database: State(database, scope, record, notices.append, reopen, is_ours)
        )

    try:
        state = begin()
    except DAMAGE as error:
        if isinstance(error, sqlite3.Error) and not is_damage(error):
            raise unusable(path, error) from None
        bad = set_aside(path)
        notices.append(f"the state was damaged: it is kept as {os.path.basename(bad)}, and an empty one begun")
        state = begin()
        state.know(claimed(claims) or _salvaged(bad))
    else:
        if _is_behind(state, claims):
            what = "the state has lost what was recorded last" if state.last_results() else "the state is gone"
            notices.append(f"{what}: steps run again")
            state.know(claimed(claims))
    if record is not None:
        state.note_size(CLAIMS, record.begin(state.made()))
    return state


def _is_behind(state: State, claims: str) -> bool:
    """Whether the other record knows of more than the state: that is new, or has lost what was written last."""
    return size_of(claims) > state.size(CLAIMS)


def _salvaged(path: str) -> dict[str, Made]:
    """The members that can still be read in a damaged state."""
    from urllib.parse import quote

    found: dict[str, Made] = {}
    with contextlib.suppress(sqlite3.Error):
        handle = sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1", uri=True)
        with contextlib.closing(handle):
            for member, digest, key, scope, by_hand, raw in Database(handle, path).salvage("made", 6):
                found[restored(member)] = Made(str(digest), restored(str(key)), str(scope), bool(by_hand), str(raw))
    return found


def _whole(database: Database, begin: Callable[[Database], State]) -> State:
    """The state, all that matters of it read. Where it cannot be, the file is closed: it may be moved away then."""
    return _read_by(State.read_through, database, begin)


def _first_read(database: Database, begin: Callable[[Database], State]) -> State:
    """The state, as much of it read as every build needs."""
    return _read_by(State.read_first, database, begin)


def _read_by(read: Callable[[State], None], database: Database, begin: Callable[[Database], State]) -> State:
    try:
        state = begin(database)
        read(state)
    except BaseException:
        database.close()
        raise
    return state


def open_journal(path: str) -> State | None:
    """The state of another Wavefile, to end what it left open; None if nothing is open in it.

    Raises WavebuildError if it cannot be known.
    """
    state = read_state(path, held=False)
    if state is None:
        if os.path.getsize(path):
            raise mistake("state-unusable", "the state is damaged", Place(path))
        return None
    left = state.attempts()
    state.close()
    try:
        return _whole(opened(path), State) if left else None
    except sqlite3.Error as error:
        raise unusable(path, error) from None


def nothing_remembered(path: str) -> State:
    """The state of a project that was never built, for questions: nothing is written."""
    handle = sqlite3.connect(":memory:", isolation_level=None)
    handle.executescript(SCHEMA)
    return _whole(Database(handle, path), State)


def read_state(path: str, held: bool, claims: str = "", whole: bool = True) -> State | None:
    """The state, for questions: nothing is written; None if there is none yet or it is damaged.

    ``held``: somebody is writing to it at this moment. Else what a killed writer left in its log
    is read from a copy, as reading it in place would write. ``claims``: the second record of what was
    made: where it knows more, it counts as in a build. Not ``whole``: rows are read as they are asked for,
    which may show damage, too; and None where the second record knows more. Raises WavebuildError if the state may
    not be read, or a newer wavebuild wrote it.
    """
    try:
        state = _read(path, held, whole)
    except OSError as error:
        raise unwritable("the state cannot be read", path, error) from None
    if state is None and size_of(claims):
        state = nothing_remembered(path)
    if state is not None and not held and _is_behind(state, claims):
        if not whole:
            state.close()
            return None
        state.know(claimed(claims))
    return state


def _read(path: str, held: bool, whole: bool) -> State | None:
    if disk.look(path) is None:
        return None
    os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    where, flags, folder = _to_be_read(path, held)
    with folder:
        return _reading(where, flags, path, whole)


class Examined(Struct, frozen=True):
    """What the file of a state is like; ``damage``: what is wrong with it, in SQLite's words, "" if nothing."""

    version: int
    bytes: int
    damage: str


def examined(path: str, held: bool) -> Examined:
    """A look at the file of a state, whoever wrote it; nothing is written beside it.

    Of what is no database at all the version and the size are 0. Raises OSError, and WavebuildError where it cannot
    be looked at now, which is no damage.
    """
    from urllib.parse import quote

    os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    where, flags, folder = _to_be_read(path, held)
    with folder:
        try:
            handle = sqlite3.connect(f"file:{quote(os.fsencode(where))}?{flags}", uri=True, timeout=5)
            with contextlib.closing(handle):
                database = Database(handle, path)
                said = str(database.ask("pragma quick_check(1)")[0][0])
                size = database.pages() * int(database.ask("pragma page_size")[0][0])
                return Examined(version_of(handle), size, "" if said == _SOUND else said)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise unusable(path, error) from None
            return Examined(0, 0, f"{path}: {error}")


def _to_be_read(path: str, held: bool) -> tuple[str, str, AbstractContextManager[object]]:
    """The file to be read, how it is opened, and what must be held meanwhile: the folder of a copy."""
    for _ in range(_TRIES - 1):
        with contextlib.suppress(FileNotFoundError):  # another program has taken the log in since we saw it
            return _as_it_stands(path, held)
    return _as_it_stands(path, held)


def _as_it_stands(path: str, held: bool) -> tuple[str, str, AbstractContextManager[object]]:
    import tempfile

    if held and disk.look(f"{path}-shm") is not None:  # else the holder has not opened it yet: we would make that file
        return path, "mode=ro", contextlib.nullcontext()
    if disk.look(f"{path}-wal") is None:
        return path, "mode=ro&immutable=1", contextlib.nullcontext()
    folder = tempfile.TemporaryDirectory(prefix="wavebuild-", dir=_for_a_while())
    with contextlib.ExitStack() as unless_copied:
        unless_copied.callback(folder.cleanup)
        copied = os.path.join(folder.name, "state.db")
        for suffix in ("", "-wal"):
            disk.copy(path + suffix, copied + suffix)
        unless_copied.pop_all()
    return copied, "mode=rw", folder


def _for_a_while() -> str:
    """A folder for what is gone again in a moment; never the current one, which may be the project's.

    Raises OSError if there is none.
    """
    usual = (os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp", "/dev/shm")
    found = next((folder for folder in usual if folder and os.path.isdir(folder) and os.access(folder, os.W_OK)), "")
    if not found:
        raise OSError(errno.ENOENT, "there is no folder for temporary files: set TMPDIR", usual[0])
    return found


def _reading(path: str, flags: str, shown: str, whole: bool) -> State | None:
    from urllib.parse import quote

    with contextlib.ExitStack() as unless_read:
        try:
            handle = sqlite3.connect(
                f"file:{quote(os.fsencode(path))}?{flags}", uri=True, isolation_level=None, timeout=5
            )
            unless_read.callback(handle.close)
            version = version_of(handle)
            if OLDEST <= version <= VERSION:
                state = (_whole if whole else _first_read)(Database(handle, shown), State)
                unless_read.pop_all()
                return state
        except DAMAGE as error:
            if not isinstance(error, sqlite3.Error) or is_damage(error):
                return None
            raise mistake("unreadable", f"the state cannot be read: {error}", Place(shown), exit_code=1) from None
    if version > VERSION:
        raise newer(shown, version)
    return None
