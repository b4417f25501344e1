"""The `${…}` of dvc.yaml: what each text is now, and the template that gives the same.

It does not know what the texts are for, nor where the values come from.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

from wavebuild.declare import values
from wavebuild.declare.importers.writing import literal
from wavebuild.declare.model import Json
from wavebuild.declare.source import Problems, Unreadable, word
from wavebuild.declare.syntax import Scalar
from wavebuild.errors import did_you_mean

_REFERENCE = re.compile(r"(?<!\\)\$\{(.*?)\}")
_KEYS = re.compile(r"[^.\[\]]+(?:\.[^.\[\]]+|\[[^.\[\]]+\])*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTABLE = re.compile(r"[\w .:/+-]+")
_METHODS = frozenset(dir(dict))


class Named(Struct, frozen=True):
    """A value that `${…}` may ask for; ``live``: the expression that gives it in a Wavefile, if one does.

    ``parts``: expressions of the values right below it, where each has one of its own. ``own``: a Wavefile has it
    among its own `vars`, so that commands take it as it is. ``others``: the values that the same expression gives in
    other instances of a step.
    """

    value: Json
    live: str | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    own: bool = False
    others: Sequence[Json] = ()


class Filled(Struct, frozen=True):
    """A text as it is now, and as a template; ``live`` is None where no template can follow it.

    ``uses``: the names that it asks for; ``spread``: the mappings whose keys became options of a command.
    """

    now: str
    live: str | None
    uses: frozenset[str] = frozenset()
    spread: tuple[str, ...] = ()

    def template(self, live: bool) -> str:
        return self.live if live and self.live is not None else literal(self.now)


class Spreading(Struct, frozen=True):
    """How the keys of a mapping become options: the section `parsing` of DVC's own settings."""

    negated: bool = False  # a false flag is --no-flag
    repeated: bool = False  # a list repeats its option


