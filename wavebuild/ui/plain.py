"""The plain screen: wave headings, a line for each start and end, the digest of failures, the final counts.

It does not know how a step runs, nor what a terminal could do beyond lines.
"""

from __future__ import annotations

import _thread
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, assert_never

from wavebuild.run.events import (
    BuildSettled,
    BuildStarted,
    Event,
    Noticed,
    Outcome,
    Settled,
    StepRetried,
    StepReviewed,
    StepSettled,
    StepsFound,
    StepStarted,
    WaveStarted,
)
from wavebuild.ui import view, words
from wavebuild.ui.escapes import RESET, escaped, sanitized
from wavebuild.ui.logs import PIECE, Followed, LogReader
from wavebuild.ui.manner import Manner, Output
from wavebuild.ui.style import Colour
from wavebuild.ui.view import Picture, stopped_by

if TYPE_CHECKING:
    import threading

    from wavebuild.ui.github import Unmarked

WORD = 12  # the column of "started", "succeeded", "interrupted"
HEARTBEAT = 60.0
GLANCE = 0.1  # between two looks at a log that is followed
AT_A_GLANCE = 16  # pieces of a log that are shown before events may be told again
DIGEST_LINES = 20
MOST_WHOLE = 20  # failures that are told whole on a terminal
MOST_SHORT = 100  # of those behind them: by name

LONGEST_LINE = 2000
"""Characters of a line in a digest: of a longer one the middle is left to the log."""


def lines(before: Picture, after: Picture, event: Event, manner: Manner) -> list[str]:
    """What the event adds to the screen."""
    match event:
        case StepStarted():
            return [] if manner.quiet else [*_heading(before, after, manner), *_start(after, event, manner)]
        case StepRetried():
            return [] if manner.quiet else [_retry(event, manner)]
        case StepReviewed():
            return [] if manner.quiet else [_review(event, manner)]
        case StepSettled():
            return _end(before, after, event.settled, manner)
        case Noticed():
            return [] if manner.quiet else [escaped(event.message)]
        case BuildStarted() | StepsFound() | WaveStarted() | BuildSettled():
            return []
        case _:
            assert_never(event)


def _heading(before: Picture, after: Picture, manner: Manner) -> list[str]:
    if after.wave <= before.wave:
        return []
    steps = after.waves[after.wave - 1] if after.wave <= len(after.waves) else ()
    text = f"wave {after.wave} of {max(len(after.waves), after.wave)}"
    if steps:
        text += f" · {words.group_words(len(steps))}"
        named = f"{text}: {words.listed(steps)}"
        text = text if manner.panel and len(named) > manner.style.width else named
    return [manner.style.paint(text, "bold")]


def _start(after: Picture, event: StepStarted, manner: Manner) -> list[str]:
    why = [_line("because", words.reason_in_full(each), "dim", manner) for each in event.reasons if manner.explain]
    if manner.panel and not (manner.verbose or manner.explain or is_streamed(after, manner)):
        return []
    said = [escaped(event.step)]
    if event.attempt > 1:
        said.append(f"try {event.attempt}")
    if event.wave < after.wave:
        said.append(f"wave {event.wave}")
    command = [
        _line("", f"$ {words.pasteable(each)}", "dim", manner) for each in event.command.splitlines() if manner.verbose
    ]
    return [*why, _line("started", " · ".join(said), "cyan", manner), *command]


def is_streamed(picture: Picture, manner: Manner) -> bool:
    """Whether the output of steps is shown as it comes."""
    return manner.output in ("stream", "prefix") or (picture.jobs == 1 and manner.output is None)


def _retry(event: StepRetried, manner: Manner) -> str:
    pause = f", again in {words.duration(event.delay)}" if event.delay else ""
    said = f"{escaped(event.step)} · try {event.attempt} failed: {escaped(event.failure)}{pause}"
    return _line("retrying", said, "yellow", manner)


def _review(event: StepReviewed, manner: Manner) -> str:
    said = event.review
    word, colour = ("reviewed", "green") if said.passes else ("rejected", "yellow")
    facts = [escaped(event.step), f"score {said.score:.4g} of {said.threshold:g} wanted"]
    if not said.approved:
        facts.append("not approved")
    facts.append(f"by {escaped(said.advisor)}")
    return _line(word, " · ".join(facts), colour, manner)  # type: ignore[arg-type]


