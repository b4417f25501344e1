"""A Wavefile from its path to its model, or all that is wrong with it.

It does not know how the steps are joined, nor whether their files exist.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.declare import agents, categories, chapters, memory, nested, schema, steps, variables
from wavebuild.declare.chapters import Book, Chapter
from wavebuild.declare.contents import Contents
from wavebuild.declare.fields import Fields
from wavebuild.declare.forms import Reading
from wavebuild.declare.model import Artifact, Check, Initial, Kind, Probe, Step, Wavefile
from wavebuild.declare.paths import Home
from wavebuild.declare.probes import check_probes, read_probes
from wavebuild.declare.profiles import Profile, chosen_profile
from wavebuild.declare.settings import Chosen, read_settings
from wavebuild.declare.source import Unreadable, word
from wavebuild.declare.syntax import Scalar, Series, Table, Value
from wavebuild.declare.templates import Scope
from wavebuild.declare.variables import CallerEnv, Overrides
from wavebuild.errors import Place, Problem, did_you_mean
from wavebuild.later import Later

if TYPE_CHECKING:
    from wavebuild.declare import instances
else:  # it is needed where a step is repeated
    instances = Later("wavebuild.declare.instances")

_NOTHING: Mapping[str, str] = MappingProxyType({})
LONGEST_NAME = 100


def load(
    path: str,
    overrides: Sequence[tuple[str, str]] = (),
    environ: Mapping[str, str] = _NOTHING,
    profile: str | None = None,
    contents: Contents | None = None,
    memory: Sequence[tuple[str, str]] = (),
    allow_outside: bool = False,
) -> Wavefile:
    """The Wavefile at an absolute path. Raises WavebuildError with every problem, by place.

    ``contents``: what is known of the files by which steps are repeated and inputs listed. ``allow_outside``:
    outputs may lie in the folders of `settings.outside`, whatever the user's configuration says.
    """
    return loaded(path, None, overrides, environ, profile, contents, memory, allow_outside)


def loaded(
    path: str,
    content: bytes | None,
    overrides: Sequence[tuple[str, str]] = (),
    environ: Mapping[str, str] = _NOTHING,
    profile: str | None = None,
    contents: Contents | None = None,
    memory: Sequence[tuple[str, str]] = (),
    allow_outside: bool = False,
) -> Wavefile:
    """Like `load`; with a content, that of a Wavefile that would stand at this path."""
    with uncollected():
        contents = contents or Contents()
        book = chapters.read(path, content, contents.files)
        env = CallerEnv(environ)
        wavefile = _wavefile(book, overrides, env, profile, contents, memory, allow_outside)
    book.raise_if_any()
    assert wavefile is not None
    return wavefile


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing that loading makes is garbage, and looking for it doubles the time of a large file."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _wavefile(
    book: Book,
    overrides: Sequence[tuple[str, str]],
    env: CallerEnv,
    wanted: str | None,
    contents: Contents,
    given: Sequence[tuple[str, str]],
    allow_outside: bool,
) -> Wavefile | None:
    home = Home(book.root, "", frozenset(chapter.file for chapter in book.chapters))
    read = {chapter.file: fields for chapter in book.chapters if (fields := _fields(chapter, home)) is not None}
    first = book.chapters[0]
    top = read.get(first.file)
    if top is None:
        return None
    profile = chosen_profile(top, wanted)
    chosen = read_settings(top, profile.fields, env, top.reading, allow_outside, book.files)
    if chosen.outside:
        read = {file: _allowing(fields, chosen) for file, fields in read.items()}
    assembly = _Assembly(book, read, profile, chosen, env, Overrides(overrides), contents, given)
    return assembly.wavefile()


def _fields(chapter: Chapter, home: Home) -> Fields | None:
    reading = Reading(chapter.problems, replace(home, folder=chapter.folder) if chapter.folder else home)
    try:
        return Fields.of(schema.WAVEFILE, chapter.value, reading)
    except Unreadable:
        return None


def _allowing(fields: Fields, chosen: Chosen) -> Fields:
    reading = fields.reading
    home = replace(reading.home, outside=chosen.outside, allowed=chosen.settings.outside)
    return fields.within(Reading(reading.problems, home))


class _Assembly(Struct):
    """The parts of a Wavefile while they are put together; ``read``: the keys of every file, by its name."""

    book: Book
    read: Mapping[str, Fields]
    profile: Profile
    chosen: Chosen
    env: CallerEnv
    overrides: Overrides
    contents: Contents
    given: Sequence[tuple[str, str]]  # the pairs of `--mem`

    def wavefile(self) -> Wavefile:
        capacities = self._capacities()
        around: dict[str, steps.Surroundings] = {}
        asked = _Probes(self.book)
        for chapter in self._chapters():
            outer = around.get(chapter.outer.file) if chapter.outer else None
            around[chapter.file] = self._surroundings(chapter, outer, capacities)
            asked.take(chapter, self.read[chapter.file], around[chapter.file])
        self.overrides.refuse_unknown(self._top.reading.problems)
        found, absent = self._steps(around, asked)
        asked.check(found)
        self._refuse_secrets_in_templates(found, list(around.values()))
        settings = self.chosen.settings
        nested.refuse_claims(found, self.book)
        return Wavefile(
            root=self.book.root,
            file=self.book.chapters[0].file,
            steps=tuple(found),
            name=self._top.get(schema.NAME),
            settings=settings,
            resources=tuple(sorted(capacities.items())),
            targets=self._targets(),
            files=tuple(self.book.files.sought),
            env_read=tuple(sorted(self.env.read.items())),
            profile=self.profile.name,
            absent=tuple(absent.items()),
            probes=tuple(asked.probes),
            mem=self._memory(around),
            notes=tuple(self._notes()),
        )

    @property
    def _top(self) -> Fields:
        return self.read[self.book.chapters[0].file]

    def _chapters(self) -> Iterator[Chapter]:
        """Those that can be read at all."""
        return (chapter for chapter in self.book.chapters if chapter.file in self.read)

    # --- what the steps of a file see

    def _surroundings(
        self, chapter: Chapter, outer: steps.Surroundings | None, capacities: Mapping[str, int]
    ) -> steps.Surroundings:
        fields = self.read[chapter.file]
        _check_version(fields)
        layers = self._layers(fields)
        scope = self._variables(layers, outer)
        reading = fields.reading.within(scope)
        defaults = _defaults(fields, reading, outer.defaults if outer else None)
        found = categories.read_categories(layers, reading, defaults, outer.categories if outer else None)
        secrets = fields.get(schema.SECRETS) or ()
        acting = agents.read_bodies(
            fields.get(schema.AGENTS), schema.AGENT_BODY, reading, outer.agents if outer else agents.NONE
        )
        judging = agents.read_bodies(
            fields.get(schema.ADVISORS), schema.ADVISOR_BODY, reading, outer.advisors if outer else agents.NONE
        )
        shared = (defaults, *found.keys.values(), *acting.values(), *judging.values())
        return steps.Surroundings(
            fields.reading,
            scope,
            defaults=defaults,
            env=_environment(layers, reading, outer),
            shell=self.chosen.shell,
            capacities=capacities,
            categories=found,
            secrets=tuple(dict.fromkeys((*(outer.secrets if outer else ()), *secrets))),
            caller=self.env,
            prefix=chapter.prefix,
            contents=self.contents,
            lends=frozenset().union(*(layer.given for layer in (defaults, *found.keys.values()) if layer is not None)),
            agents=acting,
            advisors=judging,
            templates=any(layer.templates for layer in shared if layer is not None),
        )

    def _layers(self, fields: Fields) -> tuple[Fields, ...]:
        """The keys of a file, and over those of the first one the profile's."""
        over = self.profile.fields
        return (fields, over) if fields is self._top and over is not None else (fields,)

    def _variables(self, layers: Sequence[Fields], outer: steps.Surroundings | None) -> Scope:
        names = outer.variables if outer else Scope({"profile": self.profile.name}, frozenset(("profile",)))
        reading = layers[0].reading
        given = [(entry.value, reading) for layer in layers if (entry := layer.entry(schema.VARS))]
        return variables.evaluate(variables.written(given, self.book.files), self.overrides, self.env, names, reading)

    def _capacities(self) -> dict[str, int]:
        """What there is of each resource: one space, where the files around win."""
        found: dict[str, int] = {}
        for chapter in reversed(list(self._chapters())):
            for layer in self._layers(self.read[chapter.file]):
                found |= _capacities(layer)
        return found

    def _memory(self, around: Mapping[str, steps.Surroundings]) -> tuple[Initial, ...]:
        """The initial values of the shared memory: one space, where the files around win, and `--mem` over all."""
        found: dict[str, Initial] = {}
        for chapter in reversed(list(self._chapters())):
            fields = self.read[chapter.file]
            entry = fields.entry(schema.MEM)
            if entry is not None:
                with suppress(Unreadable):
                    reading = fields.reading.within(around[chapter.file].variables)
                    found |= memory.initial_values(schema.MEMORY_VALUES.placed(entry.value, reading), reading)
        found |= memory.given_values(self.given, found.keys(), self._top.reading.problems)
        return tuple(found[key] for key in sorted(found))

    def _targets(self) -> tuple[tuple[str, Place], ...]:
        given = [layer for layer in self._layers(self._top) if layer.entry(schema.TARGETS)]
        return tuple(given[-1].placed(schema.TARGETS)) if given else ()

    # --- the steps

    def _steps(self, around: Mapping[str, steps.Surroundings], asked: _Probes) -> tuple[list[Step], dict[str, Place]]:
        """The steps of all files, those of an included file first; and those that do not exist."""
        known: dict[str, Place] = {}
        found: list[tuple[Chapter, list[Step]]] = []
        absent: dict[str, Place] = {}
        for chapter in self._inner_first():
            there = around[chapter.file]
            of_file: list[Step] = []
            for name, body in self._bodies(chapter):
                self._note_name(name, chapter, known)
                named = _named(name, body, there)
                missing = steps.absence(body, there)
                if missing is not None:
                    absent[chapter.prefix + name.text] = missing
                else:
                    of_file += named
            found.append((chapter, of_file))
        resolved = [self._resolved(step, chapter, known, absent, asked) for chapter, all_of in found for step in all_of]
        return resolved, absent

    def _inner_first(self) -> list[Chapter]:
        """The files, each behind those that it includes."""
        inner: dict[str, list[Chapter]] = {}
        for chapter in self._chapters():
            inner.setdefault(chapter.outer.file if chapter.outer else "", []).append(chapter)

        def of(chapter: Chapter) -> Iterator[Chapter]:
            for one in inner.get(chapter.file, ()):
                yield from of(one)
            yield chapter

        return [chapter for first in inner.get("", ()) for chapter in of(first)]

    def _bodies(self, chapter: Chapter) -> Iterator[tuple[Scalar, Value]]:
        """The names of a file's steps, and what they say; each is let go of as it is taken: a text is large."""
        fields = self.read[chapter.file]
        value = fields.get(schema.STEPS)
        entry = fields.entry(schema.STEPS)
        if entry is None or (isinstance(value, Table) and not value.entries):
            # Where something is misread, the steps may be just that.
            if not len(chapter.problems) and not fields.entry(schema.INCLUDE):
                spot = fields.entries["steps"].key if "steps" in fields.entries else None
                chapter.problems.add("no-steps", spot, "there are no steps", "steps: {NAME: {run: COMMAND}}")
            return
        if not isinstance(value, Table):
            if value is not None:
                wanted = "a mapping from names to steps"
                fields.reading.unexpected(value, wanted, "steps:\n  NAME:\n    run: COMMAND")
            return
        for name in list(value.entries):
            entry = value.entries.pop(name)
            yield entry.key, entry.value

    def _note_name(self, name: Scalar, chapter: Chapter, known: dict[str, Place]) -> None:
        whole = chapter.prefix + name.text
        place = chapter.problems.place(name)
        before = known.setdefault(whole, place)
        if before is not place:
            message = f"the step {word(whole)} exists already, at {before}"
            chapter.problems.add("duplicate-step", name, message, "include one of them with `as: PREFIX`", (before,))
        elif len(whole) > LONGEST_NAME and chapter.prefix:
            message = f"the name {word(whole)} has more than {LONGEST_NAME} signs"
            chapter.problems.add("bad-text", name, message, "choose a shorter prefix")

    def _resolved(
        self, step: Step, chapter: Chapter, known: Mapping[str, Place], absent: Mapping[str, Place], asked: _Probes
    ) -> Step:
        """The step with whole names where it speaks of others: looked for in its own file first, then around it."""
        speaks = _speak(step.inputs) or _speak(step.outputs) or _speak(step.gate_inputs)
        if not step.needs and not speaks:
            return step

        def whole(name: str, place: Place) -> str:
            base, at, instance = name.partition("@")
            found = next((prefix + base for prefix in chapter.prefixes if prefix + base in known), None)
            if found is None and self.book.whole:
                remedy = did_you_mean(name, _names_seen(chapter, known))
                self.book.refuse("unknown-step", place, f"no step is called {word(name)}", remedy)
            elif found is not None and found in absent:
                message = f"the step {word(found)} does not exist here: its `when` at {absent[found]} is false"
                self.book.refuse("absent-step", place, message, "give this step the same `when`", (absent[found],))
            return (found or base) + at + instance

        def of(artifact: Artifact) -> Artifact:
            if artifact.kind is Kind.STEP:
                return replace(artifact, path=whole(artifact.path, artifact.place))
            if artifact.kind is Kind.PROBE:
                return replace(artifact, path=asked.whole(artifact.path, chapter))
            return artifact

        def all_of(artifacts: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
            return tuple(map(of, artifacts)) if _speak(artifacts) else artifacts

        inputs, outputs = all_of(step.inputs), all_of(step.outputs)
        needs = tuple((whole(name, place), place) for name, place in step.needs)
        checks = tuple(Check(check.action, all_of(check.inputs)) for check in step.checks)
        review = step.review and replace(step.review, inputs=all_of(step.review.inputs))
        found = (inputs, outputs, needs, checks, review)
        if found == (step.inputs, step.outputs, step.needs, step.checks, step.review):
            return step
        return replace(step, inputs=inputs, outputs=outputs, needs=needs, checks=checks, review=review)

    # --- what is said besides

    def _refuse_secrets_in_templates(self, found: Sequence[Step], around: Sequence[steps.Surroundings]) -> None:
        secrets = {name for there in around for name in there.secrets} | {
            name for step in found for name in step.secrets
        }
        for name in sorted(secrets & self.env.read.keys()):
            message = f"a template reads the secret {word(name)}, which would put it into fingerprints and traces"
            remedy = f"a command reads it as ${name}"
            self._top.reading.problems.add("secret-in-template", None, message, remedy)
        for step in found:
            tracked = (*step.inputs, *step.gate_inputs)
            for artifact in tracked:
                # Of a secret of its own each step says so itself.
                if artifact.kind is Kind.ENV and artifact.path in secrets.difference(step.secrets):
                    message = (
                        f"{word(artifact.path)} is a secret of another step, and an input would put it into the trace"
                    )
                    self._top.reading.problems.record(
                        Problem("secret-told", message, artifact.place, "remove it from the inputs")
                    )

    def _notes(self) -> Iterator[Problem]:
        """What an included file says that counts only when it is built by itself."""
        for chapter in self._chapters():
            for key in (schema.SETTINGS, schema.PROFILES, schema.TARGETS) if chapter.outer else ():
                if spot := self.read[chapter.file].spot(key):
                    message = f"'{key.name}' of an included file is ignored"
                    place, line = chapter.problems.place(spot), chapter.problems.line(spot.line)
                    yield Problem("ignored-key", message, place, "it counts in the first file", line, (), "warning")


class _Probes:
    """The probes of all files, under whole names, as the steps are."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._names: dict[str, Place] = {}  # also of those with which something is wrong
        self.probes: list[Probe] = []

    def take(self, chapter: Chapter, fields: Fields, around: steps.Surroundings) -> None:
        """Reads those of a file."""
        value = fields.get(schema.PROBES)
        if isinstance(value, Table):
            for key, _ in value.pairs():
                self._note(key, chapter)
        reading = fields.reading.within(around.variables)
        for probe in read_probes(value, reading, around.env, around.shell, chapter.folder):
            self.probes.append(replace(probe, name=chapter.prefix + probe.name) if chapter.prefix else probe)

    def _note(self, name: Scalar, chapter: Chapter) -> None:
        place = chapter.problems.place(name)
        before = self._names.setdefault(chapter.prefix + name.text, place)
        if before is not place:
            message = f"the probe {word(chapter.prefix + name.text)} exists already, at {before}"
            chapter.problems.add("duplicate-probe", name, message, "include one of them with `as: PREFIX`", (before,))

    def whole(self, name: str, chapter: Chapter) -> str:
        """The whole name of a probe that a file speaks of."""
        return next((prefix + name for prefix in chapter.prefixes if prefix + name in self._names), name)

    def check(self, found: Sequence[Step]) -> None:
        """Says which probes do not exist, or are named wrongly."""
        check_probes(found, self.probes, self._names, self._book.refuse)


def _speak(artifacts: tuple[Artifact, ...]) -> bool:
    """Whether some of these speak of a step or a probe by its name."""
    for artifact in artifacts:  # noqa: SIM110  (done for every step: twice as fast as any())
        if artifact.kind is Kind.STEP or artifact.kind is Kind.PROBE:
            return True
    return False


def _names_seen(chapter: Chapter, known: Mapping[str, Place]) -> Iterator[str]:
    """The names of steps as this file may write them."""
    for name in known:
        for prefix in chapter.prefixes:
            if prefix and name.startswith(prefix):
                yield name[len(prefix) :]
        yield name


def _check_version(fields: Fields) -> None:
    version = fields.get(schema.VERSION)
    entry = fields.entry(schema.VERSION)
    if version is not None and version != "1" and entry:
        message = f"this wavebuild reads version 1 of the language, not {word(version)}"
        fields.reading.refuse("bad-version", entry.value, message, "write wavefile: 1, or leave it out")


def _capacities(fields: Fields) -> dict[str, int]:
    capacities = fields.get(schema.CAPACITIES) or {}
    entry = fields.entry(schema.CAPACITIES)
    if "cpus" in capacities and entry and isinstance(entry.value, Table):
        spot = entry.value.entries["cpus"].key
        fields.reading.refuse("name-clash", spot, "'cpus' is built in: there are as many as jobs", "set settings.jobs")
    return capacities


def _environment(layers: Sequence[Fields], reading: Reading, outer: steps.Surroundings | None) -> Mapping[str, str]:
    found = dict(outer.env or {}) if outer else {}
    for layer in layers:
        found |= layer.get(schema.ENV, reading) or {}
    return found


def _defaults(fields: Fields, reading: Reading, outer: Fields | None) -> Fields | None:
    value = fields.get(schema.DEFAULTS)
    if value is None:
        return outer
    try:
        given = Fields.of(schema.STEP, value, reading, outer, for_many=True)
    except Unreadable:
        return outer
    for key in (schema.FOREACH, schema.WITHOUT):
        if (misplaced := given.spot(key)) is not None:
            given.reading.refuse("bad-key", misplaced, f"'{key.name}' belongs to one step", "move it there")
    categories.refuse_several_actions(given, "the defaults have several")
    return given


def _named(name: Scalar, body: Value, around: steps.Surroundings) -> list[Step]:
    """The step; of one with `foreach` a group of its name, and its instances, if they are known yet."""
    with suppress(Unreadable):
        schema.STEP_NAME.read(name, around.reading)
    if name.text in schema.STEP.names and isinstance(body, Scalar | Series):
        message = f"'{name.text}' stands where the names of steps do"
        around.reading.refuse("wrong-type", name, message, "it is a key of a step: indent it below the step's name")
        return []
    entry = body.entries.get(schema.FOREACH.name) if isinstance(body, Table) else None
    if entry is not None and not (isinstance(entry.value, Scalar) and entry.value.is_null):
        return instances.repeated(name, body, around)
    step = steps.read_step(name, body, around)
    return [step] if step is not None else []
