"""Linux's inotify, spoken without anybody between: what happens in a folder is told in the order in which it happened.

It does not know which folders are watched, nor what follows from a change. Raises OSError as the system gave it, but
says which limit was reached.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF = 0x400, 0x800
UNMOUNT, OVERFLOW, IGNORED, ISDIR = 0x2000, 0x4000, 0x8000, 0x40000000
COMES_OR_GOES = MOVED_FROM | MOVED_TO | CREATE | DELETE
"""Another thing stands at a name than before, or nothing."""

SELF = DELETE_SELF | MOVE_SELF | UNMOUNT
_ONLYDIR, _DONT_FOLLOW = 0x1000000, 0x2000000
ALL = MODIFY | ATTRIB | CLOSE_WRITE | COMES_OR_GOES | DELETE_SELF | MOVE_SELF

_LIMITS = {
    errno.ENOSPC: "the system allows no more watches (fs.inotify.max_user_watches)",
    errno.EMFILE: "the system allows no more open files, or queues of changes (fs.inotify.max_user_instances)",
}
_HEAD = struct.Struct("iIII")
_BUFFER = 1 << 18
_AT_ONCE = 64

Told = tuple[int, int, bytes]
"""The number of a watch, what happened, and the name in that folder; "" for the folder itself."""


def is_there() -> bool:
    """Whether the system has it."""
    return sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "inotify_init1")


class Inotify:
    """One queue of events."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self.handle = self._asked(self._library.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))

    def add(self, folder: bytes, mask: int = ALL) -> int:
        """Watches a folder; the number of the watch, which is the same for one that is watched already."""
        return self._asked(self._library.inotify_add_watch(self.handle, folder, mask | _ONLYDIR | _DONT_FOLLOW))

    def remove(self, watch: int) -> None:
        """One that is gone is gone."""
        with contextlib.suppress(OSError):
            self._asked(self._library.inotify_rm_watch(self.handle, watch))

    def read(self) -> Iterator[Told]:
        """What is in the queue; of a great many events some are left for the next time."""
        for _ in range(_AT_ONCE):
            try:
                data = os.read(self.handle, _BUFFER)
            except InterruptedError:
                continue
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, length = _HEAD.unpack_from(data, at)
                at += _HEAD.size
                yield watch, mask, data[at : at + length].rstrip(b"\0")
                at += length

    def close(self) -> None:
        os.close(self.handle)

    def _asked(self, answer: int) -> int:
        if answer < 0:
            number = ctypes.get_errno() or errno.EIO
            raise OSError(number, _LIMITS.get(number) or os.strerror(number))
        return answer
