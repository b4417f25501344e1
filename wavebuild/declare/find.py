"""Where the Wavefile of a folder is.

It does not know what is written in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from msgspec import Struct

from wavebuild import disk
from wavebuild.declare.paths import WAVEFILE_NAMES
from wavebuild.errors import WavebuildError, mistake


def find(directory: str, file: str | None) -> str:
    """The absolute path of the Wavefile: the one named, else the nearest from the folder upward."""
    start = os.path.abspath(directory)
    try:
        if file is not None:
            return _named(start, file)
        return nearest(start, frozenset((0, os.geteuid(), _folder(start).owner)))
    except OSError as error:
        raise mistake("no-wavefile", f"cannot look into {error.filename or start}: {error.strerror}") from None


def _named(directory: str, file: str) -> str:
    path = os.path.abspath(os.path.join(directory, file))
    if disk.look(path) is None:
        raise mistake("no-wavefile", f"there is no file {file} in {directory}", remedy="-f names the Wavefile")
    return path


class _Folder(Struct, frozen=True):
    """A folder on the way up."""

    path: str
    device: int
    owner: int


def nearest(start: str, trusted: frozenset[int]) -> str:
    """The Wavefile of a folder or of one above it, as far as these owners' folders and this file system reach."""
    folder = _folder(start)
    while True:
        if found := _wavefile_in(folder.path, trusted if folder.path != start else None):
            return found
        above = _folder(os.path.dirname(folder.path))
        if above.path == folder.path:
            raise _missing(start)
        # Whoever can write above us must not decide what we run.
        if above.owner not in trusted:
            raise _missing(start, f"the search stopped below {above.path}, which belongs to someone else")
        if above.device != folder.device:
            raise _missing(start, f"the search stopped below {above.path}, which is another file system")
        folder = above


def folders_above(start: str) -> Iterator[str]:
    """The folders above one, as far as its owner's folders and its file system reach."""
    try:
        folder = _folder(start)
        trusted = frozenset((0, os.geteuid(), folder.owner))
        while (above := _folder(os.path.dirname(folder.path))).path != folder.path:
            if above.owner not in trusted or above.device != folder.device:
                return
            yield above.path
            folder = above
    except OSError:
        return


def _folder(path: str) -> _Folder:
    facts = disk.look_through(path)
    if facts is None:
        raise mistake("no-wavefile", f"there is no folder {path}")
    return _Folder(path, facts.st_dev, facts.st_uid)


def _wavefile_in(folder: str, trusted: frozenset[int] | None) -> str | None:
    """A Wavefile in a folder; above the start only one of a trusted owner: anyone may write into /tmp."""
    for name in WAVEFILE_NAMES:
        path = os.path.join(folder, name)
        facts = disk.look(path)
        if facts is not None and (trusted is None or facts.st_uid in trusted):
            return path
    return None


def _missing(start: str, why: str = "") -> WavebuildError:
    remedy = "begin one with wavebuild init, name one with -f FILE, or its folder with -C DIR"
    return mistake("no-wavefile", f"no Wavefile in {start} or above it", remedy=f"{why}\n{remedy}" if why else remedy)
