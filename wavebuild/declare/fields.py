"""The closed set of keys of a mapping, and how the value of one is asked for.

It does not know which keys the language has.
"""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import force_setattr

from wavebuild.declare import shapes
from wavebuild.declare.forms import Form, Many, Reading, not_yet
from wavebuild.declare.shapes import Shape
from wavebuild.declare.source import Unreadable, word
from wavebuild.declare.syntax import Entry, Scalar, Table, Value, may_hold_templates
from wavebuild.errors import Place, did_you_mean

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Key(Struct, Generic[T_co], frozen=True):
    """A key of the language: its name, the form of its value, and one line of what it means."""

    name: str
    form: Form[T_co]
    about: str
    templates: bool | None = None  # whether {{ }} is filled in here; None: as in the rest of its section


class Section(Struct, frozen=True):
    """All keys that a mapping may have; ``later``: keys of the language that this version does not have.

    ``synonyms`` are words of other tools; ``free``: how keys begin that are the author's own.
    ``home``: the key under which a mapping of another name may have been meant to stand.
    ``needed``: of these keys one must be given. ``templates``: whether {{ }} is filled in here.
    """

    what: str
    keys: tuple[Key[Any], ...]
    later: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, str], ...] = ()
    free: str = ""
    home: str = ""
    needed: tuple[str, ...] = ()
    templates: bool = False

    def __post_init__(self) -> None:
        force_setattr(self, "names", frozenset(key.name for key in self.keys))

    names: frozenset[str] = frozenset()

    def schema(self) -> Shape:
        """The mapping in JSON Schema, for editors; ``key:`` without a value is no key."""
        properties: Shape = {}
        for key in self.keys:
            templates = self.templates if key.templates is None else key.templates
            properties[key.name] = {"description": key.about, **shapes.given(key.form.schema(templates))}
        shape: Shape = {"type": "object", "description": self.what, "properties": properties}
        if self.needed:
            shape["anyOf"] = [{"required": [name]} for name in self.needed]
        if self.free:
            shape["patternProperties"] = {f"^{re.escape(self.free)}": {}}
        return shape | {"additionalProperties": False}

    def remedy(self, name: str) -> str:
        meant = dict(self.synonyms).get(name)
        known = sorted(self.names)
        return f"did you mean {meant!r}?" if meant else did_you_mean(name, [*known, *self.later])


