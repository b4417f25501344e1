"""Begins a worker that makes calls alone, as a new interpreter, and keeps hold of its process.

It does not know what it is told, nor what it does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import wavebuild
from wavebuild.run.begun import Begun
from wavebuild.run.grip import without_complaint

_LETTERS = {
    "debug": "d", "optimize": "O", "dont_write_bytecode": "B", "no_user_site": "s", "no_site": "S", "verbose": "v",
    "quiet": "q", "ignore_environment": "E",
}  # fmt: skip
"""Flags of an interpreter, and how one is told of each."""


def begin(handle: int, handed: Sequence[int], environ: Mapping[str, str]) -> Begun:
    """The worker; ``handle``: its end of the line. ``handed``: descriptors that it gets besides, for its calls.

    ``environ``: what it is known by.
    """
    sentinel, its_own = os.pipe()
    place = os.path.dirname(os.path.dirname(os.path.abspath(wavebuild.__file__)))
    # This very wavebuild, whichever else is installed; and nothing but it from beside it.
    ours = f"sys.path.insert(0, {place!a}); import wavebuild; del sys.path[0]"
    start = f"import sys; {ours}; from wavebuild.run.caller import main"
    program = f"{start}; main({handle}, {its_own})"
    python = _python()
    words = [python, *_flags(), "-c", without_complaint(program, os.getpid())]
    # A descriptor that is given its own number stays open in the new program.
    kept = [(os.POSIX_SPAWN_DUP2, each, each) for each in (handle, its_own, *handed)]
    try:
        pid = os.posix_spawn(python, words, environ, file_actions=kept)
    except BaseException:
        os.close(sentinel)
        raise
    finally:
        os.close(its_own)
    return Begun(pid, sentinel)


def _python() -> str:
    """The interpreter for processes of ours; whoever uses multiprocessing may have named another."""
    spawn = sys.modules.get("multiprocessing.spawn")
    return os.fsdecode(spawn.get_executable()) if spawn is not None else sys.executable


def _flags() -> list[str]:
    """How we were started; and no module is taken from the current folder: the project may have a ``signal.py``."""
    if sys.warnoptions or sys.flags.isolated or getattr(sys, "_xoptions", None):
        from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined]

        return [*_args_from_interpreter_flags(), "-P"]
    letters = (letter * int(getattr(sys.flags, name)) for name, letter in _LETTERS.items())
    return [*(f"-{each}" for each in letters if each), "-P"]
