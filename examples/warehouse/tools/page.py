"""Writes the page for the council."""

from __future__ import annotations

import sys
from pathlib import Path

from warehouse import opened


def main(page: str) -> None:
    handle = opened()
    found = handle.execute("select * from summary")
    names = [column[0].replace("_", " ") for column in found.description]
    lines = ["# Shared bikes", "", *(f"- {name}: {value}" for name, value in zip(names, found.fetchone(), strict=True))]
    lines += ["", "## Busiest stations", ""]
    busiest = handle.execute("select name, moves from busiest_stations order by moves desc, name limit 5")
    lines += [f"{place}. {name} ({moves})" for place, (name, moves) in enumerate(busiest, 1)]
    Path(page).write_text("\n".join(lines) + "\n", encoding="utf-8")


main(*sys.argv[1:])
