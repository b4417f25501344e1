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
from collections.abc import Callable, Sequence
from typing import Literal

from wavebuild.store.held import is_held
from wavebuild.watch.changes import Changes
from wavebuild.watch.face import Asked, Cause, Face, Ordered, State
from wavebuild.watch.hearing import RETRY, Hearing
from wavebuild.watch.observer import Observer
from wavebuild.watch.quiet import Quiet
from wavebuild.watch.rounds import Rounds
from wavebuild.watch.running import Built, Knows, Looked, Message, Mouth, Owned, Reached, Refused, Running, Runs
from wavebuild.watch.sight import UNKNOWN, Stamp
from wavebuild.watch.signals import Signals, stands_in_foreground

STOPS_WITHIN = 2.0
"""Seconds that a build has to put the screen in order after Ctrl-Z."""

STANDS_WITHIN = 5.0
"""Seconds that the observer has to watch all, before a build begins that a change may end."""

ASKS = 0.1
"""The most of the time of a build that it may be asked whether a change reaches what runs."""

HELD = 0.2
"""Seconds between two looks whether somebody else still builds here."""


class Loop:
    """``run`` is the watch from its first build to its end."""

    def __init__(self, asked: Asked, face: Face) -> None:
        self._asked = asked
        self._face = face
        self._hearing = Hearing(asked.poll)
        self._changes = Changes(asked, lambda: self._hearing.is_told_all)
        self._rounds = Rounds()
        self._running: Running | None = None
        self._cause = Cause("start")
        self._told: list[Message] = []
        self._runs: set[str] = set()  # the steps that run now
        self._meanwhile: dict[str, float] = {}  # what has changed since the build began, and when that was found
        self._unasked: set[str] = set()  # of these: what may reach a step that runs
        self._quiet = Quiet(0.0)
        self._quiet_said = 0.075
        self._lent = False  # a step has the terminal
        self._paused = False
        self._looks_when_standing = False
        self._code: int | None = None
        self._shown: State | None = None
        self._counted = 0, 0
        self._again = False  # one more build is wanted, whatever has changed

    def run(self) -> int:
        """The exit code: 0 when a person has ended it, else 128 and the number of the signal that did."""
        with Signals() as signals:
            self._signals = signals
            try:
                self._hearing.begin()
                if self._asked.restart:  # what the first build runs may be made stale as well
                    self._changes.renew()
                    self._watch()
                    self._await_observer(STANDS_WITHIN)
                self._build(Cause("start"))
                while self._code is None or self._running is not None:
                    self._wait()
                return self._code
            finally:
                self._hearing.end()

    def _await_observer(self, seconds: float) -> None:
        """Waits until all is watched, or somebody has had enough."""
        end = time.monotonic() + seconds
        while (observer := self._hearing.heard) is not None and not observer.standing:
            heard: list[Observer | int] = [observer, self._signals.reads]
            ready, _, _ = select.select(heard, [], [], max(0.0, end - time.monotonic()))
            if observer not in ready:
                return
            self._take_batch(observer)

    # what comes

    def _wait(self) -> None:
        """One turn: whatever comes first."""
        keys = self._face.keys()
        heard: list[object] = [self._signals.reads]
        observer = self._hearing.heard
        if observer is not None:
            heard.append(observer)
        if self._running is not None and self._running.is_heard:
            heard.append(self._running)
        if keys >= 0:
            heard.append(keys)
        ready, _, _ = select.select(heard, [], [], self._timeout())  # type: ignore[type-var]
        self._take_signals()
        if observer is not None and observer in ready:
            self._take_batch(observer)
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
        if self._looks_untold():
            moments.append(self._next_look())
        due = min((moment for moment in moments if moment is not None), default=None)
        return None if due is None else max(0.0, due - now)

    def _looks_untold(self) -> bool:
        """Whether all is looked at from time to time now, though nobody tells of a change."""
        if self._running is not None:
            return self._asked.restart and self._hearing.polls and self._changes.sight is not None
        return not self._paused

    def _next_look(self) -> float:
        """When all is looked at though nobody has told of a change."""
        return self._changes.looked + self._hearing.pause(self._changes.refused, self._changes.cost)

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

    def _end(self, code: int, number: signal.Signals | None = None) -> None:
        """The watch is to end; a build that runs is interrupted first, and once more when asked once more."""
        self._code = code if self._code is None else self._code
        if self._running is None:
            return
        if number == signal.SIGINT and stands_in_foreground():
            self._running.see_to_it_that_it_stops()
        else:
            self._running.interrupt(number or signal.SIGINT)

    def _take_batch(self, observer: Observer) -> None:
        batch = observer.batch()
        self._hearing.said += batch.said
        self._hearing.know()
        self._changes.remember(batch.paths)
        relevant = None if batch.all else self._changes.relevant(batch.paths)
        if relevant is None or relevant:
            self._note(relevant, batch.at)
        if self._running is None and not self._paused:
            self._changes.look_ahead()
        if self._looks_when_standing and observer.standing and (self._running is None or self._asked.restart):
            self._looks_when_standing = False
            self._note(None)

    def _note(self, paths: Sequence[str] | None, at: float = 0.0) -> None:
        """Something may have changed. ``at``: when that was heard of; 0: now."""
        self._changes.note(paths)
        self._quiet.change(at or time.monotonic())
        if self._rounds.doubted is not None:  # who makes changes while nothing runs is not kept waiting
            self._quiet_for(self._quiet_said)

    def _quiet_for(self, seconds: float) -> None:
        """From now on, whatever was waited for."""
        self._quiet.forget()
        self._quiet.seconds = seconds
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
                case Runs(step=step, now=True, at=at):
                    self._runs.add(step)
                    self._unasked.update(name for name, found in self._meanwhile.items() if found >= at)
                case Runs(step=step):
                    self._runs.discard(step)
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
                self._rounds.forget()
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
            elif self._looks_untold() and time.monotonic() >= self._next_look():
                self._changes.note(None)
                self._perhaps_restart(self._running)
            elif self._asked.restart and self._is_due():
                self._perhaps_restart(self._running)
            elif self._unasked:  # the word that a step has begun came later than what has changed since
                self._restart_if_reached(self._running)
        if self._running is not None or self._code is not None:
            return
        if self._hearing.said:
            self._face.say(self._hearing.said)
            self._hearing.said, self._shown = [], None
        if not self._paused:
            if time.monotonic() >= self._next_look():
                self._changes.note(None)
                self._decide("retry" if self._changes.refused else "changed")
            elif self._is_due():
                self._decide("changed")
        if self._running is None:
            self._show()
            if (window := self._face.tick()) is not None:
                self._rounds.hook_ran(window)

    def _is_due(self) -> bool:
        due = self._quiet.due
        return due is not None and time.monotonic() >= due and not self._paused

    def _show(self) -> None:
        files, folders = self._counted
        state = State(
            files=files,
            folders=folders,
            polls=self._hearing.polls,
            paused=self._paused,
            waiting=self._paused and self._quiet.due is not None,
            refused=self._changes.refused,
            circle=self._rounds.circle,
            doubted=self._rounds.doubted,
        )
        if state != self._shown:
            self._shown = state
            self._face.idle(state)

    def _decide(self, kind: Literal["changed", "retry"]) -> None:
        """Whether what may have changed has, and is to be built."""
        changes = self._changes
        if is_held(self._asked.lock):
            self._quiet_for(HELD)
            changes.looked = time.monotonic()
            return
        if changes.is_known and changes.renew():
            self._watch()
        paths = changes.taken()
        self._quiet.forget()
        self._quiet.seconds = self._quiet_said
        if changes.refused or changes.sight is None:
            changes.looked = time.monotonic()
            self._build(Cause(kind, changes.shown(paths or ())))
            return
        moved = changes.moved_now(paths)
        meanwhile = self._rounds.moved
        news = dict.fromkeys(meanwhile, UNKNOWN) | changes.sight.of_them_news(moved)
        if not news:
            self._rounds.doubted = None  # somebody else has built it
        elif self._may_go_on(news):
            self._rounds.circle = None
            shown = changes.shown(map(changes.sight.path, news))
            self._build(Cause("changed", shown), None if meanwhile else moved)

    def _may_go_on(self, news: dict[str, Stamp]) -> bool:
        """Whether builds do not just cause one another."""
        now = time.monotonic()
        verdict = self._rounds.verdict(news, now)
        if verdict == "rest":
            self._changes.note(None)
            self._quiet_for(self._rounds.rest(now))
        elif verdict == "stop" and self._changes.sight is not None:
            self._changes.sight.before.update(news)
        return verdict == "go"

    # builds

    def _build(self, cause: Cause, moved: dict[str, Stamp] | None = None) -> None:
        """``moved``: all that is other than it was seen, if that is known."""
        self._quiet.forget()
        self._cause, self._told, self._again = cause, [], False
        self._rounds.doubted = None
        self._runs.clear()
        self._meanwhile.clear()
        self._unasked.clear()
        self._lent = False
        moved = self._changes.begin(moved)
        self._shown = None
        self._face.building(cause)
        sight = self._changes.sight
        rows = None
        if sight is not None and sight.evidence is not None and moved and cause.kind == "changed":
            rows = sight.rows(moved)
        face = self._face
        try:
            self._running = Running(lambda mouth: face.deed(cause, sight, rows, mouth), self._to_close())
        except OSError as error:
            self._face.say([f"no build can begin: {error.strerror}"])
            self._note(None)
            self._quiet.seconds = RETRY

    def _to_close(self) -> list[Callable[[], None]]:
        return [self._signals.forget, self._face.forget, *self._hearing.to_close]

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
        self._changes.refused = built is None
        self._rounds.built(built)
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
        self._take_sight(next((each for each in told if isinstance(each, Looked)), None))
        self._watch()
        for each in told:
            if isinstance(each, Knows):
                _import_ahead(each.modules)
        if self._again:
            self._build(Cause("asked"))

    def _take_sight(self, looked: Looked | None) -> None:
        """What the build has looked at."""
        if looked is not None:
            self._quiet_said = looked.quiet
        self._changes.take(looked)
        self._quiet.seconds = self._quiet_said

    def _watch(self) -> None:
        """Has the folders watched that matter now, and all looked at once they are."""
        sight, root = self._changes.sight, self._changes.root
        self._counted = sight.counted() if sight else (0, 0)
        folders = {root, *(sight.folders if sight else ())}
        known = self._changes.is_known
        stands = self._hearing.watch(folders, [] if known else [root])
        self._looks_when_standing = not stands
        if stands and known:  # else what has changed meanwhile has been told, or is tried in a while
            self._note(None)

    # a change while a build runs

    def _perhaps_restart(self, running: Running) -> None:
        """Ends the build if what it runs is made stale by a change; what it does not run it will judge as it is."""
        paths = self._changes.taken()
        self._quiet.forget()
        if running.stopped:
            return
        news = self._changes.moved_meanwhile(paths)
        self._meanwhile.update(dict.fromkeys(news, time.time()))
        self._unasked.update(news)
        self._restart_if_reached(running)

    def _restart_if_reached(self, running: Running) -> None:
        news = sorted(self._unasked)
        self._unasked.clear()
        if running.stopped or not self._runs or not news:
            return
        began = time.monotonic()
        reached = self._reached(news)
        self._quiet.seconds = max(self._quiet_said, (time.monotonic() - began) / ASKS)
        if reached:
            self._hearing.said.append(f"begun anew: {', '.join(reached[:3])} changed")
            running.interrupt()

    def _reached(self, paths: Sequence[str]) -> Sequence[str]:
        """Those of these that concern a step that runs; asked in a process of its own, which loads the project."""
        face, runs, seen = self._face, sorted(self._runs), self._changes.sight is not None

        def ask(mouth: Mouth) -> int:
            mouth.tell(Reached(tuple(face.reaches(paths, runs, seen))))
            return 0

        asking = Running(ask, self._to_close())
        told: list[Message] = []
        while not asking.has_ended():
            told += asking.messages()
            time.sleep(0.005)
        told += asking.messages()
        asking.close()
        return next((each.paths for each in told if isinstance(each, Reached)), ())


def _import_ahead(modules: Sequence[str]) -> None:
    """What a build imports is there already when the next one is forked."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
