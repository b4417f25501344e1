"""``wavebuild watch``: what a person sees of it, which keys there are, and how each of its builds is made and told.

It does not know when something is to be built: ``watch.loop`` does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from types import FrameType
from typing import TYPE_CHECKING, cast

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.errors import WavebuildError, mistake
from wavebuild.run.events import Event, Noticed, Outcome, Settled, StepRetried, StepSettled, StepStarted
from wavebuild.ui import words
from wavebuild.ui.asking import How, Show, Where, request_of
from wavebuild.ui.caller import Caller, Deeds
from wavebuild.ui.escapes import escaped
from wavebuild.ui.keys import Keys
from wavebuild.ui.style import style_of
from wavebuild.watch import background
from wavebuild.watch.face import Asked, Cause, Ordered, State
from wavebuild.watch.guard import Circle
from wavebuild.watch.loop import Loop
from wavebuild.watch.rounds import HOOK
from wavebuild.watch.running import AT_LEAST, Built, Knows, Looked, Mouth, Owned, Ran, Refused, Runs
from wavebuild.watch.sight import Sight

if TYPE_CHECKING:
    from wavebuild.declare.model import Artifact
    from wavebuild.engine import BuildResult, Request
    from wavebuild.engine.values import Sight as Looks
    from wavebuild.run.interrupts import Interrupts
    from wavebuild.store.layout import Layout

MOST_TOLD = 200
"""Steps of a build of which is told why they ran, and what became of them."""

COARSE = 10_000_000
"""Nanoseconds by which the stamp of a file may lag behind the clock."""

HOOK_ENDS_WITHIN = 2.0
"""Seconds that a command of --exec has to end when the watch does."""

LAST_LINES = 20
"""Lines of a log that the key for it shows."""

_OURS = ("wavebuild", "msgspec", "yaml", "jinja2", "markupsafe", "rich")
"""Packages that a build may have imported and the next one is spared; beside the standard library."""

_RAN = (Outcome.SUCCEEDED, Outcome.RESTORED, Outcome.FAILED, Outcome.WAITING, Outcome.INTERRUPTED)

HELP = (
    ("Enter", "build now"),
    ("e", "explain: why the last build ran what it ran"),
    ("l", "log: the end of the last log"),
    ("p", "pause: note changes and build them later"),
    ("q", "quit"),
    ("?", "this help"),
)


def watch(
    caller: Caller, words: Sequence[str], where: Where, how: How, show: Show, watched: Watched, bare: str | None
) -> int:
    """The exit code of the whole watch: 0 when a person has ended it."""
    if watched.daemon or watched.stop:
        from wavebuild.ui import watchers

        if watched.exec or watched.poll or show.events is not None or show.json:
            raise mistake(
                "flags", "--daemon and --stop build nothing: --exec, --poll, --events and --json are for a watch"
            )
        return watchers.deed(caller, words, where, watched.stop, watched.daemon, show.quiet)
    if show.json:
        raise mistake("flags", "watch has no one result for --json", remedy="--events FILE tells all its builds")
    if show.verbose and show.quiet:
        raise mistake("flags", "-v and -s exclude each other")
    if show.quiet and show.output:
        raise mistake("flags", "-s shows failures alone: it does not go with --output")
    full = show.events is not None or show.verbose or show.explain
    request = replace(request_of(caller, where, words, how), full=full, bare=bare)
    if show.events not in (None, "-"):
        _begin_events(os.path.join(request.directory, str(show.events)), str(show.events))
    asked, layout = _asked(request, watched)
    hook = Hook(watched.exec, asked.root, dict(caller.environ)) if watched.exec else None
    face = WatchScreen(caller, request, replace(show, watched=True), asked, hook)
    answers = None if watched.poll else background.beside(layout)
    try:
        face.begin()
        return Loop(asked, face).run()
    finally:
        face.end()
        if answers is not None:
            answers.close()


def _begin_events(path: str, shown: str) -> None:
    """The file is begun once; each build adds to it."""
    try:
        with open(path, "w"):
            pass
    except OSError as error:
        raise mistake("events", f"--events {shown}: {error.strerror}") from error


def _asked(request: Request, watched: Watched) -> tuple[Asked, Layout]:
    from wavebuild.declare.finding import find
    from wavebuild.engine.idle import layout_of, question_asked, refuse_inside_itself
    from wavebuild.engine.project import wavefile_of

    environ = dict(request.environ)
    try:
        path = wavefile_of(request)
    except WavebuildError:
        path = find(request.directory, request.file)  # it is broken: that is for the first build to say
    root = os.path.dirname(path)
    refuse_inside_itself(root, environ)
    layout = layout_of(path, environ)
    question = question_asked(request, root)
    restart = watched.on_change == "restart"
    return Asked(root, layout.lock, layout.settled, question, environ, restart, watched.poll), layout


class Watched(Struct, frozen=True):
    """The flags of a watch."""

    on_change: str = "queue"
    exec: str | None = None
    poll: bool = False
    daemon: bool = False
    stop: bool = False


class WatchScreen:
    """The face of a watch: lines on stderr, at a terminal with a few that are replaced while nothing runs."""

    def __init__(self, caller: Caller, request: Request, show: Show, asked: Asked, hook: Hook | None) -> None:
        self._caller = caller
        self._request = request
        self._show = show
        self._asked = asked
        self._hook = hook
        self._style = style_of(caller.stderr, caller.environ, show.color)
        self._keys: Keys | None = None
        self._drawn = 0  # lines that are to be replaced
        self._last: Built | None = None
        self._told: tuple[str, ...] = ()  # what was refused last
        self._state = State()
        self._idled: list[str] = []
        self._at = time.time()
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
        from wavebuild.ui.ending import ended

        known = set(sys.modules)
        request = replace(self._request, interrupts=_counting())
        if sight is not None and sight.evidence is not None and moved is not None:
            from wavebuild.engine.glance import Glance

            request = replace(request, glance=Glance(sight.evidence, list(moved)))
        code = ended(self._caller, lambda caller: self._built(caller, request, cause, mouth))
        mouth.tell(Knows(tuple(name for name in [*sys.modules] if name not in known and _may_be_ahead(name))))
        return code

    def _built(self, caller: Caller, request: Request, cause: Cause, mouth: Mouth) -> int:
        from wavebuild.ui.answering import refuse_ambiguous
        from wavebuild.ui.builds import run_build
        from wavebuild.ui.excerpts import located
        from wavebuild.ui.problems import refusal_lines

        telling = Telling(caller.engine(), mouth, self._heading(cause), self._asked.restart)
        heard = replace(caller, engine=lambda: cast("Deeds", telling))
        try:
            if cause.kind == "start":
                refuse_ambiguous(caller, request, request.bare)
            try:
                return run_build(heard, request, self._show)
            except WavebuildError as error:
                if all(problem.code != "held" for problem in error.problems):
                    raise
                caller.say([f"{escaped(error.problems[0].message)}: waiting for it"])
                return run_build(heard, replace(request, wait=float("inf"), glance=None), self._show)
        except WavebuildError as error:
            lines = refusal_lines(located(error.problems, caller), caller.argv)
            of_the_call = all(problem.place is None for problem in error.problems)
            mouth.tell(Refused(tuple(lines), error.exit_code, of_the_call))
            return error.exit_code

    def reaches(self, paths: Sequence[str], running: Collection[str]) -> bool:
        return reaches(self._caller.engine(), self._request, paths, running)

    def building(self, cause: Cause) -> None:
        self._erase()
        self._at = time.time()

    def built(self, cause: Cause, built: Built, code: int) -> None:
        if self._told and built.nothing_to_do:
            self._print(["all is well again: nothing to do"])
        self._told = ()
        if built.ran or not built.nothing_to_do or cause.kind == "start":
            self._last, self._since = built, time.time()
            if self._hook and (said := self._hook.begin(built)):
                self._print([said])
        if built.nothing_to_do and cause.kind in ("start", "asked"):
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
        self._state = state
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
        if state.doubted is not None:
            step = words.listed(state.doubted.steps, 2)
            return [f"{words.listed(state.doubted.files, 2)} changed each time {step} ran: waiting for a rest"]
        if state.paused:
            return [f"paused{': something has changed' if state.waiting else ''}; p goes on"]
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
        moved = self._last.moved and not any(each.outcome == Outcome.FAILED.value for each in self._last.ran)
        return "outdated" if moved else "failed"

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
        if not self._drawn:
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
        return path if os.path.isfile(path) else ""

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


class Hook:
    """A command of the shell that is run after builds, one at a time; of those that come meanwhile the last is told."""

    def __init__(self, command: str, folder: str, environ: dict[str, str]) -> None:
        self._command = command
        self._folder = folder
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._next: Built | None = None
        self.window: tuple[int, int] | None = None  # from when to when the last one has run, in ns

    def begin(self, built: Built) -> str:
        """What kept it from being started; "" if nothing did."""
        if self._process is not None:
            self._next = built
            return ""
        counts = dict(built.counts)
        told = {f"WAVEBUILD_{each.value.upper()}": str(counts.get(each.value, 0)) for each in Outcome}
        began = time.time_ns() - COARSE
        environ = {**self._environ, **told, "WAVEBUILD_RUN": built.run, "WAVEBUILD_OK": str(int(built.ok))}
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", self._command],
                cwd=self._folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return f"--exec: {error.strerror}"
        self.window = began, began
        return ""

    def look(self) -> str:
        """What is to be said of it: that it failed; "" for nothing."""
        if self._process is None:
            return ""
        if self.window is not None:
            self.window = self.window[0], time.time_ns()
        if (code := self._process.poll()) is None:
            return ""
        self._process = None
        said = f"--exec: the command failed ({_how_it_ended(code)})" if code else ""
        if self._next is not None:
            built, self._next = self._next, None
            said = "\n".join(filter(None, (said, self.begin(built))))
        return said

    def end(self) -> None:
        """It does not outlive the watch."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(HOOK_ENDS_WITHIN)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _way_out(circle: Circle) -> str:
    if HOOK in circle.steps:
        return f"have {HOOK} leave alone what steps read"
    return f"make it an output of {words.listed(circle.steps, 2)}, or no input"


