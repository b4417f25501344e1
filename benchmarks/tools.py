"""The tools that are measured: where they are, how they are called, and how far they go.

It does not know the work, nor what a measurement is.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CAP = 120.0  # seconds that one run of a slow tool may take


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that is here.

    ``again``: the command where little or nothing is to be done, if another is quicker there.
    ``dry``: loads everything and changes nothing. ``initialise``: what it needs once in a new folder. ``largest``: it
    is not asked for more steps. ``slow``: its runs are capped. ``sees_commands``: it runs a step whose command was
    edited. ``without``: works and phases that it is not asked for.
    """

    name: str
    build: tuple[str, ...]
    again: tuple[str, ...]
    dry: tuple[str, ...] | None
    version: str
    environment: Mapping[str, str]
    initialise: tuple[str, ...] | None = None
    largest: int = 10_000
    slow: bool = False
    sees_commands: bool = True
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kind:
    """A tool as it is asked for: ``{j}`` is the number of jobs."""

    program: str
    build: str
    dry: str | None
    again: str | None = None
    version: str = "--version"
    initialise: str | None = None
    largest: int = 10_000
    slow: bool = False
    sees_commands: bool = True
    without: tuple[str, ...] = ()


KINDS: dict[str, _Kind] = {
    "wavebuild": _Kind("wavebuild", "-j{j} --quiet", "-n", largest=100_000),
    "make": _Kind("make", "-rR -s -j{j}", "-rR -n", largest=100_000, sees_commands=False),
    "ninja": _Kind("ninja", "--quiet -j{j}", "-n", largest=100_000),
    # In the example the output is not written under the name that redo gives, nor by tup's leave beside others.
    "tup": _Kind("tup", "upd --quiet -j{j}", "parse", initialise="init", without=("example", "bigfile")),
    "redo": _Kind("redo", "--no-log -j{j} go", None, largest=1_000, slow=True, without=("example", "bigfile")),
    "doit": _Kind("doit", "-n {j} -P thread", "list --all --status", again="", sees_commands=False),
    "go-task": _Kind("task", "--silent --concurrency {j}", "--dry", sees_commands=False),
    "scons": _Kind("scons", "-Q -s -j{j}", "-Q -n"),
    "snakemake": _Kind(
        # It leaves what was deleted away where all that is made of it is there.
        "snakemake",
        "--quiet all -c{j}",
        "--quiet all -n",
        largest=1_000,
        slow=True,
        without=("deleted output", "bigfile"),
    ),
    # Its dry run stops at the first output that is not there yet.
    "dvc": _Kind("dvc", "repro -q", None, largest=1_000, slow=True),
    "pytask": _Kind("pytask", "build --verbose 0", "build --dry-run", largest=1_000, slow=True, without=("bigfile",)),
}


def find(names: Sequence[str], jobs: int, peers: Path | None, wavebuild: str | None) -> Iterator[Tool]:
    """The tools that are here; the others are named on standard error and left out."""
    folders = [str(peers.resolve() / "bin")] if peers else []
    path = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "DVC_NO_ANALYTICS": "1", "NO_COLOR": "1"}
    for name in names:
        kind = KINDS[name]
        own = _own(wavebuild) if name == "wavebuild" else [kind.program]
        program = shutil.which(own[0], path=path)
        if program is None:
            print(f"left out: {name}: there is no {own[0]} here", file=sys.stderr)
            continue
        start = (program, *own[1:])
        version = _version((*start, *kind.version.split()), environment)
        yield Tool(
            name,
            (*start, *kind.build.format(j=jobs).split()),
            (*start, *(kind.build if kind.again is None else kind.again).format(j=jobs).split()),
            (*start, *kind.dry.split()) if kind.dry is not None else None,
            version,
            environment,
            (*start, *kind.initialise.split()) if kind.initialise else None,
            kind.largest,
            kind.slow,
            kind.sees_commands,
            kind.without,
        )


def _own(wavebuild: str | None) -> list[str]:
    beside = Path(sys.executable).with_name("wavebuild")
    return shlex.split(wavebuild) if wavebuild else [str(beside) if beside.exists() else "wavebuild"]


def interpreter(wavebuild: str | None) -> str:
    """The Python that runs wavebuild: steps that are Python use it, too."""
    program = shutil.which(_own(wavebuild)[0])
    beside = Path(os.path.abspath(program)).with_name("python3") if program else None
    return str(beside) if beside and beside.exists() else sys.executable


def _version(command: Sequence[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return found[0] if found else "?"
