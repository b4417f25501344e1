"""The pages are written from the figures, and say what these say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.floor import COMMIT, FORK, FORK_AND_FILE, HASH, INTERPRETER, ROUNDS, STAT, forks, others, timed
from benchmarks.phases import CHANGED, COLD_LOAD, CUTOFF, FULL, NO_OP
from benchmarks.run import RESULTS

X = page.TIMES
DATA: dict[str, Any] = json.loads(RESULTS.read_text())


def figures(wall: float, cpu: float, made: int = 0, run: str = "1") -> dict[str, Any]:
    return {"wall": [wall], "cpu": [cpu], "mebibytes": [10.0], "made": [made], "run": run}


def data(phase: str, title: str = "wide 10000", **tools: dict[str, Any]) -> dict[str, Any]:
    work = {"steps": 10_001, "sources": 10_000, "phases": {phase: tools}}
    return {"works": {title: work}, "versions": dict.fromkeys(tools, "1.0")}


def row(found: dict[str, Any], words: str) -> str:
    return next(line for line in page.performance(found) if line.startswith(f"| {words}"))


def test_the_page_is_that_of_the_kept_figures() -> None:
    """`python benchmarks/run.py --page` would change nothing."""
    assert page.PAGE.read_text() == "\n".join(page.performance(DATA)) + "\n"


def test_the_figures_of_readme_are_the_kept_ones() -> None:
    """`python benchmarks/run.py --page` would change nothing."""
    text = page.README.read_text()

    assert all(text.count(mark) == 1 for mark in page.MARKS)
    assert page.with_figures(text, DATA) == text


def test_a_bar_is_judged_by_the_measure_that_it_names() -> None:
    """By CPU seconds the no-op of 10,000 steps is within twice ninja's, by wall seconds it is not."""
    found = data(NO_OP, wavebuild=figures(9.0, 0.2), ninja=figures(1.0, 0.1))

    bar = row(found, "no-op, `wide` 10,000, against ninja")

    assert f"| 2.00 {X} | CPU | 9.00 {X} | reached |" in bar


def test_a_bar_that_is_missed_is_said_so() -> None:
    """In its row, and below the table."""
    found = data(CHANGED, wavebuild=figures(2.1, 1.0), ninja=figures(1.0, 1.0))

    assert row(found, "one leaf changed").endswith(f"| 2.10 {X} | wall | 1.00 {X} | **missed** |")
    assert "Missed: one leaf changed, `wide` 10,000, against ninja." in list(page.performance(found))


def test_a_bar_of_so_many_times_faster_is_turned_round() -> None:
    """doit takes eight times as long: reached; seven times: not."""
    for wall, verdict in ((8.0, "reached"), (7.9, "**missed**")):
        found = data(NO_OP, wavebuild=figures(1.0, 1.0), doit=figures(wall, 1.0))
        assert row(found, "no-op, `wide` 10,000: faster than doit").endswith(f"| {verdict} |")


def test_figures_of_different_runs_are_not_passed_off_as_one() -> None:
    """The ratio says that they were measured apart."""
    found = data(FULL, wavebuild=figures(1.0, 1.0, run="2"), ninja=figures(1.0, 1.0))

    assert "(measured apart)" in row(found, "full build, `wide` 10,000")


def test_growth_between_different_runs_is_said_to_be_so() -> None:
    """What both sizes took may have been of another hour, or of other code."""
    for run, said in (("1", False), ("2", True)):
        found = data(FULL, wavebuild=figures(1.0, 1.0))
        found["works"] |= data(FULL, "wide 100000", wavebuild=figures(9.0, 9.0, run=run))["works"]
        assert ("(measured apart)" in row(found, "growth from 10,000 to 100,000, `wide`: full build")) is said


def test_times_of_another_run_are_marked_and_not_in_the_table_of_readme() -> None:
    """One hour may be busier than another: times of both do not stand side by side."""
    found = data(FULL, wavebuild=figures(1.0, 1.0, run="2"), make=figures(1.0, 1.0, run="2"), ninja=figures(7.0, 1.0))

    assert row(found, f"{FULL} | ninja").startswith(f"| {FULL} | ninja, apart | 7.000")
    table = [line for line in page.readme(found) if line.startswith("|")]
    assert table[0] == "| work | phase | wavebuild | make -rR |"


def test_what_was_not_measured_is_not_judged() -> None:
    """Neither reached nor missed."""
    assert row({}, "cutoff").endswith("| not measured | | | |")


def test_what_was_capped_or_failed_is_told_in_its_row() -> None:
    """And enters no ratio."""
    capped, failed = {"capped": 120.0, "run": "1"}, {"failed": "no", "run": "1"}
    found = data(FULL, "wide 1000", dvc=capped, pytask=failed)

    assert row(found, f"{FULL} | DVC") == f"| {FULL} | DVC | > 120 | - | - | - |"
    assert row(found, f"{FULL} | pytask") == f"| {FULL} | pytask | failed | - | - | - |"


