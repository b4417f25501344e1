"""The memory of builds, kept in this process alone: what ``Records`` promises, without a disk.

It does not know SQLite; nothing of it outlives the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from wavebuild.judge.asking import Answer
from wavebuild.judge.stamp import Stamp
from wavebuild.judge.trace import KEPT, Made, Trace
from wavebuild.run.records import Attempt, Result


class Remembered:
    """``open``: attempts not brought to an end, by id; ``results``: in the order in which steps ended."""

    def __init__(self) -> None:
        self.open: dict[str, Attempt] = {}
        self.results: list[Result] = []
        self.written: dict[str, tuple[str, str]] = {}  # of the shared memory
        self.learned: dict[str, tuple[Stamp, str]] = {}
        self.answers: dict[str, Answer] = {}
        self._traces: dict[str, list[Trace]] = {}
        self._made: dict[str, Made] = {}
        self._texts: dict[str, dict[str, bytes]] = {}

    def traces(self, key: str) -> Sequence[Trace]:
        return list(self._traces.get(key, ()))

    def texts(self, key: str) -> dict[str, bytes]:
        return self._texts.get(key, {})

    def made(self) -> Mapping[str, Made]:
        return self._made

    def learn(self, learned: Mapping[str, tuple[Stamp, str]]) -> None:
        self.learned |= learned

    def hear(self, answers: Mapping[str, Answer]) -> None:
        self.answers |= answers

    def begin(self, attempt: Attempt) -> None:
        self.open[attempt.id] = attempt

    def succeed(
        self,
        key: str,
        trace: Trace,
        attempt: Attempt,
        result: Result,
        memory: Mapping[str, tuple[str, str]] = {},
        texts: Mapping[str, bytes] = {},
    ) -> None:
        self.written |= memory
        self._texts[key] = {**self.texts(key), **texts}
        former = self._traces.get(key, ())
        for path in former[0].outputs if former else ():
            if path not in trace.outputs:
                self._made.pop(path, None)
        self.record(key, trace)
        self.results.append(result)
        if not attempt.holds_files:
            self.open.pop(attempt.id, None)

    def fail(self, key: str, attempt: str, result: Result, void: Sequence[Trace]) -> None:
        kept = self._traces.get(key, [])
        self._traces[key] = [msgspec.structs.replace(trace, void=True) if trace in void else trace for trace in kept]
        self.results.append(result)
        self.open.pop(attempt, None)

    def record(self, key: str, trace: Trace, placed: bool = False) -> None:
        self._traces[key] = [trace, *self._traces.get(key, ())][:KEPT]
        for path, digest in trace.outputs.items():
            if placed:
                self._made.pop(path, None)
            else:
                self._made[path] = Made(digest, key, "", path in trace.by_hand, trace.raw.get(path, ""))

    def close_attempt(self, attempt: str) -> None:
        self.open.pop(attempt, None)

    def flush(self) -> None:
        """All of it is gone with the process."""
