"""The forms that a value can have: text, flag, number, duration, choice, list, mapping, free value, command.

It does not know which key has which form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar, assert_never

from msgspec import Struct, field

from wavebuild.declare import shapes, values
from wavebuild.declare.model import Age, Argument, Calendar, Json, Range, ShellName, Text
from wavebuild.declare.paths import NO_HOME, Home
from wavebuild.declare.repair import quoted
from wavebuild.declare.shapes import Shape
from wavebuild.declare.source import Problems, Spot, Unreadable, word
from wavebuild.declare.syntax import Broken, Entry, Scalar, Series, Table, Value
from wavebuild.declare.templates import (
    AlreadySaid,
    Scope,
    command_of,
    has_template,
    text_of,
    value_of,
)
from wavebuild.errors import Place, did_you_mean

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A")


_FILLED = "{{"
"""The style of a text that a template gave."""


def not_yet(what: str) -> str:
    return f"{what} is part of the language but not of this version yet"


class Reading(Struct, frozen=True):
    """What a form needs to read a value: where problems go, where paths begin, the names that templates may use."""

    problems: Problems
    home: Home = NO_HOME
    scope: Scope | None = None  # None: no templates here
    commands: Scope | None = None  # for texts that a step runs; None: the same
    templates: bool = True  # False: a data file, where {{ is nothing special

    def within(self, scope: Scope | None, commands: Scope | None = None) -> Reading:
        """The same with other names; made by hand, for ``replace`` is slow and this is done for every step."""
        return Reading(self.problems, self.home, scope, commands, self.templates)

    def there(self, other: Reading) -> Reading:
        """This reading as it is in another file: problems, paths and variables are that file's."""
        if other.problems is self.problems:
            return self
        scope = self.scope and other.scope and self.scope.over(other.scope)
        commands = self.commands and other.scope and self.commands.over(other.scope)
        return Reading(other.problems, other.home, scope, commands, self.templates)

    def refuse(self, code: str, spot: Spot, message: str, remedy: str = "") -> Unreadable:
        return self.problems.add(code, spot, message, remedy)

    def filled(self, value: Value) -> Value:
        """The value with its template filled in; one whole expression keeps its type."""
        if not isinstance(value, Scalar) or not self.templates or not _is_open(value):
            return value
        scope = self._scope(value)
        result = self.guarded(value, lambda: value_of(value.text, scope))
        return value_at(result, value)

    def text(self, value: Value) -> Scalar:
        """The value as one text."""
        if isinstance(value, Scalar):
            if not self.templates or not _is_open(value):
                return value
            text, scope = value.text, self._scope(value)
            return Scalar(self.guarded(value, lambda: text_of(text, scope)), '"', value.line, value.column)
        raise self.unexpected(value, "a text")

    def command(self, value: Value, shell: bool = True) -> Text:
        if not isinstance(value, Scalar):
            raise self.unexpected(value, "a text")
        if not _is_open(value):
            return Text((value.text,))
        text, scope = value.text, self.commands or self._scope(value)
        return self.guarded(value, lambda: command_of(text, scope, shell))

    def unexpected(self, value: Value, wanted: str, remedy: str = "") -> Unreadable:
        """The problem of a value of another type than wanted."""
        match value:
            case Broken():
                return Unreadable()
            case Scalar():
                found = "nothing" if value.is_null else word(value.text)
            case Series():
                found = "a list"
            case Table():
                found = "a mapping"
            case _:
                assert_never(value)
        return self.refuse("wrong-type", value, f"expected {wanted}, found {found}", remedy)

    def _scope(self, value: Scalar) -> Scope:
        if self.scope is None:
            raise self.refuse("template-place", value, "templates are not filled in here", "write the value itself")
        return self.scope

    def guarded(self, value: Scalar, fill: Fill[A]) -> A:
        try:
            return fill()
        except AlreadySaid:
            raise Unreadable from None
        except Exception as error:
            from wavebuild.declare.expressions import ExpressionError

            if not isinstance(error, ExpressionError):
                raise
            lines = value.text.count("\n") + 2 if value.style in ("|", ">") else 0
            spot = self.problems.sought(error.snippet, value, lines)
            raise self.refuse(error.code, spot, error.message, error.remedy) from None


