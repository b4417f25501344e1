"""Links between the pages lead somewhere, and the pages are found from the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import anchors, links, named, pages
from tests.support.command import REPOSITORY


def inner_links(page: Path) -> list[tuple[str, Path, str]]:
    """Each link of a page that stays in the repository: as written, the file, what follows ``#``."""
    found = []
    for link in links(page):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            found.append((link, (page.parent / path).resolve() if path else page, anchor))
    return found


@pytest.mark.parametrize("page", pages(), ids=named)
def test_the_links_of_a_page_lead_to_files_and_headings_that_exist(page: Path) -> None:
    """Nobody follows a link into nothing."""
    broken = [
        link
        for link, target, anchor in inner_links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]

    assert broken == []


def test_every_page_is_reached_from_the_first() -> None:
    """A reader who begins at docs/index.md can come to every page."""
    todo, reached = [REPOSITORY / "docs" / "index.md"], set[Path]()
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            todo += [target for _, target, _ in inner_links(page) if target.suffix == ".md" and target.exists()]

    assert {named(page) for page in pages()} - {named(page) for page in reached} == {"README.md"}
