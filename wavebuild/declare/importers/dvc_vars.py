"""The `vars` of dvc.yaml: files and mappings, merged into the names that `${…}` may ask for.

It does not know which stage asks for them.
"""

from __future__ import annotations

import os.path
import posixpath
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from wavebuild import disk
from wavebuild.declare import data, syntax, values
from wavebuild.declare.forms import Free, Reading
from wavebuild.declare.importers.interpolation import Named
from wavebuild.declare.importers.writing import Writable, literal
from wavebuild.declare.model import Json
from wavebuild.declare.source import Problems, Unreadable, word
from wavebuild.declare.syntax import Scalar, Series, Table, Value
from wavebuild.errors import WavebuildError

DEFAULT = "params.yaml"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GROUPED = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)+")


class Source(Struct, frozen=True):
    """One item of `vars` as a Wavefile has it: a path, or a mapping; ``names`` are those that it gives."""

    written: Writable
    names: frozenset[str]


class Vars(Struct):
    """What has been read so far: of the whole file, or of one stage beside it."""

    root: str
    problems: Problems
    values: dict[str, Json] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)  # path → the keys taken of it; () = all
    inline: dict[str, Json] = field(default_factory=dict)

    def beside(self) -> Vars:
        """The same, for a stage to add to."""
        return Vars(self.root, self.problems, dict(self.values), [], dict(self.files))

    def named(self) -> dict[str, Named]:
        elsewhere = frozenset().union(*(source.names for source in self.sources if isinstance(source.written, str)))
        own = self.inline.keys() - elsewhere
        return {
            name: Named(value, name if _NAME.fullmatch(name) else None, own=name in own)
            for name, value in self.values.items()
        }

    def take_default(self, folder: str = "") -> None:
        if os.path.isfile(os.path.join(self.root, folder, DEFAULT)):
            self._take_file(Scalar(DEFAULT, "", 0, 0), folder)

    def take(self, listed: Value | None, folder: str = "") -> None:
        """The items of a `vars`; ``folder``: where their paths begin."""
        if listed is None or (isinstance(listed, Scalar) and listed.is_null):
            return
        if not isinstance(listed, Series):
            self.problems.add("bad-dvc", listed, "'vars' is a list of files and mappings")
            return
        for item in listed.items:
            match item:
                case Scalar():
                    self._take_file(item, folder)
                case Table():
                    self._take_mapping(item)
                case _:
                    self.problems.add("bad-dvc", item, "'vars' is a list of files and mappings")

    def _take_mapping(self, table: Table) -> None:
        try:
            found = plain(table, self.problems)
        except Unreadable:
            return
        assert isinstance(found, dict)
        if self._merge(found, table):
            self.inline |= found
            self.sources.append(Source(templated(found), frozenset(found)))

    def _take_file(self, spot: Scalar, folder: str) -> None:
        name, _, chosen = spot.text.partition(":")
        path = posixpath.normpath(posixpath.join(folder, name))
        keys = tuple(filter(None, chosen.split(",")))
        if path in self.files:
            if keys and self.files[path] and not set(keys) & set(self.files[path]):
                self.files[path] += keys
            elif keys or self.files[path]:
                self.problems.add("bad-dvc", spot, f"{word(path)} is loaded already", "DVC refuses this too")
                return
            else:
                return
        else:
            self.files[path] = keys
        found = self._read(path, spot)
        if found is None:
            return
        for key in keys:
            if key not in found:
                self.problems.add("bad-dvc", spot, f"{path} has no key {word(key)}")
                return
        taken = {key: found[key] for key in keys} if keys else found
        if self._merge(taken, spot):
            self.sources.append(Source(literal(path), frozenset(taken)))

    def _read(self, path: str, spot: Scalar) -> dict[str, Json] | None:
        if path.endswith(".py"):
            remedy = "a Wavefile takes vars from YAML, JSON and TOML files"
            self.problems.add("bad-dvc", spot, f"vars from a Python file, {path}, cannot be carried", remedy)
            return None
        try:
            found = read_values(os.path.join(self.root, path), path)
        except OSError as error:
            self.problems.add("bad-dvc", spot, f"cannot read {path}: {error.strerror}")
            return None
        except WavebuildError as error:
            for problem in error.problems:
                self.problems.record(problem)
            return None
        if not isinstance(found, dict):
            self.problems.add("bad-dvc", spot, f"{path} is no mapping")
            return None
        return found

    def _merge(self, found: Mapping[str, Json], spot: Scalar | Table) -> bool:
        for name in _merged(self.values, found, ()):
            self.problems.add("bad-dvc", spot, f"{word(name)} is given twice among the vars", "DVC refuses this too")
            return False
        return True


def _merged(into: dict[str, Json], found: Mapping[str, Json], above: tuple[str, ...]) -> Iterator[str]:
    """Lays values under those that are there; gives what both have."""
    for key, value in found.items():
        present = into.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            into[key] = present = dict(present)
            yield from _merged(present, value, (*above, key))
        elif key in into:
            yield ".".join((*above, key))
        else:
            into[key] = value


def read_values(absolute: str, shown: str) -> Json:
    """The value of a YAML, JSON or TOML file; numbers of YAML remember how they were written."""
    content = disk.read_regular(absolute, syntax.MAX_BYTES)
    suffix = posixpath.splitext(shown)[1].lower()
    if suffix == ".json" or suffix == ".toml":
        return data.read_data(content, shown, "json" if suffix == ".json" else "toml")
    text = syntax.decoded(content, shown)
    problems = Problems(shown, text)
    found: Json = {}
    try:
        parsed = syntax.parse(text, problems)
        found = {} if parsed is None else plain(parsed, problems)
    except Unreadable:
        pass
    problems.raise_if_any()
    return found


def plain(value: Value, problems: Problems) -> Json:
    """A value as DVC reads it: 1_000 is a number."""
    if isinstance(value, Series):
        return [plain(item, problems) for item in value.items]
    if isinstance(value, Table):
        return {key: plain(entry.value, problems) for key, entry in value.entries.items()}
    if isinstance(value, Scalar) and not value.style and _GROUPED.fullmatch(value.text):
        number = values.WrittenInt(int(value.text))
        number.written = value.text
        return number
    return Free().read(value, Reading(problems, templates=False))


def templated(value: Json) -> Writable:
    """A value for a place where templates are filled: its texts stay as they are."""
    match value:
        case str():
            return literal(value)
        case list():
            return [templated(item) for item in value]
        case dict():
            return {key: templated(item) for key, item in value.items()}
        case _:
            return value
