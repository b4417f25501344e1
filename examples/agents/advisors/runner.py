"""Judges the program by its tests: the score is how many of them pass."""

import json
import runpy
from decimal import Decimal


def judge(inputs: list[str], outputs: list[str]) -> dict[str, object]:
    with open(next(path for path in inputs if path.endswith("tests.json")), encoding="utf-8") as file:
        cases = json.load(file)
    price = runpy.run_path(outputs[0])["price"]
    failed = [case for case in cases if Decimal(price(case["basket"])) != Decimal(case["price"])]
    issues = {case["of"]: case for case in failed}
    return {
        "score": 1 - len(failed) / len(cases),
        "approved": True,
        "critical_issues": [
            f"{name}: the price of {case['basket']} is {case['price']}" for name, case in sorted(issues.items())
        ],
        "suggestions": ["add what these requirements ask for"] if failed else [],
        "summary": f"{len(cases) - len(failed)} of {len(cases)} tests pass",
    }
