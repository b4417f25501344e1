"""A step with `foreach`: the group that has its name, and its instances, each read with its own values.

It does not know where the values come from, nor how one step is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from wavebuild.declare import schema
from wavebuild.declare.fields import Fields
from wavebuild.declare.foreach import Repetition, instance_name, label, read_repetition
from wavebuild.declare.model import Step
from wavebuild.declare.source import word
from wavebuild.declare.steps import Part, Surroundings, read_step
from wavebuild.declare.syntax import Scalar, Value
from wavebuild.declare.templates import Scope


def repeated(name: Scalar, value: Value, around: Surroundings) -> list[Step]:
    """A group that has the name of the step, and its instances, if they are known yet."""
    fields = Fields.of(schema.STEP, value, around.reading.within(around.variables), around.defaults)
    taken = dict.fromkeys((*around.variables.values, *around.variables.broken))
    found = read_repetition(fields, around.contents, taken)
    if found is None:
        return []
    pattern = _pattern(name, value, around, found.variables)
    if pattern is None or found.unread:
        if pattern is None:
            return []
        unread = (*found.unread, *pattern.unread)
        return [replace(pattern, expands=True, awaits=(*found.awaits, *pattern.awaits), unread=unread)]
    instances = _instances(name, value, around, found)
    return [_standing_for(pattern, instances), *instances]


def _pattern(name: Scalar, value: Value, around: Surroundings, variables: Sequence[str]) -> Step | None:
    """The step with ``*`` for every variable: what its instances read and make lies in what it does."""
    scope = around.variables
    unknown = Scope(scope.values, scope.own, scope.broken.union(variables), wild=frozenset(variables))
    return read_step(name, value, around, unknown)


def _instances(name: Scalar, value: Value, around: Surroundings, found: Repetition) -> list[Step]:
    """Each combination's step; after the first that something is wrong with, the rest would say the same."""
    instances: dict[str, Step] = {}
    for assignment in found.assignments:
        before = len(around.reading.problems)
        full = Scalar(instance_name(name.text, assignment), "", name.line, name.column)
        if full.text in instances:
            around.reading.refuse("duplicate-key", name, f"foreach makes two instances called {word(full.text)}")
            break
        values = tuple((variable, label(one)) for variable, one in assignment.items())
        part = Part(name.text, values, found.awaits)
        step = read_step(full, value, around, around.variables.beside(assignment), part)
        if step is not None:
            instances[full.text] = step
        if len(around.reading.problems) > before:
            break
    return list(instances.values())


def _standing_for(pattern: Step, instances: Sequence[Step]) -> Step:
    """The group that has the name of a repeated step."""
    return Step(
        name=pattern.name,
        place=pattern.place,
        needs=tuple((step.name.removeprefix(step.prefix), pattern.place) for step in instances),
        title=pattern.title,
        phase=pattern.phase,
        tags=pattern.tags,
        on_demand=pattern.on_demand,
        category=pattern.category,
        folder=pattern.folder,
        prefix=pattern.prefix,
    )
