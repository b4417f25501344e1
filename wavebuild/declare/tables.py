"""CSV files as a header and rows of texts.

It does not know which rows or columns count.
"""

from __future__ import annotations

import io
import sys

from wavebuild.errors import Place, mistake


def read_table(data: bytes, file: str, delimiter: str = ",") -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file (RFC 4180, a byte order mark is allowed); ``file`` is how messages call it.

    Raises WavebuildError where it is no table.
    """
    import csv

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise mistake("not-utf-8", f"{file} is not UTF-8 at byte {error.start}", Place(file)) from None
    csv.field_size_limit(sys.maxsize)  # a cell may hold a whole document
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        table = [row for row in reader if row]
    except csv.Error as error:
        raise mistake("bad-csv", f"{file} is not a table: {error}", Place(file, reader.line_num, 1)) from None
    if not table:
        return [], []
    header, rows = table[0], table[1:]
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise mistake(
                "bad-csv", f"{file}: row {number} has {len(row)} fields, the header has {len(header)}", Place(file)
            )
    return header, rows
