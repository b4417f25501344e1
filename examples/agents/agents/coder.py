"""Writes the program: the least first, then what a review shows to be missing. Usage: coder.py REQUIREMENTS PROGRAM

It learns of the review as any agent does: $WAVEBUILD_FEEDBACK names it, $WAVEBUILD_PREVIOUS holds the rejected draft.
"""

import json
import os
import re
import sys

HEAD = '''"""The price of a basket: pairs of price and amount."""

from decimal import ROUND_HALF_UP, Decimal


def price(basket):
    total = Decimal(0)
    for each, amount in basket:
        part = Decimal(each) * amount
'''
PARTS = {
    "bulk": "        if amount >= {0}:\n            part -= part * {1} / 100\n",
    "sum": "        total += part\n",
    "off": "    if total > {0}:\n        total -= {1}\n",
    "round": '    total = total.quantize(Decimal("0.01"), ROUND_HALF_UP)\n',
}


def wanted() -> set[str]:
    """The requirements to be met: those of the last draft, and those that its review names."""
    review = os.environ.get("WAVEBUILD_FEEDBACK")
    if review is None:
        return {"R1"}
    with open(review, encoding="utf-8") as file:
        named = {word for issue in json.load(file)["critical_issues"] for word in re.findall(r"R\d+", issue)}
    with open(os.path.join(os.environ["WAVEBUILD_PREVIOUS"], sys.argv[2]), encoding="utf-8") as file:
        return named | set(re.findall(r"# meets: (.*)", file.read())[0].split())


def main(requirements: str, program: str) -> None:
    meets = wanted()
    with open(requirements, encoding="utf-8") as file:
        rules = {one["kind"]: one for one in json.load(file)}
    text = HEAD
    for kind, part in PARTS.items():
        if kind in rules and rules[kind]["id"] in meets:
            text += part.format(*rules[kind]["numbers"])
    text += f"    return total\n\n\n# meets: {' '.join(sorted(meets))}\n"
    with open(program, "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.environ["WAVEBUILD_MEM_OUT"], "w", encoding="utf-8") as file:
        json.dump({"size": len(text.splitlines())}, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
