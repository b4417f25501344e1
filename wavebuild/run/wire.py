"""What goes over the line between the build and a worker: whole messages, of which one read may take several.

It does not know what they ask or tell.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

import msgspec

from wavebuild.run.job import Ended, Furnished, Interrupt, Job, StaleWorker

_AT_ONCE = 1 << 18
_SIZE = 4
_VEILED = b"\xc1"
"""How a message begins that holds a text which is no UTF-8, as the name of a folder may be: no other begins so."""

Said = TypeVar("Said")
ToWorker = msgspec.msgpack.Decoder(Job | Interrupt)
ToBuild = msgspec.msgpack.Decoder(Ended | Furnished | StaleWorker)
_ENCODER = msgspec.msgpack.Encoder()


class Wire(Generic[Said]):
    """One end of the line; ``decoder``: for what the other end says."""

    def __init__(self, pipe: Connection, decoder: msgspec.msgpack.Decoder[Said]) -> None:
        self.handle = pipe.fileno()
        self._pipe = pipe
        self._decoder = decoder
        self._rest = b""  # the begin of a message whose end has not come yet

    def send(self, message: Job | Interrupt | Ended | Furnished | StaleWorker) -> None:
        """Raises OSError if nobody hears any more."""
        try:
            data = _ENCODER.encode(message)
        except UnicodeEncodeError:
            data = _VEILED + _ENCODER.encode(_with_texts(msgspec.to_builtins(message, builtin_types=(bytes,)), _veiled))
        data = len(data).to_bytes(_SIZE, "little") + data
        while data:
            data = data[os.write(self.handle, data) :]

    def receive(self) -> list[Said]:
        """What has come, after waiting for some of it: none if that is no whole message. Raises EOFError at the end."""
        came = os.read(self.handle, _AT_ONCE)
        if not came:
            raise EOFError
        data = self._rest + came
        at, found = 0, []
        while len(data) - at >= _SIZE:
            end = at + _SIZE + int.from_bytes(data[at : at + _SIZE], "little")
            if end > len(data):
                break
            found.append(self._message(data[at + _SIZE : end]))
            at = end
        self._rest = data[at:]
        return found

    def has_news(self) -> bool:
        """Whether `receive` would not wait."""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        self._pipe.close()

    def _message(self, data: bytes) -> Said:
        if not data.startswith(_VEILED):
            return self._decoder.decode(data)
        plain = _with_texts(msgspec.msgpack.decode(data[len(_VEILED) :]), _unveiled)
        message: Said = msgspec.convert(plain, self._decoder.type, builtin_types=(bytes,))
        return message


def _with_texts(value: object, change: Callable[[str], str]) -> object:
    """The same value, each text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _with_texts(item, change) for name, item in value.items()}
    return [_with_texts(item, change) for item in value] if isinstance(value, list | tuple) else value


def _veiled(text: str) -> str:
    """Its bytes, as a text that every encoding takes."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _unveiled(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogatepass")
