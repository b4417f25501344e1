"""What a person sees of a watch between its builds, and which keys there are.

It does not know when something is to be built, nor how: ``watch.loop`` and ``ui.forked`` do.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from wavebuild.errors import WavebuildError
from wavebuild.run.events import Outcome
from wavebuild.ui import forked, words
from wavebuild.ui.asking import Show
from wavebuild.ui.caller import Caller
from wavebuild.ui.escapes import escaped
from wavebuild.ui.hooks import Hook
from wavebuild.ui.keys import Keys
from wavebuild.ui.style import style_of
from wavebuild.watch.face import Asked, Cause, Ordered, State
from wavebuild.watch.guard import Circle
from wavebuild.watch.rounds import HOOK
from wavebuild.watch.running import Built, Mouth, Ran, Refused
from wavebuild.watch.sight import Sight

if TYPE_CHECKING:
    from wavebuild.engine import Request
    from wavebuild.watch.background import Beside

LAST_LINES = 20
"""Lines of a log that the key for it shows."""

HELP = (
    ("Enter", "build now"),
    ("e", "explain: why the last build ran what it ran"),
    ("l", "log: the end of the last log"),
    ("p", "pause: note changes and build them later"),
    ("q", "quit"),
    ("?", "this help"),
)


class WatchScreen:
    """The face of a watch: lines on stderr, at a terminal with a few that are replaced while nothing runs.

    ``beside``: who answers builds meanwhile.
    """

    def __init__(self, caller: Caller, request: Request, show: Show, asked: Asked, hook: Hook | None) -> None:
        self._caller = caller
        self._request = request
        self._show = show
        self._asked = asked
        self._hook = hook
        self._style = style_of(caller.stderr, caller.environ, show.color)
        self.beside: Beside | None = None
        self._keys: Keys | None = None
        self._drawn = 0  # lines that are to be replaced
        self._idles = False  # no build writes
        self._last: Built | None = None
        self._told: tuple[str, ...] = ()  # what was refused last
        self._state = State()
        self._idled: list[str] = []
        self._since = time.time()

    def begin(self) -> None:
        if self._caller.interactive and self._caller.terminal and self._style.terminal:
            self._keys = Keys(self._caller.stdin.fileno(), self._caller.terminal)
            self._keys.take()

    def end(self) -> None:
        self._erase()
        if self._keys:
            self._keys.give()
        if self._hook:
            self._hook.end()

    # what the loop asks for

    def deed(self, cause: Cause, sight: Sight | None, moved: Sequence[int] | None, mouth: Mouth) -> int:
        request = self._request
        if sight is not None and sight.evidence is not None and moved is not None:
            from wavebuild.engine.glance import Glance

            request = replace(request, glance=Glance(sight.evidence, list(moved)))
        first, each = cause.kind == "start", self._asked.restart
        return forked.build(self._caller, request, self._show, mouth, self._heading(cause), first, each)

    def reaches(self, paths: Sequence[str], running: Collection[str], seen: bool) -> Sequence[str]:
        from wavebuild.watch.reach import reaching

        try:
            graph = self._caller.engine().load(self._request).graph
        except WavebuildError:
            return ()  # what is broken is said when this build has ended
        return reaching(graph, paths, running, seen)

    def building(self, cause: Cause) -> None:
        self._erase()
        self._idles = False

    def built(self, cause: Cause, built: Built, code: int) -> None:
        mended = built.ok and built.nothing_to_do and (self._told or (self._last is not None and not self._last.ok))
        if mended:
            self._print(["all is well again: nothing to do"])
        self._told = ()
        if built.ran or not built.nothing_to_do or mended or cause.kind == "start":
            self._last, self._since = built, time.time()
            if self._hook and (said := self._hook.begin(built)):
                self._print([said])
        if built.nothing_to_do and not mended and cause.kind in ("start", "asked"):
            self._print([words.nothing_to_do(built.steps, built.seconds)])

    def refused(self, refused: Refused) -> None:
        if refused.lines == self._told:
            return
        self._told = refused.lines
        self._print(refused.lines)

    def crashed(self, code: int) -> None:
        if code < 0:
            self._print(
                [f"the build was killed by {signal.Signals(-code).name}: what it left is mended by the next one"]
            )

    def idle(self, state: State) -> None:
        self._state, self._idles = state, True
        if self._show.quiet:
            return
        self._erase()
        lines = self._idle_lines(state)
        if self._style.terminal:
            self._draw(lines)
        elif lines != self._idled:
            self._idled = lines
            self._print(lines)

    def say(self, lines: Sequence[str]) -> None:
        self._erase()
        self._print([escaped(line) for line in lines])

    def keys(self) -> int:
        return self._keys.handle if self._keys else -1

    def pressed(self) -> list[Ordered]:
        assert self._keys is not None
        ordered: list[Ordered] = []
        for key in self._keys.read():
            match key:
                case "\r" | "\n":
                    ordered.append("build")
                case "p":
                    ordered.append("pause")
                case "q":
                    ordered.append("quit")
                case "e":
                    self._aside(self._explained())
                case "l":
                    self._aside(self._log())
                case "?" | "h":
                    self._aside([f"  {name.ljust(6)} {meaning}" for name, meaning in HELP])
                case _:
                    pass
        return ordered

    def lend(self) -> None:
        if self._keys:
            self._keys.give()

    def take_back(self) -> None:
        if self._keys:
            self._keys.take()

    def stop(self) -> None:
        self._erase()
        if self._keys:
            self._keys.give()

    def forget(self) -> None:
        if self._keys:
            self._keys.forget()

    def tick(self) -> tuple[int, int] | None:
        if self.beside is not None:
            self.beside.reap()
        if self._hook is None:
            return None
        if said := self._hook.look():
            self.say(said.splitlines())
            self.idle(self._state)
        return self._hook.window

    # what is shown

    def _heading(self, cause: Cause) -> str:
        """Why it builds; "" where that is plain."""
        moment = time.strftime("%H:%M:%S")
        if cause.kind == "asked":
            return f"{moment}  asked for"
        if cause.kind == "changed":
            most = 3 if self._style.width >= 60 else 1
            return f"{moment}  {words.listed(cause.paths, most) if cause.paths else 'something'} changed"
        return ""

    def _idle_lines(self, state: State) -> list[str]:
        keys = self._key_line() if self._keys and self._keys.handle >= 0 else ""
        return [self._fitted(line) for line in (*self._state_lines(state), keys) if line]

    def _state_lines(self, state: State) -> list[str]:
        files, folders = words.counted(state.files, "file"), words.counted(state.folders, "folder")
        if state.circle is not None:
            step = words.listed(state.circle.steps, 2)
            return [
                f"stopped: {words.listed(state.circle.files, 2)} changed each time {step} ran",
                f"{_way_out(state.circle)}; the next change builds again",
            ]
        if state.paused:
            return [f"paused{': something has changed' if state.waiting else ''}; p goes on"]
        if state.doubted is not None:
            step = words.listed(state.doubted.steps, 2)
            return [f"{words.listed(state.doubted.files, 2)} changed each time {step} ran: waiting for a rest"]
        if state.refused:
            return ["nothing could be built: waiting for a change"]
        way = "looking at" if state.polls else "watching"
        moment = time.strftime("%H:%M:%S", time.localtime(self._since))
        result = self._result()
        if self._style.width >= 60:
            return [f"{way} {files} in {folders} · {result} at {moment}"]
        return [f"{way} {files}, {folders}", f"{result} at {moment}"]

    def _result(self) -> str:
        if self._last is None:
            return "nothing built"
        if self._last.ok:
            return "all is built"
        outcomes = {each.outcome for each in self._last.ran}
        ended = (
            each.value for each in (Outcome.FAILED, Outcome.INTERRUPTED, Outcome.WAITING) if each.value in outcomes
        )
        return next(ended, "outdated" if self._last.moved else "failed")

    def _key_line(self) -> str:
        if self._style.width >= 60:
            return "Enter build · e explain · l log · p pause · q quit · ? help"
        return "Enter e l p q, ? for help"

    def _fitted(self, line: str) -> str:
        """On one row of the terminal: what is replaced later must be counted."""
        width = shutil.get_terminal_size((self._style.width, 24)).columns if self._style.terminal else 0
        return line if not self._style.terminal or len(line) < width else f"{line[: max(1, width - 2)]}…"

    def _draw(self, lines: Sequence[str]) -> None:
        shown = [self._style.paint(self._style.fit(line), "dim") for line in lines]
        self._put("\n".join(shown))
        self._drawn = len(shown)

    def _erase(self) -> None:
        if self._drawn:
            up = f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else ""
            self._put(f"\r{up}\x1b[J")
            self._drawn = 0

    def _aside(self, lines: Sequence[str]) -> None:
        """What a key has asked for, above the lines that are replaced; nothing while a build writes."""
        if not self._idles:
            return
        self._erase()
        self._print([part for line in lines for part in self._wrapped(line)])
        self.idle(self._state)

    def _wrapped(self, line: str) -> list[str]:
        """At words, as far as the terminal is wide; what follows stands below the text of the first line."""
        import textwrap

        width = shutil.get_terminal_size((self._style.width, 24)).columns
        if "\x1b" in line or len(line) < width or width < 30:
            return [line]
        return textwrap.wrap(line, width - 1, subsequent_indent=" " * 9, break_on_hyphens=False)

    def _print(self, lines: Sequence[str]) -> None:
        self._put("".join(f"{self._style.fit(line)}\n" for line in lines))

    def _put(self, text: str) -> None:
        try:
            self._caller.stderr.write(text)
            self._caller.stderr.flush()
        except (OSError, ValueError):
            from wavebuild.ui.caller import let_go

            let_go(self._caller.stderr)

    def _explained(self) -> list[str]:
        if self._told:
            return list(self._told)
        if self._last is None or not self._last.ran:
            return ["the last build had nothing to do: all was as it should be"]
        out = []
        for ran in self._last.ran:
            out.append(f"  {escaped(ran.step)} ({ran.outcome.replace('_', ' ')})")
            out += [f"    because {why}" for why in ran.reasons]
        return out

    def _path_of_log(self, ran: Ran) -> str:
        """Where it lies; "" if it printed nothing, or that is not kept."""
        path = os.path.join(self._asked.root, ran.log) if ran.log else ""
        return path if os.path.isfile(path) and os.path.getsize(path) else ""

    def _log(self) -> list[str]:
        ran = [each for each in (self._last.ran if self._last else ()) if self._path_of_log(each)]
        failed = [each for each in ran if each.outcome == Outcome.FAILED.value]
        chosen = (failed or ran)[-1:]
        if not chosen:
            return ["the last build left no log: no step of it printed anything"]
        from wavebuild.ui.logs import LogReader

        reader = LogReader(self._path_of_log(chosen[0]), self._style.colours and self._style.terminal)
        skipped, text = reader.skip_to_last(), ""
        while (piece := reader.read()) is not None:
            text += piece
        lines = (text + reader.finish()).splitlines()
        left = "" if len(lines) <= LAST_LINES and not skipped else f", its last {LAST_LINES} lines"
        return [f"  {escaped(chosen[0].step)}: {escaped(str(chosen[0].log))}{left}", *lines[-LAST_LINES:]]


def _way_out(circle: Circle) -> str:
    if HOOK in circle.steps:
        return f"have {HOOK} leave alone what steps read"
    return f"make it an output of {words.listed(circle.steps, 2)}, or no input"
