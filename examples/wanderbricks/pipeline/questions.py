"""Questions as users ask them, made from the words of a table and of its measures.

Some use the words of the schema, some say it in other words (config/phrases.yaml). With each question comes the
space that should answer it.
"""

from pipeline.names import readable, singular, words

PATTERNS = (
    "What is the {measure} of {subject} by {dimension}?",
    "How many {subject} were there by {dimension} last month?",
    "Show the {measure} for {subject} per month",
    "Which {dimension} has the highest {measure} of {subject}?",
)


def questions_about(views, phrases):
    """Tuples (question, space): each pattern once in the schema's words and once for every way to rephrase it."""
    asked = {}
    for view in sorted(views, key=lambda view: view["name"]):
        for number, (measure, dimension) in enumerate(pairs(view)):
            pattern = PATTERNS[number % len(PATTERNS)]
            for subject in rephrased(view["subject"], phrases):
                question = pattern.format(measure=readable(measure), subject=subject, dimension=readable(dimension))
                asked.setdefault(question, view["space"])
    return sorted(asked.items())


def pairs(view):
    """Measures with dimensions of the same table; every measure and every dimension occurs."""
    measures, dimensions = view["measures"] or ["number"], view["dimensions"] or ["month"]
    for number in range(max(len(measures), len(dimensions), len(PATTERNS))):
        yield measures[number % len(measures)], dimensions[number % len(dimensions)]


def rephrased(subject, phrases):
    """The subject as it stands, then with one of its words said differently, then with all of them."""
    parts = words(subject)
    choices = [[like(part, phrase) for phrase in phrases.get(singular(part), phrases.get(part, []))] for part in parts]
    found = [" ".join(parts)]
    for place, others in enumerate(choices):
        found += [" ".join([*parts[:place], other, *parts[place + 1 :]]) for other in others]
    if len(parts) > 1 and all(choices):
        found.append(" ".join(others[0] for others in choices))
    return found


def like(part, phrase):
    """The phrase in the plural, if the word is."""
    return phrase if part == singular(part) or phrase.endswith(("s", "ty", "ur")) else phrase + "s"
