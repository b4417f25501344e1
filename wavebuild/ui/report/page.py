"""The story of a run as one HTML page: it asks the network for nothing, and reads without scripts.

It does not know where the page is written. Every text passes through ``escaped`` and the escapes of HTML, whatever it
holds; a policy in the page itself forbids every script and style but its own.
"""

from __future__ import annotations

import pkgutil
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from typing import TypeVar

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from wavebuild import __version__
from wavebuild.engine.story import Chapter, Story
from wavebuild.run.events import Outcome
from wavebuild.ui import words
from wavebuild.ui.escapes import escaped
from wavebuild.ui.records import instant
from wavebuild.ui.report import facts
from wavebuild.ui.report.looks import SIGNS, kind, title, word
from wavebuild.ui.report.mark import MARK
from wavebuild.ui.report.picture import picture, tally
from wavebuild.ui.report.timeline import timeline
from wavebuild.ui.svg import MARKER

OPEN = 40
"""Rows up to which a group of steps that went well is open at first."""
PAGE = 200
"""Rows of one table; a longer one is cut into several."""
LINKS = 40
"""Steps that are named on one side of a step, or in one box of the picture."""
LONG = 500
"""Steps from which on each is told of in fewer elements: a browser takes its time for each of them."""
CARDS = 20
"""Failures that are told of at the top."""

T = TypeVar("T")


def page(story: Story) -> str:
    """The whole page, pure ASCII, so that any stream can carry it."""
    told = [each for each in story.chapters if not each.is_brief]
    numbers = {each.name: at for at, each in enumerate(told)}
    ids = {name: f"s{at}" for name, at in numbers.items()}
    style, script = _asset("report.css"), _asset("report.js")
    allowed = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    drawn = picture(story, ids)
    text = _template().render(
        mark=Markup(MARK),
        policy=Markup(f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"),
        style=Markup(style),
        script=Markup(script),
        marker=Markup(MARKER),
        version=__version__,
        story=story,
        ids=ids,
        picture=drawn,
        drawing=Markup("\n".join(drawn.drawing.lines)) if drawn else "",
        gantt=Markup(timeline(story, ids)),
        chapters={each.name: each for each in story.chapters},
        listed=told,
        brief=tally(each for each in story.chapters if each.is_brief),
        groups=list(_groups(told)),
        troubles=[each for wrong in (Outcome.FAILED, Outcome.WAITING) for each in told if each.outcome is wrong],
        facts=facts,
        roots=facts.behind(story.chapters),
        words=words,
        instant=instant,
        kind=kind,
        sign=SIGNS.__getitem__,
        word=word,
        title=title,
        tally=tally,
        ranges=lambda members: _ranges(sorted(numbers[each.name] for each in members if each.name in numbers)),
        links=lambda names: (names[:LINKS], max(len(names) - LINKS, 0)),
        cards=CARDS,
        is_long=len(told) > LONG,
    )
    return text.encode("ascii", "xmlcharrefreplace").decode()


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_asset("report.html"))


def _asset(name: str) -> str:
    data = pkgutil.get_data(__package__, name)
    assert data is not None
    return data.decode()


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _shown(value: object) -> object:
    """What stands on the page for a value: a text has its control and direction characters spelled out."""
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers in order, as a script reads them: ``0-6 8``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return " ".join(f"{first}-{last}" if last > first else str(first) for first, last in found)


def _groups(chapters: Sequence[Chapter]) -> Iterator[tuple[Outcome | None, list[list[Chapter]], int, bool]]:
    """Each outcome with its steps in pages, how many they are, and whether they are to be seen at once."""
    for outcome, number in tally(chapters):
        members = [each for each in chapters if each.outcome is outcome]
        is_open = number <= OPEN or outcome in (Outcome.FAILED, Outcome.WAITING, Outcome.INTERRUPTED)
        yield outcome, _pages(members), number, is_open


def _pages(members: Sequence[T]) -> list[list[T]]:
    return [list(members[at : at + PAGE]) for at in range(0, len(members), PAGE)]
