"""Keeps expressions from growing without end: what would make a huge value is refused before it is made.

It does not know how expressions are written, nor who evaluates them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any

LARGEST = 1_000_000
"""Characters or items of one value that an expression may make."""

PADDING_FILTERS = ("center", "indent", "batch", "slice", "wordwrap", "format")

_PADDING_METHODS = frozenset(("ljust", "rjust", "center", "zfill", "expandtabs"))
_NUMBER = re.compile(r"[0-9]{7,}")
_WIDTH_FROM_ARGUMENT = re.compile(r"%[^a-zA-Z%]*\*|:[^{}]*\{")


class TooLarge(Exception):
    """A value that an expression may not make."""

    def __init__(self) -> None:
        super().__init__(f"it makes a value of more than {LARGEST:,} characters or items")


def check_operation(operator: str, left: object, right: object) -> None:
    """Refuses ``*``, ``**`` and ``%`` whose result is out of bounds. Raises TooLarge."""
    match operator, left, right:
        case "*", str() | list() | tuple(), int():
            _check(len(left) * right)
        case "*", int(), str() | list() | tuple():
            _check(left * len(right))
        case "*", int(), int():
            _check(left.bit_length() + right.bit_length())
        case "**", int(), int():
            _check(left.bit_length() * right)
        case "%", str(), _:
            _check_format(left, right if isinstance(right, tuple) else (right,))
        case _:
            return


def check_call(function: object, arguments: Sequence[object]) -> None:
    """Refuses a method of a text whose result is out of bounds. Raises TooLarge."""
    text, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if not isinstance(text, str):
        return
    if name in _PADDING_METHODS:
        _check(max((each for each in arguments if isinstance(each, int)), default=0))
    elif name in ("format", "format_map"):
        _check_format(text, arguments)
    elif name == "replace":
        _check((len(text) + 1) * len(str(arguments[1])) if len(arguments) > 1 else 0)
    elif name == "join" and arguments and isinstance(arguments[0], Sequence):
        _check(len(text) * len(arguments[0]))


def bounded(made: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that takes no number out of bounds."""

    @wraps(made)  # with the marks by which Jinja2 knows what to hand to it
    def checked(*arguments: object, **named: object) -> Any:
        for each in (*arguments, *named.values()):
            if isinstance(each, int):
                _check(each)
        texts = [each for each in arguments if isinstance(each, str)]
        for text in texts[:1] if made.__name__ == "do_format" else ():
            _check_format(text, ())
        return made(*arguments, **named)

    return checked


def check_value(value: object) -> None:
    """Refuses a value that is out of bounds all the same; what is made of it is bounded so. Raises TooLarge."""
    if isinstance(value, int):
        _check(value.bit_length())
    elif isinstance(value, (str, Mapping, Sequence)):
        _check(len(value))


def _check_format(text: str, arguments: Iterable[object]) -> None:
    _check(max((int(number[:20]) for number in _NUMBER.findall(text)), default=0))
    if _WIDTH_FROM_ARGUMENT.search(text):
        _check(max((each for each in arguments if isinstance(each, int)), default=0))


def _check(size: int) -> None:
    if size > LARGEST:
        raise TooLarge
