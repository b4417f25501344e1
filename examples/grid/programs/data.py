"""Make points of two classes, some of them on the wrong side.

python programs/data.py PARAMS TRAIN TEST
"""

import random
import sys

import params


def main(source, train, test):
    wanted = params.read(source, "data")
    rng = random.Random(int(wanted["seed"]))
    lines = []
    for _ in range(int(wanted["rows"])):
        x, y = rng.uniform(-1, 1), rng.uniform(-1, 1)
        label = int(2 * x - y + rng.gauss(0, wanted["noise"]) > 0)
        lines.append(f"{x:.6f},{y:.6f},{label}\n")
    cut = len(lines) * 2 // 3
    for path, part in ((train, lines[:cut]), (test, lines[cut:])):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(["x,y,label\n", *part])


if __name__ == "__main__":
    main(*sys.argv[1:])