def _end(before: Picture, after: Picture, settled: Settled, manner: Manner) -> list[str]:
    ran = before.ran(settled.step) is not None
    failed = settled.outcome in (Outcome.FAILED, Outcome.WAITING)
    if manner.quiet and not failed:
        return []
    if not (ran or failed or manner.verbose or view.is_seen(settled)):
        return []
    heading = [] if manner.quiet else _heading(before, after, manner)
    said = " · ".join([escaped(settled.step), *_end_facts(settled, ran)])
    return [*heading, _line(words.outcome_word(settled.outcome), said, _colour(settled.outcome), manner)]


def _end_facts(settled: Settled, ran: bool) -> list[str]:
    facts = []
    if settled.outcome is Outcome.FAILED:
        facts.append(words.failure_words(settled))
    if settled.outcome is Outcome.BLOCKED:
        facts.append(f"by {words.listed(settled.blocked_by)}")
    if settled.attempts > 1:
        facts.append(f"{settled.attempts} tries")
    if ran:
        facts.append(words.duration(settled.seconds))
    return facts


def _line(word: str, text: str, colour: Colour, manner: Manner) -> str:
    return f"  {manner.style.paint(word.ljust(WORD), colour)} {text}"


def _colour(outcome: Outcome) -> Colour:
    match outcome:
        case Outcome.SUCCEEDED | Outcome.RESTORED:
            return "green"
        case Outcome.FAILED:
            return "red"
        case Outcome.WAITING | Outcome.INTERRUPTED | Outcome.BLOCKED:
            return "yellow"
        case Outcome.KEPT | Outcome.NOT_STARTED:
            return "dim"
        case _:
            assert_never(outcome)


def digest(picture: Picture, manner: Manner) -> list[str]:
    """Everything a person needs to act on what went wrong, one block a step; then what else is to be said.

    On a terminal the first is not swept out of reach by hundreds that come after it: these are one line each.
    """
    out: list[str] = []
    whole = MOST_WHOLE if manner.style.terminal else len(picture.troubles)
    stopped = stopped_by(picture.blocked)
    for settled in picture.troubles[:whole]:
        out += ["", *trouble(settled, stopped(settled.step), manner)]
    if short := picture.troubles[whole:]:
        out += ["", *(_headline(settled, manner) for settled in short[:MOST_SHORT])]
        left = len(short) - MOST_SHORT
        out += [f"and {left} more: wavebuild status tells which"] if left > 0 else []
        out.append("what they printed: wavebuild log STEP")
    if not manner.quiet:
        for settled in picture.remarks:
            out += _remarks(settled)
    return out


def trouble(settled: Settled, stopped: Sequence[str], manner: Manner) -> list[str]:
    """The block of one step that failed or waits; ``stopped``: the steps that did not run because of it."""
    facts = _facts(settled, stopped)
    out = [_headline(settled, manner)]
    out += [f"  {escaped(each)}" for each in settled.detail.splitlines()]
    out += [line for name, value in facts for line in f"  {name.ljust(8)} {value}".split("\n")]
    out += _tail(settled, manner)
    return out + _remarks(settled)


def _headline(settled: Settled, manner: Manner) -> str:
    head = f"{words.outcome_word(settled.outcome)}: {escaped(settled.step)}"
    if settled.outcome is Outcome.FAILED:
        tries = f", {settled.attempts} tries" if settled.attempts > 1 else ""
        after = f" after {words.duration(settled.seconds)}" if settled.attempts else ""
        head += f" ({words.failure_words(settled)}{after}{tries})"
    return manner.style.paint(head, _colour(settled.outcome))


def _facts(settled: Settled, stopped: Sequence[str]) -> list[tuple[str, str]]:
    from wavebuild.ui.causes import cause_of

    facts = []
    cause = cause_of(settled)
    if cause is not None and cause.text not in settled.detail:
        facts.append(("cause", cause.in_words))
    script = words.script_lines(settled.command)
    if script:
        facts.append(("command", "\n".join(script)))  # not indented: a text within it would be another one when pasted
    if settled.log:
        facts.append(("log", escaped(settled.log)))
    if stopped:
        facts.append(("blocked", words.listed(stopped, most=12)))
    return facts


def _tail(settled: Settled, manner: Manner) -> list[str]:
    colours = manner.style.colours and manner.style.terminal
    shown = [sanitized(_cut(each.rstrip("\r\n")), colours) for each in settled.tail[-DIGEST_LINES:]]
    while shown and not sanitized(shown[-1], colours=False).strip():
        shown.pop()
    if not shown:
        return []
    title = "its last line:" if len(shown) == 1 else f"its last {len(shown)} lines:"
    return [f"  {title}", *(f"    {part}" for each in shown for part in each.split("\n"))]