class Fields(Struct, frozen=True):
    """The values of one mapping; ``fallback`` is asked for what the mapping itself does not give.

    ``sound``: every key is one of the section. ``known``: of keys that many steps fall back on, the values that are
    the same for all of them, by name; each is read once.
    """

    entries: dict[str, Entry]
    reading: Reading
    sound: bool = True
    fallback: Fields | None = None
    known: dict[str, object] | None = None
    _given: frozenset[str] | None = None

    @classmethod
    def of(
        cls, section: Section, value: Value, reading: Reading, fallback: Fields | None = None, for_many: bool = False
    ) -> Fields:
        if not isinstance(value, Table):
            raise reading.unexpected(value, f"the keys of {section.what}")
        known: dict[str, object] | None = {} if for_many else None
        if value.entries.keys() <= section.names:
            return cls(value.entries, reading, True, fallback, known)
        sound = True
        for name, entry in value.entries.items():
            if name in section.names or (section.free and name.startswith(section.free)):
                continue
            sound = False
            if name in section.later:
                reading.refuse("not-yet", entry.key, not_yet(f"'{name}'"))
            else:
                message = f"unknown key {word(name)} in {section.what}"
                reading.refuse("unknown-key", entry.key, message, _remedy(section, name, value))
        return cls(value.entries, reading, sound, fallback, known)

    def within(self, reading: Reading) -> Fields:
        """The same, read with other names; made by hand, for ``replace`` is slow and this is done for every step."""
        return Fields(self.entries, reading, self.sound, self.fallback, _none_of(self.known), self._given)

    def over(self, fallback: Fields | None) -> Fields:
        """The same with another fallback."""
        return Fields(self.entries, self.reading, self.sound, fallback, _none_of(self.known))

    @property
    def given(self) -> frozenset[str]:
        """The names of all keys that are given, here or in the fallback."""
        found = self._given
        if found is None:
            found = frozenset([name for name, entry in self.entries.items() if not _is_nothing(entry.value)])
            if self.fallback is not None:
                found |= self.fallback.given
            force_setattr(self, "_given", found)
        return found

    @property
    def templates(self) -> bool:
        """Whether some text, here or in the fallback, may hold ``{{``."""
        here = any(may_hold_templates(entry.value) for entry in self.entries.values())
        return here or (self.fallback is not None and self.fallback.templates)

    def entry(self, key: Key[object]) -> Entry | None:
        """The entry of a key that is given here: ``key:``, ``null`` and ``~`` are not."""
        entry = self.entries.get(key.name)
        if entry is None or _is_nothing(entry.value):
            return None
        return entry

    def has(self, *keys: Key[object]) -> bool:
        """Whether one of the keys is given, here or in the fallback."""
        given = self.given
        return any(key.name in given for key in keys)

    def spot(self, key: Key[object]) -> Scalar | None:
        entry = self.entry(key)
        return entry.key if entry else None

    def own(self, key: Key[T], reading: Reading | None = None) -> T | None:
        """The value of a key that is given here itself; ``None`` too when it is wrong, and that is recorded."""
        return self.get(key, reading) if self.entry(key) else None

    def get(self, key: Key[T], reading: Reading | None = None) -> T | None:
        """The value of a key, here or in the fallback; ``None`` too when it is wrong, and that is recorded."""
        entry = self.entries.get(key.name)
        if entry is None or _is_nothing(entry.value):
            if self.fallback is None or key.name not in self.fallback.given:
                return None
            return self.fallback.get(key, self._there(reading))
        reading = reading or self.reading
        if self.known is None or (reading.scope is not None and reading.scope.wild):
            return _read(key, entry.value, reading)
        if key.name in self.known:
            found: T | None = self.known[key.name]  # type: ignore[assignment]
            return found
        found = _read(key, entry.value, reading)
        if not may_hold_templates(entry.value):
            self.known[key.name] = found
        return found

    def placed(self, key: Key[tuple[T, ...]], reading: Reading | None = None) -> list[tuple[T, Place]]:
        """The items of a list with their places."""
        entry = self.entry(key)
        if entry is None:
            return self.fallback.placed(key, self._there(reading)) if self.fallback is not None else []
        assert isinstance(key.form, Many)
        try:
            return key.form.placed(entry.value, reading or self.reading)
        except Unreadable:
            return []

    def layers(self, reading: Reading) -> list[tuple[Fields, Reading]]:
        """This mapping and what it falls back on, the farthest first, each with the reading as it is there."""
        found = [(self, reading)]
        while (below := found[-1][0].fallback) is not None:
            found.append((below, found[-1][1].there(below.reading)))
        return found[::-1]

    def where(self, key: Key[object], reading: Reading) -> tuple[Fields, Reading] | None:
        """Where a key is given: here or in the nearest fallback, with the reading as it is there."""
        if self.entry(key) is not None:
            return self, reading
        return self.fallback.where(key, self._there(reading)) if self.fallback is not None else None

    def _there(self, reading: Reading | None) -> Reading:
        assert self.fallback is not None
        return (reading or self.reading).there(self.fallback.reading)


def _is_nothing(value: Value) -> bool:
    """``key:``, ``null`` and ``~``."""
    return isinstance(value, Scalar) and value.is_null


def _none_of(known: dict[str, object] | None) -> dict[str, object] | None:
    return None if known is None else {}


def _read(key: Key[T], value: Value, reading: Reading) -> T | None:
    try:
        return key.form.read(value, reading)
    except Unreadable:
        return None


def _remedy(section: Section, name: str, table: Table) -> str:
    home = table.entries.get(section.home)
    meant = home is not None and isinstance(home.value, Scalar) and home.value.is_null
    if meant and isinstance(table.entries[name].value, Table):
        return f"indent it: what stands under '{section.home}:' begins further to the right"
    return section.remedy(name)
