"""Step 1: design the gold layer from the schema alone.

Reads   context/Wanderbricks_Schema.csv, config/pipeline.yaml (gold)
Writes  gold_layer_design/yaml/{domain}/{table}.yaml, gold_layer_design/erd_master.md,
        gold_layer_design/COLUMN_LINEAGE.csv, gold_layer_design/SOURCE_TABLE_MAPPING.csv

Every source table becomes one gold table. Facts get a date key, and the references of the facts that they refer to
(a payment learns guest and home from its booking). Dated facts also get an aggregate by month. Each YAML file says of
each column where it comes from; step 4 builds the tables from these files and knows nothing else.
"""

from pipeline import names
from pipeline.files import read_yaml, write_csv, write_text, write_yaml
from pipeline.source_schema import read_schema
from pipeline.start import begin

DESIGN = "gold_layer_design"
TYPES = {"integer": "INTEGER", "real": "REAL", "flag": "INTEGER", "date": "TEXT", "timestamp": "TEXT", "text": "TEXT"}
LATE = {"changed", "ended", "left", "modified", "out", "returned", "updated"}  # not the day a fact happened
DATE_COLUMNS = {
    "date_key": ("INTEGER", "The day as a number, 20240131."),
    "date": ("TEXT", "The day."),
    "year": ("INTEGER", "Calendar year."),
    "quarter": ("INTEGER", "Quarter of the year, 1 to 4."),
    "month": ("TEXT", "The month, 2024-01."),
    "day_of_week": ("INTEGER", "1 is Monday."),
    "is_weekend": ("INTEGER", "1 on Saturday and Sunday."),
}


def main():
    settings = read_yaml("config/pipeline.yaml")["gold"]
    sources = read_schema()
    designs = {}
    for source in sources.values():
        designs[source.name] = design_table(source, sources, designs, settings)
    finished = list(designs.values())
    dated = [design for design in finished if column_of_role(design, "date_key")]
    if dated:
        finished.append(design_dates())
        finished += [design_aggregate(design, settings) for design in dated]
    finished.sort(key=lambda design: (design["domain"], design["table"]))
    for design in finished:
        write_yaml(f"{DESIGN}/yaml/{design['domain']}/{design['table']}.yaml", design)
    write_text(f"{DESIGN}/erd_master.md", diagram(finished))
    write_lineage(finished)
    write_mapping(sources, designs)


def design_table(source, sources, designs, settings):
    """The gold table of one source table. Those it refers to are designed already."""
    columns = []
    foreign_keys = []
    key = [source.primary_key] if source.primary_key else []
    if source.role == "bridge" and not key:
        key = list(source.foreign_keys)
    if not key:
        key = [f"{names.singular(source.name)}_key"]
        text = "Number of the row, in the order of its values."
        columns.append(column(key[0], "INTEGER", "key", text, lineage("GENERATED", source.name)))
    for each in source.columns:
        role = role_of_column(source, each, key)
        copied = lineage("COPY", source.name, each.name)
        nullable = each.nullable and each.name not in key
        columns.append(column(each.name, TYPES[each.family], role, each.comment, copied, nullable))
        if each.name in source.foreign_keys:
            parent, parent_key = source.foreign_keys[each.name]
            foreign_keys.append({"column": each.name, "table": designs[parent]["table"], "references": parent_key})
    if source.role == "fact":
        look_up(source, sources, designs, columns, foreign_keys)
        day = event_date(source)
        if day and all(each["name"] != "date_key" for each in columns):
            made = lineage("DERIVED", source.name, day)
            nullable = source.column(day).nullable
            columns.append(column("date_key", "INTEGER", "date_key", f"Day of {day}.", made, nullable))
            foreign_keys.append({"column": "date_key", "table": "dim_date", "references": "date_key"})
    return {
        "table": settings["prefixes"][source.role] + source.name,
        "role": source.role,
        "domain": domain_of(source, settings["domains"]),
        "grain": f"one row for each {' and '.join(key)}",
        "source": source.name,
        "primary_key": key,
        "columns": columns,
        "foreign_keys": foreign_keys,
    }


def column(name, type_, role, description, lineage, nullable=False):
    return {
        "name": name,
        "type": type_,
        "nullable": nullable,
        "role": role,
        "description": description,
        "lineage": lineage,
    }


def lineage(transformation, table, column=None, via=None):
    return {"transformation": transformation, "table": table, "column": column, "via": via}


def role_of_column(source, column, key):
    if column.name in key:
        return "key"
    if column.name in source.foreign_keys:
        return "reference"
    if column.family in ("date", "timestamp", "flag"):
        return "date" if column.family != "flag" else "flag"
    if column.family in ("integer", "real") and not names.is_identifier(column.name):
        return "number" if names.is_position(column.name) else "measure"
    return "text" if names.is_free_text(column.name) or names.is_identifier(column.name) else "category"


