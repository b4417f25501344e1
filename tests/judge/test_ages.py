"""When a success is too old, and how long a stale step is held back."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from wavebuild.declare.model import Age, Calendar
from wavebuild.judge.ages import held_until, is_too_old

ZONES = ["Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Asia/Kathmandu", "Pacific/Apia", "UTC"]


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", ["2018-11-04", "2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01", "2024-02-29"])
def test_a_day_begins_at_its_first_instant(zone: str, day: str):
    """Also where the clock jumps at midnight, or strikes it twice."""
    began = held_until(Calendar.DAILY, at(f"{day}T12:00", zone) - 86_400, zone)
    here, before = (datetime.fromtimestamp(began + shift, ZoneInfo(zone)).date() for shift in (0, -1))

    assert (str(here), before < here) == (day, True)
    assert not is_too_old(Calendar.DAILY, began, began + 3600, zone)
    assert is_too_old(Calendar.DAILY, began - 1, began, zone)


@pytest.mark.parametrize("age", [Calendar.DAILY, Calendar.WEEKLY, 3600.0])
def test_what_is_no_longer_held_back_is_too_old(age: Age):
    """Both ends of one age: up to that instant it is held by `min_age` and fresh by `max_age`."""
    began = at("2026-10-24T12:34", "Europe/Berlin")
    until = held_until(age, began, "Europe/Berlin")

    assert not is_too_old(age, began, until - 1, "Europe/Berlin")
    assert is_too_old(age, began, until + 1, "Europe/Berlin")


def test_a_week_begins_on_monday():
    """In the zone that is asked for."""
    sunday = at("2026-05-10T23:30", "Europe/Berlin")

    assert held_until(Calendar.WEEKLY, sunday, "Europe/Berlin") == at("2026-05-11T00:00", "Europe/Berlin")
    assert held_until(Calendar.WEEKLY, sunday, "Asia/Tokyo") == at("2026-05-18T00:00", "Asia/Tokyo")
