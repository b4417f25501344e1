"""Builds, waits until something that the project looks at has changed, and builds again.

It does not know how a build is made or shown, nor what keys a person has: its ``Face`` does. One process with one
thread, so that each build can be forked from it. What is heard of changes only wakes it: whether there is anything to
build is for stamps to say, and then for the build.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from types import FrameType
from typing import Literal, Protocol

from msgspec import Struct

from wavebuild.store import settled
from wavebuild.store.held import is_held
from wavebuild.store.mounts import is_of_this_machine
from wavebuild.store.settled import Evidence
from wavebuild.watch.guard import Circle, Guard
from wavebuild.watch.observer import Observer
from wavebuild.watch.quiet import Quiet
from wavebuild.watch.running import Built, Knows, Looked, Message, Mouth, Owned, Refused, Running, Runs
from wavebuild.watch.sight import UNKNOWN, Sight, Stamp

STOPS_WITHIN = 2.0
"""Seconds that a build has to put the screen in order after Ctrl-Z."""

RESCAN = 120.0
"""Seconds after which all is looked at again though nothing was heard: what nobody tells of must not be lost."""

POLL = 1.0
"""Seconds between two looks where nobody tells of changes; more of them where a look takes long."""

SHARE = 0.02
"""The most of a processor that looking without being told may take."""

REST = 2.0
"""Seconds without a change after which a circle of builds is tried once more."""

HELD = 0.2
"""Seconds between two looks whether somebody else still builds here."""

RETRY = 3.0
"""Seconds between two tries where the project could not be loaded and nobody tells of changes."""

HOOK = "--exec"
"""What is run after a build, in the place of a step."""

MOST_HEARD = 100
"""Paths of which changes were told that are remembered for people."""

UNHEARD = (".wavebuild", ".git")
"""Folders of the root of which nothing is news where nobody has said what matters."""

Ordered = Literal["build", "pause", "quit"]


class Asked(Struct, frozen=True):
    """What is watched. ``root``: the folder of the Wavefile. ``question``: as in the evidence."""

    root: str
    lock: str
    evidence: str
    question: str
    environ: dict[str, str]
    restart: bool = False  # a change ends the steps that it makes stale
    poll: bool = False  # nobody is asked to tell of changes


class Cause(Struct, frozen=True):
    """Why a build begins: at the start, as somebody asked for it, or as these paths (from the root) have changed."""

    kind: Literal["start", "asked", "changed", "retry"]
    paths: tuple[str, ...] = ()


class State(Struct, frozen=True):
    """What a person may want to know while nothing runs."""

    files: int = 0
    folders: int = 0
    polls: bool = False
    paused: bool = False
    waiting: bool = False  # something has changed that is not built yet
    refused: bool = False  # the last build could not begin
    circle: Circle | None = None  # building was stopped: builds cause one another


class Face(Protocol):
    """Who shows what happens, and does what has to be done in the build's own process."""

    def deed(self, cause: Cause, sight: Sight | None, moved: Sequence[int] | None, mouth: Mouth) -> int:
        """The build, in its own process; ``moved``: the rows of the sight's evidence that are known to have moved."""

    def reaches(self, paths: Sequence[str], running: Collection[str]) -> bool:
        """Whether a change of these paths concerns one of these steps; in a process of its own."""

    def building(self, cause: Cause) -> None: ...

    def built(self, cause: Cause, built: Built, code: int) -> None: ...

    def refused(self, refused: Refused) -> None: ...

    def crashed(self, code: int) -> None: ...

    def idle(self, state: State) -> None: ...

    def say(self, lines: Sequence[str]) -> None: ...

    def tick(self) -> bool:
        """Looks after what else was begun for a build; whether it still goes on."""

    def keys(self) -> int:
        """What becomes readable when somebody has pressed a key; -1 where nobody can."""

    def pressed(self) -> list[Ordered]: ...

    def lend(self) -> None:
        """The terminal is for a step now."""

    def take_back(self) -> None: ...

    def stop(self) -> None:
        """We are about to be suspended; afterwards ``take_back`` is called."""

    def forget(self) -> None:
        """In a fork: nothing of it is ours."""


class Signals:
    """The signals that a watch hears, as bytes of a pipe."""

    def __init__(self) -> None:
        self.reads, self._writes = os.pipe()
        os.set_blocking(self.reads, False)
        os.set_blocking(self._writes, False)
        self.came: list[signal.Signals] = []
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Signals:
        self._former = signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGTSTP, signal.SIGCONT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._former)
        self.forget()

    def taken(self) -> list[signal.Signals]:
        with contextlib.suppress(BlockingIOError):
            while os.read(self.reads, 256):
                pass
        came, self.came = self.came, []
        return came

    def forget(self) -> None:
        os.close(self.reads)
        os.close(self._writes)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came.append(signal.Signals(number))


