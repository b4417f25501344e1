"""Steps that a program declares: a name, a function or a command, what it reads and what it produces.

It does not know when they are built. The keys are those of the language, and so are the messages.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, overload

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.declare import schema
from wavebuild.declare.forms import Reading, value_at
from wavebuild.declare.model import Call, Check, Initial, Json, Settings, Text, Wavefile
from wavebuild.declare.model import Step as DeclaredStep
from wavebuild.declare.paths import Home
from wavebuild.declare.source import Problems, Unreadable, word
from wavebuild.declare.steps import Surroundings, read_step
from wavebuild.declare.syntax import Entry, Scalar, Series, Table, Value
from wavebuild.declare.templates import Scope
from wavebuild.declare.values import json_text
from wavebuild.errors import Place, Problem, WavebuildError, mistake
from wavebuild.orchestrator.identity import identity, importable
from wavebuild.orchestrator.results import Executor
from wavebuild.run.call import is_not_the_authors
from wavebuild.run.threads import HERE

Function = Callable[..., Any]

_A_FUNCTION = "wavebuild:step"
"""Stands for a function while the other keys of its step are read."""

_CALLING = "wavebuild.orchestrator.calling"

_OF_WAVEFILES = {
    "inputs": "reads",
    "outputs": "produces",
    "with": "args",
    "foreach": "a loop around Step(…)",
    "exclude": "a condition in that loop",
    "when": "an if around Step(…)",
}
"""Keys of the language that a program says otherwise."""

_OF_PROCESSES = ("env", "secrets", "limits", "console", "cwd", "scratch", "sandbox")
"""Keys that mean nothing to a function that is called in a thread."""

_COMMANDS = ("run", "checks")
"""Keys whose texts are templates, as in a Wavefile; all others are taken as they are."""


class Step:
    """A step: its name, what it does, what it reads and produces, in the notation of a Wavefile.

    ``function`` gets the lists ``inputs`` and ``outputs``, the memory ``mem`` and the arguments ``args``, as far as
    its signature has them; or ``run=`` names a command instead, in which ``{{ inputs }}`` and ``{{ outputs }}`` stand
    for paths. ``reads`` may have steps in it: all that they produce. ``checks``: functions or commands that must
    succeed on what was produced; a function fails that raises, or returns False. ``version``: what the function does,
    as a text, where its source cannot tell; without it a function that uses what nobody can compare, such as a
    connection, runs in every build. All other keywords are the keys of a step in a Wavefile: needs, timeout, retries,
    resources, title, tags…
    """

    def __init__(
        self,
        name: str,
        function: Function | None = None,
        reads: Any = (),
        produces: Any = (),
        *,
        args: Mapping[str, Any] | None = None,
        checks: Any = (),
        version: str | None = None,
        **keys: Any,
    ) -> None:
        if not isinstance(name, str):
            message = f"the name of a step is a text, and not {name!r}"
            raise mistake("wrong-type", message, remedy="write Step('name', function)")
        odd = next((key for key in keys if key in _OF_WAVEFILES), None)
        if odd is not None:
            raise mistake(
                "wrong-key", f"step {name!r}: {odd!r} is a key of Wavefiles", remedy=f"write {_OF_WAVEFILES[odd]}"
            )
        if function is not None and "call" in keys:
            raise mistake("wrong-key", f"step {name!r}: it has a function, and 'call'", remedy="keep one")
        self.name = name
        self.written = _first_line_of_the_author()
        self.function = function
        self.version = version
        self.checks = [checks] if callable(checks) or isinstance(checks, str) else list(checks)
        self.keys: dict[str, Any] = {"inputs": _named(reads, "step:"), "outputs": produces, **keys}
        if "needs" in keys:
            self.keys["needs"] = _named(keys["needs"], "")
        if args is not None:
            self.keys["with"] = args
        if function is not None:
            _refuse_odd(name, function)
            functools.update_wrapper(self, function)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Calls the function itself, as if it were no step."""
        if self.function is None:
            raise TypeError(f"the step {self.name!r} is a command")
        return self.function(*arguments, **named)

    def __repr__(self) -> str:
        return f"Step({self.name!r})"


def _named(wanted: Any, before: str) -> Any:
    """Names instead of steps, wherever some stand in a list or a mapping."""
    match wanted:
        case Step():
            return before + wanted.name
        case Mapping():
            return {key: _named(each, before) for key, each in wanted.items()}
        case list() | tuple():
            return [_named(each, before) for each in wanted]
        case _:
            return wanted


def _refuse_odd(name: str, function: object) -> None:
    """What is called and has then done nothing would be taken for a success."""
    if not callable(function):
        message = f"step {name!r}: {function!r} is not a function"
        raise mistake("wrong-type", message, remedy="give a function, or run='…' for a command")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        message = f"step {name!r}: a call of {_shown(function)} only makes a coroutine or a generator"
        raise mistake("wrong-type", message, remedy="give a plain function, which runs it to its end")


