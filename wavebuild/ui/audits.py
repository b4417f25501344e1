"""What an audited build found, as text and as JSON.

It does not know how it was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from wavebuild.ui import words
from wavebuild.ui.escapes import escaped

if TYPE_CHECKING:
    from wavebuild.declare.model import Json
    from wavebuild.engine import Addition, BuildResult
    from wavebuild.run.audit import Audit, Touch
    from wavebuild.run.events import Settled
    from wavebuild.ui.style import Style

MOST = 12  # of one kind, unless all is wanted
KIND = 10  # the column of "reads", "writes"


def audit_lines(result: BuildResult, style: Style, verbose: bool) -> list[str]:
    """What each step touches and does not declare, then what to add to the Wavefile."""
    followed = [each for each in result.steps if each.audit is not None]
    if not followed:
        return [f"audit: nothing ran, so nothing was followed ({words.counted(result.fresh, 'step')}): -B runs all"]
    out: list[str] = []
    for settled in followed:
        assert settled.audit is not None
        told = list(_told(settled.audit, verbose))
        if told:
            out += [f"  {style.paint(escaped(settled.step), 'bold')}", *(f"    {line}" for line in told)]
    for addition in result.additions:
        out += ["", *_added(addition)]
    return [_heading(followed), *out, *_unfollowed(result, len(followed))]


def _heading(followed: Sequence[Settled]) -> str:
    found = [each.audit for each in followed if each.audit is not None]
    wrong = sum(1 for audit in found if audit.undeclared)
    many = words.counted(len(found), "step")
    if wrong:
        return f"audit: {wrong} of {many} {'touches' if wrong == 1 else 'touch'} what is not declared"
    return f"audit: of {many} followed, none touches what is not declared"


def _unfollowed(result: BuildResult, followed: int) -> list[str]:
    rest = result.fresh - followed
    return [f"  {words.counted(rest, 'step')} did not run and {'was' if rest == 1 else 'were'} not followed"] * bool(
        rest
    )


def _told(audit: Audit, verbose: bool) -> Iterator[str]:
    groups = (
        ("reads", audit.reads, ""),
        ("kept from", audit.refused, "by its sandbox"),
        ("sought", audit.sought if verbose else audit.sought_of_others, "not there"),
        ("writes", audit.writes, ""),
        ("removes", audit.removes, ""),
        ("advisor", audit.judging, "which its advisor reads: name it among the `inputs` of that"),
    )
    for word, touches, more in groups:
        shown = touches if verbose else touches[:MOST]
        for touch in shown:
            yield _line(word, _touch(touch) + (f", {more}" if more else ""))
        if len(touches) > len(shown):
            yield _line("", f"and {len(touches) - len(shown)} more (-v shows them)")
    for folder in audit.lists:
        yield _line("lists", f"{escaped(folder) or '.'}/, where a new file would not be noticed")
    for artifact in audit.unread:
        yield _line("never", f"opens {escaped(artifact)}, which is among its inputs")
    if not audit.complete:
        yield _line("", "only what Python does itself was seen")


def _line(word: str, text: str) -> str:
    return f"{word.ljust(KIND)} {text}"


def _touch(touch: Touch) -> str:
    return escaped(touch.path) + (f", which {escaped(touch.owner)} makes" if touch.owner else "")


def _added(addition: Addition) -> list[str]:
    more = f", to its {' and '.join(addition.present)}" if addition.present else ""
    head = f"  add to step {escaped(addition.step)} ({escaped(str(addition.place))}){more}:"
    return [head, *(f"    {escaped(line)}" for line in addition.lines)]


# JSON


def audit_record(audit: Audit | None) -> Json:
    """Null for a step that was not followed."""
    if audit is None:
        return None
    return {
        "reads": [_touch_record(touch) for touch in audit.reads],
        "writes": [_touch_record(touch) for touch in audit.writes],
        "removes": [_touch_record(touch) for touch in audit.removes],
        "lists": list(audit.lists),
        "sought": [_touch_record(touch) for touch in audit.sought],
        "refused": [_touch_record(touch) for touch in audit.refused],
        "unread": list(audit.unread),
        "complete": audit.complete,
        "advisor_reads": [_touch_record(touch) for touch in audit.judging],
    }


def _touch_record(touch: Touch) -> Json:
    return {"path": touch.path, "owner": touch.owner or None}


def addition_record(addition: Addition) -> Json:
    place = addition.place
    return {"step": addition.step, "file": place.file, "line": place.line or None, "lines": list(addition.lines)}
