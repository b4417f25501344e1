"""The gold design, read back from the YAML files of step 1."""

import glob

from pipeline.files import fail, read_yaml


def read_designs():
    """The designed tables by name; each after those it refers to, aggregates last."""
    found = [read_yaml(path) for path in sorted(glob.glob("gold_layer_design/yaml/*/*.yaml"))]
    if not found:
        fail("gold_layer_design/yaml/ holds no table")
    designs = {design["table"]: design for design in sorted(found, key=lambda design: design["table"])}
    ordered = {}

    def visit(design):
        for reference in design["foreign_keys"]:
            if reference["table"] not in ordered and reference["table"] != design["table"]:
                visit(designs[reference["table"]])
        ordered[design["table"]] = design

    order = ("calendar", "dimension", "bridge", "fact", "aggregate")
    for role in order:
        for design in designs.values():
            if design["role"] == role and design["table"] not in ordered:
                visit(design)
    return ordered


def columns_of_role(design, *roles):
    return [column["name"] for column in design["columns"] if column["role"] in roles]
