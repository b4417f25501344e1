"""Step 4a: validate bronze, silver and gold together, before anything is planned on them.

Reads   gold_layer_design/yaml/, bronze/bronze.sqlite, silver/silver.sqlite, gold/gold.sqlite
Writes  checkpoints/gold.json

Each check is one query that must give nothing. The file names the checks and holds no counts: it stays the same as
long as all is well.
"""

from pipeline.design import read_designs
from pipeline.files import fail, open_database, quote, table_names, write_json
from pipeline.start import begin


def main():
    designs = read_designs()
    gold = open_database("gold/gold.sqlite")
    for layer in ("bronze", "silver"):
        gold.execute(f"ATTACH 'file:{layer}/{layer}.sqlite?mode=ro' AS {layer}")
    sources = table_names(open_database("bronze/bronze.sqlite"))
    checks = [*source_checks(sources), *structure_checks(designs), *key_checks(designs), *total_checks(designs)]
    broken = [f"{name}: {message}" for name, query, tell in checks if (message := trouble(gold, query, tell))]
    if broken:
        fail("checkpoint after gold\n  " + "\n  ".join(broken))
    write_json("checkpoints/gold.json", {"checkpoint": "gold", "passed": [name for name, *_ in checks]})


def trouble(database, query, tell):
    """What is wrong, as a text; nothing if the query gives no row."""
    try:
        row = database.execute(query).fetchone()
    except Exception as error:
        return str(error)
    return tell.format(*row) if row else None


def source_checks(sources):
    """Bronze is populated, and each of its rows is in silver, in quarantine or a duplicate."""
    for table in sources:
        mark = table.replace("'", "''")
        query = f"""
            SELECT * FROM (SELECT
              (SELECT COUNT(*) FROM bronze.{quote(table)}) AS raw,
              (SELECT COUNT(*) FROM silver.{quote(table)}) AS clean,
              (SELECT COUNT(*) FROM silver._quarantine WHERE table_name = '{mark}') AS bad,
              (SELECT COUNT(*) FROM silver._duplicates WHERE table_name = '{mark}') AS twice)
            WHERE raw = 0 OR clean = 0 OR raw <> clean + bad + twice"""
        tell = "{0} bronze rows, but {1} in silver + {2} in quarantine + {3} duplicates"
        yield f"bronze to silver, {table}", query, tell


def structure_checks(designs):
    """Each gold table has exactly the designed columns, and rows."""
    for name, design in designs.items():
        names = ", ".join("t." + quote(column["name"]) for column in design["columns"])
        wanted = len(design["columns"])
        query = f"""
            SELECT n, columns FROM (SELECT
              (SELECT COUNT(*) FROM (SELECT {names} FROM main.{quote(name)} AS t LIMIT 1)) AS n,
              (SELECT COUNT(*) FROM pragma_table_info('{name.replace("'", "''")}', 'main')) AS columns)
            WHERE n = 0 OR columns <> {wanted}"""
        yield f"design of {name}", query, f"{{0}} rows looked at, {{1}} columns where {wanted} are designed"


def key_checks(designs):
    """No reference of any row points to nothing, whatever the database itself enforces."""
    for name, design in designs.items():
        parts = []
        for each in design["foreign_keys"]:
            column, target, key = quote(each["column"]), quote(each["table"]), quote(each["references"])
            parts.append(f"""
                SELECT '{each["column"]}', MIN(f.{column}), COUNT(*), '{each["table"]}' FROM main.{quote(name)} AS f
                LEFT JOIN main.{target} AS t ON t.{key} = f.{column}
                WHERE f.{column} IS NOT NULL AND t.{key} IS NULL HAVING COUNT(*) > 0""")
        if parts:
            tell = "orphan key {1} in {0}: {2} rows without one in {3}"
            yield f"references of {name}", " UNION ALL ".join(parts), tell


def total_checks(designs):
    """The months add up to the fact."""
    for name, design in designs.items():
        if design["role"] == "aggregate":
            query = f"""
                SELECT * FROM (SELECT (SELECT SUM(row_count) FROM main.{quote(name)}) AS months,
                  (SELECT COUNT("date_key") FROM main.{quote(design["source"])}) AS days)
                WHERE months <> days"""
            yield f"months of {name}", query, f"{{0}} rows by month, {{1}} in {design['source']}"


if __name__ == "__main__":
    begin("4a-checkpoint")
    main()