def test_readme_tells_who_made_more_than_another() -> None:
    """In brackets behind the seconds."""
    found = data(CUTOFF, "layers 1000", wavebuild=figures(0.5, 1.0, 1), ninja=figures(0.75, 1.0, 421))

    lines = list(page.readme(found))

    assert f"| 1,000 steps in ten layers | {CUTOFF} | 0.50 s | 0.75 s (421) |" in lines


def test_readme_names_as_slower_only_those_that_are() -> None:
    """A sentence about a peer follows from the figures."""
    found = data(NO_OP, wavebuild=figures(1.0, 1.0), doit=figures(1.0, 9.0), ninja=figures(1.0, 0.5))

    text = "\n".join(page.readme(found))

    assert "so many times the CPU seconds: doit 9." in text
    assert "It takes 2.00 times the CPU seconds of ninja with nothing to do" in text


def test_a_busy_machine_is_said() -> None:
    """Whoever reads the seconds knows that others were at work; on an idle machine nothing is said."""
    busy, idle = ({"machine": {"load": load, "cores": "2"}} for load in ("9.5", "0.4"))

    assert "The machine was busy" in "\n".join(page.performance(busy))
    assert "The machine was busy" in "\n".join(page.readme(busy))
    assert "The machine was busy" not in "\n".join([*page.performance(idle), *page.readme(idle)])


def test_why_a_bar_is_missed_is_said_once_and_only_then() -> None:
    """The reason stands below the table."""
    missed, reached = (
        data(FULL, wavebuild=figures(wall, 1.0), ninja=figures(1.0, 1.0)) for wall in (1.4, 1.3)
    )  # fmt: skip

    assert "\n".join(page.performance(missed)).count("A full build: what the child") == 1
    assert "A full build: what the child" not in "\n".join(page.performance(reached))


def test_where_growth_is_missed_that_of_the_peers_stands_below() -> None:
    """Only of what was measured in one run."""
    found = data(FULL, wavebuild=figures(1.0, 1.0), ninja=figures(1.0, 1.0), make=figures(2.0, 1.0))
    large = data(FULL, "wide 100000", wavebuild=figures(12.0, 1.0), ninja=figures(20.0, 1.0), make=figures(30.0, 1.0))
    idle = data(NO_OP, wavebuild=figures(1.0, 1.0), ninja=figures(1.0, 1.0), make=figures(2.0, 1.0))
    apart = data(NO_OP, "wide 100000", wavebuild=figures(1.0, 1.0), ninja=figures(2.0, 1.0, run="2"))
    found["works"] |= large["works"]
    for work, more in (("wide 10000", idle), ("wide 100000", apart)):
        found["works"][work]["phases"] |= more["works"][work]["phases"]

    text = " ".join(page.performance(found))
    assert "in the same run: full build wavebuild 12, ninja 20, make -rR 15." in text
    found["works"]["wide 100000"]["phases"][FULL]["wavebuild"] = figures(11.0, 1.0)
    assert "in the same run" not in " ".join(page.performance(found))


def test_readme_compares_only_what_was_measured_in_one_run() -> None:
    """Another run may have met another load."""
    found = data(NO_OP, wavebuild=figures(1.0, 1.0, run="2"), doit=figures(9.0, 1.0), ninja=figures(0.5, 1.0))

    text = "\n".join(page.readme(found))

    assert "so many times" not in text
    assert "of ninja" not in text


def test_a_floor_stands_beside_what_a_python_step_takes() -> None:
    """Of 0.5 s, 0.1 s are loading: 4 ms for each of 100 steps, of which a fork is one."""
    found = data(FULL, "python 200", wavebuild=figures(1.0, 0.5))
    work = found["works"]["python 200"]
    work["steps"], work["phases"][COLD_LOAD] = 100, {"wavebuild": figures(0.1, 0.1)}
    assert "## Floors" not in list(page.performance(found))

    found["floors"] = {FORK_AND_FILE: {"wall": [0.002, 0.002, 0.004], "cpu": [0.001], "run": "1"}}
    lines = list(page.performance(found))

    assert f"| {FORK_AND_FILE} | 2.000 (2.000-4.000) | 1.000 |" in lines
    text = " ".join(lines)
    assert "the dry run takes wavebuild 0.10 s of CPU, the full build 4.00 ms more for each step" in text
    assert "A fork that copies a file takes 1.00 ms of it: 0.10 s for 100 steps" in text


def test_each_floor_is_what_it_says(tmp_path: Path) -> None:
    """The deeds are done, so often as they are counted, and in every round."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"x" * 200)
    done: list[int] = []
    deeds = [*forks(str(source), str(target)), *others(str(source), str(tmp_path / "state.db"))]
    found = timed([("mine", 3, lambda: done.append(1)), *((name, 1, deed) for name, _, deed in deeds)])

    assert len(done) == 3 * ROUNDS
    assert {FORK, FORK_AND_FILE, INTERPRETER, COMMIT, STAT, HASH} <= found.keys()
    assert all(len(one["wall"]) == ROUNDS and min(one["wall"]) > 0 for one in found.values())
    assert not target.exists()
