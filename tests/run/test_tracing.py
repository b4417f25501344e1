"""What strace and Python tell of a job becomes what it read, wrote, removed and listed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.processes import eventually
from wavebuild.run.job import Touches
from wavebuild.run.tracing import BESIDE, FLAGS, QUICK, Ledger, Transcript, replay, unescaped


def told(text: str, root: Path, cwd: str = "", python: bool = False) -> Touches:
    """What is summed up of a transcript in which ``/p`` stands for the root."""
    ledger = Ledger()
    Transcript(ledger, cwd or str(root), python).take(
        text.replace("/p/", f"{root}/").replace("/p>", f"{root}>").splitlines()
    )
    return ledger.touches((str(root),), time.time() - 60, True)


def names(paths: tuple[str, ...], root: Path) -> list[str]:
    return [os.path.relpath(path, root) for path in paths]


class TestTranscripts:
    def test_what_is_opened_to_be_read_is_read_and_what_to_be_written_is_written(self, tmp_path: Path):
        """The flags of the call decide; what was written and is no more does not count."""
        (tmp_path / "out").write_text("")
        found = told(
            '7 openat(AT_FDCWD</p>, "in", O_RDONLY|O_CLOEXEC) = 3</p/in>\n'
            '7 openat(AT_FDCWD</p>, "out", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 4</p/out>\n'
            '7 openat(AT_FDCWD</p>, "passing", O_WRONLY|O_CREAT, 0666) = 4</p/passing>\n',
            tmp_path,
        )

        assert (names(found.read, tmp_path), names(found.written, tmp_path)) == (["in"], ["out"])

    def test_a_call_cut_in_two_by_another_process_is_one(self, tmp_path: Path):
        """``<unfinished ...>`` and ``resumed`` belong together, process by process."""
        found = told(
            '7 openat(AT_FDCWD</p>, "a", O_RDONLY <unfinished ...>\n'
            '8 openat(AT_FDCWD</p>, "b", O_RDONLY <unfinished ...>\n'
            "7 <... openat resumed>) = 3</p/a>\n"
            "8 <... openat resumed>) = -1 ENOENT (No such file or directory)\n",
            tmp_path,
        )

        assert (names(found.read, tmp_path), names(found.sought, tmp_path)) == (["a"], ["b"])

    def test_no_sign_in_a_name_is_taken_for_a_part_of_the_call(self, tmp_path: Path):
        """Quotes, brackets, commas, equals signs, octal escapes, and bytes that are no text."""
        found = told(
            r'7 openat(AT_FDCWD</p>, "a\") = 5</x>, \303\251\377 {[(", O_RDONLY) = '
            r"3</p/a\") = 5\74/x\76, \303\251\377 {[(>",
            tmp_path,
        )

        assert names(found.read, tmp_path) == [os.fsdecode(b'a") = 5</x>, \xc3\xa9\xff {[(')]

    def test_each_process_stands_in_its_own_folder(self, tmp_path: Path):
        """``chdir`` counts for one process and those it starts afterwards; a program's path is relative to it."""
        found = told(
            "7 clone(child_stack=NULL, flags=SIGCHLD) = 8\n"
            '8 chdir("sub") = 0\n'
            "8 vfork() = 9\n"
            '9 execve("./tool", [...], 0x7ff /* 3 vars */) = 0\n'
            '7 execve("./other", [...], 0x7ff /* 3 vars */) = 0\n'
            '9 open("data", O_RDONLY) = 3</p/sub/data>\n',
            tmp_path,
        )

        assert names(found.read, tmp_path) == ["sub/tool", "other", "sub/data"]

    def test_what_a_step_made_itself_it_did_not_read(self, tmp_path: Path):
        """Also where it was made under another name, or in a folder that was moved."""
        for name in ("b", "done/x"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("")
        found = told(
            '7 openat(AT_FDCWD</p>, "a", O_WRONLY|O_CREAT|O_EXCL, 0666) = 3</p/a>\n'
            '7 rename("a", "b") = 0\n'
            '7 openat(AT_FDCWD</p>, "b", O_RDONLY) = 3</p/b>\n'
            '7 openat(AT_FDCWD</p>, "tmp/x", O_RDWR|O_CREAT|O_TRUNC, 0666) = 3</p/tmp/x>\n'
            '7 renameat2(AT_FDCWD</p>, "tmp", AT_FDCWD</p>, "done", RENAME_NOREPLACE) = 0\n'
            '7 openat(5</p/done>, "x", O_RDONLY) = 3</p/done/x>\n',
            tmp_path,
        )

        assert (found.read, names(found.written, tmp_path), found.removed) == ((), ["b", "done/x"], ())

    def test_a_file_of_others_that_is_removed_or_moved_away_is_removed(self, tmp_path: Path):
        """What a step made and removed again is nothing."""
        (tmp_path / "kept").write_text("")
        found = told(
            '7 unlink("theirs") = 0\n'
            '7 unlinkat(AT_FDCWD</p>, "folder", AT_REMOVEDIR) = 0\n'
            '7 rename("other", "kept") = 0\n'
            '7 openat(AT_FDCWD</p>, "mine", O_WRONLY|O_CREAT, 0666) = 3</p/mine>\n'
            '7 unlink("mine") = 0\n',
            tmp_path,
        )

        assert names(found.removed, tmp_path) == ["theirs", "other"]

    def test_a_database_opened_for_both_and_left_alone_was_only_read(self, tmp_path: Path):
        """Programs that only ask open it to write as well; the time of its last change tells."""
        database = tmp_path / "w.db"
        database.write_text("")
        ledger = Ledger()
        line = f'7 openat(AT_FDCWD<{tmp_path}>, "w.db", O_RDWR|O_CREAT|O_NOFOLLOW, 0644) = 3<{database}>'
        Transcript(ledger, str(tmp_path)).take([line])
        before = ledger.touches((str(tmp_path),), time.time() - 60, True)
        after = ledger.touches((str(tmp_path),), time.time() + 60, True)

        assert (len(before.read), len(before.written)) == (1, 1)
        assert (len(after.read), len(after.written)) == (1, 0)

    def test_a_folder_is_listed_but_not_where_python_looks_for_its_modules(self, tmp_path: Path):
        """Python lists where it imports from; a shell's ``*`` lists as well, and that matters."""
        listing = "7 getdents64(3</p/data>, 0x55 /* 3 entries */, 32768) = 72\n"
        program = '7 execve("/usr/bin/python3", [...], 0x7 /* 1 var */) = 0\n'
        module = '7 openat(AT_FDCWD</p>, "data/m.py", O_RDONLY|O_CLOEXEC) = 3</p/data/m.py>\n'

        assert names(told(listing, tmp_path).listed, tmp_path) == ["data"]
        assert names(told(program + listing, tmp_path).listed, tmp_path) == ["data"]
        assert told(program + module + listing, tmp_path).listed == ()

    def test_only_what_lies_in_the_roots_is_told_but_what_is_written_anywhere(self, tmp_path: Path):
        """Reading the system's own files is nobody's business; devices are no files."""
        root = tmp_path / "root"
        root.mkdir()
        (tmp_path / "beside").write_text("")
        found = told(
            '7 openat(AT_FDCWD</p>, "/etc/passwd", O_RDONLY) = 3</etc/passwd>\n'
            '7 openat(AT_FDCWD</p>, "/dev/null", O_WRONLY) = 3</dev/null>\n'
            '7 openat(AT_FDCWD</p>, "../beside", O_WRONLY|O_CREAT, 0666) = 3</p/../beside>\n'
            '7 openat(AT_FDCWD</p>, "/rootless", O_RDONLY) = 3</rootless>\n'.replace("/p/../", f"{tmp_path}/"),
            root,
        )

        assert (found.read, found.written) == ((), (str(tmp_path / "beside"),))

    def test_the_other_calls_that_change_names(self, tmp_path: Path):
        """Links, exchanged names, cut files, files made the old way and the newest way."""
        for name in "bcdefgh":
            (tmp_path / name).write_text("")
        found = told(
            '7 link("a", "b") = 0\n'
            '7 symlink("elsewhere", "c") = 0\n'
            '7 symlinkat("elsewhere", 5</p>, "d") = 0\n'
            '7 renameat2(AT_FDCWD</p>, "e", AT_FDCWD</p>, "f", RENAME_EXCHANGE) = 0\n'
            '7 truncate("g", 0) = 0\n'
            '7 creat("h", 0644) = 3</p/h>\n'
            '7 openat2(AT_FDCWD</p>, "i", {flags=O_RDONLY, resolve=RESOLVE_BENEATH}, 24) = 3</p/i>\n'
            '7 openat(AT_FDCWD</p>, "j", O_RDONLY|O_PATH) = 3</p/j>\n'
            '7 open("k", O_RDONLY) = -1 EACCES (Permission denied)\n'
            "7 +++ exited with 0 +++\n"
            "nonsense\n",
            tmp_path,
        )

        assert names(found.written, tmp_path) == ["b", "c", "d", "e", "f", "g", "h"]
        assert names(found.read, tmp_path) == ["a", "i"]
        assert names(found.refused, tmp_path) == ["k"]

    @given(st.text(max_size=200))
    def test_no_transcript_is_too_strange_to_be_read(self, text: str):
        """A line that says nothing is passed over."""
        Transcript(Ledger(), "/").take(text.splitlines())

    @given(st.binary(min_size=1, max_size=20).filter(lambda raw: b"\0" not in raw))
    def test_an_escaped_name_comes_back_byte_for_byte(self, raw: bytes):
        """As strace writes it, every byte that is no plain sign in octal."""
        written = "".join(
            chr(byte) if 0x30 <= byte < 0x7F and byte not in b'\\"<>' else f"\\{byte:03o}" for byte in raw
        )

        assert os.fsencode(unescaped(written)) == raw


@pytest.mark.skipif(shutil.which("strace") is None and not os.environ.get("NO_SKIPS"), reason="no strace")
@pytest.mark.parametrize("way", [(BESIDE, QUICK), ()])
def test_strace_itself_is_understood(tmp_path: Path, way: tuple[str, ...]):
    """A real program under the real strace: every kind of touch, and a name that is no plain one."""
    odd = 'o dd"<é>'
    (tmp_path / odd).mkdir()
    (tmp_path / odd / "in").write_text("1")
    (tmp_path / "gone").write_text("1")
    script = (
        f"cd '{odd}'; cat in > ../out; ls . > /dev/null; mv ../out ../last; rm ../gone; cat nothing 2> /dev/null || :"
    )
    trace = tmp_path.parent / "trace"
    subprocess.run(["strace", *way, *FLAGS, "-o", trace, "--", "sh", "-c", script], cwd=tmp_path, check=True)
    assert eventually(lambda: _is_over(trace))  # a tracer that stands beside ends a little later
    ledger = Ledger()
    with open(trace, encoding="latin-1") as lines:
        Transcript(ledger, str(tmp_path)).take(lines)
    found = ledger.touches((str(tmp_path),), time.time() - 60, True)

    assert names(found.read, tmp_path) == [f"{odd}/in"]
    assert names(found.written, tmp_path) == ["last"]
    assert names(found.removed, tmp_path) == ["gone"]
    assert names(found.listed, tmp_path) == [odd]
    assert names(found.sought, tmp_path) == [f"{odd}/nothing"]


def _is_over(trace: Path) -> bool:
    return '"nothing"' in trace.read_text("latin-1")


def test_what_python_notes_is_summed_up_in_the_same_way(tmp_path: Path):
    """Where there is no strace: records of what a call opened, moved and listed."""
    for name in ("out", "w.db", "twin"):
        (tmp_path / name).write_text("")
    records = [
        ("reads", "in"),
        ("writes", "part"),
        ("moves", "part", "out"),
        ("reads", "out"),
        ("edits", "w.db"),
        ("misses", "none"),
        ("removes", "old"),
        ("lists", "folder"),
        ("links", "in", "twin"),
    ]
    text = "".join("\0".join([verb, *(str(tmp_path / path) for path in paths)]) + "\0\0" for verb, *paths in records)
    ledger = Ledger()
    replay(text, ledger)
    found = ledger.touches((str(tmp_path),), time.time() - 60, False)

    assert names(found.read, tmp_path) == ["in", "w.db"]
    assert (names(found.written, tmp_path), names(found.removed, tmp_path)) == (["out", "w.db", "twin"], ["old"])
    assert (names(found.sought, tmp_path), found.complete) == (["none"], False)
