"""The screen of a build: a panel below the lines where a person sits at a terminal, else lines alone.

It does not know what will be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wavebuild.run.events import Event
from wavebuild.ui.plain import Manner, PlainScreen
from wavebuild.ui.style import style_of

if TYPE_CHECKING:
    from wavebuild.run.gauge import Gauge
    from wavebuild.ui.asking import Show
    from wavebuild.ui.caller import Caller
    from wavebuild.ui.github import Frame


class Screen(Protocol):
    """What shows a build as it goes."""

    def tell(self, event: Event) -> None: ...

    def close(self, ending: list[str]) -> None: ...


def manner_of(caller: Caller, show: Show) -> Manner:
    """How much is said on standard error, and whether a panel stands there."""
    style = style_of(caller.stderr, caller.environ, show.color)
    panel = _has_panel(caller, show, style.terminal)
    frame = None if panel else _frame(caller)
    return Manner(style, show.verbose, show.quiet, show.explain, show.output, panel, frame)


def screen_of(caller: Caller, manner: Manner) -> tuple[Screen, Gauge | None]:
    """The screen; and where the build is to show what it waits for, if somebody looks."""
    if not manner.panel:
        return PlainScreen(caller.stderr, manner), None
    from wavebuild.run.gauge import Gauge
    from wavebuild.ui.live import LiveScreen

    gauge = Gauge()
    return LiveScreen(caller.stderr, manner, caller.environ, gauge), gauge


def _frame(caller: Caller) -> Frame | None:
    """What stands round the output of steps on GitHub Actions."""
    if caller.environ.get("GITHUB_ACTIONS") != "true":
        return None
    from wavebuild.ui.github import new_frame

    return new_frame()


def _has_panel(caller: Caller, show: Show, terminal: bool) -> bool:
    """Whether rows can be written again there, and nobody else writes between them."""
    environ = caller.environ
    if not terminal or show.quiet or environ.get("TERM", "") in ("", "dumb"):
        return False
    if environ.get("CI") or environ.get("MAKELEVEL"):
        return False
    return not (show.events == "-" and caller.stdout.isatty())
