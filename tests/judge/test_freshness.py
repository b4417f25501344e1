"""The rule: fresh if some kept trace says that all it read, made and is are as they were."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from wavebuild.judge.freshness import Fresh, Now, Stale, judge, nearest_trace, reasons
from wavebuild.judge.reasons import (
    ActionChanged,
    Always,
    FailedBefore,
    Forced,
    GateChanged,
    InputAdded,
    InputChanged,
    InputRemoved,
    InputsMoved,
    NeverRan,
    OutputEdited,
    OutputMissing,
    Reason,
    TooOld,
)
from wavebuild.judge.trace import Trace

TRACE = Trace(
    step="a",
    run="r1",
    began=1000.0,
    seconds=1.0,
    action={"command": "cp", "shell": "auto"},
    gate={"check 1": "test"},
    inputs={"i": "1", "j": "2"},
    gate_inputs={"limit": "5"},
    outputs={"o": "9", "p": "8"},
)
NOW = Now(
    action={"command": "cp", "shell": "auto"},
    gate={"check 1": "test"},
    inputs={"i": "1", "j": "2"},
    gate_inputs={"limit": "5"},
    outputs={"o": "9", "p": "8"},
    makers={"i": "maker"},
    clock=1010.0,
)


def other(trace: Trace = TRACE, **facts: Any) -> Trace:
    return msgspec.structs.replace(trace, **facts)


def why(now: Now, *traces: Trace) -> tuple[Reason, ...]:
    verdict = judge(now, traces)
    assert isinstance(verdict, Stale), verdict
    return verdict.reasons


def test_all_as_it_was_is_fresh():
    """And the verdict names the trace that says so."""
    assert judge(NOW, (TRACE,)) == Fresh(TRACE)


DIFFERENCES: dict[str, tuple[Now, Reason]] = {
    "command": (replace(NOW, action=dict(NOW.action) | {"command": "mv"}), ActionChanged("command", "cp", "mv")),
    "part added": (replace(NOW, action=dict(NOW.action) | {"cwd": "d"}), ActionChanged("cwd", "", "d")),
    "part gone": (replace(NOW, action={"command": "cp"}), ActionChanged("shell", "auto", "")),
    "input changed": (replace(NOW, inputs={"i": "7", "j": "2"}), InputChanged("i", "1", "7", "maker")),
    "source changed": (replace(NOW, inputs={"i": "1", "j": "7"}), InputChanged("j", "2", "7", None)),
    "input added": (replace(NOW, inputs=dict(NOW.inputs) | {"k": "3"}), InputAdded("k", "3", None)),
    "input removed": (replace(NOW, inputs={"i": "1"}), InputRemoved("j", "2", None)),
    "output missing": (replace(NOW, outputs={"o": None, "p": "8"}), OutputMissing("o")),
    "output edited": (replace(NOW, outputs={"o": "x", "p": "8"}), OutputEdited("o", "9", "x")),
    "always": (replace(NOW, always=True), Always()),
    "forced": (replace(NOW, forced=True), Forced()),
    "too old": (replace(NOW, max_age=5.0), TooOld(10.0, 5.0)),
    "check changed": (replace(NOW, gate={"check 1": "other"}), GateChanged("check 1", "test", "other")),
    "check's input changed": (replace(NOW, gate_inputs={"limit": "6"}), GateChanged("limit", "5", "6")),
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_every_difference_is_stale_for_its_own_reason(what: str):
    """One reason of the closed list for each, with old and new; nothing else is said."""
    now, reason = DIFFERENCES[what]

    assert why(now, TRACE) == (reason,)


def test_an_input_in_the_place_of_another_is_told_with_the_one_that_is_gone():
    """There are as many as before, and yet others."""
    now = replace(NOW, inputs={"i": "1", "k": "2"})
    assert why(now, TRACE) == (InputAdded("k", "2", None), InputRemoved("j", "2", None))
    now = replace(NOW, inputs={"k": "2", "l": "2", "m": "3"})
    gone = (InputRemoved("i", "1", "maker"), InputRemoved("j", "2", None))
    assert why(now, TRACE) == (*(InputAdded(member, was, None) for member, was in now.inputs.items()), *gone)


def test_nothing_on_record_is_stale():
    """It never ran."""
    assert why(NOW) == (NeverRan(),)
    assert why(replace(NOW, always=True, forced=True)) == (Forced(), Always(), NeverRan())


def test_age_counts_from_the_begin_of_the_last_success():
    """Exactly as old as allowed is not too old."""
    assert judge(replace(NOW, max_age=10.0), (TRACE,)) == Fresh(TRACE)
    assert why(replace(NOW, max_age=9.0), TRACE) == (TooOld(10.0, 9.0),)


def test_a_younger_trace_is_not_too_old_though_an_older_one_is():
    """Any kept trace may say that all is fresh."""
    young = other(began=1009.0)

    assert judge(replace(NOW, max_age=5.0), (young, TRACE)) == Fresh(young)


@pytest.mark.parametrize(
    ("marked", "reason"), [(other(void=True), FailedBefore()), (other(moved=("i",)), InputsMoved(("i",)))]
)
def test_void_and_moved_traces_are_never_fresh(marked: Trace, reason: Reason):
    """A failure since, or inputs that changed while it ran: what they say is not to be trusted."""
    assert why(NOW, marked) == (reason,)


def test_a_state_that_was_returned_to_is_fresh():
    """A to B and back to A: the older trace still holds."""
    newer = other(inputs={"i": "B", "j": "2"}, outputs={"o": "B", "p": "8"})

    assert judge(NOW, (newer, TRACE)) == Fresh(TRACE)


def test_an_older_inputs_state_with_newer_outputs_is_stale():
    """Inputs of A and outputs of B were never seen together."""
    newer = other(inputs={"i": "B", "j": "2"}, outputs={"o": "B", "p": "8"})

    assert isinstance(judge(replace(NOW, outputs={"o": "B", "p": "8"}), (newer, TRACE)), Stale)


def test_all_reasons_are_told_those_of_the_gate_last():
    """The walk goes on for explain, in an order that puts the telling first."""
    now = replace(
        NOW, action={"command": "mv", "shell": "auto"}, inputs={"i": "7"}, outputs={"o": None, "p": "x"}, gate={}
    )

    assert [type(reason) for reason in why(now, TRACE)] == [
        ActionChanged, InputChanged, InputRemoved, OutputMissing, OutputEdited, GateChanged,
    ]  # fmt: skip


def test_reasons_are_found_one_by_one():
    """A build stops at the first: the others are not even looked for."""
    now = replace(NOW, always=True, inputs=None)

    assert next(reasons(now, TRACE)) == Always()


class TestGate:
    def test_only_the_gate_changed_means_the_action_need_not_run(self):
        """The verdict names whose outputs are to be judged again."""
        verdict = judge(replace(NOW, gate={"check 1": "other"}), (TRACE,))

        assert verdict == Stale((GateChanged("check 1", "test", "other"),), gate_only=TRACE)

    @pytest.mark.parametrize("what", [name for name in DIFFERENCES if "check" not in name])
    def test_gate_and_something_else_is_a_run(self, what: str):
        """The new outputs will be judged by the new checks anyway."""
        now = replace(DIFFERENCES[what][0], gate={"check 1": "other"})

        verdict = judge(now, (TRACE,))

        assert isinstance(verdict, Stale)
        assert verdict.gate_only is None

    @pytest.mark.parametrize("marked", [other(void=True), other(moved=("i",))])
    def test_a_void_or_moved_trace_is_not_judged_again(self, marked: Trace):
        """Its outputs may not be what its inputs give."""
        verdict = judge(replace(NOW, gate={}), (marked,))

        assert isinstance(verdict, Stale)
        assert verdict.gate_only is None

    def test_an_older_trace_may_need_only_its_gate(self):
        """A state that was returned to, under new checks."""
        newer = other(inputs={"i": "B", "j": "2"})

        verdict = judge(replace(NOW, gate={}), (newer, TRACE))

        assert isinstance(verdict, Stale)
        assert verdict.gate_only == TRACE


def test_explaining_prefers_a_trace_that_a_failure_did_not_touch():
    """`it failed before` explains nothing when something else changed since."""
    failed = other(inputs={"i": "B", "j": "2"}, void=True)

    assert nearest_trace(NOW, (failed, TRACE)) == TRACE
    assert nearest_trace(replace(NOW, inputs=failed.inputs), (failed, TRACE)) == failed


# Properties

digests = some.sampled_from("123")
names = some.sampled_from("abc")
facts = some.dictionaries(names, digests, max_size=3)
traces = some.builds(
    Trace,
    step=some.just("a"),
    run=some.just("r"),
    began=some.just(0.0),
    seconds=some.just(0.0),
    action=some.dictionaries(some.just("command"), digests, min_size=1),
    gate=some.dictionaries(some.just("check 1"), digests),
    inputs=facts,
    gate_inputs=some.dictionaries(some.just("g"), digests),
    outputs=facts,
    void=some.booleans(),
    moved=some.sampled_from([(), ("a",)]),
)


@some.composite
def situations(draw):
    """Kept traces, and facts that are often those of one of them."""
    kept = draw(some.lists(traces, max_size=8))
    near = draw(some.sampled_from(kept) if kept else traces)
    known = dict.fromkeys(member for trace in kept for member in trace.outputs)
    stands = {member: draw(some.sampled_from([near.outputs.get(member), "1", None])) for member in known}
    return kept, Now(
        action=near.action if draw(some.booleans()) else draw(some.dictionaries(some.just("command"), digests)),
        gate=near.gate if draw(some.booleans()) else {},
        inputs=near.inputs if draw(some.integers(0, 3)) else draw(facts),
        gate_inputs=near.gate_inputs if draw(some.integers(0, 3)) else {},
        outputs=stands,
        makers={},
    )


def equal(now: Now, trace: Trace) -> bool:
    """The rule of the manual, in its own words."""
    return (
        not trace.void
        and not trace.moved
        and trace.action == now.action
        and trace.gate == now.gate
        and trace.inputs == now.inputs
        and trace.gate_inputs == now.gate_inputs
        and all(now.outputs.get(member) == digest for member, digest in trace.outputs.items())
    )


@given(situations())
def test_fresh_if_and_only_if_some_kept_trace_equals_now_in_all(situation):
    """Nothing else makes a step fresh, and nothing else makes it stale."""
    kept, now = situation

    assert isinstance(judge(now, kept), Fresh) == any(equal(now, trace) for trace in kept)


@given(situations())
def test_a_stale_verdict_always_has_a_reason(situation):
    """Whoever asks why gets an answer."""
    kept, now = situation
    verdict = judge(now, kept)

    assert isinstance(verdict, Fresh) or (isinstance(verdict, Stale) and verdict.reasons)


@given(situations())
def test_a_recheck_happens_only_where_all_but_the_gate_is_fresh(situation):
    """The outputs are those that now's inputs and action gave."""
    kept, now = situation
    verdict = judge(now, kept)

    if isinstance(verdict, Stale) and verdict.gate_only is not None:
        trace = verdict.gate_only
        assert equal(replace(now, gate=trace.gate, gate_inputs=trace.gate_inputs), trace)


@given(situations(), some.booleans(), some.booleans())
def test_forced_and_always_are_never_fresh(situation, forced, always):
    """Whatever was recorded."""
    kept, now = situation

    verdict = judge(replace(now, forced=forced, always=always), kept)

    assert not ((forced or always) and isinstance(verdict, Fresh))