class Fill(Protocol[T_co]):
    def __call__(self) -> T_co: ...


def _is_open(value: Scalar) -> bool:
    """Whether a text has templates that are still to be filled; what came out of one is not filled again."""
    return "{{" in value.text and value.style != _FILLED


def value_at(result: Json, spot: Scalar) -> Value:
    """What a template gave, as if it were written where the template stands."""
    line, column = spot.line, spot.column
    match result:
        case str():
            return Scalar(result, _FILLED, line, column)
        case list():
            return Series(tuple(value_at(item, spot) for item in result), line, column)
        case dict():
            entries = {key: Entry(Scalar(key, '"', line, column), value_at(item, spot)) for key, item in result.items()}
            return Table(entries, line, column)
        case _:
            return Scalar(values.shown(result), "", line, column)


class Form(Protocol[T_co]):
    """Reads a value, or records what is wrong and raises Unreadable; describes to editors what it takes."""

    def read(self, value: Value, reading: Reading) -> T_co: ...

    def schema(self, templates: bool) -> Shape:
        """The values in JSON Schema; ``templates``: they may be texts with ``{{ }}``."""


class Label(Struct, frozen=True):
    """A text of one line, shown to people and used to select."""

    what: str = "a text"
    pattern: re.Pattern[str] | None = None
    allowed: str = ""  # the pattern in words
    marks: bool = False  # the signs above and below letters, of which many scripts are made, go with the letters

    def read(self, value: Value, reading: Reading) -> str:
        text = reading.text(value).text
        if not text.strip():
            raise reading.refuse("empty-text", value, f"expected {self.what}, found an empty text")
        if not text.isprintable():
            hidden = next(char for char in text if not char.isprintable())
            message = f"{word(text)} holds a sign that is not shown: {hidden!r}"
            raise reading.refuse("control-character", value, message, "leave it out")
        if not self.fits(text):
            raise reading.refuse("bad-text", value, f"{word(text)} is not {self.what}", self.allowed)
        return text

    def fits(self, text: str) -> bool:
        """Whether the text is of the pattern; a mark that could be one sign with its letter must be."""
        if self.pattern is None or self.pattern.fullmatch(text):
            return True
        if not self.marks or text.isascii():
            return False
        import unicodedata

        plain = text[:1] + "".join("_" if unicodedata.category(char) in ("Mn", "Mc") else char for char in text[1:])
        return unicodedata.is_normalized("NFC", text) and self.pattern.fullmatch(plain) is not None

    def schema(self, templates: bool) -> Shape:
        pattern = shapes.whole(self.pattern) if self.pattern else r"^[^\n\r\t]*\S[^\n\r\t]*$"
        return shapes.filled(shapes.text(pattern, templates), templates)


class Prose(Struct, frozen=True):
    """A text of any number of lines."""

    may_be_empty: bool = False

    def read(self, value: Value, reading: Reading) -> str:
        text = reading.text(value).text
        if not text.strip() and not self.may_be_empty:
            raise reading.refuse("empty-text", value, "expected a text, found an empty one")
        return text

    def schema(self, templates: bool) -> Shape:
        return shapes.text("" if self.may_be_empty else r"\S", templates)


class Flag(Struct, frozen=True):
    """``true`` or ``false``, and nothing else that YAML 1.1 took for one."""

    def read(self, value: Value, reading: Reading) -> bool:
        found = reading.text(value)
        if found.text in ("true", "false"):
            return found.text == "true"
        meant = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
        written = found.text.lower()
        near = meant.get(written, written if written in ("true", "false") else "")
        message = f"expected true or false, found {word(found.text)}"
        raise reading.refuse("wrong-type", value, message, f"write {near}" if near else "")

    def schema(self, templates: bool) -> Shape:
        return shapes.filled(shapes.either({"type": "boolean"}, shapes.words("true", "false")), templates)


