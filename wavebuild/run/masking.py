"""Keeps secrets out of a log: what a job prints goes through a pipe, and every secret in it becomes ``***``.

It does not know whose secrets they are, nor when the job ends.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable

MASK = b"***"
_CHUNK = 1 << 16


class Mask:
    """Replaces secrets in a stream of bytes, also those that lie across the borders of its pieces."""

    def __init__(self, secrets: Iterable[str]) -> None:
        values = {os.fsencode(secret) for secret in secrets}
        lines = {line for value in values for line in value.splitlines() if len(line.strip()) > 3}
        self._secrets = sorted((value for value in values | lines if value), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if self._secrets else None
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What may be shown by now: the beginning of what could become a secret is held back."""
        return self._masked(self._held + data, last=False)

    def end(self) -> bytes:
        """The rest, when nothing more comes."""
        return self._masked(self._held, last=True)

    def _masked(self, data: bytes, last: bool) -> bytes:
        if self._pattern is None:
            return data
        border = len(data) if last else self._border(data)
        shown, at = [], 0
        for found in self._pattern.finditer(data):
            if found.start() >= border:
                break
            shown += [data[at : found.start()], MASK]
            at = found.end()
        if at < border:
            shown.append(data[at:border])
            at = border
        self._held = data[at:]
        return b"".join(shown)

    def _border(self, data: bytes) -> int:
        """Where the rest of the data may be the beginning of a secret."""
        for start in range(max(0, len(data) - len(self._secrets[0]) + 1), len(data)):
            if any(len(secret) > len(data) - start and secret.startswith(data[start:]) for secret in self._secrets):
                return start
        return len(data)


class MaskedLog:
    """A pipe into a log: a job writes to ``handle``; whoever waits for it pumps what comes out of ``source``."""

    def __init__(self, secrets: Iterable[str], log: int) -> None:
        self._mask = Mask(secrets)
        self._log = log
        self.source, self.handle = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        os.set_blocking(self.source, False)

    def pump(self) -> None:
        """Moves what has been written so far."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.source, _CHUNK):
                _write(self._log, self._mask.feed(data))

    def close(self) -> None:
        """The job is over."""
        os.close(self.handle)
        self.pump()
        _write(self._log, self._mask.end())
        os.close(self.source)


def _write(handle: int, data: bytes) -> None:
    """Where the disk is full, a step goes on without its log."""
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(handle, data) :]
