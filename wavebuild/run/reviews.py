"""What an advisor answers about a step's outputs, and how the next attempt hears of it.

It does not know when an advisor is asked, nor who makes the next draft.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from wavebuild import disk
from wavebuild.declare.model import Json, Review
from wavebuild.errors import WavebuildError, mistake
from wavebuild.run.events import Opinion
from wavebuild.run.masking import masked_text

LARGEST = 4 << 20
"""Bytes of an answer that are read; none is as long."""

SHOWN = 300
"""Characters of an answer that is no review, as they are shown."""

WANTED = '{"score": 0.9, "approved": true, "critical_issues": [], "suggestions": [], "summary": ""}'


def take_in(path: str, review: Review, secrets: Collection[str] = ()) -> Opinion:
    """The answer that an advisor left in a file. Raises WavebuildError, with what came, if it is no review.

    ``secrets``: texts that nothing of it may show.
    """
    try:
        data = disk.read_regular(path, LARGEST)
    except FileNotFoundError:
        data = b""
    except (OSError, WavebuildError):
        raise _refused(review, "its answer is too long, or cannot be read", "") from None
    text = data.decode("utf-8", "replace")
    if secrets:
        text = masked_text(text, secrets)
    if not text.strip():
        raise _refused(review, "it answered nothing", "")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(review, f"its answer is not JSON: {_why(error)}", text) from None
    return _opinion(answer, review, text, secrets)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else "it is too deep"


def _opinion(answer: object, review: Review, text: str, secrets: Collection[str]) -> Opinion:
    if not isinstance(answer, dict):
        raise _refused(review, "its answer is no JSON object", text)
    return Opinion(
        advisor=review.advisor,
        score=_score(answer, review, text),
        approved=_approved(answer, review, text),
        threshold=review.threshold,
        critical_issues=tuple([_fit(one, secrets) for one in _texts(answer, "critical_issues", review, text)]),
        suggestions=tuple([_fit(one, secrets) for one in _texts(answer, "suggestions", review, text)]),
        summary=_fit(_text(answer, "summary", review, text), secrets),
        severity=_fit(_text(answer, "severity", review, text), secrets),
    )


def _score(answer: Mapping[str, Any], review: Review, text: str) -> float:
    score = answer.get("score")
    if "score" not in answer:
        raise _refused(review, "its answer has no 'score'", text)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise _refused(review, f"its score is no number: {_short(score)}", text)
    if not 0 <= score <= 1:  # which what is no number is not
        raise _refused(review, f"its score is not from 0 to 1: {_short(score)}", text)
    return float(score)


def _approved(answer: Mapping[str, Any], review: Review, text: str) -> bool:
    approved = answer.get("approved")
    if "approved" not in answer:
        raise _refused(review, "its answer has no 'approved'", text)
    if not isinstance(approved, bool):
        raise _refused(review, f"its 'approved' is neither true nor false: {_short(approved)}", text)
    return approved


def _texts(answer: Mapping[str, Any], name: str, review: Review, text: str) -> tuple[str, ...]:
    found = answer.get(name)
    if found is None:
        return ()
    if not isinstance(found, list):
        raise _refused(review, f"its {name!r} is no list: {_short(found)}", text)
    return tuple(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in found)


def _text(answer: Mapping[str, Any], name: str, review: Review, text: str) -> str:
    found = answer.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise _refused(review, f"its {name!r} is no text: {_short(found)}", text)
    return found


def _fit(text: str, secrets: Collection[str]) -> str:
    """A text of the answer as it may be kept and shown.

    JSON spells any sign in many ways, a secret's too, and halves of signs that UTF-8 cannot hold.
    """
    text = text.encode("utf-8", "replace").decode()
    return masked_text(text, secrets) if secrets else text


def _short(value: object) -> str:
    shown = _fit(json.dumps(value, ensure_ascii=False), ())
    return shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"


def _refused(review: Review, why: str, came: str) -> WavebuildError:
    message = f"the advisor {review.advisor!r} gave no review: {why}"
    if came.strip():
        shown = came.strip()
        message += "\nwhat came: " + (shown if len(shown) <= SHOWN else shown[:SHOWN] + "…")
    return mistake("review", message, remedy=f"it prints one JSON object: {WANTED}")


def as_record(opinion: Opinion) -> dict[str, Json]:
    """The review as JSON; ``passes`` is left out: it follows."""
    return {
        "advisor": opinion.advisor,
        "score": opinion.score,
        "approved": opinion.approved,
        "threshold": opinion.threshold,
        "critical_issues": list(opinion.critical_issues),
        "suggestions": list(opinion.suggestions),
        "summary": opinion.summary,
        "severity": opinion.severity,
    }


def as_text(opinion: Opinion, values: Mapping[str, str] = MappingProxyType({})) -> str:
    """The review as a text; ``values``: what the rejected draft wrote to the shared memory, as JSON."""
    record: dict[str, Any] = dict(as_record(opinion))
    if values:
        record["memory"] = {key: json.loads(text) for key, text in values.items()}
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


def as_line(opinion: Opinion) -> str:
    return json.dumps(as_record(opinion), ensure_ascii=False, separators=(",", ":"))


def of_trace(text: str) -> Opinion | None:
    """The review that a trace holds; None if it holds none."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=Opinion)
    except (ValueError, UnicodeError):
        return None


def in_words(opinion: Opinion) -> str:
    """Why it passes or not, then what the advisor said, a thing on each line."""
    lines = [verdict(opinion)]
    if opinion.summary:
        lines.append(opinion.summary)
    for title, items in (("critical issues:", opinion.critical_issues), ("suggestions:", opinion.suggestions)):
        if items:
            lines += [title, *(f"- {item}" for item in items)]
    return "\n".join(lines)


def verdict(opinion: Opinion) -> str:
    said = f"{opinion.advisor}: score {opinion.score:.4g}, at least {opinion.threshold:g} is wanted"
    return said if opinion.approved else f"{said}; not approved"


def feedback(opinion: Opinion, draft: str) -> str:
    """What the prompt of the next attempt ends with; ``draft``: the folder of what was rejected."""
    where = f"\nThe rejected draft is in the folder {draft}.\n" if draft else ""
    return f"\n\n---\n\nThe last draft was rejected. The review:\n\n{in_words(opinion)}\n{where}"
