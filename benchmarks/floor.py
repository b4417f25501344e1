"""Measures what the system itself takes for one of each thing that a build does: ``floor.py FOLDER``.

It does not know any tool. It is a program of its own, because a process that is forked costs what its parent holds:
this one holds little, and imports more only after its forks are measured.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    Deed = tuple[str, int, Callable[[], object]]

ROUNDS = 5
FORK = "fork of a small interpreter, which exits"
FORK_AND_FILE = "the same, and it copies a file of 200 bytes"
SPAWN = "a small command, started and waited for"
INTERPRETER = "an interpreter, started and waited for"
COMMIT = "one row, committed to SQLite"
STAT = "a look at a file"
HASH = "a file of 200 bytes, read and hashed"


def measure(python: str, folder: Path, run: str) -> dict[str, Any]:
    """What is done → its wall and CPU seconds, once a round."""
    import subprocess

    folder.mkdir(parents=True, exist_ok=True)
    program = [python, "-I", __file__, str(folder)]
    done = subprocess.run(program, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return {name: {**found, "run": run} for name, found in json.loads(done.stdout).items()}


def forks(source: str, target: str) -> Iterator[Deed]:
    def alone() -> None:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)

    def copying() -> None:
        child = os.fork()
        if child == 0:
            with open(source, "rb") as given, open(target, "wb") as made:
                made.write(given.read())
            os._exit(0)
        os.waitpid(child, 0)
        os.unlink(target)

    yield FORK, 100, alone
    yield FORK_AND_FILE, 100, copying


def others(source: str, database: str) -> Iterator[Deed]:
    import hashlib
    import sqlite3

    state = sqlite3.connect(database)
    state.execute("PRAGMA journal_mode=WAL")
    state.execute("PRAGMA synchronous=NORMAL")
    state.execute("CREATE TABLE rows (text TEXT)")

    def commit() -> None:
        with state:
            state.execute("INSERT INTO rows VALUES ('a row')")

    def digest() -> None:
        with open(source, "rb", buffering=0) as file:
            hashlib.sha256(file.read()).hexdigest()

    def start(*words: str) -> None:
        os.waitpid(os.posix_spawn(words[0], words, os.environ), 0)

    true = next((path for path in ("/usr/bin/true", "/bin/true") if os.access(path, os.X_OK)), "")
    if true:
        yield SPAWN, 100, lambda: start(true)
    yield INTERPRETER, 10, lambda: start(sys.executable, "-I", "-c", "pass")
    yield COMMIT, 1_000, commit
    yield STAT, 10_000, lambda: os.stat(source)
    yield HASH, 2_000, digest


def timed(deeds: list[Deed]) -> dict[str, dict[str, list[float]]]:
    """Each in turn, in every round."""
    found: dict[str, dict[str, list[float]]] = {name: {"wall": [], "cpu": []} for name, _, _ in deeds}
    for _ in range(ROUNDS):
        for name, count, deed in deeds:
            cpu, wall = _cpu(), time.perf_counter()
            for _ in range(count):
                deed()
            found[name]["wall"].append((time.perf_counter() - wall) / count)
            found[name]["cpu"].append((_cpu() - cpu) / count)
    return found


def _cpu() -> float:
    """Seconds of this process and of all that it has waited for."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(folder: str) -> None:
    source = os.path.join(folder, "source")
    with open(source, "wb") as file:
        file.write(b"x" * 200)
    found = timed(list(forks(source, os.path.join(folder, "target"))))
    found |= timed(list(others(source, os.path.join(folder, "state.db"))))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
