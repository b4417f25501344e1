"""Steps whose intents are on record before their turn comes: nobody can tell, whatever happens before they begin."""

from __future__ import annotations

import pytest

from tests.support.workshop import Workshop
from wavebuild.run import scheduler
from wavebuild.run.events import Event, StepSettled

NAMES = tuple(f"s{number}" for number in range(6))


def steps(first: str, second: str) -> str:
    """Two that run for a while, and four that wait for their slots."""
    lines = [f"  {name}: {{inputs: in, outputs: {name}, run: 'note {name}; cat in > {name}'}}" for name in NAMES[2:]]
    own = [
        f"  s0: {{inputs: in, outputs: s0, run: 'note s0; {first}'}}",
        f"  s1: {{inputs: in, outputs: s1, run: 'note s1; {second}'}}",
    ]
    return "\n".join(["steps:", *own, *lines]) + "\n"


def test_all_is_built_and_then_idle(shop: Workshop):
    """With more steps than slots, and each of them once."""
    shop.put("in", "1")
    shop.wavefile(steps("cp in s0", "cp in s1"))
    built = shop.build(jobs=2, order=NAMES)

    assert built.code == 0
    assert sorted(built.ran) == list(NAMES)
    assert built.most_at_once == 2
    assert shop.build(jobs=2, order=NAMES).ran == []


def test_after_a_failure_the_former_outputs_of_those_that_were_ready_stand(shop: Workshop):
    """They have no result of this build, and the next one runs them."""
    shop.put("in", "1")
    shop.wavefile(steps("cp in s0", "cp in s1"))
    shop.build(jobs=2, order=NAMES)
    shop.put("in", "2")
    until_it_failed = "touch ../begun; until test -e ../failed; do sleep 0.02; done; cp in s1"
    shop.wavefile(steps("until test -e ../begun; do sleep 0.02; done; sleep 0.3; exit 1", until_it_failed))

    def told(event: Event) -> None:
        if isinstance(event, StepSettled) and event.settled.step == "s0":
            (shop.home / "failed").touch()

    built = shop.build(jobs=2, order=NAMES, meanwhile=told)

    assert built.code == 1
    assert sorted(built.ran) == ["s0", "s1"]
    assert [built.outcomes[name] for name in NAMES[2:]] == ["not_started"] * 4
    assert [shop.read(name) for name in NAMES[2:]] == ["1"] * 4
    shop.wavefile(steps("cp in s0", until_it_failed))
    again = shop.build(jobs=2, order=NAMES)
    assert sorted(again.ran) == ["s0", *NAMES[2:]]
    assert [shop.read(name) for name in NAMES] == ["2"] * 6
    assert shop.build(jobs=2, order=NAMES).ran == []


def test_an_input_that_changes_before_they_begin_is_read_as_it_then_is(shop: Workshop):
    """They are judged again, and their results hold."""
    shop.put("in", "1")
    shop.put("late", "1")
    shop.wavefile(
        "steps:\n"
        "  s0: {outputs: s0, run: 'sleep 0.3; echo 2 > late; sleep 0.6; touch s0'}\n"
        "  s1: {outputs: s1, run: 'until grep -q 2 late; do sleep 0.02; done; sleep 0.3; touch s1'}\n"
        "  s2: {inputs: late, outputs: s2, run: 'note s2; cat late > s2'}\n"
    )

    built = shop.build(jobs=2, order=NAMES)

    assert built.code == 0
    assert shop.read("s2") == "2\n"
    assert shop.build(jobs=2, order=NAMES).ran == []


def test_what_a_person_makes_of_an_output_before_they_begin_is_not_lost(shop: Workshop):
    """As if it had been edited before the build."""
    shop.put("in", "1")
    shop.wavefile(steps("cp in s0", "cp in s1"))
    shop.build(jobs=2, order=NAMES)
    shop.put("in", "2")
    until_then = "until grep -q mine s2; do sleep 0.02; done; sleep 0.3; cp in s1"
    shop.wavefile(steps("sleep 0.3; echo mine > s2; sleep 0.6; cp in s0", until_then))

    built = shop.build(jobs=2, keep_going=True, order=NAMES)

    assert built.outcomes["s2"] == "succeeded"
    assert shop.read("s2") == "2"
    assert shop.displaced("s2") == ["mine\n"]


def test_what_a_person_makes_of_an_output_while_its_owner_waits_for_a_slot_is_not_lost(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
):
    """Where one job runs at a time nothing is on record ahead: the next was judged when the one before it began."""
    monkeypatch.setattr(scheduler, "STILL_TRUE_IN_LINE", 0.05)
    shop.put("in", "1")
    shop.wavefile(steps("cp in s0", "cp in s1"))
    shop.build(jobs=1, order=NAMES)
    shop.put("in", "2")
    shop.wavefile(steps("echo mine > s1; sleep 0.2; cp in s0", "cp in s1"))

    built = shop.build(jobs=1, order=NAMES)

    assert (built.code, shop.read("s1")) == (0, "2")
    assert shop.displaced("s1") == ["mine\n"]


def test_who_has_read_an_input_before_it_changed_looks_again_in_the_next_build(shop: Workshop):
    """One has seen it as it was, and is kept; another begins later, and reads it as it then is."""
    shop.put("in", "1")
    shop.put("late", "1")
    text = (
        "steps:\n"
        "  early: {{inputs: late, outputs: early, run: 'note early; cat late > early'}}\n"
        "  s0: {{inputs: in, outputs: s0, run: '{0}cp in s0'}}\n"
        "  s1: {{inputs: in, outputs: s1, run: '{1}cp in s1'}}\n"
        "  s2: {{inputs: [in, late], outputs: s2, run: 'note s2; cat late > s2'}}\n"
    )
    shop.wavefile(text.format("", ""))
    shop.build(jobs=2, order=NAMES, alone=True)
    shop.put("in", "2")
    wait = "until {}; do sleep 0.02; done; "
    first = wait.format("test -e ../judged") + "echo 2 > late; sleep 0.6; "
    shop.wavefile(text.format(first, wait.format("grep -q 2 late") + "sleep 1; "))

    def told(event: Event) -> None:
        if isinstance(event, StepSettled) and event.settled.step == "early":
            (shop.home / "judged").touch()

    built = shop.build(jobs=2, order=NAMES, alone=True, meanwhile=told)

    assert (built.code, built.outcomes["early"], shop.read("s2")) == (0, "kept", "2\n")
    assert shop.build().ran == ["early"]
    assert shop.read("early") == "2\n"


@pytest.mark.parametrize("jobs", [1, 2])
def test_how_it_began_is_told_when_it_begins(shop: Workshop, jobs: int, monkeypatch: pytest.MonkeyPatch):
    """And its time is that of its own."""
    monkeypatch.setattr(scheduler, "STILL_TRUE", 60.0)
    shop.put("in", "1")
    shop.wavefile(steps("sleep 0.5; cp in s0", "sleep 0.5; cp in s1"))

    built = shop.build(jobs=jobs, order=NAMES)

    first, third = built.steps["s0"], built.steps["s2"]
    assert first.started is not None
    assert third.started is not None
    assert third.started >= first.started + 0.5
    assert built.most_at_once == jobs
