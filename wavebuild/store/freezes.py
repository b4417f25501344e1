"""The steps that a person froze by hand: a text file, one step a line, which may be edited and commented.

It does not know whether such steps exist.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from wavebuild import disk
from wavebuild.errors import Place, mistake

LARGEST = 1 << 20
HEAD = "# Steps that are never run: see `wavebuild freeze`. One a line; what follows a # is a comment.\n"


def frozen_names(path: str) -> tuple[str, ...]:
    """The names in the file, in its order; none if there is no file."""
    return tuple(dict.fromkeys(name for line in _lines(path) if (name := _name(line))))


def freeze(path: str, names: Collection[str]) -> None:
    """Adds names; what else is in the file stays."""
    lines = _lines(path) or [HEAD]
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    known = {_name(line) for line in lines}
    _write(path, [*lines, *(f"{name}\n" for name in dict.fromkeys(names) if name not in known)])


def unfreeze(path: str, names: Collection[str]) -> None:
    """Takes the lines of these names out; without any name left, and no comment of a person's, the file goes."""
    left = [line for line in _lines(path) if _name(line) not in names]
    if all(line in ("\n", HEAD) for line in left):
        disk.remove(path)
    else:
        _write(path, left)


def _name(line: str) -> str:
    return line.partition("#")[0].strip()


def _lines(path: str) -> list[str]:
    if not os.path.lexists(path):
        return []
    try:
        return disk.read_regular(path, LARGEST).decode("utf-8", "surrogateescape").splitlines(keepends=True)
    except OSError as error:
        raise mistake("unreadable", f"the list of frozen steps cannot be read: {error.strerror}", Place(path)) from None


def _write(path: str, lines: Collection[str]) -> None:
    disk.write_atomic(path, "".join(lines).encode("utf-8", "surrogateescape"))
