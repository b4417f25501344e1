"""Step 5: look at the finished gold tables and write down what shall be built on them.

Reads   gold_layer_design/yaml/, gold/gold.sqlite, checkpoints/gold.json, config/phrases.yaml
Writes  plans/manifests/semantic-layer-manifest.yaml, observability-manifest.yaml, ml-manifest.yaml,
        genai-agents-manifest.yaml (one for each of the steps 6, 7, 8 and 9), plans/use-case-catalog.md

The manifests are contracts: they hold names and limits and no counts of rows, so they change only when there is
something else to build. Descriptions of columns appear in the catalog alone.
"""

from pipeline import names
from pipeline.design import columns_of_role, read_designs
from pipeline.files import fail, open_database, quote, read_json, read_yaml, write_text, write_yaml
from pipeline.questions import questions_about
from pipeline.start import begin

FEW = 40  # a column with at most so many values can group a report
QUESTIONS_FOR_EACH_SPACE = 12


def main():
    if not read_json("checkpoints/gold.json")["passed"]:
        fail("checkpoints/gold.json holds no passed check")
    designs = read_designs()
    phrases = read_yaml("config/phrases.yaml")
    gold = open_database("gold/gold.sqlite")
    facts = [design for design in designs.values() if design["role"] == "fact"]
    semantic = plan_semantics(gold, designs, facts)
    manifests = {
        "semantic-layer": semantic,
        "observability": plan_observability(designs),
        "ml": plan_learning(gold, designs, facts),
        "genai-agents": plan_agents(facts, phrases),
    }
    for name, manifest in manifests.items():
        counts = {key: len(value) for key, value in manifest.items() if isinstance(value, list)}
        write_yaml(f"plans/manifests/{name}-manifest.yaml", {"manifest": name, "summary": counts, **manifest})
    write_text("plans/use-case-catalog.md", catalog(designs, manifests))


# Semantic layer


def plan_semantics(gold, designs, facts):
    views = [plan_view(gold, designs, fact) for fact in facts]
    functions = [function for view in views for function in plan_functions(view)]
    spaces = []
    for domain in sorted({view["domain"] for view in views}):
        spaces.append(
            {
                "name": space_of(domain),
                "domain": domain,
                "views": [view["name"] for view in views if view["domain"] == domain],
                "functions": [function["name"] for function in functions if function["domain"] == domain],
            }
        )
    return {"metric_views": views, "functions": functions, "genie_spaces": spaces}


def space_of(domain):
    return f"{domain}_space"


def plan_view(gold, designs, fact):
    source = fact["source"]
    measures = [{"name": f"{source}_count", "aggregate": "count", "column": None}]
    for column in columns_of_role(fact, "measure"):
        how = ["avg"] if names.is_average(column) else ["sum", "avg"]
        measures += [{"name": f"{each}_{column}", "aggregate": each, "column": column} for each in how]
    for column in columns_of_role(fact, "flag"):
        measures.append({"name": f"share_{column}", "aggregate": "avg", "column": column})
    dimensions = {}
    for column in groupable(gold, fact):
        dimensions[column] = {"name": column, "table": fact["table"], "column": column, "via": None, "key": None}
    for reference in fact["foreign_keys"]:
        parent = designs[reference["table"]]
        columns = ["month"] if parent["role"] == "calendar" else []
        if parent["role"] == "dimension":
            columns = groupable(gold, parent)
        join = {"via": reference["column"], "key": reference["references"]}
        for column in columns:
            name = column if column not in dimensions else f"{names.singular(parent['source'] or 'date')}_{column}"
            dimensions.setdefault(name, {"name": name, "table": parent["table"], "column": column, **join})
    return {
        "name": f"{source}_metrics",
        "domain": fact["domain"],
        "table": fact["table"],
        "subject": source,
        "measures": measures,
        "dimensions": list(dimensions.values()),
    }


def groupable(gold, design):
    """The categories and flags of a table that have a few values, but more than one."""
    found = []
    for column in columns_of_role(design, "category", "flag"):
        distinct = gold.execute(f"SELECT COUNT(DISTINCT {quote(column)}) FROM {quote(design['table'])}").fetchone()[0]
        if 2 <= distinct <= FEW:
            found.append(column)
    return found


def plan_functions(view):
    """Questions that are asked so often that they get a function: by month, by the first category, the top ones."""
    source, measures = view["subject"], view["measures"]
    sums = [measure for measure in measures if measure["aggregate"] == "sum"] or measures
    main = next((measure["name"] for measure in sums if names.is_amount(measure["name"])), sums[0]["name"])
    named = {dimension["name"]: dimension for dimension in view["dimensions"]}
    dated = "month" in named
    others = [name for name in named if name != "month"]
    functions = []
    if dated:
        functions.append({"name": f"{source}_by_month", "dimension": "month", "order": "dimension"})
    if others:
        functions.append({"name": f"{source}_by_{others[0]}", "dimension": others[0], "order": "dimension"})
        functions.append({"name": f"top_{others[-1]}_of_{source}", "dimension": others[-1], "order": "measure"})
    shared = {"domain": view["domain"], "view": view["name"], "measure": main, "dated": dated}
    return [{**function, **shared} for function in functions]


# Observability


