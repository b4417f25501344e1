"""The live screen on an emulated terminal: lines that scroll, a panel below them, and nothing left of it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.emulator import Emulator
from tests.ui.samples import (
    NOON,
    FakeEngine,
    Terminal,
    a_build_with_a_failure,
    build_started,
    called,
    result_of,
    settled,
    started,
)
from wavebuild.run.events import Event, Outcome
from wavebuild.run.gauge import Gauge
from wavebuild.ui import live
from wavebuild.ui.live import LiveScreen, Page, wraps_again
from wavebuild.ui.manner import Manner
from wavebuild.ui.style import Style

MANNER = Manner(Style(terminal=True), panel=True)


class Glass(io.StringIO):
    """A terminal that shows what is written to it; who looks sees each write as a whole, whichever thread writes."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        super().__init__()
        self._whole = threading.Lock()
        self.emulator = Emulator(columns, lines)
        self.writes: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        with self._whole:
            self.writes.append(text)
            self.emulator.feed(text)
        return len(text)

    @property
    def rows(self) -> list[str]:
        with self._whole:
            return self.emulator.rows


def page_on(glass: Glass, wraps: bool = False) -> Page:
    page = Page(glass, wraps)
    page.size = lambda: (glass.emulator.screen.columns, glass.emulator.screen.lines)  # type: ignore[method-assign]
    return page


def shown(page: Page, *rows: str) -> None:
    page.take_lines()
    page.show(rows, *page.size())


def test_lines_stand_above_the_panel_and_the_cursor_below_it() -> None:
    glass = Glass()
    page = page_on(glass)

    page.write("one\n")
    shown(page, "panel a", "panel b")
    page.write("two\nthree\n")
    shown(page, "panel c")

    assert glass.rows == ["one", "two", "three", "panel c"]
    assert (glass.emulator.screen.cursor.y, glass.emulator.screen.cursor.x) == (4, 0)
    assert glass.emulator.is_as_it_was


def test_each_look_is_one_write_and_nothing_is_written_when_nothing_has_changed() -> None:
    glass = Glass()
    page = page_on(glass)
    page.write("one\n")

    shown(page, "panel")
    shown(page, "panel")
    shown(page, "panel")

    assert len(glass.writes) == 1


def test_only_rows_that_changed_are_written_again() -> None:
    glass = Glass()
    page = page_on(glass)

    shown(page, "a long row that stays", "0 s")
    shown(page, "a long row that stays", "1 s")

    assert "stays" not in glass.writes[1]
    assert glass.rows == ["a long row that stays", "1 s"]


def test_what_a_person_types_goes_with_the_next_look() -> None:
    glass = Glass()
    page = page_on(glass)
    shown(page, "panel", "0 s")
    glass.emulator.feed("^Cabc")

    shown(page, "panel", "1 s")

    assert glass.rows == ["panel", "1 s"]


def test_a_panel_that_shrinks_or_grows_leaves_nothing_behind() -> None:
    glass = Glass(lines=8)
    page = page_on(glass)

    for height in (1, 5, 2, 6, 1, 3):
        page.write(f"line {height}\n")
        shown(page, *(f"row {at} of {height}" for at in range(height)))
        assert glass.rows[-height:] == [f"row {at} of {height}" for at in range(height)]

    page.end()
    assert glass.rows[-1] == "line 3"
    assert not any("row" in row for row in glass.rows)


def test_a_row_wider_than_the_terminal_takes_is_cut_and_never_two() -> None:
    glass = Glass(columns=10)
    page = page_on(glass)

    shown(page, "x" * 25, "y" * 25)
    shown(page, "z" * 25, "y" * 25)

    assert [row[:9] for row in glass.rows] == ["z" * 9, "y" * 9]


def test_a_long_line_wraps_and_the_panel_comes_after_it() -> None:
    glass = Glass(columns=10)
    page = page_on(glass)

    shown(page, "panel")
    page.write("x" * 25 + "\n")
    shown(page, "panel")

    assert glass.rows == ["x" * 10, "x" * 10, "x" * 5, "panel"]


def test_the_beginning_of_a_line_waits_for_its_end() -> None:
    """Until then it is handed to the panel; at the end of all it is written as it is."""
    glass = Glass()
    page = page_on(glass)

    page.write("whole\nhal")
    shown(page, "panel")
    assert (glass.rows, page.half) == (["whole", "panel"], "hal")
    page.write("f\nrest")
    shown(page, "panel")
    assert glass.rows == ["whole", "half", "panel"]
    page.end()

    assert glass.rows == ["whole", "half", "rest"]


