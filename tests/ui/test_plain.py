"""The plain screen, line by line, for builds that never ran.

It does not know the engine.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import shlex
import threading
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.ui.samples import (
    NOON,
    RUN,
    Terminal,
    a_build_with_a_failure,
    build_settled,
    build_started,
    called,
    result_of,
    settled,
    started,
)
from tests.ui.samples import FakeEngine as Engine
from wavebuild.judge.reasons import NeverRan
from wavebuild.run.events import Event, Noticed, Outcome
from wavebuild.ui import view
from wavebuild.ui.manner import Manner, Output
from wavebuild.ui.plain import PlainScreen, Sink, digest, heartbeat, lines
from wavebuild.ui.style import Style

PLAIN = Manner(Style())


def screen_of(events: Sequence[Event], manner: Manner = PLAIN) -> str:
    picture = view.EMPTY
    out: list[str] = []
    for event in events:
        before, picture = picture, view.seen(picture, event)
        out += lines(before, picture, event, manner)
    return "\n".join([*out, *digest(picture, manner)])


def test_a_build_with_a_failure_reads_from_top_to_bottom() -> None:
    assert screen_of(a_build_with_a_failure()) == (
        "wave 1 of 3 · serial gate: a\n"
        "  started      a\n"
        "  succeeded    a · 1.5 s\n"
        "wave 2 of 3 · parallel group of 2: b, c\n"
        "  started      b\n"
        "  started      c\n"
        "  retrying     b · try 1 failed: exit 75, again in 2.0 s\n"
        "  started      b · try 2\n"
        "  succeeded    c · 4.5 s\n"
        "  failed       b · exit 3 · 2 tries · 8.0 s\n"
        "\n"
        "failed: b (exit 3 after 8.0 s, 2 tries)\n"
        "  command  cd sub\n"
        "python b.py\n"
        "  log      .wavebuild/logs/b.log\n"
        "  blocked  d\n"
        "  its last 2 lines:\n"
        "    Traceback:\n"
        "    boom now"
    )


def test_quiet_says_failures_only() -> None:
    text = screen_of(a_build_with_a_failure(), Manner(Style(), quiet=True))

    assert text.startswith("  failed       b · exit 3")
    assert "succeeded" not in text
    assert "wave 1" not in text


def test_verbose_shows_commands_and_what_was_kept_or_blocked() -> None:
    events: list[Event] = [build_started([["k"], ["a"]]), settled("k", 1, Outcome.KEPT), started("a", 2)]

    text = screen_of([*events, *a_build_with_a_failure()[-2:]], Manner(Style(), verbose=True))

    assert "  kept         k" in text
    assert "$ make a" in text
    assert "  blocked      d · by b" in text


def test_explain_says_why_before_the_start() -> None:
    text = screen_of([build_started([["a"]]), started("a", 1)], Manner(Style(), explain=True))

    assert text.splitlines()[1:] == ["  because      never succeeded", "  started      a"]


def test_a_kept_step_is_not_mentioned_unless_its_gate_was_judged_again() -> None:
    waves = build_started([["a", "b"]])

    silent = screen_of([waves, settled("a", 1, Outcome.KEPT)])
    judged = screen_of([waves, started("b", 1), settled("b", 1, Outcome.KEPT, seconds=0.2)])

    assert silent == ""
    assert judged.endswith("  kept         b · 0.20 s")


def test_under_flow_a_late_step_of_an_earlier_wave_names_its_wave() -> None:
    waves = build_started([["a", "b"], ["c"]], jobs=1)

    text = screen_of([waves, started("a", 1), started("c", 2), started("b", 1)])

    assert text.splitlines()[-1] == "  started      b · wave 1"


def test_a_waiting_step_says_what_a_person_is_to_do_and_who_needs_it() -> None:
    text = screen_of(
        [
            build_started([["schema"], ["gold"]]),
            settled("schema", 1, Outcome.WAITING, detail="Place context/Schema.csv\nneeded by gold"),
            settled("gold", 2, Outcome.BLOCKED, blocked_by=("schema",)),
        ]
    )

    assert "waiting: schema\n  Place context/Schema.csv\n  needed by gold" in text
    assert "  blocked  gold" in text


def test_moved_inputs_displaced_edits_and_notes_are_told_at_the_end() -> None:
    text = screen_of(
        [
            build_started([["a"]]),
            started("a", 1),
            settled("a", 1, Outcome.SUCCEEDED, moved=("in.csv",), displaced=("d/x",), notes=("a daemon was ended",)),
        ]
    )

    assert "a: in.csv changed while it ran" in text
    assert "a: your edit is kept in d/x" in text
    assert "a: a daemon was ended" in text


@pytest.mark.scenario(id="X20")
def test_names_commands_and_notices_cannot_forge_the_screen() -> None:
    evil = "x\x1b[2J\nfake"

    text = screen_of(
        [
            Noticed(RUN, NOON, evil),
            build_started([[evil]]),
            started(evil, 1),
            settled(evil, 1, Outcome.FAILED, command=evil, detail="\x1b]0;t\x07", tail=(evil,), log=evil),
        ],
        Manner(Style(colours=False), verbose=True),
    )

    assert "\x1b" not in text
    assert "x\\x1b[2J\\x0afake" in text


@pytest.mark.parametrize(("terminal", "whole", "short"), [(True, 20, 100), (False, 150, 0)])
def test_on_a_terminal_the_first_of_very_many_failures_stays_in_reach(terminal: bool, whole: int, short: int) -> None:
    """Of those behind them the names are told; a log that is kept somewhere else has all of it."""
    names = [f"s{number}" for number in range(150)]
    events = [settled(name, 1, Outcome.FAILED, command="make it", tail=("boom",), exit_code=2) for name in names]

    text = screen_of([build_started([names]), *events], Manner(Style(colours=False, terminal=terminal)))

    assert text.count("    boom") == text.count("  command  make it") == whole
    assert text.count("\nfailed: s") == whole + short
    assert ("and 30 more: wavebuild status tells which" in text) == ("wavebuild log STEP" in text) == terminal


def test_ten_times_the_failures_cost_ten_times_the_calls() -> None:
    """Each of them has blocked others; calls are counted, as their number is the same on every machine."""

    def calls(size: int) -> int:
        picture = view.Picture(
            troubles=tuple(settled(f"f{at}", 1, Outcome.FAILED).settled for at in range(size)),
            blocked=tuple(settled(f"b{at}", 2, Outcome.BLOCKED, blocked_by=(f"f{at}",)).settled for at in range(size)),
        )
        profile = cProfile.Profile()
        profile.enable()
        digest(picture, PLAIN)
        profile.disable()
        return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]

    calls(3)
    assert calls(300) < 12 * calls(30)


def test_a_command_of_several_lines_can_be_pasted_from_the_digest() -> None:
    """What stands in a text within it, the spaces and empty lines there too, is what the step ran."""
    command = f"bash -c {shlex.quote('cat > o <<EOF' + chr(10) * 2 + '  two  ' + chr(10) + 'EOF' + chr(10))}"

    text = screen_of([build_started([["a"]]), settled("a", 1, Outcome.FAILED, command=command, tail=("boom",))])

    assert f"  command  {command}\n  its last line:\n" in text


@pytest.mark.parametrize(
    ("tail", "shown"),
    [
        (("\x1bP never ends",), []),
        (("boom", "", "\x1b[0m "), ["  its last line:", "    boom"]),
        (("a", "", "b", "  "), ["  its last 3 lines:", "    a", "    ", "    b"]),
    ],
)
def test_a_digest_ends_with_the_last_line_that_shows_something(tail: tuple[str, ...], shown: list[str]) -> None:
    failed = settled("a", 1, Outcome.FAILED, command="a", tail=tail)

    text = screen_of([build_started([["a"]]), started("a", 1), failed], Manner(Style(colours=True, terminal=True)))

    assert text.splitlines()[text.splitlines().index("  command  a") + 1 :] == shown


def test_of_an_endless_line_a_digest_shows_the_beginning_and_the_end() -> None:
    """What stands around such a line is not swept off the screen."""
    line = "begin " + "x" * 60_000 + " end"

    text = screen_of(
        [
            build_started([["a"]]),
            started("a", 1),
            settled("a", 1, Outcome.FAILED, command="a", detail="exit 1", tail=(line,)),
        ],
        Manner(Style(colours=False)),
    )

    assert max(map(len, text.splitlines())) < 2100
    assert "begin xxx" in text
    assert "xxx end" in text


def test_colours_frame_our_own_words_only_when_wanted() -> None:
    events = a_build_with_a_failure()

    assert "\x1b" not in screen_of(events)
    assert "\x1b[31mfailed" in screen_of(events, Manner(Style(colours=True, terminal=True)))


def test_the_heartbeat_names_what_runs_longest_first() -> None:
    picture = view.fold([build_started([["a", "b"]]), started("b", 1, 30.0), started("a", 1, 10.0)])

    assert heartbeat(picture, NOON + 310) == "  still running a (5 min), b (4 min 40 s)"
    assert heartbeat(view.EMPTY, NOON) is None


class Waiting(io.StringIO):
    """A stream that tells when a text has been written to it."""

    def __init__(self, awaited: str) -> None:
        super().__init__()
        self._awaited = awaited
        self.written = threading.Event()

    def write(self, text: str, /) -> int:
        if self._awaited in text:
            self.written.set()
        return super().write(text)


def test_off_a_terminal_a_silent_build_says_that_it_lives() -> None:
    stream = Waiting("still running")
    screen = PlainScreen(stream, PLAIN, beat=0.01)

    screen.tell(build_started([["a"]]))
    screen.tell(started("a", 1))
    said = stream.written.wait(60)
    screen.close([])

    assert said


def a_log(tmp_path: Path, text: str) -> str:
    (tmp_path / "a.log").write_text(text, encoding="utf-8")
    return "a.log"


def shown(events: Sequence[Event], manner: Manner, ending: Sequence[str] = ()) -> str:
    stream = io.StringIO()
    screen = PlainScreen(stream, manner)
    for event in events:
        screen.tell(event)
    screen.close(list(ending))
    return stream.getvalue()


def test_verbose_prints_the_output_of_a_step_whole_when_it_ends(tmp_path: Path) -> None:
    log = a_log(tmp_path, "one\n\x1b[31mtwo\x1b[0m\x1b]0;t\x07")
    waves = build_started([["a"]], jobs=2, root=str(tmp_path))
    events: list[Event] = [waves, started("a", 1, log=log), settled("a", 1, Outcome.SUCCEEDED, seconds=1.0)]

    text = shown(events, Manner(Style(), verbose=True))

    assert "one\ntwo\n  succeeded    a" in text


def test_one_at_a_time_output_is_streamed_above_the_end_line(tmp_path: Path) -> None:
    log = a_log(tmp_path, "one\ntwo\n")
    waves = build_started([["a"]], jobs=1, root=str(tmp_path))
    events: list[Event] = [waves, started("a", 1, log=log), settled("a", 1, Outcome.SUCCEEDED, seconds=1.0)]

    text = shown(events, PLAIN, ["the end"])

    assert text.splitlines()[1:] == ["  started      a", "one", "two", "  succeeded    a · 1.0 s", "the end"]


def test_of_a_huge_log_only_the_end_is_shown_with_a_note(tmp_path: Path) -> None:
    log = a_log(tmp_path, "x" * 300_000 + "\nlast\n")
    waves = build_started([["a"]], jobs=2, root=str(tmp_path))
    events: list[Event] = [waves, started("a", 1, log=log), settled("a", 1, Outcome.SUCCEEDED)]

    text = shown(events, Manner(Style(), verbose=True))

    assert "bytes left out, see the log" in text
    assert len(text) < 70_000
    assert "last\n  succeeded" in text


class Broken:
    """A stream whose reader has gone."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


