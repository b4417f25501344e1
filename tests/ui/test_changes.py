"""How a change inside a file is shown: every line fits, nothing of a file can move the screen."""

from __future__ import annotations

import json

import pytest

from wavebuild.judge.difference import (
    Cell,
    Change,
    KeyChange,
    Keys,
    Line,
    Lines,
    Marks,
    Mode,
    Row,
    Rows,
    Size,
    difference,
)
from wavebuild.judge.reasons import ActionChanged, InputChanged, Reason
from wavebuild.ui.changes import change_record, reason_lines
from wavebuild.ui.style import Style
from wavebuild.ui.tables import columns

READ = InputChanged("a.csv", "sha256:" + "1" * 64, "sha256:" + "2" * 64)


def shown(change: Change | None, reason: Reason = READ, width: int = 80) -> list[str]:
    return reason_lines("  because ", reason, change, Style(width=width))


CHANGES: dict[str, tuple[Change, list[str]]] = {
    "lines": (
        Lines((Line(12, "a", "b"), Line(13, None, "c"), Line(14, "d", None)), 12),
        ["    line 12  - a", "             + b", "    line 13  + c", "    line 14  - d", "    … and 12 more lines"],
    ),
    "rows": (
        Rows(
            ("new",),
            ("old",),
            (
                Row("users, id", "changed", (Cell("type", "int", ""), Cell("size", "", "8")), 2),
                Row("7", "added", (Cell("v", None, "x"),)),
                Row("8", "removed", ()),
            ),
            1,
        ),
        [
            "    + column new",
            "    - column old",
            '      row users, id: type int → "", size "" → 8, and 2 more columns',
            "    + row 7: v x",
            "    - row 8",
            "    … and 1 more row",
        ],
    ),
    "keys": (
        Keys((KeyChange("a.b", "1", "2"), KeyChange("c", None, "[3]"), KeyChange("d", "4", None)), 2),
        ["      a.b: 1 → 2", "    + c: [3]", "    - d: 4", "    … and 2 more keys"],
    ),
    "marks": (Marks("line ends"), ["    only the line ends changed"]),
    "mode": (Mode(True), ["    it may be executed now"]),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_stands_below_its_reason(kind: str) -> None:
    change, lines = CHANGES[kind]

    assert shown(change) == ["  because a.csv changed", *lines]


def test_a_change_of_size_stands_below_the_digests() -> None:
    """They are all that is known besides."""
    digests = "  because a.csv changed: sha256:11111111… → sha256:22222222…"

    assert shown(Size(1, 2000)) == [digests, "    1 byte → 2000 bytes"]
    assert shown(Size(5, 5)) == [digests, "    of 5 bytes as before"]
    assert shown(Size(None, 5)) == shown(None) == [digests]


def test_a_short_change_stands_in_the_line_of_its_reason() -> None:
    short = Lines((Line(1, "one", "two"),))

    assert shown(short, ActionChanged("env V", "one", "two")) == ["  because env V changed: one → two"]
    assert shown(Keys((KeyChange("", "8", "9"),)), InputChanged("c.yaml#a", "=8", "=9")) == [
        "  because c.yaml#a changed: =8 → =9"
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("kind", CHANGES)
def test_every_line_fits_the_width(width: int, kind: str) -> None:
    long = difference("f.txt", "bytes", b"word " * 60 + b"\n" + b"x" * 400, b"word " * 61 + b"\n" + b"y" * 400)
    for change in (CHANGES[kind][0], long):
        for depth in (2, 26):
            lines = reason_lines(" " * depth + "because ", READ, change, Style(width=width))

            assert max(columns(line) for line in lines[1:]) <= width


def test_nothing_of_a_file_can_move_the_screen() -> None:
    evil = "\x1b[2J\r\u202e\x9b1A"
    for change in (
        Lines((Line(1, evil, evil),)),
        Keys((KeyChange(evil, evil, evil), KeyChange(evil, None, evil))),
        Rows((evil,), (evil,), (Row(evil, "changed", (Cell(evil, evil, evil),)), Row(evil, "added", ()))),
    ):
        text = "\n".join(shown(change, width=200))

        assert not set(text) & set("\x1b\r\u202e\x9b")
        assert json.dumps(change_record(change)).isascii()


def test_colours_are_the_screens_own() -> None:
    lines = reason_lines("  because ", READ, Lines((Line(1, "a", "b"),)), Style(colours=True))

    assert lines[1:] == ["    \x1b[31mline 1  - a\x1b[0m", "    \x1b[32m        + b\x1b[0m"]


@pytest.mark.parametrize("kind", CHANGES)
def test_as_json_a_change_says_its_kind_and_all_it_knows(kind: str) -> None:
    record = change_record(CHANGES[kind][0])

    assert record["kind"] == kind
    assert json.loads(json.dumps(record)) == record


def test_the_shapes_are_those_of_the_reference() -> None:
    assert change_record(Lines((Line(2, None, "x"),), 3)) == {
        "kind": "lines",
        "lines": [{"line": 2, "was": None, "now": "x"}],
        "more": 3,
    }
    assert change_record(Rows(("n",), (), (Row("7", "changed", (Cell("c", "1", "2"),), 1),))) == {
        "kind": "rows",
        "columns": {"added": ["n"], "removed": []},
        "rows": [{"row": "7", "change": "changed", "cells": [{"column": "c", "was": "1", "now": "2"}], "more": 1}],
        "more": 0,
    }
    assert change_record(Size(None, 3)) == {"kind": "size", "was": None, "now": 3}
