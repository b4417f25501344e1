"""The machine on which is measured: what it is, and how to make it forget files.

It does not know what is measured.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

_DROP = Path("/proc/sys/vm/drop_caches")


def describe(python: str) -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    version = subprocess.run([python, "--version"], capture_output=True, text=True).stdout.split()
    return {
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / (1 << 30):.0f} GiB",
        "processor": _processor(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": version[-1] if version else "?",
        "cold": "all caches of files were dropped"
        if may_drop()
        else "the bytes of the files were dropped, not their names",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "?"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")


def may_drop() -> bool:
    return os.access(_DROP, os.W_OK) and os.geteuid() == 0


def recall_files(folder: Path) -> None:
    """Reads all these files once, so that the system has them at hand."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if os.path.isfile(path):
                with open(path, "rb", 0) as file:
                    while file.read(1 << 20):
                        pass


def forget_files(folder: Path) -> None:
    """The system's caches of files and of their names are dropped, or, where we may not, the bytes of these files."""
    os.sync()
    if may_drop():
        _DROP.write_text("3")
        return
    for place, _, names in os.walk(folder):
        for name in names:
            handle = os.open(os.path.join(place, name), os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)