def test_a_line_that_never_ends_is_not_kept_for_ever() -> None:
    glass = Glass()
    page = page_on(glass)

    for _ in range(30):
        page.write("x" * 1000)
        shown(page, "panel")

    assert len(page.half) <= live.LONGEST_HALF
    assert glass.rows[-1] == "panel"


def test_colours_of_lines_do_not_run_into_the_panel_and_go_on_after_it() -> None:
    glass = Glass()
    page = page_on(glass)

    page.write("\x1b[31mred\n")
    shown(page, "panel")
    page.write("red still\n\x1b[0mplain\n")
    shown(page, "panel")

    assert glass.rows == ["red", "red still", "plain", "panel"]
    assert [glass.emulator.colours(row) for row in range(4)] == [{"red"}, {"red"}, {"default"}, {"default"}]


@pytest.mark.parametrize("lines", [24, 5])
def test_a_narrower_window_that_cuts_lines_off_shows_the_panel_once(lines: int) -> None:
    glass = Glass(80, 24)
    page = page_on(glass)
    page.write("line 1\nline 2\n")
    shown(page, "a" * 60, "b" * 60)

    glass.emulator.resize(40, lines)
    shown(page, "a" * 39, "b" * 39)

    assert glass.rows[-2:] == ["a" * 39, "b" * 39]
    assert sum("a" in row for row in glass.rows) == 1


def test_where_a_narrower_window_wraps_lines_again_all_of_them_are_taken_away() -> None:
    """What stood in two rows stands in four: the cursor goes up by as many."""
    glass = Glass(80, 24)
    page = page_on(glass, wraps=True)
    shown(page, "a" * 60, "日本" * 12, "")

    glass.emulator.resize(40, 24)
    shown(page, "new")

    assert "\x1b[5A" in glass.writes[1]


@pytest.mark.parametrize(
    ("environ", "wraps"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "screen", "TMUX": "/tmp/x,1,0", "XTERM_VERSION": "XTerm(379)"}, True),
        ({"TERM": "screen", "STY": "1.x"}, False),
        ({"TERM": "linux"}, False),
    ],
)
def test_which_terminals_wrap_again(environ: dict[str, str], wraps: bool) -> None:
    assert wraps_again(environ) is wraps


def test_after_somebody_else_has_written_the_panel_begins_on_a_line_of_its_own() -> None:
    glass = Glass()
    page = page_on(glass)
    shown(page, "panel")
    page.end()
    page.lend()
    glass.emulator.feed("a question? ")

    shown(page, "panel")

    assert glass.rows == ["a question?", "panel"]


def test_after_somebody_else_has_ended_their_line_no_empty_one_comes_between() -> None:
    glass = Glass()
    page = page_on(glass)
    page.lend()
    glass.emulator.feed("done\n")

    shown(page, "panel")

    assert glass.rows == ["done", "panel"]


