"""Makes names and step output harmless to a terminal: nothing of them can move, hide or forge what we print.

It does not know where the text comes from, nor to which stream it goes.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, assert_never

from wavebuild.regular import expression

if TYPE_CHECKING:
    import re

# Left-to-right marks, embeddings, overrides and isolates, and the two line separators that some terminals obey.
_FORGING = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_IN_NAMES = expression(f"[\x00-\x1f\x7f-\x9f{_FORGING}\ud800-\udfff]")
_IN_OUTPUT = expression(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_FORGING}\ud800-\udfff]")
_COLOUR = expression(r"[0-9;:]*")
_LONGEST_CSI = 128
_WHOLE = expression(rf"\x1b\[([0-9;:]{{0,{_LONGEST_CSI}}})m|\r\n")
"""What most output has of control characters, in one piece; who takes it at once need not go character by character."""
_HIDES = expression(r"(?:^|;)0*[568](?=;|$)")
"""What makes text blink or vanish, or is a part of the number of a colour."""
RESET = "\x1b[0m"

_STRING_OPENERS = {"]": True, "P": False, "_": False, "^": False, "X": False}  # → ended by BEL as well
_C1_STRINGS = {"\x9d": True, "\x90": False, "\x9f": False, "\x9e": False, "\x98": False}


def escaped(text: str) -> str:
    """A name, path or command with control and direction characters spelled out."""
    if text.isprintable():
        return text
    return text if text.isprintable() else _IN_NAMES.sub(_spelled, text)


def _spelled(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class _State(enum.Enum):
    TEXT = enum.auto()
    RETURN = enum.auto()  # a carriage return, perhaps of a CR LF
    ESCAPE = enum.auto()
    CHARSET = enum.auto()  # ESC and an intermediate: one final character follows
    CSI = enum.auto()
    STRING = enum.auto()  # the payload of OSC, DCS, APC, PM, SOS
    STRING_ESCAPE = enum.auto()  # an ESC in it, perhaps of the terminator


class Sanitizer:
    """Step output, piece by piece: colours pass if wanted, every other sequence goes with its payload."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._state = _State.TEXT
        self._csi = ""
        self._bell_ends = False
        self._painted = False

    def feed(self, text: str) -> str:
        """What may be shown of the next piece; a sequence may be split over pieces anywhere."""
        shown: list[str] = []
        at = 0
        while at < len(text):
            if self._state is _State.TEXT:
                found = _IN_OUTPUT.search(text, at)
                if found is None:
                    shown.append(text[at:])
                    break
                shown.append(text[at : found.start()])
                at = found.start()
                if whole := _WHOLE.match(text, at):
                    shown.append("\n" if whole[1] is None else self._painting(whole[1]))
                    at = whole.end()
                    continue
            shown.append(self._take(text[at]))
            at += 1
        return "".join(shown)

    def finish(self) -> str:
        """What is still owed at the end: a held line end, and the colour put back."""
        owed = "\n" if self._state is _State.RETURN else ""
        if self._painted:
            owed += RESET
        self._state, self._painted = _State.TEXT, False
        return owed

    def _take(self, char: str) -> str:
        match self._state:
            case _State.TEXT:
                return self._text(char)
            case _State.RETURN:
                self._state = _State.TEXT
                return "\n" if char == "\n" else "\n" + self._text(char)
            case _State.ESCAPE:
                return self._escape(char)
            case _State.CHARSET:
                return self._charset(char)
            case _State.CSI:
                return self._sequence(char)
            case _State.STRING:
                return self._string(char)
            case _State.STRING_ESCAPE:
                if char == "\\":
                    self._state = _State.TEXT
                    return ""
                return self._escape(char)
            case _:
                assert_never(self._state)

    def _text(self, char: str) -> str:
        if char in "\n\t" or not _IN_OUTPUT.match(char):
            return char
        if char == "\x1b":
            self._state = _State.ESCAPE
        elif char == "\r":
            # Shown as a line end, so that a later line cannot paint over an earlier one.
            self._state = _State.RETURN
        elif char == "\x9b":
            self._open_csi()
        elif char in _C1_STRINGS:
            self._open_string(_C1_STRINGS[char])
        elif ord(char) > 0x9F:
            return escaped(char)
        return ""

    def _escape(self, char: str) -> str:
        if char == "[":
            self._open_csi()
        elif char in _STRING_OPENERS:
            self._open_string(_STRING_OPENERS[char])
        elif "\x20" <= char <= "\x2f":
            self._state = _State.CHARSET
        elif "\x30" <= char <= "\x7e":
            self._state = _State.TEXT
        else:
            return self._again(char)
        return ""

    def _charset(self, char: str) -> str:
        if "\x20" <= char <= "\x2f":
            return ""
        if "\x30" <= char <= "\x7e":
            self._state = _State.TEXT
            return ""
        return self._again(char)

    def _sequence(self, char: str) -> str:
        if "\x20" <= char <= "\x3f" and len(self._csi) < _LONGEST_CSI:
            self._csi += char
            return ""
        if "\x40" <= char <= "\x7e":
            self._state = _State.TEXT
            return self._colour() if char == "m" else ""
        return self._again(char)

    def _colour(self) -> str:
        return self._painting(self._csi) if _COLOUR.fullmatch(self._csi) else ""

    def _painting(self, colour: str) -> str:
        if not self._colours:
            return ""
        if _HIDES.search(colour):
            shown = _without_hiding(colour)
            if not shown:
                return ""
            colour = shown
        self._painted = colour.strip("0") != ""
        return f"\x1b[{colour}m"

    def _string(self, char: str) -> str:
        if char == "\x1b":
            self._state = _State.STRING_ESCAPE
        elif char in "\x9c\x18\x1a" or (char == "\x07" and self._bell_ends):
            self._state = _State.TEXT
        return ""

    def _open_csi(self) -> None:
        self._state, self._csi = _State.CSI, ""

    def _open_string(self, bell_ends: bool) -> None:
        self._state, self._bell_ends = _State.STRING, bell_ends

    def _again(self, char: str) -> str:
        """A character that breaks a sequence off: the sequence is dropped, the character taken as text."""
        self._state = _State.TEXT
        return self._text(char)


def sanitized(text: str, colours: bool) -> str:
    """A whole piece of step output at once."""
    sanitizer = Sanitizer(colours)
    return sanitizer.feed(text) + sanitizer.finish()


def _without_hiding(colour: str) -> str:
    """The numbers of a code for colours, but for those by which text blinks or vanishes."""
    numbers = colour.split(";")
    kept: list[str] = []
    while numbers:
        first = numbers.pop(0)
        if first in ("38", "48", "58") and numbers:
            length = {"5": 2, "2": 4}.get(numbers[0], 0)
            kept += [first, *numbers[:length]]
            del numbers[:length]
        elif first.lstrip("0") not in ("5", "6", "8"):
            kept.append(first)
    return ";".join(kept)
