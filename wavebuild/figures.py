"""Numbers and times as people read them.

It does not know what they are of, and imports nothing: a build with nothing to do prints one line.
"""

from __future__ import annotations


def nothing_to_do(fresh: int, seconds: float) -> str:
    return f"nothing to do ({counted(fresh, 'step')} fresh, {duration(seconds)})"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """A measured time: ``0.05 s``, ``12.3 s``, ``3 min 20 s``, ``2 h 15 min``."""
    if seconds < 0.995:
        return f"{max(seconds, 0.0):.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def size(number: int) -> str:
    """Bytes: ``512 bytes``, ``3.4 MiB``; units are powers of 1024."""
    if number < 1024:
        return counted(number, "byte")
    power = min((number.bit_length() - 1) // 10, 3)
    return f"{number / 1024**power:.1f} {('KiB', 'MiB', 'GiB')[power - 1]}"
