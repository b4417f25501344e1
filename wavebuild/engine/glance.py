"""The first look: whether it is known already that all is fresh, as nothing that was looked at has changed.

It does not know steps: it reads neither the Wavefile nor the state, and imports next to nothing.
"""

from __future__ import annotations

import os
import sys

from wavebuild import __version__
from wavebuild.store.places import chosen_in, home_of, state_folder, stem_of
from wavebuild.store.settled import moved, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from wavebuild.store.settled import Evidence


def plain_question(root: str, folder: str, named: bool, targets: tuple[str, ...]) -> str:
    """What must be the same for an earlier answer to be this one's; ``folder``: where it is asked, from the root.

    ``named``: the Wavefile was named; else one further up that includes it would be built in its place.
    """
    return repr((__version__, sys.version, "named" if named else "above", root, folder, targets))


class Glance:
    """What a first look found. ``moved``: the rows of the evidence that are other than they were."""

    __slots__ = ("evidence", "moved")

    def __init__(self, evidence: Evidence, moved: list[int]) -> None:
        self.evidence = evidence
        self.moved = moved

    @property
    def is_idle(self) -> bool:
        """Whether all is fresh: nothing has moved, and there was nothing left to do."""
        return not self.moved and not self.evidence.open


def glance(
    wavefile: str, named: bool, directory: str, targets: tuple[str, ...], environ: Mapping[str, str]
) -> Glance | None:
    """The first look at a plain build, from the path of its Wavefile; None where there is no evidence to look at.

    It is for a process that does nothing else meanwhile: its current folder is the root for a moment.
    """
    root, file = os.path.split(wavefile)
    folder = state_folder(root, chosen_in(root, environ)[0])
    stem = f"{folder}/{stem_of(file)}"
    question = plain_question(root, os.path.relpath(directory, root), named, targets)
    # Without the state it stems from, the evidence is worth nothing.
    if not os.path.exists(f"{stem}.db"):
        return None
    evidence = read(f"{stem}.settled", question, environ)
    return None if evidence is None else Glance(evidence, _moved_from_root(evidence, root))


def looked(path: str, question: str, environ: Mapping[str, str], root: str) -> Glance | None:
    """What is other than the evidence at a path says; None if there is none, or of another question."""
    evidence = read(path, question, environ)
    return None if evidence is None else Glance(evidence, moved(evidence, root))


def is_being_built(wavefile: str) -> bool:
    """Whether somebody builds the project at this moment: whoever comes second is told so."""
    from wavebuild.store.held import is_held

    return is_held(f"{home_of(os.path.dirname(wavefile))}/lock")


def _moved_from_root(evidence: Evidence, root: str) -> list[int]:
    """From the root as current folder paths are short, and each is found the sooner."""
    try:
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return moved(evidence, root)
    try:
        os.chdir(root)
        return moved(evidence)
    finally:
        os.fchdir(here)
        os.close(here)
