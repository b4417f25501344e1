"""Whether a panel may stand on the terminal that a build writes to, and the screen that has one.

It does not know what will be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from wavebuild.run.gauge import Gauge
from wavebuild.ui.manner import Manner, Screen

if TYPE_CHECKING:
    from wavebuild.ui.asking import Show
    from wavebuild.ui.caller import Caller


def live_screen(caller: Caller, show: Show, manner: Manner) -> tuple[Manner, Screen, Gauge] | None:
    """The screen with its manner, and where the build shows what it waits for; None: there are lines alone."""
    if not _has_panel(caller, show):
        return None
    from wavebuild.ui.live import LiveScreen

    manner, gauge = replace(manner, panel=True), Gauge()
    return manner, LiveScreen(caller.stderr, manner, caller.environ, gauge), gauge


def _has_panel(caller: Caller, show: Show) -> bool:
    """Whether rows can be written again there, and nobody else writes between them."""
    environ = caller.environ
    if show.quiet or environ.get("TERM", "") in ("", "dumb"):
        return False
    if environ.get("CI") or environ.get("MAKELEVEL"):
        return False
    return not (show.events == "-" and caller.stdout.isatty())
