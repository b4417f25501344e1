"""Which steps look at which row of the evidence: kept with it, so that a build begins with those that see a change.

It does not know what a step is, nor whether a row has moved.
"""

from array import array
from collections.abc import Collection, Iterable, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace


class Lookers(Struct, frozen=True):
    """``identity``: of the graph whose steps these are. ``loads``: the rows that are read to load the Wavefile.

    ``broad``: the steps that look at more than is known of them here: whatever has moved, they must look.
    ``open``: those that nobody vouches for: they must look in any case.
    ``of_all``: the rows that say which files count at all: if one has moved, every step must look.
    ``proven``: of steps with many inputs the identity of the trace that has just these inputs.
    """

    identity: str
    loads: frozenset[int]
    broad: frozenset[int]
    open: frozenset[int]
    of_all: frozenset[int]
    ends: "array[int]"
    steps: "array[int]"
    proven: dict[int, str]

    def of(self, row: int) -> "array[int]":
        """The steps that are known to look at a row."""
        return self.steps[self.ends[row] : self.ends[row + 1]]


class _Packed(Struct, frozen=True, array_like=True):
    identity: str
    loads: list[int]
    broad: list[int]
    open: list[int]
    of_all: list[int]
    ends: bytes
    steps: bytes
    proven: dict[int, str] = {}


def packed(
    identity: str,
    loads: Iterable[int],
    broad: Iterable[int],
    open: Iterable[int],
    of_all: Iterable[int],
    of_rows: Iterable[Collection[int]],
    proven: dict[int, str] | None = None,
) -> bytes:
    """``of_rows``: the steps that look at each row, in the order of the rows."""
    ends, steps = array("q", [0]), array("q")
    for of_row in of_rows:
        if of_row:
            steps.extend(of_row)
        ends.append(len(steps))
    some = (frozenset(loads), frozenset(broad), frozenset(open), frozenset(of_all))
    return _packed(Lookers(identity, *some, ends, steps, proven or {}))


def packed_with(known: Lookers, proven: dict[int, str]) -> bytes:
    """The same, but for what is proven."""
    return _packed(replace(known, proven=proven))


def _packed(known: Lookers) -> bytes:
    some = (sorted(known.loads), sorted(known.broad), sorted(known.open), sorted(known.of_all))
    ends, steps = known.ends.tobytes(), known.steps.tobytes()
    return msgspec.msgpack.encode(_Packed(known.identity, *some, ends, steps, known.proven))


def unpacked(data: bytes, names: Sequence[bytes]) -> Lookers | None:
    """What was kept with evidence of so many rows; None if that is nothing."""
    try:
        found = _DECODER.decode(data)
        ends, steps = array("q", found.ends), array("q", found.steps)
    except (msgspec.DecodeError, ValueError):
        return None
    if len(ends) != len(names) + 1 or ends[-1] != len(steps):
        return None
    some = (frozenset(found.loads), frozenset(found.broad), frozenset(found.open), frozenset(found.of_all))
    return Lookers(found.identity, *some, ends, steps, found.proven)


_DECODER = msgspec.msgpack.Decoder(_Packed)
