"""What is done while jobs run: in small pieces, and only by somebody who would wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from wavebuild.run import meanwhile
from wavebuild.run.job import Ended, Job
from wavebuild.run.meanwhile import Meanwhile


class Idle:
    """An executor whose jobs never end; it notes for how long somebody would have waited."""

    def __init__(self) -> None:
        self.waits: list[float | None] = []

    def submit(self, job: Job) -> None: ...

    def lay_ready(self, job: Job, behind: int, until: float) -> bool:
        return False

    def take_back(self) -> Sequence[int]:
        return ()

    def wait(self, timeout: float | None, other: int = -1) -> Sequence[Ended]:
        self.waits.append(timeout)
        return ()

    def interrupt(self, at_once: bool = False) -> None: ...


def pieces(done: list[int], *said: bool) -> Iterator[bool]:
    for number, was_one in enumerate(said):
        done.append(number)
        yield was_one


def test_who_would_wait_does_all_there_is_to_do_and_waits_then() -> None:
    idle, done = Idle(), list[int]()
    around = Meanwhile(idle, pieces(done, True, True, True))
    around.wait(None)
    assert done == [0, 1, 2]
    around.wait(0.5)
    assert (done, idle.waits) == ([0, 1, 2], [None, 0.5])


def test_who_only_looks_does_nothing() -> None:
    idle, done = Idle(), list[int]()
    Meanwhile(idle, pieces(done, True)).wait(0.0)
    assert (done, idle.waits) == ([], [0.0])


def test_after_a_while_it_is_looked_whether_a_job_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meanwhile, "SLICE", 0.0)
    idle, done = Idle(), list[int]()
    around = Meanwhile(idle, pieces(done, True, True, True))
    around.wait(None)
    around.wait(None)
    assert (done, idle.waits) == ([0, 1], [0.0, 0.0])
    around.do_the_rest()
    assert done == [0, 1, 2]


def test_where_there_is_nothing_to_do_at_the_moment_it_is_asked_again_the_next_time() -> None:
    idle, done = Idle(), list[int]()
    around = Meanwhile(idle, pieces(done, True, False, True, False, False))
    around.wait(None)
    assert (done, idle.waits) == ([0, 1], [None])
    around.wait(1.0)
    assert (done, idle.waits) == ([0, 1, 2, 3], [None, 1.0])