@pytest.mark.scenario(id="K7")
def test_a_screen_nobody_reads_does_not_stop_the_build() -> None:
    stream: Sink = Broken()
    screen = PlainScreen(stream, PLAIN)

    for event in a_build_with_a_failure():
        screen.tell(event)
    screen.close(["the end"])

    assert screen.picture.done == 4


def test_a_missing_log_is_no_failure_of_the_screen(tmp_path: Path) -> None:
    waves = build_started([["a"]], jobs=1, root=str(tmp_path))
    events: list[Event] = [waves, started("a", 1, log="nowhere"), settled("a", 1, Outcome.SUCCEEDED, seconds=1.0)]

    assert "succeeded    a" in shown(events, PLAIN)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_stream_without_unicode_gets_plain_characters(width: int) -> None:
    text = shown(a_build_with_a_failure(), Manner(Style(unicode=False, width=width)))

    assert text.isascii()


def test_a_build_with_nothing_to_do_ends_in_one_line_on_stderr() -> None:
    done = called()

    assert (done.code, done.out, done.err) == (0, "", "nothing to do (5 steps fresh, 0.05 s)\n")


def test_a_build_ends_in_its_counts_and_with_its_own_exit_code() -> None:
    events = a_build_with_a_failure()

    done = called(engine=Engine(events=events, result=result_of(events, exit_code=1)))

    assert done.code == 1
    assert done.out == ""
    assert done.err.endswith("succeeded 2 · failed 1 · blocked 1 (12.3 s)\n")


