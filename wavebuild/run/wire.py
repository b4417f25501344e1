"""What goes over the line between the build and a worker.

It does not know what they ask or tell.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from wavebuild.later import json
from wavebuild.run.job import Ended, Furnished, Interrupt, Job, Laid, PythonCall, StaleWorker, tells_of_the_attempt
from wavebuild.run.line import Line

if TYPE_CHECKING:
    from wavebuild.run.line import End

_VEILED = b"\xc1"
"""How a message begins that holds a text which is no UTF-8, as the name of a folder may be: no other begins so."""

Said = TypeVar("Said")
ToWorker = msgspec.msgpack.Decoder(Job | Interrupt)
ToBuild = msgspec.msgpack.Decoder(Ended | Furnished | StaleWorker)
_ENCODER = msgspec.msgpack.Encoder()
_PLAIN = msgspec.json.Encoder()
_LAID = msgspec.msgpack.Decoder(Laid)


class Wire(Line, Generic[Said]):
    """One end of the line; ``decoder``: for what the other end says."""

    def __init__(self, pipe: End, decoder: msgspec.msgpack.Decoder[Said]) -> None:
        super().__init__(pipe.fileno())
        self._pipe = pipe
        self._decoder = decoder

    def send(self, message: Job | Interrupt | Ended | Furnished | StaleWorker) -> None:
        """Raises OSError if nobody hears any more."""
        try:
            data = _ENCODER.encode(message)
        except UnicodeEncodeError:
            data = _VEILED + _ENCODER.encode(_with_texts(msgspec.to_builtins(message, builtin_types=(bytes,)), _veiled))
        self.send_bytes(data)

    def receive(self) -> list[Said]:
        """What has come, after waiting for some of it: none if that is no whole message. Raises EOFError at the end."""
        return [self._message(data) for data in self.receive_bytes()]

    def close(self) -> None:
        self._pipe.close()

    def _message(self, data: bytes) -> Said:
        if not data.startswith(_VEILED):
            return self._decoder.decode(data)
        plain = _with_texts(msgspec.msgpack.decode(data[len(_VEILED) :]), _unveiled)
        message: Said = msgspec.convert(plain, self._decoder.type, builtin_types=(bytes,))
        return message


class CallWire(Wire[Ended | Furnished | StaleWorker]):
    """The build's end of the line to a worker that knows plain values only, as `run/caller` takes and tells them."""

    def __init__(self, pipe: End) -> None:
        super().__init__(pipe, ToBuild)

    def send_facts(self, facts: tuple[Any, ...]) -> None:
        """What such a worker is told before its first job."""
        self.send_bytes(json.dumps(facts).encode())

    def send(self, message: Job | Interrupt | Ended | Furnished | StaleWorker) -> None:
        assert isinstance(message, Job | Interrupt)
        told = _called(message) if isinstance(message, Job) else message.at_once
        try:
            data = _PLAIN.encode(told)
        except UnicodeEncodeError:  # the name of a file may be no text
            data = json.dumps(told).encode()
        self.send_bytes(data)

    def _message(self, data: bytes) -> Ended | Furnished | StaleWorker:
        try:
            number, *told = msgspec.json.decode(data)
        except msgspec.DecodeError:
            number, *told = json.loads(data)
        return StaleWorker(number, *told) if len(told) == 1 else Ended(number, *told)


def _called(job: Job) -> tuple[Any, ...]:
    """A job of calls that share what they import, in plain values."""
    calls = tuple(
        (
            command.function,
            command.arguments,
            command.inputs,
            command.outputs,
            command.writes,
            command.answer,
            command.judges,
        )
        for command in job.commands
        if isinstance(command, PythonCall)
    )
    told = tuple(pair for pair in job.env if tells_of_the_attempt(pair[0]))
    memory = job.confines.memory if job.confines is not None else None
    lists = [(name, text.decode("latin-1")) for name, text in job.lists]
    return job.id, calls, told, job.log, job.timeout, lists, memory


class Shelf:
    """Where jobs lie ready for a worker: it takes the first when it likes, and who has laid it there can take it back.

    A pipe of packets: the system gives each to one of the two alone, so nobody has to ask who has it.
    """

    def __init__(self) -> None:
        self.theirs, self._ours = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK | os.O_DIRECT)

    def lay(self, laid: Laid) -> bool:
        """Whether there was room for it."""
        try:
            data = _ENCODER.encode(laid)
            return len(data) <= select.PIPE_BUF and os.write(self._ours, data) == len(data)
        except (OSError, UnicodeEncodeError):
            return False

    def take_back(self) -> int | None:
        """Which job lay first: nobody has begun it, and nobody will. The worker may take the next meanwhile."""
        laid = laid_at(self.theirs)
        return laid.job.id if laid is not None else None

    def close(self) -> None:
        os.close(self._ours)
        os.close(self.theirs)


def laid_at(handle: int) -> Laid | None:
    """What lies first on the shelf of which this is the worker's end; it is his who has taken it."""
    data = _taken(handle)
    return _LAID.decode(data) if data else None


def _taken(handle: int) -> bytes:
    try:
        return os.read(handle, select.PIPE_BUF)
    except OSError:
        return b""


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
