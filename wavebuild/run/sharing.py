"""What one run did to the files that its step shares with others, told by their texts before and after.

It does not know when the step's turn comes, nor how what it did is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from wavebuild import disk
from wavebuild.declare.model import Artifact, Json, Step
from wavebuild.declare.values import canonical
from wavebuild.errors import WavebuildError, mistake
from wavebuild.judge.content import data_kind, value_text
from wavebuild.judge.digest import ABSENT, LARGEST_TEXT, Reading
from wavebuild.judge.facts import Facts
from wavebuild.judge.shared import key_readings, read_text, refuse_unfit, shared_files, text_digest
from wavebuild.judge.trace import Trace, key
from wavebuild.later import Later

if TYPE_CHECKING:
    from wavebuild.judge import merging
else:
    merging = Later("wavebuild.judge.merging")  # few steps edit what others do

MOST = 8
"""How many edits of one file are remembered of a step, where a later one cannot be told without an earlier."""


class Did(Struct, frozen=True):
    """What a run did to shared files, as its trace tells it; ``texts`` by their digests."""

    edits: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # what a person should know of it


def refuse_unfit_files(facts: Facts, step: Step) -> None:
    """Raises WavebuildError for an update that nobody could put back or tell apart."""
    for artifact in step.updates:
        refuse_unfit(facts.digests, artifact)


def what_it_did(facts: Facts, step: Step, before: Mapping[str, str], last: Trace | None) -> Did:
    """What a run did to the files as they are now; ``before``: file → where a copy of what it was lies.

    ``last``: the newest trace before this run. Raises WavebuildError where a file is gone or is no text any more,
    and where a key of the step is not there.
    """
    did = Did()
    for path in shared_files(step):
        facts.digests.forget(path)
    former = facts.shared.former(key(step), last)
    for artifact in step.updates:
        refuse_unfit(facts.digests, artifact)
        if artifact.keys:
            did.keys.update(_keys_made(facts, artifact))
            continue
        was, now = _text(before[artifact.path], artifact), facts.shared.text(artifact.path)
        assert now is not None
        edits = composed(former.get(artifact.path, ()), was, now)
        did.edits[artifact.path] = tuple((text_digest(edit.before), text_digest(edit.after)) for edit in edits)
        did.texts.update({text_digest(text): text for edit in edits for text in edit})
    for path in shared_files(step):
        own = [name for artifact in step.updates if artifact.path == path for name in artifact.keys]
        if own:
            did.notes.extend(_of_others(facts, path, own, before[path]))
    return did


def is_undone(facts: Facts, other: Step, trace: Trace, path: str, before: str) -> bool:
    """Whether a run of some step has taken back what another wrote in a file; ``before``: a copy of what it was."""
    was, now = read_text(before), facts.shared.text(path)
    if was is not None and now is not None:
        edits = facts.shared.former(key(other), trace).get(path, ())
        if was != now and any(merging.stands(edit, was) and not merging.stands(edit, now) for edit in edits):
            return True
    return any(_is_key_undone(facts, reading, trace, before) for reading in _own_keys(other, path))


def _own_keys(step: Step, path: str) -> list[Reading]:
    return [reading for artifact in step.updates if artifact.path == path for reading in key_readings(artifact)]


def _is_key_undone(facts: Facts, reading: Reading, trace: Trace, before: str) -> bool:
    try:
        if (facts.digests.see(reading).digest or ABSENT) == trace.keys.get(reading.member):
            return False
        held = (_value(before, reading.path), _value(facts.digests.absolute(reading.path), reading.path))
    except (OSError, WavebuildError):
        return False  # nothing can be told of what cannot be read; its owner will say so
    was, now = (value_text(value, reading.argument) for value in held)
    return was != now


def composed(former: Sequence[merging.Edit], before: bytes, after: bytes) -> list[merging.Edit]:
    """The step's edits as one, from the text as it would be had the step never run.

    Where an earlier edit cannot be taken out, as others changed the same lines since, it stays one of its own.
    """
    kept: list[merging.Edit] = []
    start = before
    for edit in reversed(former):
        untouched = merging.without(edit, start)
        if untouched is not None:
            start = untouched
        elif merging.stands(edit, after):
            kept.insert(0, edit)
    return [*kept[-MOST:], merging.Edit(start, after)]


def _keys_made(facts: Facts, artifact: Artifact) -> dict[str, str]:
    found = {}
    for reading in key_readings(artifact):
        digest = facts.digests.see(reading).digest
        if digest is None:
            raise mistake("missing-key", f"it ended well but there is no {reading.argument} in {artifact.path}")
        found[reading.member] = digest
    return found


def _of_others(facts: Facts, path: str, own: Sequence[str], before: str) -> Iterator[str]:
    """Who owns keys leaves the others alone; they are other steps', or a person's, who may have edited meanwhile."""
    was = without_keys(_value(before, path), own)
    now = without_keys(_value(facts.digests.absolute(path), path), own)
    if canonical(was) != canonical(now):
        names = ", ".join(sorted(_differing(was, now))[:4])
        yield f"while it ran, {names or 'other keys'} of {path} changed; it owns only {', '.join(own)} of it"


def _value(file: str, path: str) -> Json:
    from wavebuild.declare.data import read_data

    return read_data(disk.read_regular(file, LARGEST_TEXT), path, data_kind(path), as_written=True)


def without_keys(value: Json, keys: Sequence[str]) -> Json:
    """The value without these keys, and without what is empty for it: the way to a key may have to be made."""
    for name in keys:
        value = _without(value, name.split("."))
    return _pruned(value)


def _without(value: Json, parts: Sequence[str]) -> Json:
    first, rest = parts[0], parts[1:]
    if isinstance(value, dict) and first in value:
        if not rest:
            return {name: item for name, item in value.items() if name != first}
        return {name: _without(item, rest) if name == first else item for name, item in value.items()}
    if isinstance(value, list) and first.isdigit() and int(first) < len(value):
        at = int(first)
        return [
            None if n == at and not rest else _without(item, rest) if n == at else item for n, item in enumerate(value)
        ]
    return value


def _pruned(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    found = {name: _pruned(item) for name, item in value.items()}
    return {name: item for name, item in found.items() if item not in ({}, None)}


def _differing(was: Json, now: Json, above: str = "") -> set[str]:
    """The keys, as deep as they can be named, that are not the same in both."""
    if canonical(was) == canonical(now):
        return set()
    if not isinstance(was, dict) or not isinstance(now, dict):
        return {above} if above else set()
    found: set[str] = set()
    for name in was.keys() | now.keys():
        here = f"{above}.{name}" if above else name
        if name not in was or name not in now:
            found.add(here)
        else:
            found |= _differing(was[name], now[name], here)
    return found


def _text(file: str, artifact: Artifact) -> bytes:
    content = disk.read_regular(file, merging.LARGEST)
    if not merging.is_text(content):
        raise mistake("unfit-update", f"{artifact.path} was no text before", artifact.place)
    return content
