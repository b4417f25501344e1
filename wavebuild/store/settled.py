"""Evidence that all is fresh: the stamps of everything a build looked at, in columns.

It does not know steps or digests. While every stamp is as it was, the same question has the
same answer, and a build with nothing to do needs neither the Wavefile nor the state.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from array import array
from collections.abc import Iterable, Mapping

from msgspec import Struct

from wavebuild import disk

FORMAT = 2
Row = tuple[int, int, int, int, int]
NOTHING: Row = (0, 0, 0, 0, 0)


class Settled(Struct, frozen=True):
    """What was settled: the question, how many steps were fresh, and the caller's variables that were read."""

    question: str
    fresh: int
    env: Mapping[str, str | None]


def save(path: str, settled: Settled, stamps: Iterable[tuple[str, Row]]) -> None:
    """Writes the evidence; ``stamps``: absolute path and (device, inode, size, mtime_ns, ctime_ns), zeros: nothing."""
    rows = sorted(stamps)
    columns = array("q", [value for _, row in rows for value in row])
    head = json.dumps(
        {
            "format": FORMAT,
            "order": sys.byteorder,
            "question": _digest(settled.question),
            "fresh": settled.fresh,
            "env": {name: _digest(value) for name, value in settled.env.items()},
            "rows": len(rows),
        }
    ).encode()
    names = b"\0".join(os.fsencode(name) for name, _ in rows)
    body = b"%d %d\n" % (len(head), len(names)) + head + names + columns.tobytes()
    disk.write_atomic(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def still_settled(path: str, question: str, environ: Mapping[str, str]) -> int | None:
    """How many steps are fresh if all that was looked at is as it was and the question is the same; else None."""
    try:
        with open(path, "rb") as file:
            seal, _, body = file.read().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != seal:
            return None
        sizes, _, rest = body.partition(b"\n")
        head_size, names_size = (int(word) for word in sizes.split())
        head = json.loads(rest[:head_size])
    except (OSError, ValueError):
        return None
    if head["format"] != FORMAT or head["order"] != sys.byteorder or head["question"] != _digest(question):
        return None
    if any(_digest(environ.get(name)) != digest for name, digest in head["env"].items()):
        return None
    columns = array("q", rest[head_size + names_size :])
    names = os.fsdecode(rest[head_size : head_size + names_size]).split("\0") if head["rows"] else []
    return int(head["fresh"]) if _all_stand(names, columns) else None


def _digest(value: str | None) -> str | None:
    """What is kept of a variable, or of what was typed: it is the caller's own, and may be a secret."""
    return None if value is None else hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


def _all_stand(names: list[str], columns: array[int]) -> bool:
    """One pass over the stamps, with no object per file but what the system returns."""
    look, at = os.lstat, 0
    for name in names:
        try:
            now = look(name)
        except OSError:
            if columns[at + 1]:
                return False
            at += 5
            continue
        if (
            now.st_mtime_ns != columns[at + 3]
            or now.st_ctime_ns != columns[at + 4]
            or now.st_size != columns[at + 2]
            or now.st_ino != columns[at + 1]
            or now.st_dev != columns[at]
        ):
            return False
        at += 5
    return True


def forget(path: str) -> None:
    """What was settled is so no more."""
    with contextlib.suppress(OSError):
        disk.remove(path)


def row(status: os.stat_result | None) -> Row:
    if status is None:
        return NOTHING
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
