"""A trace: what one success read and made, kept to verify later that nothing changed.

It does not know where traces are kept. A verifying trace of depth one, after Mokhov, Mitchell
and Peyton Jones, "Build Systems à la Carte" (2018).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from wavebuild.declare.model import Step

KEPT = 8
"""How many traces of a step are kept: as many former states can be returned to without a rerun."""

MOST_KEPT = 2 << 20
"""Bytes of the kept traces of one step: of longer ones, with thousands of inputs, fewer are kept, but two always."""

ABSENT = "absent"
"""The digest of what is not there, and may be missing."""


class Packed(Mapping[str, str]):
    """Members and digests as they are on record, many of them: unpacked when somebody asks for one.

    ``record``: all bytes that these are a part of.
    """

    __slots__ = ("_found", "_packed", "_record")

    def __init__(self, packed: msgspec.Raw, record: bytes) -> None:
        self._packed = packed
        self._record = record
        self._found: dict[str, str] | None = None

    def lack(self, member: str, digest: str) -> bool:
        """Whether this member surely has another digest, or none. They need not be unpacked to tell."""
        if self._found is not None:
            return self._found.get(member) != digest
        try:
            return msgspec.msgpack.encode(member) + msgspec.msgpack.encode(digest) not in self._record
        except UnicodeEncodeError:
            return False

    def plain(self) -> dict[str, str]:
        if self._found is None:
            self._found = msgspec.msgpack.decode(memoryview(self._packed), type=dict[str, str])
        return self._found

    def __getitem__(self, member: str) -> str:
        return self.plain()[member]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain())

    def __len__(self) -> int:
        return len(self.plain())

    def __eq__(self, other: object) -> bool:
        return self.plain() == (other.plain() if isinstance(other, Packed) else other)

    __hash__ = None  # type: ignore[assignment]


def plain(members: Mapping[str, str]) -> Mapping[str, str]:
    """The same, quick to ask for each of them."""
    return members.plain() if isinstance(members, Packed) else members


class Trace(msgspec.Struct, frozen=True, array_like=True):
    """What one run of a step recorded. Members and their digests are texts (see ``judge.digest``)."""

    step: str
    run: str
    began: float  # epoch seconds
    seconds: float
    action: dict[str, str]  # the parts of the action's fingerprint
    gate: dict[str, str]
    inputs: Mapping[str, str]  # member → digest
    gate_inputs: dict[str, str]
    outputs: dict[str, str]
    void: bool = False  # a later run with the same definition and inputs failed: known bytes, never fresh
    moved: tuple[str, ...] = ()  # inputs that changed while it ran: never fresh
    by_touch: bool = False
    by_hand: tuple[str, ...] = ()  # members that a person made and accepted
    raw: dict[str, str] = {}  # digests of the bytes, of members that are compared otherwise
    discovered: dict[str, str] = {}  # what the depfile named besides the inputs: member → digest
    edits: dict[str, tuple[tuple[str, str], ...]] = {}  # shared file → digests of its texts before and after, in order
    keys: dict[str, str] = {}  # key of a shared file, `F#a.b` → digest of what the step made there
    review: str = ""  # what the advisor said of the outputs, as JSON

    @property
    def forgotten(self) -> bool:
        """Whether a person had the step forget what it did: its bytes are known, and nothing else."""
        return not self.action

    @property
    def identity(self) -> str:
        """What no other trace of the same step has, but one with the same inputs."""
        return f"{self.run} {self.began!r}"


class Made(NamedTuple):
    """What is on record of a member that some step made, or whose bytes a person had accepted as made."""

    digest: str
    key: str  # of its maker's traces
    scope: str  # the --set values it was made under
    by_hand: bool
    raw: str  # the digest of its bytes; "" where they were never read


def key(step: Step) -> str:
    """What traces belong to: the rendered outputs, so that a renamed step takes over its traces; else the name."""
    if len(step.outputs) == 1:
        return step.outputs[0].text
    outputs = " ".join(sorted(artifact.text for artifact in step.outputs))
    return outputs or f"step:{step.name}"
