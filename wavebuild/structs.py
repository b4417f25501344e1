"""msgspec, brought in without what takes longer than itself.

It does not know which values are made of it. The command imports this first: in a program of others, whose threads may
import at the same time, nothing is hidden from anybody.
"""

from __future__ import annotations

import sys


def _bring_in() -> None:
    """msgspec looks for typing_extensions, and does without where it is not there: typing has all that it wants."""
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # so the import system says: not found
    try:
        import msgspec  # noqa: F401
    except ImportError:
        pass  # a version that cannot do without: it is imported as ever by who needs it
    finally:
        del sys.modules["typing_extensions"]


_bring_in()
