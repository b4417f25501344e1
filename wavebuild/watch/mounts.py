"""On which file systems changes are told of: those of this machine alone, as Linux lists what is mounted.

It does not know which files are watched there.
"""

from __future__ import annotations

import os
import re
import select

from wavebuild.store.mounts import MOUNTS

TELLING = ("btrfs", "ext4", "overlay", "tmpfs", "xfs")
"""Nobody but this machine's kernel writes to these, and it tells of each write by whichever mount it came.

What is done to the layers of an overlay from outside nobody tells of; the kernel itself forbids it.
"""


class Mounts:
    """What is mounted below a folder. ``changed`` tells whether that has become something else."""

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root)
        self._handle = os.open(MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._handle, select.POLLPRI)
        self._read()

    def kind(self) -> str:
        """The kind of file system of the folder itself; "" where nobody can tell."""
        return self._kind

    def tells(self, path: bytes) -> bool:
        """Whether changes are told of at a path below the folder."""
        if not self._others:
            return self._kind in TELLING
        lying = [point for point in self._others if path == point or path.startswith(point + b"/")]
        return (self._others[max(lying, key=len)] if lying else self._kind) in TELLING

    def is_at(self, path: bytes) -> bool:
        """Whether something is mounted at this very path: a file there has its name, and who tells of it, elsewhere."""
        return path in self._others

    def changed(self) -> bool:
        """Whether something was mounted or let go of, anywhere, since this was asked last."""
        if not self._poll.poll(0):
            return False
        self._read()
        return True

    def close(self) -> None:
        os.close(self._handle)

    def _read(self) -> None:
        os.lseek(self._handle, 0, os.SEEK_SET)
        data = b""
        while part := os.read(self._handle, 1 << 16):
            data += part
        self._kind, self._others = below(data, os.fsencode(self._root))


def below(mounts: bytes, root: bytes) -> tuple[str, dict[bytes, str]]:
    """The kind of file system of a folder, and of each that is mounted below it by its path from there."""
    kind, longest, others = "", -1, dict[bytes, str]()
    inside = root.rstrip(b"/") + b"/"
    for line in mounts.splitlines():
        words = line.split(b" ")
        if b"-" not in words[6:]:
            continue
        point = _plain(words[4])
        of = words[words.index(b"-", 6) + 1].decode("ascii", "replace")
        if point.startswith(inside) and point != root:
            others[point[len(inside) :]] = of
        elif (point == root or root.startswith(point.rstrip(b"/") + b"/")) and len(point) >= longest:
            kind, longest = of, len(point)  # of several at one place the last is in force
    return kind, others


def _plain(text: bytes) -> bytes:
    """Blanks and the like are written as numbers."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), text)
