"""What is told of a run is on record: what it did, why, how it failed, and no secret.

It does not know how a report is drawn.
"""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.support.workshop import Workshop
from wavebuild.judge.reasons import InputChanged, NeverRan
from wavebuild.run.account import LONGEST, MOST, Account, account_of
from wavebuild.run.events import Clue, Opinion, Outcome, Settled, StepReviewed
from wavebuild.store.accounts import unwritten, written
from wavebuild.store.opening import read_state


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


def on_record(shop: Workshop, run: str) -> Account | None:
    state = read_state(str(shop.root / ".wavebuild/state/Wavefile.db"), held=False)
    assert state is not None
    try:
        return state.history.account(run)
    finally:
        state.close()


def a_failure() -> Settled:
    return Settled(
        "silver",
        Outcome.FAILED,
        2,
        started=1_795_000_000.25,
        seconds=1.5,
        attempts=2,
        reasons=(NeverRan(), InputChanged("in.csv", "a", "b", "raw")),
        failure="exit",
        detail="it wrote nothing",
        exit_code=3,
        command="sort \udcff in.csv",
        log=".wavebuild/logs/r/silver.log",
        tail=("one", "two"),
        notes=("a note",),
        review=Opinion("critic", 0.5, False, 0.9, ("too short",), ("write more",), "weak"),
        clues=(Clue("no file", "in.csv", "sort: in.csv: No such file or directory"),),
    )


def test_an_account_comes_back_as_it_was():
    """Every fact of every step, names of any bytes among them."""
    review = StepReviewed("r", 1.0, "silver", 1, Opinion("critic", 0.5, False, 0.9))
    account = Account(("silver",), True, "sub", (a_failure(),), (), (review,), ("a notice",))

    assert unwritten(written(account)) == account


def test_damage_is_told_from_an_account():
    """One flipped bit is no account."""
    data = bytearray(written(Account(steps=(a_failure(),))))
    data[len(data) // 2] ^= 4

    with pytest.raises((msgspec.MsgspecError, zlib.error)):
        unwritten(bytes(data))


def test_a_build_leaves_what_a_report_tells(shop: Workshop):
    """What ran and why, what failed and how, what it blocked; a step that stayed as it was takes no room."""
    shop.wavefile(
        "steps:\n"
        "  well: {inputs: in, outputs: a, run: 'note well; cp in a'}\n"
        "  bad: {inputs: a, outputs: b, retries: 1, run: 'echo it broke; exit 3'}\n"
        "  behind: {inputs: b, outputs: c, run: 'cp b c'}\n"
    )
    shop.put("in", "1\n")
    first = shop.build()

    account = on_record(shop, first.result.run)

    assert account is not None
    told = {each.step: each for each in account.steps}
    assert set(told) == {"well", "bad", "behind"}
    assert told["well"] == first.steps["well"]
    assert told["well"].reasons == (NeverRan(),)
    assert (told["bad"].exit_code, told["bad"].tail, told["bad"].attempts) == (3, ("it broke",), 2)
    assert told["behind"].blocked_by == ("bad",)
    assert [(each.step, each.attempt) for each in account.retried] == [("bad", 1)]
    second = shop.build()
    again = on_record(shop, second.result.run)
    assert again is not None
    assert {each.step for each in again.steps} == {"bad", "behind"}


def test_no_secret_is_in_an_account(shop: Workshop):
    """A value that a program printed or a person wrote into a command is masked in every form, also on the disk."""
    shop.setenv(TOKEN="s3cret-t0ken")
    shop.wavefile("secrets: [TOKEN]\nsteps:\n  leak: {outputs: a, run: 'echo s3cret-t0ken > a; echo $TOKEN; exit 1'}\n")
    built = shop.build()

    account = on_record(shop, built.result.run)

    assert account is not None
    assert "***" in account.steps[0].command
    assert "s3cret" not in repr(account)
    with closing(sqlite3.connect(shop.root / ".wavebuild/state/Wavefile.db")) as handle, handle:
        (row,) = handle.execute("select data from accounts").fetchone()
    handle.close()
    assert b"s3cret-t0ken" not in row
    assert unwritten(row) == account


def test_of_many_steps_those_that_matter_are_told():
    """What went wrong comes before what took long, and that before what took no time; long texts are cut."""
    quick = [Settled(f"s{at}", Outcome.SUCCEEDED, 1, started=1.0, seconds=0.1) for at in range(MOST)]
    slow = Settled("slow", Outcome.SUCCEEDED, 1, started=1.0, seconds=9.0, command="x" * 2 * LONGEST)

    account = account_of([*quick, slow, a_failure()], (), (), False, "")

    assert len(account.steps) == MOST
    assert [each.step for each in account.steps[:2]] == ["silver", "slow"]
    assert len(account.steps[1].command) < LONGEST + 10


def test_a_run_of_an_earlier_version_has_none(shop: Workshop):
    """Who asks hears that it is not known."""
    shop.wavefile("steps:\n  one: {outputs: a, run: 'echo > a'}\n")
    shop.build()

    assert on_record(shop, "20200101T000000-000-1") is None
