"""The file of a state while it is open: asked, written to in groups, begun anew when it is damaged or gone.

It does not know what the rows mean: whoever is kept in it does, and says what can be saved.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import msgspec

from wavebuild.errors import Place, WavebuildError, mistake
from wavebuild.later import sqlite3
from wavebuild.store.database import Batch, Cell, Database, Row, is_damage, remedy
from wavebuild.store.rows import Kinds

HEALED_AT_MOST = 3
"""How often a state is begun anew in one build: what destroys it more often goes on doing so."""


class Ledger(ABC):
    """``say``: told what a person should know. ``reopen``: begins an empty database in the place of one that is of no
    use, and gives it with the name under which the former is kept; without it damage is not healed. ``is_ours``:
    whether the project is still held by this process.
    """

    def __init__(
        self,
        database: Database,
        say: Callable[[str], None],
        reopen: Callable[[], tuple[Database, str]] | None,
        is_ours: Callable[[], bool],
    ) -> None:
        self.say = say
        self.path = database.path
        self._database = database
        self._reopen = reopen
        self._is_ours = is_ours
        self._healed = 0
        self._is_open = False
        self._batch: dict[str, list[Sequence[Cell]]] = {}  # to be written: statement → rows
        self._stuck: OSError | WavebuildError | None = None  # why something could not be written: nothing more is
        self._is_behind = False  # some of it waits for a later group
        self._written_all = 0.0  # when nothing was left to wait
        self._deeds: list[str] = []  # what is in the group that is to be written, in words

    @abstractmethod
    def _taken(self, is_claimed: bool, of_all: bool) -> Batch:
        """All that was put, or what a build must not lose; it counts as written from now on."""

    @abstractmethod
    def _all_written(self) -> None:
        """Nothing is left to wait."""

    @abstractmethod
    def _saved(self) -> Batch:
        """What can still be read of a file that is of no use any more."""

    @abstractmethod
    def _all_that_is_known(self) -> Batch:
        """What is in memory, to be written over what could be read."""

    @abstractmethod
    def _is_held(self) -> bool:
        """Whether all that matters is in memory."""

    # Asked

    def ask(self, question: str, *values: Cell, kinds: Kinds = ()) -> list[Row]:
        """The answer, of all that was recorded so far."""
        if self._deeds:
            self._write()
        return self._rows(kinds, question, *values)

    def ask_if_there(self, table: str, question: str, *values: Cell) -> list[Row]:
        """The answer; none where an earlier wavebuild wrote the state, and it is only read."""
        return self.ask(question, *values) if self._is_there(table) else []

    def _is_there(self, table: str) -> bool:
        known = "select 1 from sqlite_master where type = 'table' and name = ?"
        return self._reopen is not None or bool(self._rows((int,), known, table))

    def _rows(self, kinds: Kinds, question: str, *values: Cell) -> list[Row]:
        """The answer of the file. Damage that shows only now is healed; in a state that is only read it is as if
        nothing was there.

        While the state is being opened, whoever opens it hears of the damage.
        """
        try:
            return _sound(self._database.ask(question, *values), kinds)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            if not self._is_open:
                raise
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise mistake(
                    "unreadable", f"the state cannot be read: {error}", Place(self.path), exit_code=1
                ) from None
        if self._reopen is None:
            return []
        self._begin_anew("was damaged")
        return _sound(self._database.ask(question, *values), kinds)

    # Written

    def _put(self, statement: str, rows: Sequence[Sequence[Cell]]) -> None:
        if rows:
            self._batch.setdefault(statement, []).extend(rows)

    def _write(self, is_claimed: bool = False, of_all: bool = True) -> None:
        """What was put, in one transaction. A full disk or a lock is no damage: the build stops, the state stays.

        Damage, or a file that somebody has removed, is made good from what is known.
        """
        if self._stuck is not None:
            raise self._stuck  # later records would build on what is not on record
        deeds, self._deeds = self._deeds, []
        batch = self._taken(is_claimed, of_all)
        if not batch:
            return
        try:
            self._put_on_record(batch, of_all)
        except sqlite3.Error as error:
            when = f", {deeds[-1]}" if deeds and deeds[-1] else ""
            said = f"the state cannot be written{when}: {error}"
            self._stuck = mistake("state-unwritable", said, Place(self.path), remedy(error), exit_code=1)
            raise self._stuck from None
        except (OSError, WavebuildError) as error:
            self._stuck = error
            raise
        self._is_behind = not of_all
        if of_all:
            self._written_all = time.monotonic()
            self._all_written()

    def _put_on_record(self, batch: Batch, of_all: bool) -> None:
        why = ""
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
            if self._reopen is None or not of_all or self._database.stands():
                return
            why = "was removed or replaced while it was in use"

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
        saved = self._saved()
        self._database.close()
        self._database, bad = self._reopen()
        kept = f", it is kept as {bad}" if bad else ""
        lost = "nothing is lost" if self._is_held() else "what could not be read of it runs again"
        self.say(f"the state {why}{kept}: it was written anew, and {lost}")
        self._database.write([*saved, *self._all_that_is_known()])


def _sound(rows: list[Row], kinds: Kinds) -> list[Row]:
    """The rows, if all of them can have been written here. Raises ``msgspec.DecodeError`` if not."""
    columns = zip(*rows, strict=True) if kinds else ()
    for column, kind in zip(columns, kinds, strict=False):
        if not all(issubclass(found, kind) for found in set(map(type, column))):
            raise msgspec.DecodeError("a cell of the wrong type")
    return rows
