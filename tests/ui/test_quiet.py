"""The screen of a quiet build says what the plain one says, and brings it in only then."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.ui.samples import a_build_with_a_failure, build_started, settled, started
from wavebuild.run.events import BuildSettled, Event, Noticed, Outcome
from wavebuild.ui import quiet
from wavebuild.ui.manner import Manner, Screen
from wavebuild.ui.plain import PlainScreen
from wavebuild.ui.quiet import QuietScreen
from wavebuild.ui.style import Style

QUIET = Manner(Style(), quiet=True)
WAVES = build_started([["a", "b"], ["c"]])
STARTED: list[Event] = [WAVES, started("a", 1), started("b", 1)]
ENDED = BuildSettled("r", 9.0, False, 9.0, (), 1)


def said(kind: type[PlainScreen | QuietScreen], events: Sequence[Event], ending: list[str]) -> str:
    stream = io.StringIO()
    screen: Screen = kind(stream, QUIET)
    for event in events:
        screen.tell(event)
    screen.close(ending)
    return stream.getvalue()


@pytest.mark.parametrize(
    "events",
    [
        [],
        [*STARTED, settled("a", 1, Outcome.SUCCEEDED), settled("b", 1, Outcome.KEPT)],
        [*STARTED, settled("a", 1, Outcome.FAILED), settled("c", 2, Outcome.BLOCKED, blocked_by=("a",))],
        [*STARTED, settled("a", 1, Outcome.SUCCEEDED), Noticed("r", 3.0, "so"), settled("b", 1, Outcome.WAITING)],
        [*STARTED, settled("a", 1, Outcome.FAILED), settled("b", 1, Outcome.FAILED), ENDED],
        [*STARTED, settled("a", 1, Outcome.INTERRUPTED), settled("b", 1, Outcome.NOT_STARTED)],
        a_build_with_a_failure(),
    ],
)
@pytest.mark.parametrize("ending", [[], ["failed 1"]])
def test_it_says_what_the_plain_one_says(events: list[Event], ending: list[str]) -> None:
    assert said(QuietScreen, events, ending) == said(PlainScreen, events, ending)


def test_a_failure_is_shown_at_once() -> None:
    """Not only when the build is over."""
    stream = io.StringIO()
    screen = QuietScreen(stream, QUIET)
    for event in [*STARTED, settled("a", 1, Outcome.FAILED, exit_code=3, failure="exit", seconds=2.0)]:
        screen.tell(event)

    assert stream.getvalue() == "  failed       a · exit 3 · 2.0 s\n"


def test_of_a_large_build_not_all_is_held_that_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain screen sums up what it is told, and holds no event."""
    monkeypatch.setattr(quiet, "MOST_HELD", 4)
    stream = io.StringIO()
    screen = QuietScreen(stream, QUIET)
    for event in [*STARTED, settled("a", 1, Outcome.SUCCEEDED)]:
        screen.tell(event)
    assert screen._told == []
    screen.tell(settled("b", 1, Outcome.FAILED, exit_code=3, failure="exit", seconds=2.0))
    assert stream.getvalue() == "  failed       b · exit 3 · 2.0 s\n"


def test_nothing_comes_that_could_show_a_build_that_goes_well() -> None:
    """What would show it takes longer to come than a small step to run."""
    asked = """
import sys
from tests.ui.test_quiet import ENDED, QUIET, STARTED, QuietScreen, settled, Outcome
for name in [name for name in sys.modules if name.startswith("wavebuild.ui.")]:
    del sys.modules[name]
screen = QuietScreen(sys.stdout, QUIET)
for event in [*STARTED, settled("a", 1, Outcome.SUCCEEDED), ENDED]:
    screen.tell(event)
screen.close([])
print(*sorted(name for name in sys.modules if name.startswith("wavebuild.ui.")))
"""
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)

    assert done.stdout == "\n"
