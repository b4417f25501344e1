"""``--timeline``: a file that obeys the rules of the Trace Event Format, whatever became of the build.

It does not know how Perfetto draws it.
"""

from __future__ import annotations

import json
import os
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command import Site, events
from tests.support.processes import eventually
from tests.ui.samples import NOON, RUN, a_build_with_a_failure, build_started, settled, started
from wavebuild.run.events import Event, Opinion, Outcome, StepRetried, StepReviewed, WaveStarted
from wavebuild.ui.timeline import CLOCKS, Run, critical_path, in_slots, trace

PHASES = {"M", "X", "i", "s", "f"}
SCOPES = {"g", "p", "t"}


def problems(made: dict[str, Any]) -> list[str]:
    """Where a trace breaks the rules of "Trace Event Format", as far as it uses them."""
    found = [] if isinstance(made.get("traceEvents"), list) else ["no traceEvents"]
    found += [] if made.get("displayTimeUnit") in ("ms", "ns") else ["displayTimeUnit"]
    flows: dict[int, list[dict[str, Any]]] = {}
    for event in made["traceEvents"]:
        phase = event.get("ph")
        needed = {"name": str, "ph": str, "pid": int, "tid": int, "ts": int}
        found += [f"{key} of {event}" for key, kind in needed.items() if type(event.get(key)) is not kind]
        found += [f"phase of {event}"] * (phase not in PHASES) + [f"early {event}"] * (event["ts"] < 0)
        found += [f"dur of {event}"] * (phase == "X" and not (type(event.get("dur")) is int and event["dur"] >= 0))
        found += [f"scope of {event}"] * (phase == "i" and event.get("s") not in SCOPES)
        found += [f"cat of {event}"] * (phase != "M" and not event.get("cat"))
        found += [f"args of {event}"] * (not isinstance(event.get("args", {}), dict))
        if phase == "M":
            wanted = {"process_name": "name", "thread_name": "name", "thread_sort_index": "sort_index"}
            found += [f"metadata {event}"] * (set(event["args"]) != {wanted.get(event["name"])})
        if phase in "sf":
            flows.setdefault(event["id"], []).append(event)
    slices = [event for event in made["traceEvents"] if event["ph"] == "X"]
    for pair in flows.values():
        found += [f"flow {pair}"] * ([each["ph"] for each in pair] != ["s", "f"] or pair[0]["ts"] > pair[1]["ts"])
        found += [f"bp of {pair}"] * (pair[-1].get("bp") != "e")
        found += [f"no slice under {each}" for each in pair if not any(_lies_in(each, one) for one in slices)]
    lanes = {event["tid"] for event in slices}
    for lane in lanes:
        row = sorted((one for one in slices if one["tid"] == lane), key=lambda one: (one["ts"], one["dur"]))
        pairs = pairwise(row)
        found += [f"{one} overlaps {other}" for one, other in pairs if one["ts"] + one["dur"] > other["ts"]]
    named = {event["tid"] for event in made["traceEvents"] if event["name"] == "thread_name"}
    return found + [f"lane {lane} has no name" for lane in lanes - named]


def _lies_in(point: dict[str, Any], one: dict[str, Any]) -> bool:
    return bool(one["tid"] == point["tid"] and one["ts"] <= point["ts"] <= one["ts"] + one["dur"])


def traced(told: list[Event], upstream: dict[str, list[str]] | None = None) -> dict[str, Any]:
    run = Run()
    for event in told:
        run.tell(event)
    return json.loads(json.dumps(trace(run, upstream or {})))  # type: ignore[no-any-return]


def slices(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in made["traceEvents"] if event["ph"] == "X"]


def test_each_attempt_is_a_slice_and_what_was_kept_or_blocked_is_none():
    """With its wave, outcome, reasons, attempt, exit code and command; a retry is told as one."""
    made = traced([*a_build_with_a_failure(), settled("k", 1, Outcome.KEPT)])

    assert problems(made) == []
    assert [(one["name"], one["args"]["attempt"], one["args"]["outcome"]) for one in slices(made)] == [
        ("a", 1, "succeeded"),
        ("b", 1, "retried"),
        ("c", 1, "succeeded"),
        ("b", 2, "failed"),
    ]
    last = slices(made)[-1]
    assert (last["ts"], last["dur"], last["tid"]) == (4_000_000, 8_000_000, 1)
    assert last["args"]["exit_code"] == 3
    assert last["args"]["failure"] == "exit 3"
    assert last["args"]["reasons"] == ["never succeeded"]
    assert last["args"]["command"] == "make b"
    assert made["otherData"]["counts"] == {"kept": 1, "succeeded": 2, "failed": 1, "blocked": 1}
    assert made["otherData"]["started"] == "2026-11-21T12:00:00.000Z"


