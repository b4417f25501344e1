"""Starts a command in a child that first puts its confines round itself.

It does not know which step the command is of, nor what becomes of it. The plain way to start a command
is ``posix_spawn``, which is faster; a child that changes its own limits must be forked.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from wavebuild.run.job import Confines


def start(
    executable: str,
    argv: tuple[str, ...],
    env: Mapping[str, str],
    handles: tuple[int, int, int],
    defaults: Sequence[signal.Signals],
    confines: Confines,
    own_session: bool = True,
) -> int:
    """The id of the process, alone in a session if it is to be; ``handles``: its standard input, output and error.

    ``defaults``: the signals that do in it what they do by default. Raises OSError if a confine cannot be put
    round it, or the command cannot be executed; no process is left then.
    """
    hear, tell = os.pipe()
    try:
        process = os.fork()
        if process == 0:
            if own_session:
                os.setsid()
            _become(executable, argv, env, handles, defaults, confines, tell)
    finally:
        os.close(tell)
    with os.fdopen(hear, "rb") as pipe:
        trouble = pipe.read()
    if trouble:
        os.waitpid(process, 0)
        number, _, what = trouble.decode("utf-8", "surrogateescape").partition(" ")
        raise OSError(int(number), os.strerror(int(number)), what or None)
    return process


def _become(
    executable: str,
    argv: tuple[str, ...],
    env: Mapping[str, str],
    handles: tuple[int, int, int],
    defaults: Sequence[signal.Signals],
    confines: Confines,
    tell: int,
) -> NoReturn:
    """In the child: never returns."""
    try:
        for number in defaults:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for own, handle in enumerate(handles):
            os.dup2(handle, own)
        confine(confines)
        os.execve(executable, argv, env)
    except OSError as error:
        said = f"{error.errno or 0} {error.filename or ''}"
        os.write(tell, said.encode("utf-8", "surrogateescape"))
    finally:
        os._exit(126)


def confine(confines: Confines) -> None:
    """Puts the confines round this process and all it will start, for good. Raises OSError."""
    if confines.memory is not None:
        limit_memory(confines.memory)
    if confines.walls:
        from wavebuild.run import landlock

        landlock.confine(confines.hidden, confines.readable, confines.writable, (0, 1, 2))


def limit_memory(memory: int) -> None:
    """Bytes of address space that this process, and each that it starts, may have."""
    most = resource.getrlimit(resource.RLIMIT_AS)[1]  # of us all: it stays, where it is the lower
    memory = memory if most == resource.RLIM_INFINITY else min(memory, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
