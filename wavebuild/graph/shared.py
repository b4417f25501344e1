"""Files that several steps edit: who edits them, who waits for that, and what forbids it.

It does not know what lies on the disk, nor how edits are merged.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from wavebuild.declare.model import Artifact, Kind, Step
from wavebuild.errors import Problem
from wavebuild.graph.owners import Owners
from wavebuild.graph.patterns import covers, is_wild, meet, names_meet, pattern


class Update(Struct, frozen=True, array_like=True):
    """One file, or some keys of one, that a step edits."""

    step: int
    artifact: Artifact


class Shared:
    """The updates of all steps, by the file that they edit; ``updates``: where they are known already."""

    def __init__(self, steps: Sequence[Step], updates: tuple[Update, ...] | None = None) -> None:
        if updates is None:
            updates = tuple(Update(k, artifact) for k, step in enumerate(steps) for artifact in step.updates)
        self.updates = updates
        self._by_path: dict[str, list[Update]] = {}
        self._wild: list[Update] = []  # of steps whose instances are not known yet
        for update in self.updates:
            if update.artifact.kind is Kind.FILE:
                self._by_path.setdefault(update.artifact.path, []).append(update)
            else:
                self._wild.append(update)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that are updated, as far as they are known."""
        return tuple(self._by_path)

    def updaters(self, path: str) -> tuple[int, ...]:
        """The steps that edit this file, or may; sorted."""
        if not self.updates:
            return ()
        found = {update.step for update in self._by_path.get(path, ())}
        found |= {update.step for update in self._wild if covers(update.artifact, path)}
        return tuple(sorted(found))

    def makers(self, number: int, step: Step, artifact: Artifact) -> tuple[int, ...]:
        """The steps whose edits a step waits for as it reads an artifact; sorted.

        One that edits the file itself waits for those alone that own keys it reads: else all would wait for all.
        """
        if not self.updates or not (artifact.covers_files or artifact.kind is Kind.LIST):
            return ()
        found = set()
        for update in self._read_by(artifact):
            if update.step == number:
                continue
            if not any(is_same_file(own, update.artifact) for own in step.updates) or (
                artifact.keys and may_touch(update.artifact, artifact)
            ):
                found.add(update.step)
        return tuple(sorted(found))

    def _read_by(self, artifact: Artifact) -> Iterator[Update]:
        if artifact.kind in (Kind.FILE, Kind.LIST):
            yield from self._by_path.get(artifact.path, ())
            yield from (update for update in self._wild if covers(update.artifact, artifact.path))
            return
        for path, updates in self._by_path.items():
            if covers(artifact, path):
                yield from updates
        wanted = pattern(artifact)
        yield from (update for update in self._wild if meet(wanted, pattern(update.artifact)))


def is_same_file(one: Artifact, other: Artifact) -> bool:
    """Whether two updates are of one file, or may be once every ``*`` in them is known."""
    if one.kind is Kind.FILE and other.kind is Kind.FILE:
        return one.path == other.path
    return meet(pattern(one), pattern(other))


def may_touch(one: Artifact, other: Artifact) -> bool:
    """Whether two parts of one file have something in common; the whole file has with every key."""
    if not one.keys or not other.keys:
        return True
    return any(keys_meet(key, another) for key in one.keys for another in other.keys)


def keys_meet(one: str, other: str) -> bool:
    """Whether a key is another, or holds it: ``a.b`` and ``a.b.c``."""
    return all(names_meet(part, another) for part, another in zip(one.split("."), other.split("."), strict=False))


# What forbids it


def shared_problems(steps: Sequence[Step], owners: Owners, shared: Shared) -> Iterator[Problem]:
    """Updates of what some step owns, of the same keys by two steps, or by a step that reads them."""
    if not shared.updates:
        return
    yield from _owned(steps, owners, shared)
    yield from _twice(steps)
    yield from _same_keys(steps, shared)
    yield from _read_and_updated(steps)
    yield from _lists(steps, shared)


