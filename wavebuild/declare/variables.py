"""The values of ``vars``: layers and overrides laid over each other, references followed, in any order.

It does not know which texts use them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from wavebuild.declare import data, paths, syntax
from wavebuild.declare.files import Files
from wavebuild.declare.forms import Free, Reading
from wavebuild.declare.model import Json
from wavebuild.declare.paths import Home
from wavebuild.declare.schema import VARIABLE_NAME
from wavebuild.declare.source import Problems, Spot, Unreadable, word
from wavebuild.declare.syntax import Entry, Scalar, Series, Table, Value
from wavebuild.declare.templates import RESERVED, Scope, has_template, names_in
from wavebuild.declare.values import from_argument
from wavebuild.errors import Place, Problem, WavebuildError, did_you_mean

_TEMPLATE_WORDS = frozenset(
    ("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else")
)
_KINDS: dict[str, data.DataKind] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}


EVERY = ""
"""The name under which it is remembered that somebody went through all variables: none has it, so none is as it was."""


class CallerEnv(Mapping[str, str]):
    """The caller's variables; it remembers which were asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.read: dict[str, str | None] = {}

    def __getitem__(self, name: str) -> str:
        self.read[name] = self._environ.get(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        self.read[EVERY] = "gone through"
        return iter(self._environ)

    def __len__(self) -> int:
        self.read[EVERY] = "counted"
        return len(self._environ)


class Overrides:
    """The values of ``--set``: each goes to every file that has a variable of that name."""

    def __init__(self, given: Sequence[tuple[str, str]]) -> None:
        self._given = given
        self._known: dict[str, Json] = {}  # every name that some file has, with its value
        self._applied: set[str] = set()

    def of(self, names: Mapping[str, object]) -> dict[str, dict[str, Json]]:
        """The overrides of these variables, by their paths."""
        found: dict[str, dict[str, Json]] = {}
        for path, text in self._given:
            name = path.split(".")[0]
            if name in names:
                found.setdefault(name, {})[path] = from_argument(text)
                self._known.setdefault(name, None)
        self._known |= dict.fromkeys(names)
        return found

    def lay(self, name: str, value: Json, paths: Mapping[str, Json]) -> Json:
        """The value with what is set in it."""
        for path, new in paths.items():
            keys = path.split(".")[1:]
            if not keys:
                value = new
            elif not _replace_below(value, keys, new):
                continue
            self._applied.add(path)
        self._known[name] = value
        return value

    def refuse_unknown(self, problems: Problems) -> None:
        """Records what no file could use."""
        for path, _ in self._given:
            name, *keys = path.split(".")
            if name not in self._known:
                remedy = "write --profile NAME" if name == "profile" else did_you_mean(name, self._known)
                self._refuse(path, f"no variable is called {word(name)}", remedy, problems)
            elif path not in self._applied and keys:
                value = self._known[name]
                nearest = did_you_mean(keys[0], value) if isinstance(value, dict) else ""
                self._refuse(path, f"nothing in 'vars' is called {word(path)}", nearest, problems)

    @staticmethod
    def _refuse(path: str, message: str, remedy: str, problems: Problems) -> None:
        problems.record(Problem("unknown-variable", message, Place(f"--set {path}"), remedy))


def _replace_below(value: Json, keys: Sequence[str], new: Json) -> bool:
    *way, last = keys
    for key in way:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    if not isinstance(value, dict) or last not in value:
        return False
    value[last] = new
    return True


class _FromFile(Struct, frozen=True):
    """A value that a data file gives; templates mean nothing there."""

    key: Spot  # where the file is named
    value: Json


Written = dict[str, list[Entry | _FromFile]]
"""Every variable with the values that are laid over each other, the last on top."""


def written(values: Sequence[tuple[Value, Reading]], files: Files) -> Written:
    """The variables as they are written, layer by layer; ``files`` reads those that are named."""
    found: Written = {}
    for value, reading in values:
        for layer in value.items if isinstance(value, Series) else (value,):
            _lay(found, layer, reading, files, listed=isinstance(value, Series))
    return found


def check_form(value: Value, reading: Reading) -> None:
    """Says what is wrong with variables that nobody asks for; their files are not looked at."""
    for layer in value.items if isinstance(value, Series) else (value,):
        listed = isinstance(value, Series)
        if isinstance(layer, Table):
            _check_names({name: [entry] for name, entry in layer.entries.items()}, reading)
        elif not (isinstance(layer, Scalar) and layer.is_null != listed):
            _refuse_form(layer, reading, listed)


def _lay(found: Written, layer: Value, reading: Reading, files: Files, listed: bool) -> None:
    if isinstance(layer, Scalar) and layer.is_null and not listed:
        return
    try:
        if isinstance(layer, Table):
            for name, entry in layer.entries.items():
                found.setdefault(name, []).append(entry)
        elif isinstance(layer, Scalar) and listed and not layer.is_null:
            for name, value in _file(layer, reading, files).items():
                if VARIABLE_NAME.pattern and VARIABLE_NAME.pattern.fullmatch(name):  # else no template can name it
                    found.setdefault(name, []).append(_FromFile(layer, value))
        else:
            _refuse_form(layer, reading, listed)
    except Unreadable:
        return


def _refuse_form(layer: Value, reading: Reading, listed: bool) -> None:
    files_too = "a mapping of names to values, or the path of a YAML, JSON or TOML file"
    reading.unexpected(layer, files_too if listed else "a mapping of names to values, or a list of such")


def _file(item: Scalar, reading: Reading, files: Files) -> dict[str, Json]:
    kind = _KINDS.get(posixpath.splitext(item.text)[1])
    if kind is None:
        message = f"variables are read from YAML, JSON and TOML files, not from {word(item.text)}"
        raise reading.refuse("bad-path", item, message, "write a path that ends in .yaml, .yml, .json or .toml")
    if has_template(item.text):
        raise reading.refuse("template-place", item, "templates are not filled in here", "write the path itself")
    try:
        path = paths.normal(item.text, reading.home).path
    except paths.PathProblem as problem:
        raise reading.refuse("bad-path", item, problem.message, problem.remedy) from None
    absolute = posixpath.join(reading.home.root, path)
    try:
        value = data.read_data(files.read(absolute, syntax.MAX_BYTES), path, kind, as_written=True)
    except OSError as error:
        message = f"cannot read the variables in {word(item.text)}: {error.strerror}"
        raise reading.refuse("no-file", item, message, _relative_to(reading.home)) from None
    except WavebuildError as error:
        for found in error.problems:
            reading.problems.record(found)
        raise Unreadable from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise reading.refuse("wrong-type", item, f"{word(item.text)} is not a mapping of names to values")
    return value


def _relative_to(home: Home) -> str:
    return f"its path is relative to {home.folder}" if home.folder else ""


class _Known(Struct):
    """What is known so far; it grows while the variables are evaluated."""

    values: dict[str, object]
    own: set[str]  # written in a Wavefile or by --set; the others took something from elsewhere
    broken: set[str]


def evaluate(layers: Written, overrides: Overrides, env: CallerEnv, outer: Scope, reading: Reading) -> Scope:
    """The names that texts of this file may use: its own variables, and those of ``outer`` that it has not."""
    _check_names(layers, reading)
    names = {name: found for name, found in layers.items() if _is_usable(name)}
    refused = layers.keys() - names.keys()
    seen = {name: value for name, value in outer.values.items() if name not in names}
    known = _Known(
        {**seen, "env": env}, set(outer.own) & seen.keys(), (set(outer.broken) - names.keys()) | set(refused)
    )
    replaced = overrides.of(names)
    uses = {
        name: frozenset() if name in replaced.get(name, {}) else _names_used(found, reading, known, name)
        for name, found in names.items()
    }
    for name in _in_order(uses, names, reading, known):
        _evaluate_one(name, names[name], uses[name], replaced.get(name, {}), overrides, known, reading)
    del known.values["env"]
    return Scope(known.values, frozenset(known.own), frozenset(known.broken))


def _is_usable(name: str) -> bool:
    assert VARIABLE_NAME.pattern is not None
    return bool(VARIABLE_NAME.pattern.fullmatch(name)) and name not in RESERVED and name not in _TEMPLATE_WORDS


def _check_names(layers: Written, reading: Reading) -> None:
    for name, found in layers.items():
        for entry in found:
            try:
                if isinstance(entry, Entry):
                    VARIABLE_NAME.read(entry.key, reading.within(None))
                if name in RESERVED or name in _TEMPLATE_WORDS:
                    of_file = isinstance(entry, _FromFile)
                    remedy = (
                        "name it otherwise there, or read it as an input: FILE#KEY" if of_file else "choose another"
                    )
                    reading.refuse("name-clash", entry.key, f"'{name}' is a name of the language", remedy)
            except Unreadable:
                continue


def _names_used(found: Sequence[Entry | _FromFile], reading: Reading, known: _Known, name: str) -> frozenset[str]:
    used: set[str] = set()
    try:
        for entry in found:
            if isinstance(entry, Entry):
                for scalar in _template_scalars(entry.value):
                    used |= reading.guarded(scalar, lambda text=scalar.text: names_in(text))
    except Unreadable:
        known.broken.add(name)
    return frozenset(used)


def _template_scalars(value: Value) -> Iterator[Scalar]:
    if isinstance(value, Scalar):
        if has_template(value.text):
            yield value
    elif isinstance(value, Series):
        for item in value.items:
            yield from _template_scalars(item)
    elif isinstance(value, Table):
        for entry in value.entries.values():
            yield from _template_scalars(entry.value)


def _in_order(uses: Mapping[str, frozenset[str]], names: Written, reading: Reading, known: _Known) -> list[str]:
    """The variables, each after those it uses; those of a loop are reported and left out."""
    from graphlib import CycleError, TopologicalSorter

    while True:
        graph = {name: used & names.keys() - known.broken for name, used in uses.items() if name not in known.broken}
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            loop: list[str] = error.args[1][::-1]  # graphlib names what is used before what uses it
            known.broken.update(loop)
            places = tuple(reading.problems.place(names[name][-1].key) for name in loop[1:-1])
            message = "these variables refer to each other: " + " → ".join(loop)
            reading.problems.add("variable-loop", names[loop[0]][-1].key, message, "give one of them a value", places)


def _evaluate_one(
    name: str,
    found: Sequence[Entry | _FromFile],
    uses: frozenset[str],
    replaced: Mapping[str, Json],
    overrides: Overrides,
    known: _Known,
    reading: Reading,
) -> None:
    scope = Scope(known.values, broken=frozenset(known.broken))
    value: Json = None
    own = True
    if name not in replaced:
        try:
            for entry in found:
                over = Free().read(entry.value, reading.within(scope)) if isinstance(entry, Entry) else entry.value
                value = merged(value, over)
        except Unreadable:
            known.broken.add(name)
            return
        own = uses <= known.own and not any(isinstance(entry, _FromFile) for entry in found)
    known.values[name] = overrides.lay(name, value, replaced)
    if own:
        known.own.add(name)


def merged(under: Json, over: Json) -> Json:
    """One value laid over another: mappings merge by key, at every depth; all else is replaced."""
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {key: merged(under.get(key), value) for key, value in over.items()}
    return over
