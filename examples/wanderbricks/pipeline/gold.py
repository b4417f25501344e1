"""Step 4: build the gold tables as designed and merge the silver rows into them.

Reads   gold_layer_design/yaml/, silver/silver.sqlite
Writes  gold/gold.sqlite, gold/merge_report.json

The lineage of each column says how it is filled. Descriptions are not stored: a better wording leaves the database
as it is, byte for byte.
"""

from pipeline.design import read_designs
from pipeline.files import commit_and_close, count_rows, new_database, quote, write_json
from pipeline.start import begin

FUNCTIONS = {"SUM": "SUM", "AVERAGE": "AVG"}
CALENDAR = """
    WITH RECURSIVE day(date) AS (
      SELECT MIN(first) FROM ({firsts}) UNION ALL
      SELECT date(date, '+1 day') FROM day WHERE date < (SELECT MAX(last) FROM ({lasts}))
    )
    INSERT INTO {table}
    SELECT CAST(replace(date, '-', '') AS INTEGER), date, CAST(substr(date, 1, 4) AS INTEGER),
           (CAST(substr(date, 6, 2) AS INTEGER) + 2) / 3, substr(date, 1, 7),
           CASE strftime('%w', date) WHEN '0' THEN 7 ELSE CAST(strftime('%w', date) AS INTEGER) END,
           strftime('%w', date) IN ('0', '6')
    FROM day WHERE date IS NOT NULL
"""


def main():
    designs = read_designs()
    gold = new_database("gold/gold.sqlite")
    gold.execute("ATTACH 'file:silver/silver.sqlite?mode=ro' AS silver")
    gold.execute("BEGIN")
    for design in designs.values():
        gold.execute(table_definition(design))
    merged = {}
    for name, design in designs.items():
        if design["role"] == "calendar":
            gold.execute(calendar(designs))
        elif design["role"] == "aggregate":
            gold.execute(aggregate(design))
        else:
            gold.execute(merge(design))
        merged[name] = count_rows(gold, name)
    commit_and_close(gold)
    write_json("gold/merge_report.json", {"tables": merged})


def table_definition(design):
    keys = set(design["primary_key"])
    lines = [f"{quote(c['name'])} {c['type']}{' NOT NULL' if c['name'] in keys else ''}" for c in design["columns"]]
    lines.append(f"PRIMARY KEY ({', '.join(map(quote, design['primary_key']))})")
    for each in design["foreign_keys"]:
        target = f"{quote(each['table'])} ({quote(each['references'])})"
        lines.append(f"FOREIGN KEY ({quote(each['column'])}) REFERENCES {target}")
    return f"CREATE TABLE {quote(design['table'])} (\n  " + ",\n  ".join(lines) + "\n)"


def merge(design):
    """One INSERT: copied columns, looked-up ones by a join, derived days, generated row numbers."""
    source = f"silver.{quote(design['source'])}"
    order = ", ".join(f"s.{quote(c['name'])}" for c in design["columns"] if c["lineage"]["transformation"] == "COPY")
    joins, values = [], []
    for each in design["columns"]:
        origin = each["lineage"]
        if origin["transformation"] == "COPY":
            values.append(f"s.{quote(origin['column'])}")
        elif origin["transformation"] == "DERIVED":
            values.append(day_number(f"s.{quote(origin['column'])}"))
        elif origin["transformation"] == "LOOKUP":
            alias = quote(f"via {origin['via']}")
            key = next(f["references"] for f in design["foreign_keys"] if f["column"] == origin["via"])
            match = f"{alias}.{quote(key)} = s.{quote(origin['via'])}"
            join = f"LEFT JOIN silver.{quote(origin['table'])} AS {alias} ON {match}"
            if join not in joins:
                joins.append(join)
            values.append(f"{alias}.{quote(origin['column'])}")
        else:
            values.append(f"ROW_NUMBER() OVER (ORDER BY {order})")
    first = ", ".join(f"s.{quote(name)}" for name in design["primary_key"] if f"s.{quote(name)}" in values)
    return (
        f"INSERT INTO {quote(design['table'])} SELECT {', '.join(values)} FROM {source} AS s {' '.join(joins)} "
        f"ORDER BY {first or order}"
    )


def day_number(expression):
    return f"CAST(replace(substr({expression}, 1, 10), '-', '') AS INTEGER)"


def calendar(designs):
    """All days between the first and the last that a fact happened on."""
    firsts, lasts = [], []
    for design in designs.values():
        for each in design["columns"]:
            if each["role"] == "date_key":
                table, column = f"silver.{quote(design['source'])}", quote(each["lineage"]["column"])
                firsts.append(f"SELECT substr(MIN({column}), 1, 10) AS first FROM {table}")
                lasts.append(f"SELECT substr(MAX({column}), 1, 10) AS last FROM {table}")
    return CALENDAR.format(firsts=" UNION ALL ".join(firsts), lasts=" UNION ALL ".join(lasts), table=quote("dim_date"))


def aggregate(design):
    values = []
    for each in design["columns"]:
        origin = each["lineage"]
        if each["name"] == "month":
            values.append('d."month"')
        elif origin["column"] == "*":
            values.append("COUNT(*)")
        else:
            values.append(f"ROUND({FUNCTIONS[origin['transformation']]}(f.{quote(origin['column'])}), 4)")
    return (
        f"INSERT INTO {quote(design['table'])} SELECT {', '.join(values)} FROM {quote(design['source'])} AS f "
        f'JOIN dim_date AS d ON d."date_key" = f."date_key" GROUP BY d."month" ORDER BY d."month"'
    )


if __name__ == "__main__":
    begin("4-gold")
    main()
