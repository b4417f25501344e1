"""Count the words of one text.

    python programs/count.py TEXT COUNTS

Writes one line for each word, the most frequent first: the count, a tab, the word.
"""

import collections
import re
import sys


def count_words(text):
    return collections.Counter(re.findall(r"[a-z]+", text.lower()))


def main(text_file, counts_file):
    with open(text_file, encoding="utf-8") as file:
        counts = count_words(file.read())
    with open(counts_file, "w", encoding="utf-8", newline="\n") as file:
        for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            file.write(f"{count}\t{word}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
