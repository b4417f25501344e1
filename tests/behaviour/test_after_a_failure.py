"""After a build that did not end well the next one looks at what is left to do and at what has moved, no more."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.behaviour.test_small_changes import EVIDENCE, knows_all, settled, without_traces
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.run.events import StepStarted

STEPS = """
steps:
  a: {inputs: a.txt, outputs: out/a, run: "note a; cp a.txt out/a"}
  bad: {inputs: b.txt, outputs: out/b, run: "note bad; cp b.txt out/b; grep -q good b.txt"}
  after: {inputs: [out/a, out/b], outputs: out/c, run: "note after; cat out/a out/b > out/c"}
  d: {inputs: d.txt, outputs: out/d, run: "note d; cp d.txt out/d"}
  e: {inputs: out/d, outputs: out/e, run: "note e; cp out/d out/e"}
"""


@pytest.fixture
def five(shop: Workshop) -> Workshop:
    """Never built, and one of its steps is going to fail."""
    shop.write(a__txt="1\n", b__txt="bad\n", d__txt="3\n")
    shop.wavefile(STEPS)
    time.sleep(0.03)
    return shop


def test_what_stands_is_not_looked_at_again(five: Workshop) -> None:
    """The failed step runs again, and what waits for it waits; nobody judges the others."""
    first = five.build(keep_going=True)
    assert (first.code, sorted(first.ran)) == (1, ["a", "bad", "d", "e"])

    again = five.build(keep_going=True)

    assert (again.code, again.ran, sorted(again.told)) == (1, ["bad"], ["after", "bad"])
    assert again.outcomes == {
        "a": "kept",
        "d": "kept",
        "e": "kept",
        "bad": "failed",
        "after": "blocked",
    }
    assert not knows_all(five)


def test_edit_fail_edit_comes_to_its_end(five: Workshop) -> None:
    """As if all had been looked at each time."""
    five.build(keep_going=True)
    five.write(b__txt="bad again\n")
    assert five.build(keep_going=True).ran == ["bad"]
    five.write(b__txt="good\n")

    built = five.build()

    assert (built.code, built.ran, built.told) == (0, ["bad", "after"], ["bad", "after"])
    assert five.read("out/c") == "1\ngood\n"
    assert knows_all(five)
    assert five.build().result.nothing_to_do


def test_a_failure_in_what_was_well_leaves_its_former_outputs_and_the_rest(five: Workshop) -> None:
    """They are back, and are the failed step's all the same: it runs until it is well."""
    five.write(b__txt="good\n")
    settled(five, STEPS)
    five.write(b__txt="bad\n")
    assert five.build().ran == ["bad"]
    assert five.read("out/b") == "good\n"
    five.write(d__txt="4\n")

    built = five.build(keep_going=True)

    assert (sorted(built.ran), sorted(built.told)) == (["bad", "d", "e"], ["after", "bad", "d", "e"])
    five.write(b__txt="good\n")
    built = five.build()
    assert built.outcomes == dict.fromkeys(("a", "bad", "after", "d", "e"), "kept")
    assert knows_all(five)


def test_who_was_not_reached_is_looked_at_next(five: Workshop) -> None:
    """Without -k a failure leaves steps that nobody has judged: they are not taken for fresh."""
    five.write(b__txt="good\n")
    settled(five, STEPS)
    five.write(a__txt="2\n", b__txt="bad\n", d__txt="4\n")
    assert five.build().code == 1
    five.write(b__txt="good\n")
    five.build()

    assert (five.read("out/c"), five.read("out/e")) == ("2\ngood\n", "4\n")
    assert five.build().ran == []
    assert knows_all(five)


def test_an_interrupted_build_vouches_for_what_it_had_done(five: Workshop) -> None:
    """What was stopped, and what had not begun, is left to the next; what was made is not looked at again."""
    five.write(b__txt="good\n")
    five.wavefile(STEPS.replace("note d; cp d.txt out/d", "note d; sleep 30; cp d.txt out/d"))
    time.sleep(0.03)

    def stop(event: object) -> None:
        if isinstance(event, StepStarted) and event.step == "d":
            os.kill(os.getpid(), signal.SIGINT)

    stopped = five.build(meanwhile=stop)
    assert stopped.outcomes["d"] == "interrupted"
    well = {name for name, outcome in stopped.outcomes.items() if outcome == "succeeded"}
    assert well
    without_traces(five)  # who is looked at runs

    plan = five.plan()

    assert {name for name, word in plan.items() if word == "FRESH"} == well
    assert (plan["d"], plan["e"]) == ("RUN", "RUN")


def test_a_question_after_a_failure_says_what_a_look_at_all_says(five: Workshop) -> None:
    """What failed runs, what waits for it may; the others are known."""
    five.build(keep_going=True)
    of_few = engine.plan(five.request()), engine.status(five.request()), engine.question(five.request())
    (five.root / EVIDENCE).unlink()

    assert of_few == (engine.plan(five.request()), engine.status(five.request()), engine.question(five.request()))
    assert of_few[2]


def test_what_a_failed_step_did_to_the_files_of_others_is_seen(five: Workshop) -> None:
    """It wrote into a source before it failed: whoever reads that looks."""
    five.wavefile(STEPS.replace("note bad; cp", "note bad; echo 5 > d.txt; cp"))
    time.sleep(0.03)
    five.build(keep_going=True)
    five.build(keep_going=True)
    five.build(keep_going=True)

    assert (five.read("out/d"), five.read("out/e")) == ("5\n", "5\n")


def test_a_person_who_must_act_is_waited_for_each_time(shop: Workshop) -> None:
    """A manual step without its file is looked at in every build, and others are not for that."""
    shop.write(a__txt="1\n")
    shop.wavefile(
        "steps:\n"
        "  hand: {outputs: hand.txt, manual: write it}\n"
        "  read: {inputs: hand.txt, outputs: out/r, run: note read; cp hand.txt out/r}\n"
        "  a: {inputs: a.txt, outputs: out/a, run: note a; cp a.txt out/a}\n"
    )
    time.sleep(0.03)
    shop.build(keep_going=True)

    again = shop.build(keep_going=True)
    assert (again.code, sorted(again.told)) == (1, ["hand", "read"])
    shop.write(hand__txt="by hand\n")
    assert shop.build().ran == ["read"]
    assert shop.build().result.nothing_to_do
