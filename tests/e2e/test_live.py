"""The panel on real terminals: what it shows of a real build, and that nothing of it is left, however that ends."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.command import Site
from tests.support.processes import eventually
from tests.support.terminal import Terminal, terminal

pytestmark = pytest.mark.long

UNTIL_GO = "until test -e go; do sleep 0.05; done"


def environ_of(site: Site, **more: str) -> dict[str, str]:
    """As on a terminal that does not wrap again what stands on it, as the emulator does not either."""
    without = ("CI", "MAKELEVEL", "TMUX", "NO_COLOR", "LC_ALL", "LC_CTYPE", "COLUMNS", "LINES")
    found = {name: value for name, value in site.environ.items() if name not in without}
    return found | {"TERM": "linux", "LANG": "C.UTF-8"} | more


def on_terminal(site: Site, *arguments: str, columns: int = 80, lines: int = 24, more: Mapping[str, str] | None = None):
    return terminal(site.argv(*arguments), site.root, environ_of(site, **(more or {})), columns, lines)


def two_steps(site: Site) -> None:
    """The first ends at once; the second says something, waits for a file, and has a reader."""
    site.write(
        "Wavefile",
        f"""
steps:
  first: {{outputs: first, run: touch first}}
  slow: {{inputs: first, outputs: slow, run: 'echo "row 7 of 9"; {UNTIL_GO}; touch slow'}}
  last: {{inputs: slow, outputs: last, run: touch last}}
