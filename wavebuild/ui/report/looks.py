"""How an outcome looks: its class of style, its sign, its word. A colour never says anything alone.

It does not know what is drawn with it.
"""

from __future__ import annotations

from wavebuild.run.events import Outcome
from wavebuild.ui.words import outcome_word

Known = Outcome | None
"""An outcome; None where it is not known what became of a step."""

ORDER: tuple[Known, ...] = (
    Outcome.FAILED,
    Outcome.WAITING,
    Outcome.INTERRUPTED,
    Outcome.BLOCKED,
    Outcome.NOT_STARTED,
    Outcome.SUCCEEDED,
    Outcome.RESTORED,
    Outcome.KEPT,
    None,
)
"""What a person wants to see first."""

SIGNS: dict[Known, str] = {
    Outcome.FAILED: "✗",
    Outcome.WAITING: "…",
    Outcome.INTERRUPTED: "■",
    Outcome.BLOCKED: "⊘",
    Outcome.NOT_STARTED: "\u2013",
    Outcome.SUCCEEDED: "✓",
    Outcome.RESTORED: "↺",
    Outcome.KEPT: "=",
    None: "?",
}

_TITLES: dict[Known, str] = {
    Outcome.FAILED: "Failed",
    Outcome.WAITING: "Wait for a person",
    Outcome.INTERRUPTED: "Interrupted",
    Outcome.BLOCKED: "Blocked",
    Outcome.NOT_STARTED: "Not started",
    Outcome.SUCCEEDED: "Ran",
    Outcome.RESTORED: "Restored",
    Outcome.KEPT: "Kept",
    None: "Not known",
}


def kind(outcome: Known) -> str:
    return outcome.value if outcome else "unknown"


def word(outcome: Known) -> str:
    return outcome_word(outcome) if outcome else "not known"


def title(outcome: Known) -> str:
    return _TITLES[outcome]
