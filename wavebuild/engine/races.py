"""``check --race``: builds a copy in different orders; what works by luck alone is found, and by name.

It does not know how an order is found, nor how what steps touch is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.declare.model import Manual, Step
from wavebuild.engine.project import (
    Project,
    facts_of,
    load,
    select_steps,
    sequence,
    state_to_read,
)
from wavebuild.engine.trials import Copy, copied, remove_outputs, size_of
from wavebuild.engine.values import BuildResult, Request, Trial, Undertaking
from wavebuild.errors import Place, Problem, Severity, WavebuildError
from wavebuild.graph import covers
from wavebuild.judge.trace import key
from wavebuild.plan.orders import orders
from wavebuild.plan.targets import upstream_of
from wavebuild.run.audit import Audit
from wavebuild.run.events import Outcome, Settled

MOST = 20
"""Orders that are tried at most; far fewer turn every pair round in nearly every pipeline."""

MOST_COUNTED = 1000
"""Of more steps the pairs are not counted."""

Say = Callable[[str], None]


class Round(Struct, frozen=True):
    """One build in the copy: in what order steps began, how they ended, what they made (digests by member)."""

    name: str
    began: tuple[str, ...]
    steps: Mapping[str, Settled]
    made: Mapping[str, Mapping[str, str]]
    seconds: float


def undertaking(request: Request) -> Undertaking:
    """What will be done, before anything is."""
    project = load(request, present=True)
    usual = sequence(project, select_steps(request, project).wanted)
    size = size_of(project.wavefile.root)
    return Undertaking(2 + len(orders(project.graph.upstream, usual, MOST)), len(usual), size.files, size.bytes)


def race(request: Request, say: Say) -> Trial:
    """Builds a copy in the usual order, in others, and with several steps at once, and compares."""
    request = replace(request, force=False, changed=(), unchanged=(), keep_going=True, full=True)
    with copied(request, with_state=False) as (project, copy):
        return _Race(request, project, copy, say).run()


class _Race:
    def __init__(self, request: Request, project: Project, copy: Copy, say: Say) -> None:
        self._request = request
        self._project = project
        self._copy = copy
        self._say = say
        self._rounds: list[Round] = []
        self._audits = True
        self._upstream: dict[int, set[int]] = {}  # as far as it was asked for; of the graph as it is in the end

    def run(self) -> Trial:
        self._clear()
        usual = self._round("the usual order", jobs=1, order=())
        # Lists that steps make are known now.
        self._project = load(self._copy.request, present=True)
        graph = self._project.graph
        names = [step.name for step in graph.wavefile.steps]
        numbers = sequence(self._project, select_steps(self._copy.request, self._project).wanted)
        found = orders(graph.upstream, numbers, MOST)
        good = usual if _is_good(usual) else None
        if good is None and self._audits:
            return self._trial(self._never_good())  # whatever is missing has been seen
        for at, order in enumerate(found, 1):
            turn = self._round(f"order {at} of {len(found)}", jobs=1, order=tuple(names[number] for number in order))
            good = good or (turn if _is_good(turn) else None)
        if good is None:
            return self._trial(self._never_good())
        together = max(2, self._copy.request.jobs or 0)
        backwards = tuple(names[number] for number in (found[-1] if found else numbers))
        self._round(f"a build of {together} at once", jobs=together, order=backwards)
        self._rounds.sort(key=lambda turn: turn is not good)
        return self._trial(self._problems())

    def _never_good(self) -> list[Problem]:
        """No order lets all steps end well: what is known of missing edges may be why."""
        undeclared = list(self._undeclared())
        named = {step for step, _ in undeclared}
        first = self._rounds[0].steps.values()
        failed = [settled for settled in first if settled.outcome is Outcome.FAILED and settled.step not in named]
        waiting = [settled for settled in first if settled.outcome is Outcome.WAITING]
        return [
            *(problem for _, problem in undeclared),
            *(_fails_anyway(self._place(settled.step), settled) for settled in (*failed, *waiting)),
        ]

    def _clear(self) -> None:
        """Nothing in the copy but what no step makes."""
        project = load(self._copy.request, present=True)
        state = state_to_read(self._request, self._project)
        ours = list(state.made()) if state is not None else []
        if state is not None:
            state.close()
        facts, _ = facts_of(project, None, self._copy.request)
        kept = [step for step in project.wavefile.steps if step.frozen or isinstance(step.action, Manual)]
        made = (step for step in project.wavefile.steps if step not in kept)
        exact = [path for step in made for path in _exact(facts.outputs(step), step)]

        def keep(path: str) -> bool:
            return any(covers(artifact, path.rstrip("/")) for step in kept for artifact in step.outputs)

        remove_outputs(self._copy, keep, sorted({*ours, *exact}, reverse=True))
        self._copy.remember()

    def _round(self, name: str, jobs: int, order: tuple[str, ...]) -> Round:
        if self._rounds:
            self._copy.restore()
        self._say(f"{name} …")
        try:
            result, began = self._copy.build(jobs=jobs, order=order, audit=self._audits)
        except WavebuildError as error:
            if not self._audits or error.problems[0].code != "audit":
                raise
            self._audits = False
            self._say(error.problems[0].message)
            self._copy.restore()
            result, began = self._copy.build(jobs=jobs, order=order)
        made = self._made(result)
        done = Round(name, tuple(began), {each.step: each for each in result.steps}, made, result.seconds)
        self._rounds.append(done)
        return done

    def _made(self, result: BuildResult) -> dict[str, dict[str, str]]:
        """What each step that succeeded has made, by the digests of its trace."""
        project = load(self._copy.request, present=True)
        state = state_to_read(self._copy.request, project)
        if state is None:
            return {}
        try:
            numbers = project.graph.number
            found = {}
            for settled in result.steps:
                if settled.outcome is Outcome.SUCCEEDED and settled.step in numbers:
                    traces = state.traces(key(project.wavefile.steps[numbers[settled.step]]))
                    made = traces[0].outputs if traces else {}
                    found[settled.step] = {m: d for m, d in made.items() if not d.startswith("stat")}
            return found
        finally:
            state.close()

    # What the rounds show

    def _problems(self) -> list[Problem]:
        undeclared = list(self._undeclared())
        named = {step for step, _ in undeclared}
        problems = [problem for _, problem in undeclared]
        odd = self._odd()
        known = {*named, *odd}
        unexplained = {
            step: rounds for step, rounds in odd.items() if step not in named and not self._after(step, known - {step})
        }
        if unexplained:
            usual = self._rounds[0]
            again = self._round(f"{usual.name} again", jobs=1, order=usual.began)
            for step, rounds in unexplained.items():
                same_end = again.steps[step].outcome is usual.steps[step].outcome
                if again.made.get(step) != usual.made.get(step) or not same_end:
                    problems.append(self._unsteady(step))
                else:
                    problems.append(self._unexplained(step, rounds))
        return [*problems, *self._clashes()]

    def _undeclared(self) -> Iterable[tuple[str, Problem]]:
        """Steps that read what another step makes or writes, and do not wait for it."""
        graph = self._project.graph
        found: dict[tuple[str, str], dict[str, None]] = {}
        writers: dict[str, set[str]] = {}
        for audit, step in self._all_audits():
            for touch in (*audit.writes, *audit.removes):
                writers.setdefault(touch.path, set()).add(step)
        for audit, step in self._all_audits():
            before = {graph.wavefile.steps[n].name for n in upstream_of(graph, [graph.number[step]])}
            for touch in (*audit.reads, *audit.sought, *audit.refused):
                makers = {touch.owner} if touch.owner else writers.get(touch.path, set())
                for maker in makers - before:
                    found.setdefault((step, maker), {})[touch.path] = None
        for (step, maker), paths in found.items():
            yield step, self._race_of(step, maker, list(paths))

    def _race_of(self, step: str, maker: str, paths: Sequence[str]) -> Problem:
        declared = self._project.graph.wavefile.steps[self._project.graph.number[maker]].outputs
        shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
        owned = all(any(covers(artifact, path) for artifact in declared) for path in paths)
        verb = "makes" if owned else "writes without declaring it"
        message = f"{step} reads {shown}, which {maker} {verb}, but does not wait for {maker}"
        remedy = [f"in {turn.name} {what}" for turn, what in self._oddities(step)[:2]]
        lines = "".join(f"\n  - {path}" for path in paths[:10])
        if not owned:
            remedy.append(f"add to the outputs of {maker}:{lines}")
        remedy.append(f"add to the inputs of {step}:{lines}")
        return Problem("race", message, self._place(step), "\n".join(remedy))

    def _all_audits(self) -> Iterable[tuple[Audit, str]]:
        for turn in self._rounds:
            for step, settled in turn.steps.items():
                if settled.audit is not None and step in self._project.graph.number:
                    yield settled.audit, step

    def _clashes(self) -> Iterable[Problem]:
        """Files that two steps write, where either may come first."""
        graph = self._project.graph
        writers: dict[str, set[str]] = {}
        for audit, step in self._all_audits():
            for touch in audit.writes:
                writers.setdefault(touch.path, set()).add(step)
                if touch.owner:
                    writers[touch.path].add(touch.owner)
        clashing: dict[tuple[str, ...], list[str]] = {}
        for path, steps in sorted(writers.items()):
            free = {name for pair in combinations(sorted(steps), 2) if not self._joined(*pair) for name in pair}
            if free:
                ordered = sorted(free, key=lambda name: graph.number[name])
                clashing.setdefault(tuple(ordered), []).append(path)
        for names, paths in clashing.items():
            yield self._clash(names, paths)

    def _clash(self, names: Sequence[str], paths: Sequence[str]) -> Problem:
        """Who takes turns by a resource does so knowingly: that is a warning."""
        graph = self._project.graph
        taken = [{name for name, _ in graph.wavefile.steps[graph.number[each]].resources} - {"cpus"} for each in names]
        shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
        who = (
            f"{names[0]} and {names[1]} both" if len(names) == 2 else f"{len(names)} steps ({', '.join(names[:3])}, …)"
        )
        message = f"{who} write {shown}, and do not wait for each other"
        remedy = "one path, one owner: let each write a file of its own"
        severity: Severity = "warning" if set.intersection(*taken) else "error"
        return Problem("race", message, self._place(names[0]), remedy, severity=severity)

    def _joined(self, one: str, other: str) -> bool:
        first, last = (self._project.graph.number[name] for name in (one, other))
        return first in self._before(last) or last in self._before(first)

    def _before(self, number: int) -> set[int]:
        if number not in self._upstream:
            self._upstream[number] = upstream_of(self._project.graph, [number])
        return self._upstream[number]

    def _odd(self) -> dict[str, list[Round]]:
        """Steps that in some round did not end, or did not make, what they did in the usual order."""
        found: dict[str, list[Round]] = {}
        for step in self._rounds[0].steps:
            rounds = [turn for turn, _ in self._oddities(step)]
            if rounds:
                found[step] = rounds
        return found

    def _oddities(self, step: str) -> list[tuple[Round, str]]:
        usual = self._rounds[0]
        found = []
        for turn in self._rounds[1:]:
            ended = turn.steps.get(step)
            if ended is None or ended.outcome in (Outcome.BLOCKED, Outcome.NOT_STARTED):
                continue
            if ended.outcome is Outcome.FAILED:
                found.append((turn, f"it failed: {_last_words(ended)}"))
            elif turn.made.get(step) != usual.made.get(step):
                was, now = usual.made.get(step, {}), turn.made.get(step, {})
                member = next((m for m in sorted({*was, *now}) if was.get(m) != now.get(m)), "")
                found.append((turn, f"it made another {member}"))
        return found

    def _after(self, step: str, others: set[str]) -> bool:
        """Whether what is odd about a step may come from a step before it."""
        graph = self._project.graph
        before = {graph.wavefile.steps[n].name for n in upstream_of(graph, [graph.number[step]])} - {step}
        return bool(before & others)

    def _unsteady(self, step: str) -> Problem:
        return Problem(
            "not-deterministic",
            f"{step} does not make the same again in the same order: of its order nothing can be said",
            self._place(step),
            f"look closer: wavebuild check --twice {step}",
            severity="warning",
        )

    def _unexplained(self, step: str, rounds: Sequence[Round]) -> Problem:
        """Without a trace of what it touched: those that came before it when all was well, and did not here."""
        usual, turn = self._rounds[0], rounds[0]
        suspects = self._suspects(step, usual, turn)
        for other in rounds[1:]:
            suspects = [each for each in suspects if each in self._suspects(step, usual, other)] or suspects
        what = {turn.name: text for turn, text in self._oddities(step)}[turn.name]
        if not suspects:
            message = f"what {step} makes depends on the order of the steps before it"
            return Problem("race", message, self._place(step), f"in {turn.name} {what}")
        few = ", ".join(suspects[:5]) + (" …" if len(suspects) > 5 else "")
        made = [m for name in suspects for m in usual.made.get(name, {})][:3]
        one = f"what {few} makes" if len(suspects) == 1 else f"something that one of these makes: {few}"
        shown = f" (perhaps {', '.join(made)})" if made else ""
        return Problem(
            "race",
            f"{step} depends on the order of steps: it reads {one}{shown}, and does not wait for it",
            self._place(step),
            f"in {turn.name} {what}",
        )

    def _suspects(self, step: str, usual: Round, turn: Round) -> list[str]:
        """The steps that came before this one in the usual order, and after it in the other."""
        if step not in usual.began or step not in turn.began:
            return []
        before = usual.began[: usual.began.index(step)]
        early = set(turn.began[: turn.began.index(step)])
        return [name for name in before if name not in early and not self._joined(name, step)]

    def _turned(self) -> int:
        """How many pairs of steps came first either way."""
        seen: set[tuple[str, str]] = set()
        for turn in self._rounds:
            if len(turn.began) > MOST_COUNTED:
                return 0
            seen.update(combinations(turn.began, 2))
        return sum((other, one) in seen for one, other in seen) // 2

    def _place(self, step: str) -> Place | None:
        graph = self._project.graph
        return graph.wavefile.steps[graph.number[step]].place if step in graph.number else None

    def _trial(self, problems: Sequence[Problem]) -> Trial:
        problems = [*problems, *self._copy.strayed()]
        began = {name for turn in self._rounds for name in turn.began}
        pairs = 0 if problems else self._turned()
        return Trial(tuple(problems), len(self._rounds), len(began), pairs, sum(turn.seconds for turn in self._rounds))


def _exact(paths: Iterable[str], step: Step) -> Iterable[str]:
    """The members that files and directories cover: in a glob there may be files of other people."""
    wide = [artifact for artifact in step.outputs if artifact.kind.value != "glob"]
    return (path for path in paths if any(covers(artifact, path.rstrip("/")) for artifact in wide))


def _is_good(turn: Round) -> bool:
    bad = (Outcome.FAILED, Outcome.BLOCKED, Outcome.WAITING, Outcome.INTERRUPTED, Outcome.NOT_STARTED)
    return not any(settled.outcome in bad for settled in turn.steps.values())


def _last_words(settled: Settled) -> str:
    said = settled.tail[-1].strip() if settled.tail else settled.detail.splitlines()[0] if settled.detail else ""
    how = f"exit {settled.exit_code}" if settled.exit_code else settled.failure
    return f"{how}, {said}" if said else how


def _fails_anyway(place: Place | None, settled: Settled) -> Problem:
    message = f"{settled.step} fails in a copy of the project that is built from nothing: {_last_words(settled)}"
    remedy = "what it needs may lie out of the project, or be neither an input nor in the copy"
    return Problem("fails", message, place, remedy)
