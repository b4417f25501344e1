"""Asks the watcher of a project, if there is one, what has moved since all was fresh: instead of a look at every file.

It does not know how the watcher knows. Whatever it says that makes no sense counts as no answer, as does none in time:
then the caller looks for itself. It imports next to nothing.
"""

from __future__ import annotations

import os
import sys

from wavebuild import __version__
from wavebuild.engine.glance import SOCKET, Glance
from wavebuild.store.settled import SEAL, Evidence, agrees, encoded, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Mapping

LEAST = 1 << 17
"""Bytes of evidence for whose sake it is worth to ask: of less, a look is as quick."""

MOST = 1 << 16
"""Bytes of an answer at most; where more has moved, the watcher has no answer."""

_PATIENCE = 0.01
_PATIENCE_A_BYTE = 5e-9
_PATIENCE_AT_MOST = 0.1
"""Seconds that are waited for an answer: less than a look takes."""

_LONGEST_PATH = 107
_SO_PEERCRED = 17


class Told:
    """What a watcher has answered. ``moved``: rows of the evidence with this seal."""

    __slots__ = ("fresh", "moved", "open", "seal")

    def __init__(self, seal: bytes, fresh: int, open: int, moved: list[int]) -> None:
        self.seal = seal
        self.fresh = fresh
        self.open = open
        self.moved = moved


class Hearsay(Glance):
    """What a watcher has told: nothing was looked at, and the evidence is read when somebody wants it."""

    __slots__ = ("_environ", "_path", "_question", "_said")

    def __init__(self, said: Told, path: str, question: str, environ: Mapping[str, str]) -> None:
        super().__init__(Evidence(said.fresh, [], 0, memoryview(b""), b"", open=said.open), said.moved)
        self._said: Told | None = said
        self._path = path
        self._question = question
        self._environ = environ

    @property
    def evidence(self) -> Evidence:
        """What the watcher spoke of; if another lies there by now, one that says nothing of any step."""
        said, self._said = self._said, None
        if said is not None:
            found = read(self._path, self._question, self._environ)
            is_the_same = found is not None and found.data[:SEAL] == said.seal
            if found is not None and is_the_same and max(said.moved, default=0) < len(found.names):
                self._evidence = found
        return self._evidence


def heard(stem: str, question: str, environ: Mapping[str, str], root: str) -> Hearsay | None:
    """What the watcher says, as a first look."""
    said = told(stem, question, environ, root)
    return None if said is None else Hearsay(said, f"{stem}.settled", question, environ)


def told(stem: str, question: str, environ: Mapping[str, str], root: str) -> Told | None:
    """What the watcher says of the evidence beside it; None: nobody says anything that could be relied on."""
    place = stem + SOCKET
    try:
        with open(f"{stem}.settled", "rb", 0) as file:
            status = os.fstat(file.fileno())
            if status.st_size < LEAST:
                return None
            seal = file.read(SEAL)
        message = b"\0".join((encoded(__version__), identity(seal, status), whereabouts(root), encoded(question)))
        return _read(seal, _exchanged(place, message, patience_for(status.st_size)), environ)
    except (OSError, ValueError, OverflowError):
        return None


def patience_for(size: int) -> float:
    """Seconds that are waited for an answer about so many bytes of evidence."""
    return min(_PATIENCE + size * _PATIENCE_A_BYTE, _PATIENCE_AT_MOST)


def identity(seal: bytes, status: os.stat_result) -> bytes:
    """One file of evidence among all that ever lay there."""
    stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return seal[:-1] + b" %d %d %d %d %d" % stamp


def whereabouts(root: str | int) -> bytes:
    """What must be the same for two processes to see the same files below a root: it, and what is mounted."""
    here, top, mounts = os.stat(root), os.stat("/"), os.stat("/proc/self/ns/mnt")
    return b"%d %d %d %d %d " % (here.st_dev, here.st_ino, top.st_dev, top.st_ino, mounts.st_ino) + _mount_of_top()


def _mount_of_top() -> bytes:
    """Which mount of them all our top folder is: the same folder may be mounted again elsewhere, to be a top there."""
    handle = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        with open(f"/proc/self/fdinfo/{handle}", "rb", 0) as file:
            said = file.read()
    finally:
        os.close(handle)
    return said[said.index(b"mnt_id") :]


def _exchanged(place: str, message: bytes, patience: float) -> bytes:
    import _socket

    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        line.settimeout(patience)
        _connect(line, place)
        who = line.getsockopt(_socket.SOL_SOCKET, _SO_PEERCRED, 12)
        if int.from_bytes(who[4:8], sys.byteorder) != os.geteuid():
            return b""
        line.send(message)
        return line.recv(MOST + 1)
    finally:
        line.close()


def _connect(line: socket, place: str) -> None:
    """A path that is too long for a socket is gone by way of its folder."""
    if len(os.fsencode(place)) <= _LONGEST_PATH:
        line.connect(place)
        return
    folder, name = os.path.split(place)
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        line.connect(f"/proc/self/fd/{handle}/{name}")
    finally:
        os.close(handle)


def _read(seal: bytes, answer: bytes, environ: Mapping[str, str]) -> Told | None:
    """Raises ValueError for an answer that makes no sense."""
    word, *parts = answer.split(b"\0")
    if word != KNOWN or len(answer) > MOST:
        return None
    fresh, left, rows, *env = parts
    moved = [*map(int, rows.split())]
    if min(int(fresh), int(left), *moved, 0) < 0 or not agrees(env, environ):
        return None
    return Told(seal, int(fresh), int(left), moved)


def answered(fresh: int, left: int, moved: list[int], env: list[bytes]) -> bytes:
    """What a watcher that knows says; ``env``: as it is kept in the evidence."""
    return b"\0".join((KNOWN, b"%d" % fresh, b"%d" % left, b" ".join(b"%d" % row for row in moved), *env))


KNOWN = b"known"
