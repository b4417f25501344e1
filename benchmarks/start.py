"""Measures what starting costs: ``--version``, and a build of one step with nothing to do.

It does not know larger work. Beside them stands what the interpreter alone takes, ``python3 -I -c pass`` of the same
virtual environment, and the peers on the same single step. All in turn, many times.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.tools import Tool
from benchmarks.trees import Failed, Tree
from benchmarks.works import chain

TURNS, SLOW_TURNS = 41, 5
INTERPRETER = "python3 -I -c pass"
VERSION = "wavebuild --version"


def no_op_of(tool: str) -> str:
    return f"no-op of one step, {tool}"


def measure(tools: Sequence[Tool], python: str, folder: Path, run: str) -> dict[str, Any]:
    """What is started → its wall and CPU seconds."""
    work = chain(1, python)
    trees = []
    for tool in tools:
        tree = Tree(tool, work, folder / f"start-{tool.name}")
        tree.begin()
        try:
            tree.build()
            tree.run(tool.again)
        except Failed:
            continue
        trees.append(tree)
    commands = {no_op_of(tree.tool.name): (tree.tool.again, tree) for tree in trees}
    own = next((tree for tree in trees if tree.tool.name == "wavebuild"), None)
    if own:
        commands = {
            INTERPRETER: ((python, "-I", "-c", "pass"), own),
            VERSION: ((own.tool.build[0], *_words(own), "--version"), own),
            **commands,
        }
    figures: dict[str, Any] = {name: {"wall": [], "cpu": [], "run": run} for name in commands}
    for turn in range(TURNS):
        for name, (command, tree) in commands.items():
            if not tree.tool.slow or turn < SLOW_TURNS:
                wall, cpu = _once(command, tree)
                figures[name]["wall"].append(round(wall, 5))
                figures[name]["cpu"].append(round(cpu, 5))
    return figures


def _words(tree: Tree) -> Sequence[str]:
    """What stands between the program and the flags of a build: `-m wavebuild`, if it is called so."""
    return [word for word in tree.tool.build[1:] if word in ("-m", "wavebuild")]


def _once(command: Sequence[str], tree: Tree) -> tuple[float, float]:
    started = time.perf_counter()
    child = subprocess.Popen(
        command, cwd=tree.folder, env=tree.tool.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime
