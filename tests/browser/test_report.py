"""The report in a real browser: seen, clicked, searched, without a mouse, without scripts, on a phone, in the dark.

It does not know how the page is made.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.browser.conftest import Open, expect
from tests.ui.samples import a_story
from tests.ui.stories import HOSTILE, busy, full_of, many
from wavebuild.ui.report.page import page as report

pytestmark = pytest.mark.browser

CONTRASTS = Path(__file__).with_name("contrasts.js").read_text()
WHERE = """
() => {
  const here = document.activeElement;
  return here.closest(".drawing") ? "box" : here.closest(".gantt") ? "bar" : here.id;
}
"""


def test_it_opens_and_shows_what_went_wrong(opened: Open):
    """No complaint, no request but for the file itself; the failure and its cause are there at once."""
    page = opened(a_story()).page

    expect(page).to_have_title("1 step failed · diamond · wavebuild report")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 step failed")
    expect(page.get_by_text("sh: 1: ./make: not found").first).to_be_visible()
    expect(page.locator(".drawing a.box")).to_have_count(4)
    expect(page.locator(".gantt a.bar")).to_have_count(2)


def test_its_parts_have_roles_and_names(opened: Open):
    """Landmarks, headings, tables with headers, names of what has no text: what a screen reader goes by."""
    page = opened(a_story()).page

    for name in ("Graph", "Timeline", "Steps", "Time", "The run before", "What went wrong"):
        expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
        expect(page.get_by_role("heading", name=name, exact=True, level=2)).to_be_visible()
    for role in ("banner", "navigation", "main", "contentinfo", "search"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("columnheader", name="Took").first).to_be_visible()
    expect(page.get_by_role("rowheader", name="b", exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name="b, ✓ succeeded 2.0 s")).to_be_visible()
    expect(page.get_by_role("link", name="b: succeeded, 2.0 s, on the critical path")).to_be_visible()
    expect(page.get_by_role("button", name="Larger")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Search the steps")).to_be_visible()


def test_a_click_on_a_step_tells_all_of_it(opened: Open):
    """In the graph, in the timeline, in a table; from one step to the next; and away again."""
    watched = opened(a_story())
    page, panel = watched.page, watched.panel
    expect(panel).to_be_hidden()

    page.locator(".drawing a.box", has_text="b").first.click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("b")
    expect(panel).to_contain_text("sort a.txt > b.txt")
    expect(panel).to_contain_text("a.txt changed (made by a): sha256:11111111… → sha256:22222222…")
    expect(panel).to_contain_text("sha256:333333333333…")
    expect(panel).to_contain_text("2.0 s (before: 1.0 s)")
    panel.get_by_role("link", name="a", exact=True).click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("a")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()

    page.locator(".gantt a.failed").click()
    expect(panel).to_contain_text("exit 127")
    expect(panel).to_contain_text("next try 0.50 s later")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    page.locator("#all-blocked a", has_text="d").click()
    expect(panel).to_contain_text("Blocked by c")
    page.go_back()
    expect(panel).to_be_hidden()


def test_a_link_into_it_opens_its_step(opened: Open):
    """What stands behind the # of the address is shown at once."""
    watched = opened(a_story())
    watched.page.goto(watched.page.url + "#s2")
    watched.page.reload()

    expect(watched.panel.get_by_role("heading", level=2)).to_have_text("c")


def test_a_search_finds_steps_everywhere(opened: Open):
    """Rows that do not fit go, boxes step back, the number is told; Enter opens the first; Escape takes it back."""
    watched = opened(a_story())
    page = watched.page
    page.keyboard.press("/")
    page.keyboard.type("first")

    expect(page.locator("#found")).to_have_text("1 of 4 found")
    expect(page.locator("table.steps tbody tr:visible")).to_have_count(1)
    expect(page.locator(".drawing a.hit")).to_have_count(1)
    expect(page.locator("#hits a")).to_have_text(["a= Kept"])
    page.keyboard.press("Enter")
    expect(watched.panel.get_by_role("heading", level=2)).to_have_text("a")
    page.keyboard.press("Escape")
    expect(watched.panel).to_be_hidden()
    assert watched.focused == "search"
    page.keyboard.press("Escape")
    expect(page.locator("table.steps tbody tr:visible")).to_have_count(4)
    expect(page.locator("#found")).to_have_text("")
    page.fill("#search", "nothing like this")
    expect(page.locator("#found")).to_have_text("0 of 4 found")
    expect(page.locator("#hits")).to_be_hidden()


