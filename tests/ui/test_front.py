"""The first look at a command line: what it takes for a plain build is what the whole parser takes for one.

It does not know whether anything is fresh.
"""

from __future__ import annotations

import io
import os
import random
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from tests.ui.samples import FakeEngine, called
from wavebuild import engine
from wavebuild.engine import Request
from wavebuild.ui.caller import Caller
from wavebuild.ui.cli import run
from wavebuild.ui.front import finished, plain_build
from wavebuild.ui.shortcut import built

ROOT = Path(__file__).parents[2]

WORDS = [
    "-C", "-f", "-q", "-k", "-j", "-j4", "-j0", "-j1", "-j12", "-jx", "-j-1", "tmp", "/tmp", "app", "plan", "--json",
    "-B", "-n", "--", "-kq", "-Ctmp", "a=b", "--set", "-s", "-v", "Wavefile", ".", "..", "-q", "-k", "-C", "-f", "",
    "7", "1000000000",
]  # fmt: skip


def test_the_command_that_is_installed_imports_nothing_before_the_front() -> None:
    """Not even what the interpreter itself can do without: a build with nothing to do is mostly what it imports."""
    script = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "shared-scripts"
    ]
    assert script == {"wavebuild/ui/wavebuild": "wavebuild"}
    assert (ROOT / "wavebuild/ui/wavebuild").read_text().startswith("#!python\n")  # installers name theirs in its place

    told = subprocess.run(
        [sys.executable, "-S", "-X", "importtime", ROOT / "wavebuild/ui/wavebuild", "--version"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert "wavebuild.ui.front" in imported
    assert not imported & {"re", "enum", "functools"}
    assert re.fullmatch(r"wavebuild \d.*\n", told.stdout)


@pytest.mark.parametrize("seed", range(500))
def test_a_plain_build_means_to_the_parser_what_it_means_here(seed: int) -> None:
    """500 made-up command lines go through both: the engine is asked the same, and the same is said."""
    dice = random.Random(seed)
    argv = [dice.choice(WORDS) for _ in range(dice.randrange(6))]

    plain = plain_build(argv)

    if plain is None:
        return
    parsed = called(*argv, engine=FakeEngine(), folder="/")
    taken = called(*argv, engine=FakeEngine(), folder="/", deed=lambda caller: built(caller, plain))
    assert (taken.code, taken.out, taken.err) == (parsed.code, parsed.out, parsed.err)
    assert taken.engine.asked == parsed.engine.asked
    if not parsed.engine.asked:  # the folder is not there: the search for a Wavefile must say so, too
        assert finished(plain, {}) is None


def test_many_made_up_lines_are_plain() -> None:
    """The comparison above is not empty."""
    plain = 0
    for seed in range(500):
        dice = random.Random(seed)
        plain += plain_build([dice.choice(WORDS) for _ in range(dice.randrange(6))]) is not None

    assert plain > 90


@pytest.mark.parametrize(
    "line",
    ["-C", "-f", "plan", "app plan", "-n", "--json", "-C -q", "-jx", "-q -B", "-v", "build", "a=b", "-- app", "-"],
)
def test_anything_else_goes_on_to_the_parser(line: str) -> None:
    assert plain_build(line.split()) is None


def test_folders_add_up_as_in_the_parser() -> None:
    plain = plain_build(["-C", "a", "-C", "b", "-j4", "app", "-j", "lib"])

    assert plain is not None
    assert (plain.folders, plain.file, plain.question, plain.jobs) == (["a", "b"], None, False, 0)
    assert plain.targets == ["app", "lib"]


def test_without_a_wavefile_the_parser_is_left_to_say_so(tmp_path: Path) -> None:
    plain = plain_build(["-C", str(tmp_path)])

    assert plain is not None
    assert finished(plain, {}) is None


LINES = """
    -j|-j0|-j1|-j 2|-j999999999|-j 1000000000|-j9999999999|-jx|-j-1|-j 0x3|-j a|a -j|a 3|-j2x|-j2 -j|-j ٣|a|
    ./a|zzz|aa|bee|plan|build plan|plann|9|9 -k|tag:t|tag:nope|phase:x|step:a|step:q|-k a|-q|-q a|-q b|
    -q zzz|-s a|-s zzz|--quiet a|-C sub|-C nope|-C in|-C ''|-C sub -C ..|-C one|-C one z|-C one/.. a|
    -C /nope a|-C / a|-C empty|-C|-C -q|-f -q|-f|-f Wavefile.bad|-f Wavefile.blank|-f Wavefile.tab|-f nope|
    -f one|-f in|-f .|-f ''|-f sub/../Wavefile a|-f one/Wavefile|-C one -f Wavefile|
    -f Wavefile -f one/Wavefile|''|' '|a ''|+a|a+|a@x|a@x=1|../shop/a|/etc/passwd|in|sub|sub/|é|a\\tb|-|--|
    -- a|a -- -k|report|cache|-kq|-sq|a=1|x=|=x|a.b|A|..|...|~|step:|tag:|[a]|a,b|-q -s|
    -s -q -k -j 1 a|-q -f Wavefile.bad|-C ln a|-C ln/.. a|-C sub ../a|-C sub a|-f Wavefile.none|
    -f Wavefile.none x|-v a|--version|plan a|status|list|-n|-B -q|-W in -q|--color never a|--set x=1|
    --profile nope|a plan|a a|a ./a|sub/../a|b -q|-q b a
"""
ENVIRONMENTS = """
    WAVEBUILD_JOBS=x|WAVEBUILD_JOBS=3|WAVEBUILD_SCHEDULE=bad|WAVEBUILD_KEEP_GOING=maybe|WAVEBUILD_PROFILE=nope|
    WAVEBUILD_LOAD=x|WAVEBUILD_LOAD=99|WAVEBUILD_STATE_DIR=rel|WAVEBUILD_STATE_DIR=|MAKEFLAGS=n|MAKEFLAGS=q|MAKEFLAGS=t|
    MAKEFLAGS=ks|MAKEFLAGS= -j4|MAKEFLAGS=-n|COLUMNS=9|FORCE_COLOR=1|CI=1
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of it is built, but what `b` makes."""
    home = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patches:
        shop = Workshop(home, patches)
        shop.wavefile(
            "targets: [a]\nsteps:\n  a: {run: cp in a, inputs: in, outputs: a}\n"
            "  b: {run: 'false', outputs: bb, title: Bee}\n  plan: {run: 'true'}\n  9: {run: 'true', tags: [t]}\n"
        )
        for name, text in {
            "in": "1",
            "sub/x": "1",
            "one/Wavefile": "steps: {z: {run: 'true'}}",
            "Wavefile.bad": "steps: {a: {runn: x}}",
            "Wavefile.blank": "",
            "Wavefile.tab": "steps:\n\ta: b",
            "Wavefile.none": "steps: {}",
        }.items():
            shop.put(name, text)
        (shop.root / "empty").mkdir()
        (shop.root / "ln").symlink_to("sub")
        for targets in (["plan", "9"], ["a"], []):
            assert shop.build(*targets).code == 0
        engine.build(Request(str(shop.root / "one")), lambda event: None)
    return shop.root


PLAIN = [line for line in (line.strip("\n ") for line in LINES.strip().split("|")) if plain_build(shlex.split(line))]
TOLD = [(line, variable.strip("\n ")) for variable in ENVIRONMENTS.strip().split("|") for line in ("", "a", "-q")]


@pytest.mark.parametrize(("line", "variable"), [*((line, "") for line in PLAIN), *TOLD])
def test_a_line_is_answered_as_by_the_parser(
    line: str, variable: str, project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a real project: the same words on the same streams, and the same exit code. Nothing is run by any of them."""
    monkeypatch.chdir(project)
    argv = tuple(shlex.split(line))
    name, _, value = variable.partition("=")
    environ = dict(os.environ) | ({name: value, "MAKELEVEL": "1"} if name else {})

    if name:  # else there is nothing that the first look could go by
        targets = argv if argv == ("a",) else ()
        engine.build(Request(str(project), targets=targets, environ=tuple(os.environ.items())), lambda event: None)
        capfd.readouterr()

    def answer(deed: Callable[[Caller], int]) -> tuple[int, str, str]:
        stdout, stderr = io.StringIO(), io.StringIO()
        code = deed(Caller(str(project), environ, io.StringIO(), stdout, stderr, argv))
        out, err = capfd.readouterr()
        return code, out + stdout.getvalue(), re.sub(r"\d+\.\d+ s", "… s", err + stderr.getvalue())

    def first(caller: Caller) -> int:
        plain = plain_build(argv)
        assert plain is not None
        code = finished(plain, environ)
        return built(caller, plain) if code is None else code

    assert answer(first) == answer(run)


HEAVY = frozenset({
    *("typer", "rich", "yaml", "jinja2", "msgspec", "sqlite3", "multiprocessing", "subprocess"),
    *("dataclasses", "typing", "re", "json", "hashlib", "contextlib", "collections", "enum", "functools", "shutil"),
    *("wavebuild.errors", "wavebuild.disk", "wavebuild.engine.values", "wavebuild.engine.idle", "wavebuild.ui.cli"),
})  # fmt: skip
"""What a build with nothing to do does not need."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


def imported_by(line: list[str]) -> set[str]:
    """The modules that a command line imported which was answered at the first look."""
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from wavebuild.ui.front import main\n"
        f"sys.argv[1:] = {line!r}\n"
        "sys.setprofile(lambda *rest: None)\n"  # so that it ends as if followed
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    print('---', end.code, *sorted(set(sys.modules) - before), sep='\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    code, *names = done.stdout.partition("---")[2].split()
    assert code == "0"
    return set(names)


def test_a_build_with_nothing_to_do_imports_next_to_nothing(shop: Workshop) -> None:
    """What it imports is most of what it costs."""
    shop.wavefile("steps: {s: {inputs: [a], outputs: [b], run: cp a b}}")
    shop.put("a", "1")
    shop.build()
    whole = imported_by(["-C", str(shop.root)]) | imported_by(["-C", str(shop.root), "-q"])
    shop.build("b")
    one = imported_by(["-C", str(shop.root), "b"])

    assert not whole & HEAVY
    assert not one & HEAVY
    assert max(len(whole), len(one)) < 24


def test_a_build_that_runs_a_command_imports_nothing_to_start_it_by(shop: Workshop) -> None:
    """Its workers are forks: what starts new interpreters is for those whose calls want one."""
    shop.wavefile("steps: {s: {inputs: [a], outputs: [b], run: cp a b}}")
    shop.put("a", "1")

    names = imported_by(["-C", str(shop.root)])

    assert shop.read("b") == "1"
    assert "wavebuild.run.pool" in names
    assert not names & {"multiprocessing", "socket", "subprocess", "pickle", "tempfile", "typer"}


def test_the_version_imports_nothing_but_the_front() -> None:
    """Scripts ask for it, and wait for it."""
    names = {name for name in imported_by(["--version"]) if not name.startswith("__") and name != "wavebuild"}

    assert names == {"wavebuild.ui", "wavebuild.ui.front"}


def test_a_program_that_asks_keeps_its_current_folder(shop: Workshop) -> None:
    """The command may look from the root; in a program other threads may look from where it is at the same time."""
    shop.wavefile("steps: {s: {inputs: [a], outputs: [b], run: cp a b}}")
    shop.put("a", "1")
    shop.build()
    program = (
        "import sys\n"
        "from wavebuild import engine\n"
        f"request = engine.Request({str(shop.root)!r})\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, rest: seen.append(event) if event in ('os.chdir', 'os.fchdir') else None)\n"
        "print(engine.question(request), engine.build(request, print).nothing_to_do, seen)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout == "False True []\n"


def test_a_shell_that_asks_for_completions_has_nothing_built(shop: Workshop) -> None:
    """It asks by a variable, and gives no words."""
    shop.wavefile("steps: {s: {outputs: [b], run: touch b}}")
    asks = {"_WAVEBUILD_COMPLETE": "bash", "_WAVEBUILD_LINE": "wavebuild pl"}
    program = [sys.executable, "-m", "wavebuild"]
    given = os.environ | asks | {"PYTHONPATH": str(ROOT)}

    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=shop.root, env=given)

    assert done.stdout == "plan \n"
    assert not (shop.root / "b").exists()
