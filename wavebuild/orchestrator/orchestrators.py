"""Pipelines of agents and advisors that a program makes: one after another, or those of a wave at once.

It does not know how a step is judged, retried or saved: that is the engine's, as for every build.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.declare import schema
from wavebuild.declare.agents import ENOUGH
from wavebuild.declare.categories import DEFAULT
from wavebuild.declare.importers.stages import Stage, layers, wrong_order
from wavebuild.declare.model import Argument, Artifact, Call, Kind, Review, Schedule, Text, Wavefile
from wavebuild.declare.model import Step as DeclaredStep
from wavebuild.errors import Place, WavebuildError, mistake
from wavebuild.orchestrator import calling
from wavebuild.orchestrator.agents import done, holes, judged
from wavebuild.orchestrator.building import Build, existing, refuse_odd, state_name
from wavebuild.orchestrator.identity import identity, importable
from wavebuild.orchestrator.memory import SharedMemory
from wavebuild.orchestrator.results import Executor, Result
from wavebuild.orchestrator.steps import Declared, initial_values, is_found_by_others
from wavebuild.run.events import Event
from wavebuild.run.threads import HERE

Factory = Callable[[str], Any]

_LEFT = ("content", "artifacts", "metadata")


class Orchestrator:
    """Has agents do their tasks one after another, and advisors judge what comes of them.

    ``agent_factory(name)`` gives an object with ``process(task, context)``, or a function of the same arguments,
    which may be ``async``; what it returns is a text, or a mapping of ``content``, ``artifacts`` and ``metadata``.
    ``advisor_factory(name)`` gives one with ``review(output, task, context)``, or a function; it returns a mapping of
    ``score`` (0..1), ``approved``, ``critical_issues``, ``suggestions``, ``summary`` and ``severity``.
    ``score_thresholds``: by category, and ``default``; 0.85 where nothing is said. ``memory``: what the first tasks
    may use.

    Every success is saved in ``root`` (the current folder) under ``name``: who runs the same again goes on where it
    was cut off, and does again only what has changed. ``version``: a text that says what the agents are, where their
    source cannot tell. ``executor``: "threads" or "processes"; None: processes, if another process finds the factories.
    """

    _jobs: int | None = 1

    def __init__(
        self,
        agent_factory: Factory,
        advisor_factory: Factory | None = None,
        score_thresholds: Mapping[str, float] | None = None,
        *,
        memory: SharedMemory | Mapping[str, Any] | None = None,
        root: str | os.PathLike[str] | None = None,
        name: str = "orchestrator",
        version: str | None = None,
        executor: Executor | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        for what, factory in (("agent_factory", agent_factory), ("advisor_factory", advisor_factory)):
            if not callable(factory) and (factory is not None or what == "agent_factory"):
                message = f"{what} is {factory!r:.80}"
                raise mistake("bad-argument", message, remedy="give a function that takes a name")
        if version is not None and not isinstance(version, str):
            raise mistake("bad-argument", f"version is {version!r:.80}", remedy="a text")
        if not isinstance(memory, SharedMemory | Mapping | None):
            raise mistake("bad-argument", f"memory is {memory!r:.80}", remedy="a SharedMemory, or a mapping")
        refuse_odd(on_event=on_event, executor=executor)
        self.memory = memory if isinstance(memory, SharedMemory) else SharedMemory(memory)
        self._agents = agent_factory
        self._advisors = advisor_factory
        self._thresholds = _checked(score_thresholds or {})
        self._root = existing(root)
        self._name = state_name(name)
        self._version = version
        self._executor = executor
        self._on_event = on_event

    def run(self, steps: Iterable[Any], *, force: bool = False) -> Result:
        """Has the steps done, each when those it depends on are.

        ``steps``: those of ``YAMLPipelineLoaderStrict``, or whatever has their attributes or keys. ``force``: also
        what was done before. Raises WavebuildError for what is wrong with them; a step that fails raises nothing.
        """
        return self._run(steps, "flow", force)

    def _run(self, steps: Iterable[Any], schedule: Schedule, force: bool) -> Result:
        if not isinstance(steps, Iterable) or isinstance(steps, str | bytes | Mapping):
            raise mistake("bad-argument", f"{steps!r:.80} is no list of steps", remedy="give a list")
        declared = self._declared([_as_stage(each) for each in steps])
        build = Build(
            on_event=self._on_event, jobs=self._jobs, schedule=schedule, force=force, keep_going=True,
            declared=declared, said=_as_an_orchestrator,
        )  # fmt: skip
        result = build.run()
        result = replace(result, memory=result.memory | _said_last(result))
        self.memory.update(result.memory)
        return result

    def _declared(self, stages: Sequence[Stage]) -> Declared:
        problems = tuple(wrong_order(stages))
        if not stages:
            raise mistake("no-stages", "there are no steps", Place(self._name), "give at least one")
        if problems:
            raise WavebuildError(problems)
        waves = layers({stage.name: [name for name, _ in stage.after] for stage in stages})
        written = {
            f"{stage.name}.{part}" for stage in stages for part in (*_LEFT, "review", "last_review", "last_output")
        }
        initial = {key: value for key, value in self.memory.to_dict().items() if key not in written}
        crew = _Crew(self._agents, self._advisors, self._version, self._executor)
        place = Place(self._name)
        steps = []
        for stage in stages:
            named = set(holes(stage.task))
            seen = _upstream(stage, stages)
            for other in stages:
                if waves[other.name] < waves[stage.name] and not named.isdisjoint(_keys_of(other)):
                    seen.add(other.name)
            keys = [*sorted(initial), *(key for other in stages if other.name in seen for key in _keys_of(other))]
            steps.append(
                DeclaredStep(
                    name=stage.name,
                    place=stage.place,
                    inputs=tuple(Artifact(Kind.MEM, key, place) for key in keys),
                    outputs=tuple(Artifact(Kind.MEM, key, place) for key in _keys_of(stage)),
                    needs=stage.after,
                    action=crew.action(stage),
                    category=stage.category,
                    review=self._review(stage, crew),
                    agent=stage.agent,
                )
            )
        wavefile = Wavefile(self._root, self._name, tuple(steps), mem=initial_values(initial, self._name))
        executors = {stage.name: crew.executor for stage in stages}
        return Declared(wavefile, crew.functions, executors)

    def _review(self, stage: Stage, crew: _Crew) -> Review | None:
        if stage.advisor is None:
            return None
        if self._advisors is None:
            message = f"step {stage.name!r} names the advisor {stage.advisor!r}, and there is no advisor_factory"
            raise mistake("no-advisor", message, stage.place, "give one, or leave the advisor out")
        enough = self._thresholds.get(stage.category or DEFAULT, self._thresholds.get(DEFAULT, ENOUGH))
        return Review(stage.advisor, crew.judgement(stage), enough, stage.retries, key=f"{stage.name}.review")


class OrchestratorParallel(Orchestrator):
    """As ``Orchestrator``, with the steps of a wave at once; ``max_workers``: so many of them."""

    def __init__(
        self,
        agent_factory: Factory,
        advisor_factory: Factory | None = None,
        max_workers: int | None = None,
        score_thresholds: Mapping[str, float] | None = None,
        *,
        memory: SharedMemory | Mapping[str, Any] | None = None,
        root: str | os.PathLike[str] | None = None,
        name: str = "orchestrator",
        version: str | None = None,
        executor: Executor | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        super().__init__(
            agent_factory, advisor_factory, score_thresholds,
            memory=memory, root=root, name=name, version=version, executor=executor, on_event=on_event,
        )  # fmt: skip
        if max_workers is not None and (not isinstance(max_workers, int) or max_workers < 1):
            raise mistake("jobs", f"max_workers is {max_workers!r}", remedy="1 or more, or None for the cores")
        self._jobs = max_workers

    def run_waves(self, steps: Iterable[Any], *, force: bool = False) -> Result:
        """As ``run``, but a wave begins when the whole wave before it has ended."""
        return self._run(steps, "barrier", force)


def _as_an_orchestrator(detail: str) -> str:
    """A way out as who runs an orchestrator can go it."""
    return re.sub(r"wavebuild -B --only \S+", "run(steps, force=True), or another task for it", detail)


def _upstream(stage: Stage, stages: Sequence[Stage]) -> set[str]:
    """The names of all that a step depends on, directly or through others."""
    after = {each.name: [name for name, _ in each.after] for each in stages}
    found: set[str] = set()
    left = [*after[stage.name]]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += after[name]
    return found


def _said_last(result: Result) -> dict[str, Any]:
    """What advisors have said since, of what stood, when only the threshold changed. Readers keep what they read."""
    keys = {f"{each.name}.review": each.review for each in result if each.ok and each.review is not None}
    return {
        key: {part: said for part, said in review.items() if part in result.memory[key]}
        for key, review in keys.items()
        if key in result.memory
    }


def _keys_of(stage: Stage) -> tuple[str, ...]:
    parts = (*_LEFT, "review") if stage.advisor is not None else _LEFT
    return tuple(f"{stage.name}.{part}" for part in parts)


class _Crew(Struct):
    """The calls of agents and advisors: in a child of a worker, or in this process."""

    agents: Factory
    advisors: Factory | None
    version: str | None
    wanted: Executor | None
    functions: dict[str, Callable[..., Any]] = {}
    codes: dict[int, str] = {}
    chosen: Executor | None = None

    @property
    def executor(self) -> Executor:
        self.chosen = self.chosen or self._choice()
        return self.chosen

    def _choice(self) -> Executor:
        factories = [each for each in (self.agents, self.advisors) if each is not None]
        homes = [importable(each) for each in factories]
        found = all(home is not None and is_found_by_others(home[0]) for home in homes)
        if self.wanted == "processes" and not found:
            message = "no other process can import the factories"
            raise mistake("executor", message, remedy="define them at the top of a module; or use threads")
        return self.wanted or ("processes" if found else "threads")

    def action(self, stage: Stage) -> Call:
        told = {"name": stage.name, "agent": stage.agent, "task": stage.task}
        if self.executor == "processes":
            return self._sent("agent", self.agents, told)
        factory = self.agents

        def process(mem: dict[str, Any], feedback: Any) -> dict[str, Any]:
            return done(factory, stage.name, stage.agent, stage.task, mem, feedback)

        return self._kept(f"{stage.agent} {stage.name}", factory, process, told)

    def judgement(self, stage: Stage) -> Call:
        assert self.advisors is not None
        assert stage.advisor is not None
        told = {"name": stage.name, "advisor": stage.advisor, "task": stage.task}
        if self.executor == "processes":
            return self._sent("advisor", self.advisors, told)
        factory, advisor = self.advisors, stage.advisor

        def review(mem: dict[str, Any]) -> dict[str, Any]:
            return judged(factory, stage.name, advisor, stage.task, mem)

        return self._kept(f"{advisor} on {stage.name}", factory, review, told)

    def _code(self, factory: Factory) -> str:
        if id(factory) not in self.codes:
            self.codes[id(factory)] = self.version or identity(factory)[0]
        return self.codes[id(factory)]

    def _sent(self, function: str, factory: Factory, told: dict[str, str]) -> Call:
        home = importable(factory)
        assert home is not None
        stage: Argument = {key: Text((value,)) for key, value in told.items()}
        name, code = Text((f"{home[0]}:{home[1]}",)), Text((self._code(factory),))
        return Call(calling.__name__, function, (("code", code), ("factory", name), ("stage", stage)))

    def _kept(self, name: str, factory: Factory, function: Callable[..., Any], told: dict[str, str]) -> Call:
        key = f"{name} {self._code(factory)} {told['task']}"
        self.functions[key] = function
        return Call(HERE, key)


def _checked(thresholds: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(thresholds, Mapping):
        raise mistake(
            "bad-argument", f"score_thresholds is {thresholds!r:.80}", remedy="a mapping of categories to scores"
        )
    for category, score in thresholds.items():
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            message = f"the threshold of {category!r} is {score!r}"
            raise mistake("out-of-range", message, remedy="a threshold is a number from 0 to 1")
    return dict(thresholds)


def _as_stage(step: Any) -> Stage:
    """A stage of whatever has its attributes, or its keys."""

    def of(name: str, usual: Any = None) -> Any:
        return step.get(name, usual) if isinstance(step, Mapping) else getattr(step, name, usual)

    for name in ("name", "agent", "task"):
        if not isinstance(of(name), str) or not of(name):
            raise mistake("missing-key", f"a step needs {name!r}, a text; this one is {step!r:.200}")
    rule = schema.STEP_NAME
    if not rule.fits(of("name")):
        raise mistake("bad-text", f"{of('name')!r:.120} is not the name of a step", remedy=rule.allowed)
    for name in ("category", "advisor"):
        if not isinstance(of(name), str | None):
            raise mistake("wrong-type", f"step {of('name')!r}: {name} is {of(name)!r:.80}", remedy="a text, or None")
    retries = of("max_retries")
    if retries is not None and (not isinstance(retries, int) or isinstance(retries, bool) or retries < 0):
        raise mistake("out-of-range", f"step {of('name')!r}: max_retries is {retries!r:.80}", remedy="0 or more")
    before = of("depends_on") or ()
    before = (before,) if isinstance(before, str) else tuple(before)
    if not all(isinstance(each, str) for each in before):
        raise mistake("wrong-type", f"step {of('name')!r}: depends_on is {before!r:.80}", remedy="a list of names")
    place = Place(str(of("name")))
    after = tuple((name, place) for name in before)
    return Stage(of("name"), of("agent"), of("task"), place, of("category"), of("advisor"), retries or 0, after)
