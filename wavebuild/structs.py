"""msgspec, brought in without what takes longer than itself.

It does not know which values are made of it. The command imports this first: in a program of others, whose threads may
import at the same time, nothing is hidden from anybody.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Mapping


def _bring_in() -> None:
    """msgspec looks for typing_extensions, and does without where it is not there: typing has all that it wants."""
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    held = {"typing_extensions": None, **_stand_ins()}  # None: so the import system says "not found"
    sys.modules.update(held)  # type: ignore[arg-type]
    try:
        import msgspec  # noqa: F401
    except ImportError:
        pass  # a version that cannot do without: it is imported as ever by who needs it
    finally:
        for name in held:
            del sys.modules[name]


def _stand_ins() -> Mapping[str, types.ModuleType]:
    """Of what msgspec brings in and does not use here: modules that know as much of it as is asked for meanwhile."""
    platform, textwrap = _Platform("platform"), _Textwrap("textwrap")
    return {one.__name__: one for one in (platform, textwrap) if one.__name__ not in sys.modules}


class _Platform(types.ModuleType):
    """``uuid`` asks it once, as it is imported, what the system is named."""

    @staticmethod
    def system() -> str:
        return os.uname().sysname


class _Textwrap(types.ModuleType):
    """It is used where a schema is written: whoever asks it for something is answered by the module itself."""

    def __getattr__(self, name: str) -> object:
        import textwrap

        return getattr(textwrap, name)


_bring_in()