def test_quiet_and_well_is_silent() -> None:
    events: list[Event] = [
        build_started([["a"]]),
        started("a", 1),
        settled("a", 1, Outcome.SUCCEEDED),
        build_settled(True, {}),
    ]

    done = called("-s", engine=Engine(events=events, result=result_of(events)))

    assert (done.code, done.out, done.err) == (0, "", "")


def test_on_a_terminal_colours_are_used_and_no_color_is_obeyed() -> None:
    events = a_build_with_a_failure()
    engine = Engine(events=events, result=result_of(events, exit_code=1))

    coloured = called(engine=engine, typed="", environ={"TERM": "xterm"})
    plain = called(engine=engine, typed="", environ={"TERM": "xterm", "NO_COLOR": "1"})
    forced = called("--color", "always", engine=engine)

    assert "\x1b[31m" in coloured.err
    assert "\x1b" not in plain.err
    assert "\x1b[31m" in forced.err
    assert "\x1b]" not in coloured.err + forced.err


def test_a_terminal_is_not_told_that_a_step_still_runs() -> None:
    stream = Terminal()
    screen = PlainScreen(stream, Manner(Style(terminal=True)), beat=0.0)

    screen.tell(build_started([["a"]]))
    screen.tell(started("a", 1))
    screen.close([])

    assert "still running" not in stream.getvalue()
    assert screen.picture.running[0].reasons == (NeverRan(),)


