"""What a function does, as a text that changes when it may do something else.

It does not know when the function is called. What no text can tell is said to be unsure.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.util
import linecache
import opcode
import sys
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

MOST = 20_000
"""Functions, classes and containers that one function may lead to, before it is unsure what it does."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
"""Values of just these types are what their ``repr`` says."""

_VALUES: tuple[Callable[[Any], object], ...] = (int, float, complex, str, bytes, tuple, list, set, frozenset, dict)
"""What a class of the project may be made of."""

_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType)

_FUTURE = 0x1000000
"""The flag of code whose annotations are texts."""

_IMPORT = opcode.opmap["IMPORT_NAME"]


def identity(thing: object) -> tuple[str, bool]:
    """A digest of a function, method or object with all of its own that it uses, and whether that is all it uses."""
    seen = _Seen()
    seen.walk(thing)
    return hashlib.sha256("\0".join(seen.parts).encode("utf-8", "surrogatepass")).hexdigest()[:24], seen.sure


def importable(function: Callable[..., Any]) -> tuple[str, str] | None:
    """The module and the name by which another process finds a function; None if none would."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not module or not name or module == "__main__" or "<" in name:
        return None
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    there = found is function or getattr(found, "__wrapped__", None) is function
    return (module, name) if there else None


class _Seen:
    """Walks from a function to all of the project that it uses, breadth first.

    Each thing is told once, with how many others it leads to, and after that by its number: so no two walks tell the
    same in the same order but of things that do the same. What was seen is held, or another might get its address.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.sure = True
        self._known: dict[int, tuple[int, object]] = {}
        self._left: deque[object] = deque()

    def walk(self, thing: object) -> None:
        self._left.append(thing)
        while self._left:
            thing = self._left.popleft()
            try:
                self._take(thing)
            except Exception:  # a ``repr``, an attribute, an order of somebody's own
                self._unknown(type(thing).__qualname__)

    def _tell(self, what: str, leads_to: Iterable[object] = ()) -> None:
        before = len(self._left)
        self._left.extend(leads_to)
        self.parts.append(f"{what} {len(self._left) - before}")

    def _take(self, thing: object) -> None:
        if type(thing) in _PLAIN:
            self.parts.append(repr(thing))
            return
        if id(thing) in self._known:
            self.parts.append(f"again {self._known[id(thing)][0]}")
            return
        self._known[id(thing)] = (len(self._known), thing)
        if len(self._known) > MOST:
            self.sure = False
        else:
            self._tell_of(thing)

    def _tell_of(self, thing: Any) -> None:
        match thing:
            case functools.partial():
                self._tell("partial", (thing.func, thing.args, thing.keywords))
            case types.MethodType():
                self._tell("method", (thing.__func__, thing.__self__))
            case types.FunctionType():
                self._function(thing)
            case type():
                self._class(thing)
            case types.ModuleType():
                self._module(thing)
            case types.BuiltinFunctionType() if thing.__self__ is None or isinstance(thing.__self__, types.ModuleType):
                self._tell(f"name {thing.__module__}.{thing.__name__}")
            case types.BuiltinFunctionType():
                self._tell(f"method {thing.__name__}", (thing.__self__,))
            case staticmethod() | classmethod():
                self._tell(type(thing).__name__, (thing.__func__,))
            case property():
                self._tell("property", (thing.fget, thing.fset, thing.fdel))
            case functools.cached_property():
                self._tell("property", (thing.func,))
            case _:
                self._value(thing)

    def _function(self, function: types.FunctionType) -> None:
        wrapped = [value for name, value in vars(function).items() if name == "__wrapped__"]
        if not _is_of_the_project(function.__module__):
            self._tell(f"name {function.__module__}.{function.__qualname__}", wrapped)
            return
        code = function.__code__
        leads_to = [*wrapped, function.__defaults__, function.__kwdefaults__]
        names = _names(code)
        around = list(zip(code.co_freevars, map(_content, function.__closure__ or ()), strict=True))
        around += [(name, function.__globals__[name]) for name in names if name in function.__globals__]
        around += [(module.__name__, module) for module in self._imported(function)]
        labels = []
        for name, value in _with_parts_of_modules(around, names):
            labels.append(name)
            leads_to.append(value)
        self._tell(f"function {code_text(code)} {labels}", leads_to)

    def _imported(self, function: types.FunctionType) -> Iterator[types.ModuleType]:
        """The modules of the project that a function imports when it is called."""
        package = function.__globals__.get("__package__") or ""
        for level, name, wanted in _imports(function.__code__):
            try:
                full = importlib.util.resolve_name("." * level + name, package) if level else name
                if not _is_found_in_the_project(full):
                    continue
                module = importlib.import_module(full)
                yield sys.modules[full.partition(".")[0]] if wanted is None else module
                for each in wanted or ():
                    if each not in vars(module) and _is_found_in_the_project(f"{full}.{each}"):
                        yield importlib.import_module(f"{full}.{each}")
            except Exception:
                self.sure = False

    def _module(self, module: types.ModuleType) -> None:
        """A module that is handed on as a value: nobody knows what is taken from it."""
        if not _is_of_the_project(module.__name__):
            self._tell(f"name {module.__name__}")
            return
        named = {name: value for name, value in vars(module).items() if not _is_special(name)}
        self._tell(f"module {module.__name__} {list(named)}", named.values())

    def _class(self, kind: type) -> None:
        if not _is_of_the_project(kind.__module__):
            self._tell(f"name {kind.__module__}.{kind.__qualname__}")
            return
        labels, leads_to = [], [*kind.__bases__, type(kind)]
        for name, value in vars(kind).items():
            plain = isinstance(value, types.FunctionType | staticmethod | classmethod)
            if plain or not (_is_special(name) or name.startswith("_abc_") or isinstance(value, _SLOTS)):
                labels.append(name)
                leads_to.append(value)
        fields = [f"{name}: {_shown(value)}" for name, value in vars(kind).get("__annotations__", {}).items()]
        self._tell(f"class {kind.__qualname__} {fields} {labels}", leads_to)

    def _value(self, value: Any) -> None:
        kind = type(value)
        whole = f"{kind.__module__}.{kind.__qualname__}"
        if kind in (tuple, list):
            self._tell(kind.__name__, value)
        elif kind in (set, frozenset):
            self._set(kind.__name__, value)
        elif kind in (dict, types.MappingProxyType):
            self._tell("dict", (part for item in value.items() for part in item))
        elif kind is types.CellType:
            self._tell("cell", (_content(value),))
        elif _is_ours_or_a_cache(kind) and hasattr(value, "__wrapped__"):
            self._tell(whole, (value.__wrapped__,))
        elif _is_of_the_project(kind.__module__):
            self._tell("object", (kind, *_held(value)))
        elif kind.__module__.partition(".")[0] in sys.stdlib_module_names:
            self._pickled(value, whole)
        else:
            self._unknown(whole)

    def _set(self, kind: str, value: Iterable[object]) -> None:
        """In an order that no hash decides."""
        items = sorted(value, key=repr)
        if any(" at 0x" in repr(item) for item in items):
            self.sure = False
        self._tell(kind, items)

    def _pickled(self, value: Any, whole: str) -> None:
        """A value of Python's own library is what another process would get of it."""
        import copyreg

        usual = copyreg.dispatch_table.get(type(value))
        made = usual(value) if usual is not None else value.__reduce_ex__(4)
        if isinstance(made, str):
            self._tell(f"name {whole} {made}")
            return
        first, args, state, items, pairs, _ = (*made, None, None, None, None)[:6]
        self._tell(whole, (first, args, state, list(items or ()), list(pairs or ())))

    def _unknown(self, kind: str) -> None:
        self.parts.append(f"a {kind}")
        self.sure = False


