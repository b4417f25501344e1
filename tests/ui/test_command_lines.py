"""What each command line asks of the engine, and which are refused.

It does not know what the engine would do.
"""

from __future__ import annotations

import io
import os
from typing import Any

import pytest

from tests.ui.samples import FakeEngine, called, graph_of, step
from wavebuild.errors import Place, Problem, mistake
from wavebuild.run.cores import cores
from wavebuild.ui.arguments import VALUED, arranged, is_valued
from wavebuild.ui.caller import Caller
from wavebuild.ui.vocabulary import COMMANDS, LATER_COMMANDS

ALL = cores()
TMP = "/tmp"


@pytest.mark.scenario(id="P12")
@pytest.mark.parametrize(
    ("line", "deed", "wanted"),
    [
        ("", "build", {"targets": (), "jobs": None, "keep_going": None, "force": False, "schedule": None}),
        ("build", "build", {"targets": ()}),
        ("build app", "build", {"targets": ("app",)}),
        ("app lib", "build", {"targets": ("app", "lib")}),
        ("-j4", "build", {"jobs": 4, "targets": ()}),
        ("-j 4", "build", {"jobs": 4, "targets": ()}),
        ("-j4 app", "build", {"jobs": 4, "targets": ("app",)}),
        ("app -j 4", "build", {"jobs": 4, "targets": ("app",)}),
        ("--jobs=4", "build", {"jobs": 4}),
        ("--jobs 4 app", "build", {"jobs": 4, "targets": ("app",)}),
        ("--max-workers 3", "build", {"jobs": 3}),
        ("--max-workers=3", "build", {"jobs": 3}),
        ("-j", "build", {"jobs": ALL}),
        ("-j0", "build", {"jobs": ALL}),
        ("-j 0", "build", {"jobs": ALL}),
        ("-j app", "build", {"jobs": ALL, "targets": ("app",)}),
        ("-j 4a", "build", {"jobs": ALL, "targets": ("4a",)}),
        ("-j -k app", "build", {"jobs": ALL, "keep_going": True, "targets": ("app",)}),
        ("--jobs app", "build", {"jobs": ALL, "targets": ("app",)}),
        ("-kj4", "build", {"keep_going": True, "jobs": 4}),
        ("-kj", "build", {"keep_going": True, "jobs": ALL}),
        ("-kBj2 app", "build", {"keep_going": True, "force": True, "jobs": 2, "targets": ("app",)}),
        ("--parallel", "build", {"jobs": ALL}),
        ("--sequential", "build", {"jobs": 1}),
        ("-k", "build", {"keep_going": True}),
        ("--keep-going app", "build", {"keep_going": True, "targets": ("app",)}),
        ("-B app", "build", {"force": True, "targets": ("app",)}),
        ("-B --only app", "build", {"force": True, "only": True}),
        ("--only app", "build", {"only": True}),
        ("--barrier", "build", {"schedule": "barrier"}),
        ("--schedule flow", "build", {"schedule": "flow"}),
        ("--schedule=barrier", "build", {"schedule": "barrier"}),
        ("--barrier --schedule barrier", "build", {"schedule": "barrier"}),
        ("--wait 90s", "build", {"wait": 90.0}),
        ("--wait 1h30m", "build", {"wait": 5400.0}),
        ("--wait=0", "build", {"wait": 0.0}),
        ("-l2.5 app", "build", {"load": 2.5, "targets": ("app",)}),
        ("--load 4", "build", {"load": 4.0}),
        ("--load-average=0", "build", {"load": 0.0}),
        ("--paranoid", "build", {"paranoid": True}),
        ("--no-watcher", "build", {"watcher": False}),
        ("-q --no-watcher", "question", {"watcher": False}),
        ("-q --paranoid", "question", {"paranoid": True}),
        ("--confirm-over 99d", "build", {"paranoid": False, "load": None}),
        ("--output prefix -j4", "build", {"jobs": 4}),
        ("-f other.yaml", "build", {"file": "other.yaml"}),
        ("-fother.yaml app", "build", {"file": "other.yaml", "targets": ("app",)}),
        ("--file=other.yaml", "build", {"file": "other.yaml"}),
        ("--pipeline other.yaml", "build", {"file": "other.yaml"}),
        ("-C tmp", "build", {"directory": TMP}),
        ("-Ctmp app", "build", {"directory": TMP, "targets": ("app",)}),
        ("-C / -C tmp", "build", {"directory": TMP}),
        ("-C tmp -j4 app", "build", {"directory": TMP, "jobs": 4, "targets": ("app",)}),
        ("--set a.b=1 --set c=x", "build", {"overrides": (("a.b", "1"), ("c", "x"))}),
        ("--set a=", "build", {"overrides": (("a", ""),)}),
        ("--set a=b=c", "build", {"overrides": (("a", "b=c"),)}),
        ("--set=a=-x", "build", {"overrides": (("a", "-x"),)}),
        ("pace=2 app", "build", {"overrides": (("pace", "2"),), "targets": ("app",)}),
        ("--set a=1 b=2", "build", {"overrides": (("a", "1"), ("b", "2"))}),
        ("train@lr=0.1", "build", {"targets": ("train@lr=0.1",), "overrides": ()}),
        ("./a=b", "build", {"targets": ("./a=b",), "overrides": ()}),
        ("X+ +Y tag:nightly phase:p", "build", {"targets": ("X+", "+Y", "tag:nightly", "phase:p")}),
        ("-- -odd", "build", {"targets": ("-odd",)}),
        ("-k -- plan", "build", {"targets": ("plan",), "keep_going": True}),
        ("build plan", "build", {"targets": ("plan",)}),
        ("build -j4 -- -C", "build", {"jobs": 4, "targets": ("-C",), "directory": "/"}),
        ("app -v", "build", {"targets": ("app",)}),
        ("-v app", "build", {"targets": ("app",)}),
        ("-s app", "build", {"targets": ("app",)}),
        ("-n app", "plan", {"targets": ("app",)}),
        ("-nB app", "plan", {"targets": ("app",), "force": True}),
        ("-n -j4", "plan", {"jobs": 4}),
        ("-q app", "question", {"targets": ("app",)}),
        ("-q --strict", "strict question", {}),
        ("-t app", "touch", {"targets": ("app",)}),
        ("-t --yes", "touch", {"targets": ()}),
        ("-t --force app", "touch", {"targets": ("app",), "force": True}),
        ("plan", "plan", {"targets": ()}),
        ("plan app --json", "plan", {"targets": ("app",)}),
        ("plan -j2 -B app", "plan", {"jobs": 2, "force": True, "targets": ("app",)}),
        ("-C tmp plan app", "plan", {"directory": TMP, "targets": ("app",)}),
        ("plan -C tmp app", "plan", {"directory": TMP, "targets": ("app",)}),
        ("-f o.yaml -v --set a=1 plan", "plan", {"file": "o.yaml", "overrides": (("a", "1"),)}),
        ("plan a=1", "plan", {"targets": (), "overrides": (("a", "1"),)}),
        ("plan --", "plan", {"targets": ()}),
        ("status app", "status", {"targets": ("app",)}),
        ("explain app", "explain", {"targets": ("app",)}),
        ("explain d/x.csv -C tmp", "explain", {"directory": TMP}),
        ("graph --format dot", "load", {}),
        ("list", "load", {}),
        ("accept a b", "accept", {"targets": ("a", "b")}),
        ("clean app", "clean dry", {"targets": ("app",)}),
        ("clean -n", "clean dry", {"targets": ()}),
        ("check", "check", {}),
        ("-f x check", "check", {"file": "x"}),
        ("import build.ninja", "convert build.ninja None", {}),
        ("-C tmp import dvc.yaml -o -", "convert dvc.yaml -", {"directory": TMP}),
        ("import -o W.yaml a=b.ninja", "convert a=b.ninja W.yaml", {"overrides": ()}),
    ],
)
def test_a_command_line_asks_for_just_what_it_says(line: str, deed: str, wanted: dict[str, Any]) -> None:
    done = called(*line.split())

    assert done.code == 0, done.err
    assert done.engine.deeds[-1] == deed
    assert {name: getattr(done.engine.request, name) for name in wanted} == wanted


