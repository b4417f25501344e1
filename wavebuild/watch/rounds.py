"""Which builds are caused by builds: what changed while a step of the last one ran, and whether that goes round.

It does not know how to build, nor when.
"""

from __future__ import annotations

from collections.abc import Mapping

from wavebuild.watch.guard import Circle, Guard, Verdict
from wavebuild.watch.running import Built
from wavebuild.watch.sight import Stamp

REST, LONGEST_REST = 2.0, 60.0
"""Seconds without a change after which a circle of builds is tried once more: as many as the steps take that go round,
so that whoever changes files as often as that while a step runs is seen to do so while none does."""

HOOK = "--exec"
"""What is run after a build, in the place of a step."""


class Rounds:
    """``circle``: what went round when building was stopped; ``doubted``: what seems to, while that is waited out."""

    def __init__(self) -> None:
        self.circle: Circle | None = None
        self.doubted: Circle | None = None
        self.moved: dict[str, str] = {}  # what has changed while a step ran that reads it, and that step
        self._rest_ends = 0.0
        self._rests_with: dict[str, Stamp] = {}  # what was to be built when it was doubted
        self._guard = Guard()
        self._windows: dict[str, tuple[int, int]] = {}  # what the last build ran, from when to when (ns)

    def forget(self) -> None:
        """Somebody wants a build, whatever caused the last ones."""
        self._guard.forget()
        self.circle = self.doubted = None

    def built(self, built: Built | None) -> None:
        """A build has ended; None: it could not begin, or was killed."""
        self._windows = {each.step: each.window for each in built.ran} if built else {}
        self.moved = dict(built.moved) if built else {}

    def hook_ran(self, window: tuple[int, int]) -> None:
        """What is run after a build may change what the project looks at, as a step may."""
        self._windows[HOOK] = window

    def verdict(self, news: Mapping[str, Stamp], now: float) -> Verdict:
        """Whether all this may be built, or builds just cause one another. ``now``: in seconds."""
        if self.doubted is not None:
            return self._while_it_rests(news, now)
        verdict = self._guard.round(tuple(news), [*self.moved.values()] or self._ran_meanwhile(news))
        if verdict == "rest":
            self.doubted = self._guard.circle
            self._rest_ends, self._rests_with = now + self._seconds_of(self.doubted), dict(news)
        elif verdict == "stop":
            self.circle = self._guard.circle
            self._guard.forget()
            self.moved = {}
        return verdict

    def rest(self, now: float) -> float:
        """Seconds that the rest takes yet."""
        return max(0.0, self._rest_ends - now)

    def _while_it_rests(self, news: Mapping[str, Stamp], now: float) -> Verdict:
        if any(self._rests_with.get(name) != stamp for name, stamp in news.items()):
            self.forget()  # somebody makes changes while nothing runs
            return "go"
        if now < self._rest_ends:
            return "rest"
        self.doubted = None  # this build is to show whether it happens again
        return "go"

    def _seconds_of(self, circle: Circle) -> float:
        windows = [self._windows[step] for step in circle.steps if step in self._windows]
        return min(LONGEST_REST, max([REST, *((end - begin) / 1e9 for begin, end in windows)]))

    def _ran_meanwhile(self, news: Mapping[str, Stamp]) -> list[str]:
        """The steps of the last build while which all of this has changed; none of what was removed tells when."""
        moments = [max(stamp[4::5], default=0) for stamp in news.values()]
        return [step for step, (begin, end) in self._windows.items() if all(begin <= each <= end for each in moments)]
