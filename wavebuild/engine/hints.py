"""What a project has to offer whoever types its names: its graph as it is known, found in no time.

It runs no command, writes nothing and never complains. What it says may be a little old: it is only a hint.
"""

from __future__ import annotations

import os
import re

from wavebuild.engine.request import Request
from wavebuild.errors import WavebuildError
from wavebuild.graph import Graph

QUICK = 64 << 10
"""Bytes of a Wavefile that is read anew in no time; of a larger one that has changed the former graph is a hint."""


def wavefile_near(request: Request) -> str:
    """The Wavefile that is meant; "" if there is none."""
    from wavebuild.declare.upward import search, trusted_owners

    try:
        if request.file is not None:
            path = os.path.normpath(os.path.join(request.directory, request.file))
            return path if os.path.isfile(path) else ""
        return search(request.directory, trusted_owners(request.directory))[0]
    except OSError:
        return ""


def graph_known(request: Request, path: str) -> Graph | None:
    """The graph of a Wavefile, as it is or as it was when it was last built; None if nobody knows."""
    from wavebuild.engine.keeping import kept_project

    try:
        if kept := kept_project(request, path):
            return kept.graph
    except (WavebuildError, OSError):
        pass
    former = _former(request, path)
    if former is not None and _size(path) > QUICK:
        return former
    from wavebuild.engine.lists import loaded

    try:
        return loaded(request, path, present=True).graph
    except (WavebuildError, OSError, RecursionError):
        return former


def _former(request: Request, path: str) -> Graph | None:
    from wavebuild.engine.idle import layout_of
    from wavebuild.graph.columns import unpacked
    from wavebuild.store import kept

    try:
        columns = kept.last(layout_of(path, dict(request.environ)).kept)
    except (WavebuildError, OSError):
        return None
    return None if columns is None else unpacked(columns, (), ())


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def keys_of(path: str, section: str) -> list[str]:
    """The keys of a mapping at the top of a Wavefile, such as its profiles; only that part of it is read."""
    from wavebuild import disk
    from wavebuild.declare.source import Problems
    from wavebuild.declare.syntax import Table, parse

    try:
        text = disk.read_regular(path, 16 << 20).decode("utf-8-sig", "replace")
    except (WavebuildError, OSError):
        return []
    found = re.search(rf"^{section}[ \t]*:.*(?:\n(?:[ \t#}}\]].*)?)*", text, re.MULTILINE)
    if found is None:
        return []
    try:
        value = parse(found[0] + "\n", Problems(path, found[0]))
    except (WavebuildError, RecursionError):
        return []
    inner = value.entries[section].value if isinstance(value, Table) and section in value.entries else None
    return list(inner.entries) if isinstance(inner, Table) else []
