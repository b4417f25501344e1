"""`max_age` and `min_age`: durations, days and weeks of a time zone, by a clock that the test sets."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError

BERLIN = ZoneInfo("Europe/Berlin")
TEXT = """
settings: {timezone: Europe/Berlin}
steps:
  a: {inputs: s, outputs: o, AGE, run: 'note a; cat s > o'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
"""


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def begun(shop: Workshop, age: str, when: str) -> None:
    """A project that was built at that moment."""
    shop.wavefile(TEXT.replace("AGE", age))
    shop.put("s", "one")
    shop.now = at(when)
    shop.settle()


@pytest.mark.parametrize(
    ("age", "built", "fresh", "stale"),
    [
        ("max_age: 2h", "2026-05-06T10:00", "2026-05-06T12:00", "2026-05-06T12:00:01"),
        ("max_age: daily", "2026-05-06T00:00", "2026-05-06T23:59:59", "2026-05-07T00:00"),
        ("max_age: daily", "2026-03-28T23:59", "2026-03-28T23:59:30", "2026-03-29T00:00"),  # summer time begins
        ("max_age: daily", "2026-10-25T01:00", "2026-10-25T23:59:59", "2026-10-26T00:00"),  # a day of 25 hours
        ("max_age: weekly", "2026-05-04T00:00", "2026-05-10T23:59:59", "2026-05-11T00:00"),
        ("max_age: weekly", "2026-12-31T12:00", "2027-01-03T23:59:59", "2027-01-04T00:00"),
    ],
)
def test_max_age_makes_a_step_stale(shop: Workshop, age: str, built: str, fresh: str, stale: str):
    """Not a second earlier, and once it ran it is fresh again."""
    begun(shop, age, built)
    shop.now = at(fresh)
    assert (shop.plan()["a"], shop.stale(), shop.build().ran) == ("FRESH", False, [])
    shop.now = at(stale)
    assert (shop.plan()["a"], shop.stale()) == ("RUN", True)
    assert shop.reasons("a") == (["TooOld"] if "h" in age else ["BeforePeriod"])

    assert shop.build().ran == ["a"]
    assert shop.build().ran == []


@pytest.mark.parametrize(
    ("age", "built", "held", "free"),
    [
        ("min_age: 2h", "2026-05-06T10:00", "2026-05-06T11:59:59", "2026-05-06T12:00"),
        ("min_age: daily", "2026-10-25T00:00", "2026-10-25T23:59:59", "2026-10-26T00:00"),
        ("min_age: weekly", "2026-05-06T10:00", "2026-05-10T23:59:59", "2026-05-11T00:00"),
    ],
)
def test_min_age_holds_a_stale_step_back(shop: Workshop, age: str, built: str, held: str, free: str):
    """It is kept, its readers see what stands, and the reason says until when."""
    begun(shop, age, built)
    shop.put("s", "two")
    shop.now = at(held)
    assert shop.plan() == {"a": "HELD", "b": "FRESH"}
    assert (shop.reasons("a"), shop.stale()) == (["HeldBack", "InputChanged"], False)
    kept = shop.build()
    assert (kept.ran, kept.outcomes, shop.read("p")) == ([], {"a": "kept", "b": "kept"}, "one")
    shop.now = at(free)

    assert shop.plan() == {"a": "RUN", "b": "MAYBE"}
    assert (shop.build().ran, shop.read("p")) == (["a", "b"], "two")


def test_a_fresh_step_with_min_age_is_fresh(shop: Workshop):
    """There is nothing to hold back."""
    begun(shop, "min_age: 1w", "2026-05-06T10:00")

    assert shop.plan()["a"] == "FRESH"


def test_a_held_step_does_not_wait_for_what_upstream_will_do(shop: Workshop):
    """Whatever is remade before it, it does not run; so the plan can say it."""
    shop.wavefile("""
steps:
  a: {inputs: s, outputs: o, run: 'note a; cat s > o'}
  b: {inputs: o, outputs: p, min_age: 1d, run: 'note b; cat o > p'}
""")
    shop.put("s", "one")
    shop.now = at("2026-05-06T10:00")
    shop.settle()
    shop.put("s", "two")

    assert shop.plan() == {"a": "RUN", "b": "HELD"}
    assert (shop.build().ran, shop.read("p")) == (["a"], "one")


def test_what_never_succeeded_or_is_gone_is_not_held(shop: Workshop):
    """There would be nothing to read."""
    shop.wavefile(TEXT.replace("AGE", "min_age: 1w"))
    shop.put("s", "one")
    shop.now = at("2026-05-06T10:00")
    assert shop.build().ran == ["a", "b"]
    (shop.root / "o").unlink()

    assert shop.build().ran == ["a"]


def test_force_overrides_min_age(shop: Workshop):
    """-B is a person's word."""
    begun(shop, "min_age: 1w", "2026-05-06T10:00")

    assert shop.build("a", force=True).ran == ["a"]


def test_always_with_min_age_runs_once_a_day(shop: Workshop):
    """Never fresh, and held back until tomorrow."""
    shop.wavefile("steps: {a: {outputs: o, always: true, min_age: daily, run: 'note a; echo > o'}}")
    ran = []
    for hour in ("06T10:00", "06T20:00", "07T01:00", "07T02:00"):
        shop.now = datetime.fromisoformat(f"2026-05-{hour}").timestamp()
        ran.append(len(shop.build().ran))

    assert ran == [1, 0, 1, 0]


def test_a_failure_does_not_begin_a_new_age(shop: Workshop):
    """Only a success counts."""
    begun(shop, "max_age: 1h", "2026-05-06T10:00")
    shop.wavefile(TEXT.replace("AGE", "max_age: 1h").replace("cat s > o", "false"))
    shop.now = at("2026-05-06T11:30")
    assert shop.build().code == 1
    shop.wavefile(TEXT.replace("AGE", "max_age: 1h"))

    assert shop.plan()["a"] == "RUN"


@pytest.mark.parametrize("line", ["max_age: 5", "min_age: monthly", "max_age: 0s"])
def test_an_age_that_is_none_is_refused_with_its_place(shop: Workshop, line: str):
    """A bare number, another word, no time."""
    shop.wavefile(f"steps:\n  a:\n    {line}\n    run: note a\n")
    with pytest.raises(WavebuildError) as caught:
        shop.build()

    (problem,) = caught.value.problems
    assert problem.place is not None
    assert (problem.place.line, problem.code in ("bad-duration", "out-of-range")) == (3, True)


def test_an_unknown_time_zone_is_refused(shop: Workshop):
    """With the nearest that there is."""
    shop.wavefile("settings: {timezone: Europe/Berlyn}\nsteps: {a: {run: note a}}")
    with pytest.raises(WavebuildError) as caught:
        shop.build()

    assert "Europe/Berlin" in caught.value.problems[0].remedy