def two_at_once(tmp_path: Path, *between: tuple[str, str]) -> list[Event | tuple[str, str]]:
    """Steps a and b start, say what is given as they run, and end, b first."""
    waves = build_started([["a", "b"]], jobs=2, root=str(tmp_path))
    ends = [settled("b", 1, Outcome.SUCCEEDED, seconds=1.0), settled("a", 1, Outcome.SUCCEEDED, seconds=2.0)]
    return [waves, started("a", 1, log="a.log"), started("b", 1, log="b.log"), *between, *ends]


def played(tmp_path: Path, what: Sequence[Event | tuple[str, str]], manner: Manner) -> str:
    """What stands on the screen; after each piece that a step says, the screen has looked."""
    stream = io.StringIO()
    screen = PlainScreen(stream, manner)
    for each in what:
        if isinstance(each, tuple):
            with (tmp_path / f"{each[0]}.log").open("a", encoding="utf-8") as log:
                log.write(each[1])
            screen.glance()
        else:
            screen.tell(each)
    screen.close([])
    return stream.getvalue()


def test_grouped_output_stands_whole_above_the_end_of_its_step(tmp_path: Path) -> None:
    """Without -v too, and nothing of it is left out, however long it is."""
    said = ("x" * 99 + "\n") * 2000
    text = played(
        tmp_path, two_at_once(tmp_path, ("a", "one\n"), ("b", said), ("a", "two")), Manner(Style(), output="group")
    )

    assert text.endswith(said + "  succeeded    b · 1.0 s\none\ntwo\n  succeeded    a · 2.0 s\n")


