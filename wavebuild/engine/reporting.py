"""The story of a run, put together from what is on record of it and from the Wavefile as it is now.

It does not know how the story is shown. Nothing is locked, and nothing written.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Artifact, Call, Hole, Manual, Range, Step, Text
from wavebuild.engine.project import Project, layout_of_request, load, secrets_of, select_steps
from wavebuild.engine.request import BuildResult, Request
from wavebuild.engine.story import Chapter, Former, FormerRun, Piece, Pieces, Story
from wavebuild.errors import WavebuildError, did_you_mean, mistake
from wavebuild.graph import reads
from wavebuild.judge.trace import Trace, key
from wavebuild.plan.order import waves
from wavebuild.plan.times import Timing, measure
from wavebuild.run.account import Account
from wavebuild.run.events import Outcome, Settled, StepRetried, StepReviewed
from wavebuild.run.masking import masked_text
from wavebuild.run.records import PastRun, Result
from wavebuild.store.held import is_held
from wavebuild.store.layout import Layout
from wavebuild.store.opening import read_state
from wavebuild.store.state import State

E = TypeVar("E", StepRetried, StepReviewed)

_WELL = (Outcome.KEPT, Outcome.RESTORED, Outcome.SUCCEEDED)
PIECES = 30
"""Members that are told of on one side of a step."""
SLIP = 0.25
"""Seconds that a step may lie ready for a worker before it surely runs."""
TAIL = 4096
"""Bytes of a log that are read for its last lines."""
LINES = 12
"""Last lines of a log of a step that went well."""
_OF_A_GATE = ("", "check", "review", "rejected")
"""How a step fails, if it does, when what ran last is a check or an advisor."""
MOST = 3000
"""Steps that are told of; of more those that went wrong, then the critical path, then what took longest."""
MANY = 800
"""Steps from which on the logs of those that went well are not told, but for the critical path."""


def story(request: Request, run: str | None, result: BuildResult | None = None) -> Story:
    """What is told of a run: of the last one, of one by its name or the beginning of it.

    ``result``: of the build that has just ended, for which nothing is on record where it had nothing to do.
    """
    project, why = _project(request)
    layout = layout_of_request(request)
    held = is_held(layout.lock)
    state = read_state(layout.state, held)
    try:
        found = _found(state, run if result is None else result.run)
        if found is None and result is not None:
            found = PastRun(
                result.run,
                result.started,
                result.seconds,
                result.exit_code,
                result.jobs,
                result.schedule,
                request.command_line,
                ((Outcome.KEPT.value, result.fresh),),
            )
            account: Account | None = _asked(request, layout)
        elif found is None:
            raise _unknown_run(state, run)
        else:
            account = state.history.account(found.run) if state else None
        is_running = found.seconds is None and held and state is not None and state.history.runs(1)[0].run == found.run
        secrets = [value for value in secrets_of(request, project).values() if value] if project else []
        return _Teller(request, project, layout, state, found, account, secrets).told(is_running, why)
    finally:
        if state is not None:
            state.close()


def _project(request: Request) -> tuple[Project | None, str]:
    """The Wavefile as it is now, or why there is none: a past run can be told of all the same."""
    try:
        return load(replace(request, targets=()), present=True), ""
    except WavebuildError as error:
        return None, error.problems[0].message


def _asked(request: Request, layout: Layout) -> Account:
    folder = os.path.relpath(request.directory, layout.root)
    return Account(request.targets, request.only, "" if folder == "." else folder)


def _found(state: State | None, run: str | None) -> PastRun | None:
    """The run of this name, or the only one whose name begins so; without a name the last one."""
    if state is None:
        return None
    if run is None:
        return next(iter(state.history.runs(1)), None)
    runs = state.history.runs(1 << 30)
    exact = [each for each in runs if each.run == run]
    begun = exact or [each for each in runs if each.run.startswith(run)]
    if len(begun) > 1:
        some = ", ".join(each.run for each in begun[:6])
        raise mistake("one-run", f"{run!r} begins the names of {len(begun)} runs", remedy=f"name one: {some}")
    return begun[0] if begun else None


def _unknown_run(state: State | None, run: str | None) -> WavebuildError:
    if run is None or state is None:
        return mistake("no-run", "no run is on record yet", remedy="build first: wavebuild")
    known = [each.run for each in state.history.runs(20)]
    near = did_you_mean(run, known) or "past runs are listed by: wavebuild history"
    return mistake("unknown-run", f"no run {run!r} is on record", remedy=near)


class _Teller(Struct):
    """Puts the story together."""

    request: Request
    project: Project | None
    layout: Layout
    state: State | None
    run: PastRun
    account: Account | None
    secrets: list[str]  # what a person may have written into a command, or a program into a value

    def told(self, is_running: bool, why: str) -> Story:
        unknown = [f"The Wavefile cannot be loaded now ({why}): there is no graph."] if self.project is None else []
        results = {each.step: each for each in self.state.history.results_in(self.run.run)} if self.state else {}
        settled = self._settled(results)
        wanted = self._wanted(is_running, unknown)
        outcome = self._of_the_rest(wanted, settled, unknown, is_running)
        if begun := self._begun(settled):
            which = "run now" if is_running else "ran when it was cut off"
            unknown.append(f"These steps {which}, or were about to begin: {begun}.")
        timing = self._timing(wanted, settled)
        critical = self._critical(timing, settled)
        spans = spans_of(settled.values(), self.account, self.run.jobs)
        chapters = self._chapters(wanted, settled, outcome, frozenset(critical), spans)
        return Story(
            run=self.run.run,
            project=(self.project and self.project.wavefile.name) or os.path.basename(self.layout.root),
            wavefile=self.layout.file,
            began=self.run.began,
            seconds=self.run.seconds,
            exit_code=self.run.exit_code,
            is_running=is_running,
            jobs=self.run.jobs,
            schedule=self.run.schedule,
            command=self.run.command,
            counts=self._counts(),
            chapters=tuple(chapters),
            lanes=1 + max((span.lane for span in spans.values()), default=-1),
            times=timing.times if timing else None,
            critical_path=critical,
            former=self._former(results),
            notices=self.account.notices if self.account else (),
            unknown=tuple(unknown),
            graph=self.project.graph if self.project else None,
            wanted=frozenset(wanted),
        )

    def _counts(self) -> tuple[tuple[str, int], ...]:
        known = dict(self.run.counts)
        return tuple((each.value, known[each.value]) for each in Outcome if known.get(each.value))

    def _settled(self, results: Mapping[str, Result]) -> dict[str, Settled]:
        """How steps ended, in the order in which that is known: all of it, or what the results say."""
        told = {each.step: each for each in self.account.steps} if self.account else {}
        for name, result in results.items():
            if name not in told:
                told[name] = self._of_result(result)
        return told

    def _of_result(self, result: Result) -> Settled:
        number = self.project.graph.number.get(result.step) if self.project else None
        wave = self.project.graph.wave[number] if self.project and number is not None else 0
        last = self.state.history.last_reasons(result.step) if self.state else None
        return Settled(
            result.step,
            Outcome(result.outcome),
            wave,
            started=result.began,
            seconds=result.seconds,
            attempts=result.attempts,
            reasons=last[1] if last is not None and last[0] == result.run else (),
            failure=result.failure,
            exit_code=result.exit_code,
            log=result.log,
        )

    def _begun(self, settled: Mapping[str, Settled]) -> str:
        """The steps that have begun in it, and of whose end nothing is on record."""
        if self.state is None or self.run.seconds is not None:
            return ""
        opened = [each.step for each, _ in self.state.attempts() if each.run == self.run.run]
        names = sorted({step for step in opened if step not in settled})
        return ", ".join(names[:PIECES]) + (f" and {len(names) - PIECES} more" if len(names) > PIECES else "")

    def _wanted(self, is_running: bool, unknown: list[str]) -> list[int]:
        """The steps that the run looked at, by waves, as far as that can be said now."""
        if self.project is None:
            return []
        account = self.account
        if account is None:
            which = "was cut off" if self.run.seconds is None else "was recorded by an earlier version"
            unknown.append(
                "It is not over: what its steps ran, and how often, is known when it is."
                if is_running
                else f"This run {which}: of its steps no commands and no tries are known, and only the newest reasons."
            )
        asked = account or Account()
        folder = os.path.join(self.layout.root, asked.folder)
        targeted = replace(self.request, targets=asked.targets, only=asked.only, directory=folder)
        try:
            wanted = select_steps(targeted, self.project).wanted
        except WavebuildError:
            unknown.append("Its targets are no more in the Wavefile: all steps are shown.")
            wanted = select_steps(replace(targeted, targets=(), only=False), self.project).wanted
        return [number for layer in waves(self.project.graph, wanted, closed=not asked.only) for number in layer]

    def _of_the_rest(
        self, wanted: Sequence[int], settled: Mapping[str, Settled], unknown: list[str], is_running: bool
    ) -> Outcome | None:
        """What became of the steps of which nothing is told: they were kept, if there are as many as were."""
        if self.project is None:
            return None
        steps = self.project.graph.number
        names = list(steps)
        rest = sum(1 for number in wanted if names[number] not in settled)
        told = sum(1 for each in settled.values() if each.outcome is Outcome.KEPT)
        kept = dict(self.run.counts).get(Outcome.KEPT.value, 0)
        if rest == kept - told:
            return Outcome.KEPT
        if self.run.seconds is None:
            if not is_running:
                unknown.append(f"Of {rest} steps nothing is on record: it did not come to them, or not to their end.")
        else:
            unknown.append(
                f"{kept} steps were kept in this run, and of {rest} steps nothing is on record: the Wavefile has"
                " changed since. What became of them is not known."
            )
        return None

    def _timing(self, wanted: Sequence[int], settled: Mapping[str, Settled]) -> Timing | None:
        """Serial, barrier and flow times of what ran, measured; the pauses between tries count, as in any schedule."""
        if self.project is None:
            return None
        number, paused = self.project.graph.number, _pauses(self.account)
        took = {
            number[name]: each.seconds + paused.get(name, 0.0)
            for name, each in settled.items()
            if name in number and each.started is not None and each.seconds > 0
        }
        ran = {step: Range(seconds, seconds) for step, seconds in took.items()}
        return measure(self.project.graph, {*wanted, *ran}, ran, max(self.run.jobs, 1)) if ran else None

    def _critical(self, timing: Timing | None, settled: Mapping[str, Settled]) -> tuple[str, ...]:
        if timing is None or self.project is None:
            return ()
        names = list(self.project.graph.number)
        path = [names[number] for number in timing.critical_path]
        return tuple(name for name in path if name in settled and settled[name].seconds > 0)

    def _chapters(
        self,
        wanted: Sequence[int],
        settled: Mapping[str, Settled],
        outcome: Outcome | None,
        critical: frozenset[str],
        spans: Mapping[str, _Span],
    ) -> list[Chapter]:
        formers = self.state.history.successes_before(self.run.run, self.run.began) if self.state else {}
        retried = _by_step(self.account.retried) if self.account else {}
        reviewed = _by_step(self.account.reviewed) if self.account else {}
        chapters = []
        for chapter in self._plain_chapters(wanted, settled, outcome, critical):
            name, former = chapter.name, formers.get(chapter.name)
            if chapter.is_brief:
                chapters.append(replace(chapter, is_critical=name in critical))
                continue
            span = spans.get(name)
            full = name in critical or chapter.outcome is Outcome.FAILED or len(settled) <= MANY
            chapters.append(
                replace(
                    chapter,
                    tail=self._tail(chapter.settled) if full and chapter.settled else (),
                    retried=tuple(retried.get(name, ())),
                    reviewed=tuple(reviewed.get(name, ())),
                    former=Former(former.run, former.seconds) if former else None,
                    lane=span.lane if span else None,
                    start=span.start if span else 0.0,
                    end=span.end if span else 0.0,
                    is_critical=name in critical,
                )
            )
        return chapters

    def _worth_telling(
        self, names: Sequence[str], settled: Mapping[str, Settled], critical: frozenset[str]
    ) -> frozenset[str]:
        if len(names) <= MOST:
            return frozenset(names)

        def rank(name: str) -> tuple[bool, bool, float]:
            one = settled.get(name)
            is_well = one is None or one.outcome in _WELL
            return is_well, name not in critical, -one.seconds if one else 0.0

        return frozenset(sorted(names, key=rank)[:MOST])

    def _plain_chapters(
        self,
        wanted: Sequence[int],
        settled: Mapping[str, Settled],
        outcome: Outcome | None,
        critical: frozenset[str],
    ) -> Iterable[Chapter]:
        graph = self.project.graph if self.project else None
        if graph is not None:
            names = list(graph.number)
            there = dict.fromkeys([*wanted, *(graph.number[name] for name in settled if name in graph.number)])
            worth = self._worth_telling([names[number] for number in there], settled, critical)
            for number in there:
                one = settled.get(names[number])
                became = one.outcome if one else outcome
                if names[number] in worth:
                    yield self._chapter(number, graph.wavefile.steps[number], one, became)
                else:
                    yield Chapter(names[number], graph.wave[number], became, one, is_brief=True)
        for name, one in settled.items():
            if graph is None or name not in graph.number:
                yield Chapter(name, one.wave, one.outcome, one, command=one.command, is_gone=graph is not None)

    def _chapter(self, number: int, step: Step, settled: Settled | None, outcome: Outcome | None) -> Chapter:
        assert self.project is not None
        graph = self.project.graph
        names = graph.wavefile.steps
        trace = self._trace(step, settled)
        last = settled.command if settled else ""
        action = settled.action if settled else ""
        is_gate = settled is not None and bool(step.judges) and settled.failure in _OF_A_GATE
        ran = action or ("" if is_gate else last)
        return Chapter(
            name=step.name,
            wave=graph.wave[number],
            outcome=outcome,
            settled=settled,
            title=step.title,
            base=step.base,
            place=f"{step.place.file}:{step.place.line}" if step.place.line else step.place.file,
            agent=step.agent,
            phase=step.phase or "",
            tags=step.tags,
            command=ran or self._hidden(_declared(step)),
            is_declared=not ran,
            gate=last if is_gate or (action and settled and settled.outcome is Outcome.FAILED) else "",
            reads=self._reads(step, settled, trace),
            makes=self._pieces(trace.outputs) if trace else _declared_pieces((*step.outputs, *step.updates)),
            upstream=tuple(names[each].name for each in graph.upstream[number]),
            downstream=tuple(names[each].name for each in graph.downstream[number]),
        )

    def _hidden(self, text: str) -> str:
        return masked_text(text, self.secrets) if self.secrets else text

    def _pieces(self, members: Mapping[str, str]) -> Pieces:
        shown = tuple(Piece(member, self._hidden(members[member])) for member in sorted(members)[:PIECES])
        return Pieces(shown, len(members) - len(shown))

    def _reads(self, step: Step, settled: Settled | None, trace: Trace | None) -> Pieces:
        if trace is not None:
            return self._pieces({**trace.inputs, **trace.discovered})
        if settled is not None and settled.read:
            return replace(self._pieces(dict(settled.read)), more=settled.read_more)
        return _declared_pieces(reads(step))

    def _trace(self, step: Step, settled: Settled | None) -> Trace | None:
        """What the step read and made in this run; of one that was kept, what stood then as far as that is known."""
        if self.state is None:
            return None
        traces = self.state.traces(key(step))
        if settled is not None and settled.started is not None:
            return next((each for each in traces if each.run == self.run.run), None)
        is_kept = settled is None or settled.outcome is Outcome.KEPT
        before = (each for each in traces if each.began <= self.run.began and not each.forgotten)
        return next(before, None) if is_kept else None

    def _tail(self, settled: Settled) -> tuple[str, ...]:
        """The last lines of its output, from the account or from its log."""
        if settled.tail or settled.log is None:
            return settled.tail
        data = disk.tail(os.path.join(self.layout.root, settled.log), TAIL)
        lines = data.decode("utf-8", "replace").splitlines()
        return tuple(lines[1:] if len(data) >= TAIL and len(lines) > 1 else lines)[-LINES:]

    def _former(self, results: Mapping[str, Result]) -> FormerRun | None:
        before = self.state.history.run_before(self.run.began) if self.state else None
        if before is None or self.state is None:
            return None
        then = self.state.history.results_in(before.run)
        only = tuple((each.step, each.seconds) for each in then if each.step not in results)
        return FormerRun(before.run, before.began, before.seconds, before.exit_code, before.counts, only)


def _by_step(events: Iterable[E]) -> dict[str, list[E]]:
    found: dict[str, list[E]] = {}
    for event in events:
        found.setdefault(event.step, []).append(event)
    return found


def _pauses(account: Account | None) -> dict[str, float]:
    """How long each step has waited for its next tries."""
    paused: dict[str, float] = {}
    for event in account.retried if account else ():
        paused[event.step] = paused.get(event.step, 0.0) + event.delay
    return paused


class _Span(Struct, frozen=True):
    """Where a step stands in the timeline."""

    lane: int
    start: float
    end: float


def spans_of(settled: Iterable[Settled], account: Account | None, jobs: int) -> dict[str, _Span]:
    """The places of all that ran, in as few rows as there were steps at once.

    A step counts as begun when it is handed to a worker, which may be about to end another: where more would have run
    than there are jobs, it stands behind the one that ended first. Who waits for the next try has no slot, but a row.
    """
    paused = _pauses(account)
    ran = [each for each in settled if each.started is not None]
    spans: dict[str, _Span] = {}
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    for each in sorted(ran, key=lambda one: (one.started or 0.0, one.step)):
        start = each.started or 0.0
        while busy and busy[0][0] <= start + 0.002:  # two clocks tell of one moment
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            row = heapq.heappop(free)
        elif len(busy) < jobs or not jobs or busy[0][0] > start + SLIP:
            row = len(busy)
        else:
            start, row = heapq.heappop(busy)
        end = start + each.seconds + paused.get(each.step, 0.0)
        spans[each.step] = _Span(row, start, end)
        heapq.heappush(busy, (end, row))
    return spans


def _declared_pieces(artifacts: Sequence[Artifact]) -> Pieces:
    shown = tuple(Piece(each.text) for each in artifacts[:PIECES])
    return Pieces(shown, len(artifacts) - len(shown), is_known=False)


def _declared(step: Step) -> str:
    """The action as the Wavefile has it; what is filled in when it runs stands as it is written."""
    match step.action:
        case None:
            return ""
        case Manual():
            return step.action.text
        case Call():
            return f"{step.action.module}:{step.action.function}"
        case run:
            return "\n".join(_as_written(script) for script in run.scripts)


def _as_written(text: Text) -> str:
    return "".join("{{ " + part.source + " }}" if isinstance(part, Hole) else part for part in text.parts)
