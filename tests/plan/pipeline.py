"""The design-first pipeline of 14 steps with its hours, as a value.

It does not know the programs behind the steps.
"""

from __future__ import annotations

from tests.graph.declared import graph, hours, step
from wavebuild.graph import Graph

AFTER_6B = "semantic_optimized/genie_spaces.json"


def pipeline(spaces: str = "semantic/genie_spaces.json") -> Graph:
    """``spaces``: which file of Genie spaces the agents read: that of step 6, or the tuned one of 6b."""
    manifests = "plans/manifests/"
    csv, design = "context/Wanderbricks_Schema.csv", "gold_layer_design/yaml/"
    bronze, silver, gold = "bronze/bronze.sqlite", "silver/silver.sqlite", "gold/gold.sqlite"
    return graph(
        step("0", [], [csv]),
        step("1", [csv], [design, "gold_layer_design/erd_master.md"], estimate=hours(2, 3), title="Gold Layer Design"),
        step("2", [csv], [bronze], estimate=hours(2, 3)),
        step("3", [bronze, "config/dq_rules.yaml"], [silver], estimate=hours(2, 4)),
        step("4", [design, silver], [gold], estimate=hours(3, 4)),
        step("4a", [design, bronze, silver, gold], ["checkpoints/gold.json"], estimate=hours(0, 0)),
        step(
            "5",
            [design, gold, "checkpoints/gold.json"],
            [manifests + "*.yaml", "plans/use-case-catalog.md"],
            estimate=hours(2, 4),
        ),
        step(
            "6",
            [manifests + "semantic-layer-manifest.yaml", gold],
            ["semantic/metric_views/*.yaml", "semantic/tvfs/*.sql", "semantic/genie_spaces.json"],
            estimate=hours(3, 5),
        ),
        step("6c", ["semantic/", gold], ["checkpoints/semantic.json"], estimate=hours(0, 0)),
        step(
            "7",
            [manifests + "observability-manifest.yaml", gold],
            ["observability/profile.json", "observability/dashboard.html"],
            estimate=hours(3, 5),
        ),
        step("7c", ["observability/"], ["checkpoints/observability.json"], estimate=hours(0, 0)),
        step("8", [manifests + "ml-manifest.yaml", gold], ["ml/model.json"], estimate=hours(6, 12)),
        step(
            "6b",
            ["semantic/", "checkpoints/semantic.json", "config/pipeline.yaml#genie"],
            [AFTER_6B, "semantic_optimized/report.json"],
            estimate=hours(2, 3),
        ),
        step(
            "9",
            [manifests + "genai-agents-manifest.yaml", spaces, "checkpoints/semantic.json"],
            ["agents/routing.json"],
            estimate=hours(8, 16),
        ),
    )