def test_a_lane_is_a_slot_and_not_a_step():
    """Three steps one after another on one of two slots; the time of the commit is not theirs."""
    told: list[Event] = [build_started([["a", "b", "c", "d"]])]
    for at, name in enumerate("abc"):
        told.append(started(name, 1, float(at)))
        told.append(settled(name, 1, Outcome.SUCCEEDED, at + 1.01, seconds=0.99, attempts=1))
    told.insert(1, started("d", 1, 0.0))

    made = traced(told)

    assert problems(made) == []
    assert {one["name"]: one["tid"] for one in slices(made)} == {"a": 1, "b": 1, "c": 1, "d": 2}
    assert next(one["dur"] for one in slices(made) if one["name"] == "a") == 990_000


def test_the_critical_path_is_the_longest_chain_and_is_marked_by_arrows_and_a_category():
    """Steps that were kept lie between, but are not drawn."""
    told: list[Event] = [
        build_started([["a", "b"], ["k"], ["z"]]),
        *(started("a", 1, 0.0), started("b", 1, 0.0)),
        *(settled("a", 1, Outcome.SUCCEEDED, 5.0), settled("b", 1, Outcome.SUCCEEDED, 1.0)),
        *(settled("k", 2, Outcome.KEPT, 5.0), started("z", 3, 5.5), settled("z", 3, Outcome.SUCCEEDED, 6.0)),
    ]

    made = traced(told, {"k": ["a", "b"], "z": ["k"]})

    assert problems(made) == []
    assert made["otherData"]["critical_path"] == ["a", "z"]
    assert {one["name"] for one in slices(made) if "critical" in one["cat"]} == {"a", "z"}
    assert [event["ph"] for event in made["traceEvents"] if event["cat" if "cat" in event else "ph"] == "critical"] == [
        *("s", "f")
    ]


def test_short_steps_at_once_have_a_slot_each_and_their_whole_length():
    """A hundredth of a second is no slip of a clock: none is cut, none leaves the critical path for that."""
    told: list[Event] = [
        build_started([["a", "b"], ["z"]]),
        *(started("a", 1, 0.0), started("b", 1, 0.001)),
        *(settled("a", 1, Outcome.SUCCEEDED, 0.015, seconds=0.015, attempts=1),),
        *(settled("b", 1, Outcome.SUCCEEDED, 0.011, seconds=0.01, attempts=1), started("z", 2, 0.016)),
        settled("z", 2, Outcome.SUCCEEDED, 0.02, seconds=0.004, attempts=1),
    ]

    made = traced(told, {"z": ["a", "b"]})

    assert problems(made) == []
    assert {one["name"]: (one["tid"], one["dur"]) for one in slices(made)} == {
        "a": (1, 15_000),
        "b": (2, 10_000),
        "z": (1, 4_000),
    }
    assert made["otherData"]["critical_path"] == ["a", "z"]


def test_what_lay_ready_begins_when_its_slot_is_free():
    """There are no more slots than jobs; where more would run than there are jobs, one was told of too early."""
    told: list[Event] = [
        build_started([["a", "b", "c"]], jobs=2),
        *(started("a", 1, 0.0), started("b", 1, 0.0), started("c", 1, 0.9)),
        *(settled(name, 1, Outcome.SUCCEEDED, 2.0, seconds=1.0, attempts=1) for name in "abc"),
    ]

    made = traced(told)

    assert problems(made) == []
    assert [(one["name"], one["tid"], one["ts"], one["dur"]) for one in slices(made)] == [
        ("a", 1, 0, 1_000_000),
        ("b", 2, 0, 1_000_000),
        ("c", 1, 1_000_000, 1_000_000),
    ]


def test_a_pause_before_the_next_try_is_part_of_the_critical_path():
    """As it is in the report."""
    told: list[Event] = [
        build_started([["a", "b"]]),
        *(started("a", 1, 0.0), started("b", 1, 0.0), StepRetried(RUN, NOON + 0.1, "a", 1, "exit 1", 5.0)),
        settled("b", 1, Outcome.SUCCEEDED, 3.0, seconds=3.0, attempts=1),
        *(started("a", 1, 5.1, attempt=2), settled("a", 1, Outcome.SUCCEEDED, 5.2, seconds=0.2, attempts=2)),
    ]

    assert traced(told)["otherData"]["critical_path"] == ["a"]


def test_reviews_and_waves_are_instants():
    """Under the barrier schedule the begin of each wave; of a review what was said."""
    said = Opinion("critic", 0.5, True, 0.85)
    told: list[Event] = [
        build_started([["a"]]),
        WaveStarted(RUN, NOON, 1),
        started("a", 1),
        StepReviewed(RUN, NOON + 1, "a", 1, said),
        settled("a", 1, Outcome.FAILED, 2.0, review=said),
    ]

    made = traced(told)

    instants = [event for event in made["traceEvents"] if event["ph"] == "i"]
    assert problems(made) == []
    assert [each["name"] for each in instants] == ["review: a rejected", "wave 1"]
    assert slices(made)[0]["args"]["score"] == 0.5


