"""`foreach`: the values of its variables, from what the Wavefile and the files it names say.

It does not know what a step does with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any
from urllib.parse import quote

from msgspec import Struct, field

from wavebuild.declare import paths, schema
from wavebuild.declare.contents import Contents, awaited
from wavebuild.declare.fields import Fields
from wavebuild.declare.forms import Free, Reading
from wavebuild.declare.model import Artifact, Json, Kind
from wavebuild.declare.source import Spot, Unreadable, word
from wavebuild.declare.syntax import Scalar, Series, Table, Value
from wavebuild.declare.templates import RESERVED
from wavebuild.declare.values import shown
from wavebuild.errors import WavebuildError, did_you_mean

MOST = 1_000_000
"""Instances of one step."""

LONGEST_VALUES = 160
"""Characters of an instance's name behind the step's: longer ones end in a digest."""

_DATA_FILE = re.compile(r"(?P<path>[^#]*\.(?:yaml|yml|json|toml))#(?P<keys>.*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<across>\*\*)?\}")

Assignment = Mapping[str, Json]


class Repetition(Struct, frozen=True):
    """The values that each instance has; ``unread``: what must be known before they are."""

    variables: tuple[str, ...]
    assignments: tuple[Assignment, ...]
    awaits: tuple[Artifact, ...] = ()
    unread: tuple[Artifact, ...] = ()


class _Found(Struct):
    """What is gathered from the sources of one step."""

    variables: dict[str, Spot] = field(default_factory=dict)
    awaits: dict[Artifact, None] = field(default_factory=dict)
    unread: dict[Artifact, None] = field(default_factory=dict)


def read_repetition(fields: Fields, contents: Contents, taken: Mapping[str, object]) -> Repetition | None:
    """The repetition of a step that has `foreach`; ``taken``: names that variables cannot have.

    None when it cannot be read: the problem is recorded.
    """
    entry = fields.entry(schema.FOREACH)
    assert entry is not None
    may_be_empty = fields.get(schema.ALLOW_EMPTY) or False
    reader = _Reader(fields.reading, contents, taken)
    try:
        assignments = _distinct(reader.union(entry.value))
        exclude = fields.entry(schema.WITHOUT)
        if exclude is not None:
            removed = reader.removed(exclude.value)
            assignments = [each for each in assignments if not any(_fits(each, one) for one in removed)]
    except Unreadable:
        return None
    found = reader.found
    if not assignments and not found.unread and not may_be_empty:
        message = "foreach has no values, so the step would have no instances"
        fields.reading.refuse("empty-list", entry.key, message, "if that is as it should be: allow_empty: true")
        return None
    return Repetition(tuple(found.variables), tuple(assignments), tuple(found.awaits), tuple(found.unread))


def instance_name(base: str, assignment: Assignment) -> str:
    """``silver@bookings`` for one variable, ``train@lr=0.1@seed=1`` for several."""
    values = [(name, encoded(label(value))) for name, value in assignment.items()]
    behind = "".join(f"@{value}" if len(values) == 1 else f"@{name}={value}" for name, value in values)
    if len(behind) > LONGEST_VALUES:
        import hashlib

        behind = f"{behind[:LONGEST_VALUES]}.{hashlib.sha256(behind.encode()).hexdigest()[:12]}"
    return base + behind


def encoded(text: str) -> str:
    """A value as it stands in names: letters, digits and ``-_.+,`` as they are, all else percent-encoded."""
    if text.isascii() and text.isalnum():
        return text
    return "".join(char if char.isalnum() or char in "-_.+," else quote(char, safe="") for char in text)


def label(value: Json) -> str:
    """How a value is named: a mapping by its `name` or `id`, where it has one."""
    if isinstance(value, dict):
        for key in ("name", "id"):
            if isinstance(value.get(key), str | int | float):
                return shown(value[key])
    return shown(value)


class _Reader:
    """Reads the sources of one step's `foreach`."""

    def __init__(self, reading: Reading, contents: Contents, taken: Mapping[str, object]) -> None:
        self._reading = reading
        self._contents = contents
        self._taken = taken
        self.found = _Found()

    def union(self, value: Value) -> list[Assignment]:
        """One mapping of variables, or a list of such."""
        value = self._reading.filled(value)
        if isinstance(value, Series):
            if not value.items:
                raise self._refuse("empty-list", value, "foreach is an empty list", "foreach: {VARIABLE: [VALUES]}")
            return [each for item in value.items for each in self._mapping(item)]
        return self._mapping(value)

    def removed(self, value: Value) -> list[Assignment]:
        """The assignments that `exclude` names: all that have these values."""
        return self.excluded_of(self._reading.filled(value))

    def excluded_of(self, value: Value) -> list[Assignment]:
        items = value.items if isinstance(value, Series) else (value,)
        found: list[Assignment] = []
        for item in items:
            if not isinstance(item, Table) or not item.entries:
                remedy = "exclude: [{lr: 0.1, seed: 2}]"
                raise self._reading.unexpected(item, "a mapping of variables to values", remedy)
            one: dict[str, tuple[Json, ...]] = {}
            for name, entry in item.entries.items():
                if name not in self.found.variables:
                    message = f"foreach has no variable called {word(name)}"
                    remedy = did_you_mean(name, self.found.variables)
                    raise self._refuse("undefined-name", entry.key, message, remedy)
                free = Free().read(entry.value, self._reading)
                one[name] = tuple(free) if isinstance(free, list) else (free,)
            found += [dict(zip(one, values, strict=True)) for values in product(*one.values())]
        return found

    # One mapping

    def _mapping(self, value: Value) -> list[Assignment]:
        if not isinstance(value, Table):
            raise self._reading.unexpected(value, "a mapping from variables to lists", "foreach: {VARIABLE: [VALUES]}")
        if "glob" in value.entries:
            return self._files(value)
        if "path" in value.entries:
            return self._pairs(value)
        if not value.entries:
            raise self._refuse("empty-list", value, "foreach names no variable", "foreach: {VARIABLE: [VALUES]}")
        columns: dict[str, list[Json]] = {}
        for key, source in value.pairs():
            columns[self._variable(key)] = self._source(key, source)
        size = 1
        for values in columns.values():
            size *= len(values)
        if size > MOST:
            message = f"foreach makes {size:,} instances; {MOST:,} are allowed"
            raise self._refuse("out-of-range", value, message)
        return [dict(zip(columns, values, strict=True)) for values in product(*columns.values())]

    def _variable(self, key: Scalar) -> str:
        name = schema.VARIABLE_NAME.read(key, self._reading.within(None))
        if name in RESERVED:
            raise self._refuse("name-clash", key, f"'{name}' is a name of the language", "choose another")
        if name in self._taken:
            raise self._refuse("name-clash", key, f"'{name}' is already one of the vars", "choose another")
        self.found.variables.setdefault(name, key)
        return name

    def _source(self, key: Scalar, source: Value) -> list[Json]:
        """The values of one variable."""
        if isinstance(source, Scalar) and (data_file := _DATA_FILE.fullmatch(self._text(source))):
            return self._keys(data_file["path"], data_file["keys"], source)
        value = self._reading.filled(source)
        if isinstance(value, Table) and ("path" in value.entries or "column" in value.entries):
            return self._column(value)
        if isinstance(value, Series):
            return [item for part in value.items for item in self._items(part)]
        if isinstance(value, Table) and isinstance(source, Scalar):
            return list(value.entries)  # a mapping among the vars: its keys
        remedy = f"write {key.text}: [A, B], a template that gives a list, FILE.yaml#key, or {{path: F.csv, column: C}}"
        raise self._reading.unexpected(value, "a list of values", remedy)

    def _items(self, part: Value) -> list[Json]:
        """One item of a list; what a template gives may be several."""
        filled = self._reading.filled(part)
        if isinstance(filled, Scalar) and filled.is_null:
            raise self._refuse("empty-item", filled, "an empty item in a list", "remove it, or write it out")
        value = Free().read(filled, self._reading)
        return value if isinstance(value, list) and filled is not part else [value]

    def _text(self, source: Scalar) -> str:
        """The text of a source, if it is no template that gives another type."""
        value = self._reading.filled(source)
        return value.text if isinstance(value, Scalar) and not value.is_null else ""

    # From files

    def _keys(self, path: str, keys: str, spot: Scalar) -> list[Json]:
        """``F#a.b``: the items of the list there, or the keys of the mapping."""
        file = self._awaited(path, spot)
        if file is None:
            return []
        value = self._guarded(spot, lambda: self._contents.data(file))
        for part in filter(None, (part.strip() for part in keys.split("."))):
            if isinstance(value, dict) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            else:
                remedy = did_you_mean(part, value) if isinstance(value, dict) else ""
                raise self._refuse("no-such-key", spot, f"{path} has no key {word(keys)}", remedy)
        if isinstance(value, list):
            return value
        if isinstance(value, dict):
            return list(value)
        raise self._refuse("wrong-type", spot, f"{path}#{keys} is neither a list nor a mapping")

    def _column(self, table: Table) -> list[Json]:
        """``{path: F.csv, column: C, rows: {…}}``: the distinct values."""
        fields = Fields.of(schema.COLUMN_SOURCE, table, self._reading)
        column = fields.get(schema.SOURCE_COLUMN)
        if column is None:
            if fields.sound and not fields.has(schema.SOURCE_COLUMN):
                remedy = "write {path: FILE.csv, column: NAME}"
                raise self._refuse("missing-key", table, "the values of one variable come from one column", remedy)
            raise Unreadable
        return [values[0] for values in self._rows(fields, table, [column])]

    def _pairs(self, table: Table) -> list[Assignment]:
        """``{path: F.csv, columns: {variable: column}}``: the distinct combinations."""
        fields = Fields.of(schema.PAIRS_SOURCE, table, self._reading)
        columns = fields.get(schema.SOURCE_COLUMNS)
        entry = fields.entry(schema.SOURCE_COLUMNS)
        if not columns or entry is None:
            if fields.sound and not columns:
                remedy = "write foreach: {path: FILE.csv, columns: {VARIABLE: COLUMN}}"
                raise self._refuse("missing-key", table, "it is not said which columns give which variables", remedy)
            raise Unreadable
        assert isinstance(entry.value, Table)
        names = [self._variable(entry.value.entries[name].key) for name in columns]
        return [dict(zip(names, values, strict=True)) for values in self._rows(fields, table, list(columns.values()))]

    def _rows(self, fields: Fields, table: Table, columns: Sequence[str]) -> list[tuple[str, ...]]:
        spot = table.entries["path"].value if "path" in table.entries else table
        path = fields.get(schema.SOURCE_PATH)
        if path is None:
            if fields.sound and not fields.has(schema.SOURCE_PATH):
                raise self._refuse("missing-key", table, "it is not said which file", "write {path: FILE.csv, …}")
            raise Unreadable
        wanted = fields.get(schema.SOURCE_ROWS) or {}
        delimiter = fields.get(schema.SOURCE_DELIMITER) or ","
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise self._refuse("bad-text", table, f"a delimiter is one sign, not {word(delimiter)}", 'a tab is "\\t"')
        file = self._awaited(path, spot)
        if file is None:
            return []
        header, rows = self._guarded(spot, lambda: self._contents.table(file, delimiter))
        for column in (*columns, *wanted):
            if column not in header:
                remedy = did_you_mean(column, header) or f"its columns are: {', '.join(header)}"
                raise self._refuse("no-such-column", spot, f"{path} has no column {word(column)}", remedy)
        conditions = [(header.index(column), text) for column, text in wanted.items()]
        places = [header.index(column) for column in columns]
        chosen = (row for row in rows if all(row[at] == text for at, text in conditions))
        return list(dict.fromkeys(tuple(row[at] for at in places) for row in chosen))

    def _files(self, table: Table) -> list[Assignment]:
        """``{glob: "photos/{img}.{ext}"}``: what the names of files say."""
        fields = Fields.of(schema.GLOB_SOURCE, table, self._reading)
        text = fields.get(schema.SOURCE_GLOB)
        if text is None:
            raise Unreadable
        spot = table.entries["glob"].value
        names = list(dict.fromkeys(found["name"] for found in _PLACEHOLDER.finditer(text)))
        if not names:
            remedy = 'write {glob: "photos/{img}.jpg"}'
            raise self._refuse("missing-key", spot, f"{word(text)} names no variable", remedy)
        for name in names:
            self._variable(Scalar(name, '"', spot.line, spot.column))
        try:
            pattern = paths.normal(_as_glob(text), self._reading.home)
            exclude = tuple(
                paths.normal(one, self._reading.home).path for one in fields.get(schema.SOURCE_EXCLUDE) or ()
            )
        except paths.PathProblem as problem:
            raise self._refuse("bad-path", spot, problem.message, problem.remedy) from None
        glob = awaited(Kind.GLOB, pattern.path, exclude)
        if not self._is_known(glob):
            return []
        expression = _as_expression(paths.normal(_PLACEHOLDER.sub(_marked, text), self._reading.home).path)
        found = (expression.fullmatch(path) for path in self._contents.members(glob))
        return [match.groupdict() for match in found if match]

    def _awaited(self, path: str, spot: Spot) -> Artifact | None:
        """The file at a path, if its content is known."""
        try:
            normal = paths.normal(path, self._reading.home)
        except paths.PathProblem as problem:
            raise self._refuse("bad-path", spot, problem.message, problem.remedy) from None
        if normal.is_glob or normal.is_directory:
            raise self._refuse("bad-path", spot, f"foreach reads one file, not {word(path)}")
        file = awaited(Kind.FILE, normal.path)
        if not self._is_known(file):
            return None
        if not self._contents.is_there(file):
            message = f"foreach reads {normal.path}, which is not there"
            raise self._refuse("missing-source", spot, message, "make it, or correct the path")
        return file

    def _is_known(self, artifact: Artifact) -> bool:
        self.found.awaits[artifact] = None
        if artifact in self._contents.known:
            return True
        self.found.unread[artifact] = None
        return False

    def _guarded(self, spot: Spot, read: Any) -> Any:
        try:
            return read()
        except WavebuildError as error:
            for problem in error.problems:
                self._reading.problems.record(problem)
            raise Unreadable from None

    def _refuse(self, code: str, spot: Spot, message: str, remedy: str = "") -> Unreadable:
        return self._reading.refuse(code, spot, message, remedy)


