"""A project on a real folder, built through the engine in this process; steps keep a journal outside the root.

It does not know the command line.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.folders import written
from wavebuild import engine
from wavebuild.engine import BuildResult, Request, StatusLine
from wavebuild.plan.model import PlanWord
from wavebuild.run.events import Event, Noticed, Settled, StepSettled, StepStarted


@dataclass
class Built:
    """How a build ended, as a test asks."""

    result: BuildResult
    events: list[Event]
    ran: list[str]  # what steps wrote in the journal, in order

    @property
    def steps(self) -> dict[str, Settled]:
        return {settled.step: settled for settled in self.result.steps}

    @property
    def outcomes(self) -> dict[str, str]:
        return {name: settled.outcome.value for name, settled in self.steps.items()}

    @property
    def code(self) -> int:
        return self.result.exit_code

    @property
    def told(self) -> list[str]:
        """The steps whose end was told, in order."""
        return [event.settled.step for event in self.events if isinstance(event, StepSettled)]

    @property
    def most_at_once(self) -> int:
        """How many steps were between their start and their end at one time."""
        most, running = 0, set()
        for event in self.events:
            if isinstance(event, StepStarted):
                running.add(event.step)
            elif isinstance(event, StepSettled):
                running.discard(event.settled.step)
            most = max(most, len(running))
        return most

    @property
    def notices(self) -> str:
        return "\n".join(event.message for event in self.events if isinstance(event, Noticed))


@dataclass
class Workshop:
    """``note NAME`` at the start of a script writes the name in the journal."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    read_so_far: int = 0
    now: float | None = None  # what time it is for builds and questions; None: what time it is
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.home / "root"
        self.root.mkdir(exist_ok=True)
        for name in [name for name in os.environ if name.startswith("WAVEBUILD_")]:
            self.monkeypatch.delenv(name)
        self.setenv(JOURNAL=str(self.home / "journal"))
        self.setenv(PYTHONDONTWRITEBYTECODE="1")  # a step's program may be edited twice in a second
        tool = self.home / "bin/note"
        tool.parent.mkdir(exist_ok=True)
        tool.write_text('#!/bin/sh\necho "$@" >> "$JOURNAL"\n')
        tool.chmod(0o755)
        self.setenv(PATH=f"{tool.parent}:{os.environ['PATH']}")

    def setenv(self, **variables: str) -> None:
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def write(self, **files: str) -> None:
        """Files by name; ``__`` in a keyword stands for a dot."""
        written(self.root, {name.replace("__", "."): text for name, text in files.items()})

    def put(self, path: str, text: str) -> Path:
        written(self.root, {path: text})
        return self.root / path

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def wavefile(self, text: str) -> None:
        self.put("Wavefile", text)

    def request(self, *targets: str, **facts: Any) -> Request:
        given: dict[str, object] = {"directory": str(self.root), "targets": targets, "jobs": 1}
        given["alone"] = True  # as for the command: workers are copies of this process, there in no time
        given["environ"] = tuple(os.environ.items())
        if self.now is not None:
            given["clock"] = lambda: self.now
        return Request(**(given | facts))  # type: ignore[arg-type]

    def ran(self) -> list[str]:
        """What steps wrote in the journal since this was last asked."""
        journal = self.home / "journal"
        lines = journal.read_text().splitlines() if journal.exists() else []
        fresh, self.read_so_far = lines[self.read_so_far :], len(lines)
        return fresh

    def build(self, *targets: str, meanwhile: Callable[[Event], object] = lambda event: None, **facts: Any) -> Built:
        """A build; ``meanwhile`` is called with every event, as the screen is."""
        events: list[Event] = []

        def tell(event: Event) -> None:
            events.append(event)
            meanwhile(event)

        result = engine.build(self.request(*targets, **facts), tell)
        return Built(result, events, self.ran())

    def settle(self, *targets: str, **facts: Any) -> Built:
        """Builds until there is nothing left to do: afterwards everything is fresh, and known to be so."""
        first = self.build(*targets, **facts)
        assert first.code == 0, first.steps
        again = self.build(*targets, **facts)
        assert (again.code, again.ran) == (0, []), again.steps
        return first

    def planned(self, *targets: str, **facts: Any) -> dict[str, list[str]]:
        """The plan's word for every step, and the names of its reasons."""
        planned = engine.plan(self.request(*targets, **facts))
        steps = [step for wave in planned.waves for step in wave.steps]
        return {step.name: [step.word.name, *(type(reason).__name__ for reason in step.reasons)] for step in steps}

    def plan(self, *targets: str, **facts: Any) -> dict[str, str]:
        """The plan's word for every step."""
        planned = engine.plan(self.request(*targets, **facts))
        return {step.name: step.word.name for wave in planned.waves for step in wave.steps}

    def reasons(self, step: str) -> list[str]:
        """The names of the reasons that the plan gives for a step."""
        planned = engine.plan(self.request())
        found = [one for wave in planned.waves for one in wave.steps if one.name == step]
        return [type(reason).__name__ for reason in found[0].reasons]

    def stale(self) -> bool:
        return engine.question(self.request())

    def status(self) -> tuple[StatusLine, ...]:
        return engine.status(self.request())

    def touch(self, *targets: str) -> tuple[str, ...]:
        return engine.touch(self.request(*targets))

    def accept(self, *subjects: str) -> tuple[str, ...]:
        return engine.accept(self.request(), subjects)

    def words(self) -> dict[str, PlanWord]:
        return {line.step: line.word for line in engine.status(self.request())}

    def displaced(self, path: str) -> list[str]:
        """The texts kept of an overwritten file."""
        return [found.read_text() for found in sorted(self.root.glob(f".wavebuild/displaced/*/{path}"))]
