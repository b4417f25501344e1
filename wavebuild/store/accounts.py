"""What is told of a run, as bytes and back.

It does not know where they are kept. A reason that this version does not know is left out.
"""

import functools
import zlib
from collections.abc import Iterable
from typing import get_args

import msgspec
from msgspec.structs import asdict, replace

from wavebuild.judge.reasons import Reason
from wavebuild.run.account import Account
from wavebuild.run.events import Clue, Opinion, Outcome, Settled, StepRetried, StepReviewed
from wavebuild.run.masking import holds, masked_text
from wavebuild.store.causes import KEPT, Fact
from wavebuild.store.text import packed, unpacked

FAST = 1
"""How hard it is packed: a build waits for it."""
LARGEST = 1 << 28
"""Bytes that one may have when it is unpacked."""


class _Step(msgspec.Struct, frozen=True, array_like=True):
    """A ``Settled`` in plain values; what is added later comes last, and has a default."""

    step: str
    outcome: Outcome
    wave: int
    started: float | None
    seconds: float
    attempts: int
    reasons: tuple[tuple[str, dict[str, Fact]], ...]
    failure: str
    detail: str
    exit_code: int | None
    signal: str | None
    command: str
    log: str | None
    tail: tuple[str, ...]
    blocked_by: tuple[str, ...]
    moved: tuple[str, ...]
    undid: tuple[str, ...]
    displaced: tuple[str, ...]
    notes: tuple[str, ...]
    review: Opinion | None
    clues: tuple[Clue, ...] = ()
    action: str = ""
    read: tuple[tuple[str, str], ...] = ()
    read_more: int = 0


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    targets: tuple[str, ...]
    only: bool
    folder: str
    steps: tuple[_Step, ...]
    retried: tuple[StepRetried, ...]
    reviewed: tuple[StepReviewed, ...]
    notices: tuple[str, ...]


_KINDS: dict[str, type[Reason]] = {kind.__name__: kind for kind in get_args(Reason)}


@functools.cache
def _decoder() -> msgspec.msgpack.Decoder[_Kept]:
    """Made when a past run is asked for: that takes long, and a build only writes."""
    return msgspec.msgpack.Decoder(_Kept)


_FIELDS = [name for name in _Step.__struct_fields__ if name != "reasons"]


def written(account: Account, secrets: Iterable[str] = ()) -> bytes:
    """``secrets``: what must not be read in it, in any form."""
    kept = _Kept(
        account.targets,
        account.only,
        account.folder,
        tuple([_kept(each) for each in account.steps]),
        account.retried,
        account.reviewed,
        account.notices,
    )
    hidden = [*secrets]
    return zlib.compress(packed(_hidden(kept, hidden) if hidden else kept), FAST)


def unwritten(data: bytes) -> Account:
    """Raises msgspec.MsgspecError or zlib.error for what was not written here."""
    unpacking = zlib.decompressobj()
    kept = unpacked(unpacking.decompress(data, LARGEST), _decoder())
    steps = tuple([_settled(each) for each in kept.steps])
    return Account(kept.targets, kept.only, kept.folder, steps, kept.retried, kept.reviewed, kept.notices)


def _kept(settled: Settled) -> _Step:
    told = {name: getattr(settled, name) for name in _FIELDS}
    reasons = tuple([(type(reason).__name__, asdict(reason)) for reason in settled.reasons[:KEPT]])
    return _Step(reasons=reasons, **told)


def _settled(kept: _Step) -> Settled:
    told = {name: getattr(kept, name) for name in _FIELDS}
    known = [(kind, facts) for kind, facts in kept.reasons if kind in _KINDS]
    return Settled(reasons=tuple(msgspec.convert(facts, _KINDS[kind]) for kind, facts in known), **told)


def _hidden(kept: _Kept, secrets: list[str]) -> _Kept:
    """The same without the secrets: a person may have written one into a command, and a program into a message."""
    is_odd = any("\udc80" <= char <= "\udcff" for secret in secrets for char in secret)
    if not is_odd and not holds(packed(kept), secrets):
        return kept  # to look once through all is much quicker than to look through each

    def text(value: str) -> str:
        return masked_text(value, secrets)

    def texts(values: Iterable[str]) -> tuple[str, ...]:
        return tuple(text(value) for value in values)

    def fact(value: Fact) -> Fact:
        return text(value) if isinstance(value, str) else texts(value) if isinstance(value, tuple) else value

    def opinion(said: Opinion) -> Opinion:
        issues, ideas = texts(said.critical_issues), texts(said.suggestions)
        return replace(said, summary=text(said.summary), critical_issues=issues, suggestions=ideas)

    def clue(one: Clue) -> Clue:
        return replace(one, what=text(one.what), line=text(one.line), instead=text(one.instead))

    def step(one: _Step) -> _Step:
        return replace(
            one,
            command=text(one.command),
            action=text(one.action),
            read=tuple((member, text(digest)) for member, digest in one.read),
            detail=text(one.detail),
            tail=texts(one.tail),
            notes=texts(one.notes),
            reasons=tuple((kind, {name: fact(value) for name, value in facts.items()}) for kind, facts in one.reasons),
            review=opinion(one.review) if one.review else None,
            clues=tuple(clue(each) for each in one.clues),
        )

    return replace(
        kept,
        targets=texts(kept.targets),
        steps=tuple(step(one) for one in kept.steps),
        reviewed=tuple(replace(one, review=opinion(one.review)) for one in kept.reviewed),
        notices=texts(kept.notices),
    )
