"""What a watch and whoever shows it say to each other.

It does not know when something is built, nor how it is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from wavebuild.watch.guard import Circle
from wavebuild.watch.running import Built, Mouth, Refused
from wavebuild.watch.sight import Sight

Ordered = Literal["build", "pause", "quit"]


class Asked(Struct, frozen=True):
    """What is watched. ``root``: the folder of the Wavefile. ``question``: as in the evidence."""

    root: str
    lock: str
    evidence: str
    question: str
    environ: dict[str, str]
    restart: bool = False  # a change ends the steps that it makes stale
    poll: bool = False  # nobody is asked to tell of changes


class Cause(Struct, frozen=True):
    """Why a build begins: at the start, as somebody asked for it, or as these paths (from the root) have changed."""

    kind: Literal["start", "asked", "changed", "retry"]
    paths: tuple[str, ...] = ()


class State(Struct, frozen=True):
    """What a person may want to know while nothing runs."""

    files: int = 0
    folders: int = 0
    polls: bool = False
    paused: bool = False
    waiting: bool = False  # something has changed that is not built yet
    refused: bool = False  # the last build could not begin
    circle: Circle | None = None  # building was stopped: builds cause one another
    doubted: Circle | None = None  # it seems so, and all is to be still before the next one


class Face(Protocol):
    """Who shows what happens, and does what has to be done in the build's own process."""

    def deed(self, cause: Cause, sight: Sight | None, moved: Sequence[int] | None, mouth: Mouth) -> int:
        """The build, in its own process; ``moved``: the rows of the sight's evidence that are known to have moved."""

    def reaches(self, paths: Sequence[str], running: Collection[str], seen: bool) -> Sequence[str]:
        """Which changes concern one of these steps; in a process of its own. ``seen``: some step looks at each path."""

    def building(self, cause: Cause) -> None: ...

    def built(self, cause: Cause, built: Built, code: int) -> None: ...

    def refused(self, refused: Refused) -> None: ...

    def crashed(self, code: int) -> None: ...

    def idle(self, state: State) -> None: ...

    def say(self, lines: Sequence[str]) -> None: ...

    def tick(self) -> tuple[int, int] | None:
        """Looks after what else was begun for a build: from when to when it has run (ns); None if nothing was."""

    def keys(self) -> int:
        """What becomes readable when somebody has pressed a key; -1 where nobody can."""

    def pressed(self) -> list[Ordered]: ...

    def lend(self) -> None:
        """The terminal is for a step now."""

    def take_back(self) -> None: ...

    def stop(self) -> None:
        """We are about to be suspended; afterwards ``take_back`` is called."""

    def forget(self) -> None:
        """In a fork: nothing of it is ours."""
