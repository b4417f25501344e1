"""How a project builds unless a flag says otherwise: `settings` of the file, over them the profile's, over them the
caller's `WAVEBUILD_…`.

It does not know what is done with them.
"""

from __future__ import annotations

import os.path

from msgspec import Struct

from wavebuild import disk
from wavebuild.declare import paths, permission, schema
from wavebuild.declare.fields import Fields, Key
from wavebuild.declare.files import Files
from wavebuild.declare.forms import Many, Reading
from wavebuild.declare.model import Settings, ShellName
from wavebuild.declare.source import Problems, Spot, Unreadable, word
from wavebuild.declare.syntax import Entry, Scalar, Series, Value
from wavebuild.declare.variables import CallerEnv
from wavebuild.errors import Place, Problem

# Those that the command line reads for itself, as flags have a say in them, are not among them.
_FROM_CALLER: tuple[Key[object], ...] = (
    schema.CLEAN_ENV,
    schema.DEFAULT_SHELL,
    schema.EXECUTOR,
    schema.JOBSERVER,
    schema.LOCK,
    schema.LOG_KEEP,
    schema.ORPHANS,
    schema.QUIET,
    schema.STATE,
    schema.TIMEZONE,
)
_VARIABLES = {schema.STATE.name: "WAVEBUILD_STATE_DIR"}


class Chosen(Struct, frozen=True):
    """The settings, and the shell of steps that name none."""

    settings: Settings
    shell: ShellName | tuple[str, ...] | None
    outside: tuple[str, ...]  # the folders out of the root that the file asks for


def read_settings(
    file: Fields, profile: Fields | None, env: CallerEnv, reading: Reading, allow_outside: bool, files: Files
) -> Chosen:
    """The settings as they hold for this call. What is wrong with them is recorded."""
    import glob

    given = _layer(profile, reading, _layer(file, reading, None))
    given = _from_caller(env, reading, given)
    usual, lock = Settings(), _lock(given)
    asked = _outside(given)
    quiet = given.get(schema.QUIET)
    settings = Settings(
        jobs=given.get(schema.JOBS),
        schedule=given.get(schema.SCHEDULE) or usual.schedule,
        keep_going=given.get(schema.KEEP_GOING) or usual.keep_going,
        ignore=(*_ignored(given), *((glob.escape(lock),) if lock is not None else ())),
        jobserver=given.get(schema.JOBSERVER) or usual.jobserver,
        log_keep=given.get(schema.LOG_KEEP) or usual.log_keep,
        lock=lock,
        orphans=given.get(schema.ORPHANS) or usual.orphans,
        clean_env=given.get(schema.CLEAN_ENV),
        outside=permission.allowed(asked, allow_outside, env, files, reading.problems),
        timezone=given.get(schema.TIMEZONE),
        state=_state(given),
        quiet=usual.quiet if quiet is None else quiet,
    )
    given.get(schema.EXECUTOR)  # there is one: what is written is checked, and that is all
    return Chosen(settings, given.get(schema.DEFAULT_SHELL), asked)


def check_settings(fields: Fields) -> None:
    """Says what is wrong with the settings of a profile that is not chosen."""
    given = _layer(fields, fields.reading, None)
    for key in schema.SETTINGS_KEYS.keys:
        given.get(key)


def _layer(of: Fields | None, reading: Reading, below: Fields | None) -> Fields:
    nothing = below or Fields({}, reading)
    value = of.get(schema.SETTINGS) if of is not None else None
    if value is None:
        return nothing
    try:
        return Fields.of(schema.SETTINGS_KEYS, value, reading, below)
    except Unreadable:
        return nothing


def _from_caller(env: CallerEnv, reading: Reading, below: Fields) -> Fields:
    """The settings that the caller's environment gives, as if they were written."""
    found: dict[str, Entry] = {}
    for key in _FROM_CALLER:
        name = _VARIABLES.get(key.name, f"WAVEBUILD_{key.name.upper()}")
        text = env.get(name)
        if not text:
            continue
        problems = Problems(name)
        spot = _as_written(key, text)
        try:
            key.form.read(spot, Reading(problems))
        except Unreadable:
            for problem in problems.found():
                reading.problems.record(problem)
            continue
        found[key.name] = Entry(Scalar(text, '"', 0, 0), spot)
    return Fields(found, reading, fallback=below) if found else below


def _as_written(key: Key[object], text: str) -> Value:
    """A variable's text as a value: a list has its items apart by commas or blanks."""
    if not isinstance(key.form, Many):
        return Scalar(text, '"', 0, 0)
    return Series(tuple(Scalar(item, '"', 0, 0) for item in text.replace(",", " ").split()), 0, 0)


def _ignored(given: Fields) -> tuple[str, ...]:
    found = given.placed(schema.IGNORE)
    for pattern, place in found:
        try:
            paths.check_glob(pattern)
        except paths.PathProblem as problem:
            given.reading.refuse("bad-path", place, problem.message, problem.remedy)
    return tuple(pattern for pattern, _ in found)


def _lock(given: Fields) -> str | None:
    text = given.get(schema.LOCK)
    if text is None:
        return None
    spot, home = _spot(given, schema.LOCK), given.reading.home
    try:
        path = paths.file_inside(text, home)
    except paths.PathProblem as problem:
        given.reading.refuse("bad-path", spot, problem.message, problem.remedy)
        return None
    if text.endswith("/") or path.split("/")[0] in (".git", ".wavebuild") or path in home.wavefiles:
        given.reading.refuse("bad-path", spot, f"the lock file cannot be {word(text)}", "write lock: wavebuild.lock")
        return None
    return path


def _outside(given: Fields) -> tuple[str, ...]:
    root = given.reading.home.root
    found = []
    for text, place in given.placed(schema.OUTSIDE):
        folder = disk.placed(text, root)
        ways = ((root, folder), (disk.real(root), disk.real(folder)))
        if any(f"{here}/".startswith(f"{there.rstrip('/')}/") for here, there in ways):
            message = f"the folder {word(text)} holds the root itself"
            given.reading.refuse("bad-path", place, message, "name a folder beside the root, and nothing above it")
            continue
        if any(f"{there}/".startswith(f"{here.rstrip('/')}/") for here, there in ways):
            given.reading.refuse("bad-path", place, f"the folder {word(text)} lies in the root", "leave it out")
            continue
        found.append(folder)
    return tuple(found)


def _state(given: Fields) -> str | None:
    text = given.get(schema.STATE)
    if text is None:
        return None
    spot, root = _spot(given, schema.STATE), given.reading.home.root
    folder = disk.placed(text, root)
    parts = os.path.relpath(folder, root).split("/")
    if parts[0] != ".." and not any(part.startswith(".") and part != "." for part in parts):
        message = f"the state in {word(text)} would be taken for files of the project"
        remedy = "name a folder out of the root, or one with a leading dot"
        if spot.line:
            given.reading.refuse("bad-path", spot, message, remedy)
        else:
            given.reading.problems.record(Problem("bad-path", message, Place(_VARIABLES[schema.STATE.name]), remedy))
        return None
    return folder


def _spot(given: Fields, key: Key[object]) -> Spot:
    """Where a setting is written, in whatever layer."""
    layer: Fields | None = given
    while layer is not None:
        if (entry := layer.entry(key)) is not None:
            return entry.value
        layer = layer.fallback
    raise AssertionError(key.name)
