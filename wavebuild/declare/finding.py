"""The Wavefile that is meant, or the message that there is none.

It does not know what is written in it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection

from wavebuild import disk
from wavebuild.declare.upward import search, trusted_owners
from wavebuild.errors import mistake


def find(directory: str, file: str | None) -> str:
    """The absolute path of the Wavefile: the one named, else the nearest from the folder upward."""
    start = os.path.abspath(directory)
    try:
        return _named(start, file) if file is not None else nearest(start, trusted_owners(start))
    except OSError as error:
        if error.errno in (*disk.NOT_THERE, errno.ELOOP):
            raise mistake("no-wavefile", f"there is no folder {start}") from None
        raise mistake("no-wavefile", f"cannot look into {error.filename or start}: {error.strerror}") from None


def _named(directory: str, file: str) -> str:
    path = os.path.abspath(os.path.join(directory, file))
    if disk.look(path) is None:
        raise mistake("no-wavefile", f"there is no file {file} in {directory}", remedy="-f names the Wavefile")
    return path


def nearest(start: str, trusted: Collection[int]) -> str:
    """The Wavefile of a folder or of one above it. Raises WavebuildError if there is none."""
    found, why = search(start, trusted)
    if found:
        return found
    remedy = "begin one with wavebuild init, name one with -f FILE, or its folder with -C DIR"
    message = f"no Wavefile in {start} or above it"
    raise mistake("no-wavefile", message, remedy=f"{why}\n{remedy}" if why else remedy)