@pytest.mark.scenario(id="P12")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--bogus", "No such option: --bogus"),
        ("-j-1", "-j needs a number from 0"),
        ("-jx", "'x' is not a valid"),
        ("-j4 --sequential", "contrary"),
        ("--parallel --sequential", "contrary"),
        ("--barrier --schedule flow", "exclude each other"),
        ("--schedule zigzag", "zigzag"),
        ("-n -q", "exclude each other"),
        ("-n -t app", "exclude each other"),
        ("-v -s", "exclude each other"),
        ("--strict", "needs -q"),
        ("-q --json", "exit code"),
        ("--json --events -", "give --events a file"),
        ("-t", "add --yes"),
        ("-t a=1", "add --yes"),
        ("--set", "--set needs a value"),
        ("--show-completion", "one of bash, zsh, fish"),
        ("--set pace", "NAME=VALUE"),
        ("--wait soon", "no duration"),
        ("--wait 5", "no duration"),
        ("-C no/such/folder", "there is no folder no/such/folder"),
        ("-C", "-C needs a value"),
        ("--color pink", "pink"),
        ("explain", "Missing argument"),
        ("explain a b", "one STEP or PATH"),
        ("log", "Missing argument"),
        ("log a b", "one STEP"),
        ("accept", "Missing argument"),
        ("import", "Missing argument"),
        ("import a b", "one FILE"),
        ("import a -o", "-o needs a value"),
        ("-f x import a", "No such option: -f"),
        ("list app", "unexpected extra argument"),
        ("graph --upstream nosuch", "nosuch"),
        ("graph --format png", "png"),
        ("--verbose=yes", "--verbose"),
        ("cache", "wavebuild build cache"),
        ("-C tmp cache app", "not of this version yet"),
        ("report a b", "one RUN"),
        ("-W", "-W needs a value"),
        ("-t app -W x", "neither -W nor -o"),
        ("freeze", "Missing argument"),
        ("forget a=b", "forget needs a STEP"),
        ("--mem a", "--mem needs KEY=VALUE"),
        ("-l", "-l needs a value"),
        ("-l many", "-l needs a number from 0, not 'many'"),
        ("-l -1", "-l needs a number from 0, not '-1'"),
        ("-l nan", "-l needs a number from 0, not 'nan'"),
        ("--output all", "all"),
        ("-s --output group", "-s shows failures alone: it does not go with --output"),
        ("--confirm-over 5", "--confirm-over: '5' is no duration"),
        ("--confirm-over 5 --yes", "--confirm-over: '5' is no duration"),
        ("--no-cache app", "--no-cache is not of this version yet"),
        ("--executor far", "--executor is not of this version yet"),
        ("clean --orphans --state", "exclude each other"),
        ("clean --orphans app", "go with no step"),
    ],
)
def test_a_wrong_command_line_ends_in_one_plain_message_and_exit_2(line: str, said: str) -> None:
    done = called(*line.split())

    assert done.code == 2
    assert said in done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert done.engine.deeds in ([], ["load"])


