"""The shared memory as a build sees it: initial values, and those that steps have written.

It does not know where written values are kept, nor which step writes which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wavebuild.judge.content import SHOWN, digest_text


def value_digest(text: str) -> str:
    """The digest of a value, from its canonical JSON: a short value is its own digest."""
    return f"={text}" if len(text) <= SHOWN else digest_text("value", text)


class Memory:
    """``initial``: key → canonical JSON. ``kept``: key → digest of what was written, as of when it is asked;
    ``read``: the canonical JSON of such a key."""

    def __init__(
        self,
        initial: Mapping[str, str] = {},
        kept: Callable[[], Mapping[str, str]] = dict,
        read: Callable[[str], str] = str,
    ) -> None:
        self.initial = initial
        self._kept = kept
        self._read = read

    def digest(self, key: str) -> str | None:
        """The digest of a value; None if there is none."""
        if key in self.initial:
            return value_digest(self.initial[key])
        return self._kept().get(key)

    def text(self, key: str) -> str | None:
        """The canonical JSON of a value; None if there is none."""
        if key in self.initial:
            return self.initial[key]
        return self._read(key) if key in self._kept() else None
