"""Writes a report: every requirement with its tests. Usage: reporter.py REQUIREMENTS TESTS PROGRAM"""

import json
import sys


def main(requirements: str, tests: str, program: str) -> None:
    with open(requirements, encoding="utf-8") as file:
        found = json.load(file)
    with open(tests, encoding="utf-8") as file:
        cases = json.load(file)
    with open(program, encoding="utf-8") as file:
        lines = file.read().splitlines()
    print(f"# The till: {len(found)} requirements, {len(cases)} tests, {len(lines)} lines\n")
    for one in found:
        print(f"- {one['id']} ({sum(case['of'] == one['id'] for case in cases)} tests): {one['words']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
