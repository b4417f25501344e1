"""Edits of a text that several make: whether one still stands, the text without it, three ways merged (pure).

It does not know files, nor whose the edits are. Texts are bytes, compared line by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

LARGEST = 1 << 20
"""Bytes of a file that steps may share: its texts are kept, and compared line by line."""


class Edit(NamedTuple):
    """What somebody did to a text."""

    before: bytes
    after: bytes


class Conflict(Struct, frozen=True):
    """A part of the base that both sides changed, each in its own way."""

    base: tuple[bytes, ...]
    ours: tuple[bytes, ...]
    theirs: tuple[bytes, ...]


class Merged(Struct, frozen=True):
    """The parts of a merged text: lines that are agreed on, and conflicts."""

    parts: tuple[tuple[bytes, ...] | Conflict, ...]

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        return tuple(part for part in self.parts if isinstance(part, Conflict))

    @property
    def text(self) -> bytes:
        """The merged text; only where there is no conflict."""
        assert not self.conflicts
        return b"".join(line for part in self.parts if not isinstance(part, Conflict) for line in part)

    def with_marks(self, ours: str, theirs: str) -> bytes:
        """The text with both sides of each conflict, between marks as git writes them."""
        found: list[bytes] = []
        for part in self.parts:
            if isinstance(part, Conflict):
                found += [b"<<<<<<< ", ours.encode(), b"\n", *_ended(part.ours)]
                found += [b"||||||| before\n", *_ended(part.base), b"=======\n"]
                found += [*_ended(part.theirs), b">>>>>>> ", theirs.encode(), b"\n"]
            else:
                found += part
        return b"".join(found)


class _Hunk(Struct, frozen=True):
    """Lines ``start`` to ``end`` of the base became ``lines``."""

    start: int
    end: int
    lines: tuple[bytes, ...]


def is_text(content: bytes) -> bool:
    """Whether a file can be shared line by line."""
    return len(content) <= LARGEST and b"\0" not in content


def merge(base: bytes, ours: bytes, theirs: bytes, *, touching: bool = False) -> Merged:
    """Both edits of a base. Changes of the same lines conflict, unless they are the same; with ``touching`` those
    of neighbouring lines do not."""
    lines = _lines(base)
    one, other = _hunks(lines, _lines(ours)), _hunks(lines, _lines(theirs))
    parts: list[tuple[bytes, ...] | Conflict] = []
    at = 0
    for mine, yours in _clusters(one, other, touching):
        start = min(hunk.start for hunk in (*mine, *yours))
        end = max(hunk.end for hunk in (*mine, *yours))
        parts.append(tuple(lines[at:start]))
        left, right = _applied(lines, mine, start, end), _applied(lines, yours, start, end)
        if not yours or left == right:
            parts.append(left)
        elif not mine:
            parts.append(right)
        else:
            parts.append(Conflict(tuple(lines[start:end]), left, right))
        at = end
    parts.append(tuple(lines[at:]))
    return Merged(tuple(parts))


def union(merged: Merged) -> bytes | None:
    """A merged text where conflicts are only that both sides added something at the same place: ours comes first."""
    found: list[bytes] = []
    for part in merged.parts:
        if not isinstance(part, Conflict):
            found += part
        elif part.base:
            return None
        else:
            found += [*_ended(part.ours), *part.theirs]
    return b"".join(found)


def stands(edit: Edit, now: bytes) -> bool:
    """Whether an edit is still in a text that others may have edited since: merging it would change nothing.

    Whether the last line has an end does not count: whoever adds another line gives it one.
    """
    edit, now = Edit(_closed(edit.before), _closed(edit.after)), _closed(now)
    if edit.before == edit.after or edit.after == now:
        return True
    merged = merge(edit.before, now, edit.after)
    if not merged.conflicts and merged.text == now:
        return True
    # Lines that are there more than once can be paired in several ways: its own lines decide.
    return _is_kept(edit, now) and without(edit, now) != now


def without(edit: Edit, now: bytes) -> bytes | None:
    """The text as if the edit had never been made; None if others have changed the same lines since."""
    merged = merge(edit.after, now, edit.before, touching=True)
    return None if merged.conflicts else merged.text


def _is_kept(edit: Edit, now: bytes) -> bool:
    """Whether every line that the edit added is there, and none that it removed is back in its place."""
    before, after = _lines(edit.before), _lines(edit.after)
    since = _hunks(after, _lines(now))
    moved = 0
    for hunk in _hunks(before, after):
        start = hunk.start + moved
        end = start + len(hunk.lines)
        moved += len(hunk.lines) - (hunk.end - hunk.start)
        for later in since:
            if later.start < end and start < later.end:
                return False
            at_place = later.start <= end and start <= later.end
            if at_place and start == end and _holds(later.lines, before[hunk.start : hunk.end]):
                return False
    return True


def _holds(lines: Sequence[bytes], wanted: Sequence[bytes]) -> bool:
    """Whether these lines are among those, in their order."""
    rest = iter(lines)
    return all(line in rest for line in wanted)


def _closed(text: bytes) -> bytes:
    return text if not text or text.endswith((b"\n", b"\r")) else text + b"\n"


def _lines(text: bytes) -> list[bytes]:
    return text.splitlines(keepends=True)


def _ended(lines: Sequence[bytes]) -> list[bytes]:
    """Lines of which the last has an end, too: another may follow."""
    return [*lines[:-1], lines[-1] if lines[-1].endswith((b"\n", b"\r")) else lines[-1] + b"\n"] if lines else []


def _hunks(before: Sequence[bytes], after: Sequence[bytes]) -> list[_Hunk]:
    """What became of the one text in the other; what both begin and end with is not compared further."""
    from difflib import SequenceMatcher

    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if not old and not new:
        return []
    return [
        _Hunk(start + i, start + j, tuple(new[k:m]))
        for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if tag != "equal"
    ]


def _clusters(
    one: Sequence[_Hunk], other: Sequence[_Hunk], touching: bool
) -> Iterator[tuple[list[_Hunk], list[_Hunk]]]:
    """The hunks of both sides in order, those together that concern the same lines of the base."""
    waiting = sorted([(hunk, 0) for hunk in one] + [(hunk, 1) for hunk in other], key=_place)
    group: tuple[list[_Hunk], list[_Hunk]] = ([], [])
    for hunk, side in waiting:
        if group != ([], []) and not _concern(group[1 - side], hunk, touching):
            yield group
            group = ([], [])
        group[side].append(hunk)
    if group != ([], []):
        yield group


def _place(entry: tuple[_Hunk, int]) -> tuple[int, int, int]:
    return entry[0].start, entry[0].end, entry[1]


def _concern(others: Sequence[_Hunk], hunk: _Hunk, touching: bool) -> bool:
    """Whether some change of the other side is of the same lines, or, unless ``touching`` is allowed, next to them."""
    for other in others:
        if not touching:
            if other.start <= hunk.end and hunk.start <= other.end:
                return True
        elif (other.start < hunk.end and hunk.start < other.end) or other.start == other.end == hunk.start == hunk.end:
            return True
    return False


def _applied(lines: Sequence[bytes], hunks: Sequence[_Hunk], start: int, end: int) -> tuple[bytes, ...]:
    found: list[bytes] = []
    at = start
    for hunk in hunks:
        found += [*lines[at : hunk.start], *hunk.lines]
        at = hunk.end
    return (*found, *lines[at:end])
