"""A Wavefile from its path to its model, or all that is wrong with it.

It does not know how the steps are joined, nor whether their files exist.
"""

from __future__ import annotations

import gc
import os.path
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType

from wavebuild import disk
from wavebuild.declare import paths, schema, steps, syntax, variables
from wavebuild.declare.contents import Contents
from wavebuild.declare.fields import Fields
from wavebuild.declare.forms import Reading
from wavebuild.declare.model import Kind, Probe, Settings, ShellName, Step, Wavefile
from wavebuild.declare.probes import check_probes, read_probes
from wavebuild.declare.source import Problems, Unreadable, word
from wavebuild.declare.syntax import Scalar, Table, Value
from wavebuild.declare.templates import Scope
from wavebuild.errors import Place, did_you_mean, mistake

_NOTHING: Mapping[str, str] = MappingProxyType({})


def load(
    path: str,
    overrides: Sequence[tuple[str, str]] = (),
    environ: Mapping[str, str] = _NOTHING,
    contents: Contents | None = None,
) -> Wavefile:
    """The Wavefile at an absolute path. Raises WavebuildError with every problem, by place.

    ``contents``: what is known of the files by which steps are repeated and inputs listed.
    """
    return loaded(path, _content(path, os.path.basename(path)), overrides, environ, contents)


def loaded(
    path: str,
    content: bytes,
    overrides: Sequence[tuple[str, str]] = (),
    environ: Mapping[str, str] = _NOTHING,
    contents: Contents | None = None,
) -> Wavefile:
    """The Wavefile of a content that would stand at an absolute path. Raises WavebuildError like `load`."""
    root, file = os.path.split(path)
    text = syntax.decoded(content, file)
    problems = Problems(file, text)
    with _without_garbage_collection():
        try:
            value = syntax.parse(text, problems)
        except Unreadable:
            problems.raise_if_any()
            raise
        if value is None:
            raise mistake("empty", "the Wavefile is empty", Place(file), "give it steps: {NAME: {run: COMMAND}}")
        reading = Reading(problems, root=root, wavefile=file)
        wavefile = _wavefile(path, value, overrides, environ, reading, contents or Contents())
    problems.raise_if_any()
    assert wavefile is not None
    return wavefile


def _content(path: str, file: str) -> bytes:
    try:
        return disk.read_regular(path, syntax.MAX_BYTES)
    except OSError as error:
        raise mistake("unreadable", f"cannot read the Wavefile: {error.strerror}", Place(file)) from None


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # Nothing that loading makes is garbage, and looking for it doubles the time of a large file.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _wavefile(
    path: str,
    value: Value,
    overrides: Sequence[tuple[str, str]],
    environ: Mapping[str, str],
    reading: Reading,
    contents: Contents,
) -> Wavefile | None:
    try:
        fields = Fields.of(schema.WAVEFILE, value, reading)
    except Unreadable:
        return None
    _check_version(fields)
    written = fields.entry(schema.VARS)
    known = variables.evaluate(written.value if written else None, overrides, environ, reading)
    scope = Scope(known.values, known.own, known.broken)
    settings, shell = _settings(fields)
    env = fields.get(schema.ENV, reading.within(scope))
    probes = read_probes(fields.get(schema.PROBES), reading.within(scope), env, shell)
    capacities = _capacities(fields)
    around = steps.Surroundings(
        reading,
        scope,
        defaults=_defaults(fields),
        env=env,
        shell=shell,
        capacities=capacities,
        contents=contents,
    )
    found = _steps(fields, around)
    _check_step_names(found, fields)
    _check_probes(found, probes, fields)
    return Wavefile(
        root=reading.root,
        file=reading.wavefile,
        steps=tuple(found),
        name=fields.get(schema.NAME),
        settings=settings,
        resources=tuple(sorted(capacities.items())),
        targets=tuple(fields.placed(schema.TARGETS)),
        files=(path,),
        env_read=known.env_read,
        probes=probes,
    )


def _check_version(fields: Fields) -> None:
    version = fields.get(schema.VERSION)
    entry = fields.entry(schema.VERSION)
    if version is not None and version != "1" and entry:
        message = f"this wavebuild reads version 1 of the language, not {word(version)}"
        fields.reading.refuse("bad-version", entry.value, message, "write wavefile: 1, or leave it out")


