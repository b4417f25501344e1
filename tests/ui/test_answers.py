"""Plan, status, list, explanation, graph: the text that a person gets, at several widths.

It does not know how the answers are found.
"""

from __future__ import annotations

import json

import pytest

from tests.ui.samples import HERE, NOON, FakeEngine, a_plan, called, diamond, graph_of, step
from wavebuild.declare.model import Range
from wavebuild.engine import Cause, Cleaned, Explanation, StatusLine
from wavebuild.errors import Problem, mistake
from wavebuild.judge.reasons import InputChanged, NeverRan, Upstream
from wavebuild.plan.model import Plan, PlannedStep, PlannedWave, PlanWord, Times
from wavebuild.run.events import Outcome
from wavebuild.ui.answers import check_lines, clean_lines, explain_lines, list_lines, plan_lines, status_lines
from wavebuild.ui.drawing import drawn
from wavebuild.ui.sketch import sketch
from wavebuild.ui.style import Style
from wavebuild.ui.tables import columns, table, wrapped

TO = "\N{EN DASH}"
WIDTHS = [40, 80, 200]


def test_a_plan_reads_in_waves_then_times_then_the_critical_path() -> None:
    assert plan_lines(a_plan(), Style(width=100)) == [
        "wave 1 · serial gate · phase design",
        f"  RUN     a  source.csv changed (+1) · 2{TO}3 h · critical",
        "wave 2 · parallel group of 2 · phase build",
        "  MAYBE   b  depends on what a will make · 1 h · critical",
        "  FRESH   c",
        "",
        "steps          1 RUN · 1 MAYBE · 1 FRESH",
        "critical path  a → b",
        f"time           serial 33{TO}59 h · barrier 23{TO}43 h · flow 20{TO}36 h · 39 % saved",
        f"with -j4       barrier 25{TO}45 h · flow 21{TO}38 h",
    ]


def test_a_plan_with_all_reasons_shows_old_and_new() -> None:
    text = "\n".join(plan_lines(a_plan(), Style(width=200), all_reasons=True))

    assert "source.csv changed: sha256:aaaaaaaa… → sha256:bbbbbbbb… · never succeeded" in text


def test_a_step_off_the_critical_path_shows_its_slack() -> None:
    plan = a_plan()

    text = "\n".join(plan_lines(Plan(plan.waves, ("a",), plan.times, 4), Style(width=120)))

    assert "1 h · slack 0 s" in text


def test_a_plan_of_nothing_says_so() -> None:
    assert plan_lines(Plan((), (), None, 2), Style()) == ["nothing to plan: no step is selected"]


LONG = graph_of(
    step("gold-layer-design", ["context/schema.csv"], ["design/yaml/a-rather-long-name.yaml"], title="Design of gold"),
    step("bronze", ["context/schema.csv", "conf/pipeline.yaml"], ["bronze/bronze.sqlite"]),
    step("gold", ["design/yaml/a-rather-long-name.yaml", "bronze/bronze.sqlite"], ["gold/gold.sqlite"]),
)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_fits_the_width_and_cuts_nothing(width: int) -> None:
    lines = list_lines(LONG, Style(width=width))

    text = "".join(line.replace(" ", "") for line in lines)
    assert max(columns(line) for line in lines) <= width
    assert all(name in "\n".join(lines) for name in ("bronze", "gold"))
    assert text.count("Dependson") >= 1


def test_the_list_is_the_table_of_the_seed() -> None:
    assert list_lines(diamond(), Style(width=80)) == [
        "Step  Title        Reads       Produces  Depends on",
        "────  ───────────  ──────────  ────────  ──────────",
        "a     First        source.csv  a.txt",
        "b                  a.txt       b.txt     a",
        "c     The “third”  a.txt       c.txt     a",
        "gate               b.txt                 b",
        "d                  b.txt       d.txt     b, c, gate",
        "                   c.txt",
    ]