def _distinct(assignments: Sequence[Assignment]) -> list[Assignment]:
    """Each combination once, by the names that instances would have."""
    return list({tuple((name, label(value)) for name, value in each.items()): each for each in assignments}.values())


def _fits(assignment: Assignment, part: Assignment) -> bool:
    return all(name in assignment and shown(assignment[name]) == shown(value) for name, value in part.items())


# Files whose names say the values


def _as_glob(text: str) -> str:
    """The glob of all files that a pattern with ``{name}`` may name."""
    parts = []
    for part in text.split("/"):
        across = any(found["across"] for found in _PLACEHOLDER.finditer(part))
        whole = _PLACEHOLDER.fullmatch(part)
        name = re.sub(r"\*+", "*", _PLACEHOLDER.sub("*", part))
        parts += (
            ["**"] if whole and across else ["**", name] if across else [name if _PLACEHOLDER.search(part) else part]
        )
    return "/".join(parts)


_MARK = "\ufdd0"  # a character that no text has


def _marked(found: re.Match[str]) -> str:
    return f"{_MARK}{found['name']}{'+' if found['across'] else ''}{_MARK}"


def _as_expression(text: str) -> re.Pattern[str]:
    """The regular expression that takes the values out of a path."""
    seen: set[str] = set()
    out: list[str] = []
    for odd, piece in enumerate(text.split(_MARK)):
        if not odd % 2:
            out.append(_globbed(piece))
            continue
        name = piece.removesuffix("+")
        out.append(f"(?P={name})" if name in seen else f"(?P<{name}>{'.+' if piece.endswith('+') else '[^/]+'})")
        seen.add(name)
    return re.compile("".join(out), re.DOTALL)


def _globbed(piece: str) -> str:
    literal: dict[str, str] = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", piece)
    return "".join(literal.get(each) or _one_of(each) or re.escape(each) for each in pieces)


def _one_of(piece: str) -> str:
    """A class of characters, in the words of regular expressions; "" for any other piece."""
    if piece[:1] != "[" or len(piece) < 3:
        return ""
    return f"[^{piece[2:]}" if piece[1] == "!" else piece
