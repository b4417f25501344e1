"""When a success is too old, and how long a stale step is held back: durations, days and weeks of a time zone.

It does not know steps or traces, nor what time it is: instants in, instants out, in epoch seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavebuild.declare.model import Age, Calendar

if TYPE_CHECKING:
    from datetime import tzinfo


def is_too_old(age: Age, began: float, clock: float, zone: str | None) -> bool:
    """Whether what began then is older than the age allows: longer ago, or before today or Monday 00:00."""
    if isinstance(age, Calendar):
        return began < _start(age, clock, zone)
    return clock - began > age


def held_until(age: Age, began: float, zone: str | None) -> float:
    """The instant until which a step whose last success began then is held back."""
    if isinstance(age, Calendar):
        return _start(age, began, zone, periods=1)
    return began + age


def _start(calendar: Calendar, instant: float, zone: str | None, periods: int = 0) -> float:
    """When the day or week of an instant began, or the one so many later; the clock's changes are the zone's matter."""
    from datetime import datetime, timedelta

    where = _zone(zone)
    day = datetime.fromtimestamp(instant, where).date()
    length = 1
    if calendar is Calendar.WEEKLY:
        day, length = day - timedelta(days=day.weekday()), 7
    day += timedelta(days=length * periods)
    return datetime(day.year, day.month, day.day, tzinfo=where).timestamp()


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
