"""The stages of a dvc.yaml, each `foreach` and `matrix` expanded as DVC does it, each text with its `${…}` filled.

It does not know what becomes of them in a Wavefile.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from msgspec import Struct, field
from msgspec.structs import replace

from wavebuild.declare import values
from wavebuild.declare.importers.dvc_paths import Path, is_address, placed
from wavebuild.declare.importers.dvc_vars import DEFAULT, Source, Vars, templated
from wavebuild.declare.importers.interpolation import Filled, Named, Names, Spreading, as_text, common_cast
from wavebuild.declare.importers.writing import Writable, literal
from wavebuild.declare.model import Json
from wavebuild.declare.source import Problems, Spot, Unreadable, word
from wavebuild.declare.syntax import Broken, Scalar, Series, Table, Value
from wavebuild.declare.templates import RESERVED
from wavebuild.errors import Place, Problem

_STAGE = ("cmd", "wdir", "deps", "outs", "params", "metrics", "plots", "vars", "frozen", "always_changed", "desc")
_DASH = " ~ '-' ~ "
_OF_DATA = ("remote", "push", "type", "labels", "checkpoint")
_OF_PLOTS = ("x", "y", "x_label", "y_label", "title", "template", "header")
_TOP = {
    "plots": "wavebuild draws no plots",
    "metrics": "wavebuild does not read metrics; the steps that write them are carried",
    "params": "wavebuild lists no parameters; the steps that read them are carried",
    "artifacts": "wavebuild has no registry of models and data",
    "datasets": "wavebuild has no registry of data sets",
}


class Output(Struct, frozen=True):
    path: Path
    persist: bool = False


class Parameters(Struct, frozen=True):
    """A file of parameters and the keys that a stage reads of it; None: the whole file."""

    path: Path
    keys: tuple[Filled, ...] | None


class Stage(Struct, frozen=True):
    """One stage as DVC runs it. ``given``: values that its step must be given, and what DVC calls them."""

    name: str
    spot: Scalar
    commands: tuple[Filled, ...]
    folder: Filled | None = None
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Output, ...] = ()
    parameters: tuple[Parameters, ...] = ()
    title: Filled | None = None
    frozen: bool = False
    always: bool = False
    given: Mapping[str, Writable] = field(default_factory=dict)
    locked: tuple[tuple[str, str], ...] = ()  # path in dvc.lock, path from the root

    @property
    def texts(self) -> Iterator[Filled]:
        yield from self.commands
        yield from (text for text in (self.folder, self.title) if text is not None)
        yield from (path.filled for path in self.inputs)
        yield from (output.path.filled for output in self.outputs)
        for one in self.parameters:
            yield one.path.filled
            yield from one.keys or ()


class Definition(Struct, frozen=True):
    """What stands under one name of `stages`. ``repeated``: the `foreach` of its step, None if it is one stage."""

    name: str
    spot: Scalar
    stages: tuple[Stage, ...]
    repeated: Mapping[str, Writable] | None = None
    uses: frozenset[str] = frozenset()  # names of the vars that the values of `repeated` come from


class Project(Struct):
    """A dvc.yaml as read. ``left``: what it says that no Wavefile says; ``folder``: where it lies, from the root."""

    root: str
    folder: str
    problems: Problems
    definitions: list[Definition] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    left: dict[tuple[str, Place], Problem] = field(default_factory=dict)

    def leave(self, spot: Spot, message: str, remedy: str = "") -> None:
        place = self.problems.place(spot)
        self.leave_at(place, message, remedy, self.problems.line(place.line))

    def leave_at(self, place: Place, message: str, remedy: str = "", excerpt: str = "") -> None:
        problem = Problem("not-carried", message, place, remedy, excerpt, severity="warning")
        self.left.setdefault((message, place), problem)

    def listed(self) -> tuple[Problem, ...]:
        """What was left, by place."""
        return tuple(problem for (_, _), problem in sorted(self.left.items(), key=lambda one: one[0][1]))


def read_project(value: Value, project: Project) -> None:
    """Reads what a dvc.yaml says into the project; problems are recorded."""
    problems, folder = project.problems, project.folder
    if not isinstance(value, Table):
        problems.add("bad-dvc", value, "a dvc.yaml is a mapping with 'stages'")
        return
    _leave_the_rest(value, project)
    stages = value.entries.get("stages")
    if stages is None or not isinstance(stages.value, Table) or not stages.value.entries:
        problems.add("bad-dvc", stages.key if stages else value, "there are no stages to import")
        return
    known = Vars(project.root, problems)
    known.take_default(folder)
    known.take(value.entries["vars"].value if "vars" in value.entries else None, folder)
    reader = _Reader(project, known, _spreading(os.path.join(project.root, folder)))
    for key, body in stages.value.pairs():
        definition = reader.definition(key, body)
        if definition is not None:
            project.definitions.append(definition)
    project.sources = [*known.sources, *reader.more]


def _leave_the_rest(top: Table, project: Project) -> None:
    for key, _ in top.pairs():
        if key.text in _TOP:
            project.leave(key, f"'{key.text}': {_TOP[key.text]}")
        elif key.text not in ("stages", "vars"):
            project.leave(key, f"{word(key.text)} is no key of dvc.yaml that is known here")


def _spreading(root: str) -> Spreading:
    """What DVC's settings say of mappings in commands, here or in a folder above."""
    folder = root
    while not os.path.isdir(os.path.join(folder, ".dvc")):
        above = os.path.dirname(folder)
        if above == folder:
            return Spreading()
        folder = above
    found: dict[str, str] = {}
    for name in ("config", "config.local"):
        try:
            with open(os.path.join(folder, ".dvc", name), encoding="utf-8", errors="replace") as lines:
                found |= _section(lines, "parsing")
        except OSError:
            continue
    return Spreading(found.get("bool") == "boolean_optional", found.get("list") == "append")


