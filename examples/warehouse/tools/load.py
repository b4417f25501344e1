"""Loads a CSV file as a table of texts."""

from __future__ import annotations

import csv
import sys

from warehouse import opened


def main(table: str, path: str) -> None:
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    columns = ", ".join(f'"{name}"' for name in header)
    handle = opened()
    handle.execute("begin immediate")
    handle.execute(f'drop table if exists "{table}"')
    handle.execute(f'create table "{table}" ({columns})')
    handle.executemany(f'insert into "{table}" values ({", ".join("?" * len(header))})', rows)
    handle.execute("commit")


main(*sys.argv[1:])
