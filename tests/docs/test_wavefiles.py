"""Every Wavefile in the documentation is one that the program takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import Fence, fences, pages
from wavebuild.declare import load

WAVEFILES = [fence for page in pages() for fence in fences(page) if fence.is_wavefile]


@pytest.mark.parametrize("fence", WAVEFILES, ids=lambda fence: fence.where)
def test_a_whole_wavefile_of_a_page_is_taken_by_the_loader(fence: Fence, tmp_path: Path) -> None:
    """What a reader copies from a page works; no page shows a key that does not exist."""
    file = tmp_path / "Wavefile"
    file.write_text(fence.text, encoding="utf-8")

    wavefile = load(str(file))

    assert wavefile.steps
