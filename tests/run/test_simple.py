"""A plain command is started without a shell, and nobody can tell: neither it, nor who reads how it ended."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.crew import Crew
from wavebuild.run import simple
from wavebuild.run.job import Ended
from wavebuild.run.simple import OWN, STARTS, kind_of, plain_of

SH, BASH = STARTS
SHELLS = [start for start in STARTS if shutil.which(start[0])]
THE_SAME = {SH: ("sh", "-ue", "-c"), BASH: ("bash", "-eu", "-o", "pipefail", "-c")}
"""Starts of the same shell that are no longer the ones that are dealt with."""

_SHELLISH = (
    "cp $a b|cp a b; cp c d|cp a b & cp c d|cp a >b|cp a <b|cp *.c d|cp ~/a b|cp a{1,2} b|cp `a` b|cp a b # c|"
    'cp "a" b|cp a\\ b c|A=1 cp a b|! cp a b|cp a b &|(cp a b)|[ -f a ]|cd a|echo a|exec cp a b|time cp a b|%1|'
    "'cp' a b|setsid cp a b|cp ä b|cp 'ä' b|cp [ab] c|a+=1|a=1|cp 'a|-x a|cp a?b c"
)


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    place = Crew(tmp_path_factory.mktemp("crew"), size=1)
    (place.folder / "sub/inner").mkdir(parents=True)
    (place.folder / "link").symlink_to("sub")
    for name, text in {
        "plain": "echo no interpreter is named\n",
        "lost": "#!/nowhere/interpreter\n",
        "tool": f'#!{sys.executable}\nimport os, sys; print(sys.argv, os.environ.get("_"))\n',
        "dies": "#!/bin/sh\nkill -$1 $$\n",
        "fails": "#!/bin/sh\necho trouble >&2\nexit 7\n",
        "unfit": "#!/bin/sh\necho never\n",
    }.items():
        (place.folder / "sub" / name).write_text(text)
        (place.folder / "sub" / name).chmod(stat.S_IRUSR if name == "unfit" else 0o755)
    yield place
    place.pool.close()


def words_of(argv: tuple[str, ...]) -> tuple[str, ...] | None:
    """Of a line that needs no shell and has no redirections."""
    found = plain_of(argv)
    assert found is None or not found.files
    return found.words if found else None


def found_in(folder: Path) -> dict[str, tuple[int, bytes]]:
    """What lies in a folder: mode and content of each file, its lines sorted, and without the folder's name."""
    name = os.fsencode(folder)
    return {
        path.name: (path.lstat().st_mode, b"\n".join(sorted(path.read_bytes().replace(name, b"").split(b"\n"))))
        for path in folder.iterdir()
        if path.is_file()
    }


def both(crew: Crew, start: tuple[str, ...], script: str, **facts) -> tuple[Ended, str]:
    """How a script ends, and what its log says, when the shell may be spared; it is the same when it is not."""
    found = []
    for argv in ((*start, script), (*THE_SAME[start], script)):
        ended = crew.run(argv=argv, **facts)
        log = "\n".join(sorted(crew.log.split("\n"))) if script == "env" else crew.log
        found.append((Ended(1, ended.failure, ended.exit_code, ended.signal, detail=ended.detail), log))
    spared, shell = found
    assert spared == shell
    return spared


