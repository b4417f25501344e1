"""The first look at many files: what a second process sees counts as what this one sees, and is never relied on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.store.test_settled import written
from tests.support.processes import children
from wavebuild.engine import glance
from wavebuild.engine.elsewhere import begun
from wavebuild.engine.glance import STRETCH, WORTH, Glance, _glance_from_root
from wavebuild.store.settled import NOTHING, Evidence, Head, read, row

FILES = STRETCH + WORTH + 1500


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thousands of files, and one that is not there, written down as they are."""
    folder = tmp_path_factory.mktemp("ground")
    for number in range(FILES):
        os.close(os.open(folder / f"{number:05}", os.O_WRONLY | os.O_CREAT))
    return folder


def evidence_of(folder: Path) -> Evidence:
    rows = [(str(folder / f"{number:05}"), row(os.lstat(folder / f"{number:05}"))) for number in range(FILES)]
    written(str(folder / "evidence"), str(folder), Head("asked", 1, {}), [*rows, (str(folder / "absent"), NOTHING)])
    found = read(str(folder / "evidence"), "asked", {})
    assert found is not None
    return found


def look(folder: Path, evidence: Evidence) -> Glance:
    return _glance_from_root(evidence, str(folder))


def stir(folder: Path, *numbers: int) -> None:
    for number in numbers:
        os.utime(folder / f"{number:05}", ns=(time.time_ns(), time.time_ns()))


def names(folder: Path, glance: Glance) -> list[str]:
    return [os.path.basename(glance.evidence.path(moved, str(folder))) for moved in sorted(glance.moved)]


@pytest.fixture(params=["while we get ready", "at once"])
def second(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """When a second process begins to look: of very many files before the first."""
    if request.param == "at once":
        monkeypatch.setattr(glance, "WORTH_AT_ONCE", FILES)
    return str(request.param)


@pytest.mark.parametrize("cores", [{0}, {0, 1}], ids=["one core", "two cores"])
def test_all_that_has_moved_is_found_wherever_it_is(
    ground: Path, cores: set[int], second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the begin, in what a second process looks at, and what has come."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: cores)
    evidence = evidence_of(ground)
    assert look(ground, evidence).moved == []
    assert look(ground, evidence).is_idle

    stir(ground, 1, STRETCH + 3, FILES - 1)
    (ground / "absent").touch()
    found = look(ground, evidence)

    assert not found.is_idle
    assert names(ground, found) == ["00001", f"{STRETCH + 3:05}", f"{FILES - 1:05}", "absent"]
    (ground / "absent").unlink()
    assert len(found.moved) == 4


def test_what_moved_last_alone_is_found(ground: Path, second: str) -> None:
    """Nothing is left for a second process then."""
    evidence = evidence_of(ground)
    stir(ground, FILES - 2)

    assert names(ground, look(ground, evidence)) == [f"{FILES - 2:05}"]


def test_a_second_process_that_fails_is_made_good(ground: Path, second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it looks for itself."""
    evidence, here = evidence_of(ground), os.getpid()
    stir(ground, 2, FILES - 3)
    lstat = os.lstat
    monkeypatch.setattr(os, "lstat", lambda path: lstat(path) if os.getpid() == here else os._exit(1))

    assert names(ground, look(ground, evidence)) == ["00002", f"{FILES - 3:05}"]


@pytest.mark.usefixtures("second")
def test_where_nothing_has_moved_a_second_process_that_fails_makes_no_change(
    ground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence, here = evidence_of(ground), os.getpid()
    lstat = os.lstat
    monkeypatch.setattr(os, "lstat", lambda path: lstat(path) if os.getpid() == here else os._exit(1))

    assert look(ground, evidence).is_idle


def test_of_very_many_files_half_are_looked_at_by_a_second_process(
    ground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = evidence_of(ground)
    monkeypatch.setattr(glance, "WORTH_AT_ONCE", FILES)
    second = begun(lambda start, stop: [], 0, 0)
    if second is None:
        pytest.skip("there is one core")
    second.found()
    lstat, ours = os.lstat, []

    def counted(path: bytes) -> os.stat_result:
        ours.append(path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", counted)

    assert look(ground, evidence).is_idle
    assert len(ours) == len(evidence.names) // 2


def test_what_goes_wrong_in_it_is_known_and_nothing_stays(capfd: pytest.CaptureFixture[str]) -> None:
    """It says nothing, and is buried."""
    before = children(os.getpid())
    ill = begun(lambda start, stop: [1 // 0], 0, 10)
    well = begun(lambda start, stop: [start, stop], 5, 3000)
    if ill is None or well is None:
        pytest.skip("there is one core")

    assert ill.found() is None
    assert well.found() == [5, 1029, 1029, 2053, 2053, 3000]
    assert capfd.readouterr() == ("", "")
    assert children(os.getpid()) == before
