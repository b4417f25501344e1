"""Builds for programs: a Wavefile, or steps that are Python objects; results are values, events an iterator.

It prints nothing and takes no signals. It does not know how anything is built.
"""

from __future__ import annotations

import json
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypedDict, Unpack

from msgspec.structs import replace

from wavebuild import engine
from wavebuild.declare.model import Schedule
from wavebuild.declare.values import json_text
from wavebuild.engine.request import BuildResult, Request
from wavebuild.errors import WavebuildError, mistake
from wavebuild.orchestrator.results import Executor, Result, in_python, result_of
from wavebuild.orchestrator.steps import Declared, Function, Step, as_json, declare
from wavebuild.run import pool
from wavebuild.run.events import Event
from wavebuild.run.interrupts import Interrupts
from wavebuild.run.patience import Workers
from wavebuild.run.threads import Threads, of_this_step

Path = str | os.PathLike[str]
Targets = Path | Step | Iterable[Path | Step]
What = Path | Step | Function | Iterable[Step | Function] | None


os.register_at_fork(after_in_child=pool.in_a_copy)


class How(TypedDict, total=False):
    """How a Wavefile is built: as ``Build`` says."""

    jobs: int | None
    schedule: Schedule | None
    keep_going: bool | None
    force: bool
    only: bool
    set: Mapping[str, Any] | None
    mem: Mapping[str, Any] | None
    profile: str | None
    wait: float


class HowSteps(How, total=False):
    """And how steps are built that are Python objects."""

    root: Path | None
    name: str
    executor: Executor | None


class Pipeline:
    """A Wavefile that was read and found to be sound; ``steps``: the names of its steps, by waves and then by place."""

    def __init__(self, request: Request, root: str, file: str, steps: tuple[str, ...]) -> None:
        self.root = root
        self.file = file
        self.steps = steps
        self._request = request

    def build(
        self, targets: Targets = (), *, on_event: Callable[[Event], None] | None = None, **how: Unpack[How]
    ) -> Result:
        """As ``wavebuild.build`` of it."""
        given = self._given() | how
        return build(os.path.join(self.root, self.file), targets, on_event=on_event, **given)

    def events(self, targets: Targets = (), **how: Unpack[How]) -> Events:
        """As ``wavebuild.events`` of it."""
        given = self._given() | how
        return events(os.path.join(self.root, self.file), targets, **given)

    def plan(self, targets: Targets = ()) -> dict[str, Any]:
        """What a build would do, in the shape of ``plan --json``."""
        from wavebuild.ui.records import plan_record

        return dict(plan_record(engine.plan(replace(self._request, targets=_words(targets)))))

    def _given(self) -> How:
        overrides = {name: json.loads(value) for name, value in self._request.overrides}
        return {"set": overrides, "profile": self._request.profile}

    def __repr__(self) -> str:
        return f"Pipeline({os.path.join(self.root, self.file)!r})"


def load(
    path: Path = ".",
    *,
    set: Mapping[str, Any] | None = None,
    profile: str | None = None,
) -> Pipeline:
    """Reads a Wavefile, or the one of a folder. Raises WavebuildError with everything that is wrong with it."""
    from wavebuild.engine.project import load as load_project
    from wavebuild.plan import waves

    request = _asked(path, set=set, profile=profile)
    project = load_project(request, present=True)
    names = [step.name for step in project.wavefile.steps]
    numbers = [number for layer in waves(project.graph, frozenset(range(len(names)))) for number in layer]
    return Pipeline(request, project.wavefile.root, project.wavefile.file, tuple(names[number] for number in numbers))


