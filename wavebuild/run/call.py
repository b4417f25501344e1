"""A Python call, in the child that makes it; and the warm import in the worker before.

It does not know jobs or logs: standard output and error are already where they belong.

A module is kept in memory for several calls only if nobody can tell: the import succeeds, leaves
no thread, process or open file behind, changes neither folder nor signal handlers, and no module of
the project speaks of the variables that tell of one attempt (they are not there when the worker
imports). Otherwise each call imports for itself. Files that a
module reads while it is imported are not watched: a module that does so should read them in the
function that is called.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import sys
from collections.abc import Mapping
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from itertools import takewhile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from types import ModuleType
    from typing import Any, Protocol

    class Called(Protocol):
        """A call, as a ``PythonCall`` tells it."""

        @property
        def module(self) -> str: ...
        @property
        def function(self) -> str: ...
        @property
        def arguments(self) -> str: ...
        @property
        def inputs(self) -> Sequence[str]: ...
        @property
        def outputs(self) -> Sequence[str]: ...
        @property
        def folders(self) -> Sequence[str]: ...
        @property
        def root(self) -> str: ...
        @property
        def writes(self) -> Sequence[str]: ...
        @property
        def answer(self) -> str: ...
        @property
        def judges(self) -> bool: ...

    Foreseen = tuple[Callable[..., object], dict[str, object]]
    Marks = dict[str, tuple[int, int, int]]
    """File of a module → (inode, size, mtime_ns) when it was imported."""

_known: dict[str, tuple[str, list[tuple[ModuleType, str]]]] = {}
"""Root → the module that was loaded last when it was looked, and those that come from below the root.

A child that looked at them all anew would have all that they are copied.
"""

_plain_functions: dict[tuple[str, str], tuple[Callable[..., object], bool, bool]] = {}

_ready: tuple[Sequence[str], str] | None = None
"""The folders and the root that this process looks in as it is, and knows as they are now."""

HOLD_BACK = (io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)

_FUNCTION = type(lambda: None)
_CODE = type((lambda: None).__code__)

_PLAIN = frozenset((dict, list, tuple, set, frozenset, _FUNCTION, _CODE, type([].append)))
"""What a call may leave, and nothing happens when it goes. What holds nothing else is not asked for at all."""

_SIMPLE = frozenset(
    (
        str, bytes, int, float, complex, bool, type(None), type(...), type(NotImplemented), type(sys), type(len),
        _CODE, type(str.join), type(int.__add__), type(vars(_CODE)["co_code"]), type(vars(_FUNCTION)["__globals__"]),
        property, range, slice, type(int | str), type(list[int]),
    )
)  # fmt: skip

_OF_IMPORTING = ("__builtins__", "__loader__", "__spec__")
"""What importing itself puts into a module."""

_TAKES_MORE = 0x04 | 0x08
"""The flags of code that takes any positional arguments, or any others by name."""

CANNOT_WRITE = 120
"""The exit code of a Python program whose last words could not be written."""


def warm_up(module: str, folders: Sequence[str], root: str) -> Marks | None:
    """Imports a module and tells the marks of all files below ``root`` that modules now come from.

    None if each call must import it for itself.
    """
    make_ready(folders, root)
    try:
        importlib.import_module(module)
    except BaseException:
        return None
    if _thread._count() or any(_speaks_of_an_attempt(file) for _, file in _written_below(root)):
        return None
    found = marks(root)
    _known[root] = (next(reversed(sys.modules)), _modules_below(root))
    return found


def finders_below(root: str) -> list[FileFinder]:
    """What remembers which modules there are in the project's folders."""
    found = [(path, finder) for path, finder in sys.path_importer_cache.items() if isinstance(finder, FileFinder)]
    return [finder for path, finder in found if f"{path}/".startswith(f"{root}/")]


def marks(root: str) -> Marks:
    return {file: mark(file) for _, file in _modules_below(root)}


def make_ready(folders: Sequence[str], root: str) -> None:
    """Looks first in these folders, before a child is forked for a call that does so too."""
    global _ready
    _look_first_in(folders, root)
    _ready = folders, root


def must_be_absent(marked: Marks, module: str, folders: Sequence[str]) -> list[str]:
    """The files that would be another module of this name, which is looked for before the one in memory."""
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded is None or loaded not in marked:
        return []
    below = module.replace(".", os.sep)
    files = [(f"{folder}/{below}/__init__.py", f"{folder}/{below}.py") for folder in folders]
    return list(takewhile(loaded.__ne__, (file for pair in files for file in pair)))


