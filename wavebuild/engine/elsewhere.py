"""A long look, the rest of which a second process takes while this one goes on.

It does not know what is looked at. It imports next to nothing: who begins it has not much time to lose.
"""

from __future__ import annotations

import os
from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Look = Callable[[int, int], list[int]]
    """Which of the rows from one to another have something to tell."""

AT_ONCE = 1 << 10
"""Rows after which the second process looks whether anybody still waits for it."""


class Rest:
    """What the second process finds in the rows from ``start`` to ``end``."""

    __slots__ = ("_child", "_source", "end", "start")

    def __init__(self, child: int, source: int, start: int, end: int) -> None:
        self._child = child
        self._source = source
        self.start = start
        self.end = end

    def found(self) -> list[int] | None:
        """Its rows, after waiting for them; None if it did not come to its end."""
        rows = array("q")
        try:
            with open(self._source, "rb", 0) as source:
                rows.frombytes(source.read())
        except (OSError, ValueError):
            rows = array("q")
        try:
            _, status = os.waitpid(self._child, 0)
        except ChildProcessError:
            return None
        return rows.tolist() if status == 0 else None


def begun(look: Look, start: int, end: int) -> Rest | None:
    """A second process that looks at these rows; None where that gains nothing, or there is none to be had."""
    cores = getattr(os, "sched_getaffinity", None)
    if cores is None or len(cores(0)) < 2:
        return None
    try:
        source, sink = os.pipe()
    except OSError:
        return None
    us = os.getpid()
    try:
        child = os.fork()
    except OSError:
        os.close(source)
        os.close(sink)
        return None
    if child == 0:
        os.close(source)
        _look(look, start, end, sink, us)
    os.close(sink)
    return Rest(child, source, start, end)


def _look(look: Look, start: int, end: int, sink: int, parent: int) -> None:
    """The life of the second process; it says nothing of what goes wrong: whoever waits looks for itself then."""
    try:
        found = array("q")
        for at in range(start, end, AT_ONCE):
            if os.getppid() != parent:
                os._exit(1)
            found.extend(look(at, min(at + AT_ONCE, end)))
        data = memoryview(found.tobytes())
        while data:
            data = data[os.write(sink, data) :]
        os._exit(0)
    finally:
        os._exit(1)
