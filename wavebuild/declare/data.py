"""YAML, JSON and TOML files as plain values.

It does not know which parts of them count.
"""

from __future__ import annotations

import datetime
import json
from typing import Literal, assert_never

from wavebuild.declare import syntax, values
from wavebuild.declare.forms import Free, Reading
from wavebuild.declare.model import Json
from wavebuild.declare.source import Problems, Unreadable
from wavebuild.errors import Place, WavebuildError, mistake

DataKind = Literal["yaml", "json", "toml"]


def read_data(data: bytes, file: str, kind: DataKind, as_written: bool = False) -> Json:
    """The value of a data file; ``file`` is how messages call it. Raises WavebuildError.

    ``as_written``: its numbers remember how they are written.
    """
    text = syntax.decoded(data, file)
    match kind:
        case "yaml":
            value = _yaml(text, file)
        case "json" | "toml":
            value = _other(text, file, kind, as_written)
        case _:
            assert_never(kind)
    return value if as_written else values.bare(value)


def _yaml(text: str, file: str) -> Json:
    problems = Problems(file, text)
    value: Json = None
    try:
        parsed = syntax.parse(text, problems)
        value = None if parsed is None else Free().read(parsed, Reading(problems, templates=False))
    except Unreadable:
        pass
    problems.raise_if_any()
    return value


def _other(text: str, file: str, kind: Literal["json", "toml"], as_written: bool) -> Json:
    import tomllib

    try:
        if kind == "toml":
            return _without_dates(tomllib.loads(text, parse_float=values.core if as_written else float))
        numbers = values.core if as_written else None
        value: Json = json.loads(text, parse_int=numbers, parse_float=numbers)
        if values.has_half_a_character(text, value):
            raise _unreadable(file, "JSON", "a text holds half a character, like \\ud800")
        return value
    except json.JSONDecodeError as error:
        raise _unreadable(file, "JSON", error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise _unreadable(file, kind.upper(), "nested too deep") from None
    except ValueError as error:
        raise _unreadable(file, kind.upper(), str(error)) from None


def _unreadable(file: str, kind: str, why: str, line: int = 0, column: int = 0) -> WavebuildError:
    return mistake("syntax", f"not readable as {kind}: {why}", Place(file, line, column))


def _without_dates(value: object) -> Json:
    """TOML's dates and times as the texts that they are written as in ISO 8601."""
    match value:
        case dict():
            return {str(key): _without_dates(item) for key, item in value.items()}
        case list():
            return [_without_dates(item) for item in value]
        case datetime.date() | datetime.time():
            return value.isoformat()
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise ValueError(f"a value of the type {type(value).__name__}")