def foreseen(call: Called) -> Foreseen | None:
    """The function and its arguments, where both are known without running any code of the project's."""
    found = _plain_functions.get((call.module, call.function)) or _plain_function(call.module, call.function)
    if found is None or call.writes or call.answer or call.judges:
        return None
    function, takes_inputs, takes_outputs = found
    given = json.loads(call.arguments) if call.arguments != "{}" else {}
    if takes_inputs and "inputs" not in given:
        given["inputs"] = list(call.inputs)
    if takes_outputs and "outputs" not in given:
        given["outputs"] = list(call.outputs)
    return function, given


def _plain_function(module: str, name: str) -> tuple[Callable[..., object], bool, bool] | None:
    """A function that takes nothing out of files of the attempt; whether it takes the inputs, and the outputs."""
    loaded = sys.modules.get(module)
    function = vars(loaded).get(name) if loaded is not None else None
    if type(function) is not _FUNCTION or function.__dict__ or function.__code__.co_flags & _TAKES_MORE:
        return None
    names = _parameters(function)
    if any(name in names for name in ("mem", "feedback", "prompt")):
        return None
    found = _plain_functions[module, name] = (function, "inputs" in names, "outputs" in names)
    return found


def run(call: Called, known: Foreseen | None = None, leaves_nothing: bool = False) -> int:
    """Makes the call and ends as a program does; 0, or 1 with the traceback on standard error, or a SystemExit's code.

    ``known``: what was foreseen of it. ``leaves_nothing``: the project's modules hold nothing that must be let go, but
    for what was made since the process began. The process has nothing left to do but to exit with this code.
    """
    if known is None:
        code = _made(call)
    else:
        try:
            refuse_what_is_to_come(known[0](**known[1]))
            code = 0
        except BaseException as error:
            code = _told(error)
    try:
        if threading := sys.modules.get("threading"):
            threading._shutdown()  # waits for the threads that a program waits for
        atexit._run_exitfuncs()
        if not leaves_nothing or not _PLAIN.issuperset(map(type, gc.get_objects())):
            _let_go(call.root)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except OSError as error:
        sys.__excepthook__(type(error), error, error.__traceback__)
        return code or CANNOT_WRITE
    return code


def rehearse() -> None:
    """Does what most calls do, and with nothing: what a process learns at the first time no child has to learn.

    Each would copy the pages on which that stands. It runs no code of the project's.
    """
    nothing = os.devnull
    for _ in range(_OFTEN):
        with open(nothing, "rb") as source, open(nothing, "wb") as target:
            target.write(source.read())
        with open(nothing, encoding="utf-8") as lines, open(nothing, "w", encoding="utf-8") as made:
            made.write(lines.read())


_OFTEN = 20
"""How often a function is called until the interpreter has learned all of it."""


def leave_nothing(root: str) -> bool:
    """Whether none of the project's modules holds what does something as it goes, such as a file or a connection."""
    return all(
        name in _OF_IMPORTING or _is_plain(value, 3)
        for module, _ in _written_below(root)
        for name, value in vars(module).items()
    )


def _is_plain(value: object, depth: int) -> bool:
    """Whether it is one of Python's own values, or holds such alone, or is code without values of its own."""
    kind = type(value)
    if kind in _SIMPLE:
        return True
    if depth == 0:
        return False
    if kind is dict:
        return all(_is_plain(one, depth - 1) for pair in value.items() for one in pair)  # type: ignore[attr-defined]
    if kind in (list, tuple, set, frozenset):
        return all(_is_plain(one, depth - 1) for one in value)  # type: ignore[attr-defined]
    if kind is _FUNCTION:
        held = (value.__defaults__, value.__kwdefaults__, value.__dict__)  # type: ignore[attr-defined]
        return value.__closure__ is None and all(_is_plain(one, depth - 1) for one in held)  # type: ignore[attr-defined]
    if kind is type:
        return all(_is_plain(one, depth - 1) for one in vars(value).values())
    return False


def _made(call: Called) -> int:
    if _ready != (call.folders, call.root):
        if project := os.environ.get("WAVEBUILD_PROJECT"):
            _look_no_more_in(project)
        _look_first_in(call.folders, call.root)
    try:
        function = getattr(importlib.import_module(call.module), call.function)
        offered = {
            "inputs": lambda: list(call.inputs),
            "outputs": lambda: list(call.outputs),
            "mem": _memory,
            "feedback": _feedback,
        }
        if "WAVEBUILD_PROMPT" in os.environ:
            offered["prompt"] = _prompt
        result = called(function, json.loads(call.arguments) if call.arguments != "{}" else {}, offered)
        if call.judges:
            refuse_no(result)
        if call.answer:
            return _answer(result, call.answer)
        return _leave(result, call.writes) if call.writes else 0
    except BaseException as error:
        return _told(error)


