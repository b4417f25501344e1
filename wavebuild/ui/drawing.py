"""How the pipeline hangs together, drawn: text, Mermaid, Graphviz, JSON, SVG.

It does not know on which screen or page the drawing ends; it works on a small picture of boxes and arrows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, assert_never

from wavebuild.declare.model import Json
from wavebuild.ui import words
from wavebuild.ui.escapes import escaped
from wavebuild.ui.records import Record, names, written
from wavebuild.ui.sketch import Box, Sketch
from wavebuild.ui.style import Style
from wavebuild.ui.tables import columns, hanging, wrapped

Format = Literal["text", "mermaid", "dot", "json", "svg"]
BOXES = 20  # beyond this many steps a drawing of boxes is a wall, and each step gets a line


def drawn(picture: Sketch, form: Format, style: Style) -> list[str]:
    match form:
        case "text":
            return text_lines(picture, style)
        case "mermaid":
            return mermaid_lines(picture)
        case "dot":
            return dot_lines(picture)
        case "json":
            return [written(graph_record(picture))]
        case "svg":
            from wavebuild.ui.svg import svg_lines

            return svg_lines(picture)
        case _:
            assert_never(form)


# text


def text_lines(picture: Sketch, style: Style) -> list[str]:
    """The waves from top to bottom; in each step what it follows: ``← bronze``."""
    if not picture.boxes:
        return ["no steps"]
    block = _boxed if len(picture.boxes) <= BOXES and style.width >= 40 else _lined
    before = picture.before()
    out: list[str] = []
    for wave, members in picture.by_wave():
        title = f"wave {wave} · {words.group_words(sum(box.instances for box in members))}"
        out += [style.paint(title, "bold"), *block(before, members, style.width)]
    return out


def _lined(before: Mapping[str, str], members: Sequence[Box], width: int) -> list[str]:
    out: list[str] = []
    for box in members:
        follows = before.get(box.name, "")
        many = f" ({box.instances} instances)" if box.instances > 1 else ""
        lead = f"  {escaped(box.name)}{many}" + (" ← " if follows else "")
        out += hanging(lead, follows, width) if follows else [lead]
    return out


def _boxed(before: Mapping[str, str], members: Sequence[Box], width: int) -> list[str]:
    """The boxes of a wave side by side, in as many rows as the width asks for."""
    out: list[str] = []
    row: list[list[str]] = []
    for drawing in [_box(box, before.get(box.name, ""), width) for box in members]:
        if row and sum(columns(each[0]) + 1 for each in [*row, drawing]) > width:
            out += _beside(row)
            row = []
        row.append(drawing)
    return out + _beside(row)


def _box(box: Box, follows: str, width: int) -> list[str]:
    inner = min(width - 6, 34)
    lines = wrapped(escaped(box.name), inner)
    for line in box.lines:
        lines += wrapped(escaped(line), inner)
    if follows:
        lines += hanging("← ", follows, inner)
    room = max(columns(line) for line in lines)
    sides = [f"│ {line}{' ' * (room - columns(line))} │" for line in lines]
    return [f"┌{'─' * (room + 2)}┐", *sides, f"└{'─' * (room + 2)}┘"]


def _beside(row: Sequence[Sequence[str]]) -> list[str]:
    height = max((len(each) for each in row), default=0)
    out = []
    for line in range(height):
        parts = [each[line] if line < len(each) else " " * columns(each[0]) for each in row]
        out.append(" " + " ".join(parts).rstrip())
    return out


# mermaid, dot, json


def mermaid_lines(picture: Sketch) -> list[str]:
    """A flowchart; what a step only needs, without reading of it, is dotted."""
    ids = {box.name: f"s{at}" for at, box in enumerate(picture.boxes)}
    out = ["flowchart TD"]
    for wave, members in picture.by_wave():
        out.append(f'  subgraph wave{wave}["wave {wave}"]')
        out += [f'    {ids[box.name]}["{_mermaid(box)}"]' for box in members]
        out.append("  end")
    for arrow in picture.arrows:
        line = "-->" if arrow.artifacts else "-.->"
        out.append(f"  {ids[arrow.start]} {line} {ids[arrow.end]}")
    return out


def _label(box: Box) -> list[str]:
    return [escaped(text) for text in (box.name, *box.lines)]


def _mermaid(box: Box) -> str:
    entities = str.maketrans({"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;"})
    return "<br/>".join(text.translate(entities) for text in _label(box))


def dot_lines(picture: Sketch) -> list[str]:
    """A digraph with the steps of a wave on one level."""
    out = ["digraph wavebuild {", "  rankdir=TB;", '  node [shape=box, fontname="sans-serif"];']
    for _, members in picture.by_wave():
        shown = " ".join(f"{_quoted(box.name)} [label={_quoted(*_label(box))}];" for box in members)
        out.append(f"  {{ rank=same; {shown} }}")
    for arrow in picture.arrows:
        look = f" [tooltip={_quoted(words.listed(arrow.artifacts))}]" if arrow.artifacts else " [style=dashed]"
        out.append(f"  {_quoted(arrow.start)} -> {_quoted(arrow.end)}{look};")
    return [*out, "}"]


def _quoted(*lines: str) -> str:
    """A text of Graphviz; its own ``\\n`` between the lines."""
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'


def graph_record(picture: Sketch) -> Record:
    steps: list[Json] = [{"name": box.name, "title": box.title, "wave": box.wave} for box in picture.boxes]
    edges: list[Json] = [
        {
            "from": arrow.start,
            "to": arrow.end,
            "kind": "data" if arrow.artifacts else "needs",
            "artifacts": names(arrow.artifacts),
        }
        for arrow in picture.arrows
    ]
    return {"steps": steps, "edges": edges}
