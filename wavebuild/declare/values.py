"""The meaning of a plain text: null, true, numbers by the YAML 1.2 core schema, and how a value is shown.

It does not know where a value stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wavebuild.declare.model import Json
from wavebuild.later import json, quoted
from wavebuild.regular import expression

_INT = expression(r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT = expression(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = expression(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WRITTEN = "\0written"  # no text of a Wavefile holds NUL, so no key of an author's can be this


class WrittenInt(int):
    """A whole number that is shown as it was written: 012 stays 012, 0x1F stays 0x1F."""

    written: str

    def __str__(self) -> str:
        return self.written


class WrittenFloat(float):
    """A number that is shown as it was written: 1.10 stays 1.10."""

    written: str

    def __str__(self) -> str:
        return self.written


def core(text: str) -> bool | int | float | str | None:
    """A plain scalar by the core schema; numbers remember how they were written."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        return written_int(text)
    if _FLOAT.fullmatch(text) or _SPECIAL.fullmatch(text):
        return written_float(text)
    return text


def written_int(text: str) -> WrittenInt:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = WrittenInt(int(text[2:] if base != 10 else text, base))
    number.written = text
    return number


def written_float(text: str) -> WrittenFloat:
    number = WrittenFloat(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    number.written = text
    return number


def bare(value: Json) -> Json:
    """The value with ordinary numbers: what leaves for other processes and digests."""
    match value:
        case WrittenInt():
            return int(value)
        case WrittenFloat():
            return float(value)
        case list():
            return [bare(item) for item in value]
        case dict():
            return {key: bare(item) for key, item in value.items()}
        case _:
            return value


def canonical(value: Json) -> str:
    """One JSON text for one value; the looks of numbers are part of it."""
    return json.dumps(_marked(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def json_text(value: Json) -> str:
    """One JSON text for one value, whatever the looks of its numbers. Raises ValueError for what JSON does not have."""
    return json.dumps(bare(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def from_canonical(text: str) -> Json:
    value: Json = json.loads(text, object_hook=_unmarked)
    return value


def from_argument(text: str) -> Json:
    """The value of ``--set name=text``: JSON, else the text itself."""
    try:
        value: Json = json.loads(text, parse_int=core, parse_float=core, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return text
    return text if has_half_a_character(text, value) else value


def has_half_a_character(text: str, value: Json) -> bool:
    """Whether the JSON text wrote one half of a pair alone, as ``\\ud800``: no file, name or command can hold it."""
    if "\\ud" not in text.lower():
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _not_json(name: str) -> Json:
    raise ValueError(name)


def _marked(value: Json) -> Json:
    match value:
        case WrittenInt() | WrittenFloat():
            return {_WRITTEN: value.written}
        case list():
            return [_marked(item) for item in value]
        case dict():
            return {key: _marked(item) for key, item in value.items()}
        case _:
            return value


def _unmarked(value: dict[str, Json]) -> Json:
    written = value.get(_WRITTEN)
    return core(written) if isinstance(written, str) else value


class Paths(tuple[str, ...]):
    """The files of a step's inputs or outputs; ``named`` are those of each name that the step gave.

    A name that stands for one file is that file's path, a text; any other name is a list.
    """

    named: Mapping[str, Paths | str]

    def __new__(cls, files: Iterable[str], named: Mapping[str, str | Iterable[str]] | None = None) -> Paths:
        paths = super().__new__(cls, files)
        named = named or {}
        paths.named = {name: held if isinstance(held, str) else cls(held) for name, held in named.items()}
        return paths


def shown(value: object) -> str:
    """A value inside a text: true, false, null; lists as items joined by spaces; mappings as JSON."""
    match value:
        case str():
            return str(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Mapping():
            return json.dumps(value, ensure_ascii=False, default=shown)
        case Iterable():
            return " ".join(shown(item) for item in value)
        case _:
            return str(value)


def shell_quoted(value: object) -> str:
    """A value as words of a shell command: a list item by item, all else as one word."""
    if isinstance(value, (str, int, float, Mapping)) or not isinstance(value, Iterable):
        return quoted(shown(value))
    return " ".join(quoted(shown(item)) for item in value)
