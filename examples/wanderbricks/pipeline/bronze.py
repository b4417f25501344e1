"""Step 2: make the bronze tables and fill them with raw data, faults included.

Reads   context/Wanderbricks_Schema.csv, config/pipeline.yaml (bronze)
Writes  bronze/bronze.sqlite, bronze/row_counts.json

The data is invented but not noise. Every row has a hidden strength; it is handed down from the rows that a row
refers to and shows in all of its columns. So amounts, categories and flags are related, as in a real business.
Dates in a row rise from column to column. Some five in a hundred rows get a fault, for step 3 to find.
"""

import datetime
import math
import random

from pipeline import names
from pipeline.files import commit_and_close, new_database, quote, read_yaml, write_json
from pipeline.source_schema import read_schema
from pipeline.start import begin

SYLLABLES = ["al", "ba", "cor", "del", "en", "fa", "gri", "ho", "il", "ka", "lo", "mer", "na", "or", "pe", "ros", "tu"]
WORDS = ["quiet", "bright", "near", "far", "old", "new", "warm", "cool", "garden", "river", "market", "view", "great"]
COSTLY = ("orphan", "wrong type", "negative amount", "no key")  # faults that cost the row, rare in parents
CATEGORIES = 5


def main():
    settings = read_yaml("config/pipeline.yaml")["bronze"]
    tables = read_schema()
    sizes = share_out(tables, settings)
    database = new_database("bronze/bronze.sqlite")
    database.execute("BEGIN")
    describe(database, tables)
    made = {}
    report = {}
    for table in tables.values():
        rng = random.Random(f"{settings['seed']}:{table.name}")
        columns = make_columns(rng, table, sizes[table.name], made, settings)
        rows = list(zip(*(columns[column.name] for column in table.columns), strict=True))
        rows, faults = corrupt(rng, table, rows, settings["corrupted"])
        listed = ", ".join(quote(column.name) for column in table.columns)
        database.execute(f"CREATE TABLE {quote(table.name)} ({listed})")
        marks = ", ".join("?" * len(table.columns))
        database.executemany(f"INSERT INTO {quote(table.name)} VALUES ({marks})", rows)
        report[table.name] = {"rows": len(rows), "corrupted": faults}
    commit_and_close(database)
    write_json("bronze/row_counts.json", {"tables": report, "total": sum(t["rows"] for t in report.values())})


def describe(database, tables):
    """The bookkeeping table: what the columns are meant to be. Comments are no part of it."""
    database.execute(
        "CREATE TABLE _columns "
        "(table_name, position, column_name, family, nullable, primary_key, parent_table, parent_column)"
    )
    for table in tables.values():
        for position, column in enumerate(table.columns):
            parent = table.foreign_keys.get(column.name, (None, None))
            is_key = column.name == table.primary_key
            database.execute(
                "INSERT INTO _columns VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (table.name, position, column.name, column.family, column.nullable, is_key, *parent),
            )


def share_out(tables, settings):
    """How many rows each table gets, before duplicates."""

    def weight(table):
        if table.name in settings["weights"]:
            return settings["weights"][table.name]
        if table.role == "dimension":
            return 2 if table.foreign_keys else 0.5
        return 8

    weights = {table.name: weight(table) for table in tables.values()}
    share = settings["rows"] / sum(weights.values())
    return {name: max(25, round(weight * share)) for name, weight in weights.items()}


def make_columns(rng, table, size, made, settings):
    """The values of a table, column by column; `made` keeps keys and strengths for the tables that refer to it."""
    columns = {}
    strength = [0.8 * rng.gauss(0, 1) for _ in range(size)]
    for column, (parent, key) in table.foreign_keys.items():
        if column not in columns:
            drawn = draw_parents(rng, size, len(made[parent][""]))
            columns[column] = [made[parent][key][row] for row in drawn]
            strength = [own + 0.6 * made[parent][""][row] for own, row in zip(strength, drawn, strict=True)]
            inherit(table, columns, column, drawn, made[parent])
    if table.role == "bridge":
        columns = without_repetition(table, columns)
        size = len(columns[table.columns[0].name])
        strength = strength[:size]
    spread = math.sqrt(sum(value * value for value in strength) / size) or 1
    strength = [value / spread for value in strength]
    day = None
    for column in table.columns:
        if column.name == table.primary_key:
            columns[column.name] = make_keys(rng, column, size)
        elif column.name not in columns and column.family in ("date", "timestamp"):
            day = make_days(rng, day, size, settings["days"])
            columns[column.name] = make_dates(rng, column, day, first_day(settings))
        elif column.name not in columns:
            columns[column.name] = make_values(rng, column, strength, settings)
    made[table.name] = {**columns, "": strength}
    return columns


def draw_parents(rng, size, count):
    """Row numbers of the parent; a few parents get many children."""
    return [int(count * rng.random() ** 1.3) for _ in range(size)]


def inherit(table, columns, column, drawn, parent):
    """A review of a booking is by the guest and about the home of that booking."""
    for other in table.foreign_keys:
        if other not in columns and other in parent and table.foreign_keys[column][1] != other:
            columns[other] = [parent[other][row] for row in drawn]


def without_repetition(table, columns):
    keys = list(table.foreign_keys)
    pairs = sorted(set(zip(*(columns[key] for key in keys), strict=True)))
    return dict(zip(keys, map(list, zip(*pairs, strict=True)), strict=True))


