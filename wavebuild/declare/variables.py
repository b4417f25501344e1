"""The values of ``vars``: overrides laid over them, references between them followed, in any order.

It does not know which texts use them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from wavebuild.declare.forms import Free, Reading, not_yet
from wavebuild.declare.model import Json
from wavebuild.declare.schema import VARIABLE_NAME
from wavebuild.declare.source import Problems, Unreadable, word
from wavebuild.declare.syntax import Entry, Scalar, Series, Table, Value
from wavebuild.declare.templates import RESERVED, Scope, has_template, names_in
from wavebuild.declare.values import from_argument
from wavebuild.errors import Place, Problem, did_you_mean

_TEMPLATE_WORDS = frozenset(
    ("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else")
)


@dataclass(frozen=True, slots=True)
class Variables:
    """``own``: written in the Wavefile or by --set; the others took something from the caller's environment."""

    values: dict[str, Json]
    own: frozenset[str]
    broken: frozenset[str]
    env_read: tuple[tuple[str, str | None], ...]


class _CallerEnv(Mapping[str, str]):
    """The caller's variables; it remembers which were asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.read: dict[str, str | None] = {}

    def __getitem__(self, name: str) -> str:
        self.read[name] = self._environ.get(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


@dataclass(slots=True)
class _Known:
    """What is known so far; it grows while the variables are evaluated."""

    values: dict[str, object] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    tainted: set[str] = field(default_factory=set)  # made with something of the caller's environment


def evaluate(
    written: Value | None, overrides: Sequence[tuple[str, str]], environ: Mapping[str, str], reading: Reading
) -> Variables:
    caller = _CallerEnv(environ)
    known = _Known({"env": caller})
    entries = _entries(written, reading, known)
    replaced = _replacements(overrides, entries, reading.problems)
    uses = {
        name: _names_used(entry.value, reading, known, name) if ("",) not in replaced.get(name, {}) else frozenset()
        for name, entry in entries.items()
    }
    for name in _in_order(uses, entries, reading, known):
        _evaluate_one(name, entries[name], replaced.get(name, {}), uses[name], known, reading)
    values: dict[str, Json] = {name: known.values[name] for name in entries if name in known.values}  # type: ignore[misc]
    own = frozenset(values) - known.tainted
    return Variables(values, own, frozenset(known.broken), tuple(sorted(caller.read.items())))


def _entries(written: Value | None, reading: Reading, known: _Known) -> dict[str, Entry]:
    if written is None or (isinstance(written, Scalar) and written.is_null):
        return {}
    if isinstance(written, Series):
        reading.refuse("not-yet", written, not_yet("a list of vars"), "write one mapping")
        return {}
    if not isinstance(written, Table):
        reading.unexpected(written, "a mapping of names to values")
        return {}
    for name, entry in written.entries.items():
        try:
            VARIABLE_NAME.read(entry.key, reading.within(None))
            if name in RESERVED or name in _TEMPLATE_WORDS:
                raise reading.refuse("name-clash", entry.key, f"'{name}' is a name of the language", "choose another")
        except Unreadable:
            known.broken.add(name)
    return {name: entry for name, entry in written.entries.items() if name not in known.broken}


def _replacements(
    overrides: Sequence[tuple[str, str]], entries: Mapping[str, Entry], problems: Problems
) -> dict[str, dict[tuple[str, ...], Json]]:
    """The overrides of each variable, by the keys below it; the key ("",) is the variable itself."""
    found: dict[str, dict[tuple[str, ...], Json]] = {}
    for path, text in overrides:
        name, *keys = path.split(".")
        if name not in entries:
            _refuse_override(path, f"no variable is called {word(name)}", did_you_mean(name, entries), problems)
            continue
        found.setdefault(name, {})[tuple(keys) or ("",)] = from_argument(text)
    return found


def _refuse_override(path: str, message: str, remedy: str, problems: Problems) -> None:
    problems.record(Problem("unknown-variable", message, Place(f"--set {path}"), remedy))


def _names_used(value: Value, reading: Reading, known: _Known, name: str) -> frozenset[str]:
    from_texts: set[str] = set()
    try:
        for scalar in _template_scalars(value):
            from_texts |= reading.guarded(scalar, lambda text=scalar.text: names_in(text))
    except Unreadable:
        known.broken.add(name)
    return frozenset(from_texts)


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


def _in_order(
    uses: Mapping[str, frozenset[str]], entries: Mapping[str, Entry], reading: Reading, known: _Known
) -> list[str]:
    """The variables, each after those it uses; those of a loop are reported and left out."""
    while True:
        graph = {name: used & entries.keys() - known.broken for name, used in uses.items() if name not in known.broken}
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            loop: list[str] = error.args[1][::-1]  # graphlib names what is used before what uses it
            known.broken.update(loop)
            places = tuple(reading.problems.place(entries[name].key) for name in loop[1:-1])
            message = "these variables refer to each other: " + " → ".join(loop)
            reading.problems.add("variable-loop", entries[loop[0]].key, message, "give one of them a value", places)


def _evaluate_one(
    name: str,
    entry: Entry,
    replaced: Mapping[tuple[str, ...], Json],
    uses: frozenset[str],
    known: _Known,
    reading: Reading,
) -> None:
    scope = Scope(known.values, broken=frozenset(known.broken))
    if ("",) in replaced:
        value = replaced[("",)]
    else:
        try:
            value = Free().read(entry.value, reading.within(scope))
        except Unreadable:
            known.broken.add(name)
            return
        if "env" in uses or uses & known.tainted:
            known.tainted.add(name)
    for keys, new in replaced.items():
        if keys != ("",) and not _replace_below(value, keys, new):
            nearest = did_you_mean(keys[0], value) if isinstance(value, dict) else ""
            path = ".".join((name, *keys))
            _refuse_override(path, f"nothing in 'vars' is called {word(path)}", nearest, reading.problems)
    known.values[name] = value


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
