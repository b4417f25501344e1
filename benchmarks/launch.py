"""Runs one command and writes what it cost: ``launch.py RESULT CAP COMMAND…``.

It does not know what the command is. It is a program of its own because a process is charged with the memory of the one
that started it: this one is small. A command that takes longer than CAP seconds is ended with its process group, and so
is one whose measurement is broken off.
"""

import json
import os
import signal
import sys
import time

result, cap, *command = sys.argv[1:]
ended = False
child = 0


def end(number: int, frame: object) -> None:
    global ended
    sign = signal.SIGKILL if ended else signal.SIGTERM
    ended = True
    try:
        os.killpg(child, sign)
    except ProcessLookupError:
        return
    signal.alarm(10)


heard = (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
signal.pthread_sigmask(signal.SIG_BLOCK, heard)  # until there is something to end
for sign in heard:
    signal.signal(sign, end)
started = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ, setpgroup=0, setsigmask=())
signal.setitimer(signal.ITIMER_REAL, float(cap))
signal.pthread_sigmask(signal.SIG_SETMASK, ())
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - started
signal.setitimer(signal.ITIMER_REAL, 0)
with open(result, "w") as file:
    json.dump(
        {
            "code": os.waitstatus_to_exitcode(status),
            "capped": ended,
            "wall": wall,
            "cpu": usage.ru_utime + usage.ru_stime,
            "mebibytes": usage.ru_maxrss / 1024,
        },
        file,
    )
