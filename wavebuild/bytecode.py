"""Our own modules, taken from their bytecode without the searches that the import system makes for each.

It does not know what is in them. Whatever is not as it should be here (no bytecode, or of another source) is left to
the import system.
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False  # the module typing is not imported for it
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec, SourceFileLoader
    from types import CodeType, ModuleType
else:  # the package importlib is not imported for it: this is what it hands on
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import SourceFileLoader

MAGIC: bytes = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER + bytes(4)
"""How a file of bytecode begins that goes by the time and the size of its source."""

_HEAD = 16
_ALL = 0xFFFFFFFF


class Loader(SourceFileLoader):
    """As any, but the code that was found is at hand once."""

    found: CodeType | None = None

    def get_code(self, fullname: str) -> CodeType | None:
        code, self.found = self.found, None
        return code or super().get_code(fullname)


class Finder:
    """Finds the modules of one package, which lies in one folder."""

    def __init__(self, package: str) -> None:
        self._within = f"{package}."
        self._ending = f".{sys.implementation.cache_tag}.pyc"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None or not fullname.startswith(self._within):
            return None
        try:
            (folder,) = path
            name = fullname.rpartition(".")[2]
            return self._spec(fullname, folder, name) or self._spec(fullname, f"{folder}/{name}", "__init__")
        except (OSError, ValueError, EOFError, TypeError):
            return None

    def _spec(self, fullname: str, folder: str, name: str) -> ModuleSpec | None:
        """None where there is no such file."""
        source, cached = f"{folder}/{name}.py", f"{folder}/__pycache__/{name}{self._ending}"
        try:
            facts = os.stat(source)
        except FileNotFoundError:
            return None
        loader = Loader(fullname, source)
        loader.found = _code(cached, int(facts.st_mtime), facts.st_size)
        spec = ModuleSpec(fullname, loader, origin=source, is_package=name == "__init__")
        spec.has_location, spec.cached = True, cached
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(folder)
        return spec


def _code(path: str, mtime: int, size: int) -> CodeType:
    """What is kept for a source of this time and size; ValueError if it is for another."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(handle, os.fstat(handle).st_size)
    finally:
        os.close(handle)
    head = MAGIC + (mtime & _ALL).to_bytes(4, "little") + (size & _ALL).to_bytes(4, "little")
    if data[:_HEAD] != head:
        raise ValueError(path)
    code: CodeType = marshal.loads(memoryview(data)[_HEAD:])
    return code


def take(package: str) -> None:
    """From now on; not where bytecode lies elsewhere, or is of another kind."""
    if not sys.pycache_prefix and not sys.flags.optimize and sys.implementation.cache_tag:
        sys.meta_path.insert(0, Finder(package))
