"""The screen of a quiet build: nothing is shown of it, and nothing comes that could show it, until a step fails or
very many have run.

It does not know how a failure is shown: the plain screen is told all that happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavebuild.run.events import Event, Outcome, StepSettled

if TYPE_CHECKING:
    from wavebuild.ui.manner import Manner, Screen
    from wavebuild.ui.plain import Sink


MOST_HELD = 1 << 10
"""Events that are held for the plain screen; a build of more has time to bring it in."""


class QuietScreen:
    """``manner`` is a quiet one: the plain screen would be silent, too, where this is."""

    def __init__(self, stream: Sink, manner: Manner) -> None:
        self._stream = stream
        self._manner = manner
        self._told: list[Event] = []  # until there is something to show
        self._screen: Screen | None = None

    def tell(self, event: Event) -> None:
        if self._screen is not None:
            self._screen.tell(event)
            return
        self._told.append(event)
        went_ill = isinstance(event, StepSettled) and event.settled.outcome in (Outcome.FAILED, Outcome.WAITING)
        if went_ill or len(self._told) >= MOST_HELD:
            self._shown()

    def close(self, ending: list[str]) -> None:
        if self._screen is not None or ending:
            self._shown().close(ending)

    def _shown(self) -> Screen:
        """The plain screen, which knows all that happened."""
        if self._screen is None:
            from wavebuild.ui.plain import PlainScreen

            self._screen = PlainScreen(self._stream, self._manner)
            for event in self._told:
                self._screen.tell(event)
            self._told.clear()
        return self._screen
