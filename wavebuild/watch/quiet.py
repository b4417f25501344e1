"""When changes have come to rest: a while after the last one, and never much later than the first.

It does not know what has changed, nor reads a clock.
"""

from __future__ import annotations

CEILING = 1.0
"""Seconds after the first change, whatever else changes: who never ceases to write keeps nobody from building."""


class Quiet:
    """``due`` is the moment at which it is time to act; None while nothing has changed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._first: float | None = None
        self._last = 0.0

    def change(self, now: float) -> None:
        """``now``: of changes that are told late, when they came."""
        self._last = now if self._first is None else max(now, self._last)
        if self._first is None:
            self._first = now

    def forget(self) -> None:
        self._first = None

    @property
    def due(self) -> float | None:
        if self._first is None:
            return None
        return min(self._last + self.seconds, self._first + max(CEILING, self.seconds))
