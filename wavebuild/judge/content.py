"""Digests of what a file says rather than how it is laid out: JSON, YAML, CSV, SQLite, Python, keys, rows.

It does not know stamps, caches or steps: bytes or a path in, a text out. Raises WavebuildError
where the content is not what it is said to be.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from wavebuild.declare.model import Artifact, Json
from wavebuild.errors import Place, mistake
from wavebuild.later import json, sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast

SHOWN = 60
"""Characters up to which a key's value is its own digest, so that ``explain`` can show it."""


def digest_text(kind: str, text: str) -> str:
    return f"{kind}:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def data_text(data: bytes, path: str, kind: Literal["json", "yaml"]) -> str:
    from wavebuild.declare import read_data

    return canonical(read_data(data, path, kind))


def canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def value_digest(text: str) -> str:
    """A short value is its own digest."""
    return f"={text}" if len(text) <= SHOWN else digest_text("value", text)


def value_text(value: Json, name: str) -> str | None:
    """The part of a value at a key as JSON, None if it has none."""
    for part in name.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return canonical(value)


def data_kind(path: str) -> Literal["json", "yaml", "toml"]:
    match os.path.splitext(path)[1].lower():
        case ".json":
            return "json"
        case ".toml":
            return "toml"
        case _:
            return "yaml"


class Table:
    """A CSV file, parsed once for all who read some of its rows. Raises WavebuildError where it is none."""

    def __init__(self, data: bytes, path: str, delimiter: str) -> None:
        from wavebuild.declare.tables import read_table

        self._header, self._rows = read_table(data, path, delimiter)
        self._groups: dict[tuple[int, ...], dict[tuple[str, ...], list[list[str]]]] = {}

    def text(self, artifact: Artifact) -> str:
        """The rows and columns that an artifact chooses. Raises WavebuildError for a column that is not there."""
        header, wanted = self._header, artifact.rows or ()
        for column in (*(artifact.columns or ()), *(name for name, _ in wanted)):
            if column not in header:
                raise mistake(
                    "no-such-column",
                    f"{artifact.path} has no column {column!r}",
                    artifact.place,
                    f"its columns are: {', '.join(header)}",
                )
        taken = [at for at, name in enumerate(header) if artifact.columns is None or name in artifact.columns]
        taken.sort(key=lambda at: header[at])
        rows = self._where(tuple(header.index(column) for column, _ in wanted), tuple(value for _, value in wanted))
        return json.dumps([[header[at] for at in taken], sorted([row[at] for at in taken] for row in rows)])

    def _where(self, places: tuple[int, ...], values: tuple[str, ...]) -> list[list[str]]:
        """The rows with these values; thousands of instances ask, each for its own."""
        if not places:
            return self._rows
        groups = self._groups.get(places)
        if groups is None:
            groups = self._groups[places] = {}
            for row in self._rows:
                groups.setdefault(tuple(row[at] for at in places), []).append(row)
        return groups.get(values, [])


def sqlite_digest(path: str, shown: str) -> str:
    """Schema and rows of an SQLite file; the order of rows, free pages and indexes' layout do not count.

    Rows are summed as hashes modulo 2**256, so memory stays flat however large a table is.
    """
    import sqlite3
    from urllib.parse import quote

    # Without a log beside it nobody is writing, and reading in place would leave files of SQLite's there.
    how = "mode=ro" if os.path.exists(f"{path}-wal") else "mode=ro&immutable=1"
    try:
        handle = sqlite3.connect(f"file:{quote(os.fsencode(path))}?{how}", uri=True)
        try:
            handle.text_factory = bytearray  # a blob comes as bytes: '1' and x'31' are two values
            return _database_digest(handle.execute)
        finally:
            handle.close()
    except sqlite3.Error as error:
        raise mistake("bad-sqlite", f"{shown} cannot be read as an SQLite database: {error}", Place(shown)) from None


def _database_digest(ask: Callable[[str], Iterable[tuple[Any, ...]]]) -> str:
    import hashlib

    whole = hashlib.sha256()
    schema = list(
        ask("select type, name, tbl_name, sql from sqlite_master where name not glob 'sqlite_*' order by 1, 2")
    )
    for row in schema:
        whole.update(repr(row).encode())
    for kind, name, *_ in schema:
        if kind == b"table":
            table = bytes(name).decode("utf-8", "surrogateescape").replace('"', '""')
            total = count = 0
            for row in ask(f'select * from "{table}"'):
                total += int.from_bytes(sha256(repr(row).encode()).digest(), "big")
                count += 1
            whole.update(f"{count}:{total % (1 << 256):x};".encode())
    return f"sqlite:{whole.hexdigest()}"


def python_digest(data: bytes) -> str:
    """A program by its syntax tree: layout and comments do not count, docstrings do."""
    import ast

    try:
        return digest_text("python", ast.dump(_tree(data)))
    except (SyntaxError, ValueError, RecursionError):
        return f"sha256:{sha256(data).hexdigest()}"


def _tree(data: bytes) -> ast.Module:
    """What Python has to say of somebody's program is not for our screen."""
    import ast
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(data)


def python_imports(data: bytes) -> list[str]:
    """The modules a program may import, dots in front for relative ones; none if it does not parse."""
    import ast

    try:
        tree = _tree(data)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: list[str] = []
    for part in ast.walk(tree):
        if isinstance(part, ast.Import):
            found += [alias.name for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            base = "." * part.level + (part.module or "")
            found.append(base)
            joint = "" if base.endswith(".") or not base else "."
            found += [f"{base}{joint}{alias.name}" for alias in part.names if alias.name != "*"]
    return sorted(set(found))


def import_files(name: str, importer: str, bases: Sequence[str]) -> list[str]:
    """The files, relative to the root, that an imported name could be: its module and every package on the way."""
    level = len(name) - len(name.lstrip("."))
    parts = [part for part in name[level:].split(".") if part]
    if level:
        folder = os.path.dirname(importer)
        for _ in range(level - 1):
            folder = os.path.dirname(folder)
        bases = [folder]
    found = []
    for base in bases:
        stem = base
        if level:
            found.append(os.path.join(stem, "__init__.py"))
        for part in parts:
            stem = os.path.join(stem, part)
            found += [f"{stem}.py", os.path.join(stem, "__init__.py")]
    return found
