"""What ``Executor`` promises, of the pool of real processes and of the stage that tests use in its place."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.graph.declared import step
from tests.support.stage import Stage
from wavebuild.run.course import Executor
from wavebuild.run.job import Ended, Job, Shell
from wavebuild.run.pool import Pool

COUNT = 3


@pytest.fixture(params=["pool", "stage"])
def executor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Executor]:
    if request.param == "stage":
        yield Stage([step(f"s{number}", [], [f"{number}.out"]) for number in range(COUNT)], jobs=COUNT)
        return
    pool = Pool(COUNT, str(tmp_path / "groups"), os.environ)
    yield pool
    pool.close()


def job(folder: Path, number: int, script: str = "true") -> Job:
    return Job(number, (Shell(("sh", "-c", script)),), str(folder), (), str(folder / f"{number}.log"), None)


def ends(executor: Executor, count: int) -> list[Ended]:
    found: list[Ended] = []
    until = time.monotonic() + 60
    while len(found) < count and time.monotonic() < until:
        found += executor.wait(1.0)
    return found


def test_every_job_ends_once_under_its_own_number(executor: Executor, tmp_path: Path):
    """In whatever order."""
    for number in range(COUNT):
        executor.submit(job(tmp_path, number))

    ended = ends(executor, COUNT)

    assert sorted(one.id for one in ended) == list(range(COUNT))
    assert {one.failure for one in ended} == {""}


def test_waiting_no_time_does_not_wait(executor: Executor, tmp_path: Path):
    """The scheduler looks in between, without losing time."""
    executor.submit(job(tmp_path, 0, "sleep 100"))
    began = time.monotonic()
    found = executor.wait(0.0)
    seconds = time.monotonic() - began
    executor.interrupt(at_once=True)

    assert (list(found), seconds < 50) == ([], True)
    assert len(ends(executor, 1)) == 1


def test_an_interrupt_ends_what_runs_and_says_so(executor: Executor, tmp_path: Path):
    """All of it."""
    for number in range(2):
        executor.submit(job(tmp_path, number, "sleep 60"))
    time.sleep(0.5)  # a shell that has hardly begun may not hear the polite signal
    executor.interrupt()

    assert {one.failure for one in ends(executor, 2)} == {"interrupted"}


def test_after_an_interrupt_it_can_be_used_again(executor: Executor, tmp_path: Path):
    """It is the scheduler that stops, not the executor."""
    executor.submit(job(tmp_path, 0, "sleep 60"))
    executor.interrupt(at_once=True)
    ends(executor, 1)
    executor.submit(job(tmp_path, 1))

    assert [(one.id, one.failure) for one in ends(executor, 1)] == [(1, "")]
