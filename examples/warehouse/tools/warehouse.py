"""The database, and what a model refers to."""

from __future__ import annotations

import os
import re
import sqlite3

_REF = re.compile(r"\bref\('(?P<name>\w+)'\)")


def opened() -> sqlite3.Connection:
    """A connection that waits for its turn; transactions begin and end where they are said to."""
    return sqlite3.connect(os.environ["WAREHOUSE"], timeout=60, isolation_level=None)


def refs(sql: str) -> list[str]:
    return sorted({found["name"] for found in _REF.finditer(sql)})


def compiled(sql: str) -> str:
    """The SQL with the tables in the places of the refs."""
    return _REF.sub(lambda found: f'"{found["name"]}"', sql)
