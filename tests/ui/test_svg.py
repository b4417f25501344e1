"""The SVG picture of a graph: well formed, self-contained, nothing covers anything.

It does not know how a browser draws it; the sizes are those that the picture states.
"""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import combinations, pairwise

import pytest

from tests.ui.samples import FakeEngine, called, diamond, graph_of, step
from wavebuild.declare.model import Step
from wavebuild.graph import Graph
from wavebuild.ui.sketch import Arrow, Box, Sketch, gathered, sketch
from wavebuild.ui.svg import svg_lines

NS = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Rect:
    left: float
    top: float
    right: float
    bottom: float

    def touches(self, other: Rect) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass
class Picture:
    root: ET.Element
    boxes: dict[str, Rect]
    arrows: list[ET.Element]

    @property
    def said(self) -> list[str]:
        """What every arrow says when it is pointed at."""
        return [each.findtext(f"{NS}title") or "" for each in self.arrows]


def drawn(picture: Sketch) -> Picture:
    text = "\n".join(svg_lines(picture))
    assert text.isascii()
    root = ET.fromstring(text)
    boxes = {}
    for group in root.iter(f"{NS}g"):
        if group.get("class") == "box":
            rect = group.find(f"{NS}rect")
            assert rect is not None
            x, y, width, height = (float(rect.get(name) or 0) for name in ("x", "y", "width", "height"))
            boxes[group.findtext(f"{NS}title") or ""] = Rect(x, y, x + width, y + height)
    arrows = [path for path in root.iter(f"{NS}path") if (path.get("class") or "").startswith("arrow")]
    return Picture(root, boxes, arrows)


def layers(depth: int, width: int, seed: int = 1) -> Graph:
    """Layers of steps, each of which reads three of the layer before and now and then one from further back."""
    rng = random.Random(seed)
    steps: list[Step] = []
    for layer in range(depth):
        for number in range(width):
            before = [f"{layer - 1}-{rng.randrange(width)}" for _ in range(3 if layer else 0)]
            if layer > 2 and not number % 4:
                before.append(f"{rng.randrange(layer - 1)}-{rng.randrange(width)}")
            steps.append(
                step(f"s{layer}-{number}", [f"o{each}" for each in dict.fromkeys(before)], [f"o{layer}-{number}"])
            )
    return graph_of(*steps)


def assert_sound(graph: Graph, picture: Picture) -> None:
    """Every box is there once, in the picture, beside all others, and to the right of what it depends on."""
    width, height = float(picture.root.get("width") or 0), float(picture.root.get("height") or 0)
    steps = graph.wavefile.steps
    assert set(picture.boxes) == {one.name for one in steps}
    assert all(b.left >= 0 and b.right <= width and b.top >= 0 and b.bottom <= height for b in picture.boxes.values())
    if len(steps) <= 200:
        assert not any(one.touches(other) for one, other in combinations(picture.boxes.values(), 2))
    for at, one in enumerate(steps):
        for before in graph.upstream[at]:
            assert picture.boxes[steps[before].name].right < picture.boxes[one.name].left


@pytest.mark.parametrize(
    "graph",
    [diamond(), graph_of(step("alone")), layers(6, 4), layers(9, 12, seed=2), layers(3, 60), layers(10, 100)],
    ids=["diamond", "one step", "small", "medium", "wide", "a thousand steps"],
)
def test_every_step_has_its_place_right_of_what_it_depends_on(graph: Graph) -> None:
    """From one step to a thousand."""
    assert_sound(graph, drawn(sketch(graph)))


def test_every_arrow_says_what_it_carries() -> None:
    """A line that is only needed is dashed."""
    picture = drawn(sketch(diamond()))

    assert sorted(picture.said) == [
        "a → b: a.txt",
        "a → c: a.txt",
        "b → d: b.txt",
        "b → gate: b.txt",
        "c → d: c.txt",
        "gate → d: needed",
    ]
    dashed = [
        said for arrow, said in zip(picture.arrows, picture.said, strict=True) if "needs" in (arrow.get("class") or "")
    ]
    assert dashed == ["gate → d: needed"]


def test_no_step_is_drawn_far_from_the_others() -> None:
    """One that hangs together with few does not float away: the picture is as high as its fullest wave."""
    steps = [step("start", makes=["s"]), step("far", makes=["f"])]
    steps += [step(f"leaf{at}", reads=["s"], makes=[f"l{at}"]) for at in range(20)]
    steps += [step("hub", reads=["l0"], makes=["h"]), *(step(f"side{at}", reads=[f"l{at}"]) for at in range(1, 20))]
    steps += [step("late", reads=["h", "f"], makes=["x"]), step("later", reads=["x"], makes=["y"])]

    boxes = drawn(sketch(graph_of(*steps, step("last", reads=["y"])))).boxes

    leaves = [each.bottom - each.top + 14 for name, each in boxes.items() if name.startswith("leaf")]
    height = max(each.bottom for each in boxes.values()) - min(each.top for each in boxes.values())
    assert height < 1.15 * sum(leaves)


def test_an_arrow_over_several_waves_goes_around_the_boxes_between() -> None:
    """Its level parts cross no box."""
    graph = layers(8, 5, seed=4)
    picture = drawn(sketch(graph))

    for arrow in picture.arrows:
        way = (arrow.get("d") or "").replace("C", "|C").replace("H", "|H").split("|")
        for before, level in pairwise(way):
            if level.startswith("H"):
                *_, x, y = before.replace("C", "").replace("M", "").split()
                line = Rect(float(x), float(y) - 0.5, float(level[1:]), float(y) + 0.5)
                assert not any(line.touches(box) for box in picture.boxes.values())