def _cut(line: str) -> str:
    half = LONGEST_LINE // 2
    return line if len(line) <= LONGEST_LINE else f"{line[:half]} … {line[-half:]}"


def _remarks(settled: Settled) -> list[str]:
    step = escaped(settled.step)
    out = [f"{step}: {escaped(path)} changed while it ran; the step will run again" for path in settled.moved]
    out += [f"{step}: your edit is kept in {escaped(path)}" for path in settled.displaced]
    return out + [f"{step}: {escaped(note)}" for note in settled.notes]


def heartbeat(picture: Picture, now: float) -> str | None:
    """``still running  ml (5 min), gold (1 min 20 s)``, or nothing if nothing runs."""
    if not picture.running:
        return None
    longest = sorted(picture.running, key=lambda each: each.started)
    shown = [f"{escaped(each.step)} ({words.duration(now - each.started)})" for each in longest[:6]]
    more = f" and {len(longest) - 6} more" if len(longest) > 6 else ""
    return f"  still running {', '.join(shown)}{more}"


class Sink(Protocol):
    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


class PlainScreen:
    """Writes the lines to a stream, with the steps' output where it is asked for.

    The lock is for its own pulse, a thread that only looks (at a log that is followed, at the
    clock). A stream that has gone is no reason to stop a build: the screen falls silent.
    """

    def __init__(
        self,
        stream: Sink,
        manner: Manner,
        clock: Callable[[], float] = time.time,
        beat: float = HEARTBEAT,
        pulse: bool = True,
    ) -> None:
        """``pulse``: it looks by itself; else whoever holds it has it look."""
        self._has_pulse = pulse
        self._stream: Sink = stream
        self._midline = False
        self._manner = manner
        self._clock = clock
        self._beat = beat
        self._spoke = clock()
        self._picture = view.EMPTY
        self._followed: dict[str, Followed] = {}  # by step
        self._speaker = ""  # the step whose output was shown last
        self._lock = _thread.allocate_lock()
        self._framed: str | None = None  # the step whose output comes in a group; "": output that is mixed
        self._unmarked: Unmarked | None = None
        self._owner = ""  # the step that owns the terminal
        self._held: list[str] = []  # what is to be said when it has ended
        self._over: threading.Event | None = None
        self._pulse: threading.Thread | None = None

    @property
    def picture(self) -> Picture:
        return self._picture

    @property
    def follows(self) -> bool:
        """Whether the output of a step is shown as it comes."""
        return bool(self._followed)

    def tell(self, event: Event) -> None:
        """Takes in one event and shows it."""
        with self._lock:
            before, self._picture = self._picture, view.seen(self._picture, event)
            if self._owner:
                self._perhaps_release(event)
            if self._followed or self._way == "group":
                self._output_before(before, event)
            self._write(lines(before, self._picture, event, self._manner))
            self._output_after(event)
            if isinstance(event, StepStarted) and event.console:
                self._owner = event.step

    def glance(self) -> None:
        """Shows what the steps that are followed have said since the last look."""
        with self._lock:
            for followed in self._followed.values():
                for _ in range(AT_A_GLANCE):
                    text = followed.more()
                    if text is None:
                        break
                    self._pass_on(followed, text)

    def close(self, ending: list[str]) -> None:
        """The last words: the digest, then the ending."""
        if self._over and self._pulse:
            self._over.set()
            self._pulse.join()
        with self._lock:
            self._release()
            for step in list(self._followed):
                self._drain(step)
            self._put_into(None)
            said = digest(self._picture, self._manner)
            self._write([*said, "", *ending] if said and ending else [*said, *ending])

    def _perhaps_release(self, event: Event) -> None:
        """The terminal is ours again when its owner has ended."""
        match event:
            case StepSettled(settled=Settled(step=step)) | StepRetried(step=step):
                if step == self._owner:
                    self._release()
            case _:
                pass

    def _release(self) -> None:
        self._owner = ""
        held, self._held = self._held, []
        for text in held:
            self._put(text)

    def _output_before(self, before: Picture, event: Event) -> None:
        """The output of a try that has ended stands above the line that says so."""
        match event:
            case StepSettled():
                ended = before.ran(event.settled.step)
            case StepRetried():
                ended = before.ran(event.step)
            case _:
                return
        if ended is None:
            return
        if ended.step in self._followed:
            self._drain(ended.step)
        elif self._way == "group":
            self._rest_of(self._follow(ended.step, ended.log))
            self._put_into(None)

    def _output_after(self, event: Event) -> None:
        if not isinstance(event, StepStarted) or self._manner.quiet:
            return
        if self._way in ("stream", "prefix"):
            self._followed[event.step] = self._follow(event.step, event.log)
        if self._has_pulse and not self._pulse and (self._followed or not self._manner.style.terminal):
            import threading

            self._over = threading.Event()
            self._pulse = threading.Thread(target=self._look, args=(self._over,), name="wavebuild-screen", daemon=True)
            self._pulse.start()

    @property
    def _way(self) -> Output | None:
        """How the output of steps is shown; None: it is not."""
        if self._manner.quiet:
            return None
        if self._manner.output:
            return self._manner.output
        if self._picture.jobs == 1:
            return "stream"
        return "group" if self._manner.verbose or self._manner.frame else None

    def _follow(self, step: str, log: str) -> Followed:
        name = f"{self._manner.style.paint(escaped(step), 'cyan')} | " if self._way == "prefix" else ""
        return Followed(step, LogReader(self._path(log), self._passes_colours), name)

    def _drain(self, step: str) -> None:
        self._rest_of(self._followed.pop(step))
        if self._is_in_groups:
            self._put_into(None)

    def _rest_of(self, followed: Followed) -> None:
        skipped = followed.reader.skip_to_last(PIECE) if self._manner.output is None else 0
        if skipped:
            self._write([f"… {skipped} bytes left out, see the log …"])
        while (text := followed.more()) is not None:
            self._pass_on(followed, text)
        self._pass_on(followed, followed.rest())

    def _pass_on(self, followed: Followed, text: str) -> None:
        """Output of one step; that of another, if it stands in the middle of a line, gets its end first."""
        if not text:
            return
        if self._midline and self._speaker != followed.step:
            self._emit(f"{RESET}\n" if self._passes_colours else "\n")
        self._speaker = followed.step
        self._put_into(followed.step)
        self._emit(self._unmarked.feed(text) if self._unmarked else text)

    @property
    def _is_in_groups(self) -> bool:
        """Whether the output of each step is a piece by itself, and not mixed with that of others."""
        return self._way == "group" or (self._way == "stream" and self._picture.jobs == 1)

    def _put_into(self, step: str | None) -> None:
        """What comes now is output of a step, or, with None, our own again: the frame is opened or closed for that."""
        frame = self._manner.frame
        if frame is None or (step is None) == (self._framed is None):
            return
        if step is None:
            if self._unmarked:
                self._emit(self._unmarked.rest())
            said = frame.closed() if self._framed else frame.resumed()
            self._framed = self._unmarked = None
        else:
            from wavebuild.ui.github import Unmarked

            self._framed, self._unmarked = step if self._is_in_groups else "", Unmarked()
            said = frame.opened(step) if self._framed else frame.stopped()
        self._emit(("\n" if self._midline else "") + "".join(f"{line}\n" for line in said))

    def _look(self, over: threading.Event) -> None:
        while not over.wait(GLANCE if self._followed else min(1.0, self._beat)):
            self.glance()
            if not self._followed and not self._manner.style.terminal:
                with self._lock:
                    self._perhaps_beat()

    def _perhaps_beat(self) -> None:
        now = self._clock()
        if self._owner:
            return
        if now - self._spoke >= self._beat:
            said = heartbeat(self._picture, now)
            self._write([said] if said else [])

    @property
    def _passes_colours(self) -> bool:
        return self._manner.style.colours and self._manner.style.terminal

    def _path(self, log: str) -> str:
        return os.path.join(self._picture.root, log)

    def _write(self, said: list[str]) -> None:
        if said:
            start = "\n" if self._midline else ""
            if self._manner.frame is not None:
                from wavebuild.ui.github import harmless

                said = [harmless(each) for each in said]
            self._emit(start + "".join(self._manner.style.fit(each) + "\n" for each in said))

    def _emit(self, text: str) -> None:
        if not text:
            return
        self._spoke = self._clock()
        visible = text.removesuffix(RESET)
        if visible:
            self._midline = not visible.endswith("\n")
        if self._owner:
            self._held.append(text)
        else:
            self._put(text)

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = _Nowhere()


class _Nowhere:
    """A stream that takes everything and keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass
