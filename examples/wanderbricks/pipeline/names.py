"""What the name of a table or a column tells: its words, and whether it is money, a place, a title."""

import re

AMOUNTS = {"amount", "balance", "cost", "discount", "fare", "fee", "fine", "price", "revenue", "salary", "tax", "total"}
AVERAGES = {"age", "duration", "price", "percent", "rate", "rating", "score", "share"}  # sums of these mean nothing
POSITIONS = {"latitude", "lat", "longitude", "lon", "lng", "sequence", "position", "rank", "year", "zip"}
FREE_TEXT = {
    "address", "body", "comment", "description", "email", "hash", "message", "name", "note", "notes", "phone",
    "session", "summary", "text", "title", "token", "url", "uuid",
}  # fmt: skip
KEY_ENDINGS = ("id", "code", "key", "no", "number", "uuid")
LABELS = {"name", "title", "label", "full_name", "first_name", "last_name", "display_name"}


def words(name):
    """The words of a name: `checkIn_date` gives check, in, date."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]


def singulars(name):
    """The forms that the singular of a table name may have; the likeliest first."""
    forms = []
    if name.endswith("ies"):
        forms.append(name[:-3] + "y")
    if re.search(r"(s|x|z|ch|sh)es$", name):
        forms.append(name[:-2])
    if name.endswith("s") and not name.endswith(("ss", "us")):
        forms.append(name[:-1])
    return [*forms, name]


def singular(name):
    return singulars(name)[0]


def is_amount(name):
    return bool(AMOUNTS & set(words(name)))


def is_average(name):
    return bool(AVERAGES & set(words(name)))


def is_position(name):
    return bool(POSITIONS & set(words(name)))


def is_free_text(name):
    return bool(FREE_TEXT & set(words(name)))


def is_identifier(name):
    return bool(words(name)) and words(name)[-1] in KEY_ENDINGS


def readable(name):
    return " ".join(words(name))
