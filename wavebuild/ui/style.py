"""What a stream can show: colours, characters, width.

It does not know what is written to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TextIO

from msgspec import Struct

When = Literal["auto", "always", "never"]
Colour = Literal["green", "red", "yellow", "cyan", "dim", "bold"]

_CODES: dict[Colour, str] = {"green": "32", "red": "31", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}
_ASCII = ("C", "POSIX")
_BY_PYTHON = ("C.UTF-8", "C.utf8", "UTF-8")  # what it puts in the place of the former
_PLAINER = str.maketrans(
    {
        "─": "-",
        "│": "|",
        "┌": "+",
        "┐": "+",
        "└": "+",
        "┘": "+",
        "←": "<-",
        "→": "->",
        "·": "|",
        "\N{EN DASH}": "-",
        "…": "...",
    }
)


class Style(Struct, frozen=True):
    colours: bool = False
    unicode: bool = True
    width: int = 80
    terminal: bool = False

    def paint(self, text: str, colour: Colour) -> str:
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.colours and text else text

    def fit(self, text: str) -> str:
        """The text in characters that the stream can carry."""
        return text if self.unicode else text.translate(_PLAINER)


def style_of(stream: TextIO, environ: Mapping[str, str], when: When = "auto") -> Style:
    """What this stream can show; the environment sways colour alone, never whether it is a terminal."""
    terminal = _is_terminal(stream)
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    return Style(
        colours=_colours(terminal, environ, when),
        unicode=encoding.startswith("utf") and not (terminal and _is_plain(environ)),
        width=_width(stream, environ) if terminal else _named_width(environ) or 80,
        terminal=terminal,
    )


def _is_plain(environ: Mapping[str, str]) -> bool:
    """Whether the person's terminal is said to know ASCII alone, and not by Python, which says more than is known.

    Or letters of one language alone: where there is no such locale, Python writes as if it knew all.
    """
    kind, language = environ.get("LC_CTYPE"), environ.get("LANG")
    if kind in _BY_PYTHON and language in _ASCII:
        kind = None
    locale = environ.get("LC_ALL") or kind or language or ""
    charset = locale.partition(".")[2].partition("@")[0].lower()
    return locale in _ASCII or (charset != "" and not charset.startswith("utf"))


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _colours(terminal: bool, environ: Mapping[str, str], when: When) -> bool:
    if when != "auto":
        return when == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    # A build server keeps its log as text: colour there is asked for, never guessed.
    return terminal and not environ.get("CI") and environ.get("TERM", "") not in ("", "dumb")


def _named_width(environ: Mapping[str, str]) -> int:
    columns = environ.get("COLUMNS", "")
    return max(20, int(columns)) if columns.isdecimal() and len(columns) < 6 else 0


def _width(stream: TextIO, environ: Mapping[str, str]) -> int:
    named = _named_width(environ)
    if named:
        return named
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
