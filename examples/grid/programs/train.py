"""Train a logistic regression by gradient descent, and test it.

python programs/train.py TRAIN TEST PARAMS LEARNING_RATE SEED MODEL METRICS
"""

import json
import math
import random
import sys

import params


def points(path):
    with open(path, encoding="utf-8") as lines:
        return [tuple(map(float, line.split(","))) for line in list(lines)[1:]]


def chance(weights, x, y):
    return 1 / (1 + math.exp(-(weights[0] * x + weights[1] * y + weights[2])))


def main(train, test, source, rate, seed, model, metrics):
    rng = random.Random(int(seed))
    weights = [rng.gauss(0, 1) for _ in range(3)]
    rows = points(train)
    for _ in range(int(params.read(source, "train")["epochs"])):
        rng.shuffle(rows)
        for x, y, label in rows:
            error = chance(weights, x, y) - label
            for at, value in enumerate((x, y, 1.0)):
                weights[at] -= float(rate) * error * value
    tested = points(test)
    right = sum((chance(weights, x, y) > 0.5) == bool(label) for x, y, label in tested)
    for path, found in (
        (model, {"weights": [round(weight, 6) for weight in weights]}),
        (metrics, {"lr": float(rate), "seed": int(seed), "accuracy": round(right / len(tested), 4)}),
    ):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