class Whole(Struct, frozen=True):
    """A whole number."""

    minimum: int = 0

    def read(self, value: Value, reading: Reading) -> int:
        text = reading.text(value).text
        if not re.fullmatch(r"-?[0-9]{1,9}", text):
            raise reading.refuse("wrong-type", value, f"expected a whole number, found {word(text)}")
        if int(text) < self.minimum:
            raise reading.refuse("out-of-range", value, f"expected {self.minimum} or more, found {text}")
        return int(text)

    def schema(self, templates: bool) -> Shape:
        number: Shape = {"type": "integer", "minimum": self.minimum}
        return shapes.filled(shapes.either(number, {"type": "string", "pattern": "^[0-9]{1,9}$"}), templates)


class Fraction(Struct, frozen=True):
    """A number from 0 to 1."""

    def read(self, value: Value, reading: Reading) -> float:
        text = reading.text(value).text
        if not re.fullmatch(r"-?[0-9]{0,9}(\.[0-9]{1,18})?", text) or not text.strip("-"):
            raise reading.refuse("wrong-type", value, f"expected a number from 0 to 1, found {word(text)}")
        if not 0 <= float(text) <= 1:
            raise reading.refuse("out-of-range", value, f"expected a number from 0 to 1, found {text}")
        return float(text)

    def schema(self, templates: bool) -> Shape:
        number: Shape = {"type": "number", "minimum": 0, "maximum": 1}
        return shapes.filled(
            shapes.either(number, {"type": "string", "pattern": r"^([0-9]+|[0-9]*\.[0-9]+)$"}), templates
        )


class Choice(Struct, Generic[T], frozen=True):
    """One of a few words; ``later``: words, and keys of a mapping, that this version does not have."""

    words: Mapping[str, T]
    later: tuple[str, ...] = ()

    def read(self, value: Value, reading: Reading) -> T:
        if isinstance(value, Table) and (key := next((key for key in value.entries if key in self.later), None)):
            raise reading.refuse("not-yet", value, not_yet(f"'{key}'"), "now: " + ", ".join(self.words))
        text = reading.text(value).text
        if text in self.words:
            return self.words[text]
        if text in self.later:
            raise reading.refuse("not-yet", value, not_yet(f"'{text}'"), "now: " + ", ".join(self.words))
        message = f"expected {' or '.join(self.words)}, found {word(text)}"
        raise reading.refuse("wrong-type", value, message, did_you_mean(text, self.words))

    def schema(self, templates: bool) -> Shape:
        return shapes.filled(shapes.words(*self.words), templates)


_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}(?:\.[0-9]{{1,9}})?){unit})?" for unit in _UNITS))


def seconds(text: str) -> float | None:
    """A duration like ``90s`` or ``1h30m`` in seconds; ``None`` if it is not one."""
    found = _DURATION.fullmatch(text)
    if not found or not text:
        return None
    return float(sum(float(number) * _UNITS[unit] for unit, number in found.groupdict().items() if number))


class Duration(Struct, frozen=True):
    """A number with its unit, or a sum of such."""

    may_be_zero: bool = False

    def read(self, value: Value, reading: Reading) -> float:
        return self.measured(reading.text(value).text, value, reading)

    def measured(self, text: str, spot: Value, reading: Reading) -> float:
        found = seconds(text)
        if found is None:
            bare = re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)
            remedy = f"a number needs its unit: {text}s, {text}m or {text}h" if bare else "write 90s, 15m, 2h or 1h30m"
            raise reading.refuse("bad-duration", spot, f"expected a duration, found {word(text)}", remedy)
        if not found and not self.may_be_zero:
            raise reading.refuse("out-of-range", spot, f"expected more than no time, found {word(text)}")
        return found

    def schema(self, templates: bool) -> Shape:
        return shapes.filled({"type": "string", "pattern": "^(?=.)" + shapes.whole(_DURATION)[1:]}, templates)


