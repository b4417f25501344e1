"""Step 7: profile the gold tables, evaluate the planned alerts, draw the dashboards.

Reads   plans/manifests/observability-manifest.yaml, gold/gold.sqlite
Writes  observability/profile.json, observability/alerts.json, observability/dashboard.html
"""

import html

from pipeline.files import open_database, quote, read_yaml, write_json, write_text
from pipeline.start import begin

STYLE = """
body { font: 14px sans-serif; margin: 2em }
td, th { padding: .2em .8em; text-align: right }
td:first-child { text-align: left }
.raised { color: #b00 }
"""


def main():
    manifest = read_yaml("plans/manifests/observability-manifest.yaml")
    gold = open_database("gold/gold.sqlite")
    profile = {monitor["name"]: measure(gold, monitor) for monitor in manifest["monitors"]}
    by_table = {entry["table"]: entry for entry in profile.values()}
    alerts = {alert["name"]: evaluate(gold, alert, by_table[alert["table"]]) for alert in manifest["alerts"]}
    write_json("observability/profile.json", {"monitors": profile})
    write_json("observability/alerts.json", {"alerts": alerts})
    write_text("observability/dashboard.html", page(manifest["dashboards"], by_table, alerts))


def measure(gold, monitor):
    """Rows, and of each column the share of gaps, the range and the number of different values."""
    parts = ["COUNT(*)"]
    for column in map(quote, monitor["columns"]):
        parts += [f"COUNT({column})", f"MIN({column})", f"MAX({column})", f"COUNT(DISTINCT {column})"]
    rows, *found = gold.execute(f"SELECT {', '.join(parts)} FROM {quote(monitor['table'])}").fetchone()
    columns = {}
    for number, name in enumerate(monitor["columns"]):
        filled, low, high, distinct = found[4 * number : 4 * number + 4]
        share = round(1 - filled / rows, 4) if rows else 0.0
        columns[name] = {"null_share": share, "min": low, "max": high, "distinct": distinct}
    return {"table": monitor["table"], "rows": rows, "columns": columns}


def evaluate(gold, alert, profile):
    """The value that the alert looks at, and whether it is raised."""
    if alert["kind"] == "rows":
        value = profile["rows"]
        raised = value < alert["limit"]
    else:
        gaps = alert["kind"] == "null_share"
        value = profile["columns"][alert["column"]]["null_share"] if gaps else drift(gold, alert)
        raised = value > alert["limit"]
    known = {key: alert[key] for key in ("table", "column", "kind", "limit")}
    return {**known, "value": value, "raised": raised}


def drift(gold, alert):
    """How far the mean of the later half of the days lies from that of the earlier half, as a share of it."""
    table, column = quote(alert["table"]), quote(alert["column"])
    halves = f"""
        SELECT AVG(CASE WHEN date_key < middle THEN {column} END), AVG(CASE WHEN date_key >= middle THEN {column} END)
        FROM {table}, (SELECT date_key AS middle FROM dim_date ORDER BY date_key
                       LIMIT 1 OFFSET (SELECT COUNT(*) / 2 FROM dim_date))"""
    before, after = gold.execute(halves).fetchone()
    return round(abs(after - before) / abs(before), 4) if before and after is not None else 0.0


def page(dashboards, profiles, alerts):
    lines = ["<!doctype html>", '<meta charset="utf-8">', "<title>Gold layer</title>", f"<style>{STYLE}</style>"]
    for dashboard in dashboards:
        name = html.escape(dashboard["name"])
        lines += [f'<section id="{name}">', f"<h2>{name}</h2>", "<table>"]
        lines.append("<tr><th>table<th>rows<th>columns<th>largest share of gaps<th>alerts raised")
        for table in dashboard["tables"]:
            profile = profiles[table]
            gaps = max(column["null_share"] for column in profile["columns"].values())
            raised = sum(alert["raised"] for alert in alerts.values() if alert["table"] == table)
            mark = ' class="raised"' if raised else ""
            cells = [html.escape(table), profile["rows"], len(profile["columns"]), f"{gaps:.1%}", raised]
            lines.append(f"<tr{mark}>" + "".join(f"<td>{cell}" for cell in cells))
        lines += ["</table>", "</section>"]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    begin("7-observability")
    main()
