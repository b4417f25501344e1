"""What is remembered from one build to the next: one SQLite file, written as each step ends.

It does not know why a step ran, nor what a digest is of. Only the process that holds the
project's lock writes; questions open it read-only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from wavebuild import disk
from wavebuild.errors import Place, WavebuildError, mistake
from wavebuild.judge.asking import Answer
from wavebuild.judge.locked import LOCKED
from wavebuild.judge.reasons import Reason
from wavebuild.judge.stamp import Stamp
from wavebuild.judge.trace import KEPT, Made, Trace
from wavebuild.run.records import Attempt, PastRun, Result
from wavebuild.store.causes import unwritten, written
from wavebuild.store.layout import unwritable
from wavebuild.store.text import packed, restored, storable, unpacked

VERSION = 3
OLDEST = 1
"""The version of a state that questions still read: later ones only have more tables."""

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
"""


_TRACE = msgspec.msgpack.Decoder(Trace)
_ATTEMPT = msgspec.msgpack.Decoder(Attempt)


class State:
    """The open state of one Wavefile; ``scope``: under what --set members are recorded from now on."""

    def __init__(self, handle: sqlite3.Connection, path: str, scope: str = "") -> None:
        self._handle = handle
        self._path = path
        self._scope = scope
        self._traces: dict[str, list[tuple[int, bytes]]] = {}
        for key, number, data in handle.execute("select key, number, data from traces order by key, number desc"):
            self._traces.setdefault(restored(key), []).append((number, data))
        self._decoded: dict[str, list[Trace]] = {}
        self._assumed: dict[str, Trace] = {}
        self._assumed_made: dict[str, Made] = {}
        self._made: dict[str, Made] | None = None
        self._digests: dict[str, tuple[Stamp, str]] | None = None
        self._last: dict[str, Result] | None = None
        self._pending: dict[str, tuple[Stamp, str]] = {}
        self._answers: dict[str, Answer] = {}  # to be written
        self._memory: dict[str, str] | None = None

    # What is known

    def traces(self, key: str) -> list[Trace]:
        """The kept traces, newest first; damaged ones are as if they had never been."""
        found = self._here(key)
        assumed = self._assumed.get(key)
        return [*found, assumed] if assumed is not None else found

    def assume(self, traces: Mapping[str, Trace], made: Mapping[str, Made]) -> None:
        """What is known from elsewhere, for as long as this state is open: an older trace of a step, and members."""
        self._assumed, self._assumed_made = dict(traces), dict(made)
        self._made = None

    def _here(self, key: str) -> list[Trace]:
        """The traces of runs made here."""
        found = self._decoded.get(key)
        if found is None:
            found = [trace for _, data in self._traces.get(key, ()) if (trace := _decoded(data))]
            self._decoded[key] = found
        return found

    def made(self) -> Mapping[str, Made]:
        """Every member on record as made by a step."""
        if self._made is None:
            rows = self._handle.execute("select path, digest, key, scope, by_hand, raw from made")
            self._made = self._assumed_made | {
                restored(path): Made(digest, restored(key), scope, bool(by_hand), raw)
                for path, digest, key, scope, by_hand, raw in rows
            }
        return self._made

    def digests(self) -> dict[str, tuple[Stamp, str]]:
        """Digests that earlier builds learned, with the stamps they hold for."""
        if self._digests is None:
            rows = self._handle.execute("select name, dev, ino, size, mtime, ctime, beyond, digest from digests")
            self._digests = {
                restored(name): (
                    (dev, ino, size, mtime, ctime, *(msgspec.msgpack.decode(beyond) if beyond else ())),
                    digest,
                )
                for name, dev, ino, size, mtime, ctime, beyond, digest in rows
            }
        return self._digests

    def answers(self) -> dict[str, Answer]:
        """What probes said last, by member."""
        if not self._has("probes"):
            return {}
        rows = self._handle.execute("select member, definition, digest, asked from probes")
        return {restored(member): Answer(*answer) for member, *answer in rows}

    def _has(self, table: str) -> bool:
        """Whether the state has a table; one that an earlier wavebuild wrote, and that is only read, may lack it."""
        found = self._handle.execute("select 1 from sqlite_master where type = 'table' and name = ?", (table,))
        return found.fetchone() is not None

    def memory(self) -> dict[str, str]:
        """The digests of the values that steps have written to the shared memory, by key."""
        if self._memory is None:
            rows = self._handle.execute("select key, digest from memory") if self._has("memory") else ()
            self._memory = {restored(key): digest for key, digest in rows}
        return self._memory

    def remembered(self, key: str) -> str:
        """A value of the shared memory that a step has written, as canonical JSON."""
        try:
            row = self._handle.execute("select value from memory where key = ?", (storable(key),)).fetchone()
        except sqlite3.Error as error:
            raise mistake("unreadable", f"the state cannot be read: {error}", Place(self._path), exit_code=1) from None
        if row is None:
            raise mistake("unreadable", f"the value of mem:{key} is gone", Place(self._path), exit_code=1)
        return str(row[0])

    def texts(self, key: str) -> dict[str, bytes]:
        """The texts before and after what the step last did to shared files, by digest; a damaged one is gone."""
        found: dict[str, bytes] = {}
        if not self._has("texts"):
            return found
        try:
            rows = self._handle.execute("select digest, data from texts where key = ?", (storable(key),)).fetchall()
        except sqlite3.Error as error:
            raise mistake("unreadable", f"the state cannot be read: {error}", Place(self._path), exit_code=1) from None
        for digest, data in rows:
            with contextlib.suppress(zlib.error):
                found[digest] = zlib.decompress(data)
        return found

    def forget_memory(self, keys: Iterable[str]) -> None:
        """Values that were removed on purpose."""
        with self._writing():
            self._handle.executemany("delete from memory where key = ?", [(storable(key),) for key in keys])
        self._memory = None

    def attempts(self) -> list[tuple[Attempt, bool]]:
        """The attempts that were never brought to an end, oldest first, and whether their success was recorded."""
        rows = self._handle.execute("select data, done from attempts order by id")
        return [(unpacked(data, _ATTEMPT), bool(done)) for data, done in rows]

    def last_results(self) -> dict[str, Result]:
        """The latest result of every step that ever ran."""
        if self._last is None:
            rows = self._handle.execute(
                "select step, run, outcome, began, seconds, attempts, exit_code, failure, log, max(began)"
                " from results group by step"
            )
            self._last = {row[0]: Result(*row[:9]) for row in rows}
        return self._last

    def durations(self) -> dict[str, float]:
        """Per step the median of its last five successes, in seconds."""
        times: dict[str, list[float]] = {}
        rows = self._handle.execute(
            "select step, seconds from results where outcome = 'succeeded' order by step, began desc"
        )
        for step, seconds in rows:
            last = times.setdefault(step, [])
            if len(last) < 5:
                last.append(seconds)
        return {step: sorted(last)[len(last) // 2] for step, last in times.items()}

    def last_reasons(self, step: str) -> tuple[str, tuple[Reason, ...]] | None:
        """The run in which a step last ran, and why; None if that is not on record."""
        try:
            row = self._handle.execute("select run, data from reasons where step = ?", (step,)).fetchone()
            return (row[0], unwritten(row[1])) if row else None
        except (sqlite3.Error, msgspec.MsgspecError):
            return None  # an explanation is worth no failure; a state of version 1 has none

    def runs(self, most: int) -> list[PastRun]:
        """The latest runs, newest first."""
        rows = self._handle.execute(
            "select run, began, seconds, exit_code, jobs, schedule, command from runs order by began desc, run desc"
            " limit ?",
            (most,),
        ).fetchall()
        return [
            PastRun(run, began, seconds, code, jobs, schedule, restored(command), self._tally(run))
            for run, began, seconds, code, jobs, schedule, command in rows
        ]

    def _tally(self, run: str) -> tuple[tuple[str, int], ...]:
        """How many steps of a run ended how; of a run that was cut off, what had been recorded."""
        known = self._handle.execute("select 1 from sqlite_master where name = 'tallies'").fetchone()
        ask = "select outcome, number from tallies where run = ?"
        counted = self._handle.execute(ask, (run,)).fetchall() if known else []
        if not counted:
            rows = self._handle.execute("select outcome, count(*) from results where run = ? group by outcome", (run,))
            counted = rows.fetchall()
        return tuple((outcome, number) for outcome, number in counted)

    def results(self, step: str) -> list[Result]:
        """Every result of a step, newest first."""
        rows = self._handle.execute(
            "select step, run, outcome, began, seconds, attempts, exit_code, failure, log"
            " from results where step = ? order by began desc",
            (step,),
        )
        return [Result(*row) for row in rows]

    def results_of_all(self, step: str) -> list[Result]:
        """Every result of a step and of its instances, newest first."""
        begins = f"{step}@"
        rows = self._handle.execute(
            "select step, run, outcome, began, seconds, attempts, exit_code, failure, log from results"
            " where step = ? or substr(step, 1, ?) = ? order by began desc, step",
            (step, len(begins), begins),
        )
        return [Result(*row) for row in rows]

    @contextlib.contextmanager
    def _writing(self, when: str = "") -> Iterator[None]:
        """One transaction. A full disk or a lock is no damage: the build stops, and the state stays."""
        try:
            with self._handle:
                yield
                disk.fault("before commit")
            disk.fault("after commit")
        except sqlite3.Error as error:
            said = f"the state cannot be written{when and f', {when}'}: {error}"
            raise mistake("state-unwritable", said, Place(self._path), _remedy(error), exit_code=1) from None

    # What is recorded

    def learn(self, learned: Mapping[str, tuple[Stamp, str]]) -> None:
        """Digests to be written with the next record."""
        self._pending.update(learned)

    def hear(self, answers: Mapping[str, Answer]) -> None:
        """Answers of probes to be written with the next record."""
        self._answers.update(answers)

    def begin(self, attempt: Attempt) -> None:
        """The intent of an attempt, before the first file is touched."""
        with self._writing(f"as step {attempt.step} began"):
            self._write_pending()
            self._write_attempt(attempt, done=False)

    def succeed(
        self,
        key: str,
        trace: Trace,
        attempt: Attempt,
        result: Result,
        memory: Mapping[str, tuple[str, str]] = {},
        texts: Mapping[str, bytes] = {},
    ) -> None:
        """A success: trace, members, values and result in one transaction; the attempt stays while files wait to be
        moved."""
        kept = self.traces(key)
        gone = [path for path in (kept[0].outputs if kept else {}) if path not in trace.outputs]
        with self._writing(f"as step {result.step} ended"):
            self._append_trace(key, trace, texts)
            ask = self._handle.executemany
            ask("insert or replace into made values (?, ?, ?, ?, ?, ?)", self._members(key, trace))
            ask("delete from made where path = ? and key = ?", [(storable(path), storable(key)) for path in gone])
            values = [(storable(name), digest, text) for name, (digest, text) in memory.items()]
            ask("insert or replace into memory values (?, ?, ?)", values)
            self._write_result(result)
            self._write_pending()
            if attempt.holds_files:
                self._write_attempt(attempt, done=True)
            else:
                self._handle.execute("delete from attempts where id = ?", (attempt.id,))
        self._assumed.pop(key, None)
        self.memory().update({name: digest for name, (digest, _) in memory.items()})
        if self._made is not None:
            self._made.update(self._made_by(key, trace))
            for path in gone:
                self._made.pop(path, None)

    def fail(self, key: str, attempt: str, result: Result, void: Sequence[Trace]) -> None:
        """The end of a run that did not succeed; ``void`` traces keep their bytes known but are never fresh again."""
        with self._writing(f"as step {result.step} ended"):
            self._rewrite(key, {id(trace): msgspec.structs.replace(trace, void=True) for trace in void})
            for trace in void:
                if trace.run == LOCKED:  # from now on we know better than elsewhere
                    self._append_trace(key, msgspec.structs.replace(trace, void=True, run=result.run))
            self._write_result(result)
            self._write_pending()
            self._handle.execute("delete from attempts where id = ?", (attempt,))

    def record(self, key: str, trace: Trace, placed: bool = False, texts: Mapping[str, bytes] = {}) -> None:
        """A trace without a run: a touch, a gate judged again; ``placed``: the members are a person's own."""
        with self._writing():
            self._append_trace(key, trace, texts)
            ask = self._handle.executemany
            if placed:
                ask("delete from made where path = ?", [(storable(path),) for path in trace.outputs])
            else:
                ask("insert or replace into made values (?, ?, ?, ?, ?, ?)", self._members(key, trace))
            self._write_pending()
        self._made = None

    def replace_last(self, key: str, trace: Trace, texts: Mapping[str, bytes] = {}) -> None:
        """Puts a trace in the place of the newest one."""
        with self._writing():
            self._keep_texts(key, trace, texts)
            if here := self._here(key):
                self._rewrite(key, {id(here[0]): trace})
            else:
                self._append_trace(key, trace)
            self._handle.executemany("insert or replace into made values (?, ?, ?, ?, ?, ?)", self._members(key, trace))
        self._made = None

    def forget_traces(self, key: str, placed: bool = False) -> None:
        """As if the step had never run, but that the bytes it made are known as its own.

        ``placed``: the members are a person's own, and nothing need be known of them.
        """
        with self._writing():
            if placed:
                self._handle.execute("delete from traces where key = ?", (storable(key),))
                self._traces.pop(key, None)
                self._decoded.pop(key, None)
            else:
                here, assumed = self._here(key), self._assumed.get(key)
                self._rewrite(key, {id(trace): _forgotten(trace) for trace in here})
                if assumed is not None and not here:
                    self._append_trace(key, _forgotten(assumed))
            self._assumed.pop(key, None)

    def close_attempt(self, attempt: str) -> None:
        with self._writing():
            self._handle.execute("delete from attempts where id = ?", (attempt,))

    def forget_members(self, paths: Iterable[str]) -> None:
        """Members that were removed from the disk on purpose."""
        with self._writing():
            self._handle.executemany("delete from made where path = ?", [(storable(path),) for path in paths])
        self._made = None

    def run_began(self, run: str, began: float, jobs: int, schedule: str, command: str) -> None:
        with self._writing():
            self._handle.execute(
                "insert or replace into runs values (?, ?, null, null, ?, ?, ?)",
                (run, began, jobs, schedule, storable(command)),
            )

    def run_ended(self, run: str, seconds: float, exit_code: int, counts: Iterable[tuple[str, int]] = ()) -> None:
        with self._writing():
            self._write_pending()
            tally = [(run, outcome, number) for outcome, number in counts]
            self._handle.executemany("insert or replace into tallies values (?, ?, ?)", tally)
            self._handle.execute("update runs set seconds = ?, exit_code = ? where run = ?", (seconds, exit_code, run))

    def flush(self) -> None:
        """Writes what was only learned."""
        if self._pending or self._answers:
            with self._writing():
                self._write_pending()

    def close(self) -> None:
        disk.fault("before close")
        self._handle.close()
        disk.fault("after close")

    def _made_by(self, key: str, trace: Trace) -> dict[str, Made]:
        return {
            path: Made(digest, key, self._scope, path in trace.by_hand, trace.raw.get(path, ""))
            for path, digest in trace.outputs.items()
        }

    def _members(self, key: str, trace: Trace) -> list[tuple[str, str, str, str, bool, str]]:
        return [
            (storable(path), made.digest, storable(key), made.scope, made.by_hand, made.raw)
            for path, made in self._made_by(key, trace).items()
        ]

    def _append_trace(self, key: str, trace: Trace, texts: Mapping[str, bytes] = {}) -> None:
        self._keep_texts(key, trace, texts)
        rows = self._traces.setdefault(key, [])
        number = rows[0][0] + 1 if rows else 1
        data = packed(trace)
        self._handle.execute("insert into traces values (?, ?, ?)", (storable(key), number, data))
        if len(rows) >= KEPT:
            self._handle.execute("delete from traces where key = ? and number <= ?", (storable(key), number - KEPT))
        decoded = self._here(key)
        rows.insert(0, (number, data))
        decoded.insert(0, trace)
        del rows[KEPT:], decoded[KEPT:]

    def _keep_texts(self, key: str, trace: Trace, texts: Mapping[str, bytes]) -> None:
        """The texts of the newest trace's edits alone: an older trace is never fresh while a newer edit stands."""
        former = self._here(key)
        if not trace.edits and not (former and former[0].edits):
            return
        wanted = {digest for edits in trace.edits.values() for edit in edits for digest in edit}
        known = {row[0] for row in self._handle.execute("select digest from texts where key = ?", (storable(key),))}
        gone = [(storable(key), digest) for digest in known - wanted]
        new = [
            (storable(key), digest, zlib.compress(text))
            for digest, text in texts.items()
            if digest in wanted and digest not in known
        ]
        self._handle.executemany("delete from texts where key = ? and digest = ?", gone)
        self._handle.executemany("insert into texts values (?, ?, ?)", new)

    def _rewrite(self, key: str, changed: Mapping[int, Trace]) -> None:
        if not changed:
            return
        rows, decoded = self._traces.get(key, []), self._here(key)
        sound = [row for row in rows if _decoded(row[1])]
        for position, ((number, _), trace) in enumerate(zip(sound, list(decoded), strict=True)):
            if id(trace) in changed:
                now = changed[id(trace)]
                data = packed(now)
                self._handle.execute(
                    "update traces set data = ? where key = ? and number = ?", (data, storable(key), number)
                )
                sound[position] = (number, data)
                decoded[position] = now
        self._traces[key] = sound

    def _write_attempt(self, attempt: Attempt, done: bool) -> None:
        self._handle.execute(
            "insert or replace into attempts values (?, ?, ?, ?)",
            (attempt.id, attempt.step, int(done), packed(attempt)),
        )

    def _write_result(self, result: Result) -> None:
        if self._last is not None:
            self._last[result.step] = result
        self._handle.execute(
            "insert or replace into results values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                result.step,
                result.run,
                result.outcome,
                result.began,
                result.seconds,
                result.attempts,
                result.exit_code,
                result.failure,
                result.log,
            ),
        )
        self._handle.execute(
            "insert or replace into reasons values (?, ?, ?)", (result.step, result.run, written(result.reasons))
        )

    def _write_pending(self) -> None:
        if self._pending:
            self._handle.executemany(
                "insert or replace into digests values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (storable(name), *stamp[:5], msgspec.msgpack.encode(stamp[5:]) if stamp[5:] else None, digest)
                    for name, (stamp, digest) in self._pending.items()
                ],
            )
            self._pending = {}
        if self._answers:
            self._handle.executemany(
                "insert or replace into probes values (?, ?, ?, ?)",
                [(storable(member), a.definition, a.digest, a.asked) for member, a in self._answers.items()],
            )
            self._answers = {}


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
    return State(_open(path), path) if left else None


