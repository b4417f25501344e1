"""The nearest Wavefile of a folder: in it, or above it as far as may be looked.

It does not know what is written in one, nor what is said where there is none; it imports nothing,
as a build with nothing to do begins here.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

WAVEFILE_NAMES = ("Wavefile", "Wavefile.yaml", "Wavefile.yml")


def trusted_owners(start: str) -> tuple[int, ...]:
    """Whose folders may be looked into above this one: root's, ours, and those of whom it belongs to."""
    return (0, os.geteuid(), os.stat(start).st_uid)


def search(start: str, trusted: Collection[int]) -> tuple[str, str]:
    """The Wavefile of a folder or of one above it, as far as these owners' folders and this file system reach.

    "" if there is none, and why the search ended early. Raises OSError where it cannot look.
    """
    folder, status = start, os.stat(start)
    while True:
        if found := _wavefile_in(folder, trusted if folder != start else None):
            return found, ""
        above = os.path.dirname(folder)
        if above == folder:
            return "", ""
        status_above = os.stat(above)
        if why := _border(above, status, status_above, trusted):
            return "", why
        folder, status = above, status_above


def folders_above(start: str) -> Iterator[str]:
    """The folders above one, as far as its owner's folders and its file system reach."""
    try:
        trusted = trusted_owners(start)
        folder, status = start, os.stat(start)
        while (above := os.path.dirname(folder)) != folder:
            status_above = os.stat(above)
            if _border(above, status, status_above, trusted):
                return
            yield above
            folder, status = above, status_above
    except OSError:
        return


def _border(above: str, status: os.stat_result, status_above: os.stat_result, trusted: Collection[int]) -> str:
    """Why it goes no further up; "" if it does. Whoever can write above us must not decide what we run."""
    if status_above.st_uid not in trusted:
        return f"the search stopped below {above}, which belongs to someone else"
    if status_above.st_dev != status.st_dev:
        return f"the search stopped below {above}, which is another file system"
    return ""


def _wavefile_in(folder: str, trusted: Collection[int] | None) -> str:
    """A Wavefile in a folder; above the start only one of a trusted owner: anyone may write into /tmp."""
    for name in WAVEFILE_NAMES:
        path = os.path.join(folder, name)
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue
        if trusted is None or status.st_uid in trusted:
            return path
    return ""
