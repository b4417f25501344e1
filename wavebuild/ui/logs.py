"""Reads a step's log piece by piece, made harmless, however long it is and while it still grows.

It does not know which step wrote it, nor where the text is shown.
"""

from __future__ import annotations

import codecs
import os

from wavebuild.ui.escapes import Sanitizer

PIECE = 64 * 1024


class LogReader:
    """A position in one log file; a file that is not there yet is one with nothing in it."""

    def __init__(self, path: str, colours: bool) -> None:
        self._path = path
        self._offset = 0
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._sanitizer = Sanitizer(colours)

    def read(self, size: int = PIECE) -> str | None:
        """The next piece as it may be shown, perhaps nothing of it; ``None`` at the present end."""
        data = self._bytes(size)
        if not data:
            return None
        self._offset += len(data)
        return self._sanitizer.feed(self._decode.decode(data))

    def skip_to_last(self, size: int = PIECE) -> int:
        """Passes over all but the last part of what is not yet read; how many bytes that was."""
        try:
            skipped = max(0, os.stat(self._path).st_size - size - self._offset)
        except OSError:
            return 0
        if skipped:
            self._offset += skipped
            self._decode.reset()
        return skipped

    def finish(self) -> str:
        """What is still owed when no more will be read."""
        return self._sanitizer.feed(self._decode.decode(b"", final=True)) + self._sanitizer.finish()

    def _bytes(self, size: int) -> bytes:
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                return file.read(size)
        except OSError:
            return b""
