"""Evidence that all is fresh: believed only while everything is as it was, and never when it is damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wavebuild.store.settled import NOTHING, Settled, forget, row, save, still_settled

QUESTION = "[version, root, targets]"
ENV = {"HOME": "/home/ada", "UNSET": None}


class Ground:
    """Three files, one that is not there, and a folder: looked at and written down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = str(folder / "evidence")
        self.sources = [folder / "src" / name for name in ("a", "b", "c d\n\udcff")]
        (folder / "src").mkdir()
        for source in self.sources:
            source.write_text("one")
        looked = [*self.sources, folder / "src"]
        rows = [(str(path), row(os.lstat(path))) for path in looked] + [(str(folder / "src/absent"), NOTHING)]
        save(self.path, Settled(QUESTION, 14, ENV), rows)

    def known(self, question: str = QUESTION, **environ: str) -> int | None:
        return still_settled(self.path, question, {"HOME": "/home/ada", "OTHER": "x"} | environ)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_the_same_question_about_the_same_files_is_known(ground: Ground):
    """And the number of fresh steps is told."""
    assert ground.known() == 14


def test_another_question_is_not_known(ground: Ground):
    """Other targets, another version."""
    assert ground.known("[other]") is None


def test_the_value_of_a_variable_is_not_written_down(ground: Ground):
    """It may be a secret: a digest of it will do."""
    assert ground.known() is not None
    assert b"/home/ada" not in Path(ground.path).read_bytes()


@pytest.mark.parametrize("environ", [{"HOME": "/root"}, {"UNSET": ""}])
def test_a_variable_that_was_read_and_is_other_now(ground: Ground, environ: dict[str, str]):
    """Set to something else, or set at all; variables that nobody read do not count."""
    assert ground.known(OTHER="y") == 14
    assert ground.known(**environ) is None


@pytest.mark.parametrize("change", ["bytes", "times", "mode", "removed", "replaced", "appeared", "new in folder"])
def test_any_changed_stamp_makes_it_unknown(ground: Ground, change: str):
    """Of any file, of any folder, and of what was not there."""
    source = ground.sources[1]
    status = source.stat()
    match change:
        case "bytes":
            source.write_text("two")
            os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
        case "times":
            os.utime(source, ns=(0, 0))
        case "mode":
            source.chmod(0o700)
        case "removed":
            source.unlink()
        case "replaced":
            os.replace(ground.sources[2], source)
        case "appeared":
            (ground.folder / "src/absent").write_text("")
        case "new in folder":
            (ground.folder / "src/new").write_text("")

    assert ground.known() is None


def test_what_was_forgotten_is_not_known(ground: Ground):
    """Twice is as well as once."""
    forget(ground.path)
    forget(ground.path)

    assert ground.known() is None


@pytest.mark.scenario(id="S1")
def test_every_truncation_is_not_known(ground: Ground):
    """A disk that was full in the middle of a write."""
    data = Path(ground.path).read_bytes()
    answers = set()
    for size in range(len(data)):
        Path(ground.path).write_bytes(data[:size])
        answers.add(ground.known())

    assert answers == {None}


@pytest.mark.scenario(id="S1")
def test_every_flipped_bit_is_not_known(ground: Ground):
    """A disk that lies."""
    data = Path(ground.path).read_bytes()
    answers = set()
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 1 << (at % 8)
        Path(ground.path).write_bytes(bytes(bad))
        answers.add(ground.known())

    assert answers == {None}


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 5000, b"0" * 64 + b"\n" + b"1 1\n{}", b"x" * 64])
def test_rubbish_is_not_known(ground: Ground, data: bytes):
    """Never a crash."""
    Path(ground.path).write_bytes(data)

    assert ground.known() is None


def test_a_project_without_files_can_be_settled(tmp_path: Path):
    """Steps that read nothing and make nothing."""
    save(str(tmp_path / "evidence"), Settled(QUESTION, 1, {}), [])

    assert still_settled(str(tmp_path / "evidence"), QUESTION, {}) == 1
