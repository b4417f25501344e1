"""A command under a kernel without Landlock, or as good as that: its system calls are refused.

It does not know what the command is.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ENOSYS = 38
LANDLOCK = (444, 446)  # the first and the last of its calls


def forget_landlock() -> None:
    """From now on, and for all that is started, there is no such call."""
    program = struct.pack(
        "HBBI" * 5,
        *(0x20, 0, 0, 0),  # the number of the call
        *(0x35, 0, 2, LANDLOCK[0]),  # below the first: allowed
        *(0x25, 1, 0, LANDLOCK[1]),  # above the last: allowed
        *(0x06, 0, 0, SECCOMP_RET_ERRNO | ENOSYS),
        *(0x06, 0, 0, SECCOMP_RET_ALLOW),
    )
    text = ctypes.create_string_buffer(program, len(program))
    whole = struct.pack("HxxxxxxP", 5, ctypes.addressof(text))
    kernel = ctypes.CDLL(None, use_errno=True)
    assert kernel.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert kernel.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(whole, len(whole)), 0, 0) == 0


if __name__ == "__main__":
    forget_landlock()
    os.execvp(sys.argv[1], sys.argv[1:])