class Names(Struct, frozen=True):
    """All names that a text may ask for."""

    known: Mapping[str, Named]
    problems: Problems
    spreading: Spreading = Spreading()

    def beside(self, more: Mapping[str, Named]) -> Names:
        return Names({**self.known, **more}, self.problems, self.spreading)

    def filled(self, spot: Scalar, command: bool = False) -> Filled:
        """A text with its `${…}` filled. Raises Unreadable when one asks for what is not there."""
        parts = _REFERENCE.split(spot.text)
        now: list[str] = []
        live: list[str | None] = []
        spread: list[str] = []
        uses: set[str] = set()
        for odd, part in enumerate(parts):
            if odd % 2 == 0:
                plain = part.replace("\\${", "${")
                now.append(plain)
                live.append(literal(plain))
                continue
            keys = self.keys(part, spot)
            value = self.value(keys, part, spot)
            uses.add(keys[0])
            if isinstance(value, dict) and command:
                spread.append(".".join(keys))
            elif isinstance(value, list | dict):
                kind = "a list" if isinstance(value, list) else "a mapping"
                raise self._refuse(spot, f"${{{part}}} is {kind}, and this must be a text")
            options = self._spread(keys, value) if isinstance(value, dict) else self._plain(keys, value, command)
            now.append(options[0])
            live.append(options[1])
        joined = None if None in live else "".join(map(str, live))
        return Filled("".join(now), joined, frozenset(uses), tuple(spread))

    def whole(self, spot: Scalar) -> tuple[str, ...] | None:
        """The keys of a text that is one `${…}` and nothing else."""
        found = _REFERENCE.fullmatch(spot.text)
        return self.keys(found[1], spot) if found else None

    def keys(self, inner: str, spot: Scalar) -> tuple[str, ...]:
        """`a.b[0]` as its parts."""
        if not _KEYS.fullmatch(inner):
            raise self._refuse(spot, f"${{{inner}}} is not readable: a name, then .key or [index]")
        return tuple(key.strip() for key in inner.replace("[", ".").replace("]", "").split("."))

    def value(self, keys: Sequence[str], shown: str, spot: Scalar) -> Json:
        first, *rest = keys
        if first not in self.known:
            remedy = did_you_mean(first, self.known) or "it is in none of the vars"
            raise self._refuse(spot, f"nothing is called {word(first)} in ${{{shown}}}", remedy)
        value = self.known[first].value
        for key in rest:
            try:
                value = _part(value, key)
            except LookupError:
                remedy = did_you_mean(key, value) if isinstance(value, dict) else ""
                raise self._refuse(spot, f"there is no {word(key)} in ${{{shown}}}", remedy) from None
        return value

    def expression(self, keys: Sequence[str]) -> str | None:
        """The expression of a Wavefile for the value at some keys."""
        named, rest = self.known[keys[0]], list(keys[1:])
        live = named.live
        if rest and rest[0] in named.parts:
            live = named.parts[rest.pop(0)]
        for key in rest:
            if live is None:
                return None
            live = _below(live, key)
        return live

    def _plain(self, keys: Sequence[str], value: Json, command: bool) -> tuple[str, str | None]:
        now, expression = as_text(value), self.expression(keys)
        if expression is None:
            return now, None
        verbatim = " | raw" if command and not self.known[keys[0]].own else ""
        return now, f"{{{{ {expression}{self._cast(keys, value)}{verbatim} }}}}"

    def _cast(self, keys: Sequence[str], value: Json) -> str:
        found = (_at(other, keys[1:]) for other in self.known[keys[0]].others)
        return common_cast([value, *(other for other in found if other is not None)])

    def _spread(self, keys: Sequence[str], mapping: dict[str, Json]) -> tuple[str, str | None]:
        """A mapping in a command: each key an option, as `--key value`."""
        leaves = list(_leaves(mapping))
        now = "".join(self._option(".".join(path), value) for path, value in leaves).rstrip()
        first = next((at for at, (_, value) in enumerate(leaves) if not isinstance(value, bool)), len(leaves))
        live: list[str] = []
        for at, (path, value) in enumerate(leaves):
            expression = self.expression((*keys, *path))
            if expression is None or not all(_QUOTABLE.fullmatch(key) for key in path):
                return now, None
            before, behind = (" " if at > first else ""), (" " if at < first else "")
            live.append(self._live_option(".".join(path), value, expression, before, behind))
        return now, "".join(live)

    def _option(self, name: str, value: Json) -> str:
        if isinstance(value, bool):
            return f"--{name} " if value else f"--no-{name} " if self.spreading.negated else ""
        if isinstance(value, list):
            items = [shlex.quote(item) if isinstance(item, str) else str(values.bare(item)) for item in value]
            if self.spreading.repeated:
                return "".join(f"--{name} {item} " for item in items)
            return f"--{name} {' '.join(items)} " if items else ""
        return f"--{name} {shlex.quote(value) if isinstance(value, str) else as_text(value)} "

    def _live_option(self, name: str, value: Json, expression: str, before: str, behind: str) -> str:
        if isinstance(value, bool):
            no = f"{before}--no-{name}{behind}" if self.spreading.negated else ""
            return f"{{{{ ('{before}--{name}{behind}' if {expression} else '{no}') | raw }}}}"
        if isinstance(value, list) and self.spreading.repeated:
            return before + " ".join(f"--{name} {{{{ {expression}[{at}] | q }}}}" for at in range(len(value))) + behind
        how = " | q" if isinstance(value, str | list) else f"{common_cast([value])} | raw"
        return f"{before}--{name} {{{{ {expression}{how} }}}}{behind}"

    def _refuse(self, spot: Scalar, message: str, remedy: str = "") -> Unreadable:
        return self.problems.add("interpolation", spot, message, remedy)


def as_text(value: Json) -> str:
    """A value inside a text, as DVC shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(values.bare(value))


def _cast(value: Json) -> str:
    """What makes a number look as Python prints it, where it is written in another way."""
    if isinstance(value, bool) or not isinstance(value, int | float) or values.shown(value) == as_text(value):
        return ""
    return " | int" if isinstance(value, int) else " | float"


def _part(value: Json, key: str) -> Json:
    """The item of a mapping or list at a key. Raises LookupError."""
    if isinstance(value, dict):
        return value[key]
    if isinstance(value, list) and re.fullmatch(r"-?[0-9]+", key):
        return value[int(key)]
    raise LookupError(key)


def _at(value: Json, keys: Sequence[str]) -> Json:
    """The value below some keys, None if it is not there."""
    try:
        for key in keys:
            value = _part(value, key)
    except LookupError:
        return None
    return value


def common_cast(listed: Sequence[Json]) -> str:
    """What makes all these values, which one expression stands for, look as Python prints them."""
    casts = {_cast(value) for value in listed} - {""}
    alike = len({type(values.bare(value)) for value in listed}) == 1
    return casts.pop() if len(casts) == 1 and alike else ""


def _below(expression: str, key: str) -> str | None:
    if re.fullmatch(r"-?[0-9]+", key):
        return f"{expression}[{int(key)}]"
    if _NAME.fullmatch(key) and key not in _METHODS:
        return f"{expression}.{key}"
    return f"{expression}['{key}']" if _QUOTABLE.fullmatch(key) else None


def _leaves(mapping: Mapping[str, Json], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value
