"""Clean one table: each row once, none that lacks a required value.

python programs/silver.py SCHEMA RAW OUTPUT REFUSED
"""

import csv
import pathlib
import sys

from schema import columns


def write(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def main(schema, raw, output, refused):
    table = pathlib.Path(raw).stem
    with open(raw, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    required = {column["column_name"] for column in columns(schema, table) if column["required"] == "yes"}
    good, bad = [], []
    for row in dict.fromkeys(map(tuple, rows)):
        lacks = any(not value and name in required for name, value in zip(header, row, strict=True))
        (bad if lacks else good).append(row)
    write(output, header, good)
    write(refused, header, bad)


if __name__ == "__main__":
    main(*sys.argv[1:])