_POWERS = "KMGT"
_SIZE = re.compile(rf"([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?)([{_POWERS}])(?:iB)?")


class Size(Struct, frozen=True):
    """A number of bytes with its unit: powers of 1024, as `ulimit` and containers count."""

    def read(self, value: Value, reading: Reading) -> int:
        text = reading.text(value).text
        found = _SIZE.fullmatch(text)
        if not found:
            raise reading.refuse("bad-size", value, f"expected a size, found {word(text)}", self._remedy(text))
        number = int(float(found[1]) * 1024 ** (1 + _POWERS.index(found[2])))
        if not number:
            raise reading.refuse("out-of-range", value, f"expected more than no bytes, found {word(text)}")
        return number

    def schema(self, templates: bool) -> Shape:
        return shapes.filled({"type": "string", "pattern": shapes.whole(_SIZE)}, templates)

    def _remedy(self, text: str) -> str:
        near = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([kKmMgGtT]?)i?[bB]?", text)
        if near and near[2]:
            return f"write {near[1]}{near[2].upper()}"
        return f"a number needs its unit: {near[1]}M or {near[1]}G" if near else "write 100M or 2G"


class AgeForm(Struct, frozen=True):
    """A duration, or ``daily``, ``weekly``."""

    def read(self, value: Value, reading: Reading) -> Age:
        text = reading.text(value).text
        calendar = {each.value: each for each in Calendar}
        return calendar[text] if text in calendar else Duration().measured(text, value, reading)

    def schema(self, templates: bool) -> Shape:
        return shapes.either(shapes.words(*(each.value for each in Calendar)), Duration().schema(templates))


class TimeZone(Struct, frozen=True):
    """The name of a time zone that this system knows."""

    def read(self, value: Value, reading: Reading) -> str:
        from zoneinfo import ZoneInfo, available_timezones

        text = reading.text(value).text
        try:
            ZoneInfo(text)
        except (OSError, ValueError, KeyError):
            remedy = did_you_mean(text, available_timezones()) or "write it like Europe/Berlin, or UTC"
            raise reading.refuse("bad-zone", value, f"{word(text)} is no time zone of this system", remedy) from None
        return text

    def schema(self, templates: bool) -> Shape:
        return shapes.filled(shapes.text(r"^[A-Za-z0-9_+/-]+$", templates), templates)


class DurationRange(Struct, frozen=True):
    """``2h``, or ``2h-3h``."""

    def read(self, value: Value, reading: Reading) -> Range:
        text = reading.text(value).text
        low, dash, high = (part.strip() for part in text.partition("-"))
        one = Duration(may_be_zero=True)
        found = Range(one.measured(low, value, reading), one.measured(high if dash else low, value, reading))
        if found.low > found.high:
            raise reading.refuse("out-of-range", value, f"{word(text)} ends before it begins", f"write {high}-{low}")
        return found

    def schema(self, templates: bool) -> Shape:
        one = shapes.whole(_DURATION)[1:-1]
        pattern = rf"^(?=\s*[0-9])\s*{one}\s*(?:-(?=\s*[0-9])\s*{one}\s*)?$"
        return shapes.filled({"type": "string", "pattern": pattern}, templates)


class Many(Struct, Generic[T], frozen=True):
    """One, or a list; what a template gives inside a list may be several."""

    item: Form[T]
    may_be_empty: bool = True

    def read(self, value: Value, reading: Reading) -> tuple[T, ...]:
        return tuple(item for item, _ in self.placed(value, reading))

    def placed(self, value: Value, reading: Reading) -> list[tuple[T, Place]]:
        found = []
        bad: Unreadable | None = None
        for item in items_of(value, reading):
            try:
                found.append((self.item.read(item, reading), reading.problems.place(item)))
            except Unreadable as error:
                bad = error
        if bad:
            raise bad
        if not found and not self.may_be_empty:
            raise reading.refuse("empty-list", value, "the list is empty")
        return found

    def schema(self, templates: bool) -> Shape:
        return shapes.filled(shapes.listed(self.item.schema(templates), 0 if self.may_be_empty else 1), templates)


