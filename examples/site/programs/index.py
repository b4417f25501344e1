"""The first page: a link to each page and each photo.

python programs/index.py OUTPUT FILES...
"""

import html
import os
import pathlib
import re
import sys


def main(output, *files):
    lines = ["<!doctype html>", "<title>Index</title>", "<ul>"]
    for path in sorted(files):
        link = os.path.relpath(path, os.path.dirname(output))
        name = pathlib.Path(path).stem
        if path.endswith(".html"):
            name = html.unescape(re.search("<title>(.*)</title>", pathlib.Path(path).read_text(encoding="utf-8"))[1])
        lines.append(f'<li><a href="{html.escape(link)}">{html.escape(name)}</a></li>')
    pathlib.Path(output).write_text("\n".join([*lines, "</ul>", ""]), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
