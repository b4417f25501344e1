"""Where the system has no process for a job, no step has failed: it is tried again with fewer at once."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from wavebuild.run.grip import NO_PROCESS
from wavebuild.run.job import Ended, Job
from wavebuild.run.patience import TRIES, Patient


def job(number: int) -> Job:
    return Job(number, (), "/", (), "/log", None)


@dataclass
class Crowded:
    """Workers on a system that has room for so many processes."""

    room: int
    running: list[int] = field(default_factory=list)
    most: int = 0
    refused: int = 0
    late: bool = False  # it is the worker that finds no room, when it has the job already
    ends: list[Ended] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)  # down to which it was told to let workers go
    laid: list[int] = field(default_factory=list)  # ready behind others
    waited: list[float | None] = field(default_factory=list)  # how long it was to wait for an end

    def submit(self, job: Job) -> None:
        if len(self.running) >= self.room:
            self.refused += 1
            if not self.late:
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            self.ends.append(Ended(job.id, NO_PROCESS, detail="Resource temporarily unavailable"))
            return
        self.running.append(job.id)
        self.most = max(self.most, len(self.running))

    def lay_ready(self, job: Job, behind: int, until: float) -> bool:
        assert behind in self.running
        self.laid.append(job.id)
        return True

    def take_back(self) -> list[int]:
        laid, self.laid = self.laid, []
        return laid

    def wait(self, timeout: float | None, handle: int = -1) -> Sequence[Ended]:
        self.waited.append(timeout)
        ends, self.ends = self.ends, []
        if ends:
            return ends
        return [Ended(self.running.pop(0))] if self.running else []

    def interrupt(self, at_once: bool = False) -> None:
        self.running.clear()

    def shrink(self, size: int) -> None:
        self.sizes.append(size)


def all_ends(patient: Patient, count: int) -> list[Ended]:
    found: list[Ended] = []
    while len(found) < count:
        found += patient.wait(1.0)
    return found


@pytest.mark.scenario(id="P7")
def test_all_jobs_are_done_with_fewer_at_once() -> None:
    """However the want shows: to the build, or to its worker. It is said once."""
    for late in (False, True):
        said: list[str] = []
        crowded = Crowded(room=2, late=late)
        patient = Patient(crowded, said.append, pause=0.001)
        for number in range(6):
            patient.submit(job(number))

        assert sorted(ended.id for ended in all_ends(patient, 6)) == list(range(6))
        assert all(not ended.failure for ended in patient.wait(0.0))
        assert (crowded.most, min(crowded.sizes)) == (2, 2)
        assert said == [
            "no process can be started (Resource temporarily unavailable): going on with fewer steps at once"
        ]
        assert not patient.gave_up


@pytest.mark.scenario(id="P7")
def test_where_there_is_no_room_for_one_it_gives_up() -> None:
    """What waits is interrupted: it has not failed."""
    said: list[str] = []
    crowded = Crowded(room=0)
    patient = Patient(crowded, said.append, pause=0.001)
    for number in range(3):
        patient.submit(job(number))

    assert {(ended.id, ended.failure) for ended in all_ends(patient, 3)} == {(n, "interrupted") for n in range(3)}
    assert patient.gave_up == "Resource temporarily unavailable"
    assert crowded.refused == TRIES + 1
    assert "the build stops" in said[-1]


def test_who_waits_for_room_sleeps_until_a_job_ends() -> None:
    """While as many run as there is room for, nothing is looked at again and again: a job may run for days."""
    crowded = Crowded(room=1)
    patient = Patient(crowded, lambda said: None, pause=0.001)
    for number in range(3):
        patient.submit(job(number))

    all_ends(patient, 1)
    patient.wait(None)

    assert crowded.waited == [1.0, None]
    assert crowded.running == [2]


def test_a_later_command_of_a_job_is_not_begun_a_second_time() -> None:
    """What ran before it has run: the job is given up."""
    crowded = Crowded(room=1)
    patient = Patient(crowded, lambda said: None, pause=0.001)
    patient.submit(job(1))
    crowded.running.clear()
    crowded.ends.append(Ended(1, NO_PROCESS, command=1, detail="no room"))

    assert [(ended.id, ended.failure) for ended in all_ends(patient, 1)] == [(1, "interrupted")]
    assert patient.gave_up == "no room"


def test_an_interrupted_build_waits_for_nothing() -> None:
    """What waits for a process gets none."""
    crowded = Crowded(room=1)
    patient = Patient(crowded, lambda said: None, pause=60.0)
    for number in range(3):
        patient.submit(job(number))
    patient.interrupt()

    assert {ended.id for ended in all_ends(patient, 2)} == {1, 2}


def test_what_no_waiting_mends_is_the_callers_trouble() -> None:
    """Another error than want."""
    crowded = Crowded(room=1)
    patient = Patient(crowded, lambda said: None)
    crowded.submit = lambda job: (_ for _ in ()).throw(OSError(errno.EACCES, "no"))  # type: ignore[method-assign]

    with pytest.raises(OSError, match="no") as raised:
        patient.submit(job(1))

    assert raised.value.errno == errno.EACCES
