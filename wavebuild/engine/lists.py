"""A project as far as its lists are known: those that sources say at once, those that steps make when they settled.

It does not know when that is, nor what becomes of the new steps. Steps keep their numbers; new ones come last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.contents import Contents, Known
from wavebuild.declare.files import Files
from wavebuild.declare.model import Artifact, Kind, Step, Wavefile
from wavebuild.engine.assumptions import assumed_of, owners_of, refuse_unknown, with_frozen
from wavebuild.engine.request import Request
from wavebuild.errors import Place, Problem, WavebuildError, mistake
from wavebuild.graph import Graph, Owners, covers, link, may_be_one
from wavebuild.graph.columns import MADE, Columns, packed, unpacked
from wavebuild.graph.shared import may_touch
from wavebuild.judge.facts import NOTHING_ASSUMED, Assumed, Facts
from wavebuild.judge.members import Folders, members
from wavebuild.store.freezes import frozen_names
from wavebuild.store.kept import Origin
from wavebuild.store.layout import Layout
from wavebuild.store.settled import Row

LARGEST = 1 << 28
"""Bytes of a file that says which steps or inputs there are."""


class Reused(Struct, frozen=True):
    """That a project was not loaded, as it was kept; ``identity``: of what was kept.

    ``rows``: the files it was once read from, absolute, with the stamps under which they still say the same;
    ``renewed``: what is to be kept from now on, where a stamp has moved.
    """

    identity: str
    rows: Mapping[str, Row]
    renewed: Origin | None


class Project(Struct, frozen=True):
    """A Wavefile, loaded and linked.

    ``assumed``: what the person wants taken for granted in this build; ``known``: the contents of
    its lists; ``folders``: where some of them were sought; ``files``: what was read to load it; ``columns``: of a
    graph of many steps, which is held so.
    """

    wavefile: Wavefile
    graph: Graph
    assumed: Assumed = NOTHING_ASSUMED
    known: Known = field(default_factory=dict)
    folders: Folders | None = None
    files: Files = field(default_factory=Files)
    reused: Reused | None = None
    columns: Columns | None = None


def loaded(request: Request, path: str, present: bool) -> Project:
    """The Wavefile at a path, with what the sources it names say.

    ``present``: with the lists that steps make as they stand, too, as far as they are of use.
    """
    from wavebuild.declare.wavefile import uncollected

    with uncollected():
        return _loaded_as_far(request, path, present)


def _loaded_as_far(request: Request, path: str, present: bool) -> Project:
    try:
        return _loaded(request, path, present)
    except WavebuildError:
        if not present:
            raise
    project = _loaded(request, path, present=False)  # raises what is wrong apart from those lists
    owners, refused = Owners(project.wavefile.steps, project.wavefile.root), dict[Artifact, str]()
    folders = project.folders or Folders(project.wavefile.root, project.wavefile.settings.ignore)
    while lists := [one for one in _unread(project.wavefile) if one not in refused]:
        absent = dict.fromkeys((one for one in lists if owners.makers(one) and not _is_there(folders, one)), "absent")
        refused |= absent
        project = grown_as_far(
            request, project, [one for one in lists if one not in absent], lambda one: _content(folders, one), refused
        )
    return project


def _is_there(folders: Folders, artifact: Artifact) -> bool:
    return artifact.kind is Kind.GLOB or os.path.lexists(os.path.join(folders.root, artifact.path))


def _loaded(request: Request, path: str, present: bool) -> Project:
    known: dict[Artifact, bytes | tuple[str, ...] | None] = {}
    files = Files()
    wavefile = _load(request, path, known, files)
    folders = Folders(wavefile.root, wavefile.settings.ignore)
    while unread := _unread(wavefile):
        owners = Owners(wavefile.steps, wavefile.root)
        contents = {one: _content(folders, one) for one in unread if present or not owners.makers(one)}
        sources = {one: held for one, held in contents.items() if held is not None or not owners.makers(one)}
        if not sources:
            break
        known |= sources
        wavefile = _load(request, path, known, files)
    return _linked(request, wavefile, known, folders, files)


def linked(request: Request, wavefile: Wavefile) -> Project:
    """A Wavefile that a program declares, linked; what stands in files it does not depend on."""
    return _linked(request, wavefile, {}, None, Files())


def settled_lists(project: Project, wanted: Collection[int], has_settled: Callable[[int], bool]) -> list[Artifact]:
    """What wanted steps wait for and whoever makes it has settled well, or is not wanted itself."""
    steps, makers = project.wavefile.steps, project.graph.owners.makers
    growing = sorted(project.graph.traits.growing.intersection(wanted))
    unread = dict.fromkeys(one for number in growing for one in steps[number].unread)
    return [one for one in unread if all(n not in wanted or has_settled(n) for n in makers(one))]


def grown(request: Request, project: Project, contents: Known) -> Project:
    """The project with these lists read as well. Raises WavebuildError for what they should not say."""
    known = {**project.known, **contents}
    path = os.path.join(project.wavefile.root, project.wavefile.file)
    wavefile = _in_order(_load(request, path, known, project.files), project.wavefile)
    _refuse_other_outputs(project, wavefile)
    return _linked(request, wavefile, known, project.folders, project.files)


def grown_as_far(
    request: Request,
    project: Project,
    lists: Sequence[Artifact],
    content: Callable[[Artifact], bytes | tuple[str, ...] | None],
    refused: dict[Artifact, str],
    check: Callable[[Project], object] = lambda project: None,
) -> Project:
    """The project with those of these lists that are of use; ``refused`` gets the others, and what is wrong with them.

    All are read at once; if something is wrong with one of them, one by one. ``check`` raises WavebuildError
    for what the larger project may not be.
    """
    if not lists:
        return project
    try:
        larger = grown(request, project, {one: content(one) for one in lists})
        check(larger)
        return larger
    except WavebuildError as error:
        if len(lists) == 1:
            refused[lists[0]] = str(error)
            return project
    for one in lists:
        project = grown_as_far(request, project, [one], content, refused, check)
    return project


def made_content(facts: Facts, artifact: Artifact) -> bytes | tuple[str, ...] | None:
    """What a list that a step made says now."""
    if artifact.kind is Kind.GLOB:
        return tuple(facts.members_of(artifact))
    return _bytes(facts.digests.absolute(artifact.path), artifact)


def _content(folders: Folders, artifact: Artifact) -> bytes | tuple[str, ...] | None:
    """The bytes of a file, None where nothing is; the members of a glob. Raises WavebuildError."""
    if artifact.kind is Kind.GLOB:
        return tuple(members(folders, artifact))
    return _bytes(os.path.join(folders.root, artifact.path), artifact)


def _bytes(path: str, artifact: Artifact) -> bytes | None:
    try:
        return disk.read_regular(path, LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise mistake("unreadable", f"cannot read {artifact.path}: {error.strerror}", Place(artifact.path)) from None
    except WavebuildError as error:
        problem = error.problems[0]
        remedy = problem.remedy or "it must be one regular file"
        raise mistake(problem.code, f"cannot read it: {problem.message}", Place(artifact.path), remedy) from None


def _load(request: Request, path: str, known: Known, files: Files) -> Wavefile:
    from wavebuild.declare import governing
    from wavebuild.declare import load as load_wavefile

    environ, contents = dict(request.environ), Contents(known, files)
    wavefile = load_wavefile(
        path, request.overrides, environ, request.profile, contents, request.memory, request.allow_outside
    )
    freezes = Layout(wavefile.root, wavefile.file).frozen
    names = frozen_names(freezes)
    looked_at = wavefile.files if request.file is not None else (*wavefile.files, *governing(path).looked_at)
    return replace(with_frozen(wavefile, names), files=(*looked_at, freezes) if names else looked_at)


def _linked(request: Request, wavefile: Wavefile, known: Known, folders: Folders | None, files: Files) -> Project:
    graph, assumed = link(wavefile), assumed_of(request, wavefile)
    refuse_unknown(graph, assumed)
    if owners := owners_of(graph, assumed.unchanged):
        wavefile = with_frozen(wavefile, owners)
        graph = link(wavefile)
    columns = _columns_of(graph)
    if columns is not None:
        graph = unpacked(columns, wavefile.files, wavefile.env_read)
    return Project(graph.wavefile, graph, assumed, known, folders, files, columns=columns)


def _columns_of(graph: Graph) -> Columns | None:
    """A graph of many steps as columns; None of one that is small, or may grow, or cannot be packed."""
    steps = graph.wavefile.steps
    if len(steps) <= MADE or any(step.unread for step in steps):
        return None
    try:
        return packed(graph)
    except (ValueError, OverflowError):
        return None


def _unread(wavefile: Wavefile) -> list[Artifact]:
    return list(dict.fromkeys(one for step in wavefile.steps if step.unread for one in step.unread))


def _in_order(wavefile: Wavefile, before: Wavefile) -> Wavefile:
    """The same steps, those known before in their former places."""
    by_name = {step.name: step for step in wavefile.steps}
    known = [by_name.pop(step.name) for step in before.steps]
    return replace(wavefile, steps=(*known, *by_name.values()))


def _refuse_other_outputs(project: Project, wavefile: Wavefile) -> None:
    """What an instance makes lies in what was known of it from the start: others have relied on that."""
    number, before = project.graph.number, project.wavefile.steps
    new: Iterable[Step] = wavefile.steps[len(before) :]
    problems = [
        problem
        for step in new
        if step.base in number
        for problem in (*_strays(step, before[number[step.base]]), *_stray_updates(step, before[number[step.base]]))
    ]
    if problems:
        raise WavebuildError(tuple(problems))


def _strays(step: Step, pattern: Step) -> Iterable[Problem]:
    for output in step.outputs:
        if not any(_lies_in(output, one) for one in pattern.outputs):
            message = f"step '{step.name}' makes {output.text}, which is not of the kind {_texts(pattern)}"
            remedy = "a value of a list made in the build stands for one name: it holds no '/' and no leading dot"
            yield Problem("bad-value", message, output.place, remedy)


def _stray_updates(step: Step, pattern: Step) -> Iterable[Problem]:
    for update in step.updates:
        if not any(_lies_in(update, one) and may_touch(update, one) for one in pattern.updates):
            message = f"step '{step.name}' updates {update.text}, which is not of the kind it was known to update"
            remedy = "a value of a list made in the build stands for one name: it holds no '/' and no leading dot"
            yield Problem("bad-value", message, update.place, remedy)


def _lies_in(output: Artifact, pattern: Artifact) -> bool:
    if output == pattern or not output.covers_files:
        return output == pattern or may_be_one(output, pattern)
    some_path = f"{output.path}/x" if output.kind is Kind.DIRECTORY else output.path.replace("*", "x")
    return covers(replace(pattern, exclude=()), some_path) or (pattern.kind, pattern.path) == (output.kind, output.path)


def _texts(step: Step) -> str:
    return ", ".join(output.text for output in step.outputs) or "none"
