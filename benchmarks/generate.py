"""Writes the same work for wavebuild and its peers, a folder for each.

It does not run anything and knows no times. ``works`` tells which work there is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.dialects import DIALECTS, write
from benchmarks.works import WORKS


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write the same work for wavebuild and its peers.")
    parser.add_argument("work", choices=sorted(WORKS))
    parser.add_argument("size", type=int, help="how many steps; of bigfile: MiB; of dirs: folders")
    parser.add_argument("folder", type=Path, help="a new folder: one folder a tool is made in it")
    parser.add_argument("--tool", choices=sorted(DIALECTS), action="append", help="default: wavebuild, make and ninja")
    chosen = parser.parse_args(arguments)
    work = WORKS[chosen.work](chosen.size, sys.executable)
    for tool in chosen.tool or ("wavebuild", "make", "ninja"):
        write(work, tool, chosen.folder / tool)


if __name__ == "__main__":
    main()