def items_of(value: Value, reading: Reading) -> Iterator[Value]:
    """The items of a list, or the one value that stands in its place."""
    value = reading.filled(value)
    if not isinstance(value, Series):
        yield value
        return
    for item in value.items:
        filled = reading.filled(item)
        if isinstance(filled, Series) and filled is not item:
            yield from filled.items
        elif isinstance(filled, Scalar) and filled.is_null:
            reading.refuse("empty-item", filled, "an empty item in a list", "remove it, or write it out")
            yield Broken(filled.line, filled.column)
        else:
            yield filled


class Names(Struct, Generic[T], frozen=True):
    """A mapping from names to values of one form; a name without a value is left out."""

    item: Form[T]
    name: Label = field(default_factory=Label)

    def read(self, value: Value, reading: Reading) -> dict[str, T]:
        return {key: item for key, (item, _) in self.placed(value, reading).items()}

    def placed(self, value: Value, reading: Reading) -> dict[str, tuple[T, Spot]]:
        value = reading.filled(value)
        if not isinstance(value, Table):
            raise reading.unexpected(value, "a mapping of names to values", _as_mapping(value))
        found: dict[str, tuple[T, Spot]] = {}
        bad: Unreadable | None = None
        keys = reading.within(None)
        for key, item in value.pairs():
            try:
                name = self.name.read(key, keys)
                if not (isinstance(item, Scalar) and item.is_null):
                    found[name] = (self.item.read(item, reading), key)
            except Unreadable as error:
                bad = error
        if bad:
            raise bad
        return found

    def schema(self, templates: bool) -> Shape:
        return shapes.filled(shapes.mapping(self.item.schema(templates), self.name.schema(False)), templates)


def _as_mapping(value: Value) -> str:
    """How a list of NAME=VALUE is written as a mapping."""
    items = value.items if isinstance(value, Series) else ()
    pairs = [item.text.partition("=") for item in items if isinstance(item, Scalar)]
    if not pairs or len(pairs) != len(items) or not all(equals for _, equals, _ in pairs):
        return "write {NAME: VALUE}"
    shown = ", ".join(f"{name.strip()}: {value.strip()}" for name, _, value in pairs)
    return f"write {{{shown}}}" if len(shown) <= 60 else "write NAME: VALUE on each line"


class Free(Struct, frozen=True):
    """Any value, typed by the YAML 1.2 core schema."""

    def read(self, value: Value, reading: Reading) -> Json:
        value = reading.filled(value)
        match value:
            case Scalar():
                return value.text if value.style else values.core(value.text)
            case Series():
                return [self.read(item, reading) for item in value.items]
            case Table():
                return {key: self.read(entry.value, reading) for key, entry in value.entries.items()}
            case Broken():
                raise Unreadable
            case _:
                assert_never(value)

    def schema(self, templates: bool) -> Shape:
        return shapes.anything()


class Given(Struct, frozen=True):
    """An argument of a Python function: a free value whose texts may hold holes, never shell-quoted."""

    def read(self, value: Value, reading: Reading) -> Argument:
        match value:
            case Scalar():
                if has_template(value.text):
                    return self._filled(value, reading)
                return _argument(value.text if value.style else values.core(value.text))
            case Series():
                return tuple(self.read(item, reading) for item in value.items)
            case Table():
                return {key: self.read(entry.value, reading) for key, entry in value.entries.items()}
            case Broken():
                raise Unreadable
            case _:
                assert_never(value)

    def _filled(self, value: Scalar, reading: Reading) -> Argument:
        text = reading.command(value, shell=False)
        if any(not isinstance(part, str) for part in text.parts):
            return text
        known = reading.within(reading.commands)
        return _argument(Free().read(known.filled(value), known))

    def schema(self, templates: bool) -> Shape:
        return shapes.anything()