def _how_it_ended(code: int) -> str:
    return f"exit {code}" if code > 0 else signal.Signals(-code).name


class Telling:
    """The deeds of an engine; of a build the watch is told what it must know."""

    def __init__(self, engine: Deeds, mouth: Mouth, heading: str, each: bool) -> None:
        self._engine = engine
        self._mouth = mouth
        self._heading = heading
        self._each = each  # every beginning and end is told
        self._ran: list[Ran] = []
        self._owner = ""

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def build(self, request: Request, tell: Callable[[Event], None]) -> BuildResult:
        def hear(event: Event) -> None:
            if self._heading and _is_seen(event):
                heading, self._heading = self._heading, ""
                tell(Noticed(event.run, event.at, heading))
            tell(event)
            self._pass_on(event)

        result = self._engine.build(replace(request, sight=self._look), hear)
        counts = tuple((word, number) for word, number in words.counts(result) if number)
        ran = tuple(self._ran[:MOST_TOLD])
        moved = tuple((path, step.step) for step in result.steps for path in step.moved)
        self._mouth.tell(
            Built(result.run, result.ok, result.seconds, counts, result.nothing_to_do, result.fresh, ran, moved)
        )
        return result

    def _pass_on(self, event: Event) -> None:
        match event:
            case StepStarted():
                if self._each:
                    self._mouth.tell(Runs(event.step, True))
                if event.console:
                    self._owner = event.step
                    self._mouth.ask_for_terminal()
            case StepSettled(settled=settled, at=at):
                self._give_back(settled.step)
                if self._each:
                    self._mouth.tell(Runs(settled.step, False))
                if settled.outcome in _RAN and len(self._ran) < MOST_TOLD:
                    self._ran.append(_ran(settled, at))
            case StepRetried(step=step):
                self._give_back(step)
            case _:
                pass

    def _give_back(self, step: str) -> None:
        if step == self._owner:
            self._owner = ""
            self._mouth.tell(Owned(False))

    def _look(self, looks: Looks) -> None:
        stamps = looks.stamps() if looks.open or not looks.kept else None
        self._mouth.tell(Looked(looks.root, looks.evidence, looks.kept, looks.quiet, stamps))


