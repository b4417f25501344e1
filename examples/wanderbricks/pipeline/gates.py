"""The gates: what must hold of a step's outputs before they count as made.

Used as `python -m pipeline.gates NAME`; reads the outputs of the step that it belongs to, writes nothing.
"""

import csv
import sys

from pipeline.files import count_rows, fail, open_database, read_json, read_yaml, table_names


def schema():
    """Step 0: the CSV has the columns that the pipeline needs, and every row of it is a column of a table."""
    path = "context/Wanderbricks_Schema.csv"
    needed = {"table_name", "column_name", "ordinal_position", "data_type", "is_nullable", "comment"}
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = needed - set(reader.fieldnames or [])
        if missing:
            fail(f"{path}: the header lacks {', '.join(sorted(missing))}")
        rows = list(reader)
    if not rows:
        fail(f"{path}: there is nothing below the header")
    for row in rows:
        if not (row["table_name"] and row["column_name"] and (row["ordinal_position"] or "").isdigit()):
            fail(f"{path}: a row lacks table, column or position: {row['table_name']}.{row['column_name']}")


def lineage():
    """Step 1: every column of every designed table has a line of lineage, and no line is without its column."""
    from pipeline.design import read_designs

    designed = {(name, column["name"]) for name, design in read_designs().items() for column in design["columns"]}
    with open("gold_layer_design/COLUMN_LINEAGE.csv", encoding="utf-8", newline="") as file:
        traced = {(row["gold_table"], row["gold_column"]) for row in csv.DictReader(file) if row["transformation"]}
    for table, column in sorted(designed - traced):
        fail(f"{table}.{column}: no lineage")
    for table, column in sorted(traced - designed):
        fail(f"{table}.{column}: lineage of a column that is not designed")


def counts():
    """Step 2: every table is populated, with as many rows as reported."""
    database = open_database("bronze/bronze.sqlite")
    reported = {table: entry["rows"] for table, entry in read_json("bronze/row_counts.json")["tables"].items()}
    found = {table: count_rows(database, table) for table in table_names(database)}
    for table in sorted(found | reported):
        if not found.get(table) or found[table] != reported.get(table):
            fail(f"bronze.{table}: {found.get(table, 'no')} rows, reported {reported.get(table, 'none')}")


def quarantine():
    """Step 3: no row was lost. Bronze = silver + quarantine + duplicates, counted in the databases themselves."""
    bronze, silver = open_database("bronze/bronze.sqlite"), open_database("silver/silver.sqlite")
    quarantined = dict(silver.execute("SELECT table_name, COUNT(*) FROM _quarantine GROUP BY 1"))
    duplicates = dict(silver.execute("SELECT table_name, COUNT(*) FROM _duplicates GROUP BY 1"))
    report = read_json("silver/dq_report.json")["tables"]
    for table in table_names(bronze):
        found = {
            "bronze": count_rows(bronze, table),
            "silver": count_rows(silver, table),
            "quarantined": quarantined.get(table, 0),
            "duplicates": duplicates.get(table, 0),
        }
        if found["bronze"] != found["silver"] + found["quarantined"] + found["duplicates"]:
            fail(f"quarantine does not add up: {table}: {found}")
        reported = {key: report.get(table, {}).get(key) for key in found}
        if reported != found:
            fail(f"silver.{table}: counted {found}, reported {reported}")


def foreign_keys():
    """Step 4: no row refers to a row that does not exist."""
    database = open_database("gold/gold.sqlite")
    for table, row, parent, _ in database.execute("PRAGMA foreign_key_check"):
        fail(f"gold.{table}: row {row} refers to no row of {parent}")
    reported = read_json("gold/merge_report.json")["tables"]
    for table, rows in sorted(reported.items()):
        if count_rows(database, table) != rows:
            fail(f"gold.{table}: {count_rows(database, table)} rows, reported {rows}")


def manifests():
    """Step 5: in each of the four manifests the summary counts what is listed."""
    for name in ("semantic-layer", "observability", "ml", "genai-agents"):
        path = f"plans/manifests/{name}-manifest.yaml"
        manifest = read_yaml(path)
        for key, count in manifest["summary"].items():
            if len(manifest[key]) != count:
                fail(f"{path}: the summary says {count} {key}, listed are {len(manifest[key])}")


def auc():
    """Step 8: the model is better than chance by as much as its manifest asks for."""
    threshold = read_json("ml/metrics.json")["threshold"]
    for model in read_json("ml/metrics.json")["models"]:
        if not model["auc"] > threshold:
            fail(f"ml: {model['name']}: AUC {model['auc']} is not above {threshold}")


def routing():
    """Step 9: enough of the questions reached the right space."""
    evaluation = read_json("agents/evaluation.json")
    if evaluation["accuracy"] < evaluation["threshold"]:
        fail(f"agents: {evaluation['accuracy']} of the questions are routed well, wanted {evaluation['threshold']}")


GATES = {
    "schema": schema,
    "lineage": lineage,
    "counts": counts,
    "quarantine": quarantine,
    "foreign-keys": foreign_keys,
    "manifests": manifests,
    "auc": auc,
    "routing": routing,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in GATES:
        fail(f"name one gate: {', '.join(GATES)}")
    GATES[sys.argv[1]]()
