"""Which builds are caused by builds: what changed while a step of the last one ran, and whether that goes round.

It does not know how to build, nor when.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from wavebuild.watch.guard import Circle, Guard, Verdict
from wavebuild.watch.running import Built
from wavebuild.watch.sight import Stamp

HOOK = "--exec"
"""What is run after a build, in the place of a step."""


class Rounds:
    """``circle``: what went round when building was stopped; ``rests``: it is waited out whether it still does."""

    def __init__(self) -> None:
        self.circle: Circle | None = None
        self.rests = False
        self.moved: dict[str, str] = {}  # what has changed while a step ran that reads it, and that step
        self._guard = Guard()
        self._windows: dict[str, tuple[int, int]] = {}  # what the last build ran, from when to when (ns)

    def forget(self) -> None:
        """Somebody wants a build, whatever caused the last ones."""
        self._guard.forget()
        self.circle, self.rests = None, False

    def built(self, built: Built | None) -> None:
        """A build has ended; None: it could not begin, or was killed."""
        self._windows = {each.step: each.window for each in built.ran} if built else {}
        self.moved = dict(built.moved) if built else {}

    def hook_runs(self) -> None:
        """What is run after a build may change what the project looks at, as a step may."""
        began, _ = self._windows.get(HOOK, (time.time_ns(), 0))
        self._windows[HOOK] = began, time.time_ns()

    def verdict(self, news: Mapping[str, Stamp]) -> Verdict:
        """Whether all this may be built, or builds just cause one another."""
        if self.rests:  # all has been still: this one is to show whether it happens again
            self.rests = False
            return "go"
        verdict = self._guard.round(tuple(news), [*self.moved.values()] or self._ran_meanwhile(news))
        if verdict == "rest":
            self.rests = True
        elif verdict == "stop":
            self.circle = self._guard.circle
            self._guard.forget()
            self.moved = {}
        return verdict

    def _ran_meanwhile(self, news: Mapping[str, Stamp]) -> list[str]:
        """The steps of the last build while which all of this has changed; none of what was removed tells when."""
        moments = [stamp[4] if len(stamp) >= 5 else 0 for stamp in news.values()]
        return [step for step, (begin, end) in self._windows.items() if all(begin <= each <= end for each in moments)]
