"""The faults of docs/reliability.md and the tests that hold them.

``python -m tests.scenarios`` writes anew what the page takes from the tests.

A test claims a line by ``@pytest.mark.scenario(id="K3")``. It does not know what any line says.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests import mutants

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "reliability.md"
LINES = {"W": 17, "G": 12, "F": 15, "M": 10, "K": 12, "P": 14, "C": 8, "S": 9, "D": 9, "A": 12, "V": 10, "R": 10}
KNOWN = frozenset(
    [f"{letter}{number}" for letter, last in LINES.items() for number in range(1, last + 1)]
    + [f"X{number}" for number in (*range(1, 13), *range(20, 26))]
)
"""Every fault that is known of build tools, whether we promise anything of it or not."""


@dataclass(frozen=True, slots=True, order=True)
class Test:
    """``file``: below ``tests``; ``name``: without ``test_``, its words with spaces between them."""

    file: str
    name: str


@cache
def tests() -> Sequence[tuple[Test, ast.FunctionDef]]:
    """Every test there is, by its text alone."""
    return [
        (Test(str(path.relative_to(TESTS)), found.name.removeprefix("test_").replace("_", " ")), found)
        for path in sorted(TESTS.rglob("test_*.py"))
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(found, ast.FunctionDef) and found.name.startswith("test_")
    ]


def held() -> Mapping[str, Sequence[Test]]:
    """Line → the tests that claim it."""
    found: dict[str, set[Test]] = {}
    for test, function in tests():
        for line in _claims(function):
            found.setdefault(line, set()).add(test)
    return {line: sorted(claiming) for line, claiming in found.items()}


def _claims(function: ast.FunctionDef) -> Iterator[str]:
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.scenario":
            for given in mark.keywords:
                yield str(ast.literal_eval(given.value))


def cell(claiming: Sequence[Test]) -> str:
    """The tests as the page names them."""
    files = dict.fromkeys(test.file for test in claiming)
    return "; ".join(f"`{file}`: {', '.join(test.name for test in claiming if test.file == file)}" for file in files)


def named(text: str) -> list[Test]:
    """The tests that a cell of the page names."""
    found = []
    for part in text.split("; "):
        match = re.fullmatch(r"`(?P<file>[^`]+)`: (?P<names>.+)", part)
        found += [Test(match["file"], name) for name in match["names"].split(", ")] if match else []
    return found


def rewrite(page: str) -> str:
    """The page with the column of tests, and the table of changes, as they stand."""
    claims = held()

    def row(match: re.Match[str]) -> str:
        return f"{match['begin']}{cell(claims.get(match['line'], ()))} |"

    page = re.sub(r"^(?P<begin>\| (?P<line>[A-Z]\d+) \|[^|]*\|[^|]*\| )[^|]* \|$", row, page, flags=re.MULTILINE)
    return re.sub(r"^\| changed \|(.*\n)*?(?=\n|\Z)", lambda found: mutants.table(), page, flags=re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(rewrite(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