def test_what_is_found_is_chosen_by_keys(opened: Open):
    """Arrows go through the first steps found, and back to the search; Enter opens one."""
    watched = opened(many(30))
    page = watched.page
    page.fill("#search", "s1")

    expect(page.locator("#hits a")).to_have_count(8)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert watched.focused == "#s10"
    page.keyboard.press("Escape")
    assert watched.focused == "search"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(watched.panel.get_by_role("heading", level=2)).to_have_text("s1")
    expect(page.locator("#hits")).to_be_hidden()


def test_all_of_it_works_without_a_mouse(opened: Open):
    """Tab comes to links that skip, to the graph once, to the timeline once; arrows go on from there."""
    watched = opened(a_story())
    page = watched.page

    page.keyboard.press("Tab")
    expect(page.locator(".skip").first).to_be_in_viewport()
    assert watched.focused == "#graph"
    stops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(WHERE))
        if stops[-1] == "box":
            break
    assert "search" in stops
    assert stops[-2:] == ["canvas", "box"]
    assert watched.focused == "#s2"  # the failed one
    page.keyboard.press("ArrowRight")
    assert watched.focused == "#s3"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert watched.focused == "#s0"
    width = page.evaluate("getComputedStyle(document.activeElement.querySelector('.step')).strokeWidth")
    assert float(width.removesuffix("px")) > 3  # the focus can be seen

    page.keyboard.press("Enter")
    expect(watched.panel.get_by_role("heading", level=2)).to_have_text("a")
    assert watched.focused == "panel"
    page.keyboard.press("Escape")
    assert watched.focused == "#s0"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.gantt') !== null")
    page.keyboard.press("ArrowRight")
    assert watched.focused == "#s2"


@pytest.mark.parametrize("kind", ["critical", "failed", "blocked", "kept"])
def test_the_focus_can_be_seen_on_every_box(opened: Open, kind: str):
    """Whatever its own border is."""
    page = opened(a_story()).page
    page.keyboard.press("Tab")

    page.locator(f".drawing a.{kind}").first.focus()

    shown = page.evaluate(
        "(at => { const look = getComputedStyle(at.querySelector('.step'));"
        " return [look.stroke, parseFloat(look.strokeWidth)]; })(document.activeElement)"
    )
    assert shown == ["rgb(10, 95, 180)", 3.5]


def test_the_graph_is_moved_and_zoomed(opened: Open):
    """By buttons, keys, wheel and mouse; a drag is no click."""
    watched = opened(busy(100))
    page = watched.page
    width = "Math.round(document.getElementById('drawing').getBoundingClientRect().width)"
    left = "document.getElementById('canvas').scrollLeft"
    page.get_by_role("button", name="1 : 1").click()
    natural = page.evaluate(width)

    page.get_by_role("button", name="Larger").click()
    assert page.evaluate(width) == pytest.approx(natural * 1.3, abs=2)
    page.locator("#canvas").focus()
    page.keyboard.press("-")
    assert page.evaluate(width) == pytest.approx(natural, abs=2)
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    page.wait_for_function(f"{width} > {natural * 1.5}")
    page.evaluate("document.getElementById('canvas').scrollTo(0, 0)")
    page.mouse.move(box["x"] + 500, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 140, steps=5)
    page.mouse.up()
    assert page.evaluate(left) == pytest.approx(200, abs=3)
    expect(watched.panel).to_be_hidden()
    page.get_by_role("button", name="Fit").click()
    assert page.evaluate(width) <= box["width"] + 2


def test_with_scripts_off_it_is_whole(opened: Open):
    """Every step can be read, and a click in the graph goes to it; what would not work is not shown."""
    watched = opened(a_story(), java_script_enabled=False)
    page = watched.page

    expect(page.get_by_role("heading", name="Every step")).to_be_visible()
    expect(page.locator(".search")).to_be_hidden()
    expect(page.locator(".tools")).to_be_hidden()
    place = page.locator("#s1")
    expect(place).to_be_hidden()
    page.locator(".drawing a.box", has_text="b").first.click()
    expect(place).to_be_visible()
    expect(place).to_be_in_viewport()
    expect(place).to_contain_text("sort a.txt > b.txt")


def test_with_scripts_off_thousands_of_steps_can_be_read(opened: Open):
    """They are closed at first; a click in the table goes to one of them."""
    page = opened(busy(600), java_script_enabled=False).page
    place = page.locator("#s7")
    expect(place).to_be_hidden()

    page.locator("#all-failed a").click()

    expect(place).to_be_in_viewport()
    expect(place).to_contain_text("cat o-193 > o7")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_light_and_in_the_dark(opened: Open, scheme: str):
    """Every text stands out from its ground by 4.5 to 1, on the page, in boxes and in bars."""
    watched = opened(a_story(), color_scheme=scheme)
    page = watched.page
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")

    assert page.evaluate(CONTRASTS) == []
    page.locator(".gantt a.failed").click()
    expect(watched.panel).to_be_visible()
    assert page.evaluate(CONTRASTS) == []


