"""What builds of a project cost in calls, imports and system calls: numbers that no busy machine changes.

It does not know which numbers are well. The project is ``wide``: steps that copy a file each, and one that reads
all the copies.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.support.command import LONGEST, REPOSITORY

PHASES = ("full", "no-op", "small")
PACKAGES = os.path.dirname(os.path.dirname(msgspec.__file__))
LAUNCHER = Path(__file__).with_name("counted.py")

STAT = ("stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat")
KINDS = {
    **dict.fromkeys(STAT, "stat"),
    **dict.fromkeys(("open", "openat", "openat2", "creat"), "open"),
    **dict.fromkeys(("getdents", "getdents64"), "list"),
    **dict.fromkeys(("read", "pread64", "readv"), "read"),
    **dict.fromkeys(("write", "pwrite64", "writev"), "write"),
    **dict.fromkeys(("fsync", "fdatasync"), "sync"),
    **dict.fromkeys(("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"), "change"),
    **dict.fromkeys(("unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "utimensat", "chmod", "fchmod"), "change"),
    **dict.fromkeys(("clone", "clone3", "fork", "vfork"), "fork"),
    "execve": "exec",
}
"""System call → the word for its kind."""

CALL = re.compile(r"(?:\[pid \d+\] )?(\w+)\((.*)", re.DOTALL)
QUOTED = re.compile(r'(?:AT_FDCWD<([^>]*)>|\d+<([^>]*)>)?,? ?"((?:[^"\\]|\\.)*)"')
HELD = re.compile(r"\d+<([^>]*)>")
AT = re.compile(r" at 0x[0-9a-f]+")
CHILD = re.compile(r"\) += (\d+)")


@dataclass(frozen=True)
class Counts:
    """What one build cost."""

    numbers: dict[str, int]
    modules: frozenset[str]
    called: Counter[str] = field(default_factory=Counter)  # function → how often, for who wants to know


def measured(
    sizes: Sequence[int], home: Path, source: Path = REPOSITORY, phases: Sequence[str] = PHASES
) -> Iterator[tuple[str, int, Counts]]:
    """Phase, size and counts of everything; ``source``: the folder that holds the package."""
    environ = environment(home)
    warm_up(home, source, environ)
    for size in sizes:
        trees = home / f"{size}-calls", home / f"{size}-strace"
        for tree in trees:
            plant(tree, size)
        for phase in phases:
            for tree in trees:
                if phase == "small":
                    (tree / "i/0").write_text("another text\n")
            called = calls(trees[0], phase, source, environ)
            traced = system_calls(trees[1], phase, source, environ)
            check(trees, size, phase)
            yield phase, size, Counts(called.numbers | traced, called.modules, called.called)


def environment(home: Path) -> dict[str, str]:
    """The same for everybody."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONPYCACHEPREFIX": str(home / "compiled"),
    }


def plant(tree: Path, size: int) -> None:
    (tree / "i").mkdir(parents=True)
    (tree / "o").mkdir()
    lines = ["wavefile: 1", "defaults:", "  shell: sh", "steps:"]
    for k in range(size):
        (tree / f"i/{k}").write_text(f"source {k}\n" * 10)
        lines += [f"  s{k}:", f"    inputs: [i/{k}]", f"    outputs: o/{k}", f"    run: cp i/{k} o/{k}"]
    copies = ", ".join(f"o/{k}" for k in range(size))
    lines += ["  all:", f"    inputs: [{copies}]", "    outputs: all", "    run: cat o/* > all"]
    (tree / "Wavefile").write_text("\n".join(lines) + "\n")


def check(trees: Iterable[Path], size: int, phase: str) -> None:
    """The work was done, or nothing of it."""
    for tree in trees:
        first = "another text\n" if phase == "small" else "source 0\n" * 10
        lines = (tree / "all").read_text().splitlines()
        assert (tree / "o/0").read_text() == first, f"{phase} of {size}: o/0 is not what it should be"
        assert len(lines) == 10 * size - (9 if phase == "small" else 0), f"{phase} of {size}: all is not whole"


def warm_up(home: Path, source: Path, environ: dict[str, str]) -> None:
    """Compiles whatever is imported."""
    tree = home / "warm"
    plant(tree, 2)
    for phase in PHASES:
        if phase == "small":
            (tree / "i/0").write_text("another text\n")
        for result in (str(home / "warm.counts"), "-"):
            run([], tree, phase, source, environ, result)


