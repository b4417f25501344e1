"""Answers builds that ask what has moved since all was fresh: a process that holds the project's evidence in memory.

It does not know how changes are told of (``ground`` does), and builds nothing. It answers only while it is sure; at any
other time its socket is not there, so that nobody waits for it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from collections.abc import Callable

from wavebuild import __version__
from wavebuild.engine.glance import SOCKET
from wavebuild.engine.watched import MOST, answered, patience_for, whereabouts
from wavebuild.figures import counted
from wavebuild.store.layout import Layout
from wavebuild.store.settled import encoded
from wavebuild.watch import inotify
from wavebuild.watch.ground import SLICE, Ground
from wavebuild.watch.mounts import TELLING

LIMIT = 1 << 12
"""Rows that are looked at while somebody waits for an answer, and that an answer names, at most."""

_A_LOOK = 8e-6
"""Seconds that a look at a row takes, about: while somebody waits there is time for so many."""

UNSURE = b"unsure"
BUSY = "looks at the files"

CHECK_EVERY = 240.0
"""Seconds between two looks at everything, whatever was told."""

_PAUSE = 0.05
"""Seconds in which events are left to gather: of several that are the same the system keeps one."""

_CHECK_PAUSE = 0.01
_TRY_AGAIN = 1.0
"""Seconds after which it is tried again to open what the system did not let us open; each time twice as many."""

_SETTLES = 0.02
_LONGEST_QUESTION = 1 << 16
_MOST_LINES = 32
_LINE_LASTS = 5.0


class Answers:
    """``say``: told in a few words what it does now, whenever that changes."""

    def __init__(self, layout: Layout, say: Callable[[str], None], check_every: float = CHECK_EVERY) -> None:
        self._layout = layout
        self._say = say
        self._place = layout.settled.removesuffix(".settled") + SOCKET
        self._check_every = check_every
        self._state = inotify.Inotify()
        self._state.add(os.fsencode(layout.folder), inotify.COMES_OR_GOES | inotify.SELF)
        self.ground = Ground(layout.root, layout.settled)
        self._listener: socket.socket | None = None
        self._lines: dict[int, tuple[socket.socket, float]] = {}
        self._said = ""
        now = time.monotonic()
        self._hear_at = 0.0
        self._take_at: float | None = now
        self._open_at, self._rest = now, _TRY_AGAIN
        self._cannot = ""
        self._check_at = now + check_every
        self._is_asked_by_others = False
        self._over = ""
        self._closed = False
        self._remove()  # what a killed one has left

    def serve(self, *stops: int) -> str:
        """Answers until something comes from a handle, or there is nothing left to watch; the reason."""
        try:
            kind = self.ground.mounts.kind()
            if kind not in TELLING:
                return f"the project lies on a file system ({kind or 'unknown'}) that does not tell of all changes"
            while not self._over:
                self.turn(*stops)
            return self._over
        finally:
            self.close()

    def turn(self, *stops: int) -> None:
        """Waits until there is something to do, and does it."""
        ground, now = self.ground, time.monotonic()
        poll = select.poll()
        for handle in (
            *stops,
            self._state.handle,
            *self._lines,
            *([self._listener.fileno()] if self._listener else []),
        ):
            poll.register(handle, select.POLLIN)
        if now >= self._hear_at:
            poll.register(ground.handle, select.POLLIN)
        ready = {handle for handle, _ in poll.poll(1000 * self._patience(now))}
        now = time.monotonic()
        if ready.intersection(stops):
            self._over = "it was asked to end"
            return
        if self._state.handle in ready:
            self._hear_of_state(now)
        if ground.handle in ready:
            ground.hear()
            self._hear_at = now + _PAUSE
            if ground.root_moved():
                self._over = self._over or self._gone()
        if self._listener is not None and self._listener.fileno() in ready:
            self._accept(now)
        for handle in ready & self._lines.keys():
            self._answer(self._lines.pop(handle)[0])
        for handle in [handle for handle, (_, began) in self._lines.items() if now > began + _LINE_LASTS]:
            self._lines.pop(handle)[0].close()
        self._go_on(now)

    def _patience(self, now: float) -> float:
        """Seconds until there is something to do though nothing happens."""
        if self.is_behind():
            return 0
        until = [self._check_at]
        if self._take_at is not None:
            until.append(self._take_at)
        if now < self._hear_at:
            until.append(self._hear_at)
        if self._listener is None and now < self._open_at:
            until.append(self._open_at)
        until += [began + _LINE_LASTS for _, began in self._lines.values()]
        return max(0.0, min(until) - now)

    def is_behind(self) -> bool:
        """Whether more must be looked at than can be while somebody waits."""
        ground = self.ground
        return bool(ground.identity) and not ground.distrusted and (ground.doubts or self._has_much_to_look_at())

    def _has_much_to_look_at(self) -> bool:
        return len(self.ground.journal.unsure) > SLICE // 2

    def _go_on(self, now: float) -> None:
        """What is done between questions."""
        ground = self.ground
        if self._take_at is not None and now >= self._take_at:
            self._take_at = None
            self._close_listener()  # it takes a while: nobody is to wait meanwhile
            self._over = self._over or self._gone()  # a folder above may have been moved, which nobody tells
            if not self._over:
                ground.take()
                if ground.is_hindered:
                    self._take_at = now + _TRY_AGAIN
        if self.is_behind():
            ground.look_on()
        if now >= self._check_at or ground.doubts:
            self._check(now)
        self._show(now)

    def _check(self, now: float) -> None:
        ground = self.ground
        self._over = self._over or self._gone()
        round_ended = True
        if ground.identity and not ground.distrusted and not self._has_much_to_look_at():
            round_ended = ground.check()
        self._check_at = now + (self._check_every if round_ended else _CHECK_PAUSE)

    def _show(self, now: float) -> None:
        """Opens or closes the socket, and says how things are."""
        ground = self.ground
        blind = len(ground.journal.blind)
        if ground.distrusted:
            said = f"answers nobody any more: {ground.distrusted}"
        elif not ground.identity:
            said = "waits for a build that ends well, with no input that is reached by a symbolic link"
        elif self.is_behind():
            said = BUSY
        elif blind > self._most_blind():
            said = f"answers nobody: {counted(blind, 'path')} would have to be looked at each time"
        else:
            said = f"answers builds; {counted(ground.watches, 'folder')} watched"
            said += f", {counted(blind, 'path')} looked at each time" if blind else ""
            said += f"; {counted(len(ground.untold), 'file')} changed and nobody told" if ground.untold else ""
        can = said.startswith("answers builds")
        said += f"; only those of version {__version__}, but others have asked" if self._is_asked_by_others else ""
        said += "; the system allows no more watches (fs.inotify.max_user_watches)" if ground.short else ""
        if can and self._listener is None and now >= self._open_at:
            self._open(now)
        if can and self._listener is None:
            said = f"answers nobody: its socket cannot be used: {self._cannot}"
        elif not can and self._listener is not None:
            self._close_listener()
        if said != self._said:
            self._said = said
            self._say(said)

    def _most_blind(self) -> int:
        """Of so many paths at most can be told while somebody waits, if they must be looked at each time."""
        evidence = self.ground.evidence
        patience = patience_for(len(evidence.data)) if evidence is not None else 0.0
        return min(LIMIT, int(patience / 2 / _A_LOOK))

    def _hear_of_state(self, now: float) -> None:
        """The evidence comes and goes with builds; without the folder that it lies in there is nothing to do."""
        name, lock = (os.fsencode(os.path.basename(path)) for path in (self._layout.settled, self._layout.watcher))
        for _, mask, what in self._state.read():
            if mask & (inotify.SELF | inotify.IGNORED):
                self._over = self._over or self._gone() or "the folder of its state was moved"
            elif what == lock and not os.path.exists(self._layout.watcher):
                # A folder whose files are held open does not say that it is gone.
                self._over = self._over or self._gone() or "its lock was removed"
            elif mask & inotify.OVERFLOW or what == name:
                self._take_at = now + _SETTLES
                if not os.path.exists(self._layout.settled):
                    self.ground.identity = b""

    def _gone(self) -> str:
        """Why there is nothing left to watch; "" if there is."""
        try:
            same = os.path.samestat(os.stat(self._layout.root), os.stat(self.ground.root))
        except OSError:
            same = False
        if not same:
            return "the project is not where it was"
        return "" if os.path.isdir(self._layout.folder) else "the folder of its state is gone"

    def _accept(self, now: float) -> None:
        assert self._listener is not None
        try:
            line, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError, InterruptedError):
            return
        except OSError as error:  # out of handles, say: who waits is let go of, else it would be asked again and again
            self._close_listener()
            self._give_up(error, now)
            return
        if len(self._lines) >= _MOST_LINES:
            line.close()
            return
        line.setblocking(False)
        self._lines[line.fileno()] = line, now

    def _answer(self, line: socket.socket) -> None:
        with line:
            if message := self._question(line):
                said = self.answer(message)  # what goes wrong here is not passed over: it is our end
                with contextlib.suppress(OSError):
                    line.send(said, socket.MSG_NOSIGNAL)

    def _question(self, line: socket.socket) -> bytes:
        """What somebody asks; "" for somebody else than whoever runs this."""
        with contextlib.suppress(OSError):
            who = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            if int.from_bytes(who[4:8], sys.byteorder) == os.geteuid():
                return line.recv(_LONGEST_QUESTION)
        return b""

    def answer(self, message: bytes) -> bytes:
        """What is said to a question; it is not known where that is not certain."""
        ground = self.ground
        if ground.doubts or ground.distrusted:
            return UNSURE
        version, which, where, question = (*message.split(b"\0", 3), b"", b"", b"", b"")[:4]
        self._is_asked_by_others = self._is_asked_by_others or version != encoded(__version__)
        if version != encoded(__version__) or not ground.identity or which != ground.identity:
            return UNSURE
        if question != ground.question or where != whereabouts(ground.root) or not ground.caught_up():
            return UNSURE
        moved = ground.moved(LIMIT)
        if moved is None or ground.evidence is None:
            return UNSURE
        said = answered(ground.evidence.fresh, ground.evidence.open, moved, ground.env)
        return said if len(said) <= MOST else UNSURE

    def _open(self, now: float) -> None:
        """The socket, for nobody but whoever runs this; it is there when somebody listens, no sooner."""
        folder, name = os.path.split(self._place)
        try:
            kind = socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            listener = socket.socket(socket.AF_UNIX, kind)
        except OSError as error:
            self._give_up(error, now)
            return
        try:
            os.fchmod(listener.fileno(), 0o600)  # of a socket: what its file will have
            handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{name}.new", dir_fd=handle)
                listener.bind(f"/proc/self/fd/{handle}/{name}.new")  # the whole path may be too long for a socket
                listener.listen(_MOST_LINES)
                os.rename(f"{name}.new", name, src_dir_fd=handle, dst_dir_fd=handle)
            finally:
                os.close(handle)
        except OSError as error:
            listener.close()
            self._give_up(error, now)
            return
        self._listener, self._rest = listener, _TRY_AGAIN

    def _give_up(self, error: OSError, now: float) -> None:
        """For a while there is no socket."""
        self._cannot = error.strerror or str(error)
        self._open_at = now + self._rest
        self._rest = min(2 * self._rest, CHECK_EVERY)

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._remove()
            self._listener.close()
            self._listener = None

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._place)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._close_listener()
        for line, _ in self._lines.values():
            line.close()
        self._lines.clear()
        self._state.close()
        self.ground.close()
