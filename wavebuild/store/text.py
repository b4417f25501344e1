"""Names of any bytes as texts that a database takes, and back.

It does not know what is named. Python shows a byte that is no UTF-8 as a lone surrogate, which
neither SQLite nor MessagePack writes: a private character of the last plane stands for it there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from wavebuild.regular import expression

_SURROGATES = expression("[\udc80-\udcff]")
_STAND_INS = expression("[\U0010ff80-\U0010ffff]")
_DISTANCE = 0x10FF80 - 0xDC80
_MARKS = (b"\xf4\x8f\xbe", b"\xf4\x8f\xbf")  # how every stand-in begins in UTF-8

_SEAL = b"\xc1"
"""How a sealed value begins: MessagePack never does. After it come four bytes of checksum, then the value."""

Plain = None | bool | int | float | str | bytes | list["Plain"] | dict[str, "Plain"]
T = TypeVar("T", bound=msgspec.Struct)


def storable(text: str) -> str:
    """The text with stand-ins for its lone surrogates."""
    return text if text.isascii() else _SURROGATES.sub(lambda found: chr(ord(found[0]) + _DISTANCE), text)


def restored(text: str) -> str:
    """The text that ``storable`` was given."""
    return text if text.isascii() else _STAND_INS.sub(lambda found: chr(ord(found[0]) - _DISTANCE), text)


def packed(value: msgspec.Struct) -> bytes:
    """A value as MessagePack, sealed: one flipped bit can say that what failed was well."""
    try:
        data = msgspec.msgpack.encode(value, enc_hook=dict)
    except UnicodeEncodeError:
        data = msgspec.msgpack.encode(_mapped(msgspec.to_builtins(value, enc_hook=dict), storable))
    return _SEAL + zlib.crc32(data).to_bytes(4, "big") + data


def unsealed(data: bytes) -> memoryview:
    """What was packed, as bytes. Raises ``msgspec.DecodeError`` for damaged data.

    Up to version 2 of the state nothing was sealed.
    """
    view = memoryview(data)
    if is_sealed(data):
        seal, view = data[1:5], view[5:]
        if zlib.crc32(view).to_bytes(4, "big") != seal:
            raise msgspec.DecodeError("the seal does not fit")
    return view


def is_sealed(data: bytes) -> bool:
    return data[:1] == _SEAL


def has_stand_ins(data: bytes) -> bool:
    return _MARKS[0][:1] in data and any(mark in data for mark in _MARKS)  # one byte is found much sooner than three


def unpacked(data: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    """The value that was packed. Raises ``msgspec.DecodeError`` for damaged data."""
    view = unsealed(data)
    try:
        value = decoder.decode(view)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None
    if not has_stand_ins(data):
        return value
    return msgspec.convert(_mapped(msgspec.msgpack.decode(view), restored), type(value))


def _mapped(value: Plain, each: Callable[[str], str]) -> Plain:
    match value:
        case str():
            return each(value)
        case list() | tuple():
            return [_mapped(item, each) for item in value]
        case dict():
            return {each(name): _mapped(item, each) for name, item in value.items()}
        case _:
            return value