class Loop:
    """``run`` is the watch from its first build to its end."""

    def __init__(self, asked: Asked, face: Face) -> None:
        self._asked = asked
        self._face = face
        self._observer: Observer | None = None
        self._sight: Sight | None = None
        self._kept: object = None  # which evidence the sight is of
        self._running: Running | None = None
        self._cause = Cause("start")
        self._told: list[Message] = []
        self._runs: set[str] = set()  # the steps that run now
        self._quiet = Quiet(0.0)
        self._paths: set[str] | None = set()  # what may have changed; None: anything
        self._guard = Guard()
        self._ahead: dict[str, Stamp] | None = None  # what had moved at a look that was taken ahead
        self._moved: dict[str, str] = {}  # what has changed while a step ran that reads it, and that step
        self._windows: dict[str, tuple[int, int]] = {}  # what the last build ran, from when to when (ns)
        self._circle: Circle | None = None
        self._rests = False  # a circle is waited out
        self._paused = False
        self._refused = False
        self._looks_when_standing = False
        self._polls = asked.poll
        self._far = False  # something lies where others may write to without our system knowing
        self._cost = 0.0  # what a look at everything takes
        self._looked = time.monotonic()
        self._code: int | None = None
        self._shown: State | None = None
        self._said: list[str] = []
        self._counted = 0, 0
        self._heard: dict[str, None] = {}  # paths that changes were told of, for people
        self._before: dict[str, Stamp] = {}
        self._again = False  # one more build is wanted, whatever has changed

    def run(self) -> int:
        """The exit code: 0 when a person has ended it, else 128 and the number of the signal that did."""
        with Signals() as signals:
            self._signals = signals
            try:
                self._observer = self._begun_observer()
                self._build(Cause("start"))
                while self._code is None or self._running is not None:
                    self._wait()
                return self._code
            finally:
                if self._observer is not None:
                    self._observer.close()

    def _begun_observer(self) -> Observer | None:
        if self._asked.poll:
            return None
        try:
            return Observer()
        except OSError as error:
            self._said.append(
                f"no process can watch files ({error.strerror}); looking at them from time to time instead"
            )
            self._polls = True
            return None

    # what comes

    def _wait(self) -> None:
        """One turn: whatever comes first."""
        keys = self._face.keys()
        heard: list[object] = [self._signals.reads]
        if self._observer is not None and not self._observer.ended:
            heard.append(self._observer)
        if self._running is not None and self._running.is_heard:
            heard.append(self._running)
        if keys >= 0:
            heard.append(keys)
        ready, _, _ = select.select(heard, [], [], self._timeout())  # type: ignore[type-var]
        self._take_signals()
        if self._observer is not None and self._observer in ready:
            self._take_batch(self._observer)
        if self._running is not None:
            self._take_messages(self._running)
        if keys >= 0 and keys in ready:
            for ordered in self._face.pressed():
                self._obey(ordered)
        self._turn()

    def _timeout(self) -> float | None:
        if self._running is not None and (self._running.code is not None or not self._asked.restart):
            return None if self._running.is_heard else 0.05
        now = time.monotonic()
        moments = [] if self._paused or self._code is not None else [self._quiet.due]
        if self._running is None and not self._paused:
            moments.append(self._looked + self._pause_of_looks())
        due = min((moment for moment in moments if moment is not None), default=None)
        return None if due is None else max(0.0, due - now)

    def _pause_of_looks(self) -> float:
        """How long nothing need be looked at that nobody has told of."""
        if self._polls:
            return RETRY if self._refused else max(POLL, self._cost / SHARE)
        return RESCAN

    def _take_signals(self) -> None:
        for number in self._signals.taken():
            if number == signal.SIGTSTP:
                if self._running is not None:
                    self._running.await_stop(STOPS_WITHIN)
                self._face.stop()
                os.kill(os.getpid(), signal.SIGSTOP)
            elif number == signal.SIGCONT:
                self._shown = None
                if not self._runs_a_console():
                    self._face.take_back()
            elif number != signal.SIGCHLD:
                self._end(128 + number, number)

    def _runs_a_console(self) -> bool:
        return self._running is not None and self._lent

    _lent = False

    def _end(self, code: int, number: signal.Signals | None = None) -> None:
        """The watch is to end; a build that runs is interrupted first, and once more when asked once more."""
        self._code = code if self._code is None else self._code
        if self._running is not None and not (number == signal.SIGINT and _stands_in_foreground()):
            self._running.interrupt(number or signal.SIGINT)  # a Ctrl-C has reached the build as it has reached us

    def _take_batch(self, observer: Observer) -> None:
        batch = observer.batch()
        self._said += batch.said
        self._know_whether_to_poll()
        for path in batch.paths[:MOST_HEARD]:
            if len(self._heard) < MOST_HEARD:
                self._heard[path] = None
        relevant = None if batch.all else self._relevant(batch.paths)
        if relevant is None or relevant:
            self._note(relevant, batch.at)
        self._look_ahead()
        if self._looks_when_standing and observer.standing and self._running is None:
            self._looks_when_standing = False
            self._note(None)

    def _know_whether_to_poll(self) -> None:
        """Whether somebody tells of changes of all that matters now."""
        self._polls = self._observer is None or self._observer.blind or self._far

    def _look_ahead(self) -> None:
        """While all comes to rest everything is looked at; what changes later is looked at once more."""
        sight = self._sight
        if sight is None or self._refused or self._running or self._paused or self._ahead is not None:
            return
        if self._paths is not None and not (self._paths and sight.news(sight.touched(self._paths) or [])):
            return
        self._paths = set()
        self._ahead = self._look(sight)

    def _look(self, sight: Sight) -> dict[str, Stamp]:
        began = time.monotonic()
        moved = sight.moved()
        self._looked = time.monotonic()
        self._cost = self._looked - began
        return moved

    def _relevant(self, paths: Sequence[str]) -> Sequence[str] | None:
        """Those that may be news; None: it may be anything."""
        if self._sight is None or self._refused:
            unheard = tuple(f"{self._asked.root.rstrip('/')}/{name}" for name in UNHEARD)
            return [path for path in paths if not f"{path}/".startswith(tuple(f"{each}/" for each in unheard))]
        names = self._sight.touched(paths)
        return None if names is None else [self._sight.path(name) for name in names]

    def _note(self, paths: Sequence[str] | None, at: float = 0.0) -> None:
        """Something may have changed. ``at``: when that was heard of; 0: now."""
        if paths is None or self._paths is None:
            self._paths = None
        else:
            self._paths.update(paths)
        self._quiet.change(at or time.monotonic())
        if self._rests:
            self._quiet.forget()
            self._quiet.seconds = REST
            self._quiet.change(time.monotonic())

    def _take_messages(self, running: Running) -> None:
        for message in running.messages():
            match message:
                case Owned(taken=True):
                    self._lent = True
                    self._face.lend()
                    running.hand_over()
                case Owned():
                    self._lent = False
                    self._face.take_back()
                case Runs(step=step, now=now):
                    (self._runs.add if now else self._runs.discard)(step)
                case _:
                    self._told.append(message)

    def _obey(self, ordered: Ordered) -> None:
        match ordered:
            case "quit":
                self._end(0)
            case "pause":
                self._paused = not self._paused
                self._shown = None
                if not self._paused:
                    self._note(None)
            case "build":
                self._paused = False
                self._guard.forget()
                self._circle, self._rests = None, False
                if self._running is None:
                    self._build(Cause("asked"))
                else:
                    self._again = True

    # what follows

    def _turn(self) -> None:
        if self._running is not None:
            if self._running.has_ended():
                self._take_messages(self._running)
                self._after(self._running)
            elif self._asked.restart and self._is_due():
                self._perhaps_restart(self._running)
        if self._running is not None or self._code is not None:
            return
        if self._said:
            self._face.say(self._said)
            self._said, self._shown = [], None
        if not self._paused:
            if time.monotonic() >= self._looked + self._pause_of_looks():
                self._paths = None
                self._decide("retry" if self._refused else "changed")
            elif self._is_due():
                self._decide("changed")
        if self._running is None:
            self._show()
            self._note_hook(self._face.tick())

    def _note_hook(self, runs: bool) -> None:
        """What is run after a build may change what the project looks at, as a step may."""
        if runs:
            began, _ = self._windows.get(HOOK, (time.time_ns(), 0))
            self._windows[HOOK] = began, time.time_ns()

    def _is_due(self) -> bool:
        due = self._quiet.due
        return due is not None and time.monotonic() >= due and not self._paused

    def _show(self) -> None:
        files, folders = self._counted
        state = State(
            files=files,
            folders=folders,
            polls=self._polls,
            paused=self._paused,
            waiting=self._paused and self._quiet.due is not None,
            refused=self._refused,
            circle=self._circle,
        )
        if state != self._shown:
            self._shown = state
            self._face.idle(state)

    def _decide(self, kind: Literal["changed", "retry"]) -> None:
        """Whether what may have changed has, and is to be built."""
        if is_held(self._asked.lock):
            self._quiet.forget()
            self._quiet.seconds = HELD
            self._quiet.change(time.monotonic())
            self._looked = time.monotonic()
            return
        if self._sight is not None and not self._refused:
            self._renew_if_others_built()
        paths, self._paths = self._paths, set()
        self._quiet.forget()
        self._set_quiet()
        if self._refused or self._sight is None:
            self._looked = time.monotonic()
            self._build(Cause(kind, self._shown_paths(paths or ())))
            return
        moved = self._moved_now(self._sight, paths)
        news = self._sight.of_them_news(moved)
        news |= dict.fromkeys(self._moved, UNKNOWN)
        if news and self._may_go_on(self._sight, news):
            self._circle = None
            self._build(
                Cause("changed", self._shown_paths(map(self._sight.path, news))), None if self._moved else moved
            )

    def _may_go_on(self, sight: Sight, news: dict[str, Stamp]) -> bool:
        """Whether builds do not just cause one another."""
        if self._rests:  # all has been still: this one is to show whether it happens again
            self._rests = False
            return True
        verdict = self._guard.round(tuple(news), [*self._moved.values()] or self._ran_meanwhile(news))
        if verdict == "rest":
            self._rests = True
            self._note(None)
        elif verdict == "stop":
            self._circle = self._guard.circle
            self._guard.forget()
            sight.before.update(news)
            self._moved = {}
        return verdict == "go"

    def _moved_now(self, sight: Sight, paths: Collection[str] | None) -> dict[str, Stamp]:
        """All that has moved, if something has among what these paths speak of."""
        ahead, self._ahead = self._ahead, None
        names = None if paths is None else sight.touched(paths)
        if names is None:
            return self._look(sight)
        moved = sight.moved(names)
        if ahead is None:
            return self._look(sight) if sight.of_them_news(moved) else moved
        return {name: stamp for name, stamp in ahead.items() if name not in names} | moved

    def _ran_meanwhile(self, news: dict[str, Stamp]) -> list[str]:
        """The steps of the last build while which all of this has changed; none of what was removed tells when."""
        moments = [stamp[4] if len(stamp) >= 5 else 0 for stamp in news.values()]
        return [step for step, (begin, end) in self._windows.items() if all(begin <= each <= end for each in moments)]

    def _shown_paths(self, paths: Iterable[str]) -> tuple[str, ...]:
        """What has changed, from the root; of a folder, what has come or gone in it where that was heard."""
        shown = set()
        for path in paths:
            inside = [each for each in self._heard if os.path.dirname(each) == path]
            shown.update(inside or [path])
        return tuple(sorted(settled.name_of(path, self._asked.root) for path in shown))

    # builds

    def _build(self, cause: Cause, moved: dict[str, Stamp] | None = None) -> None:
        """``moved``: all that is other than it was seen, if that is known."""
        self._quiet.forget()
        self._paths = set()
        self._ahead = None
        self._cause, self._told, self._again = cause, [], False
        self._runs.clear()
        self._heard.clear()
        self._lent = False
        if moved is None and self._sight is not None:
            moved = self._look(self._sight)
        self._before = moved or {}
        self._shown = None
        self._face.building(cause)
        sight = self._sight
        rows = None
        if sight is not None and sight.evidence is not None and moved and cause.kind == "changed":
            rows = sight.rows(moved)
        self._kept = _identity(self._evidence())
        face = self._face
        try:
            self._running = Running(lambda mouth: face.deed(cause, sight, rows, mouth), self._to_close())
        except OSError as error:
            self._face.say([f"no build can begin: {error.strerror}"])
            self._note(None)
            self._quiet.seconds = RETRY

    def _to_close(self) -> list[Callable[[], None]]:
        closing: list[Callable[[], None]] = [self._signals.forget, self._face.forget]
        if self._observer is not None:
            closing.append(self._observer.forget)
        return closing

    def _after(self, running: Running) -> None:
        """A build has ended."""
        self._running = None
        if self._lent:
            self._lent = False
            self._face.take_back()
        running.close()
        code = running.code if running.code is not None else 1
        told, self._told = self._told, []
        built = next((each for each in told if isinstance(each, Built)), None)
        refused = next((each for each in told if isinstance(each, Refused)), None)
        looked = next((each for each in told if isinstance(each, Looked)), None)
        self._refused = built is None
        self._windows = {each.step: each.window for each in built.ran} if built else {}
        self._moved = dict(built.moved) if built else {}
        if built is not None:
            self._face.built(self._cause, built, code)
        elif refused is not None:
            self._face.refused(refused)
            if refused.of_the_call and self._cause.kind == "start":
                self._code = refused.code
        elif not running.stopped and self._code is None:
            self._face.crashed(code)
        if self._code is not None:
            return
        for each in told:
            if isinstance(each, Knows):
                _import_ahead(each.modules)
        self._take_sight(looked)
        self._watch()
        if self._again:
            self._build(Cause("asked"))

    def _take_sight(self, looked: Looked | None) -> None:
        """What the build has looked at."""
        if looked is not None:
            self._asked = _replaced(self._asked, looked)
            self._quiet_said = looked.quiet
        found = _identity(self._evidence())
        if looked is not None and looked.stamps is not None:
            self._ahead = None
            evidence = self._evidence_now() if looked.kept else None
            self._sight, self._kept = Sight(looked.root, evidence, looked.stamps, self._before), found
        elif found is not None and (found != self._kept or self._sight is None):
            self._read_evidence(found)
        elif self._sight is not None:
            self._sight.before = self._before
        self._set_quiet()

    _quiet_said = 0.075

    def _set_quiet(self) -> None:
        self._quiet.seconds = self._quiet_said

    def _read_evidence(self, found: object) -> None:
        evidence = self._evidence_now()
        if evidence is not None:
            self._sight = Sight(self._asked.root, evidence, None, self._before, self._sight)
            if self._ahead is not None:
                self._ahead, self._paths = None, None
        self._kept = found

    def _evidence_now(self) -> Evidence | None:
        return settled.read(self._evidence(), self._asked.question, self._asked.environ)

    def _renew_if_others_built(self) -> None:
        """Somebody has built meanwhile, by hand: what they have seen is no news."""
        found = _identity(self._evidence())
        if found is not None and found != self._kept:
            self._read_evidence(found)
            self._watch()

    def _watch(self) -> None:
        """Has the folders watched that matter now, and all looked at once they are."""
        self._counted = self._sight.counted() if self._sight else (0, 0)
        folders = set(self._sight.folders) if self._sight else {self._asked.root}
        folders.add(self._asked.root)
        self._far = not all(map(is_of_this_machine, _apart(folders)))
        self._know_whether_to_poll()
        unknown = self._refused or self._sight is None
        if self._observer is not None and not self._observer.ended:
            self._observer.watch(folders, [self._asked.root] if unknown else [])
            self._looks_when_standing = not self._observer.standing
            if self._looks_when_standing:
                return
        if not unknown:  # else what has changed meanwhile has been told, or is tried in a while
            self._note(None)

    def _evidence(self) -> str:
        return self._asked.evidence

    # a change while a build runs

    def _perhaps_restart(self, running: Running) -> None:
        """Ends the build if what it runs is made stale by a change; what it does not run it will judge as it is."""
        paths, self._paths = self._paths, set()
        self._quiet.forget()
        if running.stopped or not self._runs or self._sight is None:
            return
        names = None if paths is None else self._sight.touched(paths)
        news = [name for name, now in self._sight.moved(names).items() if self._before.get(name) != now]
        if not news:
            return
        face, runs = self._face, sorted(self._runs)
        asking = Running(lambda _: int(not face.reaches(news, runs)), self._to_close())
        while not asking.has_ended():
            time.sleep(0.005)
        asking.close()
        if asking.code == 0:
            self._said.append(f"begun anew: {', '.join(news[:3])} changed")
            running.interrupt()


def _stands_in_foreground() -> bool:
    """Whether what is typed at our terminal reaches us, and all that is of our process group."""
    with contextlib.suppress(OSError):
        handle = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(handle) == os.getpgrp()
        finally:
            os.close(handle)
    return False


def _identity(path: str) -> object:
    """Which file stands at a path; None if there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _apart(folders: Collection[str]) -> list[str]:
    """One folder of each device."""
    found: dict[int, str] = {}
    for folder in folders:
        with contextlib.suppress(OSError):
            found.setdefault(os.stat(folder).st_dev, folder)
    return list(found.values())


def _import_ahead(modules: Sequence[str]) -> None:
    """What a build imports is there already when the next one is forked."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _replaced(asked: Asked, looked: Looked) -> Asked:
    from msgspec.structs import replace

    return replace(asked, root=looked.root, evidence=looked.evidence)
