"""Make up the raw rows of one table.

    python programs/bronze.py SCHEMA TABLE ROWS OUTPUT

The rows follow the schema, but for one in ten that lacks a value or says it twice. The same schema gives the same rows.
"""

import csv
import random
import sys

from schema import columns

CITIES = ("Aarau", "Bern", "Chur", "Davos", "Erlach")


def value(column, number, rng):
    kind, _, _ = column["type"].partition(" ")
    if kind == "key":
        return number
    if kind == "reference":
        return rng.randint(1, 40)
    if kind == "year":
        return rng.randint(2015, 2025)
    if kind == "number":
        return rng.randint(1, 9)
    return rng.choice(CITIES)


def main(schema, table, rows, output):
    found = columns(schema, table)
    rng = random.Random(table)
    with open(output, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(column["column_name"] for column in found)
        for number in range(1, int(rows) + 1):
            row = [value(column, number, rng) for column in found]
            if number % 10 == 0:
                row[rng.randrange(len(row))] = ""
            writer.writerows([row] * (2 if number % 15 == 0 else 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
