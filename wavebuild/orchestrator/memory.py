"""A memory that several threads share: deep copies in, deep copies out.

It does not know steps, nor where values are kept when the program has ended.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping
from typing import Any


class SharedMemory:
    """Keys and values under one lock. Nobody holds what another may change: values are copied deeply both ways."""

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        self._lock = threading.RLock()
        self._values: dict[str, Any] = {}
        if initial:
            self.update(initial)

    def get(self, key: str, default: Any = None) -> Any:
        """A copy of the value of a key, or the default."""
        with self._lock:
            return copy.deepcopy(self._values[key]) if key in self._values else default

    def set(self, key: str, value: Any) -> None:
        kept = copy.deepcopy(value)
        with self._lock:
            self._values[key] = kept

    def update(self, values: Mapping[str, Any]) -> None:
        """Sets several keys at once: nobody sees some of them alone."""
        kept = copy.deepcopy(dict(values))
        with self._lock:
            self._values.update(kept)

    def to_dict(self) -> dict[str, Any]:
        """A copy of all of it, as it was at one moment."""
        with self._lock:
            return copy.deepcopy(self._values)

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._values

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._values))

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)

    def __repr__(self) -> str:
        with self._lock:
            return f"SharedMemory({', '.join(sorted(map(repr, self._values)))})"