def _section(lines: Iterator[str], wanted: str) -> dict[str, str]:
    found: dict[str, str] = {}
    inside = False
    for line in map(str.strip, lines):
        if line.startswith("["):
            inside = line.strip("[]\"' ") == wanted
        elif inside and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[name.strip()] = value.split("#")[0].strip().strip("\"'")
    return found


class _Instance(Struct, frozen=True):
    """One stage of a `foreach` or `matrix`: its key, and the names that it has beside the others."""

    key: str
    names: Mapping[str, Named]


class _Repetition(Struct, frozen=True):
    """``written``: the `foreach` of a Wavefile; ``given``: what `with` must then give, by name."""

    instances: tuple[_Instance, ...]
    written: Mapping[str, Writable]
    given: Mapping[str, Writable] = field(default_factory=dict)
    uses: frozenset[str] = frozenset()


class _Reader:
    """Reads the definitions of one dvc.yaml."""

    def __init__(self, project: Project, known: Vars, spreading: Spreading) -> None:
        self._project = project
        self._problems = project.problems
        self._vars = known
        self._names = Names(known.named(), project.problems, spreading)
        self.more: list[Source] = []  # vars that only this import needs, and those of stages

    def definition(self, key: Scalar, body: Value) -> Definition | None:
        try:
            if not isinstance(body, Table):
                raise self._refuse(key, f"the stage {word(key.text)} is no mapping")
            return self._definition(key, body)
        except Unreadable:
            return None

    def _definition(self, key: Scalar, body: Table) -> Definition:
        entries = body.entries
        if "foreach" in entries:
            template = entries["do"].value if "do" in entries else None
            if not isinstance(template, Table):
                raise self._refuse(entries["foreach"].key, "'foreach' goes with 'do', a mapping")
            self._leave_keys(body, ("foreach", "do"))
            repetition = self._foreach(key.text, entries["foreach"].value)
        elif "matrix" in entries:
            template = Table(
                {name: entry for name, entry in entries.items() if name != "matrix"}, body.line, body.column
            )
            repetition = self._matrix(entries["matrix"].value)
        else:
            stage = self._stage(key, key.text, body, {}, {})
            return Definition(key.text, key, (stage,))
        if not repetition.instances:
            self._project.leave(key, f"the stage {word(key.text)} is repeated for no values: it is left out")
        stages = tuple(
            self._stage(key, f"{key.text}@{instance.key}", template, instance.names, repetition.given)
            for instance in repetition.instances
        )
        return Definition(key.text, key, stages, repetition.written, repetition.uses)

    # --- repetition

    def _foreach(self, name: str, source: Value) -> _Repetition:
        now, live, uses = self._data(source)
        if isinstance(now, dict):
            where = self._held(name, source, live)
            keyed = {"key": f"{{{{ {where} }}}}"}
            given = {"item": f"{{{{ {where}[key] }}}}"}
            others = list(now.values())
            instances = [
                _Instance(key, {"item": Named(item, "item", others=others), "key": Named(key, "key")})
                for key, item in now.items()
            ]
            return _Repetition(tuple(instances), keyed, given, uses | {where})
        if not isinstance(now, list):
            raise self._refuse(source, "'foreach' takes a list or a mapping")
        composite = any(isinstance(item, list | dict) for item in now)
        named = {str(at) if composite else _key(item, source): item for at, item in enumerate(now)}
        instances = [_Instance(key, {"item": Named(item, "item", others=now)}) for key, item in named.items()]
        return _Repetition(tuple(instances), {"item": live}, uses=uses)

    def _matrix(self, source: Value) -> _Repetition:
        if not isinstance(source, Table) or not source.entries:
            raise self._refuse(source, "'matrix' takes a mapping from names to lists")
        axes: dict[str, list[tuple[str, Json]]] = {}  # name → what each value adds to the key, and the value
        written: dict[str, Writable] = {}
        parts: dict[str, str] = {}
        shown: list[str | None] = []  # expressions for the parts of the key
        uses: frozenset[str] = frozenset()
        for key, listed in source.pairs():
            now, live, used = self._data(listed)
            if not isinstance(now, list):
                raise self._refuse(listed, f"{word(key.text)} of 'matrix' takes a list")
            composite = [isinstance(value, list | dict) for value in now]
            axes[key.text] = [
                (f"{key.text}{at}" if composite[at] else _key(value, listed), value) for at, value in enumerate(now)
            ]
            parts[key.text] = _variable(key.text)
            written[parts[key.text]] = live
            shown.append(None if any(composite) else _shown(parts[key.text], now))
            uses |= used
        whole = None if None in shown else f"({_DASH.join(map(str, shown))})"
        return _Repetition(tuple(_combined(axes, parts, whole)), written, uses=uses)

    def _data(self, value: Value) -> tuple[Json, Writable, frozenset[str]]:
        """A value of any form: as it is now, as it is written in a Wavefile, and the names it asks for."""
        match value:
            case Scalar():
                keys = self._names.whole(value)
                if keys is not None:
                    found = self._names.value(keys, ".".join(keys), value)
                    expression = self._names.expression(keys)
                    live = templated(found) if expression is None else f"{{{{ {expression} }}}}"
                    return found, live, frozenset(keys[:1])
                filled = self._names.filled(value)
                if filled.uses or value.style:
                    return filled.now, filled.template(True), filled.uses
                typed = values.core(value.text)
                return typed, templated(typed), frozenset()
            case Series():
                items = [self._data(item) for item in value.items]
                uses = frozenset().union(*(used for _, _, used in items))
                return [now for now, _, _ in items], [live for _, live, _ in items], uses
            case Table():
                pairs = {key: self._data(entry.value) for key, entry in value.entries.items()}
                uses = frozenset().union(*(used for _, _, used in pairs.values()))
                return ({key: one[0] for key, one in pairs.items()}, {key: one[1] for key, one in pairs.items()}, uses)
            case Broken():
                raise Unreadable

    def _held(self, name: str, source: Value, live: Writable) -> str:
        """The expression of a mapping: where it stands, or a variable made for it."""
        keys = self._names.whole(source) if isinstance(source, Scalar) else None
        if keys is not None and (expression := self._names.expression(keys)) is not None:
            return expression
        variable = re.sub(r"\W", "_", f"{name}_items")
        while variable in self._names.known or any(variable in source.names for source in self.more):
            variable += "_"
        if variable[0].isdigit():
            variable = f"_{variable}"
        self.more.append(Source({variable: live}, frozenset((variable,))))
        return variable

    # --- one stage

    def _stage(
        self, spot: Scalar, name: str, body: Table, more: Mapping[str, Named], given: Mapping[str, Writable]
    ) -> Stage:
        self._leave_keys(body, _STAGE)
        entries = {key: entry.value for key, entry in body.entries.items() if not _is_nothing(entry.value)}
        names = self._names.beside(more)
        folder = self._folder(entries.get("wdir"), names)
        given = dict(given)
        if "vars" in entries:
            names, own = self._with_own_vars(entries["vars"], folder, more)
            given |= own
        if "cmd" not in entries:
            raise self._refuse(spot, f"the stage {word(name)} has no 'cmd'")
        inputs, locked = self._inputs(entries.get("deps"), folder, names)
        outputs, more_locked = self._outputs(entries, folder, names)
        stage = Stage(
            name=name,
            spot=spot,
            commands=self._commands(entries["cmd"], names),
            folder=folder,
            inputs=inputs,
            outputs=outputs,
            parameters=self._parameters(entries.get("params"), folder, names),
            title=self._text(entries["desc"], names) if "desc" in entries else None,
            frozen=self._flag(entries.get("frozen"), names),
            always=self._flag(entries.get("always_changed"), names),
            locked=(*locked, *more_locked),
        )
        used = frozenset().union(*(text.uses for text in stage.texts))
        return replace(stage, given={key: value for key, value in given.items() if key in used})

    def _with_own_vars(
        self, listed: Value, folder: Filled | None, more: Mapping[str, Named]
    ) -> tuple[Names, dict[str, Writable]]:
        own = self._vars.beside()
        own.take(listed, folder.now if folder else "")
        for source in own.sources:
            if isinstance(source.written, str) and source not in self.more:
                self.more.append(source)
        # What a stage gives itself is not among the vars of the Wavefile.
        values = {name: Named(value, name) for name, value in own.values.items()}
        kept = {name: named for name, named in self._names.known.items() if named.value == own.values[name]}
        names = Names({**values, **kept}, self._problems, self._names.spreading).beside(more)
        return names, {key: templated(value) for key, value in own.inline.items()}

    def _commands(self, value: Value, names: Names) -> tuple[Filled, ...]:
        """One shell for each: the lines of a text, or the items of a list."""
        if isinstance(value, Series):
            return tuple(filled for item in value.items if (filled := self._text(item, names, True)).now.strip())
        whole = self._text(value, names, True)
        now = [line for line in whole.now.splitlines() if line.strip()]
        if not now:
            raise self._refuse(value, "'cmd' is empty")
        live = [line for line in whole.live.splitlines() if line.strip()] if whole.live is not None else []
        return tuple(
            Filled(line, live[at] if len(live) == len(now) else None, whole.uses, whole.spread)
            for at, line in enumerate(now)
        )

    def _folder(self, value: Value | None, names: Names) -> Filled | None:
        base = self._project.folder
        own = Filled(base, literal(base)) if base else None
        if value is None:
            return own
        text = self._text(value, names)
        found = placed(text, own, _scalar(value))
        if found.now == ".":
            return None
        if found.now.startswith(("../", "/")) or found.now == "..":
            remedy = "put the Wavefile into the folder that holds them all"
            raise self._refuse(value, f"the stage works in {word(found.now)}, outside of the Wavefile's folder", remedy)
        return found.filled

    def _inputs(
        self, value: Value | None, folder: Filled | None, names: Names
    ) -> tuple[tuple[Path, ...], list[tuple[str, str]]]:
        found: dict[str, Path] = {}
        locked: list[tuple[str, str]] = []
        for item in self._items(value, "deps"):
            text = self._text(item, names)
            if is_address(text.now):
                self._project.leave(item, f"{word(text.now)} is read from elsewhere: wavebuild does not look at it")
                continue
            path = placed(text, folder, _scalar(item))
            found.setdefault(path.now, path)
            locked.append((text.now, path.now))
        return tuple(found.values()), locked

    def _outputs(
        self, entries: Mapping[str, Value], folder: Filled | None, names: Names
    ) -> tuple[tuple[Output, ...], list[tuple[str, str]]]:
        found: dict[str, Output] = {}
        locked: list[tuple[str, str]] = []
        for kind in ("outs", "metrics", "plots"):
            for item in self._items(entries.get(kind), kind):
                for key, options in self._with_options(item):
                    text = self._text(key, names)
                    if is_address(text.now):
                        self._project.leave(key, f"{word(text.now)} is made elsewhere: wavebuild does not look at it")
                        continue
                    path = placed(text, folder, key)
                    found.setdefault(path.now, Output(path, self._persist(options, names)))
                    locked.append((text.now, path.now))
        return tuple(found.values()), locked

    def _with_options(self, item: Value) -> list[tuple[Scalar, Table | None]]:
        """A path, or a mapping from paths to options."""
        if isinstance(item, Scalar):
            return [(item, None)]
        if not isinstance(item, Table):
            raise self._refuse(item, "an output is a path, or a path with options")
        found: list[tuple[Scalar, Table | None]] = []
        for key, options in item.pairs():
            listed = options.items if isinstance(options, Series) else (options,)
            tables = [table for table in listed if isinstance(table, Table)]
            for table in tables:
                self._leave_options(table)
            found.append((key, tables[0] if tables else None))
        return found

    def _leave_options(self, options: Table) -> None:
        for key, _ in options.pairs():
            if key.text in _OF_DATA:
                self._project.leave(key, f"'{key.text}': wavebuild stores no data elsewhere and describes none")
            elif key.text in _OF_PLOTS:
                self._project.leave(key, f"'{key.text}': wavebuild draws no plots")
            elif key.text in ("desc", "meta"):
                self._project.leave(key, f"'{key.text}' of an output: only steps have a title")
            elif key.text not in ("cache", "persist"):
                self._project.leave(key, f"{word(key.text)} is no option of an output that is known here")

    def _persist(self, options: Table | None, names: Names) -> bool:
        entry = options.entries.get("persist") if options else None
        return self._flag(entry.value if entry else None, names)

    def _parameters(self, value: Value | None, folder: Filled | None, names: Names) -> tuple[Parameters, ...]:
        files: dict[str, tuple[Path, list[Filled] | None]] = {}
        for item in self._items(value, "params"):
            if isinstance(item, Scalar):
                self._add_keys(files, Scalar(DEFAULT, "", item.line, item.column), [item], folder, names)
            elif isinstance(item, Table):
                for key, listed in item.pairs():
                    keys = None if _is_nothing(listed) else self._items(listed, "params")
                    self._add_keys(files, key, keys, folder, names)
            else:
                raise self._refuse(item, "'params' takes keys, and files with a list of keys")
        return tuple(Parameters(path, None if keys is None else tuple(keys)) for path, keys in files.values())

    def _add_keys(
        self,
        files: dict[str, tuple[Path, list[Filled] | None]],
        file: Scalar,
        keys: Sequence[Value] | None,
        folder: Filled | None,
        names: Names,
    ) -> None:
        path = placed(self._text(file, names), folder, file)
        filled = None if not keys else [self._text(key, names) for key in keys]
        present = files.get(path.now)
        if present is None:
            files[path.now] = (path, filled)
        elif present[1] is not None:
            known = {key.now for key in present[1]}
            merged = None if filled is None else [*present[1], *(key for key in filled if key.now not in known)]
            files[path.now] = (present[0], merged)

    # --- small forms

    def _text(self, value: Value, names: Names, command: bool = False) -> Filled:
        if not isinstance(value, Scalar):
            raise Unreadable if isinstance(value, Broken) else self._refuse(value, "this must be a text")
        return names.filled(value, command)

    def _items(self, value: Value | None, key: str) -> Sequence[Value]:
        if value is None:
            return ()
        if not isinstance(value, Series):
            raise Unreadable if isinstance(value, Broken) else self._refuse(value, f"'{key}' is a list")
        return value.items

    def _flag(self, value: Value | None, names: Names) -> bool:
        if value is None:
            return False
        text = self._text(value, names).now
        if text.lower() not in ("true", "false"):
            raise self._refuse(value, f"expected true or false, found {word(text)}")
        return text.lower() == "true"

    def _leave_keys(self, body: Table, known: Sequence[str]) -> None:
        for key, _ in body.pairs():
            if key.text == "meta":
                self._project.leave(key, "'meta': a step has only title, phase and tags")
            elif key.text not in known:
                self._project.leave(key, f"{word(key.text)} is no key of a stage that is known here")

    def _refuse(self, spot: Spot, message: str, remedy: str = "") -> Unreadable:
        return self._problems.add("bad-dvc", spot, message, remedy)


