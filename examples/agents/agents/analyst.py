"""Reads a brief, and writes its requirements as JSON. Usage: analyst.py BRIEF < PROMPT"""

import json
import re
import sys

LINE = re.compile(r"- (R\d+) (\w+)((?: \d+)*): (.+)")


def main(brief: str) -> None:
    prompt = sys.stdin.read()
    assert brief in prompt, "the prompt speaks of another brief"
    with open(brief, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if line.startswith("- R")]
    found = []
    for line in lines:
        match = LINE.fullmatch(line)
        if match is None:
            sys.exit(f"cannot read the requirement {line!r}")
        number, kind, numbers, words = match.groups()
        found.append({"id": number, "kind": kind, "numbers": [int(one) for one in numbers.split()], "words": words})
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(sys.argv[1])
