"""The screens in README.md and docs/ are what a build draws."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from tests.screens import MARKED, PAGES, PICTURES, REPOSITORY, drawn, page_drawn
from wavebuild.ui.cells import width


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_the_screen_as_it_is_drawn_now(page: str) -> None:
    """If it does not: ``python -m tests.screens --write``, and look at it."""
    text = (REPOSITORY / page).read_text()

    assert text == page_drawn(text)
    assert MARKED.search(text) or any(name.removeprefix("docs/") in text for name in PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_the_same_text_and_fetches_nothing(name: str) -> None:
    """A newer rich may draw it otherwise; the words are ours."""
    picture = (REPOSITORY / name).read_text()
    said = "".join(ElementTree.fromstring(picture).itertext())

    for row in drawn(*PICTURES[name]):
        assert row.strip().replace(" ", "\xa0") in said.replace(" ", "\xa0")
    assert not re.search(r"https?://(?!www\.w3\.org)", picture.replace("https://www.textualize.io", ""))


@pytest.mark.parametrize("story", ["flight", "failure"])
@pytest.mark.parametrize(("columns", "lines"), [(40, 12), (80, 24), (200, 50)])
def test_each_story_fits_its_window(story: str, columns: int, lines: int) -> None:
    rows = drawn(story, columns, lines)

    assert len(rows) < lines
    panel = rows[next(at for at, row in enumerate(rows) if row.startswith("  wave 2 of 5")) :]
    assert len(panel) == 3
    assert all(width(row) < columns for row in panel)
