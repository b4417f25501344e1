"""What stands on disk of all that evidence names, as far as that is known without a look at each file.

It does not know who asks, nor what is built. Of a row it says that it stands as evidence has it only if somebody has
looked at it since a watch was there that tells of every change, and no change was told since; all others are looked at
when it is asked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Collection, Iterable

from wavebuild.engine.watched import identity
from wavebuild.store.settled import NOTHING, SEAL, Evidence, Row, Sealed, row
from wavebuild.watch.folders import Folders
from wavebuild.watch.journal import ROOT, Journal, folder_of
from wavebuild.watch.mounts import Mounts

HOME = b".wavebuild"
SLICE = 1 << 11
"""Rows that are looked at in one go."""

MOST_UNTOLD = 16
"""Files that may change without a word; of more it is believed that nothing here is told of."""

_COOKIE = b"cookie-"


def _nothing_happens(point: str) -> None:
    """What a point is to everybody but a test."""


point: Callable[[str], None] = _nothing_happens
"""Told at each point at which something may change meanwhile. No variable and no flag changes it: a program of
the tests puts another in its place, to change something there."""


class Ground:
    """``root``: the folder of the project. ``path``: where the evidence lies.

    ``identity``: of the evidence that is known; "" for none. ``untold``: what has changed though nobody told of it.
    ``distrusted``: why nothing is said any more. ``is_hindered``: evidence may be there, but not to be read now.
    """

    def __init__(self, root: str, path: str) -> None:
        self.root = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._path = path
        self.mounts = Mounts(root)
        self._folders = Folders(self.root, self.mounts.tells)
        self.evidence: Evidence | None = None
        self.journal = Journal((), 0)
        self.identity = self.question = b""
        self.env: list[bytes] = []
        self.untold = set[bytes]()
        self.distrusted = ""
        self.is_hindered = False
        self._doubted = 0
        self._number = 0
        self._next = 0
        self._named_twice = set[int]()  # numbers of files that have had more than one name
        self._row_of = dict[int, int]()  # by the number of the file; made when it is first asked for
        self._swept()

    @property
    def handle(self) -> int:
        """Can be waited for: something has changed."""
        return self._folders.handle

    def root_moved(self) -> bool:
        """Whether the folder was moved or removed since this was asked last, as far as that was heard."""
        moved, self._folders.root_moved = self._folders.root_moved, False
        return moved

    @property
    def watches(self) -> int:
        """How many folders are watched."""
        return len(self._folders)

    @property
    def short(self) -> bool:
        """Whether there are some that cannot be watched, as the system lets nobody watch more."""
        return self._folders.short

    @property
    def doubts(self) -> bool:
        """Whether all that stands is to be checked before anybody is told so: something has changed without a word."""
        return self._doubted > 0

    def close(self) -> None:
        self._folders.close()
        self.mounts.close()
        os.close(self.root)

    def take(self) -> bool:
        """Takes the evidence that lies there now; whether there is any.

        What is known of rows that have the same stamp as in the evidence before is known of them still.
        """
        try:
            with open(self._path, "rb", 0) as file:
                status = os.fstat(file.fileno())
                sealed = Sealed(file.read())
        except OSError as error:
            self.identity = b""
            self.is_hindered = error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
            return False
        self.is_hindered = False
        if not sealed.is_whole:
            self.identity = b""
            return False
        before, self.evidence = self.evidence, sealed.evidence()
        self._row_of = {}
        self.identity = identity(self.evidence.data[:SEAL], status)
        self.question, self.env = sealed.question, sealed.env
        if before is not None and before.there == self.evidence.there and before.names == self.evidence.names:
            self.journal.carried(_others(before, self.evidence))
            return True
        self._folders.close()
        self._folders = Folders(self.root, self.mounts.tells)
        point("before watches")
        self.journal = Journal(self.evidence.names, self.evidence.there)
        self._next = self._doubted = 0
        ours = {folder_of(name) for name in self.evidence.names if not name.startswith(b"/")}
        self._folders.want([ROOT, HOME, *ours])
        return True

    def hear(self) -> Collection[bytes]:
        """Takes in what has been told of changes; the paths."""
        if self.mounts.changed():
            self.journal.lost()
            self._folders.anew()
        changes = self._folders.changes()
        point("changes read")
        if changes.lost:
            self.journal.lost()
            return ()
        for path in changes.paths:
            if not path.startswith(HOME + b"/" + _COOKIE):
                self.journal.touched(path)
        for path in changes.come:
            status, _ = self._stood(path)
            if status is not None:
                self._look_at_namesakes(status)
        for path in changes.below:
            self.journal.touched_below(path)
        return changes.paths

    def caught_up(self) -> bool:
        """Takes in all that was done up to now: a file made by us comes back on the same queue, after all else."""
        self._number += 1
        cookie = HOME + b"/" + _COOKIE + b"%d-%d" % (os.getpid(), self._number)
        try:
            handle = os.open(cookie, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.root)
            os.close(handle)
            point("cookie made")
            os.unlink(cookie, dir_fd=self.root)
        except OSError:
            return False
        return any(cookie in self.hear() for _ in range(4))

    def look(self, rows: Iterable[int]) -> None:
        """Looks at rows, and knows of them again."""
        assert self.evidence is not None
        todo = sorted(rows)
        for start in range(0, len(todo), SLICE):
            part = todo[start : start + SLICE]
            point("before a look")
            folders = self._look(part)
            point("after a look")
            if folders:  # what is in them counts, too: so they are watched before a look at them is relied on
                self._folders.want(self.evidence.names[each] for each in folders)
                point("folders watched")
                self._look(folders)

    def moved(self, most: int) -> list[int] | None:
        """The rows that are not as they were, after a look at what is not known; None: there is too much of that."""
        todo = self.journal.to_look_at()
        if len(todo) > most:
            return None
        self.look(todo)
        while self.journal.unsure:
            self.look(self.journal.unsure)
        return sorted(self.journal.moved)

    def look_on(self) -> bool:
        """Looks at some of the rows of which nothing is known; whether some are left."""
        todo = self.journal.unsure
        if len(todo) > SLICE:
            part = []
            for each in todo:
                part.append(each)
                if len(part) == SLICE:
                    break
            self.look(part)
        else:
            self.look(todo)
        return bool(self.journal.unsure)

    def check(self) -> bool:
        """Looks again at some of the rows that are known to stand; whether it has come round to the first.

        One that has moved, and nobody has told of it, is proof that changes here are not told of.
        """
        assert self.evidence is not None
        start, stop = self._next, min(self._next + SLICE // 4, len(self.evidence.names))
        rows = [each for each in range(start, stop) if self.journal.is_known(each)]
        strange = {
            each: (now, stamp)
            for each, now, stamp in zip(rows, self._stamps(rows), self._wanted(rows), strict=True)
            if now != stamp
        }
        self._doubted = max(0, self._doubted - (stop - start))
        if strange:
            if not self.caught_up():
                self.journal.lost()
            for each, (now, stamp) in strange.items():
                if self.journal.is_known(each):
                    self._suspect(each, now, stamp)
        self._next = stop if stop < len(self.evidence.names) else 0
        return self._next == 0

    def _has_other_names(self, status: os.stat_result, name: bytes) -> bool:
        """Whether a file may be written to by a name of which nobody tells.

        It may still when that name is gone: by a handle that was opened by it.
        """
        return status.st_nlink != 1 or status.st_ino in self._named_twice or self.mounts.is_at(name)

    def _look_at_namesakes(self, status: os.stat_result) -> None:
        """A file that is known by one name has another: from now on it may be written to by either."""
        if status.st_nlink < 2 or stat.S_ISDIR(status.st_mode) or self.evidence is None:
            return
        self._named_twice.add(status.st_ino)
        if not self._row_of:
            self._row_of = dict(zip(self.evidence.columns[1::5].tolist(), range(self.evidence.there), strict=True))
        row = self._row_of.get(status.st_ino)
        if row is not None and self.journal.is_known(row):
            self.journal.unsure.add(row)

    def _suspect(self, row: int, now: Row | None, stamp: Row) -> None:
        """A row has moved, and nobody told of it. A name that a file gets in another place is never told of.

        From now on it is looked at each time. Before anything else is said, all others are: it may not be the only one.
        """
        assert self.evidence is not None
        self.journal.unsure.add(row)
        if now is None or now[:4] != stamp[:4]:
            name = self.evidence.names[row]
            self.untold.add(name)
            self._doubted = len(self.evidence.names)
            if len(self.untold) > MOST_UNTOLD:
                self.distrusted = f"{os.fsdecode(name)} and others have changed, and the system did not tell of it"

    def _look(self, rows: list[int]) -> list[int]:
        """The rows among them that are folders which are not watched."""
        assert self.evidence is not None
        journal, folders, found = self.journal, self._folders, []
        told_of = dict[bytes, bool]()
        for each, wanted in zip(rows, self._wanted(rows), strict=True):
            name = self.evidence.names[each]
            above = folder_of(name)
            status, now = self._stood(name)
            told = not name.startswith(b"/")
            if told:
                if above not in told_of:
                    told_of[above] = folders.sees(above)
                told = told_of[above] and name not in self.untold
            if status is not None and stat.S_ISDIR(status.st_mode):
                told = told and folders.sees(name)
                if not folders.is_wanted(name) and not name.startswith(b"/"):
                    found.append(each)
            elif status is not None:
                self._look_at_namesakes(status)
                told = told and stat.S_ISREG(status.st_mode) and not self._has_other_names(status, name)
            journal.looked(each, now == wanted, told and now is not None)
        return found

    def _stamps(self, rows: list[int]) -> list[Row | None]:
        assert self.evidence is not None
        return [self._stood(self.evidence.names[each])[1] for each in rows]

    def _wanted(self, rows: list[int]) -> list[Row]:
        """The stamps of rows, in rising order, as evidence has them."""
        assert self.evidence is not None
        there = [each for each in rows if each < self.evidence.there]
        return self.evidence.stamps(there) + [NOTHING] * (len(rows) - len(there))

    def _stood(self, name: bytes) -> tuple[os.stat_result | None, Row | None]:
        """What stands at a path, and its stamp; None: nobody can tell."""
        try:
            status = os.stat(name, dir_fd=self.root, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None, NOTHING
        except OSError:
            return None, None
        return status, row(status)

    def _swept(self) -> None:
        """What a killed one has left."""
        with contextlib.suppress(OSError):
            home = os.open(HOME, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.root)
            try:
                for name in os.listdir(home):
                    if name.startswith(_COOKIE.decode()):
                        os.unlink(name, dir_fd=home)
            finally:
                os.close(home)


def _others(one: Evidence, other: Evidence) -> list[int]:
    """The rows whose stamps are not the same in both; the rows are."""
    found = []
    for start in range(0, one.there, SLICE):
        stop = min(start + SLICE, one.there)
        if one.columns[5 * start : 5 * stop] != other.columns[5 * start : 5 * stop]:
            pairs = zip(one.rows(start, stop), other.rows(start, stop), strict=True)
            found += [row for row, (old, new) in enumerate(pairs, start) if old != new]
    return found
