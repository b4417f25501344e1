"""The screen of a terminal: lines scroll by as on the plain screen, below them stands a panel of what goes on now.

It does not know what the panel shows. Whoever tells it events waits for no terminal: they are noted, and a thread of
its own writes what there is, at most ten times a second. The cursor rests below the panel and is hidden only within
one write, so there is nothing that a crash or a kill could leave undone.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from wavebuild.regular import expression
from wavebuild.run.events import Event, Settled, StepRetried, StepSettled, StepStarted
from wavebuild.ui.escapes import RESET, escaped, sanitized
from wavebuild.ui.manner import Manner
from wavebuild.ui.plain import PlainScreen, is_streamed

if TYPE_CHECKING:
    from wavebuild.run.gauge import Gauge
    from wavebuild.ui.logs import Tail
    from wavebuild.ui.outlook import Progress
    from wavebuild.ui.view import Picture

FIRST = 0.3
"""Seconds that a build has run when the panel appears: a shorter one imports nothing for it."""

PERIOD = 0.1
"""Seconds between two writes, at least."""

LOOK = 0.25
"""Seconds between two looks at clock, logs and size of the terminal while nothing is told."""

STEADY = 2.0
"""Seconds for which the panel keeps rows that it does not need any more, lest the rows below jump about."""

MOST_UNWRITTEN = 1 << 20
"""Characters that wait for the terminal; whoever has more to say then waits for it, too."""

LONGEST_HALF = 4096
"""Characters of a line without an end that are kept for the panel; of a longer one they are a line of their own."""

MOST_COLOURS = 200
"""Characters of codes that are kept of the colours in which a line was left."""

LATEST_NOTE = 5.0
"""Seconds after which a panel comes back that nobody has noted to go on."""

HIDE, SHOW = "\x1b[?2026h\x1b[?25l", "\x1b[?25h\x1b[?2026l"
"""Around each write: terminals that know it show all of it at once, and on no terminal the cursor dances about."""

NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
"""Around the rows: where a terminal finds a text wider than we do, it is cut and no row becomes two."""

_COLOUR = expression(r"\x1b\[([0-9;:]*)m")
_FORKS = threading.Lock()  # held while the thread imports: a fork in the midst of that would never see its end
_hooks: list[str] = []


class LiveScreen:
    """The plain screen's lines, and the panel below them. ``first``: seconds until there is one."""

    def __init__(
        self,
        stream: TextIO,
        manner: Manner,
        environ: Mapping[str, str],
        gauge: Gauge,
        clock: Callable[[], float] = time.time,
        first: float = FIRST,
    ) -> None:
        self._manner = manner
        self._gauge = gauge
        self._clock = clock
        self._first = first
        self._page = Page(stream, wraps_again(environ))
        self._plain = PlainScreen(self._page, manner, clock, pulse=False)
        self._news: deque[Event] = deque()  # not yet counted
        self._over = threading.Event()
        self._woken = threading.Event()
        self._pulse: threading.Thread | None = None
        self._owner = ""  # the step that owns the terminal
        self._eyes: _Eyes | None = None  # not yet, or not any more
        self._is_broken = False
        self._signals = _Signals()

    def tell(self, event: Event) -> None:
        """Takes in one event; it is shown soon."""
        self._plain.tell(event)
        self._news.append(event)
        if self._pulse is None:
            self._begin()
        match event:
            case StepStarted(console=True):
                self._give_way(event.step)
            case StepSettled(settled=Settled(step=step)) | StepRetried(step=step):
                if step == self._owner:
                    self._owner = ""
            case _:
                pass
        if not self._woken.is_set():
            self._woken.set()

    def close(self, ending: list[str]) -> None:
        """The last words; the panel is gone."""
        self._over.set()
        self._woken.set()
        if self._pulse is not None:
            self._pulse.join()
        try:
            self._plain.close(ending)
            with self._page.pen:
                self._page.end()
        finally:
            self._signals.let_go()

    def _begin(self) -> None:
        if not _hooks:
            _hooks.append("fork")
            os.register_at_fork(before=_FORKS.acquire, after_in_parent=_FORKS.release, after_in_child=_FORKS.release)
        self._signals.take()
        self._pulse = threading.Thread(target=self._run, name="wavebuild-screen", daemon=True)
        self._pulse.start()

    def _give_way(self, step: str) -> None:
        """All is written that was said so far, and the panel is gone, before the step has the terminal."""
        self._owner = step
        with self._page.pen:
            self._page.end()
            self._page.lend()

    def _run(self) -> None:
        begins = time.monotonic() + self._first
        while not self._over.is_set():
            if self._eyes is None and not self._is_broken and time.monotonic() >= begins:
                self._safely(self._open_eyes)
            self._safely(self._plain.glance)
            if self._signals.wants_to_stop:
                self._stop()
            self._safely(self._look)
            self._over.wait(PERIOD)
            if self._eyes is not None and not self._plain.follows:
                self._woken.wait(LOOK)
            self._woken.clear()

    def _safely(self, deed: Callable[[], None]) -> None:
        """A build is not lost for a mistake in how it is shown: it goes on without a panel."""
        try:
            deed()
        except Exception as error:
            self._eyes = None
            if not self._is_broken:
                self._is_broken = True
                what = f"{type(error).__name__}: {escaped(str(error))}"
                self._page.write(f"the panel cannot be shown any more: {what}\n")

    def _open_eyes(self) -> None:
        """All that is imported is imported here, also what the first look would."""
        with _FORKS:
            eyes = _Eyes(self._manner, self._gauge)
            eyes.rows(self._plain.picture, "", self._clock(), *self._page.size())
        self._eyes = eyes

    def _stop(self) -> None:
        """As Ctrl-Z wants; it returns when we go on."""
        with self._page.pen:
            self._page.end()
        self._signals.stop()

    def _look(self) -> None:
        """Writes what is new, and the panel as it is now."""
        eyes = self._eyes
        while eyes is not None and self._news:
            eyes.progress.see(self._news.popleft())
        if self._is_broken:
            self._news.clear()
        with self._page.pen:
            if self._owner or self._over.is_set():
                return
            if self._signals.has_gone_on():
                self._page.lend()  # the shell has written since
            if eyes is None or not self._page.is_in_front():
                self._page.write_lines()
                return
            columns, lines = self._page.size()
            self._page.take_lines()
            rows = eyes.rows(self._plain.picture, self._page.half, self._clock(), columns, lines)
            self._page.show(rows, columns, lines)


