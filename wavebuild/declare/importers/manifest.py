"""build.ninja → its edges with every variable at hand, read by the grammar and the scopes of ninja.

It does not know what an edge becomes, nor which files exist.
"""

from __future__ import annotations

import bisect
import os.path
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn

from msgspec import Struct, field

from wavebuild import disk
from wavebuild.declare.source import word
from wavebuild.errors import Place, Problem, WavebuildError, did_you_mean

MAX_BYTES = 64 * 1024 * 1024
_MAX_FILES = 100_000
_MAX_FILES_OPEN = 50  # include in include: more is a file that includes itself

_RULE_KEYS = frozenset(
    (
        *("command", "depfile", "dyndep", "description", "deps", "generator", "pool", "restat"),
        *("rspfile", "rspfile_content", "msvc_deps_prefix"),
    )
)
_SPACE = re.compile(r"(?: |\$\r?\n)*")
_TOKEN = re.compile(r"\|@|\|\||[|:=]|[A-Za-z0-9_.-]+")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_PLAIN_IN_PATH = re.compile(r"[^$ :\r\n|\0]+")
_PLAIN_IN_VALUE = re.compile(r"[^$\r\n\0]+")
_DOLLAR = re.compile(
    r"\$(?:(?P<sign>[$ :])|\r?\n *|\{(?P<braced>[A-Za-z0-9_.-]+)\}|(?P<name>[A-Za-z0-9_-]+)|(?P<line>\^))"
)
_BLANK = re.compile(r" *(?:#[^\n\0]*)?\r?\n")
_LINE_END = re.compile(r" *\r?\n")
_COMMENT = re.compile(r" *#[^\n\0]*\n")


class Reference(Struct, frozen=True):
    """A variable inside a text."""

    name: str


Pieces = tuple[str | Reference, ...]
Lookup = Callable[[str], str]


class Rule(Struct, frozen=True):
    name: str
    bindings: Mapping[str, Pieces]


class Scope(Struct):
    """Variables and rules of a file; of a ``subninja``, with those of its caller behind them."""

    parent: Scope | None = None
    variables: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)

    def value(self, name: str) -> str:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.variables:
                return scope.variables[name]
            scope = scope.parent
        return ""

    def rule(self, name: str) -> Rule | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.rules:
                return scope.rules[name]
            scope = scope.parent
        return None

    def rule_names(self) -> list[str]:
        return [*self.rules, *(self.parent.rule_names() if self.parent else ())]


class Edge(Struct, frozen=True):
    """One ``build`` statement; its paths are canonical, as ninja shows them."""

    place: Place
    rule: Rule
    scope: Scope
    outputs: tuple[str, ...]
    implicit_outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    implicit_inputs: tuple[str, ...]
    order_only: tuple[str, ...]
    validations: tuple[str, ...]

    @property
    def is_phony(self) -> bool:
        return self.rule.name == "phony"

    def value(self, name: str, for_shell: bool = True) -> str:
        """What a variable is for this edge; paths in it are quoted for the shell, or as they are."""
        return self._value(name, for_shell, ())

    def _value(self, name: str, for_shell: bool, around: tuple[str, ...]) -> str:
        if name in ("in", "in_newline", "out"):
            paths = self.outputs if name == "out" else self.inputs
            return ("\n" if name == "in_newline" else " ").join(map(_quoted, paths) if for_shell else paths)
        # As ninja does: what stands nearest in the edge's scope, then the rule's own text, then the scopes around.
        if name in self.scope.variables:
            return self.scope.variables[name]
        pieces = self.rule.bindings.get(name)
        if pieces is None:
            return self.scope.parent.value(name) if self.scope.parent else ""
        if name in around:
            loop = " -> ".join((*around[around.index(name) :], name))
            raise _error(self.place, f"the variables of rule {word(self.rule.name)} go in a circle: {loop}")
        return _filled(pieces, lambda other: self._value(other, for_shell, (*around, name)))


class Pool(Struct):
    depth: int
    place: Place


