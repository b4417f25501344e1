"""Make a gray picture smaller: a text file in the format PGM, to another one.

python programs/thumbnail.py PICTURE WIDTH OUTPUT
"""

import pathlib
import sys


def main(picture, wanted, output):
    sign, width, height, most, *grays = pathlib.Path(picture).read_text(encoding="ascii").split()
    width, height = int(width), int(height)
    step = max(1, width // int(wanted))
    rows = [
        " ".join(grays[line * width + column] for column in range(0, width, step)) for line in range(0, height, step)
    ]
    head = f"{sign}\n{len(rows[0].split())} {len(rows)}\n{most}\n"
    pathlib.Path(output).write_text(head + "\n".join([*rows, ""]), encoding="ascii", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
