"""Writes examples with their right answers, worked out by the requirements and not by any program."""

import json
from decimal import ROUND_HALF_UP, Decimal

BASKETS = {
    "sum": [[["1.50", 2]], [["2.00", 1], ["3.25", 3]], []],
    "bulk": [[["1.00", 9]], [["1.00", 10]], [["2.00", 11], ["1.00", 1]]],
    "off": [[["100.00", 1]], [["100.01", 1]], [["60.00", 1], ["60.00", 1]]],
    "round": [[["0.05", 11]], [["0.25", 10]], [["0.333", 1]]],
}


def price(basket: list, rules: dict[str, list[int]]) -> str:
    total = Decimal(0)
    for each, amount in basket:
        part = Decimal(each) * amount
        if "bulk" in rules and amount >= rules["bulk"][0]:
            part -= part * rules["bulk"][1] / 100
        total += part
    if "off" in rules and total > rules["off"][0]:
        total -= rules["off"][1]
    return str(total.quantize(Decimal("0.01"), ROUND_HALF_UP)) if "round" in rules else str(total)


def write(inputs: list[str], outputs: list[str], prompt: str) -> None:
    assert inputs[0] in prompt
    with open(inputs[0], encoding="utf-8") as file:
        requirements = json.load(file)
    rules = {one["kind"]: one["numbers"] for one in requirements}
    cases = [
        {"of": one["id"], "basket": basket, "price": price(basket, rules)}
        for one in requirements
        for basket in BASKETS[one["kind"]]
    ]
    with open(outputs[0], "w", encoding="utf-8") as file:
        json.dump(cases, file, indent=1)
