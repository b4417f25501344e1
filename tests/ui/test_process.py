"""The command as a process: what it imports, its streams, its last resorts.

It does not know any Wavefile.
"""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ui.samples import FakeEngine, called
from wavebuild.engine import LogFile
from wavebuild.errors import mistake
from wavebuild.ui.caller import Caller
from wavebuild.ui.cli import run
from wavebuild.ui.style import Style, style_of

ROOT = Path(__file__).parents[2]
HEAVY = ("rich", "pydantic", "jinja2", "yaml", "asyncio", "watchdog", "multiprocessing", "sqlite3")


def python(code: str) -> str:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    return done.stdout.strip()


def loaded_by(code: str) -> set[str]:
    return set(python(f"{code}\nimport sys\nprint(*sys.modules)").split("\n")[-1].split())


def test_importing_wavebuild_imports_nothing_else() -> None:
    assert {name for name in loaded_by("import wavebuild") if name.startswith("wavebuild")} == {"wavebuild"}


@pytest.mark.parametrize("line", ["['--version']", "['-j', '--bogus']", "['cache']"])
def test_the_command_line_alone_imports_nothing_heavy(line: str) -> None:
    code = f"from wavebuild.ui.caller import the_caller\nfrom wavebuild.ui.cli import run\nrun(the_caller({line}))"

    modules = loaded_by(code)

    assert not [name for name in modules if name.split(".")[0] in HEAVY]
    assert "wavebuild.engine" not in modules


def test_the_screen_and_the_records_import_nothing_heavy_of_their_own() -> None:
    code = "import wavebuild.ui.escapes, wavebuild.ui.style, wavebuild.ui.logs, wavebuild.ui.tables"

    assert not [name for name in loaded_by(code) if name.split(".")[0] in HEAVY]


def test_module_and_console_script_are_one_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wavebuild", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert done.stdout.startswith("wavebuild ")


def test_a_mistake_of_the_author_has_no_traceback_and_its_own_exit_code() -> None:
    held = mistake("held", "another wavebuild holds this project", exit_code=3)

    done = called(engine=FakeEngine(raises=held))

    assert (done.code, done.err) == (3, "wavebuild: another wavebuild holds this project\n")


def test_a_mistake_is_told_where_no_file_can_be_opened_any_more() -> None:
    """Not even those of our own that would show its line."""
    program = (
        "import os\nfrom wavebuild.errors import mistake\nfrom wavebuild.ui.ending import called, ended\n"
        "def deed(caller):\n"
        "    try:\n        while True: os.dup(0)\n"
        "    except OSError: raise mistake('held', 'the project is held', exit_code=3) from None\n"
        "raise SystemExit(called([], lambda caller: ended(caller, deed)))\n"
    )
    words = ["sh", "-c", 'ulimit -n 32; exec "$@"', "sh", sys.executable, "-c", program]

    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)

    assert (done.returncode, done.stderr) == (3, "wavebuild: the project is held\n")


def test_a_bug_of_ours_is_loud() -> None:
    done = called("plan", "x", engine=FakeEngine(raises=RuntimeError("oops")))

    assert done.code == 70
    assert "RuntimeError: oops" in done.err
    assert "a bug of wavebuild" in done.err


def test_a_bug_during_a_build_is_loud_too_and_leaves_no_thread() -> None:
    done = called(engine=FakeEngine(raises=ZeroDivisionError()))

    assert done.code == 70


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.ENOMEM])
def test_what_the_system_refuses_is_no_bug_of_ours(number: int) -> None:
    """A disk that fails in the midst of a build: what and where, exit 1, no traceback."""
    done = called(engine=FakeEngine(raises=OSError(number, os.strerror(number), "/some/file")))

    assert done.code == 1
    assert done.err.startswith(f"wavebuild: {os.strerror(number)}: /some/file\n")
    assert "Traceback" not in done.err


