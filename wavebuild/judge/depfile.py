"""What a compiler says it has read: the list of prerequisites in a file of make's rules.

It does not know which step wrote it, nor whether the files are there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from wavebuild.errors import mistake
from wavebuild.regular import expression

_CONTINUED = expression(r"(?<!\\)((?:\\\\)*)\\\n")
_SPECIAL = expression(r"[\\$#]")


def prerequisites(data: bytes, shown: str) -> tuple[str, ...]:
    """The names behind the colons, of all rules, each once; targets, and rules without prerequisites, say nothing.

    Raises WavebuildError where the text is no list of rules; ``shown``: the file's name.
    """
    if b"\0" in data:
        raise mistake("bad-depfile", f"{shown} is no list of make's rules: it holds NUL bytes")
    text = os.fsdecode(data).replace("\r\n", "\n")
    found: dict[str, None] = {}
    for line in _CONTINUED.sub(r"\1 ", text).split("\n"):
        words = _plain_words(line) if not _SPECIAL.search(line) else list(_words(line))
        if words:
            found.update(dict.fromkeys(_behind_the_colon(words, line, shown)))
    return tuple(found)


_Word = tuple[str, int, bool]
"""A name, where in it the first colon that is not escaped stands (-1: nowhere), and whether one ends it."""


def _plain_words(line: str) -> list[_Word]:
    return [(word, word.find(":"), word.endswith(":")) for word in line.replace("\t", " ").split(" ") if word]


def _words(line: str) -> Iterator[_Word]:
    """The words of a line with escapes: ``\\ ``, ``\\#``, ``\\:`` and ``$$``.

    2N+1 backslashes and a space are N backslashes and a space; 2N and a space are N that end the name.
    """
    name, colon, last, at = "", -1, -1, 0
    while at < len(line):
        sign = line[at]
        if sign in " \t":
            if name:
                yield name, colon, last == len(name) - 1
            name, colon, last, at = "", -1, -1, at + 1
        elif sign == "#" and not name:
            break
        elif sign == "\\":
            end = at
            while end < len(line) and line[end] == "\\":
                end += 1
            taken, at = _unescaped(end - at, line[end : end + 1]), end
            if taken[1]:
                at += 1
            name += taken[0]
        elif line.startswith("$$", at):
            name, at = name + "$", at + 2
        else:
            if sign == ":":
                colon, last = (len(name) if colon < 0 else colon), len(name)
            name, at = name + sign, at + 1
    if name:
        yield name, colon, last == len(name) - 1


def _unescaped(backslashes: int, following: str) -> tuple[str, bool]:
    """What some backslashes stand for, and whether the sign behind them is part of that."""
    if following in (" ", "\t"):
        kept, escapes = divmod(backslashes, 2)
        return "\\" * kept + (following if escapes else ""), bool(escapes)
    if following in ("#", ":"):
        return "\\" * (backslashes - 1) + following, True
    return "\\" * backslashes, False


def _behind_the_colon(words: list[_Word], line: str, shown: str) -> list[str]:
    """The prerequisites of a rule. The colon stands at the end of a word; some programs leave no space behind it."""
    ends = next((at for at, (_, _, is_end) in enumerate(words) if is_end), None)
    if ends is not None:
        return [name for name, _, _ in words[ends + 1 :] if name != "|"]
    inside = next((at for at, (_, colon, _) in enumerate(words) if colon >= 0), None)
    if inside is None:
        raise mistake("bad-depfile", f"{shown} is no list of make's rules: there is no colon in '{line[:60].strip()}'")
    name, colon, _ = words[inside]
    return [name[colon + 1 :], *(name for name, _, _ in words[inside + 1 :])]
