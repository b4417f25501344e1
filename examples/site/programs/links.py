"""Fail when a link of a page leads to no file.

python programs/links.py PAGE
"""

import html
import pathlib
import re
import sys


def main(page):
    page = pathlib.Path(page)
    links = [html.unescape(link) for link in re.findall('href="([^"]*)"', page.read_text(encoding="utf-8"))]
    lost = [link for link in links if not (page.parent / link).is_file()]
    sys.exit("links that lead nowhere: " + ", ".join(lost) if lost else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
