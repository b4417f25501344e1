"""What a job that ended badly may have lacked, as sentences for a person.

It does not know how limits are held: the kernel and the worker do that.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wavebuild.run.job import Job

_UNITS = "KMGT"
_LIKE_KILLED = 128 + signal.SIGKILL
"""The exit code of a shell whose command was killed."""

KILLED_WITHIN = "something killed a command of it"

_KILLED, _BY_EXIT_CODE = "something killed it", f"its exit code says that {KILLED_WITHIN}"
OF_THE_SYSTEM = "the system ran out of memory meanwhile and killed a process"


def said_too_much(job: Job) -> str:
    return f"it said more than {size(job.most_output or 0)} (limits.output): its log is cut there"


def perhaps_starved(code: int, memory: int | None, out_of_memory: bool) -> str:
    """Whether want of memory may be why a job ended with this code, a signal as a negative number; "" if not.

    ``memory``: bytes that each of its processes may have. ``out_of_memory``: the system had to kill one meanwhile.
    """
    said = []
    if code in (-signal.SIGKILL, _LIKE_KILLED):
        if out_of_memory:
            said.append(f"{OF_THE_SYSTEM}: most likely this one")
        else:
            who = _KILLED if code < 0 else _BY_EXIT_CODE
            said.append(f"{who}: most often that is the system, when memory runs out")
    if memory is not None and code:
        most = size(memory)
        said.append(
            f"each of its processes may have {most} of memory (limits.memory): if one asked for more, that is why"
        )
    return "\n".join(said)


def as_by_exit_code(said: str) -> str:
    """The same of a command whose end a shell tells by its exit code."""
    return said.replace(_KILLED, _BY_EXIT_CODE)


def times_out_of_memory() -> int:
    """How often the system has killed a process for want of memory since it began; 0 where it does not tell."""
    try:
        with open("/proc/vmstat", "rb") as file:
            for line in file:
                if line.startswith(b"oom_kill "):
                    return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def size(number: int) -> str:
    """Bytes as a Wavefile says them: ``2G``, ``1.5M``."""
    power = max((at for at in range(1, len(_UNITS) + 1) if number >= 1024**at), default=0)
    return f"{round(number / 1024**power, 2):g}{_UNITS[power - 1] if power else ' bytes'}"
