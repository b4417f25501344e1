"""What will become of each wanted step, told before anything runs.

It does not know how a step's standing was found out. One function maps verdicts to the plan's
words: ``_word``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import assert_never

from wavebuild.declare.model import Artifact
from wavebuild.graph import Graph
from wavebuild.judge.freshness import Fresh, Stale, Undecided, Verdict, is_of
from wavebuild.judge.freshness import reasons as differences
from wavebuild.judge.reasons import (
    ActionChanged,
    Always,
    BeforePeriod,
    EditLost,
    FailedBefore,
    Forced,
    GateChanged,
    HeldBack,
    InputAdded,
    InputChanged,
    InputRemoved,
    InputsMoved,
    ListRefused,
    NeverRan,
    OutputEdited,
    OutputMissing,
    Reason,
    TakenAsChanged,
    TooOld,
    Unasked,
    Unclaimed,
    Unreadable,
    Upstream,
)
from wavebuild.judge.standing import Frozen, Held, Keeps, Rechecks, Runs, Standing, Stops, Unsure, Waits
from wavebuild.plan.model import Foreseen, PlanWord
from wavebuild.plan.order import waves

UNSETTLED = (PlanWord.RUN, PlanWord.MAYBE, PlanWord.RESTORE, PlanWord.EXPANDS)
STOPPED = (PlanWord.WAITING, PlanWord.BLOCKED)
SETTLED = tuple(word for word in PlanWord if word not in UNSETTLED + STOPPED)


def foresee(
    graph: Graph,
    wanted: Collection[int],
    stands: Callable[[int], Standing],
    discovered: Mapping[int, Collection[int]] = {},
    refused: Mapping[Artifact, str] = {},
    known: Mapping[int, Foreseen] = {},
) -> dict[int, Foreseen]:
    """A word for every wanted step, in the order of the waves, after those that are ``known``.

    ``discovered``: of a step, those that make what it is known to read without having declared it;
    ``refused``: lists whose makers have settled and that are of no use, and why.
    """
    found, growing = dict(known), graph.traits.growing
    for layer in waves(graph, wanted):
        for number in layer:
            if number in growing:
                found[number] = _awaiting(graph, number, found, refused)
                continue
            makers = sorted({*graph.data_upstream[number], *discovered.get(number, ())})
            found[number] = _foreseen(graph, number, stands(number), found, makers)
    return found


def _awaiting(graph: Graph, number: int, found: Mapping[int, Foreseen], refused: Mapping[Artifact, str]) -> Foreseen:
    """A step whose instances, or some of whose inputs, are not known before others have settled."""
    step, names = graph.wavefile.steps[number], graph.names.every
    before = [up for up in graph.upstream[number] if up in found]
    stopped = tuple(names[up] for up in before if found[up].word in STOPPED)
    if stopped:
        return Foreseen(PlanWord.BLOCKED, (), stopped)
    useless = tuple(ListRefused(refused[artifact]) for artifact in step.unread if artifact in refused)
    if useless:
        return Foreseen(PlanWord.BLOCKED, useless)
    makers = [up for artifact in step.unread for up in graph.owners.makers(artifact) if up in found]
    after = tuple(dict.fromkeys(names[up] for up in makers))
    return Foreseen(PlanWord.EXPANDS if step.expands else PlanWord.MAYBE, (Upstream(after),), after)


def _foreseen(
    graph: Graph, number: int, standing: Standing, found: Mapping[int, Foreseen], upstream: Iterable[int]
) -> Foreseen:
    names = graph.names.every
    before = [up for up in graph.upstream[number] if up in found]
    stopped = tuple(names[up] for up in before if found[up].word in STOPPED)
    makers = [up for up in upstream if up in found]
    unsettled = tuple(names[up] for up in makers if found[up].word in UNSETTLED)
    match standing:
        case Waits():
            return Foreseen(PlanWord.WAITING)
        case Stops(reasons=reasons):
            return Foreseen(PlanWord.BLOCKED, reasons, stopped)
        case Frozen():
            return Foreseen(PlanWord.FROZEN)
        case Held(until, reasons) if not stopped and (reasons or unsettled):
            return Foreseen(PlanWord.HELD, (HeldBack(until), *reasons))
        case Keeps(reasons=reasons) if reasons and not stopped:  # taken as it stands, whatever is remade before it
            return Foreseen(PlanWord.FRESH, reasons)
        case Keeps() | Held():
            verdict: Verdict = Fresh(None)
        case Unsure(members=members):
            verdict = Undecided((), members)
        case Runs(reasons=reasons):
            verdict = Stale(reasons)
        case Rechecks(reasons=reasons, of=of):
            verdict = Stale(reasons, of)
            if of is None and not stopped and (standing.by_hand or not unsettled):
                return Foreseen(PlanWord.RECHECK, reasons)
        case _:
            assert_never(standing)
    if stopped:
        return Foreseen(PlanWord.BLOCKED, _reasons(verdict), stopped)
    open_makers = frozenset(unsettled)
    shared = tuple(
        path for path in graph.shared.paths if any(names[up] in open_makers for up in graph.shared.updaters(path))
    )
    if isinstance(standing, Runs) and open_makers and _may_be_as_once(standing, open_makers, shared):
        verdict = Undecided(())
    return _word(_decided(verdict, open_makers, shared), unsettled)


def _may_be_as_once(standing: Runs, open_makers: frozenset[str], shared: Sequence[str]) -> bool:
    """Whether all that speaks against some kept trace may be gone when the makers of inputs have run."""
    return any(
        not any(_lasts(reason, open_makers, shared) for reason in differences(standing.now, trace))
        for trace in standing.former
        if not trace.void and not trace.moved
    )


def _decided(verdict: Verdict, open_makers: frozenset[str], shared: Sequence[str] = ()) -> Verdict:
    """The verdict that holds whatever the makers of inputs, and the editors of ``shared``, will do; else Undecided."""
    if not open_makers:
        return verdict
    match verdict:
        case Stale(reasons, gate_only):
            lasting = tuple(reason for reason in reasons if _lasts(reason, open_makers, shared))
            if lasting and gate_only is None:
                return Stale(lasting)
            return Undecided(tuple(sorted(open_makers)))
        case Fresh():
            return Undecided(tuple(sorted(open_makers)))
        case Undecided(unasked=unasked):
            return Undecided(tuple(sorted(open_makers)), unasked)
        case _:
            assert_never(verdict)


def _lasts(reason: Reason, open_makers: frozenset[str], shared: Sequence[str]) -> bool:
    """Whether a reason holds whatever is remade upstream."""
    match reason:
        case InputChanged() | InputAdded() | InputRemoved():
            return reason.maker not in open_makers and not is_of(reason.member, shared)
        case FailedBefore() | InputsMoved() | GateChanged() | Upstream() | HeldBack() | Unasked():
            return False
        case ListRefused() | Unreadable():
            return False
        case (
            NeverRan()
            | Forced()
            | Always()
            | TooOld()
            | BeforePeriod()
            | TakenAsChanged()
            | ActionChanged()
            | OutputMissing()
            | OutputEdited()
            | EditLost()
            | Unclaimed()
        ):
            return True
        case _:
            assert_never(reason)


def _word(verdict: Verdict, open_makers: tuple[str, ...]) -> Foreseen:
    match verdict:
        case Fresh():
            return Foreseen(PlanWord.FRESH)
        case Stale(reasons, gate_only):
            return Foreseen(PlanWord.RUN if gate_only is None else PlanWord.RECHECK, reasons)
        case Undecided(unasked=unasked):
            upstream = (Upstream(open_makers),) if open_makers else ()
            return Foreseen(PlanWord.MAYBE, (*upstream, *((Unasked(unasked),) if unasked else ())), open_makers)
        case _:
            assert_never(verdict)


def _reasons(verdict: Verdict) -> tuple[Reason, ...]:
    return verdict.reasons if isinstance(verdict, Stale) else ()
