"""How long the wanted steps take: serial, in waves, in flow; the critical path and the slack.

It does not know where the durations come from, nor what each step will do. Low ends are
computed from all low ends and high from all high, so a range of slack may fall.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from heapq import heappop, heappush, heapreplace

from msgspec import Struct

from wavebuild.declare.model import Range
from wavebuild.graph import Graph
from wavebuild.plan.model import Times
from wavebuild.plan.order import remaining, sequence, waves

_NOISE = 1e-9  # relative: sums of the same durations in another order differ by this little


class Timing(Struct, frozen=True):
    """The times of a build, the steps of its critical path, and how late each step may be."""

    times: Times
    critical_path: tuple[int, ...]
    slack: Mapping[int, Range]


class _End(Struct, frozen=True):
    """One end of all ranges: either all lows or all highs."""

    serial: float
    barrier: float
    flow: float
    barrier_j: float
    flow_j: float
    finish: Mapping[int, float]
    slack: Mapping[int, float]

    @property
    def saved(self) -> float:
        return 1 - self.flow / self.serial if self.serial else 0.0


def measure(graph: Graph, wanted: Collection[int], durations: Mapping[int, Range], jobs: int) -> Timing:
    """The times of the wanted steps; a step without a duration counts as nothing."""
    layers = waves(graph, wanted)
    low = _end(graph, layers, {step: known.low for step, known in durations.items()}, jobs)
    high = _end(graph, layers, {step: known.high for step, known in durations.items()}, jobs)
    times = Times(
        serial=Range(low.serial, high.serial),
        barrier=Range(low.barrier, high.barrier),
        flow=Range(low.flow, high.flow),
        barrier_j=Range(low.barrier_j, high.barrier_j),
        flow_j=Range(low.flow_j, high.flow_j),
        saved=Range(low.saved, high.saved),
    )
    slack = {step: Range(low.slack[step], high.slack[step]) for step in wanted}
    return Timing(times, _critical_path(graph, high), slack)


def _end(graph: Graph, layers: Sequence[Sequence[int]], lengths: Mapping[int, float], jobs: int) -> _End:
    wanted = {step for layer in layers for step in layer}
    left = remaining(graph, wanted, lengths)
    finish = _finish(graph, wanted, lengths)
    flow = max(finish.values(), default=0.0)
    start = {step: finish[step] - lengths.get(step, 0.0) for step in wanted}
    return _End(
        serial=sum(lengths.get(step, 0.0) for layer in layers for step in layer),
        barrier=sum(max(lengths.get(step, 0.0) for step in layer) for layer in layers),
        flow=flow,
        barrier_j=sum(_wave_with_slots(layer, lengths, left, jobs) for layer in layers),
        flow_j=_flow_with_slots(graph, wanted, lengths, left, jobs),
        finish=finish,
        slack={step: _without_noise(flow - start[step] - left[step], flow) for step in wanted},
    )


def _finish(graph: Graph, wanted: Collection[int], lengths: Mapping[int, float]) -> dict[int, float]:
    """When each step ends if every step starts as soon as it can."""
    finish: dict[int, float] = {}
    for step in sequence(graph, wanted):
        start = max((finish[before] for before in graph.upstream[step] if before in finish), default=0.0)
        finish[step] = start + lengths.get(step, 0.0)
    return finish


def _without_noise(seconds: float, scale: float) -> float:
    return seconds if seconds > _NOISE * scale else 0.0


def _critical_path(graph: Graph, end: _End) -> tuple[int, ...]:
    """The longest chain, found from its end back; of equals the step that stands first in the file."""
    if end.flow == 0:
        return ()
    chain = [_latest(end.finish, end.finish)]
    while before := [step for step in graph.upstream[chain[-1]] if step in end.finish]:
        chain.append(_latest(before, end.finish))
    return tuple(reversed(chain))


def _latest(steps: Collection[int], finish: Mapping[int, float]) -> int:
    return min(steps, key=lambda step: (-finish[step], step))


def _wave_with_slots(layer: Sequence[int], lengths: Mapping[int, float], left: Mapping[int, float], jobs: int) -> float:
    """How long a wave takes with so many slots, the longest remaining path first."""
    slots = [0.0] * min(jobs, len(layer))
    for step in sorted(layer, key=lambda step: (-left[step], step)):
        heapreplace(slots, slots[0] + lengths.get(step, 0.0))
    return max(slots)


def _flow_with_slots(
    graph: Graph, wanted: Collection[int], lengths: Mapping[int, float], left: Mapping[int, float], jobs: int
) -> float:
    """How long the flow takes with so many slots, the longest remaining path first."""
    missing = {step: sum(before in left for before in graph.upstream[step]) for step in wanted}
    ready = sorted((-left[step], step) for step in wanted if missing[step] == 0)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        # A slot that frees at this very moment is free for what becomes ready at this moment.
        while running and (not ready or len(running) >= jobs or running[0][0] <= now):
            now, ended = heappop(running)
            _release(graph, ended, missing, ready, left)
        if ready:
            _, step = heappop(ready)
            length = lengths.get(step, 0.0)
            if length > 0:
                heappush(running, (now + length, step))
            else:
                _release(graph, step, missing, ready, left)  # what takes no time takes no slot
    return now


def _release(
    graph: Graph,
    ended: int,
    missing: dict[int, int],
    ready: list[tuple[float, int]],
    left: Mapping[int, float],
) -> None:
    for later in graph.downstream[ended]:
        if later in missing:
            missing[later] -= 1
            if missing[later] == 0:
                heappush(ready, (-left[later], later))
