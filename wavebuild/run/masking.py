"""Keeps secrets out of what is shown: every one in a stream of bytes becomes ``***``, in whatever form it is written.

It does not know whose secrets they are, nor where the stream goes.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable

from wavebuild.later import json, quoted, re

MASK = b"***"
SHORTEST = 4
"""Characters from which a secret is looked for in other forms than its own, and a line of one by itself."""

_BASE64_BITS = 6


class Mask:
    """Replaces secrets in a stream of bytes, also those that lie across the borders of its pieces."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = sorted(forms_of(secrets), key=len, reverse=True)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What may be shown by now: the beginning of what could become a secret is held back."""
        return self._masked(self._held + data, last=False)

    def end(self) -> bytes:
        """The rest, when nothing more comes."""
        return self._masked(self._held, last=True)

    def whole(self, data: bytes) -> bytes:
        """All of it at once."""
        return self._masked(data, last=True)

    def _masked(self, data: bytes, last: bool) -> bytes:
        border = len(data) if last else min((self._border(data, form) for form in self._forms), default=len(data))
        shown, at = [], 0
        for start, end in sorted(self._found(data), key=lambda span: (span[0], -span[1])):
            if start >= border:
                break
            if start >= at:
                shown += [data[at:start], MASK]
                at = end
        if at < border:
            shown.append(data[at:border])
            at = border
        self._held = data[at:]
        return b"".join(shown)

    def _found(self, data: bytes) -> Iterable[tuple[int, int]]:
        for form in self._forms:
            at = data.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = data.find(form, at + 1)

    def _border(self, data: bytes, form: bytes) -> int:
        """Where the rest of the data may be the beginning of this form."""
        at = data.find(form[:1], max(0, len(data) - len(form) + 1))
        while at >= 0:
            if form.startswith(data[at:]):
                return at
            at = data.find(form[:1], at + 1)
        return len(data)


def masked_text(text: str, secrets: Iterable[str]) -> str:
    """A text that may be shown."""
    return os.fsdecode(Mask(secrets).whole(os.fsencode(text)))


def holds(data: bytes, secrets: Iterable[str], shortest: int = 1) -> bool:
    """Whether one of the secrets with so many characters is in there, in any form."""
    return any(form in data for form in forms_of(secret for secret in secrets if len(secret) >= shortest))


def forms_of(secrets: Iterable[str]) -> frozenset[bytes]:
    """How secrets, and the lines of those that have several, may be written."""
    found: frozenset[bytes] = frozenset()
    for secret in secrets:
        found |= _forms(os.fsencode(secret))
    return found


@functools.cache
def _forms(secret: bytes) -> frozenset[bytes]:
    lines = {line for line in secret.splitlines() if len(line.strip()) >= SHORTEST}
    parts = {part for part in ({secret, secret.strip()} | lines | {line.strip() for line in lines}) if part.strip()}
    return frozenset(parts.union(*(_written(part) for part in parts if len(part) >= SHORTEST)))


def _written(value: bytes) -> Iterable[bytes]:
    """The value as programs write it that quote, escape or encode what they are given."""
    import html
    from urllib.parse import quote, quote_plus

    text = os.fsdecode(value)
    words = {
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1].replace("/", "\\/"),
        repr(text)[1:-1],
        quoted(text),
        text.replace("'", "'\\''"),
        re.sub(r"([^\w@%+=:,./-])", r"\\\1", text),
        html.escape(text),
        html.escape(text, quote=False),
    }
    octets = {quote(value, safe=""), quote(value), quote_plus(value)}
    octets |= {re.sub("%..", lambda found: found[0].lower(), word) for word in octets}
    octets |= {value.hex(), value.hex().upper()}
    return {os.fsencode(word) for word in words | octets} | {
        form for shift in range(3) for form in _base64(value, shift)
    }


def _base64(value: bytes, shift: int) -> Iterable[bytes]:
    """The signs that are the value's alone, where ``shift`` bytes stand before it in what is encoded."""
    import base64

    first = -(-shift * 8 // _BASE64_BITS)
    last = (shift + len(value)) * 8 // _BASE64_BITS
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(b"\0" * shift + value)[first:last]
    if not shift:
        yield base64.b64encode(value)
        yield base64.urlsafe_b64encode(value)
