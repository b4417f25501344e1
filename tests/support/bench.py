"""One step on a real folder, judged as a build would: facts from the disk, traces as the test says.

It does not know how steps run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec.structs import replace

from tests.graph.declared import wavefile
from wavebuild.declare.model import Step
from wavebuild.graph import link
from wavebuild.judge.digest import Digests
from wavebuild.judge.facts import Facts
from wavebuild.judge.members import Folders
from wavebuild.judge.standing import Keeps, Runs, Standing, stand
from wavebuild.judge.trace import Made, Trace, key


@dataclass
class Bench:
    """``traces``: of the step that is judged, newest first; ``made``: members that some step is on record for."""

    root: Path
    steps: Sequence[Step]
    environ: Mapping[str, str] = field(default_factory=dict)
    traces: list[Trace] = field(default_factory=list)
    made: dict[str, Made] = field(default_factory=dict)
    orphans: frozenset[str] = frozenset()

    def facts(self) -> Facts:
        """Facts as a new build would gather them."""
        graph = link(wavefile(*self.steps, root=str(self.root)))
        folders = Folders(str(self.root))
        return Facts(graph, Digests(str(self.root), {}), folders, self.environ, self.orphans, lambda: self.made)

    def stand(self, number: int = 0, *, forced: bool = False, clock: float = 100.0) -> Standing:
        facts = self.facts()
        found = stand(facts, number, facts.read(number), self.traces, self.made, clock, forced)
        match found:  # by which trace is asked for elsewhere
            case Keeps():
                return replace(found, of=None)
            case Runs():
                return replace(found, former=())
            case _:
                return found

    def members(self, number: int = 0) -> dict[str, str]:
        """What the step reads now: member → digest."""
        facts = self.facts()
        return dict(facts.now(number, facts.read(number), (), 0.0, forced=False).inputs)

    def succeeded(self, number: int = 0, began: float = 50.0, **facts: object) -> Trace:
        """Records what stands now as what the step has just made."""
        looked = self.facts()
        step = self.steps[number]
        now = looked.now(number, looked.read(number), (), began, forced=False)
        outputs = {member: digest for member in looked.outputs(step) if (digest := looked.output_digest(step, member))}
        trace = Trace(
            step.name,
            "r",
            began,
            1.0,
            dict(now.action),
            dict(now.gate),
            dict(now.inputs),
            dict(now.gate_inputs),
            outputs,
        )
        trace = msgspec.structs.replace(trace, **facts)
        self.traces.insert(0, trace)
        raw = looked.raw_digests(step, outputs)
        self.made |= {
            member: Made(digest, key(step), "", member in trace.by_hand, raw.get(member, ""))
            for member, digest in outputs.items()
        }
        return trace


def named(paths: Iterable[object]) -> list[str]:
    """Texts in order, for comparing."""
    return sorted(map(str, paths))
