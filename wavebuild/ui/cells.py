"""How many cells of a terminal a text takes, and texts cut or filled to a number of cells.

It does not know what the texts say. Terminals differ about joined emoji; what is counted here is the most that any
of them takes, so a text may come out narrower than it was given room for, never wider.
"""

from __future__ import annotations

from rich.cells import get_character_cell_size

_AS_EMOJI = "\ufe0f"
"""A character that makes the one before it as wide as an emoji, on some terminals."""


def width(text: str) -> int:
    """Cells of a text that holds no control characters."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, room: int, mark: str) -> str:
    """As much of the beginning as there is room for; ``mark`` ends what is cut."""
    if width(text) <= room:
        return text
    left = room - width(mark)
    if left < 0:
        return ""
    for at, character in enumerate(text):
        left -= _cells(character)
        if left < 0:
            return text[:at] + mark
    return text


def filled(text: str, room: int) -> str:
    return text + " " * max(0, room - width(text))


def _cells(character: str) -> int:
    return 1 if character == _AS_EMOJI else get_character_cell_size(character)
