"""Digests of members, read again only when their stamps moved, once per build.

It does not know steps, traces or verdicts. A digest is a text that names what it is of:
``sha256:…`` (``+x`` where the file may be executed), ``link:…``, ``folder``, ``json:…``, ``=8``
(a short value at a key, or that a probe printed), ``run:…``, ``probe:…``, ``env:…``, ``unset``, ``absent``.
"""

from __future__ import annotations

import math
import os
import stat as st
import struct
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import compress
from operator import attrgetter, ne
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from wavebuild import disk
from wavebuild.declare.model import Artifact, Digest, Json, Text
from wavebuild.errors import Place, WavebuildError, mistake
from wavebuild.judge import content
from wavebuild.judge.stamp import NOWHERE, TICK, Stamp, stamp, stamp_of, trusted
from wavebuild.judge.trace import ABSENT as ABSENT
from wavebuild.later import json, sha256

if TYPE_CHECKING:
    from wavebuild.judge.ahead import Ahead

T = TypeVar("T")

LARGEST_TEXT = 1 << 28
"""Bytes of a file that is parsed (JSON, YAML, CSV, a program) rather than summed."""

LARGEST_PARSED = 1 << 24
"""Bytes of a file that stays parsed in memory for those who read other rows or keys of it."""

MOST_PARSED = 8
"""Files that stay parsed."""

MOST_RECENT = 16
"""Small files whose bytes are held for those who read them in another way."""

MOST_SEEN = 1 << 15
"""Members whose stamps and digests stay as they are; of more most are packed."""

LARGEST_SECOND_READING = 1 << 26
"""Bytes that a build reads a second time at its end, to be sure of files that it has just made."""

MANY = 64
"""Files from which on their stamps are compared together."""

AT_ONCE = 1 << 10
"""Files of which, where one is gone, each is looked at by itself."""

LARGE = 1 << 22
"""Bytes of a file from which on it is worth to read it in a thread before its digest is asked for."""

LARGEST_KEPT = 1 << 18
"""Bytes up to which a content is handed on to be kept, so that ``explain`` can say what changed in it."""

Keep = Callable[[str, bytes | None, int, bytes], None]
"""Takes a digest, what it is of (None if that is too large), its size, and the bytes that were read for it."""

NOTHING = ".wavebuild/nothing"
"""A path where nothing ever stands."""

UNASKED = "unasked"
"""In the place of a digest: a command must be asked first."""

FOLDER = "folder"

WHOLE = ("bytes", "made")
"""How a file is read of which every byte counts."""

UNTRIED = -1
"""In the place of a device."""


class Reading(Struct, frozen=True, gc=False):
    """One thing to compare: the member as people see it, its path relative to the root, and how it is read.

    ``how``: a word of ``Digest``, or ``key``, ``rows``, ``python``, ``imports``, or of what is no file: ``env``,
    ``probe``; ``artifact`` where it is needed.
    """

    member: str
    path: str
    how: str = "bytes"
    argument: str = ""
    artifact: Artifact | None = None

    @property
    def of_file(self) -> bool:
        """Whether ``path`` is a path."""
        return self.how not in ("env", "probe", "mem")


class Seen(Struct, frozen=True, gc=False):
    """What a member was when it was read in this build."""

    stamp: Stamp
    digest: str | None  # None: nothing stands there
    sure: bool = True  # the stamp was old enough when the bytes were read to stand for them


class _Parsed(Struct, Generic[T], frozen=True):
    """A file as it was read: its stamp then, its bytes, and what they were parsed to."""

    stamp: Stamp
    data: bytes
    value: T


