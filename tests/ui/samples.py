"""Made-up pipelines, plans and builds for the tests of the screens; nothing here runs.

It does not know how any of it is shown.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from wavebuild.declare.model import Artifact, Kind, Range, Run, Step, Text, Wavefile
from wavebuild.declare.said import Layer, Said
from wavebuild.engine import (
    BuildResult,
    Cleaned,
    Conversion,
    Explanation,
    Finding,
    History,
    LogFile,
    Portrait,
    Remembered,
    Request,
    StatusLine,
    Trial,
    Undertaking,
)
from wavebuild.engine.project import Project, refuse_shadowed
from wavebuild.engine.story import Chapter, Former, FormerRun, Piece, Pieces, Story
from wavebuild.engine.values import PastResult, RunOnRecord, Shown
from wavebuild.errors import Place, Problem
from wavebuild.graph import Graph, link
from wavebuild.judge.reasons import InputChanged, NeverRan, Upstream
from wavebuild.plan.model import Plan, PlannedStep, PlannedWave, PlanWord, Times
from wavebuild.run.events import (
    BuildSettled,
    BuildStarted,
    Event,
    Outcome,
    Settled,
    StepRetried,
    StepSettled,
    StepStarted,
)
from wavebuild.ui.caller import Caller, Deeds

HERE = Place("Wavefile", 1, 1)
RUN = "20261121-214200-ab12"
NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z


def file(path: str) -> Artifact:
    return Artifact(Kind.FILE, path, HERE)


def step(
    name: str,
    reads: Sequence[str] = (),
    makes: Sequence[str] = (),
    needs: Sequence[str] = (),
    title: str | None = None,
    phase: str | None = None,
) -> Step:
    return Step(
        name=name,
        place=HERE,
        inputs=tuple(file(path) for path in reads),
        outputs=tuple(file(path) for path in makes),
        needs=tuple((other, HERE) for other in needs),
        action=Run((Text(("true",)),)),
        title=title,
        phase=phase,
    )


def graph_of(*steps: Step) -> Graph:
    return link(Wavefile(root="/root", file="Wavefile", steps=steps))


def diamond() -> Graph:
    """a makes a.txt; b and c read it; d reads both and needs the gate."""
    return graph_of(
        step("a", ["source.csv"], ["a.txt"], title="First"),
        step("b", ["a.txt"], ["b.txt"]),
        step("c", ["a.txt"], ["c.txt"], title="The “third”"),
        step("gate", ["b.txt"]),
        step("d", ["b.txt", "c.txt"], ["d.txt"], needs=["gate"]),
    )


def a_plan() -> Plan:
    hour = 3600.0
    changed = InputChanged("source.csv", "sha256:" + "a" * 64, "sha256:" + "b" * 64)
    first = PlannedStep("a", 1, PlanWord.RUN, (changed, NeverRan()), (), "First", "design", Range(2 * hour, 3 * hour))
    second = PlannedStep(
        "b", 2, PlanWord.MAYBE, (Upstream(("a",)),), ("a",), None, "build", Range(hour, hour), Range(0, 0)
    )
    third = PlannedStep("c", 2, PlanWord.FRESH, slack=Range(hour, 2 * hour))
    times = Times(
        serial=Range(33 * hour, 59 * hour),
        barrier=Range(23 * hour, 43 * hour),
        flow=Range(20 * hour, 36 * hour),
        barrier_j=Range(25 * hour, 45 * hour),
        flow_j=Range(21 * hour, 38 * hour),
        saved=Range(1 - 20 / 33, 1 - 36 / 59),
    )
    waves = (PlannedWave(1, (first,)), PlannedWave(2, (second, third)))
    return Plan(waves, ("a", "b"), times, 4)


def started(name: str, wave: int, at: float = 0.0, attempt: int = 1, log: str = "") -> StepStarted:
    where = log or f".wavebuild/logs/{name}.log"
    return StepStarted(RUN, NOON + at, name, wave, attempt, (NeverRan(),), f"make {name}", where)


def settled(name: str, wave: int, outcome: Outcome, at: float = 0.0, **more: object) -> StepSettled:
    return StepSettled(RUN, NOON + at, Settled(name, outcome, wave, **more))  # type: ignore[arg-type]


def build_started(waves: Sequence[Sequence[str]], jobs: int = 2, root: str = "/root") -> BuildStarted:
    names = tuple(tuple(wave) for wave in waves)
    return BuildStarted(RUN, NOON, root, jobs, "flow", sum(len(wave) for wave in names), names)


def build_settled(ok: bool, counts: Mapping[str, int], seconds: float = 12.3) -> BuildSettled:
    return BuildSettled(RUN, NOON + seconds, ok, seconds, tuple(counts.items()), 0 if ok else 1)


def a_build_with_a_failure() -> list[Event]:
    """a succeeds, b fails at its second try, c goes on, d is blocked by b."""
    return [
        build_started([["a"], ["b", "c"], ["d"]]),
        started("a", 1),
        settled("a", 1, Outcome.SUCCEEDED, 1.5, started=NOON, seconds=1.5, attempts=1),
        started("b", 2, 1.5),
        started("c", 2, 1.5),
        StepRetried(RUN, NOON + 2, "b", 1, "exit 75", 2.0),
        started("b", 2, 4.0, attempt=2),
        settled("c", 2, Outcome.SUCCEEDED, 6.0, started=NOON + 1.5, seconds=4.5, attempts=1),
        settled(
            "b",
            2,
            Outcome.FAILED,
            12.0,
            started=NOON + 4,
            seconds=8.0,
            attempts=2,
            failure="exit",
            exit_code=3,
            command="cd sub\npython b.py",
            log=".wavebuild/logs/b.log",
            tail=("Traceback:", "boom \x1b]0;title\x07now"),
        ),
        settled("d", 3, Outcome.BLOCKED, 12.0, blocked_by=("b",)),
        build_settled(False, {"succeeded": 2, "failed": 1, "blocked": 1}),
    ]


def a_history(step: str | None = None) -> History:
    """Three runs, one of them still at work and one cut off; or two results of a step."""
    if step is None:
        counts = ((Outcome.KEPT, 41), (Outcome.FAILED, 1))
        return History(
            runs=(
                RunOnRecord("r3", NOON + 60, None, None, True, 2, "flow", "wavebuild -j2", ()),
                RunOnRecord("r2", NOON, 12.3, 1, False, 2, "flow", "wavebuild \x1b[31mred", counts),
                RunOnRecord("r1", NOON - 60, None, None, False, 1, "barrier", "wavebuild", ()),
            )
        )
    return History(
        step=step,
        results=(
            PastResult(step, "r2", Outcome.FAILED, NOON, 8.0, 2, 3, "exit", ".wavebuild/logs/r2/b.log"),
            PastResult(step, "r1", Outcome.SUCCEEDED, NOON - 60, 1.5, 1, None, "", None),
        ),
    )


def a_portrait() -> Portrait:
    """A step that reads a source and what a makes, with keys of its own, of a category and of the defaults."""
    said = (
        Said("title", "Second", (Layer("step", HERE),)),
        Said("env", {"A": "1", "B": "2"}, (Layer("step", HERE), Layer("defaults", Place("Wavefile", 9, 3)))),
        Said("timeout", 90.0, (Layer("category slow", Place("Wavefile", 5, 3)),)),
        Said("on_edit", "overwrite", ()),
        Said("needs", [], ()),
    )
    return Portrait(
        step="b",
        place=HERE,
        group=False,
        instances=(),
        said=said,
        reads=(
            Shown("a.txt", ("a",), ("a.txt",), True),
            Shown("src/", (), tuple(f"src/{number}" for number in range(20)), True),
            Shown("env:HOME", (), (), False),
        ),
        makes=(Shown("b.txt", ("c", "d"), (), True),),
        shares=(),
        commands=("sort a.txt > b.txt\necho done",),
        checks=("test -s b.txt",),
        upstream=("a",),
        downstream=("c", "d"),
        status=StatusLine("b", PlanWord.RUN, (NeverRan(),), Outcome.FAILED, NOON, 8.0),
    )


def a_story() -> Story:
    """A failed run of the diamond, after a good one: a kept, b ran, c failed, d blocked."""
    graph = diamond()
    b = Settled(
        *("b", Outcome.SUCCEEDED, 2),
        started=NOON + 0.1,
        seconds=2.0,
        attempts=1,
        command="sort a.txt > b.txt",
        reasons=(InputChanged("a.txt", "sha256:" + 64 * "1", "sha256:" + 64 * "2", "a"),),
    )
    c = Settled(
        *("c", Outcome.FAILED, 2),
        started=NOON + 0.2,
        seconds=1.0,
        attempts=2,
        command="sh ./make c.txt",
        failure="exit",
        exit_code=127,
        log=".wavebuild/logs/r/c.log",
        tail=("sh: 1: ./make: not found",),
    )
    d = Settled("d", Outcome.BLOCKED, 3, blocked_by=("c",))
    made = Pieces((Piece("b.txt", "sha256:" + 64 * "3"),))
    retried = (StepRetried(RUN, NOON + 0.6, "c", 1, "exit 127", 0.5),)
    return Story(
        run=RUN,
        project="diamond",
        wavefile="Wavefile",
        command="wavebuild -j2",
        began=NOON,
        seconds=2.5,
        exit_code=1,
        is_running=False,
        jobs=2,
        schedule="flow",
        counts=(("kept", 1), ("succeeded", 1), ("failed", 1), ("blocked", 1)),
        chapters=(
            Chapter(
                "a", 1, Outcome.KEPT, title="First", command="echo > a.txt", is_declared=True, downstream=("b", "c")
            ),
            Chapter(
                *("b", 2, Outcome.SUCCEEDED, b),
                lane=0,
                start=NOON + 0.1,
                end=NOON + 2.1,
                is_critical=True,
                command=b.command,
                upstream=("a",),
                makes=made,
                former=Former("former", 1.0),
            ),
            Chapter(
                *("c", 2, Outcome.FAILED, c),
                lane=1,
                start=NOON + 0.2,
                end=NOON + 1.7,
                command=c.command,
                tail=c.tail,
                retried=retried,
            ),
            Chapter("d", 3, Outcome.BLOCKED, d, upstream=("b", "c")),
        ),
        lanes=2,
        times=Times(*(Range(each, each) for each in (3.0, 2.0, 2.0, 2.0, 2.0, 0.33))),
        critical_path=("b",),
        former=FormerRun("former", NOON - 60, 3.0, 0, (("succeeded", 4),), (("a", 0.5),)),
        notices=("step c was cut off: its former outputs are back",),
        graph=graph,
        wanted=frozenset(range(4)),
    )


def settled_of(events: Sequence[Event]) -> tuple[Settled, ...]:
    return tuple(event.settled for event in events if isinstance(event, StepSettled))


def result_of(events: Sequence[Event], exit_code: int = 0, nothing_to_do: bool = False, fresh: int = 0) -> BuildResult:
    return BuildResult(
        run=RUN,
        ok=exit_code == 0,
        exit_code=exit_code,
        started=NOON,
        seconds=0.05 if nothing_to_do else 12.3,
        jobs=2,
        schedule="flow",
        steps=settled_of(events),
        nothing_to_do=nothing_to_do,
        fresh=fresh,
    )


@dataclass
class FakeEngine:
    """Answers what it was given, and remembers what it was asked."""

    graph: Graph = field(default_factory=diamond)
    events: Sequence[Event] = ()
    result: BuildResult = field(default_factory=lambda: result_of([], nothing_to_do=True, fresh=5))
    stale: bool = False
    problems: tuple[Problem, ...] = ()
    removable: tuple[str, ...] = ()
    raises: BaseException | None = None
    log_files: tuple[LogFile, ...] = ()
    last_started: float | None = NOON
    findings: tuple[Finding, ...] = (Finding("limits", "cores", "2"),)
    asked: list[tuple[str, Request]] = field(default_factory=list)

    def _note(self, deed: str, request: Request) -> None:
        self.asked.append((deed, request))
        if self.raises:
            raise self.raises

    def load(self, request: Request) -> Project:
        self._note("load", request)
        return Project(self.graph.wavefile, self.graph)

    def build(self, request: Request, tell: Callable[[Event], None]) -> BuildResult:
        self._note("build", request)
        for event in self.events:
            tell(event)
        return self.result

    def plan(self, request: Request) -> Plan:
        self._note("plan", request)
        if self.graph is not None:
            refuse_shadowed(request.bare, self.graph)
        return a_plan()

    def question(self, request: Request, strict: bool = False) -> bool:
        self._note("strict question" if strict else "question", request)
        return self.stale

    def status(self, request: Request) -> tuple[StatusLine, ...]:
        self._note("status", request)
        word = PlanWord.RUN if self.stale else PlanWord.FRESH
        return (StatusLine("a", word, (), Outcome.SUCCEEDED, self.last_started, 1.5),)

    def doctor(self, request: Request) -> tuple[Finding, ...]:
        self._note("doctor", request)
        return self.findings

    def memory(self, request: Request, key: str | None = None) -> tuple[Remembered, ...]:
        self._note("memory", request)
        found = (Remembered("idea", '"a \\u001b[31mred market"', None), Remembered("score", None, "judge"))
        return tuple(one for one in found if key in (None, one.key))

    def explain(self, request: Request, subject: str) -> Explanation:
        self._note("explain", request)
        return Explanation(subject, ())

    def logs(self, request: Request, step: str) -> tuple[LogFile, ...]:
        self._note("logs", request)
        return self.log_files

    def touch(self, request: Request) -> tuple[str, ...]:
        self._note("touch", request)
        return request.targets

    def clean_orphans(self, request: Request, dry: bool) -> Cleaned:
        self._note("clean orphans, dry" if dry else "clean orphans", request)
        return Cleaned(self.removable, (), "" if dry else ".wavebuild/displaced/r")

    def clean_state(self, request: Request, dry: bool) -> Cleaned:
        self._note("clean state, dry" if dry else "clean state", request)
        return Cleaned(self.removable, ())

    def glanced(self, request: Request) -> Request:
        return request

    def orphans(self, request: Request) -> tuple[str, ...]:
        self._note("orphans", request)
        return ()

    def freeze(self, request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
        self._note("freeze", request)
        return tuple(subjects)

    def unfreeze(self, request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
        self._note("unfreeze", request)
        return tuple(subjects)

    def forget(self, request: Request) -> tuple[str, ...]:
        self._note("forget", request)
        return request.targets

    def accept(self, request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
        self._note("accept", request)
        return tuple(f"accepted {subject}" for subject in subjects)

    def clean(self, request: Request, dry: bool) -> Cleaned:
        self._note("clean dry" if dry else "clean", request)
        return Cleaned(self.removable, (("manual.csv", "a person placed it"),))

    def check(self, request: Request) -> tuple[Problem, ...]:
        self._note("check", request)
        return self.problems

    def race_ahead(self, request: Request) -> Undertaking:
        self._note("race ahead", request)
        return Undertaking(4, 3, 12, 3_500_000)

    def race(self, request: Request, say: Callable[[str], None]) -> Trial:
        self._note("race", request)
        say("order 1 of 2 …")
        return Trial(self.problems, 4, 3, 2, 7.0)

    def twice(self, request: Request, step: str, say: Callable[[str], None]) -> Trial:
        self._note(f"twice {step}", request)
        say("the second time …")
        return Trial(self.problems, 2, 1, 0, 7.0)

    def history(self, request: Request, step: str | None, most: int) -> History:
        self._note(f"history {step} {most}", request)
        return a_history(step)

    def show(self, request: Request, step: str) -> Portrait:
        self._note(f"show {step}", request)
        return a_portrait()

    def told(self, request: Request, run: str | None, result: BuildResult | None = None) -> Story:
        self._note(f"told {run}", request)
        return a_story()

    def convert(self, request: Request, file: str, output: str | None = None) -> Conversion:
        self._note(f"convert {file} {output}", request)
        path = None if output == "-" else output or "Wavefile"
        return Conversion("steps: {a: {run: make a}}\n", path, 1, self.problems)

    def init(self, request: Request) -> str:
        self._note("init", request)
        return request.file or "Wavefile"

    @property
    def deeds(self) -> list[str]:
        return [deed for deed, _ in self.asked]

    @property
    def request(self) -> Request:
        return self.asked[-1][1]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Called:
    """What a command line did."""

    code: int
    out: str
    err: str
    engine: FakeEngine


def called(
    *argv: str,
    engine: FakeEngine | None = None,
    environ: Mapping[str, str] | None = None,
    folder: str = "/",
    typed: str | None = None,
    deed: Callable[[Caller], int] | None = None,
) -> Called:
    """Runs one command line on a fake engine; ``typed`` puts a person at a terminal; ``deed``: without the parser."""
    from wavebuild.ui.cli import run

    engine = engine or FakeEngine()
    deeds: Deeds = engine
    stdin = io.StringIO("") if typed is None else Terminal(typed)
    stdout, stderr = io.StringIO(), io.StringIO() if typed is None else Terminal()
    code = (deed or run)(Caller(folder, environ or {}, stdin, stdout, stderr, argv, lambda: deeds))
    return Called(code, stdout.getvalue(), stderr.getvalue(), engine)
