"""Evidence that all is fresh: believed only while everything is as it was, and never when it is damaged."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from wavebuild.store.settled import NOTHING, Head, Row, forget, in_order, moved, name_of, packed, read, row, save

QUESTION = "[version, root, targets]"
ENV = {"HOME": "/home/ada", "UNSET": None}


def written(path: str, root: str, settled: Head, rows: list[tuple[str, Row]]) -> None:
    """Evidence of these absolute paths."""
    stamps = {name_of(at, root): packed(stamp) for at, stamp in rows}
    save(path, settled, stamps, in_order(stamps))


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
        written(self.path, str(folder), Head(QUESTION, 14, ENV, b"more"), rows)

    def known(self, question: str = QUESTION, **environ: str) -> int | None:
        evidence = read(self.path, question, {"HOME": "/home/ada", "OTHER": "x"} | environ)
        return None if evidence is None or moved(evidence, str(self.folder)) else evidence.fresh

    def moved(self) -> list[str]:
        """The paths below the folder whose rows moved."""
        evidence = read(self.path, QUESTION, {"HOME": "/home/ada"})
        assert evidence is not None
        rows = moved(evidence, str(self.folder))
        return [os.path.relpath(evidence.path(row, str(self.folder)), self.folder) for row in rows]


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


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 5000, b"0" * 8 + b"\n" + b"1 1\n{}", b"x" * 64])
def test_rubbish_is_not_known(ground: Ground, data: bytes):
    """Never a crash."""
    Path(ground.path).write_bytes(data)

    assert ground.known() is None


def test_a_project_without_files_can_be_settled(tmp_path: Path):
    """Steps that read nothing and make nothing."""
    written(str(tmp_path / "evidence"), str(tmp_path), Head(QUESTION, 1, {}), [])

    evidence = read(str(tmp_path / "evidence"), QUESTION, {})

    assert evidence is not None
    assert (moved(evidence, str(tmp_path)), evidence.fresh) == ([], 1)


def test_the_rows_that_moved_are_named(ground: Ground):
    """All of them in one pass: what changed, what is gone, what has come; and the folder they lie in."""
    assert ground.moved() == []

    ground.sources[0].write_text("other")
    ground.sources[2].unlink()
    (ground.folder / "src/absent").write_text("")

    assert ground.moved() == ["src", "src/a", "src/c d\n\udcff", "src/absent"]


def test_the_rows_of_a_large_project_keep_their_numbers(tmp_path: Path):
    """Rows are looked at in chunks: what moved in the second, beside one that is gone, is named as what it is."""
    paths = [tmp_path / f"{number:04}" for number in range(1500)]
    for path in paths:
        path.touch()
    written(str(tmp_path / "evidence"), str(tmp_path), Head(QUESTION, 1, {}), [(str(p), row(p.lstat())) for p in paths])
    for number in (0, 1023, 1400):
        paths[number].write_text("x")
    for number in (1, 1024):
        paths[number].unlink()

    evidence = read(str(tmp_path / "evidence"), QUESTION, {})

    assert evidence is not None
    assert moved(evidence, str(tmp_path)) == [0, 1, 1023, 1024, 1400]


def test_paths_out_of_the_root_and_the_root_itself_have_rows(tmp_path: Path):
    """From the root as current folder they are found as well."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.write_text("one")
    stamps = [(str(path), row(path.lstat())) for path in (root, outside)]
    written(str(tmp_path / "evidence"), str(root), Head(QUESTION, 1, {}), stamps)
    evidence = read(str(tmp_path / "evidence"), QUESTION, {})
    assert evidence is not None
    here = os.open(".", os.O_RDONLY)
    os.chdir(root)
    try:
        before = moved(evidence)
        outside.write_text("two")
        (root / "new").touch()
        after = moved(evidence)
    finally:
        os.fchdir(here)
        os.close(here)

    assert (before, [evidence.path(each, str(root)) for each in after]) == ([], [str(root), str(outside)])
    assert evidence.stamp(after[1]) == dict(stamps)[str(outside)]


@pytest.mark.parametrize("root", ["", "/"])
def test_the_root_of_all_files_may_be_the_root(root: str, tmp_path: Path):
    """Its paths are relative to it like those of any other; outside there is nothing."""
    source = tmp_path / "a"
    source.write_text("one")
    written(
        str(tmp_path / "evidence"),
        root or str(tmp_path),
        Head(QUESTION, 1, {}),
        [(str(source), row(source.lstat()))],
    )
    evidence = read(str(tmp_path / "evidence"), QUESTION, {})
    assert evidence is not None
    before = moved(evidence, root or str(tmp_path))

    source.write_text("two")

    assert (before, moved(evidence, root or str(tmp_path))) == ([], [0])


def test_what_is_kept_with_the_evidence_is_given_back(ground: Ground):
    """As it was written; nothing, where nothing was."""
    evidence = read(ground.path, QUESTION, {"HOME": "/home/ada"})

    assert evidence is not None
    assert evidence.more == b"more"


def test_a_folder_that_cannot_be_looked_into_has_moved(ground: Ground, tmp_path: Path):
    """What is not known is not taken for what it was, nor for nothing."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    stamps = [(str(loop / "below"), NOTHING)]
    written(ground.path, str(tmp_path), Head(QUESTION, 1, {}), stamps)

    assert ground.known() is None


def test_evidence_of_many_files_is_written_without_being_held_twice(tmp_path: Path):
    """The rows of 20,000 files take less room while they are written than twice what is written."""
    stamps = {f"o/{number:06}": packed((66, number, 200, 10**18 + number, 10**18)) for number in range(20_000)}
    names = in_order(stamps)
    tracemalloc.start()
    try:
        save(str(tmp_path / "evidence"), Head(QUESTION, 1, {}), stamps, names)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2 * (tmp_path / "evidence").stat().st_size