def open_state(path: str, notice: list[str], scope: str = "") -> State:
    """The state, to be written to; a damaged one is set aside and said in ``notice``, and an empty one begun."""
    disk.make_folder(os.path.dirname(path))
    try:
        return _read_through(State(_open(path), path, scope))
    except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
        if isinstance(error, sqlite3.Error) and not is_damage(error):
            raise _unusable(path, error) from None
    bad = _set_aside(path)
    notice.append(f"the state was damaged: it is kept as {os.path.basename(bad)}, and an empty one begun")
    return _read_through(State(_open(path), path, scope))


def nothing_remembered(path: str) -> State:
    """The state of a project that was never built, for questions: nothing is written."""
    handle = sqlite3.connect(":memory:", isolation_level=None)
    handle.executescript(SCHEMA)
    return State(handle, path)


def read_state(path: str, held: bool) -> State | None:
    """The state, for questions: nothing is written; None if there is none yet or it is damaged.

    ``held``: somebody is writing to it at this moment. Else what a killed writer left in its log
    is read from a copy, as reading it in place would write. Raises WavebuildError if it may not be
    read, or a newer wavebuild wrote it.
    """
    try:
        if disk.look(path) is None:
            return None
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        if held:
            return _reading(path, "mode=ro", path)
        if disk.look(f"{path}-wal") is None:
            return _reading(path, "mode=ro&immutable=1", path)
        with tempfile.TemporaryDirectory(prefix="wavebuild-") as folder:
            copied = os.path.join(folder, "state.db")
            for suffix in ("", "-wal"):
                disk.copy(path + suffix, copied + suffix)
            return _reading(copied, "mode=rw", path)
    except OSError as error:
        raise unwritable("the state cannot be read", path, error) from None


