"""One-line changes of wavebuild, each of which a test must notice.

It does not know how they are tried.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

CHANGES = Path(__file__).with_name("changes.toml")


@dataclass(frozen=True, slots=True)
class Change:
    """``old`` becomes ``new`` in a module of wavebuild; ``test``: file, perhaps class, and name, as pytest has them."""

    what: str
    file: str
    old: str
    new: str
    breaks: str
    test: str


def changes() -> list[Change]:
    return [Change(**given) for given in tomllib.loads(CHANGES.read_text(encoding="utf-8"))["change"]]


def table() -> str:
    """All of them, as the page of reliability lists them."""
    lines = [f"| {change.what} | {change.breaks} | {place(change)} |" for change in changes()]
    return "\n".join(["| changed | breaks | noticed by |", "|---|---|---|", *lines]) + "\n"


def place(change: Change) -> str:
    """Where the test is, as people read it."""
    file, *_, name = change.test.split("::")
    return f"{file}: {name.removeprefix('test_').replace('_', ' ')}"