def _owned(steps: Sequence[Step], owners: Owners, shared: Shared) -> Iterator[Problem]:
    for update in shared.updates:
        for maker in owners.makers(_whole(update.artifact)):
            output = next(
                one for one in steps[maker].file_outputs if meet(pattern(one), pattern(_whole(update.artifact)))
            )
            remedy = "What this step alone edits is an output with `in_place: true`; what others edit too is no output."
            who = "which it makes itself" if maker == update.step else f"but step '{steps[maker].name}' makes it"
            yield Problem(
                "overlap",
                f"step '{steps[update.step].name}' updates {update.artifact.path}, {who}, at {output.place}",
                update.artifact.place,
                remedy,
                also=(output.place,),
            )


def _whole(artifact: Artifact) -> Artifact:
    return Artifact(artifact.kind, artifact.path, artifact.place)


def _twice(steps: Sequence[Step]) -> Iterator[Problem]:
    for step in steps:
        for position, update in enumerate(step.updates):
            for earlier in step.updates[:position]:
                if is_same_file(earlier, update) and may_touch(earlier, update):
                    message = f"step '{step.name}' updates {update.text} twice"
                    yield Problem("overlap", message, update.place, "Remove one of them.", also=(earlier.place,))
                    break


def _same_keys(steps: Sequence[Step], shared: Shared) -> Iterator[Problem]:
    """Two steps with keys that meet: each key is looked up with all that hold it, never against every other."""
    first: dict[tuple[str, ...], Update] = {}
    wild: list[tuple[str, Update]] = []
    keyed = [(key, update) for update in shared.updates for key in update.artifact.keys]
    for key, update in sorted(keyed, key=lambda pair: pair[0].count(".")):
        path = update.artifact.path
        parts = (path, *key.split("."))
        if update.artifact.kind is not Kind.FILE or is_wild(key):
            wild.append((key, update))
            continue
        earlier = next((first[parts[:end]] for end in range(2, len(parts) + 1) if parts[:end] in first), None)
        if earlier is None:
            first[parts] = update
        elif earlier.step != update.step:
            yield _both_own(steps, earlier, update, key)
    for position, (key, update) in enumerate(wild):
        for other_key, other in (*((".".join(parts[1:]), one) for parts, one in first.items()), *wild[:position]):
            if (
                other.step != update.step
                and is_same_file(other.artifact, update.artifact)
                and keys_meet(key, other_key)
            ):
                yield _both_own(steps, other, update, key)
                break


def _both_own(steps: Sequence[Step], earlier: Update, update: Update, key: str) -> Problem:
    one, other = steps[update.step].name, steps[earlier.step].name
    path = update.artifact.path
    message = f"step '{one}' owns {key} of {path}, but step '{other}' owns {', '.join(earlier.artifact.keys)} of it"
    place = earlier.artifact.place
    return Problem("overlap", f"{message}, at {place}", update.artifact.place, "One key, one owner.", also=(place,))


def _read_and_updated(steps: Sequence[Step]) -> Iterator[Problem]:
    """A step whose input changes as it runs would never be fresh."""
    for step in steps:
        for artifact in (*step.inputs, *step.code) if step.updates else ():
            if artifact.kind not in (Kind.FILE, Kind.LIST):
                continue
            own = next((one for one in step.updates if covers(_whole(one), artifact.path)), None)
            if own is not None and may_touch(own, artifact):
                message = f"step '{step.name}' reads {artifact.text}, which it updates itself, at {own.place}"
                remedy = "Remove this line: the step finds the file as it is. Other keys of it may be read: FILE#KEY."
                yield Problem("cycle", message, artifact.place, remedy, also=(own.place,))


def _lists(steps: Sequence[Step], shared: Shared) -> Iterator[Problem]:
    """What says which steps there are is known before any runs, or made whole by one of them."""
    for step in steps:
        for artifact in step.awaits:
            for updater in shared.makers(-1, step, artifact)[:1]:
                name = steps[updater].name
                message = (
                    f"step '{step.name}' is repeated by {artifact.path}, or takes inputs from it; '{name}' updates it"
                )
                yield Problem("overlap", message, step.place, "Keep the list in a file that no step updates.")