def test_what_never_told_of_its_end_ended_when_the_build_was_last_heard_of():
    """As when the build itself broke down."""
    made = traced([build_started([["a", "b"]]), started("a", 1, 1.0), started("b", 1, 3.0)])

    assert problems(made) == []
    assert [(one["name"], one["dur"], one["args"]["outcome"]) for one in slices(made)] == [
        ("a", 2_000_000, "unfinished"),
        ("b", 0, "unfinished"),
    ]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10)), max_size=40))
def test_no_two_slices_of_a_slot_overlap(times: list[tuple[float, float]]):
    """Whatever was told in whatever order; there are as many slots as ran at once, and no more."""
    told: list[Event] = [build_started([[f"s{at}" for at in range(len(times))]])]
    begun = sorted((start, length, at) for at, (start, length) in enumerate(times))
    told += [started(f"s{at}", 1, start) for start, _, at in begun]
    told += [settled(f"s{at}", 1, Outcome.SUCCEEDED, start + length) for start, length, at in begun]
    run = Run()
    for event in told:
        run.tell(event)

    made = traced(told, {f"s{at}": [f"s{at - 1}"] for at in range(1, len(times))})
    most = max((sum(1 for a, b, _ in begun if a <= s <= a + b + CLOCKS) for s, _, _ in begun), default=0)

    assert problems(made) == []
    assert max((one.slot for one in in_slots(run.ran, 0)), default=0) <= most
    assert set(critical_path(run.ran, run.waves, {})) <= {one.start.step for one in run.ran}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def drawn(site: Site, file: str = "t.json") -> dict[str, Any]:
    made: dict[str, Any] = json.loads(site.read(file))
    assert problems(made) == []
    return made


def test_a_build_that_fails_leaves_a_timeline_and_one_with_nothing_to_do_an_empty_one(site: Site):
    """Hostile names and commands are told as they can be shown."""
    site.write(
        "Wavefile",
        """
steps:
  a.b-c: {outputs: a, run: touch a}
  "ü": {inputs: a, outputs: u, run: "test -e b; touch u \u202e"}
  z: {inputs: u, outputs: z, run: touch z}
""",
    )
    failed = site.wavebuild("-j2", "--timeline", "t.json")
    made = drawn(site)

    assert failed.code == 1
    assert [(one["name"], one["args"]["outcome"]) for one in slices(made)] == [("a.b-c", "succeeded"), ("ü", "failed")]
    assert slices(made)[1]["args"]["exit_code"] == 1
    assert "\\u202e" in slices(made)[1]["args"]["command"]
    assert made["otherData"]["critical_path"] == ["a.b-c", "ü"]
    assert made["otherData"]["ok"] is False

    site.write("b", "")
    site.build("-j2")
    site.build("--timeline", "t.json")
    assert slices(drawn(site)) == []


def test_an_interrupted_build_leaves_a_timeline(site: Site):
    """What ran is drawn up to the interrupt."""
    site.write("Wavefile", "steps: {a: {outputs: a, run: 'touch begun; sleep 60; touch a'}}")
    with site.start("--timeline", "t.json", "--events", "e") as process:
        assert eventually(lambda: (site.root / "begun").exists(), 60)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=60)

    assert process.returncode == 130
    assert [(one["name"], one["args"]["outcome"]) for one in slices(drawn(site))] == [("a", "interrupted")]
    assert [each["event"] for each in events(site.root / "e")][-1] == "build_settled"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--timeline", "nowhere/t.json"], "there is no folder nowhere"),
        (["--timeline", "folder"], "no plain file"),
        (["--timeline", "/dev/null"], "no plain file"),
        (["--timeline", "t", "-n"], "goes with none of"),
        (["--timeline"], "needs a value"),
    ],
)
def test_where_no_timeline_can_be_that_is_said_before_anything_runs(flags: list[str], said: str, site: Site):
    """Exit 2, and nothing was run for it."""
    site.write("Wavefile", "steps: {a: {outputs: a, run: touch a}}")
    (site.root / "folder").mkdir()

    done = site.wavebuild(*flags)

    assert done.code == 2
    assert said in done.err
    assert not (site.root / "a").exists()


def test_a_wavefile_that_is_wrong_leaves_a_former_timeline_alone(site: Site):
    """Nothing was built, so there is nothing to draw."""
    site.write("Wavefile", "steps: {a: {outputs: a, run: touch a, nonsense: 1}}")
    site.write("t.json", "former")

    assert site.wavebuild("--timeline", "t.json").code == 2
    assert site.read("t.json") == "former"
