"""Every Wavefile in the documentation is one that the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import Fence, fences, pages
from tests.support.command import REPOSITORY
from wavebuild.declare import load
from wavebuild.graph import link

WAVEFILES = [fence for page in pages() for fence in fences(page) if fence.is_wavefile]


@pytest.mark.parametrize("fence", WAVEFILES, ids=lambda fence: fence.where)
def test_a_whole_wavefile_of_a_page_is_taken(fence: Fence, tmp_path: Path) -> None:
    """What a reader copies from a page loads and links; no page shows a key that does not exist."""
    file = tmp_path / "Wavefile"
    file.write_text(fence.text, encoding="utf-8")
    for included in re.findall(r"([\w/]+)/Wavefile", fence.text):
        (tmp_path / included).mkdir(parents=True)
        (tmp_path / included / "Wavefile").write_text("steps: {package: {outputs: package.tar, run: make}}\n")

    graph = link(load(str(file), allow_outside=True))

    assert graph.wavefile.steps


def test_the_tour_of_the_language_is_taken(tmp_path: Path) -> None:
    """Wavefile.example can be copied and built, as its first line says."""
    file = tmp_path / "Wavefile"
    file.write_bytes((REPOSITORY / "Wavefile.example").read_bytes())

    graph = link(load(str(file), allow_outside=True))

    assert "everything" in graph.number