def _told(error: BaseException) -> int:
    """What ended a call, told as Python tells it; its exit code."""
    if isinstance(error, CallError):
        return _complain(str(error))
    if isinstance(error, SystemExit):
        return _exit_code(error)
    trace = error.__traceback__
    while trace is not None and is_not_the_authors(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    error.__traceback__ = trace
    sys.__excepthook__(type(error), error, trace)
    return 1


def _let_go(root: str) -> None:
    """Writes what is held back, and lets the project's modules go, so that what they hold open is closed.

    Threads that nobody waits for still use the modules: they keep them.
    """
    for left in gc.get_objects():
        if issubclass(type(left), HOLD_BACK):
            with contextlib.suppress(ValueError, io.UnsupportedOperation):
                left.flush()
    if not _thread._count():
        for module, _ in _written_below(root):
            vars(module).clear()
        gc.collect()


_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
"""Where all of us lies."""


def is_not_the_authors(file: str) -> bool:
    return file.startswith((_OURS, "<frozen importlib")) or file == importlib.__file__


def called(function: object, given: dict[str, object], offered: dict[str, Callable[[], object]]) -> object:
    """With the arguments of ``with``, and with those of inputs, outputs and memory that the signature has."""
    if not callable(function):
        raise TypeError(f"{function!r} is not a function")
    parameters = _parameters(function)
    more = {name: value() for name, value in offered.items() if name in parameters and name not in given}
    result = function(**given, **more)
    refuse_what_is_to_come(result)
    return result


def refuse_no(result: object) -> None:
    """Raises CallError for the False of a check, which says as plainly as an exception that something is wrong."""
    if type(result).__name__ in ("bool", "bool_") and not result:
        raise CallError("the check returned False")


def refuse_what_is_to_come(result: object) -> None:
    """Raises CallError for a coroutine or a generator: nothing of it has run, and it would be taken for a success."""
    kind = type(result).__name__
    if kind in ("coroutine", "generator", "async_generator"):
        if kind == "coroutine":
            result.close()  # type: ignore[attr-defined]
        raise CallError(f"the function returned a {kind}, of which nothing has run: it must run it to its end itself")


def _parameters(function: Callable[..., object]) -> Container[str]:
    """The names of what it takes; of a plain function, without what asking costs for any other thing."""
    code = function.__code__ if type(function) is _FUNCTION and not vars(function) else None
    if code is not None and not code.co_flags & _TAKES_MORE:
        return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found: Container[str] = _inspect().signature(function).parameters
    return found


def _inspect() -> Any:
    """Python's own module, also where the project has one of that name."""
    theirs, places = sys.modules.pop("inspect", None), sys.path[:]
    if theirs is None or not hasattr(theirs, "signature"):
        own = _ready[0] if _ready else ()
        sys.path[:] = [place for place in places if place not in own]
        ours = importlib.import_module("inspect")
        sys.path[:] = places
    else:
        ours = theirs
    if theirs is not None:
        sys.modules["inspect"] = theirs
    return ours


def _memory() -> object:
    """The values of the shared memory that the step reads: a copy of its own."""
    path = os.environ.get("WAVEBUILD_MEM")
    if path is None:
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _feedback() -> object:
    """The review of the last draft, if one was rejected."""
    path = os.environ.get("WAVEBUILD_FEEDBACK")
    if path is None:
        return None
    with open(path, "rb") as file:
        return json.load(file)


def _prompt() -> str:
    with open(os.environ["WAVEBUILD_PROMPT"], encoding="utf-8", errors="surrogatepass", newline="") as file:
        return file.read()


def _answer(result: object, path: str) -> int:
    """Writes what the function of an advisor returned; whether it is a review is seen there."""
    try:
        text = json.dumps(result)
    except (TypeError, ValueError, RecursionError) as error:
        return _complain(f"what the function returned is not JSON: {error}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


def _leave(result: object, keys: Sequence[str]) -> int:
    try:
        text = memory_text(result, keys)
    except CallError as error:
        return _complain(str(error))
    with open(os.environ["WAVEBUILD_MEM_OUT"], "w", encoding="utf-8") as file:
        file.write(text)
    return 0


class CallError(Exception):
    """What a function returned is of no use, in words."""


def memory_text(result: object, keys: Sequence[str]) -> str:
    """What a function returned, as the JSON object of the values of these keys; of one key, the value itself will do.

    Raises CallError.
    """
    if len(keys) == 1 and result is not None and not (isinstance(result, Mapping) and keys[0] in result):
        result = {keys[0]: result}
    if not isinstance(result, Mapping):
        what = "nothing" if result is None else f"a {type(result).__name__}"
        names = ", ".join(f"mem:{key}" for key in keys)
        raise CallError(f"the function returned {what}, but the step writes {names}: return a mapping of its keys")
    texts = []
    for key, value in result.items():
        try:
            _refuse_odd_keys(value)
            texts.append(f"{json.dumps(str(key))}:{json.dumps(value, allow_nan=False)}")
        except (TypeError, ValueError, RecursionError) as error:
            raise CallError(f"what the function returned for mem:{key} is not JSON: {error}") from None
    return "{" + ",".join(texts) + "}"


def _refuse_odd_keys(value: object) -> None:
    """JSON has only texts as keys, and Python's writer makes texts of others in silence."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is no text")
            _refuse_odd_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_odd_keys(item)


def _complain(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def _exit_code(leave: SystemExit) -> int:
    if leave.code is None:
        return 0
    if isinstance(leave.code, int):
        return leave.code & 0xFF
    print(leave.code, file=sys.stderr)
    return 1


class _AsWritten(SourceFileLoader):
    """Compiles what a file says now.

    Python tells a compiled file that is out of date by whole seconds and sizes alone: an edit of the same
    size in the same second would not be seen.
    """

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError


def _compile_below(root: str) -> None:
    """The project's modules are compiled from their sources; what is installed, also in a folder of it, is not."""
    loaders = (ExtensionFileLoader, EXTENSION_SUFFIXES), (_AsWritten, SOURCE_SUFFIXES)
    finder = FileFinder.path_hook(*loaders, (SourcelessFileLoader, BYTECODE_SUFFIXES))

    def hook(path: str) -> Any:
        if not f"{path}/".startswith(f"{root}/") or "site-packages" in path:
            raise ImportError
        return finder(path)

    hook.__qualname__ = f"{_compile_below.__name__}.{root}"
    if not any(getattr(known, "__qualname__", "") == hook.__qualname__ for known in sys.path_hooks):
        sys.path_hooks.insert(0, hook)
        for path in [path for path in sys.path_importer_cache if f"{path}/".startswith(f"{root}/")]:
            del sys.path_importer_cache[path]


def _look_first_in(folders: Sequence[str], root: str) -> None:
    _compile_below(root)
    for folder in reversed(folders):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    importlib.invalidate_caches()


def _look_no_more_in(project: str) -> None:
    """Behind its walls a sandboxed call imports what it declares: of the project only what is installed in it."""
    installed = (f"{sys.prefix}/", f"{sys.base_prefix}/")

    def is_of_the_project(path: str) -> bool:
        below = f"{os.path.abspath(path)}/"
        return below.startswith(f"{project}/") and "site-packages" not in path and not below.startswith(installed)

    sys.path[:] = [path for path in sys.path if not path or not is_of_the_project(path)]


def _modules_below(root: str) -> list[tuple[ModuleType, str]]:
    """The modules in memory that come from files below the root, with these files."""
    last, found = _known.get(root, ("", []))
    names = list(takewhile(last.__ne__, reversed(sys.modules)))
    new = [
        (loaded, file)
        for loaded in map(sys.modules.__getitem__, names)
        if isinstance(file := getattr(loaded, "__file__", None), str) and file.startswith(root + os.sep)
    ]
    return [*(found if len(names) < len(sys.modules) else ()), *new]


def _written_below(root: str) -> list[tuple[ModuleType, str]]:
    """Those that the project's people wrote; neither what is installed below the root nor wavebuild itself."""
    return [
        (module, file)
        for module, file in _modules_below(root)
        if "site-packages" not in file and module.__name__.partition(".")[0] != "wavebuild"
    ]


def _speaks_of_an_attempt(file: str) -> bool:
    try:
        with open(file, "rb") as text:
            return b"WAVEBUILD_" in text.read()
    except OSError:
        return True


def mark(file: str) -> tuple[int, int, int]:
    try:
        status = os.stat(file)
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_size, status.st_mtime_ns)
