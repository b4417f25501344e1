"""The schema as other programs of this folder read it."""

import csv


def columns(path, table):
    """The columns of one table: dictionaries with name, type and required."""
    with open(path, encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["table_name"] == table]
