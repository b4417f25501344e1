"""Write one page about all tables.

python programs/catalog.py OUTPUT TABLES...
"""

import pathlib
import sys


def main(output, *tables):
    clean = sorted(path for path in tables if "/refused/" not in path)
    lines = ["# Catalog", "", "| table | columns | rows | refused |", "|---|---|---|---|"]
    for path in map(pathlib.Path, clean):
        header, *rows = path.read_text(encoding="utf-8").splitlines()
        refused = (path.parent / "refused" / path.name).read_text(encoding="utf-8").splitlines()[1:]
        lines.append(f"| {path.stem} | {header.count(',') + 1} | {len(rows)} | {len(refused)} |")
    pathlib.Path(output).write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
