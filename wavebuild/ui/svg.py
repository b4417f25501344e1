"""The graph as one SVG picture that needs nothing else: a column a wave, curves for what flows between the steps.

It does not know what the steps do; it lays out a small picture of boxes and arrows, and measures nothing: widths
are estimated from the columns that a text takes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, sqrt

from msgspec import Struct, field

from wavebuild.ui.escapes import escaped
from wavebuild.ui.sketch import Arrow, Box, Sketch
from wavebuild.ui.tables import columns, wrapped
from wavebuild.ui.words import listed

NAME_WIDTH, TITLE_WIDTH = 30, 38  # columns; longer texts take several lines
TALLEST = 36  # boxes above each other; a larger wave is laid out in several columns
_NAME, _TITLE = 7.9, 6.4  # pixels a column of text may take at most
_LINE, _PAD, _GAP, _LANE, _BETWEEN, _HEAD, _MARGIN = 17.0, 9.0, 14.0, 6.0, 76.0, 30.0, 14.0
_FORBIDDEN = re.compile("[\ufffe\uffff]")  # what escaped() leaves and XML does not allow
MARKER = (
    '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
)
"""The head of an arrow; whoever shows a drawing has it once on the page."""
_STYLE = (
    ".wave{fill:#f4f6f8}.step{fill:#fff;stroke:#46566b;stroke-width:1.2}"
    "text{fill:#1c2733;text-anchor:middle;unicode-bidi:plaintext}"
    ".name{font:13px ui-monospace,'DejaVu Sans Mono',monospace}"
    ".title{font:11px system-ui,'DejaVu Sans',sans-serif;fill:#53606f}"
    ".head{font:bold 12px system-ui,'DejaVu Sans',sans-serif;fill:#53606f}"
    "path{fill:none;stroke:#7b8a9c;stroke-width:1.3}.needs{stroke-dasharray:5 4}"
    ".arrow:hover{stroke:#c2410c;stroke-width:2.6}.box:hover .step{stroke:#c2410c;stroke-width:2}"
    ".packed path{stroke-opacity:.3;stroke-width:1}.packed .arrow:hover{stroke-opacity:1;stroke-width:2.6}"
    ".packed .bundle{stroke-opacity:1;stroke-width:2}"
    "marker path{fill:#7b8a9c;stroke:none}.ground{fill:#fff}"
    "@media (prefers-color-scheme:dark){.ground{fill:#171f28}.wave{fill:#10171e}.step{fill:#1e2833;stroke:#93a4b5}"
    "text{fill:#e4eaf1}.title,.head{fill:#a3b1bf}}"
)

Pair = tuple[str, str]
"""The boxes at which an arrow starts and ends."""
_Lane = tuple[str, bool, int]  # an arrow's start, whether it only needs, the column that it passes through
_Item = str | _Lane
_STRIPE = ""  # in the place of a start, which no step is called: the stripe of a wave


class Dress(Struct, frozen=True):
    """How a box or an arrow is told from others: classes of a style, a line of its own, where a click leads."""

    kind: str = ""
    href: str = ""
    note: str = ""


class Drawing(Struct, frozen=True):
    """The picture without its style; sizes in pixels."""

    width: float
    height: float
    lines: list[str]


PLAIN = Dress()


class _Placed(Struct):
    """A box, or the room that arrows need to pass a column."""

    width: float
    height: float
    x: float = 0.0
    y: float = 0.0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


class _Layout(Struct):
    """Where everything stands; ``columns`` from left to right, each from top to bottom."""

    packed: bool  # too many boxes to lead every arrow around them
    dressed: Mapping[str, Dress] = {}  # by the name of the box
    columns: list[list[_Item]] = field(default_factory=list)
    wave: list[int] = field(default_factory=list)  # per column the number of its wave
    placed: dict[_Item, _Placed] = field(default_factory=dict)
    routes: list[tuple[Arrow, list[_Item]]] = field(default_factory=list)


def svg_lines(picture: Sketch) -> list[str]:
    """The whole picture, pure ASCII, so that any stream can carry it."""
    drawing = drawn(picture, "no steps")
    width, height = drawing.width, drawing.height
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    label = _xml("the steps of the pipeline by wave")
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">',
        f"<style>{_STYLE}</style>",
    ]
    out.append(MARKER)
    out.append(f'<rect width="{width:.0f}" height="{height:.0f}" class="ground"/>')
    return [*out, *drawing.lines, "</svg>"]


def drawn(picture: Sketch, empty: str, dressed: Mapping[str, Dress] = {}, marked: Collection[Pair] = ()) -> Drawing:
    """Stripes, arrows and boxes. ``empty``: what stands there if there is no box; ``marked``: arrows to be seen."""
    layout = _laid_out(picture, dressed)
    width = max((each.x + each.width for each in layout.placed.values()), default=160.0) + 2 * _MARGIN
    height = max((each.y + each.height for each in layout.placed.values()), default=_HEAD + 20) + 2 * _MARGIN
    out = []
    if not picture.boxes:
        out.append(f'<text class="name" x="{width / 2:.0f}" y="{height / 2:.0f}">{_xml(empty)}</text>')
    out += _bands(layout, height)
    out.append('<g class="packed">' if layout.packed else "<g>")
    out += [_curve(arrow, route, layout, (arrow.start, arrow.end) in marked) for arrow, route in layout.routes]
    out.append("</g>")
    out += [line for box in picture.boxes for line in _drawn(box, layout)]
    return Drawing(width, height, out)


# Layout


def _laid_out(picture: Sketch, dressed: Mapping[str, Dress]) -> _Layout:
    waves = picture.by_wave()
    packed = any(len(members) > TALLEST for _, members in waves)
    layout = _Layout(packed, dressed)
    for number, members in waves:
        for part in _parts([box.name for box in members], packed):
            layout.columns.append(list(part))
            layout.wave.append(number)
    for box in picture.boxes:
        layout.placed[box.name] = _Placed(*_size(box, dressed.get(box.name, PLAIN)))
    at = {item: column for column, items in enumerate(layout.columns) for item in items}
    arrows, bundles = _bundled(picture) if packed else (picture.arrows, [])
    for arrow in arrows:
        layout.routes.append((arrow, _route(arrow, at, layout)))
    beside = _Neighbours(layout.routes)
    if not layout.packed:
        _order(layout, beside)
    _spread(layout, beside)
    layout.placed.update(_stripes(layout))
    layout.routes += bundles
    return layout


def _bundled(picture: Sketch) -> tuple[list[Arrow], list[tuple[Arrow, list[_Item]]]]:
    """Arrows that go to every step of a wave, or come from every one, are one arrow to or from its stripe."""
    wave = {box.name: box.wave for box in picture.boxes}
    size = Counter(wave.values())
    left = list(picture.arrows)
    bundles: list[tuple[Arrow, list[_Item]]] = []
    for outward in (True, False):
        groups: dict[tuple[str, int, bool], list[Arrow]] = {}
        for arrow in left:
            one, other = (arrow.start, arrow.end) if outward else (arrow.end, arrow.start)
            groups.setdefault((one, wave[other], not arrow.artifacts), []).append(arrow)
        full = {where: group for where, group in groups.items() if len(group) == size[where[1]] >= TALLEST // 3}
        for (one, number, _), group in full.items():
            stripe, all_of = (_STRIPE, False, number), f"all of wave {number}"
            ends = (one, all_of) if outward else (all_of, one)
            route: list[_Item] = [one, stripe] if outward else [stripe, one]
            carried = dict.fromkeys(text for arrow in group for text in arrow.artifacts)
            bundles.append((Arrow(*ends, tuple(carried)), route))
        gone = {id(arrow) for group in full.values() for arrow in group}
        left = [arrow for arrow in left if id(arrow) not in gone]
    return left, bundles


def _parts(names: Sequence[_Item], packed: bool) -> Iterator[Sequence[_Item]]:
    """A wave in columns that together are about as high as wide."""
    rows = max(TALLEST // 3, ceil(sqrt(3 * len(names)))) if packed else len(names)
    for start in range(0, len(names), rows):
        yield names[start : start + rows]


def _route(arrow: Arrow, at: Mapping[_Item, int], layout: _Layout) -> list[_Item]:
    """What an arrow passes: it goes around the boxes of the columns between, together with others of its start."""
    route: list[_Item] = [arrow.start]
    for column in range(at[arrow.start] + 1, at[arrow.end]) if not layout.packed else ():
        lane: _Item = (arrow.start, not arrow.artifacts, column)
        if lane not in layout.placed:
            layout.placed[lane] = _Placed(0.0, _LANE)
            layout.columns[column].append(lane)
        route.append(lane)
    return [*route, arrow.end]


class _Neighbours:
    """What stands before and behind each item."""

    def __init__(self, routes: Iterable[tuple[Arrow, list[_Item]]]) -> None:
        self.before: dict[_Item, list[_Item]] = {}
        self.behind: dict[_Item, list[_Item]] = {}
        for start, end in dict.fromkeys(pair for _, route in routes for pair in pairwise(route)):
            self.before.setdefault(end, []).append(start)
            self.behind.setdefault(start, []).append(end)


def _order(layout: _Layout, beside: _Neighbours) -> None:
    """Fewer crossings: every item goes to the mean of what it hangs together with, four times to and fro."""
    for turn in range(4):
        forward = turn % 2 == 0
        sequence = layout.columns if forward else layout.columns[::-1]
        for fixed, moved in pairwise(sequence):
            place = {item: float(row) for row, item in enumerate(fixed)}
            linked = beside.before if forward else beside.behind
            mean = {item: _mean(place, linked.get(item, ()), row) for row, item in enumerate(moved)}
            moved.sort(key=mean.__getitem__)


def _mean(place: Mapping[_Item, float], linked: Iterable[_Item], otherwise: float) -> float:
    known = [place[item] for item in linked if item in place]
    return sum(known) / len(known) if known else otherwise


def _spread(layout: _Layout, beside: _Neighbours) -> None:
    """Gives everything its place: stacked first, then drawn towards what it hangs together with."""
    left = _MARGIN
    wave = 0
    tops: dict[int, float] = {}
    for number, items in zip(layout.wave, layout.columns, strict=True):
        left += (_BETWEEN if number != wave else _GAP) if left > _MARGIN else 0
        wave = number
        widest = max(layout.placed[item].width for item in items)
        for item in items:
            one = layout.placed[item]
            one.x = left + (widest - one.width) / 2 if isinstance(item, str) else left
            one.width = one.width if isinstance(item, str) else widest
        left += widest
        _stack(layout, items, [0.0] * len(items))
        lower = layout.placed[items[0]].y - tops.setdefault(number, layout.placed[items[0]].y)
        for item in items:  # the columns of one wave begin at one height
            layout.placed[item].y -= lower
    if not layout.packed:
        for turn in range(6):
            linked = beside.before if turn % 2 == 0 else beside.behind
            for items in layout.columns if turn % 2 == 0 else layout.columns[::-1]:
                _stack(layout, items, [_wanted(layout.placed, item, linked.get(item, ())) for item in items])
    top = min((one.y for one in layout.placed.values()), default=0.0)
    for one in layout.placed.values():
        one.y += _HEAD + _MARGIN - top


def _wanted(placed: Mapping[_Item, _Placed], item: _Item, linked: Iterable[_Item]) -> float:
    """The height at which something would stand beside all that it hangs together with."""
    one = placed[item]
    middles = [placed[other].middle for other in linked]
    return (sum(middles) / len(middles) if middles else one.middle) - one.height / 2


def _stack(layout: _Layout, items: Sequence[_Item], wanted: Sequence[float]) -> None:
    """Each as near to where it wants to be as its order and the gaps allow.

    Those that would overlap are one block, which stands at the mean of what they want; no other moves for their sake.
    """
    blocks: list[_Block] = []
    for item, top in zip(items, wanted, strict=True):
        block = _Block([item], top, layout.placed[item].height + (_GAP if isinstance(item, str) else _LANE))
        while blocks and blocks[-1].top + blocks[-1].height > block.top:
            above = blocks.pop()
            wants = above.wants + block.wants - len(block.items) * above.height
            block = _Block([*above.items, *block.items], wants, above.height + block.height)
        blocks.append(block)
    for block in blocks:
        end = block.top
        for item in block.items:
            layout.placed[item].y = end
            end += layout.placed[item].height + (_GAP if isinstance(item, str) else _LANE)


class _Block(Struct):
    """Items that stand close above one another; ``wants``: the sum of where its top would be for each of them."""

    items: list[_Item]
    wants: float
    height: float  # with the gaps below

    @property
    def top(self) -> float:
        return self.wants / len(self.items)


def _lines(box: Box, dress: Dress) -> list[tuple[str, str]]:
    """The lines of a box, each with its class."""
    lines = [("name", line) for line in wrapped(escaped(box.name), NAME_WIDTH)]
    lines += [("title", line) for text in box.lines for line in wrapped(escaped(text), TITLE_WIDTH)]
    return lines + ([("note", line) for line in wrapped(escaped(dress.note), TITLE_WIDTH)] if dress.note else [])


def _size(box: Box, dress: Dress) -> tuple[float, float]:
    lines = _lines(box, dress)
    width = max(columns(line) * (_NAME if kind == "name" else _TITLE) for kind, line in lines)
    return max(48.0, width + 2 * _PAD), len(lines) * _LINE + 2 * _PAD - 4


# Drawing


def _bands(layout: _Layout, height: float) -> Iterator[str]:
    """A stripe behind each wave, with its number."""
    for number in dict.fromkeys(layout.wave):
        band = layout.placed[_STRIPE, False, number]
        corner = f'x="{band.x:.1f}" y="6" width="{band.width:.1f}" height="{height - 12:.1f}"'
        yield f'<rect class="wave" {corner} rx="6"/>'
        yield f'<text class="head" x="{band.x + band.width / 2:.1f}" y="25">wave {number}</text>'


def _stripes(layout: _Layout) -> dict[_Item, _Placed]:
    """The stripe of each wave, as high as what stands anywhere."""
    boxes: dict[int, list[_Placed]] = {}
    for number, items in zip(layout.wave, layout.columns, strict=True):
        boxes.setdefault(number, []).extend(layout.placed[item] for item in items if isinstance(item, str))
    top = min((one.y for inside in boxes.values() for one in inside), default=0.0)
    bottom = max((one.y + one.height for inside in boxes.values() for one in inside), default=0.0)
    found: dict[_Item, _Placed] = {}
    for number, inside in boxes.items():
        left, right = min(one.x for one in inside) - 10, max(one.x + one.width for one in inside) + 10
        found[_STRIPE, False, number] = _Placed(right - left, bottom - top, left, top)
    return found


def _curve(arrow: Arrow, route: Sequence[_Item], layout: _Layout, marked: bool) -> str:
    placed = layout.placed
    first = placed[route[0]]
    way = f"M{first.x + first.width:.1f} {first.middle:.1f}"
    for before, after in pairwise(route):
        start, end = placed[before], placed[after]
        left, right = start.x + start.width, end.x
        half = (left + right) / 2
        way += f"C{half:.1f} {start.middle:.1f} {half:.1f} {end.middle:.1f} {right:.1f} {end.middle:.1f}"
        if not isinstance(after, str) and after != route[-1]:
            way += f"H{end.x + end.width:.1f}"
    said = _xml(f"{arrow.start} → {arrow.end}: {listed(arrow.artifacts) or 'needed'}")
    kind = "arrow" if arrow.artifacts else "arrow needs"
    if _is_stripe(route[0]) or _is_stripe(route[-1]):
        kind += " bundle"
    kind += " marked" if marked else ""
    ends = [layout.dressed.get(name, PLAIN).href for name in (arrow.start, arrow.end)]
    linked = f' data-from="{_xml(ends[0])}" data-to="{_xml(ends[1])}"' if any(ends) else ""
    return f'<path class="{kind}"{linked} d="{way}" marker-end="url(#end)"><title>{said}</title></path>'


def _is_stripe(item: _Item) -> bool:
    return not isinstance(item, str) and item[0] == _STRIPE


def _drawn(box: Box, layout: _Layout) -> Iterator[str]:
    placed, dress = layout.placed[box.name], layout.dressed.get(box.name, PLAIN)
    corner = f'x="{placed.x:.1f}" y="{placed.y:.1f}" width="{placed.width:.1f}" height="{placed.height:.1f}"'
    kind = f"box {dress.kind}".strip()
    opened, closed = (f'a href="{_xml(dress.href)}"', "a") if dress.href else ("g", "g")
    yield f'<{opened} class="{kind}"><title>{_xml(box.name)}</title><rect class="step" {corner} rx="5"/>'
    if dress.href:
        side = f'x="{placed.x:.1f}" y="{placed.y:.1f}" width="5" height="{placed.height:.1f}"'
        yield f'<rect class="edge" {side} rx="2"/>'
    middle, line = placed.x + placed.width / 2, placed.y + _PAD + 11
    for role, text in _lines(box, dress):
        yield f'<text class="{role}" x="{middle:.1f}" y="{line:.1f}">{_xml(text)}</text>'
        line += _LINE
    yield f"</{closed}>"


def _xml(text: str) -> str:
    """A text that can stand anywhere in XML, all but ASCII as numbers."""
    safe = _FORBIDDEN.sub("\ufffd", escaped(text))
    plain = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return "".join(char if char.isascii() else f"&#{ord(char)};" for char in plain)
