"""A pipeline with `stages:`: who does what, after whom, and what score is enough; strict, with places.

It does not know who the agents are, nor what becomes of the stages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from wavebuild.declare import schema, syntax
from wavebuild.declare.fields import Fields, Key, Section
from wavebuild.declare.forms import Fraction, Label, Many, Names, Prose, Reading, Unread, Whole
from wavebuild.declare.source import Problems, Spot, Unreadable, word
from wavebuild.declare.syntax import Scalar, Series, Table, Value
from wavebuild.errors import Place, Problem, did_you_mean

_TITLE = Key("name", Label("a name"), "what the pipeline is called")
_ABOUT = Key("description", Prose(may_be_empty=True), "what it is for")
_POLICY = Key("policy", Unread(lambda _: {}), "when a score is enough")
_STAGES = Key("stages", Unread(lambda _: {}), "the stages, in any order")
_PIPELINE = Section("a pipeline", (_TITLE, _ABOUT, _POLICY, _STAGES))

_VERSION = Key("version", Whole(1), "1")
_THRESHOLDS = Key("score_thresholds", Names(Fraction(), schema.CATEGORY_NAME), "by category, and `default`")
_POLICY_BODY = Section("a policy", (_VERSION, _THRESHOLDS))

_NAME = Key("name", schema.STEP_NAME, "what the stage is called")
_CATEGORY = Key("category", Label("a category"), "which score is enough for it")
_AGENT = Key("agent", Label("the name of an agent"), "who does it")
_ADVISOR = Key("advisor", Label("the name of an advisor"), "who judges what came of it")
_TASK = Key("task", Prose(), "what is to be done; {key} is filled from the memory")
_RETRIES = Key("max_retries", Whole(0), "how often it is done again when it was rejected")
_AFTER = Key("depends_on", Many(Label("the name of a stage")), "stages that come before it")
_STAGE = Section("a stage", (_NAME, _CATEGORY, _AGENT, _ADVISOR, _TASK, _RETRIES, _AFTER))
_NEEDED = (_NAME, _AGENT, _TASK)


class Stage(Struct, frozen=True):
    """One stage. ``after``: the names of the stages that it waits for, with their places."""

    name: str
    agent: str
    task: str
    place: Place
    category: str | None = None
    advisor: str | None = None
    retries: int = 0
    after: tuple[tuple[str, Place], ...] = ()


class Stages(Struct, frozen=True):
    """A whole pipeline: its stages in file order, and the scores that are enough, by category."""

    stages: tuple[Stage, ...]
    thresholds: Mapping[str, float]
    title: str | None = None
    unknown: tuple[Problem, ...] = ()  # keys that mean nothing, where they are let pass


def read_stages(text: str, file: str, lenient: bool = False) -> Stages:
    """The pipeline that a text says. Raises WavebuildError with every problem, each with its place.

    ``lenient``: unknown keys are no problems, but are told.
    """
    problems = Problems(file, text)
    reading = Reading(problems, templates=False)
    found = None
    with contextlib.suppress(Unreadable):
        found = _pipeline(syntax.parse(text, problems), reading, lenient)
    problems.raise_if_any()
    assert found is not None
    return found


def _pipeline(value: Value | None, reading: Reading, lenient: bool) -> Stages:
    if value is None:
        raise reading.refuse("empty", Place("", 1, 1), "the file is empty", "stages: [{name: …, agent: …, task: …}]")
    unknown: list[Problem] = []
    fields = _fields(_PIPELINE, value, reading, unknown if lenient else None)
    thresholds: Mapping[str, float] = {}
    policy = fields.get(_POLICY)
    if policy is not None:
        body = _fields(_POLICY_BODY, policy, reading, unknown if lenient else None)
        version = body.get(_VERSION)
        if version is not None and version != 1 and (spot := body.spot(_VERSION)):
            reading.refuse("bad-version", spot, f"this is version 1 of the policy, not {version}")
        thresholds = body.get(_THRESHOLDS) or {}
    listed = fields.get(_STAGES)
    if not isinstance(listed, Series):
        if listed is None:
            where: Spot = fields.spot(_STAGES) or Place("", value.line, value.column)
            raise reading.refuse("no-stages", where, "there are no stages", "stages: [{name: …, agent: …, task: …}]")
        raise reading.unexpected(listed, "a list of stages")
    if not listed.items:
        raise reading.refuse("no-stages", listed, "the list of stages is empty")
    stages = [one for item in listed.items if (one := _stage(item, reading, unknown if lenient else None))]
    if not len(reading.problems):
        for problem in wrong_order(stages):
            reading.problems.record(problem)
    return Stages(tuple(stages), thresholds, fields.get(_TITLE), tuple(unknown))


def _fields(section: Section, value: Value, reading: Reading, unknown: list[Problem] | None) -> Fields:
    """The keys of a mapping; unknown ones are told to ``unknown``, else they are problems."""
    if unknown is None or not isinstance(value, Table):
        return Fields.of(section, value, reading)
    known = {}
    for name, entry in value.entries.items():
        if name in section.names:
            known[name] = entry
        else:
            place = reading.problems.place(entry.key)
            message = f"{word(name)} in {section.what} means nothing here, and was ignored"
            remedy = section.remedy(name)
            line = reading.problems.line(entry.key.line)
            unknown.append(Problem("ignored-key", message, place, remedy, line, (), "warning"))
    return Fields(known, reading)


def _stage(item: Value, reading: Reading, unknown: list[Problem] | None) -> Stage | None:
    try:
        fields = _fields(_STAGE, item, reading, unknown)
    except Unreadable:
        return None
    before = len(reading.problems)
    name, agent, task = (fields.get(key) for key in _NEEDED)
    for key in _NEEDED:
        if not fields.has(key):
            reading.refuse("missing-key", item, f"a stage needs {key.name!r}", f"{key.name}: …")
    category, advisor, retries = fields.get(_CATEGORY), fields.get(_ADVISOR), fields.get(_RETRIES)
    after = tuple(fields.placed(_AFTER))
    if len(reading.problems) > before or name is None or agent is None or task is None:
        return None
    entry = fields.entry(_NAME)
    place = reading.problems.place(entry.value if entry and isinstance(entry.value, Scalar) else item)
    return Stage(name, agent, task, place, category, advisor, retries or 0, after)


def wrong_order(stages: Sequence[Stage]) -> Iterator[Problem]:
    """Names that are given twice or to nobody, and loops."""
    known: dict[str, Stage] = {}
    for stage in stages:
        before = known.setdefault(stage.name, stage)
        if before is not stage:
            message = f"a stage {word(stage.name)} exists already, at {before.place}"
            yield Problem("duplicate-step", message, stage.place, "give one of them another name", also=(before.place,))
    for stage in stages:
        for name, place in stage.after:
            if name not in known:
                remedy = did_you_mean(name, known)
                yield Problem(
                    "unknown-step", f"stage {word(stage.name)} depends on {word(name)}: no such stage", place, remedy
                )
    after = {stage.name: [name for name, _ in stage.after if name in known] for stage in stages}
    if loop := _loop(after):
        message = f"these stages wait for each other: {' → '.join([*loop, loop[0]])}"
        yield Problem("cycle", message, known[loop[0]].place, "take out one of the dependencies")


def layers(after: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """The wave of each name, from 0: one more than the last of those it comes after. There must be no loop."""
    waves: dict[str, int] = {}
    left = {name: list(before) for name, before in after.items()}
    while left:
        ready = [name for name, before in left.items() if all(one in waves for one in before)]
        assert ready, "a loop"
        for name in ready:
            waves[name] = max((waves[one] + 1 for one in left.pop(name)), default=0)
    return waves


def _loop(after: Mapping[str, Sequence[str]]) -> list[str]:
    """One loop, or nothing: what is left when nobody who waits for none is left."""
    left = {name: [*before] for name, before in after.items()}
    while free := [name for name, before in left.items() if not any(one in left for one in before)]:
        for name in free:
            del left[name]
    if not left:
        return []
    path = [next(iter(left))]
    while True:
        following = next(one for one in left[path[-1]] if one in left)
        if following in path:
            return path[path.index(following) :][::-1]
        path.append(following)