class TestWhichScripts:
    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("cp a b", ("cp", "a", "b")),
            ("  cc -O2 -o out/a.o\tsrc/a.c\n", ("cc", "-O2", "-o", "out/a.o", "src/a.c")),
            ("tool 'two words' it'$'s ''", ("tool", "two words", "it$s", "")),
            ("./tool --key=value", ("./tool", "--key=value")),
        ],
    )
    def test_one_command_of_plain_words_needs_no_shell(self, script: str, words: tuple[str, ...]):
        """Signs that mean nothing to any shell, and what stands in single quotes."""
        assert words_of((*SH, script)) == words
        assert words_of((*BASH, script)) == words

    @pytest.mark.parametrize(
        "script",
        [
            "cp $a b",
            "cp a b; cp c d",
            "cp a b & cp c d",
            "cp a>b",
            "cp a3> b",
            "cp a 3> b",
            "cp a 10> b",
            "cp a >| b",
            "cp a &> b",
            "cp a >& b",
            "cp a 2>&-",
            "cp a 2>&12",
            "cp a 2>& 1",
            "cp a <> b",
            "cp a << b",
            "cp a <<< b",
            "cp a <(b)",
            "cp a > b*",
            "cp a > $b",
            "cp a > ~/b",
            "cp a >",
            "cp a > b>c",
            "cp a > b;",
            "> a cp b",
            "echo a > b",
            "cp a 1>2>&1",
            "cp *.c d",
            "cp ~/a b",
            "cp a{1,2} b",
            "cp `a` b",
            "cp a b # c",
            'cp "a" b',
            "cp a\\ b c",
            "A=1 cp a b",
            "! cp a b",
            "cp a b &",
            "(cp a b)",
            "[ -f a ]",
            "cd a",
            "echo a",
            "exec cp a b",
            "time cp a b",
            "%1",
            "'cp' a b",
            "setsid cp a b",
            "cp ä b",
            "cp 'ä' b",
            "cp [ab] c",
            "a+=1",
            "a=1",
            "cp 'a",
            "-x a",
            "cp a?b c",
        ],
    )
    def test_whatever_a_shell_could_have_to_do_with_goes_to_it(self, script: str):
        """Expansions, redirections of odd kinds, quotes of other kinds, assignments, and what shells do themselves."""
        assert words_of((*SH, script)) is None

    @pytest.mark.parametrize(
        ("script", "words", "line"),
        [
            ("cat a b >c", ("cat", "a", "b"), "cat a b > c"),
            ("cat < a 2>> 'the log' 1>&2 b", ("cat", "b"), "cat b < a 2>> 'the log' 1>&2"),
            ("cat 2 > 2 2> 1 2>&1", ("cat", "2"), "cat 2 > 2 2> 1 2>&1"),
            ("cat '> a' 0<b 1>>c >&2", ("cat", "> a"), "cat '> a' < b >> c 1>&2"),
        ],
    )
    def test_nor_do_its_files(self, script: str, words: tuple[str, ...], line: str):
        """Where they stand among the words does not matter; bash shows them at the end."""
        for start in STARTS:
            found = plain_of((*start, script))
            assert found is not None
            assert found.files
            assert (found.words, found.line) == (words, line)

    @settings(max_examples=400, deadline=None)
    @given(
        st.lists(
            st.sampled_from([*"a01=/ <>&\t\n;$", " ", ">> ", "2>&1", " >&2", "1>", "a b"]), min_size=1, max_size=9
        ).map("".join)
    )
    def test_without_quotes_a_line_is_read_alike_in_both_ways(self, text: str):
        """Most lines are read without an expression."""
        quick, slow = simple._read_unquoted(text.strip(" \t\n")), simple._read(text)

        assert (quick and (quick.words, quick.files)) == (slow and (slow.words, slow.files))
        assert not quick or not quick.files or quick.line == (slow and slow.line)

    @pytest.mark.parametrize("script", ["", "\n", "cp a b\ncp c d", "cp a\x00b", "cp 'a\nb' c", "cp a\x0bb", "cp a\r"])
    def test_more_than_one_line_or_none_goes_to_it(self, script: str):
        """So do odd blanks."""
        assert words_of((*SH, script)) is None

    @pytest.mark.parametrize("start", [("sh", "-c"), ("/bin/sh", "-eu", "-c"), ("zsh", "-c"), ("python3", "-c"), ()])
    def test_a_shell_that_the_wavefile_names_gets_every_script(self, start: tuple[str, ...]):
        """What it makes of a script is its own affair."""
        assert words_of((*start, "cp a b")) is None

    @pytest.mark.skipif(BASH not in SHELLS, reason="there is no bash")
    def test_no_word_that_bash_keeps_for_itself_is_a_command(self):
        """Its builtins and reserved words, as it lists them."""
        kept = subprocess.run(["bash", "-c", "compgen -b; compgen -k"], capture_output=True, text=True, check=True)

        assert [word for word in kept.stdout.split() if words_of((*BASH, f"{word} a")) is not None] == []

    @pytest.mark.parametrize("start", SHELLS)
    def test_every_word_that_is_no_file_of_the_shell_is_kept(self, start: tuple[str, ...]):
        """Of those that one of the shells keeps, and of those that are everywhere."""
        for word in ("cp", "cat", "env", "sort", "mkdir", "cc", "python3", "tar", "make", "git"):
            assert word not in OWN
        told = subprocess.run([start[0], "-c", "type cp env"], capture_output=True, text=True, check=False)
        assert "builtin" not in told.stdout

    def test_who_exports_what_a_shell_changes_gets_the_shell(self):
        """Options, functions, files to be read at the start, and names that no shell hands on."""
        path = {"PATH": os.environ["PATH"]}
        known = kind_of("sh", path)

        for name in (
            "BASH_ENV",
            "ENV",
            "SHELLOPTS",
            "BASH_FUNC_cp%%",
            "IFS",
            "OPTIND",
            "a.b",
            "PS4",
            "POSIXLY_CORRECT",
        ):
            assert kind_of("sh", path | {name: "1"}) is None
        assert kind_of("sh", path | {"HOME": "/", "LC_ALL": "C", "_": "x", "PS1": "$ "}) == known
        assert kind_of("sh", {}) is None
        assert kind_of("sh", {"PATH": "bin:/usr/bin"}) is None
        assert kind_of("sh", {"PATH": "/nowhere"}) is None


