"""Reads a step's log piece by piece, made harmless, however long it is and while it still grows.

It does not know which step wrote it, nor where the text is shown.
"""

from __future__ import annotations

import codecs
import os
import stat

from wavebuild import disk
from wavebuild.ui.escapes import RESET, Sanitizer, sanitized

PIECE = 64 * 1024

TAIL = 4096
"""Bytes of a log in which its last line is looked for."""


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


class Followed:
    """The output of one step as it comes; with a ``prefix``, whole lines that each begin with it."""

    def __init__(self, step: str, reader: LogReader, prefix: str = "") -> None:
        self.step = step
        self.reader = reader
        self._prefix = prefix
        self._open = ""  # a line whose end has not come yet

    def more(self) -> str | None:
        """What is new, perhaps nothing of it to be shown yet; ``None`` at the present end."""
        text = self.reader.read()
        return text if text is None or not self._prefix else self._whole_lines(text)

    def rest(self) -> str:
        """What is still owed when no more will come."""
        text = self.reader.finish()
        if not self._prefix:
            return text
        shown, left, self._open = self._whole_lines(text), self._open, ""
        return shown + (self._line(left) if left.removesuffix(RESET) else "")

    def _whole_lines(self, text: str) -> str:
        *lines, self._open = (self._open + text).split("\n")
        if len(self._open) > PIECE:  # who never ends a line cannot make us keep it all
            lines.append(self._open)
            self._open = ""
        return "".join(map(self._line, lines))

    def _line(self, line: str) -> str:
        """One line of the step, which leaves no colour behind for the next, be it another step's."""
        end = RESET if "\x1b" in line else ""
        return f"{self._prefix}{line}{end}\n"


class Tail:
    """The last line of a log that grows, as it stands now: what a carriage return has put in its place, too."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = (-1, 0)
        self._line = ""

    def look(self) -> str:
        try:
            status = os.stat(self._path)
            seen = (status.st_size, status.st_mtime_ns)
            if seen != self._seen and stat.S_ISREG(status.st_mode):  # of anything else a read may never end
                self._seen = seen
                self._line = last_line(disk.tail(self._path, TAIL))
        except OSError:
            return self._line
        return self._line


def last_line(data: bytes) -> str:
    """The last line that is not blank, harmless and without colours; of a longer text its beginning may be cut off."""
    text = sanitized(data.decode("utf-8", "replace"), colours=False)
    for line in reversed(text.split("\n")):
        if shown := " ".join(line.split()):
            return shown
    return ""
