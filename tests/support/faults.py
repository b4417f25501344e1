"""Kills a process, or fails it, at the n-th point at which it changes the disk; or counts these points.

Points are the named ones of ``wavebuild.disk.fault`` and all else that Python itself tells of before it is done.
It does not know what is being changed. ``python -m tests.support.faults --at 7 --how kill -- -j2`` is the command
``wavebuild -j2`` with such a fault: the product itself reads no variable and knows no flag for it.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

How = Literal["count", "kill", "full", "full once", "broken once"]
HOWS: tuple[How, ...] = ("kill", "full", "full once", "broken once")

TOLD_BY_PYTHON = frozenset(
    {"os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.truncate", "os.utime", "os.chmod", "shutil.rmtree"}
)
NEEDS_ROOM = frozenset(
    {"before rename", "before link", "before write", "before commit", "os.mkdir", "os.symlink", "open"}
)
"""What a full disk refuses; the rest it lets happen."""

SQLITE_FULL, SQLITE_IOERR = 13, 10


@dataclass
class Faults:
    """The process that makes one is the one that is struck; those it forks are not."""

    at: int
    how: How
    passed: list[str] = field(default_factory=list)
    process: int = field(default_factory=os.getpid)
    struck: bool = False

    def install(self) -> None:
        from wavebuild import disk

        disk.fault = self.come_to
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in TOLD_BY_PYTHON or (event == "open" and _writes(arguments)):
            self.come_to(event)

    def come_to(self, point: str) -> None:
        if os.getpid() != self.process or (self.how == "full" and point not in NEEDS_ROOM):
            return
        self.passed.append(point)
        number = len(self.passed)
        match self.how:
            case "kill" if number == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            case "full" if number >= self.at:
                self._fail(point, errno.ENOSPC)
            case "full once" if number >= self.at and not self.struck and point in NEEDS_ROOM:
                self._fail(point, errno.ENOSPC)
            case "broken once" if number >= self.at and not self.struck and not point.startswith("after"):
                self._fail(point, errno.EIO)
            case _:
                pass

    def _fail(self, point: str, number: int) -> None:
        self.struck = True
        if "close" in point:
            return
        if "commit" in point:
            error = sqlite3.OperationalError("database or disk is full" if number == errno.ENOSPC else "disk I/O error")
            error.sqlite_errorcode = SQLITE_FULL if number == errno.ENOSPC else SQLITE_IOERR
            raise error
        raise OSError(number, os.strerror(number))


def _writes(arguments: tuple[object, ...]) -> bool:
    path, _, flags = arguments
    if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return False
    return isinstance(path, str | bytes) and not os.fsdecode(path).startswith(("/dev/", "/proc/"))


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="wavebuild, with a fault.")
    parser.add_argument("--at", type=int, required=True)
    parser.add_argument("--how", choices=HOWS, default="kill")
    parser.add_argument("arguments", nargs="*")
    asked = parser.parse_args(argv)
    from wavebuild.ui.front import main as wavebuild

    Faults(asked.at, asked.how).install()
    sys.argv = ["wavebuild", *asked.arguments]
    wavebuild()


if __name__ == "__main__":
    main(sys.argv[1:])
