"""Problems found after the Wavefile was read show their source line too: those of the graph, of sources, of targets.

It does not know how the problems are found.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Site

HEAD = "steps:\n"
CYCLE = HEAD + "  a: {inputs: b.txt, outputs: a.txt, run: x}\n  b: {inputs: a.txt, outputs: b.txt, run: x}\n"
OVERLAP = HEAD + "  a: {outputs: out/, run: x}\n  b: {outputs: out/b.txt, run: x}\n"
SOURCE = HEAD + "  a: {inputs: gone.csv, run: x}\n"
TARGET = "targets: [nobody]\n" + HEAD + "  a: {run: x}\n"
STEP = HEAD + "  a: {needs: [nobody], run: x}\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def shown(err: str) -> list[str]:
    """The place's column, the character that the caret points to, from the first problem."""
    head, line, caret, *_ = err.splitlines()
    assert caret.strip() == "^", err
    return [head.split(" ")[0], line[caret.index("^") :]]


@pytest.mark.parametrize(
    ("text", "place", "pointed"),
    [
        (OVERLAP, "Wavefile:3:16:", "out/b.txt, run: x}"),
        (SOURCE, "Wavefile:2:15:", "gone.csv, run: x}"),
        (TARGET, "Wavefile:1:11:", "nobody]"),
        (STEP, "Wavefile:2:15:", "nobody], run: x}"),
        (CYCLE, "Wavefile:2:15:", "b.txt, outputs: a.txt, run: x}"),
    ],
    ids=["overlap", "source", "target", "step", "cycle"],
)
def test_a_late_problem_shows_its_line_with_a_caret(text: str, place: str, pointed: str, site: Site) -> None:
    """Whoever finds a mistake, the person sees the same: place, line, caret, remedy."""
    site.write("Wavefile", text)

    refused = site.wavebuild()

    assert (refused.code, shown(refused.err)) == (2, [place, pointed])


@pytest.mark.parametrize("flags", [["-C", "sub"], ["-f", "Wavefile"], ["-C", "sub", "-f", "../Wavefile"], ["-Csub"]])
def test_the_line_is_found_from_any_folder(flags: list[str], site: Site) -> None:
    """-C and -f lead to the Wavefile; its line is shown whatever the caller's folder is."""
    site.write("Wavefile", SOURCE)
    site.write("sub/x", "")

    refused = site.wavebuild(*flags)

    assert shown(refused.err) == ["Wavefile:2:15:", "gone.csv, run: x}"]


def test_check_shows_the_lines_too(site: Site) -> None:
    """What check lists on stdout looks as it does when a build refuses."""
    site.write("Wavefile", SOURCE)

    checked = site.wavebuild("check")

    assert (checked.code, shown(checked.out)) == (2, ["Wavefile:2:15:", "gone.csv, run: x}"])
