"""The source lines of problems that were found after the text was read: in the graph, or on the disk.

It does not know what a problem means, nor how it is shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import pairwise

from wavebuild import disk
from wavebuild.declare.finding import find
from wavebuild.declare.source import Problems
from wavebuild.errors import Place, Problem, WavebuildError, with_excerpts
from wavebuild.ui.arguments import arranged
from wavebuild.ui.caller import Caller

LONGEST = 16 * 1024 * 1024


def located(problems: Iterable[Problem], caller: Caller) -> tuple[Problem, ...]:
    """The problems with their source lines, where the file they speak of can still be read."""
    lines = _Lines(caller)
    return with_excerpts(problems, lines.at)


class _Lines:
    """The lines of the files that places name; the root is looked for when the first is asked for."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._root: str | None = None
        self._texts: dict[str, Problems] = {}

    def at(self, place: Place) -> str:
        try:
            return self._text(place.file).line(place.line)
        except (WavebuildError, OSError):
            return ""

    def _text(self, file: str) -> Problems:
        if file not in self._texts:
            if self._root is None:
                self._root = root_of(self._caller)
            data = disk.read_regular(os.path.join(self._root, file), LONGEST)
            self._texts[file] = Problems(file, data.decode("utf-8-sig", "replace"))
        return self._texts[file]


def root_of(caller: Caller) -> str:
    """The folder of the Wavefile that a command line speaks of."""
    folders, file = [caller.folder], None
    line = arranged(caller.argv).line
    for flag, value in pairwise(line):
        if flag == "--":
            break
        if flag == "-C":
            folders.append(value)
        elif flag in ("-f", "--file", "--pipeline"):
            file = value
    found = find(os.path.normpath(os.path.join(*folders)), file)
    from wavebuild.declare import governing  # reads YAML: only where a problem has a place

    return os.path.dirname(found if file is not None else governing(found).path)