def _argument(value: Json) -> Argument:
    match value:
        case str():
            return Text((value,))
        case list():
            return tuple(_argument(item) for item in value)
        case dict():
            return {key: _argument(item) for key, item in value.items()}
        case None | bool():
            return value
        case int() | float():
            number = values.bare(value)
            assert isinstance(number, int | float)
            return number
        case _:
            assert_never(value)


class Command(Struct, frozen=True):
    """A shell script: a text whose templates may ask for what only the run knows."""

    def read(self, value: Value, reading: Reading) -> Text:
        text = reading.command(value)
        if not any(not isinstance(part, str) or part.strip() for part in text.parts):
            raise reading.refuse("empty-text", value, "the command is empty")
        return text

    def schema(self, templates: bool) -> Shape:
        return shapes.text()


class Spoken(Struct, frozen=True):
    """A text of any number of lines that is given to somebody when the step runs: nothing in it is quoted."""

    def read(self, value: Value, reading: Reading) -> Text:
        text = reading.command(value, shell=False)
        if not any(not isinstance(part, str) or part.strip() for part in text.parts):
            raise reading.refuse("empty-text", value, "expected a text, found an empty one")
        return text

    def schema(self, templates: bool) -> Shape:
        return shapes.text()


class Commands(Struct, frozen=True):
    """A command, or a list of them."""

    def read(self, value: Value, reading: Reading) -> tuple[Text, ...]:
        # The items are not filled first: what a list of words means in a command is the command's matter.
        items = value.items if isinstance(value, Series) else (value,)
        if not items:
            raise reading.refuse("empty-list", value, "the list is empty")
        return tuple(self._one(item, value, reading) for item in items)

    def _one(self, item: Value, value: Value, reading: Reading) -> Text:
        if isinstance(item, Scalar) and not item.style and item.text.startswith("-") and item is not value:
            line = f"write: run: {quoted(f'[ {item.text} ]')}"
            raise reading.refuse("bad-text", item, f"{word(item.text)} is no command: [ … ] is a list in YAML", line)
        return Command().read(item, reading)

    def schema(self, templates: bool) -> Shape:
        one = Command().schema(templates)
        return shapes.either(one, shapes.array(shapes.given(one), least=1))  # in a list null is the command null


class Shell(Struct, frozen=True):
    """``auto``, ``bash``, ``sh``, or the exact words before the script."""

    def read(self, value: Value, reading: Reading) -> ShellName | tuple[str, ...]:
        value = reading.filled(value)
        if isinstance(value, Series):
            return Many(Prose(), may_be_empty=False).read(value, reading)
        return _SHELLS.read(value, reading)

    def schema(self, templates: bool) -> Shape:
        return shapes.either(_SHELLS.schema(templates), shapes.array(shapes.text(), least=1))


_SHELLS: Choice[ShellName] = Choice({"auto": "auto", "bash": "bash", "sh": "sh"})


class Counted(Struct, frozen=True):
    """Resources: ``{gpu: 2}``, or ``[gpu]`` for one of each."""

    name: Label

    def read(self, value: Value, reading: Reading) -> dict[str, tuple[int, Spot]]:
        value = reading.filled(value)
        if isinstance(value, Table):
            return Names(Whole(1), self.name).placed(value, reading)
        return {name: (1, place) for name, place in Many(self.name).placed(value, reading)}

    def schema(self, templates: bool) -> Shape:
        counted = Names(Whole(1), self.name).schema(templates)
        return shapes.either(counted, Many(self.name).schema(templates))


class Unread(Struct, frozen=True):
    """A value that other definitions read; ``looks``: what they take, in JSON Schema."""

    looks: Callable[[bool], Shape] = shapes.anything

    def read(self, value: Value, reading: Reading) -> Value:
        if isinstance(value, Broken):
            raise Unreadable
        return value

    def schema(self, templates: bool) -> Shape:
        return self.looks(templates)
