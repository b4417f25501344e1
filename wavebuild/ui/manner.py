"""In what manner a build is shown, and what is asked of a screen.

It does not know any screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

from wavebuild.ui.style import Style

if TYPE_CHECKING:
    from wavebuild.run.events import Event
    from wavebuild.ui.github import Frame

Output = Literal["group", "stream", "prefix"]
"""A step's output: whole when it ends; as it comes; line by line as it comes, each with the step's name."""


class Manner(Struct, frozen=True):
    """How much is said."""

    style: Style
    verbose: bool = False
    quiet: bool = False
    explain: bool = False
    output: Output | None = None  # as the person asked for it; then nothing of it is left out
    panel: bool = False  # what runs stands in a panel below
    frame: Frame | None = None  # what GitHub Actions wants round the output of steps


class Screen(Protocol):
    """What shows a build as it goes."""

    def tell(self, event: Event) -> None: ...

    def close(self, ending: list[str]) -> None: ...
