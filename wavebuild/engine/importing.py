"""A foreign build file becomes a Wavefile: read, written as text, loaded and linked to try it, then put on the disk.

It does not know any foreign format, nor how the answer is shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare import importers
from wavebuild.declare.importers import Foreign, Imported, writing
from wavebuild.declare.upward import WAVEFILE_NAMES
from wavebuild.declare.wavefile import loaded
from wavebuild.engine.project import Project
from wavebuild.engine.values import Conversion, Request
from wavebuild.errors import Place, Problem, WavebuildError, mistake, with_excerpts
from wavebuild.graph import link

STDOUT = "-"
_LINES_SHOWN = 200  # of what could not be carried, in the Wavefile's head


def convert(request: Request, file: str, output: str | None) -> Conversion:
    """The Wavefile for a foreign file, on the disk unless ``output`` is ``-``; never over one that is there."""
    folder = request.directory
    source = os.path.normpath(os.path.join(folder, file))
    wanted = os.path.join(os.path.dirname(source), "Wavefile") if output in (None, STDOUT) else _path(folder, output)
    _refuse_beside(source, os.path.dirname(wanted), file)
    foreign = Foreign(source, file, os.path.dirname(wanted))
    imported = _imported(foreign)
    if output != STDOUT:
        _refuse_present(wanted, by_default=output is None)
    text = _text(imported, foreign)
    project = _tried(text, wanted, dict(request.environ), file)
    if output != STDOUT:
        _put(wanted, text)
    written = None if output == STDOUT else os.path.relpath(wanted, folder)
    return Conversion(text, written, len(project.wavefile.steps), imported.left)


def _path(folder: str, output: str | None) -> str:
    assert output is not None
    return os.path.normpath(os.path.join(folder, output))


def _refuse_present(wanted: str, by_default: bool) -> None:
    folder, name = os.path.split(wanted)
    if not os.path.isdir(folder):
        raise mistake("no-folder", f"there is no folder {folder}")
    for other in (name, *(WAVEFILE_NAMES if by_default else ())):
        if disk.look(os.path.join(folder, other)) is not None:
            remedy = "remove it, or name another file with -o FILE; -o - prints what would be written"
            raise mistake("exists", f"there is a {other} in {folder} already; an import never overwrites", None, remedy)


def _refuse_beside(source: str, root: str, shown: str) -> None:
    if os.path.commonpath((os.path.dirname(source), root)) != root:
        message = f"the Wavefile of {shown} must lie in its folder, or in one above it"
        raise mistake("bad-output", message, remedy="commands run in the folder of the file, and that lies in the root")


def _imported(foreign: Foreign) -> Imported:
    try:
        return importers.imported(foreign)
    except OSError as error:
        where = os.path.relpath(error.filename, os.path.dirname(foreign.path)) if error.filename else foreign.shown
        message = f"cannot be read: {error.strerror}"
        raise mistake(
            "unreadable", message, Place(foreign.shown if error.filename == foreign.path else where)
        ) from None


def _text(imported: Imported, foreign: Foreign) -> str:
    heading = [f"Written by `wavebuild import {foreign.shown}`."]
    if imported.left:
        heading += ["", "What could not be carried over as it was:", *_listed(imported.left)]
    try:
        return writing.written(imported.document, heading)
    except writing.Unwritable as error:
        message = f"a text that YAML cannot hold: {error.text[:60]!r}"
        raise mistake("not-importable", message, Place(foreign.shown)) from None


def _listed(left: Iterable[Problem]) -> list[str]:
    lines = [f"- {problem.place}: {problem.message}" for problem in left]
    more = len(lines) - _LINES_SHOWN
    return [*lines[:_LINES_SHOWN], f"- … and {more} more"] if more > 0 else lines


def _tried(text: str, wanted: str, environ: Mapping[str, str], shown: str) -> Project:
    """The Wavefile loaded and linked, before it is on the disk; what is wrong with it is wrong with the import."""
    lines = text.split("\n")

    def line(place: Place) -> str:
        return lines[place.line - 1] if place.line <= len(lines) else ""

    try:
        wavefile = loaded(wanted, text.encode(), (), environ)
        return Project(wavefile, link(wavefile))
    except WavebuildError as error:
        message = f"{shown} gives a Wavefile that does not load, so it is not written"
        head = Problem("not-importable", message, remedy="what is wrong, with the lines it would have:")
        found = with_excerpts(error.problems, line)
        raise WavebuildError((head, *(replace(problem, severity="error") for problem in found))) from None


def _put(wanted: str, text: str) -> None:
    try:
        disk.write_new(wanted, text.encode())
    except FileExistsError:
        message = f"{wanted} has come to be meanwhile; an import never overwrites"
        raise mistake("exists", message, remedy="name another file with -o FILE") from None
    except OSError as error:
        raise mistake("unwritable", f"cannot write {wanted}: {error.strerror}") from None
