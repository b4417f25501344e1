"""Landlock: the Linux kernel keeps a process, and all it starts, from files that it may not touch.

It does not know steps or private folders: paths in, refusals of the kernel out. Any user may use it,
on Linux 5.19 and later where it is switched on; elsewhere there is none, and ``version`` says 0. Linux 5.13
has a first version in which no file can be moved from one folder to another: few programs can work so.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterator, Sequence

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # of system calls, on every machine but Alpha
_ASK_FOR_VERSION = 1
_FIRST_OF_USE = 2
_BELOW_A_PATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_WRITE_FILE, _READ_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 2, 1 << 13, 1 << 14
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))  # remove and make whatever stands in a folder


def version() -> int:
    """The version of Landlock that the kernel speaks; 0 where there is none, or none that is of use."""
    if not sys.platform.startswith("linux"):
        return 0
    spoken = _call(_CREATE_RULESET, None, 0, _ASK_FOR_VERSION)
    return spoken if spoken >= _FIRST_OF_USE else 0


def confine(hidden: Sequence[str], readable: Sequence[str], writable: Sequence[str], handles: Sequence[int]) -> bool:
    """Walls round this process, for good; false where there is no Landlock. Raises OSError.

    No file can be written, made or removed but below ``writable``, and none below ``hidden`` can be
    read, but for those below ``readable`` and ``writable``. ``handles``: open files that may be opened again by
    ``/dev/stdout`` and its like.
    """
    spoken = version()
    if not spoken:
        return False
    change = _WRITE_FILE | _CHANGE_FOLDERS | _REFER | (_TRUNCATE if spoken >= 3 else 0)
    rules = struct.pack("=Q", change | _READ_FILE)
    ruleset = _done(_call(_CREATE_RULESET, rules, len(rules), 0))
    try:
        unseen = [os.path.realpath(path) for path in hidden]
        for path in (*_beside(unseen, "/"), *map(os.path.realpath, readable)):
            _allow(ruleset, path, _READ_FILE)
        for path in map(os.path.realpath, writable):
            for part in _beside(unseen, path):
                _allow(ruleset, part, change | _READ_FILE)
        for handle in handles:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                _allow(ruleset, f"/proc/self/fd/{handle}", change | _READ_FILE)
        _done(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _done(_call(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _beside(hidden: Sequence[str], top: str) -> Iterator[str]:
    """A folder but for the hidden ones in it. Rules can only allow, so it is all that stands beside these and
    beside the folders that they lie in."""
    below = f"{top.rstrip('/')}/"
    if top in hidden:
        return
    if not any(path.startswith(below) for path in hidden):
        yield top
        return
    with contextlib.suppress(OSError), os.scandir(top) as entries:
        for entry in entries:
            # What a link leads to has its own place: allowed there or not at all.
            if not entry.is_symlink():
                yield from _beside(hidden, entry.path)


def _allow(ruleset: int, path: str, what: int) -> None:
    """Adds a rule; what is not there, or cannot be reached, needs none."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            what &= _WRITE_FILE | _READ_FILE | _TRUNCATE
        rule = struct.pack("=Qi", what, handle)
        _done(_call(_ADD_RULE, ruleset, _BELOW_A_PATH, rule, 0))
    finally:
        os.close(handle)


def _call(number: int, *arguments: int | bytes | None) -> int:
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return int(_libc().syscall(ctypes.c_long(number), *words))


def _done(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "Landlock")
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
