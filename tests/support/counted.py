"""Runs wavebuild's command and writes what it called and imported: ``counted.py SOURCE PACKAGES RESULT WORD…``.

It does not know what is a lot. It is a file of its own, as a console script is; ``SOURCE`` is the folder that
wavebuild is imported from, ``PACKAGES`` the one of what it depends on, ``RESULT`` where the counts go, or ``-`` if
the command is only to be run. Python is to be started without ``site``: what that imports is each machine's matter.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def counted(result: str) -> None:
    import _lsprof  # what cProfile is built on: it imports nothing else

    known = set(sys.modules)
    profiler = _lsprof.Profiler(subcalls=True, builtins=True)
    true_exit, process = os._exit, os.getpid()

    def ended(code: int = 0) -> None:
        if os.getpid() != process:
            true_exit(code)
        profiler.disable()
        report(result, profiler.getstats(), known)
        true_exit(code)

    os.register_at_fork(after_in_child=profiler.disable)  # a worker is another process
    os._exit = ended  # type: ignore[assignment]
    code = 0
    profiler.enable()
    try:
        from wavebuild.ui.front import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    ended(code)


def report(result: str, stats: list[Any], known: set[str]) -> None:
    """Lines of a word, a number and a name. Whatever the import system does is left out: it goes by folders."""
    lines = [f"module 1 {name}" for name in sorted(set(sys.modules) - known)]
    for entry in stats:
        code = entry.code
        if isinstance(code, str) or code.co_filename.startswith("<frozen importlib") or code.co_filename == __file__:
            continue
        place = f"{code.co_filename}:{code.co_name}"
        lines.append(f"call {entry.callcount} {place}")
        for inner in entry.calls or ():
            if isinstance(inner.code, str):
                lines.append(f"builtin {inner.callcount} {place}: {inner.code}")
    lines += [f"point {number} {name}" for name, number in points.items()]
    with open(result, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join(lines) + "\n")


points: dict[str, int] = {}


def passed(point: str) -> None:
    """A point at which the disk is changed; what is kept for explanations alone is written by the clock."""
    if point.startswith("before") and not sys._getframe(1).f_code.co_filename.endswith("contents.py"):
        points[point] = points.get(point, 0) + 1


def steady() -> None:
    """What goes by the file system or by the clock is the same on every machine."""
    from wavebuild import disk

    disk.tells_every_change = lambda folder: os.stat(folder).st_dev
    disk.tells_changes_of_folders = lambda folder: True
    disk.fault = passed


def begin() -> None:
    source, packages, result = sys.argv[1:4]
    sys.argv[1:4] = []
    sys.path[:] = [source, *sys.path, packages]
    if "--counts-nothing-to-do" in sys.argv:
        sys.argv.remove("--counts-nothing-to-do")  # there `disk` is not to be imported for us
    else:
        steady()
    if result == "-":
        from wavebuild.ui.front import main

        main()
    else:
        counted(result)


if __name__ == "__main__":
    begin()
