"""Warnings of `check`: each rule fires where it should, and keeps still where it should.

It does not know how a warning is shown, nor what is on the disk.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.declare.written import loaded
from wavebuild.errors import Problem
from wavebuild.graph import link
from wavebuild.graph.advice import mentions, warnings


def advised(folder: Path, text: str, *files: str) -> list[Problem]:
    """The warnings for a Wavefile in a root with these files."""
    return list(warnings(link(loaded(folder, text)), files.__contains__, ("plan", "watch", "build")))


def codes(problems: list[Problem]) -> list[str]:
    return [problem.code for problem in problems]


def named(folder: Path, script: str) -> list[str]:
    """The paths that a script names."""
    lines = "".join(f"      {line}\n" for line in script.splitlines())
    graph = link(loaded(folder, f"steps:\n  a:\n    inputs: x\n    run: |\n{lines}"))
    return [mention.path + ("/" if mention.folder else "") for mention in mentions(graph)]


class TestOrderWithoutData:
    def test_a_needed_step_whose_outputs_are_not_read_is_told(self, tmp_path: Path):
        """It names both steps and how to declare the data."""
        (found,) = advised(tmp_path, "steps:\n  a: {outputs: a.txt, run: make}\n  b: {needs: a, run: make}\n")

        assert (found.code, found.severity) == ("order-without-data", "warning")
        assert "'b' needs 'a'" in found.message
        assert "step:a" in found.remedy
        assert found.place is not None
        assert found.place.line == 3

    @pytest.mark.parametrize(
        "other",
        [
            "b: {needs: a, inputs: a.txt, run: make}",
            "b: {needs: a, inputs: 'step:a', run: make}",
            "b: {needs: a, run: make, checks: {run: make, inputs: a.txt}}",
            "c: {inputs: a.txt, outputs: c.txt, run: make}\n  b: {needs: a, inputs: c.txt, run: make}",
            "b: {needs: a}",
        ],
        ids=["reads it", "reads the step", "its check reads it", "reads what is made of it", "a group"],
    )
    def test_where_data_flows_there_is_nothing_to_say(self, tmp_path: Path, other: str):
        assert advised(tmp_path, f"steps:\n  a: {{outputs: a.txt, run: make}}\n  {other}\n") == []

    def test_a_step_without_outputs_is_there_to_be_needed(self, tmp_path: Path):
        """A check step gates what needs it: that is no mistake."""
        assert advised(tmp_path, "steps:\n  a: {inputs: x, checks: make}\n  b: {needs: a, run: make}\n") == []


class TestUndeclaredFiles:
    def test_a_file_of_the_root_that_a_command_names_is_told(self, tmp_path: Path):
        (found,) = advised(tmp_path, "steps: {a: {run: sort data/raw.csv}}", "data/raw.csv")

        assert found.code == "undeclared-file"
        assert "names data/raw.csv" in found.message
        assert "inputs: data/raw.csv" in found.remedy

    def test_a_program_of_the_root_is_offered_as_code(self, tmp_path: Path):
        (found,) = advised(tmp_path, "steps: {a: {run: python clean.py}}", "clean.py")

        assert "code: clean.py" in found.remedy

    def test_what_another_step_makes_is_told_though_it_is_not_there_yet(self, tmp_path: Path):
        """The steps hang together in truth, but not in the graph."""
        text = "steps:\n  a: {outputs: [a.txt, d/], run: make}\n  b: {run: cat a.txt d/x.txt; ls d/}\n"

        found = advised(tmp_path, text)

        assert codes(found) == ["undeclared-file"] * 3
        assert all("which step 'a' makes" in each.message for each in found)

    @pytest.mark.parametrize(
        "keys",
        [
            "inputs: raw.csv, run: sort raw.csv",
            "inputs: '*.csv', run: sort raw.csv",
            "inputs: {one: raw.csv}, run: sort ./raw.csv",
            "inputs: {path: raw.csv, columns: [a]}, run: sort raw.csv",
            "inputs: conf/, run: cat conf/raw.csv conf/; ls conf/",
            "outputs: raw.csv, run: sort x > raw.csv",
            "outputs: out/, run: mkdir -p out/ && sort x > out/raw.csv",
            "code: clean.py, run: python clean.py",
            "run: make, checks: {run: sort raw.csv, inputs: raw.csv}",
            "cwd: conf, inputs: conf/raw.csv, run: sort raw.csv",
            "run: sort nothing.csv",
            "run: cat /etc/hosts.csv ../raw.csv https://host/raw.csv",
            "run: 'echo see raw.csv'",
            "run: \"sort 1.5 'a.b' # raw.csv\"",
        ],
    )
    def test_what_is_declared_or_not_there_is_not_told(self, tmp_path: Path, keys: str):
        files = ("raw.csv", "clean.py", "conf/raw.csv", "out/raw.csv")

        assert advised(tmp_path, f"steps: {{a: {{{keys}}}}}", *files) == []

    def test_paths_are_relative_to_the_folder_of_the_command(self, tmp_path: Path):
        found = advised(
            tmp_path, "steps: {a: {cwd: sub, run: sort raw.csv ../top.csv}}", "sub/raw.csv", "top.csv", "raw.csv"
        )

        assert [each.message.split(" names ")[1].split(";")[0] for each in found] == ["sub/raw.csv", "top.csv"]

    def test_checks_are_commands_too_and_a_file_is_told_once_a_step(self, tmp_path: Path):
        text = "steps: {a: {outputs: o, run: sort raw.csv raw.csv, checks: diff o raw.csv}}"

        assert codes(advised(tmp_path, text, "raw.csv")) == ["undeclared-file"]


class TestWordsOfACommand:
    @pytest.mark.parametrize(
        ("script", "paths"),
        [
            ("cat a.csv | sort -k1 > b/c.txt", ["a.csv", "b/c.txt"]),
            ("tool --conf=a.yaml --in=b/c -x", ["a.yaml", "b/c"]),
            ("F=a.csv; sort \"$F\" 'b.csv'", ["a.csv", "b.csv"]),
            ("x=$(cat a.csv) && (cd b; ls ./c.csv)", ["a.csv", "c.csv"]),
            ("echo a.csv > b.csv", ["b.csv"]),
            ("printf '%s' a.csv >> b.csv; cat c.csv", ["b.csv", "c.csv"]),
            ("cat <<'END' > a.csv\nb.csv c.csv\nEND\ncat d.csv", ["d.csv"]),
            ("ls # a.csv\ncat b.csv", ["b.csv"]),
            ("cat {{ inputs }}/a.csv b.csv", ["b.csv"]),
            ("python -c 'open(\"a.csv\")'", ["a.csv"]),
            ("ls -la . .. ./ dir/ dir", ["dir/"]),
            ("cat größe/äpfel.csv", ["größe/äpfel.csv"]),
            ("cat .wavebuild/x.db .git/a.b", []),
        ],
    )
    def test_words_that_look_like_paths(self, tmp_path: Path, script: str, paths: list[str]):
        assert sorted(named(tmp_path, script)) == sorted(paths)


def test_no_script_takes_long(tmp_path: Path) -> None:
    """Whatever is written, looking at it is a matter of moments."""
    import time

    began = time.process_time()
    for script in ("cat <<a\n" * 10_000, "(a.b;" * 20_000, "./" * 20_000 + "x", "echo " + ">x " * 20_000):
        named(tmp_path, script)

    assert time.process_time() - began < 5


class TestNames:
    def test_a_step_called_like_a_command_is_told(self, tmp_path: Path):
        (found,) = advised(tmp_path, "steps: {plan: {run: make}, planned: {run: make}}")

        assert found.code == "step-like-command"
        assert "wavebuild build plan" in found.remedy

    def test_a_resource_that_no_step_takes_is_told(self, tmp_path: Path):
        """A capacity under a misspelled name limits nothing."""
        text = "resources: {warehose: 2, gpu: 1}\nsteps: {a: {run: make, resources: [gpu, warehouse]}}"

        assert [each.message for each in advised(tmp_path, text)] == ["no step takes the resource 'warehose'"]


def test_warnings_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "steps:\n  a: {run: cat x.csv}\n  watch: {run: cat x.csv}\n"

    assert codes(advised(tmp_path, text, "x.csv")) == ["undeclared-file", "undeclared-file", "step-like-command"]


def test_many_steps_are_looked_at_quickly(tmp_path: Path) -> None:
    """No rule compares all steps with all others."""
    import time

    steps = "".join(
        f"  s{k}: {{outputs: [o{k}.txt, d{k}/], run: cp o{k - 1}.txt d{k - 1}/x; ls d{k - 1}/}}\n" for k in range(2_000)
    )
    graph = link(loaded(tmp_path, f"steps:\n{steps}"))
    began = time.process_time()

    found = warnings(graph, lambda path: False, ())

    assert len(found) == 3 * 1_999
    assert time.process_time() - began < 5