class _Eyes:
    """What is looked at while there is a panel: how far it is, the ends of logs. It is there only from then on."""

    def __init__(self, manner: Manner, gauge: Gauge) -> None:
        from wavebuild.ui import panel
        from wavebuild.ui.cells import width
        from wavebuild.ui.logs import Tail
        from wavebuild.ui.outlook import Progress

        width("\u65e5")  # has the table of widths read
        self._panel = panel
        self._manner = manner
        self._gauge = gauge
        self._tail = Tail
        self.progress: Progress = Progress()
        self._tails: dict[tuple[str, str], Tail] = {}
        self._height = 0
        self._steady_until = 0.0

    def rows(self, picture: Picture, half: str, now: float, columns: int, lines: int) -> list[str]:
        """The panel in a window of this size. The last column stays free: what is written there may wrap or not."""
        running = picture.running
        streamed = is_streamed(picture, self._manner)  # then it stands above
        logs = {(each.step, each.log) for each in running[: 2 * lines] if each.log and not streamed}
        self._tails = {key: self._tails.get(key) or self._tail(os.path.join(picture.root, key[1])) for key in logs}
        expected = {each.step: self.progress.expected(each.step) for each in running}
        scene = self._panel.Scene(
            picture=picture,
            now=now,
            waves=self.progress.waves,
            fresh=self.progress.fresh,
            estimate=self.progress.estimate(running, now),
            last={step: tail.look() for (step, _), tail in self._tails.items()},
            expected={step: length for step, length in expected.items() if length is not None},
            half=sanitized(half, colours=False).expandtabs(),
            phases={each.step: phase for each in running if (phase := self._gauge.phases.get(each.step))},
            lacking=self._gauge.lacking,
            stopping=self._gauge.stopping,
        )
        found = self._panel.rows(scene, columns - 1, lines, self._manner.style, self._steady(now))
        height = sum(map(bool, found))
        if height >= self._height or now > self._steady_until:
            self._height, self._steady_until = height, now + STEADY
        return [self._panel.painted(row, self._manner.style) for row in found]

    def _steady(self, now: float) -> int:
        return self._height if now <= self._steady_until else 0


