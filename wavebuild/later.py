"""Modules that take their time to come: they are brought in when they are first used, or spared.

It does not know what they are used for. It imports nothing itself.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # the module typing is not imported for it
if TYPE_CHECKING:
    import json as json
    import re as re
    import sqlite3 as sqlite3
    from collections.abc import Callable, Iterable
    from hashlib import _Hash
    from typing import Any


class Later:
    """Stands in for a module; what it is asked for once it answers by itself from then on."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        __import__(self._name)
        found = getattr(sys.modules[self._name], name)
        setattr(self, name, found)
        return found


if not TYPE_CHECKING:
    json = Later("json")
    re = Later("re")
    sqlite3 = Later("_sqlite3")  # what the module of that name adds are dates and times, which nothing of ours holds

LITTLE = 1 << 11
"""Bytes up to which the interpreter's own SHA-256 is quick enough, however often: OpenSSL takes longer to come."""

_MUCH = 1 << 20
"""Bytes of what is larger that it sums in the time in which OpenSSL would come."""


def _own() -> Callable[[bytes], _Hash] | None:
    """The interpreter's own SHA-256, if it has one."""
    for name in ("_sha2" if sys.version_info >= (3, 12) else "_sha256",):
        try:
            found: Callable[[bytes], _Hash] = __import__(name).sha256
        except (ImportError, AttributeError):
            continue
        return found
    return None


_of_little = _own()
_left = _MUCH


def sha256(data: bytes) -> _Hash:
    """SHA-256 of these bytes."""
    global _left
    if _of_little is not None and (len(data) <= LITTLE or len(data) <= _left) and "_hashlib" not in sys.modules:
        if len(data) > LITTLE:
            _left -= len(data)
        return _of_little(data)
    return sha256_of_much(data)


def sha256_of_much(data: bytes) -> _Hash:
    """The same by OpenSSL, if it is there; the module ``hashlib`` knows many other sums, and takes its time."""
    try:
        from _hashlib import openssl_sha256 as found
    except ImportError:
        from hashlib import sha256 as found
    return found(data)


_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-")


def quoted(word: str) -> str:
    """A word as a shell reads it, as ``shlex.quote`` writes it: that module brings in ``re``."""
    if word and _PLAIN.issuperset(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def joined(words: Iterable[str]) -> str:
    """A command as a shell reads it, as ``shlex.join`` writes it."""
    return " ".join(map(quoted, words))


def on_main_thread() -> bool:
    """Whether we are the thread that takes signals; nobody needs ``threading`` for that where nobody else has it."""
    threading = sys.modules.get("threading")
    return threading is None or threading.current_thread() is threading.main_thread()


def blake2b(data: bytes) -> str:
    """A digest of 32 bytes, in hex."""
    try:
        from _blake2 import blake2b as found
    except ImportError:
        from hashlib import blake2b as found
    return found(data, digest_size=32).hexdigest()
