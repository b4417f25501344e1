"""Keeps secrets out of what is shown: every one in a stream of bytes becomes ``***``.

It does not know whose secrets they are, nor where the stream goes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

MASK = b"***"


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

    def whole(self, data: bytes) -> bytes:
        """All of it at once."""
        return self._masked(data, last=True)

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