def test_ctrl_c_outside_a_build_ends_130_without_a_word() -> None:
    done = called("plan", "x", engine=FakeEngine(raises=KeyboardInterrupt()))

    assert (done.code, done.err) == (130, "")


def test_ctrl_c_while_we_are_still_being_imported_ends_130_without_a_word() -> None:
    """As when somebody thinks better of it at once."""
    code = """if True:
        import sys
        class Impatient:
            def find_spec(self, name, *rest):
                if name == "wavebuild.ui.cli":
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Impatient())
        from wavebuild.ui.front import main
        sys.argv = ["wavebuild", "list"]
        main()
    """
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ)

    assert (done.returncode, done.stderr) == (130, "")


class Gone(io.StringIO):
    """A stdout whose reader has gone."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


def answered_to_nobody(*argv: str, engine: FakeEngine) -> tuple[int, str]:
    stderr = io.StringIO()
    return run(Caller("/", {}, io.StringIO(), Gone(), stderr, argv, lambda: engine)), stderr.getvalue()


def test_a_reader_that_has_gone_ends_a_question_quietly() -> None:
    assert answered_to_nobody("list", engine=FakeEngine()) == (0, "")


@pytest.mark.scenario(id="K7")
def test_a_reader_that_has_gone_does_not_hide_how_the_build_ended() -> None:
    from tests.ui.samples import a_build_with_a_failure, result_of

    events = a_build_with_a_failure()
    engine = FakeEngine(events=events, result=result_of(events, exit_code=1))

    assert answered_to_nobody("--json", engine=engine)[0] == 1
    assert answered_to_nobody("--events", "-", engine=engine)[0] == 1


def test_a_real_broken_pipe_leaves_no_complaint_at_exit() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "wavebuild", "--version"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    assert (done.returncode, done.stderr) == (0, "")


class Full(io.StringIO):
    """A stdout on a full disk."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_under_stdout_is_said_in_one_line() -> None:
    stderr = io.StringIO()

    code = run(Caller("/", {}, io.StringIO(), Full(), stderr, ("list",), FakeEngine))

    assert code == 2
    assert stderr.getvalue() == "wavebuild: the answer cannot be written: No space left on device\n"


