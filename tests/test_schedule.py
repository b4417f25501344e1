"""What a file of tests makes once for all of them is made once."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.schedule import FOLDER, stays_together, unit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the run share, in which each that makes this leaves a file."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"alone-{os.getpid()}")
    folder = tmp_path_factory.getbasetemp().parent / f"made-once-{run}"
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    return folder


@pytest.mark.parametrize("turn", range(6))
def test_one_process_makes_what_a_file_shares(turn: int, made: Path) -> None:
    """Whoever of the processes is free for the next of its tests."""
    assert [path.name for path in made.iterdir()] == [str(os.getpid())]


def test_all_other_tests_are_handed_out_one_by_one() -> None:
    """Few files stay together: whoever has the last of them works alone at the end."""
    files = [str(path.relative_to(FOLDER)) for path in (FOLDER / "tests").rglob("test_*.py")]

    kinds = Counter(stays_together(file) for file in files)

    assert kinds[True] < 15 < kinds[False]
    assert unit("tests/e2e/test_wanderbricks.py::test_one") == unit("tests/e2e/test_wanderbricks.py::test_two[a::b]")
    assert unit("tests/test_disk.py::test_one") != unit("tests/test_disk.py::test_two")
