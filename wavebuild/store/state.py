"""What is remembered from one build to the next, and what a build has to add to it, in groups of deeds.

It does not know why a step ran, nor what a digest is of, nor how a state is found and opened. Only the process that
holds the project's lock writes. What is asked for is read, and little more. Should the file be destroyed under a
build, it is written anew, with all that is in memory and all that can still be read.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from types import NoneType
from typing import TYPE_CHECKING

import msgspec

from wavebuild import disk
from wavebuild.errors import Place, mistake
from wavebuild.judge.asking import Answer
from wavebuild.judge.locked import LOCKED
from wavebuild.judge.memory import value_digest
from wavebuild.judge.stamp import Stamp
from wavebuild.judge.trace import KEPT, MOST_KEPT, Made, Trace
from wavebuild.later import sqlite3
from wavebuild.run.account import Account
from wavebuild.run.records import Attempt, Result
from wavebuild.store.causes import written
from wavebuild.store.claims import Claims
from wavebuild.store.database import Batch, Cell, Database
from wavebuild.store.ledger import Ledger
from wavebuild.store.rows import HELD, Kinds, Series, Table, fits, uncollected
from wavebuild.store.text import packed, restored, storable, unpacked
from wavebuild.store.views import (
    RESULT,
    RESULT_COLUMNS,
    Learned,
    Members,
    Traces,
    decoded,
    digest_row,
    made_of,
    member_row,
)

if TYPE_CHECKING:
    from wavebuild.store.history import History

CLAIMS = "claims"
"""Under what name the state says how long the second record of members is: one that is longer knows more."""

PAGES = "pages"
"""Under what name the state says how long it was when it was last pruned."""

ROOM = 256
"""By how many pages it may grow in any case."""

SMALL = 64
"""Pages of a state that is read through at once: what is damaged in it shows before anything has run."""

LARGE = 1 << 13
"""Pages of a state none of whose tables is held as a whole."""

LATER = 0.03
"""Seconds that what only spares work waits, while groups are written one after the other."""

FEW = 64
"""Steps up to which each is asked for by itself."""

_FAILED = "failed"
_ALL = 1 << 60

ACCOUNTS = 50
"""Runs of which all is kept that a report tells."""

DECODED = 4096
"""Keys whose traces stay decoded."""

_ATTEMPT = msgspec.msgpack.Decoder(Attempt)

_INSERT_ANSWER = "insert or replace into probes values (?, ?, ?, ?)"
_INSERT_MEMORY = "insert or replace into memory values (?, ?, ?)"
_INSERT_ATTEMPT = "insert or replace into attempts values (?, ?, ?, ?)"
_INSERT_RESULT = "insert or replace into results values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_REASONS = "insert or replace into reasons values (?, ?, ?)"
_DELETE_ATTEMPT = "delete from attempts where id = ?"
_INSERT_SIZE = "insert or replace into sizes values (?, ?)"
_INSERT_RUN = "insert or replace into runs values (?, ?, ?, ?, ?, ?, ?)"

_MADE = ("path", "digest", "key", "scope", "by_hand", "raw")
_MEMBER: Kinds = (str, str, str, str, int, str)
_DIGESTS = ("name", "dev", "ino", "size", "mtime", "ctime", "beyond", "digest")
_LEARNED: Kinds = ()  # one that makes no sense is learned again

_HISTORY = {"runs": 7, "results": 9, "reasons": 3, "tallies": 3, "texts": 3, "accounts": 2}
"""Tables that are not held in memory, and how many columns each has."""


class State(Ledger):
    """The open state of one Wavefile; ``scope``: under what --set members are recorded from now on.

    ``claims``: where members are recorded a second time.
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
        super().__init__(database, say, reopen, is_ours)
        self._scope = scope
        self._claims = claims
        self._unwritten: dict[str, tuple[Cell, ...] | None] = {}  # attempts, None where one has ended
        is_large = database.pages() > LARGE
        self._traces = Series(self._rows, "traces", is_large)
        self._made = Table(self._rows, "made", _MADE, _MEMBER, is_large)
        self._digests = Table(self._rows, "digests", _DIGESTS, _LEARNED, is_large)
        self._decoded: dict[str, Traces] = {}
        self._assumed: dict[str, Trace] = {}
        self._members = Members(self._made, {})
        self._answered: dict[str, Answer] | None = None
        self._memory: dict[str, str] | None = None
        self._open: dict[str, tuple[Attempt, bool]] | None = None
        self._last: dict[str, Result] | None = None
        self._run: tuple[Cell, ...] = ()  # that of this build, as it began

    def read_through(self) -> None:
        """Reads all that matters: what is damaged shows now, not when a step has run, and what a build writes
        meanwhile is not seen.

        Raises sqlite3.Error and msgspec.DecodeError.
        """
        for table in (self._traces, self._made, self._digests):
            table.read_whole(_ALL)
        self.answers()
        self.memory()
        self.attempts()
        self.last_results()
        self.durations()
        self._is_open = True

    def read_first(self) -> None:
        """Reads what every build needs, and a small state through.

        Raises sqlite3.Error and msgspec.DecodeError.
        """
        self.answers()
        self.memory()
        self.attempts()
        if self._database.pages() <= SMALL:
            self.read_through()
        self._is_open = True

    @cached_property
    def history(self) -> History:
        """What is on record of past runs."""
        from wavebuild.store.history import History

        return History(self)

    # What is known

    def traces(self, key: str) -> Sequence[Trace]:
        """The kept traces, newest first; damaged ones are as if they had never been."""
        found = self._decoded.get(key)
        if found is None:
            if len(self._decoded) >= DECODED:
                self._decoded.clear()
            found = self._decoded[key] = Traces(self._traces.of(storable(key)), self._assumed.get(key))
        return found

    def assume(self, traces: Mapping[str, Trace], made: Mapping[str, Made]) -> None:
        """What is known from elsewhere, for as long as this state is open: an older trace of a step, and members."""
        self._assumed = dict(traces)
        self._decoded.clear()
        self._members = Members(self._made, made)

    def know(self, made: Mapping[str, Made]) -> None:
        """Whose files these members are: by that nothing is fresh, but nothing of ours stops a step as unclaimed."""
        self._put_members(made)
        if self._reopen is not None:
            self._write(is_claimed=True)

    def made(self) -> Mapping[str, Made]:
        """Every member on record as made by a step."""
        return self._members

    def digests(self) -> Mapping[str, tuple[Stamp, str]]:
        """Digests that earlier builds learned, with the stamps they hold for."""
        return Learned(self._digests)

    def answers(self) -> dict[str, Answer]:
        """What probes said last, by member."""
        if self._answered is None:
            kinds: Kinds = (str, str, (str, NoneType), float)
            question = "select member, definition, digest, asked from probes"
            rows = self._rows(kinds, question) if self._is_there("probes") else []
            self._answered = {restored(member): Answer(*answer) for member, *answer in rows}
        return self._answered

    def memory(self) -> dict[str, str]:
        """The digests of the values that steps have written to the shared memory, by key."""
        if self._memory is None:
            question = "select key, digest from memory"
            rows = self._rows((str, str), question) if self._is_there("memory") else []
            self._memory = {restored(key): digest for key, digest in rows}
        return self._memory

    def remembered(self, key: str) -> str:
        """A value of the shared memory that a step has written, as canonical JSON."""
        found = self.ask("select digest, value from memory where key = ?", storable(key))
        if not found or value_digest(str(found[0][1])) != found[0][0]:
            said = f"the value of mem:{key} is gone: the step that writes it must run again"
            raise mistake("unreadable", said, Place(self.path), exit_code=1)
        return str(found[0][1])

    def texts(self, key: str) -> dict[str, bytes]:
        """The texts before and after what the step last did to shared files, by digest; a damaged one is gone."""
        found: dict[str, bytes] = {}
        for digest, data in self.ask_if_there("texts", "select digest, data from texts where key = ?", storable(key)):
            with contextlib.suppress(zlib.error, TypeError):
                found[digest] = zlib.decompress(data)
        return found

    def attempts(self) -> list[tuple[Attempt, bool]]:
        """The attempts that were never brought to an end, oldest first, and whether their success was recorded."""
        if self._open is None:
            rows = self._rows((bytes, int), "select data, done from attempts order by id")
            found = [(unpacked(data, _ATTEMPT), bool(done)) for data, done in rows]
            self._open = {attempt.id: (attempt, done) for attempt, done in found}
        return [self._open[identity] for identity in sorted(self._open)]

    def last_results(self) -> dict[str, Result]:
        """The latest result of every step that ever ran."""
        if self._last is None:
            question = f"select {RESULT_COLUMNS}, max(began) from results group by step"
            self._last = {row[0]: Result(*row[:9]) for row in self.ask(question, kinds=(*RESULT, float))}
        return self._last

    def failed(self, steps: Collection[str]) -> set[str]:
        """Those of these steps whose latest result is a failure."""
        if len(steps) <= FEW:
            question = "select outcome from results where step = ? order by began desc limit 1"
            return {step for step in steps if self.ask(question, step) == [(_FAILED,)]}
        question = "select step from (select step, outcome, max(began) from results group by step) where outcome = ?"
        return {step for (step,) in self.ask(question, _FAILED)}.intersection(steps)

    def durations(self, steps: Collection[str] | None = None) -> dict[str, float]:
        """Per step the median of its last five successes, in seconds; of these steps, or of all that ever ran."""
        times: dict[str, list[float]] = {}
        kinds: Kinds = (str, float)
        what = "select step, seconds from results where outcome = 'succeeded'"
        if steps is not None and len(steps) <= FEW:
            question = f"{what} and step = ? order by began desc limit 5"
            rows = [row for step in steps for row in self.ask(question, step, kinds=kinds)]
        else:
            with uncollected():
                rows = self.ask(f"{what} order by step, began desc", kinds=kinds)
        for step, seconds in rows:
            last = times.setdefault(step, [])
            if len(last) < 5:
                last.append(seconds)
        return {step: sorted(last)[len(last) // 2] for step, last in times.items()}

    def made_by_others(self, keys: Collection[str], scope: str) -> dict[str, Made]:
        """The members on record in this scope that no step of these keys has made."""
        known = {*map(storable, keys)}
        found = {restored(row[0]): row for row in self._made.rows() if row[2] not in known and row[3] == scope}
        return {path: made_of(row) for path, row in found.items()} | self._members.assumed_of_others(keys, scope)

    def size(self, name: str) -> int:
        """A size that was noted; 0 if none was."""
        rows = self.ask_if_there("sizes", "select number from sizes where name = ?", name)
        return int(rows[0][0]) if rows else 0

    def old_logs(self, steps: Collection[str], keep: int) -> list[tuple[str, str, int, str]]:
        """The logs of these steps but the newest so many of each: step, run, attempts, path."""
        newest_last = "select step, run, attempts, log, row_number() over (partition by step order by began desc) place"
        if len(steps) <= FEW:
            question = f"select * from ({newest_last} from results where step = ?) where place > ? and log is not null"
            rows = [row for step in steps for row in self.ask(question, step, keep)]
        else:
            question = f"select * from ({newest_last} from results) where place > ? and log is not null"
            rows = [row for row in self.ask(question, keep) if row[0] in steps]
        return [row[:4] for row in rows if fits(row[:4], (str, str, int, str))]

    def forget_logs(self, logs: Iterable[tuple[str, str]]) -> None:
        """Of which steps and runs the logs are gone."""
        self._put("update results set log = null where step = ? and run = ?", [*logs])
        self._write()

    # What is recorded: put into the group that is to be written

    def learn(self, learned: Mapping[str, tuple[Stamp, str]]) -> None:
        """Digests to be written with the next group."""
        for name, (stamp, digest) in learned.items():
            row = digest_row(name, stamp, digest)
            self._digests.put(storable(name), row)

    def hear(self, answers: Mapping[str, Answer]) -> None:
        """Answers of probes to be written with the next group."""
        if answers:
            self.answers().update(answers)
            self._put(_INSERT_ANSWER, _answer_rows(answers))

    def begin(self, attempt: Attempt) -> None:
        """The intent of an attempt: on record once ``flush`` has returned."""
        self._put_attempt(attempt, done=False)
        self._deeds.append(f"as step {attempt.step} began")

    def succeed(
        self,
        key: str,
        trace: Trace,
        attempt: Attempt,
        result: Result,
        memory: Mapping[str, tuple[str, str]] = {},
        texts: Mapping[str, bytes] = {},
    ) -> None:
        """A success: trace, members, values and result in one group; the attempt stays while files wait to be
        moved."""
        kept = self.traces(key)
        gone = [path for path in (kept[0].outputs if kept else {}) if path not in trace.outputs]
        self._put_trace(key, trace, texts)
        self._put_members(self._made_by(key, trace))
        self._take_from(key, gone)
        self._put(_INSERT_MEMORY, [(storable(name), digest, text) for name, (digest, text) in memory.items()])
        if memory:
            self.memory().update({name: digest for name, (digest, _) in memory.items()})
        self._put_result(result)
        if attempt.holds_files:
            self._put_attempt(attempt, done=True)
        else:
            self._put_end(attempt.id)
        self._assumed.pop(key, None)
        self._deeds.append(f"as step {result.step} ended")

    def fail(self, key: str, attempt: str, result: Result, void: Sequence[Trace]) -> None:
        """The end of a run that did not succeed; ``void`` traces keep their bytes known but are never fresh again."""
        self._rewrite(key, [(trace, msgspec.structs.replace(trace, void=True)) for trace in void])
        for trace in void:
            if trace.run == LOCKED:  # from now on we know better than elsewhere
                self._put_trace(key, msgspec.structs.replace(trace, void=True, run=result.run))
        self._put_result(result)
        self._put_end(attempt)
        self._deeds.append(f"as step {result.step} ended")

    def record(self, key: str, trace: Trace, placed: bool = False, texts: Mapping[str, bytes] = {}) -> None:
        """A trace without a run: a touch, a gate judged again; ``placed``: the members are a person's own."""
        self._put_trace(key, trace, texts)
        if placed:
            for path in trace.outputs:
                self._made.put(storable(path), None)
        else:
            self._put_members(self._made_by(key, trace))
        self._deeds.append("")

    def replace_last(self, key: str, trace: Trace, texts: Mapping[str, bytes] = {}) -> None:
        """Puts a trace in the place of the newest one."""
        self._put_texts(key, trace, texts)
        newest = next(iter(Traces(self._traces.of(storable(key)))), None)
        if newest is not None:
            self._rewrite(key, [(newest, trace)])
        else:
            self._put_trace(key, trace)
        self._put_members(self._made_by(key, trace))
        self._write()

    def forget_traces(self, key: str, placed: bool = False) -> None:
        """As if the step had never run, but that the bytes it made are known as its own.

        ``placed``: the members are a person's own, and nothing need be known of them.
        """
        if placed:
            self._traces.remove(storable(key))
        else:
            here, assumed = list(Traces(self._traces.of(storable(key)))), self._assumed.get(key)
            self._rewrite(key, [(trace, _forgotten(trace)) for trace in here])
            if assumed is not None and not here:
                self._put_trace(key, _forgotten(assumed))
        self._assumed.pop(key, None)
        self._decoded.pop(key, None)
        self._write()

    def close_attempt(self, attempt: str) -> None:
        self._put_end(attempt)
        self._deeds.append("")

    def forget_members(self, paths: Iterable[str]) -> None:
        """Members that were removed from the disk on purpose."""
        for path in paths:
            self._made.put(storable(path), None)
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
        self._put(_INSERT_RUN, [self._run])
        self._write()

    def run_ended(
        self,
        run: str,
        seconds: float,
        exit_code: int,
        counts: Iterable[tuple[str, int]] = (),
        account: Account | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        """``account``: what is told of it, without the ``secrets``."""
        if account is not None:
            from wavebuild.store import accounts

            self._put("insert or replace into accounts values (?, ?)", [(run, accounts.written(account, secrets))])
        tally = [(run, outcome, number) for outcome, number in counts]
        self._put("insert or replace into tallies values (?, ?, ?)", tally)
        self._put("update runs set seconds = ?, exit_code = ? where run = ?", [(seconds, exit_code, run)])
        self._write()

    def note_size(self, name: str, size: int) -> None:
        if self.size(name) != size:
            self._put(_INSERT_SIZE, [(name, size)])
            self._write()

    def known_keys(self) -> list[str]:
        """What traces are kept of."""
        return [restored(key) for key in self._traces.names()]

    def is_empty(self) -> bool:
        """Whether no trace is kept of anything."""
        return next(self._traces.names(), None) is None

    def has_grown(self) -> bool:
        """Whether the file is twice as large as when it was last pruned."""
        return self._database.pages() > 2 * self.size(PAGES) + ROOM

    def note_pages(self) -> None:
        """From this size on it is watched how the file grows."""
        self.note_size(PAGES, self._database.pages())

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
        self._write()
        runs, results = newest
        self._put("delete from texts where key = ?", [(storable(key),) for key in keys])
        for key in keys:
            self._traces.remove(storable(key))
            self._decoded.pop(key, None)
        for path in members:
            self._made.put(storable(path), None)
        for name in digests:
            self._digests.put(storable(name), None)
        self._put("delete from probes where asked < ?", [(since,)])
        self._put("delete from runs where run not in (select run from runs order by began desc limit ?)", [(runs,)])
        self._put("delete from tallies where run not in (select run from runs)", [()])
        newest_runs = "select run from runs order by began desc limit ?"
        self._put(f"delete from accounts where run not in ({newest_runs})", [(ACCOUNTS,)])
        self._write()
        rows = self.ask(
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
        self.note_pages()
        return [(step, run, attempts) for step, run, attempts, *_ in old]

    def flush(self) -> None:
        """Writes what was put, in one transaction: from now on a kill takes nothing of it away.

        While one flush follows the other at once, what only spares work waits for a later one: digests that were
        learned, the second record of members, and the look whether the file still stands in its place.
        """
        self._write(of_all=time.monotonic() - self._written_all > LATER)

    def close(self) -> None:
        """What was recorded is written first, but for what was only learned."""
        try:
            if self._stuck is None and (self._deeds or self._is_behind):
                self._write()
        finally:
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

    def _take_from(self, key: str, paths: Iterable[str]) -> None:
        """Members that a step makes no more are nobody's, unless another has made them since."""
        for path in paths:
            row = self._made.get(storable(path))
            if row is not None and made_of(row).key == key:
                self._made.put(storable(path), None)

    # What is put, until it is written

    def _taken(self, is_claimed: bool, of_all: bool) -> Batch:
        """All that was put, or what a build must not lose; ``is_claimed``: the second record knows the members."""
        if self._claims is not None and not is_claimed:
            members = self._made.unwritten.items()
            self._claims.plan((restored(path), made_of(row) if row else None) for path, row in members)
            if of_all and self._claims.has_planned:
                self._put(_INSERT_SIZE, [(CLAIMS, self._claims.size)])
        changed, self._unwritten = self._unwritten, {}
        self._put(_DELETE_ATTEMPT, [(each,) for each, row in changed.items() if row is None])
        self._put(_INSERT_ATTEMPT, [row for row in changed.values() if row is not None])
        batch, self._batch = self._batch, {}
        learned = self._digests.taken() if of_all else []
        return [*batch.items(), *self._traces.taken(), *self._made.taken(), *learned]

    def _is_held(self) -> bool:
        """Whether all that matters is in memory."""
        return self._traces.is_whole and self._made.is_whole and self._digests.is_whole

    def _all_written(self) -> None:
        if self._claims is not None:
            self._claims.write()

    def _saved(self) -> Batch:
        """What can still be read of the tables; of members the second record knows more."""
        found: Batch = []
        for table in (self._made, self._digests):
            found.append((table.insert, [*filter(table.is_sound, self._database.salvage(table.name, table.wide))]))
        traces = [row for row in self._database.salvage("traces", 3) if fits(row, (str, int, bytes))]
        found.append((self._traces.insert, traces))
        if self._claims is not None:
            found.append((self._made.insert, [member_row(*each) for each in self._claims.claimed().items()]))
        for name, wide in _HISTORY.items():
            rows = [*self._database.salvage(name, wide)]
            found.append((f"insert or ignore into {name} values ({', '.join('?' * wide)})", rows))
        values = [row for row in self._database.salvage("memory", 3) if self.memory().get(restored(row[0])) == row[1]]
        self._memory = {restored(key): digest for key, digest, _ in values}
        return [*found, (_INSERT_MEMORY, values)]

    def _all_that_is_known(self) -> Batch:
        """What is in memory, to be written over what could be read."""
        return [
            *self._traces.restore(),
            *self._made.restore(),
            *self._digests.restore(),
            (_INSERT_ANSWER, _answer_rows(self.answers())),
            (_INSERT_ATTEMPT, [_attempt_row(attempt, done) for attempt, done in self.attempts()]),
            (_INSERT_RESULT, [_result_row(result) for result in (self._last or {}).values()]),
            (_INSERT_RUN, [self._run] if self._run else []),
        ]

    def _put_members(self, made: Mapping[str, Made]) -> None:
        for path, one in made.items():
            self._made.put(storable(path), member_row(path, one))

    def _put_trace(self, key: str, trace: Trace, texts: Mapping[str, bytes] = {}) -> None:
        self._put_texts(key, trace, texts)
        data = packed(trace)
        self._traces.add(storable(key), data, min(KEPT, max(2, MOST_KEPT // len(data))))
        self._decoded.pop(key, None)

    def _put_texts(self, key: str, trace: Trace, texts: Mapping[str, bytes]) -> None:
        """The texts of the newest trace's edits alone: an older trace is never fresh while a newer edit stands."""
        own = self.traces(key) if key not in self._assumed else Traces(self._traces.of(storable(key)))
        former = next(iter(own), None)
        if not trace.edits and not (former is not None and former.edits):
            return
        wanted = {digest for edits in trace.edits.values() for edit in edits for digest in edit}
        known = {row[0] for row in self.ask("select digest from texts where key = ?", storable(key))}
        gone = [(storable(key), digest) for digest in known - wanted]
        new = [
            (storable(key), digest, zlib.compress(text))
            for digest, text in texts.items()
            if digest in wanted and digest not in known
        ]
        self._put("delete from texts where key = ? and digest = ?", gone)
        self._put("insert or replace into texts values (?, ?, ?)", new)

    def _rewrite(self, key: str, changes: Sequence[tuple[Trace, Trace]]) -> None:
        """Other traces in the places of kept ones."""
        for number, data in self._traces.of(storable(key)) if changes else ():
            was = decoded(data)
            for before, after in changes:
                if was == before:
                    self._traces.change(storable(key), number, packed(after))
        self._decoded.pop(key, None)

    def _put_attempt(self, attempt: Attempt, done: bool) -> None:
        self.attempts()
        assert self._open is not None
        self._open[attempt.id] = (attempt, done)
        self._unwritten[attempt.id] = _attempt_row(attempt, done)

    def _put_end(self, attempt: str) -> None:
        self.attempts()
        assert self._open is not None
        self._open.pop(attempt, None)
        self._unwritten[attempt] = None

    def _put_result(self, result: Result) -> None:
        if self._last is not None:
            self._last[result.step] = result
            if len(self._last) > HELD:
                self._last = None  # who asks reads them again
        self._put(_INSERT_RESULT, [_result_row(result)])
        reasons = [(result.step, result.run, written(result.reasons))]
        self._put(_INSERT_REASONS, reasons)


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


def _forgotten(trace: Trace) -> Trace:
    nothing: dict[str, dict[str, str]] = {"action": {}, "gate": {}, "inputs": {}, "gate_inputs": {}}
    return msgspec.structs.replace(trace, void=True, by_touch=False, **nothing)