def _with_parts_of_modules(around: Iterable[tuple[str, object]], names: Iterable[str]) -> Iterator[tuple[str, object]]:
    """What a function speaks of; instead of a module of the project, all that it may take from it."""
    left, asked = deque(around), set()
    while left:
        name, value = left.popleft()
        if not isinstance(value, types.ModuleType) or not _is_of_the_project(value.__name__):
            yield name, value
        elif value.__name__ not in asked:
            asked.add(value.__name__)
            left.extend((f"{name}.{part}", vars(value)[part]) for part in names if part in vars(value))


def _is_found_in_the_project(module: str) -> bool:
    """Nothing that is installed is imported to know it."""
    top = module.partition(".")[0]
    for name in (top, module):
        if name in sys.modules:
            found = _is_of_the_project(name)
        else:
            spec = importlib.util.find_spec(name)
            found = spec is not None and spec.origin is not None and _is_edited(spec.origin)
        if not found:
            return False
    return True


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"


def _held(value: object) -> Iterator[object]:
    """What an object holds, in its ``__dict__`` and in slots; a container's items too."""
    yield dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        for name, slot in vars(kind).items():
            if isinstance(slot, types.MemberDescriptorType) and hasattr(value, name):
                yield getattr(value, name)
    yield from (builtin(value) for builtin in _VALUES if isinstance(value, builtin))  # type: ignore[arg-type]


