"""The runner measures those that do the work, and refuses those that skip it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import proof
from benchmarks import run as runner
from benchmarks.phases import CHANGED, COLD_NO_OP, DELETED, FILE_EDITED, FULL, NO_OP, TOUCHED, phases
from benchmarks.run import Plan, measure, merge
from benchmarks.tools import Tool
from benchmarks.trees import Tree, Wrong
from benchmarks.works import WORKS, Work
from tests.support.command import REPOSITORY as ROOT
from tests.support.processes import eventually

WIDE = WORKS["wide"](2, sys.executable)
# A tool of one line that makes everything every time.
ALL = "cp i/0 o/0; cp i/1 o/1; cat o/*[0-9] > all"


def tool(name: str, script: str, slow: bool = False) -> Tool:
    build = ("/bin/sh", "-c", script)
    return Tool(name, build, build, None, "1", os.environ, slow=slow, sees_commands=False)


def begun(of: Tool, folder: Path, work: Work = WIDE) -> Tree:
    tree = Tree(of, work, folder / of.name)
    tree.begin()
    return tree


def measured(trees: list[Tree], *only: str) -> dict[str, dict[str, dict[str, object]]]:
    return measure(WIDE, trees, Plan(1, 1, only, "now"), lambda text: None)


def test_a_tool_that_does_the_work_is_measured(tmp_path: Path) -> None:
    """Every phase that was asked for has its seconds, its memory, and how many outputs were made."""
    figures = measured([begun(tool("make", ALL), tmp_path)], NO_OP, TOUCHED, CHANGED, DELETED, FILE_EDITED)

    assert set(figures) == {FULL, NO_OP, TOUCHED, CHANGED, DELETED, FILE_EDITED}
    for of_tools in figures.values():
        assert of_tools["make"]["made"] == [3]
        assert of_tools["make"]["wall"][0] > 0  # type: ignore[index]


def test_a_tool_with_fewer_turns_is_compared_after_the_edits_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has not seen the last edits, and is refused for nothing of that."""
    monkeypatch.setattr(runner, "LONG", 0.0)
    trees = [begun(tool("make", ALL), tmp_path), begun(tool("ninja", ALL, slow=True), tmp_path)]

    figures = measure(WIDE, trees, Plan(1, 3, (CHANGED,), "now"), lambda text: None)

    assert [len(figures[CHANGED][name]["wall"]) for name in ("make", "ninja")] == [2, 1]
    assert not any("failed" in of_tools[name] for of_tools in figures.values() for name in ("make", "ninja"))


def test_a_tool_that_leaves_an_output_out_is_refused(tmp_path: Path) -> None:
    """Its figures are struck out, and say why."""
    figures = measured([begun(tool("ninja", "cp i/0 o/0; cat o/0 > all"), tmp_path)])

    assert "2 of 3 outputs are there" in str(figures[FULL]["ninja"]["failed"])


def test_a_tool_that_does_not_see_an_edit_is_refused(tmp_path: Path) -> None:
    """It made all that there was to make, and made nothing of the edit."""
    lazy = begun(tool("ninja", f"test -e all || {{ {ALL}; }}"), tmp_path)

    figures = measured([lazy], CHANGED)

    assert "wall" in figures[FULL]["ninja"]
    assert "were not made" in str(figures[CHANGED]["ninja"]["failed"])


def test_a_tool_that_makes_other_bytes_than_most_is_refused(tmp_path: Path) -> None:
    """The outputs of all tools are compared at the end."""
    trees = [begun(tool(name, ALL), tmp_path) for name in ("make", "ninja")]
    trees.append(begun(tool("doit", ALL.replace("cat o/*[0-9]", "cat o/0")), tmp_path))

    figures = measured(trees, NO_OP)

    assert figures[FULL]["doit"] == {"failed": "all is not what the others have made", "run": "now"}
    assert "wall" in figures[FULL]["make"]


def test_wavebuild_is_refused_if_it_works_for_nothing(tmp_path: Path) -> None:
    """A build with nothing to do makes nothing."""
    figures = measured([begun(tool("wavebuild", ALL), tmp_path)], NO_OP)

    assert "there was nothing to do" in str(figures[NO_OP]["wavebuild"]["failed"])


def test_wavebuild_is_refused_if_it_misses_an_edit_that_keeps_size_and_time(tmp_path: Path) -> None:
    """What compares modification times alone does not see it."""
    newer = f"test i/0 -nt o/0 || test ! -e all || exit 0; {ALL}"
    tree = begun(tool("wavebuild", newer), tmp_path)
    tree.build()
    for output in ("o/0", "o/1", "all"):
        os.utime(tree.folder / output, (4e9, 4e9))

    with pytest.raises(Wrong, match="was not seen"):
        proof.see_unseen_edit(begun_again(tree))


def begun_again(tree: Tree) -> Tree:
    """The same tree with a tool that never does anything."""
    return Tree(tool("wavebuild", "true"), tree.work, tree.folder)


