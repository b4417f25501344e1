"""Breaks wavebuild in one place after another, in a copy, and runs the test that must notice each.

``python -m tests.mutants`` ends with 0 if every change was noticed.

It does not know what the changes mean. Words of the changes to try may be given; without any, all are tried.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import COMPILED
from tests.mutants import Change, changes, place

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 120  # seconds; what hangs by a change is noticed, too
COPIED = ("wavebuild", "tests", "examples", "docs", "pyproject.toml", "README.md", "Wavefile.example")


def copied(to: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__", ".wavebuild"))
        else:
            shutil.copy(ROOT / name, to / name)


def tried(change: Change, copy: Path, instant: int) -> str:
    """ "killed", "survived", or what else became of a change. ``instant``: another one for each change, in seconds."""
    module = copy / "wavebuild" / change.file
    text = module.read_text(encoding="utf-8")
    if text.count(change.old) != 1:
        return "no longer applies"
    try:
        _write(module, text.replace(change.old, change.new), instant)
        return _outcome(change, copy)
    finally:
        _write(module, text, instant + 1)


def _write(module: Path, text: str, instant: int) -> None:
    """Compiled files go by the second: each text gets one of its own."""
    module.write_text(text, encoding="utf-8")
    os.utime(module, (instant, instant))


def _tested(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    options = ["-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-m", ""]
    command = [sys.executable, "-m", "pytest", *options, *(f"tests/{test}" for test in dict.fromkeys(tests))]
    environ = os.environ | {"PYTHONPATH": str(copy)}
    longest = LONGEST * len(tests)
    return subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, timeout=longest)


def _outcome(change: Change, copy: Path) -> str:
    try:
        done = _tested(copy, change.test)
    except subprocess.TimeoutExpired:
        return "killed"
    if done.returncode in (0, 1):
        return "killed" if done.returncode else "survived"
    return f"not tried: pytest ended with {done.returncode}\n{done.stdout[-2000:]}"


def main(words: list[str]) -> int:
    wanted = [change for change in changes() if not words or any(word in change.what for word in words)]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="wavebuild-mutants-") as folder:
        copy = Path(folder).resolve()
        copied(copy)
        instant = int(time.time())
        unchanged = _tested(copy, *(change.test for change in wanted))
        if unchanged.returncode:
            print(f"without any change these tests do not pass:\n{unchanged.stdout[-3000:]}")
            return 1
        for number, change in enumerate(wanted, 1):
            outcome = tried(change, copy, instant + 10 * number)
            bad += outcome != "killed"
            print(f"{number:3} {outcome:9} {change.breaks:4} {change.what}  [{place(change)}]", flush=True)
        shutil.rmtree(f"{COMPILED}{copy}", ignore_errors=True)
    print(f"{len(wanted) - bad} of {len(wanted)} killed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
