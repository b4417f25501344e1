"""On what kind of file system a folder lies, as Linux tells it; and whether that is one of a network.

It does not know what is kept there, and imports next to nothing: a build with nothing to do asks it.
"""

from __future__ import annotations

import os

MOUNTS = "/proc/self/mountinfo"

NETWORK = """
9p acfs afs beegfs ceph cifs coda davfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs pvfs2 smb3 smbfs
fuse.afp fuse.ceph fuse.ceph-fuse fuse.cephfs fuse.davfs2 fuse.gcsfuse fuse.glusterfs fuse.goofys fuse.juicefs
fuse.lustre fuse.rclone fuse.s3fs fuse.smbnetfs fuse.sshfs fuse.mfs fuse.moosefs
"""
"""File systems that other machines share: SQLite's log needs memory that all who use it share, and locks that hold."""

LOCAL = "bcachefs btrfs overlay tmpfs"
"""File systems without a disk of their own that this machine's kernel alone writes to."""


def network_of(folder: str) -> str:
    """The kind of network file system that a folder lies on; "" for a local one, or where nobody can tell."""
    kind = kind_of(folder)
    return kind if kind in NETWORK.split() else ""


def is_of_this_machine(folder: str) -> bool:
    """Whether nobody but this machine's kernel says what the times of files in a folder are."""
    return not may_be_network(folder) or kind_of(folder) in LOCAL.split()


def kind_of(folder: str) -> str:
    """The kind of file system that a folder, or the nearest one above it, lies on; "" where nobody can tell.

    Disks have numbers of their own; without one are those of a network, and some others.
    """
    try:
        device = os.stat(_first_there(folder)).st_dev
        with open(MOUNTS, "rb") as file:
            return _kind(file.read(), f"{os.major(device)}:{os.minor(device)}".encode())
    except OSError:
        return ""


def may_be_network(folder: str) -> bool:
    """Whether it is worth asking: what lies on a disk of this machine costs one look."""
    try:
        return os.major(os.stat(_first_there(folder)).st_dev) == 0
    except OSError:
        return False


def _kind(mounts: bytes, device: bytes) -> str:
    """From lines of ``36 35 98:0 /root /at rw,noatime master:1 - ext3 /dev/root rw``; the last one is in force."""
    found = ""
    for line in mounts.splitlines():
        words = line.split()
        if words[2:3] == [device] and b"-" in words[6:]:
            at = words.index(b"-", 6)
            found = words[at + 1].decode("ascii", "replace")
    return found


def _first_there(path: str) -> str:
    while not os.path.exists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
