"""Judges a text: does it speak of every requirement? Usage: reader.py REQUIREMENTS … TEXT"""

import json
import sys


def main(requirements: str, text: str) -> None:
    with open(requirements, encoding="utf-8") as file:
        wanted = [one["id"] for one in json.load(file)]
    with open(text, encoding="utf-8") as file:
        said = file.read()
    missing = [name for name in wanted if name not in said]
    review = {
        "score": 1 - len(missing) / len(wanted),
        "approved": not missing,
        "critical_issues": [f"{name} is not spoken of" for name in missing],
        "suggestions": [],
        "summary": f"{len(wanted) - len(missing)} of {len(wanted)} requirements are there",
    }
    print(json.dumps(review))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[-1])
