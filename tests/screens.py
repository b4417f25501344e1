"""Draws the screens that stand in README.md and docs/: ``python -m tests.screens --write`` puts them there anew.

They show a build that never ran, told event by event to what draws every build. A page marks where one stands by
``<!-- screen: NAME COLUMNSxLINES -->`` and ``<!-- /screen -->``; ``docs/screens/`` holds pictures of them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from wavebuild.judge.reasons import NeverRan
from wavebuild.run.events import BuildStarted, Event, Outcome, Outlook, Settled, StepRetried, StepSettled, StepStarted
from wavebuild.ui import plain, view
from wavebuild.ui.manner import Manner
from wavebuild.ui.outlook import Progress
from wavebuild.ui.panel import Scene, painted, rows
from wavebuild.ui.style import Style

REPOSITORY = Path(__file__).parents[1]
PAGES = ("README.md", "docs/reference/cli.md", "docs/tutorial.md")
PICTURES = {"docs/screens/flight.svg": ("flight", 80, 17)}
MARKED = re.compile(r"(<!-- screen: (\w+) (\d+)x(\d+) -->\n```text\n)(.*?)(```\n<!-- /screen -->)", re.DOTALL)

RUN = "20261122-031500-ab12"
TABLES = ("bookings", "users", "payments", "hosts", "reviews")
WAVES = (
    tuple(f"bronze@{table}" for table in TABLES),
    tuple(f"silver@{table}" for table in TABLES),
    ("gold", "features"),
    ("train@lr=0.1", "train@lr=0.3", "train@lr=0.9"),
    ("report",),
)
LENGTHS = {"bronze": 30.0, "silver": 45.0, "gold": 60.0, "features": 80.0, "train": 120.0, "report": 5.0}
SAID = {
    "silver@payments": "currency: 4 of 7 rates, 1,284,000 rows",
    "silver@hosts": "checking 38 rules",
    "silver@bookings": "part 5 of 8",
    "bronze@reviews": "12,400 of 38,000 rows",
    "features": "encoding neighbourhoods",
    "gold": "joined 4 of 6 tables",
}


def length(step: str) -> float:
    return LENGTHS[step.partition("@")[0]]


def behind(wave: int, step: str) -> float:
    """The longest way from here to the end, as every step of a wave waits for all before."""
    return length(step) + sum(max(map(length, later)) for later in WAVES[wave + 1 :])


def begun() -> BuildStarted:
    number = {step: at for at, step in enumerate(step for wave in WAVES for step in wave)}
    outlook = Outlook(
        number,
        frozenset(number.values()),
        {number[step]: length(step) for step in number},
        {number[step]: behind(at, step) for at, wave in enumerate(WAVES) for step in wave},
        frozenset(),
        keep_going=False,
    )
    return BuildStarted(RUN, 0.0, "", 4, "flow", len(number), WAVES, outlook)


def started(at: float, wave: int, step: str, attempt: int = 1) -> StepStarted:
    return StepStarted(RUN, at, step, wave, attempt, (NeverRan(),), "", "")


def ended(at: float, wave: int, step: str, seconds: float, outcome: Outcome = Outcome.SUCCEEDED) -> StepSettled:
    failure = {"failure": "exit", "exit_code": 3} if outcome is Outcome.FAILED else {}
    return StepSettled(RUN, at, Settled(step, outcome, wave, 0.0, seconds, 1, **failure))  # type: ignore[arg-type]


def flight() -> tuple[Sequence[Event], float]:
    """In the second wave; a step waits for its next try."""
    first = WAVES[0]
    events: list[Event] = [begun(), *(started(0, 1, step) for step in first[:4])]
    events += [ended(18.2, 1, first[1], 18.2), started(18.2, 1, first[4])]
    events += [ended(19.0, 1, first[3], 19.0), started(19.0, 2, "silver@users")]
    events += [ended(21.7, 1, first[0], 21.7), started(21.7, 2, "silver@hosts")]
    events += [ended(22.4, 1, first[2], 22.4), started(22.4, 2, "silver@bookings")]
    events += [StepRetried(RUN, 31.0, "silver@users", 1, "exit 75", 20.0), started(31.0, 2, "silver@payments")]
    return events, 43.0


def failure() -> tuple[Sequence[Event], float]:
    """A step has failed; what runs goes on to its end."""
    events, _ = flight()
    more = (
        started(51.0, 2, "silver@users", 2),
        ended(52.1, 1, "bronze@reviews", 33.9),
        ended(60.5, 2, "silver@hosts", 38.8),
        ended(63.0, 2, "silver@bookings", 40.6, Outcome.FAILED),
    )
    return (*events, *more), 66.0


STORIES: dict[str, Callable[[], tuple[Sequence[Event], float]]] = {"flight": flight, "failure": failure}


def drawn(story: str, columns: int, lines: int, colours: bool = False) -> list[str]:
    """What stands in a window of this size at the end of the story."""
    events, now = STORIES[story]()
    manner = Manner(Style(colours, width=columns, terminal=True), panel=True)
    picture, progress, said = view.EMPTY, Progress(), []
    for event in events:
        before, picture = picture, view.seen(picture, event)
        said += plain.lines(before, picture, event, manner)
        progress.see(event)
    scene = Scene(
        picture,
        now,
        progress.waves,
        progress.fresh,
        progress.estimate(picture.running, now),
        SAID,
        {each.step: length(each.step) for each in picture.running},
    )
    panel = [painted(row, manner.style) for row in rows(scene, columns - 1, lines, manner.style)]
    return [*said, *panel][1 - lines :]


def page_drawn(text: str) -> str:
    """The page with its screens as they are drawn now."""
    return MARKED.sub(
        lambda found: (
            found[1] + "".join(f"{row}\n" for row in drawn(found[2], int(found[3]), int(found[4]))) + found[6]
        ),
        text,
    )


def picture_drawn(story: str, columns: int, lines: int) -> str:
    """The screen with its colours, as SVG."""
    import io

    from rich.console import Console
    from rich.terminal_theme import MONOKAI
    from rich.text import Text

    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="standard")
    for row in drawn(story, columns, lines, colours=True):
        console.print(Text.from_ansi(row), no_wrap=True, crop=False)
    picture = console.export_svg(title="wavebuild -j4", theme=MONOKAI, unique_id="screen")
    return re.sub(r"\s*@font-face \{.*?\}\n", "\n", picture, flags=re.DOTALL)  # they would be fetched from elsewhere


def main() -> None:
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.screens --write")
    for page in PAGES:
        path = REPOSITORY / page
        path.write_text(page_drawn(path.read_text()))
    for name, (story, columns, lines) in PICTURES.items():
        path = REPOSITORY / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(picture_drawn(story, columns, lines))


if __name__ == "__main__":
    main()
