"""Where a report is written, and other files that a flag names: never over what is none, never where it would be part
of the project, a report whole or not at all.

It does not know what stands in it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection

from msgspec import Struct

from wavebuild import disk
from wavebuild.declare.model import Kind
from wavebuild.errors import WavebuildError, mistake
from wavebuild.graph import Graph, covers, reads
from wavebuild.ui.report.mark import HEAD, is_report

NAME = "wavebuild-report.html"
STDOUT = "-"


class Place(Struct, frozen=True):
    """Where a report goes: ``shown`` as the person wrote it, ``path`` absolute; is it a file at all."""

    shown: str
    path: str
    is_file: bool = True


def place(flag: str, name: str, folder: str, replaces: bool) -> Place:
    """The place of this name as seen from a folder; refused if something else than a report stands there."""
    path = os.path.realpath(os.path.join(folder, name))
    if not name or name.endswith("/") or os.path.isdir(path):
        raise mistake("report", f"{flag} needs the name of a file, not {name!r}")
    if not os.path.isdir(os.path.dirname(path)):
        raise mistake("report", f"{flag} {name}: there is no folder {os.path.dirname(path)}", remedy="make it first")
    try:
        found = disk.look_through(path)
    except OSError as error:
        raise mistake("report", f"{flag} {name}: {error.strerror}", remedy="name another file") from None
    if found is not None and not stat.S_ISREG(found.st_mode):
        return Place(name, path, is_file=False)  # a pipe, /dev/stdout
    if found is not None and not replaces and not _is_ours(path):
        raise mistake(
            "report", f"{flag} {name}: what stands there is no report of wavebuild", remedy="name another, or add --yes"
        )
    return Place(name, path)


def _is_ours(path: str) -> bool:
    """An empty file is nobody's loss."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    return not head or is_report(head)


def place_of_lines(flag: str, name: str, folder: str, begins: bytes) -> Place:
    """The place of a file that begins so; refused where something else stands, which would be lost."""
    path = os.path.realpath(os.path.join(folder, name))
    try:
        found = disk.look_through(path)
        if found is None or not stat.S_ISREG(found.st_mode):
            return Place(name, path, is_file=found is None)
        with open(path, "rb") as file:
            head = file.read(len(begins))
    except OSError:  # whoever opens it to write says so
        return Place(name, path)
    if head and head != begins:
        raise mistake(
            flag.lstrip("-"), f"{flag} {name}: something else stands there", remedy="name another, or remove it first"
        )
    return Place(name, path)


def refuse_inside(flag: str, where: Place, graph: Graph, files: Collection[str]) -> None:
    """Refuses a place where the report would be a file of the project: steps would run again for its sake."""
    inner = os.path.relpath(where.path, os.path.realpath(graph.wavefile.root))
    if not where.is_file or inner == ".." or inner.startswith("../"):
        return
    steps = graph.wavefile.steps
    owner = graph.owner(inner)
    if owner is not None:
        raise _misplaced(flag, where, f"step {steps[owner].name!r} makes what lies there")
    if inner.startswith(".wavebuild/") or where.path in {os.path.realpath(each) for each in files}:
        raise _misplaced(flag, where, "it is a file of wavebuild itself")
    for step in steps:
        for artifact in (*reads(step), *step.updates, *step.awaits):
            if artifact.kind in (Kind.FILE, Kind.DIRECTORY, Kind.GLOB, Kind.LIST) and covers(artifact, inner):
                raise _misplaced(flag, where, f"step {step.name!r} reads it as {artifact.text}, and would run again")


def _misplaced(flag: str, where: Place, why: str) -> WavebuildError:
    return mistake("report", f"{flag} {where.shown}: {why}", remedy="name another file")


def write(where: Place, text: str) -> None:
    """Raises OSError; what stood there before then stands there still."""
    data = text.encode()
    if not where.is_file:
        disk.write(where.path, data)
        return
    part = os.path.join(os.path.dirname(where.path), f".{os.path.basename(where.path)}.{os.getpid()}.part")
    try:
        disk.write(part, data)
        disk.rename(part, where.path)
    except BaseException:
        disk.remove(part)
        raise