def _is_ours_or_a_cache(kind: type) -> bool:
    return kind.__module__ == "functools" or kind.__module__.startswith("wavebuild.")


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _shown(annotation: object) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)


def _is_of_the_project(module: str | None) -> bool:
    """Whether somebody may edit it: what is installed, or came with Python, is known by its name."""
    if module is None or module == "__main__":
        return True
    if module.partition(".")[0] == "wavebuild":
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return module not in sys.stdlib_module_names
    return _is_edited(file)


def _is_edited(file: str) -> bool:
    installed = tuple(f"{each}/lib" for each in (sys.prefix, sys.base_prefix))
    return not any(name in file for name in ("site-packages", "dist-packages")) and not file.startswith(installed)


def code_text(code: types.CodeType) -> str:
    """Its syntax tree: layout and comments do not count. Its bytes, if its file does not say what is in memory.

    Then what the file says counts too: another process would do that.
    """
    text = ""
    try:
        text = "".join(_lines(code.co_filename))
        nodes = _nodes(text, code.co_flags & _FUTURE).get(_spot(code), ()) if text else ()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        nodes = ()
    own = _bytes_of(code)
    trees = {tree for compiled, tree in nodes if compiled == own}
    if len(trees) == 1:
        return trees.pop()
    said = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{sys.implementation.cache_tag} {own} {said}"


def _lines(file: str) -> list[str]:
    linecache.checkcache(file)
    return linecache.getlines(file)


@functools.lru_cache(maxsize=1024)
def _nodes(text: str, flags: int) -> dict[tuple[str, int], list[tuple[str, str]]]:
    """The bytes and the syntax trees of all functions of a file, by name and line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
        whole = compile(tree, "", "exec", flags, dont_inherit=True)
    trees: dict[tuple[str, int], list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.decorator_list[0] if node.decorator_list else node
            trees.setdefault((node.name, first.lineno), []).append(node)
        elif isinstance(node, ast.Lambda):
            trees.setdefault(("<lambda>", node.lineno), []).append(node)
    found: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for code in _codes(whole):
        for node in trees.get((code.co_name, code.co_firstlineno), ()):
            if _may_be_of(code, node):
                found.setdefault(_spot(code), []).append((_bytes_of(code), ast.dump(node)))
    return found


def _may_be_of(code: types.CodeType, node: ast.AST) -> bool:
    """Several lambdas may stand in one line."""
    if not isinstance(node, ast.Lambda):
        return True
    body = node.body
    span = body.lineno, body.end_lineno, body.col_offset, body.end_col_offset
    return span in code.co_positions()


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _codes(each)


def _spot(code: types.CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _bytes_of(code: types.CodeType) -> str:
    inner = [_constant(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {code.co_freevars} {code.co_argcount} {inner}"


def _constant(value: object) -> str:
    if isinstance(value, types.CodeType):
        return _bytes_of(value)
    return f"{sorted(map(repr, value))}" if isinstance(value, frozenset) else repr(value)


def _names(code: types.CodeType) -> dict[str, None]:
    """The names that a function, or one within it, takes from elsewhere."""
    found: dict[str, None] = {}
    for each in _codes(code):
        for name in each.co_names:
            found |= dict.fromkeys([name, *name.split(".")])
    return found


def _imports(code: types.CodeType) -> Iterator[tuple[int, str, tuple[str, ...] | None]]:
    """Level, module and wanted names of each import within a function."""
    import dis

    for each in _codes(code):
        if _IMPORT not in each.co_code[::2]:
            continue
        before: list[Any] = [0, None]
        for instruction in dis.get_instructions(each):
            if instruction.opname == "IMPORT_NAME":
                level, wanted = before
                yield level if isinstance(level, int) else 0, instruction.argval, wanted
            if instruction.opname != "EXTENDED_ARG":
                before = [before[1], instruction.argval]
