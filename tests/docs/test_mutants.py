"""The changes that tests must notice still apply, and their tests exist; whether they are noticed takes minutes."""

from __future__ import annotations

import ast

import pytest

from tests.docs.pages import rows
from tests.mutants import Change, changes, place
from tests.scenarios import KNOWN, PAGE, TESTS
from tests.support.command import REPOSITORY
from wavebuild.declare import schema

ALL = changes()
KEYS = {key.name for part in (schema.WAVEFILE, *schema.PARTS.values()) for key in part.keys}


def is_there(test: str) -> bool:
    file, *classes, name = test.split("::")
    found: list[ast.stmt] = ast.parse((TESTS / file).read_text(encoding="utf-8")).body
    for wanted in classes:
        found = next((part.body for part in found if isinstance(part, ast.ClassDef) and part.name == wanted), [])
    return any(isinstance(part, ast.FunctionDef) and part.name == name for part in found)


@pytest.mark.parametrize("change", ALL, ids=lambda change: change.what)
def test_a_change_applies_and_its_test_exists(change: Change) -> None:
    """If the code has moved on, the change moves with it: ``python -m tests.mutants WORDS`` tries it alone."""
    module = REPOSITORY / "wavebuild" / change.file
    text = module.read_text(encoding="utf-8")

    assert text.count(change.old) == 1
    ast.parse(text.replace(change.old, change.new))
    assert change.new != change.old
    assert change.breaks in KNOWN | KEYS
    assert is_there(change.test)


def test_there_are_forty_and_no_two_are_the_same() -> None:
    assert len(ALL) >= 40
    assert len({(change.file, change.old) for change in ALL}) == len(ALL)


def test_the_page_lists_them_all() -> None:
    """What was changed, which line that breaks, and the test that noticed."""
    told = [tuple(row) for row in rows(PAGE, "The tests are tested")]

    assert told == [(change.what, change.breaks, place(change)) for change in ALL]
