"""What is remembered from one build to the next: one SQLite file, written as each step ends.

It does not know why a step ran, nor what a digest is of, nor how a state is found and opened. Only the process that
holds the project's lock writes. All that matters is held in memory as well: should the file be destroyed under
a build, it is written anew, and nothing is lost.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import NoneType

import msgspec

from wavebuild import disk
from wavebuild.errors import Place, mistake
from wavebuild.judge.asking import Answer
from wavebuild.judge.locked import LOCKED
from wavebuild.judge.memory import value_digest
from wavebuild.judge.reasons import Reason
from wavebuild.judge.stamp import Stamp
from wavebuild.judge.trace import KEPT, Made, Trace
from wavebuild.run.records import Attempt, PastRun, Result
from wavebuild.store.causes import unwritten, written
from wavebuild.store.claims import Claims
from wavebuild.store.database import Batch, Cell, Database, Row, is_damage, remedy
from wavebuild.store.text import packed, restored, storable, unpacked

CLAIMS = "claims"
"""Under what name the state says how long the second record of members is: one that is longer knows more."""

PAGES = "pages"
"""Under what name the state says how long it was when it was last pruned."""

ROOM = 256
"""By how many pages it may grow in any case."""

HEALED_AT_MOST = 3
"""How often a state is begun anew in one build: what destroys it more often goes on doing so."""

_TRACE = msgspec.msgpack.Decoder(Trace)
_ATTEMPT = msgspec.msgpack.Decoder(Attempt)

_INSERT_TRACE = "insert or replace into traces values (?, ?, ?)"
INSERT_MADE = "insert or replace into made values (?, ?, ?, ?, ?, ?)"
_INSERT_DIGEST = "insert or replace into digests values (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_ANSWER = "insert or replace into probes values (?, ?, ?, ?)"
_INSERT_MEMORY = "insert or replace into memory values (?, ?, ?)"
_INSERT_ATTEMPT = "insert or replace into attempts values (?, ?, ?, ?)"
_INSERT_RESULT = "insert or replace into results values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_DELETE_ATTEMPT = "delete from attempts where id = ?"
INSERT_SIZE = "insert or replace into sizes values (?, ?)"
_DELETE_MADE = "delete from made where path = ?"

Kinds = tuple[type | tuple[type, ...], ...]
"""Of what types the cells of a row are: SQLite keeps in any column whatever it is given, and damage gives anything."""

_NUMBER = (int, NoneType)
_RESULT: Kinds = (str, str, str, float, float, int, _NUMBER, str, (str, NoneType))
_RUN: Kinds = (str, float, (float, NoneType), _NUMBER, int, str, str)

_HISTORY = {"runs": 7, "results": 9, "reasons": 3, "tallies": 3, "texts": 3}
"""Tables that are not held in memory, and how many columns each has."""


class State:
    """The open state of one Wavefile; ``scope``: under what --set members are recorded from now on.

    ``claims``: where members are recorded a second time. ``say``: told what a person should know. ``reopen``: begins an
    empty database in the place of one that is of no use, and gives it with the name under which the former is kept;
    without it damage is not healed. ``is_ours``: whether the project is still held by this process.
    """

    def __init__(
        self,
        database: Database,
        scope: str = "",
        claims: Claims | None = None,
        say: Callable[[str], None] = lambda said: None,
        reopen: Callable[[], tuple[Database, str]] | None = None,
        is_ours: Callable[[], bool] = lambda: True,
    ) -> None:
        self.say = say
        self._database = database
        self.path = database.path
        self._scope = scope
        self._claims = claims
        self._reopen = reopen
        self._is_ours = is_ours
        self._healed = 0
        self._is_read_through = False
        self._batch: Batch = []
        self._traces: dict[str, list[tuple[int, bytes]]] = {}
        rows = database.ask("select key, number, data from traces order by key, number desc")
        for key, number, data in _sound(rows, (str, int, bytes)):
            self._traces.setdefault(restored(key), []).append((number, data))
        self._decoded: dict[str, list[Trace]] = {}
        self._assumed: dict[str, Trace] = {}
        self._assumed_made: dict[str, Made] = {}
        self._recorded: dict[str, Made] | None = None
        self._made: dict[str, Made] | None = None
        self._digests: dict[str, tuple[Stamp, str]] | None = None
        self._learned: dict[str, tuple[Stamp, str]] = {}  # and written
        self._pending: dict[str, tuple[Stamp, str]] = {}  # to be written
        self._answered: dict[str, Answer] | None = None
        self._answers: dict[str, Answer] = {}  # to be written
        self._memory: dict[str, str] | None = None
        self._open: dict[str, tuple[Attempt, bool]] | None = None
        self._last: dict[str, Result] | None = None
        self._run: tuple[Cell, ...] = ()  # that of this build, as it began

    def read_through(self) -> None:
        """Reads all that matters. What is damaged shows now, not when a step has run.

        Raises sqlite3.Error and msgspec.DecodeError.
        """
        self.made()
        self.digests()
        self.answers()
        self.memory()
        self.attempts()
        self.last_results()
        self.durations()
        self._is_read_through = True

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

    def know(self, made: Mapping[str, Made]) -> None:
        """Whose files these members are: by that nothing is fresh, but nothing of ours stops a step as unclaimed."""
        self._members_here().update(made)
        self._made = None
        if self._reopen is not None:
            self._put_members(made)
            self._write()

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
            self._made = self._assumed_made | self._members_here()
        return self._made

    def _members_here(self) -> dict[str, Made]:
        if self._recorded is None:
            rows = self._ask("select path, digest, key, scope, by_hand, raw from made")
            self._recorded = {
                restored(path): Made(digest, restored(key), scope, bool(by_hand), raw)
                for path, digest, key, scope, by_hand, raw in _sound(rows, (str, str, str, str, int, str))
            }
        return self._recorded

    def digests(self) -> dict[str, tuple[Stamp, str]]:
        """Digests that earlier builds learned, with the stamps they hold for."""
        if self._digests is None:
            rows = self._ask("select name, dev, ino, size, mtime, ctime, beyond, digest from digests")
            self._digests = {
                restored(name): ((dev, ino, size, mtime, ctime, *_more(beyond)), digest)
                for name, dev, ino, size, mtime, ctime, beyond, digest in rows
                if type(name) is str and type(digest) is str  # one that makes no sense is learned again
            }
        return self._digests

    def answers(self) -> dict[str, Answer]:
        """What probes said last, by member."""
        if self._answered is None:
            rows = self._ask_if_there("probes", "select member, definition, digest, asked from probes")
            sound = _sound(rows, (str, str, (str, NoneType), float))
            self._answered = {restored(member): Answer(*answer) for member, *answer in sound}
        return self._answered

    def memory(self) -> dict[str, str]:
        """The digests of the values that steps have written to the shared memory, by key."""
        if self._memory is None:
            rows = self._ask_if_there("memory", "select key, digest from memory")
            self._memory = {restored(key): digest for key, digest in _sound(rows, (str, str))}
        return self._memory

    def remembered(self, key: str) -> str:
        """A value of the shared memory that a step has written, as canonical JSON."""
        found = self._ask("select digest, value from memory where key = ?", storable(key))
        if not found or value_digest(str(found[0][1])) != found[0][0]:
            said = f"the value of mem:{key} is gone: the step that writes it must run again"
            raise mistake("unreadable", said, Place(self.path), exit_code=1)
        return str(found[0][1])

    def texts(self, key: str) -> dict[str, bytes]:
        """The texts before and after what the step last did to shared files, by digest; a damaged one is gone."""
        found: dict[str, bytes] = {}
        for digest, data in self._ask_if_there("texts", "select digest, data from texts where key = ?", storable(key)):
            with contextlib.suppress(zlib.error, TypeError):
                found[digest] = zlib.decompress(data)
        return found

    def attempts(self) -> list[tuple[Attempt, bool]]:
        """The attempts that were never brought to an end, oldest first, and whether their success was recorded."""
        if self._open is None:
            rows = self._ask("select data, done from attempts order by id")
            found = [(unpacked(data, _ATTEMPT), bool(done)) for data, done in _sound(rows, (bytes, int))]
            self._open = {attempt.id: (attempt, done) for attempt, done in found}
        return [self._open[identity] for identity in sorted(self._open)]

    def last_results(self) -> dict[str, Result]:
        """The latest result of every step that ever ran."""
        if self._last is None:
            rows = self._ask(
                "select step, run, outcome, began, seconds, attempts, exit_code, failure, log, max(began)"
                " from results group by step"
            )
            self._last = {row[0]: Result(*row[:9]) for row in _sound(rows, (*_RESULT, float))}
        return self._last

    def durations(self) -> dict[str, float]:
        """Per step the median of its last five successes, in seconds."""
        times: dict[str, list[float]] = {}
        rows = self._ask("select step, seconds from results where outcome = 'succeeded' order by step, began desc")
        for step, seconds in _sound(rows, (str, float)):
            last = times.setdefault(step, [])
            if len(last) < 5:
                last.append(seconds)
        return {step: sorted(last)[len(last) // 2] for step, last in times.items()}

    def size(self, name: str) -> int:
        """A size that was noted; 0 if none was."""
        rows = self._ask_if_there("sizes", "select number from sizes where name = ?", name)
        return int(rows[0][0]) if rows else 0

    def last_reasons(self, step: str) -> tuple[str, tuple[Reason, ...]] | None:
        """The run in which a step last ran, and why; None if that is not on record."""
        rows = self._ask_if_there("reasons", "select run, data from reasons where step = ?", step)
        try:
            return (rows[0][0], unwritten(rows[0][1])) if rows and _fits(rows[0], (str, bytes)) else None
        except msgspec.MsgspecError:
            return None  # an explanation is worth no failure

    def runs(self, most: int) -> list[PastRun]:
        """The latest runs, newest first."""
        rows = self._ask(
            "select run, began, seconds, exit_code, jobs, schedule, command from runs order by began desc, run desc"
            " limit ?",
            most,
        )
        return [
            PastRun(run, began, seconds, code, jobs, schedule, restored(command), self._tally(run))
            for run, began, seconds, code, jobs, schedule, command in rows
            if _fits((run, began, seconds, code, jobs, schedule, command), _RUN)
        ]

    def _tally(self, run: str) -> tuple[tuple[str, int], ...]:
        """How many steps of a run ended how; of a run that was cut off, what had been recorded."""
        counted = self._ask_if_there("tallies", "select outcome, number from tallies where run = ?", run)
        if not counted:
            counted = self._ask("select outcome, count(*) from results where run = ? group by outcome", run)
        return tuple((outcome, number) for outcome, number in counted if _fits((outcome, number), (str, int)))

    def results(self, step: str) -> list[Result]:
        """Every result of a step, newest first."""
        rows = self._ask(
            "select step, run, outcome, began, seconds, attempts, exit_code, failure, log"
            " from results where step = ? order by began desc",
            step,
        )
        return [Result(*row) for row in rows if _fits(row, _RESULT)]

    def results_of_all(self, step: str) -> list[Result]:
        """Every result of a step and of its instances, newest first."""
        begins = f"{step}@"
        rows = self._ask(
            "select step, run, outcome, began, seconds, attempts, exit_code, failure, log from results"
            " where step = ? or substr(step, 1, ?) = ? order by began desc, step",
            step,
            len(begins),
            begins,
        )
        return [Result(*row) for row in rows if _fits(row, _RESULT)]

    def _ask_if_there(self, table: str, question: str, *values: Cell) -> list[Row]:
        """The answer; none where an earlier wavebuild wrote the state, and it is only read."""
        known = self._ask("select 1 from sqlite_master where type = 'table' and name = ?", table)
        return self._ask(question, *values) if known else []

    def _ask(self, question: str, *values: Cell) -> list[Row]:
        """The answer. Damage that shows only now is healed; in a state that is only read it is as if nothing was there.

        While the state is being read through, whoever opens it hears of the damage.
        """
        try:
            return self._database.ask(question, *values)
        except sqlite3.Error as error:
            if not self._is_read_through:
                raise
            if not is_damage(error):
                raise mistake(
                    "unreadable", f"the state cannot be read: {error}", Place(self.path), exit_code=1
                ) from None
        if self._reopen is None:
            return []
        self._begin_anew("was damaged")
        return self._database.ask(question, *values)

    # What is recorded

    def learn(self, learned: Mapping[str, tuple[Stamp, str]]) -> None:
        """Digests to be written with the next record."""
        self._pending.update(learned)

    def hear(self, answers: Mapping[str, Answer]) -> None:
        """Answers of probes to be written with the next record."""
        self._answers.update(answers)

    def begin(self, attempt: Attempt) -> None:
        """The intent of an attempt, before the first file is touched."""
        self._put_pending()
        self._put_attempt(attempt, done=False)
        self._write(f"as step {attempt.step} began")

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
        self._put_trace(key, trace, texts)
        made = self._made_by(key, trace)
        self._put_members(made)
        self._put("delete from made where path = ? and key = ?", [(storable(path), storable(key)) for path in gone])
        values = [(storable(name), digest, text) for name, (digest, text) in memory.items()]
        self._put(_INSERT_MEMORY, values)
        self._put_result(result)
        self._put_pending()
        if attempt.holds_files:
            self._put_attempt(attempt, done=True)
        else:
            self._put_end(attempt.id)
        here = self._members_here()
        left = [path for path in gone if path in here and here[path].key == key]
        self._take_members(made, left)
        self._assumed.pop(key, None)
        self._write(f"as step {result.step} ended")
        self.memory().update({name: digest for name, (digest, _) in memory.items()})

    def fail(self, key: str, attempt: str, result: Result, void: Sequence[Trace]) -> None:
        """The end of a run that did not succeed; ``void`` traces keep their bytes known but are never fresh again."""
        self._rewrite(key, {id(trace): msgspec.structs.replace(trace, void=True) for trace in void})
        for trace in void:
            if trace.run == LOCKED:  # from now on we know better than elsewhere
                self._put_trace(key, msgspec.structs.replace(trace, void=True, run=result.run))
        self._put_result(result)
        self._put_pending()
        self._put_end(attempt)
        self._write(f"as step {result.step} ended")

    def record(self, key: str, trace: Trace, placed: bool = False, texts: Mapping[str, bytes] = {}) -> None:
        """A trace without a run: a touch, a gate judged again; ``placed``: the members are a person's own."""
        self._put_trace(key, trace, texts)
        made = {} if placed else self._made_by(key, trace)
        gone = [*trace.outputs] if placed else []
        self._put(_DELETE_MADE, [(storable(path),) for path in gone])
        self._put_members(made)
        self._put_pending()
        self._take_members(made, gone)
        self._write()

    def replace_last(self, key: str, trace: Trace, texts: Mapping[str, bytes] = {}) -> None:
        """Puts a trace in the place of the newest one."""
        self._put_texts(key, trace, texts)
        if here := self._here(key):
            self._rewrite(key, {id(here[0]): trace})
        else:
            self._put_trace(key, trace)
        made = self._made_by(key, trace)
        self._put_members(made)
        self._take_members(made, ())
        self._write()

    def forget_traces(self, key: str, placed: bool = False) -> None:
        """As if the step had never run, but that the bytes it made are known as its own.

        ``placed``: the members are a person's own, and nothing need be known of them.
        """
        if placed:
            self._put("delete from traces where key = ?", [(storable(key),)])
            self._traces.pop(key, None)
            self._decoded.pop(key, None)
        else:
            here, assumed = self._here(key), self._assumed.get(key)
            self._rewrite(key, {id(trace): _forgotten(trace) for trace in here})
            if assumed is not None and not here:
                self._put_trace(key, _forgotten(assumed))
        self._assumed.pop(key, None)
        self._write()

    def close_attempt(self, attempt: str) -> None:
        self._put_end(attempt)
        self._write()

    def forget_members(self, paths: Iterable[str]) -> None:
        """Members that were removed from the disk on purpose."""
        gone = [*paths]
        self._put(_DELETE_MADE, [(storable(path),) for path in gone])
        self._take_members({}, gone)
        self._write()

    def forget_memory(self, keys: Iterable[str]) -> None:
        """Values that were removed on purpose."""
        gone = [*keys]
        self._put("delete from memory where key = ?", [(storable(key),) for key in gone])
        for key in gone:
            self.memory().pop(key, None)
        self._write()

    def run_began(self, run: str, began: float, jobs: int, schedule: str, command: str) -> None:
        self._run = (run, began, None, None, jobs, schedule, storable(command))
        self._put("insert or replace into runs values (?, ?, ?, ?, ?, ?, ?)", [self._run])
        self._write()

    def run_ended(self, run: str, seconds: float, exit_code: int, counts: Iterable[tuple[str, int]] = ()) -> None:
        self._put_pending()
        tally = [(run, outcome, number) for outcome, number in counts]
        self._put("insert or replace into tallies values (?, ?, ?)", tally)
        self._put("update runs set seconds = ?, exit_code = ? where run = ?", [(seconds, exit_code, run)])
        self._write()

    def note_size(self, name: str, size: int) -> None:
        if self.size(name) != size:
            self._put(INSERT_SIZE, [(name, size)])
            self._write()

    def known_keys(self) -> list[str]:
        """What traces are kept of."""
        return [*self._traces]

    def has_grown(self) -> bool:
        """Whether the file is twice as large as when it was last pruned."""
        return self._database.pages() > 2 * self.size(PAGES) + ROOM

    def let_go(
        self,
        keys: Collection[str],
        members: Collection[str],
        digests: Collection[str],
        steps: Collection[str],
        newest: tuple[int, int],
        since: float,
    ) -> list[tuple[str, str, int]]:
        """Forgets traces, members, digests; runs and results but the newest; of steps that are no more, all that no
        run that is kept knows; answers of probes from before ``since``. The results: step, run, attempts."""
        runs, results = newest
        for table in ("traces", "texts"):
            self._put(f"delete from {table} where key = ?", [(storable(key),) for key in keys])
        for key in keys:
            self._traces.pop(key, None)
            self._decoded.pop(key, None)
        self._put(_DELETE_MADE, [(storable(path),) for path in members])
        self._take_members({}, members)
        self._put("delete from digests where name = ?", [(storable(name),) for name in digests])
        for name in digests:
            self.digests().pop(name, None)
            self._learned.pop(name, None)
        self._put("delete from probes where asked < ?", [(since,)])
        self._put("delete from runs where run not in (select run from runs order by began desc limit ?)", [(runs,)])
        self._put("delete from tallies where run not in (select run from runs)", [()])
        rows = self._ask(
            "select step, run, attempts, row_number() over (partition by step order by began desc),"
            " run in (select run from runs order by began desc limit ?) from results",
            runs,
        )
        old = [row for row in rows if row[3] > results or (row[0] not in steps and not row[4])]
        self._put("delete from results where step = ? and run = ?", [row[:2] for row in old])
        self._put("delete from reasons where step not in (select step from results)", [()])
        self._write()
        with contextlib.suppress(sqlite3.Error):  # room that is not given back today is given back another day
            self._database.shrink()
        self.note_size(PAGES, self._database.pages())
        return [(step, run, attempts) for step, run, attempts, *_ in old]

    def flush(self) -> None:
        """Writes what was only learned."""
        if self._pending or self._answers:
            self._put_pending()
            self._write()

    def close(self) -> None:
        disk.fault("before close")
        self._database.close()
        disk.fault("after close")
        if self._claims is not None:
            self._claims.close()

    def _made_by(self, key: str, trace: Trace) -> dict[str, Made]:
        return {
            path: Made(digest, key, self._scope, path in trace.by_hand, trace.raw.get(path, ""))
            for path, digest in trace.outputs.items()
        }

    def _take_members(self, made: Mapping[str, Made], gone: Iterable[str]) -> None:
        """What is known of members from now on."""
        here = self._members_here()
        for known in (here, self._made) if self._made is not None else (here,):
            known |= made
            for path in gone:
                known.pop(path, None)
        if self._claims is not None:
            self._put(INSERT_SIZE, [(CLAIMS, self._claims.plan(made, gone))])

    # One transaction: what is put, then written

    def _put(self, statement: str, rows: Sequence[Sequence[Cell]]) -> None:
        if rows:
            self._batch.append((statement, rows))

    def _write(self, when: str = "") -> None:
        """All that was put, in one transaction. A full disk or a lock is no damage: the build stops, the state stays.

        Damage, or a file that somebody has removed, is made good from what is held in memory.
        """
        batch, self._batch = self._batch, []
        why = ""
        try:
            while True:
                if why:
                    self._begin_anew(why)
                try:
                    self._database.write(batch)
                except sqlite3.Error as error:
                    if self._reopen is None or not is_damage(error):
                        raise
                    why = "was damaged"
                    continue
                if self._reopen is None or self._database.stands():
                    break
                why = "was removed or replaced while it was in use"
        except sqlite3.Error as error:
            said = f"the state cannot be written{when and f', {when}'}: {error}"
            raise mistake("state-unwritable", said, Place(self.path), remedy(error), exit_code=1) from None
        if self._claims is not None:
            self._claims.write()

    def _begin_anew(self, why: str) -> None:
        """A new file with all that is known, in the place of one that is of no use any more."""
        assert self._reopen is not None
        if not self._is_ours():
            said = "the folder of the state was removed or replaced during the build: nothing more can be recorded"
            raise mistake("state-gone", said, Place(self.path), "build again", exit_code=1)
        self._healed += 1
        if self._healed > HEALED_AT_MOST:
            said = "the state is destroyed again and again while it is in use"
            raise mistake("state-unusable", said, Place(self.path), "look to the disk it is on", exit_code=1)
        history = {table: [*self._database.salvage(table, wide)] for table, wide in _HISTORY.items()}
        values = [row for row in self._database.salvage("memory", 3) if self.memory().get(restored(row[0])) == row[1]]
        self._memory = {restored(key): digest for key, digest, _ in values}
        self._database.close()
        self._database, bad = self._reopen()
        kept = f", it is kept as {bad}" if bad else ""
        self.say(f"the state {why}{kept}: it was written anew, and nothing is lost")
        self._database.write([*self._all_that_is_known(), *_rows_of(history), (_INSERT_MEMORY, values)])

    def _all_that_is_known(self) -> Batch:
        learned = self.digests() | self._learned
        return [
            (_INSERT_TRACE, [(storable(key), *row) for key, rows in self._traces.items() for row in rows]),
            (INSERT_MADE, member_rows(self._members_here())),
            (_INSERT_DIGEST, _digest_rows(learned)),
            (_INSERT_ANSWER, _answer_rows(self.answers())),
            (_INSERT_ATTEMPT, [_attempt_row(attempt, done) for attempt, done in self.attempts()]),
            (_INSERT_RESULT, [_result_row(result) for result in self.last_results().values()]),
            ("insert or replace into runs values (?, ?, ?, ?, ?, ?, ?)", [self._run] if self._run else []),
        ]

    def _put_members(self, made: Mapping[str, Made]) -> None:
        self._put(INSERT_MADE, member_rows(made))

    def _put_trace(self, key: str, trace: Trace, texts: Mapping[str, bytes] = {}) -> None:
        self._put_texts(key, trace, texts)
        rows = self._traces.setdefault(key, [])
        number = rows[0][0] + 1 if rows else 1
        data = packed(trace)
        self._put(_INSERT_TRACE, [(storable(key), number, data)])
        if len(rows) >= KEPT:
            self._put("delete from traces where key = ? and number <= ?", [(storable(key), number - KEPT)])
        decoded = self._here(key)
        rows.insert(0, (number, data))
        decoded.insert(0, trace)
        del rows[KEPT:], decoded[KEPT:]

    def _put_texts(self, key: str, trace: Trace, texts: Mapping[str, bytes]) -> None:
        """The texts of the newest trace's edits alone: an older trace is never fresh while a newer edit stands."""
        former = self._here(key)
        if not trace.edits and not (former and former[0].edits):
            return
        wanted = {digest for edits in trace.edits.values() for edit in edits for digest in edit}
        known = {row[0] for row in self._ask("select digest from texts where key = ?", storable(key))}
        gone = [(storable(key), digest) for digest in known - wanted]
        new = [
            (storable(key), digest, zlib.compress(text))
            for digest, text in texts.items()
            if digest in wanted and digest not in known
        ]
        self._put("delete from texts where key = ? and digest = ?", gone)
        self._put("insert or replace into texts values (?, ?, ?)", new)

    def _rewrite(self, key: str, changed: Mapping[int, Trace]) -> None:
        if not changed:
            return
        rows, decoded = self._traces.get(key, []), self._here(key)
        sound = [row for row in rows if _decoded(row[1])]
        for position, ((number, _), trace) in enumerate(zip(sound, list(decoded), strict=True)):
            if id(trace) in changed:
                now = changed[id(trace)]
                data = packed(now)
                self._put("update traces set data = ? where key = ? and number = ?", [(data, storable(key), number)])
                sound[position] = (number, data)
                decoded[position] = now
        self._traces[key] = sound

    def _put_attempt(self, attempt: Attempt, done: bool) -> None:
        self.attempts()
        assert self._open is not None
        self._open[attempt.id] = (attempt, done)
        self._put(_INSERT_ATTEMPT, [_attempt_row(attempt, done)])

    def _put_end(self, attempt: str) -> None:
        self.attempts()
        assert self._open is not None
        self._open.pop(attempt, None)
        self._put(_DELETE_ATTEMPT, [(attempt,)])

    def _put_result(self, result: Result) -> None:
        if self._last is not None:
            self._last[result.step] = result
        self._put(_INSERT_RESULT, [_result_row(result)])
        reasons = [(result.step, result.run, written(result.reasons))]
        self._put("insert or replace into reasons values (?, ?, ?)", reasons)

    def _put_pending(self) -> None:
        self._put(_INSERT_DIGEST, _digest_rows(self._pending))
        self._learned |= self._pending
        self._pending = {}
        self._put(_INSERT_ANSWER, _answer_rows(self._answers))
        if self._answers:
            self.answers().update(self._answers)
        self._answers = {}


