"""Watches folders, in a process of its own, and tells which paths may have changed.

It does not know what is built from them, nor whether anything did change: whoever hears of a path looks for himself.
watchdog is imported here alone; its thread reads the kernel's queue, and what it reads is told in that order.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import select
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import InotifyEvent

MOST_PATHS = 4096
"""Paths that are held until they are told; of more it is only said that everything may have changed."""

MOST_DEEP = 20_000
"""Folders that are found and watched below those that are watched deep."""

APART = 0.02
"""Seconds between two messages: what comes in a burst is told together."""

LOOKS = 2.0
"""Seconds between two looks whether the uppermost folders are still those that are watched."""

UNSEEN = (b".wavebuild", b".git")
"""Folders that no deep watch enters: what changes there is no work of a person."""

Identity = tuple[int, int]

_LIMITED = (errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


class Kernel(Protocol):
    """What tells of changes: a watch on a folder has a number, and events come with it."""

    def add(self, folder: bytes) -> int: ...

    def remove(self, numbers: Iterable[int]) -> None: ...


class Eyes:
    """The folders that are watched, and what has been seen since it was last told.

    ``wanted`` folders are watched each by itself; below ``deep`` ones all folders are found and watched. A folder that
    is not there is watched from the moment at which it comes. Everything here is called under ``lock``.
    """

    def __init__(self, kernel: Kernel, wake: Callable[[], None]) -> None:
        self.lock = threading.RLock()
        self.blind = False
        self._kernel = kernel
        self._wake = wake
        self._wanted: set[bytes] = set()
        self._deep: set[bytes] = set()
        self._asked = 0  # the number of the last wish
        self._stands = 0  # the number of the last wish that stands and has been told of
        self._number: dict[bytes, int] = {}
        self._paths: dict[int, set[bytes]] = {}  # one folder may have several paths
        self._missing: set[bytes] = set()
        self._tops: dict[bytes, Identity | None] = {}  # those of which no watch above tells: which ones they are
        self._told_lost: set[bytes] = set()
        self._changed: set[bytes] = set()
        self._at = 0.0  # when the last of them was heard of, by the clock that all processes share
        self._all = False
        self._said: list[str] = []

    # what is asked

    def want(self, number: int, folders: Iterable[str], deep: Iterable[str]) -> None:
        """From now on these are watched, and no others."""
        self._wanted, self._deep = set(map(os.fsencode, folders)), set(map(os.fsencode, deep))
        self._wanted |= self._deep
        self._asked = number
        self.blind = False
        going = [path for path in self._number if path not in self._wanted and not self._is_deep(path)]
        self._let_go(going)
        self._missing &= self._wanted
        for path in self._wanted:
            if path not in self._number or path in self._deep:
                self._watch(path)
        self._tops = {path: None for path in self._wanted if os.path.dirname(path) not in self._wanted}
        self._know(self._tops)
        self._wake()

    def look(self) -> None:
        """Sees to what no event tells: an uppermost folder that came back, or is another one than it was."""
        for path, before in self._tops.items():
            now = _identity(path)
            if path in self._missing:
                if now is not None:
                    self._appeared(path)
            elif now != before:
                self._lost(path)
        self._know(self._tops)

    def take(self) -> dict[str, object] | None:
        """What there is to tell; None if there is nothing."""
        if not (self._changed or self._all or self._said or self._stands != self._asked):
            return None
        told = [] if self._all else [os.fsdecode(path) for path in self._changed]
        message = {"paths": told, "all": self._all, "said": self._said, "stands": self._asked, "blind": self.blind}
        message["at"] = self._at
        self._changed, self._all, self._said, self._stands = set(), False, [], self._asked
        return message

    # what the kernel tells

    def on_event(self, event: InotifyEvent) -> None:
        with self.lock:
            for folder in tuple(self._paths.get(event.wd, ())):
                self._heard(folder, event)
            self._wake()

    def on_watch_deleted(self, wd: int) -> None:
        """The folder is gone, or its file system is; another may stand in its place already."""
        with self.lock:
            for path in self._paths.pop(wd, set()):
                if self._number.get(path) == wd:
                    del self._number[path]
                self._note(path)
                if path in self._wanted:
                    self._watch(path)
                    self._know([path])
            self._wake()

    def on_queue_overflow(self) -> None:
        """Events were lost: no watch is known to stand where it should, and everything may have changed."""
        with self.lock:
            self._let_go(list(self._number))
            for path in self._wanted:
                self._watch(path)
            self._all = True
            self._know(self._tops)
            self._wake()

    def _heard(self, folder: bytes, event: InotifyEvent) -> None:
        if not event.name:
            self._note(folder)
            if event.is_move_self:
                self._lost(folder)
            return
        path = folder.rstrip(b"/") + b"/" + event.name
        self._note(path)
        if event.is_directory and event.is_moved_from:
            self._gone(path)
        elif event.is_directory and (event.is_create or event.is_moved_to):
            self._appeared(path)

    # what stands

    def _watch(self, path: bytes) -> bool:
        """Watches a folder, and what is below it if it is watched deep; false if there is no telling of it."""
        try:
            number = self._kernel.add(path)
        except OSError as error:
            if error.errno in _NOT_THERE:
                self._missing.add(path)
                return True
            self._say_blind(path, error)
            return False
        self._missing.discard(path)
        former = self._number.get(path)
        if former is not None and former != number:
            self._let_go([path])
        self._number[path] = number
        self._paths.setdefault(number, set()).add(path)
        return not self._is_deep(path) or self._watch_below(path)

    def _watch_below(self, path: bytes) -> bool:
        """A folder that comes while we look is seen by the watch on the one that it comes into."""
        waiting = [path]
        while waiting:
            for each in _folders_in(waiting.pop()):
                if len(self._number) > MOST_DEEP:
                    self._say_blind(path, OSError(errno.ENOSPC, "too many folders"))
                    return False
                if each in self._number:
                    continue
                try:
                    number = self._kernel.add(each)
                except OSError as error:
                    if error.errno in _NOT_THERE:
                        continue
                    self._say_blind(each, error)
                    return False
                self._number[each] = number
                self._paths.setdefault(number, set()).add(each)
                waiting.append(each)
        return True

    def _appeared(self, path: bytes) -> None:
        """A folder has come, with all that is in it by now."""
        self._note(path)
        inside = path + b"/"
        for each in sorted(each for each in self._missing if each == path or each.startswith(inside)):
            self._watch(each)
        if self._is_deep(path) and os.path.basename(path) not in UNSEEN:
            self._watch(path)

    def _lost(self, path: bytes) -> None:
        """A folder is not any more where it was; perhaps another one is."""
        self._gone(path)
        if path in self._wanted:
            inside = path + b"/"
            for each in sorted(each for each in self._missing if each == path or each.startswith(inside)):
                self._watch(each)
            self._know([path])

    def _gone(self, path: bytes) -> None:
        """A folder was moved away: the kernel goes on to watch it and all below it, wherever they are now."""
        self._note(path)
        inside = path + b"/"
        those = [each for each in self._number if each == path or each.startswith(inside)]
        self._let_go(those)
        self._missing.update(each for each in those if each in self._wanted)

    def _know(self, paths: Iterable[bytes]) -> None:
        """Which folders the uppermost ones are now; one that goes or comes back is told of."""
        for path in paths:
            if path not in self._tops:
                continue
            before, self._tops[path] = self._tops[path], None if path in self._missing else _identity(path)
            if before is not None and path in self._missing:
                self._told_lost.add(path)
                self._said.append(f"{os.fsdecode(path)} is gone: waiting until it is there again")
            elif path in self._told_lost and path not in self._missing:
                self._told_lost.discard(path)
                self._said.append(f"{os.fsdecode(path)} is there again")

    def _let_go(self, paths: Iterable[bytes]) -> None:
        free = []
        for path in paths:
            number = self._number.pop(path)
            those = self._paths.get(number)
            if those is not None:
                those.discard(path)
                if not those:
                    del self._paths[number]
                    free.append(number)
        self._kernel.remove(free)

    def _note(self, path: bytes) -> None:
        self._at = time.monotonic()
        self._changed.add(path)
        if len(self._changed) > MOST_PATHS:
            self._changed, self._all = set(), True

    def _say_blind(self, path: bytes, error: OSError) -> None:
        if not self.blind:
            self._said.append(f"{why_blind(os.fsdecode(path), error)}; looking at the files from time to time instead")
        self.blind = self._all = True

    def _is_deep(self, path: bytes) -> bool:
        return any(path == top or path.startswith(top.rstrip(b"/") + b"/") for top in self._deep)


def why_blind(path: str, error: OSError) -> str:
    """What keeps a folder from being watched, and what helps."""
    if error.errno == errno.EMFILE:
        return "no more inotify instances are allowed (sysctl fs.inotify.max_user_instances)"
    if error.errno in _LIMITED:
        return "no more folders can be watched by inotify (sysctl fs.inotify.max_user_watches)"
    return f"{path} cannot be watched ({error.strerror})"


def _identity(path: bytes) -> Identity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _folders_in(folder: bytes) -> list[bytes]:
    try:
        with os.scandir(folder) as entries:
            return [each.path for each in entries if each.name not in UNSEEN and each.is_dir(follow_symlinks=False)]
    except OSError:
        return []


class Inotify:
    """The kernel's queue, read by a thread of watchdog."""

    def __init__(self) -> None:
        from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyFD, Mask

        # Neither opened nor read: our own looks would wake us for ever.
        self._mask = Mask(
            InotifyConstants.IN_CREATE
            | InotifyConstants.IN_DELETE
            | InotifyConstants.IN_MOVED_FROM
            | InotifyConstants.IN_MOVED_TO
            | InotifyConstants.IN_MODIFY
            | InotifyConstants.IN_CLOSE_WRITE
            | InotifyConstants.IN_ATTRIB
            | InotifyConstants.IN_DELETE_SELF
            | InotifyConstants.IN_MOVE_SELF
            | InotifyConstants.IN_ONLYDIR
        )
        self._id = CallbackId(1)
        self._queue = InotifyFD()
        self.eyes: Eyes | None = None

    def start(self, eyes: Eyes) -> None:
        self.eyes = eyes
        self._queue.start()

    @property
    def is_alive(self) -> bool:
        return self._queue.is_alive()

    def add(self, folder: bytes) -> int:
        assert self.eyes is not None
        number = self._queue.add_callback(folder, self._mask, self.eyes, self._id)
        if number < 0:  # what watchdog makes of a folder that we may not read
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return number

    def remove(self, numbers: Iterable[int]) -> None:
        from watchdog.observers.inotify_c import WatchDescriptor

        with contextlib.suppress(OSError):
            self._queue.remove_callbacks([(WatchDescriptor(number), self._id) for number in numbers])