def test_a_terminal_that_is_gone_is_no_failure() -> None:
    class Gone(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(5, "gone")

    page = Page(Gone(), False)
    page.write("one\n")
    page.show(["panel"], 80, 24)
    page.end()


class Counting(Terminal):
    """A terminal that only counts what it shows."""

    size = 0

    def write(self, text: str, /) -> int:
        self.size += len(text)
        return len(text)


class Watched:
    """A live screen on an emulated terminal, and its clock, which a test sets."""

    def __init__(self, manner: Manner = MANNER, first: float = 0.0, lines: int = 24) -> None:
        self.glass = Glass(lines=lines)
        self.now = NOON
        self.gauge = Gauge()
        self.screen = LiveScreen(self.glass, manner, {}, self.gauge, lambda: self.now, first)

    def tell(self, *events: Event) -> Watched:
        for event in events:
            self.screen.tell(event)
        return self

    def wait_for(self, what: Callable[[], object]) -> None:
        end = time.monotonic() + 60
        while not what():
            assert time.monotonic() < end, "\n".join(self.glass.rows)
            time.sleep(0.01)

    def wait_for_row(self, text: str) -> None:
        self.wait_for(lambda: any(text in row for row in self.glass.rows))


@pytest.fixture
def watched() -> Iterator[Watched]:
    found = Watched()
    yield found
    found.screen.close([])


def test_what_runs_is_in_the_panel_and_what_has_ended_above_it(watched: Watched) -> None:
    watched.tell(build_started([["a", "b"]]), started("a", 1), started("b", 1), settled("a", 1, Outcome.SUCCEEDED))
    watched.now = NOON + 7
    watched.wait_for_row("7 s  b")

    rows = watched.glass.rows
    assert rows[0].startswith("wave 1 of 1")
    assert rows[1].startswith("  succeeded    a")
    assert not any("started" in row for row in rows)
    assert rows[-1] == "  succeeded 1 · running 1"


def test_the_panel_shows_the_last_line_of_each_log_as_it_grows(watched: Watched, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"first\n")
    watched.tell(build_started([["a"]], jobs=2, root=str(tmp_path)), started("a", 1, log="a.log"))
    watched.wait_for_row("a  first")
    log.write_bytes(b"first\n10 %\r\x1b[1m90 %")

    watched.wait_for_row("a  90 %")


def test_one_at_a_time_output_is_streamed_above_the_panel(watched: Watched, tmp_path: Path) -> None:
    """A line that has no end yet is shown, too."""
    log = tmp_path / "a.log"
    log.write_bytes(b"first\nsec")
    watched.tell(build_started([["a"]], jobs=1, root=str(tmp_path)), started("a", 1, log="a.log"))
    watched.wait_for_row("sec")
    rows = watched.glass.rows
    log.write_bytes(b"first\nsecond\n")
    watched.wait_for_row("second")

    assert rows.index("sec") == rows.index("first") + 1
    assert watched.glass.rows.index("second") == watched.glass.rows.index("first") + 1
    assert "sec" not in watched.glass.rows


def test_rows_that_are_not_needed_stay_for_a_while_and_not_for_ever(watched: Watched) -> None:
    """So the rows below do not jump about while steps come and go."""
    steps = ["a", "b", "c", "d"]
    watched.tell(build_started([steps], jobs=4), *(started(step, 1) for step in steps))
    watched.wait_for_row("running 4")
    full = len(watched.glass.rows)
    watched.now += 1
    watched.tell(*(settled(step, 1, Outcome.KEPT) for step in steps[:3]))
    watched.wait_for_row("running 1")
    soon = len(watched.glass.rows)
    watched.now += 60
    watched.wait_for_row("1 min 1 s")

    assert soon == full + 3  # the lines that say how they ended
    assert len(watched.glass.rows) == full


def test_at_the_end_nothing_is_left_of_the_panel() -> None:
    watched = Watched()
    watched.tell(*a_build_with_a_failure()[:5])
    watched.wait_for_row("running 2")
    watched.tell(*a_build_with_a_failure()[5:])
    watched.screen.close(["the end"])

    text = "\n".join(watched.glass.rows)
    assert "running" not in text
    assert "━" not in text
    assert "failed: b (exit 3 after 8.0 s, 2 tries)" in text
    assert text.endswith("boom now\n\nthe end")


def test_a_short_build_has_no_panel_and_writes_plain_lines() -> None:
    watched = Watched(first=3600.0)
    watched.tell(*a_build_with_a_failure())
    watched.screen.close(["the end"])

    assert "\x1b" not in "".join(watched.glass.writes)
    assert watched.glass.rows[-1] == "the end"


def test_before_there_is_a_panel_the_lines_do_not_wait_for_it() -> None:
    watched = Watched(first=3600.0)
    watched.tell(build_started([["a"]]), settled("a", 1, Outcome.FAILED))
    watched.wait_for_row("failed       a")
    watched.screen.close([])


def test_while_a_step_owns_the_terminal_there_is_no_panel(watched: Watched) -> None:
    """It is gone before the step has the terminal, and back when it has ended."""
    watched.tell(build_started([["a", "ask"]]), started("a", 1))
    watched.wait_for_row("running 1")

    asking = started("ask", 1)
    watched.tell(type(asking)(**{name: getattr(asking, name) for name in asking.__struct_fields__} | {"console": True}))
    assert not any("running" in row for row in watched.glass.rows)
    before = len(watched.glass.writes)
    watched.glass.emulator.feed("name? ")
    watched.tell(settled("a", 1, Outcome.SUCCEEDED))
    time.sleep(3 * live.LOOK)
    assert len(watched.glass.writes) == before

    watched.tell(settled("ask", 1, Outcome.SUCCEEDED))
    watched.wait_for_row("succeeded 2")
    assert "name?" in watched.glass.rows


def test_a_mistake_in_the_panel_is_told_and_the_lines_go_on(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*anything: object) -> list[str]:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr("wavebuild.ui.panel.rows", broken)
    watched.tell(build_started([["a", "b"]]), started("a", 1))
    watched.wait_for_row("the panel cannot be shown any more: ZeroDivisionError: a mistake")
    watched.tell(settled("a", 1, Outcome.SUCCEEDED))

    watched.wait_for_row("succeeded    a")


@pytest.mark.scenario(id="P8")
@pytest.mark.parametrize("end", ["\n", ""], ids=["lines", "one line"])
@pytest.mark.parametrize("first", [0.0, 3600.0])
def test_however_much_a_step_prints_little_of_it_is_held(tmp_path: Path, end: str, first: float) -> None:
    """Whoever has much to say waits for the terminal, with a panel and before there is one."""
    log = tmp_path / "a.log"
    log.write_text(("x" * 99 + end) * 80_000)
    stream = Counting()
    manner = Manner(Style(terminal=True), output="group", panel=True)
    screen = LiveScreen(stream, manner, {}, Gauge(), first=first)
    screen.tell(build_started([["a"]], jobs=2, root=str(tmp_path)))
    tracemalloc.start()
    try:
        screen.tell(started("a", 1, log=log.name))
        screen.tell(settled("a", 1, Outcome.SUCCEEDED))
        screen.close([])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert stream.size >= log.stat().st_size
    assert most < 7_000_000


def test_a_log_that_a_step_has_made_a_pipe_is_not_read(watched: Watched, tmp_path: Path) -> None:
    """Nobody writes to it: who opened it would wait for ever."""
    os.mkfifo(tmp_path / "a.log")
    watched.tell(build_started([["a", "b"]], root=str(tmp_path)), started("a", 1, log="a.log"))
    watched.wait_for_row("running 1")
    watched.tell(started("b", 1))

    watched.wait_for_row("running 2")


@pytest.mark.parametrize(
    ("environ", "argv", "panel"),
    [
        ({"TERM": "xterm"}, (), True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, (), True),
        ({"TERM": "dumb"}, (), False),
        ({}, (), False),
        ({"TERM": "xterm", "CI": "true"}, (), False),
        ({"TERM": "xterm", "MAKELEVEL": "1"}, (), False),
        ({"TERM": "xterm"}, ("-s",), False),
        ({"TERM": "xterm"}, ("--events", "events.jsonl"), True),
    ],
)
def test_where_there_is_a_panel(environ: dict[str, str], argv: tuple[str, ...], panel: bool, tmp_path: Path) -> None:
    """On a terminal that can, where a person looks and nobody else writes; the engine is asked for times only then."""
    engine = FakeEngine(result=result_of([build_started([["a"]])]))

    called(*argv, engine=engine, environ=environ, typed="", folder=str(tmp_path))

    assert (engine.request.gauge is not None) is panel


def test_a_pipe_has_no_panel_though_colours_are_forced() -> None:
    engine = FakeEngine()

    called(engine=engine, environ={"TERM": "xterm", "FORCE_COLOR": "1"})

    assert engine.request.gauge is None


def test_a_screen_in_a_thread_takes_no_signals() -> None:
    """Only the main thread may; a program that builds in another one has its panel all the same."""
    said: list[str] = []

    def build() -> None:
        watched = Watched()
        watched.tell(build_started([["a"]]), started("a", 1))
        watched.wait_for_row("running 1")
        watched.screen.close(["the end"])
        said.extend(watched.glass.rows)

    thread = threading.Thread(target=build)
    thread.start()
    thread.join(60)

    assert said[-1] == "the end"


STOPPED = """
import signal, threading, time
from wavebuild.ui.live import _Signals
found = []
def screen():
    while not signals.wants_to_stop: time.sleep(0.01)
    signals.stop()
    found.append(signals.has_gone_on())
    shown.set()
signals, shown = _Signals(), threading.Event()
signals.take()
thread = threading.Thread(target=screen)
thread.start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCONT])  # another thread hears of it, this one when it is awake
signal.raise_signal(signal.SIGTSTP)
while not found: time.sleep(0.7)
found.append(signals.has_gone_on())
print(found)
"""


def test_that_it_goes_on_after_ctrl_z_is_noted_once_however_late() -> None:
    """Else a second panel would be drawn below the first, as if somebody had written since."""
    child = subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True, process_group=0)
    try:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.kill(child.pid, signal.SIGCONT)
        said, _ = child.communicate(timeout=60)
    finally:
        child.kill()

    assert said == "[True, False]\n"


def test_a_terminal_that_cannot_be_measured_is_80_by_24() -> None:
    assert Page(Terminal(), False).size() == (80, 24)