@overload
def step(function: Function, *, name: str | None = None, reads: Any = (), produces: Any = (), **keys: Any) -> Step: ...
@overload
def step(
    function: None = None, *, name: str | None = None, reads: Any = (), produces: Any = (), **keys: Any
) -> Callable[[Function], Step]: ...
def step(
    function: Function | None = None,
    *,
    name: str | None = None,
    reads: Any = (),
    produces: Any = (),
    **keys: Any,
) -> Step | Callable[[Function], Step]:
    """Makes a step of a function: ``@step(reads="raw.csv", produces="clean.csv")``.

    Its name is that of the function, with ``-`` for ``_``, if no other is given. See ``Step`` for the keywords.
    """

    def made(function: Function) -> Step:
        return Step(name or _name_of(function), function, reads, produces, **keys)

    return made if function is None else made(function)


class Declared(Struct, frozen=True):
    """Steps as a Wavefile; ``functions``: those that are called in this process, by the names that jobs use."""

    wavefile: Wavefile
    functions: dict[str, Function]
    executors: dict[str, Executor]


def declare(
    steps: Iterable[Step | Function],
    root: str,
    name: str,
    executor: Executor | None = None,
    memory: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> Declared:
    """The steps as a Wavefile in a folder. Raises WavebuildError with all that is wrong with them.

    ``executor``: where functions are called; None: in processes, or in threads of this one where no process finds
    them. ``name``: under which their state is kept.
    """
    assembly = _Assembly(root, executor)
    problems: list[Problem] = []
    found: list[DeclaredStep] = []
    for each in steps:
        try:
            one = each if isinstance(each, Step) else Step(_name_of(each), each)
            found.append(assembly.read(one))
        except WavebuildError as error:
            problems += error.problems
    problems += _twice(found)
    if not found and not problems:
        problems.append(Problem("no-steps", "there are no steps", remedy="give at least one"))
    if problems:
        raise WavebuildError(tuple(problems))
    initial = initial_values(memory or {}, name)
    wavefile = Wavefile(root, name, tuple(found), mem=initial, settings=settings or Settings())
    return Declared(wavefile, assembly.functions, assembly.executors)


def initial_values(memory: Mapping[str, Any], name: str) -> tuple[Initial, ...]:
    """The initial values of the shared memory. Raises WavebuildError, naming the key, for what is not JSON."""
    found = []
    odd = next((key for key in memory if not isinstance(key, str)), None)
    if odd is not None:
        raise mistake("memory", f"the key {odd!r} of the shared memory is no text", Place(name))
    for key in sorted(memory):
        try:
            found.append(Initial(key, json_text(as_json(memory[key])), Place(name)))
        except (TypeError, ValueError, RecursionError) as error:
            raise mistake("memory", f"the value of mem:{key} is not JSON: {error}", Place(name)) from None
    return tuple(found)


def as_json(value: Any) -> Json:
    """A value as JSON has it: tuples are lists, paths are texts. Raises TypeError for what is neither."""
    match value:
        case None | bool() | int() | float() | str():
            plain: Json = value
            return plain
        case os.PathLike():
            return str(os.fspath(value))
        case Mapping():
            if odd := next((key for key in value if not isinstance(key, str)), None):
                raise TypeError(f"the key {odd!r} is no text")
            return {key: as_json(item) for key, item in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [as_json(item) for item in value]
        case _:
            raise TypeError(f"{value!r:.80} ({type(value).__name__}) is not JSON")


def _name_of(thing: object) -> str:
    return str(getattr(thing, "__name__", thing)).replace("_", "-")


def _twice(steps: Sequence[DeclaredStep]) -> list[Problem]:
    seen: dict[str, DeclaredStep] = {}
    problems = []
    for each in steps:
        before = seen.setdefault(each.name, each)
        if before is not each:
            message = f"the step {word(each.name)} exists already, at {before.place}"
            problems.append(Problem("duplicate-step", message, each.place, "give one of them another name"))
    return problems


class _Assembly:
    """Reads steps one by one, and notes which functions are called where."""

    def __init__(self, root: str, executor: Executor | None) -> None:
        self._root = root
        self._executor = executor
        self.functions: dict[str, Function] = {}
        self.executors: dict[str, Executor] = {}
        self._unsure: set[str] = set()  # steps that use what no text can tell: nobody knows whether they are fresh

    def read(self, step: Step) -> DeclaredStep:
        place = _place_of(step, self._root)
        problems = Problems(place.file)
        around = Surroundings(Reading(problems, Home(self._root)), Scope({}))
        spot = Scalar(step.name, '"', max(place.line, 1), 1)
        found: DeclaredStep | None = None
        try:
            schema.STEP_NAME.read(spot, around.reading)
            found = read_step(spot, self._table(self._keys(step, place), spot), around)
        except Unreadable:
            pass
        problems.raise_if_any()
        assert found is not None
        return replace(self._with_functions(step, found, place), place=place)

    def _keys(self, step: Step, place: Place) -> dict[str, Json]:
        keys = {name: value for name, value in step.keys.items() if not _is_nothing(value)}
        if step.function is not None:
            keys["call"] = _A_FUNCTION
        if step.checks:
            keys["checks"] = [{"call": _A_FUNCTION} if callable(each) else each for each in step.checks]
        found: dict[str, Json] = {}
        for name, value in keys.items():
            try:
                found[name] = as_json(value)
            except (TypeError, RecursionError) as error:
                said = {"inputs": "reads", "outputs": "produces", "with": "args"}.get(name, name)
                raise mistake("wrong-type", f"step {step.name!r}, {said}: {error}", place) from None
        return found

    def _table(self, keys: Mapping[str, Json], spot: Scalar) -> Table:
        def entry(key: str, value: Json) -> Entry:
            return Entry(Scalar(key, '"', *at), _as_written(value, at) if key in _COMMANDS else value_at(value, spot))

        at = spot.line, spot.column
        return Table({key: entry(key, value) for key, value in keys.items()}, *at)

    def _with_functions(self, step: Step, found: DeclaredStep, place: Place) -> DeclaredStep:
        checks: list[Check] = []
        for given, check in zip(step.checks, found.checks, strict=True):
            which = f"check {len(checks) + 1} of "
            judge = self._call(step, given, (), place, which) if callable(given) else check.action
            checks.append(Check(judge, check.inputs))
        kinds = {isinstance(check.action, Call) and check.action.module == HERE for check in checks}
        if len(kinds) > 1:
            message = f"some checks of step {step.name!r} are called in this process, others are not"
            raise mistake("checks", message, place, "make all of them functions, or all of them commands")
        action = found.action
        if step.function is not None:
            assert isinstance(action, Call)
            # Of the keys of a Wavefile what is null is not given; of those of a call it is None.
            absent = tuple((name, None) for name, value in (step.keys.get("with") or {}).items() if value is None)
            action = self._call(step, step.function, (*action.arguments, *absent), place, "")
        always = found.always or step.name in self._unsure
        return replace(found, action=action, checks=tuple(checks), always=always)

    def _call(self, step: Step, function: Function, arguments: Any, place: Place, which: str) -> Call:
        """How the function is called, so that another function of the same name is another definition."""
        found = importable(step) or importable(function) if not which else importable(function)
        if found is not None and not is_found_by_others(found[0]):
            found = None
        if self._executor == "threads" or found is None:
            if self._executor == "processes":
                message = f"{which}step {step.name!r}: no other process can import {_shown(function)}"
                remedy = "define it at the top of a module, not in a notebook, a script or a function; or use threads"
                raise mistake("executor", message, place, remedy)
            return self._called_here(step, function, arguments, place, which)
        module, name = found
        if self._is_below_root(module):
            return Call(module, name, arguments)
        code = self._code(step, function)
        given = dict(arguments)
        more = (("arguments", given), ("code", Text((code,))), ("function", Text((f"{module}:{name}",))))
        return Call(_CALLING, "call", more)

    def _called_here(self, step: Step, function: Function, arguments: Any, place: Place, which: str) -> Call:
        odd = next((key for key in _OF_PROCESSES if not which and step.keys.get(key)), None)
        if odd is not None:
            message = f"step {step.name!r}: its function is called in a thread of this process: {odd!r} has no effect"
            remedy = "define it at the top of a module, so that a process of its own calls it, or leave that out"
            raise mistake("executor", message, place, remedy)
        name = f"{which}{step.name} {self._code(step, function)}"
        self.functions[name] = function
        self.executors[step.name] = "threads"
        return Call(HERE, name, arguments)

    def _code(self, step: Step, function: Function) -> str:
        """What the function does, as a text."""
        if step.version is not None:
            return step.version
        code, sure = identity(function)
        if not sure:
            self._unsure.add(step.name)
        return code

    def _is_below_root(self, module: str) -> bool:
        """Whether its source, and what that imports, is seen as any file of the project."""
        file = getattr(sys.modules.get(module), "__file__", None) or ""
        path = module.replace(".", os.sep)
        return file in (os.path.join(self._root, f"{path}.py"), os.path.join(self._root, path, "__init__.py"))


def _as_written(value: Json, at: tuple[int, int]) -> Value:
    """A value whose texts are read as those of a Wavefile are: with templates."""
    match value:
        case str():
            return Scalar(value, '"', *at)
        case list():
            return Series(tuple(_as_written(item, at) for item in value), *at)
        case dict():
            return Table({key: Entry(Scalar(key, '"', *at), _as_written(item, at)) for key, item in value.items()}, *at)
        case _:
            return value_at(value, Scalar("", "", *at))


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, tuple | list | dict) and not value)


def _shown(function: Function) -> str:
    return str(getattr(function, "__qualname__", function))


def is_found_by_others(module: str) -> bool:
    """Whether a new interpreter with our path imports just this module under its name."""
    file = getattr(sys.modules.get(module), "__file__", None)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None and file is not None and spec.origin == file


def _first_line_of_the_author() -> tuple[str, int]:
    """The file and the line from which we are called."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_not_the_authors(frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _place_of(step: Step, root: str) -> Place:
    """Where its function is defined, or where it was written."""
    code = getattr(step.function, "__code__", None)
    file, line = step.written if code is None else (code.co_filename, code.co_firstlineno)
    inside = os.path.relpath(file, root) if os.path.isabs(file) else file
    return Place(file if inside.startswith("..") else inside, line, 1)