class Manifest(Struct):
    """All that build.ninja and the files it includes say; ``shown`` is how the person named the first."""

    shown: str
    edges: list[Edge] = field(default_factory=list)
    pools: dict[str, Pool] = field(default_factory=dict)
    defaults: list[tuple[str, Place]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)  # absolute


PHONY = Rule("phony", {})


def read_manifest(path: str, shown: str) -> Manifest:
    """The build file at an absolute path. Raises WavebuildError where ninja would, OSError if it is not there."""
    manifest = Manifest(shown, pools={"console": Pool(1, Place(shown))})
    scope = Scope(rules={"phony": PHONY})
    _Parser(manifest, path, shown, os.path.dirname(path), scope, 0).read()
    _check_makers(manifest)
    return manifest


def canonical(path: str) -> str:
    """A path in the one spelling that ninja compares and shows."""
    normal = posixpath.normpath(path)
    return normal[1:] if normal.startswith("//") else normal


def _check_makers(manifest: Manifest) -> None:
    made: dict[str, Edge] = {}
    for edge in manifest.edges:
        for path in (*edge.outputs, *edge.implicit_outputs):
            other = made.setdefault(path, edge)
            if other is not edge:
                raise _error(edge.place, f"{word(path)} is made here and at {other.place}")
    for edge in manifest.edges:
        made.update(dict.fromkeys((*edge.inputs, *edge.implicit_inputs, *edge.order_only, *edge.validations), edge))
    for path, place in manifest.defaults:
        if path not in made:
            raise _error(place, f"the default {word(path)} stands in no build statement", did_you_mean(path, made))


def _error(place: Place, message: str, remedy: str = "", excerpt: str = "") -> WavebuildError:
    return WavebuildError((Problem("bad-ninja", message, place, remedy, excerpt),))


def _filled(pieces: Pieces, value: Lookup) -> str:
    return "".join(piece if isinstance(piece, str) else value(piece.name) for piece in pieces)


def _quoted(path: str) -> str:
    """A path as ninja gives it to a shell."""
    if re.fullmatch(r"[A-Za-z0-9_+./-]+", path):
        return path
    return "'" + path.replace("'", "'\\''") + "'"


