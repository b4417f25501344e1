"""Joins the steps of a Wavefile by the artifacts they share, or says all that forbids it.

It does not know what lies on the disk, nor which steps anybody wants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from wavebuild.declare.model import Artifact, Kind, Step, Wavefile
from wavebuild.errors import Place, Problem, WavebuildError
from wavebuild.graph.names import Names
from wavebuild.graph.owners import Output, Owners
from wavebuild.graph.shared import Shared, shared_problems

Makers = Sequence[tuple[int, ...]]  # of one step: for every artifact it reads, the steps that may make members of it


class Traits(Struct, frozen=True):
    """What some steps are or have, known without a look at each."""

    groups: frozenset[int]
    on_demand: frozenset[int]
    growing: frozenset[int]  # what they read, or which instances there are, is known only in the build
    secrets: tuple[str, ...]  # names of variables, sorted
    reviewed: frozenset[int]  # an advisor judges what they make
    discovering: frozenset[int]  # they have a depfile, which says what else they read
    estimated: frozenset[int]
    titled: frozenset[int]  # they have a title or a phase
    repeated: frozenset[int]  # instances of a step that is repeated


class Graph(Struct, frozen=True):
    """The steps by number, their place in ``wavefile.steps``, and what joins them. A frozen step waits for nothing.

    A group stands for its members: it is in nobody's ``upstream`` or ``downstream``, and
    its own ``upstream`` are the members.
    """

    wavefile: Wavefile
    number: Mapping[str, int]
    makers: Sequence[Makers]  # per step, beside `reads(step)`
    data_upstream: Sequence[tuple[int, ...]]
    upstream: Sequence[tuple[int, ...]]  # data and needs, sorted, unique
    downstream: Sequence[tuple[int, ...]]
    wave: Sequence[int]  # depth from 1
    owners: Owners
    shared: Shared
    names: Names
    traits: Traits

    def owner(self, path: str) -> int | None:
        """The step whose output covers this path, relative to the root."""
        return self.owners.owner(path)


def reads(step: Step) -> tuple[Artifact, ...]:
    """All artifacts a step reads: its inputs, its code, the inputs of its checks."""
    if not step.code and not step.checks and step.review is None:
        return step.inputs
    return (*step.inputs, *step.code, *step.gate_inputs)


def link(wavefile: Wavefile) -> Graph:
    """The graph of a Wavefile; raises with every overlap, cycle and unknown name at once."""
    from wavebuild.graph.cycles import loops, order, reverse
    from wavebuild.graph.memory import memory_problems
    from wavebuild.graph.overlaps import overlaps

    steps = wavefile.steps
    names = Names(steps)
    owners = Owners(steps, wavefile.root)
    shared = Shared(steps)
    found = tuple(_makers(k, step, names, owners, shared) for k, step in enumerate(steps))
    direct = [_direct(k, step, found[k], names, owners) for k, step in enumerate(steps)]
    downstream = reverse(direct)
    ordered = order(direct, downstream)
    problems = [*_unknown_names(steps, names), *overlaps(steps, owners), *_mistaken_folders(steps, owners)]
    problems += [*memory_problems([reads(step) for step in steps], wavefile.mem, steps, owners)]
    problems += shared_problems(steps, owners, shared)
    problems += _own_loops(steps, found)
    if len(ordered) < len(steps):
        behind = set(range(len(steps))).difference(ordered)
        problems += [_loop_problem(loop, steps, found, names) for loop in loops(direct, behind)]
    if problems:
        raise WavebuildError(tuple(problems))
    return _graph(wavefile, names, owners, shared, found, direct, ordered)


def _graph(
    wavefile: Wavefile,
    names: Names,
    owners: Owners,
    shared: Shared,
    found: tuple[Makers, ...],
    direct: Sequence[tuple[int, ...]],
    ordered: Sequence[int],
) -> Graph:
    from wavebuild.graph.cycles import reverse

    steps = wavefile.steps
    members = _members(steps, direct, ordered)
    direct = [() if steps[k].frozen else before for k, before in enumerate(direct)]
    found = tuple(tuple(() for _ in of_step) if steps[k].frozen else of_step for k, of_step in enumerate(found))
    upstream = tuple(_stand_in(before, members) for before in direct)
    makers = tuple(tuple(_stand_in(_without(found_by, k), members) for found_by in found[k]) for k in range(len(steps)))
    joined = [() if step.is_group else upstream[k] for k, step in enumerate(steps)]
    return Graph(
        wavefile=wavefile,
        number=names.number,
        makers=makers,
        data_upstream=tuple(_union(of_step) for of_step in makers),
        upstream=upstream,
        downstream=tuple(map(tuple, reverse(joined))),
        wave=_waves(steps, upstream, ordered),
        owners=owners,
        shared=shared,
        names=names,
        traits=_traits(steps),
    )


def _traits(steps: Sequence[Step]) -> Traits:
    return Traits(
        frozenset(k for k, step in enumerate(steps) if step.is_group),
        frozenset(k for k, step in enumerate(steps) if step.on_demand),
        frozenset(k for k, step in enumerate(steps) if step.unread),
        tuple(sorted({name for step in steps if step.secrets for name in step.secrets})),
        frozenset(k for k, step in enumerate(steps) if step.review is not None),
        frozenset(k for k, step in enumerate(steps) if step.depfile),
        frozenset(k for k, step in enumerate(steps) if step.estimate is not None),
        frozenset(k for k, step in enumerate(steps) if step.title is not None or step.phase is not None),
        frozenset(k for k, step in enumerate(steps) if step.base),
    )


# Edges


def _makers(number: int, step: Step, names: Names, owners: Owners, shared: Shared) -> Makers:
    if not shared.updates:
        return tuple(_makers_of(artifact, names, owners) for artifact in reads(step))
    return tuple(
        _union((_makers_of(artifact, names, owners), shared.makers(number, step, artifact))) for artifact in reads(step)
    )


def _makers_of(artifact: Artifact, names: Names, owners: Owners) -> tuple[int, ...]:
    if artifact.kind is Kind.STEP:
        return names.find(artifact.path)
    return () if artifact.kind is Kind.ENV else owners.makers(artifact)


def _direct(number: int, step: Step, makers: Makers, names: Names, owners: Owners) -> tuple[int, ...]:
    """What a step waits for, groups as groups; its own outputs among what it reads are not members."""
    needed = tuple(k for name, _ in step.needs for k in names.find(name))
    awaited = tuple(owners.makers(artifact) for artifact in step.awaits)
    return _without(_union((*makers, needed, *awaited)), number)


def _union(sets: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    filled = [numbers for numbers in sets if numbers]
    if len(filled) == 1:
        return filled[0] if len(filled[0]) == 1 else tuple(sorted(set(filled[0])))
    return tuple(sorted(set(chain.from_iterable(filled))))


def _without(numbers: tuple[int, ...], number: int) -> tuple[int, ...]:
    return tuple(other for other in numbers if other != number) if number in numbers else numbers


def _members(
    steps: Sequence[Step], direct: Sequence[tuple[int, ...]], ordered: Sequence[int]
) -> Mapping[int, tuple[int, ...]]:
    """The steps every group stands for."""
    members: dict[int, tuple[int, ...]] = {}
    if any(step.is_group for step in steps):
        for k in ordered:
            if steps[k].is_group:
                members[k] = _stand_in(direct[k], members)
    return members


def _stand_in(numbers: tuple[int, ...], members: Mapping[int, tuple[int, ...]]) -> tuple[int, ...]:
    """These steps, with members in place of groups."""
    if not members or members.keys().isdisjoint(numbers):
        return numbers
    return tuple(sorted(set(chain.from_iterable(members.get(k, (k,)) for k in numbers))))


def _waves(steps: Sequence[Step], upstream: Sequence[tuple[int, ...]], ordered: Sequence[int]) -> tuple[int, ...]:
    wave = [1] * len(upstream)
    for k in ordered:
        if upstream[k]:
            # A group takes no time: it lies in the wave of its last member.
            wave[k] = max([wave[before] for before in upstream[k]]) + (not steps[k].is_group)
    return tuple(wave)


# What forbids a graph


def _unknown_names(steps: Sequence[Step], names: Names) -> Iterator[Problem]:
    for step in steps:
        for name, place in step.needs:
            if name not in names.number and not names.find(name):
                yield _unknown(f"step '{step.name}' needs '{name}', but there is no such step", name, place, names)
        for artifact in reads(step):
            if artifact.kind is Kind.STEP and not names.find(artifact.path):
                message = f"step '{step.name}' reads {artifact.text}, but there is no such step"
                yield _unknown(message, artifact.path, artifact.place, names)


def _unknown(message: str, name: str, place: Place, names: Names) -> Problem:
    return Problem("unknown-step", message, place, names.remedy(name))


def _mistaken_folders(steps: Sequence[Step], owners: Owners) -> Iterator[Problem]:
    """Inputs read as a file where an output is a directory of that name, and the reverse."""
    made = {
        (Kind.FILE, output.artifact.path): output
        for output in owners.wide.outputs
        if output.artifact.kind is Kind.DIRECTORY
    }
    if not made and not any(artifact.kind is Kind.DIRECTORY for step in steps for artifact in reads(step)):
        return
    made |= {(Kind.DIRECTORY, output.artifact.path): output for output in owners.files}
    for step in steps:
        for artifact in reads(step):
            output = made.get((artifact.kind, artifact.path))
            if output is not None:
                yield _mistaken(step, artifact, output, steps[output.step].name)


def _mistaken(step: Step, artifact: Artifact, output: Output, owner: str) -> Problem:
    is_directory = output.artifact.kind is Kind.DIRECTORY
    read, made = ("file", "directory") if is_directory else ("directory", "file")
    return Problem(
        f"input-is-{made}",
        f"step '{step.name}' reads {artifact.text} as a {read}, but step '{owner}' makes a {made} of that name, "
        f"at {output.artifact.place}",
        artifact.place,
        f"Write `{output.artifact.text}`.",
        also=(output.artifact.place,),
    )


def _own_loops(steps: Sequence[Step], found: Sequence[Makers]) -> Iterator[Problem]:
    """Steps that wait for themselves."""
    for k, step in enumerate(steps):
        if step.expands:
            continue  # one instance may read what another makes: that is seen when they are known
        for name, place in step.needs:
            if name == step.name:
                yield _own_loop(f"step '{name}' needs itself", place)
        judged = len(step.inputs) + len(step.code)  # what follows is read by checks, when the outputs are there
        for position, (artifact, makers) in enumerate(zip(reads(step), found[k], strict=True)):
            if k in makers and _is_own(artifact, step, position >= judged):
                yield _own_loop(f"step '{step.name}' reads {artifact.text}, which it makes itself", artifact.place)


def _is_own(artifact: Artifact, step: Step, by_check: bool) -> bool:
    if artifact.kind is Kind.STEP:
        return True
    if by_check:
        return False
    return artifact.kind is Kind.FILE or any(
        (output.kind, output.path) == (artifact.kind, artifact.path) for output in step.outputs
    )


def _own_loop(message: str, place: Place) -> Problem:
    return Problem("cycle", message, place, "A step reads what other steps made before it: remove this line.")


def _loop_problem(loop: Sequence[int], steps: Sequence[Step], found: Sequence[Makers], names: Names) -> Problem:
    pairs = zip(loop, [*loop[1:], loop[0]], strict=True)
    links = [_link(steps[k], steps[before], found[k], names) for k, before in pairs]
    told = ", ".join(f"{text} ({place})" for text, place in links)
    return Problem(
        "cycle",
        f"a cycle of {len(loop)} steps: {told}",
        links[0][1],
        "None of them can run first: remove one of these lines.",
        also=tuple(place for _, place in links[1:]),
    )


def _link(step: Step, before: Step, makers: Makers, names: Names) -> tuple[str, Place]:
    """Why a step waits for another, and where that is written."""
    for artifact, found in zip(reads(step), makers, strict=True):
        if names.number[before.name] in found:
            of = "" if artifact.kind is Kind.STEP else f" of '{before.name}'"
            return f"'{step.name}' reads {artifact.text}{of}", artifact.place
    for name, place in step.needs:
        if names.number[before.name] in names.find(name):
            return f"'{step.name}' needs '{name}'", place
    lists = ", ".join(artifact.path for artifact in step.awaits)
    return f"'{step.name}' is repeated by {lists} of '{before.name}'", step.place