def build(
    what: What = None,
    targets: Targets = (),
    *,
    on_event: Callable[[Event], None] | None = None,
    **how: Unpack[HowSteps],
) -> Result:
    """Makes what is wanted up to date, and tells how each step ended; a step that failed raises nothing.

    ``what``: the path of a Wavefile, or of a folder that has one in it or above it (None: the current one); or steps
    that are Python objects, or functions. ``targets``: names of steps, or paths that they make; none: all.
    ``on_event``: a function that is told each event as it happens, in the thread of the build.

    ``jobs``: steps at once (None: as many as there are cores). ``schedule``: "flow" or "barrier". ``force``, ``only``,
    ``keep_going``: as the flags. ``mem``: initial values of the shared memory, of any JSON. ``wait``: seconds to wait
    for another build of the project. Of a Wavefile, ``set``: its variables, and ``profile``. Of steps that are Python
    objects, ``root``: the folder their paths begin in (None: the current one), ``name``: under which their state is
    kept, ``executor``: "processes" or "threads", for the functions (None: processes for those that can be imported).

    Raises WavebuildError for what the command ends with exit 2 or 3
    for: a mistake in the steps, a project that another build holds. KeyboardInterrupt is raised when what was running
    has been ended and its files are as they were.
    """
    return Build(what, targets, on_event, **how).run()


def events(what: What = None, targets: Targets = (), **how: Unpack[HowSteps]) -> Events:
    """Starts a build, and gives its events as they happen; ``result`` is there when they have ended.

    Leaving it, as a context or by ``close``, stops the build as one Ctrl-C does. For the rest see ``build``.
    """
    return Events(what, targets, **how)


def accept(
    what: What,
    subjects: Targets,
    *,
    set: Mapping[str, Any] | None = None,
    profile: str | None = None,
    root: Path | None = None,
    name: str = "python",
) -> tuple[str, ...]:
    """Takes what stands at paths, or at all outputs of steps, as what the steps have made; a line for each.

    For files that were there before their step ever ran, or that a person has edited. ``what``, ``set``, ``profile``,
    ``root`` and ``name``: as they are built. Raises WavebuildError if there is nothing to accept.
    """
    build = Build(what, subjects, set=set, profile=profile, root=root, name=name)
    return engine.accept(build.request, build.request.targets)


def forget(
    what: What,
    steps: Targets,
    *,
    set: Mapping[str, Any] | None = None,
    profile: str | None = None,
    root: Path | None = None,
    name: str = "python",
) -> tuple[str, ...]:
    """Drops what is remembered of steps, and touches no file: they run in the next build. The steps forgotten."""
    return engine.forget(Build(what, steps, set=set, profile=profile, root=root, name=name).request)


