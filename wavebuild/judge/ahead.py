"""Large files, summed in threads before their digests are asked for: as many at once as there are cores.

It does not know which files are worth it, nor what was learned of them before. What a thread cannot read, or
reads while it changes, is left to whoever asks: he reads it himself and says what is wrong.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable

from wavebuild import disk
from wavebuild.judge.stamp import Stamp

Summed = tuple[int, str, os.stat_result, bytes | None]
"""When the reading began by the clock, in ns; the SHA-256 in hex; what the file then was; no bytes, it is large."""


class _Reading:
    """One file that is being read, or will be."""

    __slots__ = ("done", "path", "result", "stamp")

    def __init__(self, path: str, stamp: Stamp) -> None:
        self.path = path
        self.stamp = stamp
        self.result: Summed | None = None
        self.done = threading.Event()


class Ahead:
    """``now``: the system's clock in nanoseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._todo: deque[_Reading] = deque()
        self._begun: dict[str, _Reading] = {}
        self._threads = 0
        self._most = _cores()

    def begin(self, path: str, stamp: Stamp) -> None:
        """Will be read: an absolute path, where a regular file of this stamp stands."""
        with self._lock:
            known = self._begun.get(path)
            if known is not None and known.stamp == stamp:
                return
            self._begun[path] = reading = _Reading(path, stamp)
            self._todo.append(reading)
            if self._threads == self._most:
                return
            self._threads += 1
        self._start()

    def take(self, path: str, stamp: Stamp) -> Summed | None:
        """What was read of a file that had this stamp, waited for; None if it must be read now."""
        with self._lock:
            reading = self._begun.pop(path, None)
            if reading is None or reading.stamp != stamp:
                return None
            if reading in self._todo:
                self._todo.remove(reading)
                return None
        reading.done.wait()
        return reading.result

    def drop(self, path: str) -> None:
        """The file at this path was remade: nobody will ask for what it was."""
        with self._lock:
            reading = self._begun.pop(path, None)
            if reading is not None and reading in self._todo:
                self._todo.remove(reading)

    def _start(self) -> None:
        """A thread that no signal comes to: those are for the one that waits for workers."""
        former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            threading.Thread(target=self._read, name="reads ahead", daemon=True).start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)

    def _read(self) -> None:
        while True:
            with self._lock:
                if not self._todo:
                    self._threads -= 1
                    return
                reading = self._todo.popleft()
            try:
                started = self._now()
                reading.result = (started, *disk.sha256(reading.path, 0, reading.stamp[2]))
            except OSError:
                pass  # whoever asks reads it himself
            finally:
                reading.done.set()


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
