"""Step 3: clean the bronze rows by the data-quality rules.

Reads   bronze/bronze.sqlite, config/dq_rules.yaml
Writes  silver/silver.sqlite, silver/dq_report.json

Every bronze row ends in one of three places: in its silver table, in `_quarantine` with the first critical rule it
broke, or in `_duplicates` with the row that was kept instead. Parents are cleaned before their children, so that a
child of a quarantined parent is quarantined too.
"""

import json
import re
from collections import namedtuple

from pipeline import names
from pipeline.files import commit_and_close, new_database, open_database, quote, read_yaml, write_json
from pipeline.start import begin

Column = namedtuple("Column", "table position name family nullable primary_key parent_table parent_column")

TRUE = {"true", "t", "yes", "1"}
FALSE = {"false", "f", "no", "0"}
SQL_TYPES = {"integer": "INTEGER", "real": "REAL", "flag": "INTEGER"}
DATE = re.compile(r"\d{4}-[01]\d-[0-3]\d")
TIMESTAMP = re.compile(r"\d{4}-[01]\d-[0-3]\d[ T][0-2]\d:[0-5]\d:[0-5]\d")
WRONG = object()  # stands for a value that is not of the column's type


def main():
    rules = read_yaml("config/dq_rules.yaml")["rules"]
    bronze = open_database("bronze/bronze.sqlite")
    tables = {}
    for row in bronze.execute("SELECT * FROM _columns ORDER BY rowid"):
        tables.setdefault(row[0], []).append(Column(*row))
    silver = new_database("silver/silver.sqlite")
    silver.execute("BEGIN")
    silver.execute("CREATE TABLE _quarantine (table_name TEXT, bronze_row INTEGER, rule TEXT, record TEXT)")
    silver.execute("CREATE TABLE _duplicates (table_name TEXT, bronze_row INTEGER, kept_row INTEGER)")
    known = {}  # (table, column) → the keys in silver
    report = {}
    for table, columns in tables.items():
        report[table] = clean(bronze, silver, table, columns, rules, known)
    commit_and_close(silver)
    names_of_rules = [rule["name"] for rule in rules]
    write_json("silver/dq_report.json", {"rules": names_of_rules, "tables": report})


def clean(bronze, silver, table, columns, rules, known):
    listed = ", ".join(quote(column.name) for column in columns)
    raw = bronze.execute(f"SELECT rowid, {listed} FROM {quote(table)} ORDER BY rowid").fetchall()
    numbers, *stored = map(list, zip(*raw, strict=True))
    values = {column.name: convert(column, stored[index]) for index, column in enumerate(columns)}
    originals = {column.name: stored[index] for index, column in enumerate(columns)}
    broken, warnings = judge(table, columns, values, originals, rules, known)

    quarantine = [(table, numbers[row], rule, as_json(raw[row][1:])) for row, rule in sorted(broken.items())]
    values = {name: [None if value is WRONG else value for value in column] for name, column in values.items()}
    kept, duplicates = deduplicate(columns, values, numbers, broken)
    keys = [column.name for column in columns if column.primary_key]
    declared = [f"{quote(c.name)} {SQL_TYPES.get(c.family, 'TEXT')}" for c in columns]
    silver.execute(f"CREATE TABLE {quote(table)} ({', '.join(declared)})")
    marks = ", ".join("?" * len(columns))
    silver.executemany(f"INSERT INTO {quote(table)} VALUES ({marks})", kept)
    silver.executemany("INSERT INTO _quarantine VALUES (?, ?, ?, ?)", quarantine)
    silver.executemany("INSERT INTO _duplicates VALUES (?, ?, ?)", [(table, *pair) for pair in duplicates])
    for index, column in enumerate(columns):
        if column.name in keys:
            known[table, column.name] = {record[index] for record in kept}
    counts = {}
    for rule in broken.values():
        counts[rule] = counts.get(rule, 0) + 1
    return {
        "bronze": len(raw),
        "silver": len(kept),
        "quarantined": len(quarantine),
        "duplicates": len(duplicates),
        "quarantined_by": counts,
        "warnings": warnings,
    }


def as_json(record):
    return json.dumps(record, ensure_ascii=False)


