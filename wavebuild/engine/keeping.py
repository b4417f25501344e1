"""The Wavefile as it was last loaded and linked, used again while all that it was read from says the same.

It does not know what is built from it, nor what the graph is like.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from wavebuild import __version__, disk
from wavebuild.declare.model import Kind
from wavebuild.engine.idle import layout_of
from wavebuild.engine.lists import Project, Reused
from wavebuild.engine.request import Request
from wavebuild.errors import WavebuildError
from wavebuild.graph.columns import Columns, packed, unpacked
from wavebuild.judge.members import Folders, members
from wavebuild.judge.stamp import TICK, stamp_of, trusted
from wavebuild.later import blake2b
from wavebuild.store import kept, settled
from wavebuild.store.freezes import frozen_names
from wavebuild.store.kept import Origin
from wavebuild.store.layout import Layout
from wavebuild.store.settled import Row


class Edited(Struct, frozen=True):
    """A project that was loaded anew, beside what was kept of it.

    ``identity``: of what was kept; ``other``: the steps that are others now, None if more is other than these;
    ``columns``: of the graph as it is now.
    """

    identity: str
    other: frozenset[int] | None
    columns: Columns


def kept_project(request: Request, path: str) -> Project | None:
    """The Wavefile at a path as it was kept, if it would be read just so again; else None, and it is to be loaded."""
    from wavebuild.declare.nested import roots_of

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
    later = replace(origin, files=files, folders=now)
    rows = {path: row for path, (row, _) in files.items()}
    reused = Reused(found.identity, rows, later if later != origin else None)
    return Project(graph.wavefile, graph, folders=folders, reused=reused)


def edited_since(request: Request, project: Project, layout: Layout) -> Edited | None:
    """What of a project that was loaded is other than it was kept; None if nothing was kept, or nothing can be."""
    if request.declared is not None or request.glance is None or project.graph.traits.growing:
        return None
    was = kept.load(layout.kept, _question(request, os.path.join(project.wavefile.root, project.wavefile.file)))
    if was is None:
        return None
    from wavebuild.graph.alike import other_steps

    try:
        now = project.columns or packed(project.graph)
    except (ValueError, OverflowError):
        return None
    return Edited(was.identity, other_steps(was.columns, now), now)


def keep_project(request: Request, project: Project, layout: Layout) -> str:
    """Writes down a project that was loaded, if all that it was read from can be trusted; its identity, or ""."""
    if project.reused is not None:
        if project.reused.renewed is not None:
            kept.renew(layout.kept, project.reused.renewed)
        return project.reused.identity
    origin = _origin(request, project, layout)
    if origin is None:
        return ""
    try:
        return kept.save(layout.kept, origin, project.columns or packed(project.graph), _secrets(request, project))
    except (ValueError, OverflowError):
        return ""  # a name that is no text, a number too large to be packed


def _secrets(request: Request, project: Project) -> Iterable[bytes]:
    """How the values of the project's secrets may be written: a person may type one where it becomes part of it."""
    environ = dict(request.environ)
    values = [value for name in project.graph.traits.secrets if (value := environ.get(name))]
    if not values:
        return ()
    from wavebuild.run.masking import forms_of

    return forms_of(values)


def _origin(request: Request, project: Project, layout: Layout) -> Origin | None:
    """What a loaded project was read from; None if it may be another one when it is read again."""
    from wavebuild.declare.nested import folders_of, roots_of

    wavefile = project.wavefile
    settings = wavefile.settings
    if request.changed or request.unchanged or settings.state is not None or settings.outside:
        return None
    if project.graph.traits.growing:
        return None
    now, files = time.time_ns(), dict[str, tuple[Row, str | None]]()
    for path, held in read_for(project).items():
        status = disk.look(path)
        if not _is_plain(status, now) or not as_read(path, status, held, project.files.began):
            return None
        files[path] = settled.row(status), _digest_of(held) if held is not None else None
    folders = project.folders.visited if project.folders else {}
    listed = {os.path.join(wavefile.root, folder): folder for folder in folders}
    if links_on_the_way(wavefile.root, (*files, *listed)):
        return None
    if any(
        not _is_plain(folders[folder], now) or settled.row(_look(path)) != settled.row(folders[folder])
        for path, folder in listed.items()
    ):
        return None
    made, edited = project.graph.owners.outline, project.graph.shared.updates
    others = [*(one.artifact for one in made.wide), *(one.artifact for one in edited)]
    claimed = folders_of(made.file_owner, others)
    return Origin(
        _question(request, os.path.join(wavefile.root, wavefile.file)),
        {name: _digest(value) for name, value in wavefile.env_read},
        frozen_names(layout.frozen),
        files,
        {folder: settled.row(status) for folder, status in folders.items()},
        [(artifact, held) for artifact, held in project.known.items() if isinstance(held, tuple)],
        claimed,
        roots_of(claimed, wavefile.root),
    )


