"""Summarise the counts of several texts and the Zipf table in one page.

python programs/summary.py PAGE TABLE COUNTS...
"""

import collections
import pathlib
import sys

from counts import read_counts

LONG = 5  # shorter words say little about a text


def main(page, table, *counts_files):
    lines = ["# Five short texts", ""]
    total = collections.Counter()
    for path in sorted(counts_files):
        counts = read_counts(path)
        total.update(dict(counts))
        telling = [word for word, _ in counts if len(word) >= LONG][:5]
        words = sum(count for _, count in counts)
        lines.append(f"- {pathlib.Path(path).stem}: {words} words, {len(counts)} different; {', '.join(telling)}")
    lines += ["", f"In all {sum(total.values())} words, {len(total)} different.", "", "## Zipf", ""]
    lines += ["    " + line for line in pathlib.Path(table).read_text(encoding="utf-8").splitlines()]
    pathlib.Path(page).write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