def _more(beyond: object) -> tuple[int, ...]:
    """What a stamp says of the end of a link."""
    return msgspec.msgpack.decode(beyond, type=tuple[int, ...]) if isinstance(beyond, bytes) else ()


def _fits(row: Row, kinds: Kinds) -> bool:
    return all(map(isinstance, row, kinds))


def _sound(rows: list[Row], kinds: Kinds) -> list[Row]:
    """The rows, if all of them can have been written here. Raises ``msgspec.DecodeError`` if not."""
    if not all(all(map(isinstance, row, kinds)) for row in rows):
        raise msgspec.DecodeError("a cell of the wrong type")
    return rows


def member_rows(made: Mapping[str, Made]) -> list[tuple[Cell, ...]]:
    return [
        (storable(path), one.digest, storable(one.key), one.scope, one.by_hand, one.raw) for path, one in made.items()
    ]


def _digest_rows(digests: Mapping[str, tuple[Stamp, str]]) -> list[tuple[Cell, ...]]:
    return [
        (storable(name), *stamp[:5], msgspec.msgpack.encode(stamp[5:]) if stamp[5:] else None, digest)
        for name, (stamp, digest) in digests.items()
    ]


def _answer_rows(answers: Mapping[str, Answer]) -> list[tuple[Cell, ...]]:
    return [(storable(member), a.definition, a.digest, a.asked) for member, a in answers.items()]


def _attempt_row(attempt: Attempt, done: bool) -> tuple[Cell, ...]:
    return (attempt.id, attempt.step, int(done), packed(attempt))


def _result_row(result: Result) -> tuple[Cell, ...]:
    return (
        result.step,
        result.run,
        result.outcome,
        result.began,
        result.seconds,
        result.attempts,
        result.exit_code,
        result.failure,
        result.log,
    )


def _rows_of(tables: Mapping[str, list[Row]]) -> Batch:
    return [
        (f"insert or ignore into {table} values ({', '.join('?' * _HISTORY[table])})", rows)
        for table, rows in tables.items()
    ]


def _forgotten(trace: Trace) -> Trace:
    nothing: dict[str, dict[str, str]] = {"action": {}, "gate": {}, "inputs": {}, "gate_inputs": {}}
    return msgspec.structs.replace(trace, void=True, by_touch=False, **nothing)


def _decoded(data: bytes) -> Trace | None:
    try:
        return unpacked(data, _TRACE)
    except msgspec.DecodeError:
        return None