""",
    )


def panel_stands(screen: Terminal) -> None:
    """The panel is there, and whole: read up to a pause. What is typed in the middle of a write is echoed there."""
    screen.wait_until(lambda: is_whole(screen) and any("row 7" in row for row in screen.rows))
    for _ in range(20):
        if not select.select([screen.handle], [], [], 0.15)[0]:
            return
        assert screen.read()


def is_whole(screen: Terminal) -> bool:
    """Whether no write to the terminal is under way: a busy machine may pause in the midst of one."""
    return screen.shown.count("\x1b[?2026h") == screen.shown.count("\x1b[?2026l")


def is_clean(screen: Terminal) -> bool:
    """Whether nothing is left of a panel, and the terminal is as it was."""
    text = "\n".join(screen.rows)
    return screen.screen.is_as_it_was and "━" not in text and "running" not in text and "to come" not in text


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (40, 12), (200, 50), (20, 6)])
def test_a_build_in_flight_and_its_end(site: Site, columns: int, lines: int) -> None:
    two_steps(site)
    with on_terminal(site, "-j2", columns=columns, lines=lines) as screen:
        panel_stands(screen)
        panel = screen.rows
        site.write("go", "")
        assert screen.finish() == 0, screen.shown

    assert any("slow" in row and "row 7" in row for row in panel)
    assert any("1 of 3" in row for row in panel)
    assert max(map(len, panel)) < columns
    assert is_clean(screen)
    assert screen.rows[-1].startswith("succeeded 3 (")


def test_the_second_time_it_says_how_long_each_takes_and_what_is_left(site: Site) -> None:
    run = f"sleep 1.3; test ! -e second || {{ {UNTIL_GO}; }}"
    site.write("Wavefile", f"steps: {{a: {{outputs: a, run: '{run}; touch a'}}, b: {{inputs: a, run: 'sleep 1.3'}}}}\n")
    assert site.wavebuild("-j2").code == 0
    site.write("second", "")
    with on_terminal(site, "-j2", "-B") as screen:
        screen.wait_until(lambda: re.search(r"\d s of ~\d+ s  a", "\n".join(screen.rows)))
        screen.wait_for_row("0 of 2 · ~")
        site.write("go", "")
        assert screen.finish() == 0, screen.shown


def test_a_step_that_never_ran_is_counted_as_unknown(site: Site) -> None:
    site.write("Wavefile", f"steps: {{a: {{run: '{UNTIL_GO}', estimate: 5m}}, b: {{needs: a, run: 'true'}}}}\n")
    with on_terminal(site, "-j2") as screen:
        screen.wait_for_row("at least 5 min: 1 step never ran")
        site.write("go", "")
        assert screen.finish() == 0, screen.shown


@pytest.mark.scenario(id="P10")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (None, 130)]
)
def test_whoever_stops_the_build_finds_the_terminal_as_it_was(
    site: Site, number: signal.Signals | None, code: int
) -> None:
    """By a signal, or by Ctrl-C."""
    two_steps(site)
    with on_terminal(site, "-j2") as screen:
        panel_stands(screen)
        if number is None:
            screen.type("\x03")
        else:
            os.kill(screen.process, number)
        assert screen.finish() == code, screen.shown

    assert is_clean(screen), (screen.rows, screen.shown[-1500:])
    assert "interrupted 1" in screen.rows[-1]


def test_a_kill_leaves_the_last_panel_and_nothing_else(site: Site) -> None:
    """The cursor is below it and can be seen, lines wrap, no colour is on."""
    two_steps(site)
    with on_terminal(site, "-j2") as screen:
        panel_stands(screen)
        os.kill(screen.process, signal.SIGKILL)
        assert screen.finish() == -9

    assert screen.screen.is_as_it_was
    assert screen.screen.screen.cursor.y == len(screen.rows)
    assert screen.screen.screen.cursor.x == 0
    site.write("go", "")
    site.build()


def test_ctrl_z_takes_the_panel_away_and_fg_brings_it_back(site: Site) -> None:
    two_steps(site)
    shell = ["/bin/bash", "--norc", "--noprofile", "-i"]
    with terminal(shell, site.root, environ_of(site, PS1="$ ", HISTFILE="")) as screen:
        screen.wait_for_row("$")
        screen.type(shlex.join(site.argv("-j2")) + "\n")
        panel_stands(screen)
        screen.type("\x1a")
        screen.wait_for_row("Stopped")
        screen.wait_for_row("$")
        stopped = is_clean(screen)
        screen.type("fg\n")
        screen.wait_until(lambda: any("row 7" in row for row in screen.rows))
        panels = sum("row 7" in row for row in screen.rows)
        screen.type("\x1a")
        screen.wait_until(lambda: "\n".join(screen.rows).count("Stopped") == 2)
        screen.type("bg\n")
        site.write("go", "")
        screen.wait_for_row("succeeded 3 (")
        ended = is_clean(screen)
        screen.type("\x04exit\n")
        screen.finish()

    assert stopped
    assert panels == 1
    assert ended


def test_in_the_background_there_are_lines_alone(site: Site) -> None:
    two_steps(site)
    shell = ["/bin/bash", "--norc", "--noprofile", "-i"]
    with terminal(shell, site.root, environ_of(site, PS1="$ ", HISTFILE="")) as screen:
        screen.wait_for_row("$")
        screen.type(shlex.join(site.argv("-j2")) + " &\n")
        screen.wait_for_row("succeeded    first")
        time.sleep(1)
        screen.read()
        in_background = is_clean(screen)
        screen.type("fg\n")
        panel_stands(screen)
        site.write("go", "")
        screen.wait_for_row("succeeded 3 (")
        screen.type("exit\n")
        screen.finish()

    assert in_background


def test_a_window_that_changes_its_size_shows_one_panel(site: Site) -> None:
    """Wider, narrower, lower, higher: what stands there fits, and nothing of the former panel is left."""
    two_steps(site)
    with on_terminal(site, "-j2") as screen:

        def is_drawn_anew(seen: int, columns: int) -> bool:
            """What was under way when the window changed may come first, in its former size."""
            if "wave 2" not in screen.shown[seen:] or not is_whole(screen):
                return False
            once = all(sum(text in row for row in screen.rows) == 1 for text in ("row 7 of 9", "running 1"))
            return once and max(map(len, screen.rows)) <= columns

        panel_stands(screen)
        for columns, lines in ((120, 30), (60, 30), (60, 10), (30, 10), (100, 24)):
            seen = len(screen.shown)
            screen.resize(columns, lines)
            screen.wait_until(lambda seen=seen, columns=columns: is_drawn_anew(seen, columns))
        site.write("go", "")
        assert screen.finish() == 0, screen.shown

    assert is_clean(screen)


@pytest.mark.scenario(id="P10")
def test_a_step_that_owns_the_terminal_has_all_of_it(site: Site) -> None:
    """The panel goes before it is asked anything, and comes back when it has ended, though its line has no end."""
    site.write(
        "Wavefile",
        f"""