def test_a_bare_word_that_is_a_command_and_a_step_is_refused_with_both_spellings() -> None:
    engine = FakeEngine(graph=graph_of(step("plan", makes=["x"]), step("clean", makes=["y"])))

    for word in ("plan", "clean"):
        done = called(word, engine=engine)

        assert done.code == 2
        assert f"wavebuild build {word}" in done.err
        assert f"wavebuild {word} --" in done.err


def test_the_two_spellings_of_an_ambiguous_word_do_what_they_say() -> None:
    engine = FakeEngine(graph=graph_of(step("plan", makes=["x"])))

    assert called("plan", "--", engine=engine).engine.deeds == ["plan"]
    assert called("build", "plan", engine=engine).engine.deeds[-1] == "build"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("wach", "did you mean 'watch'"),
        ("statsu", "did you mean 'status'"),
        ("plan", "write it first"),
        ("help", "wavebuild --help"),
        ("zzzzz", "wavebuild list"),
    ],
)
def test_an_unknown_target_that_looks_like_a_command_says_so(word: str, hint: str) -> None:
    error = mistake("unknown-target", f"'{word}' is not a step, an output or a title of this Wavefile")

    done = called("-j4", word, engine=FakeEngine(raises=error))

    assert done.code == 2
    assert hint in done.err


@pytest.mark.parametrize("flag", ["-j", "--jobs"])
def test_a_word_in_the_place_of_the_number_of_jobs_is_told_so(flag: str) -> None:
    """As with make it is a target; that it may be a slip of one is said, too."""
    error = mistake("unknown-target", "'four' is not a step", remedy="did you mean 'fours'?")

    done = called(flag, "four", engine=FakeEngine(raises=error))

    assert done.err.splitlines()[1:] == ["    did you mean 'fours'?", f"    {flag} takes a number: {flag} 4"]


