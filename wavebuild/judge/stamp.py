"""Stamps: cheap evidence that a file need not be read again.

It does not know what is in a file. A stamp has no order: it is equal or it is not.
"""

from __future__ import annotations

import os
import stat as st

from wavebuild import disk

Stamp = tuple[int, ...]
"""(device, inode, size, mtime_ns, ctime_ns); of a link, those five of itself and then of what it leads to."""

NOWHERE: Stamp = ()
"""The stamp of a path where nothing stands."""

LEADS_NOWHERE: Stamp = (0, 0, 0, 0, 0)
"""The second half of the stamp of a link that leads to nothing."""

LARGEST_INODE = 0x7FFF_FFFF_FFFF_FFFF
"""As wide as a database's whole numbers."""

TICK = 20_000_000
COARSE_TICK = 2_000_000_000


def stamp_of(status: os.stat_result) -> Stamp:
    inode = status.st_ino & LARGEST_INODE
    return (status.st_dev, inode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def stamp(path: str) -> Stamp:
    """The stamp of an absolute path. Raises OSError where the system does not let us look."""
    status = disk.look(path)
    if status is None:
        return NOWHERE
    if not st.S_ISLNK(status.st_mode):
        return stamp_of(status)
    beyond = disk.look_through(path)
    return stamp_of(status) + (stamp_of(beyond) if beyond else LEADS_NOWHERE)


def trusted(stamp: Stamp, now: int) -> bool:
    """Whether a stamp taken at ``now`` (ns of the system's clock) proves that later bytes are the same.

    A file changed again within one tick of the file system's clock may keep its stamp: git's
    racy index. A clock without fractions is taken for a coarse one (FAT, some network disks).
    A time in the future is never trusted: the file is read again, nothing else.
    """
    for changed in stamp[4::5]:
        tick = TICK if changed % 1_000_000_000 else COARSE_TICK
        if changed > now - tick:
            return False
    return True
