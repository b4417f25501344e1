"""``wavebuild mem``: the shared memory as a table, one value in full, or one JSON document."""

from __future__ import annotations

import json

from tests.ui.samples import called


def test_without_a_key_it_is_a_table() -> None:
    """Every key, its value and its writer; nothing that a terminal takes amiss."""
    done = called("mem")

    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()[2:]] == ["idea", "score"]
    assert "none yet" in done.out
    assert "\x1b" not in done.out


def test_one_key_is_its_value_as_json() -> None:
    """Ready for another program."""
    done = called("mem", "idea")

    assert json.loads(done.out) == "a \x1b[31mred market"
    assert "\x1b" not in done.out


def test_a_key_without_a_value_yet_is_told() -> None:
    """With the step that writes it."""
    done = called("mem", "score")

    assert (done.code, done.out) == (1, "")
    assert "step 'judge' writes it" in done.err


def test_as_json_a_missing_value_is_left_out() -> None:
    """null is a value."""
    done = called("mem", "--json")

    assert json.loads(done.out)["memory"] == [
        {"key": "idea", "written_by": None, "value": "a \x1b[31mred market"},
        {"key": "score", "written_by": "judge"},
    ]


def test_initial_values_are_given_as_pairs() -> None:
    """KEY=VALUE, and anything else is refused."""
    done = called("plan", "--mem", "a=1", "--mem", "b=x=y")

    assert done.engine.asked[-1][1].memory == (("a", "1"), ("b", "x=y"))
    assert called("plan", "--mem", "a").code == 2
