"""The line that its author meant, with the quotes that YAML wants.

It does not know the language: only which characters YAML reads in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

# `- ` items and one `key: ` before the value; a comment and a comma of a list after it.
_KEY = r"""(?:"[^"]*"|'[^']*'|[^\s"'#:{\[*@!%&>|`][^"'#:{\[]*?)"""
_LINE = re.compile(rf"^(?P<head>\s*(?:-\s+)*(?:{_KEY}\s*:\s+)?)(?P<value>\S.*?)(?P<tail>,?\s*(?:\s#.*)?)$")
_MISREAD = ("{{", "*", "@", "!", "[", "{", "%", "&", ">", "|", "`", '"', "'")
_ENDS = {"[": "]", "{": "}"}


class _Part(NamedTuple):
    """A scalar of a line, from its first character to behind its last."""

    start: int
    end: int


def repaired(line: str, column: int, readable: Callable[[str], bool]) -> str | None:
    """The line with the value at a column, from 1, in quotes; ``None`` if that is not found, or would not help."""
    found = _LINE.match(line)
    if not found or "\t" in found["head"]:
        return None
    start, end = found.span("value")
    parts = list(_scalars(line, start, end))
    if parts == [_Part(start, end)] and not found["head"].strip() and ": " in found["value"]:
        return None  # a key that is not understood: the value is not all of it
    there = [part for part in parts if part.start < column <= part.end]
    listed = parts != [_Part(start, end)]
    misread = [part for part in parts if part in there or _is_misread(line[part.start : part.end], listed)]
    for chosen in (there, misread):
        candidate = _with_quotes(line, chosen)
        if candidate != line and readable(candidate[: len(candidate) - len(found["tail"])].strip()):
            return candidate
    return None


def quoted(text: str) -> str:
    """A text as a YAML scalar in quotes."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _with_quotes(line: str, parts: list[_Part]) -> str:
    for part in reversed(parts):
        text = line[part.start : part.end]
        if _lacks_quotes(text):
            line = line[: part.start] + quoted(text) + line[part.end :]
    return line


def _lacks_quotes(text: str) -> bool:
    if not text.startswith(_MISREAD) and ": " not in text and "{" not in text:
        return False
    return not _never_closed(text) and not _is_whole(text, "\"'") and _is_balanced(text)


def _is_misread(text: str, listed: bool) -> bool:
    """Whether YAML cannot take it as its author meant it; a lone ``*name`` may be an alias.

    ``listed``: it stands in brackets, where a ``{`` has its own meaning also within a text.
    """
    if listed and "{" in text:
        return True
    return text.startswith(("{{", "@", "!", "[", "{", "%", "`")) or re.match(r"\*[^\w]|\*\w+[^\w-]", text) is not None


def _scalars(line: str, start: int, end: int) -> Iterator[_Part]:
    """The scalars of a value: itself, or those of a list or mapping in brackets; a key is none of them."""
    text = line[start:end]
    if text.startswith("{{") or not _is_whole(text, "[{"):
        yield _Part(start, end)
        return
    for first, last in _items(line, start + 1, end - 1):
        if text[0] == "{" and (colon := _colon(line, first, last)):
            first = colon
        while first < last and line[first] == " ":
            first += 1
        while first < last and line[last - 1] == " ":
            last -= 1
        if first < last:
            yield from _scalars(line, first, last)


def _items(line: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What stands between the commas."""
    begin = start
    for at, sign in _outside(line, start, end):
        if sign == ",":
            yield begin, at
            begin = at + 1
    yield begin, end


def _colon(line: str, start: int, end: int) -> int | None:
    """Behind the first colon that ends a key."""
    for at, sign in _outside(line, start, end):
        if sign == ":" and line[at + 1 : at + 2] in (" ", ""):
            return at + 1
    return None


def _outside(line: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """The characters that stand in neither quotes nor brackets."""
    at, closers = start, list[str]()
    while at < end:
        sign = line[at]
        begins = line[start:at].rstrip()[-1:] in ("", ",", ":", "[", "{")
        if sign in "\"'" and begins and (close := line.find(sign, at + 1, end)) > 0:
            at = close
        elif sign in _ENDS and (closers or begins or line.startswith("{{", at)):
            closers.append(_ENDS[sign])
        elif closers and sign == closers[-1]:
            closers.pop()
        elif not closers:
            yield at, sign
        at += 1


def _is_whole(text: str, openers: str) -> bool:
    """Whether a text opens with one of these, and closes it with its last character and not before."""
    first = text[:1]
    if len(text) < 2 or first not in openers:
        return False
    close = _ENDS.get(first, first)
    if first in "\"'":
        return text.find(close, 1) == len(text) - 1
    return text.endswith(close) and not any(True for _ in _outside(text, 0, len(text)))


def _never_closed(value: str) -> bool:
    """An open quote or bracket is not a text that lacks quotes: its author forgot the end."""
    first = value[0]
    if first in "\"'":
        return first not in value[1:]
    return first in _ENDS and _ENDS[first] not in value


def _is_balanced(text: str) -> bool:
    """Whether no bracket closes that was opened on an earlier line."""
    return all(text.count(close) <= text.count(opening) for opening, close in _ENDS.items())
