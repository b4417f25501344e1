"""The keyword router: which space should answer a question?

A space knows the words of its subjects, measures and dimensions, and the synonyms that step 6b has learned. A word
counts for more the fewer spaces know it.
"""

import math

from pipeline.names import singular, words

STOP_WORDS = {
    "a", "all", "and", "are", "by", "did", "do", "each", "for", "from", "had", "has", "have", "highest", "how", "in",
    "is", "it", "last", "many", "me", "month", "number", "of", "per", "show", "that", "the", "there", "to", "was",
    "were", "what", "which", "with",
}  # fmt: skip
WEIGHTS = {"subjects": 3.0, "synonyms": 3.0, "measures": 2.0, "dimensions": 1.0}


def tokens(text):
    return sorted({singular(word) for word in words(text)} - STOP_WORDS)


class Router:
    def __init__(self, spaces):
        self.known = {space["name"]: self.vocabulary(space["terms"]) for space in spaces}
        self.spread = {}
        for vocabulary in self.known.values():
            for token in vocabulary:
                self.spread[token] = self.spread.get(token, 0) + 1

    @staticmethod
    def vocabulary(terms):
        """Each word of a space with its greatest weight."""
        weights = {}
        for kind, weight in WEIGHTS.items():
            for token in terms.get(kind, []):
                weights[token] = max(weight, weights.get(token, 0))
        return weights

    def scores(self, question):
        known = [token for token in tokens(question) if token in self.spread]
        rarity = {token: math.log(1 + len(self.known) / self.spread[token]) for token in known}
        return {
            name: round(sum(rarity[token] * weights[token] for token in rarity if token in weights), 6)
            for name, weights in self.known.items()
        }

    def route(self, question):
        """The name of the best space; None if no word is known. Of equals the first by name."""
        scores = self.scores(question)
        best = min(scores, key=lambda name: (-scores[name], name))
        return best if scores[best] > 0 else None

    def accuracy(self, questions):
        """The share of (question, space) pairs that are routed as expected."""
        right = sum(self.route(question) == space for question, space in questions)
        return round(right / len(questions), 4) if questions else 1.0