steps:
  slow: {{outputs: slow, run: 'echo "row 7"; {UNTIL_GO}; touch slow'}}
  ask: {{needs: wait, console: true, outputs: out, run: 'printf "name? "; read n; echo $n > out; printf "thanks"'}}
  wait: {{run: 'until test -e ask; do sleep 0.05; done'}}
""",
    )
    with on_terminal(site, "-j3") as screen:
        panel_stands(screen)
        site.write("ask", "")
        screen.wait_for_row("name?")
        assert is_clean(screen)
        assert screen.rows[-1] == "name?"
        quiet = len(screen.shown)
        time.sleep(1)
        screen.read()
        assert len(screen.shown) == quiet
        screen.type("Ada\n")
        panel_stands(screen)
        rows = screen.rows
        site.write("go", "")
        assert screen.finish() == 0, screen.shown

    assert "name? Ada" in rows
    assert "thanks" in rows
    assert site.read("out") == "Ada\n"


@pytest.mark.scenario(id="X20")
def test_what_steps_print_cannot_move_or_colour_the_screen(site: Site) -> None:
    """Escape codes, carriage returns, half lines, bytes that are no text, a line that never ends."""
    site.write(
        "say.sh",
        "printf 'a\\033[2J\\033[31mred\\033]0;title\\007\\n10 %%\\r20 %%\\rdone \\000\\377 half'\n"
        f"{UNTIL_GO}; head -c 200000 /dev/zero | tr '\\0' x; until test -e seen; do sleep 0.05; done\n",
    )
    site.write("Wavefile", "steps: {日本語の手順: {outputs: o, run: 'sh say.sh; touch o'}, b: {run: 'sleep 0.1'}}\n")
    with on_terminal(site, "-j2", columns=60) as screen:
        screen.wait_for_row("half")
        row = next(row for row in screen.rows if "half" in row)
        site.write("go", "")
        screen.wait_until(lambda: is_whole(screen) and any("xxxxxxxx" in row for row in screen.rows))
        assert sum("xxxx" in each for each in screen.rows) == 1
        site.write("seen", "")
        assert screen.finish() == 0, screen.shown

    assert "done \ufffd half" in row
    assert "red" not in row
    assert is_clean(screen)


def test_one_at_a_time_output_scrolls_above_the_panel(site: Site) -> None:
    run = f'echo one; printf two; {UNTIL_GO}; echo " and more"'
    site.write("Wavefile", f"steps: {{a: {{outputs: a, run: '{run}; touch a'}}}}\n")
    with on_terminal(site, "-j1") as screen:
        screen.wait_until(
            lambda: is_whole(screen) and {"one", "two"} <= {*screen.rows} and "running 1" in screen.rows[-1]
        )
        rows = screen.rows
        site.write("go", "")
        assert screen.finish() == 0, screen.shown

    at = rows.index("two")
    assert rows[at - 1] == "one"
    assert any("running 1" in row for row in rows[at + 1 :])
    assert "two and more" in screen.rows
    assert is_clean(screen)


@pytest.mark.parametrize(
    ("arguments", "more"),
    [((), {"TERM": "dumb"}), ((), {"CI": "1"}), ((), {"MAKELEVEL": "1"}), (("-s",), {}), (("--events", "-"), {})],
)
def test_elsewhere_there_are_lines_alone(site: Site, arguments: tuple[str, ...], more: dict[str, str]) -> None:
    site.write("Wavefile", "steps: {a: {run: sleep 1}}\n")
    with on_terminal(site, "-j2", *arguments, more=more) as screen:
        assert screen.finish() == 0, screen.shown

    assert "\x1b[?" not in screen.shown
    assert "running 1" not in screen.shown


@pytest.mark.parametrize("more", [{"LANG": "C"}, {"LC_ALL": "POSIX"}])
def test_a_terminal_that_knows_ascii_alone_gets_no_more(site: Site, more: dict[str, str]) -> None:
    site.write("Wavefile", f"steps: {{a: {{run: '{UNTIL_GO}', estimate: 5m}}, b: {{run: 'true'}}}}\n")
    with on_terminal(site, "-j2", more=more) as screen:
        screen.wait_for_row("=====")
        site.write("go", "")
        assert screen.finish() == 0, screen.shown

    assert screen.shown.isascii()


def test_without_colours_there_is_a_panel_all_the_same(site: Site) -> None:
    two_steps(site)
    with on_terminal(site, "-j2", more={"NO_COLOR": "1"}) as screen:
        screen.wait_for_row("running 1")
        site.write("go", "")
        assert screen.finish() == 0, screen.shown

    assert "\x1b[3" not in screen.shown


@pytest.fixture
def tmux(site: Site, tmp_path: Path) -> Iterator[list[str]]:
    """A terminal that wraps again what stands on it when it becomes narrower."""
    found = shutil.which("tmux")
    if found is None and not os.environ.get("NO_SKIPS"):
        pytest.skip("tmux is not installed")
    assert found is not None, "tmux is not installed"
    command = [found, "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    yield command
    subprocess.run([*command, "kill-server"], check=False, capture_output=True)


def test_a_terminal_that_wraps_again_shows_one_panel_after_it_became_narrower(site: Site, tmux: list[str]) -> None:
    two_steps(site)
    build = shlex.join(site.argv("-j2"))
    environ = environ_of(site)
    subprocess.run(
        [*tmux, "new-session", "-d", "-x", "100", "-y", "20", "-c", str(site.root), build], check=True, env=environ
    )

    def rows(*gone_by: str) -> list[str]:
        done = subprocess.run([*tmux, "capture-pane", "-p", *gone_by], capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    def is_drawn_once(columns: int) -> bool:
        """With a bar as long as it is in a window of that width."""
        found = rows()
        bars = [row for row in found if "─" in row]
        once = all(sum(text in row for row in found) == 1 for text in ("slow  row", "succeeded 1 ·"))
        return once and len(bars) == 1 and len(bars[0]) == min(70, columns - 1)

    assert eventually(lambda: is_drawn_once(100))
    for columns in (60, 35, 90, 25):
        subprocess.run([*tmux, "resize-window", "-x", str(columns), "-y", "20"], check=True)
        assert eventually(lambda: is_drawn_once(columns)), "\n".join(rows())  # noqa: B023
        assert sum("succeeded    first" in row for row in rows("-S", "-")) == 1, "\n".join(rows("-S", "-"))
    site.write("go", "")
    assert eventually(lambda: (site.root / "last").exists())


def test_what_the_build_waits_for_is_named(site: Site) -> None:
    """A resource that another step has, checks, a person who has pressed Ctrl-C."""
    wait = "until test -e {0}; do sleep 0.05; done"
    site.write(
        "Wavefile",
        f"""
