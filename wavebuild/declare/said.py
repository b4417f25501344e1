"""What holds for every key of a step, and where that is written: step, category, defaults, profile or file.

It does not know the other steps; the texts are read again for it, as the model keeps no origins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import assert_never

from msgspec import Struct

from wavebuild import disk
from wavebuild.declare import schema, syntax, values
from wavebuild.declare.forms import Free, Reading
from wavebuild.declare.model import (
    Action,
    Argument,
    Artifact,
    Calendar,
    Call,
    Check,
    Digest,
    Json,
    Kind,
    Manual,
    Prompt,
    Range,
    Review,
    Run,
    Step,
    Text,
    Wavefile,
)
from wavebuild.declare.source import Problems, Unreadable
from wavebuild.declare.syntax import Entry, Scalar, Table, Value
from wavebuild.errors import Place, WavebuildError

_ADD_UP = ("inputs", "code")
_IN_FILE = {"env": ("env",), "secrets": ("secrets",), "shell": ("settings", "shell"), "threshold": ("thresholds",)}
"""Keys of a step → what of the whole file holds where no layer of steps says more."""
_ACTIONS = {"run": Run, "call": Call, "manual": Manual}


class Layer(Struct, frozen=True):
    """One place that a key's value comes from: ``step``, ``category X``, ``defaults``, ``profile X``, ``file``."""

    name: str
    place: Place


class Said(Struct, frozen=True):
    """A key of a step, what holds for it, and where that is written; nowhere: the language's own default."""

    key: str
    value: Json
    layers: tuple[Layer, ...]


def said(wavefile: Wavefile, step: Step, repeated: bool) -> tuple[Said, ...]:
    """Every key of the language, in its order; what the load has used up is shown as it is written.

    ``repeated``: it stands for instances, and has no values of its own: they depend on the variables.
    """
    layers = _layers(wavefile, step)
    return tuple(_said(key.name, step, layers, repeated) for key in schema.STEP.keys)


def _said(key: str, step: Step, layers: list[_Layer], repeated: bool) -> Said:
    if key in _ACTIONS and not repeated and (step.agent or not isinstance(step.action, _ACTIONS[key])):
        return Said(key, None, ())
    found = [(layer, entry) for layer in layers if (entry := _given(layer, key))]
    merges = key in _ADD_UP or all(isinstance(entry.value, Table) for _, entry in found)
    from_layers = found if merges else found[:1]
    written = [Layer(layer.name, Place(layer.file, entry.key.line, entry.key.column)) for layer, entry in from_layers]
    values_written = [_as_written(entry.value) for _, entry in from_layers]
    return Said(key, _merged(values_written) if repeated else _value(key, step, values_written), tuple(written))


def _value(key: str, step: Step, written: list[Json]) -> Json:
    if key == "with" and isinstance(step.action, Call) and not step.agent:
        return {name: _argument(value) for name, value in step.action.arguments}
    return _EFFECTIVE[key](step) if key in _EFFECTIVE else _merged(written)


def _merged(shown: list[Json]) -> Json:
    if len(shown) > 1:  # mappings, merged by key
        return {name: value for each in reversed(shown) if isinstance(each, dict) for name, value in each.items()}
    return shown[0] if shown else None


# Where it is written


class _Layer(Struct, frozen=True):
    name: str
    file: str
    table: Table
    paths: bool = False  # of the whole file: keys are found by ``_IN_FILE``


def _given(layer: _Layer, key: str) -> Entry | None:
    way = _IN_FILE.get(key, ()) if layer.paths else (key,)
    table: Value = layer.table
    entry = None
    for name in way:
        entry = table.entries.get(name) if isinstance(table, Table) else None
        if entry is None or (isinstance(entry.value, Scalar) and entry.value.is_null):
            return None
        table = entry.value
    return entry


def _layers(wavefile: Wavefile, step: Step) -> list[_Layer]:
    """From the nearest to the furthest; of an included step what its own file says comes before the first one's."""
    named = dict.fromkeys((step.place.file, wavefile.file))
    files = [(file, text) for file in named if (text := _text(wavefile, file))]
    found: list[_Layer] = []
    for file, top in files[:1]:
        found += [_Layer("step", file, table) for table in _steps_at(top, step.place)]
    categories = [(file, t) for file, top in files for t in _inner(top, "categories", step.category or "")]
    found += [_Layer(f"category {step.category}", file, table) for file, table in categories[:1]]
    found += [_Layer("defaults", file, table) for file, top in files for table in _inner(top, "defaults")]
    for file, top in files:
        if file == wavefile.file:
            profile = _inner(top, "profiles", wavefile.profile)
            found += [_Layer(f"profile {wavefile.profile}", file, table, paths=True) for table in profile]
        found.append(_Layer("file", file, top, paths=True))
    return found


def _steps_at(top: Table, place: Place) -> Iterator[Table]:
    steps = top.entries.get("steps")
    if steps is not None and isinstance(steps.value, Table):
        for entry in steps.value.entries.values():
            if (entry.key.line, entry.key.column) == (place.line, place.column) and isinstance(entry.value, Table):
                yield entry.value


def _inner(top: Table, *names: str) -> Iterator[Table]:
    value: Value = top
    for name in names:
        entry = value.entries.get(name) if isinstance(value, Table) else None
        if entry is None:
            return
        value = entry.value
    if isinstance(value, Table):
        yield value


