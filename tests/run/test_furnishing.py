"""A private folder is filled with files of its own, and can be stopped at any of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.crew import Crew
from wavebuild.run.furnishing import furnish
from wavebuild.run.job import Ended, Excerpt, Furniture, Job, Shell
from wavebuild.run.pool import OVERDUE, Hired

NOTHING = Furniture((), (), (), (), "")


def go_on() -> None:
    pass


def copying(*pairs: tuple[Path, Path]) -> Furniture:
    return replace(NOTHING, copies=tuple((str(source), str(target)) for source, target in pairs))


def test_a_copy_is_a_file_of_its_own_with_bytes_mode_and_time(tmp_path: Path):
    """Writing to it does not reach the original; rights beyond the usual are not handed on."""
    source, target = tmp_path / "a", tmp_path / "deep/er/b"
    source.write_bytes(os.urandom(3_000_000))
    source.chmod(0o4755)
    os.utime(source, ns=(5, 1_000_000_007))
    whole = source.read_bytes()

    furnish(copying((source, target)), go_on)
    status = target.stat()
    copied = target.read_bytes()
    target.write_text("changed")

    assert (copied == whole, status.st_mode & 0o7777, status.st_mtime_ns) == (True, 0o755, 1_000_000_007)
    assert (source.read_bytes() == whole, status.st_ino != source.stat().st_ino) == (True, True)


def test_a_copy_of_a_link_is_a_copy_of_what_it_leads_to(tmp_path: Path):
    """Nothing that is written to it reaches that."""
    (tmp_path / "a").write_text("1")
    (tmp_path / "l").symlink_to("a")
    furnish(copying((tmp_path / "l", tmp_path / "b")), go_on)

    assert not (tmp_path / "b").is_symlink()
    assert (tmp_path / "b").read_text() == "1"


@pytest.mark.parametrize("what", ["missing", "folder", "fifo"])
def test_what_is_no_file_is_named_at_once(what: str, tmp_path: Path):
    """A FIFO is not waited for."""
    source = tmp_path / what
    if what == "folder":
        source.mkdir()
    elif what == "fifo":
        os.mkfifo(source)

    with pytest.raises(OSError, match=what):
        furnish(copying((source, tmp_path / "b")), go_on)


def test_a_large_copy_can_be_stopped_in_its_midst(tmp_path: Path):
    """Not only between two files."""
    source = tmp_path / "a"
    source.write_bytes(bytes(8 << 20))
    left = [4]

    def stop() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        furnish(copying((source, tmp_path / "b")), stop)
    assert 0 < (tmp_path / "b").stat().st_size < 8 << 20


def test_a_table_that_has_lost_its_form_since_it_was_judged_is_named(tmp_path: Path):
    """It is another file by now."""
    (tmp_path / "t.csv").write_text('a,b\n"1,2\n')
    excerpt = Excerpt(str(tmp_path / "t.csv"), str(tmp_path / "o.csv"), ",", (((("a", "1"),), None),))

    with pytest.raises(OSError, match=r"t\.csv is not a table"):
        furnish(replace(NOTHING, excerpts=(excerpt,)), go_on)


def test_who_is_told_to_stop_stops_while_furnishing(tmp_path: Path):
    """The command never begins."""
    crew = Crew(tmp_path / "crew")
    (tmp_path / "crew").mkdir()
    (tmp_path / "a").write_text("1")
    many = copying(*((tmp_path / "a", tmp_path / f"in/{number}") for number in range(2000)))
    lists = tmp_path / "lists"
    lists.mkdir()
    job = Job(
        7,
        (Shell(("sh", "-c", f"touch {tmp_path}/ran")),),
        str(tmp_path),
        (),
        str(tmp_path / "log"),
        None,
        furniture=replace(many, lists=str(lists)),
    )
    try:
        crew.pool.submit(job)
        crew.pool.interrupt()
        ended: list[Ended] = []
        while not ended:
            ended = crew.pool.wait(1.0)
    finally:
        crew.pool.close()

    assert ([(one.id, one.failure) for one in ended], (tmp_path / "ran").exists()) == ([(7, "interrupted")], False)


def test_the_time_of_a_job_runs_when_its_folder_is_ready():
    """A worker that copies for longer than the step may run is not taken for stuck."""
    job = Job(1, (), "", (), "", timeout=5.0, furniture=NOTHING)
    hired = Hired(None, None, None, job=job, since=100.0, furnished=False)  # type: ignore[arg-type]
    copying_still = hired.limit
    hired.furnished = True

    assert (copying_still, hired.limit) == (None, 105.0 + OVERDUE)
