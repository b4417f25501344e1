"""One table of all metrics, the best first, and the best by itself.

python programs/leaderboard.py TABLE BEST METRICS...
"""

import json
import pathlib
import sys


def main(table, best, *sources):
    found = [json.loads(pathlib.Path(path).read_text(encoding="utf-8")) for path in sources]
    found.sort(key=lambda row: (-row["accuracy"], row["lr"], row["seed"]))
    lines = ["lr,seed,accuracy", *(f"{row['lr']},{row['seed']},{row['accuracy']}" for row in found), ""]
    pathlib.Path(table).write_text("\n".join(lines), encoding="utf-8", newline="\n")
    pathlib.Path(best).write_text(json.dumps(found[0], indent=1), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
