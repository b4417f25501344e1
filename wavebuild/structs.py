"""msgspec, brought in without what takes longer than itself.

It does not know which values are made of it. The command imports this first: in a program of others, whose threads may
import at the same time, nothing is hidden from anybody.
"""

from __future__ import annotations

import contextlib
import os
import sys
import types
from collections.abc import Iterator, Mapping

TYPE_CHECKING = False  # the module typing comes with msgspec
if TYPE_CHECKING:
    from typing import Any


def _bring_in() -> None:
    """msgspec looks for typing_extensions, and does without where it is not there: typing has all that it wants."""
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    held = {"typing_extensions": None, **_stand_ins()}  # None: so the import system says "not found"
    sys.modules.update(held)  # type: ignore[arg-type]
    try:
        with _nothing_compiled():
            import msgspec  # noqa: F401
    except (ImportError, AttributeError):
        pass  # a version that cannot do without: it is imported as ever by who needs it
    finally:
        for name in held:
            del sys.modules[name]


@contextlib.contextmanager
def _nothing_compiled() -> Iterator[None]:
    """msgspec makes one reference by name, to see which words ``typing`` has for that: these are known.

    To make one calls for the compiler of the interpreter, which no build needs, and which takes its time to come.
    """
    import typing

    kept = typing.ForwardRef
    typing.ForwardRef = lambda *given, **named: None  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        typing.ForwardRef = kept  # type: ignore[misc]


def _stand_ins() -> Mapping[str, types.ModuleType]:
    """Of what msgspec brings in and does not use here: modules that know as much of it as is asked for meanwhile."""
    schemas = _Schemas("msgspec._json_schema")
    found = [_Platform("platform"), _Later("textwrap"), _Later("msgspec.inspect"), schemas]
    with contextlib.suppress(ImportError, TypeError, RuntimeError):
        found.append(_expressions())
    stand_ins: dict[str, types.ModuleType] = {one.__name__: one for one in found}
    if sys.version_info < (3, 12):
        with contextlib.suppress(ImportError):
            # The very classes: the module itself first defines them in Python, and then throws that away.
            stand_ins["datetime"] = __import__("_datetime")
    return {name: one for name, one in stand_ins.items() if name not in sys.modules}


class _Platform(types.ModuleType):
    """``uuid`` asks it once, as it is imported, what the system is named."""

    @staticmethod
    def system() -> str:
        return os.uname().sysname


class _Later(types.ModuleType):
    """Whoever asks it for something is answered by the module itself."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:  # it is asked for more than it knows, while it stands in
            raise AttributeError(name)
        __import__(self.__name__)
        return getattr(sys.modules[self.__name__], name)


class _Expressions(_Later):
    """``msgspec`` asks for the function by which it compiles the patterns that values are to match, if any are."""

    def compile(self, *given: Any) -> Any:
        return self.__getattr__("compile")(*given)


def _expressions() -> types.ModuleType:
    """``typing`` names two types of it: those of an expression that finds everything, and of what that has found."""
    _sre = __import__("_sre")
    everything = _sre.compile("", 0, [1], 0, {}, ())  # 1: it is found
    stand_in = _Expressions("re")
    stand_in.Pattern, stand_in.Match = type(everything), type(everything.match(""))  # type: ignore[attr-defined]
    return stand_in


class _Schemas(_Later):
    """``msgspec.json`` hands on these two, which are used where a schema is written."""

    def schema(self, *given: Any, **named: Any) -> Any:
        return self.__getattr__("schema")(*given, **named)

    def schema_components(self, *given: Any, **named: Any) -> Any:
        return self.__getattr__("schema_components")(*given, **named)


_bring_in()
