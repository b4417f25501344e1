"""Who ran when: a row for each step that ran at once with others, drawn to scale.

It does not know what the steps do. All places are shares of the width, so that it fits any page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from math import ceil, floor, log10

from wavebuild.engine.story import Chapter, Story
from wavebuild.ui import words
from wavebuild.ui.escapes import escaped
from wavebuild.ui.report.looks import SIGNS, kind, word

ROW, BAR, HEAD = 26, 20, 24
"""Pixels of a row, of a bar in it, and of the scale above the rows."""
NARROWEST = 0.12
"""The least share of the width, in percent, by which a bar can be seen."""
_STEPS = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
LABELLED = 2.5
"""The share from which a bar has room for a name."""


def timeline(story: Story, ids: Mapping[str, str]) -> str:
    """The whole drawing as SVG; "" where nothing ran."""
    ran = sorted((each for each in story.chapters if each.lane is not None), key=lambda each: each.start)
    if not ran:
        return ""
    begin = min(story.began, *(each.start for each in ran))
    end = max(each.end for each in ran)
    if story.seconds is not None:
        end = max(end, story.began + story.seconds)
    span = max(end - begin, 0.001)
    height = HEAD + story.lanes * ROW + 2
    lines = [f'<svg class="gantt" width="100%" height="{height}" role="group" aria-label="timeline of the steps">']
    lines += _scale(span, height)
    lines += [
        line for each in sorted(ran, key=lambda each: each.start) for line in _bar(each, begin, span, ids[each.name])
    ]
    return "\n".join([*lines, "</svg>"])


def _scale(span: float, height: int) -> Iterator[str]:
    for tick in ticks(span):
        at = 100 * tick / span
        anchor = ' text-anchor="end"' if at > 97 else ""
        yield f'<line class="tick" x1="{at:.3f}%" x2="{at:.3f}%" y1="{HEAD - 6}" y2="{height}"/>'
        yield f'<text class="scale" x="{at:.3f}%" y="12"{anchor}>{escape(_moment(tick))}</text>'


def ticks(span: float) -> list[float]:
    """Round moments of a span of seconds: some five to ten."""
    rough = span / 8
    if rough > 20:
        step = next((float(each) for each in _STEPS if each >= rough), 0.0)
        step = step or 21600 * ceil(rough / 21600)
    else:
        power = 10.0 ** floor(log10(rough))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * 0.999)
    return [step * at for at in range(int(span / step) + 1)]


def _moment(seconds: float) -> str:
    if seconds >= 60:
        return words.duration(seconds)
    return f"{seconds:.10g} s"


def _bar(chapter: Chapter, begin: float, span: float, where: str) -> Iterator[str]:
    settled, lane = chapter.settled, chapter.lane or 0
    assert settled is not None
    left = 100 * (chapter.start - begin) / span
    width = max(100 * (chapter.end - chapter.start) / span, NARROWEST)
    left = min(left, 100 - width)
    name = escape(escaped(chapter.name))
    critical = (" critical" if chapter.is_critical else "") + (" tried" if chapter.retried else "")
    said = f"{name}: {word(chapter.outcome)}, {words.duration(settled.seconds)}"
    if waited := sum(each.delay for each in chapter.retried):
        said += f", and {words.duration(waited)} of pauses between its tries"
    said += ", on the critical path" if chapter.is_critical else ""
    top = HEAD + lane * ROW
    yield f'<a href="#{where}" class="bar {kind(chapter.outcome)}{critical}"><title>{said}</title>'
    if width < LABELLED and not chapter.retried:
        place = f'x="{left:.3f}%" width="{width:.3f}%"'
        yield f'<rect class="step" {place} y="{top}" height="{BAR}" rx="{1 if width < 1 else 3}"/>'
        if chapter.is_critical:
            yield f'<rect class="mark" {place} y="{top + BAR}" height="4"/>'
        yield "</a>"
        return
    yield f'<svg x="{left:.3f}%" y="{top}" width="{width:.3f}%" height="{ROW}">'
    yield f'<rect class="step" width="100%" height="{BAR}" rx="3"/>'
    if chapter.is_critical:
        yield f'<rect class="mark" y="{BAR}" width="100%" height="4"/>'
    length = max(chapter.end - chapter.start, 0.001)
    for each in chapter.retried:
        share = min(max(100 * (each.at - chapter.start) / length, 0.0), 100.0)
        pause = min(100 * each.delay / length, 100 - share)
        yield f'<rect class="pause" x="{share:.2f}%" width="{pause:.2f}%" height="{BAR}"/>'
        yield f'<line class="try" x1="{share:.2f}%" x2="{share:.2f}%" y1="0" y2="{BAR}"/>'
    if width >= LABELLED:
        yield f'<text x="6" y="14">{SIGNS[chapter.outcome]} {name}</text>'
    yield "</svg></a>"
