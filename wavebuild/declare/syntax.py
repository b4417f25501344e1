"""YAML text → values with their place, within limits; the only place that knows yaml.

It does not know which keys there are, nor what a value means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Union

import yaml
from msgspec import Struct
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from wavebuild.declare.repair import repaired
from wavebuild.declare.source import Problems, Spot, Unreadable, word

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 50
MAX_VALUES = 4_000_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


# Values are trees that never change: the garbage collector need not know of them.
class Scalar(Struct, frozen=True, gc=False):
    """A text as written; ``style`` is empty for a plain one, else its YAML quote or block sign."""

    text: str
    style: str
    line: int
    column: int

    @property
    def is_null(self) -> bool:
        return not self.style and self.text in _NULLS


class Series(Struct, frozen=True, gc=False):
    """A list."""

    items: tuple[Value, ...]
    line: int
    column: int


class Entry(Struct, frozen=True, gc=False):
    """A key and its value."""

    key: Scalar
    value: Value


class Table(Struct, frozen=True, gc=False):
    """A mapping; its keys are texts. ``templates``: some text in it may hold ``{{``."""

    entries: dict[str, Entry]
    line: int
    column: int
    templates: bool = True

    def pairs(self) -> list[tuple[Scalar, Value]]:
        """The keys with their values, in the order written."""
        return [(entry.key, entry.value) for entry in self.entries.values()]


class Broken(Struct, frozen=True, gc=False):
    """Stands where a problem is already recorded, so that nothing more is said about it."""

    line: int
    column: int


Value = Union[Scalar, Series, Table, Broken]  # noqa: UP007  (named before it is complete)


def may_hold_templates(value: Value) -> bool:
    """Whether some text of a value may hold ``{{``."""
    if isinstance(value, Scalar):
        return "{{" in value.text
    if isinstance(value, Series):
        return any(map(may_hold_templates, value.items))
    return isinstance(value, Table) and value.templates


class _Spot(Struct, frozen=True, gc=False):
    line: int
    column: int


def decoded(data: bytes, file: str) -> str:
    """The text of a file: UTF-8, with or without a byte order mark, nothing but characters in it."""
    if len(data) > MAX_BYTES:
        _fail(file, "", "too-large", None, f"the file has {len(data):,} bytes; {MAX_BYTES:,} are allowed")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        message = f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        _fail(file, before, "not-utf8", _end_of(before), message, "save the file as UTF-8")
    if found := _FORBIDDEN.search(text):
        where = _end_of(text[: found.start()])
        name = "NUL" if found.group() == "\0" else f"U+{ord(found.group()):04X}"
        message = f"the file holds a control character ({name}) at offset {found.start()}"
        _fail(file, text, "control-character", where, message, "remove it")
    return text


def parse(text: str, problems: Problems) -> Value | None:
    """The one document of a text; ``None`` for an empty one. Raises Unreadable when it cannot be read on."""
    return _Composer(problems).compose(text)


def _fail(file: str, text: str, code: str, spot: _Spot | None, message: str, remedy: str = "") -> None:
    problems = Problems(file, text)
    problems.add(code, spot, message, remedy)
    problems.raise_if_any()


def _end_of(text: str) -> _Spot:
    last = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    return _Spot(len(last), len(last[-1]) + 1)


class _Frame:
    """A list or mapping that is still open.

    ``before``: how many values were counted before it; ``height`` counts aliases expanded; ``templates``: a text
    in it holds ``{{``.
    """

    __slots__ = (
        *("anchor", "before", "column", "entries", "flow", "height", "is_table", "items", "key", "line", "ruined"),
        "templates",
    )

    def __init__(self, event: CollectionStartEvent, is_table: bool, before: int) -> None:
        self.is_table = is_table
        mark = event.start_mark
        assert mark is not None
        self.line: int = mark.line + 1
        self.column: int = mark.column + 1
        self.anchor: str | None = event.anchor
        self.flow = bool(event.flow_style)
        self.items: list[Value] = []
        self.entries: dict[str, Entry] = {}
        self.key: Value | None = None
        self.ruined = False
        self.templates = False
        self.before = before
        self.height = 1


class _Anchored(Struct, frozen=True):
    value: Value
    size: int
    height: int
    templates: bool


_KEPT = 1000
"""So many different keys are held once each: those of the language recur in every step."""


class _Composer:
    """Builds values from events on a stack of its own: nesting in the file never nests calls."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Anchored | None] = {}  # None: still open
        self._total = 0
        self._documents = 0
        self._root: Value | None = None
        self._unquoted: set[int] = set()  # lines with a {{ … }} that lacks quotes
        self._line = 0
        self._keys: dict[str, str] = {}

    def compose(self, text: str) -> Value | None:
        try:
            self._compose(text)
        except yaml.MarkedYAMLError as error:
            raise self._syntax_problem(error) from None
        except yaml.YAMLError as error:
            raise self._problems.add("syntax", None, f"not readable as YAML: {error}") from None
        return self._root

    def _compose(self, text: str) -> None:
        for event in _events(text):
            if isinstance(event, ScalarEvent):
                self._take_scalar(event)
            elif isinstance(event, MappingStartEvent):
                self._open(event, is_table=True)
            elif isinstance(event, CollectionEndEvent):
                self._close()
            elif isinstance(event, SequenceStartEvent):
                self._open(event, is_table=False)
            elif isinstance(event, AliasEvent):
                self._take_alias(event)
            elif isinstance(event, DocumentStartEvent):
                self._begin(event)

    def _begin(self, event: DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._problems.add(
                "second-document", _spot(event), "a second document", "keep one document; remove the line ---"
            )

    def _take_scalar(self, event: ScalarEvent) -> None:
        mark = event.start_mark
        assert mark is not None
        line: int = mark.line + 1
        if line == self._line:
            line = self._line  # one number for all values of a line
        else:
            self._line = line
        text: str = event.value
        text = self._keys.get(text, text)
        style: str = event.style or ""
        value: Value = Scalar(text, style, line, mark.column + 1)
        self._total += 1
        if self._total > MAX_VALUES:
            raise self._too_many(value)
        if event.tag is not None:
            value = self._refuse_tag(event)
        elif style == '"' and ("\0" in text or not (text.isascii() or _encodable(text))):
            self._problems.add("control-character", value, "a text cannot hold a NUL or half a character")
            value = Broken(value.line, value.column)
        templates = "{{" in text
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, 1, 0, templates)
        self._put(value, 0, templates)

    def _open(self, event: CollectionStartEvent, is_table: bool) -> None:
        frame = _Frame(event, is_table, self._total)
        self._total += 1
        if self._total > MAX_VALUES:
            raise self._too_many(frame)
        if event.tag is not None:
            self._refuse_tag(event)
            frame.ruined = True
        if len(self._frames) >= MAX_DEPTH:
            raise self._too_deep(frame)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._frames.append(frame)

    def _close(self) -> None:
        frame = self._frames.pop()
        value = self._closed(frame)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = _Anchored(value, self._total - frame.before, frame.height, frame.templates)
        self._put(value, frame.height, frame.templates)

    def _closed(self, frame: _Frame) -> Value:
        if frame.ruined:
            return Broken(frame.line, frame.column)
        if not frame.is_table:
            return Series(tuple(frame.items), frame.line, frame.column)
        merge = frame.entries.get("<<")
        if merge is not None and not merge.key.style:
            del frame.entries["<<"]
            self._merge(frame.entries, merge)
        return Table(frame.entries, frame.line, frame.column, frame.templates)

    def _merge(self, entries: dict[str, Entry], merge: Entry) -> None:
        sources = merge.value.items if isinstance(merge.value, Series) else (merge.value,)
        for source in sources:
            if isinstance(source, Table):
                for key, entry in source.entries.items():
                    entries.setdefault(key, entry)
            elif not isinstance(source, Broken):
                self._problems.add("merge", merge.key, "<< takes a mapping, or a list of mappings")

    def _take_alias(self, event: AliasEvent) -> None:
        spot = _spot(event)
        name = str(event.anchor)
        if name not in self._anchors:
            message = f"* starts an alias in YAML, and no anchor is called {word(name)}"
            self._problems.add("unknown-anchor", spot, message, self._repair(spot))
            self._put(Broken(spot.line, spot.column), 0, templates=False)
            return
        anchored = self._anchors[name]
        if anchored is None:
            raise self._problems.add("anchor-in-itself", spot, f"the anchor {word(name)} refers to itself")
        self._total += anchored.size
        if self._total > MAX_VALUES:
            raise self._too_many(spot)
        if len(self._frames) + anchored.height > MAX_DEPTH:
            raise self._too_deep(spot)
        self._put(anchored.value, anchored.height, anchored.templates)

    def _put(self, value: Value, height: int, templates: bool) -> None:
        if not self._frames:
            self._root = None if isinstance(value, Scalar) and value.is_null else value
            return
        frame = self._frames[-1]
        if height >= frame.height:
            frame.height = height + 1
        if templates:
            frame.templates = True
        if not frame.is_table:
            frame.items.append(value)
        elif frame.key is None:
            frame.key = value
        else:
            key, frame.key = frame.key, None
            if type(key) is Scalar and key.text not in frame.entries:
                frame.entries[key.text] = Entry(key, value)
                if len(self._keys) < _KEPT:
                    self._keys[key.text] = key.text
            else:
                self._refuse_entry(frame, key)

    def _refuse_entry(self, frame: _Frame, key: Value) -> None:
        if not isinstance(key, Scalar):
            self._refuse_key(frame, key)
            return
        first = frame.entries[key.text]
        place = self._problems.place(first.key)
        message = f"the key {word(key.text)} stands here twice, first on line {first.key.line}"
        self._problems.add("duplicate-key", key, message, "keep one of the two", (place,))

    def _refuse_key(self, frame: _Frame, key: Value) -> None:
        if isinstance(key, Broken):
            return
        if frame.flow and isinstance(key, Table):
            # `{{ x }}` without quotes is a mapping whose key is a mapping.
            frame.ruined = True
            spot = _Spot(frame.line, frame.column)
            self._unquoted.add(frame.line)
            self._problems.add("unquoted-template", spot, "{{ … }} needs quotes in YAML", self._repair(spot))
        else:
            self._problems.add("key-not-text", key, "a key must be a text, not a list or a mapping")

    def _refuse_tag(self, event: NodeEvent) -> Broken:
        spot = _spot(event)
        tag = str(getattr(event, "tag", "")).replace("tag:yaml.org,2002:", "!!")
        remedy = "remove the tag" if tag.startswith("!!") else self._repair(spot) or "remove the tag"
        self._problems.add("tag", spot, f"tags are not allowed: {word(tag)}", remedy)
        return Broken(spot.line, spot.column)

    def _too_many(self, spot: Spot) -> Unreadable:
        message = f"more than {MAX_VALUES:,} values, aliases counted as often as they are used"
        return self._problems.add("too-many-values", spot, message)

    def _too_deep(self, spot: Spot) -> Unreadable:
        return self._problems.add("too-deep", spot, f"nested deeper than {MAX_DEPTH} levels")

    def _repair(self, spot: _Spot) -> str:
        if self._frames and self._frames[-1].flow and self._frames[-1].line != spot.line:
            return ""  # the line is a part of what other lines open: where its values end is not seen from it
        line = repaired(self._problems.line(spot.line), spot.column, self._readable)
        return f"write: {line.strip()}" if line else ""

    def _readable(self, line: str) -> bool:
        """Whether a line by itself is YAML without unknown alias, tag or a mapping for a key."""
        problems = Problems("")
        alone = _Composer(problems)
        alone._anchors = dict(self._anchors)
        try:
            alone.compose(line)
        except Unreadable:
            return False
        return not len(problems)

    def _syntax_problem(self, error: yaml.MarkedYAMLError) -> Unreadable:
        mark = error.problem_mark or error.context_mark
        if mark is None:
            return self._problems.add("syntax", None, f"not readable as YAML: {error.problem}")
        spot = _Spot(mark.line + 1, mark.column + 1)
        start = error.context_mark and _Spot(error.context_mark.line + 1, error.context_mark.column + 1)
        if spot.line in self._unquoted:
            return Unreadable()
        if "tab character" in str(error.problem) or self._problems.has_tab(spot):
            return self._problems.add("syntax", spot, "a tab cannot indent YAML: use spaces")
        if start and "quoted scalar" in str(error.context):
            return self._problems.add("syntax", start, "this quote is never closed")
        remedy = self._repair(spot) or (self._repair(start) if start else "")
        if not remedy and (frame := self._left_open(error, spot)):
            return self._problems.add("syntax", frame, f"this {'{' if frame.is_table else '['} is never closed")
        if start and "scanning" in str(error.context):
            spot = start  # the parser looked on from there
        message, hint = _plainly(error, self._problems.line(spot.line)[spot.column - 1 : spot.column])
        return self._problems.add("syntax", spot, message, remedy or hint)

    def _left_open(self, error: yaml.MarkedYAMLError, spot: _Spot) -> _Frame | None:
        """The list or mapping in brackets that the parser was reading when it gave up for want of its end."""
        wanted_end = "expected ',' or" in str(error.problem) or self._problems.is_end(spot)
        frame = self._frames[-1] if self._frames and wanted_end else None
        return frame if frame and frame.flow else None


def _events(text: str) -> Iterator[Event]:
    loader = _LOADER(text)
    try:
        yield from iter(loader.get_event, None)
    finally:
        loader.dispose()


def _spot(event: Event) -> _Spot:
    mark = event.start_mark
    assert mark is not None
    return _Spot(mark.line + 1, mark.column + 1)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plainly(error: yaml.MarkedYAMLError, sign: str) -> tuple[str, str]:
    """What the parser says, in plain words, and a remedy; ``sign`` is where it stopped."""
    context, problem = str(error.context or ""), str(error.problem or "")
    if "alias" in context or "anchor" in context or "tag" in context:
        return f"{sign!r} has a meaning of its own in YAML", "put the value in quotes"
    if "block scalar" in context:
        return "text after | or > must start on the next line", ""
    if "cannot start any token" in problem:
        return f"a value cannot start with {sign!r} in YAML", "put it in quotes"
    if "mapping values are not allowed" in problem:
        return "a second ': ' in one value", "put the value in quotes, or indent it as a mapping"
    if "did not find expected key" in problem or "block end" in problem:
        return "this does not fit here", "check the indentation, or put the value in quotes"
    if "'-' indicator" in problem:
        return "a list and keys are mixed here", "check the indentation"
    return f"not readable as YAML: {context + ', ' if context else ''}{problem}", ""