def _text(wavefile: Wavefile, file: str) -> Table | None:
    """The file as values; None if it has changed since, such that it cannot be read."""
    try:
        data = disk.read_regular(os.path.join(wavefile.root, file), syntax.MAX_BYTES)
        text = syntax.decoded(data, file)
        value = syntax.parse(text, Problems(file, text))
    except (OSError, WavebuildError, Unreadable):
        return None
    return value if isinstance(value, Table) else None


def _as_written(value: Value) -> Json:
    try:
        return values.bare(Free().read(value, Reading(Problems(""), templates=False)))
    except Unreadable:
        return None


# What holds


def shown_text(text: Text) -> str:
    """A text with what only the run knows as it is written."""
    return "".join(part if isinstance(part, str) else f"{{{{ {part.source} }}}}" for part in text.parts)


def _artifacts(found: tuple[Artifact, ...]) -> Json:
    if found and all(artifact.name for artifact in found):
        named: dict[str, list[Json]] = {}
        for artifact in found:
            named.setdefault(artifact.name or "", []).append(_artifact(artifact))
        return {name: one[0] if len(one) == 1 else one for name, one in named.items()}
    return [_artifact(artifact) for artifact in found]


def _artifact(artifact: Artifact) -> Json:
    """The artifact in its short form, or with its options."""
    options: dict[str, Json] = {}
    if artifact.rows:
        options["rows"] = dict(artifact.rows)
    if artifact.columns is not None:
        options["columns"] = list(artifact.columns)
    if artifact.rows is not None and artifact.delimiter != ",":
        options["delimiter"] = artifact.delimiter
    if artifact.optional:
        options["optional"] = True
    if artifact.exclude:
        options["exclude"] = list(artifact.exclude)
    if artifact.digest is not Digest.BYTES:
        run = shown_text(artifact.command) if artifact.command else ""
        options["digest"] = {"run": run} if artifact.digest is Digest.RUN else artifact.digest.value
    if artifact.in_place:
        options["in_place"] = True
    if artifact.kind is Kind.LIST:
        return {"list": artifact.path, **options}
    return {"path": artifact.text, **options} if options else artifact.text


def _run(action: Run) -> Json:
    scripts: list[Json] = [shown_text(script) for script in action.scripts]
    return scripts[0] if len(scripts) == 1 else scripts


def _argument(argument: Argument) -> Json:
    match argument:
        case Text():
            return shown_text(argument)
        case tuple():
            return [_argument(item) for item in argument]
        case dict():
            return {name: _argument(item) for name, item in argument.items()}
        case None | bool() | int() | float():
            return argument
        case _:
            assert_never(argument)


def _check(check: Check) -> Json:
    inputs: dict[str, Json] = {"inputs": _artifacts(check.inputs)} if check.inputs else {}
    match check.action:
        case Run():
            return {"run": _run(check.action), **inputs} if inputs else _run(check.action)
        case Call():
            return {"call": f"{check.action.module}:{check.action.function}", **inputs}
        case _:
            assert_never(check.action)


def _action(step: Step) -> Json:
    action: Action | None = step.action
    match action:
        case Run():
            return _run(action)
        case Call():
            return f"{action.module}:{action.function}"
        case Manual():
            return action.text
        case None:
            return None
        case _:
            assert_never(action)


def _prompt(prompt: Prompt | None) -> Json:
    return None if prompt is None else prompt.path or {"text": shown_text(prompt.text)}


def _review(review: Review | None) -> Json:
    if review is None:
        return None
    return {"advisor": review.advisor, "threshold": review.threshold, "retries": review.retries}


def _age(age: float | Calendar | None) -> Json:
    return age.value if isinstance(age, Calendar) else age


def _range(time: Range | None) -> Json:
    return None if time is None else {"low": time.low, "high": time.high}


def _retries(step: Step) -> Json:
    return {"times": step.retries.times, "delay": step.retries.delay, "on": list(step.retries.on)}


_EFFECTIVE: dict[str, Callable[[Step], Json]] = {
    "title": lambda step: step.title,
    "phase": lambda step: step.phase,
    "category": lambda step: step.category,
    "tags": lambda step: list(step.tags),
    "inputs": lambda step: _artifacts(step.inputs),
    "outputs": lambda step: _artifacts(step.outputs),
    "updates": lambda step: _artifacts(step.updates),
    "needs": lambda step: [name for name, _ in step.needs],
    "run": _action,
    "call": _action,
    "agent": lambda step: step.agent or None,
    "prompt": lambda step: _prompt(step.prompt),
    "review": lambda step: _review(step.review),
    "manual": _action,
    "checks": lambda step: [_check(check) for check in step.checks],
    "code": lambda step: _artifacts(step.code),
    "env": lambda step: dict(step.env),
    "secrets": lambda step: list(step.secrets),
    "cwd": lambda step: step.cwd or ".",
    "shell": lambda step: step.shell if isinstance(step.shell, str) else list(step.shell),
    "timeout": lambda step: step.timeout,
    "retries": _retries,
    "resources": lambda step: dict(step.resources),
    "on_demand": lambda step: step.on_demand,
    "always": lambda step: step.always,
    "max_age": lambda step: _age(step.max_age),
    "min_age": lambda step: _age(step.min_age),
    "on_edit": lambda step: step.on_edit,
    "estimate": lambda step: _range(step.estimate),
    "threshold": lambda step: step.threshold,
    "depfile": lambda step: step.depfile,
    "scratch": lambda step: step.scratch,
    "sandbox": lambda step: step.sandbox,
    "frozen": lambda step: step.frozen,
    "freshness": lambda step: step.freshness,
}
