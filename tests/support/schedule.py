"""Which tests are run by one process: those of a file that makes something once for all of them.

It does not know the tests. By marks it cannot be told: xdist appends a mark to a test's name, which pytest 9.2 ignores.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

FOLDER = Path(__file__).resolve().parents[2]
TOGETHER = ('scope="module"', "pytest.mark.xdist_group")


def scheduler(config: object, log: object) -> object:
    """Hands tests out one by one, but those that stay together at once, and these first."""
    made = LoadScopeScheduling(config, log)
    made._split_scope = unit
    return made


def unit(nodeid: str) -> str:
    """What is handed out as a whole with a test: its file, or the test alone."""
    file = nodeid.partition("::")[0]
    return file if stays_together(file) else nodeid


@cache
def stays_together(file: str) -> bool:
    text = (FOLDER / file).read_text(encoding="utf-8")
    return any(sign in text for sign in TOGETHER)
