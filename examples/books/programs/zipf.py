"""Test Zipf's law on several texts.

    python programs/zipf.py TABLE COUNTS...

The law says that the second word is half as frequent as the first, the third a third, and so on. If it held exactly,
the ratio of the first two counts would be 2. Writes one line for each text: name, first count, second count, ratio.
"""

import pathlib
import sys

from counts import read_counts


def main(table, *counts_files):
    lines = ["text\tfirst\tsecond\tratio"]
    for path in sorted(counts_files):
        (_, first), (_, second), *_ = read_counts(path)
        lines.append(f"{pathlib.Path(path).stem}\t{first}\t{second}\t{first / second:.2f}")
    pathlib.Path(table).write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
