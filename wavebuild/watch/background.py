"""A watcher in a process of its own, which answers builds: begun, beside a watch or for itself, and ended.

It does not know how it answers (``answers`` does). Of a project there is one at a time: it holds a lock, in which it
says who it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

import wavebuild
from wavebuild.errors import WavebuildError, mistake
from wavebuild.store.held import is_held
from wavebuild.store.layout import Layout, refuse_unsafe
from wavebuild.store.lock import HELD, holder, take
from wavebuild.watch import inotify

ALONE, BESIDE = "wavebuild watch --daemon", "wavebuild watch"
"""By what one was begun."""

PATIENCE = 10.0
"""Seconds that it has to end."""


class Begun(Struct, frozen=True):
    """One that is there. ``said``: what it does. ``command``: by which it was begun."""

    pid: int
    said: str
    command: str = ""


class Beside:
    """One that ends with whoever has begun it, at the latest: when ``line`` is closed; ``told`` ends when it has."""

    def __init__(self, process: subprocess.Popen[bytes], line: int, told: int) -> None:
        self._process = process
        self._line = line
        self._told = told

    def forget(self) -> None:
        """In a fork of this process: it is not ours."""
        os.close(self._line)
        os.close(self._told)

    def reap(self) -> None:
        """The process that has begun it is no child of ours any more once it has ended."""
        self._process.poll()

    def close(self) -> None:
        """Ends it, and waits for that."""
        os.close(self._line)
        self._process.wait()
        until = time.monotonic() + PATIENCE
        while (left := until - time.monotonic()) > 0 and select.select([self._told], [], [], left)[0]:
            if not os.read(self._told, 4096):
                break
        os.close(self._told)


def begin(layout: Layout) -> Begun:
    """Begins one that goes on when we have ended, and waits until it answers.

    Raises WavebuildError: exit 3 where there is one, 1 where there can be none.
    """
    _refuse_where_there_can_be_none(layout)
    ours, its = os.pipe()
    with open(ours, "rb") as told:
        try:
            _begin(layout, ALONE, its, -1).wait()
        finally:
            os.close(its)
        line = told.readline()
    said: dict[str, Any] = json.loads(line) if line else {"refused": "it ended at once", "code": 1}
    if "refused" in said:
        message = f"the project is not watched: {said['refused']}"
        remedy = "wavebuild watch --stop ends it" if said["code"] == HELD else ""
        raise mistake("not-watched", message, remedy=remedy, exit_code=int(said["code"]))
    return Begun(int(said["pid"]), str(said["said"]))


def beside(layout: Layout) -> Beside | None:
    """Begins one for as long as this process lives; None where there can be none. One that is there already stays."""
    try:
        _refuse_where_there_can_be_none(layout)
        its, line = os.pipe()
    except (OSError, WavebuildError):
        return None
    told, tells = os.pipe()
    try:
        return Beside(_begin(layout, BESIDE, tells, its), line, told)
    except OSError:
        os.close(line)
        os.close(told)
        return None
    finally:
        os.close(its)
        os.close(tells)


def stop(layout: Layout) -> Begun | None:
    """Ends the one that is there; None if there is none.

    Raises WavebuildError if it does not end, is not a process of this machine or container, or is part of a watch that
    builds: that one is ended where it runs.
    """
    found = there(layout)
    if found is None:
        return None
    if found.command == BESIDE:
        message = f"`{BESIDE}` runs here (it has begun pid {found.pid}), and is not ended from elsewhere"
        raise mistake("watch-runs", message, remedy="press q or Ctrl-C where it runs", exit_code=HELD)
    _end(found.pid, layout.watcher)
    until = time.monotonic() + PATIENCE
    while (now := there(layout)) is not None and now.pid == found.pid:
        if time.monotonic() > until:
            raise mistake("does-not-end", f"the watcher (pid {found.pid}) does not end", exit_code=1)
        time.sleep(0.01)
    return found


def _end(pid: int, lock: str) -> None:
    """Asks the process that holds the lock to end; in another container or machine its number is that of a stranger."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        holds = False
    else:
        try:
            if holds := _has_open(pid, lock):
                signal.pidfd_send_signal(handle, signal.SIGTERM)
                signal.pidfd_send_signal(handle, signal.SIGCONT)  # one that was stopped hears of nothing else
        except PermissionError:
            message = f"the watcher (pid {pid}) belongs to another user"
            raise mistake("not-yours", message, remedy="whoever began it can end it", exit_code=1) from None
        except (FileNotFoundError, ProcessLookupError):
            holds = False
        finally:
            os.close(handle)
    if not holds and is_held(lock):
        message = f"the watcher (pid {pid}) is not a process of this machine or container"
        raise mistake("not-here", message, remedy="wavebuild watch --stop, where it runs, ends it", exit_code=HELD)


