"""Room for one more job: what the load of the machine leaves, and the makes with which the jobs are shared.

It does not know steps, nor which of them wants the room. One job always has it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from wavebuild.run.jobserver import Tokens

AGAIN = 0.5
"""Seconds after which the load is looked at again."""

SOON = 0.05
"""Seconds after which more tokens are tried for, when there were some, but too few."""


def load_of_machine() -> float:
    """How many processes run or want to, but for this one; the mean of a minute where the system tells no more.

    The mean alone would let a build start all it has before it knows of the first.
    """
    try:
        with open("/proc/loadavg") as file:
            return max(0, int(file.read().split()[3].partition("/")[0]) - 1)
    except (OSError, IndexError, ValueError):
        return os.getloadavg()[0]


class Room:
    """``limit``: the load over which nothing starts beside what runs.

    ``tokens``: one is held for each slot that is used but the first, whose token we own.
    """

    def __init__(
        self, limit: float | None = None, load: Callable[[], float] = load_of_machine, tokens: Tokens | None = None
    ) -> None:
        self._limit = limit
        self._load = load
        self._tokens = tokens
        self.awaited: tuple[int, float | None] = (-1, None)

    @property
    def has_no_limit(self) -> bool:
        """Whether one job may always take the place of another."""
        return self._limit is None

    def take(self, used: int, more: int) -> bool:
        """Takes room for so many more slots besides those that are used; false if there is none now.

        Then ``awaited`` is what may bring it: a descriptor that becomes readable (-1: none), and the seconds
        after which to ask again.
        """
        if used and self._limit is not None and self._load() > self._limit:
            self.awaited = (-1, AGAIN)
            return False
        return self._tokens is None or self._take_tokens(self._tokens, used, more)

    def _take_tokens(self, tokens: Tokens, used: int, more: int) -> bool:
        held = tokens.held
        missing = used + more - 1 - held
        got = tokens.take(missing)
        # Where nothing runs, a job starts with what there is: two who wait for each other's tokens would wait for ever.
        if got >= missing or not used:
            return True
        tokens.keep(held)
        self.awaited = (-1, SOON) if got else (tokens.handle, None)
        return False

    def leave(self, used: int) -> None:
        """No more slots than these are used now."""
        if self._tokens is not None:
            self._tokens.keep(max(0, used - 1))
            if not used:
                self._tokens.make_whole()
