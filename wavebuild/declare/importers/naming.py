"""Names for steps that had none, made from what they make; and foreign paths as the language writes them.

It does not know the tools that the paths come from.
"""

from __future__ import annotations

import hashlib
import os.path
import posixpath
import re
from collections.abc import Iterable

from msgspec import Struct, field

from wavebuild.declare import paths
from wavebuild.declare.importers.writing import is_writable

_LONGEST = 90  # a name has at most 100 signs, and a number may follow
_FORMS = ("step:", "env:", "mem:", "probe:")
_UNNAMED_PARTS = frozenset(("", ".", "..", "CMakeFiles"))


class Names(Struct):
    """The names given so far: each is given once."""

    taken: set[str] = field(default_factory=set)

    def give(self, path: str) -> str:
        """A name of the language like the path, and of no other step."""
        wanted = _name(path)
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}-{number}"
        self.taken.add(name)
        return name


def _name(path: str) -> str:
    """The parts of a path joined, without those that say nothing: `CMakeFiles/app.dir/a.c.o` → `app-a.c.o`."""
    *folders, file = [part for part in path.split("/") if part not in _UNNAMED_PARTS] or ["step"]
    text = "-".join((*(part.removesuffix(".dir") or part for part in folders), file))
    text = re.sub(r"[^\w.-]+", "_", text).lstrip("-.") or "step"
    if len(text) <= _LONGEST:
        return text
    mark = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{text[:30]}-{mark}-{text[-50:]}"


class Ground:
    """Where the paths of a foreign file begin, and the root of the Wavefile to be; both absolute."""

    def __init__(self, folder: str, root: str) -> None:
        self.folder = folder
        self.root = root
        self._roots = tuple(dict.fromkeys((root.rstrip("/") + "/", os.path.realpath(root).rstrip("/") + "/")))
        self._known: dict[str, str] = {}

    def placed(self, path: str) -> str:
        """A path of the foreign file from the root: relative in it; ``../x`` or ``/x`` outside."""
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._found(path)
        return found

    def _found(self, path: str) -> str:
        whole = "/" + posixpath.normpath(posixpath.join(self.folder, path)).lstrip("/")
        for root in self._roots:
            if whole + "/" == root:
                return "."
            if whole.startswith(root):
                return whole[len(root) :]
        return whole if path.startswith("/") else posixpath.relpath(whole, self.root)

    def told(self, placed: str) -> str:
        """A path from the root as the foreign file would have it, and its readers know it."""
        return placed if placed.startswith("/") else posixpath.relpath(posixpath.join(self.root, placed), self.folder)

    def is_folder(self, placed: str) -> bool:
        return os.path.isdir(os.path.join(self.root, placed))

    def is_there(self, placed: str) -> bool:
        return os.path.lexists(os.path.join(self.root, placed))


def spelled(placed: str, is_folder: bool, root: str) -> str:
    """A file or folder as an artifact is written, whatever signs are in its name. Raises ``paths.PathProblem``."""
    if not is_writable(placed):
        raise paths.PathProblem(f"the path {placed!r} is no UTF-8")
    text = re.sub(r"[\[*?]", lambda sign: f"[{sign.group()}]", placed)
    text = text.replace("#", "[#]")  # else what follows could be taken for the keys of a data file
    text = f"./{text}" if text.startswith(_FORMS) else text
    if is_folder:
        text += "/" if text == placed else "/**"
    paths.normal(text, paths.Home(root))
    return text


def folders_of(files: Iterable[str]) -> frozenset[str]:
    """Every folder that these files lie in, at any depth."""
    found: set[str] = set()
    for file in files:
        folder = posixpath.dirname(file)
        while folder and folder not in found and folder != "/":
            found.add(folder)
            folder = posixpath.dirname(folder)
    return frozenset(found)