def test_closed_streams_are_no_reason_to_fail() -> None:
    done = subprocess.run(
        f"{sys.executable} -m wavebuild --version <&- >&- 2>&-",
        shell=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert done.returncode == 0


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&- 2>&-", "2>&-"])
def test_steps_of_a_build_whose_streams_are_closed_have_streams(closed: str, tmp_path: Path) -> None:
    """A call and a command talk as ever; the second build, which has nothing to do, ends well, too."""
    tmp_path.joinpath("work.py").write_text("print('hello')\ndef take():\n    print('well')\n")
    tmp_path.joinpath("Wavefile").write_text("steps: {a: {call: 'work:take'}, b: {run: echo good; echo bad >&2}}")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = f"{sys.executable} -m wavebuild -C {tmp_path} {closed}"

    codes = [subprocess.run(command, shell=True, check=False, env=environ).returncode for _ in range(2)]

    logs = {log.name: log.read_text() for log in tmp_path.glob(".wavebuild/logs/*/*.log")}
    assert codes == [0, 0]
    assert logs == {"a.log": "hello\nwell\n", "b.log": "good\nbad\n"}


def test_a_current_folder_that_is_gone_is_a_plain_message(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()

    done = subprocess.run(
        f"cd {folder} && rmdir {folder} && exec {sys.executable} -m wavebuild",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert (done.returncode, done.stderr.splitlines()[-2:][0]) == (2, "wavebuild: the current folder is gone")


def a_log(tmp_path: Path) -> FakeEngine:
    from tests.ui.samples import step
    from wavebuild.declare.model import Wavefile
    from wavebuild.graph import link

    (tmp_path / "new.log").write_text("new \x1b[31mred\x1b[0m\x1b]0;t\x07\n", encoding="utf-8")
    (tmp_path / "old.log").write_text("old\n", encoding="utf-8")
    logs = (LogFile("a", "r2", 2, "new.log", 2.0), LogFile("a", "r1", 1, "old.log", 1.0))
    graph = link(Wavefile(root=str(tmp_path), file="Wavefile", steps=(step("a", makes=["x"]),)))
    return FakeEngine(graph=graph, log_files=logs, last_started=2.0)


def test_log_shows_the_newest_without_escapes(tmp_path: Path) -> None:
    done = called("log", "a", engine=a_log(tmp_path))

    assert (done.code, done.out) == (0, "new red\n")


@pytest.mark.parametrize("wanted", [("--run", "r1"), ("--attempt", "1"), ("--run", "r1", "--attempt", "1")])
def test_log_finds_an_older_one(tmp_path: Path, wanted: tuple[str, ...]) -> None:
    assert called("log", "a", *wanted, engine=a_log(tmp_path)).out == "old\n"


def test_log_path_is_where_it_lies(tmp_path: Path) -> None:
    assert called("log", "a", "--path", engine=a_log(tmp_path)).out == f"{tmp_path / 'new.log'}\n"


def test_a_last_run_that_printed_nothing_is_not_hidden_behind_an_older_log(tmp_path: Path) -> None:
    """log speaks of the latest run: when that said nothing, an older log is named and not shown."""
    engine = a_log(tmp_path)
    engine.last_started = 3.0

    said, path = called("log", "a", engine=engine), called("log", "a", "--path", engine=engine)

    assert (said.code, said.out) == (0, "")
    assert "the last run of 'a' printed nothing" in said.err
    assert "wavebuild log a --run r2" in said.err
    assert (path.code, path.out) == (2, "")


def test_no_such_log_is_a_plain_message_that_names_what_there_is(tmp_path: Path) -> None:
    wrong = called("log", "a", "--run", "r9", engine=a_log(tmp_path))
    never = called("log", "a", engine=FakeEngine(last_started=None))

    assert (wrong.code, never.code) == (2, 2)
    assert "r2 try 2, r1 try 1" in wrong.err
    assert "no log of 'a' yet" in never.err


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "colours"),
    [
        ({}, True, False),  # nobody knows what it can
        ({"TERM": ""}, True, False),
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm", "CI": "true"}, True, False),
        ({"CI": "true", "FORCE_COLOR": "1"}, False, True),
    ],
)
def test_the_environment_sways_colour_and_never_the_terminal(
    environ: dict[str, str], terminal: bool, colours: bool
) -> None:
    style = style_of(Tty() if terminal else io.StringIO(), environ)

    assert (style.colours, style.terminal) == (colours, terminal)


@pytest.mark.parametrize(
    ("environ", "unicode"),
    [
        ({}, True),
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "C"}, False),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, False),
        ({"LC_CTYPE": "C", "LANG": "de_DE.UTF-8"}, False),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, False),  # Python puts it there
        ({"LC_CTYPE": "C.UTF-8"}, True),
        ({"LC_CTYPE": "de_DE.UTF-8", "LANG": "C"}, True),
        ({"LANG": "de_DE"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LC_ALL": "ru_RU.KOI8-R@x", "LANG": "ru_RU.UTF-8"}, False),
        ({"LANG": "sr_RS.utf8@latin"}, True),
    ],
)
def test_a_terminal_said_to_know_ascii_alone_gets_no_more(environ: dict[str, str], unicode: bool) -> None:
    """Of streams that are no terminals their encoding says enough."""

    class Tty(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    assert style_of(Tty(), environ).unicode is unicode
    assert style_of(io.StringIO(), environ).unicode


def test_the_width_is_said_by_columns_and_else_80() -> None:
    assert style_of(io.StringIO(), {"COLUMNS": "132"}).width == 132
    assert style_of(io.StringIO(), {"COLUMNS": "nonsense"}).width == 80
    assert style_of(io.StringIO(), {}) == Style()
