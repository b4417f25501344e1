"""The Wavefile as it was last loaded and linked, used again while all that it was read from says the same.

It does not know what is built from it, nor what the graph is like.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterable, Mapping

from wavebuild import __version__, disk
from wavebuild.declare.model import Kind
from wavebuild.declare.nested import folders_of, roots_of
from wavebuild.engine.idle import layout_of
from wavebuild.engine.lists import Project, Reused
from wavebuild.engine.values import Request
from wavebuild.errors import WavebuildError
from wavebuild.graph.columns import packed, unpacked
from wavebuild.judge.members import Folders, members
from wavebuild.judge.stamp import TICK, stamp_of, trusted
from wavebuild.store import kept, settled
from wavebuild.store.freezes import frozen_names
from wavebuild.store.kept import Origin
from wavebuild.store.layout import Layout
from wavebuild.store.settled import Row


def kept_project(request: Request, path: str) -> Project | None:
    """The Wavefile at a path as it was kept, if it would be read just so again; else None, and it is to be loaded."""
    if request.changed or request.unchanged:
        return None
    environ = dict(request.environ)
    layout = layout_of(path, environ)
    found = kept.load(layout.kept, _question(request, path))
    if found is None:
        return None
    origin = found.origin
    if any(_digest(environ.get(name)) != digest for name, digest in origin.env.items()):
        return None
    if frozen_names(layout.frozen) != origin.frozen:
        return None
    files = _files_now(origin.files)
    if files is None or roots_of(origin.claimed, layout.root) != origin.roots:
        return None
    folders = Folders(layout.root, found.columns.wavefile.settings.ignore)
    try:
        if not _lists_stand(origin, folders):
            return None
    except WavebuildError:
        return None
    env_read = tuple((name, environ.get(name)) for name in origin.env)
    graph = unpacked(found.columns, found.columns.wavefile.files, env_read)
    now = {folder: settled.row(status) for folder, status in folders.visited.items()}
    later = msgspec_replaced(origin, files, now)
    reused = Reused(found.identity, {path: row for path, (row, _) in files.items()}, later)
    return Project(graph.wavefile, graph, folders=folders, reused=reused)


def keep_project(request: Request, project: Project, layout: Layout) -> str:
    """Writes down a project that was loaded, if all that it was read from can be trusted; its identity, or ""."""
    wavefile = project.wavefile
    if project.reused is not None:
        if project.reused.renewed is not None:
            kept.renew(layout.kept, project.reused.renewed)
        return project.reused.identity
    origin = _origin(request, project, layout)
    if origin is None:
        return ""
    try:
        return kept.save(layout.kept, origin, packed(project.graph))
    except (ValueError, OverflowError):
        return ""  # a name that is no text, a number too large to be packed
