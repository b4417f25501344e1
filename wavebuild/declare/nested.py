"""Roots inside the root: folders with a Wavefile of their own, whose files nobody else's steps may claim.

It does not know what is written in those Wavefiles.
"""

from __future__ import annotations

from collections.abc import Iterable

from wavebuild import disk
from wavebuild.declare.model import Artifact, Kind, Step
from wavebuild.declare.upward import WAVEFILE_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wavebuild.declare.chapters import Book


def refuse_claims(steps: Iterable[Step], book: Book) -> None:
    """Records every output and update that lies in a root of its own, where the step does not stand in that root."""
    from wavebuild.declare.source import word

    roots: dict[str, str] = {"": ""}
    for step in steps:
        for artifact in (*step.outputs, *step.updates):
            folder = _folder(artifact)
            inner = roots.get(folder)
            if inner is None:
                inner = _root_of(folder, book.root, roots)
            if inner and step.folder != inner and not step.folder.startswith(inner + "/"):
                what = "update" if artifact in step.updates else "output"
                message = f"the {what} {word(artifact.text)} lies in {inner}/, a root with a Wavefile of its own"
                remedy = f"let a step of {inner}/Wavefile make it, and include that file"
                book.refuse("nested-root", artifact.place, message, remedy)


def roots_of(folders: Iterable[str], root: str) -> dict[str, str]:
    """Folder → the innermost root that it lies in, of those that lie in another than ``root``."""
    roots: dict[str, str] = {"": ""}
    return {folder: inner for folder in folders if (inner := _root_of(folder, root, roots))}


def folders_of(files: Iterable[str], others: Iterable[Artifact]) -> list[str]:
    """The folders in which somebody could claim what is made or edited at these paths, or by these patterns; sorted."""
    return sorted({*(path.rpartition("/")[0] for path in files), *map(_folder, others)})


def _folder(artifact: Artifact) -> str:
    """The deepest folder that surely holds the output."""
    if artifact.kind is Kind.DIRECTORY:
        return artifact.path
    folder = artifact.path.rpartition("/")[0]
    if artifact.kind is Kind.GLOB:
        while any(sign in folder for sign in "*?["):
            folder = folder.rpartition("/")[0]
    return folder


def _root_of(folder: str, top: str, roots: dict[str, str]) -> str:
    """The innermost root that a folder lies in, "" for the first; what was found is kept in ``roots``."""
    if folder in roots:
        return roots[folder]
    if folder.startswith(("..", "/")):
        from wavebuild.declare import paths

        if paths.outside(folder):
            return ""
    above = _root_of(folder.rpartition("/")[0], top, roots)
    absolute = f"{top}/{folder}"
    found = above
    try:
        if disk.look(absolute) is not None and any(disk.look(f"{absolute}/{name}") for name in WAVEFILE_NAMES):
            found = folder
    except OSError:
        pass  # what may not be looked into is told where it is used
    roots[folder] = found
    return found
