"""A kill between any two changes of the disk, in this very process.

Python tells of each change before it is made; from the chosen one on none is made any more.
It does not know what is being changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"})


class Killed(BaseException):
    """Nothing that handles errors handles this, as nothing handles a kill."""


class _Counter:
    left = -1  # changes still allowed; below zero: no kill is planned

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.left < 0 or not self._changes(event, arguments):
            return
        if self.left == 0:
            raise Killed(event)
        self.left -= 1

    def _changes(self, event: str, arguments: tuple[object, ...]) -> bool:
        if event == "open":
            flags = arguments[2]
            return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        return event in CHANGES


_counter = _Counter()
_listening: list[bool] = []


@contextmanager
def killed_after(changes: int | None) -> Iterator[None]:
    """Lets so many changes of the disk happen, then ends the block as a kill would; None: no kill."""
    if not _listening:
        sys.addaudithook(_counter.hear)
        _listening.append(True)
    _counter.left = -1 if changes is None else changes
    try:
        with suppress(Killed):
            yield
    finally:
        _counter.left = -1
