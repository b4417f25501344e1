"""Step 6c: validate the semantic layer as it lies on disk.

Reads   semantic/, gold/gold.sqlite
Writes  checkpoints/semantic.json

Every view and function that a space promises is there, every function gives rows, and every file belongs to a space.
The file names what was checked and holds no counts: the steps behind it do not care how many rows there are.
"""

import glob
import os
import sqlite3

from pipeline.files import fail, open_database, read_json, read_yaml, write_json
from pipeline.start import begin

WIDE = {"start_date": "0001-01-01", "end_date": "9999-12-31", "top": 10}


def main():
    spaces = read_json("semantic/genie_spaces.json")["spaces"]
    gold = open_database("gold/gold.sqlite")
    views, functions = assets("metric_views", ".yaml"), assets("tvfs", ".sql")
    problems = [
        *compare("metric view", views, {name for space in spaces for name in space["metric_views"]}),
        *compare("function", functions, {name for space in spaces for name in space["functions"]}),
    ]
    for name, path in views.items():
        view = read_yaml(path)
        if not view["measures"]:
            problems.append(f"metric view {name} has no measure")
    for name, path in functions.items():
        problems += try_function(gold, name, path)
    if problems:
        fail("checkpoint after semantic\n  " + "\n  ".join(problems))
    passed = [f"metric view {name}" for name in views] + [f"function {name}" for name in functions]
    write_json("checkpoints/semantic.json", {"checkpoint": "semantic", "passed": sorted(passed)})


def assets(folder, ending):
    paths = sorted(glob.glob(f"semantic/{folder}/*{ending}"))
    return {os.path.basename(path).removesuffix(ending): path for path in paths}


def compare(kind, found, promised):
    for name in sorted(promised - set(found)):
        yield f"{kind} {name} is promised by a space, but is not there"
    for name in sorted(set(found) - promised):
        yield f"{kind} {name} belongs to no space"


def try_function(gold, name, path):
    with open(path, encoding="utf-8") as file:
        sql = file.read()
    try:
        if gold.execute(sql, WIDE).fetchone() is None:
            yield f"function {name} gives no rows"
    except sqlite3.Error as error:
        yield f"function {name}: {error}"


if __name__ == "__main__":
    begin("6c-checkpoint")
    main()
