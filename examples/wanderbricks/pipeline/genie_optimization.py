"""Step 6b: teach the spaces how people talk.

Reads   semantic/, checkpoints/semantic.json, config/phrases.yaml, config/pipeline.yaml (genie)
Writes  semantic_optimized/genie_spaces.json, semantic_optimized/report.json

Questions are made with the phrases that users prefer. A part of them is kept apart and never learned from; the report
tells how well both parts are understood before and after, whatever comes out. In each iteration the words of
misunderstood training questions become synonyms of the space that should have answered; the spaces of the best
iteration are kept. It ends at the target, after `max_iterations`, or when nothing has been gained for a while.
"""

import copy
import glob
import zlib

from pipeline.files import fail, read_json, read_yaml, write_json
from pipeline.questions import questions_about
from pipeline.router import Router, tokens
from pipeline.start import begin

LEARNED_AT_ONCE = 1  # synonyms for each space in one iteration


def main():
    if not read_json("checkpoints/semantic.json")["passed"]:
        fail("checkpoints/semantic.json holds no passed check")
    settings = read_yaml("config/pipeline.yaml")["genie"]
    spaces = read_json("semantic/genie_spaces.json")["spaces"]
    training, held_out = split(make_questions(spaces, read_yaml("config/phrases.yaml")), settings["holdout"])
    best, iterations, stopped = optimize(spaces, training, settings)
    report = {
        "questions": {"training": len(training), "held_out": len(held_out)},
        "before": accuracies(spaces, training, held_out),
        "after": accuracies(best, training, held_out),
        "iterations": iterations,
        "stopped": stopped,
        "target": settings["target"],
    }
    write_json("semantic_optimized/genie_spaces.json", {"spaces": best})
    write_json("semantic_optimized/report.json", report)


def make_questions(spaces, phrases):
    space_of = {view: space["name"] for space in spaces for view in space["metric_views"]}
    views = []
    for path in sorted(glob.glob("semantic/metric_views/*.yaml")):
        view = read_yaml(path)
        measures = [name.split("_", 1)[1] for name in view["measures"] if name != f"{view['subject']}_count"]
        views.append(
            {
                "name": view["name"],
                "subject": view["subject"],
                "space": space_of[view["name"]],
                "measures": measures,
                "dimensions": list(view["dimensions"]),
            }
        )
    return questions_about(views, phrases)


def split(questions, share):
    """By the text of the question, so that a new question moves no other one."""
    training, held_out = [], []
    for question, space in questions:
        apart = zlib.crc32(question.encode()) % 1000 < share * 1000
        (held_out if apart else training).append((question, space))
    return training, held_out


def accuracies(spaces, training, held_out):
    router = Router(spaces)
    return {"training": router.accuracy(training), "held_out": router.accuracy(held_out)}


def optimize(spaces, training, settings):
    """The best spaces by the training questions alone, the accuracy of each iteration, and why it ended."""
    best, current = spaces, copy.deepcopy(spaces)
    best_accuracy = Router(spaces).accuracy(training)
    iterations = []
    since_gain = 0
    while best_accuracy < settings["target"] and len(iterations) < settings["max_iterations"]:
        learned = learn(current, training)
        accuracy = Router(current).accuracy(training)
        iterations.append({"iteration": len(iterations) + 1, "training": accuracy, "learned": learned})
        since_gain += 1
        if accuracy > best_accuracy:
            best, best_accuracy, since_gain = copy.deepcopy(current), accuracy, 0
        if since_gain >= settings["plateau"]:
            return best, iterations, "plateau"
    return best, iterations, "target" if best_accuracy >= settings["target"] else "max_iterations"


def learn(spaces, training):
    """Give each space the words that misunderstood questions for it use and that point to no other space as much."""
    router = Router(spaces)
    seen = {}
    for question, expected in training:
        if router.route(question) != expected:
            for token in tokens(question):
                seen.setdefault(token, {}).setdefault(expected, 0)
                seen[token][expected] += 1
    learned = {}
    for space in spaces:
        name, own = space["name"], space["terms"]
        gains = [
            (2 * counts[name] - sum(counts.values()), token)
            for token, counts in seen.items()
            if name in counts and token not in router.known[name]
        ]
        chosen = sorted(gains, key=lambda gain: (-gain[0], gain[1]))[:LEARNED_AT_ONCE]
        learned[name] = sorted(token for gain, token in chosen if gain > 0)
        own["synonyms"] = sorted({*own["synonyms"], *learned[name]})
    return learned


if __name__ == "__main__":
    begin("6b-genie-optimization")
    main()
