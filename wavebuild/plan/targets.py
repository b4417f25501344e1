"""Which steps a person's words ask for.

It does not know whether those steps are fresh, nor what lies on the disk.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import Struct

from wavebuild.declare.model import Step
from wavebuild.errors import Place, Problem, WavebuildError, did_you_mean
from wavebuild.graph import Graph, covers, reads
from wavebuild.later import re
from wavebuild.regular import expression

_WILD = expression(r"[*?]")


class Selection(Struct, frozen=True):
    """The steps the words speak of, and those with all they need. Groups are their members."""

    named: frozenset[int]
    wanted: frozenset[int]


class _Found(Struct, frozen=True):
    steps: frozenset[int]
    reason: str = ""  # why there are none, where more can be said than that the word is unknown


_NOTHING = _Found(frozenset())


def select(
    graph: Graph,
    words: Sequence[str],
    folder: str,
    only: bool = False,
    commands: Sequence[str] = (),
) -> Selection:
    """The steps that these words ask for; without words, the Wavefile's targets, or all not ``on_demand``.

    ``folder``: the caller's folder relative to the root, "" for the root. ``commands`` are
    only offered as spellings of an unknown word. Raises with every unknown word at once.
    """
    asked: list[tuple[str, str, Place | None]] = [(word, folder, None) for word in words]
    asked = asked or [(word, "", place) for word, place in graph.wavefile.targets]
    if not asked:
        return _selection(graph, _not_on_demand(graph, range(len(graph.wavefile.steps))), only)
    named: set[int] = set()
    problems: list[Problem] = []
    for word, where, place in asked:
        found = _find(graph, word, where)
        named |= found.steps
        if not found.steps:
            problems.append(_unknown(graph, word, where, place, found.reason, commands))
    if problems:
        raise WavebuildError(tuple(problems))
    return _selection(graph, named, only)


def downstream_of(graph: Graph, steps: Iterable[int]) -> set[int]:
    """These steps and all that depend on them."""
    return _reach(graph.downstream, steps)


def upstream_of(graph: Graph, steps: Iterable[int]) -> set[int]:
    """These steps and all they depend on."""
    return _reach(graph.upstream, steps)


def _reach(edges: Sequence[Sequence[int]], steps: Iterable[int]) -> set[int]:
    reached = set(steps)
    waiting = list(reached)
    while waiting:
        for other in edges[waiting.pop()]:
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    return reached


def _selection(graph: Graph, steps: Iterable[int], only: bool) -> Selection:
    named = frozenset(_members(graph, steps) if graph.traits.groups else steps)
    whole = len(named) + len(graph.traits.groups) == len(graph.wavefile.steps)
    return Selection(named, named if only or whole else frozenset(upstream_of(graph, named)))


def _members(graph: Graph, steps: Iterable[int]) -> Iterator[int]:
    """These steps, with its members in place of a group."""
    for number in steps:
        if number in graph.traits.groups:
            yield from graph.upstream[number]
        else:
            yield number


# One word


def _find(graph: Graph, word: str, folder: str) -> _Found:
    """The steps of one word with its ``+`` signs; a ``+`` may also belong to a path."""
    bare = word.removeprefix("+").removesuffix("+")
    found = _resolve(graph, bare, folder) if bare else _NOTHING
    if not found.steps and bare != word:
        whole = _resolve(graph, word, folder)
        return whole if whole.steps else found
    if not word.endswith("+"):
        return found
    dependents = downstream_of(graph, _members(graph, found.steps)) - found.steps
    return _Found(found.steps | _not_on_demand(graph, dependents))


def _resolve(graph: Graph, word: str, folder: str) -> _Found:
    if word.startswith(("./", "../", "/")):
        return _by_path(graph, word, folder)
    kind, colon, label = word.partition(":")
    if colon and kind in ("step", "tag", "phase"):
        return _by_label(graph, kind, label)
    if word in graph.number or "@" in word:
        called = graph.names.find(word)
        if called:
            return _Found(frozenset(called))
    named = _by_label(graph, "step", word) if _WILD.search(word) else _NOTHING
    if named.steps:
        return named
    made = _by_path(graph, word, folder)
    if made.steps:
        return made
    titled = _Found(frozenset(k for k in graph.traits.titled if graph.wavefile.steps[k].title == word))
    return titled if titled.steps else _Found(frozenset(), named.reason or made.reason)


def _by_label(graph: Graph, kind: str, label: str) -> _Found:
    """The steps of a name, a tag or a phase; what is written with ``*`` or ``?`` leaves out ``on_demand``."""
    steps = graph.wavefile.steps
    if kind == "step" and not _WILD.search(label):
        return _Found(frozenset(graph.names.find(label)))
    if not _WILD.search(label):
        return _Found(frozenset(k for k, step in enumerate(steps) if label in _labels(step, kind)))
    expression = re.compile("".join(_as_expression(character) for character in label), re.DOTALL)
    matched = {k for k, step in enumerate(steps) if any(map(expression.fullmatch, _labels(step, kind)))}
    chosen = _not_on_demand(graph, matched)
    if matched and not chosen:
        return _Found(chosen, f"'{label}' matches only steps that are on_demand: name them in full")
    return _Found(chosen)


def _labels(step: Step, kind: str) -> Collection[str]:
    if kind == "tag":
        return step.tags
    if kind == "phase":
        return () if step.phase is None else (step.phase,)
    return (step.name,)


def _as_expression(character: str) -> str:
    return {"*": ".*", "?": "."}.get(character, re.escape(character))


def _not_on_demand(graph: Graph, steps: Iterable[int]) -> frozenset[int]:
    return frozenset(steps).difference(graph.traits.on_demand)


# Paths


def _by_path(graph: Graph, word: str, folder: str) -> _Found:
    path = _from_root(graph, word, folder)
    owner = graph.owner(path)
    if owner is None:
        owner = _owner_of_text(graph, path)
    if owner is not None:
        return _Found(frozenset((owner,)))
    if editors := graph.shared.updaters(path):
        return _Found(frozenset(editors))
    if path == ".." or path.startswith(("../", "/")):
        return _Found(frozenset(), f"{word} lies outside the root, where no step makes {_such(graph)}")
    reader = next((step.name for step in graph.wavefile.steps if any(covers(a, path) for a in reads(step))), None)
    if reader is None or _WILD.search(word):
        return _NOTHING
    return _Found(frozenset(), f"{path} may be a source of step '{reader}', but no step makes it")


def _such(graph: Graph) -> str:
    return "it" if graph.wavefile.settings.outside else "anything"


def _from_root(graph: Graph, word: str, folder: str) -> str:
    """The path as outputs have it: relative to the root, absolute if it lies out of it."""
    root = graph.wavefile.root
    absolute = posixpath.normpath(posixpath.join(root, folder, word))
    return posixpath.relpath(absolute, root) if f"{absolute}/".startswith(f"{root.rstrip('/')}/") else absolute


def _owner_of_text(graph: Graph, path: str) -> int | None:
    """The step with an output of just this spelling: the directory itself, or the glob."""
    for number, step in enumerate(graph.wavefile.steps):
        if any(output.path == path for output in step.file_outputs):
            return number
    return None


# What to say of a word that finds nothing


def _unknown(
    graph: Graph, word: str, folder: str, place: Place | None, reason: str, commands: Sequence[str]
) -> Problem:
    absent = dict(graph.wavefile.absent).get(word.strip("+").removeprefix("step:").partition("@")[0])
    if absent is not None:
        message = f"the step '{word}' does not exist here: its `when` at {absent} is false"
        return Problem("unknown-target", message, place, "", also=(absent,))
    message = reason or _nothing_is(word)
    remedy = did_you_mean(word.strip("+"), _known(graph, folder, commands))
    if "@" in word:
        remedy = graph.names.remedy(word.strip("+")) or remedy
    return Problem("unknown-target", message, place, remedy)


def _nothing_is(word: str) -> str:
    kind, _, label = word.strip("+").partition(":")
    is_what = {"tag": "has the tag", "phase": "is of the phase", "step": "is called"}.get(kind) if label else None
    if is_what:
        return f"no step {is_what} '{label}'"
    if _WILD.search(word):
        return f"no step and no output of this Wavefile matches '{word}'"
    return f"'{word}' is not a step, an output or a title of this Wavefile"


def _known(graph: Graph, folder: str, commands: Sequence[str]) -> Iterator[str]:
    yield from graph.number
    yield from commands
    labels: dict[str, None] = {}
    for step in graph.wavefile.steps:
        if step.title:
            yield step.title
        for output in (*step.file_outputs, *step.updates):
            inside = folder and not output.path.startswith("/")
            yield posixpath.relpath(output.path, folder) if inside else output.path
        labels |= {f"tag:{tag}": None for tag in step.tags}
        labels |= {f"phase:{step.phase}": None} if step.phase else {}
    yield from labels
