"""The paths of dvc.yaml: which are files and which directories, and how an artifact is written for each.

It does not know which stage a path belongs to.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from wavebuild import disk
from wavebuild.declare.data import read_data
from wavebuild.declare.importers.interpolation import Filled
from wavebuild.declare.importers.writing import literal
from wavebuild.declare.model import Json
from wavebuild.declare.syntax import MAX_BYTES, Scalar
from wavebuild.errors import WavebuildError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FORM = re.compile(r"(?:step|env|mem|probe|list):")
_SUFFIX = re.compile(r"[^/]\.[A-Za-z]\w*$")
_KEYED = re.compile(r"\.(?:yaml|yml|json|toml)#")


class Path(Struct, frozen=True):
    """A path of a stage, relative to the root, with the place where it is written."""

    filled: Filled
    spot: Scalar
    slashed: bool = False  # written with a slash at its end

    @property
    def now(self) -> str:
        return self.filled.now


def is_address(text: str) -> bool:
    return bool(_ADDRESS.match(text))


def placed(text: Filled, folder: Filled | None, spot: Scalar) -> Path:
    """A path as written in a stage that works in a folder, relative to the root."""
    slashed = text.now.endswith(("/", "/.")) or text.now in (".", "..")
    now = _joined(folder.now if folder else "", text.now)
    live = None
    if text.live is not None and (folder is None or folder.live is not None):
        live = _joined((folder.live if folder else "") or "", text.live)
    uses = text.uses | (folder.uses if folder else frozenset())
    return Path(Filled(now, live, uses), spot, slashed)


def _joined(folder: str, path: str) -> str:
    # An expression is no path: what stands in it is left alone.
    joined = posixpath.join(folder, path)
    return joined.removeprefix("./").rstrip("/") if "{{" in joined else posixpath.normpath(joined)


def literally(path: str, is_directory: bool) -> str:
    """A path as an artifact that means this very path and nothing else."""
    if any(sign in path for sign in "*?["):
        escaped = re.sub(r"[*?[]", lambda sign: f"[{sign[0]}]", path)
        return literal(escaped + ("/**" if is_directory else ""))
    if _KEYED.search(path) and not is_directory:
        path = path.replace("#", "[#]")
    return literal(("./" if _FORM.match(path) else "") + path + ("/" if is_directory else ""))


class Shapes(Struct):
    """What is known of which paths are directories; ``guessed``: those that nothing told."""

    root: str
    commands: str = ""  # of all stages
    locked: dict[str, bool] = field(default_factory=dict)
    slashed: set[str] = field(default_factory=set)
    holding: set[str] = field(default_factory=set)  # folders of other paths that stages name
    guessed: dict[str, tuple[Scalar, bool]] = field(default_factory=dict)
    _answers: dict[str, bool] = field(default_factory=dict)

    def learn(self, paths: Iterable[Path]) -> None:
        for path in paths:
            if path.slashed:
                self.slashed.add(path.now)
            above = posixpath.dirname(path.now)
            while above not in ("", "/") and above not in self.holding:
                self.holding.add(above)
                above = posixpath.dirname(above)

    def learn_lock(self, entries: Iterable[tuple[str, bool]]) -> None:
        self.locked.update(entries)

    def is_directory(self, path: Path) -> bool:
        if path.now not in self._answers:
            self._answers[path.now] = self._decided(path)
        return self._answers[path.now]

    def _decided(self, path: Path) -> bool:
        name = path.now
        if name in self.locked:
            return self.locked[name]
        if name in self.slashed:
            return True
        absolute = os.path.join(self.root, name)
        if os.path.exists(absolute):
            return os.path.isdir(absolute)
        tracked = _tracked(absolute)
        if tracked is not None:
            return tracked
        if name in self.holding:
            return True
        guess = self._guess(name)
        self.guessed[name] = (path.spot, guess)
        return guess

    def _guess(self, name: str) -> bool:
        """What commands and the name itself suggest."""
        if re.search(rf"(?<![\w./-]){re.escape(name)}/", self.commands):
            return True
        if re.search(rf">\s*[\"']?{re.escape(name)}(?![\w./-])", self.commands):
            return False
        return not _SUFFIX.search(name)


def _tracked(path: str) -> bool | None:
    """What `dvc add` wrote down of a path, if it did."""
    value = data_at(path + ".dvc")
    outs = value.get("outs") if isinstance(value, dict) else None
    if isinstance(outs, list) and outs and isinstance(outs[0], dict):
        return _is_tree(outs[0])
    return None


def data_at(path: str) -> Json:
    """The value of a data file, None if there is none or it cannot be read."""
    try:
        return read_data(disk.read_regular(path, MAX_BYTES), path, "yaml")
    except (OSError, WavebuildError):
        return None


def lock_entries(lock: Json, stage: str) -> Iterator[tuple[str, bool]]:
    """The paths that dvc.lock names for a stage, as written there, and whether each is a directory."""
    stages = lock.get("stages") if isinstance(lock, dict) else None
    entry = stages.get(stage) if isinstance(stages, dict) else None
    for key in ("deps", "outs"):
        artifacts = entry.get(key) if isinstance(entry, dict) else None
        for artifact in artifacts if isinstance(artifacts, list) else ():
            if isinstance(artifact, dict) and isinstance(path := artifact.get("path"), str):
                yield path, _is_tree(artifact)


def _is_tree(entry: dict[str, Json]) -> bool:
    digest = entry.get("md5") or entry.get(str(entry.get("hash")))
    return "nfiles" in entry or "files" in entry or str(digest or "").endswith(".dir")
