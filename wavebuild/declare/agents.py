"""Agents and advisors: who is given prompts, and who judges what came of them.

It does not know which steps call on them, nor what their commands do.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wavebuild.declare import schema
from wavebuild.declare.contents import Contents
from wavebuild.declare.fields import Fields, Section
from wavebuild.declare.forms import Reading
from wavebuild.declare.model import Artifact, Text
from wavebuild.declare.source import Problems, Unreadable, word
from wavebuild.declare.syntax import Scalar, Table, Value
from wavebuild.declare.templates import AlreadySaid, Scope, prompt_of
from wavebuild.errors import Place, did_you_mean

Bodies = Mapping[str, Fields]
"""By name, the keys of each."""

NONE: Bodies = MappingProxyType({})

ENOUGH = 0.85
"""The score that is enough where nothing else is said."""


def read_bodies(value: Value | None, section: Section, reading: Reading, outer: Bodies) -> Bodies:
    """The agents, or the advisors, of a file, and those of the files around it that it has not."""
    if value is None:
        return outer
    if not isinstance(value, Table):
        reading.unexpected(value, f"a mapping from names to what {section.what} is")
        return outer
    found = dict(outer)
    for key, body in value.pairs():
        try:
            name = schema.AGENT_NAME.read(key, reading.within(None))
            found[name] = Fields.of(section, body, reading)
        except Unreadable:
            found[key.text] = Fields({}, reading, sound=False)
            continue
        _check_one_way(key, found[name], section)
    return found


def _check_one_way(key: Scalar, fields: Fields, section: Section) -> None:
    has_run, has_call = fields.has(schema.RUN), fields.has(schema.CALL)
    if has_run == has_call and fields.sound:
        code = "two-actions" if has_run else "no-action"
        message = f"{section.what} has one of run and call" if has_run else f"{word(key.text)} needs run or call"
        fields.reading.refuse(code, key, message, "keep one" if has_run else "give it a command: run: …")
    if has_run and (spot := fields.spot(schema.ARGUMENTS)):
        fields.reading.refuse(
            "no-action", spot, "'with' holds the arguments of a call", "write the values into the command"
        )


def called(name: str, bodies: Bodies, what: str, spot: Scalar, reading: Reading) -> Fields | None:
    """The keys of who is called so; None if nobody is, or if something is wrong with them: that is recorded.

    ``what``: in words, "agent" or "advisor".
    """
    found = bodies.get(name)
    if found is None:
        remedy = did_you_mean(name, bodies) or f"declare it: {what}s: {{{name}: {{run: COMMAND}}}}"
        reading.refuse(f"unknown-{what}", spot, f"no {what} is called {word(name)}", remedy)
        return None
    return found if found.sound and found.has(schema.RUN) != found.has(schema.CALL) else None


def text_in(file: Artifact, contents: Contents, scope: Scope, problems: Problems) -> Text:
    """The prompt that a file holds; empty while it is not known, or not there. What is wrong in it is recorded."""
    from wavebuild.declare.expressions import ExpressionError

    if file not in contents.known or not contents.is_there(file):
        return Text(())
    text = contents.text(file)
    try:
        return prompt_of(text, scope)
    except AlreadySaid:
        return Text(())
    except ExpressionError as error:
        there = Problems(file.path, text)
        spot = there.sought(error.snippet, Place(file.path, 1, 1), text.count("\n") + 1)
        there.add(error.code, spot, error.message, error.remedy)
        for problem in there.found():
            problems.record(problem)
        return Text(())
