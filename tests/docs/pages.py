"""The pages of the documentation as values: their fences, their links, their tables.

It does not know what the pages say, nor what should hold of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import REPOSITORY

_OPENING = re.compile(r"(?P<fence>`{3,})(?P<language>\w*)$")
_FILE_NAME = re.compile(r"Write `(?P<name>[^`]+)`:$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<link>[^)\s]+)\)")
_HEADING = re.compile(r"(?P<signs>#{1,6}) (?P<text>.+)$")
_CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Fence:
    """A block of code in a page; ``file``: the name that the line above gives it, as in "Write `clean.py`:"."""

    page: Path
    line: int
    language: str
    text: str
    file: str | None

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"

    @property
    def is_wavefile(self) -> bool:
        return self.language == "yaml" and re.search(r"^steps:", self.text, re.MULTILINE) is not None


def pages() -> list[Path]:
    """Every page that people read: README first, then docs."""
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def named(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def fences(page: Path) -> list[Fence]:
    found: list[Fence] = []
    opening: re.Match[str] | None = None
    begun, above, file, inside = 0, "", None, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if opening is None:
            opening = _OPENING.match(line)
            if opening:
                naming = _FILE_NAME.search(above)
                begun, file, inside = number, naming["name"] if naming else None, []
            elif line.strip():
                above = line.strip()
        elif line == opening["fence"]:
            found.append(Fence(page, begun, opening["language"], "".join(f"{each}\n" for each in inside), file))
            opening, above = None, ""
        else:
            inside.append(line)
    assert opening is None, f"{named(page)}:{begun}: this block is never closed"
    return found


def prose(page: Path) -> list[str]:
    """The lines of a page outside its blocks of code."""
    kept, fence = [], ""
    for line in page.read_text(encoding="utf-8").splitlines():
        opening = _OPENING.match(line)
        if fence:
            fence = "" if line == fence else fence
        elif opening:
            fence = opening["fence"]
        else:
            kept.append(line)
    return kept


def links(page: Path) -> list[str]:
    return [found["link"] for line in prose(page) for found in _LINK.finditer(line)]


def anchors(page: Path) -> set[str]:
    """What a link may name after ``#``: the headings, as they become addresses."""
    found = set()
    for line in prose(page):
        if heading := _HEADING.match(line):
            plain = re.sub(r"[^\w\- ]", "", heading["text"].lower())
            found.add(plain.replace(" ", "-"))
    return found


def rows(page: Path, heading: str) -> Iterator[list[str]]:
    """The rows of the tables under a heading, without their own heads."""
    under, head = False, True
    for line in prose(page):
        if found := _HEADING.match(line):
            under, head = found["text"] == heading, True
        elif not under or not line.startswith("|"):
            head = True
        elif head:
            head = False
        elif not set(line) <= set("|-: "):
            cells = _CELLS.split(line.strip())[1:-1]
            yield [cell.replace("\\|", "|").strip() for cell in cells]


def code(cell: str) -> list[str]:
    """The pieces of code in a cell."""
    return re.findall(r"`([^`]+)`", cell)
