"""What is told of a run when it is over: how each step ended that did not just stay as it was, and what happened to it.

It does not know where it is kept, nor how it is shown.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.run.events import Noticed, Outcome, Settled, StepRetried, StepReviewed

Rare = StepRetried | StepReviewed | Noticed
"""Events whose word is not in the end of a step."""

MOST = 20_000
"""Steps that are told of one by one; of more, only those that went wrong, and those that took longest."""
LONGEST, LINES = 4096, 40
"""Characters of a text and lines of output that are kept."""


class Account(Struct, frozen=True):
    """``targets``, ``only``: what was asked for, as seen from ``folder``, which is relative to the root."""

    targets: tuple[str, ...] = ()
    only: bool = False
    folder: str = ""
    steps: tuple[Settled, ...] = ()
    retried: tuple[StepRetried, ...] = ()
    reviewed: tuple[StepReviewed, ...] = ()
    notices: tuple[str, ...] = ()


def account_of(
    steps: Iterable[Settled], rare: Iterable[Rare], targets: tuple[str, ...], only: bool, folder: str
) -> Account:
    told = [each for each in steps if _is_told(each)]
    if len(told) > MOST:
        told = sorted(told, key=lambda each: (each.outcome is Outcome.SUCCEEDED, -each.seconds))[:MOST]
    events = tuple(rare)
    return Account(
        targets,
        only,
        folder,
        tuple([each if _is_short(each) else _shortened(each) for each in told]),
        tuple(each for each in events if isinstance(each, StepRetried)),
        tuple(each for each in events if isinstance(each, StepReviewed)),
        tuple(each.message for each in events if isinstance(each, Noticed)),
    )


def _is_told(settled: Settled) -> bool:
    """Whether there is more to say than that it stayed as it was."""
    kept = settled.outcome is Outcome.KEPT and settled.started is None
    return not kept or bool(settled.notes or settled.displaced or settled.review)


def _is_short(settled: Settled) -> bool:
    texts = len(settled.command) <= LONGEST and len(settled.action) <= LONGEST
    return texts and not settled.tail and not settled.detail


def _shortened(settled: Settled) -> Settled:
    return replace(
        settled,
        command=_cut(settled.command),
        action=_cut(settled.action),
        detail=_cut(settled.detail),
        tail=tuple(_cut(line) for line in settled.tail[-LINES:]),
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"
