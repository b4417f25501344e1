"""Copies of shared files that sandboxed steps edit: what each begins with, and how its edit comes home.

It does not know when a step's turn has come. The first sandboxed step to begin settles what all begin with, but for
the edits of those that a step waits for: so it is the same in whatever order they run and end.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from msgspec import Struct, field

from wavebuild import disk
from wavebuild.declare.model import Artifact, Json, Step
from wavebuild.declare.values import canonical
from wavebuild.errors import WavebuildError, mistake
from wavebuild.judge.content import data_kind, value_text
from wavebuild.judge.merging import LARGEST, Edit, Merged, is_text, merge, union
from wavebuild.judge.shared import SharedFiles, shared_files
from wavebuild.run.sandbox import Private
from wavebuild.run.sharing import without_keys
from wavebuild.run.transaction import DISPLACED

CONFLICTS = ".wavebuild/conflicts"


class Bases(Struct):
    """What sandboxed steps begin with, file by file, for as long as nobody edits the file itself."""

    start: dict[str, bytes] = field(default_factory=dict)
    merged: dict[str, list[tuple[int, Edit]]] = field(default_factory=dict)

    def of(self, path: str, now: bytes, upstream: Collection[int]) -> bytes:
        """The text that a step begins with: as it was at first, and what those have done that it waits for."""
        text = self.start.setdefault(path, now)
        for number, edit in self.merged.get(path, ()):
            if number in upstream:
                with_it = merge(edit.before, text, edit.after)
                if with_it.conflicts:
                    return now
                text = with_it.text
        return text

    def took_in(self, number: int, path: str, edit: Edit) -> None:
        self.merged.setdefault(path, []).append((number, edit))

    def forget(self, path: str) -> None:
        """Somebody has edited the file itself."""
        self.start.pop(path, None)
        self.merged.pop(path, None)


def lay_out(shared: SharedFiles, private: Private, step: Step, bases: Bases, upstream: Collection[int]) -> None:
    """Puts what the step begins with into its private folder. Raises OSError."""
    for path in shared_files(step):
        now, place = shared.text(path), private.taken(path)
        if now is None:
            raise OSError(None, f"{path}, which the step updates, is no text of at most {LARGEST >> 20} MiB")
        base = bases.of(path, now, upstream)
        disk.copy(os.path.join(private.real, path), place)
        if base != now:
            disk.write(place, base)


class Both(Struct, frozen=True):
    """Two edits of one file: ``theirs`` is the step's, ``ours`` what stands there now."""

    path: str
    base: bytes
    ours: bytes
    theirs: bytes
    merged: Merged
    text: bytes | None  # None: they conflict


def brought_home(shared: SharedFiles, private: Private, step: Step) -> list[Both]:
    """What the step has done to its copies, merged with what stands there now. Raises WavebuildError."""
    found = []
    for path in shared_files(step):
        ours = shared.text(path)
        if ours is None:
            raise mistake("unfit-update", f"{path} is no text of at most {LARGEST >> 20} MiB any more")
        base, theirs = _text(private.taken(path), path), _text(private.inside(path), path)
        merged = merge(base, ours, theirs)
        keyed = [artifact for artifact in step.updates if artifact.path == path and artifact.keys]
        text = _with_keys(keyed, base, ours, theirs, merged) if keyed else None if merged.conflicts else merged.text
        found.append(Both(path, base, ours, theirs, merged, text))
    return found


def _text(file: str, path: str) -> bytes:
    try:
        content = disk.read_regular(file, LARGEST)
    except (OSError, WavebuildError):
        content = b"\0"
    if not is_text(content):
        raise mistake("unfit-update", f"it left no text of at most {LARGEST >> 20} MiB as {path}, which it updates")
    return content


