"""What a function does, as a text that changes when it may do something else.

It does not know when the function is called. What no text can tell is said to be unsure.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import sys
import textwrap
import types
from collections.abc import Callable
from typing import Any

MOST = 200
"""Functions, classes and values that one function may lead to, before it is unsure what it does."""


def identity(thing: object) -> tuple[str, bool]:
    """A digest of a function, method or object with all of its own that it uses, and whether that is all it uses."""
    seen = _Seen()
    seen.take(thing)
    return hashlib.sha256("\0".join(seen.parts).encode("utf-8", "surrogatepass")).hexdigest()[:24], seen.sure


def importable(function: Callable[..., Any]) -> tuple[str, str] | None:
    """The module and the name by which another process finds a function; None if none would."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not module or not name or module == "__main__" or "<" in name:
        return None
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    there = found is function or getattr(found, "__wrapped__", None) is function
    return (module, name) if there else None


class _Seen:
    """Walks from a function to all of the project that it uses."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.sure = True
        self._known: set[int] = set()

    def take(self, thing: object) -> None:
        if id(thing) in self._known:
            return
        self._known.add(id(thing))
        if len(self._known) > MOST:
            self.sure = False
            return
        wrapped = getattr(thing, "__wrapped__", None)
        if wrapped is not None and callable(wrapped):
            self.take(wrapped)
        if isinstance(thing, functools.partial):
            for each in (thing.func, *thing.args, *thing.keywords.items()):
                self.take(each)
        elif isinstance(thing, types.MethodType):
            self.take(thing.__func__)
            self.take(thing.__self__)
        elif isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, type):
            self._class(thing)
        elif isinstance(thing, types.ModuleType | types.BuiltinFunctionType | types.BuiltinMethodType):
            self.parts.append(f"name {getattr(thing, '__module__', '')}.{thing.__name__}")
        else:
            self._value(thing)

    def _function(self, function: types.FunctionType) -> None:
        if not self._is_of_the_project(function.__module__):
            self.parts.append(f"name {function.__module__}.{function.__qualname__}")
            return
        self.parts.append(_source(function) or _bytes_of(function.__code__))
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()):
            self.take(value)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self.parts.append(f"cell {name}")
            try:
                self.take(cell.cell_contents)
            except ValueError:
                self.parts.append("empty")
        for name in _names(function.__code__):
            if name in function.__globals__:
                self.parts.append(f"global {name}")
                self.take(function.__globals__[name])

    def _class(self, kind: type) -> None:
        if not self._is_of_the_project(kind.__module__):
            self.parts.append(f"name {kind.__module__}.{kind.__qualname__}")
            return
        self.parts.append(_source(kind) or f"name {kind.__qualname__}")
        for base in kind.__bases__:
            self.take(base)
        for value in vars(kind).values():
            if isinstance(value, types.FunctionType | staticmethod | classmethod):
                self.take(getattr(value, "__func__", value))

    def _value(self, value: object) -> None:
        try:
            self.parts.append(json.dumps(value, sort_keys=True, allow_nan=False))
            return
        except (TypeError, ValueError, RecursionError):
            pass
        if isinstance(value, tuple | list | set | frozenset):
            self.parts.append(type(value).__name__)
            for item in value if isinstance(value, tuple | list) else sorted(value, key=repr):
                self.take(item)
        elif isinstance(value, dict):
            for key, item in value.items():
                self.parts.append(repr(key))
                self.take(item)
        elif self._is_of_the_project(type(value).__module__) and hasattr(value, "__dict__"):
            self.take(type(value))
            self.take(vars(value))
        else:
            self.parts.append(f"a {type(value).__module__}.{type(value).__qualname__}")
            self.sure = False

    def _is_of_the_project(self, module: str | None) -> bool:
        """Whether somebody may edit it: what is installed, or came with Python, is known by its name."""
        if module is None or module == "__main__":
            return True
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is None:
            return module not in sys.builtin_module_names and module != "builtins"
        installed = (sys.prefix, sys.base_prefix)
        return "site-packages" not in file and not file.startswith(tuple(f"{each}/lib" for each in installed))


def _source(thing: Any) -> str | None:
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        return None


def _bytes_of(code: types.CodeType) -> str:
    inner = [_bytes_of(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {inner}"


def _names(code: types.CodeType) -> list[str]:
    """The names that a function, or one within it, takes from elsewhere."""
    found = dict.fromkeys(code.co_names)
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            found |= dict.fromkeys(_names(each))
    return list(found)