class _Parser:
    """Reads one file into the manifest; ``folder`` is where ninja runs, and where all paths begin."""

    def __init__(self, manifest: Manifest, path: str, shown: str, folder: str, scope: Scope, depth: int) -> None:
        self._manifest = manifest
        self._path = path
        self._shown = shown
        self._folder = folder
        self._scope = scope
        self._depth = depth
        self._text = ""
        self._at = 0
        self._line_starts: list[int] = []

    def read(self) -> None:
        data = disk.read_regular(self._path, MAX_BYTES)
        self._manifest.files.append(self._path)
        text = data.decode("utf-8", "surrogateescape")
        self._text = text if text.endswith("\n") or not text else text + "\n"
        while self._at < len(self._text):
            self._statement()

    # --- statements

    def _statement(self) -> None:
        if blank := _BLANK.match(self._text, self._at):
            self._at = blank.end()
            return
        start = self._at
        if self._text[start] == " ":
            self._fail(start, "this line is indented, and belongs to nothing")
        token = self._token()
        match token:
            case "build":
                self._edge(start)
            case "rule":
                self._rule()
            case "pool":
                self._pool(start)
            case "default":
                self._default()
            case "include" | "subninja":
                self._include(token, start)
            case _ if _NAME.fullmatch(token):
                self._at = start
                name, pieces = self._binding()
                self._scope.variables[name] = _filled(pieces, self._scope.value)
            case _:
                self._fail(start, "expected a statement: build, rule, pool, default, include, subninja or NAME = VALUE")

    def _rule(self) -> None:
        start, name = self._at, self._identifier("the name of a rule")
        self._end_of_line()
        if name in self._scope.rules:
            self._fail(start, f"there is a rule {word(name)} already")
        bindings: dict[str, Pieces] = {}
        for at, key, pieces in self._bindings():
            if key not in _RULE_KEYS:
                self._fail(at, f"a rule has no variable {word(key)}", did_you_mean(key, _RULE_KEYS))
            bindings[key] = pieces
        if not bindings.get("command"):
            self._fail(start, f"the rule {word(name)} has no command")
        if bool(bindings.get("rspfile")) != bool(bindings.get("rspfile_content")):
            self._fail(start, f"the rule {word(name)} needs both rspfile and rspfile_content, or neither")
        self._scope.rules[name] = Rule(name, bindings)

    def _pool(self, line: int) -> None:
        start, name = self._at, self._identifier("the name of a pool")
        self._end_of_line()
        if name in self._manifest.pools:
            self._fail(start, f"there is a pool {word(name)} already")
        depth = None
        for at, key, pieces in self._bindings():
            text = _filled(pieces, self._scope.value)
            if key != "depth":
                self._fail(at, f"a pool has only a depth, no {word(key)}")
            if not re.fullmatch(r"[0-9]{1,9}", text):
                self._fail(at, f"a depth is a whole number, not {word(text)}")
            depth = int(text)
        if depth is None:
            self._fail(start, f"the pool {word(name)} has no depth")
        self._manifest.pools[name] = Pool(depth, self._place(line))

    def _default(self) -> None:
        paths = self._paths()
        if not paths:
            self._fail(self._at, "expected what is built by default")
        for at, pieces in paths:
            path = self._canonical(pieces, self._scope, at)
            self._manifest.defaults.append((path, self._place(at)))
        self._end_of_line()

    def _include(self, how: str, start: int) -> None:
        path = self._one_path()
        self._end_of_line()
        if self._depth >= _MAX_FILES_OPEN:
            self._fail(start, f"more than {_MAX_FILES_OPEN} files include each other here")
        if len(self._manifest.files) >= _MAX_FILES:
            self._fail(start, f"more than {_MAX_FILES:,} files are included")
        scope = self._scope if how == "include" else Scope(self._scope)
        inner = os.path.normpath(os.path.join(self._folder, path))
        shown = os.path.normpath(os.path.join(os.path.dirname(self._manifest.shown), path))
        try:
            _Parser(self._manifest, inner, shown, self._folder, scope, self._depth + 1).read()
        except OSError as error:
            self._fail(start, f"cannot read {word(path)}: {error.strerror}")

    def _edge(self, line: int) -> None:
        outputs = self._paths()
        implicit_outputs = self._paths() if self._took("|") else []
        if not outputs and not implicit_outputs:
            self._fail(self._at, "expected a path that is built")
        if not self._took(":"):
            self._fail(self._at, "expected ':' and the name of a rule")
        at, name = self._at, self._identifier("the name of a rule")
        rule = self._scope.rule(name)
        if rule is None:
            self._fail(at, f"there is no rule {word(name)}", did_you_mean(name, self._scope.rule_names()))
        inputs = self._paths()
        implicit = self._paths() if self._took("|") else []
        order_only = self._paths() if self._took("||") else []
        validations = self._paths() if self._took("|@") else []
        self._end_of_line()
        scope = Scope(self._scope)
        for _, key, pieces in self._bindings():
            scope.variables[key] = _filled(pieces, self._scope.value)
        # An edge without variables of its own stands in the file's scope, where these go before the rule's.
        scope = scope if scope.variables else self._scope
        kinds = (outputs, implicit_outputs, inputs, implicit, order_only, validations)
        self._add(Edge(self._place(line), rule, scope, *(tuple(self._known(paths, scope)) for paths in kinds)))

    def _known(self, paths: list[tuple[int, Pieces]], scope: Scope) -> Iterator[str]:
        return (self._canonical(pieces, scope, at) for at, pieces in paths)

    def _add(self, edge: Edge) -> None:
        pool = edge.value("pool")
        if pool and pool not in self._manifest.pools:
            raise _error(edge.place, f"there is no pool {word(pool)}", did_you_mean(pool, self._manifest.pools))
        self._manifest.edges.append(edge)

    # --- what statements are made of

    def _bindings(self) -> Iterator[tuple[int, str, Pieces]]:
        """The indented lines that follow; comments may stand between them."""
        while True:
            while comment := _COMMENT.match(self._text, self._at):
                self._at = comment.end()
            if self._text[self._at : self._at + 1] == "\t":
                self._token()  # which refuses it
            if self._text[self._at : self._at + 1] != " " or _BLANK.match(self._text, self._at):
                return
            self._skip_space()
            start = self._at
            yield (start, *self._binding())

    def _binding(self) -> tuple[str, Pieces]:
        name = self._identifier("the name of a variable")
        if not self._took("="):
            self._fail(self._at, "expected '='")
        pieces = tuple(self._pieces(path=False))
        self._end_of_line()
        return name, pieces

    def _paths(self) -> list[tuple[int, Pieces]]:
        found: list[tuple[int, Pieces]] = []
        while True:
            start = self._at
            pieces = tuple(self._pieces(path=True))
            self._skip_space()
            if not pieces:
                return found
            found.append((start, pieces))

    def _one_path(self) -> str:
        start, pieces = self._at, tuple(self._pieces(path=True))
        self._skip_space()
        path = _filled(pieces, self._scope.value)
        if not path:
            self._fail(start, "expected a path")
        return path

    def _canonical(self, pieces: Pieces, scope: Scope, at: int) -> str:
        path = _filled(pieces, scope.value)
        if not path:
            self._fail(at, "this path is empty")
        return canonical(path)

    def _pieces(self, path: bool) -> Iterator[str | Reference]:
        plain = _PLAIN_IN_PATH if path else _PLAIN_IN_VALUE
        while True:
            if text := plain.match(self._text, self._at):
                self._at = text.end()
                yield text.group()
            elif self._text[self._at : self._at + 1] == "$":
                yield from self._dollar()
            else:
                return  # at a line's end, or at what separates paths

    def _dollar(self) -> Iterator[str | Reference]:
        found = _DOLLAR.match(self._text, self._at)
        if found is None:
            self._fail(self._at, "bad $-escape", "a dollar itself is written $$")
        self._at = found.end()
        if name := found["braced"] or found["name"]:
            yield Reference(name)
        elif found["sign"]:
            yield found["sign"]
        elif found["line"]:
            yield "\n"

    def _token(self) -> str:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            tab = self._text[self._at : self._at + 1] == "\t"
            self._fail(self._at, "ninja allows no tabs: use spaces" if tab else "unexpected character")
        self._at = found.end()
        self._skip_space()
        return found.group()

    def _took(self, token: str) -> bool:
        found = _TOKEN.match(self._text, self._at)
        if found is None or found.group() != token:
            return False
        self._at = found.end()
        self._skip_space()
        return True

    def _identifier(self, what: str) -> str:
        found = _NAME.match(self._text, self._at)
        if found is None:
            self._fail(self._at, f"expected {what}")
        self._at = found.end()
        self._skip_space()
        return found.group()

    def _skip_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _end_of_line(self) -> None:
        found = _LINE_END.match(self._text, self._at)
        if found is None:
            self._fail(self._at, "expected the end of the line")
        self._at = found.end()

    # --- places

    def _place(self, at: int) -> Place:
        if not self._line_starts:
            self._line_starts = [0, *(found.end() for found in re.finditer("\n", self._text))]
        line = bisect.bisect_right(self._line_starts, at)
        return Place(self._shown, line, at - self._line_starts[line - 1] + 1)

    def _fail(self, at: int, message: str, remedy: str = "") -> NoReturn:
        place = self._place(at)
        line = self._text[self._line_starts[place.line - 1] :].split("\n", 1)[0]
        excerpt = "".join(char if char.isprintable() else " " for char in line)
        raise _error(place, message, remedy, excerpt)