class Build:
    """One build in a thread of its own, from ``start`` to ``result``; it takes what ``wavebuild.build`` does."""

    def __init__(
        self,
        what: What = None,
        targets: Targets = (),
        on_event: Callable[[Event], None] | None = None,
        *,
        jobs: int | None = None,
        schedule: Schedule | None = None,
        keep_going: bool | None = None,
        force: bool = False,
        only: bool = False,
        set: Mapping[str, Any] | None = None,
        mem: Mapping[str, Any] | None = None,
        profile: str | None = None,
        wait: float = 0.0,
        root: Path | None = None,
        name: str = "python",
        executor: Executor | None = None,
        declared: Declared | None = None,
        said: Callable[[str], str] = in_python,
    ) -> None:
        self._on_event = on_event or (lambda event: None)
        self._interrupts = Interrupts(taken=False)
        self._declared = declared
        self._said = said
        self._threads: Threads | None = None
        self._built: BuildResult | None = None
        self._memory: dict[str, Any] = {}
        self._error: BaseException | None = None
        refuse_odd(on_event, jobs, schedule, wait, executor)
        if declared is None and not (what is None or isinstance(what, str | os.PathLike)):
            if set is not None or profile is not None:
                message = "set and profile are of a Wavefile"
                raise mistake(
                    "bad-argument", message, remedy="steps that are Python objects take values from the program"
                )
            top = existing(root)
            self._declared = declare(_steps_in(what), top, state_name(name), executor, mem)
            request, mem = _request(top), None
        elif declared is not None:
            request, mem = _request(declared.wavefile.root), None
        else:
            if root is not None or executor is not None:
                message = "root and executor are of steps that are Python objects"
                raise mistake("bad-argument", message, remedy="a Wavefile says itself where it lies and what runs")
            request = _asked(what, set=set, profile=profile)  # type: ignore[arg-type]
        self.request = replace(
            request,
            targets=_words(targets),
            jobs=jobs or None,
            schedule=schedule,
            keep_going=keep_going,
            force=force,
            only=only,
            wait=wait,
            full=True,
            memory=_settings(mem),
            interrupts=self._interrupts,
            declared=self._declared.wavefile if self._declared else None,
            around=self._around if self._declared and self._declared.functions else None,
            command_line="python",
        )
        self._thread = threading.Thread(target=self._run, name="wavebuild", daemon=True)
        self._is_started = False
        self._over = threading.Event()

    def start(self) -> None:
        """Begins it, once."""
        if self._is_started:
            raise mistake("started", "this build was started before", remedy="make another Build for another build")
        self._is_started = True
        try:
            self._thread.start()
        except RuntimeError as error:
            self._error = mistake("no-thread", f"no thread can be started: {error}")
            self._over.set()

    def run(self) -> Result:
        """Starts it, and waits for its end as ``join`` does."""
        self.start()
        self.join()
        return self.result

    def join(self) -> None:
        """Waits for its end. What interrupts the waiting stops it, and twice at once; it is raised when all is over."""
        caught: list[BaseException] = []
        asked = 0
        while True:
            try:
                while asked < len(caught):
                    asked += 1
                    self.stop()
                self._wait()
                break
            except WavebuildError:
                raise
            except BaseException as error:  # a Ctrl-C, or whatever a handler of the caller's raises
                caught.append(error)
        if caught:
            raise caught[0]

    def _wait(self) -> None:
        """Not by ``Thread.join``, which takes a thread for ended when it is interrupted (Python 3.11, bpo-45274)."""
        if not self._is_started:
            raise mistake("not-started", "this build has not been started", remedy="start() begins it, run() waits too")
        if threading.current_thread() is self._thread:
            raise mistake(
                "waits-for-itself", "this build would wait for itself", remedy="call it when the build is over"
            )
        self._over.wait()

    def stop(self) -> None:
        """Asks it to end: nothing more starts, what runs is ended, its files are put back. Twice: at once."""
        self._interrupts.stop()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    @property
    def result(self) -> Result:
        """How it ended; waits for that. Raises what kept it from being built at all."""
        self._wait()
        if self._error is not None:
            raise self._error
        assert self._built is not None
        if self._declared is None:
            return result_of(self._built, self._memory, {}, str)
        return result_of(self._built, self._memory, self._declared.executors, self._said)

    def _around(self, workers: Workers) -> Workers:
        assert self._declared is not None
        self._threads = Threads(workers, self._declared.functions)
        return self._threads

    def _run(self) -> None:
        try:
            self._built = engine.build(self.request, self._on_event)
            self._memory = {
                each.key: json.loads(each.value) for each in engine.memory(self.request) if each.value is not None
            }
        except BaseException as error:
            self._error = error
        finally:
            if self._threads is not None:
                self._threads.close()
            self._over.set()


class Events(Iterator[Event]):
    """The events of a build as they happen, and then its ``result``.

    The build is stopped when it is left as a context, by ``close``, and when nobody has this any more.
    """

    def __init__(self, what: What = None, targets: Targets = (), **how: Unpack[HowSteps]) -> None:
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._build = Build(what, targets, self._queue.put, **how)
        self._done = False
        self._build.start()
        # It knows the build alone: or this would be held for as long as that runs.
        threading.Thread(target=_tell_the_end, args=(self._build, self._queue), daemon=True).start()

    def __next__(self) -> Event:
        event = None if self._done else self._queue.get()
        if event is None:
            self._done = True
            self.result  # noqa: B018  (raises what kept it from being built)
            raise StopIteration
        return event

    @property
    def result(self) -> Result:
        """How the build ended; waits for that."""
        return self._build.result

    def close(self) -> None:
        """Stops the build, if it is not over, and waits for its end."""
        if not self._build.is_over:
            self._build.stop()
        self._build.join()
        self._done = True

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        build: Build | None = getattr(self, "_build", None)
        if build is not None and not build.is_over:
            build.stop()


