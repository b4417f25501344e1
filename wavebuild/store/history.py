"""What is on record of past runs, as a person asks for it: runs, results, reasons, accounts.

It does not know how anything of it is written. A build asks for nothing of this.
"""

from __future__ import annotations

import zlib
from types import NoneType

import msgspec

from wavebuild.judge.reasons import Reason
from wavebuild.run.account import Account
from wavebuild.run.records import PastRun, Result
from wavebuild.store.causes import unwritten
from wavebuild.store.database import Row
from wavebuild.store.ledger import Ledger
from wavebuild.store.rows import NUMBER, Kinds, fits
from wavebuild.store.text import restored
from wavebuild.store.views import RESULT, RESULT_COLUMNS

_RUN: Kinds = (str, float, (float, NoneType), NUMBER, int, str, str)
_RUN_COLUMNS = "run, began, seconds, exit_code, jobs, schedule, command"


class History:
    """That of one state."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def runs(self, most: int) -> list[PastRun]:
        """The latest runs, newest first."""
        rows = self._ledger.ask(f"select {_RUN_COLUMNS} from runs order by began desc, run desc limit ?", most)
        return [self._past_run(row) for row in rows if fits(row, _RUN)]

    def run_before(self, began: float) -> PastRun | None:
        """The latest run that began before this instant and in which something ran."""
        found = self._ledger.ask(
            f"select {_RUN_COLUMNS} from runs where began < ?"
            " and run in (select run from results) order by began desc, run desc limit 1",
            began,
        )
        return next((self._past_run(row) for row in found if fits(row, _RUN)), None)

    def _past_run(self, row: Row) -> PastRun:
        run, began, seconds, code, jobs, schedule, command = row
        return PastRun(run, began, seconds, code, jobs, schedule, restored(command), self._tally(run))

    def _tally(self, run: str) -> tuple[tuple[str, int], ...]:
        """How many steps of a run ended how; of a run that was cut off, what had been recorded."""
        counted = self._ledger.ask_if_there("tallies", "select outcome, number from tallies where run = ?", run)
        if not counted:
            counted = self._ledger.ask("select outcome, count(*) from results where run = ? group by outcome", run)
        return tuple((outcome, number) for outcome, number in counted if fits((outcome, number), (str, int)))

    def results(self, step: str) -> list[Result]:
        """Every result of a step, newest first."""
        rows = self._ledger.ask(
            f"select {RESULT_COLUMNS} from results where step = ? order by began desc",
            step,
        )
        return [Result(*row) for row in rows if fits(row, RESULT)]

    def results_of_all(self, step: str) -> list[Result]:
        """Every result of a step and of its instances, newest first."""
        begins = f"{step}@"
        rows = self._ledger.ask(
            f"select {RESULT_COLUMNS} from results where step = ? or substr(step, 1, ?) = ? order by began desc, step",
            step,
            len(begins),
            begins,
        )
        return [Result(*row) for row in rows if fits(row, RESULT)]

    def results_in(self, run: str) -> list[Result]:
        """The results of one run, in the order in which the steps began."""
        rows = self._ledger.ask(
            f"select {RESULT_COLUMNS} from results where run = ? order by began, step",
            run,
        )
        return [Result(*row) for row in rows if fits(row, RESULT)]

    def successes_before(self, run: str, began: float) -> dict[str, Result]:
        """Of every step with a result in this run, its latest success before that."""
        rows = self._ledger.ask(
            f"select {RESULT_COLUMNS}, max(began) from results"
            " where outcome = 'succeeded' and began < ? and run != ?"
            " and step in (select step from results where run = ?) group by step",
            began,
            run,
            run,
        )
        return {row[0]: Result(*row[:9]) for row in rows if fits(row[:9], RESULT)}

    def last_reasons(self, step: str) -> tuple[str, tuple[Reason, ...]] | None:
        """The run in which a step last ran, and why; None if that is not on record."""
        rows = self._ledger.ask_if_there("reasons", "select run, data from reasons where step = ?", step)
        try:
            return (rows[0][0], unwritten(rows[0][1])) if rows and fits(rows[0], (str, bytes)) else None
        except msgspec.MsgspecError:
            return None  # an explanation is worth no failure

    def account(self, run: str) -> Account | None:
        """What is told of a run; None if that is not on record."""
        rows = self._ledger.ask_if_there("accounts", "select data from accounts where run = ?", run)
        if not rows or not fits(rows[0], (bytes,)):
            return None
        from wavebuild.store import accounts

        try:
            return accounts.unwritten(rows[0][0])
        except (msgspec.MsgspecError, zlib.error):
            return None  # a report is worth no failure