class Page:
    """A terminal with lines that scroll and rows that stand below them; it takes texts as a stream does.

    ``wraps_again``: in a narrower window its rows become several, each as wide as there is room.
    """

    def __init__(self, stream: TextIO, wraps_again: bool) -> None:
        self._stream = stream
        self._wraps_again = wraps_again
        self.pen = threading.Lock()  # whoever holds it writes to the terminal, and says nothing
        self._said: deque[str] = deque()
        self.unwritten = 0  # characters, about
        self._lines = ""  # taken, to be written next
        self.half = ""  # the beginning of a line, with its colours
        self._colour = ""  # what the lines so far have set and not put back
        self._rows: list[str] = []  # that stand there now
        self._shape = (0, 0)
        self._lent = False  # somebody else has written: nobody knows in which column
        self._gone = False

    def write(self, text: str, /) -> int:
        self._said.append(text)
        self.unwritten += len(text)
        if self.unwritten > MOST_UNWRITTEN:
            with self.pen:
                self.write_lines()
        return len(text)

    def flush(self) -> None:
        """It is written when it is time."""

    def take_lines(self) -> None:
        """What was said becomes whole lines, and the beginning of one."""
        said = []
        self.unwritten = 0
        while self._said:
            said.append(self._said.popleft())
        if not said:
            return
        text = self.half + "".join(said)
        whole, end, self.half = text.rpartition("\n")
        if len(self.half) > LONGEST_HALF:
            whole, end, self.half = text, "\n", ""
        self._lines += whole + end

    def write_lines(self) -> None:
        """The whole lines that were said, without the panel."""
        self.take_lines()
        if self._lines or self._rows:
            self._put(self._lines_over_panel())

    def end(self) -> None:
        """All that was said, also a line that has no end yet; and no panel."""
        self.take_lines()
        self._lines, self.half = self._lines + self.half, ""
        self.write_lines()

    def lend(self) -> None:
        """Somebody else writes from now on, from where we are."""
        self._rows = []
        self._lent = True

    def show(self, rows: Sequence[str], columns: int, lines: int) -> None:
        """The lines, and the panel below them, in one write; nothing is written if nothing has changed."""
        same_place = not self._lines and (columns, lines) == self._shape and not self._lent
        if same_place and list(rows) == self._rows:
            return
        text = [HIDE]
        if self._lent:  # to the begin of a line: the next, where this one is not empty
            text.append(" " * columns + "\r\x1b[J")
            self._lent = False
        if same_place and 0 < len(self._rows) <= len(rows):
            text.append(f"\x1b[{len(self._rows)}A\r")
        else:
            text.append(self._lines_over_panel())
        text.append(NO_WRAP)
        for at, row in enumerate(rows):
            same = at < len(self._rows) and self._rows[at] == row
            text.append("\n" if same else f"{row}\x1b[K\r\n")
        text += [WRAP, "\x1b[J", SHOW]  # below the panel stands what a person has typed: ^C
        self._rows, self._shape = list(rows), (columns, lines)
        self._put("".join(text))

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            found = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return found.columns or 80, found.lines or 24

    def is_in_front(self) -> bool:
        """Whether it is ours; who is in the background lets others draw."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except (OSError, ValueError):
            return True

    def _lines_over_panel(self) -> str:
        """The lines from where the panel begins, which is gone. Their colours go on with the lines that follow."""
        said, self._lines = self._lines, ""
        text = self._cleared() + self._colour + said
        for found in _COLOUR.finditer(said):
            self._colour = (self._colour + found[0])[-MOST_COLOURS:] if found[1].strip("0;:") else ""
        return text + RESET if self._colour else text

    def _cleared(self) -> str:
        """The cursor to where the panel begins, and nothing from there on."""
        if not self._rows:
            return ""
        height = len(self._rows)
        columns, lines = self.size()
        if self._wraps_again and columns < self._shape[0]:
            height = sum(max(1, -(-_cells(row) // columns)) for row in self._rows)
        self._rows = []
        return f"\x1b[{min(height, lines - 1)}A\r\x1b[J"

    def _put(self, text: str) -> None:
        if not text or self._gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._gone = True


def _cells(row: str) -> int:
    from wavebuild.ui.cells import width

    return width(_COLOUR.sub("", row))


def wraps_again(environ: Mapping[str, str]) -> bool:
    """Whether the terminal fits what stands there into a narrower window; those that do not cut it off."""
    if environ.get("TMUX"):
        return True
    return not (environ.get("XTERM_VERSION") or environ.get("STY") or environ.get("TERM") == "linux")


class _Signals:
    """Ctrl-Z takes the panel away before it stops us, and it comes back when we go on.

    The handlers only note what came; whoever draws does the rest. They wake nobody: where a lock is needed for that, it
    may be whoever they interrupt that holds it.
    """

    def __init__(self) -> None:
        self._taken = False
        self._went_on = False
        self._times = 0  # that it is noted that we go on
        self.wants_to_stop = False

    def take(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL and signal.getsignal(signal.SIGCONT) is signal.SIG_DFL:
            self._taken = True
            signal.signal(signal.SIGTSTP, self._note_stop)
            signal.signal(signal.SIGCONT, self._note_going_on)

    def let_go(self) -> None:
        if self._taken:
            self._taken = False
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.signal(signal.SIGCONT, signal.SIG_DFL)
            if self.wants_to_stop:
                os.kill(os.getpid(), signal.SIGTSTP)

    def stop(self) -> None:
        """Stops this process as the terminal meant to; returns when it goes on, and that has been noted.

        Whoever drew before that would draw once more when it is.
        """
        self.wants_to_stop = False
        before = self._times
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
        latest = time.monotonic() + LATEST_NOTE
        while self._times == before and time.monotonic() < latest:
            time.sleep(0.01)
        self._went_on = True

    def has_gone_on(self) -> bool:
        went_on, self._went_on = self._went_on, False
        return went_on

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)  # the next one is the one that stops us, ours or a second Ctrl-Z
        self.wants_to_stop = True

    def _note_going_on(self, number: int, frame: FrameType | None) -> None:
        if self._taken:
            signal.signal(signal.SIGTSTP, self._note_stop)
        self._went_on = True
        self._times += 1
