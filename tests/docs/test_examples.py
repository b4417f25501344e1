"""Every command in the documentation is run, and prints what the page says.

A page with blocks of ```console gets a folder of its own, a copy of the example that its first line names or an empty
one. Blocks are taken in the order of the page: a Wavefile or a named file is written, a command is run.
In the expected output a line ``…`` stands for any lines, and ``…`` in a line for any text.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import Fence, fences, named, pages
from tests.support.command import LONGEST, REPOSITORY, Site
from tests.support.processes import kill_marked

_BEGINS_IN = re.compile(r"<!-- begins in examples/(?P<example>\w+) -->")


def length(page: Path) -> int:
    return sum(fence.text.count("$ ") for fence in fences(page) if fence.language == "console")


def is_long(page: Path) -> bool:
    return "how-to" in page.parts or page.name == "tutorial.md"


# The longest first, so that it does not run alone at the end.
PLAYED = sorted(filter(length, pages()), key=length, reverse=True)


@dataclass(frozen=True)
class Command:
    text: str
    expected: str
    where: str


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    place = Site(tmp_path)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "wavebuild"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m wavebuild "$@"\n')
    command.chmod(0o755)
    yield place
    left = not place.nothing_alive()
    kill_marked(place.mark)
    assert not left, "a process outlived the page"


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.long) if is_long(page) else page for page in PLAYED],
    ids=named,
)
def test_every_command_prints_what_the_page_says(page: Path, site: Site) -> None:
    """A reader who types the commands of a page, from top to bottom, sees what the page shows."""
    if found := _BEGINS_IN.match(page.read_text()):
        example = found["example"]
        site.copy_of(example, built_in(example))

    for fence in fences(page):
        if fence.language == "console":
            for command in commands(fence):
                said = run(command.text, site)
                assert re.fullmatch(pattern(command.expected), said), (
                    f"{command.where}: $ {command.text}\n--- the page says\n{command.expected}--- it printed\n{said}"
                )
        elif fence.file or (fence.is_wavefile and not _BEGINS_IN.match(page.read_text())):
            site.write(fence.file or "Wavefile", fence.text)


def test_an_ellipsis_stands_for_any_lines_and_for_any_part_of_a_line() -> None:
    """The comparison lets through what a page leaves open, and nothing else."""
    assert re.fullmatch(pattern("kept 1 (… s)\n…\nend\n"), "kept 1 (0.3 s)\na\nb\nend\n")
    assert not re.fullmatch(pattern("kept 1 (… s)\n"), "kept 1 (0.3 s)\nmore\n")
    assert not re.fullmatch(pattern("a.b\n"), "axb\n")


def built_in(example: str) -> tuple[str, ...]:
    """The folders that an example builds, which its own .gitignore names."""
    ignore = REPOSITORY / "examples" / example / ".gitignore"
    return tuple(line.strip("/") for line in ignore.read_text().splitlines()) if ignore.exists() else ()


def commands(fence: Fence) -> Iterator[Command]:
    """The commands of a block, ``> `` continuing the one above, each with the lines that follow it."""
    text, expected, line = "", list[str](), fence.line
    for number, written in enumerate(fence.text.splitlines(), fence.line + 1):
        if written.startswith("$ "):
            if text:
                yield Command(text, "".join(expected), f"{named(fence.page)}:{line}")
            text, expected, line = written[2:], [], number
        elif written.startswith("> ") and not expected:
            text += "\n" + written[2:]
        else:
            assert text, f"{fence.where}: output before the first command"
            expected.append(f"{written}\n")
    assert text, f"{fence.where}: no command in this block"
    yield Command(text, "".join(expected), f"{named(fence.page)}:{line}")


def run(command: str, site: Site) -> str:
    environ = site.environ | {"PATH": f"{site.home / 'bin'}:{site.environ['PATH']}"}
    for name in ("COLUMNS", "FORCE_COLOR", "WAVEBUILD_JOURNAL"):
        environ.pop(name, None)
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=site.root,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    return "".join(f"{line.rstrip()}\n" for line in ended.stdout.splitlines())


def pattern(expected: str) -> str:
    found = ""
    for line in expected.splitlines():
        if line.strip() == "…":
            found += r"(?:.*\n)*"
        else:
            found += ".*".join(re.escape(part) for part in line.rstrip().split("…")) + r"\n"
    return found
