"""Writes for each model a list of the tables it reads, as inputs of a Wavefile."""

from __future__ import annotations

import sys
from pathlib import Path

from warehouse import refs


def main(folder: str, *models: str) -> None:
    for model in map(Path, models):
        lines = [f"probe:table@{name}\n" for name in refs(model.read_text(encoding="utf-8"))]
        Path(folder, f"{model.stem}.txt").write_text("".join(lines), encoding="utf-8")


main(*sys.argv[1:])
