"""One build at a time per project: a lock that the kernel releases when its holder dies.

It does not know what the holder does. The text in the file only tells people who holds it;
no decision is ever made from it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable

from wavebuild import disk
from wavebuild.errors import Place, mistake
from wavebuild.store.held import is_held
from wavebuild.store.layout import unwritable

_MOMENT = 0.2
"""Seconds in which nobody is refused: whoever has it may be about to let go."""

_LOOKS = 10.0
"""Seconds in which those may have it who only look whether it is held: nobody is refused for that. Each look takes a
moment, but on a busy machine whoever looks may come to stand still in the midst of it."""

HELD = 3
"""Exit code: another wavebuild holds this project."""


class Lock:
    """The lock while it is held; ``release`` or the end of the process gives it back."""

    def __init__(self, handle: int, path: str, said: bytes = b"") -> None:
        self._handle = handle
        self._path = path
        self._said = said

    def is_ours(self) -> bool:
        """Whether the file that is held is still the one that others would look at."""
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(self._handle), os.lstat(self._path))
        return False

    def note(self, text: str) -> None:
        """A line on what the holder does, for people who ask who it is."""
        with contextlib.suppress(OSError):
            data = self._said + os.fsencode(text) + b"\n"
            os.ftruncate(self._handle, os.pwrite(self._handle, data, 0))

    def release(self) -> None:
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1


def take(path: str, command: str, wait: float, stopped: Callable[[], bool]) -> Lock | None:
    """Takes the lock, waiting up to ``wait`` seconds; None if ``stopped`` meanwhile.

    Raises WavebuildError: exit 3 and the holder's name, or exit 1 where the file cannot be opened.
    """
    try:
        disk.make_folder(os.path.dirname(path))
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise unwritable("the project cannot be held", path, error) from None
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                os.close(handle)
                raise mistake(
                    "no-lock",
                    f"this file system cannot lock: {error.strerror}",
                    Place(path),
                    "put the project on a local disk",
                ) from None
        if stopped():
            os.close(handle)
            return None
        passed = time.monotonic() - began
        if passed >= max(wait, _MOMENT) and (passed >= _LOOKS or not _is_only_looked_at(handle)):
            holder = os.pread(handle, 4096, 0).decode("utf-8", "replace").strip() or "another process"
            os.close(handle)
            raise mistake(
                "held",
                f"another wavebuild holds this project: {holder}",
                remedy="wait for it, or use --wait DURATION",
                exit_code=HELD,
            )
        time.sleep(0.01 if passed < _MOMENT else 0.05)
    said = os.fsencode(f"pid {os.getpid()}, {_user()}@{os.uname().nodename}: {command}\n")
    with contextlib.suppress(OSError):  # the text only informs: on a full disk the lock holds without it
        os.ftruncate(handle, 0)
        os.pwrite(handle, said, 0)
    return Lock(handle, path, said)


def _is_only_looked_at(handle: int) -> bool:
    """Whether those who have it now share it, as ``is_held`` does: a build lets nobody share."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(handle, fcntl.LOCK_UN)
    return True


def holder(path: str) -> str:
    """Who holds the lock at this moment, as it says itself; "" if nobody does."""
    if not is_held(path):
        return ""
    with contextlib.suppress(OSError):
        return disk.tail(path, 4096).decode("utf-8", "replace").strip() or "another process"
    return "another process"


def _user() -> str:
    for name in ("LOGNAME", "USER"):
        if said := os.environ.get(name):
            return said
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
