"""Where a job's output goes, and the lists of paths that it is given.

It does not know what a job is for, nor when it ends.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterator

_PIECE = 1 << 16
_PIECES_AT_ONCE = 16
"""Pieces moved between two looks at the clock and at the parent: who never stops talking must not drown them."""


class ListFile:
    """A file that lists paths, which exists in memory alone where the system can do that.

    Making a file for each step costs more than starting a command; this one is used again.
    """

    def __init__(self, name: str) -> None:
        try:
            self._handle = os.memfd_create(name)
            self._path = f"/proc/{os.getpid()}/fd/{self._handle}"
        except (AttributeError, OSError):
            import tempfile

            self._handle, self._path = tempfile.mkstemp(prefix="wavebuild-")

    def holding(self, text: bytes) -> str:
        """Its path, after this text has become what it holds, in the memory that it has already."""
        at = 0
        while at < len(text):
            at += os.pwrite(self._handle, text[at:], at)
        os.ftruncate(self._handle, len(text))
        return self._path


class Spool:
    """Where a job's output goes: a file that gets its name as the log when there is something to read.

    A step that says nothing and ends at once, as most do, costs no file.
    """

    def __init__(self, folder: str) -> None:
        self._path = spool_path(folder, os.getpid())
        self._spare = -1  # an empty file without a name as a log
        self._log = ""
        self.handle = -1

    def begin(self, log: str) -> None:
        """From now on ``handle`` takes what belongs in this log; one that is there already is added to."""
        self._log = log
        if os.path.exists(log):
            self.handle = _appended(log)
            return
        if self._spare < 0:
            self._spare = _appended(self._path)
        self.handle = self._spare

    def show(self) -> None:
        """Gives the file its name as a log; who writes to it does not notice. One that was removed has none."""
        if self.handle == self._spare:
            self._spare = -1
            with contextlib.suppress(OSError):
                os.rename(self._path, self._log)

    def end(self) -> None:
        """The job is over: its output is under its name, if there is any."""
        if self.handle == self._spare:
            status = os.fstat(self.handle)
            if status.st_size or not _has_a_name(status):
                self.show()
        if self.handle != self._spare:
            os.close(self.handle)
        self.handle = -1


class Tap:
    """A pipe into a log: a job writes to ``handle``; whoever waits for it pumps what comes out of ``source``.

    Every secret becomes ``***``, and of more than ``most`` bytes the rest is thrown away.
    """

    def __init__(self, log: int, secrets: Collection[str], most: int | None, is_ours: bool = False) -> None:
        self._is_ours = is_ours  # the descriptor of the log is closed with the pipe
        from wavebuild.run.masking import Mask  # most workers hide nothing, and start without it

        self._mask = Mask(secrets)
        self._log = log
        self._room = None if most is None else max(0, most - os.fstat(log).st_size)
        self.overflowed = False
        self.source, self.handle = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        os.set_blocking(self.source, False)

    def pump(self) -> None:
        """Moves some of what has been written so far."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_PIECES_AT_ONCE):
                if not (data := os.read(self.source, _PIECE)):
                    return
                self._write(self._mask.feed(data))

    def close(self) -> None:
        """The job is over."""
        os.close(self.handle)
        self.pump()
        self._write(self._mask.end())
        os.close(self.source)
        if self._is_ours:
            os.close(self._log)

    def _write(self, data: bytes) -> None:
        """Where the disk is full, a step goes on without its log."""
        if self._room is not None:
            self.overflowed = self.overflowed or len(data) > self._room
            data = data[: self._room]
            self._room -= len(data)
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self._log, data) :]


@contextlib.contextmanager
def taken(path: str, log: int) -> Iterator[int]:
    """Where a command's standard output goes: an empty file of this path, or the log if there is none."""
    if not path:
        yield log
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _appended(path: str) -> int:
    """A file to be added to; where it cannot be had, a step goes on without its log."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags, 0o644)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            return os.open(path, flags, 0o644)
    except OSError:
        return os.open(os.devnull, flags)


def _has_a_name(status: os.stat_result) -> bool:
    """Whether it is a file, and no step has removed it."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 0


def spool_path(folder: str, process: int) -> str:
    """Where the worker of this process id collects output before it has a log."""
    return f"{folder}/.worker-{process}"
