"""The lock file: a text to commit that says what was made from what, an entry a line, sorted.

It does not know what makes an entry match. Each entry is whole on its line, so that merging the lines of two
branches never mixes two runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct, field

from wavebuild import disk
from wavebuild.errors import Place, mistake
from wavebuild.judge.locked import LOCKED
from wavebuild.judge.trace import Trace
from wavebuild.later import json

LARGEST = 1 << 28
HEAD = "# What was made from what, by wavebuild: commit it beside the outputs. An entry a line; do not edit.\n"
_BEGINS, _MIDDLE, _ENDS = "<<<<<<<", ("=======", "|||||||"), ">>>>>>>"


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    step: str
    action: dict[str, str]
    outputs: dict[str, str]
    inputs: dict[str, str] = {}
    gate: dict[str, str] = {}
    gate_inputs: dict[str, str] = {}
    discovered: dict[str, str] = {}
    raw: dict[str, str] = {}
    by_hand: list[str] = []
    scope: str = ""


Name = tuple[str, str]
"""Of an entry: the key of the step's traces, and under what values it was made."""


class Locked(Struct, frozen=True):
    """What a lock file says; ``warnings``: what of it was left out, as sentences."""

    entries: Mapping[Name, Trace] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_lock(path: str, shown: str) -> Locked:
    """The entries; what is conflicted, torn or twice there is left out."""
    try:
        text = disk.read_regular(path, LARGEST).decode("utf-8", "replace") if os.path.lexists(path) else ""
    except OSError as error:
        raise mistake("unreadable", f"the lock file cannot be read: {error.strerror}", Place(shown)) from None
    entries: dict[Name, Trace] = {}
    twice: dict[Name, None] = {}
    conflicted: dict[Name, None] = {}
    bad: list[int] = []
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(_BEGINS):
            inside = True
        elif line.startswith(_ENDS):
            inside = False
        elif line and not line.startswith(("#", *_MIDDLE)):
            entry = _entry(line)
            if entry is None:
                bad.append(number)
                continue
            name = (entry.key, entry.scope)
            if inside:
                conflicted[name] = None
            elif name in entries:
                twice[name] = None
            entries[name] = _trace(entry)
    for name in (*conflicted, *twice):
        entries.pop(name, None)
    return Locked(entries, tuple(_warnings(shown, conflicted, twice, bad)))


def _warnings(shown: str, conflicted: Iterable[Name], twice: Iterable[Name], bad: list[int]) -> Iterable[str]:
    for what, names in (("in conflict", conflicted), ("there twice", twice)):
        keys = ", ".join(sorted({key for key, _ in names}))
        if keys:
            yield f"{shown}: entries that are {what} are ignored: {keys}"
    if bad:
        yield f"{shown}: lines that are no entries are ignored: {', '.join(map(str, bad[:10]))}"


def written(entries: Mapping[Name, Trace]) -> bytes:
    """The text of these entries."""
    lines = [_line(key, scope, trace) for (key, scope), trace in sorted(entries.items())]
    return "".join((HEAD, *lines)).encode()


def write_lock(path: str, entries: Mapping[Name, Trace]) -> None:
    """Writes the file if it says anything else so far; all of it or nothing."""
    data = written(entries)
    if not os.path.isfile(path) or disk.read_regular(path, LARGEST) != data:
        disk.write_atomic(path, data)


def _line(key: str, scope: str, trace: Trace) -> str:
    said = {"key": key, "step": trace.step, "action": trace.action, "outputs": trace.outputs}
    said |= {
        name: value
        for name in ("inputs", "gate", "gate_inputs", "discovered", "raw")
        if (value := getattr(trace, name))
    }
    said |= {"by_hand": list(trace.by_hand)} if trace.by_hand else {}
    said |= {"scope": scope} if scope else {}
    whole = {name: dict(sorted(value.items())) if isinstance(value, dict) else value for name, value in said.items()}
    return json.dumps(whole, separators=(", ", ": ")) + "\n"


def _entry(line: str) -> _Entry | None:
    try:
        return msgspec.convert(json.loads(line), _Entry)
    except (ValueError, RecursionError, msgspec.ValidationError):
        return None


def _trace(entry: _Entry) -> Trace:
    return Trace(
        step=entry.step,
        run=LOCKED,
        began=0.0,
        seconds=0.0,
        action=entry.action,
        gate=entry.gate,
        inputs=entry.inputs,
        gate_inputs=entry.gate_inputs,
        outputs=entry.outputs,
        by_hand=tuple(entry.by_hand),
        raw=entry.raw,
        discovered=entry.discovered,
    )