def plan_observability(designs):
    monitors, alerts, dashboards = [], [], {}
    for name, design in designs.items():
        if design["role"] in ("aggregate", "calendar"):
            continue
        monitors.append({"name": f"monitor_{name}", "table": name, "columns": [c["name"] for c in design["columns"]]})
        dashboards.setdefault(design["domain"], []).append(name)
        alerts.append({"name": f"{name}_is_empty", "table": name, "column": None, "kind": "rows", "limit": 1})
        for column in design["columns"]:
            if column["nullable"]:
                alert = {"table": name, "column": column["name"], "kind": "null_share", "limit": 0.035}
                alerts.append({"name": f"{name}_{column['name']}_has_gaps", **alert})
            if column["role"] == "measure" and columns_of_role(design, "date_key"):
                alert = {"table": name, "column": column["name"], "kind": "drift", "limit": 0.25}
                alerts.append({"name": f"{name}_{column['name']}_drifts", **alert})
    listed = [{"name": f"{domain}_dashboard", "tables": tables} for domain, tables in sorted(dashboards.items())]
    return {"monitors": monitors, "alerts": alerts, "dashboards": listed}


# Machine learning


def plan_learning(gold, designs, facts):
    """One model: predict a state of the fact that the most others refer to, from its other columns."""

    def weight(fact):
        children = sum(r["table"] == fact["table"] for design in designs.values() for r in design["foreign_keys"])
        return (children, len(features_of(gold, designs, fact)), fact["table"])

    fact = max(facts, key=weight)
    features = features_of(gold, designs, fact)
    label = choose_label(gold, fact)
    features = [each for each in features if (each["table"], each["column"]) != (fact["table"], label["column"])]
    model = {
        "name": f"{fact['source']}_{label['column']}",
        "table": fact["table"],
        "key": fact["primary_key"],
        "label": label,
        "holdout": 0.3,
        "epochs": 6,
        "learning_rate": 0.05,
    }
    return {"models": [model], "features": features, "threshold": 0.6}


def features_of(gold, designs, fact):
    found = list(own_features(gold, fact, None, None))
    for reference in fact["foreign_keys"]:
        parent = designs[reference["table"]]
        if parent["role"] == "dimension":
            found += own_features(gold, parent, reference["column"], reference["references"])
    return found


def own_features(gold, design, via, key):
    groups = groupable(gold, design)
    for column in design["columns"]:
        name = column["name"]
        kind = "number" if column["role"] in ("measure", "number", "flag") else "category" if name in groups else None
        if kind:
            place = {"table": design["table"], "column": name, "via": via, "key": key}
            yield {"name": f"{design['table']}.{name}", "kind": kind, **place}


def choose_label(gold, fact):
    """The state that goes along most clearly with the numbers of its row; else a number above its mean."""
    table = quote(fact["table"])
    numbers = columns_of_role(fact, "measure")
    candidates = []
    for column in groupable(gold, fact):
        counts = (
            f"SELECT {quote(column)}, COUNT(*) FROM {table} WHERE {quote(column)} IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
        groups = gold.execute(counts).fetchall()
        total = sum(count for _, count in groups)
        for value, count in groups:
            if 0.05 <= count / total <= 0.6:
                candidates.append((round(separation(gold, table, column, value, numbers), 4), column, value))
    if candidates:
        _, column, value = max(candidates, key=lambda candidate: (candidate[0], str(candidate[1]), str(candidate[2])))
        return {"column": column, "equals": value}
    if not numbers:
        fail(f"{fact['table']}: nothing to predict: no category, flag or measure")
    return {"column": numbers[0], "above_mean": True}


def separation(gold, table, column, value, numbers):
    """How far the means of the numbers lie from their overall means where the column has the value."""
    distance = 0.0
    for number in map(quote, numbers):
        query = (
            f"SELECT AVG({number}), AVG({number} * {number}), "
            f"(SELECT AVG({number}) FROM {table} WHERE {quote(column)} = ?) FROM {table}"
        )
        mean, squares, within = gold.execute(query, (value,)).fetchone()
        if None not in (mean, squares, within) and squares - mean * mean > 0:
            distance += abs(within - mean) / (squares - mean * mean) ** 0.5
    return distance


# Agents


def plan_agents(facts, phrases):
    """One agent for each space, and questions that tell how well the router finds it."""
    agents, questions = [], []
    for domain in sorted({fact["domain"] for fact in facts}):
        own = [fact for fact in facts if fact["domain"] == domain]
        agents.append(
            {"name": f"{domain}_agent", "space": space_of(domain), "tables": sorted(fact["table"] for fact in own)}
        )
        views = [
            {
                "name": fact["source"],
                "subject": fact["source"],
                "space": space_of(domain),
                "measures": columns_of_role(fact, "measure"),
                "dimensions": columns_of_role(fact, "category"),
            }
            for fact in own
        ]
        asked = questions_about(views, phrases)
        step = max(1, len(asked) // QUESTIONS_FOR_EACH_SPACE)
        questions += [
            {"question": question, "space": space} for question, space in asked[::step][:QUESTIONS_FOR_EACH_SPACE]
        ]
    return {"agents": agents, "questions": questions, "threshold": 0.6}


# Catalog


def catalog(designs, manifests):
    """The plan for people: what each measure means, in the words of the schema."""
    lines = ["# Use cases", ""]
    for view in manifests["semantic-layer"]["metric_views"]:
        design = designs[view["table"]]
        lines += [
            f"## {names.readable(view['subject']).capitalize()}",
            "",
            f"From `{view['table']}`, {design['grain']}.",
            "",
        ]
        for column in design["columns"]:
            if column["role"] in ("measure", "flag", "category"):
                lines.append(f"- `{column['name']}`: {' '.join(column['description'].split())}")
        lines += [
            "",
            f"Grouped by {', '.join(dimension['name'] for dimension in view['dimensions']) or 'nothing'}.",
            "",
        ]
    model = manifests["ml"]["models"][0]
    lines += ["## Prediction", "", f"`{model['label']['column']}` of `{model['table']}`.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    begin("5-planning")
    main()