def test_too_narrow_for_columns_a_table_becomes_blocks() -> None:
    lines = table(("Step", "Reads", "Produces"), [("a", "x/y.csv", "z\nw"), ("b", "", "v")], 22)

    assert lines == ["Step: a", "Reads: x/y.csv", "Produces: z, w", "", "Step: b", "Produces: v"]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("a/long/path/here", 8, ["a/long/", "path/", "here"]),
        ("unbreakable", 4, ["unbr", "eaka", "ble"]),
        ("数据数据", 4, ["数据", "数据"]),
        ("", 5, [""]),
    ],
)
def test_text_wraps_at_spaces_else_after_slashes_else_anywhere(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width) == lines


@pytest.mark.parametrize("width", WIDTHS)
def test_the_drawing_fits_the_width_and_names_what_each_step_follows(width: int) -> None:
    lines = drawn(sketch(LONG), "text", Style(width=width))

    assert max(columns(line) for line in lines) <= width
    assert "← gold-layer-design" in "\n".join(lines)


def test_a_small_graph_is_drawn_in_boxes_by_waves() -> None:
    assert drawn(sketch(diamond()), "text", Style(width=80)) == [
        "wave 1 · serial gate",
        " ┌───────┐",
        " │ a     │",
        " │ First │",
        " └───────┘",
        "wave 2 · parallel group of 2",
        " ┌─────┐ ┌─────────────┐",
        " │ b   │ │ c           │",
        " │ ← a │ │ The “third” │",
        " └─────┘ │ ← a         │",
        "         └─────────────┘",
        "wave 3 · serial gate",
        " ┌──────┐",
        " │ gate │",
        " │ ← b  │",
        " └──────┘",
        "wave 4 · serial gate",
        " ┌──────────────┐",
        " │ d            │",
        " │ ← b, c, gate │",
        " └──────────────┘",
    ]


def test_a_large_graph_is_drawn_a_line_a_step() -> None:
    steps = [step(f"s{at}", [f"{at}.in"], [f"{at}.out"]) for at in range(30)]

    lines = drawn(sketch(graph_of(*steps, step("all", ["3.out"]))), "text", Style(width=80))

    assert lines[:2] == ["wave 1 · parallel group of 30", "  s0"]
    assert lines[-1] == "  all ← s3"


def test_mermaid_and_dot_tell_data_from_mere_need() -> None:
    mermaid = drawn(sketch(diamond()), "mermaid", Style())
    dot = drawn(sketch(diamond()), "dot", Style())

    assert mermaid[0] == "flowchart TD"
    assert "  s1 --> s4" in mermaid
    assert "  s3 -.-> s4" in mermaid
    assert '    s0["a<br/>First"]' in mermaid
    assert '  "gate" -> "d" [style=dashed];' in dot
    assert '  "b" -> "d" [tooltip="b.txt"];' in dot
    assert dot[-1] == "}"


def test_titles_cannot_break_out_of_a_drawing() -> None:
    graph = graph_of(step("a", makes=["x"], title='"]; evil --> <b>#\\'))

    assert '    s0["a<br/>#quot;]; evil --#gt; #lt;b#gt;#35;\\"]' in drawn(sketch(graph), "mermaid", Style())
    assert any('label="a\\n\\"]; evil --> <b>#\\\\"' in line for line in drawn(sketch(graph), "dot", Style()))


def test_only_what_is_upstream_or_downstream_is_drawn_when_asked() -> None:
    up = json.loads(called("graph", "--format", "json", "--upstream", "c").out)
    down = json.loads(called("graph", "--json", "--downstream", "gate").out)

    assert [each["name"] for each in up["steps"]] == ["a", "c"]
    assert [each["name"] for each in down["steps"]] == ["gate", "d"]
    assert down["edges"] == [{"from": "gate", "to": "d", "kind": "needs", "artifacts": []}]