def _reading(path: str, flags: str, shown: str) -> State | None:
    with contextlib.ExitStack() as unless_read:
        try:
            handle = sqlite3.connect(f"file:{_quoted(path)}?{flags}", uri=True, isolation_level=None, timeout=5)
            unless_read.callback(handle.close)
            version = _version(handle)
            if OLDEST <= version <= VERSION:
                state = _read_through(State(handle, shown))
                unless_read.pop_all()
                return state
        except msgspec.DecodeError:
            return None
        except sqlite3.Error as error:
            if is_damage(error):
                return None
            raise mistake("unreadable", f"the state cannot be read: {error}", Place(shown), exit_code=1) from None
    if version > VERSION:
        raise _newer(shown, version)
    return None


def _read_through(state: State) -> State:
    """Whatever is damaged shows now, not when a step has run."""
    state.made()
    state.digests()
    state.answers()
    state.memory()
    state.attempts()
    state.last_results()
    state.durations()
    return state


def _open(path: str) -> sqlite3.Connection:
    handle = sqlite3.connect(path, isolation_level="DEFERRED", timeout=10)
    version = _version(handle)
    if version > VERSION:
        handle.close()
        raise _newer(path, version)
    handle.execute("pragma journal_mode=wal")
    handle.execute("pragma synchronous=normal")
    if version < VERSION:
        handle.executescript(SCHEMA)
        handle.execute(f"pragma user_version={VERSION}")
        handle.commit()
    return handle


