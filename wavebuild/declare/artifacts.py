"""What a step reads and makes: the forms of an artifact, from text to model.

It does not know which step owns what, nor what lies on disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.declare import paths, shapes
from wavebuild.declare.fields import Fields, Key, Section
from wavebuild.declare.forms import Choice, Command, Flag, Label, Many, Names, Prose, Reading, items_of
from wavebuild.declare.model import Artifact, Digest, Kind, Text
from wavebuild.declare.shapes import Shape
from wavebuild.declare.source import Unreadable, word
from wavebuild.declare.syntax import Scalar, Series, Table, Value
from wavebuild.declare.templates import Scope

Role = Literal["input", "output", "update", "code"]

LIST = Key("list", Prose(may_be_empty=True), "a file each of whose lines is one more input")
PATH = Key("path", Prose(may_be_empty=True), "the artifact, written as in a list")
KEYS = Key("keys", Many(Label("a key like a.b"), may_be_empty=False), "only these keys of a YAML, JSON or TOML file")
ROWS = Key("rows", Names(Prose(may_be_empty=True)), "only the rows of a CSV file with these values: column → text")
COLUMNS = Key("columns", Many(Label("a column"), may_be_empty=False), "only these columns of a CSV file")
DELIMITER = Key("delimiter", Prose(may_be_empty=True), "the sign between the columns, ',' if not given")
OPTIONAL = Key("optional", Flag(), "input: it may be missing; output: it need not be made")
EXCLUDE = Key("exclude", Many(Prose(may_be_empty=True)), "globs of files that do not count")


class HowCompared(Struct, frozen=True):
    """A word of ``Digest``, or ``{run: CMD}``: what the command prints of a file counts."""

    words: Choice[Digest]

    def read(self, value: Value, reading: Reading) -> tuple[Digest, Text | None]:
        value = reading.filled(value)
        if not isinstance(value, Table):
            return self.words.read(value, reading), None
        scope = reading.scope or Scope({})
        holes = Scope(scope.values, scope.own, scope.broken, DIGEST_HOLES)
        fields = Fields.of(DIGEST_RUN, value, reading.within(scope, holes))
        if not fields.has(RUN) and fields.sound:
            raise reading.refuse("missing-key", value, "a digest by a command needs 'run'", "digest: {run: COMMAND}")
        command = fields.get(RUN)
        if command is None:
            raise Unreadable
        return Digest.RUN, command

    def schema(self, templates: bool) -> Shape:
        return shapes.either(self.words.schema(templates), DIGEST_RUN.schema())


DIGEST_HOLES = frozenset(("path", "root", "python"))
RUN = Key("run", Command(), "what it prints of the file {{ path }} counts")
DIGEST_RUN = Section("a digest", (RUN,), needed=("run",), templates=True)
DIGEST = Key(
    "digest",
    HowCompared(Choice({digest.value: digest for digest in Digest if digest is not Digest.RUN})),
    "what of the content counts: bytes if not given",
)
IN_PLACE = Key("in_place", Flag(), "output: edited by the step rather than made anew")
ARTIFACT = Section(
    "an artifact",
    (
        PATH,
        KEYS,
        ROWS,
        COLUMNS,
        DELIMITER,
        OPTIONAL,
        EXCLUDE,
        DIGEST,
        IN_PLACE,
        LIST,
    ),
    later=("column",),
    needed=("path", "list"),
    templates=True,
)

INPUT_NAME = Label("a name", re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "names of inputs are letters, digits and _")

_DATA_FILE = re.compile(r"(?P<path>[^#]*\.(?:yaml|yml|json|toml))#(?P<keys>.*)", re.DOTALL)
MEMORY_KEY = re.compile(r"[^\s*?]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Artifacts(Struct, frozen=True):
    """The artifacts of one key of a step: a text, a list, or a mapping from names to either."""

    role: Role

    def read(self, value: Value, reading: Reading) -> tuple[Artifact, ...]:
        value = reading.filled(value)
        if isinstance(value, Table) and not any(name in value.entries for name in ("path", "list")):
            return tuple(self._named(value, reading))
        return tuple(self._listed(value, reading))

    def schema(self, templates: bool) -> Shape:
        one = shapes.either(shapes.text(), shapes.ref("artifact"))
        listed = shapes.filled(shapes.either(shapes.text(), shapes.array(one)), templates)
        if self.role == "code":
            return shapes.either(listed, shapes.ref("artifact"))
        named = shapes.mapping(shapes.either(one, shapes.array(one)), INPUT_NAME.schema(False))
        detailed: Shape = {"anyOf": [{"required": [name]} for name in ARTIFACT.needed]}
        table: Shape = {"type": "object", "if": detailed, "then": shapes.ref("artifact"), "else": named}
        return shapes.either(listed, table)

    def _named(self, table: Table, reading: Reading) -> Iterator[Artifact]:
        if self.role == "code":
            raise reading.unexpected(table, "a path or a list of paths")
        keys = reading.within(None)
        for key, value in table.pairs():
            try:
                name = INPUT_NAME.read(key, keys)
            except Unreadable:
                continue
            for artifact in self._listed(value, reading):
                yield replace(artifact, name=name)

    def _listed(self, value: Value, reading: Reading) -> Iterator[Artifact]:
        for item in items_of(value, reading):
            try:
                yield self._one(item, reading)
            except Unreadable:
                continue
            except paths.PathProblem as problem:
                reading.refuse("bad-path", item, problem.message, problem.remedy)

    def _one(self, item: Value, reading: Reading) -> Artifact:
        if isinstance(item, Scalar):
            usual = self._usual(item, reading)
            if usual is not None:
                return usual
            if item.is_null:
                raise reading.unexpected(item, "a path")
            return self._checked(self._plain(item.text, item, reading), item, reading)
        if isinstance(item, Series) or not isinstance(item, Table):
            raise reading.unexpected(item, "a path")
        return self._detailed(Fields.of(ARTIFACT, item, reading), item, reading)

    def _usual(self, item: Scalar, reading: Reading) -> Artifact | None:
        """A file that is written the usual way: nothing is to be said of it."""
        if reading.scope is not None and reading.scope.wild:
            return None
        path = paths.usual(item.text, reading.home)
        if path is None or item.is_null or (self.role == "output" and not paths.may_be_output(path, reading.home)):
            return None
        if self.role == "update":
            return None
        return Artifact(Kind.FILE, path, reading.problems.place(item))

    def _plain(self, text: str, spot: Value, reading: Reading) -> Artifact:
        """An artifact written as one text."""
        place = reading.problems.place(spot)
        if text.startswith("step:"):
            return Artifact(Kind.STEP, self._step_name(text[5:], spot, reading), place)
        if text.startswith("env:"):
            return Artifact(Kind.ENV, self._variable(text[4:], spot, reading), place)
        if text.startswith("probe:"):
            return self._probe(text[6:], spot, reading)
        if text.startswith("mem:"):
            return Artifact(Kind.MEM, self._memory_key(text[4:], spot, reading), place)
        if "#" in text and (found := _DATA_FILE.fullmatch(text)):
            keys = tuple(key.strip() for key in found["keys"].split(","))
            return replace(self._plain(found["path"], spot, reading), keys=keys)
        return self._file(text, spot, reading)

    def written(self, text: Scalar, reading: Reading) -> Artifact:
        """An artifact as one text, checked. Raises Unreadable, or PathProblem."""
        return self._checked(self._plain(text.text, text, reading), text, reading)

    def _file(self, text: str, spot: Value, reading: Reading) -> Artifact:
        wild = reading.scope is not None and bool(reading.scope.wild)
        found = paths.normal(_as_pattern(text) if wild else text, reading.home)
        if self.role in ("output", "update") and not (wild and found.is_glob):
            paths.refuse_as_output(found, reading.home)
        kind = Kind.GLOB if found.is_glob else Kind.DIRECTORY if found.is_directory else Kind.FILE
        return Artifact(kind, found.path, reading.problems.place(spot))

    def _detailed(self, fields: Fields, table: Table, reading: Reading) -> Artifact:
        if fields.has(LIST):
            return self._list(fields, table, reading)
        path = fields.get(PATH)
        if path is None:
            raise (reading.refuse("missing-key", table, "an artifact needs its path") if fields.sound else Unreadable())
        spot = table.entries["path"].value
        artifact = self._plain(path, spot, reading)
        rows, columns = fields.get(ROWS), fields.get(COLUMNS)
        digest, command = fields.get(DIGEST) or (Digest.BYTES, None)
        artifact = replace(
            artifact,
            keys=fields.get(KEYS) or artifact.keys,
            rows=tuple(sorted(rows.items())) if rows is not None else () if columns is not None else None,
            columns=columns,
            delimiter=self._delimiter(fields, reading),
            optional=fields.get(OPTIONAL) or False,
            exclude=tuple(self._globs(fields, reading)),
            digest=digest,
            command=command,
            folder=reading.home.folder if command is not None else "",
            in_place=fields.get(IN_PLACE) or False,
        )
        self._refuse_unfit(artifact, fields, reading)
        return self._checked(artifact, spot, reading)

    def _list(self, fields: Fields, table: Table, reading: Reading) -> Artifact:
        """``{list: PATH}``; the other options hold for what the lines name."""
        spot = table.entries["list"].value
        if self.role != "input":
            raise reading.refuse("bad-artifact", spot, "a list is an input: its lines name inputs")
        for key in (PATH, KEYS, ROWS, COLUMNS, DELIMITER):
            if (unfit := fields.spot(key)) is not None:
                reading.refuse("bad-artifact", unfit, f"'{key.name}' cannot stand beside 'list'")
        path = fields.get(LIST)
        if path is None:
            raise Unreadable
        found = paths.normal(path, reading.home)
        wild = reading.scope is not None and bool(reading.scope.wild)
        if found.is_directory or (found.is_glob and not wild):
            raise reading.refuse("bad-artifact", spot, f"a list is one file, not {word(path)}")
        digest, command = fields.get(DIGEST) or (Digest.BYTES, None)
        return Artifact(
            Kind.LIST,
            found.path,
            reading.problems.place(spot),
            optional=fields.get(OPTIONAL) or False,
            exclude=tuple(self._globs(fields, reading)),
            digest=digest,
            command=command,
            folder=reading.home.folder if command is not None else "",
        )

    def _checked(self, artifact: Artifact, spot: Value, reading: Reading) -> Artifact:
        """What is forbidden whatever way the artifact is written."""
        if self.role == "code" and (artifact.kind is not Kind.FILE or artifact.keys):
            raise reading.refuse("bad-artifact", spot, f"code takes Python files, not {word(artifact.text)}")
        if self.role == "output" and not artifact.covers_files and artifact.kind not in (Kind.PROBE, Kind.MEM):
            message = f"{artifact.kind.value}: is an input; outputs are files, directories, globs, probe: and mem:"
            raise reading.refuse("bad-artifact", spot, message)
        if self.role == "output" and (artifact.keys or artifact.rows is not None):
            message = "a part of a file cannot be an output"
            raise reading.refuse("bad-artifact", spot, message, f"write {artifact.path}")
        if self.role == "update":
            self._check_update(artifact, spot, reading)
        if artifact.keys:
            self._check_keys(artifact, spot, reading)
        return artifact

    def _check_update(self, artifact: Artifact, spot: Value, reading: Reading) -> None:
        """What steps share is a file of the root, or keys of one; other options say how inputs are compared."""
        wild = reading.scope is not None and bool(reading.scope.wild)
        is_file = artifact.kind is Kind.FILE or (wild and artifact.kind is Kind.GLOB)
        if not is_file:
            message = f"a step updates single files, not {word(artifact.text)}"
            remedy = "name each file; what this step alone edits is an output with `in_place: true`"
            raise reading.refuse("bad-artifact", spot, message, remedy)
        if artifact.path.startswith("/"):
            raise reading.refuse(
                "bad-artifact", spot, f"{word(artifact.path)} lies outside the root: steps update files in it"
            )
        if artifact.rows is not None or artifact.digest is not Digest.BYTES or artifact.optional:
            message = "an update is a file that is there, or keys of one"
            remedy = "leave out rows, columns, digest and optional"
            raise reading.refuse("bad-artifact", spot, message, remedy)

    def _check_keys(self, artifact: Artifact, spot: Value, reading: Reading) -> None:
        data_file = artifact.path.endswith((".yaml", ".yml", ".json", ".toml"))
        if artifact.kind is not Kind.FILE or not data_file:
            message = f"keys are read from one YAML, JSON or TOML file, not from {word(artifact.path)}"
            raise reading.refuse("bad-artifact", spot, message)
        for key in artifact.keys:
            if not all(part.strip() for part in key.split(".")):
                message = f"{word(key)} is not a key"
                raise reading.refuse("bad-artifact", spot, message, "write file.yaml#a.b, without empty parts")

    def _refuse_unfit(self, artifact: Artifact, fields: Fields, reading: Reading) -> None:
        """Options that mean nothing for this form of artifact."""
        one_file = artifact.kind is Kind.FILE
        selects = bool(artifact.keys) or artifact.rows is not None
        unfit = (
            (ROWS, not one_file or bool(artifact.keys), "belongs to one CSV file"),
            (COLUMNS, not one_file or bool(artifact.keys), "belongs to one CSV file"),
            (DELIMITER, artifact.rows is None, "goes with rows or columns"),
            (EXCLUDE, artifact.kind not in (Kind.DIRECTORY, Kind.GLOB), "belongs to a directory or a glob"),
            (OPTIONAL, not artifact.covers_files, "belongs to files"),
            (DIGEST, not artifact.covers_files, "belongs to files"),
            (IN_PLACE, not artifact.covers_files or self.role != "output", "belongs to outputs that are files"),
            (DIGEST, selects, "cannot stand beside keys, rows or columns: these say what counts"),
        )
        for key, is_unfit, why in unfit:
            spot = fields.spot(key)
            if is_unfit and spot is not None:
                reading.refuse("bad-artifact", spot, f"'{key.name}' {why}")

    def _delimiter(self, fields: Fields, reading: Reading) -> str:
        delimiter, spot = fields.get(DELIMITER), fields.spot(DELIMITER)
        if delimiter is None or spot is None:
            return ","
        if len(delimiter) != 1 or delimiter in '"\r\n':
            reading.refuse("bad-text", spot, f"a delimiter is one sign, not {word(delimiter)}", 'a tab is "\\t"')
        return delimiter

    def _globs(self, fields: Fields, reading: Reading) -> Iterator[str]:
        for pattern, place in fields.placed(EXCLUDE):
            try:
                yield paths.normal(pattern, reading.home).path
            except paths.PathProblem as problem:
                reading.refuse("bad-path", place, problem.message, problem.remedy)

    def _step_name(self, name: str, spot: Value, reading: Reading) -> str:
        if not name:
            raise reading.refuse("bad-artifact", spot, "step: needs the name of a step")
        return name

    def _memory_key(self, key: str, spot: Value, reading: Reading) -> str:
        wild = reading.scope is not None and bool(reading.scope.wild)
        if not MEMORY_KEY.fullmatch(key.replace("*", "x") if wild else key) or not key.isprintable():
            message, remedy = f"{word('mem:' + key)} names no key of the memory", "write mem:KEY, without white space"
            raise reading.refuse("bad-artifact", spot, message, remedy)
        return key

    def _probe(self, text: str, spot: Value, reading: Reading) -> Artifact:
        name, at, argument = text.partition("@")
        if not name or (at and not argument) or not text.isprintable():
            message, remedy = f"{word('probe:' + text)} names no probe", "write probe:NAME or probe:NAME@ARGUMENT"
            raise reading.refuse("bad-artifact", spot, message, remedy)
        return Artifact(Kind.PROBE, name, reading.problems.place(spot), argument=argument)

    def _variable(self, name: str, spot: Value, reading: Reading) -> str:
        if not _VARIABLE.fullmatch(name):
            raise reading.refuse("bad-artifact", spot, f"{word(name)} is not the name of a variable", "write env:NAME")
        return name


def listed(written: Artifact, lines: Sequence[str], reading: Reading) -> list[Artifact]:
    """The inputs that the lines of a list name; the options of the list hold for them."""
    found: list[Artifact] = []
    inputs = Artifacts("input")
    place = written.place
    for number, line in enumerate(lines, 1):
        text = Scalar(line, '"', place.line, place.column)
        try:
            one = inputs.written(text, reading)
        except paths.PathProblem as problem:
            reading.refuse("bad-path", place, f"{written.path}, entry {number}: {problem.message}", problem.remedy)
            continue
        except Unreadable:
            continue
        if one.covers_files:
            one = replace(one, optional=written.optional, exclude=written.exclude)
            if not one.keys:
                one = replace(one, digest=written.digest, command=written.command)
        found.append(replace(one, name=written.name))
    return found


def _as_pattern(text: str) -> str:
    """A path in which ``*`` stands for values not known yet; of a folder, all that lies in it."""
    parts = [re.sub(r"\*\*+", "*", part) if part != "**" else part for part in text.split("/")]
    whole = "/".join(parts)
    return f"{whole}**" if whole.endswith("/") and "*" in whole else whole
