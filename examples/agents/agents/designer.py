"""Writes a design: a part for each requirement, in the order in which they apply. Usage: designer.py REQUIREMENTS"""

import json
import sys

ORDER = ("sum", "bulk", "off", "round")


def main(requirements: str) -> None:
    with open(requirements, encoding="utf-8") as file:
        found = json.load(file)
    found.sort(key=lambda one: ORDER.index(one["kind"]))
    print("# Design\n")
    for at, one in enumerate(found, 1):
        print(f"{at}. `{one['kind']}` ({one['id']}): {one['words']}")


if __name__ == "__main__":
    main(sys.argv[1])
