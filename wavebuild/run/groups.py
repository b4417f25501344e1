"""The process groups that workers noted, and which processes are of them.

It does not know what the processes are doing. A process id alone is never enough: ids are used
again by processes that are nobody's business.
"""

from __future__ import annotations

from wavebuild import disk


def noted_groups(path: str) -> frozenset[int]:
    """The groups in the file that workers append to."""
    lines = disk.tail(path, 1 << 20).decode("ascii", "replace").splitlines()
    return frozenset(int(words[0]) for line in lines if (words := line.split()) and words[0].isdigit())


def is_of_a_step(process: int, noted: frozenset[int], root: str = "") -> bool:
    """Whether a living process is in a noted group or session, or was started in a step; of ``root``, if given."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
        with open(f"/proc/{process}/environ", "rb") as file:
            environ = file.read().split(b"\0")
    except OSError:
        return False
    in_group = int(words[2]) in noted or int(words[3]) in noted
    if root:
        return in_group and words[0] not in (b"Z", b"X") and f"WAVEBUILD_ROOT={root}".encode() in environ
    return in_group or any(entry.startswith(b"WAVEBUILD_STEP=") for entry in environ)
