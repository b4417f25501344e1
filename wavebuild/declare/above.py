"""The Wavefile further up that includes the one that was found: that one is built, as one build owns each file.

It does not know what is written in any of them, but for `include`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from msgspec import Struct

from wavebuild import disk
from wavebuild.declare.upward import WAVEFILE_NAMES, folders_above
from wavebuild.errors import WavebuildError


class Governing(Struct, frozen=True):
    """``path``: the Wavefile to build; ``looked_at``: every file on which that depends, there or not."""

    path: str
    looked_at: tuple[str, ...] = ()


def governing(path: str) -> Governing:
    """The outermost Wavefile that includes this one, directly or not; else this one itself."""
    looked_at: list[str] = []
    for candidate in _above(path):
        looked_at.append(candidate)
        if disk.look(candidate) is None or not _may_include(candidate):
            continue
        from wavebuild.declare import chapters

        try:
            book = chapters.read(candidate)
        except WavebuildError:
            continue  # what cannot be read includes nothing
        looked_at += book.files.sought
        if disk.real(path) in book.seen:
            path = candidate
    return Governing(path, tuple(dict.fromkeys(looked_at)))


def _above(path: str) -> Iterator[str]:
    for folder in folders_above(os.path.dirname(path)):
        for name in WAVEFILE_NAMES:
            yield os.path.join(folder, name)


def _may_include(path: str) -> bool:
    """Whether the word stands in it at all: to parse a large file for nothing takes time."""
    from wavebuild.declare import syntax

    try:
        return b"include" in disk.read_regular(path, syntax.MAX_BYTES)
    except (OSError, WavebuildError):
        return False