@pytest.mark.parametrize("scripts", [True, False])
def test_it_fits_a_phone(opened: Open, scripts: bool):
    """360 pixels: nothing sticks out; the graph and the timeline scroll by themselves; a step covers the lower part."""
    watched = opened(full_of("a-name-that-is-rather-long/" * 4), width=360, java_script_enabled=scripts)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 360
    watched = opened(a_story(), width=360, has_touch=True, java_script_enabled=scripts)
    page = watched.page

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    if scripts:
        page.locator(".drawing a.box", has_text="b").first.tap()
        expect(watched.panel).to_be_in_viewport()
        frame = watched.panel.bounding_box()
        assert (frame["x"], frame["width"]) == (0, 360)
        assert frame["y"] > 80


def test_thousands_of_steps_are_at_hand(opened: Open):
    """Waves are boxes, but for what matters; a closed group is not laid out; a search finds one and opens it."""
    watched = opened(busy(2000))
    page = watched.page

    expect(page.get_by_role("heading", level=1)).to_have_text("1 step failed")
    expect(page.locator(".drawing a.many")).to_have_count(10)
    expect(page.locator(".drawing a.failed")).to_have_count(1)
    expect(page.locator("table.steps tbody tr:visible")).to_have_count(1)
    page.fill("#search", "s1234")
    expect(page.locator("#found")).to_have_text("1 of 2000 found")
    expect(page.locator(".drawing a.hit")).to_have_text(re.compile("all else of wave 7"))
    expect(page.locator("table.steps tbody tr:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(watched.panel).to_contain_text("cat o1034 > o1234")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.locator(".drawing a.many").first.click()
    expect(watched.panel).to_contain_text("198 steps")
    assert page.evaluate("document.getElementsByTagName('*').length") < 100_000


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_a_text_holds_nothing_comes_of_it(opened: Open, text: str):
    """No dialog, no request, no error; the name is read as it is written, in the panel too."""
    watched = opened(full_of(text))
    page = watched.page
    page.locator(".gantt a").click()

    heading = watched.panel.get_by_role("heading", level=2)
    expect(heading).to_be_visible()
    shown = heading.text_content()
    assert shown == text.encode("unicode_escape").decode() or shown.isprintable()
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.images.length") == 0


def test_its_policy_holds_where_its_escapes_would_not(opened: Open):
    """A script, a style or an address that came into the page all the same is not run, applied, or asked for."""
    evil = (
        "<script>window.hacked = 1</script><img src='http://localhost:9/x.png' onerror='window.hacked = 2'>"
        "<style>body { display: none }</style><form action='http://localhost:9/'><button id=b>b</button></form>"
    )
    watched = opened(report(a_story()).replace("<main>", f"<main>{evil}"), checked=False)
    page = watched.page

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate("document.getElementById('b').click()")
    assert page.evaluate("window.hacked") is None
    assert page.url.startswith("file:")
    assert any("Content Security Policy" in each for each in watched.complaints)


def test_a_run_with_nothing_to_do_is_a_page_as_well(opened: Open):
    """No timeline, no failure: the graph and the steps."""
    story = many(6)
    kept = tuple(replace(each, outcome=many(1).chapters[0].outcome, settled=None) for each in story.chapters)
    page = opened(replace(story, chapters=kept, counts=(("kept", 6),), exit_code=0, notices=())).page

    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing to do")
    expect(page.get_by_role("region", name="Timeline")).to_have_count(0)
    expect(page.locator(".drawing a.kept")).to_have_count(6)
    empty = opened(replace(story, chapters=(), graph=None, counts=(), exit_code=0)).page
    expect(empty.get_by_text("No step is on record in this run.")).to_be_visible()


def test_on_paper_nothing_is_cut_off(opened: Open):
    """The graph and the timeline are as wide as the page, whatever was zoomed before."""
    page = opened(busy(100), width=700).page
    page.get_by_role("button", name="1 : 1").click()
    assert page.evaluate("document.getElementById('canvas').scrollWidth") > 700

    page.emulate_media(media="print")

    for what in ("canvas", "drawing"):
        box = page.locator(f"#{what}").bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 700
    assert page.evaluate("getComputedStyle(document.getElementById('canvas')).overflow") == "visible"
    expect(page.get_by_role("navigation")).to_be_hidden()
