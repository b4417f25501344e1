"""``--events``: each event as one line of JSON, flushed at once.

It does not know what the events mean; a reader that has gone stops the lines, not the build.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from wavebuild.errors import mistake
from wavebuild.run.events import Event
from wavebuild.ui.records import event_record, written


@contextmanager
def event_lines(file: str | None, folder: str, stdout: TextIO) -> Iterator[Callable[[Event], None]]:
    """What to call with each event; the file is relative to the folder, ``-`` is stdout."""
    if file is None:
        yield lambda event: None
    elif file == "-":
        yield _Lines(stdout).tell
    else:
        with _opened(os.path.join(folder, file), file) as stream:
            yield _Lines(stream).tell


def _opened(path: str, shown: str) -> TextIO:
    try:
        return open(path, "w", encoding="ascii")
    except OSError as error:
        raise mistake("events", f"--events {shown}: {error.strerror}") from error


class _Lines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._broken = False

    def tell(self, event: Event) -> None:
        if self._broken:
            return
        try:
            self._stream.write(written(event_record(event), indent=None) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._broken = True