def test_what_the_environment_says_yields_to_flags() -> None:
    environ = {"WAVEBUILD_JOBS": "3", "WAVEBUILD_SCHEDULE": "barrier", "WAVEBUILD_KEEP_GOING": "no"}

    by_environment = called("app", environ=environ).engine.request
    by_flag = called("-j5", "-k", "--schedule", "flow", environ=environ).engine.request

    assert (by_environment.jobs, by_environment.schedule, by_environment.keep_going) == (3, "barrier", False)
    assert (by_flag.jobs, by_flag.schedule, by_flag.keep_going) == (5, "flow", True)


@pytest.mark.parametrize("name", ["WAVEBUILD_JOBS", "WAVEBUILD_SCHEDULE", "WAVEBUILD_KEEP_GOING"])
def test_nonsense_in_the_environment_is_refused_by_name(name: str) -> None:
    done = called(environ={name: "perhaps"})

    assert done.code == 2
    assert "perhaps" in done.err


def test_the_request_carries_the_environment_and_the_command_line() -> None:
    request = called("-j4", "a b", environ={"B": "2", "A": "1"}).engine.request

    assert request.environ == (("A", "1"), ("B", "2"))
    assert request.command_line == "wavebuild -j4 'a b'"
    assert request.directory == os.sep


@pytest.mark.parametrize("line", ["-h", "--help", "plan --help", "-j4 --help", "-C nowhere --help"])
def test_help_is_an_answer_not_a_failure(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = called(*line.split())

    assert done.code == 0
    assert "Usage: wavebuild" in capsys.readouterr().out
    assert done.engine.deeds == []


def test_help_shows_the_flags_of_a_build_and_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    called("--help")

    text = capsys.readouterr().out
    assert "--keep-going" in text
    assert "\n  --version " in text
    assert "\n  --show-completion SHELL " in text
    assert all(f"\n  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("line", ["--version", "-j4 --version", "plan --version"])
def test_version_is_one_line(line: str) -> None:
    done = called(*line.split())

    assert (done.code, done.out) == (0, "wavebuild 0.1.0\n")


def test_the_table_of_valued_flags_agrees_with_what_is_declared() -> None:
    """The arranging of a line and its parsing must not differ on which word is a flag's value."""
    import typer.main

    from wavebuild.ui.cli import app

    front: Any = typer.main.get_command(app)
    declared = {
        (command, name): not option.is_flag
        for command, form in front.commands.items()
        for option in form.params
        if option.param_type_name == "option"
        for name in option.opts
    }

    assert declared == {(command, name): is_valued(name, command) for command, name in declared}
    of_all = {name for option in front.params for name in option.opts}
    assert {name for _, name in declared} | of_all >= VALUED
    assert set(front.commands) == set(COMMANDS)
    assert not set(COMMANDS) & set(LATER_COMMANDS)


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("a -j4 b", ("build", "-j", "4", "--", "a", "b")),
        ("-C d plan x", ("plan", "-C", "d", "--", "x")),
        ("-k plan", ("build", "-k", "--", "plan")),
        ("--set=a=1", ("build", "--set", "a=1", "--")),
        ("-- -x --y", ("build", "--", "-x", "--y")),
        ("-", ("build", "--", "-")),
    ],
)
def test_every_line_has_one_form(line: str, form: tuple[str, ...]) -> None:
    assert arranged(line.split()).line == form


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("build plan", "'plan' is a command: wavebuild plan"),
        ("plan build", "'plan' and 'build' are both commands: a command line has one"),
        ("-B plan", "'plan' is a command: write it first, before the flags"),
    ],
)
def test_a_command_in_the_place_of_a_target_is_told_what_to_write(line: str, hint: str) -> None:
    """Whoever names two commands is told so, and never asked whether the word just typed was meant."""
    word = line.split()[-1]
    unknown = mistake("unknown-target", f"'{word}' is not a step", remedy=f"did you mean '{word}'?")

    refused = called(*line.split(), engine=FakeEngine(raises=unknown))

    assert refused.err.splitlines() == [f"wavebuild: '{word}' is not a step", f"    {hint}"]


def test_an_import_says_on_stderr_what_it_wrote_and_what_it_could_not_carry() -> None:
    """The answer on stdout is the Wavefile alone, and only when it is asked for."""
    left = (Problem("not-carried", "the terminal", Place("build.ninja", 3, 1), severity="warning"),)

    written = called("import", "build.ninja", engine=FakeEngine(problems=left))
    printed = called("import", "build.ninja", "-o", "-", engine=FakeEngine(problems=left))

    assert written.out == ""
    assert written.err.splitlines() == [
        "build.ninja:3:1: warning: the terminal",
        "Wavefile: 1 step from build.ninja; not carried over: 1, listed in its head",
    ]
    assert (printed.out, printed.err) == ("steps: {a: {run: make a}}\n", "build.ninja:3:1: warning: the terminal\n")


