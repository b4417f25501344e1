"""``--events``: each event as one line of JSON, flushed at once.

It does not know what the events mean; a reader that has gone stops the lines, not the build.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from wavebuild.errors import mistake
from wavebuild.run.events import Event
from wavebuild.ui.caller import let_go
from wavebuild.ui.escapes import escaped

LONGEST = 1 << 22
"""Bytes up to which a line is written at once: a kill tears none, and a reader never sees a part of one."""


@contextmanager
def event_lines(
    file: str, folder: str, stdout: TextIO, say: Callable[[Sequence[str]], None], more: bool = False
) -> Iterator[Callable[[Event], None]]:
    """What to call with each event; the file is relative to the folder, ``-`` is stdout.

    ``more``: what is in the file stays.
    ``say`` is told at the end when the lines could not all be written: the build is none the worse for it.
    """
    lines = _Lines(stdout if file == "-" else opened(os.path.join(folder, file), file, more))
    try:
        yield lines.tell
    finally:
        if file != "-":
            lines.close()
        if lines.broken and lines.broken.errno != errno.EPIPE:  # a reader that has gone wants no more
            say([f"--events {escaped(file)}: events are missing: {lines.broken.strerror}"])


def opened(path: str, shown: str, more: bool) -> TextIO:
    """The file; nothing of a line is in it before all of it is."""
    try:
        return open(path, "a" if more else "w", buffering=LONGEST, encoding="ascii")
    except OSError as error:
        raise mistake("events", f"--events {shown}: {error.strerror}") from error


class _Lines:
    """Lines to one stream, up to the first that it does not take."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.broken: OSError | None = None

    def tell(self, event: Event) -> None:
        from wavebuild.ui.records import event_record, written

        if self.broken:
            return
        try:
            self._stream.write(written(event_record(event), indent=None) + "\n")
            self._stream.flush()
        except OSError as error:
            self.broken = error
            let_go(self._stream)

    def close(self) -> None:
        try:
            self._stream.close()
        except OSError as error:
            self.broken = self.broken or error