def _is_seen(event: Event) -> bool:
    return isinstance(event, StepStarted) or (isinstance(event, StepSettled) and event.settled.outcome in _RAN)


def _ran(settled: Settled, ended: float) -> Ran:
    reasons = tuple(words.reason_in_full(each) for each in settled.reasons)
    window = (int((settled.started or ended) * 1e9) - COARSE, int(ended * 1e9))
    return Ran(settled.step, settled.outcome.value, reasons, settled.log, window)


def reaches(engine: Deeds, request: Request, paths: Sequence[str], running: Collection[str]) -> bool:
    """Whether a change of these sources makes what these steps do stale; what they make is no source."""
    from wavebuild.graph import reads
    from wavebuild.plan.targets import downstream_of

    try:
        graph = engine.load(request).graph
    except WavebuildError:
        return False  # what is broken is said when this build has ended
    root, steps = graph.wavefile.root, graph.wavefile.steps
    made_in = {os.path.dirname(output.path) for step in steps for output in step.outputs}
    sources = [path for path in paths if graph.owner(path) is None and path not in made_in]
    files = {os.path.relpath(path, root) for path in graph.wavefile.files}
    if not files.isdisjoint(sources):
        return True
    seeing = {
        number
        for number, step in enumerate(steps)
        if step.code or step.has_calls or step.depfile or any(_sees(each, sources) for each in reads(step))
    }
    stale = downstream_of(graph, seeing) if sources else ()
    return any(graph.number.get(name) in stale for name in running)


def _sees(artifact: Artifact, paths: Sequence[str]) -> bool:
    """Whether one of these paths lies in what is read, or is a folder that is looked into for it."""
    from wavebuild.graph import covers, fixed_folder

    folder = fixed_folder(artifact)
    return any(covers(artifact, path) or (folder and f"{folder}/".startswith(f"{path}/")) for path in paths)


def _counting() -> Interrupts:
    """Who counts how often the build is to stop: the signals do, and it is never less than the watch has heard."""
    from wavebuild.run.interrupts import Interrupts

    interrupts, heard = Interrupts(), 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard += 1
        if not interrupts.wakes:  # no build to stop yet, or none any more
            raise KeyboardInterrupt
        while interrupts.count < heard:
            interrupts.stop()

    signal.signal(AT_LEAST, hear)
    return interrupts


def _may_be_ahead(name: str) -> bool:
    top = name.partition(".")[0]
    return top in _OURS or top in sys.stdlib_module_names
