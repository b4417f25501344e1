"""Which file systems tell of changes: by what is mounted at a folder and below it."""

from __future__ import annotations

from pathlib import Path

from wavebuild.watch.mounts import TELLING, Mounts, below

LINES = rb"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:25 / /home/my\040work rw - btrfs /dev/sdb rw
31 30 0:31 / /home/my\040work/data rw,relatime shared:7 master:2 - nfs4 server:/data rw
32 31 8:1 / /home/my\040work/data/fast rw - xfs /dev/sdc rw
33 22 0:40 / /home/my\040work-old rw - fuse.sshfs there: rw
"""


def test_a_folder_lies_on_what_is_mounted_nearest_above_it() -> None:
    """And names may hold blanks."""
    kind, others = below(LINES, b"/home/my work/project")

    assert kind == "btrfs"
    assert others == {}


def test_what_is_mounted_below_is_known_by_its_path() -> None:
    """Each with its own kind; a neighbour whose name begins alike is none of them."""
    kind, others = below(LINES, b"/home/my work")

    assert kind == "btrfs"
    assert others == {b"data": "nfs4", b"data/fast": "xfs"}


def test_of_several_at_one_place_the_last_is_in_force() -> None:
    """One was mounted over the other."""
    over = LINES + b"40 30 0:50 / /home/my\\040work rw - nfs4 server:/work rw\n"

    assert below(over, b"/home/my work")[0] == "nfs4"


def test_changes_are_told_of_where_this_machine_alone_writes(tmp_path: Path) -> None:
    """Not below a folder where something else is mounted."""
    mounts = Mounts(str(tmp_path))
    try:
        assert (mounts.kind() in TELLING) == mounts.tells(b"src/a")
        assert not mounts.changed()
        mounts._others = {b"data": "nfs4", b"data/fast": "xfs"}
        assert not mounts.tells(b"data")
        assert not mounts.tells(b"data/slow/a")
        assert mounts.tells(b"data/fast/a")
    finally:
        mounts.close()
