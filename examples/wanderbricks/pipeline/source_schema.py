"""The schema CSV as tables with keys and roles.

The file is a dump of `information_schema.columns`. It names no keys, so they are inferred: from the names of
columns (`booking_id` in `payments` refers to `bookings`), never from a list of known tables. The order of the rows
in the file has no influence: columns are taken by their ordinal position, and tables in an order in which each one
follows those it refers to.
"""

import csv
from collections import Counter
from dataclasses import dataclass, field

from pipeline.files import fail
from pipeline.names import LABELS, is_identifier, singulars

SCHEMA = "context/Wanderbricks_Schema.csv"
NEEDED = ("table_name", "column_name", "ordinal_position", "data_type", "is_nullable", "comment")

FAMILIES = {
    "integer": ("TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "LONG", "SHORT", "BYTE", "SERIAL"),
    "real": ("DECIMAL", "NUMERIC", "NUMBER", "DOUBLE", "FLOAT", "REAL", "MONEY"),
    "flag": ("BOOL", "BIT"),
    "timestamp": ("TIMESTAMP", "DATETIME"),
    "date": ("DATE",),
}


@dataclass(frozen=True)
class Column:
    name: str
    family: str  # integer, real, flag, timestamp, date or text
    nullable: bool
    comment: str


@dataclass
class Table:
    name: str
    columns: list
    primary_key: str | None = None
    foreign_keys: dict = field(default_factory=dict)  # column → (table, column)
    role: str = "dimension"  # dimension, fact or bridge

    def column(self, name):
        return next(column for column in self.columns if column.name == name)


def read_schema(path=SCHEMA):
    """The tables by name; each table after all that it refers to."""
    tables = {}
    for name, columns in read_columns(path).items():
        tables[name] = Table(name, columns)
    find_primary_keys(tables)
    for table in tables.values():
        table.foreign_keys = find_foreign_keys(table, tables)
    tables = in_reference_order(tables)
    for table in tables.values():
        table.role = role_of(table, tables)
    ensure_a_fact(tables)
    return tables


def read_columns(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or [])]
        if missing:
            fail(f"{path}: the header lacks {', '.join(missing)}")
        rows = {(row["table_name"], int(row["ordinal_position"])): row for row in reader if row["table_name"]}
    columns = {}
    for (table, _), row in sorted(rows.items()):
        column = Column(row["column_name"], family(row["data_type"]), row["is_nullable"] != "NO", row["comment"] or "")
        columns.setdefault(table, []).append(column)
    if not columns:
        fail(f"{path}: no columns are listed")
    return columns


def family(data_type):
    data_type = data_type.strip().upper()
    for name, prefixes in FAMILIES.items():
        if data_type.startswith(prefixes) and not data_type.startswith("INTERVAL"):
            return name
    return "text"


def find_primary_keys(tables):
    """First the keys that carry their table's name, then leading columns that identify: `view_id`, `isbn`."""
    endings = ("id", "key", "code", "no", "number")
    for table in tables.values():
        names = [column.name for column in table.columns]
        wanted = [f"{stem}_{ending}" for stem in singulars(table.name) for ending in endings]
        table.primary_key = next((name for name in ["id", *wanted] if name in names), None)
    taken = {table.primary_key for table in tables.values()}
    uses = Counter(column.name for table in tables.values() for column in table.columns)
    # Of several tables that begin with the same column it identifies the richest; the others refer to that.
    for table in sorted(tables.values(), key=lambda table: -len(table.columns)):
        first = table.columns[0]
        if table.primary_key or first.name in taken or any(refers_to(first.name, other) for other in tables.values()):
            continue
        shared = uses[first.name] > 1
        if is_identifier(first.name) or (shared and not first.nullable and first.family in ("integer", "text")):
            table.primary_key = first.name
            taken.add(first.name)


def refers_to(column, table):
    """Does the name of the column mean the primary key of the table? A role may stand in front: `origin_airport_id`."""
    if table.primary_key is None:
        return False
    if table.primary_key != "id":
        names = [table.primary_key] if is_identifier(table.primary_key) or column == table.primary_key else []
    else:
        names = [f"{stem}_id" for stem in singulars(table.name)]
    return any(column == name or column.endswith("_" + name) for name in names)


def find_foreign_keys(table, tables):
    found = {}
    for column in table.columns:
        if column.name == table.primary_key:
            continue
        matches = [other for other in tables.values() if other is not table and refers_to(column.name, other)]
        if matches:
            other = max(matches, key=lambda match: (len(match.primary_key), len(match.name), match.name))
            found[column.name] = (other.name, other.primary_key)
    return found


def in_reference_order(tables):
    """Parents first. A reference that closes a circle is dropped: its column becomes a plain attribute."""
    ordered = {}
    path = []

    def visit(table):
        path.append(table.name)
        for column, (parent, _) in list(table.foreign_keys.items()):
            if parent in path:
                del table.foreign_keys[column]
            elif parent not in ordered:
                visit(tables[parent])
        path.pop()
        ordered[table.name] = table

    for name in sorted(tables):
        if name not in ordered:
            visit(tables[name])
    return ordered


def role_of(table, tables):
    names = {column.name for column in table.columns}
    others = names - set(table.foreign_keys) - {table.primary_key}
    if not table.foreign_keys:
        dated = any(column.family in ("date", "timestamp") for column in table.columns)
        return "fact" if table.primary_key is None and dated else "dimension"
    if len(table.foreign_keys) >= 2 and not others:
        return "bridge"
    stems = singulars(table.name)
    labels = LABELS | set(stems) | {f"{stem}_{ending}" for stem in stems for ending in ("name", "title")}
    referenced = any(table.name == parent for other in tables.values() for parent, _ in other.foreign_keys.values())
    if table.primary_key and labels & names and (len(table.foreign_keys) == 1 or referenced):
        return "dimension"
    return "fact"


def ensure_a_fact(tables):
    """Something must be measured: without any fact the table with the most references and numbers becomes one."""
    if not any(table.role == "fact" for table in tables.values()):

        def weight(table):
            numbers = sum(column.family in ("integer", "real") for column in table.columns)
            return (len(table.foreign_keys), numbers, table.name)

        max(tables.values(), key=weight).role = "fact"
