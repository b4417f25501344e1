"""The keys of a step whose values have parts or are paths: cwd, depfile, retries, limits, resources.

It does not know the step that they are of. What is wrong in them is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping

from wavebuild.declare import paths, schema
from wavebuild.declare.fields import Fields
from wavebuild.declare.forms import Reading, Whole
from wavebuild.declare.model import Limits, Retries
from wavebuild.declare.source import Spot, Unreadable, word
from wavebuild.declare.syntax import Scalar, Table

_NO_RETRIES = Retries()
_NO_LIMITS = Limits()


def folder(fields: Fields, reading: Reading, name: Scalar) -> str:
    found = fields.where(schema.CWD, reading)
    if found is None:
        return reading.home.folder
    layer, there = found
    text, spot = layer.own(schema.CWD, there), layer.spot(schema.CWD) or name
    if text is None:
        return ""
    try:
        return paths.folder(text, there.home)
    except paths.PathProblem as problem:
        there.refuse("bad-path", spot, problem.message, problem.remedy)
        return ""


def depfile(fields: Fields, reading: Reading, name: Scalar) -> str | None:
    where = fields.where(schema.DEPFILE, reading)
    text = where and where[0].own(schema.DEPFILE, where[1])
    if where is None or text is None:
        return None
    there, spot = where[1], where[0].spot(schema.DEPFILE) or name
    try:
        found = paths.normal(text, there.home)
        if found.is_directory:
            raise paths.PathProblem(f"the depfile {word(text)} is a folder", "name the file that the command writes")
        paths.refuse_as_output(found, there.home)
    except paths.PathProblem as problem:
        there.refuse("bad-path", spot, problem.message, problem.remedy)
        return None
    return found.path


def retries(fields: Fields, reading: Reading) -> Retries:
    found = fields.where(schema.RETRIES, reading)
    value = found and found[0].own(schema.RETRIES, found[1])
    if found is None or value is None:
        return _NO_RETRIES
    there = found[1]
    try:
        value = there.filled(value)
        if not isinstance(value, Table):
            return Retries(Whole(0).read(value, there))
        told = Fields.of(schema.RETRY, value, there)
    except Unreadable:
        return _NO_RETRIES
    times = told.get(schema.TIMES)
    if not told.has(schema.TIMES) and told.sound:
        there.refuse("missing-key", value, "retries need 'times'", "write retries: {times: 3, delay: 10s}")
    causes = tuple(cause if cause == "timeout" else int(cause) for cause in told.get(schema.ON) or ())
    if any(isinstance(cause, int) and cause > 255 for cause in causes):
        there.refuse("out-of-range", told.spot(schema.ON) or value, "an exit code is at most 255")
    return Retries(times or 0, told.get(schema.DELAY) or 0.0, causes)


def limits(fields: Fields, reading: Reading) -> Limits:
    """Merged by key, the step's own over the category's and those over the defaults'."""
    found: dict[str, int | None] = {}
    for layer, there in fields.layers(reading):
        value = layer.own(schema.LIMITS, there)
        if value is None:
            continue
        try:
            told = Fields.of(schema.LIMIT, there.filled(value), there)
        except Unreadable:
            continue
        found |= {key.name: told.get(key) for key in (schema.MOST_MEMORY, schema.MOST_OUTPUT) if told.has(key)}
    return Limits(**found) if found else _NO_LIMITS


def resources(fields: Fields, reading: Reading, capacities: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    found: dict[str, tuple[int, Spot]] = {}
    for layer, inside in fields.layers(reading):
        found |= layer.own(schema.RESOURCES, inside) or {}
    for name, (number, spot) in found.items():
        there = capacities.get(name, 1)
        if number > there and name != "cpus":
            message = f"{number} of {word(name)}, but there is only {there}"
            reading.refuse("out-of-range", spot, message, f"at the top: resources: {{{name}: {number}}}")
    return tuple(sorted((name, number) for name, (number, _) in found.items()))