resources: {{gpu: 1}}
steps:
  a: {{outputs: a, resources: {{gpu: 1}}, run: '{wait.format("go-a")}; touch a'}}
  b: {{outputs: b, resources: {{gpu: 1}}, run: touch b}}
  c: {{outputs: c, run: touch c, checks: ['{wait.format("go-c")}']}}
  d: {{run: 'trap "" INT TERM; {wait.format("go-d")}'}}
""",
    )
    site.grace = 1000.0
    with on_terminal(site, "-j4") as screen:
        screen.wait_for_row("running 3 · for gpu 1")
        screen.wait_for_row("c · its checks")
        site.write("go-a", "")
        site.write("go-c", "")
        screen.wait_for_row("succeeded 3 · running 1")
        screen.type("\x03")
        screen.wait_for_row("stopping: Ctrl-C again ends all at once")
        site.write("go-d", "")
        assert screen.finish() == 130, screen.shown

    assert is_clean(screen)


def test_under_watch_ctrl_z_takes_the_panel_away_before_the_shell_writes(site: Site) -> None:
    """The build is a process of its own there; whoever watches stops after it."""
    two_steps(site)
    shell = ["/bin/bash", "--norc", "--noprofile", "-i"]
    with terminal(shell, site.root, environ_of(site, PS1="$ ", HISTFILE="")) as screen:
        screen.wait_for_row("$")
        screen.type(shlex.join(site.argv("watch", "-j2")) + "\n")
        panel_stands(screen)
        screen.type("\x1a")
        screen.wait_for_row("Stopped")
        screen.wait_for_row("$")
        screen.read(0.5)
        stopped = is_clean(screen) and not any("row 7" in row for row in screen.rows)
        said = "\n".join(screen.rows)
        screen.type("fg\n")
        panel_stands(screen)
        site.write("go", "")
        screen.wait_for_row("succeeded 3 (")
        screen.type("\x03")
        screen.wait_until(lambda: screen.rows[-1] == "$")
        screen.type("exit\n")
        screen.finish()

    assert stopped, said