def test_an_unseen_edit_keeps_size_and_time_and_is_seen_by_who_reads(tmp_path: Path) -> None:
    """Only the bytes are others; they are put back afterwards."""
    tree = begun(tool("wavebuild", ALL), tmp_path)
    tree.build()
    source = tree.folder / "i/0"
    facts, content = source.stat(), source.read_bytes()

    proof.see_unseen_edit(tree)

    assert (source.stat().st_size, source.stat().st_mtime_ns) == (facts.st_size, facts.st_mtime_ns)
    assert source.read_bytes() == content


@pytest.mark.parametrize(
    ("counts", "complaint"),
    [
        ({"started": 2}, "2 programs were started for 3 steps"),
        ({"looked_at": 4}, "4 of 5 files were looked at"),
        ({"sees_unseen_edit": False}, "was not seen"),
    ],
)
def test_counts_that_only_a_skip_can_give_are_refused(counts: dict[str, object], complaint: str) -> None:
    """At least one program a step, one look a file, and the edit seen."""
    fine: dict[str, object] = {"started": 3, "looked_at": 5, "sees_unseen_edit": True}
    proof.check(WIDE, fine)

    with pytest.raises(Wrong, match=complaint):
        proof.check(WIDE, {**fine, **counts})


@pytest.mark.long
def test_after_a_phase_with_cold_files_they_are_warm_again(tmp_path: Path) -> None:
    """Each quick tool is run once more, untimed: the next phase shall not pay for the disk."""
    script = f"{ALL}; echo run >> ../$(basename $PWD).runs"
    trees = [begun(tool("make", script), tmp_path), begun(tool("pytask", script, slow=True), tmp_path)]

    figures = measure(WIDE, trees, Plan(1, 1, (COLD_NO_OP,), "now"), lambda text: None)

    runs = {name: len((tmp_path / f"{name}.runs").read_text().split()) for name in ("make", "pytask")}
    assert runs == {"make": 3, "pytask": 2}  # a full build, the phase, and once to have the files at hand
    assert [len(figures[COLD_NO_OP][name]["wall"]) for name in ("make", "pytask")] == [1, 1]


def test_a_slow_tool_has_one_repetition(tmp_path: Path) -> None:
    """The others have as many as were asked for."""
    trees = [begun(tool("pytask", ALL, slow=True), tmp_path), begun(tool("make", ALL), tmp_path)]

    figures = measure(WIDE, trees, Plan(2, 3, (NO_OP, TOUCHED), "now"), lambda text: None)

    names = ("pytask", "make")
    counts = {phase: [len(of_tools[name]["wall"]) for name in names] for phase, of_tools in figures.items()}
    assert counts == {FULL: [1, 2], NO_OP: [3, 6], TOUCHED: [3, 6]}


def test_a_run_that_takes_too_long_is_ended_and_said(tmp_path: Path) -> None:
    """It does not run on, and has no figures."""
    tree = begun(tool("pytask", "sleep 60", slow=True), tmp_path)

    cost = tree.run(tree.tool.build, seconds=0.2)

    assert cost.capped
    assert cost.wall < 30


def test_a_measurement_that_is_broken_off_leaves_no_process(tmp_path: Path) -> None:
    """The command that was being measured is ended with all that it has started."""
    mark = f"{tmp_path}/began"
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.benchmarks.test_run import *; " + (
        f"begun(tool('make', 'touch {mark}; tail -f {mark} & tail -f {mark}'), Path({str(tmp_path)!r})).build()"
    )
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as process:
        assert eventually(lambda: len(_commands_with(f"tail -f {mark}")) >= 2, 60)
        process.send_signal(signal.SIGINT)
        process.wait(60)

    assert eventually(lambda: not _commands_with(mark))


def _commands_with(word: str) -> list[str]:
    """The command lines of processes, those that have the word."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((folder / "cmdline").read_text().replace("\0", " "))
    return [line for line in found if word in line]


def test_what_began_afresh_is_as_it_began(tmp_path: Path) -> None:
    """Outputs and what a tool remembers are gone, edits are taken back."""
    tree = begun(tool("make", f"{ALL}; mkdir -p .state; touch .state/x"), tmp_path)

    def listing() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in tree.folder.rglob("*") if path.is_file()}

    before = listing()
    for phase in phases(WIDE):
        phase.prepare(tree, 7)
        tree.build()
    assert listing() != before

    tree.begin_afresh()

    assert listing() == before


def test_what_is_measured_again_takes_the_place_of_what_was_there() -> None:
    """A partial run leaves the rest as it was."""
    old = {"wide 1": {"phases": {"no-op": {"make": {"run": "1", "wall": [1]}, "ninja": {"run": "1", "capped": 120}}}}}

    merge(old, {"wide 1": {"phases": {"no-op": {"ninja": {"run": "2", "wall": [2]}}}}})

    assert old["wide 1"]["phases"]["no-op"] == {"make": {"run": "1", "wall": [1]}, "ninja": {"run": "2", "wall": [2]}}
