"""``check --race`` and ``check --twice`` on the command line."""

from __future__ import annotations

import json

from msgspec.structs import replace

from tests.ui.samples import HERE, FakeEngine, called
from wavebuild.errors import Problem
from wavebuild.figures import size

ODD = Problem("race", "b reads x, which a makes", HERE, "add to the inputs of b:\n  - x")


def test_a_trial_without_findings_says_what_was_tried():
    """Progress goes to the other stream."""
    race = called("check", "--race", "--yes")
    twice = called("check", "--twice", "silver")

    assert (race.code, race.out) == (
        0,
        "no race found in 4 builds of 3 steps (7.0 s): each of 2 pairs of steps came first either way\n",
    )
    assert race.err == "order 1 of 2 …\n"
    assert (twice.code, twice.out) == (0, "silver made the same twice (7.0 s)\n")


def test_findings_end_in_exit_code_1_and_warnings_alone_do_not():
    """As any problem they have a place and a remedy."""
    found = called("check", "--race", "--yes", engine=FakeEngine(problems=(ODD,)))
    warned = called("check", "--race", "--yes", engine=FakeEngine(problems=(replace(ODD, severity="warning"),)))

    assert (found.code, warned.code) == (1, 0)
    assert "b reads x, which a makes" in found.out
    assert "      - x" in found.out
    assert "no race found" in warned.out
    assert "no race found" not in found.out


def test_a_race_is_not_begun_where_nobody_agrees_to_it():
    """It runs every step several times; what that means is said."""
    asked = FakeEngine()
    refused = called("check", "--race", engine=asked)

    assert refused.code == 1
    assert "4 builds of 3 steps, one after another, in a copy of 12 files (3.3 MiB)" in refused.err
    assert "add --yes" in refused.err
    assert not any(name == "race" for name, _ in asked.asked)


def test_the_json_has_the_shape_of_check_and_more():
    """Programs read the problems in the same way."""
    found = json.loads(called("check", "--twice", "s", "--json", engine=FakeEngine(problems=(ODD,))).out)

    assert set(found) == {"problems", "builds", "steps", "pairs", "seconds"}
    assert found["problems"][0]["code"] == "race"


def test_the_two_trials_are_not_made_at_once():
    assert called("check", "--race", "--twice", "s").code == 2


def test_sizes_as_people_read_them():
    assert [size(n) for n in (1, 512, 1024, 1536 << 10, 5 << 40)] == [
        "1 byte",
        "512 bytes",
        "1.0 KiB",
        "1.5 MiB",
        "5120.0 GiB",
    ]