def deduplicate(columns, values, numbers, broken):
    """The first row of each key stays; without a key, the first of equal rows."""
    key_positions = [index for index, column in enumerate(columns) if column.primary_key]
    first = {}
    kept, duplicates = [], []
    records = zip(*(values[column.name] for column in columns), strict=True)
    for row, record in enumerate(records):
        if row in broken:
            continue
        key = tuple(record[index] for index in key_positions) or record
        if key in first:
            duplicates.append((numbers[row], first[key]))
        else:
            first[key] = numbers[row]
            kept.append(record)
    return kept, duplicates


def convert(column, stored):
    """The values in the column's type; WRONG where that is impossible. Empty text is no value."""
    converter = {
        "integer": to_integer, "real": to_real, "flag": to_flag, "date": to_date, "timestamp": to_timestamp,
    }.get(column.family, to_text)  # fmt: skip
    return [None if value is None else converter(value) for value in stored]


def to_integer(value):
    try:
        return value if type(value) is int else int(str(value).strip())
    except ValueError:
        return WRONG


def to_real(value):
    try:
        return value if type(value) is float else float(value)
    except ValueError:
        return WRONG


def to_flag(value):
    word = str(value).strip().lower()
    return 1 if word in TRUE else 0 if word in FALSE else WRONG


def to_date(value):
    return value if DATE.fullmatch(value) else WRONG


def to_timestamp(value):
    return value.replace("T", " ") if TIMESTAMP.fullmatch(value) else WRONG


def to_text(value):
    return str(value).strip() or None


def judge(table, columns, values, originals, rules, known):
    """Which rows break a critical rule (row → the first such rule), and how many rows each warning concerns."""
    broken, warnings = {}, {}
    for rule in rules:
        found = set()
        if rule["kind"] == "ordered":
            if all(name in values for name in rule["columns"]) and rule["where"]["table"] == table:
                found.update(out_of_order(*(values[name] for name in rule["columns"])))
        else:
            test = TESTS[rule["kind"]]
            for column in columns:
                if concerns(rule["where"], table, column):
                    found.update(test(rule, column, values[column.name], originals[column.name], known))
        if rule["severity"] == "critical":
            for row in found:
                broken.setdefault(row, rule["name"])
        elif found:
            warnings[rule["name"]] = len(found)
    return broken, warnings


def concerns(where, table, column):
    if "role" in where and not has_role(where["role"], column):
        return False
    return where.get("table", table) == table and where.get("column", column.name) == column.name


def has_role(role, column):
    if role == "any":
        return True
    if role == "primary_key":
        return bool(column.primary_key)
    if role == "foreign_key":
        return column.parent_table is not None
    if role == "amount":
        return column.family in ("integer", "real") and names.is_amount(column.name)
    if role == "date":
        return column.family in ("date", "timestamp")
    if role == "email":
        return column.family == "text" and "email" in names.words(column.name)
    return column.family == role


def out_of_order(earlier, later):
    pairs = enumerate(zip(earlier, later, strict=True))
    return [row for row, (a, b) in pairs if None not in (a, b) and WRONG not in (a, b) and a >= b]


def not_typed(rule, column, values, originals, known):
    return [row for row, value in enumerate(values) if value is WRONG]


def not_present(rule, column, values, originals, known):
    return [row for row, value in enumerate(values) if value is None]


def without_parent(rule, column, values, originals, known):
    parents = known[column.parent_table, column.parent_column] | ({None} if column.nullable else set())
    return [row for row, value in enumerate(values) if value not in parents]


def out_of_range(rule, column, values, originals, known):
    low, high = rule["min"], rule["max"]
    if column.family in ("date", "timestamp"):
        low, high = str(low), f"{high} 24"  # so that the last day counts whole
    elif column.family not in ("integer", "real"):
        return []
    return [
        row for row, value in enumerate(values) if value is not None and value is not WRONG and not low <= value <= high
    ]


def unlike_pattern(rule, column, values, originals, known):
    matches = re.compile(rule["pattern"]).fullmatch
    return [row for row, value in enumerate(values) if value is not None and not matches(value)]


def untrimmed(rule, column, values, originals, known):
    return [row for row, value in enumerate(originals) if value is not None and str(value) != str(value).strip()]


TESTS = {
    "typed": not_typed,
    "present": not_present,
    "parent_exists": without_parent,
    "range": out_of_range,
    "pattern": unlike_pattern,
    "trimmed": untrimmed,
}


if __name__ == "__main__":
    begin("3-silver")
    main()