def _with_keys(artifacts: list[Artifact], base: bytes, ours: bytes, theirs: bytes, merged: Merged) -> bytes | None:
    """The merged text, if the step's keys say in it what the step made, and all else says what it said before.

    What was added at the same place by both is no conflict then: keys have each their owner.
    """
    text = union(merged)
    if text is None:
        return None
    path, keys = artifacts[0].path, [key for artifact in artifacts for key in artifact.keys]
    try:
        before, stood, made, now = (_value(path, one) for one in (base, ours, theirs, text))
    except WavebuildError:
        return None
    if any(value_text(now, key) != value_text(made, key) for key in keys):
        return None
    foreign = canonical(without_keys(made, keys)) != canonical(without_keys(before, keys))
    if not foreign and canonical(without_keys(now, keys)) != canonical(without_keys(stood, keys)):
        return None
    return text


def _value(path: str, text: bytes) -> Json:
    from wavebuild.declare.data import read_data

    return read_data(text, path, data_kind(path), as_written=True)


# --- conflicts


def keep_both(root: str, step: str, found: list[Both]) -> str:
    """Writes down both sides of what conflicts, for a person; how they are told of it, and the ways out."""
    folder = f"{CONFLICTS}/{step}"
    disk.remove_tree(os.path.join(root, folder))
    told = []
    for both in found:
        if both.text is not None:
            continue
        place = f"{folder}/{both.path}"
        sides: Mapping[str, bytes] = {
            "": _marked(both.merged, both.path, step),
            ".before": both.base,
            ".now": both.ours,
            ".step": both.theirs,
        }
        disk.make_folder(os.path.dirname(os.path.join(root, place)))
        for ending, text in sides.items():
            disk.write(os.path.join(root, place + ending), text)
        told.append(f"its edit of {both.path} conflicts with what stands there now. Both are kept:")
        told.append(f"  {place}       with both between marks; .before, .now and .step beside it")
    return "\n".join(
        (
            *told,
            "The ways out:",
            f"  put what is right into the file, then:  wavebuild accept {step}",
            f"  or have it edit the file as it is now:  wavebuild {step}",
        )
    )


def conflicting(root: str, step: str) -> dict[str, bytes]:
    """The files whose conflict with an edit of the step a person has to end, and what stood there then."""
    folder = os.path.join(root, CONFLICTS, step)
    found = {}
    for path, entry in disk.walk(folder):
        if path.endswith(".now") and os.path.exists(os.path.join(folder, f"{path.removesuffix('.now')}.step")):
            found[path.removesuffix(".now")] = disk.read_regular(entry.path, LARGEST)
    return found


def _marked(merged: Merged, path: str, step: str) -> bytes:
    return merged.with_marks(f"{path} as it is", f"step {step}")


def worked_at(root: str, step: str) -> list[str]:
    """The files whose text between marks is no longer what was written: a person puts it right there."""
    folder = os.path.join(root, CONFLICTS, step)
    found = []
    for path, now in conflicting(root, step).items():
        place = os.path.join(folder, path)
        if not os.path.lexists(place):
            continue
        try:
            marked, before, theirs = (
                disk.read_regular(place + ending, LARGEST * 4) for ending in ("", ".before", ".step")
            )
            if marked == _marked(merge(before, now, theirs), path, step):
                continue
        except (OSError, WavebuildError):
            pass  # whatever it is now, it is not what was written
        found.append(path)
    return found


def end_conflict(root: str, step: str, run: str) -> list[str]:
    """Nothing of the step conflicts any more; where what a person made of the text between marks is kept."""
    folder = os.path.join(root, CONFLICTS, step)
    kept = {path: f"{DISPLACED}/{run}~conflicts/{step}/{path}" for path in worked_at(root, step)}
    for path, there in kept.items():
        disk.move(os.path.join(folder, path), os.path.join(root, there))
    if os.path.isdir(folder):
        disk.remove_tree(folder)
        disk.remove_empty_folders(os.path.dirname(folder), os.path.join(root, ".wavebuild"))
    return list(kept.values())
