"""build.ninja is read as ninja reads it: the real program says what every command is."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wavebuild.declare.importers.manifest import read_manifest
from wavebuild.errors import WavebuildError

RULES = "rule r\n  command = do $in to $out with $x $y ${z.1}\n  description = $x\n  pool = $p\n"

names = st.sampled_from(["x", "y", "z.1", "command", "description", "in", "out"])
values = st.lists(
    st.sampled_from(
        *[
            [
                "a",
                "b c",
                " ",
                "$$",
                "$:",
                "$ ",
                "$x",
                "${y}",
                "${z.1}",
                "$z.1",
                "$in",
                "$out",
                ":",
                "|",
                "=",
                "'",
                "$\n  ",
            ]
        ]
    ),
    max_size=4,
).map("".join)
paths = st.lists(
    st.sampled_from(["a", "b", "c/", "./", "../", "$ ", "$:", "'", "$x", "${z.1}", "é", "$\n  ", "+", "=", "@"]),
    min_size=1,
    max_size=4,
).map(lambda parts: "s" + "".join(parts))
bindings = st.lists(st.tuples(names, values), max_size=3)


def lines(found: list[tuple[str, str]], indent: str = "") -> str:
    return "".join(f"{indent}{name} = {value}\n" for name, value in found)


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, str]:
    """Two files: variables before and after rules, in edges, in an included file, in a subninja."""

    def edges(prefix: str) -> str:
        text = ""
        for number in range(draw(st.integers(1, 3))):
            ins = " ".join(draw(st.lists(paths, max_size=2)))
            more = draw(st.sampled_from(["", " | i1", " || o1", " | i1 || o1", " $\n   | i2"]))
            out = f"{prefix}{number}{draw(st.sampled_from(['', '$ x', '$x', ' | imp' + prefix + str(number)]))}"
            text += f"build {out}: r {ins}{more}\n{lines(draw(bindings), '  ')}{lines(draw(bindings))}"
        return text

    how = draw(st.sampled_from(["include", "subninja"]))
    inner = lines(draw(bindings)) + edges("inner")
    outer = lines(draw(bindings)) + RULES + edges("first") + f"{how} in.ninja\n" + edges("last") + lines(draw(bindings))
    return {"build.ninja": outer, "in.ninja": inner}


def put(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder / "build.ninja")


def by_ninja(folder: Path) -> list[str] | None:
    """The commands of all edges as ninja has them; nothing if it refuses the file."""
    done = subprocess.run(["ninja", "-t", "compdb"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode or "ninja: error" in done.stderr:
        return None
    return [entry["command"] for entry in json.loads(done.stdout)]


def commands(path: str) -> list[str]:
    manifest = read_manifest(path, "build.ninja")
    # The database of commands leaves out edges that read nothing.
    reading = [edge for edge in manifest.edges if edge.inputs or edge.implicit_inputs or edge.order_only]
    return [edge.value("command") for edge in reading]


def by_us(path: str) -> list[str] | None:
    try:
        return commands(path)
    except WavebuildError:
        return None


@pytest.mark.long
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=manifests())
def test_every_command_is_what_ninja_makes_of_it(tmp_path: Path, files: dict[str, str]) -> None:
    """Escapes, scopes, rule and edge variables, quoting of paths, includes: the commands are the same, to the sign."""
    path = put(tmp_path, files)

    theirs, ours = by_ninja(tmp_path), by_us(path)

    assert ours == theirs


BAD = {
    "no rule": ("build a: nosuch b\n", 1, "no rule 'nosuch'"),
    "no colon": ("build a b\n", 1, "expected ':'"),
    "no output": ("build : phony b\n", 1, "expected a path"),
    "two makers": ("build a: phony\nbuild ./a: phony\n", 2, "made here and at build.ninja:1:1"),
    "bad escape": ("x = $%\n", 1, "bad $-escape"),
    "tab": ("rule r\n\tcommand = x\n", 2, "no tabs"),
    "indent": ("  x = 1\n", 1, "indented"),
    "no command": ("rule r\n  description = x\n", 1, "has no command"),
    "rule variable": ("rule r\n  command = x\n  depfil = y\n", 3, "did you mean 'depfile'"),
    "two rules": ("rule r\n  command = x\nrule r\n  command = y\n", 3, "already"),
    "half a response": ("rule r\n  command = x\n  rspfile = y\n", 1, "needs both"),
    "no depth": ("pool p\n", 1, "has no depth"),
    "bad depth": ("pool p\n  depth = -1\n", 2, "whole number"),
    "two pools": ("pool p\n  depth = 1\npool p\n  depth = 1\n", 3, "already"),
    "no pool": ("rule r\n  command = x\nbuild a: r\n  pool = nosuch\n", 3, "no pool 'nosuch'"),
    "empty path": ("build a$e: phony\nbuild $e: phony\n", 2, "empty"),
    "default": ("build a: phony\ndefault b\n", 2, "stands in no build statement"),
    "no file": ("include nosuch.ninja\n", 1, "cannot read 'nosuch.ninja'"),
    "itself": ("include build.ninja\n", 1, "include each other"),
    "circle": ("rule r\n  command = $depfile\n  depfile = $command\nbuild a: r b\n", 4, "go in a circle"),
    "no value": ("build a: phony\n  x\n", 2, "expected '='"),
    "nonsense": ("=\n", 1, "expected a statement"),
    "NUL": ("x = a\0b\n", 1, "expected the end of the line"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_its_line_and_ninja_refuses_it_too(case: str, tmp_path: Path) -> None:
    """What ninja does not take is not imported by guess."""
    text, line, said = BAD[case]
    path = put(tmp_path, {"build.ninja": text})

    with pytest.raises(WavebuildError) as caught:
        commands(path)

    problem = caught.value.problems[0]
    assert problem.place is not None
    assert (problem.place.file, problem.place.line) == ("build.ninja", line)
    assert said in f"{problem.message} {problem.remedy}"
    if case != "itself":  # which ends in a crash there
        assert subprocess.run(["ninja", "-n"], cwd=tmp_path, capture_output=True, check=False).returncode != 0


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(data=b"-=$")
@given(data=st.binary(max_size=60) | st.text(alphabet="build rule:|=$\n x{}^@#", max_size=80).map(str.encode))
def test_any_bytes_are_edges_or_a_refusal(tmp_path: Path, data: bytes) -> None:
    """No file makes a traceback."""
    path = tmp_path / "build.ninja"
    path.write_bytes(data)

    with suppress(WavebuildError):
        read_manifest(str(path), "build.ninja")
