"""Reasons as bytes and back: why a step last ran, as the state keeps it.

It does not know where they are kept. A reason that this version does not know is left out.
"""

from collections.abc import Sequence
from typing import get_args

import msgspec
from msgspec.structs import asdict

from wavebuild.judge.reasons import Reason
from wavebuild.store.text import packed, unpacked

KEPT = 32
"""How many reasons of one run are kept: where a thousand files changed, the first few tell the story."""

Fact = None | bool | str | int | float | tuple[str, ...]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    reasons: tuple[tuple[str, dict[str, Fact]], ...]


_KINDS: dict[str, type[Reason]] = {kind.__name__: kind for kind in get_args(Reason)}
_KEPT = msgspec.msgpack.Decoder(_Kept)


def written(reasons: Sequence[Reason]) -> bytes:
    return packed(_Kept(tuple((type(reason).__name__, asdict(reason)) for reason in reasons[:KEPT])))


def unwritten(data: bytes) -> tuple[Reason, ...]:
    """Raises msgspec.MsgspecError for what was not written here."""
    kept = unpacked(data, _KEPT).reasons
    return tuple(msgspec.convert(facts, _KINDS[kind]) for kind, facts in kept if kind in _KINDS)