def _tell_the_end(build: Build, events: queue.SimpleQueue[Event | None]) -> None:
    build.join()
    events.put(None)


def _asked(path: Path | None, set: Mapping[str, Any] | None, profile: str | None) -> Request:
    """What is asked of the Wavefile at a path, or of the one of a folder."""
    there = os.path.abspath(os.fspath(path) if path is not None else os.getcwd())
    folder = there if os.path.isdir(there) else os.path.dirname(there)
    request = _request(folder)
    file = None if folder == there else os.path.basename(there)
    return replace(request, file=file, overrides=_settings(set), profile=profile)


def _request(folder: str) -> Request:
    own = {name: value for name, value in of_this_step().items() if name.startswith("WAVEBUILD_")}
    with pool.beginning:
        environ = {**os.environ, **own}
    return Request(directory=folder, environ=tuple(environ.items()), clock=time.time)


def refuse_odd(
    on_event: object = None, jobs: object = None, schedule: object = None, wait: object = 0, executor: object = None
) -> None:
    """What has another type or value than it is declared to have would do something else in silence."""
    if on_event is not None and not callable(on_event):
        raise mistake("bad-argument", f"on_event is {on_event!r}", remedy="a function that takes an event")
    if jobs is not None and (not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 0):
        raise mistake("jobs", f"jobs is {jobs!r}", remedy="1 or more, or None for as many as there are cores")
    if schedule not in (None, "flow", "barrier"):
        raise mistake("schedule", f"schedule is {schedule!r}", remedy="'flow' or 'barrier'")
    if not isinstance(wait, int | float) or isinstance(wait, bool) or not wait >= 0:
        raise mistake("bad-argument", f"wait is {wait!r}", remedy="a number of seconds")
    if executor not in (None, "threads", "processes"):
        raise mistake("executor", f"executor is {executor!r}", remedy="'threads' or 'processes'")


def _steps_in(what: Any) -> Iterable[Step | Function]:
    """The steps, if it is some, or a single one."""
    if isinstance(what, Step) or callable(what):
        return (what,)
    if not isinstance(what, Iterable) or isinstance(what, Mapping | bytes):
        message = f"{what!r:.80} is neither a path nor steps"
        raise mistake("bad-argument", message, remedy="give the path of a Wavefile, or a list of steps")
    return what


def existing(root: Path | None) -> str:
    """The folder in which paths begin, as the system knows it."""
    top = os.path.abspath(os.fspath(root) if root is not None else os.getcwd())
    if not os.path.isdir(top):
        raise mistake("no-folder", f"there is no folder {top}", remedy="root is where the paths of steps begin")
    return os.path.realpath(top)


def state_name(name: object) -> str:
    """A name under which no state of a Wavefile lies."""
    if isinstance(name, str) and re.fullmatch(r"\w[\w.-]{0,99}", name) and not name.startswith("Wavefile"):
        return name
    remedy = "a word of letters, digits, '-', '_' and '.', that does not begin as 'Wavefile'"
    raise mistake("bad-argument", f"name is {name!r}", remedy=remedy)


def _words(targets: Targets) -> tuple[str, ...]:
    given = (targets,) if isinstance(targets, str | os.PathLike | Step) else targets
    found = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(each, str | os.PathLike | Step) for each in found):
        raise mistake("bad-argument", f"targets is {targets!r:.80}", remedy="a name or a path, or a list of them")
    return tuple(each.name if isinstance(each, Step) else str(os.fspath(each)) for each in found)


def _settings(given: object) -> tuple[tuple[str, str], ...]:
    """Names and values as they are written on a command line."""
    if not isinstance(given, Mapping | None) or any(not isinstance(name, str) for name in given or ()):
        raise mistake("bad-argument", f"{given!r:.80} is no mapping of names to values")
    return tuple((name, _typed(value)) for name, value in (given or {}).items())


def _typed(value: Any) -> str:
    """A value as it is written on a command line. Raises WavebuildError for what is not JSON."""
    try:
        return json_text(as_json(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise mistake("bad-argument", f"{value!r:.80} is not JSON: {error}") from None
