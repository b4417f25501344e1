"""The page of reliability names the tests that hold each line, and every line that no test holds has its reason."""

from __future__ import annotations

import re

import pytest

from tests import scenarios
from tests.docs.pages import rows
from tests.scenarios import KNOWN, PAGE, named, rewrite

CHAPTERS = re.findall(r"^### (.+)$", PAGE.read_text(), flags=re.MULTILINE)
REASONS = "Not held by a test"

pytestmark = pytest.mark.xdist_group("reliability")  # all tests are read once


def held_rows() -> list[list[str]]:
    return [row for chapter in CHAPTERS if chapter != REASONS for row in rows(PAGE, chapter)]


def spelled_out(lines: str) -> list[str]:
    """`A1 to A12` is twelve lines."""
    first, _, last = lines.partition(" to ")
    if not last:
        return [first]
    return [f"{first[0]}{number}" for number in range(int(first[1:]), int(last[1:]) + 1)]


def test_a_line_names_all_tests_that_claim_it_and_no_others() -> None:
    """``python -m tests.scenarios`` writes the column anew."""
    text = PAGE.read_text(encoding="utf-8")

    assert rewrite(text) == text
    assert [row[0] for row in held_rows() if not named(row[3])] == []


def test_every_known_fault_is_held_by_a_test_or_has_its_reason() -> None:
    """Once, and no test claims a line that is not on the page."""
    held = [row[0] for row in held_rows()]
    reasoned = [line for row in rows(PAGE, REASONS) if row[2] for line in spelled_out(row[0])]

    assert sorted([*held, *reasoned]) == sorted(KNOWN)
    assert set(scenarios.held()) == set(held)


def test_every_promise_names_tests_that_exist() -> None:
    """A promise without a test is none."""
    there = {test for test, _ in scenarios.tests()}
    promises = list(rows(PAGE, "The promises"))

    assert promises
    for said, tests in promises:
        assert named(tests), said
        assert [test for test in named(tests) if test not in there] == []


def test_a_name_that_is_not_there_would_be_noticed() -> None:
    """The reading of a cell finds every test that it names."""
    cell = "`a/test_b.py`: one thing, another; `test_c.py`: a third"

    assert [(test.file, test.name) for test in named(cell)] == [
        ("a/test_b.py", "one thing"),
        ("a/test_b.py", "another"),
        ("test_c.py", "a third"),
    ]
