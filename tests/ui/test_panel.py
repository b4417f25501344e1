"""The panel as rows of text: the same scene in the same room gives the same rows."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.emulator import Emulator
from tests.ui.samples import NOON, RUN, build_started, settled, started
from wavebuild.run.events import Event, Outcome, StepRetried
from wavebuild.ui import view
from wavebuild.ui.cells import cut, filled, width
from wavebuild.ui.logs import last_line
from wavebuild.ui.outlook import Estimate, Progress, Wave
from wavebuild.ui.panel import Scene, left_words, painted, room_of, rounded, rows, seconds, text_of
from wavebuild.ui.style import Style

NAMES = ["ingest", "日本語の手順", "مرحلة", "e\u0301tape", "🏗️ build", "👩‍👩‍👧", "x" * 90, "a\x1b[31mb", "\u202eevil"]
PLAIN = Style()


def scene_of(*events: Event, now: float = 0.0, **more: object) -> Scene:
    progress = Progress()
    for event in events:
        progress.see(event)
    return Scene(view.fold(events), NOON + now, progress.waves, **more)  # type: ignore[arg-type]


def two_waves(*names: str) -> Event:
    return build_started([list(names), ["last"]], jobs=4)


def shown(scene: Scene, columns: int = 79, lines: int = 24, style: Style = PLAIN) -> list[str]:
    return [text_of(row) for row in rows(scene, columns, lines, style)]


def test_a_build_in_flight_reads_from_what_runs_to_what_is_counted() -> None:
    scene = scene_of(
        two_waves("a", "bb"),
        settled("a", 1, Outcome.SUCCEEDED),
        started("bb", 1, 2.0),
        now=14.5,
        last={"bb": "row 7 of 9"},
        expected={"bb": 40.0},
        estimate=Estimate(95.0),
    )

    assert shown(scene) == [
        "",
        "  12 s of ~40 s  bb  row 7 of 9",
        "  wave 1 of 2   1/2  0/1",
        "  ━━━━━━━━━━━━━━━━━━─────────────────────────────────────  1 of 3 · ~2 min left",
        "  succeeded 1 · running 1 · to come 1",
    ]


def test_in_a_narrow_window_less_is_said_of_each_and_nothing_is_wider() -> None:
    scene = scene_of(
        two_waves("a", "silver@bookings"),
        settled("a", 1, Outcome.FAILED),
        started("silver@bookings", 1, 2.0),
        now=74,
        last={"silver@bookings": "row 7 of 9"},
        expected={"silver@bookings": 40.0},
        estimate=Estimate(40.0, unknown=2),
    )

    assert shown(scene, columns=39, lines=12) == [
        "  1 min 12 s  silver@bookin…  row 7 of…",
        "  wave 1 of 2   1/2  0/1",
        "  ━━━━─────────  1 of 3 · at least 40 s",
        "  failed 1 · running 1 · to come 1",
    ]


def test_what_the_build_waits_for_is_named() -> None:
    """Resources with how many wait for each, checks and reviews, the end that somebody asked for."""
    scene = scene_of(
        two_waves("a", "b", "c"),
        started("a", 1),
        lacking={"gpu": 2},
        phases={"a": "its review"},
        stopping=True,
        estimate=Estimate(30.0),
    )

    text = shown(scene)
    assert text[1] == "  0 s  a · its review"
    assert text[-2].endswith("0 of 4 · stopping: Ctrl-C again ends all at once")
    assert text[-1] == "  running 1 · for gpu 2 · to come 1"


def test_who_waits_for_the_next_try_says_why_and_how_long() -> None:
    scene = scene_of(
        two_waves("a"), started("a", 1), StepRetried(RUN, NOON + 3, "a", 1, "exit 75", 8.0), now=5, last={"a": "old"}
    )

    assert shown(scene)[1] == "  in 6 s  a  try 1 failed: exit 75"
    assert shown(scene)[-1] == "  to retry 1 · to come 1"
    assert shown(replace(scene, now=NOON + 12))[1].startswith("  waits  a")


def test_a_further_try_says_which_it_is() -> None:
    scene = scene_of(two_waves("a"), started("a", 1), started("a", 1, 5.0, attempt=2), now=7)

    assert shown(scene)[1] == "  2 s  a · try 2"


def test_of_more_than_there_is_room_for_the_longest_are_shown_and_the_rest_is_counted() -> None:
    names = [f"step{number}" for number in range(64)]
    scene = scene_of(two_waves(*names), *(started(name, 1, at) for at, name in enumerate(names)), now=100)

    text = shown(scene, lines=12)

    assert len(text) == room_of(12) == 8
    assert text[0] == "  1 min 40 s  step0"
    assert text[4] == "  … and 60 more"


def test_in_the_smallest_window_the_longest_running_step_has_the_only_row() -> None:
    """How many there are is counted below; "and 5 more" than nothing would say less."""
    names = [f"step{number}" for number in range(5)]
    scene = scene_of(two_waves(*names), *(started(name, 1, at) for at, name in enumerate(names)), now=9)

    assert shown(scene, columns=19, lines=6)[0] == "  9 s  step0"


def test_of_many_waves_those_around_this_one_are_shown() -> None:
    names = [f"s{number}" for number in range(100)]
    events: list[Event] = [build_started([[name] for name in names])]
    events += [*(settled(n, 0, Outcome.SUCCEEDED) for n in names[:50])]
    scene = scene_of(*events, started("s50", 51))

    row = next(row for row in shown(scene, columns=60) if "wave" in row)

    assert row.startswith("  wave 51 of 100   …  1/1")
    assert "1/1  0/1  0/1" in row
    assert row.endswith("…")


def test_before_anything_has_begun_it_says_that_it_looks() -> None:
    assert shown(scene_of(two_waves("a"), settled("a", 1, Outcome.KEPT)))[-3:] == [
        "  looking for what is to be done",
        "  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━──────────────────────────────  1 of 2",
        "  kept 1 · to come 1",
    ]


def test_steps_of_which_no_end_is_told_count_as_kept_and_not_as_work() -> None:
    scene = scene_of(two_waves("a", "b", "c"), started("a", 1), fresh=3)

    assert shown(scene)[-2].endswith("0 of 1")
    assert shown(scene)[-1] == "  kept 3 · running 1"


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (Estimate(), [""]),
        (Estimate(0.4), [""]),
        (Estimate(42.0), ["~40 s left", "~40 s", ""]),
        (Estimate(42.0, unknown=3), ["at least 40 s: 3 steps never ran", "at least 40 s", "40 s or more", ""]),
        (Estimate(0.0, unknown=3), [""]),
        (Estimate(130.0, overdue=True), ["at least 2 min", "2 min or more", ""]),
        (Estimate(130.0, most=True), ["up to 2 min left", "up to 2 min", ""]),
        (Estimate(130.0, overdue=True, most=True), ["~2 min left", "~2 min", ""]),
        (Estimate(42.0, unknown=1, most=True), ["~40 s, and 1 step that never ran", "~40 s and more", ""]),
        (Estimate(9.0, ending=True), ["a step has failed: finishing what runs", "finishing", ""]),
    ],
)
def test_what_is_left_is_said_as_far_as_it_is_known(estimate: Estimate, said: list[str]) -> None:
    assert left_words(estimate, runs=True) == said


def test_when_nothing_runs_nothing_is_said_to_be_finishing() -> None:
    assert left_words(Estimate(0.0, ending=True), runs=False) == [""]


def test_a_guess_has_no_more_figures_than_it_deserves() -> None:
    texts = [rounded(time) for time in (0.9, 4.4, 12.0, 57.4, 58.0, 89, 91, 3569, 3600, 9000, 36_000, 86_400)]

    assert texts == [
        "", "4 s", "10 s", "55 s", "1 min", "1 min", "2 min", "59 min", "1 h", "2 h 30 min", "10 h", "24 h",
    ]  # fmt: skip


def test_a_running_time_changes_once_a_second() -> None:
    texts = [seconds(time) for time in (-1.0, 0.9, 59.99, 60, 61.5, 3600, 3725)]

    assert texts == ["0 s", "0 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 2 min"]


def test_without_unicode_all_is_ascii() -> None:
    scene = scene_of(two_waves("a", "x" * 99), started("a", 1), started("x" * 99, 1), estimate=Estimate(50.0))

    assert all(row.isascii() for row in shown(scene, style=Style(unicode=False)))


def test_colours_are_painted_only_where_they_are_wanted() -> None:
    row = rows(scene_of(two_waves("a"), settled("a", 1, Outcome.FAILED)), 79, 24, Style())[-1]

    assert painted(row, Style()) == "  failed 1 · to come 1"
    assert "\x1b[31mfailed 1\x1b[0m" in painted(row, Style(colours=True))


def test_a_window_too_small_for_all_keeps_the_bar() -> None:
    scene = scene_of(two_waves("a"), started("a", 1))

    assert shown(scene, lines=1) == []
    assert [len(shown(scene, lines=lines)) for lines in (2, 3, 4, 5)] == [1, 2, 2, 3]
    assert shown(scene, lines=2)[0].endswith("0 of 2")
    assert shown(scene, columns=1) == []


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.text(min_size=1, max_size=30) | st.sampled_from(NAMES), min_size=1, max_size=20, unique=True),
    said=st.lists(st.binary(max_size=80), max_size=20),
    columns=st.integers(2, 220),
    lines=st.integers(1, 60),
    estimate=st.builds(Estimate, st.floats(0, 1e6), st.integers(0, 9), st.booleans(), st.booleans()),
    plain=st.booleans(),
    half=st.text(max_size=50),
)
def test_no_row_is_wider_than_the_window_and_there_are_never_too_many(
    names: list[str],
    said: list[bytes],
    columns: int,
    lines: int,
    estimate: Estimate,
    plain: bool,
    half: str,
) -> None:
    """Whatever steps are called and print; and nothing in a row moves the cursor."""
    last = {name: last_line(data) for name, data in zip(names, said, strict=False)}
    scene = scene_of(
        two_waves(*names), *(started(name, 1) for name in names), last=last, estimate=estimate, half=half.strip()
    )
    scene = replace(scene, half="".join(each for each in half if unicodedata.category(each)[0] != "C"))

    found = rows(scene, columns, lines, Style(unicode=not plain), least=7)

    assert len(found) <= max(0, lines - 1)
    assert not found or len(found) >= min(7, room_of(lines))
    for row in found:
        text = text_of(row)
        assert width(text) <= columns
        assert not any(each < " " or "\x7f" <= each < "\xa0" or each in "\u202e\u2028" for each in text)


@pytest.mark.parametrize("columns", [10, 40, 80, 200])
def test_a_terminal_finds_no_row_wider_than_we_do(columns: int) -> None:
    """Every row stays on its line, with names in any script."""
    scene = scene_of(
        two_waves(*NAMES),
        *(started(name, 1) for name in NAMES),
        last={name: name * 9 for name in NAMES[:6]},
        estimate=Estimate(75.0),
    )
    found = rows(scene, columns, 40, Style())
    emulator = Emulator(columns + 1, 40).feed("".join(text_of(row) + "\n" for row in found))

    assert emulator.screen.cursor.y == len(found)


def test_texts_are_cut_and_filled_by_cells() -> None:
    assert cut("日本語", 6, "…") == "日本語"
    assert cut("日本語", 5, "…") == "日本…"
    assert cut("日本語", 4, "…") == "日…"
    assert cut("日本語", 0, "…") == ""
    assert filled("日", 4) == "日  "
    assert width("e\u0301") == 1
    assert width("🏗️") >= 2


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", ""),
        (b"one\ntwo\n", "two"),
        (b"one\ntwo", "two"),
        (b"one\n\n  \n", "one"),
        (b"10 %\r50 %\r90 %", "90 %"),
        (b"10 %\r90 %\r", "90 %"),
        (b"a\r\nb\r\n", "b"),
        (b"\x1b[31mred\x1b[0m \x1b]0;title\x07text\x1b[2K", "red text"),
        (b"nul\x00 and \xff\xfe", "nul and ��"),
        (b"tabs\tand\tmore", "tabs and more"),
        ("日本".encode()[1:], "��本"),
    ],
)
def test_the_last_line_of_a_log_is_what_a_terminal_would_show_of_it(data: bytes, line: str) -> None:
    assert last_line(data) == line


def test_a_wave_in_which_a_step_has_failed_is_red_to_the_end() -> None:
    """Its count grows as that of others, and looks as theirs without it."""
    events: list[Event] = [two_waves("a", "b"), settled("a", 1, Outcome.FAILED), started("b", 1)]
    more: list[Event] = [settled("b", 1, Outcome.SUCCEEDED), started("last", 2)]

    for now, wave in ((scene_of(*events), "1/2"), (scene_of(*events, *more), "2/2")):
        (row,) = [row for row in rows(now, 79, 24, PLAIN) if text_of(row).startswith("  wave")]
        assert [colour for text, colour in row if text.strip() == wave] == ["red"]


def test_waves_are_counted_where_steps_are_found_later() -> None:
    assert Wave(1, 2) in scene_of(two_waves("a", "b"), settled("a", 1, Outcome.KEPT)).waves
