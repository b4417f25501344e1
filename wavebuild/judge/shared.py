"""Files that a step edits and others may edit, too: what stands in them of the step's own edits.

It does not know how edits come about, nor who the others are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wavebuild import disk
from wavebuild.declare.model import Artifact, Step
from wavebuild.errors import WavebuildError, mistake
from wavebuild.judge.digest import Digests, Reading
from wavebuild.judge.stamp import Stamp
from wavebuild.judge.trace import ABSENT, Trace
from wavebuild.later import Later, sha256

if TYPE_CHECKING:
    from wavebuild.judge import merging
else:
    merging = Later("wavebuild.judge.merging")  # few steps edit what others do

Texts = Callable[[str], Mapping[str, bytes]]
"""The texts that are kept of a step's edits, by their digests; asked by the key of its traces."""


def text_digest(text: bytes) -> str:
    return sha256(text).hexdigest()[:32]


def whole_files(step: Step) -> tuple[str, ...]:
    """The files of which the step may edit any line."""
    return tuple(artifact.path for artifact in step.updates if not artifact.keys)


def shared_files(step: Step) -> tuple[str, ...]:
    """The files that the step edits, whole or by keys."""
    if not step.updates:
        return ()
    return tuple(dict.fromkeys(artifact.path for artifact in step.updates))


class SharedFiles:
    """The shared files of one build, or one question; ``texts`` are those that earlier builds kept."""

    def __init__(self, digests: Digests, texts: Texts) -> None:
        self._digests = digests
        self._texts = texts
        self._read: dict[str, tuple[Stamp, bytes | None]] = {}

    def missing(self, step: Step) -> list[Artifact]:
        """The updates of files that are not there."""
        return [one for one in step.updates if not os.path.lexists(self._digests.absolute(one.path))]

    def text(self, path: str) -> bytes | None:
        """What stands in a shared file; None if it is not there, or nothing that is edited by lines."""
        mark = self._digests.see(Reading(path, path)).stamp
        known = self._read.get(path)
        if known is None or known[0] != mark or mark[-1:] == (-1,):
            known = self._read[path] = (mark, read_text(self._digests.absolute(path)))
        return known[1]

    def former(self, of: str, trace: Trace | None) -> dict[str, tuple[merging.Edit, ...]]:
        """What the step has done to each file by its last trace, as far as the texts are kept."""
        if trace is None or not trace.edits:
            return {}
        texts = self._texts(of)
        return {
            path: tuple(merging.Edit(texts[was], texts[now]) for was, now in edits if was in texts and now in texts)
            for path, edits in trace.edits.items()
        }

    def lost(self, step: Step, of: str, trace: Trace | None) -> frozenset[str]:
        """The files in which an edit of the trace is no more, or cannot be found any more."""
        found = set()
        if trace is None or not trace.edits:
            return frozenset()
        former = self.former(of, trace)
        for path in whole_files(step):
            edits, now = former.get(path, ()), self.text(path)
            whole = len(edits) == len(trace.edits.get(path, ()))
            if now is None or not whole or not all(merging.stands(edit, now) for edit in edits):
                found.add(path)
        return frozenset(found)

    def standing(self, step: Step, of: str, trace: Trace | None) -> dict[str, tuple[tuple[str, str], ...]]:
        """What is left of the trace's edits in the files as they are: what a person takes as the step's result."""
        found = {}
        for path, edits in self.former(of, trace).items():
            now = self.text(path) if path in whole_files(step) else None
            left = [edit for edit in edits if now is not None and merging.stands(edit, now)]
            found[path] = tuple((text_digest(edit.before), text_digest(edit.after)) for edit in left)
        return {path: found.get(path, ()) for path in whole_files(step)}

    def keys(self, step: Step) -> dict[str, str]:
        """The digests of the keys that the step owns."""
        readings = [reading for artifact in step.updates for reading in key_readings(artifact)]
        return {reading.member: self._digests.see(reading).digest or ABSENT for reading in readings}


def key_readings(artifact: Artifact) -> list[Reading]:
    """One reading for each key of a file."""
    return [Reading(f"{artifact.path}#{key}", artifact.path, "key", key, artifact) for key in artifact.keys]


def read_text(path: str) -> bytes | None:
    """The bytes of a file that can be shared line by line, else None."""
    try:
        content = disk.read_regular(path, merging.LARGEST)
    except (OSError, WavebuildError):
        return None
    return content if merging.is_text(content) else None


def refuse_unfit(digests: Digests, artifact: Artifact) -> None:
    """Raises WavebuildError for what cannot be edited by several: a link, a folder, a large or binary file."""
    path = digests.absolute(artifact.path)
    remedy = ""
    if os.path.islink(path):
        said, remedy = (
            "is a link",
            f"update the file that it leads to: {os.path.relpath(disk.real(path), digests.root)}",
        )
    elif not os.path.isfile(path):
        said = "is no file"
    elif not artifact.keys and read_text(path) is None:
        said = f"is no text of at most {merging.LARGEST >> 20} MiB, so edits of it cannot be told apart"
        remedy = "let one step own it: `outputs: {path: …, in_place: true}`"
    else:
        return
    raise mistake("unfit-update", f"{artifact.path}, which the step updates, {said}", artifact.place, remedy)
