"""Step 8: train and judge the planned model.

Reads   plans/manifests/ml-manifest.yaml, gold/gold.sqlite
Writes  ml/model.json, ml/metrics.json, ml/predictions.csv

A logistic regression by stochastic gradient descent. The hash of its key decides whether a row is learned from or
kept for the test, so a row never changes sides. With `--shuffle-labels` the labels are dealt out at random: a model
that is then still better than chance would be looking at its own answers.
"""

import math
import random
import sys
import zlib

from pipeline.files import open_database, quote, read_yaml, write_csv, write_json
from pipeline.start import begin


def main(shuffle=False):
    manifest = read_yaml("plans/manifests/ml-manifest.yaml")
    gold = open_database("gold/gold.sqlite")
    models, metrics, predictions = [], [], []
    for plan in manifest["models"]:
        keys, labels, columns = load(gold, plan, manifest["features"])
        if shuffle:
            random.Random(plan["name"]).shuffle(labels)
        tested = [zlib.crc32(key.encode()) % 1000 < plan["holdout"] * 1000 for key in keys]
        names, rows, scales = encode(manifest["features"], columns, tested)
        bias, weights = train(plan, rows, labels, tested, len(names))
        scores = [round(probability(bias, weights, row), 6) for row in rows]
        test = [(score, label) for score, label, apart in zip(scores, labels, tested, strict=True) if apart]
        listed = {name: round(weight, 6) for name, weight in zip(names, weights, strict=True)}
        models.append({"name": plan["name"], "bias": round(bias, 6), "weights": listed, "scales": scales})
        metrics.append({"name": plan["name"], "auc": area_under_curve(test), **shares(labels, test)})
        predictions += [(plan["name"], *row) for row in zip(keys, labels, scores, strict=True)]
    write_json("ml/model.json", {"models": models})
    write_json("ml/metrics.json", {"models": metrics, "threshold": manifest["threshold"]})
    write_csv("ml/predictions.csv", ["model", "key", "label", "score"], predictions)


def load(gold, plan, features):
    """Keys, labels and one list for each feature; rows without a label are left out."""
    joins, values = {}, []
    for feature in features:
        alias = quote(f"by {feature['via']}") if feature["via"] else "f"
        if feature["via"]:
            key = f"{alias}.{quote(feature['key'])}"
            joins[alias] = f"LEFT JOIN {quote(feature['table'])} AS {alias} ON {key} = f.{quote(feature['via'])}"
        values.append(f"{alias}.{quote(feature['column'])}")
    label = f"f.{quote(plan['label']['column'])}"
    key = " || '/' || ".join(f"f.{quote(column)}" for column in plan["key"])
    order = ", ".join(f"f.{quote(column)}" for column in plan["key"])
    if "equals" in plan["label"]:
        test, parameters = f"{label} = ?", (plan["label"]["equals"],)
    else:
        test, parameters = f"{label} > (SELECT AVG({label}) FROM {quote(plan['table'])} AS f)", ()
    rows = gold.execute(
        f"SELECT CAST({key} AS TEXT), {test}, {', '.join(values)} FROM {quote(plan['table'])} AS f "
        f"{' '.join(joins.values())} WHERE {label} IS NOT NULL ORDER BY {order}",
        parameters,
    ).fetchall()
    keys, labels, *columns = map(list, zip(*rows, strict=True))
    return keys, labels, columns


def encode(features, columns, tested):
    """Rows as lists of (position, value): numbers in standard deviations, one position for each category."""
    names, scales = [], {}
    rows = [[] for _ in tested]
    for feature, values in zip(features, columns, strict=True):
        learned = [value for value, apart in zip(values, tested, strict=True) if not apart and value is not None]
        if feature["kind"] == "number":
            mean = math.fsum(learned) / max(1, len(learned))
            spread = math.sqrt(math.fsum((value - mean) ** 2 for value in learned) / max(1, len(learned))) or 1.0
            scales[feature["name"]] = {"mean": round(mean, 6), "spread": round(spread, 6)}
            for row, value in zip(rows, values, strict=True):
                if value is not None:
                    row.append((len(names), (value - mean) / spread))
            names.append(feature["name"])
        else:
            position = {value: len(names) + number for number, value in enumerate(sorted(set(learned), key=str))}
            for row, value in zip(rows, values, strict=True):
                if value in position:
                    row.append((position[value], 1.0))
            names += [f"{feature['name']}={value}" for value in position]
    return names, rows, scales


def probability(bias, weights, row):
    total = bias
    for position, value in row:
        total += weights[position] * value
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def train(plan, rows, labels, tested, size):
    """Several passes over the training rows in a fixed shuffled order; each pass takes smaller steps."""
    learned = [index for index, apart in enumerate(tested) if not apart]
    random.Random(plan["name"]).shuffle(learned)
    bias, weights = 0.0, [0.0] * size
    for epoch in range(plan["epochs"]):
        rate = plan["learning_rate"] / (1 + epoch)
        for index in learned:
            row = rows[index]
            step = rate * (labels[index] - probability(bias, weights, row))
            bias += step
            for position, value in row:
                weights[position] += step * value
    return bias, weights


def area_under_curve(test):
    """The chance that a positive row scores higher than a negative one; equal scores count half."""
    ordered = sorted(test)
    positives = sum(label for _, label in ordered)
    negatives = len(ordered) - positives
    if not positives or not negatives:
        return 0.5
    rank_sum, start = 0.0, 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and ordered[end][0] == ordered[start][0]:
            end += 1
        rank_sum += (start + 1 + end) / 2 * sum(label for _, label in ordered[start:end])
        start = end
    return round((rank_sum - positives * (positives + 1) / 2) / (positives * negatives), 4)


def shares(labels, test):
    right = sum((score >= 0.5) == bool(label) for score, label in test)
    return {
        "rows": len(labels),
        "tested": len(test),
        "positive_share": round(sum(labels) / len(labels), 4),
        "accuracy": round(right / max(1, len(test)), 4),
    }


if __name__ == "__main__":
    begin("8-ml")
    main(shuffle="--shuffle-labels" in sys.argv)
