"""A real browser without a window, and pages that watch what it does.

A browser that is not there fails the tests: whoever runs them wants them. Whoever runs only the others need not have
what drives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from wavebuild.engine.story import Story
from wavebuild.ui.report.page import page as report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Dialog, Page
    from playwright.sync_api import expect as expect
else:

    def expect(what: Any) -> Any:
        from playwright.sync_api import expect

        return expect(what)


CHROMIUM = "/usr/bin/chromium"
QUIETLY = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync"),
)
PATIENCE = 40_000.0  # milliseconds, for what takes a moment on an idle machine


@dataclass
class Watched:
    """A page, with what it has complained of and asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self.dismiss)

    def dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    @property
    def panel(self) -> Any:
        return self.page.locator("#panel")

    @property
    def focused(self) -> str:
        """What has the keyboard: its own text, or what it leads to."""
        asked = "(here => here.getAttribute('href') || here.id || here.tagName)(document.activeElement)"
        return str(self.page.evaluate(asked))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield browser
        browser.close()


Open = Callable[..., Watched]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a story, or the text of a page, as a file; afterwards nothing may have been asked for or complained of."""
    contexts: list[BrowserContext] = []
    pages: list[Watched] = []

    def open_(told: Story | str, width: int = 1280, checked: bool = True, **how: Any) -> Watched:
        file = tmp_path / f"{len(contexts)}.html"
        file.write_text(told if isinstance(told, str) else report(told))
        how = {"reduced_motion": "reduce"} | how  # else a page may still be scrolling when it is measured
        context = browser.new_context(viewport={"width": width, "height": 800}, **how)
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.watch()
        watched.page.goto(file.as_uri(), timeout=PATIENCE)
        if checked:
            pages.append(watched)
        return watched

    yield open_
    for each in pages:
        assert (each.complaints, each.dialogs) == ([], [])
        assert [url for url in each.requests if not url.startswith("file:")] == []
    for context in contexts:
        context.close()
