"""The lines of ``--events`` in JSON Schema, for programs that read them.

It does not know how a line is made; a test holds every line that is made against it.
"""

from __future__ import annotations

from typing import get_args

from wavebuild.declare.shapes import Shape
from wavebuild.judge.reasons import Reason
from wavebuild.run.events import Outcome
from wavebuild.ui.causes import KINDS
from wavebuild.ui.words import kind_of

_TEXT: Shape = {"type": "string"}
_NUMBER: Shape = {"type": "number"}
_WHOLE: Shape = {"type": "integer"}
_FLAG: Shape = {"type": "boolean"}
_INSTANT: Shape = {"type": "string", "format": "date-time"}
_NAMES: Shape = {"type": "array", "items": _TEXT}
_REASONS: Shape = {"type": "array", "items": {"$ref": "#/$defs/reason"}}


def _object(properties: dict[str, Shape], needed: tuple[str, ...] = ()) -> Shape:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(needed or properties),
        "additionalProperties": True,
    }


def _or_null(shape: Shape) -> Shape:
    return {"anyOf": [shape, {"type": "null"}]}


_TOUCHES: Shape = {"type": "array", "items": _object({"path": _TEXT, "owner": _or_null(_TEXT)})}
_TOUCHED = ("reads", "writes", "removes", "sought", "refused", "advisor_reads")
_REVIEW = _object(
    {
        "advisor": _TEXT,
        "score": _NUMBER,
        "approved": _FLAG,
        "threshold": _NUMBER,
        "critical_issues": _NAMES,
        "suggestions": _NAMES,
        "summary": _TEXT,
        "severity": _or_null(_TEXT),
    }
)
_CAUSE = _object({"kind": {"enum": [*sorted(KINDS)]}, "text": _TEXT, "certain": _FLAG})
_SETTLED: dict[str, Shape] = {
    "step": _TEXT,
    "outcome": {"enum": [outcome.value for outcome in Outcome]},
    "wave": _WHOLE,
    "started": _or_null(_INSTANT),
    "seconds": _NUMBER,
    "attempts": _WHOLE,
    "score": _or_null(_NUMBER),
    "review": _or_null(_REVIEW),
    "reasons": _REASONS,
    "failure": _or_null(_TEXT),
    "cause": _or_null(_CAUSE),
    "detail": _or_null(_TEXT),
    "exit_code": _or_null(_WHOLE),
    "signal": _or_null(_TEXT),
    "command": _or_null(_TEXT),
    "tail": _NAMES,
    "log": _or_null(_TEXT),
    "blocked_by": _NAMES,
    "moved": _NAMES,
    "undid": _NAMES,
    "displaced": _NAMES,
    "notes": _NAMES,
    "audit": _or_null(
        _object(dict.fromkeys(_TOUCHED, _TOUCHES) | {"lists": _NAMES, "unread": _NAMES, "complete": _FLAG})
    ),
}
_EVENTS: dict[str, dict[str, Shape]] = {
    "build_started": {
        "jobs": _WHOLE,
        "schedule": {"enum": ["flow", "barrier"]},
        "steps": _WHOLE,
        "waves": {"type": "array", "items": _NAMES},
    },
    "wave_started": {"wave": _WHOLE},
    "steps_found": {"repeated": _NAMES, "steps": _WHOLE, "waves": {"type": "array", "items": _NAMES}},
    "step_started": {
        "step": _TEXT,
        "wave": _WHOLE,
        "attempt": _WHOLE,
        "reasons": _REASONS,
        "command": _TEXT,
        "log": _TEXT,
    },
    "step_retried": {"step": _TEXT, "attempt": _WHOLE, "failure": _TEXT, "delay": _NUMBER},
    "step_reviewed": {"step": _TEXT, "attempt": _WHOLE, "review": _REVIEW},
    "step_settled": _SETTLED,
    "build_settled": {
        "ok": _FLAG,
        "seconds": _NUMBER,
        "counts": {"type": "object", "additionalProperties": _WHOLE},
        "exit_code": _WHOLE,
    },
    "noticed": {"message": _TEXT},
}


def events_schema() -> Shape:
    """One line of ``--events``; keys may be added by later versions, so readers ignore those they do not know."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wavebuild event",
        "description": "one line of --events: an object that says what happened, in the past tense",
        "oneOf": [_event(name, facts) for name, facts in _EVENTS.items()],
        "$defs": {"reason": _reason()},
    }


def _event(name: str, facts: dict[str, Shape]) -> Shape:
    head: dict[str, Shape] = {"event": {"const": name}, "at": _INSTANT, "run": _TEXT}
    return _object(head | facts, needed=(*head, *facts))


def _reason() -> Shape:
    kinds: Shape = {"enum": [*sorted(kind_of(each) for each in get_args(Reason))]}
    return _object(
        {"kind": kinds, "text": _TEXT, "artifact": _TEXT, "was": _TEXT, "now": _TEXT}, needed=("kind", "text")
    )
