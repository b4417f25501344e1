"""What the life of a step must have recorded, and when: the promise that the store keeps.

It does not know how or where it is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from wavebuild.judge.asking import Answer
from wavebuild.judge.reasons import Reason
from wavebuild.judge.stamp import Stamp
from wavebuild.judge.trace import Made, Trace

SANDBOX = ".wavebuild/sandbox"
"""Where the private folders of steps lie."""


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """What one attempt is about to do to the files, recorded before it does it.

    Paths are relative to the root. ``aside``: member → where it is put meanwhile.
    ``bystanders``: files of other people that a glob output covers, member → where a copy lies.
    ``covers``: the outputs, as (kind, path, exclude). ``displaced``: member → where its edited
    bytes go once the attempt has succeeded. ``in_place``: the paths of the outputs that are edited
    rather than remade; ``copied``: their members, and ``folders``: their folders, → where a copy lies.
    ``sandbox``: the root of the private folder that the step works in, "" if it works in the project; there nothing
    is touched before ``enters``: what it made is about to take the place of its former outputs.
    """

    id: str
    step: str
    run: str
    key: str
    aside: dict[str, str]
    bystanders: dict[str, str]
    covers: tuple[tuple[str, str, tuple[str, ...]], ...]
    displaced: dict[str, str] = {}
    in_place: tuple[str, ...] = ()
    copied: dict[str, str] = {}
    folders: dict[str, str] = {}
    sandbox: str = ""
    enters: bool = False

    @property
    def holds_files(self) -> bool:
        """Whether something is to be moved or let go when it ends."""
        return bool(self.aside or self.bystanders or self.copied or self.folders or self.sandbox)


class Result(Struct, frozen=True):
    """How a step ended in one run; times in seconds, ``began`` since the epoch."""

    step: str
    run: str
    outcome: str
    began: float
    seconds: float
    attempts: int = 0
    exit_code: int | None = None
    failure: str = ""
    log: str | None = None
    reasons: tuple[Reason, ...] = ()  # why it ran


class PastRun(Struct, frozen=True):
    """One invocation that is on record; ``seconds`` and ``exit_code`` are None if it never came to its end."""

    run: str
    began: float  # epoch seconds
    seconds: float | None
    exit_code: int | None
    jobs: int
    schedule: str
    command: str
    counts: tuple[tuple[str, int], ...] = ()  # outcome word → number of steps


def log_path(run: str, step: str, attempt: int) -> str:
    """Where the output of an attempt is kept, relative to the root. No step's name holds a ``~``."""
    return f".wavebuild/logs/{run}/{step}{f'~{attempt}' if attempt > 1 else ''}.log"


class Records(Protocol):
    """The memory that outlives the build. What is put here is known at once, and kept by the next ``flush``.

    A kill before it takes all that was put since the last one, or nothing of it.
    """

    def traces(self, key: str) -> Sequence[Trace]:
        """The kept traces, newest first."""

    def made(self) -> Mapping[str, Made]:
        """Every member on record as made by a step."""

    def learn(self, learned: Mapping[str, tuple[Stamp, str]]) -> None:
        """Digests to be kept."""

    def hear(self, answers: Mapping[str, Answer]) -> None:
        """Answers of probes to be kept."""

    def begin(self, attempt: Attempt) -> None:
        """The intent: to be kept before the first file is touched."""

    def succeed(
        self,
        key: str,
        trace: Trace,
        attempt: Attempt,
        result: Result,
        memory: Mapping[str, tuple[str, str]] = {},
        texts: Mapping[str, bytes] = {},
    ) -> None:
        """A success. The attempt stays open while it has files to be moved or removed.

        ``memory``: the values that the step has written, key → digest and canonical JSON.
        ``texts``: of the trace's edits, those that may be new, by their digests.
        """

    def fail(self, key: str, attempt: str, result: Result, void: Sequence[Trace]) -> None:
        """The end of an attempt without success; ``void`` traces are never fresh again."""

    def record(self, key: str, trace: Trace, placed: bool = False) -> None:
        """A trace without an attempt: a gate judged again, a touch; ``placed``: the members are a person's own."""

    def texts(self, key: str) -> Mapping[str, bytes]:
        """The texts of the newest trace's edits, by their digests."""

    def close_attempt(self, attempt: str) -> None:
        """Nothing is left to do for this attempt."""

    def flush(self) -> None:
        """All that was put is durable against a kill when this returns."""