def command(phase: str, source: Path, result: str) -> list[str]:
    words = [sys.executable, "-S", "-P", str(LAUNCHER), str(source), PACKAGES, result, "-j1", "-s"]
    return [*words, "--counts-nothing-to-do"] if phase == "no-op" else words


def run(before: Sequence[str], tree: Path, phase: str, source: Path, environ: dict[str, str], result: str) -> None:
    words = [*before, *command(phase, source, result)]
    done = subprocess.run(
        words, cwd=tree, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3 * LONGEST
    )
    assert done.returncode == 0, f"{phase} in {tree}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def calls(tree: Path, phase: str, source: Path, environ: dict[str, str]) -> Counts:
    """Calls and imports of the build process."""
    result = tree.with_suffix(".counts")
    run([], tree, phase, source, environ, str(result))
    numbers, modules, called = Counter[str](), set[str](), Counter[str]()
    own = f"{source}/wavebuild/"
    for line in result.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        word, number, name = line.split(" ", 2)
        if word == "module":
            modules.add(name)
        elif word == "point":
            numbers[f"{name.removeprefix('before ')}s"] += int(number)
        else:
            numbers["calls"] += int(number)
            called[AT.sub("", name.removeprefix(own))] += int(number)
            if name.startswith(own):
                numbers["own calls"] += int(number)
    return Counts(dict(numbers), named(modules), called)


def named(modules: Iterable[str]) -> frozenset[str]:
    """Ours and those of the standard library by name; of others the package: what is in it is their matter."""
    ours = ("wavebuild", *sys.stdlib_module_names)
    tops = ((name.partition(".")[0], name) for name in modules)
    return frozenset(name if top in ours else top for top, name in tops)


def system_calls(tree: Path, phase: str, source: Path, environ: dict[str, str]) -> dict[str, int]:
    """By who makes them: the build process, its worker, and the jobs, of which only the number counts."""
    folder = tree.with_suffix(f".{phase}")
    folder.mkdir()
    traced = ",".join(f"?{name}" for name in KINDS)
    strace = ["strace", "-ff", "-y", "-qq", "-s", "4096", "-e", f"trace={traced}", "-e", "signal=none"]
    run([*strace, "-o", str(folder / "of")], tree, phase, source, environ, "-")
    said = {int(path.suffix[1:]): path.read_text(errors="surrogateescape") for path in folder.iterdir()}
    return counted(said, str(tree))


def counted(said: dict[int, str], root: str) -> dict[str, int]:
    """What strace said of each process and thread → how many calls of which kind, by whom; the build's by files."""
    lines = {number: list(_lines(text)) for number, text in said.items()}
    parents = {
        child: number for number, found in lines.items() for name, rest in found for child in _children(name, rest)
    }
    top = next(number for number in lines if number not in parents)
    found: Counter[str] = Counter()
    for number, each in lines.items():
        depth = 0 if number == top else 1 if parents.get(number) == top else 2
        for name, rest in each:
            kind = KINDS[name]
            if kind in ("fork", "exec"):
                found[f"every {kind}"] += 1
            place = _place(rest, root)
            if place is None:
                continue
            if depth < 2 and (kind != "list" or place):  # how long the folders of Python are is their matter
                found[f"build {kind}{place}" if depth == 0 else f"worker {kind}"] += 1
    return dict(found)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        match = CALL.match(line)
        if match is not None and match[1] in KINDS and "ERESTART" not in line:
            yield match[1], match[2]


def _children(name: str, rest: str) -> Iterator[int]:
    if KINDS[name] == "fork" and (match := CHILD.search(rest)):
        yield int(match[1])


def _place(rest: str, root: str) -> str | None:
    """Whether a call is about a file of the project, of its state, or about anything else; None: that does not count.

    What is kept for explanations alone is written by the clock.
    """
    quoted, held = QUOTED.match(rest), HELD.match(rest)
    if quoted is not None:
        path = os.path.join(quoted[1] or quoted[2] or "/", quoted[3])
    else:
        path = held[1] if held is not None else ""
    if path != root and not path.startswith(root + "/"):
        return ""
    if ".contents" in path:
        return None
    return " of state" if "/.wavebuild" in path else " of files"
