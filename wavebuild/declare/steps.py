"""One step of the Wavefile: its keys, with the defaults under them, as a model.

It does not know the other steps.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from wavebuild.declare import schema
from wavebuild.declare.agents import ENOUGH, NONE, Bodies, called, text_in
from wavebuild.declare.artifacts import listed
from wavebuild.declare.categories import NO_CATEGORIES, Categories
from wavebuild.declare.contents import Contents, awaited
from wavebuild.declare.fields import Fields, Key
from wavebuild.declare.fitting import Fitting
from wavebuild.declare.forms import Command, Reading
from wavebuild.declare.model import (
    Action,
    Argument,
    Artifact,
    Call,
    Check,
    Json,
    Kind,
    Manual,
    Prompt,
    Review,
    Run,
    ShellName,
    Step,
)
from wavebuild.declare.source import Spot, Unreadable, word
from wavebuild.declare.syntax import Scalar, Series, Table, Value
from wavebuild.declare.templates import HOLES, RESERVED, Scope
from wavebuild.declare.variables import CallerEnv
from wavebuild.errors import Place, WavebuildError, did_you_mean
from wavebuild.later import Later

if TYPE_CHECKING:
    from wavebuild.declare import details
else:  # few steps need it
    details = Later("wavebuild.declare.details")

_GIVEN_TO_CALLS = frozenset(("inputs", "outputs", "mem", "feedback"))
_TITLES = (schema.TITLE, schema.PHASE, schema.TAGS)
_AS_GIVEN: tuple[Key[Any], ...] = (
    *_TITLES,
    schema.TIMEOUT,
    schema.CONSOLE,
    schema.ON_DEMAND,
    schema.ALWAYS,
    schema.MAX_AGE,
    schema.MIN_AGE,
    schema.FRESHNESS,
    schema.ON_EDIT,
    schema.ESTIMATE,
    schema.SCRATCH,
)
"""Keys whose value the step holds under the same name, as it is given."""
_READ_ALWAYS = frozenset(
    key.name
    for key in (
        *(schema.INPUTS, schema.OUTPUTS, schema.UPDATES, schema.NEEDS, schema.RUN, schema.CALL, schema.MANUAL),
        *(schema.CHECKS, schema.CODE, schema.STEP_ENV, schema.STEP_SECRETS, schema.CWD, schema.SHELL, schema.WITH),
        *(schema.CATEGORY, schema.WHEN, schema.FOREACH, schema.WITHOUT, schema.ALLOW_EMPTY),
        *(schema.AGENT, schema.PROMPT, schema.REVIEW),
    )
)
_ACTIONS = frozenset(key.name for key in schema.ACTIONS)


class Surroundings(Struct, frozen=True):
    """What the rest of the Wavefile says about every step of one of its files.

    ``lends``: the names of all keys that some step may have from the defaults or a category; ``templates``: one of
    their texts may hold ``{{``.
    """

    reading: Reading
    variables: Scope
    defaults: Fields | None = None
    env: Mapping[str, str] | None = None
    shell: ShellName | tuple[str, ...] | None = None
    capacities: Mapping[str, int] | None = None
    categories: Categories = NO_CATEGORIES
    secrets: tuple[str, ...] = ()
    caller: CallerEnv = field(default_factory=lambda: CallerEnv({}))
    agents: Bodies = NONE
    advisors: Bodies = NONE
    prefix: str = ""  # before the names of the file's steps
    contents: Contents = field(default_factory=Contents)
    lends: frozenset[str] = frozenset()
    templates: bool = True

    @property
    def sorted_env(self) -> tuple[tuple[str, str], ...]:
        """The environment of a step that adds nothing to it."""
        return tuple(sorted(self.env.items())) if self.env else ()


class Part(Struct, frozen=True):
    """Which instance of a repeated step a step is, and the lists that say so."""

    base: str = ""
    values: tuple[tuple[str, str], ...] = ()
    awaits: tuple[Artifact, ...] = ()


_WHOLE = Part()


def read_step(
    name: Scalar, value: Value, around: Surroundings, variables: Scope | None = None, part: Part = _WHOLE
) -> Step | None:
    """The step, or ``None`` when it is no mapping at all; what is wrong in it is recorded.

    ``variables``: those of an instance, if it is one.
    """
    variables = variables or around.variables
    filled = not isinstance(value, Table) or value.templates or around.templates or bool(variables.wild)
    # What is known of the step itself is looked up for its templates alone.
    reading = around.reading.within(_scope(name.text, around, variables) if filled else variables)
    if isinstance(value, Scalar) and value.is_null:
        reading.refuse("no-action", name, f"the step {word(name.text)} is empty", "give it run, call, manual or checks")
        return None
    try:
        fields = Fields.of(schema.STEP, value, reading, around.defaults)
    except Unreadable:
        return None
    category = _category(fields, around)
    if category is not None and category in around.categories.keys:
        fields = fields.over(around.categories.keys[category])
    return _Reader(name, fields, around, variables, part, category, filled).step()


def absence(value: Value, around: Surroundings) -> Place | None:
    """Where the ``when`` stands that keeps a step from existing; None if it exists, or that cannot be said."""
    if not isinstance(value, Table):
        return None
    if schema.WHEN.name not in value.entries and schema.WHEN.name not in around.lends:
        return None
    scope = around.variables
    known = Scope({**scope.values, "env": around.caller}, scope.own, scope.broken)
    reading = around.reading.within(known)
    # Unknown keys are said of when the step is read.
    fields = Fields(value.entries, reading, fallback=around.defaults)
    category = _category_named(fields)
    if category is not None and category in around.categories.keys:
        fields = fields.over(around.categories.keys[category])
    found = fields.where(schema.WHEN, reading)
    if found is None:
        return None
    layer, there = found
    told = there.scope or scope
    there = there.within(Scope({**told.values, "env": around.caller}, told.own, told.broken))
    if layer.own(schema.WHEN, there) is not False:
        return None
    spot = layer.spot(schema.WHEN)
    assert spot is not None
    return there.problems.place(spot)


def _category_named(fields: Fields) -> str | None:
    return fields.get(schema.CATEGORY) if fields.has(schema.CATEGORY) else None


def _category(fields: Fields, around: Surroundings) -> str | None:
    category = _category_named(fields)
    if category is None or category in around.categories.keys:
        return category
    known = around.categories.keys
    remedy = did_you_mean(category, known) or f"declare it: categories: {{{category}: {{}}}}"
    if (found := fields.where(schema.CATEGORY, fields.reading)) and (entry := found[0].entry(schema.CATEGORY)):
        found[1].refuse("unknown-category", entry.value, f"no category is called {word(category)}", remedy)
    return None


def _scope(name: str, around: Surroundings, variables: Scope) -> Scope:
    """The names of a step's texts, its commands apart: variables, and what is known of the step itself."""
    return variables.beside({"step": name, "root": around.reading.home.path})


class _Reader:
    """Reads the parts of one step; one after another, as the later ones use the earlier."""

    def __init__(
        self,
        name: Scalar,
        fields: Fields,
        around: Surroundings,
        variables: Scope,
        part: Part,
        category: str | None,
        filled: bool,
    ) -> None:
        self._name = name
        self._filled = filled
        self._category = category
        self._around = around
        self._variables = variables
        self._part = part
        self._lists: dict[Artifact, None] = {}
        self._fields = fields
        self._given = fields.given
        self._action = self._action_key()
        self._patterns = fields.reading
        scope = fields.reading.scope or variables
        self._reading = fields.reading.within(_without_stars(scope)) if scope.wild else fields.reading
        self._with = self._template_values() if schema.WITH.name in self._given else {}
        if self._with:
            scope = self._beside_with(scope)
            self._patterns, self._reading = fields.reading.within(scope), fields.reading.within(_without_stars(scope))
        if self._reading is not fields.reading:
            self._fields = fields.within(self._reading)

    def step(self) -> Step:
        given, get, patterns = self._given, self._fields.get, self._patterns
        inputs = self._with_listed(self._added_up(schema.INPUTS)) if "inputs" in given else ()
        outputs = get(schema.OUTPUTS, patterns) or ()
        told = self._prompt_file() if "prompt" in given and self._action is schema.AGENT else None
        apart = told is not None and all(told.path != artifact.path or artifact.keys for artifact in inputs)
        if told is not None and apart:
            inputs = (*inputs, told)
        updates = (() if self._is_group else get(schema.UPDATES, patterns) or ()) if "updates" in given else ()
        self._commands = self._command_reading(inputs, outputs, updates)
        checks = self._checks() if "checks" in given else ()
        env = self._env() if "env" in given else self._around.sorted_env
        step = Step(
            name=self._around.prefix + self._name.text,
            place=self._reading.problems.place(self._name),
            inputs=inputs,
            outputs=outputs,
            needs=tuple(self._fields.placed(schema.NEEDS, patterns)) if "needs" in given else (),
            action=self._read_action(),
            checks=checks,
            code=self._added_up(schema.CODE) if "code" in given else (),
            updates=updates,
            env=env,
            cwd=details.folder(self._fields, self._reading, self._name)
            if "cwd" in given
            else self._reading.home.folder,
            shell=(get(schema.SHELL) if "shell" in given else None) or self._around.shell or "auto",
            category=self._category,
            threshold=self._around.categories.threshold(self._category),
            secrets=self._secrets(env, inputs, checks),
            folder=self._reading.home.folder,
            prefix=self._around.prefix,
            base=self._part.base and self._around.prefix + self._part.base,
            instance=self._part.values,
            awaits=(*self._part.awaits, *self._lists),
            unread=tuple([file for file in self._lists if file not in self._around.contents.known]),
            **({} if given <= _READ_ALWAYS else self._less_usual()),
        )
        if self._action is schema.AGENT or "review" in given:
            step = self._with_agent(step, told, apart)
        if self._fields.sound:
            fitting = Fitting(self._name, self._fields, self._reading, given, self._action)
            fitting.check_shape()
            fitting.check_belongings(step)
        return step

    def _with_agent(self, step: Step, told: Artifact | None, apart: bool) -> Step:
        """The step with what its agent is told, and who judges what came of it."""
        review = None if self._is_group else self._review()
        if review is not None and step.secrets:
            self._refuse_told_secrets(dict.fromkeys(step.secrets), (), review.inputs)
        if self._action is not schema.AGENT:
            return replace(step, review=review)
        # What an agent has made cost something, and what a person made of it more.
        on_edit = step.on_edit if self._fields.has(schema.ON_EDIT) else "fail"
        name = self._fields.get(schema.AGENT) or ""
        return replace(step, agent=name, prompt=self._prompt(told, apart), review=review, on_edit=on_edit)

    def _less_usual(self) -> dict[str, Any]:
        """The keys that few steps have, as far as they are given."""
        given, get, fields, reading = self._given, self._fields.get, self._fields, self._reading
        read: dict[str, Callable[[], object]] = {
            "retries": lambda: details.retries(fields, reading),
            "resources": lambda: details.resources(fields, reading, self._around.capacities or {}),
            "limits": lambda: details.limits(fields, reading),
            "depfile": lambda: details.depfile(fields, reading, self._name),
            "frozen": lambda: (get(schema.FROZEN) or False) and not self._is_group,
            "sandbox": lambda: (get(schema.SANDBOX) or False) and not self._is_group,
        }
        found: dict[str, Any] = {}
        for key in _AS_GIVEN:
            if key.name in given:
                value = get(key, self._patterns if key in _TITLES else None)
                if value is not None:
                    found[key.name] = value
        return found | {name: way() for name, way in read.items() if name in given}

    # --- what kind of step it is

    def _action_key(self) -> Key[object] | None:
        """The one action: the step's own, else that of the defaults."""
        if self._given.isdisjoint(_ACTIONS):
            return None
        own = [key for key in schema.ACTIONS if self._fields.entry(key)]
        if len(own) > 1:
            names = ", ".join(key.name for key in own)
            spot = self._fields.spot(own[1])
            assert spot is not None
            self._fields.reading.refuse("two-actions", spot, f"a step has one action, this one has {names}", "keep one")
        if own:
            return own[0]
        below = self._fields.fallback
        while below is not None:
            if found := next((key for key in schema.ACTIONS if below.entry(key)), None):
                return found
            below = below.fallback
        return None

    @property
    def _is_group(self) -> bool:
        return self._action is None and schema.CHECKS.name not in self._given

    def _refuse(self, code: str, spot: Spot, message: str, remedy: str = "") -> None:
        self._reading.refuse(code, spot, message, remedy)

    # --- values for templates

    def _template_values(self) -> dict[str, Json]:
        """The names that ``with`` adds to templates; for a call they are arguments instead."""
        if self._action is schema.CALL:
            return {}
        values: dict[str, Json] = {}
        for fields, reading in self._fields.layers(self._patterns):
            entry = fields.entry(schema.WITH)
            if entry is None:
                continue
            try:
                placed = schema.TEMPLATE_VALUES.placed(entry.value, reading)
            except Unreadable:
                continue
            for name, (value, spot) in placed.items():
                if self._may_be_called(name, spot, reading):
                    values[name] = value
        return values

    def _may_be_called(self, name: str, spot: Spot, reading: Reading) -> bool:
        if name in RESERVED:
            reading.refuse("name-clash", spot, f"'{name}' is a name of the language", "choose another")
        elif name in self._variables.values or name in self._variables.broken:
            reading.refuse("name-clash", spot, f"'{name}' is already one of the vars", "choose another")
        else:
            return True
        return False

    def _beside_with(self, scope: Scope) -> Scope:
        if not self._with:
            return scope
        if scope.wild:
            # What is made of a value that is not known yet is not known either.
            names = frozenset(self._with)
            return replace(scope.beside(self._with), wild=scope.wild | names, broken=scope.broken | names)
        return scope.beside(self._with)

    def _command_reading(
        self, inputs: tuple[Artifact, ...], outputs: tuple[Artifact, ...], updates: tuple[Artifact, ...]
    ) -> Reading:
        if not self._filled:
            return self._reading
        named = {
            "inputs": [artifact.name for artifact in inputs if artifact.name],
            "outputs": [artifact.name for artifact in outputs if artifact.name],
            "updates": [artifact.name for artifact in updates if artifact.name],
            "mem": [artifact.path for artifact in inputs if artifact.kind is Kind.MEM],
        }
        scope = self._beside_with(self._variables)
        commands = Scope(scope.values, scope.own, scope.broken, HOLES, named)  # without stars: no pattern
        return self._reading.within(self._reading.scope, commands)

    # --- the action and its gate

    def _read_action(self) -> Action | None:
        if self._patterns.scope is not None and self._patterns.scope.wild:
            return None if self._action is None else Run(())  # it is its instances that act
        if self._action is schema.RUN:
            scripts = self._fields.get(schema.RUN, self._commands)
            return Run(scripts) if scripts else None
        if self._action is schema.CALL:
            return self._call(self._fields, merged=True)
        if self._action is schema.AGENT:
            return self._by(schema.AGENT, "agent", self._fields, self._around.agents)
        if self._action is schema.MANUAL:
            text = self._fields.get(schema.MANUAL)
            return Manual(text) if text else None
        return None

    def _by(self, key: Key[str], what: str, fields: Fields, bodies: Bodies) -> Run | Call | None:
        """What the agent or advisor does that is named under a key."""
        name, found = fields.get(key), fields.where(key, fields.reading)
        spot = found and found[0].spot(key)
        body = called(name, bodies, what, spot, found[1]) if name and found and spot else None
        if body is None:
            return None
        reading = self._commands.there(body.reading)
        body = body.within(_with_hole(reading, "prompt_file") if what == "agent" else reading)
        if body.has(schema.CALL):
            return self._call(body, merged=False)
        if what == "advisor":
            script = body.get(schema.ADVISOR_RUN)
            return Run((script,)) if script else None
        scripts = body.get(schema.RUN)
        return Run(scripts) if scripts else None

    def _prompt_file(self) -> Artifact | None:
        """The file that the prompt stands in, as an input; None if it stands in the Wavefile itself."""
        found = self._fields.where(schema.PROMPT, self._patterns)
        entry = found and found[0].entry(schema.PROMPT)
        if found is None or entry is None:
            return None
        reading = found[1]
        try:
            value = reading.filled(entry.value)
            if not isinstance(value, Scalar):
                return None
            if "\n" in value.text:
                remedy = "write prompt: {text: …}"
                raise reading.refuse("bad-path", value, "a prompt that is written here is no path", remedy)
            artifacts = schema.INPUTS.form.read(value, reading)
        except Unreadable:
            return None
        unknown = reading.scope is not None and bool(reading.scope.wild)
        if len(artifacts) == 1 and (unknown or (artifacts[0].kind is Kind.FILE and not artifacts[0].keys)):
            if not unknown:
                self._lists[awaited(Kind.FILE, artifacts[0].path)] = None
            return artifacts[0]
        if artifacts:
            reading.refuse("bad-path", value, f"{word(value.text)} is not one file", "write prompt: {text: …}")
        return None

    def _prompt(self, told: Artifact | None, apart: bool) -> Prompt | None:
        found = self._fields.where(schema.PROMPT, self._commands)
        entry = found and found[0].entry(schema.PROMPT)
        if found is None or entry is None or (self._patterns.scope is not None and self._patterns.scope.wild):
            return None
        reading = found[1]
        if told is not None:
            file = awaited(Kind.FILE, told.path)
            scope = reading.commands or reading.scope or self._variables
            text = text_in(file, self._around.contents, scope, reading.problems)
            return Prompt(text, told.path, apart, self._around.contents.digest(file))
        try:
            value = entry.value
            if not isinstance(value, Table):
                return None  # it is wrong, and that is said
            fields = Fields.of(schema.PROMPT_BODY, value, reading)
        except Unreadable:
            return None
        spoken = fields.get(schema.PROMPT_TEXT)
        if not fields.has(schema.PROMPT_TEXT) and fields.sound:
            reading.refuse("missing-key", value, "a prompt needs its text", "prompt: {text: …}, or prompt: PATH")
        return Prompt(spoken) if spoken else None

    def _review_fields(self) -> Fields | None:
        """Merged by key, the step's own over the category's and those over the defaults'; None if it has no review."""
        found: Fields | None = None
        for layer, reading in self._fields.layers(self._commands):
            entry = layer.entry(schema.REVIEW)
            if entry is None:
                continue
            try:
                value = reading.filled(entry.value)
                found = Fields.of(schema.REVIEW_BODY, value, reading, found)
            except Unreadable:
                return None
        if found is None or found.has(schema.ADVISOR):
            return found
        if found.sound:
            found.reading.refuse("missing-key", value, "a review needs an advisor", "review: {advisor: NAME}")
        return None

    def _review(self) -> Review | None:
        fields = self._review_fields()
        if fields is None:
            return None
        wild = self._patterns.scope is not None and bool(self._patterns.scope.wild)
        action = Run(()) if wild else self._by(schema.ADVISOR, "advisor", fields, self._around.advisors)
        retries = fields.get(schema.REDRAFTS) or 0
        if retries and self._action not in (schema.RUN, schema.CALL, schema.AGENT):
            spot = fields.spot(schema.REDRAFTS) if self._fields.entry(schema.REVIEW) else None
            if spot:
                message = "nothing makes it anew: 'retries' of a review has no meaning without run, call or agent"
                fields.reading.refuse("no-action", spot, message, "remove it")
            retries = 0
        name = fields.get(schema.ADVISOR) or ""
        if action is None or name not in self._around.advisors:
            return None
        given = fields.get(schema.ENOUGH)
        of_category = self._around.categories.threshold(self._category)
        enough = given if given is not None else ENOUGH if of_category is None else of_category
        body = self._around.advisors[name]
        body = body.within(self._patterns.there(body.reading))
        inputs = self._with_listed(body.get(schema.ADVISOR_INPUTS) or ())
        return Review(name, action, enough, retries, body.get(schema.TIMEOUT), inputs=inputs)

    def _call(self, fields: Fields, merged: bool) -> Call | None:
        target = fields.get(schema.CALL)
        spot = fields.spot(schema.CALL) or self._name
        arguments = self._arguments(fields, merged)
        if target is None:
            return None
        module, colon, function = target.partition(":")
        if not (colon and _is_dotted(module) and _is_dotted(function)):
            self._refuse(
                "bad-call", spot, f"{word(target)} is not a function", "write module:function, like pkg.mod:main"
            )
            return None
        return Call(module, function, arguments)

    def _arguments(self, fields: Fields, merged: bool) -> tuple[tuple[str, Argument], ...]:
        found: dict[str, Argument] = {}
        for level, reading in fields.layers(self._commands) if merged else [(fields, fields.reading)]:
            entry = level.entry(schema.ARGUMENTS)
            if entry is None:
                continue
            try:
                placed = schema.CALL_ARGUMENTS.placed(entry.value, reading)
            except Unreadable:
                continue
            for name, (argument, spot) in placed.items():
                if name in _GIVEN_TO_CALLS or keyword.iskeyword(name):
                    message = f"'{name}' cannot be an argument in with"
                    remedy = "a function with this parameter is given it by wavebuild"
                    reading.refuse("name-clash", spot, message, remedy)
                found[name] = argument
        return tuple(sorted(found.items()))

    def _checks(self) -> tuple[Check, ...]:
        found = self._fields.where(schema.CHECKS, self._commands)
        value = found and found[0].own(schema.CHECKS, found[1])
        if found is None or value is None:
            return ()
        items = value.items if isinstance(value, Series) else (value,)
        return tuple(check for item in items for check in self._check(item, found[1]))

    def _check(self, item: Value, reading: Reading) -> list[Check]:
        try:
            if not isinstance(item, Table):
                return [Check(Run((Command().read(item, reading),)))]
            fields = Fields.of(schema.CHECK, item, reading)
        except Unreadable:
            return []
        inputs = self._with_listed(fields.get(schema.CHECK_INPUTS, self._patterns.there(reading)) or ())
        action = self._check_action(fields, item)
        if action is None and self._patterns.scope is not None and self._patterns.scope.wild:
            action = Run(())
        return [Check(action, inputs)] if action else []

    def _check_action(self, fields: Fields, item: Table) -> Run | Call | None:
        has_run, has_call = fields.has(schema.RUN), fields.has(schema.CALL)
        if has_run == has_call:
            if fields.sound:
                fields.reading.refuse(
                    "two-actions" if has_run else "no-action", item, "a check has one of run and call"
                )
            return None
        if has_call:
            return self._call(fields, merged=False)
        if spot := fields.spot(schema.ARGUMENTS):
            fields.reading.refuse(
                "no-action", spot, "'with' holds the arguments of a call", "write the values into the command"
            )
        scripts = fields.get(schema.RUN)
        return Run(scripts) if scripts else None

    # --- the rest

    def _added_up(self, key: Key[tuple[Artifact, ...]]) -> tuple[Artifact, ...]:
        """Artifacts of the defaults, then the category's, then the step's own; a group takes none but its own."""
        if self._is_group or self._fields.fallback is None:
            return self._fields.own(key, self._patterns) or ()
        found: tuple[Artifact, ...] = ()
        for fields, reading in self._fields.layers(self._patterns):
            found += fields.own(key, reading) or ()
        return found

    def _with_listed(self, artifacts: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
        """The inputs, those among them that the lines of a file name, as far as that is known yet."""
        if not any(artifact.kind is Kind.LIST for artifact in artifacts):
            return artifacts
        found: list[Artifact] = []
        for artifact in artifacts:
            found.append(artifact)
            if artifact.kind is Kind.LIST:
                found += self._listed(artifact)
        return tuple(found)

    def _listed(self, written: Artifact) -> list[Artifact]:
        file = awaited(Kind.FILE, written.path)
        self._lists[file] = None
        contents = self._around.contents
        if file not in contents.known or not contents.is_there(file):
            return []
        try:
            return listed(written, contents.lines(file), self._reading)
        except WavebuildError as error:
            for problem in error.problems:
                self._reading.problems.record(problem)
            return []

    def _env(self) -> tuple[tuple[str, str], ...]:
        # Without step and root: the environment is in the fingerprint, and neither name nor place of a step is.
        reading = self._reading.within(self._beside_with(self._variables))
        found = dict(self._around.env or {})
        for fields, there in self._fields.layers(reading):
            found |= fields.own(schema.STEP_ENV, there) or {}
        return tuple(sorted(found.items()))

    def _secrets(
        self, env: tuple[tuple[str, str], ...], inputs: tuple[Artifact, ...], checks: tuple[Check, ...]
    ) -> tuple[str, ...]:
        """The names of the file's secrets, and of the step's own."""
        if not self._around.secrets and not self._fields.has(schema.STEP_SECRETS):
            return ()
        found = dict.fromkeys(self._around.secrets)
        for fields, reading in self._fields.layers(self._reading):
            found |= dict.fromkeys(fields.own(schema.STEP_SECRETS, reading) or ())
        self._refuse_told_secrets(found, env, (*inputs, *(one for check in checks for one in check.inputs)))
        return tuple(found)

    def _refuse_told_secrets(
        self, secrets: Mapping[str, object], env: tuple[tuple[str, str], ...], tracked: tuple[Artifact, ...]
    ) -> None:
        """A value that is set or tracked is in fingerprints and traces."""
        spot = self._fields.spot(schema.STEP_SECRETS) or self._fields.spot(schema.STEP_ENV) or self._name
        for name, _ in env:
            if name in secrets:
                message = f"{word(name)} is a secret and is set in env, which is in the fingerprint"
                self._refuse("secret-told", spot, message, "leave it out of env: the caller's value is passed on")
        for artifact in tracked:
            if artifact.kind is Kind.ENV and artifact.path in secrets:
                message = f"{word(artifact.path)} is a secret, and an input would put it into the trace"
                self._refuse("secret-told", artifact.place, message, "remove it from the inputs")


def _with_hole(reading: Reading, name: str) -> Reading:
    """The reading where a command may ask for one thing more that only the run knows."""
    scope = reading.commands or reading.scope
    if scope is None:
        return reading
    return reading.within(reading.scope, replace(scope, holes=scope.holes | {name}))


def _without_stars(scope: Scope) -> Scope:
    """For texts that are no patterns: what is not known yet is not said."""
    return replace(scope, wild=frozenset()) if scope.wild else scope


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split("."))
