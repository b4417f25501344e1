"""A Python call, in the child that makes it; and the warm import in the worker before.

It does not know jobs or logs: standard output and error are already where they belong.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Sequence

from wavebuild.run.job import PythonCall

Marks = dict[str, tuple[int, int, int]]
"""File of a module → (inode, size, mtime_ns) when it was imported."""


def warm_up(module: str, folders: Sequence[str], root: str) -> Marks:
    """Imports a module and tells the marks of all files below ``root`` that modules now come from.

    An import that fails is left to the child, which fails with it in its log.
    """
    _look_first_in(folders)
    try:
        importlib.import_module(module)
    except BaseException:
        sys.modules.pop(module, None)
    return marks(root)


def marks(root: str) -> Marks:
    found: Marks = {}
    for loaded in list(sys.modules.values()):
        file = getattr(loaded, "__file__", None)
        if isinstance(file, str) and file.startswith(root + os.sep):
            found[file] = _mark(file)
    return found


def changed(marked: Marks, module: str, folders: Sequence[str]) -> bool:
    """Whether a module in memory is no longer what its file says, or another of the same name is meant."""
    if any(_mark(file) != mark for file, mark in marked.items()):
        return True
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded is None or loaded not in marked:
        return False
    below = module.replace(".", os.sep)
    for folder in folders:
        for file in (os.path.join(folder, below + ".py"), os.path.join(folder, below, "__init__.py")):
            if os.path.exists(file):
                return bool(file != loaded)
    return False


def run(call: PythonCall) -> int:
    """Makes the call; 0, or 1 with the traceback on standard error, or the code of a SystemExit."""
    _look_first_in(call.folders)
    try:
        function = getattr(importlib.import_module(call.module), call.function)
        _call(function, json.loads(call.arguments), {"inputs": list(call.inputs), "outputs": list(call.outputs)})
        return 0
    except SystemExit as leave:
        return _exit_code(leave)
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace or error.__traceback__)
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _call(function: object, given: dict[str, object], offered: dict[str, list[str]]) -> None:
    """With the arguments of ``with``, and with those of inputs and outputs that the signature has."""
    if not callable(function):
        raise TypeError(f"{function!r} is not a function")
    parameters = inspect.signature(function).parameters
    function(**given, **{name: value for name, value in offered.items() if name in parameters and name not in given})


def _exit_code(leave: SystemExit) -> int:
    if leave.code is None:
        return 0
    if isinstance(leave.code, int):
        return leave.code & 0xFF
    print(leave.code, file=sys.stderr)
    return 1


def _look_first_in(folders: Sequence[str]) -> None:
    for folder in reversed(folders):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    importlib.invalidate_caches()


def _mark(file: str) -> tuple[int, int, int]:
    try:
        status = os.stat(file)
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_size, status.st_mtime_ns)