def test_check_tells_the_engine_every_word_that_is_a_command() -> None:
    """A step called like a command of a later version is worth a warning, too."""
    request = called("check").engine.request

    assert set(request.commands) == {*COMMANDS, *LATER_COMMANDS}


def test_warnings_alone_are_no_failure() -> None:
    warning = Problem("undeclared-file", "a command names x.csv", severity="warning")

    done = called("check", engine=FakeEngine(problems=(warning,)))

    assert (done.code, done.out) == (0, "warning: a command names x.csv\n")


class TestConfirmOver:
    """The sample plan takes 21 to 38 hours with four jobs."""

    def test_a_build_that_may_take_longer_asks_and_a_yes_runs_it(self) -> None:
        done = called("--confirm-over", "37h", typed="y\n")

        assert (done.code, done.engine.deeds) == (0, ["plan", "build"])
        assert "this may take 38 h (2 steps). Run it? [y/N]" in done.err

    @pytest.mark.parametrize("typed", ["n\n", "\n", ""])
    def test_anything_else_runs_nothing_and_ends_1(self, typed: str) -> None:
        done = called("--confirm-over", "37h", typed=typed)

        assert (done.code, done.engine.deeds) == (1, ["plan"])

    def test_where_nobody_can_answer_it_is_refused_with_the_way_out(self) -> None:
        done = called("--confirm-over", "1h30m")

        assert (done.code, done.engine.deeds) == (1, ["plan"])
        assert "more than --confirm-over 1h30m, and there is nobody to ask" in done.err
        assert "add --yes" in done.err

    def test_yes_asks_nobody_and_needs_no_plan(self) -> None:
        assert called("--confirm-over", "1s", "--yes").engine.deeds == ["build"]

    def test_what_takes_no_longer_is_not_asked_about(self) -> None:
        done = called("--confirm-over", "38h")

        assert (done.code, done.engine.deeds) == (0, ["plan", "build"])
        assert "Run it?" not in done.err


def test_the_load_may_come_from_the_environment_and_the_flag_wins() -> None:
    given = called(environ={"WAVEBUILD_LOAD": "3"}).engine.request
    flagged = called("-l1", environ={"WAVEBUILD_LOAD": "3"}).engine.request
    wrong = called(environ={"WAVEBUILD_LOAD": "x"})

    assert (given.load, flagged.load) == (3.0, 1.0)
    assert (wrong.code, wrong.engine.deeds) == (2, [])


@pytest.mark.parametrize(
    ("flags", "line", "deed"),
    [
        ("n -j4 --jobserver-auth=3,4", "", "plan"),
        ("kq", "app", "question"),
        ("k -- n=1", "", "build"),
        (" --no-print-directory", "", "build"),
        ("-n", "", "build"),
        ("n", "plan", "plan"),
        ("n", "status", "status"),
        ("n", "-q", "question"),
    ],
)
def test_under_make_n_and_q_nothing_is_built(flags: str, line: str, deed: str) -> None:
    """A rule with a + is run even so; make tells by MAKEFLAGS, whose first word has the letters."""
    told = {"MAKEFLAGS": flags, "MAKELEVEL": "1"}

    assert called(*line.split(), environ=told).engine.deeds[-1] == deed


def test_what_a_person_exported_for_make_alone_is_not_meant_for_us() -> None:
    assert called(environ={"MAKEFLAGS": "n"}).engine.deeds == ["build"]


def test_make_t_touches_nothing_here() -> None:
    done = called(environ={"MAKEFLAGS": "t", "MAKELEVEL": "1"})

    assert (done.code, done.engine.deeds) == (2, [])
    assert "wavebuild -t TARGETS" in done.err


def test_ctrl_c_at_a_question_leaves_the_shell_a_line_of_its_own() -> None:
    """It is an answer, too: nothing is done."""

    class Leaving(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
            raise KeyboardInterrupt

    said = io.StringIO()

    with pytest.raises(KeyboardInterrupt):
        Caller("/", {}, Leaving(), io.StringIO(), said, (), FakeEngine).asks("remove 3?")

    assert said.getvalue() == "remove 3? [y/N]\n\n"