def _newer(path: str, version: int) -> WavebuildError:
    return mistake(
        "state-newer",
        f"the state was written by a newer wavebuild (version {version}, this one knows {VERSION})",
        Place(path),
        "use that wavebuild, or remove the file: all that is lost is what need not run again",
    )


def _unusable(path: str, error: sqlite3.Error) -> WavebuildError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (3, 8, 14):  # SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN
        return unwritable("the state cannot be used", path, PermissionError(errno.EACCES, str(error)))
    return mistake("state-unusable", f"the state cannot be used: {error}", Place(path), _remedy(error), exit_code=1)


def _remedy(error: sqlite3.Error) -> str:
    """What helps when the state could not be written."""
    if is_damage(error):
        return "the state is damaged: it is set aside by the next build"
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (10, 13):  # SQLITE_IOERR, SQLITE_FULL
        return (
            "make room on the disk and build again: nothing that was told as done is lost;\n"
            "what failed steps left is in .wavebuild/failed and may be removed"
        )
    return ""


def _version(handle: sqlite3.Connection) -> int:
    return int(handle.execute("pragma user_version").fetchone()[0])


def is_damage(error: sqlite3.Error) -> bool:
    """SQLITE_CORRUPT and SQLITE_NOTADB; a full disk, a lock or a read-only file is not damage."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (11, 26)


def _set_aside(path: str) -> str:
    number = 1
    while os.path.exists(bad := f"{path}.bad-{number}"):
        number += 1
    disk.move(path, bad)
    for suffix in ("-wal", "-shm"):
        disk.remove(path + suffix)
    return bad


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(os.fsencode(path))


def _forgotten(trace: Trace) -> Trace:
    nothing: dict[str, dict[str, str]] = {"action": {}, "gate": {}, "inputs": {}, "gate_inputs": {}}
    return msgspec.structs.replace(trace, void=True, by_touch=False, **nothing)


def _decoded(data: bytes) -> Trace | None:
    try:
        return unpacked(data, _TRACE)
    except msgspec.DecodeError:
        return None