def column_of_role(design, role):
    return next((column for column in design["columns"] if column["role"] == role), None)


def look_up(source, sources, designs, columns, foreign_keys):
    """Take over the references of the facts that this fact refers to, where it has none of that name."""
    present = {column["name"] for column in columns}
    for through, (parent, _) in source.foreign_keys.items():
        if sources[parent].role != "fact":
            continue
        for name, (grandparent, key) in sources[parent].foreign_keys.items():
            if name not in present:
                present.add(name)
                nullable = sources[parent].column(name).nullable or source.column(through).nullable
                text = f"The same as in {designs[parent]['table']}."
                found = lineage("LOOKUP", parent, name, through)
                type_ = TYPES[sources[parent].column(name).family]
                columns.append(column(name, type_, "reference", text, found, nullable))
                foreign_keys.append({"column": name, "table": designs[grandparent]["table"], "references": key})


def event_date(source):
    """The column that says when the fact happened: the first date that is not about a later change."""
    dates = [column.name for column in source.columns if column.family in ("date", "timestamp")]
    return next((name for name in dates if not LATE & set(names.words(name))), dates[0] if dates else None)


def domain_of(source, domains):
    own = set(names.words(source.name)) | {names.singular(word) for word in names.words(source.name)}
    for domain, listed in domains.items():
        if own & set(listed):
            return domain
    return source.name if source.role == "fact" else "shared"


def design_dates():
    columns = [
        column(name, type_, "key" if name == "date_key" else "calendar", text, lineage("GENERATED", "dim_date"))
        for name, (type_, text) in DATE_COLUMNS.items()
    ]
    return {
        "table": "dim_date",
        "role": "calendar",
        "domain": "shared",
        "grain": "one row for each day from the first to the last fact",
        "source": None,
        "primary_key": ["date_key"],
        "columns": columns,
        "foreign_keys": [],
    }


def design_aggregate(fact, settings):
    columns = [
        column("month", "TEXT", "key", "The month, 2024-01.", lineage("AGGREGATE", fact["table"], "date_key")),
        column("row_count", "INTEGER", "measure", "Number of rows.", lineage("AGGREGATE", fact["table"], "*")),
    ]
    for each in fact["columns"]:
        if each["role"] == "measure":
            how = "AVERAGE" if names.is_average(each["name"]) else "SUM"
            text = f"{how.capitalize()} of {each['name']}."
            summed = lineage(how, fact["table"], each["name"])
            columns.append(column(f"{how.lower()}_{each['name']}", "REAL", "measure", text, summed, True))
    return {
        "table": f"{settings['prefixes']['aggregate']}{fact['source']}_monthly",
        "role": "aggregate",
        "domain": fact["domain"],
        "grain": "one row for each month",
        "source": fact["table"],
        "primary_key": ["month"],
        "columns": columns,
        "foreign_keys": [],
    }


def diagram(designs):
    """The tables with their keys and references, as a Mermaid diagram."""
    lines = ["# Gold layer", "", "```mermaid", "erDiagram"]
    for design in designs:
        lines.append(f"  {design['table']} {{")
        references = {each["column"] for each in design["foreign_keys"]}
        for each in design["columns"]:
            marks = ["PK"] * (each["name"] in design["primary_key"]) + ["FK"] * (each["name"] in references)
            lines.append(f"    {each['type']} {each['name']} {', '.join(marks)}".rstrip())
        lines.append("  }")
    for design in designs:
        for each in design["foreign_keys"]:
            lines.append(f"  {each['table']} ||--o{{ {design['table']} : {each['column']}")
    return "\n".join([*lines, "```", ""])


def write_lineage(designs):
    header = ["gold_table", "gold_column", "transformation", "source_table", "source_column", "via"]
    rows = []
    for design in designs:
        for each in design["columns"]:
            origin = [each["lineage"][key] or "" for key in ("transformation", "table", "column", "via")]
            rows.append((design["table"], each["name"], *origin))
    write_csv(f"{DESIGN}/COLUMN_LINEAGE.csv", header, sorted(rows))


def write_mapping(sources, designs):
    header = ["source_table", "role", "domain", "gold_table", "primary_key", "refers_to"]
    rows = []
    for source in sources.values():
        design = designs[source.name]
        key = " ".join(design["primary_key"])
        parents = " ".join(sorted({parent for parent, _ in source.foreign_keys.values()}))
        rows.append((source.name, source.role, design["domain"], design["table"], key, parents))
    write_csv(f"{DESIGN}/SOURCE_TABLE_MAPPING.csv", header, sorted(rows))


if __name__ == "__main__":
    begin("1-gold-design")
    main()