def _has_open(pid: int, path: str) -> bool:
    """Raises OSError where the process has ended, or is another user's."""
    wanted, folder = os.stat(path), f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(f"{folder}/{name}"), wanted):
                return True
    return False


def there(layout: Layout) -> Begun | None:
    """The one that watches at this moment; None if there is none."""
    who, _, said = holder(layout.watcher).partition("\n")
    number = who.removeprefix("pid ").partition(",")[0]
    return Begun(int(number), said, who.partition(": ")[2]) if number.isdecimal() else None


def _refuse_where_there_can_be_none(layout: Layout) -> None:
    if not inotify.is_there():
        raise mistake("not-watched", "this system does not tell of changes in folders", exit_code=1)
    refuse_unsafe(layout)
    layout.prepare()


def _begin(layout: Layout, command: str, told: int, stop: int) -> subprocess.Popen[bytes]:
    """A new interpreter, with no terminal, no handles and no folder of ours. It begins another, and ends.

    ``told``: where it says that it answers. ``stop``: where nothing comes from any more once it is to end.
    """
    place = os.path.dirname(os.path.dirname(os.path.abspath(wavebuild.__file__)))
    # This very wavebuild, whichever else is installed; and nothing but it from beside it.
    found = f"import sys; sys.path[:] = [p for p in sys.path if p]; sys.path.insert(0, {place!a}); import wavebuild"
    program = f"{found}; del sys.path[0]; from wavebuild.watch.background import main; main()"
    order = {"layout": {name: os.fsencode(value).hex() for name, value in asdict(layout).items()}}
    handles = [handle for handle in (told, stop) if handle >= 0]
    return subprocess.Popen(
        [sys.executable, "-c", program, json.dumps({**order, "command": command, "told": told, "stop": stop})],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=handles,
        start_new_session=True,
        cwd="/",
    )


def main() -> None:
    """The process itself."""
    if os.fork():
        os._exit(
            0
        )  # whoever began it waits for this one; a child that it does not know would be taken for one of a step
    order = json.loads(sys.argv[1])
    layout = Layout(**{name: os.fsdecode(bytes.fromhex(value)) for name, value in order["layout"].items()})
    _serve(layout, order["command"], order["told"], order["stop"])


def _serve(layout: Layout, command: str, told: int, stop: int) -> None:
    from wavebuild.watch.answers import BUSY, Answers

    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGTERM, lambda number, frame: _woken(wake, number, frame))
    first = _First(told)
    try:
        lock = take(layout.watcher, command, 0, lambda: False)
    except WavebuildError as error:
        found = there(layout)
        if error.exit_code != HELD or found is None:
            first.say(refused=error.problems[0].message, code=1)
        else:
            first.say(refused=f"a watcher is there already, pid {found.pid}", code=HELD)
        return
    assert lock is not None

    def say(text: str) -> None:
        lock.note(text)
        if text != BUSY:
            first.say(pid=os.getpid(), said=text)

    try:
        reason = Answers(layout, say).serve(wakes, *([stop] if stop >= 0 else ()))
    except OSError as error:
        reason = f"{error.strerror}{': ' + os.fsdecode(error.filename) if error.filename else ''}"
    first.say(refused=reason, code=1)
    lock.release()


def _woken(wake: int, number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(BlockingIOError):
        os.write(wake, b".")


class _First:
    """Says one thing to whoever has begun us; what it says it by is open until our end."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._said = False

    def say(self, **said: object) -> None:
        if self._handle >= 0 and not self._said:
            with contextlib.suppress(OSError):
                os.write(self._handle, json.dumps(said).encode() + b"\n")
            self._said = True
