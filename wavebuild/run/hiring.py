"""Begins a worker that makes calls alone, as a new interpreter, and keeps hold of its process.

It does not know what it is told, nor what it does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from multiprocessing import spawn, util

import wavebuild
from wavebuild.run.begun import Begun
from wavebuild.run.grip import without_complaint


def begin(handle: int, handed: Sequence[int]) -> Begun:
    """The worker; ``handle``: its end of the line. ``handed``: descriptors that it gets besides, for its calls."""
    sentinel, its_own = os.pipe()
    place = os.path.dirname(os.path.dirname(os.path.abspath(wavebuild.__file__)))
    # This very wavebuild, whichever else is installed; and nothing but it from beside it.
    ours = f"sys.path.insert(0, {place!a}); import wavebuild; del sys.path[0]"
    start = f"import sys; {ours}; from wavebuild.run.caller import main"
    program = f"{start}; main({handle}, {its_own})"
    python = os.fsencode(spawn.get_executable())
    flags = util._args_from_interpreter_flags()  # type: ignore[attr-defined]
    words = [python, *map(os.fsencode, flags), b"-c", without_complaint(program, os.getpid()).encode()]
    try:
        pid = util.spawnv_passfds(python, words, (handle, its_own, *handed))
    except BaseException:
        os.close(sentinel)
        raise
    finally:
        os.close(its_own)
    return Begun(pid, sentinel)
