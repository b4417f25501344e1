"""One path, one owner: the outputs that break this, as problems with both places.

It does not know who reads the outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from wavebuild.declare.model import Artifact, Kind, Step
from wavebuild.errors import Problem
from wavebuild.graph.owners import Output, Owners, may_be_one
from wavebuild.graph.patterns import covers, is_wild, meet

LISTED = 100  # a mistake in a default can make every pair of steps overlap: the rest helps nobody


def overlaps(steps: Sequence[Step], owners: Owners) -> list[Problem]:
    """What is wrong with the outputs, the first hundred findings of each kind."""
    kinds = (
        _declared_twice(steps, owners),
        _file_and_folder(steps, owners),
        _in_wide(steps, owners),
        _same_things(steps, owners),
        _depfiles(steps, owners),
    )
    return [problem for found in kinds for problem in islice(found, LISTED)]


def _all_outputs(owners: Owners) -> Iterator[Output]:
    yield from owners.files
    yield from owners.wide.outputs


def _declared_twice(steps: Sequence[Step], owners: Owners) -> Iterator[Problem]:
    """The same text in two outputs, of one step or of two."""
    first: dict[tuple[Kind, str], Output] = {}
    repeated_file = len(owners.file_owner) < len(owners.files)
    for output in _all_outputs(owners) if repeated_file else owners.wide.outputs:
        earlier = first.setdefault((output.artifact.kind, output.artifact.path), output)
        if earlier is output:
            continue
        if earlier.step == output.step:
            yield _repeated(steps, earlier, output)
        else:
            yield _overlap(steps, earlier, output)


def _same_things(steps: Sequence[Step], owners: Owners) -> Iterator[Problem]:
    """A probe or a key of the memory that is an output twice, or may be once its ``*`` is known."""
    for output in owners.things:
        for maker in owners.makers(output.artifact):
            if maker < output.step:
                other = next(o for o in owners.things if o.step == maker and may_be_one(o.artifact, output.artifact))
                yield _overlap(steps, other, output)
        twice = [o for o in owners.things if o.step == output.step and o.artifact.text == output.artifact.text]
        if len(twice) > 1 and twice[-1] is output:
            yield _repeated(steps, twice[0], output)


def _depfiles(steps: Sequence[Step], owners: Owners) -> Iterator[Problem]:
    """A depfile belongs to the step that writes it: it is removed when it has been read."""
    first: dict[str, int] = {}
    for number, step in enumerate(steps):
        path = step.depfile
        if path is None:
            continue
        other = owners.owner(path)
        if other is None or other == number:
            other = first.setdefault(path, number)
        if other != number:
            what = f"the depfile {path} of step '{step.name}' is one of step '{steps[other].name}', too"
            yield Problem(
                "overlap", what, step.place, "Give each step a depfile of its own.", also=(steps[other].place,)
            )
        if any(artifact.path == path for artifact in step.inputs if artifact.kind is Kind.FILE):
            what = f"the depfile {path} of step '{step.name}' is one of its inputs"
            yield Problem("overlap", what, step.place, "A depfile is written by the step: name another file.")


def _in_wide(steps: Sequence[Step], owners: Owners) -> Iterator[Problem]:
    """Files, directories and globs that lie in another step's directory or glob."""
    judged: set[tuple[Kind, str]] = set()
    for number, outer in enumerate(owners.wide.outputs):
        text = (outer.artifact.kind, outer.artifact.path)
        if text in judged:
            continue  # a repetition, reported as such: ten thousand of them must not be compared in pairs
        judged.add(text)
        held = owners.wide.patterns[number]
        for place in owners.shelved_files.near(held):
            inner = owners.files[place]
            if inner.step != outer.step and covers(outer.artifact, inner.artifact.path):
                yield _overlap(steps, outer, inner)
        for place in owners.wide.near(held):
            inner = owners.wide.outputs[place]
            apart = place <= number or inner.step == outer.step or not _other_text(outer, inner)
            if not apart and meet(held, owners.wide.patterns[place]):
                yield _overlap(steps, outer, inner)


def _other_text(one: Output, other: Output) -> bool:
    return (one.artifact.kind, one.artifact.path) != (other.artifact.kind, other.artifact.path)


def _file_and_folder(steps: Sequence[Step], owners: Owners) -> Iterator[Problem]:
    """A path that one output takes for a file and another for a folder."""
    files = {output.artifact.path: output for output in reversed(owners.files)}
    seen: set[str] = set()
    for output in _all_outputs(owners):
        for folder in _folders(output.artifact, seen):
            if folder in files:
                yield _both(steps, files[folder], output)


def _folders(artifact: Artifact, seen: set[str]) -> Iterator[str]:
    """The folders that must exist for an output, but for those already seen."""
    path = artifact.path if artifact.kind is Kind.DIRECTORY else artifact.path.rpartition("/")[0]
    while path and path not in seen:
        seen.add(path)
        if not is_wild(path) or artifact.kind is not Kind.GLOB:
            yield path
        path = path.rpartition("/")[0]


def _overlap(steps: Sequence[Step], one: Output, other: Output) -> Problem:
    earlier, later = sorted((one, other), key=lambda output: output.artifact.place)
    mine, theirs = steps[later.step].name, steps[earlier.step].name
    if later.artifact.text == earlier.artifact.text:
        what = f"{later.artifact.text} is an output of two steps, '{theirs}' and '{mine}'"
    else:
        what = f"{later.artifact.text} of step '{mine}' overlaps {earlier.artifact.text} of step '{theirs}'"
    return Problem(
        "overlap",
        f"{what}; the other is at {earlier.artifact.place}",
        later.artifact.place,
        "A path has one owner: let one step make it and the other read it, or name a file of its own, or `exclude` it.",
        also=(earlier.artifact.place,),
    )


def _repeated(steps: Sequence[Step], one: Output, other: Output) -> Problem:
    return Problem(
        "duplicate-output",
        f"step '{steps[other.step].name}' lists {other.artifact.text} twice; the other is at {one.artifact.place}",
        other.artifact.place,
        "Remove one of the two.",
        also=(one.artifact.place,),
    )


def _both(steps: Sequence[Step], file: Output, other: Output) -> Problem:
    name, owner = steps[other.step].name, steps[file.step].name
    path = file.artifact.path
    return Problem(
        "file-and-folder",
        f"{path} is a file of step '{owner}' (at {file.artifact.place}), but {other.artifact.text} of step '{name}' "
        f"needs a folder of that name",
        other.artifact.place,
        f"Rename one of them, or write `{path}/` where a directory is meant.",
        also=(file.artifact.place,),
    )