@pytest.mark.parametrize("start", SHELLS, ids=lambda start: start[0])
class TestNobodyCanTell:
    @pytest.mark.parametrize(
        "script",
        [
            "./tool a 'b  c' '' -x=1",
            "tool a",
            f"{sys.executable} -c 'import sys; print(sys.argv, sys.stdin.read())' x",
            "./fails",
            "./plain",
            "./lost",
            "./unfit",
            "./inner",
            "no-such-command a b",
            "./nowhere a",
            "sub/tool/x",
            "sleep nonsense",
            *(f"./dies {number}" for number in (1, 2, 6, 9, 11, 13, 15)),
        ],
    )
    def test_a_command_ends_and_speaks_as_under_its_shell(self, crew: Crew, start: tuple[str, ...], script: str):
        """Found or not, fit to be executed or not, with any code, or killed."""
        folder = str(crew.folder / "sub")

        ended, log = both(crew, start, script, cwd=folder, env={"PATH": f"{folder}:{os.environ['PATH']}"})

        assert log or ended.failure

    @pytest.mark.parametrize(
        "env",
        [
            {},
            {"PWD": "/nowhere", "OLDPWD": "/nowhere", "SHLVL": "3"},
            {"PWD": "/", "OLDPWD": "/tmp", "SHLVL": "x"},
            {"PWD": "{}/link", "OLDPWD": "tmp", "SHLVL": "998"},
            {"PWD": "{}/sub/", "SHLVL": "999", "_": "x"},
            {"PWD": "{}/sub/../sub", "SHLVL": "-1", "PS1": "a", "PS2": "b"},
            {"PWD": "sub", "SHLVL": " 4", "LINES": "7", "COLUMNS": "9", "TMOUT": "1", "CDPATH": "/"},
            {"PWD": "", "SHLVL": "007", "MAIL": "x", "HISTFILE": "x", "HOSTNAME": "x", "SHELL": "x", "TERM": "x"},
            {"IFS": ",", "OPTIND": "3", "PPID": "1", "RANDOM": "1", "PS4": "x"},
            {"BASH_ENV": "{}/sub/plain", "ENV": "{}/sub/plain", "a.b": "c"},
        ],
    )
    def test_it_gets_the_variables_that_its_shell_would_hand_on(
        self, crew: Crew, start: tuple[str, ...], env: dict[str, str]
    ):
        """The current folder, the depth of shells, the command's file; and what the caller has of the kind."""
        given = {name: value.replace("{}", str(crew.folder)) for name, value in env.items()}

        _, log = both(crew, start, "env", env=given, cwd=str(crew.folder / "sub"))

        assert f"SITE_MARK={crew.mark}" in log

    @pytest.mark.parametrize(
        "path", ["", "/nowhere", "{}", "{}/:/usr/bin:/bin", "{}::/usr/bin:/bin", ".:/usr/bin:/bin", "/usr/bin:/bin:{}"]
    )
    def test_it_is_looked_for_where_its_shell_looks(self, crew: Crew, start: tuple[str, ...], path: str):
        """Under the step's own PATH, whatever that is."""
        shell = shutil.which(start[0])
        assert shell is not None
        (crew.folder / "sub" / start[0]).unlink(missing_ok=True)
        (crew.folder / "sub" / start[0]).symlink_to(os.path.realpath(shell))
        given = path.replace("{}", str(crew.folder / "sub"))

        both(crew, start, "tool a", env={"PATH": given}, cwd=str(crew.folder / "sub"))

    @settings(max_examples=60, deadline=None)
    @given(text=st.text(alphabet="ab 'é$\t\n=~*{},;&|#\"\\-/%:@!^+.0", max_size=12))
    def test_the_words_are_those_that_the_shell_makes_of_the_line(self, start: tuple[str, ...], text: str):
        """Of any line that is said to need none."""
        words = words_of((*start, f"/usr/bin/printf '%s|' x {text}"))

        if words is not None:
            told = subprocess.run([*start, f"/usr/bin/printf '%s|' x {text}"], capture_output=True, check=False)
            assert told.stdout.decode() == "".join(f"{word}|" for word in words[2:])

    @pytest.mark.parametrize(
        "script",
        [
            "cat there > made",
            "cat there there >there2",
            "cat there >> there2 2> err",
            "cat missing there > made 2> err",
            "cat missing there > made 2>&1",
            "cat missing there 2>&1 > made",
            "cat missing there >&2 2> err",
            "cat < there > '' 2> err",
            "cat < there > 'a b' 2>/dev/null",
            "cat < missing > made",
            "cat there > made < missing",
            "cat there > folder",
            "cat there > folder/a > nowhere/b",
            "cat < folder",
            "cat < /dev/null > made",
            "cat there > unfit",
            "cat there > link",
            "cat there > dangling",
            "cat there > loop",
            "cat there > made > made2 >> made3",
            "cat there > there",
            "cat < there 1> 1",
            "cat < there > /dev/stdout",
            "cat < there > /dev/fd/2",
            "cat < there > /proc/self/fd/1",
            "cat < there > /dev/tcp/nowhere/x",
            "no-such-command > made 2> err",
            "./there > made",
            "sh -c 'umask; ls -l /proc/self/fd | cut -c1-10' > made",
            "env > made",
            *(f"./dies {number} 'a b' 2>>err > made" for number in (1, 2, 9, 11, 13, 15)),
            "./dies 9 > made 2>&1",
        ],
    )
    def test_its_files_are_opened_as_by_its_shell(
        self, crew: Crew, start: tuple[str, ...], script: str, tmp_path: Path
    ):
        """Made, emptied, added to, in their order; with the same words where that cannot be done."""
        found = []
        for number, argv in enumerate(((*start, script), (*THE_SAME[start], script))):
            folder = tmp_path / str(number) / "here"
            (folder / "folder").mkdir(parents=True)
            (folder / "there").write_text("some text\n")
            (folder / "there2").write_text("more text\n")
            (folder / "unfit").mkdir(0o500)
            (folder / "link").symlink_to("there2")
            (folder / "dangling").symlink_to("behind")
            (folder / "loop").symlink_to("loop")
            (folder / "dies").symlink_to(crew.folder / "sub/dies")
            ended = crew.run(argv=argv, cwd=str(folder), env={"PWD": "/nowhere", "SHLVL": "3"})
            made = found_in(folder) | {f"folder/{name}": file for name, file in found_in(folder / "folder").items()}
            log = re.sub(r"\d+ (?=[A-Z])", "", crew.log)  # the id of the process
            found.append((ended.failure, ended.exit_code, ended.signal, ended.detail, made, log))

        assert found[0] == found[1]

    def test_what_would_wait_for_somebody_is_opened_by_its_shell(
        self, crew: Crew, start: tuple[str, ...], tmp_path: Path
    ):
        """Nobody reads the named pipe: it is the command that hangs, and it is ended in time; its worker lives on."""
        os.mkfifo(tmp_path / "pipe")

        ended = crew.run(argv=(*start, "cat /dev/null > pipe"), cwd=str(tmp_path), timeout=0.3)

        assert ended.failure == "timeout"
        assert crew.run(argv=(*start, "cat /dev/null")).failure == ""

    @settings(max_examples=60, deadline=None)
    @given(text=st.text(alphabet="ab '\t=~*&|-/.012<<>>>>", max_size=14))
    def test_the_files_are_those_that_the_shell_opens_for_the_line(
        self, crew: Crew, start: tuple[str, ...], text: str, tmp_path_factory: pytest.TempPathFactory
    ):
        """Of any line that is said to need no shell."""
        script = f"/usr/bin/printf '%s|' x {text}"
        if "/" in text or not (plain := plain_of((*start, script))) or not plain.files:
            return
        found = []
        for argv in ((*start, script), (*THE_SAME[start], script)):
            folder = tmp_path_factory.mktemp("files")
            (folder / "a").write_text("what stood there before, and is long")
            ended = crew.run(argv=argv, cwd=str(folder))
            found.append((ended.failure, ended.exit_code, crew.log, found_in(folder)))
        assert found[0] == found[1]

    @pytest.mark.parametrize("files", ["", " < /dev/null 2>&1"])
    def test_the_shell_is_spared(self, crew: Crew, start: tuple[str, ...], files: str):
        """The command's parent is the worker itself."""
        if kind_of(start[0], os.environ) is None:
            pytest.skip("this shell is not known, or the environment holds what it heeds")

        script = f"{sys.executable} -c 'import os; print(os.getppid(), os.getpid() == os.getsid(0))'{files}"

        crew.run(argv=(*start, script))

        assert crew.log == f"{crew.workers()[0]} True\n"


@pytest.mark.skipif(BASH not in SHELLS, reason="there is no bash")
def test_a_bash_that_is_called_sh_is_known_for_what_it_is(crew: Crew):
    """As on many systems."""
    bash = shutil.which("bash")
    assert bash is not None
    folder = crew.folder / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to(Path(bash).resolve())
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "PS1": "x", "SHLVL": "2"}

    assert kind_of("sh", env) == "bash"
    both(crew, SH, "env", env=env)
    both(crew, SH, "sub/dies 11", env=env)
    both(crew, SH, "no-such-command", env=env)