def make_keys(rng, column, size):
    if column.family == "text":
        pool = [a + b + c for a in "ABCDEFGHIJKLMNOPRSTUVWXYZ" for b in "AEIOUY" for c in "BCDFGKLMNPRSTVXZ"]
        if size > len(pool):
            return [f"{column.name[:1].upper()}{number:07d}" for number in range(1, size + 1)]
        return sorted(rng.sample(pool, size))
    return list(range(1, size + 1))


def make_days(rng, day, size, span):
    """Days since the first one; each further date column lies a little after the one before."""
    if day is None:
        return [int(span * rng.random()) for _ in range(size)]
    return [before + 1 + int(rng.expovariate(0.15)) for before in day]


def first_day(settings):
    return datetime.date.fromisoformat(str(settings["first_day"]))


def make_dates(rng, column, days, first):
    known = [(first + datetime.timedelta(days=number)).isoformat() for number in range(max(days) + 1)]
    if column.family == "date":
        dates = [known[day] for day in days]
    else:
        clock = [f" {hour:02d}:{minute:02d}:00" for hour in range(24) for minute in range(60)]
        dates = [known[day] + clock[int(1440 * rng.random())] for day in days]
    return with_gaps(rng, column, dates)


def make_values(rng, column, strength, settings):
    gauss = rng.gauss
    noisy = [value + gauss(0, 0.8) for value in strength]
    name = set(names.words(column.name))
    if column.family == "flag":
        values = ["true" if value > -0.6 else "false" for value in noisy]
    elif column.family == "text":
        values = make_texts(rng, column, noisy, settings)
    elif name & {"latitude", "lat"}:
        values = [round(50 * math.tanh(value), 4) for value in noisy]
    elif name & {"longitude", "lon", "lng"}:
        values = [round(150 * math.tanh(value), 4) for value in noisy]
    elif "rating" in name:
        values = [min(5.0, max(1.0, round(3.6 + 0.8 * value, 1))) for value in noisy]
    elif name & {"guests", "bedrooms", "bathrooms", "quantity", "count", "sequence"}:
        values = [1 + int(math.exp(0.9 + 0.45 * value)) for value in noisy]
    else:
        middle = 2.2 if name & {"discount", "fee", "tax"} else 4.6 if names.is_amount(column.name) else 3.6
        values = [round(math.exp(middle + 0.5 * value), 2) for value in noisy]
    if column.family == "integer":
        values = [round(value) for value in values]
    return with_gaps(rng, column, values)


def make_texts(rng, column, noisy, settings):
    name = names.words(column.name)
    if "email" in name:
        return [f"{word(rng)}.{word(rng)}@example.org" for _ in noisy]
    if "url" in name:
        return [f"https://example.org/{word(rng)}/{int(10_000 * rng.random())}" for _ in noisy]
    if names.is_identifier(column.name) and column.name not in settings["values"]:
        return [f"{name[0]}-{int(36**5 * rng.random()):07d}" for _ in noisy]
    if {"name", "title"} & set(name):
        return [f"{word(rng).title()} {word(rng).title()}" for _ in noisy]
    if names.is_free_text(column.name):
        pick = rng.choices
        return [" ".join(pick(WORDS, k=4)) for _ in noisy]
    choices = settings["values"].get(column.name)
    choices = choices or [f"{names.readable(column.name)} {number}" for number in range(1, CATEGORIES + 1)]
    last = len(choices) - 1
    return [choices[min(last, max(0, int((value + 1.8) / 3.6 * (last + 1))))] for value in noisy]


def word(rng):
    return SYLLABLES[int(len(SYLLABLES) * rng.random())] + SYLLABLES[int(len(SYLLABLES) * rng.random())]


def with_gaps(rng, column, values):
    """One value in thirty is missing where the schema allows it."""
    if not column.nullable:
        return values
    return [None if rng.random() < 0.033 else value for value in values]


def corrupt(rng, table, rows, share):
    """Plant faults in a share of the rows. Returns the rows, duplicates appended, and the number of faults."""
    count = round(share * len(rows))
    position = {column.name: index for index, column in enumerate(table.columns)}
    rows = list(rows)
    faults = possible_faults(table)
    for row in sorted(rng.sample(range(len(rows)), count)):
        if table.role == "dimension" and rng.random() < 0.9:
            fault, column = rng.choice([f for f in faults if f[0] not in COSTLY])
        else:
            fault, column = rng.choice(faults)
        if fault == "duplicate":
            rows.append(rows[row])
            continue
        values = list(rows[row])
        values[position[column]] = spoil(fault, values[position[column]])
        rows[row] = tuple(values)
    return rows, count


def possible_faults(table):
    faults = [("duplicate", None)]
    for column in table.columns:
        if column.name == table.primary_key:
            faults.append(("no key", column.name))
        elif column.name in table.foreign_keys:
            faults.append(("orphan", column.name))
        elif column.family == "text":
            faults.append(("untrimmed", column.name))
        elif names.is_amount(column.name) and column.family in ("integer", "real"):
            faults.append(("negative amount", column.name))
        else:
            faults.append(("wrong type", column.name))
    return faults


def spoil(fault, value):
    if fault == "no key":
        return None
    if fault == "orphan":
        return -1 if isinstance(value, int) else "?"
    if fault == "untrimmed":
        return f"  {value} " if value is not None else " "
    if fault == "negative amount":
        return -1 - abs(value or 0)
    return "unknown"


if __name__ == "__main__":
    begin("2-bronze")
    main()
