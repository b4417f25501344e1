"""A page from a text: the first line is its title, an empty line ends a paragraph.

python programs/page.py TEXT OUTPUT
"""

import html
import pathlib
import sys


def main(text, output):
    title, _, body = pathlib.Path(text).read_text(encoding="utf-8").partition("\n")
    paragraphs = [html.escape(" ".join(part.split())) for part in body.split("\n\n") if part.strip()]
    lines = ["<!doctype html>", f"<title>{html.escape(title)}</title>", f"<h1>{html.escape(title)}</h1>"]
    lines += [f"<p>{paragraph}</p>" for paragraph in paragraphs]
    pathlib.Path(output).write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
