"""Step 6: compile the planned measures to SQL and run every one of them.

Reads   plans/manifests/semantic-layer-manifest.yaml, gold/gold.sqlite
Writes  semantic/metric_views/*.yaml, semantic/tvfs/*.sql, semantic/genie_spaces.json

What the queries give is not written: the files hold definitions only, so new rows leave them as they are.
"""

import sqlite3

from pipeline.files import fail, open_database, quote, read_yaml, write_json, write_text, write_yaml
from pipeline.router import tokens
from pipeline.start import begin

WIDE = {"start_date": "0001-01-01", "end_date": "9999-12-31", "top": 10}


def main():
    manifest = read_yaml("plans/manifests/semantic-layer-manifest.yaml")
    gold = open_database("gold/gold.sqlite")
    views = {view["name"]: compile_view(view) for view in manifest["metric_views"]}
    for view in views.values():
        try_view(gold, view)
        write_yaml(f"semantic/metric_views/{view['name']}.yaml", view)
    for function in manifest["functions"]:
        sql = compile_function(function, views[function["view"]])
        run(gold, sql, f"function {function['name']}", WIDE)
        write_text(f"semantic/tvfs/{function['name']}.sql", sql)
    spaces = [compile_space(space, views) for space in manifest["genie_spaces"]]
    write_json("semantic/genie_spaces.json", {"spaces": spaces})


def compile_view(view):
    dimensions, joins = {}, {}
    for dimension in view["dimensions"]:
        alias = "f"
        if dimension["via"]:
            alias = f"by {dimension['via']}"
            joins[alias] = (
                f"LEFT JOIN {quote(dimension['table'])} AS {quote(alias)} "
                f"ON {quote(alias)}.{quote(dimension['key'])} = {quote('f')}.{quote(dimension['via'])}"
            )
        expression = f"{quote(alias)}.{quote(dimension['column'])}"
        dimensions[dimension["name"]] = {"expr": expression, "join": alias if dimension["via"] else None}
    measures = {}
    for measure in view["measures"]:
        column = f'"f".{quote(measure["column"])}' if measure["column"] else "*"
        measures[measure["name"]] = f"{measure['aggregate'].upper()}({column})"
    return {
        "name": view["name"],
        "domain": view["domain"],
        "subject": view["subject"],
        "source": view["table"],
        "joins": joins,
        "dimensions": dimensions,
        "measures": measures,
    }


def query(view, measures, dimension=None, needed=()):
    """A SELECT of measures, in all or by one dimension; `needed` are further joins."""
    listed = ", ".join(f"{view['measures'][name]} AS {quote(name)}" for name in measures)
    joins = list(needed)
    if dimension:
        listed = f"{view['dimensions'][dimension]['expr']} AS {quote(dimension)}, {listed}"
        join = view["dimensions"][dimension]["join"]
        joins += [view["joins"][join]] if join and view["joins"][join] not in joins else []
    return "\n".join([f"SELECT {listed}", f'FROM {quote(view["source"])} AS "f"', *joins])


def try_view(gold, view):
    """Every measure by itself, so that an error names it, and the first one by each dimension."""
    for measure in view["measures"]:
        run(gold, query(view, [measure]), f"metric view {view['name']}, measure {measure}")
    first = next(iter(view["measures"]))
    for dimension in view["dimensions"]:
        sql = query(view, [first], dimension) + "\nGROUP BY 1"
        run(gold, sql, f"metric view {view['name']}, dimension {dimension}")


def compile_function(function, view):
    """A query with parameters: :start_date and :end_date where the fact has days, :top where it is a ranking."""
    day = [view["joins"][view["dimensions"]["month"]["join"]]] if function["dated"] else []
    parts = [query(view, [function["measure"]], function["dimension"], day)]
    if function["dated"]:
        alias = quote(view["dimensions"]["month"]["join"])
        parts.append(f'WHERE {alias}."date" BETWEEN :start_date AND :end_date')
    parts.append("GROUP BY 1")
    parts.append("ORDER BY 2 DESC, 1\nLIMIT :top" if function["order"] == "measure" else "ORDER BY 1")
    return f"-- {function['name']}: {function['measure']} by {function['dimension']}\n" + "\n".join(parts) + "\n"


def run(gold, sql, what, parameters=()):
    try:
        gold.execute(sql, parameters).fetchall()
    except sqlite3.Error as error:
        fail(f"{what}: {error}\n  {sql}")


def compile_space(space, views):
    """What a space can answer, and the words that it knows."""
    own = [views[name] for name in space["views"]]
    subjects = sorted({token for view in own for token in tokens(view["subject"])})
    measures = sorted({token for view in own for measure in view["measures"] for token in tokens(measure)})
    dimensions = sorted({token for view in own for dimension in view["dimensions"] for token in tokens(dimension)})
    return {
        "name": space["name"],
        "domain": space["domain"],
        "tables": sorted({view["source"] for view in own}),
        "metric_views": space["views"],
        "functions": space["functions"],
        "terms": {"subjects": subjects, "measures": measures, "dimensions": dimensions, "synonyms": []},
    }


if __name__ == "__main__":
    begin("6-semantic")
    main()
