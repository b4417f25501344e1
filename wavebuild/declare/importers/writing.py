"""A Wavefile as text: an ordered model with comments becomes YAML that reads back as what was written.

It does not know what the keys mean, nor which tool the model comes from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from wavebuild.declare import values

WIDTH = 100  # a short list or mapping stands on one line up to here
_LONGEST_KEY = 120  # YAML reads a key before its colon up to 1024 signs; a longer one is announced by a `?`

_PLAIN = re.compile(r"[A-Za-z0-9_./$(+][^\x00-\x1f\x7f]*")
_BARE = re.compile(r"[A-Za-z0-9_./$(+][A-Za-z0-9_./$()+@=~^%-]*")
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "---", "..."))
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class Noted(Struct, frozen=True):
    """A value of a mapping or list with lines of comment above it."""

    value: Writable
    comment: Sequence[str]


Writable = None | bool | int | float | str | Sequence["Writable"] | Mapping[str, "Writable"] | Noted


class Unwritable(Exception):
    """A text that YAML cannot hold: with a NUL, or bytes that are no UTF-8."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def written(document: Mapping[str, Writable], heading: Sequence[str] = ()) -> str:
    """The text of a Wavefile; between its keys, and between its steps, stands an empty line. Raises Unwritable."""
    blocks = [list(_comment(heading, ""))] if heading else []
    for key, value in document.items():
        body = value.value if isinstance(value, Noted) else value
        if key == "steps" and isinstance(body, Mapping) and body:
            blocks += _steps(key, value, body)
        else:
            blocks.append(_entry(key, value, 0))
    return "\n".join("".join(line + "\n" for line in block) for block in blocks)


def listed_under(key: str, items: Sequence[Writable]) -> list[str]:
    """The lines of a key with a list, one item on each line. Raises Unwritable."""
    return [f"{key}:", *(line for item in items for line in _item(item, 2))]


def literal(text: str) -> str:
    """The text as a template that gives it back: its ``{{`` open no expression."""
    return text.replace("{{", "{{ '{{' }}")


def is_writable(text: str) -> bool:
    """Whether YAML can hold a text."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _steps(key: str, value: Writable, steps: Mapping[str, Writable]) -> Iterator[list[str]]:
    above = list(_comment(value.comment, "")) if isinstance(value, Noted) else []
    for name, step in steps.items():
        yield [*above, *([f"{key}:"] if name == next(iter(steps)) else []), *_entry(name, step, 2)]
        above = []


# Blocks: one entry or item after another


def _entry(key: str, value: Writable, column: int) -> list[str]:
    pad = " " * column
    name = _on_one_line(key, flow=True)
    comment: list[str] = []
    if isinstance(value, Noted):
        comment, value = list(_comment(value.comment, pad)), _bare_value(value)
    if len(name) > _LONGEST_KEY:
        return [*comment, f"{pad}? {name}", *_under(f"{pad}:", value, column + 2)]
    return [*comment, *_under(f"{pad}{name}:", value, column + 2)]


def _item(value: Writable, column: int) -> list[str]:
    pad = " " * column
    comment: list[str] = []
    if isinstance(value, Noted):
        comment, value = list(_comment(value.comment, pad)), _bare_value(value)
    return [*comment, *_under(f"{pad}-", value, column + 2)]


def _bare_value(noted: Noted) -> Writable:
    value = noted.value
    return _bare_value(value) if isinstance(value, Noted) else value


def _under(head: str, value: Writable, column: int) -> list[str]:
    """A value behind its key or dash; what needs lines of its own begins at ``column``."""
    if isinstance(value, str):
        return _text(head, value, column)
    flow = None if _deserves_lines(head, value, column) else _flow(value)
    if flow is not None and (len(head) + 1 + len(flow) <= WIDTH or not _is_many(value)):
        return [f"{head} {flow}"]
    lines: list[str]
    if isinstance(value, Mapping):
        lines = list(chain.from_iterable(_entry(key, item, column) for key, item in value.items()))
        if head.endswith("-") and not lines[0].lstrip().startswith(("#", "?")):
            return [f"{head} {lines[0].lstrip()}", *lines[1:]]
    else:
        assert isinstance(value, Sequence)
        lines = list(chain.from_iterable(_item(item, column) for item in value))
    return [head, *lines]


def _deserves_lines(head: str, value: Writable, column: int) -> bool:
    """A mapping at the top, or a step, has a line for each key however short it is."""
    return isinstance(value, Mapping) and bool(value) and column < 6 and not head.endswith("-")


def _is_many(value: Writable) -> bool:
    return isinstance(value, Mapping | Sequence) and bool(value)


def _text(head: str, text: str, column: int) -> list[str]:
    sign = _block_sign(text)
    if not sign:
        return [f"{head} {_on_one_line(text, flow=False)}"]
    pad = " " * column
    return [f"{head} {sign}", *(pad + line if line else "" for line in text.removesuffix("\n").split("\n"))]


def _block_sign(text: str) -> str:
    """``|`` or ``|-`` for a text whose lines may stand as they are; else nothing."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 2 and not text.endswith("\n"):
        return ""
    if any(not char.isprintable() for line in lines for char in line.replace("\t", "")):
        return ""
    if not lines[0] or lines[0][0] in " \t" or not lines[-1].strip():
        return ""
    return "|" if text.endswith("\n") else "|-"


def _comment(lines: Iterable[str], pad: str) -> Iterator[str]:
    for text in lines:
        for line in text.split("\n"):
            yield f"{pad}# {_harmless(line)}".rstrip()


def _harmless(line: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in line)


# Values on one line


def _flow(value: Writable) -> str | None:
    """A value on one line, where it is short words all through; ``None`` where it is not."""
    match value:
        case Noted():
            return None
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            return _on_one_line(value, flow=True) if _is_word(value) else None
        case Mapping():
            pairs = [(_on_one_line(key, flow=True), _flow(item)) for key, item in value.items()]
            if any(item is None or len(key) > _LONGEST_KEY for key, item in pairs):
                return None
            return "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
        case _:
            items = [_flow(item) for item in value]
            return None if None in items else "[" + ", ".join(map(str, items)) + "]"


def _number(value: float) -> str:
    if math.isfinite(value) or isinstance(value, values.WrittenFloat):
        return str(value)
    return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"


def _is_word(text: str) -> bool:
    return not any(char.isspace() for char in text) and text.isprintable()


def _on_one_line(text: str, flow: bool) -> str:
    """A text plain where nothing in it could be taken for something else; else in quotes."""
    if not is_writable(text):
        raise Unwritable(text)
    if _may_be_plain(text, flow):
        return text
    if text.isprintable() and ('"' in text or "\\" in text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _may_be_plain(text: str, flow: bool) -> bool:
    if not (_BARE if flow else _PLAIN).fullmatch(text) or not text.isprintable():
        return False
    if text != text.strip() or ": " in text or " #" in text or "{{" in text or text.endswith(":"):
        return False
    return text.lower() not in _YAML_WORDS and isinstance(values.core(text), str)


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