def _settings(fields: Fields) -> tuple[Settings, ShellName | tuple[str, ...] | None]:
    value = fields.get(schema.SETTINGS)
    if value is None:
        return Settings(), None
    try:
        given = Fields.of(schema.SETTINGS_KEYS, value, fields.reading)
    except Unreadable:
        return Settings(), None
    _check_ignored(given)
    usual = Settings()
    settings = Settings(
        jobs=given.get(schema.JOBS),
        schedule=given.get(schema.SCHEDULE) or usual.schedule,
        keep_going=given.get(schema.KEEP_GOING) or usual.keep_going,
        ignore=given.get(schema.IGNORE) or usual.ignore,
        log_keep=given.get(schema.LOG_KEEP) or usual.log_keep,
        timezone=given.get(schema.TIMEZONE),
        orphans=given.get(schema.ORPHANS) or usual.orphans,
    )
    return settings, given.get(schema.DEFAULT_SHELL)


def _check_ignored(given: Fields) -> None:
    for pattern, place in given.placed(schema.IGNORE):
        try:
            paths.check_glob(pattern)
        except paths.PathProblem as problem:
            given.reading.refuse("bad-path", place, problem.message, problem.remedy)


def _capacities(fields: Fields) -> dict[str, int]:
    capacities = fields.get(schema.CAPACITIES) or {}
    entry = fields.entry(schema.CAPACITIES)
    if "cpus" in capacities and entry and isinstance(entry.value, Table):
        spot = entry.value.entries["cpus"].key
        fields.reading.refuse("name-clash", spot, "'cpus' is built in: there are as many as jobs", "set settings.jobs")
    return capacities


def _defaults(fields: Fields) -> Fields | None:
    value = fields.get(schema.DEFAULTS)
    if value is None:
        return None
    try:
        given = Fields.of(schema.STEP, value, fields.reading)
    except Unreadable:
        return None
    for key in (schema.FOREACH, schema.WITHOUT):
        if (misplaced := given.spot(key)) is not None:
            given.reading.refuse("bad-key", misplaced, f"'{key.name}' belongs to one step", "move it there")
    actions = [key for key in (schema.RUN, schema.CALL, schema.MANUAL) if given.entry(key)]
    if len(actions) > 1 and (spot := given.spot(actions[1])):
        given.reading.refuse("two-actions", spot, "a step has one action, the defaults have several", "keep one")
    return given


def _steps(fields: Fields, around: steps.Surroundings) -> list[Step]:
    value = fields.get(schema.STEPS)
    entry = fields.entry(schema.STEPS)
    if entry is None or (isinstance(value, Table) and not value.entries):
        if not len(fields.reading.problems):  # else the steps may be what was misread
            spot = fields.entries["steps"].key if "steps" in fields.entries else None
            fields.reading.problems.add("no-steps", spot, "there are no steps", "steps: {NAME: {run: COMMAND}}")
        return []
    if not isinstance(value, Table):
        if value is not None:
            fields.reading.unexpected(value, "a mapping from names to steps", "steps:\n  NAME:\n    run: COMMAND")
        return []
    return [step for name, body in value.entries.values() for step in _named(name, body, around)]


def _named(name: Scalar, body: Value, around: steps.Surroundings) -> list[Step]:
    with suppress(Unreadable):
        schema.STEP_NAME.read(name, around.reading)
    return steps.read_steps(name, body, around)


def _check_probes(found: Sequence[Step], probes: Sequence[Probe], fields: Fields) -> None:
    value = fields.get(schema.PROBES)
    check_probes(found, probes, value.entries if isinstance(value, Table) else (), fields.reading)


def _check_step_names(found: Sequence[Step], fields: Fields) -> None:
    """Every step that is spoken of exists."""
    value = fields.get(schema.STEPS)
    known = value.entries.keys() if isinstance(value, Table) else frozenset()
    for step in found:
        spoken = [*step.needs]
        for artifacts in (step.inputs, *(check.inputs for check in step.checks)):
            spoken += [(artifact.path, artifact.place) for artifact in artifacts if artifact.kind is Kind.STEP]
        for name, place in spoken:
            if name.partition("@")[0] not in known:
                remedy = did_you_mean(name, known)
                fields.reading.refuse("unknown-step", place, f"no step is called {word(name)}", remedy)
