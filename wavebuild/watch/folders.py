"""Watches folders below a root, and says what has changed in them: all of it, or that there may be more.

It does not know what is in the folders, nor why they are watched. Each is watched from the root down, with all that lie
on the way to it: what comes to stand in the place of one of them is told by the one above it, which was watched before.
"""

from __future__ import annotations

import errno
import fcntl
import os
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from wavebuild.watch import inotify
from wavebuild.watch.journal import ROOT, folder_of, folders_above

_GET_FLAGS = 0x80086601
_FOLDS_CASE = 0x40000000
_TRIES = 3


class Changes(NamedTuple):
    """``paths``: something happened there; ``come``: where something came to be that is no folder.

    ``below``: anything may have happened, there and below. ``lost``: anywhere.
    """

    paths: set[bytes]
    come: set[bytes]
    below: set[bytes]
    lost: bool


class Folders:
    """``root``: a handle of the folder. ``tells``: whether changes at a path below it are told of at all.

    ``short``: some could not be watched as the system lets nobody watch more.
    """

    def __init__(self, root: int, tells: Callable[[bytes], bool]) -> None:
        self._inotify = inotify.Inotify()
        self._root = root
        self._tells = tells
        self._order: list[bytes] = []  # all that are wanted, with those on the way
        self._wanted = set[bytes]()
        self._path_of = dict[int, bytes]()
        self._watch_of = dict[bytes, int]()
        self._absent = set[bytes]()
        self._doubtful = dict[bytes, int]()  # what was found to be another one at the same time; how often
        self._to_tell = set[bytes]()  # paths below which somebody must look again, though nothing was heard
        self.short = False
        self.root_moved = False

    @property
    def handle(self) -> int:
        """Can be waited for."""
        return self._inotify.handle

    def __len__(self) -> int:
        return len(self._watch_of)

    def want(self, folders: Iterable[bytes]) -> None:
        """Watches these, too."""
        new = {path for folder in folders for path in (*folders_above(folder), folder)} - self._wanted
        if not new:
            return
        self._wanted |= new
        self._order = sorted(self._wanted)
        self._begin_all(new)

    def is_wanted(self, folder: bytes) -> bool:
        return folder in self._wanted

    def sees(self, folder: bytes) -> bool:
        """Whether a change in a folder would be told of: it is watched, or not there and would be seen to come."""
        while folder not in self._watch_of:
            if folder not in self._absent or folder == ROOT:
                return False
            folder = folder_of(folder)
        return True

    def changes(self) -> Changes:
        """What has happened since this was asked last."""
        paths, come, anew, lost = set[bytes](), set[bytes](), set[bytes](), False
        for watch, mask, name in self._inotify.read():
            if mask & inotify.OVERFLOW:
                lost = True
                continue
            folder = self._path_of.get(watch)
            if folder is None:
                continue  # of a watch that was let go of: what happened was before somebody looked again
            path = _joined(folder, name)
            paths.add(path)
            if mask & (inotify.CREATE | inotify.MOVED_TO) and not mask & inotify.ISDIR:
                come.add(path)
            if mask & inotify.ATTRIB and path in self._wanted:
                self._to_tell.add(path)  # what is in it may be out of reach, or within reach again
            if mask & (inotify.SELF | inotify.IGNORED) or (mask & inotify.COMES_OR_GOES and path in self._wanted):
                anew.add(path)
        if lost:
            self.anew()
        else:
            self._again(anew | {path for path, tries in self._doubtful.items() if tries < _TRIES})
        below, self._to_tell = self._to_tell, set()
        return Changes(paths, come, below, lost)

    def anew(self) -> None:
        """Forgets all that is in the queue, and watches all again."""
        self._inotify.close()
        self._inotify = inotify.Inotify()
        self._path_of.clear()
        self._watch_of.clear()
        self._absent.clear()
        self.short = False
        self._begin_all(self._order)

    def close(self) -> None:
        self._inotify.close()

    def _again(self, paths: Collection[bytes]) -> None:
        """Something else may stand at these paths: they and all below them are watched as if for the first time."""
        if ROOT in paths:
            self.root_moved = True
        those = {each for path in paths for each in self._let_go(path)}
        self._begin_all(those)

    def _let_go(self, path: bytes) -> list[bytes]:
        """Nothing is watched any more at a path and below it; what was."""
        those = list(self._from(path))
        for each in those:
            watch = self._watch_of.pop(each, None)
            self._absent.discard(each)
            if watch is not None and self._path_of.pop(watch, None) is not None:
                self._inotify.remove(watch)
        self._to_tell.add(path)
        return those

    def _from(self, path: bytes) -> Iterator[bytes]:
        """What is wanted at a path and below it, folders before what is in them."""
        if path == ROOT:
            yield from self._order
            return
        if path in self._wanted:
            yield path
        first, last = (bisect_left(self._order, path + end) for end in (b"/", b"0"))
        yield from self._order[first:last]

    def _begin_all(self, paths: Collection[bytes]) -> None:
        """From the root down."""
        if ROOT in paths:
            self._begin(ROOT)
        for path in sorted(paths):
            if path != ROOT:
                self._begin(path)

    def _begin(self, path: bytes) -> None:
        """Begins to watch a folder, if the one that it is in is watched."""
        above = folder_of(path)
        if path != ROOT and above in self._absent:
            self._absent.add(path)
            return
        if (path != ROOT and above not in self._watch_of) or not self._tells(path):
            return
        place = f"/proc/self/fd/{self._root}/".encode() + path
        try:
            watch = self._inotify.add(place)
        except OSError as error:
            if error.errno == errno.ENOENT:
                self._absent.add(path)
            self.short = self.short or error.errno == errno.ENOSPC
            return
        other = self._path_of.get(watch)
        if other is not None:
            # One folder at two paths: it was moved, which is yet to be told, or is mounted twice. Neither is relied on.
            # Once that is told, it is tried again.
            self._let_go(other)
            self._to_tell.add(path)
            for each in (path, other):
                self._doubtful[each] = self._doubtful.get(each, 0) + 1
            return
        if _folds_case(place):
            self._inotify.remove(watch)  # a change may be told under another spelling
            return
        self._path_of[watch] = path
        self._watch_of[path] = watch
        self._doubtful.pop(path, None)


def _joined(folder: bytes, name: bytes) -> bytes:
    if not name:
        return folder
    return name if folder == ROOT else folder + b"/" + name


def _folds_case(place: bytes) -> bool:
    """Whether `A` and `a` are one name in a folder."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return True  # nobody can tell
    try:
        flags = fcntl.ioctl(handle, _GET_FLAGS, bytes(8))
    except OSError:
        return False  # a file system without such flags
    finally:
        os.close(handle)
    return bool(int.from_bytes(flags[:4], "little") & _FOLDS_CASE)
