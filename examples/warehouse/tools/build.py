"""Makes the table of a model."""

from __future__ import annotations

import sys
from pathlib import Path

from warehouse import compiled, opened


def main(table: str, model: str) -> None:
    handle = opened()
    handle.execute("begin immediate")
    handle.execute(f'drop table if exists "{table}"')
    handle.execute(f'create table "{table}" as {compiled(Path(model).read_text(encoding="utf-8"))}')
    handle.execute("commit")


main(*sys.argv[1:])
