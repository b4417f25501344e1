"""One end of the line between the build and a worker: whole messages of bytes, of which one read may take several.

It does not know what they say. Whoever forks calls has this in memory, too, so it needs little.
"""

from __future__ import annotations

import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class End(Protocol):
        """One end of what the line goes over, held open."""

        def fileno(self) -> int: ...

        def close(self) -> None: ...


_AT_ONCE = 1 << 18
_SIZE = 4


class Line:
    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._rest = b""  # the begin of a message whose end has not come yet

    def send_bytes(self, data: bytes) -> None:
        """Raises OSError if nobody hears any more."""
        data = len(data).to_bytes(_SIZE, "little") + data
        while data:
            data = data[os.write(self.handle, data) :]

    def receive_bytes(self) -> list[bytes]:
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
            found.append(data[at + _SIZE : end])
            at = end
        self._rest = data[at:]
        return found

    def has_news(self) -> bool:
        """Whether receiving would not wait."""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(0))
