"""A disk that fails at one point of a build: what is on record stays so, and the next build makes all good.

Each of these was found by striking a build at every point (`python -m tests.points`). It does not know how
many points there are.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TypeGuard

import pytest

from tests.support.workshop import Workshop
from wavebuild import disk
from wavebuild.errors import WavebuildError
from wavebuild.run.events import Event, Outcome, StepSettled

EDITED = "steps: {make: {inputs: in, outputs: out/, run: 'note make; cat in > out/it; cat in > out/$(cat in)'}}\n"


def break_once(monkeypatch: pytest.MonkeyPatch, point: str, after: str = "") -> list[str]:
    """The next time this point is passed, once ``after`` has been, the disk fails; what has been passed."""
    passed: list[str] = []

    def fail(name: str) -> None:
        passed.append(name)
        if name == point and (not after or after in passed) and "failed" not in passed:
            passed.append("failed")
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk, "fault", fail)
    return passed


@pytest.mark.scenario(id="K10")
def test_a_success_on_record_stays_one_though_what_was_set_aside_cannot_be_let_go(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new outputs stand, and the next build takes a person's former bytes to the displaced files."""
    shop.wavefile(EDITED)
    shop.write(**{"in": "one"})
    shop.settle()
    shop.put("out/it", "by hand")
    shop.write(**{"in": "two"})
    moves = []

    def fail(point: str) -> None:
        moves.append(point)
        if moves.count("before rename") == 3:  # two members were set aside; the third is displaced
            moves.append("before rename")
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk, "fault", fail)
    struck = shop.build()
    after = shop.build()

    assert moves.count("before rename") > 3
    assert (struck.code, struck.ran) == (0, ["make"])
    assert "until the next build" in "".join(struck.steps["make"].notes)
    assert (after.code, after.ran) == (0, [])
    assert (shop.read("out/it"), shop.displaced("out/it")) == ("two", ["by hand"])
    assert not (shop.root / ".wavebuild/aside").exists()


@pytest.mark.scenario(id="D3")
def test_a_failing_write_leaves_no_half_written_file(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written whole or not at all is not there at all."""
    passed = break_once(monkeypatch, "before rename")

    with pytest.raises(OSError, match="Input/output"):
        disk.write_atomic(str(shop.root / "it"), b"data")

    assert "failed" in passed
    assert not list(shop.root.iterdir())


def test_what_a_killed_build_was_writing_is_gone_with_the_next(shop: Workshop) -> None:
    """Beside the state, and in the folders of scratch."""
    shop.wavefile(EDITED)
    shop.write(**{"in": "one"})
    shop.settle()
    left = [
        shop.put(f".wavebuild/{path}.part", "half") for path in ("frozen", "scratch/0.mark", "state/Wavefile.settled")
    ]
    shop.write(**{"in": "two"})

    shop.build()

    assert [path for path in left if path.exists()] == []


def test_notes_of_process_groups_that_cannot_be_removed_are_no_failure(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They name nobody any more, and the next build removes them."""
    shop.wavefile(EDITED)
    shop.write(**{"in": "one"})
    real = os.unlink

    def unlink(path: str) -> None:
        if str(path).endswith("/groups") and sys._getframe(2).f_code.co_name == "_build":
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        real(path)

    monkeypatch.setattr(os, "unlink", unlink)
    built = shop.build()

    monkeypatch.setattr(os, "unlink", real)
    again = shop.build()

    assert built.code == 0
    assert (again.code, again.ran) == (0, [])
    assert not (shop.root / ".wavebuild/groups").exists()


def test_old_logs_that_cannot_be_removed_are_no_failure(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step has run, and is told as done; the next build lets go of the log."""
    shop.wavefile(
        "settings: {log_keep: 1}\nsteps: {make: {inputs: in, outputs: out, run: 'echo said; cat in > out'}}\n"
    )
    for text in ("one", "two"):
        shop.write(**{"in": text})
        shop.build()
    failed = []

    def remove(path: str) -> None:
        if path.endswith(".log"):
            failed.append(path)
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        remove_indeed(path)

    remove_indeed = disk.remove
    monkeypatch.setattr(disk, "remove", remove)
    shop.write(**{"in": "three"})
    built = shop.build()

    assert failed
    assert built.code == 0
    assert built.told == ["make"]


FOUR = "steps:\n" + "".join(
    f"  s{n}: {{inputs: i{n}, outputs: o{n}, run: 'note s{n}; cp i{n} o{n}'}}\n" for n in range(4)
)


def is_success(event: Event) -> TypeGuard[StepSettled]:
    return isinstance(event, StepSettled) and event.settled.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("at", range(2, 8))
@pytest.mark.parametrize("point", ["before commit", "after commit"])
def test_what_a_commit_that_failed_was_to_hold_is_told_as_failed_or_on_record(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, point: str, at: int
) -> None:
    """Several steps may share a commit: none is told as done that is not on record, whatever the build makes of it."""
    shop.wavefile(FOUR)
    for number in range(4):
        shop.put(f"i{number}", str(number))
    passed: list[str] = []
    events: list[Event] = []

    def fail(name: str) -> None:
        passed.append(name)
        if name == point and passed.count(point) == at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk, "fault", fail)
    with contextlib.suppress(WavebuildError, OSError):  # a build that can record nothing more stops
        shop.build(jobs=2, keep_going=True, meanwhile=lambda event: events.append(event))
    shop.ran()
    told_well = [event.settled.step for event in events if is_success(event)]
    after = shop.build()

    assert after.code == 0
    assert set(after.ran).isdisjoint(told_well)
    assert [shop.read(f"o{number}") for number in range(4)] == ["0", "1", "2", "3"]
    assert shop.build().ran == []


def test_what_ended_and_what_begins_in_its_place_share_a_commit(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So one more step costs one more; on a busy machine, where what is recorded waits too long, at times two."""
    passed: list[str] = []
    monkeypatch.setattr(disk, "fault", passed.append)

    def commits(steps: int, turn: int) -> int:
        for number in range(4):
            shop.put(f"i{number}", f"{steps} {number} {turn}")
        shop.wavefile("\n".join(FOUR.splitlines()[: steps + 1]))
        passed.clear()
        assert shop.build().code == 0
        return passed.count("after commit")

    found = [commits(4, 0) - commits(1, 0)]
    while 3 not in found and len(found) < 12:
        found.append(commits(4, len(found)) - commits(1, len(found)))

    assert 3 in found
