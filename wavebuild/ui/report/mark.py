"""By what a file is known as a report of ours.

It does not know what else stands in it.
"""

from __future__ import annotations

MARK = '<meta name="generator" content="wavebuild report">'
HEAD = 512
"""Bytes at the beginning of the file among which the mark stands."""


def is_report(head: bytes) -> bool:
    """Whether a file that begins so is a report of ours."""
    return MARK.encode() in head[:HEAD]
