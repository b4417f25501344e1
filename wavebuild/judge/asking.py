"""What only a command can tell: what is to be asked, what came of it, and how long an answer holds.

It does not know how a command is run, nor which steps there are.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping

from msgspec import Struct

from wavebuild.declare.model import Artifact, Probe, ShellName, Text
from wavebuild.errors import did_you_mean, mistake
from wavebuild.judge.digest import UNASKED, Reading
from wavebuild.later import sha256

THERE = "there"
NOT_THERE = "not there"
UNKNOWN = "unknown"


class Why(enum.Enum):
    """For whom a command is asked."""

    READER = "reader"  # a step reads the thing
    JUDGED = "judged"  # its owner may have to make it
    MADE = "made"  # its owner has just made it


class Asking(Struct, frozen=True):
    """A command whose standard output is to be known; ``holes``: what its templates stand for."""

    reading: Reading
    why: Why
    command: Text
    holes: tuple[tuple[str, str], ...]
    folder: str  # where it runs, relative to the root
    timeout: float | None = None
    env: tuple[tuple[str, str], ...] = ()
    shell: ShellName | tuple[str, ...] = "auto"


class Said(Struct, frozen=True):
    """What came of asking: the digest of what was printed, or how it failed (as of ``run.job.Ended``) in words."""

    digest: str = ""
    failure: str = ""
    detail: str = ""


class Answer(Struct, frozen=True):
    """What a probe of this definition said, and when; ``digest`` None: nothing was there."""

    definition: str
    digest: str | None
    asked: float  # epoch seconds


class Answers:
    """What probes said, in this build and before; ``known``: member → the last answer of earlier builds."""

    def __init__(
        self,
        probes: Mapping[str, Probe] = {},
        known: Mapping[str, Answer] = {},
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._probes = probes
        self._known = dict(known)
        self._clock = clock
        self._heard: dict[str, str | None] = {}
        self.failures: dict[str, str] = {}  # members whose readers fail, and why
        self._learned: dict[str, Answer] = {}

    def probe(self, artifact: Artifact) -> Probe:
        """The declared probe of an artifact. Raises WavebuildError if there is none, or it takes no such argument."""
        from wavebuild.declare.probes import misused

        probe = self._probes.get(artifact.path)
        if probe is None:
            near = did_you_mean(artifact.path, self._probes)
            raise mistake("unknown-probe", f"no probe is called {artifact.path!r}", artifact.place, near)
        if wrong := misused(probe, artifact):
            raise mistake("probe-argument", wrong[0], artifact.place, wrong[1])
        return probe

    def digest(self, artifact: Artifact) -> str | None:
        """The value of a probe, the same for the whole build; None: nothing is there; UNASKED: it must be asked."""
        member = artifact.text
        if member not in self._heard:
            probe, known = self.probe(artifact), self._known.get(member)
            if known is None or not self._holds(known, probe, artifact.argument):
                return UNASKED
            self._heard[member] = known.digest
        return self._heard[member]

    def _holds(self, known: Answer, probe: Probe, argument: str) -> bool:
        if probe.ttl is None or known.definition != definition(probe, argument):
            return False
        return 0 <= self._clock() - known.asked < probe.ttl

    def forget(self, artifact: Artifact) -> None:
        """Its owner is about to run: what was said before no longer holds, whatever becomes of the run."""
        for answers in (self._heard, self._known, self.failures):
            answers.pop(artifact.text, None)
        self._learned[artifact.text] = Answer("", None, 0.0)

    def hear(self, artifact: Artifact, why: Why, said: Said) -> str:
        """Takes an answer; why whoever asked fails, "" if not."""
        probe, member, now = self.probe(artifact), artifact.text, self._clock()
        made_of = definition(probe, artifact.argument)
        if not said.failure:
            digest = THERE if probe.compare == "exists" else said.digest
            self._heard[member] = digest
            self._learned[member] = Answer(made_of, digest, now)
            return ""
        if why is Why.MADE:
            return said.detail
        if probe.on_error == "unchanged":
            known = self._known.get(member)
            former = known.digest if known is not None and known.definition == made_of else None
            self._heard[member] = former if former is not None or why is Why.JUDGED else UNKNOWN
            return ""
        if why is Why.JUDGED and (said.failure == "exit" or probe.on_error == "changed"):
            self._heard[member] = None
            return ""
        if probe.on_error == "changed":
            exists = probe.compare == "exists" and said.failure == "exit"
            self._heard[member] = NOT_THERE if exists else f"no answer at {now}"
            return ""
        self.failures[member] = said.detail
        return said.detail

    def take_learned(self) -> dict[str, Answer]:
        """What is new since the last call, to be kept for later builds."""
        learned, self._learned = self._learned, {}
        return learned


def definition(probe: Probe, argument: str) -> str:
    """All that an answer depends on but the thing itself."""
    parts = (probe.command.symbolic, argument, probe.compare, probe.folder, probe.env, probe.shell)
    return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