def _is_nothing(value: Value) -> bool:
    return isinstance(value, Scalar) and value.is_null


def _combined(
    axes: Mapping[str, list[tuple[str, Json]]], parts: Mapping[str, str], whole: str | None
) -> Iterator[_Instance]:
    """Every combination once; ``whole``: the expression of its key."""
    found: dict[str, dict[str, Json]] = {}
    for combination in product(*axes.values()):
        item = {axis: value for axis, (_, value) in zip(axes, combination, strict=True)}
        found["-".join(key for key, _ in combination)] = item
    others = list(found.values())
    for key, item in found.items():
        yield _Instance(key, {"item": Named(item, None, parts, others=others), "key": Named(key, whole)})


def _shown(variable: str, listed: Sequence[Json]) -> str:
    """An expression for a value of a variable as DVC shows it."""
    cast = common_cast(listed)
    return f"({variable}{cast})" if cast else variable


def _key(value: Json, source: Value) -> str:
    """What a value adds to the name of its stage; DVC shows what comes out of vars as Python does."""
    return str(value) if isinstance(value, bool) and isinstance(source, Scalar) else as_text(value)


def _scalar(value: Value) -> Scalar:
    assert isinstance(value, Scalar)
    return value


def _variable(name: str) -> str:
    """A name of `matrix` as a variable of `foreach`."""
    found = re.sub(r"\W", "_", name, flags=re.ASCII)
    taken = found in RESERVED or found in ("item", "key", "path", "glob") or not found or found[0].isdigit()
    return f"item_{found}" if taken else found
