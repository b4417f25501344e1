"""The panel that stands below the lines while a build runs: what runs, the waves, a bar with what is left, the counts.

It does not know the terminal, the clock, nor any file: the same scene in the same room gives the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from wavebuild.run.events import Outcome
from wavebuild.ui import words
from wavebuild.ui.cells import cut, filled, width
from wavebuild.ui.escapes import escaped
from wavebuild.ui.outlook import Estimate, Wave
from wavebuild.ui.style import Colour, Style
from wavebuild.ui.view import Picture, Running

LONGEST_BAR = 60
SHORTEST_BAR = 8
NARROW = 60  # columns below which only what matters most is said

ROOMY = 16  # lines from which on an empty row keeps the panel apart

STOPPING = ["stopping: Ctrl-C again ends all at once", "stopping", ""]

Piece = tuple[str, Colour | None]
Row = tuple[Piece, ...]

_COLOURS: dict[Outcome, Colour | None] = {
    Outcome.KEPT: None,
    Outcome.RESTORED: "green",
    Outcome.SUCCEEDED: "green",
    Outcome.FAILED: "red",
    Outcome.BLOCKED: "yellow",
    Outcome.WAITING: "yellow",
    Outcome.INTERRUPTED: "yellow",
    Outcome.NOT_STARTED: "dim",
}


class Scene(Struct, frozen=True):
    """A build at one moment. ``last``: the last line of each running step; ``expected``: how long each should take.

    ``half``: the beginning of a line of output whose end has not come yet. ``fresh``: steps of which no end is told.
    ``phases``: what steps do when their action is over. ``lacking``: how many steps wait for each resource.
    ``stopping``: somebody asked the build to stop.
    """

    picture: Picture
    now: float
    waves: Sequence[Wave] = ()
    fresh: int = 0
    estimate: Estimate = Estimate()
    last: Mapping[str, str] = {}
    expected: Mapping[str, float] = {}
    half: str = ""
    phases: Mapping[str, str] = {}
    lacking: Mapping[str, int] = {}
    stopping: bool = False


def rows(scene: Scene, columns: int, lines: int, style: Style, least: int = 0) -> list[Row]:
    """At most as many rows as leave room for other lines, none wider than ``columns``.

    ``least``: so many rows, if there is room for them, besides the one that keeps the panel apart; the first are empty.
    """
    room = room_of(lines)
    if room < 1 or columns < 2:
        return []
    below = [_bar(scene, columns, style), _counts(scene, style), _waves(scene, columns, style)]
    # What matters most stays when there is little room: the bar, then the counts, then the waves.
    few = below[:room]
    foot = [few[2], *few[:2]] if len(few) == 3 else few
    above = [((scene.half, None),)] if scene.half and room > len(foot) else []
    head = _running(scene, columns, room - len(foot) - len(above), style)
    height = len(above) + len(head) + len(foot)
    apart = 1 if lines >= ROOMY else 0
    empty: list[Row] = [()] * min(room - height, max(0, least - height) + apart)
    return [clipped(row, columns, style) for row in (*above, *empty, *head, *foot)]


def clipped(row: Row, columns: int, style: Style) -> Row:
    """The row, no wider than this; a mark ends what is cut."""
    if sum(width(text) for text, _ in row) <= columns:
        return row
    mark = style.fit("…")
    out: list[Piece] = []
    left = columns - width(mark)
    for text, colour in row:
        fits = cut(text, left, "")
        out.append((fits, colour))
        left -= width(fits)
        if fits != text:
            break
    return (*out, (mark, None)) if left >= 0 else ()


def text_of(row: Row) -> str:
    return "".join(text for text, _ in row)


def painted(row: Row, style: Style) -> str:
    return "".join(style.paint(text, colour) if colour else text for text, colour in row)


def room_of(lines: int) -> int:
    """Rows of a terminal that the panel may take: below it stands the cursor, above it what has ended."""
    return lines - 1 - min(4, lines // 4)


# what runs


def _running(scene: Scene, columns: int, room: int, style: Style) -> list[Row]:
    running = sorted(scene.picture.running, key=lambda each: (bool(each.failure), each.started))
    if not running or room < 1:
        return []
    if len(running) > room > 1:  # a single row is for the one that has run longest: how many there are is counted
        left = len(running) - room + 1
        more: list[Row] = [((style.fit(f"  … and {left} more"), "dim"),)]
        running = running[: room - 1]
    else:
        running, more = running[:room], []
    times = [_time(each, scene, columns) for each in running]
    names = [_name(each, scene, style) for each in running]
    of_times = max(map(width, times), default=0)
    of_names = min(max(map(width, names), default=0), max(8, (columns - of_times) // 2))
    out: list[Row] = []
    for each, time, name in zip(running, times, names, strict=True):
        said, colour = _said(each, scene, style)
        named = filled(cut(name, of_names, style.fit("…")), of_names)
        out.append(((f"  {time.rjust(of_times)}  ", None), (named, "cyan"), (f"  {said}" if said else "", colour)))
    return [*out, *more]


def _name(running: Running, scene: Scene, style: Style) -> str:
    said = [escaped(running.step)]
    if not running.failure:
        said += [f"try {running.attempt}"] if running.attempt > 1 else []
        said += [scene.phases[running.step]] if running.step in scene.phases else []
    return style.fit(" · ".join(said))


def _time(running: Running, scene: Scene, columns: int) -> str:
    if running.failure:
        left = running.again - scene.now
        return f"in {seconds(left)}" if left > 0 else "waits"
    time = seconds(scene.now - running.started)
    expected = scene.expected.get(running.step)
    return f"{time} of ~{seconds(expected)}" if expected is not None and expected >= 1 and columns >= NARROW else time


def _said(running: Running, scene: Scene, style: Style) -> tuple[str, Colour | None]:
    if running.failure:
        return style.fit(f"try {running.attempt} failed: {escaped(running.failure)}"), "yellow"
    return scene.last.get(running.step, ""), "dim"


def seconds(time: float) -> str:
    """A time that is still running: in whole seconds, so that it does not change more often than it must."""
    whole = max(0, int(time))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


# the waves


def _waves(scene: Scene, columns: int, style: Style) -> Row:
    """``wave 2 of 4``, and how far each is; of many those around it."""
    waves, at = scene.waves, scene.picture.wave
    if not waves:
        return ()
    title = f"wave {at} of {max(at, len(waves))}" if at else "looking for what is to be done"
    row: list[Piece] = [(f"  {title}", "bold")]
    if len(waves) == 1 or not at:
        return tuple(row)
    active = {each.wave for each in scene.picture.running}
    shown, room = _around(waves, min(at, len(waves)) - 1, columns - width(row[0][0]) - 1, style)
    if not room:
        return tuple(row)
    gap = "   "
    if shown.start:
        row.append((gap + style.fit("…"), "dim"))
        gap = "  "
    for number, wave in zip(shown, waves[shown.start : shown.stop], strict=True):
        done = wave.done >= wave.size
        colour: Colour = "red" if wave.failed else "cyan" if number + 1 in active else "green" if done else "dim"
        row.append((f"{gap}{wave.done}/{wave.size}", colour))
        gap = "  "
    if shown.stop < len(waves):
        row.append((gap + style.fit("…"), "dim"))
    return tuple(row)


def _around(waves: Sequence[Wave], middle: int, room: int, style: Style) -> tuple[range, bool]:
    """The waves next to one for which there is room, more of those to come than of those gone by."""
    if len(waves) <= room and sum(map(_breadth, waves)) <= room:
        return range(len(waves)), True
    room -= 2 * (3 + width(style.fit("…")))
    first, last = middle, middle + 1
    room -= _breadth(waves[middle])
    if room < 0:
        return range(0), False
    while True:
        ahead = last < len(waves) and _breadth(waves[last]) <= room
        if ahead:
            room -= _breadth(waves[last])
            last += 1
        back = first > 0 and _breadth(waves[first - 1]) <= room and (middle - first <= last - middle or not ahead)
        if back:
            first -= 1
            room -= _breadth(waves[first])
        if not ahead and not back:
            return range(first, last), True


def _breadth(wave: Wave) -> int:
    return 3 + len(str(wave.done)) + len(str(wave.size))


# how far it is


def _bar(scene: Scene, columns: int, style: Style) -> Row:
    picture = scene.picture
    total = max(picture.steps - scene.fresh, picture.done)
    failed = any(outcome is Outcome.FAILED for outcome, _ in picture.counts)
    count = f"{picture.done} of {total}"
    for left in STOPPING if scene.stopping else left_words(scene.estimate, bool(picture.running)):
        said = style.fit(f"{count} · {left}" if left else count)
        length = min(LONGEST_BAR, columns - width(said) - 4)
        if length >= SHORTEST_BAR:
            colour: Colour = "red" if failed else "green"
            gone, to_come = _filled_bar(picture.done, total, length, style)
            return (("  ", None), (gone, colour), (to_come, "dim"), (f"  {said}", None))
    return ((f"  {count}", None),)


def _filled_bar(done: int, total: int, length: int, style: Style) -> tuple[str, str]:
    full = length * done // total if total else length
    return ("━" * full, "─" * (length - full)) if style.unicode else ("=" * full, "-" * (length - full))


def left_words(estimate: Estimate, runs: bool) -> list[str]:
    """What is left, said ever shorter; the last is nothing."""
    time = rounded(estimate.seconds)
    if not runs:
        return [""]
    if estimate.ending:
        return ["a step has failed: finishing what runs", "finishing", ""]
    if not time:
        return [""]
    if estimate.unknown:
        steps = words.counted(estimate.unknown, "step")
        if estimate.most:
            return [f"~{time}, and {steps} that never ran", f"~{time} and more", ""]
        return [f"at least {time}: {steps} never ran", f"at least {time}", f"{time} or more", ""]
    if estimate.most and not estimate.overdue:
        return [f"up to {time} left", f"up to {time}", ""]
    if estimate.overdue and not estimate.most:
        return [f"at least {time}", f"{time} or more", ""]
    return [f"~{time} left", f"~{time}", ""]


def rounded(time: float) -> str:
    """A time that is guessed, with no more figures than it deserves; "" where it is as good as over."""
    if time < 1:
        return ""
    if time < 10:
        return f"{round(time)} s"
    if time < 57.5:
        return f"{5 * round(time / 5)} s"
    if time < 3570:
        return f"{max(1, round(time / 60))} min"
    hours, minutes = divmod(round(time / 600) * 10, 60)
    return (
        f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours + (minutes >= 30 if hours >= 10 else 0)} h"
    )


def _counts(scene: Scene, style: Style) -> Row:
    picture = scene.picture
    known = dict(picture.counts)
    known[Outcome.KEPT] = known.get(Outcome.KEPT, 0) + scene.fresh
    waiting = sum(1 for each in picture.running if each.failure)
    running = len(picture.running) - waiting
    queued = sum(scene.lacking.values())
    to_come = max(0, picture.steps - scene.fresh - picture.done - running - waiting - queued)
    numbers: list[tuple[str, int, Colour | None]] = [
        *((words.outcome_word(outcome), known.get(outcome, 0), _COLOURS[outcome]) for outcome in Outcome),
        ("running", running, "cyan"),
        ("to retry", waiting, "yellow"),
        *((f"for {escaped(name)}", number, None) for name, number in scene.lacking.items()),
        ("to come", to_come, "dim"),
    ]
    pieces: list[Piece] = [(f"{word} {number}", colour) for word, number, colour in numbers if number]
    row: list[Piece] = []
    for piece in pieces:
        row += [(style.fit(" · ") if row else "  ", None), piece]
    return tuple(row)
