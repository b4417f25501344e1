"""The gate of ``tests.counts``: what it reads in a trace, what it calls worse, and that it sees what it is for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests import counts
from tests.counts import Phase, better, gathered, grown, judged, kept, worse, write
from tests.support.command import REPOSITORY
from tests.support.counting import PHASES, counted, measured

BUILD = """\
execve("/usr/bin/python3", ["python3"], 0x7ffd /* 5 vars */) = 0
newfstatat(AT_FDCWD</home/p>, "i/0", {st_mode=S_IFREG|0644, st_size=100, ...}, AT_SYMLINK_NOFOLLOW) = 0
newfstatat(AT_FDCWD</home/p>, "/home/p/o/0", 0x7ffe, AT_SYMLINK_NOFOLLOW) = -1 ENOENT (No such file or directory)
openat(AT_FDCWD</home/p>, "/home/p/i/0", O_RDONLY|O_CLOEXEC) = 3</home/p/i/0>
read(3</home/p/i/0>, "source 0\\n /home/p", 101) = 90
fsync(7</home/p/.wavebuild/state/Wavefile.db-wal>) = 0
openat(AT_FDCWD</home/p>, "/usr/lib/os.py", O_RDONLY) = 3</usr/lib/os.py>
getdents64(3</usr/lib>, 0x55 /* 10 entries */, 32768) = 320
vfork()                                 = 20
+++ exited with 0 +++
"""
WORKER = """\
execve("/usr/bin/python3", ["python3", "-c"], 0x7ffd /* 5 vars */) = 0
clone(child_stack=NULL, flags=CLONE_VM|CLONE_VFORK|SIGCHLD) = 30
write(5<pipe:[77]>, "done", 4)          = 4
--- SIGCHLD {si_signo=SIGCHLD} ---
"""
JOB = """\
execve("/usr/bin/cp", ["cp", "i/0", "o/0"], 0x7ffd /* 5 vars */) = 0
openat(AT_FDCWD</home/p>, "i/0", O_RDONLY) = 3</home/p/i/0>
"""


def test_calls_are_told_apart_by_who_makes_them_and_of_what() -> None:
    """Files of the project, its state, all else; of jobs only that they start: what they do is their matter."""
    found = counted({10: BUILD, 20: WORKER, 30: JOB}, "/home/p")

    assert found == {
        "build exec": 1,
        "build stat of files": 2,
        "build open of files": 1,
        "build read of files": 1,
        "build sync of state": 1,
        "build open": 1,
        "build fork": 1,
        "worker exec": 1,
        "worker fork": 1,
        "worker write": 1,
        "every exec": 3,
        "every fork": 2,
    }


def figures(modules: str = "os wavebuild", **rows: list[int]) -> dict[str, Phase]:
    named = {name.replace("_", " "): dict(zip((1, 200, 400), row, strict=True)) for name, row in rows.items()}
    return {"no-op": Phase(frozenset(modules.split()), named)}


class TestWhatIsWorse:
    def test_what_is_as_it_was_is_neither_worse_nor_better(self) -> None:
        """No line at all."""
        same = figures(build_stat_of_files=[5, 402, 802], calls=[900, 1000, 1100])

        assert ([*worse(same, same)], [*better(same, same)], [*grown(same)]) == ([], [], [])

    def test_one_more_look_for_each_step_is_worse(self) -> None:
        """It is said how many for each step; with one step it is within what may always be off."""
        before, now = figures(build_stat_of_files=[5, 402, 802]), figures(build_stat_of_files=[6, 602, 1202])

        assert list(worse(before, now)) == [
            "no-op, 200 steps: build stat of files: 402 on record, 602 now, +1.0 for each step",
            "no-op, 400 steps: build stat of files: 802 on record, 1202 now, +1.0 for each step",
        ]

    def test_calls_may_be_a_little_off(self) -> None:
        """A tenth; more is worse."""
        before = figures(calls=[1000, 10_000, 20_000])

        assert list(worse(before, figures(calls=[1090, 10_900, 21_900]))) == []
        assert len([*worse(before, figures(calls=[1110, 11_100, 22_100]))]) == 3

    def test_chance_has_a_say_in_what_a_worker_does_but_not_in_one_call_for_each_step(self) -> None:
        """How far it is behind the build decides how often it changes something, and whether it opens a file or not."""
        before = figures(worker_change=[12, 200, 280], worker_open=[12, 110, 210])

        assert list(worse(before, figures(worker_change=[14, 290, 390], worker_open=[14, 213, 413]))) == []
        assert len([*worse(before, figures(worker_change=[13, 400, 680], worker_open=[13, 320, 620]))]) == 4

    def test_a_new_module_is_named(self) -> None:
        """However small it is."""
        before, now = figures("os wavebuild"), figures("os wavebuild json")

        assert list(worse(before, now)) == ["no-op: imports json, which it did not"]
        assert list(better(now, before)) == ["no-op: no longer imports json"]

    def test_a_number_that_was_not_there_is_worse(self) -> None:
        """It is held against none."""
        assert len([*worse(figures(), figures(build_sync=[20, 20, 20]))]) == 3

    def test_what_grows_with_the_square_is_told_without_a_record(self) -> None:
        """The second half of the steps costs more each than the first."""
        assert list(grown(figures(calls=[10, 2000, 4000]))) == []
        assert list(grown(figures(calls=[10, 40_000, 160_000]))) == [
            "no-op: calls: 200.95 for each step from 1 to 200 steps, 600.00 from 200 to 400"
        ]


class TestTheRecord:
    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        """The figures of other versions of Python stay."""
        record = tmp_path / "counts.toml"
        other = figures("os", calls=[1, 2, 3])
        record.write_text(counts.text_of({"3.0": other}))
        now = figures(calls=[900, 1000, 1100], build_stat_of_files=[5, 402, 802])

        write(now, record)

        assert kept(record) == now
        assert kept(record, "3.0") == other
        assert kept(record, "2.7") is None

    def test_an_improvement_is_said_and_fails_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        """With the command that puts it on record."""
        before, now = figures(calls=[1000, 10_000, 20_000]), figures(calls=[500, 5000, 9900])

        assert judged(before, now) == 0
        assert "renew the record: python -m tests.counts --write" in capsys.readouterr().out

    def test_without_a_record_ci_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Elsewhere the growth alone is judged."""
        monkeypatch.delenv("NO_SKIPS", raising=False)
        assert judged(None, figures(calls=[1, 200, 400])) == 0
        assert judged(None, figures(calls=[1, 400, 1600])) == 1

        monkeypatch.setenv("NO_SKIPS", "1")
        assert judged(None, figures(calls=[1, 200, 400])) == 1

    def test_there_are_figures_of_every_phase_and_size(self) -> None:
        """Those that CI compares with."""
        record = kept(version="3.11")

        assert record is not None
        assert tuple(record) == PHASES
        assert all(phase.modules and phase.rows for phase in record.values())
        assert {size for phase in record.values() for row in phase.rows.values() for size in row} == set(counts.SIZES)


PLANTED = {
    "a look for each step": (
        "run/rebuilder.py",
        """
import os

_before = Rebuilder.consider


def _consider(self, number):
    os.path.exists(os.path.join(self._root, "Wavefile"))
    return _before(self, number)


Rebuilder.consider = _consider
""",
        "full, 12 steps: build stat of files",
    ),
    "an import on the way of a build with nothing to do": (
        "engine/glance.py",
        "\nimport colorsys\n",
        "no-op: imports colorsys",
    ),
    "a second commit for each one": (
        "store/database.py",
        """
_write_once = Database.write


def _write_twice(self, batch):
    _write_once(self, batch)
    _write_once(self, [])


Database.write = _write_twice
""",
        "full, 12 steps: commits",
    ),
    "a file read a second time": (
        "run/rebuilder.py",
        """
import os

from wavebuild import disk

_read_before = Rebuilder.begin


def _begin(self, due):
    disk.tail(os.path.join(self._root, "Wavefile"), 1)
    return _read_before(self, due)


Rebuilder.begin = _begin
""",
        "full, 12 steps: build open of files",
    ),
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Phase]:
    """What wavebuild costs as it is."""
    if shutil.which("strace") is None and not os.environ.get("NO_SKIPS"):
        pytest.skip("needs strace")
    return gathered(measured((12,), tmp_path_factory.mktemp("usual")))


@pytest.mark.long
class TestWhatItIsFor:
    """Each change, made in a copy, is told; twelve steps are enough to see it."""

    def test_the_same_code_gives_the_same_numbers(self, usual: dict[str, Phase], tmp_path: Path) -> None:
        """On a busy machine and elsewhere on the disk too."""
        again = gathered(measured((12,), tmp_path))

        assert ([*worse(usual, again)], [*better(usual, again)]) == ([], [])

    @pytest.mark.parametrize("change", PLANTED)
    def test_a_planted_change_is_told(self, change: str, usual: dict[str, Phase], tmp_path: Path) -> None:
        """By its name and number."""
        file, text, told = PLANTED[change]
        source, home = tmp_path / "source", tmp_path / "home"
        home.mkdir()
        shutil.copytree(REPOSITORY / "wavebuild", source / "wavebuild", ignore=shutil.ignore_patterns("__pycache__"))
        with (source / "wavebuild" / file).open("a") as module:
            module.write(text)

        found = gathered(measured((12,), home, source))

        assert any(line.startswith(told) for line in worse(usual, found))