def test_a_step_that_all_of_a_wide_wave_reads_has_one_arrow_to_it() -> None:
    """A thousand lines to one place would be a blot."""
    fan = [step(f"t{n}", ["l.txt"], [f"o/{n}.txt"]) for n in range(998)]
    graph = graph_of(step("list", ["src"], ["l.txt"]), *fan, step("join", [f"o/{n}.txt" for n in range(998)]))

    picture = drawn(sketch(graph))

    assert_sound(graph, picture)
    assert [said.split(":")[0] for said in picture.said] == ["list → all of wave 2", "all of wave 2 → join"]


@pytest.mark.parametrize(
    "name",
    [
        "größe",
        "数据清洗数据清洗数据清洗数据清洗数据清洗数据清洗",
        "תרגום",
        "a" * 100,
        "<b>&amp;\"'</b>",
        "]]>",
        "e\u0301🚀",
        "bad\ufffe\uffff",
        "\x1b[31m\x00\u202e\udc80",
    ],
)
def test_names_of_any_script_and_any_signs_are_shown_and_harm_nothing(name: str) -> None:
    """The picture is well formed whatever a step is called, and its box is as wide as its lines need."""
    picture = drawn(Sketch((Box("a", name, 1), Box(name, name, 2)), (Arrow("a", name, (name,)),)))

    assert len(picture.boxes) == 2
    lines = [text.text or "" for text in picture.root.iter(f"{NS}text")]
    assert not any("\x1b" in line or "\u202e" in line for line in lines)
    for box in picture.boxes.values():
        assert box.right - box.left <= 330


def test_the_picture_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    """No script, no link, no file: it may be mailed."""
    text = "\n".join(svg_lines(sketch(layers(4, 4))))

    assert text.count("http") == 1  # the name of the format
    assert not any(word in text for word in ("<script", "href", "<image", "@import", "url(http", "<foreignObject"))


def test_where_the_reader_likes_it_dark_the_picture_is_dark() -> None:
    """Every ground has another colour there, and so has every text."""
    _, dark = "".join(svg_lines(sketch(diamond()))).split("@media (prefers-color-scheme:dark){", 1)

    told = dark.split("}}", 1)[0]
    assert all(f"{what}{{" in told for what in (".ground", ".wave", ".step", "text", ".title,.head"))


def test_a_part_without_steps_is_a_picture_that_says_so() -> None:
    assert "no steps" in "\n".join(svg_lines(Sketch((), ())))


def test_the_same_graph_is_the_same_picture() -> None:
    """It can be committed without a change where nothing changed."""
    assert svg_lines(sketch(layers(6, 8))) == svg_lines(sketch(layers(6, 8)))


def test_the_command_prints_it() -> None:
    done = called("graph", "--format", "svg", "--upstream", "b")

    assert done.code == 0
    assert [text.text for text in ET.fromstring(done.out).iter(f"{NS}text") if text.get("class") == "name"] == [
        "a",
        "b",
    ]


def many(*names: str) -> Graph:
    """Steps that read one source, and one that reads what they make."""
    makers = [step(name, ["a"], [f"o/{name}"]) for name in names]
    return graph_of(step("source", [], ["a"]), *makers, step("sink", [f"o/{name}" for name in names], ["z"]))


def test_of_very_many_boxes_those_of_a_wave_whose_names_begin_alike_are_one() -> None:
    """With the first and the last of them and their number; what flows between stays, a step alone stays as it is."""
    names = [f"{kind}-{number}" for number in range(400) for kind in ("load", "clean")]

    picture = gathered(sketch(many(*names, "odd")))

    assert [(box.name, box.wave, box.lines) for box in picture.boxes] == [
        ("source", 1, []),
        ("load-0 … load-399", 2, ["400 steps"]),
        ("clean-0 … clean-399", 2, ["400 steps"]),
        ("odd", 2, []),
        ("sink", 3, []),
    ]
    assert {(arrow.start, arrow.end) for arrow in picture.arrows} == {
        pair
        for name in ("load-0 … load-399", "clean-0 … clean-399", "odd")
        for pair in (("source", name), (name, "sink"))
    }
    assert len(picture.arrows[-1].artifacts) >= 1


def test_where_names_begin_in_too_many_ways_a_wave_is_one_box() -> None:
    """Else it would be a wall all the same."""
    picture = gathered(
        sketch(many(*(f"{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}{n:04}x" for n in range(600))))
    )

    assert [box.instances for box in picture.boxes] == [1, 600, 1]


def test_a_picture_that_fits_is_left_alone() -> None:
    """Each step has its box as long as they can be told apart."""
    picture = sketch(diamond())

    assert gathered(picture) is picture


def test_the_command_says_that_boxes_stand_for_several_and_how_each_is_drawn() -> None:
    """On stderr: the picture is on stdout."""
    engine = FakeEngine(graph=many(*(f"s{number}" for number in range(600))))

    some = called("graph", "--format", "svg", engine=engine)
    each = called("graph", "--format", "svg", "--instances", engine=engine)

    assert "602 boxes drawn as 3: --instances draws each" in some.err
    assert (some.out.count('class="box"'), each.out.count('class="box"')) == (3, 602)
    assert each.err == ""


def test_a_very_long_chain_is_laid_out_in_time() -> None:
    """What it takes grows as the chain does: the time that a test may take is the limit."""
    chain = Sketch(
        tuple(Box(f"s{number}", None, number + 1) for number in range(10_000)),
        tuple(Arrow(f"s{number}", f"s{number + 1}", ("x",)) for number in range(9_999)),
    )

    assert sum(line.startswith('<path class="arrow"') for line in svg_lines(chain)) == 9_999
