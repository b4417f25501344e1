"""Reading and writing files so that the same content always gives the same bytes.

Text is UTF-8 with LF, keys and rows come in a fixed order, and a database is always built anew.
"""

import json
import os
import sqlite3
import sys


def fail(message):
    """Stop the program with a message on standard error and exit status 1."""
    sys.exit(f"FAILED: {message}")


def write_text(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_json(path, value):
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_yaml(path):
    import yaml  # here, because it is slow to import and some programs do without

    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def write_yaml(path, value):
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    write_text(path, yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=10_000))


def write_csv(path, header, rows):
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def quote(name):
    """A table or column name, safe to put into SQL."""
    return '"' + name.replace('"', '""') + '"'


def new_database(path):
    """An empty SQLite file. The whole file is one transaction: end with `commit_and_close`."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        os.remove(path)
    database = sqlite3.connect(f"file:{path}", uri=True, isolation_level=None)
    database.execute("PRAGMA page_size = 4096")
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    return database


def commit_and_close(database):
    database.execute("COMMIT")
    database.close()


def open_database(path):
    """An existing SQLite file, for reading only."""
    if not os.path.exists(path):
        fail(f"{path} does not exist")
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def table_names(database):
    """The tables of a database, without its bookkeeping (names that begin with an underscore)."""
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return sorted(name for (name,) in rows if not name.startswith("_"))


def count_rows(database, table):
    return database.execute(f"SELECT COUNT(*) FROM {quote(table)}").fetchone()[0]