def test_streamed_output_comes_as_it_is_said_and_no_step_goes_on_in_anothers_line(tmp_path: Path) -> None:
    text = played(
        tmp_path,
        two_at_once(tmp_path, ("a", "one, "), ("a", "two"), ("b", "three\n"), ("a", "four\n")),
        Manner(Style(), output="stream"),
    )

    assert "  started      b\none, two\nthree\nfour\n  succeeded    b" in text


def test_prefixed_output_is_whole_lines_with_the_name_of_their_step(tmp_path: Path) -> None:
    text = played(
        tmp_path,
        two_at_once(tmp_path, ("a", "one, "), ("b", "two\nthr"), ("a", "four\n\nfi"), ("b", "ee\r\n"), ("a", "ve")),
        Manner(Style(), output="prefix"),
    )

    assert text.splitlines()[3:] == [
        *("b | two", "a | one, four", "a | ", "b | three", "  succeeded    b · 1.0 s"),
        *("a | five", "  succeeded    a · 2.0 s"),
    ]


def test_prefixes_and_colours_of_one_step_do_not_reach_into_the_lines_of_another(tmp_path: Path) -> None:
    evil = "\x1b[2Jx"
    waves = build_started([[evil, "b"]], jobs=2, root=str(tmp_path))
    begun: list[Event | tuple[str, str]] = [waves, started(evil, 1, log="a.log"), started("b", 1, log="b.log")]
    events = [*begun, ("a", "\x1b[31mred\n"), ("b", "b\n")]

    coloured = played(tmp_path, events, Manner(Style(colours=True, terminal=True), output="prefix"))
    (tmp_path / "a.log").unlink()
    plain = played(tmp_path, events, Manner(Style(), output="prefix"))

    assert "\\x1b[2Jx\x1b[0m | \x1b[31mred\x1b[0m\n" in coloured
    assert "\\x1b[2Jx | red\nb | b\n" in plain


def test_a_line_without_an_end_is_shown_in_parts_and_kept_by_nobody(tmp_path: Path) -> None:
    """A step that prints megabytes without a line end costs no more memory than another."""
    text = played(tmp_path, two_at_once(tmp_path, ("a", "x" * 1_000_000)), Manner(Style(), output="prefix"))
    lines = [line for line in text.splitlines() if line.startswith("a | ")]

    assert sum(len(line) - 4 for line in lines) == 1_000_000
    assert max(map(len, lines)) <= 2 * 65_536 + 4


class Counting:
    """A stream that keeps nothing but how much it was given."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, text: str, /) -> int:
        self.size += len(text)
        return len(text)

    def flush(self) -> None:
        pass


@pytest.mark.scenario(id="P8")
@pytest.mark.parametrize("output", ["group", "stream", "prefix"])
@pytest.mark.parametrize("end", ["\n", ""], ids=["lines", "one line"])
def test_however_much_a_step_prints_little_of_it_is_held(tmp_path: Path, output: Output, end: str) -> None:
    log = tmp_path / "a.log"
    log.write_text(("x" * 99 + end) * 80_000)
    stream = Counting()
    screen = PlainScreen(stream, Manner(Style(), output=output))
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
    assert most < 2_000_000
