"""What is imported from build.ninja builds what ninja builds: the same files, and after an edit the same steps."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.folders import written
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.engine import Request
from wavebuild.errors import WavebuildError

OURS = {"Wavefile", ".wavebuild", ".ninja_log", ".ninja_deps"}

# `note` writes in the journal which command ran.
JOIN = "rule join\n  command = note $out; cat $in > $out\n"


@dataclass(frozen=True)
class Case:
    """Files; what to build; edits, one build after each; the steps that both must run then."""

    files: dict[str, str]
    runs: tuple[str, ...]  # what the first build notes
    edits: tuple[tuple[dict[str, str], tuple[str, ...]], ...] = ()
    targets: tuple[str, ...] = ()
    again: tuple[str, ...] = field(default=())  # what the second build notes, nothing changed


CASES = {
    "scopes of variables": Case(
        {
            "build.ninja": "x = top\nrule say\n  command = note $out; echo $x $y $z > $out\ny = early\n"
            "build a: say\nbuild b: say\n  x = own\n  z = $x\nx = late\nsubninja sub.ninja\nbuild c: say\n",
            "sub.ninja": "y = inner\nbuild d: say\n  z = $x$y\ninclude more.ninja\n",
            "more.ninja": "x = included\nbuild e: say\n",
        },
        ("a", "b", "c", "d", "e"),
    ),
    "escapes and odd names": Case(
        {
            "build.ninja": JOIN.replace("note $out", "note odd")
            + "build with$ space.out: join it's$ 'quoted'.txt a$:b.txt\nbuild dollar$$.out: join [1]*.txt\n"
            "build x.json#a: join with$ space.out $\n    dollar$$.out\n",
            "it's 'quoted'.txt": "1",
            "a:b.txt": "2",
            "[1]*.txt": "3",
            "11.txt": "not read",
        },
        ("odd", "odd", "odd"),
        edits=(({"a:b.txt": "two"}, ("odd", "odd")), ({"11.txt": "x"}, ())),
    ),
    "signs of templates": Case(
        {
            "build.ninja": "rule say\n  command = note $out; echo '{{ x }} {{{{ {%% if %%} {# #} }}' > $out\n"
            "  description = make {{ out }}\nbuild {{a}}: say\n"
        },
        ("{{a}}",),
    ),
    "a response file": Case(
        {
            "build.ninja": "rule link\n  command = note $out; sort $out.rsp > $out\n  rspfile = $out.rsp\n"
            "  rspfile_content = $in_newline 'x' $flag\nbuild sub/app: link c$ c a b\n  flag = `not run`\n",
            "a": "1",
            "b": "2",
            "c c": "3",
        },
        ("sub/app",),
        edits=(({"b": "two"}, ("sub/app",)),),
    ),
    "implicit inputs and outputs": Case(
        {
            "build.ninja": "rule two\n  command = note $out; cat $in hidden > $out; cat $in hidden > also\n"
            + "build main | also: two a | hidden\n"
            + JOIN
            + "build last: join also\n",
            "a": "1",
            "hidden": "2",
        },
        ("last", "main"),
        edits=(({"hidden": "two"}, ("last", "main")), ({"a": "one"}, ("last", "main"))),
    ),
    "order alone": Case(
        {
            "build.ninja": JOIN
            + "rule use\n  command = note $out; test -f first && cat $in > $out\nbuild first: join a\n"
            "build second: use b || first plain group\nbuild group: phony third\nbuild third: join plain\n",
            "a": "1",
            "b": "2",
            "plain": "3",
        },
        ("first", "second", "third"),
        edits=(({"a": "one"}, ("first",)), ({"plain": "three"}, ("third",)), ({"b": "two"}, ("second",))),
    ),
    "phony names as inputs": Case(
        {
            "build.ninja": JOIN + "build lib: phony one deeper || behind\nbuild deeper: phony two source\n"
            "build one: join a\nbuild two: join b\n"
            "build behind: join c\nrule use\n  command = note $out; cat one two > $out\nbuild app: use | lib\n"
            "build alias: phony app\nbuild nothing: phony source\ndefault alias nothing\n",
            "a": "1",
            "b": "2",
            "c": "3",
            "source": "4",
        },
        ("app", "behind", "one", "two"),
        edits=(
            ({"b": "two"}, ("app", "two")),
            ({"source": "four"}, ("app",)),
            ({"c": "three"}, ("behind",)),
        ),
    ),
    "a phony of nothing": Case(
        {
            "build.ninja": JOIN + "build FORCE: phony\nbuild stamp: join a | FORCE\n"
            "build there: phony\nbuild calm: join a | there\n",
            "a": "1",
            "there": "is a file",
        },
        ("calm", "stamp"),
        again=("stamp",),
        edits=(({"there": "changed"}, ("calm", "stamp")),),
    ),
    "a default": Case(
        {
            "build.ninja": JOIN + "build a: join x\nbuild b: join a\nbuild extra: join x\ndefault b\n",
            "x": "1",
        },
        ("a", "b"),
        edits=(({"x": "2"}, ("a", "b")),),
    ),
    "a target by its path": Case(
        {
            "build.ninja": JOIN + "build sub/a: join x\nbuild b: join sub/a\nbuild sub/all: phony sub/a\n",
            "x": "1",
        },
        ("sub/a",),
        targets=("sub/all",),
        edits=(({"x": "2"}, ("sub/a",)),),
    ),
    "a word that is no file": Case(
        {
            "build.ninja": JOIN
            + "build app: join x\nrule run\n  command = note tested; cat app > /dev/null\nbuild test: run | app\n",
            "x": "1",
        },
        ("app", "tested"),
        targets=("test",),
        again=("tested",),
        edits=(({"x": "2"}, ("app", "tested")),),
    ),
    "a folder to build in": Case(
        {
            "build.ninja": JOIN + "rule mkdir\n  command = note $out; mkdir -p $out\n"
            "build objects: mkdir\nbuild objects/a: join x || objects\n",
            "x": "1",
        },
        ("objects", "objects/a"),
        edits=(({"x": "2"}, ("objects/a",)),),
    ),
    "results that stay as they are": Case(
        {
            "build.ninja": JOIN
            + "rule header\n  command = note $out; head -n 1 $in > $out.new; cmp -s $out.new $out && rm $out.new || "
            "mv $out.new $out\n  restat = 1\nbuild config.h: header conf\nbuild app: join main config.h\n",
            "conf": "one\nrest\n",
            "main": "1",
        },
        ("app", "config.h"),
        edits=(({"conf": "one\nother\n"}, ("config.h",)), ({"conf": "two\n"}, ("app", "config.h"))),
    ),
    "a depfile": Case(
        {
            "build.ninja": "rule cc\n  command = note $out; cat $in $$(sed 's/use //' $in) > $out; "
            "echo $out: $in $$(sed 's/use //' $in) > $out.d\n  depfile = $out.d\n  deps = gcc\n"
            "build o/a.o: cc a.c\nbuild o/b.o: cc b.c | gen.h\n" + JOIN + "build gen.h: join gen.in\n",
            "a.c": "use a.h",
            "b.c": "use gen.h",
            "a.h": "1",
            "gen.in": "2",
        },
        ("gen.h", "o/a.o", "o/b.o"),
        edits=(
            ({"a.h": "one"}, ("o/a.o",)),
            ({"gen.in": "two"}, ("gen.h", "o/b.o")),
            ({"other.h": "3", "a.c": "use other.h"}, ("o/a.o",)),
            ({"a.h": "no more"}, ()),
            ({"other.h": "three"}, ("o/a.o",)),
        ),
    ),
    "pools, and what is checked beside": Case(
        {
            "build.ninja": "pool one\n  depth = 1\npool free\n  depth = 0\npool cpus\n  depth = 3\n"
            + JOIN
            + "build a: join x |@ lint.ok\n  pool = one\nbuild b: join x\n  pool = free\n"
            "build c: join x\n  pool = cpus\n"
            "build d: join x\n  pool = console\nrule lint\n  command = note $out; grep -q . $in && echo ok > $out\n"
            "build lint.ok: lint x\ndefault a b c d\n",
            "x": "1",
        },
        ("a", "b", "c", "d", "lint.ok"),
    ),
    "an empty command": Case(
        {"build.ninja": "rule none\n  command = $nothing\nbuild here.txt: none\n", "here.txt": "x"},
        (),
    ),
}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not OURS.intersection(path.relative_to(folder).parts) and path.suffix != ".d"
    }


def by_ninja(folder: Path, targets: tuple[str, ...], shop: Workshop) -> tuple[str, ...]:
    done = subprocess.run(["ninja", *targets], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return tuple(sorted(shop.ran()))


@pytest.mark.parametrize("name", CASES)
def test_an_import_builds_what_ninja_builds(name: str, shop: Workshop) -> None:
    """Two copies, one built by ninja, one by the import: equal files and equal work, at first and after every edit."""
    case = CASES[name]
    twin = shop.home / "twin"
    for folder in (shop.root, twin):
        written(folder, case.files)
    engine.convert(shop.request(), "build.ninja")

    assert by_ninja(twin, case.targets, shop) == case.runs
    assert tuple(sorted(shop.build(*case.targets).ran)) == case.runs
    assert tree(shop.root) == tree(twin)
    assert by_ninja(twin, case.targets, shop) == case.again
    assert tuple(sorted(shop.build(*case.targets).ran)) == case.again
    for files, runs in case.edits:
        for folder in (shop.root, twin):
            written(folder, files)
        assert by_ninja(twin, case.targets, shop) == runs, files
        planned = shop.plan(*case.targets)
        assert bool(runs) == ("RUN" in planned.values())
        assert tuple(sorted(shop.build(*case.targets).ran)) == runs, files
        assert tree(shop.root) == tree(twin)


def left(shop: Workshop) -> list[str]:
    """What an import could not carry, as shown."""
    return [f"{problem.place}: {problem.message}" for problem in engine.convert(shop.request(), "build.ninja").left]


def test_what_cannot_be_carried_is_told_with_its_line_and_written_down(shop: Workshop) -> None:
    """Steps for ninja itself are left out; what changes its meaning is told; the Wavefile says the same."""
    shop.put(
        "build.ninja",
        JOIN
        + "rule again\n  command = cmake .\n  generator = 1\nbuild build.ninja: again\n"
        + "rule clean\n  command = /usr/bin/ninja -t clean\nbuild clean: clean\n"
        + "build ../out: join x\nbuild late: join x || d\n  dyndep = d\n"
        + "build d: join x\nbuild cl: join x\n  deps = msvc\nbuild gen: join x\n  generator = 1\n"
        + "build main: join x |@ d\ndefault main ../out\n",
    )

    told = left(shop)

    assert told == [
        "build.ninja:6:1: the step of 'build.ninja' is not carried over: it makes a build file of ninja",
        "build.ninja:9:1: the step of 'clean' is not carried over: it runs a tool of ninja itself",
        "build.ninja:10:1: the step of '../out' is not carried over: the output '../out' lies outside the root",
        "build.ninja:11:1: dyndep is not carried over: what 'd' adds is unknown, so the step always runs",
        "build.ninja:14:1: deps = msvc is not carried over, so the step always runs",
        "build.ninja:16:1: generator is not carried over: a changed command is a reason to run",
        "build.ninja:18:1: the validation 'd' is not built when only 'main' is named",
        "build.ninja:19:14: the default '../out' is made by no step that is carried over",
    ]
    head = shop.read("Wavefile").split("\n\n")[0]
    assert head == "\n".join(
        [
            "# Written by `wavebuild import build.ninja`.",
            "#",
            "# What could not be carried over as it was:",
            *(f"# - {line}" for line in told),
        ]
    )


def test_the_pool_console_becomes_the_key(shop: Workshop) -> None:
    """Its steps own the terminal, and only one at a time, as with ninja: no resource is needed beside."""
    shop.put("build.ninja", f"{JOIN}build term: join x\n  pool = console\n")

    assert left(shop) == []
    assert "console: true" in shop.read("Wavefile")
    assert "resources" not in shop.read("Wavefile")


def test_a_wavefile_further_up_owns_what_lies_beside_the_build_folder(shop: Workshop) -> None:
    """`-o ../Wavefile`: the same commands in the same folder, paths from the new root."""
    shop.put(
        "build/build.ninja",
        f"{JOIN}rule twice\n  command = note twice; cat $in > ../bin/app; cp ../bin/app ../bin/two\n"
        f"build ../bin/app {shop.root}/bin/two: twice ../src/x\nbuild in: join ../bin/app\n",
    )
    shop.put("src/x", "1")

    done = engine.convert(shop.request(), "build/build.ninja", "Wavefile")
    built = shop.build()

    assert (done.path, done.left) == ("Wavefile", ())
    assert (built.code, sorted(built.ran)) == (0, ["in", "twice"])
    assert (shop.read("bin/two"), shop.read("build/in")) == ("1", "1")
    assert shop.build("build/in").ran == []
    assert set(built.steps) == {"bin-app", "in"}  # as they are known in the build folder


def test_an_import_never_overwrites_and_prints_when_asked(shop: Workshop) -> None:
    """No Wavefile of any name is touched; another name, or stdout, is still possible."""
    shop.put("build.ninja", JOIN + "build a: join x\n")
    shop.put("Wavefile.yaml", "mine")

    with pytest.raises(WavebuildError, match="never overwrites"):
        engine.convert(shop.request(), "build.ninja")
    with pytest.raises(WavebuildError, match="never overwrites"):
        engine.convert(shop.request(), "build.ninja", "Wavefile.yaml")
    with pytest.raises(WavebuildError, match="cannot be read"):  # what is wrong with the file comes first
        engine.convert(shop.request(), "nosuch.ninja")
    printed = engine.convert(shop.request(), "build.ninja", "-")
    named = engine.convert(shop.request(), "build.ninja", "Wavefile.ninja")

    assert shop.read("Wavefile.yaml") == "mine"
    assert (printed.path, named.path) == (None, "Wavefile.ninja")
    assert shop.read("Wavefile.ninja") == printed.text


def test_an_import_that_would_not_load_writes_nothing_and_says_why(shop: Workshop) -> None:
    """A circle, which ninja refuses only when it builds, is named with the lines it would have."""
    shop.put("build.ninja", JOIN + "build a: join b\nbuild b: join a\n")

    with pytest.raises(WavebuildError) as caught:
        engine.convert(shop.request(), "build.ninja")

    assert "does not load, so it is not written" in str(caught.value)
    assert "a cycle of 2 steps" in str(caught.value)
    assert not (shop.root / "Wavefile").exists()


@pytest.mark.parametrize(
    ("file", "said"),
    [("nosuch.ninja", "cannot be read"), ("Makefile", "cannot be told from its name"), ("folder.ninja", "directory")],
)
def test_what_cannot_be_imported_is_refused_by_name(file: str, said: str, shop: Workshop) -> None:
    """A missing file, a file of another tool, a folder: one sentence each."""
    shop.put("Makefile", "all:\n")
    (shop.root / "folder.ninja").mkdir()

    with pytest.raises(WavebuildError, match=said):
        engine.convert(shop.request(), file)


def test_a_path_that_yaml_cannot_hold_is_left_out_with_its_step(shop: Workshop) -> None:
    """Bytes that are no UTF-8 in an output leave the step out; in an input the step always runs."""
    (shop.root / "build.ninja").write_bytes(
        b"rule r\n  command = note r; echo > a\nbuild \xff: r\nbuild a: r | \xfe\n" + JOIN.encode()
    )

    told = left(shop)

    assert [line.split(": ")[0] for line in told] == ["build.ninja:3:1", "build.ninja:4:1"]
    assert (shop.build().ran, shop.build().ran) == (["r"], ["r"])


PATHS = (
    *(
        "a",
        "b.o",
        "c d",
        "sub/e",
        "sub",
        "../up",
        "/abs/x",
        "all",
        "x.json#k",
        "step:q",
        "env:P",
        "[g]*.c",
        "{{t}}",
        "é",
    ),
    *(
        "CMakeFiles/u.util",
        "CMakeFiles/u",
        "it's",
        "a:b",
        "$d",
        "Wavefile",
        ".git/x",
        "build.ninja",
        "cpus",
        "- x",
        "~",
    ),
    *("null", "0123", "a//b/../c", "./dot", "x" * 120, "w/" * 30 + "z", "tab\tx", " lead", "mail://x", "folder", "."),
)
some = st.lists(st.sampled_from(PATHS), max_size=3)
variables = st.lists(
    st.sampled_from(
        (
            *(
                "p = p",
                "p = cpus",
                "p = console",
                "d = {{ x }}",
                "d = \x01",
                "df = $out.d",
                "df = /tmp/q.d",
                "df = z/x.d",
            ),
            *("generator = 1", "dyndep = a", "restat = 1", "deps = msvc"),
        )
    ),
    max_size=3,
)
HEAD = (
    "pool p\n  depth = 2\npool cpus\n  depth = 1\n"
    "rule r\n  command = echo $in {{ x }} > $out\n  description = $d\n  pool = $p\n"
    "rule s\n  command = :\n  rspfile = $out.rsp\n  rspfile_content = $in_newline $in\n"
    "rule d\n  command = touch $out\n  depfile = $df\n  deps = gcc\n"
)


def escaped(paths: list[str]) -> str:
    return " ".join(path.replace("$", "$$").replace(" ", "$ ").replace(":", "$:") for path in paths)


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """Edges between odd paths, each made once; phony names, pools, depfiles."""
    text = HEAD
    for made in draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=6, unique=True)):
        rule = draw(st.sampled_from(["r", "s", "d", "phony", "phony"]))
        inputs, implicit, order = (escaped(draw(some)) for _ in range(3))
        text += f"build {escaped([made])}: {rule} {inputs} | {implicit} || {order}\n"
        text += "".join(f"  {line}\n" for line in draw(variables))
    return text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=manifests())
def test_whatever_ninja_takes_is_imported_or_refused_for_a_circle(tmp_path: Path, text: str) -> None:
    """No name, no pool and no depfile makes a Wavefile that does not load; the import has loaded it when it answers."""
    (tmp_path / "folder").mkdir(exist_ok=True)
    (tmp_path / "build.ninja").write_text(text)

    refused: set[str] = set()
    try:
        done = engine.convert(Request(str(tmp_path)), "build.ninja", "-")
        assert done.steps
    except WavebuildError as error:
        refused = {problem.code for problem in error.problems}
    assert refused <= {"not-importable", "cycle", "no-steps"}
