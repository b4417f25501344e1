"""Puts into a private folder what a step may read: copies, links, rows of tables.

It does not know why just these, nor what runs there. A copy shares its bytes with the original while
neither is written to, where the file system can do that; never does it share the file.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence

from wavebuild import disk
from wavebuild.declare.tables import read_table
from wavebuild.errors import WavebuildError
from wavebuild.run.job import Excerpt, Furniture

LARGEST_TABLE = 1 << 28
"""Bytes of a table of which only some rows are taken."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def furnish(furniture: Furniture, pause: Callable[[], None]) -> None:
    """Fills the folder. Raises OSError; and what ``pause`` raises, which is called now and then."""
    for folder in furniture.folders:
        disk.make_folder(folder)
    made: set[str] = set()
    for source, target in furniture.copies:
        pause()
        _make_folder_of(target, made)
        disk.remove(target)  # rows of it, which were enough for the action
        disk.replicate(source, target, pause)
    for path, text in furniture.links:
        _make_folder_of(path, made)
        os.symlink(text, path)
    for excerpt in furniture.excerpts:
        pause()
        _make_folder_of(excerpt.target, made)
        _take_rows(excerpt)


def _make_folder_of(path: str, made: set[str]) -> None:
    folder = os.path.dirname(path)
    if folder not in made:
        disk.make_folder(folder)
        made.add(folder)


def _take_rows(excerpt: Excerpt) -> None:
    """The header and the wanted rows, in their order; a cell that no part asks for is empty."""
    try:
        data = disk.read_regular(excerpt.source, LARGEST_TABLE)
        header, rows = read_table(data, excerpt.source, excerpt.delimiter)
    except WavebuildError as error:
        raise OSError(None, "; ".join(problem.message for problem in error.problems)) from None
    parts = [
        (_places(wanted, header), frozenset(header if chosen is None else chosen)) for wanted, chosen in excerpt.parts
    ]
    shown = [at for at, name in enumerate(header) if any(name in chosen for _, chosen in parts)]
    text = io.StringIO()
    ending = "\r\n" if b"\r\n" in data[: data.find(b"\n") + 1] else "\n"
    table = csv.writer(text, delimiter=excerpt.delimiter, lineterminator=ending)
    table.writerow([header[at] for at in shown])
    for row in rows:
        asked = [chosen for wanted, chosen in parts if all(row[at] == value for at, value in wanted)]
        if asked:
            table.writerow([row[at] if any(header[at] in chosen for chosen in asked) else "" for at in shown])
    mark = BYTE_ORDER_MARK if data.startswith(BYTE_ORDER_MARK) else b""
    disk.write(excerpt.target, mark + text.getvalue().encode())


def _places(wanted: Sequence[tuple[str, str]], header: Sequence[str]) -> list[tuple[int, str]]:
    """The wanted values by the number of their column; it had these columns when the step was judged."""
    return [(header.index(column), value) for column, value in wanted if column in header]
