"""A build in a process of its own, forked from one that has all imported: it is heard, interrupted, waited for.

It does not know what is built, nor why.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterable
from typing import NoReturn

import msgspec
from msgspec import Struct

from wavebuild.run.processes import PR_SET_PDEATHSIG, prctl
from wavebuild.watch.sight import Stamp

BUG = 70
"""Exit code of a deed that has ended by a mistake of ours."""

COARSE = 10_000_000
"""Nanoseconds by which the stamp of a file may lag behind the clock."""

AT_LEAST = signal.SIGUSR1
"""What we send to a build that may have heard what we have: it was asked to stop as often as this came, at least."""


class Ran(Struct, frozen=True):
    """A step that did not just stay as it was: how it ended, and why it ran."""

    step: str
    outcome: str
    reasons: tuple[str, ...] = ()
    log: str | None = None
    window: tuple[int, int] = (0, 0)  # from when to when it ran, in ns of the clock by which files are stamped


class Built(Struct, frozen=True, tag="built"):
    """How a build ended."""

    run: str
    ok: bool
    seconds: float
    counts: tuple[tuple[str, int], ...]
    nothing_to_do: bool
    steps: int  # how many were looked at
    ran: tuple[Ran, ...]
    moved: tuple[tuple[str, str], ...] = ()  # paths that have changed while the step ran that reads them, and that step


class Refused(Struct, frozen=True, tag="refused"):
    """It could not begin: what is wrong, as lines for a person."""

    lines: tuple[str, ...]
    code: int
    of_the_call: bool = False  # the mistake is in how we were called: no file can mend it


class Looked(Struct, frozen=True, tag="looked"):
    """What the build looked at; ``stamps``: None where evidence of all of it was ``kept`` at ``evidence``."""

    root: str
    evidence: str
    kept: bool
    quiet: float
    stamps: dict[str, Stamp] | None


class Owned(Struct, frozen=True, tag="owned"):
    """A step wants the terminal for itself, and waits for it; or gives it back."""

    taken: bool


class Runs(Struct, frozen=True, tag="runs"):
    """A step has begun; or has ended. ``at``: when, in seconds since 1970."""

    step: str
    now: bool
    at: float


class Knows(Struct, frozen=True, tag="knows"):
    """The modules that the build has imported, or that another one will: who imports them ahead spares it that."""

    modules: tuple[str, ...]


class Reached(Struct, frozen=True, tag="reached"):
    """The changed paths that concern what runs."""

    paths: tuple[str, ...]


Message = Built | Refused | Looked | Owned | Runs | Knows | Reached


class Mouth:
    """The end of the line that the build speaks into."""

    def __init__(self, tells: int, hears: int) -> None:
        self._tells = tells
        self._hears = hears

    def tell(self, message: Message) -> None:
        data = memoryview(json.dumps(msgspec.to_builtins(message)).encode() + b"\n")
        with contextlib.suppress(BrokenPipeError):  # nobody listens: we are about to be ended
            while data:
                data = data[os.write(self._tells, data) :]

    def ask_for_terminal(self) -> None:
        """Waits until it is handed over."""
        self.tell(Owned(True))
        with contextlib.suppress(OSError):
            os.read(self._hears, 1)


class Running:
    """A build that runs, or has run. ``code``: None until it has ended; minus the number of a signal that killed it."""

    def __init__(self, deed: Callable[[Mouth], int], closing: Collection[Callable[[], None]] = ()) -> None:
        """``closing``: what the fork is rid of first."""
        self.began = time.time()
        self.code: int | None = None
        self._told, tells = os.pipe()
        hears, self._tells = os.pipe()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        parent = os.getpid()
        try:
            self.pid = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for handle in (self._told, tells, hears, self._tells):
                os.close(handle)
            raise
        if self.pid == 0:
            os.close(self._told)
            os.close(self._tells)
            _live(deed, Mouth(tells, hears), closing, parent, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(tells)
        os.close(hears)
        os.set_blocking(self._told, False)
        self._coming = bytearray()
        self._closed = False
        self.stopped = False

    def fileno(self) -> int:
        return self._told

    @property
    def is_heard(self) -> bool:
        """Whether it may still tell something."""
        return not self._closed

    def messages(self) -> list[Message]:
        """What it has told since the last time; it does not wait."""
        with contextlib.suppress(BlockingIOError):
            while not self._closed:
                data = os.read(self._told, 1 << 16)
                self._closed = not data
                self._coming += data
        *lines, rest = bytes(self._coming).split(b"\n")
        self._coming = bytearray(rest)
        return [msgspec.convert(json.loads(line), Message) for line in lines]

    def hand_over(self) -> None:
        """The step that has asked for the terminal may have it."""
        with contextlib.suppress(OSError):
            os.write(self._tells, b"!")

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """As Ctrl-C does, once: what it runs is ended, former outputs come back."""
        self.stopped = True
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def see_to_it_that_it_stops(self) -> None:
        """A Ctrl-C has reached it as it has us, and is not counted twice; a signal for us alone has not."""
        self.interrupt(AT_LEAST)

    def await_stop(self, seconds: float) -> None:
        """Waits until Ctrl-Z, which has reached it as it has us, has stopped it: it first puts the screen in order,
        and the shell writes as soon as we stop."""
        end = time.monotonic() + seconds
        while self.code is None and time.monotonic() < end:
            found, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if found and os.WIFSTOPPED(status):
                return
            if found:
                self.code = os.waitstatus_to_exitcode(status)
            time.sleep(0.01)

    def has_ended(self) -> bool:
        if self.code is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def close(self) -> None:
        """After its end."""
        os.close(self._told)
        os.close(self._tells)


def _live(
    deed: Callable[[Mouth], int],
    mouth: Mouth,
    closing: Collection[Callable[[], None]],
    parent: int,
    mask: Iterable[int],
) -> NoReturn:
    """The life of the fork: it forgets who waits for it, and does its deed."""
    code = BUG
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH):
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        if callable(signal.getsignal(signal.SIGINT)):
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(AT_LEAST, signal.default_int_handler)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(BUG)
        for close in closing:
            close()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = deed(mouth)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
