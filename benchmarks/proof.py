"""Proves that the work was done, apart from all timing.

It does not know how long anything takes. System calls are counted by strace: in a full build at least one program
started per step, in a build with nothing to do each source and output looked at by its name. An edit that keeps size
and modification time is made after each no-op, and wavebuild must see it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.trees import Cost, Failed, Tree, Wrong
from benchmarks.works import LINE, Work, write_source

_STAT = re.compile(rb'(?:AT_FDCWD<(?P<cwd>[^>]*)>|\d+<(?P<dir>[^>]*)>)?(?:, )?"(?P<name>[^"]*)"')


def prove(trees: Sequence[Tree], run: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Tool → what was counted; wavebuild must pass, of the others it is told."""
    found: dict[str, Any] = {}
    for tree in trees:
        try:
            counts = _count(tree)
            if tree.tool.name == "wavebuild":
                check(tree.work, counts)
        except (Failed, Wrong) as problem:
            found[tree.tool.name] = {"failed": str(problem).strip().splitlines()[-1][:200], "run": run}
            say(f"REFUSED: {tree.work.title}: proof of {tree.tool.name}: {problem}")
            continue
        say(f"{tree.work.title}: proof of {tree.tool.name}: {counts}")
        found[tree.tool.name] = {**counts, "run": run}
    return found


def check(work: Work, counts: dict[str, Any]) -> None:
    """Refuses counts that only a tool can have that skipped something."""
    files = len(work.sources) + len(work.steps)
    if work.name != "python" and counts["started"] < len(work.steps):
        raise Wrong(f"{work.title}: {counts['started']} programs were started for {len(work.steps)} steps")
    if counts["looked_at"] < files:
        raise Wrong(f"{work.title}: {counts['looked_at']} of {files} files were looked at in a no-op")
    if not counts["sees_unseen_edit"]:
        raise Wrong(f"{work.title}: an edit that keeps size and modification time was not seen")


def _count(tree: Tree) -> dict[str, Any]:
    if shutil.which("strace") is None:
        raise Failed("there is no strace here")
    trace = tree.folder.with_name(f"{tree.folder.name}.trace")
    cost = _traced(tree, tree.tool.build, "execve", trace)
    if cost.capped:
        raise Failed("its full build takes too long")
    # Not those of programs that were sought along the path.
    started = sum(b"execve" in line and line.endswith(b" = 0") for line in trace.read_bytes().splitlines())
    before = tree.stamps()
    _traced(tree, tree.tool.again, "%stat,%lstat,%fstat,access,faccessat,faccessat2,statfs", trace)
    idle = tree.stamps() == before
    looked_at = len(_names(trace, tree.folder) & {*tree.work.sources, *(step.output for step in tree.work.steps)})
    trace.unlink()
    return {
        "started": started,
        "looked_at": looked_at,
        "files": len(tree.work.sources) + len(tree.work.steps),
        "steps": len(tree.work.steps),
        "idle": idle,
        "sees_unseen_edit": _sees(tree),
    }


def _traced(tree: Tree, command: Sequence[str], calls: str, trace: Path) -> Cost:
    options = ("-f", "-qq", "-y", "-s", "4096", "--seccomp-bpf", "-e", f"trace={calls}", "-e", "signal=none")
    strace = shutil.which("strace") or "strace"
    return tree.run((strace, *options, "-o", str(trace), *command))


def _names(trace: Path, folder: Path) -> set[str]:
    """The paths in the folder that were asked for, relative to it."""
    root = os.path.realpath(folder)
    found = set()
    for line in trace.read_bytes().splitlines():
        if match := _STAT.search(line):
            where = os.fsdecode(match["cwd"] or match["dir"] or os.fsencode(root))
            found.add(os.path.relpath(os.path.join(where, os.fsdecode(match["name"])), root))
    return found


# An edit that keeps size and modification time


def edit_unseen(path: Path, line: bytes) -> bytes:
    """Another first line of the same length; only the time of the change is new. Gives the line that was there."""
    facts = os.stat(path)
    with open(path, "r+b") as file:
        old = file.read(len(line))
        file.seek(0)
        file.write(line)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    after = os.stat(path)
    if (after.st_size, after.st_mtime_ns, after.st_ino) != (facts.st_size, facts.st_mtime_ns, facts.st_ino):
        raise Wrong(f"{path}: this file system does not keep a time that is set")
    return old


def see_unseen_edit(tree: Tree) -> None:
    """wavebuild must see such an edit, and its being taken back."""
    if not _sees(tree):
        raise Wrong(f"{tree.tool.name}, {tree.work.title}: an edit that keeps size and modification time was not seen")


def _sees(tree: Tree) -> bool:
    if tree.work.name == "example":  # its first source is a program
        return True
    source = tree.folder / tree.work.sources[0]
    readers = [step.output for step in tree.work.steps if tree.work.sources[0] in step.inputs]
    before = {output: (tree.folder / output).read_bytes() for output in readers}
    old = edit_unseen(source, b"unseen ".ljust(LINE - 1, b".") + b"\n")
    tree.run(tree.tool.again)
    seen = all((tree.folder / output).read_bytes() != before[output] for output in readers)
    edit_unseen(source, old)
    tree.run(tree.tool.again)
    return seen and all((tree.folder / output).read_bytes() == before[output] for output in readers)


def make_by_hand(work: Work, folder: Path) -> None:
    """The outputs, by the commands alone and in the order of the steps."""
    write_source(work, 0, folder)
    script = "set -e\n" + "\n".join(step.command for step in work.steps) + "\n"
    subprocess.run(["sh", "-s"], input=script.encode(), cwd=folder, check=True)
