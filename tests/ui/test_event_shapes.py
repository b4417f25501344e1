"""Every line of ``--events`` fits the schema that `wavebuild schema --events` prints.

It does not know how a build comes to an event.
"""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from msgspec.structs import replace

from tests.ui.samples import NOON, RUN, a_build_with_a_failure, called
from wavebuild.judge.reasons import ActionChanged, InputChanged, NeverRan
from wavebuild.run.audit import Audit, Touch
from wavebuild.run.events import (
    Event,
    Noticed,
    Opinion,
    Outcome,
    Settled,
    StepReviewed,
    StepSettled,
    StepsFound,
    WaveStarted,
)
from wavebuild.ui.event_shapes import events_schema
from wavebuild.ui.records import event_record

REVIEW = Opinion("critic", 0.5, True, 0.85, ("short",), ("more",), "so so", "low")
FULL = Settled(
    *("s", Outcome.FAILED, 3, NOON, 1.5, 2, (NeverRan(), InputChanged("a", "x", "y"), ActionChanged("run", "", "z"))),
    failure="signal",
    detail="d",
    exit_code=1,
    signal="SIGSEGV",
    log="l",
    blocked_by=("b",),
    moved=("m",),
    displaced=("d",),
    notes=("n",),
    audit=Audit((Touch("r"),), (Touch("w", "o"),), (Touch("x"),), ("l",), (Touch("s"),), (Touch("k"),), ("u",), False),
    review=REVIEW,
)
EVENTS = [
    *a_build_with_a_failure(),
    WaveStarted(RUN, NOON, 2),
    StepsFound(RUN, NOON, ("s",), 3, (("a",), ("s@1", "s@2"))),
    StepReviewed(RUN, NOON, "s", 1, REVIEW),
    StepSettled(RUN, NOON, FULL),
    Noticed(RUN, NOON, "repaired"),
]


def validator(closed: bool = False) -> Draft202012Validator:
    text = json.dumps(events_schema())
    made = json.loads(text.replace('"additionalProperties": true', '"additionalProperties": false') if closed else text)
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made, format_checker=FormatChecker())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_line_has_the_keys_of_the_schema_and_no_others(event: Event) -> None:
    """The schema is complete: a key that it does not know would be found here."""
    assert [error.message for error in validator(closed=True).iter_errors(event_record(event))] == []


def test_every_kind_of_event_is_held_against_the_schema() -> None:
    """No event is left out of this test, nor of the schema."""
    names: Any = events_schema()["oneOf"]

    assert {type(event) for event in EVENTS} == set(get_args(Event))
    assert len(names) == len(get_args(Event))


def test_a_line_that_lacks_a_key_or_has_a_wrong_word_does_not_fit() -> None:
    """The schema says something: it refuses."""
    good = event_record(StepSettled(RUN, NOON, replace(FULL, reasons=())))

    assert validator().is_valid(good)
    assert not validator().is_valid({**good, "outcome": "perhaps"})
    assert not validator().is_valid({name: value for name, value in good.items() if name != "wave"})
    assert not validator().is_valid({**good, "event": "step_paused"})


@pytest.mark.parametrize(("line", "title"), [("schema", "Wavefile"), ("schema --events", "wavebuild event")])
def test_the_command_prints_a_schema_without_a_project(line: str, title: str) -> None:
    """What is printed is a JSON Schema, also where there is no Wavefile."""
    done = called(*line.split())

    printed = json.loads(done.out)
    Draft202012Validator.check_schema(printed)
    assert (done.code, printed["title"]) == (0, title)


def test_a_step_called_schema_is_not_mistaken_for_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """A bare word that is both is refused, with both spellings."""
    from tests.ui.samples import FakeEngine, graph_of, step

    done = called("schema", engine=FakeEngine(graph=graph_of(step("schema"))))

    assert done.code == 2
    assert "wavebuild schema --" in done.err
