"""Reading the files that count.py has written."""


def read_counts(path):
    """The words of one text with their counts, in the order of the file."""
    with open(path, encoding="utf-8") as file:
        return [(word, int(count)) for count, word in (line.rstrip("\n").split("\t") for line in file)]