class Digests:
    """Digests of one build: a memo over what earlier builds learned.

    ``known`` holds what was learned before: name → (stamp, digest), only of stamps that can be
    trusted; ``learned`` what this build adds. ``now`` is the system's clock in nanoseconds.
    ``elsewhere``: path → the path, relative to the root, where its bytes really are; None: it is not there.
    ``keep``: told of every content that is read for its digest. ``vouch``: finds the device, if there is one, on
    which every change that follows a look is seen in the stamp: asked once, and only where it matters.
    """

    def __init__(
        self,
        root: str,
        known: Mapping[str, tuple[Stamp, str]],
        now: Callable[[], int] = time.time_ns,
        elsewhere: Mapping[str, str | None] = {},
        keep: Keep | None = None,
        vouch: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.root = root
        self._top = f"{root.rstrip('/')}/"
        self._vouch = vouch
        self._vouched: int | None = UNTRIED
        self._keep = keep
        self._known = known
        self._now = now
        self.elsewhere = elsewhere
        self._memo: dict[str, Seen] = {}
        self._past: dict[str, bytes] = {}  # of many those that were not seen lately, packed: a third of the room
        self._roomy = MOST_SEEN
        self._others: dict[str, tuple[str, ...]] = {}  # path → what it was read as, but for as bytes
        self._held: dict[tuple[str, str], _Parsed[Any]] = {}
        self._readings: dict[str, Reading] = {}  # those not sure yet
        self._asked: dict[str, tuple[Stamp, int]] = {}  # name → what stood there when it was asked, and when
        self._ahead: Ahead | None = None
        self._recent: dict[str, tuple[Stamp, bytes]] = {}  # the bytes of what was read last
        self._doubted: dict[str, list[tuple[float, Stamp]]] = {}  # path → until when it was seen, and under what stamp
        self._looked: dict[str, os.stat_result] = {}  # what was just seen to stand at paths that are read next
        self.learned: dict[str, tuple[Stamp, str]] = {}
        self.taken_over: dict[str, str] = {}  # path → digest, of what nobody had to look at
        self.stood: Callable[[str], Stamp] = lambda path: NOWHERE  # what a path had as its stamp as the build began

    def absolute(self, path: str) -> str:
        """Where the bytes of a path are."""
        if self.elsewhere and path in self.elsewhere:
            path = self.elsewhere[path] or NOTHING
        return path if path.startswith("/") else self._top + path if path else self.root

    def named(self, path: str) -> str:
        """Where the bytes of a path are, relative to the root if that is below it: in most cases the path itself."""
        if path and path[0] != "/" and path not in self.elsewhere:
            return path
        there = self.absolute(path)
        return "." if there == self.root else there.removeprefix(self._top)

    def see(self, reading: Reading, status: os.stat_result | None = None) -> Seen:
        """The stamp and digest of a member, as first met in this build. ``status``: what stands there, if just seen.

        Raises WavebuildError for what cannot be read as it should, OSError never.
        """
        seen = self._seen(reading)
        if seen is not None:
            return seen
        if reading.how not in WHOLE:
            return self._meet(reading, None)
        return self._meet(reading, status or self._looked.pop(reading.path, None) or self._look(reading))

    def look_first(self, path: str, status: os.stat_result) -> None:
        """This was just seen to stand at a path; who sees it next looks no second time."""
        if path not in self._memo and path not in self._past:
            self._looked[path] = status

    def look_anew(self) -> None:
        """What was seen to stand somewhere was seen too long ago."""
        self._looked.clear()

    def _seen(self, reading: Reading) -> Seen | None:
        """What was seen before in this build; of an output that was a plain file as whatever it was read."""
        if reading.how == "made":
            plain = self._memo.get(reading.path)
            if plain is None and self._past:
                plain = self._recalled(reading.path)
            if plain is not None and _is_of_no_link(plain.stamp):
                return plain
        seen = self._memo.get(name := memo_name(reading))
        if seen is None and self._past:
            seen = self._recalled(name)
        return seen if seen is not None or reading.how not in WHOLE else self.as_it_stood(reading.path)

    def as_it_stood(self, path: str) -> Seen | None:
        """A file that was looked at as the build began, and whose digest is known from before."""
        mark = self.stood(path)
        known = self._known.get(path) if mark else None
        if known is None or known[0] != mark or path in self._memo or path in self._past:
            return None
        seen = self._memo[path] = Seen(mark, known[1])
        return seen

    def take_over(self, paths: Sequence[str], stamps: Sequence[Stamp], digests: Sequence[str]) -> None:
        """These files had these stamps as the build began, and have had these digests with them."""
        memo, met = self._memo, {*self._memo, *self._past}.intersection(paths)
        if met:
            left = [at for at, path in enumerate(paths) if path not in met]
            paths, stamps = [paths[at] for at in left], [stamps[at] for at in left]
            digests = [digests[at] for at in left]
        memo.update(zip(paths, map(Seen, stamps, digests), strict=True))
        self._roomy = len(memo) + MOST_SEEN
        self.taken_over.update(zip(paths, digests, strict=True))

    def _recalled(self, name: str) -> Seen | None:
        """What was seen under a name, lately or not."""
        seen = self._memo.get(name)
        if seen is None and (packed := self._past.get(name)) is not None:
            return _unpacked(packed)
        return seen

    def _all_marks(self) -> Iterator[tuple[str, Stamp]]:
        """Name and stamp of all that was seen."""
        yield from ((name, seen.stamp) for name, seen in self._memo.items())
        yield from ((name, _MARK.unpack_from(packed)) for name, packed in self._past.items())

    def _pack(self) -> None:
        """Packs what was seen of plain files; the rest stays as it is."""
        left: dict[str, Seen] = {}
        for name, seen in self._memo.items():
            packed = _packed(seen)
            if packed is None:
                left[name] = seen
            else:
                self._past[name] = packed
        self._memo = left
        self._roomy = 2 * len(left) + MOST_SEEN

    def mark_of(self, path: str) -> Stamp | None:
        """The stamp under which a path was seen in this build, whichever way it was read; None if it was not seen.

        What has changed between one reading and another has a stamp that nothing has.
        """
        others = self._others.get(path, ())
        if not others and path not in self._doubted:
            seen = self._recalled(path)
            return seen.stamp if seen is not None else None
        folder = self._folder_name(path)
        found = (self._recalled(name) for name in (path, *others) if name != folder)
        former = (mark for _, mark in self._doubted.get(path, ()))
        marks = list(dict.fromkeys((*former, *(seen.stamp for seen in found if seen is not None))))
        if len(marks) < 2:
            return marks[0] if marks else None
        return (*(marks[0] or marks[1])[:4], -1)

    def _meet(self, reading: Reading, status: os.stat_result | None) -> Seen:
        """A member that was not seen yet. ``status``: of a file that is read whole, what stands there."""
        if reading.how == "made" and (status is None or not st.S_ISLNK(status.st_mode)):
            reading = Reading(reading.member, reading.path)
        name = memo_name(reading)
        seen = self._seen_of_file(reading, name, status) if status is not None and st.S_ISREG(status.st_mode) else None
        if seen is None:
            seen = self._read_or_recall(reading, name)
        if seen.digest == UNASKED:
            return seen
        if len(self._memo) >= self._roomy:
            self._pack()
        self._memo[name] = seen
        if not seen.sure:
            self._readings[name] = reading
        if name != reading.path:
            self._others[reading.path] = (*self._others.get(reading.path, ()), name)
        return seen

    def see_ahead(self, readings: Iterable[Reading]) -> None:
        """Sees those that are read whole and small, and begins to read the large: all will be asked for."""
        for reading in readings:
            if reading.how in WHOLE and self._seen(reading) is None:
                status = self._looked.pop(reading.path, None) or self._look(reading)
                if status is not None and status.st_size >= LARGE and st.S_ISREG(status.st_mode):
                    self.begin(reading.path, status)
                else:
                    self._meet(reading, status)

    def begin(self, path: str, status: os.stat_result) -> None:
        """Begins to read a large file that stands at a path, unless its digest is known: it will be asked for."""
        if not st.S_ISREG(status.st_mode) or path in self._memo or path in self._past:
            return
        mark = stamp_of(status)
        known = self._known.get(path)
        if known is None or known[0] != mark:
            if self._ahead is None:
                from wavebuild.judge.ahead import Ahead

                self._ahead = Ahead(self._now)
            self._ahead.begin(self.absolute(path), mark)

    def about_to_ask(self, reading: Reading) -> None:
        """The command that reads a file for us is about to start: whatever it prints is said of what stands now."""
        mark = self._stamp(reading)
        if mark and not self._is_sure(mark, self._now()):
            time.sleep(TICK / 1e9)  # what it then prints can be kept for later builds
        self._asked[memo_name(reading)] = (mark, self._now())

    def hear(self, reading: Reading, digest: str, keep: bool = True) -> None:
        """What the command said of a file, as ``see`` then gives it; not kept if the file moved meanwhile."""
        name = memo_name(reading)
        mark, started = self._asked.pop(name)
        now = self._stamp(reading)
        if now != mark:
            seen = Seen(NOWHERE if now == NOWHERE else (*now[:4], -1), digest, sure=False)
        else:
            seen = Seen(now, digest, self._is_sure(now, started))
            if seen.sure and keep:
                self.learned[name] = (now, digest)
        self._past.pop(name, None)
        self._memo[name] = seen
        if not seen.sure:
            self._readings[name] = reading
        others = self._others.get(reading.path, ())
        if name not in others:
            self._others[reading.path] = (*others, name)

    def forget(self, path: str) -> None:
        """The member at this path was remade: what was seen of it no longer holds."""
        self._looked.pop(path, None)
        self.taken_over.pop(path, None)
        for name in (path, *self._others.pop(path, ())):
            if self._memo.pop(name, None) is not None:
                self._readings.pop(name, None)
            self._past.pop(name, None)
        self._recent.pop(path, None)
        if self._ahead is not None:
            self._ahead.drop(self.absolute(path))

    def doubt(self, readings: Iterable[Reading]) -> None:
        """What is other by now than when it was seen is read anew by whoever asks from now on.

        Who has asked before has seen it as it was.
        """
        for reading in readings:
            seen = self._seen(reading) if reading.of_file else None
            if seen is not None and not self._stands_as(reading, seen.stamp):
                self._doubted.setdefault(reading.path, []).append((time.monotonic(), seen.stamp))
                self.forget(reading.path)

    def _stands_as(self, reading: Reading, mark: Stamp) -> bool:
        try:
            return self._stamp(reading) == mark
        except WavebuildError:
            return False

    def _seen_until(self, reading: Reading, asked: float) -> Stamp:
        """The stamp under which whoever asked at a time has seen a member."""
        for until, mark in self._doubted.get(reading.path, ()):
            if until > asked:
                return mark
        return self.see(reading).stamp

    def restamped(self, path: str) -> None:
        """We ourselves gave the file at this path other times: what was seen of its bytes still holds."""
        seen = self._recalled(path)
        reading = Reading(path, path)
        now = self._stamp(reading)
        if path in self._others or seen is None or seen.stamp[:3] != now[:3]:
            self.forget(path)
            return
        self.learned.pop(path, None)
        self._past.pop(path, None)
        self._memo[path], self._readings[path] = Seen(now, seen.digest, sure=False), reading

    def moved(self, readings: Collection[Reading], asked: float = math.inf) -> tuple[str, ...]:
        """The members whose stamps are no longer those of when they were read in this build.

        ``asked``: when whoever wants to know was told of them, in monotonic seconds; else just now.

        A database is written to by being read, when its log is taken in: there what it holds counts.
        """
        found = []
        for reading in self._perhaps_moved(readings) if len(readings) >= MANY and not self._doubted else readings:
            if not reading.of_file:
                continue
            seen, now = self.see(reading), self._stamp(reading)
            mark = self._seen_until(reading, asked) if self._doubted else seen.stamp
            if mark != now and not (reading.how == "sqlite" and self._read(reading, now) == seen.digest):
                found.append(reading.member)
        return tuple(found)

    def _perhaps_moved(self, readings: Iterable[Reading]) -> Iterable[Reading]:
        """Those that must be looked at one by one: all but the plain files with the stamps that they had."""
        plain: list[Reading] = []
        others: list[Reading] = []
        memo = self._memo
        for reading in readings:
            (plain if reading.how == "bytes" and reading.path in memo else others).append(reading)
        paths = [reading.path for reading in plain]
        marks = [memo[path].stamp for path in paths]
        there = list(map(self.absolute, paths)) if self.elsewhere else paths
        return [*others, *compress(plain, _differ(self.root, there, marks))]

    def make_sure(self) -> bool:
        """Reads once more, a tick later, what was read too soon after it was written; whether all is sure now.

        Files in a coarse clock's tick, and many large ones, are left to the next build.
        """
        if not self._readings:
            return True
        if sum(self._memo[name].stamp[2] for name in self._readings if self._memo[name].stamp) > LARGEST_SECOND_READING:
            return False
        if not all(self.vouches_for(self._memo[name].stamp) for name in self._readings):
            time.sleep(TICK / 1e9)
        for name, reading in list(self._readings.items()):
            before = self._memo[name]
            again = self._read_or_recall(reading, name)
            if again.digest != before.digest or not again.sure:
                return False
            self._memo[name] = again
            del self._readings[name]
        return True

    def evidence(self) -> Iterator[tuple[str, Stamp]]:
        """Name and stamp of every file that was looked at."""
        for path, seen in self._all_marks():
            if "\0" not in path and path not in self._others:
                yield self.named(path), self.mark_of(path) or NOWHERE if path in self._doubted else seen
        for path, names in self._others.items():
            if self._folder_name(path) not in names and (mark := self.mark_of(path)) is not None:
                yield self.named(path), mark
            if any(name.startswith(f"{path}\0sqlite\0") for name in names):
                yield self.named(f"{path}-wal"), NOWHERE

    def _folder_name(self, path: str) -> str:
        return memo_name(Reading(path, path, "folder"))

    def take_learned(self) -> dict[str, tuple[Stamp, str]]:
        """What is new since the last call, to be kept for later builds."""
        learned, self.learned = self.learned, {}
        return learned

    def _look(self, reading: Reading) -> os.stat_result | None:
        try:
            return disk.look(self.absolute(reading.path))
        except OSError as error:
            raise _unreadable(reading.path, error) from None

    def _stamp(self, reading: Reading) -> Stamp:
        try:
            found = stamp(self.absolute(reading.path))
            if reading.how == "folder" and found:
                # What is in a folder has members of its own: of the folder only its being there counts.
                return (*found[:2], 0, 0, 0)
            if reading.how == "sqlite":
                # What was committed last may be in the log beside it alone; reading that moves its ctime.
                log = stamp(self.absolute(f"{reading.path}-wal"))
                return (*found, *log[:4], log[3]) if log else found
            return found
        except OSError as error:
            raise _unreadable(reading.path, error) from None

    def _seen_of_file(self, reading: Reading, name: str, status: os.stat_result) -> Seen | None:
        """A regular file, read once; None if it cannot be read, or changes meanwhile: who looks again says so."""
        now = stamp_of(status)
        known = self._known.get(name)
        if known is not None and known[0] == now:
            return Seen(now, known[1])
        path = self.absolute(reading.path)
        held = self._recent.get(reading.path)
        read = self._ahead.take(path, now) if self._ahead is not None else None
        started = self._now()
        data: bytes | None
        if held is not None and held[0] == now:
            digest, after, data = sha256(held[1]).hexdigest(), status, held[1]
        elif read is not None:
            started, digest, after, data = read
        else:
            try:
                digest, after, data = disk.sha256(path, LARGEST_KEPT, status.st_size)
            except OSError:
                return None
        if stamp_of(after) != now:
            return None
        digest = self._handed_on(digest, after, data)
        sure = self._is_sure(now, started)
        if sure:
            self.learned[name] = (now, digest)
            if data is not None:
                self._hold(reading.path, now, data)
        return Seen(now, digest, sure)

    def _hold(self, path: str, now: Stamp, data: bytes) -> None:
        """Keeps the bytes of a file whose stamp stands for them, in case it is read in another way, too."""
        if len(data) <= LARGEST_KEPT:
            recent = self._recent
            if len(recent) >= MOST_RECENT and path not in recent:
                del recent[next(iter(recent))]
            recent[path] = now, data

    def _bytes_of(self, path: str, now: Stamp) -> bytes:
        """The bytes of a file that is parsed, and that had this stamp a moment ago."""
        held = self._recent.get(path)
        if held is not None and held[0] == now:
            return held[1]
        started = self._now()
        data = disk.read_regular(self.absolute(path), LARGEST_TEXT)
        if self._is_sure(now, started) and self._stamp(Reading(path, path)) == now:
            self._hold(path, now, data)
        return data

    def _is_sure(self, now: Stamp, started: int) -> bool:
        """Whether a stamp taken before the bytes were read, at ``started`` by the clock, stands for them."""
        return trusted(now, started) or (self.vouches_for(now) and now[4] <= started)

    def vouches_for(self, mark: Stamp) -> bool:
        """Whether a change after this stamp was taken has another one, however soon it comes."""
        if self._vouched == UNTRIED:
            self._vouched = self._vouch()
        return len(mark) == 5 and mark[0] == self._vouched

    def _read_or_recall(self, reading: Reading, name: str) -> Seen:
        now = self._stamp(reading)
        if now == NOWHERE:
            return Seen(now, None)  # to look twice at nothing tells no more
        known = self._known.get(name)
        if known is not None and known[0] == now:
            return Seen(now, known[1])
        for _ in range(3):
            started = self._now()
            digest = self._read(reading, now)
            after = self._stamp(reading)
            if after == now:
                sure = self._is_sure(now, started)
                if digest is not None and digest != UNASKED and reading.how not in ("stat", "mtime") and sure:
                    self.learned[name] = (now, digest)
                return Seen(now, digest, sure)
            now = after
        # Written to all the while we read it: the stamp we return is one it no longer has, so whoever
        # reads it is told that it moved.
        return Seen(NOWHERE if digest is None else (*now[:4], -1), digest, sure=False)

    def _read(self, reading: Reading, now: Stamp) -> str | None:
        if now == NOWHERE:
            return None
        try:
            return self._digest(reading, now)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(reading.path, error) from None

    def _digest(self, reading: Reading, now: Stamp) -> str | None:
        path = self.absolute(reading.path)
        if reading.how == "bytes":
            return self._bytes_digest(path, reading.path)
        if reading.how == "folder":
            return FOLDER if os.path.isdir(path) else None
        if reading.how == "made":
            return _made_link_digest(path)
        status = disk.look_through(path)
        if status is None:
            return None
        _refuse_other_kinds(status, reading.path)
        match reading.how:
            case "stat":
                return f"stat:{status.st_size}:{status.st_mtime_ns}"
            case "mtime":
                return f"mtime:{status.st_mtime_ns}"
            case "sqlite":
                return content.sqlite_digest(path, reading.path)
            case "run":
                return UNASKED
        match reading.how:
            case "csv" | "rows":
                assert reading.artifact is not None
                delimiter = reading.artifact.delimiter
                table = self._parsed(reading.path, now, f"csv {delimiter}", partial(_table, reading.path, delimiter))
                return self._kept("rows", table.value.text(reading.artifact), table.data)
            case "key":
                parsed = self._parsed(reading.path, now, "data", partial(_value, reading.path))
                data = parsed.data
                value = content.value_text(parsed.value, reading.argument)
                if value is None or len(value) <= content.SHOWN:
                    return None if value is None else content.value_digest(value)
                return self._kept("value", value, data)
        data = self._bytes_of(reading.path, now)
        match reading.how:
            case "json" | "yaml" as kind:
                return self._kept(kind, content.data_text(data, reading.path, kind), data)
            case "python":
                digest = content.python_digest(data)
                self.hand_on(digest, data, data)
                return digest
            case "imports":
                return "\n".join(content.python_imports(data))
        raise AssertionError(reading.how)

    def _bytes_digest(self, path: str, shown: str) -> str | None:
        status = disk.look(path)
        if status is None:
            return None
        if st.S_ISREG(status.st_mode):
            return self._file_digest(path)
        if not st.S_ISLNK(status.st_mode):
            _refuse_other_kinds(status, shown)
        beyond = disk.look_through(path)
        if beyond is None:
            return None
        inside = disk.real(path).startswith(disk.real(self.root) + os.sep)
        _refuse_other_kinds(beyond, shown)
        target = self._file_digest(path)
        return content.digest_text("link", f"{disk.read_link(path)}\0{target}") if inside else target

    def _file_digest(self, path: str) -> str:
        return self._handed_on(*disk.sha256(path, LARGEST_KEPT))

    def _handed_on(self, digest: str, status: os.stat_result, data: bytes | None) -> str:
        if self._keep is not None:
            self._keep(f"sha256:{digest}", data, status.st_size, data or b"")
        return _with_mode(digest, status)

    def _parsed(self, path: str, now: Stamp, form: str, parse: Callable[[bytes], T]) -> _Parsed[T]:
        """A file, parsed; kept for those who read another part of it, if its stamp can be trusted."""
        held = self._held.get((path, form))
        if held is not None and held.stamp == now:
            return held
        data = self._bytes_of(path, now)
        fresh = _Parsed(now, data, parse(data))
        if len(data) <= LARGEST_PARSED and self._is_sure(now, self._now()):
            if len(self._held) >= MOST_PARSED:
                self._held.pop(next(iter(self._held)))
            self._held[path, form] = fresh
        return fresh

    def _kept(self, kind: str, text: str, data: bytes) -> str:
        """The digest of what counts of a file, which is handed on."""
        digest = content.digest_text(kind, text)
        if self._keep is not None:
            self.hand_on(digest, text.encode("utf-8", "surrogatepass"), data)
        return digest

    def hand_on(self, digest: str, counted: bytes, data: bytes) -> None:
        """A content to be kept: what the digest is of, and the bytes it was found in."""
        if self._keep is not None:
            self._keep(digest, counted if len(counted) <= LARGEST_KEPT else None, len(counted), data)


def _table(path: str, delimiter: str, data: bytes) -> content.Table:
    return content.Table(data, path, delimiter)


def _value(path: str, data: bytes) -> Json:
    from wavebuild.declare import read_data

    return read_data(data, path, content.data_kind(path))


def memo_name(reading: Reading) -> str:
    """What a digest is remembered under: the path, and how it was read when that is not as bytes."""
    if reading.how == "bytes":
        return reading.path
    return f"{reading.path}\0{reading.how}\0{reading.argument}"


def env_digest(value: str | None) -> str:
    return "unset" if value is None else f"env:{sha256(value.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"


def how_read(artifact: Artifact) -> tuple[str, str]:
    """How an artifact's file members are read, and the argument of that."""
    if artifact.rows is not None or artifact.columns is not None:
        chosen = json.dumps(dict(artifact.rows or ()), ensure_ascii=False)
        columns = json.dumps(artifact.columns, ensure_ascii=False) if artifact.columns is not None else "*"
        return "rows", f"{chosen} {columns}" + (f" by {artifact.delimiter}" if artifact.delimiter != "," else "")
    if artifact.digest is Digest.BYTES:
        return "bytes", ""
    if artifact.digest is Digest.RUN:
        assert artifact.command is not None
        return "run", _shown(artifact.command) + (f" in {artifact.folder}" if artifact.folder else "")
    return artifact.digest.value, artifact.delimiter if artifact.digest is Digest.CSV else ""


def _shown(command: Text) -> str:
    """A command as it was written, but for the values that are known."""
    return "".join(
        part if isinstance(part, str) else f"{{{{ {part.source} }}}}" + "".join(f" {n}={v}" for n, v in part.values)
        for part in command.parts
    )


def _differ(root: str, paths: Sequence[str], marks: Sequence[Stamp]) -> Iterable[bool]:
    """Of each path whether something else than a file with this stamp stands there now, or nobody can tell.

    From the root as a folder that is open paths are short, and each is found the sooner.
    """
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return [True] * len(paths)
    look = partial(os.lstat, dir_fd=folder)
    found: list[bool] = []
    try:
        for start in range(0, len(paths), AT_ONCE):
            some, were = paths[start : start + AT_ONCE], marks[start : start + AT_ONCE]
            try:
                found += [*map(ne, were, map(_of_status, map(look, some)))]
            except (OSError, ValueError):
                found += [True] * len(some)
    finally:
        os.close(folder)
    return found


_of_status = attrgetter("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")


def _packed(seen: Seen) -> bytes | None:
    """What was seen of a plain file, as bytes; None of anything else."""
    digest, stamp = seen.digest, seen.stamp
    if not seen.sure or len(stamp) != 5 or digest is None or not digest.startswith("sha256:"):
        return None
    try:
        packed = _PLAIN.pack(*stamp, bytes.fromhex(digest[7:71]), len(digest) > 71)
    except (ValueError, struct.error):
        return None
    return packed if _unpacked(packed) == seen else None


def _unpacked(packed: bytes) -> Seen:
    *stamp, digest, may_be_executed = _PLAIN.unpack(packed)
    return Seen(tuple(stamp), f"sha256:{digest.hex()}+x" if may_be_executed else f"sha256:{digest.hex()}")


_PLAIN = struct.Struct("5q32s?")
_MARK = struct.Struct("5q")  # which that begins with


def _is_of_no_link(stamp: Stamp) -> bool:
    """Whether a stamp is known to be of what is no link; one that does not hold any more may be of either."""
    return len(stamp) <= 5 and stamp[4:] != (-1,)


def _made_link_digest(path: str) -> str:
    """A link that a step made: its text, and the bytes of the file that it leads to."""
    beyond = disk.look_through(path)
    target = "nothing" if beyond is None else _file_digest(path) if st.S_ISREG(beyond.st_mode) else FOLDER
    return content.digest_text("link", f"{disk.read_link(path)}\0{target}")


def _file_digest(path: str) -> str:
    digest, status, _ = disk.sha256(path)
    return _with_mode(digest, status)


def _with_mode(digest: str, status: os.stat_result) -> str:
    return f"sha256:{digest}+x" if status.st_mode & 0o100 else f"sha256:{digest}"


def _refuse_other_kinds(status: os.stat_result, shown: str) -> None:
    if st.S_ISREG(status.st_mode):
        return
    if st.S_ISDIR(status.st_mode):
        raise mistake(
            "directory-as-file",
            f"{shown} is a directory",
            Place(shown),
            f"write `{shown}/` for a directory and all in it",
        )
    raise mistake(
        "not-a-file", f"{shown} is a FIFO, a socket or a device", Place(shown), "only regular files can be read"
    )


def _unreadable(shown: str, error: OSError) -> Exception:
    return mistake("unreadable", f"cannot read {shown}: {error.strerror}", Place(shown))
