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
    from collections.abc import Mapping, Sequence

    from wavebuild.engine.elsewhere import Rest
    from wavebuild.store.settled import Evidence


STRETCH = 1 << 11
"""Rows that are looked at before it is asked whether one of them has moved."""

SOCKET = ".watch"
"""How the name of a watcher's socket ends, after that of the Wavefile: it is there while the watcher can answer."""

WORTH = 1 << 12
"""Rows for whose sake it is worth to begin a process, while we get ready."""

WORTH_AT_ONCE = 1 << 16
"""Rows of which a second process looks at half from the first moment on: it takes more CPU seconds, and ends sooner."""


def plain_question(root: str, folder: str, named: bool, targets: tuple[str, ...]) -> str:
    """What must be the same for an earlier answer to be this one's; ``folder``: where it is asked, from the root.

    ``named``: the Wavefile was named; else one further up that includes it would be built in its place.
    """
    return repr((__version__, sys.version, "named" if named else "above", root, folder, targets))


class Glance:
    """What a first look found; ``rests``: what is still looked at, where something has moved already."""

    __slots__ = ("_evidence", "_moved", "_rests", "_root")

    def __init__(self, evidence: Evidence, moved: list[int], root: str = "", rests: Sequence[Rest] = ()) -> None:
        self._evidence = evidence
        self._moved = moved
        self._root = root
        self._rests = rests

    @property
    def evidence(self) -> Evidence:
        return self._evidence

    @property
    def moved(self) -> list[int]:
        """The rows of the evidence that are other than they were."""
        rests, self._rests = self._rests, ()
        for rest in rests:
            self._moved += _found_by(rest, self.evidence, self._root)
        return self._moved

    @property
    def is_idle(self) -> bool:
        """Whether all is fresh: nothing has moved, and there was nothing left to do."""
        return not self._moved and not self._evidence.open

    @property
    def fresh(self) -> int:
        """How many steps are vouched for while nothing has moved."""
        return self._evidence.fresh


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
    if os.path.exists(stem + SOCKET) and (heard := _heard(stem, question, environ, root)):
        return heard
    evidence = read(f"{stem}.settled", question, environ)
    return None if evidence is None else _glance_from_root(evidence, root)


def looked(path: str, question: str, environ: Mapping[str, str], root: str, ask: bool) -> Glance | None:
    """What is other than the evidence at a path says; None if there is none, or of another question.

    ``ask``: whether a watcher is believed.
    """
    stem = path.removesuffix(".settled")
    if ask and os.path.exists(stem + SOCKET) and (heard := _heard(stem, question, environ, root)):
        return heard
    evidence = read(path, question, environ)
    return None if evidence is None else Glance(evidence, moved(evidence, root))


def _heard(stem: str, question: str, environ: Mapping[str, str], root: str) -> Glance | None:
    from wavebuild.engine.watched import heard

    return heard(stem, question, environ, root)


def is_being_built(wavefile: str) -> bool:
    """Whether somebody builds the project at this moment: whoever comes second is told so."""
    from wavebuild.store.held import is_held

    return is_held(f"{home_of(os.path.dirname(wavefile))}/lock")


def _glance_from_root(evidence: Evidence, root: str) -> Glance:
    """From the root as current folder paths are short, and each is found the sooner."""
    try:
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return Glance(evidence, moved(evidence, root))
    try:
        os.chdir(root)
        return _glance_from_here(evidence, root)
    finally:
        os.fchdir(here)
        os.close(here)


def _glance_from_here(evidence: Evidence, root: str) -> Glance:
    """Of very many rows a second process looks at the last half meanwhile."""
    end = len(evidence.names)
    ours = end // 2 if end >= WORTH_AT_ONCE else end
    last = _begun(evidence, ours, end) if ours < end else None
    ours = end if last is None else ours
    rests = () if last is None else (last,)
    for start in range(0, ours, STRETCH):
        stop = min(start + STRETCH, ours)
        if found := moved(evidence, "", start, stop):
            return _glance_on(evidence, root, found, stop, ours, rests)
    return Glance(evidence, [] if last is None else _found_by(last, evidence, ""))


def _glance_on(evidence: Evidence, root: str, found: list[int], at: int, end: int, rests: tuple[Rest, ...]) -> Glance:
    """It is known that there is something to do: of many more rows a second process tells, while we get ready."""
    rest = _begun(evidence, at, end) if end - at >= WORTH else None
    if rest is None:
        found += moved(evidence, "", at, end)
        return Glance(evidence, found, root, rests)
    return Glance(evidence, found, root, (rest, *rests))


def _begun(evidence: Evidence, start: int, end: int) -> Rest | None:
    """A second process that looks at these rows, from the root as current folder."""
    from wavebuild.engine.elsewhere import begun

    return begun(lambda start, stop: moved(evidence, "", start, stop), start, end)


def _found_by(rest: Rest, evidence: Evidence, root: str) -> list[int]:
    """What a second process has found; what it should have looked at is looked at where it has not."""
    found = rest.found()
    return moved(evidence, root, rest.start, rest.end) if found is None else found