def _question(request: Request, path: str) -> str:
    """All that the loader is asked besides what it reads; what was typed may be a secret."""
    asked = (request.file is None, request.overrides, request.profile, request.memory, request.allow_outside)
    return _digest_of(repr((__version__, sys.version, path, asked)).encode("utf-8", "surrogatepass"))


def _files_now(files: Mapping[str, tuple[Row, str | None]]) -> dict[str, tuple[Row, str | None]] | None:
    """The files with their stamps of now, if all of them say what they said; else None."""
    found = {}
    for path, (row, digest) in files.items():
        status = _look(path)
        now = settled.row(status)
        if now != row and (digest is None or status is None or not _says(path, status, digest)):
            return None
        found[path] = now, digest
    return found


def _says(path: str, status: os.stat_result, digest: str) -> bool:
    """Whether a file whose stamp moved has the bytes that it had, and the stamp vouches for them from now on."""
    if not stat.S_ISREG(status.st_mode):
        return False
    if not trusted(stamp_of(status), time.time_ns()):
        time.sleep(TICK / 1e9)
    if not trusted(stamp_of(status), time.time_ns()):
        return False
    try:
        same = _digest_of(disk.read_regular(path, status.st_size)) == digest
    except (OSError, WavebuildError):
        return False
    return same and settled.row(_look(path)) == settled.row(status)


def _lists_stand(origin: Origin, folders: Folders) -> bool:
    """Whether the globs that say which steps there are have the members that they had; notes the folders."""
    for folder in origin.folders:
        folders.note(folder)
    if all(settled.row(status) == origin.folders[folder] for folder, status in folders.visited.items()):
        return True
    now = time.time_ns()
    if any(not _is_plain(status, now) for status in folders.visited.values()):
        return False
    return all(tuple(members(folders, artifact)) == held for artifact, held in origin.lists)


# What a project was read from, and whether it can be trusted


def read_for(project: Project) -> dict[str, bytes | None]:
    """What was read to know a project, absolute path → bytes; None where it was only looked at, or is not there."""
    found: dict[str, bytes | None] = dict.fromkeys(project.wavefile.files)
    for artifact, held in project.known.items():
        if artifact.kind is Kind.FILE:
            found[os.path.join(project.wavefile.root, artifact.path)] = held if isinstance(held, bytes) else None
    return {**found, **project.files.held}


def as_read(path: str, status: os.stat_result | None, held: bytes | None, began: int) -> bool:
    """Whether a file still says what it said when this build read it: a Wavefile may be edited while it is built."""
    if held is None or status is None:
        return held is None and (status is None or trusted(stamp_of(status), began))
    return status.st_size == len(held) and disk.read_regular(path, len(held)) == held


def links_on_the_way(root: str, paths: Iterable[str]) -> bool:
    """Whether a link may lead elsewhere tomorrow, so that other files stand at these paths."""
    real = disk.real(root)
    for folder in {os.path.dirname(path) for path in paths}:
        if root.startswith(folder.rstrip(os.sep) + os.sep):
            continue  # were one of these a link that leads elsewhere tomorrow, so would the root itself
        inside = folder == root or folder.startswith(root + os.sep)
        if disk.real(folder) != (real + folder[len(root) :] if inside else folder):
            return True
    return False


def _is_plain(status: os.stat_result | None, now: int) -> bool:
    """Whether a stamp proves that what stands there stays the same; nothing does for a link."""
    return status is None or (not stat.S_ISLNK(status.st_mode) and trusted(stamp_of(status), now))


def _look(path: str) -> os.stat_result | None:
    try:
        return disk.look(path)
    except OSError:
        return None


def _digest(value: str | None) -> str | None:
    return None if value is None else _digest_of(value.encode("utf-8", "surrogateescape"))


def _digest_of(data: bytes) -> str:
    return blake2b(data)
