"""Whether somebody builds here at this moment.

It does not know who, and imports next to nothing: a build with nothing to do asks it.
"""

from __future__ import annotations

import errno
import fcntl
import os


def is_held(path: str) -> bool:
    """Whether somebody holds the lock at this moment; needs no right to write."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EACCES)
    finally:
        os.close(handle)
