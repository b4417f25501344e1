"""Runs one command and writes what it cost: ``launch.py RESULT COMMAND…``.

It does not know what the command is. It is a program of its own because a process is charged
with the memory of the one that started it: this one is small.
"""

import json
import os
import sys
import time

result, *command = sys.argv[1:]
started = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(command[0], command, os.environ), 0)
wall = time.perf_counter() - started
with open(result, "w") as file:
    json.dump(
        {
            "code": os.waitstatus_to_exitcode(status),
            "wall": wall,
            "cpu": usage.ru_utime + usage.ru_stime,
            "mebibytes": usage.ru_maxrss / 1024,
        },
        file,
    )
