"""The line that its author meant, with the quotes that YAML wants.

It does not know the language: only which characters YAML reads in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# `- ` items and one `key: ` before the value; a comment and a comma of a list after it.
_LINE = re.compile(
    r"^(?P<head>\s*(?:-\s+)*(?:[^\s\"'#:{\[][^\s\"'#:]*\s*:\s+)?)(?P<value>\S.*?)(?P<tail>,?\s*(?:\s#.*)?)$"
)
_MISREAD = ("{{", "*", "@", "!", "[", "{", "%", "&", ">", "|", "`", '"', "'")


def repaired(line: str, readable: Callable[[str], bool]) -> str | None:
    """The line with its value, or the items of its list, in quotes; ``None`` if that would not help."""
    found = _LINE.match(line)
    if not found or "\t" in found["head"]:
        return None
    head, value, tail = found["head"], found["value"], found["tail"]
    candidates = [quoted(value)]
    if value.startswith("[") and value.endswith("]"):
        candidates.insert(0, _with_quoted_items(value))
    elif (not value.startswith(_MISREAD) and ": " not in value) or _never_closed(value):
        return None
    for candidate in candidates:
        if candidate != value and readable((head + candidate).strip()):
            return head + candidate + tail
    return None


def quoted(text: str) -> str:
    """A text as a YAML scalar in quotes."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _with_quoted_items(flow: str) -> str:
    items = [item.strip() for item in flow[1:-1].split(",")]
    return "[" + ", ".join(quoted(item) if item.startswith(_MISREAD[:-2]) else item for item in items) + "]"


def _never_closed(value: str) -> bool:
    """An open quote or bracket is not a text that lacks quotes: its author forgot the end."""
    first = value[0]
    if first in "\"'":
        return first not in value[1:]
    return first in "[{" and {"[": "]", "{": "}"}[first] not in value
