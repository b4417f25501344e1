"""Step 7c: are there as many monitors, alerts and dashboards as the manifest promises?

Reads   observability/, plans/manifests/observability-manifest.yaml
Writes  checkpoints/observability.json
"""

from pipeline.files import fail, read_json, read_yaml, write_json
from pipeline.start import begin


def main():
    manifest = read_yaml("plans/manifests/observability-manifest.yaml")
    with open("observability/dashboard.html", encoding="utf-8") as file:
        dashboards = [line for line in file if line.startswith("<section id=")]
    found = {
        "monitors": len(read_json("observability/profile.json")["monitors"]),
        "alerts": len(read_json("observability/alerts.json")["alerts"]),
        "dashboards": len(dashboards),
    }
    problems = [
        f"{kind}: the manifest promises {count}, there are {found.get(kind, 0)}"
        for kind, count in manifest["summary"].items()
        if found.get(kind) != count
    ]
    if problems:
        fail("checkpoint after observability\n  " + "\n  ".join(problems))
    write_json("checkpoints/observability.json", {"checkpoint": "observability", "passed": sorted(found)})


if __name__ == "__main__":
    begin("7c-checkpoint")
    main()