def test_status_shows_verdict_last_run_and_why() -> None:
    lines = status_lines(
        [
            StatusLine("a", PlanWord.FRESH, (), Outcome.SUCCEEDED, NOON, 1.5, by_touch=True),
            StatusLine("b", PlanWord.RUN, (NeverRan(),), None, None, None),
        ],
        Style(width=100),
    )

    assert lines[2].split()[:2] == ["a", "FRESH"]
    assert "succeeded" in lines[2]
    assert lines[2].endswith("by touch")
    assert lines[3].split() == ["b", "RUN", "never", "succeeded"]


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_plan_fits_the_width(width: int) -> None:
    """No line of a plan is wider than the terminal; what is said of a step moves below its name when it must."""
    long = PlannedStep("a-step-with-a-name-of-30-signs", 1, PlanWord.RUN, (NeverRan(),), phase="the long design")
    others = [PlannedStep(f"s{n}", 1, PlanWord.MAYBE, (Upstream(("a", "b")),), phase=f"phase {n}") for n in range(4)]
    plan = Plan((PlannedWave(1, (long, *others)),), ("a-step-with-a-name-of-30-signs",), None, 4)

    lines = plan_lines(plan, Style(width=width))

    assert max(columns(line) for line in lines) <= width
    assert "never succeeded" in " ".join(line.strip() for line in lines)


def test_times_that_read_as_nothing_are_left_out_of_the_plan() -> None:
    """0 s, and what is saved of less than a second, are noise."""
    blink = Range(0.01, 0.02)
    times = Times(Range(0.02, 0.04), blink, blink, blink, blink, Range(0.09, 0.09))
    step = PlannedStep("a", 1, PlanWord.RUN, (NeverRan(),), estimate=blink, slack=blink)
    other = PlannedStep("b", 1, PlanWord.RUN, (NeverRan(),), estimate=Range(0.4, 0.4))

    text = "\n".join(plan_lines(Plan((PlannedWave(1, (step, other)),), (), times, 4), Style(width=100)))

    assert "slack" not in text
    assert "saved" not in text
    assert [line.split("succeeded")[1] for line in text.splitlines() if "never" in line] == ["", " · 0.4 s"]


def test_an_explanation_goes_down_to_the_root() -> None:
    change = InputChanged("a.txt", "1" * 64, "2" * 64, "a")
    root = InputChanged("source.csv", "3" * 64, "4" * 64)
    chain = (Cause("b", PlanWord.RUN, (change,)), Cause("a", PlanWord.RUN, (root, NeverRan())))

    assert explain_lines(Explanation("b", chain), Style(width=100)) == [
        "b is RUN",
        "  because a.txt changed (made by a): 11111111… → 22222222…",
        "  a is RUN",
        "    because source.csv changed: 33333333… → 44444444…",
        "    because never succeeded",
    ]


def test_each_cause_stands_under_the_step_that_names_it() -> None:
    """Two causes of one step are side by side; what both rest on is told once, and pointed to the second time."""
    root = InputChanged("source.csv", "3" * 64, "4" * 64)
    chain = (
        Cause("d", PlanWord.MAYBE, (Upstream(("b", "c")),)),
        Cause("b", PlanWord.MAYBE, (Upstream(("a",)),)),
        Cause("c", PlanWord.MAYBE, (Upstream(("a",)),)),
        Cause("a", PlanWord.RUN, (root,)),
    )

    assert explain_lines(Explanation("d", chain), Style(width=100)) == [
        "d is MAYBE",
        "  because depends on what b, c will make",
        "  b is MAYBE",
        "    because depends on what a will make",
        "    a is RUN",
        "      because source.csv changed: 33333333… → 44444444…",
        "  c is MAYBE",
        "    because depends on what a will make",
        "    a is RUN, see above",
    ]


def test_the_members_of_a_group_are_explained_side_by_side() -> None:
    """A group is its members: none of them stands under another that does not cause it."""
    chain = (Cause("b", PlanWord.RUN, (NeverRan(),)), Cause("c", PlanWord.RUN, (NeverRan(),)))

    lines = explain_lines(Explanation("all", chain), Style())

    assert lines == ["b is RUN", "  because never succeeded", "c is RUN", "  because never succeeded"]


def test_a_blocked_step_stands_above_the_steps_that_stop_it() -> None:
    """No reason names who stops a blocked step: the graph does."""
    chain = (
        Cause("c", PlanWord.BLOCKED, ()),
        Cause("b1", PlanWord.BLOCKED, ()),
        Cause("b2", PlanWord.BLOCKED, ()),
        Cause("hand", PlanWord.WAITING, ()),
    )
    upstream = {"c": ["b1", "b2"], "b1": ["hand"], "b2": ["hand"]}

    lines = explain_lines(Explanation("c", chain), Style(), upstream)

    assert lines == [
        "c is BLOCKED",
        "  b1 is BLOCKED",
        "    hand is WAITING",
        "  b2 is BLOCKED",
        "    hand is WAITING, see above",
    ]


