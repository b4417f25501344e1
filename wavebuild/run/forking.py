"""A worker that is forked from the build: when that may be, and what it forgets of where it comes from.

It does not know jobs. A fork is there in a few milliseconds, where a new interpreter takes a hundred and more; but it
begins as a copy: it holds the build's lock and files open, its handlers and its modules.
"""

from __future__ import annotations

import _imp
import atexit
import contextlib
import gc
import io
import os
import signal
import sys
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NoReturn

MOST_MEMORY = 256 << 20
"""Bytes of a build that is copied; of a larger one every page that either writes costs more than a new interpreter."""

ONLY_LOOKS = ("MainThread", "wavebuild-screen")
"""Threads that may be there: at the moment of the fork they hold nothing that a worker ever asks for."""

OURS = ("wavebuild", "msgspec", "__main__", "__mp_main__")

_INITIAL = "/proc/self/environ"


def may_fork(shown: Mapping[str, str]) -> bool:
    """Whether a copy of this process is as good as a new one; ``shown``: what its environment has to show."""
    if not sys.platform.startswith("linux") or not _is_alone():
        return False
    try:
        with open("/proc/self/statm", "rb") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        with open(_INITIAL, "rb") as file:
            room = len(file.read())
    except (OSError, ValueError, IndexError):
        return False
    return resident <= MOST_MEMORY and sum(map(len, _entries(shown))) <= room


def _is_alone() -> bool:
    """Whether no thread is there but those that only look; where nobody needed the module there is none."""
    threading = sys.modules.get("threading")
    return threading is None or all(thread.name in ONLY_LOOKS for thread in threading.enumerate())


def is_hidden_by_ours(folders: Sequence[str]) -> bool:
    """Whether a module of one of these folders would not be found, as a copy of us has another of its name."""
    ours = {name.partition(".")[0] for name in sys.modules} - {"__main__", "__mp_main__"}
    return any(name.partition(".")[0] in ours for folder in folders for name in _names_in(folder))


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def open_handles() -> list[int]:
    return [int(name) for name in os.listdir("/dev/fd") if name.isdigit()]


def become(life: Callable[[], None]) -> NoReturn:
    """In the fork: nothing is done from now on but what this does."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        life()
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def forget(handles: Collection[int], kept: Collection[int]) -> None:
    """In the fork: nothing of the build is open, handled or waited for any more. ``handles``: what the build had open.

    What the build is made of must not be collected here, or it would close what is not open; so it is never looked at.
    """
    gc.freeze()
    if not gc.isenabled():
        gc.enable()
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):  # to make a set of their names takes ten times as long
        if callable(signal.getsignal(number)) and number != signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
    for handle in set(handles) - {0, 1, 2, *kept}:
        with contextlib.suppress(OSError):
            os.close(handle)
    _forget_what_was_registered()
    _forget_modules()
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.stdout, sys.stderr = _fresh(sys.__stdout__, 1, ""), _fresh(sys.__stderr__, 2, "backslashreplace")
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]


def _forget_what_was_registered() -> None:
    """What the build does at its end is for the build alone; what modules do at the end of a program is done."""
    atexit._clear()
    if weakref := sys.modules.get("weakref"):
        weakref.finalize._registry.clear()
        weakref.finalize._registered_with_atexit = False
    if logging := sys.modules.get("logging"):
        atexit.register(logging.shutdown)
    if util := sys.modules.get("multiprocessing.util"):
        atexit.register(util._exit_function)


def _forget_modules() -> None:
    """A call finds its modules by its own folders; a package that holds compiled code cannot be loaded twice."""
    usual, suffixes = sys.stdlib_module_names, tuple(_imp.extension_suffixes())
    # The modules of ours are not so much as looked at: each would have a page of our memory copied.
    tops = [(name, top) for name in [*sys.modules] if (top := name.partition(".")[0]) not in usual and top not in OURS]
    stay = {top for name, top in tops if str(getattr(sys.modules[name], "__file__", None)).endswith(suffixes)}
    for name, top in tops:
        if top not in stay:
            del sys.modules[name]


def _fresh(former: io.TextIOWrapper | object, handle: int, errors: str) -> io.TextIOWrapper | None:
    """A stream as a new interpreter has it, for what the fork writes."""
    if not isinstance(former, io.TextIOWrapper):
        return None
    said = os.environ.get("PYTHONIOENCODING", "").partition(":")[2]
    plain = sys.flags.utf8_mode or os.environ.get("LC_ALL", os.environ.get("LANG", "C")) in ("C", "POSIX")
    return io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(handle, "w", closefd=False)),
        encoding=former.encoding,
        errors=errors or said or ("surrogateescape" if plain else "strict"),
        line_buffering=former.line_buffering,
    )


def show(shown: Mapping[str, str]) -> None:
    """Has the system tell these variables as those that this process was started with, and of the others what fits.

    Whoever looks for what a killed build left goes by them. Nobody may use the former block of variables any more.
    """
    with open(_INITIAL, "rb") as file:
        former = [entry + b"\0" for entry in file.read().split(b"\0") if entry]
    with open("/proc/self/stat", "rb") as file:
        begin, end = map(int, file.read().rpartition(b")")[2].split()[47:49])
    block = b"".join(_entries(shown))
    names = tuple(os.fsencode(name) + b"=" for name in shown)
    for entry in sorted(former, key=len):
        if not entry.startswith(names) and len(block) + len(entry) <= end - begin:
            block += entry
    _overwrite(begin, block.ljust(end - begin, b"\0"))


def _overwrite(begin: int, block: bytes) -> None:
    """Writes into our own memory; where the system has that by no file, by ``ctypes``, which takes longer to come."""
    try:
        memory = os.open("/proc/self/mem", os.O_WRONLY | os.O_CLOEXEC)
        try:
            written = os.pwrite(memory, block, begin)
        finally:
            os.close(memory)
    except OSError:
        written = 0
    if written < len(block):
        import ctypes

        ctypes.memmove(begin, block, len(block))


def _entries(shown: Mapping[str, str]) -> list[bytes]:
    return [os.fsencode(f"{name}={value}") + b"\0" for name, value in shown.items()]
