"""What `show` and `history` print, at several widths, and their JSON.

It does not know how the answers are found.
"""

from __future__ import annotations

import json
import re

import pytest
from msgspec.structs import replace

from tests.ui.samples import NOON, a_history, a_portrait, called
from wavebuild.engine import History
from wavebuild.errors import Problem
from wavebuild.ui.past import history_lines
from wavebuild.ui.portraits import portrait_lines, portrait_record
from wavebuild.ui.style import Style
from wavebuild.ui.tables import columns

WIDTHS = [40, 80, 200]


def test_a_portrait_says_what_holds_and_where_it_is_written() -> None:
    """Each key once, with all the places that its value comes from."""
    text = "\n".join(portrait_lines(a_portrait(), Style(width=80)))

    assert text.splitlines()[:2] == ["step b  Wavefile:1:1", "RUN: never succeeded"]
    assert re.search(r"title +Second +step, Wavefile:1", text)
    assert re.search(r"timeout +1 min 30 s +category slow, Wavefile:5", text)
    assert "by default  on_edit overwrite" in text
    assert "needs" not in text
    assert "  sort a.txt > b.txt\n  echo done" in text
    assert re.search(r"b.txt +c, d +not there", text)
    assert "and 15 more" in text


def test_a_portrait_with_everything_has_a_row_for_every_key() -> None:
    """-v: what nobody gave is shown as the default that it is."""
    lines = portrait_lines(a_portrait(), Style(width=80), everything=True)

    assert [line.split() for line in lines if line.startswith(("on_edit", "needs"))] == [
        ["on_edit", "overwrite", "default"],
        ["needs", "none", "default"],
    ]


def test_what_hinders_a_verdict_is_said_in_its_place() -> None:
    """A missing source does not keep the rest of the portrait back."""
    portrait = replace(a_portrait(), status=None, unknown=(Problem("missing-source", "raw.csv is not there"),))

    text = "\n".join(portrait_lines(portrait, Style(width=80)))

    assert "not known" in text
    assert "raw.csv is not there" in text
    assert "sort a.txt" in text


@pytest.mark.parametrize("width", WIDTHS)
def test_portrait_and_history_fit_the_width(width: int) -> None:
    """Commands stand as they are, to be copied; all else wraps."""
    lines = [
        *portrait_lines(replace(a_portrait(), commands=(), checks=()), Style(width=width)),
        *history_lines(a_history(), Style(width=width)),
        *history_lines(a_history("b"), Style(width=width)),
        *portrait_lines(replace(a_portrait(), commands=(), checks=(), instances=("s@x",) * 9), Style(width=width)),
    ]

    assert max(columns(line) for line in lines) <= width


def test_the_history_tells_a_run_at_work_from_one_that_was_cut_off() -> None:
    """Neither has an exit code; control characters of a command line are spelled out."""
    lines = history_lines(a_history(), Style(width=200))

    assert [line.split()[0] for line in lines[2:]] == ["r3", "r2", "r1"]
    assert "running" in lines[2]
    assert "kept 41 · failed 1" in lines[3]
    assert "\\x1b[31mred" in lines[3]
    assert "cut off" in lines[4]
    assert "1, barrier" in lines[4]


def test_the_history_of_a_step_says_how_each_run_of_it_ended() -> None:
    lines = history_lines(a_history("b"), Style(width=120))

    assert lines[2].endswith("failed: exit 3")
    assert lines[3].endswith("succeeded")


def test_nothing_on_record_is_said() -> None:
    assert history_lines(History(), Style()) == ["no run is on record"]
    assert history_lines(History(step="b"), Style()) == ["b has never run"]


def test_the_json_of_a_portrait_has_the_words_of_the_manual() -> None:
    record = json.loads(called("show", "b", "--json").out)

    assert record["keys"]["env"] == {
        "value": {"A": "1", "B": "2"},
        "from": [
            {"layer": "step", "file": "Wavefile", "line": 1},
            {"layer": "defaults", "file": "Wavefile", "line": 9},
        ],
    }
    assert record["reads"][0] == {"artifact": "a.txt", "owners": ["a"], "members": ["a.txt"]}
    assert record["reads"][2]["members"] is None
    assert record["produces"] == [{"artifact": "b.txt", "readers": ["c", "d"], "members": []}]
    assert (record["plan"], record["last"]["outcome"]) == ("run", "failed")
    assert len(record["reads"][1]["members"]) == 20


def test_the_json_of_the_history_has_the_words_of_the_manual() -> None:
    runs = json.loads(called("history", "--json").out)["runs"]
    results = json.loads(called("history", "b", "--json").out)

    assert runs[1]["counts"] == {"kept": 41, "failed": 1}
    assert (runs[0]["running"], runs[0]["exit_code"], runs[2]["running"]) == (True, None, False)
    assert results["step"] == "b"
    assert results["results"][0]["failure"] == "exit"


def test_the_instances_of_a_repeated_step_are_named() -> None:
    """Many are cut short in the text, and all in the JSON."""
    many = replace(a_portrait(), group=True, instances=tuple(f"b@{n}" for n in range(30)))

    text = "\n".join(portrait_lines(many, Style(width=80)))

    assert text.startswith("repeated step b")
    assert "30 instances  b@0, b@1" in text
    assert "and 10 more" in text
    assert len(portrait_record(many)["instances"]) == 30  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["show", "show a b", "history a b", "history -n 0"])
def test_what_these_commands_cannot_answer_is_refused(line: str) -> None:
    refused = called(*line.split())

    assert refused.code == 2
    assert refused.out == ""


@pytest.mark.parametrize(
    ("line", "asked"),
    [("history", "history None 20"), ("history -n 3", "history None 3"), ("history b --last=2", "history b 2")],
)
def test_how_many_runs_are_wanted(line: str, asked: str) -> None:
    assert asked in called(*line.split()).engine.deeds


def test_times_are_instants_in_json() -> None:
    assert json.loads(called("history", "--json").out)["runs"][1]["started"] == "2026-11-21T12:00:00.000Z"
    assert NOON == 1_795_262_400.0
