"""The process that watches folders, begun and asked from here: which paths may have changed since it was last asked.

It does not know how folders are watched (``watch.eyes`` does, in that process), nor what a change means.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Collection

from msgspec import Struct

import wavebuild

LONGEST_END = 2.0
"""Seconds that the process has to end by itself."""


class Batch(Struct, frozen=True):
    """What may have changed; a path stands for itself and all below it. ``said``: for people, a line each."""

    paths: tuple[str, ...] = ()
    all: bool = False  # anything may have changed: events were lost, or nobody can tell
    said: tuple[str, ...] = ()
    at: float = 0.0  # when the last path was heard of, by time.monotonic; 0: none was


class _Message(Struct):
    """A line of that process."""

    paths: list[str]
    all: bool
    said: list[str]
    stands: int
    blind: bool
    at: float


class Observer:
    """Folders that are watched by a process of their own, so that this one has no threads and may be forked.

    ``watch`` says which; ``standing`` turns true once a batch was taken after which all of them are watched (whoever
    vouches for files looks at them again then: what came before nobody has seen). Batches tell of changes in the order
    in which the kernel queued them. ``blind``: not all that was asked for can be watched, so silence means nothing.
    """

    def __init__(self) -> None:
        ours, its = socket.socketpair()
        place = os.path.dirname(os.path.dirname(os.path.abspath(wavebuild.__file__)))
        # This very wavebuild, whichever else is installed; and nothing but it from beside it.
        found = f"import sys; sys.path[:] = [p for p in sys.path if p]; sys.path.insert(0, {place!a}); import wavebuild"
        program = f"{found}; del sys.path[0]; from wavebuild.watch.eyes import main; main({its.fileno()})"
        with its:
            # A session of its own: a Ctrl-C is for the build; it ends when nobody listens any more.
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(its.fileno(),),
                start_new_session=True,
            )
        self._line = ours
        self._coming = bytearray()
        self._wish: tuple[frozenset[str], frozenset[str]] | None = None
        self._number = 0
        self._stands = -1
        self.blind = False
        self.ended = False

    def fileno(self) -> int:
        """Readable when there is a batch."""
        return self._line.fileno()

    @property
    def standing(self) -> bool:
        """Whether all that was asked for is watched, as far as it can be."""
        return self._stands == self._number

    def watch(self, folders: Collection[str], deep: Collection[str] = ()) -> bool:
        """From now on these folders are watched and no others, below ``deep`` ones all there are; absolute paths.

        Whether anything is other than it was asked before. What is not there is watched when it comes, if the folder
        above it is watched too, or it is an uppermost one. Nothing is lost of folders that stay.
        """
        wish = frozenset(folders), frozenset(deep)
        if wish == self._wish or self.ended:
            return False
        self._wish = wish
        self._number += 1
        said = {"number": self._number, "folders": sorted(wish[0]), "deep": sorted(wish[1])}
        self._line.setblocking(True)
        with contextlib.suppress(OSError):  # its end is read with the next batch
            self._line.sendall(json.dumps(said).encode() + b"\n")
        return True

    def batch(self) -> Batch:
        """What has been told since the last time; it does not wait."""
        paths: dict[str, None] = {}
        said: list[str] = []
        everything, at = False, 0.0
        for message in self._messages():
            paths.update(dict.fromkeys(message.paths))
            said += message.said
            everything = everything or message.all
            self._stands = message.stands
            at = max(at, message.at if message.paths else 0.0)
            self.blind = message.blind
        if self.ended and not self.blind:
            self.blind = everything = True
            said.append("the process that watches files has ended; looking at them from time to time instead")
        return Batch(tuple(paths), everything, tuple(said), at)

    def _messages(self) -> list[_Message]:
        self._line.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while not self.ended:
                try:
                    data = self._line.recv(1 << 16)
                except ConnectionError:
                    data = b""
                self.ended = not data
                self._coming += data
        *lines, rest = bytes(self._coming).split(b"\n")
        self._coming = bytearray(rest)
        return [_Message(**json.loads(line)) for line in lines]

    def forget(self) -> None:
        """In a fork of this process: it is not ours."""
        self._line.close()

    def close(self) -> None:
        """Ends the process."""
        self._line.close()
        try:
            self._process.wait(LONGEST_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