class Nothing:
    """Where the system has no such queue for us."""

    def __init__(self, error: OSError) -> None:
        self._error = error

    def add(self, folder: bytes) -> int:
        raise OSError(self._error.errno, self._error.strerror)

    def remove(self, numbers: Iterable[int]) -> None:
        return


def main(handle: int) -> None:
    """The life of the process: wishes come as lines of JSON, what was seen goes back so, until nobody listens."""
    logging.disable()  # what watchdog says is for us, not for the terminal
    warnings.simplefilter("ignore")
    line = socket.socket(fileno=handle)
    line.setblocking(False)
    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wakes, False)

    def awake() -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(wake, b"!")

    kernel: Inotify | None = None
    try:
        kernel = Inotify()
        eyes = Eyes(kernel, awake)
        kernel.start(eyes)
    except OSError as error:
        eyes = Eyes(Nothing(error), awake)
    except ImportError:
        eyes = Eyes(Nothing(OSError(errno.ENOSYS, "this system has no inotify")), awake)
    with contextlib.suppress(ConnectionError):
        _serve(line, eyes, wakes, lambda: kernel is None or kernel.is_alive)
    os._exit(0)


def _serve(line: socket.socket, eyes: Eyes, wakes: int, is_well: Callable[[], bool]) -> None:
    coming, going = bytearray(), bytearray()
    told = looked = time.monotonic()
    while is_well():
        # For a moment after a message what comes is only collected.
        resting = time.monotonic() - told < APART
        waits: list[socket.socket | int] = [line] if resting else [line, wakes]
        readable, _, _ = select.select(waits, [line] if going else [], [], APART if resting else LOOKS)
        if line in readable:
            data = line.recv(1 << 16)
            if not data:
                return
            coming += data
            _obey(coming, eyes)
        if wakes in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wakes, 1 << 16)
        with eyes.lock:
            if time.monotonic() - looked >= LOOKS:
                eyes.look()
                looked = time.monotonic()
            message = None if going or resting else eyes.take()
        if message is not None:
            going += json.dumps(message).encode() + b"\n"
            told = time.monotonic()
        if going:
            del going[: _sent(line, going)]


def _sent(line: socket.socket, data: bytearray) -> int:
    try:
        return line.send(data)
    except BlockingIOError:
        return 0


def _obey(coming: bytearray, eyes: Eyes) -> None:
    while (end := coming.find(b"\n")) >= 0:
        wish = json.loads(coming[:end])
        del coming[: end + 1]
        with eyes.lock:
            eyes.want(wish["number"], wish["folders"], wish["deep"])