def test_a_fresh_step_is_explained_too() -> None:
    lines = explain_lines(Explanation("b", (Cause("b", PlanWord.FRESH, ()),)), Style())

    assert lines == ["b is FRESH", "  everything it reads and made is as its last success left it"]


def test_problems_are_shown_with_their_caret_and_without_escapes() -> None:
    problem = Problem("unknown-key", "unknown key 'inptus'", HERE, "did you mean 'inputs'?", "inptus: \x1b[2J")

    assert check_lines([problem]) == [
        "Wavefile:1:1: unknown key 'inptus'",
        "    inptus: \\x1b[2J",
        "    ^",
        "    did you mean 'inputs'?",
    ]
    assert check_lines([]) == ["no problems"]


def test_check_ends_2_on_errors_and_0_on_warnings_and_always_answers() -> None:
    warning = Problem("unread", "nobody reads x", severity="warning")

    warned = called("check", engine=FakeEngine(problems=(warning,)))
    wrong = called("check", engine=FakeEngine(problems=(warning, Problem("cycle", "a needs itself"))))
    broken = called("check", "--json", engine=FakeEngine(raises=mistake("yaml", "not YAML", HERE)))

    assert (warned.code, warned.out) == (0, "warning: nobody reads x\n")
    assert wrong.code == 2
    assert broken.code == 2
    assert json.loads(broken.out)["problems"][0]["line"] == 1


def test_clean_says_what_goes_and_what_stays() -> None:
    cleaned = Cleaned(("a.txt",), (("m.csv", "a person placed it"),))

    assert clean_lines(cleaned, done=False) == ["would remove a.txt", "kept m.csv: a person placed it"]
    assert clean_lines(Cleaned((), ()), done=False) == ["nothing to remove"]


def test_clean_removes_nothing_unless_someone_says_yes() -> None:
    nobody = called("clean", engine=FakeEngine(removable=("a.txt",)))
    no = called("clean", engine=FakeEngine(removable=("a.txt",)), typed="n\n")
    yes = called("clean", engine=FakeEngine(removable=("a.txt",)), typed="y\n")
    told = called("clean", "--yes", engine=FakeEngine(removable=("a.txt",)))
    dry = called("clean", "-n", engine=FakeEngine(removable=("a.txt",)))

    assert (nobody.code, nobody.engine.deeds[-1]) == (2, "clean dry")
    assert (no.code, no.engine.deeds[-1]) == (1, "clean dry")
    assert (yes.code, yes.engine.deeds[-1]) == (0, "clean")
    assert (told.code, told.out.splitlines()[0]) == (0, "removed a.txt")
    assert (dry.code, dry.engine.deeds[-1]) == (0, "clean dry")


def test_question_answers_by_its_exit_code_and_prints_nothing() -> None:
    fresh = called("-q")
    stale = called("-q", engine=FakeEngine(stale=True))

    assert (fresh.code, fresh.out, fresh.err) == (0, "", "")
    assert (stale.code, stale.out, stale.err) == (1, "", "")


def test_status_answers_by_its_exit_code_when_asked() -> None:
    assert called("status", engine=FakeEngine(stale=True)).code == 0
    assert called("status", "--exit-code", engine=FakeEngine(stale=True)).code == 1
    assert called("status", "--exit-code").code == 0


def test_accept_prints_what_was_accepted() -> None:
    assert called("accept", "a.txt", "b").out == "accepted a.txt\naccepted b\n"


@pytest.mark.parametrize("word", ["check", "doctor", "mem"])
def test_what_was_loaded_to_tell_a_command_from_a_step_is_not_loaded_again(word: str) -> None:
    """A Wavefile of very many steps takes long: the question gets the project that is there."""
    engine = FakeEngine()

    called(word, engine=engine)

    (load, _), (asked, request) = engine.asked
    assert (load, asked) == ("load", {"mem": "memory"}.get(word, word))
    assert request.loaded is not None
    assert request.loaded.graph is engine.graph
