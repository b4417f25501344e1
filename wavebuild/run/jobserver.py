"""GNU make's jobserver, both ways: tokens shared with every make below us, or with the one above us.

It does not know steps. Whoever runs jobs owns one token from birth; each further one is a byte that is taken
from a pipe, and given back, the same, when its job has ended.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct

from msgspec import Struct

from wavebuild.later import re
from wavebuild.regular import expression

HIGH = 100
"""Scripts open descriptors by low numbers, as in ``exec 3>file``: those that commands inherit stand above them."""

MOST = 4096
"""Tokens that surely fit into a pipe."""

_AUTH = expression(r"--jobserver-(?:auth|fds)=(.*)")
_PAIR = expression(r"([0-9]{1,9}),([0-9]{1,9})")
_ASIDE = expression(r"(?:^|(?<=\s))--(?=\s|$)")
"""What separates options from the values of variables in MAKEFLAGS."""


_UNSPEAKABLE = expression(r"[\s\\$#'\"]")
"""In a path that MAKEFLAGS cannot carry."""


class Tokens:
    """One of those who share the tokens of a pipe.

    Its ends are opened anew for us, so that our reading without waiting is ours alone: the flag belongs
    to the open file, which others share. ``handle`` is readable when there may be a token.
    """

    def __init__(self, auth: str, read: str, write: str, number: int | None = None, ours: tuple[int, ...] = ()) -> None:
        self.auth = auth  # as MAKEFLAGS says it
        self.ours = ours  # the ends that commands must inherit
        self.held = 0
        self._number = number  # of tokens that are to be there when nobody holds one; None: others see to that
        self._bytes = bytearray()
        self.handle = os.open(read, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._sink = os.open(write, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            os.close(self.handle)
            raise
        self._fifo = read if auth.startswith("fifo:") and number is not None else ""

    def take(self, most: int) -> int:
        """Takes so many tokens, or as many as there are; how many."""
        taken = b""
        with contextlib.suppress(BlockingIOError):
            taken = os.read(self.handle, most) if most > 0 else b""
        self._bytes += taken
        self.held += len(taken)
        return len(taken)

    def keep(self, number: int) -> None:
        """Gives back all but so many."""
        while self.held > number:
            with contextlib.suppress(OSError):  # nobody is left who could want it
                os.write(self._sink, self._bytes[-1:])
            del self._bytes[-1:]
            self.held -= 1

    def fill(self) -> None:
        """Nobody has put any there yet."""
        if self._number:
            with contextlib.suppress(OSError):
                os.write(self._sink, b"+" * self._number)

    def make_whole(self) -> None:
        """Nobody else can hold a token now: those that died with their holders come back."""
        import termios

        if self._number is None:
            return
        there = struct.unpack("i", fcntl.ioctl(self.handle, termios.FIONREAD, b"\0\0\0\0"))[0] + self.held
        with contextlib.suppress(OSError):
            if there < self._number:
                os.write(self._sink, b"+" * (self._number - there))
            elif there > self._number:
                os.read(self.handle, there - self._number)

    def close(self) -> None:
        """Gives all back."""
        self.keep(0)
        for handle in (self.handle, self._sink, *(self.ours if self._number is not None else ())):
            os.close(handle)
        if self._fifo:
            with contextlib.suppress(OSError):
                os.unlink(self._fifo)


class Above(Struct, frozen=True):
    """What MAKEFLAGS says of the jobs of whoever started us. ``auth``: where its tokens are; "" if nowhere."""

    jobs: int | None
    auth: str


def above(flags: str) -> Above:
    """The last that is said counts, as for make."""
    auth, jobs = "", None
    for word in _options(flags):
        if found := _AUTH.fullmatch(word):
            auth = found[1]
        elif found := re.fullmatch(r"(?:-j|--jobs=)([0-9]+)", word):
            jobs = int(found[1])
    return Above(jobs, auth)


def join(auth: str) -> Tokens:
    """The tokens of a jobserver above us. Raises OSError if they are not to be had.

    To be called before this process opens a pipe of its own: it could get the very numbers.
    """
    if auth.startswith("fifo:"):
        path = auth.removeprefix("fifo:")
        if not stat.S_ISFIFO(os.stat(path).st_mode):
            raise OSError(errno.ENXIO, "not a fifo", path)
        return Tokens(auth, path, path)
    found = _PAIR.fullmatch(auth)
    if found is None:
        raise OSError(errno.EBADF, "no descriptors", auth)
    read, write = int(found[1]), int(found[2])
    ends = os.fstat(read), os.fstat(write)
    if not (stat.S_ISFIFO(ends[0].st_mode) and os.path.samestat(*ends)):
        raise OSError(errno.EBADF, "no ends of one pipe", auth)
    return Tokens(f"{read},{write}", f"/proc/self/fd/{read}", f"/proc/self/fd/{write}", ours=(read, write))


def serve(jobs: int, fifo: str = "") -> Tokens:
    """Tokens for so many jobs, one of which needs none. ``fifo``: the path to be used instead of a pipe.

    What stands there is of a build that was killed. Raises OSError where it cannot be.
    """
    number = min(jobs - 1, MOST)
    if fifo and not _UNSPEAKABLE.search(fifo):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fifo)
        os.mkfifo(fifo, 0o600)
        keeper = os.open(fifo, os.O_RDWR | os.O_CLOEXEC)  # without a reader nobody can open it for writing
        try:
            tokens = Tokens(f"fifo:{fifo}", fifo, fifo, number)
        finally:
            os.close(keeper)
    else:
        read, write = _high_pipe()
        try:
            ends = f"/proc/self/fd/{read}", f"/proc/self/fd/{write}"
            tokens = Tokens(f"{read},{write}", *ends, number, ours=(read, write))
        except OSError:
            os.close(read)
            os.close(write)
            raise
    tokens.fill()
    return tokens


def _high_pipe() -> tuple[int, int]:
    low = os.pipe()
    try:
        read = fcntl.fcntl(low[0], fcntl.F_DUPFD_CLOEXEC, HIGH)
        write = fcntl.fcntl(low[1], fcntl.F_DUPFD_CLOEXEC, HIGH)
    except OSError:  # no such numbers are allowed here
        return low
    os.close(low[0])
    os.close(low[1])
    return read, write


def with_jobs(flags: str, jobs: int | None, auth: str = "") -> str:
    """MAKEFLAGS that say so many jobs and where their tokens are, and all else as it was."""
    kept = []
    options = _options(flags)
    for at, word in enumerate(options):
        if at == 0 and re.fullmatch(r"[A-Za-z0-9]+", word):
            word = re.sub("j[0-9]*", "", word)  # letters in one word, without a dash
        number = word.isdecimal() and at > 0 and options[at - 1] in ("-j", "--jobs")
        if word and not number and not re.fullmatch(r"-j[0-9]*|--jobs(=.*)?", word) and not _AUTH.fullmatch(word):
            kept.append(word)
    said = [f"-j{jobs}"] if jobs is not None else []
    said += [f"--jobserver-auth={auth}"] if auth else []
    if kept and not kept[0].startswith("-") and "=" not in kept[0]:
        said = [kept.pop(0), *said]
    variables = flags[_aside(flags) :]
    return " ".join([*said, *kept, *([variables] if variables else [])])


def _options(flags: str) -> list[str]:
    return [word for word in flags[: _aside(flags)].split(" ") if word]


def _aside(flags: str) -> int:
    """Where the values of variables begin, which are nobody's options."""
    found = _ASIDE.search(flags) if flags else None
    return len(flags) if found is None else found.start()
